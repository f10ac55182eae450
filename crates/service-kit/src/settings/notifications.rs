//! `notifications`: pushes to browsers, and what goes out of the house.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::sections::Problem;

/// Pushes to browsers, and notifications that go out of the house.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotificationsSettings {
    /// Whether users may have notifications sent to addresses that are not on the public internet,
    /// and without TLS. Only where every user may reach what this service can reach.
    pub allow_private_targets: bool,
    /// Connections of one user to one replica, 1 to 10,000.
    pub connections_per_user: usize,
    /// How e-mail goes out.
    pub smtp: SmtpSettings,
}

impl Default for NotificationsSettings {
    fn default() -> Self {
        Self {
            allow_private_targets: false,
            connections_per_user: 100,
            smtp: SmtpSettings::default(),
        }
    }
}

impl NotificationsSettings {
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = self.smtp.problems();
        if !(1..=10_000).contains(&self.connections_per_user) {
            problems.push((
                "notifications.connections_per_user",
                "must be 1 to 10,000".to_owned(),
            ));
        }
        problems
    }
}

/// How the mail server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpSecurity {
    /// In the clear until `STARTTLS`, which the server must offer.
    #[default]
    Starttls,
    /// Over TLS from the first byte.
    Tls,
    /// In the clear.
    None,
}

/// `notifications.smtp`: the mail server that takes users' e-mails. Without one nobody can be told
/// by e-mail.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmtpSettings {
    /// Its name; empty for none.
    pub host: String,
    /// Its port: mostly 587 with `starttls`, 465 with `tls`.
    pub port: u16,
    /// `starttls`, `tls`, or `none` for a server on this machine or in a network of its own.
    pub security: SmtpSecurity,
    /// Who signs in there; empty where nobody has to.
    pub user: String,
    /// That user's password.
    pub password: SecretString,
    /// Whom mails are from, as `AlgoTrade <algotrade@example.com>`.
    pub from: String,
    /// A file with the certificate (PEM) of whoever signed the server's, where it isn't a public
    /// authority.
    pub ca_file: String,
}

impl Default for SmtpSettings {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 587,
            security: SmtpSecurity::default(),
            user: String::new(),
            password: String::new().into(),
            from: String::new(),
            ca_file: String::new(),
        }
    }
}

impl SmtpSettings {
    /// Whether there is a mail server.
    #[must_use]
    pub fn is_set(&self) -> bool {
        !self.host.is_empty()
    }

    fn problems(&self) -> Vec<Problem> {
        if !self.is_set() {
            return Vec::new();
        }
        let mut problems = Vec::new();
        let mut wrong = |key, problem: &str| problems.push((key, problem.to_owned()));
        if self.port == 0 {
            wrong("notifications.smtp.port", "must be 1 to 65,535");
        }
        if !self.from.contains('@') {
            let problem = "must be an address, as AlgoTrade <algotrade@example.com>";
            wrong("notifications.smtp.from", problem);
        }
        let has_password = !self.password.expose_secret().is_empty();
        if has_password == self.user.is_empty() {
            let problem = "must be set with notifications.smtp.user, and only with it";
            wrong("notifications.smtp.password", problem);
        }
        if has_password && self.security == SmtpSecurity::None {
            let problem = "must not be none with a password, which everybody on the way could read";
            wrong("notifications.smtp.security", problem);
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(settings: &SmtpSettings) -> Vec<&'static str> {
        settings
            .problems()
            .into_iter()
            .map(|(key, _)| key)
            .collect()
    }

    #[test]
    fn a_mail_server_is_set_as_a_whole_or_not_at_all() {
        assert!(keys(&SmtpSettings::default()).is_empty());
        let bare = SmtpSettings {
            host: "mail.example.com".to_owned(),
            from: "AlgoTrade <a@example.com>".to_owned(),
            ..SmtpSettings::default()
        };
        assert!(keys(&bare).is_empty());
        let nobody = SmtpSettings {
            from: String::new(),
            port: 0,
            user: "a".to_owned(),
            ..bare.clone()
        };
        assert_eq!(
            keys(&nobody),
            [
                "notifications.smtp.port",
                "notifications.smtp.from",
                "notifications.smtp.password"
            ]
        );
        let in_the_clear = SmtpSettings {
            user: "a".to_owned(),
            password: "p".to_owned().into(),
            security: SmtpSecurity::None,
            ..bare
        };
        assert_eq!(keys(&in_the_clear), ["notifications.smtp.security"]);
    }
}
