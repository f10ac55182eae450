//! Hands letters to the mail server, one connection each: they are rare, and a server that is
//! restarted is then noticed by nobody.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use secrecy::ExposeSecret;
use service_kit::settings::{SmtpSecurity, SmtpSettings};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Told;
use super::letter;
use super::outcome::{self, Attempt, Failure};
use crate::telemetry;

/// For all of it, the wait for a free connection too; far below a target's lease.
const TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For the goodbye, after which nothing depends on the server any more.
const QUIT_TIMEOUT: Duration = Duration::from_secs(1);
/// Connections of this process: mail servers refuse more than some of one client.
const CONNECTIONS: usize = 4;
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// A way to the mail server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Mailer(Arc<Server>);

struct Server {
    host: String,
    port: u16,
    security: SmtpSecurity,
    /// None for a server that is spoken to in the clear.
    tls: Option<TlsParameters>,
    credentials: Option<Credentials>,
    from: Mailbox,
    /// As this side names itself: by the domain that mails are from.
    hello: ClientId,
    free: Semaphore,
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Mailer")
    }
}

/// Where it went wrong.
enum Refused {
    /// Before the letter: nobody gets mail until the operator or the server mends it.
    Us(Error),
    /// The letter, or whom it is for.
    Letter(Error),
}

impl Mailer {
    /// From the settings; `None` where no mail server is set.
    pub(crate) fn new(settings: &SmtpSettings) -> anyhow::Result<Option<Self>> {
        if !settings.is_set() {
            return Ok(None);
        }
        let from: Mailbox = settings.from.parse().with_context(|| {
            let from = &settings.from;
            format!(
                "notifications.smtp.from: `{from}` is not an address as AlgoTrade <a@example.com>"
            )
        })?;
        let tls = match settings.security {
            SmtpSecurity::None => None,
            SmtpSecurity::Starttls | SmtpSecurity::Tls => Some(tls(settings)?),
        };
        let password = settings.password.expose_secret();
        let credentials = (!settings.user.is_empty())
            .then(|| Credentials::new(settings.user.clone(), password.to_owned()));
        Ok(Some(Self(Arc::new(Server {
            host: settings.host.clone(),
            port: settings.port,
            security: settings.security,
            tls,
            credentials,
            hello: ClientId::Domain(from.email.domain().to_owned()),
            from,
            free: Semaphore::new(CONNECTIONS),
        }))))
    }

    /// Tells a notification to an address.
    pub(super) async fn tell(&self, to: Address, told: &Told) -> Attempt {
        self.hand_over(letter::notification(&self.0.from, to, told))
            .await
    }

    /// Sends an address the code that shows that somebody reads what comes there.
    pub(crate) async fn ask(&self, to: Address, user_id: &str, code: &str) -> Attempt {
        self.hand_over(letter::confirmation(&self.0.from, to, user_id, code))
            .await
    }

    async fn hand_over(&self, letter: Result<Message, lettre::error::Error>) -> Attempt {
        let letter = match letter {
            Ok(letter) => letter,
            Err(error) => {
                return Attempt::Failed(Failure::for_good(format!("no mail can be made: {error}")));
            }
        };
        match timeout(TIMEOUT, self.send(&letter)).await {
            Ok(Ok(connection)) => {
                tokio::spawn(goodbye(connection));
                Attempt::Delivered
            }
            Ok(Err(Refused::Letter(error))) => {
                let status = error.status().map(u16::from);
                outcome::judge_mail(status, &words(&error))
            }
            Ok(Err(Refused::Us(error))) => {
                telemetry::mail_server_refused(&error);
                Attempt::Failed(Failure::again(
                    "the mail server can't be used now; the operator's log says why",
                ))
            }
            Err(_) => {
                let seconds = TIMEOUT.as_secs();
                let reason = format!("the mail server didn't take it within {seconds} s");
                telemetry::mail_server_refused(&reason);
                Attempt::Failed(Failure::again(reason))
            }
        }
    }

    async fn send(&self, letter: &Message) -> Result<AsyncSmtpConnection, Refused> {
        // It is closed by nobody, so there is always a permit to come.
        let _free = self.0.free.acquire().await.ok();
        let mut connection = self.connect().await.map_err(Refused::Us)?;
        let text = letter.formatted();
        match connection.send(letter.envelope(), &text).await {
            Ok(_) => Ok(connection),
            Err(error) => Err(Refused::Letter(error)),
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let server = &*self.0;
        let wrapped = server.tls.clone();
        let wrapped = wrapped.filter(|_| server.security == SmtpSecurity::Tls);
        let address = (server.host.as_str(), server.port);
        let timeout = Some(CONNECT_TIMEOUT);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(address, timeout, &server.hello, wrapped, None)
                .await?;
        if server.security == SmtpSecurity::Starttls
            && let Some(tls) = server.tls.clone()
        {
            connection.starttls(tls, &server.hello).await?;
        }
        if let Some(credentials) = &server.credentials {
            connection.auth(&MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }
}

/// The letter is taken: a server that is slow to part must not have it sent again.
async fn goodbye(mut connection: AsyncSmtpConnection) {
    let _ = timeout(QUIT_TIMEOUT, connection.abort()).await;
}

fn tls(settings: &SmtpSettings) -> anyhow::Result<TlsParameters> {
    let mut tls = TlsParameters::builder(settings.host.clone());
    if !settings.ca_file.is_empty() {
        let path = &settings.ca_file;
        let pem = std::fs::read(path)
            .with_context(|| format!("notifications.smtp.ca_file: can't read `{path}`"))?;
        let certificate = Certificate::from_pem(&pem)
            .with_context(|| format!("notifications.smtp.ca_file: `{path}` is not PEM"))?;
        tls = tls.add_root_certificate(certificate);
    }
    tls.build().context("notifications.smtp: TLS")
}

/// What the server said, without what the library puts before it.
fn words(error: &Error) -> String {
    use std::error::Error as _;
    error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string)
}
