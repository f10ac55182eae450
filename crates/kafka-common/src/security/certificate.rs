//! What is read of a certificate: whose it is, and how long it is good.

use std::path::Path;

use chrono::{DateTime, Utc};
use thiserror::Error;
use x509_parser::pem::Pem;
use x509_parser::x509::X509Name;

/// A certificate's file can't be used.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// It can't be read.
    #[error("can't read `{path}`: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It holds none.
    #[error("`{0}` holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")]
    None(String),
    /// One of them is damaged.
    #[error("`{path}`: certificate {number} is damaged: {why}")]
    Damaged {
        /// The file.
        path: String,
        /// Counted from 1.
        number: usize,
        /// Why.
        why: String,
    },
}

/// What is known of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The subject as Kafka writes it (RFC 2253: the most specific part first).
    pub subject: String,
    /// Before this it isn't good yet.
    pub not_before: DateTime<Utc>,
    /// After this it isn't good any more.
    pub not_after: DateTime<Utc>,
}

/// The certificates of a PEM file, in their order; at least one.
///
/// # Errors
/// See [`CertificateError`].
pub fn read(path: impl AsRef<Path>) -> Result<Vec<Certificate>, CertificateError> {
    let name = path.as_ref().display().to_string();
    let bytes = std::fs::read(path).map_err(|source| CertificateError::Read {
        path: name.clone(),
        source,
    })?;
    parse(&name, &bytes)
}

fn parse(path: &str, bytes: &[u8]) -> Result<Vec<Certificate>, CertificateError> {
    let damaged = |number: usize, why: String| CertificateError::Damaged {
        path: path.to_owned(),
        number,
        why,
    };
    let mut found = Vec::new();
    for block in Pem::iter_from_buffer(bytes) {
        let number = found.len() + 1;
        let block = block.map_err(|error| damaged(number, error.to_string()))?;
        if block.label != "CERTIFICATE" {
            continue;
        }
        let certificate = block
            .parse_x509()
            .map_err(|error| damaged(number, error.to_string()))?;
        let validity = certificate.validity();
        let time = |seconds: i64| {
            DateTime::from_timestamp(seconds, 0)
                .ok_or_else(|| damaged(number, "its dates are out of range".to_owned()))
        };
        found.push(Certificate {
            subject: subject(certificate.subject()),
            not_before: time(validity.not_before.timestamp())?,
            not_after: time(validity.not_after.timestamp())?,
        });
    }
    match found.is_empty() {
        true => Err(CertificateError::None(path.to_owned())),
        false => Ok(found),
    }
}

/// RFC 2253 reads a name from its end: `CN=market-data,O=AlgoTrade`.
fn subject(name: &X509Name<'_>) -> String {
    let text = name.to_string();
    let parts: Vec<&str> = text.split(", ").collect();
    parts.into_iter().rev().collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    /// CN=market-data, O=AlgoTrade; good from 2026-01-01 to 2036-01-01 (public, its key is lost).
    const PEM: &str = include_str!("testdata/market-data.pem");

    #[test]
    fn subject_and_dates_are_read() {
        let certificates = parse("client.pem", PEM.as_bytes()).unwrap();
        assert_eq!(certificates.len(), 1);
        assert_eq!(certificates[0].subject, "CN=market-data,O=AlgoTrade");
        assert_eq!(
            certificates[0].not_after.to_rfc3339(),
            "2036-01-01T00:00:00+00:00"
        );
        assert_eq!(
            certificates[0].not_before.to_rfc3339(),
            "2026-01-01T00:00:00+00:00"
        );
    }

    #[test]
    fn other_files_are_refused_by_name() {
        let error = parse("key.pem", b"not a certificate").unwrap_err();
        assert!(matches!(error, CertificateError::None(_)), "{error}");
        let cut = &PEM[..PEM.len() / 2];
        let error = parse("cut.pem", cut.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("cut.pem"), "{error}");
        let error = read("/does/not/exist.pem").unwrap_err().to_string();
        assert!(error.contains("/does/not/exist.pem"), "{error}");
    }
}
