//! Signatures as the Standard Webhooks specification has them, so that its libraries check them.
//!
//! What is signed is `id.timestamp.body`: a receiver that refuses old timestamps and ids that it has
//! seen can't be replayed to.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

/// Before a secret's base64, so that people and scanners know what it is.
const PREFIX: &str = "whsec_";
/// Bytes of a secret.
const BYTES: usize = 32;

/// What a target's receiver and this service share.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret")
    }
}

impl Secret {
    /// A new one; `None` where the system has no randomness.
    pub(crate) fn random() -> Option<Self> {
        let mut bytes = [0; BYTES];
        SystemRandom::new().fill(&mut bytes).ok()?;
        Some(Self(format!("{PREFIX}{}", BASE64_STANDARD.encode(bytes))))
    }

    /// As it was kept.
    pub(crate) fn kept(text: String) -> Self {
        Self(text)
    }

    /// As its receiver is told.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    fn sign(&self, signed: &str) -> String {
        let text = self.0.strip_prefix(PREFIX).unwrap_or(&self.0);
        // What isn't base64 was not made here; the text itself is then as secret as it is.
        let bytes = BASE64_STANDARD.decode(text);
        let bytes = bytes.unwrap_or_else(|_| text.as_bytes().to_vec());
        let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
        let tag = hmac::sign(&key, signed.as_bytes());
        format!("v1,{}", BASE64_STANDARD.encode(tag))
    }
}

/// The three headers of a signed call; several secrets while one is exchanged for another.
pub(super) fn headers(
    secrets: &[Secret],
    id: Uuid,
    now: DateTime<Utc>,
    body: &str,
) -> [(&'static str, String); 3] {
    let (id, timestamp) = (id.to_string(), now.timestamp().to_string());
    [
        (
            "webhook-signature",
            signatures(secrets, &id, &timestamp, body),
        ),
        ("webhook-id", id),
        ("webhook-timestamp", timestamp),
    ]
}

fn signatures(secrets: &[Secret], id: &str, timestamp: &str, body: &str) -> String {
    let signed = format!("{id}.{timestamp}.{body}");
    let each: Vec<String> = secrets.iter().map(|secret| secret.sign(&signed)).collect();
    each.join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Computed by Python's `hmac`, which shares nothing with ring.
    #[test]
    fn a_signature_is_what_another_implementation_makes_of_it() {
        let secret = Secret::kept("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let body = r#"{"test": 2432232314}"#;
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        assert_eq!(
            signatures(&[secret], id, "1614265330", body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn while_secrets_are_exchanged_both_sign() {
        let (new, old) = (Secret::random().unwrap(), Secret::random().unwrap());
        assert_ne!(new.expose(), old.expose());
        let both = signatures(&[new.clone(), old.clone()], "i", "1", "b");
        let each: Vec<&str> = both.split(' ').collect();
        assert_eq!(each, [&*new.sign("i.1.b"), &*old.sign("i.1.b")]);
        assert_ne!(new.sign("i.1.b"), new.sign("i.2.b"));
    }

    #[test]
    fn a_secret_is_not_printed() {
        let secret = Secret::random().unwrap();
        assert_eq!(format!("{secret:?}"), "Secret");
    }
}
