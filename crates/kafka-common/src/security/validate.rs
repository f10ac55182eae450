//! Every mistake in the security settings, found before a connection is tried.

use std::fs;

use secrecy::ExposeSecret;

use super::{SecuritySettings, certificate};

type Problem = (&'static str, String);

const PROTOCOLS: [&str; 5] = ["", "plaintext", "ssl", "sasl_plaintext", "sasl_ssl"];
const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];

impl SecuritySettings {
    /// Every mistake, each with the field's name and what to do.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.principals.problems();
        if !PROTOCOLS.contains(&self.protocol.as_str()) {
            problems.push((
                "kafka.security.protocol",
                format!(
                    "`{}` is not one of plaintext, ssl, sasl_plaintext, sasl_ssl",
                    self.protocol
                ),
            ));
            // What the other fields should be depends on it.
            return problems;
        }
        self.sasl_problems(&mut problems);
        self.tls_problems(&mut problems);
        problems
    }

    fn sasl_problems(&self, problems: &mut Vec<Problem>) {
        let fields = [
            (
                "kafka.security.sasl_mechanism",
                self.sasl_mechanism.is_empty(),
            ),
            ("kafka.security.username", self.username.is_empty()),
            (
                "kafka.security.password",
                self.password.expose_secret().is_empty(),
            ),
        ];
        if !self.uses_sasl() {
            let instead = match self.uses_tls() {
                true => "sasl_ssl",
                false => "sasl_ssl or sasl_plaintext",
            };
            for (field, empty) in fields {
                if !empty {
                    problems.push((field, self.unused(instead)));
                }
            }
            return;
        }
        for (field, empty) in fields {
            if empty {
                problems.push((
                    field,
                    format!("is needed with kafka.security.protocol `{}`", self.protocol),
                ));
            }
        }
        if !self.sasl_mechanism.is_empty() && !MECHANISMS.contains(&self.sasl_mechanism.as_str()) {
            problems.push((
                "kafka.security.sasl_mechanism",
                format!(
                    "`{}` is not one of {}",
                    self.sasl_mechanism,
                    MECHANISMS.join(", ")
                ),
            ));
        }
    }

    fn tls_problems(&self, problems: &mut Vec<Problem>) {
        let key_password = self.key_password.expose_secret();
        if !self.uses_tls() {
            let instead = match self.uses_sasl() {
                true => "sasl_ssl",
                false => "ssl or sasl_ssl",
            };
            for (field, empty) in [
                ("kafka.security.ca_file", self.ca_file.is_empty()),
                (
                    "kafka.security.certificate_file",
                    self.certificate_file.is_empty(),
                ),
                ("kafka.security.key_file", self.key_file.is_empty()),
                ("kafka.security.key_password", key_password.is_empty()),
            ] {
                if !empty {
                    problems.push((field, self.unused(instead)));
                }
            }
            return;
        }
        for (field, file) in [
            ("kafka.security.ca_file", &self.ca_file),
            ("kafka.security.certificate_file", &self.certificate_file),
        ] {
            if !file.is_empty()
                && let Err(error) = certificate::read(file)
            {
                problems.push((field, error.to_string()));
            }
        }
        match (self.certificate_file.is_empty(), self.key_file.is_empty()) {
            (false, true) => problems.push((
                "kafka.security.key_file",
                "is needed with kafka.security.certificate_file: the certificate's private key"
                    .to_owned(),
            )),
            (true, false) => problems.push((
                "kafka.security.certificate_file",
                "is needed with kafka.security.key_file: the key's certificate".to_owned(),
            )),
            _ => {}
        }
        if !self.key_file.is_empty() {
            self.key_problems(problems);
        } else if !key_password.is_empty() {
            problems.push((
                "kafka.security.key_password",
                "is set, but there is no kafka.security.key_file that it could open: set the \
                 file, or remove the password"
                    .to_owned(),
            ));
        }
    }

    fn key_problems(&self, problems: &mut Vec<Problem>) {
        let key = match fs::read_to_string(&self.key_file) {
            Ok(key) => key,
            Err(error) => {
                problems.push((
                    "kafka.security.key_file",
                    format!("can't read `{}`: {error}", self.key_file),
                ));
                return;
            }
        };
        if !key.contains("PRIVATE KEY-----") {
            problems.push((
                "kafka.security.key_file",
                format!(
                    "`{}` holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)",
                    self.key_file
                ),
            ));
            return;
        }
        // PKCS#8 says it in the label, older forms in a header.
        let encrypted = key.contains("ENCRYPTED PRIVATE KEY-----") || key.contains(": 4,ENCRYPTED");
        if encrypted && self.key_password.expose_secret().is_empty() {
            problems.push((
                "kafka.security.key_password",
                format!("is needed: the key in `{}` is encrypted", self.key_file),
            ));
        }
    }

    fn unused(&self, instead: &str) -> String {
        let protocol = match self.protocol.as_str() {
            "" => "plaintext",
            protocol => protocol,
        };
        format!(
            "is set, but kafka.security.protocol `{protocol}` makes no use of it: set the protocol \
             to {instead}, or remove this"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::Principals;

    fn fields(settings: &SecuritySettings) -> Vec<&'static str> {
        let mut fields: Vec<_> = settings.problems().into_iter().map(|(f, _)| f).collect();
        fields.sort_unstable();
        fields
    }

    fn settings(protocol: &str) -> SecuritySettings {
        SecuritySettings {
            protocol: protocol.to_owned(),
            ..SecuritySettings::default()
        }
    }

    #[test]
    fn what_the_protocol_needs_is_asked_for() {
        assert!(fields(&settings("")).is_empty());
        assert!(fields(&settings("plaintext")).is_empty());
        // The system's authorities may do.
        assert!(fields(&settings("ssl")).is_empty());
        assert_eq!(fields(&settings("tls")), ["kafka.security.protocol"]);
        for protocol in ["sasl_plaintext", "sasl_ssl"] {
            assert_eq!(
                fields(&settings(protocol)),
                [
                    "kafka.security.password",
                    "kafka.security.sasl_mechanism",
                    "kafka.security.username"
                ]
            );
        }
        for mechanism in MECHANISMS {
            let complete = SecuritySettings {
                sasl_mechanism: mechanism.to_owned(),
                username: "u".to_owned(),
                password: "p".to_owned().into(),
                ..settings("sasl_ssl")
            };
            assert!(fields(&complete).is_empty(), "{mechanism}");
        }
    }

    #[test]
    fn what_the_protocol_makes_no_use_of_is_refused() {
        let sasl = SecuritySettings {
            sasl_mechanism: "PLAIN".to_owned(),
            username: "u".to_owned(),
            password: "p".to_owned().into(),
            ..settings("ssl")
        };
        assert_eq!(
            fields(&sasl),
            [
                "kafka.security.password",
                "kafka.security.sasl_mechanism",
                "kafka.security.username"
            ]
        );
        let tls = SecuritySettings {
            ca_file: "ca.pem".to_owned(),
            key_file: "key.pem".to_owned(),
            ..settings("")
        };
        assert_eq!(
            fields(&tls),
            ["kafka.security.ca_file", "kafka.security.key_file"]
        );
        let text = format!("{:?}", tls.problems());
        assert!(text.contains("ssl or sasl_ssl"), "{text}");
    }

    #[test]
    fn files_that_cannot_do_are_named() {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/src/security/");
        let certificate = format!("{here}testdata/market-data.pem");
        let no_key = SecuritySettings {
            certificate_file: certificate.clone(),
            ..settings("ssl")
        };
        assert_eq!(fields(&no_key), ["kafka.security.key_file"]);
        let wrong_key = SecuritySettings {
            certificate_file: certificate.clone(),
            key_file: certificate,
            ..settings("ssl")
        };
        assert_eq!(fields(&wrong_key), ["kafka.security.key_file"]);
        let missing = SecuritySettings {
            ca_file: "/does/not/exist.pem".to_owned(),
            ..settings("ssl")
        };
        let text = format!("{:?}", missing.problems());
        assert!(text.contains("/does/not/exist.pem"), "{text}");
        let no_certificate = SecuritySettings {
            ca_file: format!("{here}mod.rs"),
            ..settings("ssl")
        };
        assert_eq!(fields(&no_certificate), ["kafka.security.ca_file"]);
    }

    #[test]
    fn principals_are_single_and_different_users() {
        let everybody = SecuritySettings {
            principals: Principals {
                strategy: "User:*".to_owned(),
                notification: "market-data".to_owned(),
                ops: "User:market-data".to_owned(),
                ..Principals::default()
            },
            ..settings("")
        };
        assert_eq!(
            fields(&everybody),
            [
                "kafka.security.principals.notification",
                "kafka.security.principals.ops",
                "kafka.security.principals.strategy"
            ]
        );
    }
}
