//! A mail server that users' mails are handed to: it speaks SMTP over TCP, and refuses what it is
//! told to refuse.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use service_kit::settings::{SmtpSecurity, SmtpSettings};
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What doesn't come within this time doesn't come: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(120);
const USER: &str = "algotrade";
const PASSWORD: &str = "a password";

/// A mail that was taken.
#[derive(Debug)]
pub struct Letter {
    pub from: String,
    pub to: String,
    /// Head and body, as they came over the wire.
    pub text: String,
    pub encrypted: bool,
    pub signed_in: bool,
}

impl Letter {
    pub fn header(&self, name: &str) -> &str {
        let (head, _) = self.text.split_once("\r\n\r\n").unwrap();
        let beginning = format!("{name}: ");
        let mut lines = head.lines();
        lines
            .find_map(|line| line.strip_prefix(&beginning))
            .unwrap_or_else(|| panic!("no {name} in {head}"))
    }

    /// The code that stands in it.
    pub fn code(&self) -> String {
        let mut lines = self.text.lines();
        let code = lines.find_map(|line| line.strip_prefix("    "));
        code.unwrap_or_else(|| panic!("no code in {}", self.text))
            .to_owned()
    }
}

/// What goes wrong at a command, once.
#[derive(Debug, Clone, Copy)]
pub struct Trouble {
    pub at: &'static str,
    /// What is answered then; an empty one means that the server hangs up, and none that it says
    /// nothing any more.
    pub answer: Option<&'static str>,
}

impl Trouble {
    pub fn at(at: &'static str, answer: &'static str) -> Self {
        let answer = Some(answer);
        Self { at, answer }
    }
}

type Troubles = Arc<Mutex<VecDeque<Trouble>>>;

pub struct MailServer {
    port: u16,
    certificate: NamedTempFile,
    troubles: Troubles,
    letters: mpsc::UnboundedReceiver<Letter>,
}

impl MailServer {
    pub async fn start() -> Self {
        service_kit::service::install_crypto_provider();
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let signed = params.self_signed(&key).unwrap();
        let certificate = NamedTempFile::new().unwrap();
        std::fs::write(certificate.path(), signed.pem()).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(signed.pem().as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let tls = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let tls = TlsAcceptor::from(Arc::new(tls));

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, letters) = mpsc::unbounded_channel();
        let troubles = Troubles::default();
        let shared = Arc::clone(&troubles);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let dialogue = Dialogue {
                    troubles: Arc::clone(&shared),
                    letters: sender.clone(),
                    tls: tls.clone(),
                };
                // Who hangs up in the middle ends it.
                tokio::spawn(async move { dialogue.begin(stream).await });
            }
        });
        Self {
            port,
            certificate,
            troubles,
            letters,
        }
    }

    /// How a service is told of it.
    pub fn settings(&self, security: SmtpSecurity) -> SmtpSettings {
        let signs_in = security != SmtpSecurity::None;
        let only = |text: &str| match signs_in {
            true => text.to_owned(),
            false => String::new(),
        };
        SmtpSettings {
            host: "localhost".to_owned(),
            port: self.port,
            security,
            user: only(USER),
            password: only(PASSWORD).into(),
            from: "AlgoTrade <algotrade@example.com>".to_owned(),
            ca_file: only(self.certificate.path().to_str().unwrap()),
        }
    }

    /// What goes wrong next, one after the other.
    pub fn trouble(&self, troubles: &[Trouble]) {
        self.troubles.lock().unwrap().extend(troubles);
    }

    pub async fn next(&mut self) -> Letter {
        let next = tokio::time::timeout(PATIENCE, self.letters.recv()).await;
        next.expect("a mail in time").unwrap()
    }

    /// A mail that came already.
    pub fn came(&mut self) -> Option<Letter> {
        self.letters.try_recv().ok()
    }
}

struct Dialogue {
    troubles: Troubles,
    letters: mpsc::UnboundedSender<Letter>,
    tls: TlsAcceptor,
}

