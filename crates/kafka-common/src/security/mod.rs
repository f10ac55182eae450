//! Encryption and authentication: what can be set, who a client is to the broker, and what went
//! wrong when the two don't agree.

pub mod certificate;
mod denied;
mod failure;
mod principals;
mod validate;
mod watch;

use rdkafka::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

pub use denied::AccessDenied;
pub use failure::ConnectFailure;
pub(crate) use failure::{Verification, classify};
pub use principals::Principals;
pub(crate) use watch::ConnectionWatch;

/// `kafka.security`: encryption and authentication.
///
/// The host's name in the broker's certificate is always checked: there is no setting against it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecuritySettings {
    /// `plaintext` (where empty), `ssl`, `sasl_plaintext` or `sasl_ssl`.
    pub protocol: String,
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub sasl_mechanism: String,
    /// SASL user.
    pub username: String,
    /// SASL password.
    pub password: SecretString,
    /// PEM file of the authorities that sign brokers' certificates; the system's where empty.
    pub ca_file: String,
    /// PEM file of this client's certificate and what signs it: mutual TLS.
    pub certificate_file: String,
    /// PEM file of the certificate's private key.
    pub key_file: String,
    /// Password of the private key, where it has one.
    pub key_password: SecretString,
    /// Who the services are to the broker: what the set-up grants rights to.
    pub principals: Principals,
}

impl SecuritySettings {
    /// Whether connections are encrypted.
    #[must_use]
    pub fn uses_tls(&self) -> bool {
        matches!(self.protocol.as_str(), "ssl" | "sasl_ssl")
    }

    /// Whether the client signs in with a user name and a password.
    #[must_use]
    pub fn uses_sasl(&self) -> bool {
        matches!(self.protocol.as_str(), "sasl_plaintext" | "sasl_ssl")
    }

    /// Who this client is to the broker, as ACLs name it. For mutual TLS it is what the broker makes
    /// of the certificate's subject unless it has `ssl.principal.mapping.rules`.
    #[must_use]
    pub fn principal(&self) -> String {
        if self.uses_sasl() {
            return format!("User:{}", self.username);
        }
        let subject = match self.uses_tls() && !self.certificate_file.is_empty() {
            true => certificate::read(&self.certificate_file)
                .ok()
                .and_then(|chain| chain.into_iter().next()),
            false => None,
        };
        match subject {
            Some(certificate) => format!("User:{}", certificate.subject),
            None => "User:ANONYMOUS".to_owned(),
        }
    }

    pub(crate) fn configure(&self, config: &mut ClientConfig) {
        for (key, value) in [
            ("security.protocol", self.protocol.as_str()),
            ("sasl.mechanism", self.sasl_mechanism.as_str()),
            ("sasl.username", self.username.as_str()),
            ("sasl.password", self.password.expose_secret()),
            ("ssl.ca.location", self.ca_file.as_str()),
            ("ssl.certificate.location", self.certificate_file.as_str()),
            ("ssl.key.location", self.key_file.as_str()),
            ("ssl.key.password", self.key_password.expose_secret()),
        ] {
            if !value.is_empty() {
                config.set(key, value);
            }
        }
        if self.uses_tls() {
            config
                .set("enable.ssl.certificate.verification", "true")
                .set("ssl.endpoint.identification.algorithm", "https");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_printed() {
        let settings = SecuritySettings {
            password: "hunter2".to_owned().into(),
            key_password: "hunter3".to_owned().into(),
            ..SecuritySettings::default()
        };
        assert!(!format!("{settings:?}").contains("hunter"));
    }

    #[test]
    fn the_hosts_name_is_always_checked() {
        for protocol in ["ssl", "sasl_ssl"] {
            let mut config = ClientConfig::new();
            SecuritySettings {
                protocol: protocol.to_owned(),
                ..SecuritySettings::default()
            }
            .configure(&mut config);
            let key = "ssl.endpoint.identification.algorithm";
            assert_eq!(config.get(key), Some("https"), "{protocol}");
        }
    }
}
