//! Passwords: which are good enough, and how they are kept and checked.

use std::sync::{Arc, LazyLock};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use axum::http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use service_kit::Problem;
use tokio::sync::Semaphore;

/// Fewest characters; NIST SP 800-63B asks for length, not for signs of every kind.
pub(crate) const MIN_CHARS: usize = 12;
/// Longest password that is hashed.
pub(crate) const MAX_BYTES: usize = 256;
/// How many are hashed at once. Each takes 19 MiB and tens of milliseconds of a core.
const AT_ONCE: usize = 2;
/// As RFC 9106 recommends.
const SALT_BYTES: usize = 16;
/// How many may wait for that; further ones are told to come back.
const WAITING: usize = 16;

/// What a password is compared with where there is no such account, so that the answer takes as
/// long as for one that is there.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash_now("nobody has this password"));

/// Hashes and checks passwords (argon2id, with OWASP's parameters), a bounded number at a time.
/// Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    places: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            running: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

impl Passwords {
    /// What is kept of a password.
    ///
    /// # Errors
    /// 503 where too many wait already.
    pub(crate) async fn hash(&self, password: &SecretString) -> Result<String, Problem> {
        let password = password.clone();
        self.run(move || hash_now(password.expose_secret())).await
    }

    /// Whether it is the password. Without a `kept` one it isn't, and takes as long to say so.
    ///
    /// # Errors
    /// 503 where too many wait already.
    pub(crate) async fn is(
        &self,
        password: &SecretString,
        kept: Option<String>,
    ) -> Result<bool, Problem> {
        if password.expose_secret().len() > MAX_BYTES {
            return Ok(false);
        }
        let password = password.clone();
        self.run(move || {
            let known = kept.is_some();
            let kept = kept.unwrap_or_else(|| NOBODY.clone());
            let same = PasswordHash::new(&kept).is_ok_and(|kept| {
                Argon2::default()
                    .verify_password(password.expose_secret().as_bytes(), &kept)
                    .is_ok()
            });
            known && same
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let Ok(_place) = Arc::clone(&self.places).try_acquire_owned() else {
            metrics::counter!("notification_sign_ins_shed_total").increment(1);
            let detail = "too many are signing in at this moment";
            return Err(
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
                    .hint("try again in a few seconds"),
            );
        };
        let busy = |error: &dyn std::fmt::Display| Problem::unavailable("sign-in", error);
        let turn = Arc::clone(&self.running).acquire_owned().await;
        let _turn = turn.map_err(|error| busy(&error))?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| busy(&error))
    }
}

fn hash_now(password: &str) -> String {
    // It fails only for a password of 4 GiB. The empty text is no hash: nothing is ever equal to it.
    let salt: [u8; SALT_BYTES] = rand::random();
    Argon2::default()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map_or_else(
            |error| {
                tracing::error!(%error, "a password could not be hashed");
                String::new()
            },
            |hash| hash.to_string(),
        )
}

/// What is wrong with a new password, if anything.
pub(crate) fn weakness(user_id: &str, password: &str) -> Option<String> {
    if password.chars().count() < MIN_CHARS {
        return Some(format!("a password has at least {MIN_CHARS} characters"));
    }
    if password.len() > MAX_BYTES {
        return Some(format!("a password has at most {MAX_BYTES} bytes"));
    }
    if password.to_lowercase().contains(&user_id.to_lowercase()) {
        return Some("the password contains the name".to_owned());
    }
    let mut letters: Vec<char> = password.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    (letters.len() < 5).then(|| "the password is a few characters over and over".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn only_the_password_itself_is_right() {
        let passwords = Passwords::default();
        let secret = |text: &str| SecretString::from(text.to_owned());
        let right = secret("correct horse battery");
        let kept = passwords.hash(&right).await.unwrap();
        assert!(
            kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{kept}"
        );
        let again = passwords.hash(&right).await.unwrap();
        assert_ne!(kept, again, "each has a salt of its own");
        assert!(passwords.is(&right, Some(kept.clone())).await.unwrap());
        for wrong in ["correct horse batterY", "", "correct horse battery "] {
            let wrong = secret(wrong);
            assert!(!passwords.is(&wrong, Some(kept.clone())).await.unwrap());
        }
        assert!(!passwords.is(&right, Some(String::new())).await.unwrap());
        // Not even the password that stands in for nobody's.
        let stand_in = secret("nobody has this password");
        assert!(!passwords.is(&stand_in, None).await.unwrap());
    }

    #[tokio::test]
    async fn too_many_at_once_are_told_to_come_back() {
        let passwords = Passwords::default();
        let places = Arc::clone(&passwords.places);
        let all = u32::try_from(AT_ONCE + WAITING).unwrap();
        let taken = places.acquire_many_owned(all).await.unwrap();
        let secret = SecretString::from("correct horse battery");
        assert_eq!(passwords.hash(&secret).await.unwrap_err().code, "busy");
        drop(taken);
        assert!(passwords.hash(&secret).await.is_ok());
    }

    #[test]
    fn weak_ones_are_named() {
        for (password, what) in [
            ("short", Some("at least 12")),
            ("123412341234", Some("over and over")),
            ("alice-in-wonderland", Some("contains the name")),
            ("Alice-in-wonderland", Some("contains the name")),
            ("correct horse battery", None),
            ("пароль-надёжный", None),
        ] {
            let found = weakness("alice", password);
            match what {
                Some(what) => assert!(found.unwrap().contains(what), "{password}"),
                None => assert_eq!(found, None, "{password}"),
            }
        }
        assert!(
            weakness("alice", &"xyzzy".repeat(60))
                .unwrap()
                .contains("at most")
        );
    }
}
