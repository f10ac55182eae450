//! Why a connection to the broker isn't made, told apart: each reason has a message of its own that
//! says what to do.
//!
//! librdkafka reports these through its error callback only. A producer's messages just time out,
//! and a certificate that can't be verified is one and the same text whatever is wrong with it; so
//! the result of OpenSSL's verification is taken note of as well ([`Verification`]).

use rdkafka::types::RDKafkaErrorCode;
use thiserror::Error;

use super::SecuritySettings;

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConnectFailure {
    /// Nothing answers.
    #[error(
        "no broker answers at {servers} ({reason}): is Kafka running, and is \
         kafka.bootstrap_servers its address?"
    )]
    Unreachable {
        /// Where one was looked for.
        servers: String,
        /// The last that was heard.
        reason: String,
    },
    /// User and password don't fit.
    #[error(
        "the broker refuses user `{username}` with this password ({mechanism}): compare \
         kafka.security.username and kafka.security.password with the broker's users"
    )]
    WrongPassword {
        /// The user.
        username: String,
        /// The mechanism.
        mechanism: String,
    },
    /// The broker doesn't know the mechanism.
    #[error(
        "the broker does not offer {mechanism} on this listener ({reason}): set \
         kafka.security.sasl_mechanism to one that it offers"
    )]
    MechanismRefused {
        /// The mechanism asked for.
        mechanism: String,
        /// What the broker offers.
        reason: String,
    },
    /// The broker's certificate, or one that signs it, is too old.
    #[error("the {what} has expired: give the broker a new one")]
    CertificateExpired {
        /// Which.
        what: &'static str,
    },
    /// The broker's certificate is good only later.
    #[error("the {what} is not yet valid: set the clock of this machine, or wait")]
    CertificateNotYetValid {
        /// Which.
        what: &'static str,
    },
    /// The broker's certificate names another host.
    #[error(
        "the broker's certificate is for another host than {servers}: connect by a name that it \
         lists, or give the broker a certificate for this one"
    )]
    CertificateForAnotherHost {
        /// Where it was connected to.
        servers: String,
    },
    /// Nobody who is trusted has signed the broker's certificate.
    #[error(
        "the broker's certificate is signed by an unknown authority: set kafka.security.ca_file to \
         the PEM file of the authority that signed it ({ca} doesn't hold it)"
    )]
    UnknownAuthority {
        /// What is trusted.
        ca: String,
    },
    /// The broker's certificate is refused for another reason.
    #[error("the broker's certificate can't be verified ({reason})")]
    CertificateRefused {
        /// OpenSSL's text.
        reason: String,
    },
    /// The broker wants a certificate of the client.
    #[error(
        "the broker asks for a certificate of this client: set kafka.security.certificate_file and \
         kafka.security.key_file"
    )]
    ClientCertificateMissing,
    /// The broker doesn't take the client's certificate.
    #[error(
        "the broker refuses the certificate in kafka.security.certificate_file ({reason}): is it \
         expired, or signed by an authority that the broker doesn't trust?"
    )]
    ClientCertificateRefused {
        /// The alert.
        reason: String,
    },
    /// TLS was spoken to a listener without.
    #[error(
        "kafka.security.protocol is `{protocol}`, but the broker at {servers} doesn't speak TLS \
         there: use the port of its TLS listener, or set the protocol to `{instead}`"
    )]
    BrokerSpeaksPlaintext {
        /// The protocol that was set.
        protocol: String,
        /// Where.
        servers: String,
        /// The same without TLS.
        instead: &'static str,
    },
    /// Plaintext was spoken to a listener with TLS.
    #[error(
        "the broker at {servers} hangs up on a connection without TLS: if that is its TLS \
         listener, set kafka.security.protocol to `{instead}`"
    )]
    BrokerSpeaksTls {
        /// Where.
        servers: String,
        /// The same with TLS.
        instead: &'static str,
    },
    /// The listener wants a user.
    #[error(
        "the broker at {servers} wants a user name and a password: set kafka.security.protocol to \
         `{instead}`, and user, password and mechanism with it"
    )]
    SignInRequired {
        /// Where.
        servers: String,
        /// The protocol that it may be.
        instead: &'static str,
    },
}

impl ConnectFailure {
    /// Whether it may pass while nothing is changed here: a broker that is restarting, rather than
    /// a wrong password. A hang-up can be either.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::BrokerSpeaksTls { .. } | Self::SignInRequired { .. }
        )
    }

    /// A short name for JSON and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::WrongPassword { .. } => "wrong_password",
            Self::MechanismRefused { .. } => "mechanism_refused",
            Self::CertificateExpired { .. } => "certificate_expired",
            Self::CertificateNotYetValid { .. } => "certificate_not_yet_valid",
            Self::CertificateForAnotherHost { .. } => "certificate_for_another_host",
            Self::UnknownAuthority { .. } => "unknown_authority",
            Self::CertificateRefused { .. } => "certificate_refused",
            Self::ClientCertificateMissing => "client_certificate_missing",
            Self::ClientCertificateRefused { .. } => "client_certificate_refused",
            Self::BrokerSpeaksPlaintext { .. } => "broker_speaks_plaintext",
            Self::BrokerSpeaksTls { .. } => "broker_speaks_tls",
            Self::SignInRequired { .. } => "sign_in_required",
        }
    }
}

