//! What can be told of the settings without asking anybody.

use chrono::{DateTime, Utc};
use kafka_common::security::certificate;
use kafka_common::{KafkaSettings, SecuritySettings};

use super::report::{Finding, Outcome, quoted};

/// Time to have a certificate renewed in.
const WARN_DAYS: i64 = 30;

/// Certificates of this client and of the authorities it trusts that have expired, or soon will.
pub(super) fn check(security: &SecuritySettings, now: DateTime<Utc>) -> Outcome {
    let files = [
        ("kafka.security.ca_file", &security.ca_file),
        (
            "kafka.security.certificate_file",
            &security.certificate_file,
        ),
    ];
    let given = files.into_iter().filter(|(_, file)| !file.is_empty());
    let mut findings = Vec::new();
    let mut any = false;
    for (key, file) in given {
        any = true;
        // The settings were checked: what can't be read was refused.
        for certificate in certificate::read(file).map_err(|error| error.to_string())? {
            let left = certificate.not_after - now;
            let found = if certificate.not_before > now {
                format!("is valid only from {}", certificate.not_before)
            } else if left <= chrono::TimeDelta::zero() {
                format!("expired on {}", certificate.not_after)
            } else if left <= chrono::TimeDelta::days(WARN_DAYS) {
                format!(
                    "expires in {} days, on {}",
                    left.num_days(),
                    certificate.not_after
                )
            } else {
                continue;
            };
            findings.push(Finding {
                subject: format!("{} in {file}", certificate.subject),
                found,
                remedy: format!("have it renewed, and put the new one where {key} points"),
                kafka: format!("openssl x509 -noout -subject -dates -in {}", quoted(file)),
            });
        }
    }
    match any {
        true => Ok(findings),
        false => Err("none is set".to_owned()),
    }
}

/// Passwords that anybody on the network can read.
pub(super) fn encryption(settings: &KafkaSettings) -> Outcome {
    let security = &settings.security;
    let in_clear = security.protocol == "sasl_plaintext" && security.sasl_mechanism == "PLAIN";
    match in_clear {
        false => Ok(Vec::new()),
        true => Ok(vec![Finding {
            subject: settings.bootstrap_servers.clone(),
            found: "the password crosses the network as it is".to_owned(),
            remedy: "set kafka.security.protocol to sasl_ssl, or at least \
                     kafka.security.sasl_mechanism to SCRAM-SHA-512"
                .to_owned(),
            kafka: String::new(),
        }]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Good from 2026-01-01 to 2036-01-01.
    const FILE: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../kafka-common/src/security/testdata/market-data.pem"
    );

    fn found(now: &str) -> Vec<String> {
        let security = SecuritySettings {
            ca_file: FILE.to_owned(),
            ..SecuritySettings::default()
        };
        let findings = check(&security, now.parse().unwrap()).unwrap();
        findings.into_iter().map(|finding| finding.found).collect()
    }

    #[test]
    fn a_certificate_is_found_thirty_days_before_it_expires() {
        assert_eq!(found("2035-12-01T00:00:00Z"), Vec::<String>::new());
        assert!(found("2035-12-10T00:00:00Z")[0].starts_with("expires in 22 days"));
        assert!(found("2036-01-01T00:00:00Z")[0].starts_with("expired on 2036-01-01"));
        assert!(found("2025-12-31T00:00:00Z")[0].starts_with("is valid only from 2026-01-01"));
    }

    #[test]
    fn a_password_in_clear_is_found() {
        let mut settings = KafkaSettings::default();
        assert_eq!(encryption(&settings).unwrap().len(), 0);
        settings.security.protocol = "sasl_plaintext".to_owned();
        settings.security.sasl_mechanism = "PLAIN".to_owned();
        assert_eq!(encryption(&settings).unwrap().len(), 1);
        settings.security.sasl_mechanism = "SCRAM-SHA-256".to_owned();
        assert_eq!(encryption(&settings).unwrap().len(), 0);
    }
}
