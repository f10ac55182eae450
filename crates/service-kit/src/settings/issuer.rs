//! `auth.issuer`: somebody else who may say who a user is.

use reqwest::Url;
use serde::Deserialize;

use super::sections::Problem;

/// `auth.issuer`: an outside issuer of tokens (OpenID Connect, or whoever publishes a JWKS), for those
/// who have one. Its users are theirs: their names begin with a prefix, so that none is an account's
/// here.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IssuerSettings {
    /// Its name, exactly as tokens have it in `iss`; empty for none.
    pub name: String,
    /// Where its public keys are (JWKS): `https://`, or `http://` on this machine.
    pub jwks_url: String,
    /// Whom its tokens must be for (`aud`): tokens for other programs are not for this one.
    pub audience: String,
    /// Put before `sub`; ends with a colon.
    pub user_prefix: String,
    /// Who has this name in `groups` or `roles` is an operator; empty for nobody.
    pub operator_group: String,
}

impl Default for IssuerSettings {
    fn default() -> Self {
        Self {
            name: String::new(),
            jwks_url: String::new(),
            audience: String::new(),
            user_prefix: "sso:".to_owned(),
            operator_group: String::new(),
        }
    }
}

impl IssuerSettings {
    /// Whether there is one.
    #[must_use]
    pub fn is_set(&self) -> bool {
        !self.name.is_empty()
    }

    pub(super) fn problems(&self) -> Vec<Problem> {
        if !self.is_set() {
            return Vec::new();
        }
        let mut problems = Vec::new();
        let mut wrong = |key, problem: &str| problems.push((key, problem.to_owned()));
        if !is_trusted(&self.jwks_url) {
            let problem = "must be an https:// URL, or an http:// one on this machine: whoever can \
                           change the keys on their way can be anybody";
            wrong("auth.issuer.jwks_url", problem);
        }
        if self.audience.is_empty() {
            let problem = "must be what tokens for this platform have in `aud`";
            wrong("auth.issuer.audience", problem);
        }
        // No name of an account has a colon in it.
        if !self.user_prefix.ends_with(':') || self.user_prefix.len() > 32 {
            let problem = "must end with a colon, and have at most 32 bytes";
            wrong("auth.issuer.user_prefix", problem);
        }
        problems
    }
}

fn is_trusted(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    url.scheme() == "https" || (url.scheme() == "http" && here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_a_way_that_nobody_can_change() {
        for (url, good) in [
            ("https://login.example.com/keys", true),
            ("http://127.0.0.1:8080/keys", true),
            ("http://localhost/keys", true),
            ("http://login.example.com/keys", false),
            ("http://localhost.example.com/keys", false),
            ("login.example.com", false),
            ("", false),
        ] {
            let settings = IssuerSettings {
                name: "https://login.example.com".to_owned(),
                jwks_url: url.to_owned(),
                audience: "algotrade".to_owned(),
                ..IssuerSettings::default()
            };
            assert_eq!(settings.problems().is_empty(), good, "{url}");
        }
    }

    #[test]
    fn an_issuer_is_set_as_a_whole_or_not_at_all() {
        assert!(IssuerSettings::default().problems().is_empty());
        let settings = IssuerSettings {
            name: "x".to_owned(),
            user_prefix: String::new(),
            ..IssuerSettings::default()
        };
        let keys: Vec<&str> = settings
            .problems()
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(
            keys,
            [
                "auth.issuer.jwks_url",
                "auth.issuer.audience",
                "auth.issuer.user_prefix"
            ]
        );
    }
}
