//! What a browser or a program proves itself with: 256 random bits, of which only a hash is kept.

use std::fmt;

use sha2::{Digest, Sha256};

const BYTES: usize = 32;

/// A secret as it is handed out, once.
pub(crate) struct Secret(String);

impl Secret {
    /// A new one. `prefix` tells what it is to whoever finds it, in a log or a repository.
    pub(crate) fn new(prefix: &str) -> Self {
        let bytes: [u8; BYTES] = rand::random();
        Self(bytes.iter().fold(prefix.to_owned(), |mut text, byte| {
            use fmt::Write as _;
            // Writing to a string can't fail.
            let _ = write!(text, "{byte:02x}");
            text
        }))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn hash(&self) -> Vec<u8> {
        hash(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// What of a secret is kept. It is random itself: nothing slower than a hash is needed.
pub(crate) fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike_and_none_is_printed() {
        let (one, two) = (Secret::new("at_"), Secret::new("at_"));
        assert_ne!(one.expose(), two.expose());
        assert_eq!(one.expose().len(), "at_".len() + 2 * BYTES);
        assert_eq!(one.hash(), hash(one.expose()));
        assert!(!format!("{one:?}").contains(one.expose()));
    }
}
