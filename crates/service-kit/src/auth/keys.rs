//! The keys that sign and check tokens. The file that they come from is read again now and then, so
//! that a key is replaced without a restart and without signing anybody out.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jsonwebtoken::{DecodingKey, EncodingKey};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::settings::AuthSettings;

/// Shortest secret that HS256 should be given (its hash is 32 bytes long).
const MIN_SECRET_BYTES: usize = 32;
/// A token without a key's id is tried with each of them.
const MAX_KEYS: usize = 8;
/// How often the file is looked at, at most; it is looked at when a token is signed or checked.
pub const REREAD: Duration = Duration::from_secs(5);
/// Of the ids of keys.
const NAMESPACE: Uuid = Uuid::from_u128(0x4f0c_9d1e_2b7a_4c58_8e63_5a90_d7b1_f324);
const ID_CHARS: usize = 16;

/// The secrets of a text, one a line.
///
/// # Errors
/// There is none, there are too many, or one is too short or comes twice.
pub(crate) fn secrets(text: &str) -> Result<Vec<&str>, String> {
    let lines = text.lines().map(str::trim);
    let secrets: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    if secrets.is_empty() || secrets.iter().any(|line| line.len() < MIN_SECRET_BYTES) {
        return Err(format!(
            "must have at least {MIN_SECRET_BYTES} bytes; make one with `openssl rand -hex 32` \
             and give it to every service"
        ));
    }
    if secrets.len() > MAX_KEYS {
        return Err(format!("has more than {MAX_KEYS} lines, each a key"));
    }
    let mut sorted = secrets.clone();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("has the same key twice".to_owned());
    }
    Ok(secrets)
}

/// One key.
pub(super) struct Key {
    /// Tells keys apart in the head of a token. It follows from the key, so nobody has to name one.
    pub(super) id: String,
    pub(super) signs: EncodingKey,
    pub(super) checks: DecodingKey,
}

impl Key {
    fn new(secret: &str) -> Self {
        let id = Uuid::new_v5(&NAMESPACE, secret.as_bytes()).simple();
        Self {
            id: id.to_string().chars().take(ID_CHARS).collect(),
            signs: EncodingKey::from_secret(secret.as_bytes()),
            checks: DecodingKey::from_secret(secret.as_bytes()),
        }
    }
}

/// The first one signs, all of them check.
type Keys = Arc<[Key]>;

/// The keys in force. Cheap to clone.
#[derive(Clone)]
pub(super) struct KeyRing(Arc<Ring>);

struct Ring {
    file: Option<PathBuf>,
    state: Mutex<State>,
}

struct State {
    keys: Keys,
    /// What was found last, good or bad: told once, not at every look.
    found: Found,
    looked_at: Instant,
}

enum Found {
    Text(SecretString),
    Unreadable,
}

impl KeyRing {
    pub(super) fn new(settings: &AuthSettings) -> Self {
        let text = settings.secret.expose_secret();
        // The settings were checked; a secret that wasn't (in a test) is one key, whatever it is.
        let secrets = secrets(text).unwrap_or_else(|_| vec![text]);
        let file = Some(&settings.secret_file).filter(|file| !file.is_empty());
        Self(Arc::new(Ring {
            file: file.map(PathBuf::from),
            state: Mutex::new(State {
                keys: secrets.into_iter().map(Key::new).collect(),
                found: Found::Text(settings.secret.clone()),
                looked_at: Instant::now(),
            }),
        }))
    }

    /// The keys, after a look at the file if it is time for one.
    pub(super) fn current(&self) -> Keys {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &self.0.file
            && state.looked_at.elapsed() >= REREAD
        {
            state.looked_at = Instant::now();
            state.take(std::fs::read_to_string(file));
        }
        Arc::clone(&state.keys)
    }

    #[cfg(test)]
    pub(super) fn look(&self) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let file = self.0.file.as_ref();
        state.take(std::fs::read_to_string(
            file.map_or_else(PathBuf::new, Clone::clone),
        ));
    }
}

impl State {
    /// Takes what was read, if it is new and good. Keys that are in force stay until then: a file
    /// that somebody is just writing must not sign everybody out.
    fn take(&mut self, read: std::io::Result<String>) {
        let text = match read {
            Ok(text) => text.trim_end().to_owned(),
            Err(error) => {
                if !matches!(self.found, Found::Unreadable) {
                    changed("unreadable");
                    tracing::warn!(%error, "auth.secret_file can't be read; the keys stay");
                    self.found = Found::Unreadable;
                }
                return;
            }
        };
        if matches!(&self.found, Found::Text(found) if found.expose_secret() == text) {
            return;
        }
        match secrets(&text) {
            Ok(secrets) => {
                self.keys = secrets.into_iter().map(Key::new).collect();
                let ids: Vec<&str> = self.keys.iter().map(|key| key.id.as_str()).collect();
                tracing::info!(?ids, "keys for tokens were read anew; the first one signs");
                changed("taken");
            }
            Err(problem) => {
                tracing::warn!(%problem, "auth.secret_file is refused; the keys stay");
                changed("refused");
            }
        }
        self.found = Found::Text(text.into());
    }
}

fn changed(outcome: &'static str) {
    metrics::counter!("auth_key_changes_total", "outcome" => outcome).increment(1);
}