/// How a part of the dialogue ended.
enum Next {
    Over,
    Encrypt,
}

impl Dialogue {
    async fn begin(self, stream: TcpStream) -> Option<()> {
        let mut stream = BufStream::new(stream);
        say(&mut stream, "220 localhost").await?;
        match self.go_on(&mut stream, false).await? {
            Next::Over => Some(()),
            Next::Encrypt => {
                let accepted = self.tls.accept(stream.into_inner()).await.ok()?;
                let mut stream = BufStream::new(accepted);
                self.go_on(&mut stream, true).await.map(|_| ())
            }
        }
    }

    async fn go_on<S>(&self, stream: &mut BufStream<S>, encrypted: bool) -> Option<Next>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut from, mut to, mut signed_in) = (String::new(), String::new(), false);
        loop {
            let line = line(stream).await?;
            let verb = line
                .split([' ', ':'])
                .next()
                .unwrap_or_default()
                .to_uppercase();
            if let Some(answer) = self.trouble_at(&verb) {
                match answer {
                    Some("") => return None,
                    Some(answer) => say(stream, answer).await?,
                    None => std::future::pending().await,
                }
                continue;
            }
            match verb.as_str() {
                "EHLO" if encrypted => say(stream, "250-localhost\r\n250 AUTH PLAIN").await?,
                "EHLO" => say(stream, "250-localhost\r\n250 STARTTLS").await?,
                "STARTTLS" => {
                    say(stream, "220 go ahead").await?;
                    return Some(Next::Encrypt);
                }
                "AUTH" => {
                    let given = line.rsplit(' ').next().unwrap_or_default();
                    let given = BASE64_STANDARD.decode(given).unwrap_or_default();
                    signed_in = given == format!("\0{USER}\0{PASSWORD}").as_bytes();
                    let answer = ["535 5.7.8 who are you", "235 welcome"];
                    say(stream, answer[usize::from(signed_in)]).await?;
                }
                "MAIL" => {
                    from = between(&line);
                    say(stream, "250 ok").await?;
                }
                "RCPT" => {
                    to = between(&line);
                    say(stream, "250 ok").await?;
                }
                "DATA" => {
                    say(stream, "354 go on").await?;
                    let text = self.text(stream).await?;
                    if let Some(Some(answer)) = self.trouble_at("END") {
                        say(stream, answer).await?;
                        continue;
                    }
                    let (from, to) = (std::mem::take(&mut from), std::mem::take(&mut to));
                    let letter = Letter {
                        from,
                        to,
                        text,
                        encrypted,
                        signed_in,
                    };
                    self.letters.send(letter).ok()?;
                    say(stream, "250 taken").await?;
                }
                "QUIT" => {
                    say(stream, "221 bye").await?;
                    return Some(Next::Over);
                }
                _ => say(stream, "502 not here").await?,
            }
        }
    }

    fn trouble_at(&self, verb: &str) -> Option<Option<&'static str>> {
        let mut troubles = self.troubles.lock().unwrap();
        let next = troubles.front().filter(|trouble| trouble.at == verb)?;
        let answer = next.answer;
        troubles.pop_front();
        Some(answer)
    }

    async fn text<S>(&self, stream: &mut BufStream<S>) -> Option<String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut text = String::new();
        loop {
            let line = line(stream).await?;
            if line == "." {
                return Some(text);
            }
            text.push_str(line.strip_prefix('.').unwrap_or(&line));
            text.push_str("\r\n");
        }
    }
}

async fn line<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufStream<S>) -> Option<String> {
    let mut line = String::new();
    match stream.read_line(&mut line).await.ok()? {
        0 => None,
        _ => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
    }
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufStream<S>,
    answer: &str,
) -> Option<()> {
    let answer = format!("{answer}\r\n");
    stream.write_all(answer.as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

/// What stands between `<` and `>`.
fn between(line: &str) -> String {
    let after = line.split_once('<').map_or("", |(_, after)| after);
    after
        .split_once('>')
        .map_or("", |(inside, _)| inside)
        .to_owned()
}