/// What OpenSSL found wrong with the broker's certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verification {
    /// `X509_V_ERR_...`.
    pub error: i32,
    /// 0 is the broker's own certificate, more are those that sign it.
    pub depth: i32,
}

impl Verification {
    fn failure(self, security: &SecuritySettings, servers: &str) -> ConnectFailure {
        let what = match self.depth {
            0 => "broker's certificate",
            _ => "certificate of the authority that signs the broker's",
        };
        match self.error {
            9 => ConnectFailure::CertificateNotYetValid { what },
            10 => ConnectFailure::CertificateExpired { what },
            62 | 64 => ConnectFailure::CertificateForAnotherHost {
                servers: servers.to_owned(),
            },
            2 | 7 | 18 | 19 | 20 | 21 | 27 => ConnectFailure::UnknownAuthority {
                ca: match security.ca_file.as_str() {
                    "" => "the system's list of authorities".to_owned(),
                    file => format!("`{file}`"),
                },
            },
            error => ConnectFailure::CertificateRefused {
                reason: format!("OpenSSL's verification error {error}"),
            },
        }
    }
}

/// The failure behind what librdkafka reports; none where it says nothing about security.
pub(crate) fn classify(
    code: RDKafkaErrorCode,
    reason: &str,
    verification: Option<Verification>,
    security: &SecuritySettings,
    servers: &str,
) -> Option<ConnectFailure> {
    let servers = servers.to_owned();
    let has = |text: &str| reason.contains(text);
    match code {
        RDKafkaErrorCode::Authentication if has("mechanism handshake failed") => {
            let offered = reason.split_once("supported mechanisms: ");
            Some(ConnectFailure::MechanismRefused {
                mechanism: security.sasl_mechanism.clone(),
                reason: offered.map_or(reason, |(_, offered)| offered).to_owned(),
            })
        }
        RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed => {
            Some(ConnectFailure::WrongPassword {
                username: security.username.clone(),
                mechanism: security.sasl_mechanism.clone(),
            })
        }
        _ if has("certificate verify failed") => Some(match verification {
            Some(verification) => verification.failure(security, &servers),
            None => ConnectFailure::CertificateRefused {
                reason: "`algotrade doctor` tells what is wrong with it".to_owned(),
            },
        }),
        _ if has("alert certificate required") || has("client SSL authentication might be") => {
            Some(ConnectFailure::ClientCertificateMissing)
        }
        // The peer's words about our certificate. Without one they can only mean that it is missed.
        _ if has(" alert ")
            && (has("certificate") || has("unknown ca") || has("handshake failure")) =>
        {
            Some(match security.certificate_file.is_empty() {
                true => ConnectFailure::ClientCertificateMissing,
                false => ConnectFailure::ClientCertificateRefused {
                    reason: alert(reason),
                },
            })
        }
        _ if has("wrong version number")
            || has("packet length too long")
            || has("connecting to a PLAINTEXT broker listener?") =>
        {
            Some(ConnectFailure::BrokerSpeaksPlaintext {
                protocol: security.protocol.clone(),
                servers,
                instead: match security.uses_sasl() {
                    true => "sasl_plaintext",
                    false => "plaintext",
                },
            })
        }
        _ if hung_up_in(reason, "APIVERSION_QUERY") && !security.uses_tls() => {
            Some(ConnectFailure::BrokerSpeaksTls {
                servers,
                instead: match security.uses_sasl() {
                    true => "sasl_ssl",
                    false => "ssl",
                },
            })
        }
        _ if hung_up_in(reason, "UP") && !security.uses_sasl() => {
            Some(ConnectFailure::SignInRequired {
                servers,
                instead: match security.uses_tls() {
                    true => "sasl_ssl",
                    false => "sasl_plaintext",
                },
            })
        }
        _ => None,
    }
}

/// Whether the broker hung up just after librdkafka's connection had come to this state: when it
/// was first asked something (a TLS listener doesn't understand), or when it was then asked
/// something that only who has signed in may ask.
fn hung_up_in(reason: &str, state: &str) -> bool {
    const SOON_MS: u64 = 1_000;
    let Some((before, _)) = reason.split_once(&format!("ms in state {state}")) else {
        return false;
    };
    let millis = before.rsplit(' ').next().and_then(|text| text.parse().ok());
    reason.contains("Disconnected") && millis.is_some_and(|millis: u64| millis < SOON_MS)
}

/// `certificate expired` of `...:SSL routines::sslv3 alert certificate expired: SSL alert ...`.
fn alert(reason: &str) -> String {
    let after = reason
        .split_once(" alert ")
        .map_or(reason, |(_, text)| text);
    after.split(':').next().unwrap_or(after).trim().to_owned()
}

#[cfg(test)]
mod tests;
