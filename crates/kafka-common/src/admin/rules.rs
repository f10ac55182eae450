//! Rules as the broker has them, against those that are generated from the matrix.

use std::collections::BTreeSet;

use crate::acl::{self, Acl, Pattern, ResourceKind};
use crate::settings::KafkaSettings;

/// A rule without a host holds for all.
const ANY_HOST: &str = "*";
/// The principal that stands for everybody.
pub const EVERYBODY: &str = "User:*";

/// A rule as the broker has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// What it is about.
    pub acl: Acl,
    /// From which host; `*` for any.
    pub host: String,
    /// Whether it allows; otherwise it denies, which wins over everything that allows.
    pub allows: bool,
}

impl std::fmt::Display for Rule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let denied = match self.allows {
            true => "",
            false => "DENIED: ",
        };
        write!(formatter, "{denied}{}", self.acl)?;
        match self.host.as_str() {
            ANY_HOST => Ok(()),
            host => write!(formatter, " from {host}"),
        }
    }
}

impl From<Acl> for Rule {
    fn from(acl: Acl) -> Self {
        Self {
            acl,
            host: ANY_HOST.to_owned(),
            allows: true,
        }
    }
}

/// Rules as they are against rules as they should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AclDifference {
    /// Wanted and not there.
    pub missing: Vec<Acl>,
    /// There and not wanted: a principal of this deployment has, or is denied, more than it needs;
    /// or everybody (`User:*`) has a right that touches this deployment.
    pub extra: Vec<Rule>,
}

/// Compares the generated rules with the broker's. Rules about other deployments on the same
/// cluster (told by the prefixes of topics and groups) are none of this one's business.
#[must_use]
pub fn compare_acls(settings: &KafkaSettings, found: &[Rule]) -> AclDifference {
    let wanted: BTreeSet<Rule> = acl::wanted(settings).into_iter().map(Rule::from).collect();
    let principals = settings.security.principals.all();
    let concerns = |rule: &&Rule| {
        let principal = rule.acl.principal.as_str();
        let ours = principals.iter().any(|(_, own)| *own == principal);
        (ours || principal == EVERYBODY) && touches(settings, &rule.acl)
    };
    let there: BTreeSet<&Rule> = found.iter().collect();
    AclDifference {
        missing: wanted
            .iter()
            .filter(|rule| !there.contains(rule))
            .map(|rule| rule.acl.clone())
            .collect(),
        extra: found
            .iter()
            .filter(concerns)
            .filter(|rule| !wanted.contains(rule))
            .cloned()
            .collect(),
    }
}

fn touches(settings: &KafkaSettings, acl: &Acl) -> bool {
    let prefix = match acl.kind {
        ResourceKind::Topic => settings.topic_prefix.as_str(),
        ResourceKind::Group | ResourceKind::TransactionalId => settings.group_prefix.as_str(),
        ResourceKind::Cluster => return true,
    };
    match acl.pattern {
        Pattern::Literal => acl.name == "*" || acl.name.starts_with(prefix),
        Pattern::Prefixed => acl.name.starts_with(prefix) || prefix.starts_with(&acl.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acl::Operation;

    fn rule(principal: &str, name: &str, pattern: Pattern, allows: bool) -> Rule {
        Rule {
            acl: Acl {
                principal: principal.to_owned(),
                kind: ResourceKind::Topic,
                name: name.to_owned(),
                pattern,
                operation: Operation::Read,
            },
            host: ANY_HOST.to_owned(),
            allows,
        }
    }

    #[test]
    fn what_is_missing_and_what_is_too_much_are_told() {
        let settings = KafkaSettings {
            topic_prefix: "eu.".to_owned(),
            group_prefix: "eu.".to_owned(),
            ..KafkaSettings::default()
        };
        let mut found: Vec<Rule> = acl::wanted(&settings).into_iter().map(Rule::from).collect();
        assert_eq!(compare_acls(&settings, &found), AclDifference::default());
        let lost = found.remove(3);
        let too_much = [
            rule(
                "User:strategy",
                "eu.trade-executions",
                Pattern::Literal,
                true,
            ),
            rule(
                "User:strategy",
                "eu.market-data-updates",
                Pattern::Literal,
                false,
            ),
            rule("User:notification", "e", Pattern::Prefixed, true),
            rule("User:*", "*", Pattern::Literal, true),
        ];
        let not_ours = [
            rule(
                "User:strategy",
                "us.market-data-updates",
                Pattern::Literal,
                true,
            ),
            rule(
                "User:somebody",
                "eu.market-data-updates",
                Pattern::Literal,
                true,
            ),
        ];
        found.extend(too_much.iter().chain(&not_ours).cloned());
        let difference = compare_acls(&settings, &found);
        assert_eq!(difference.missing, [lost.acl]);
        assert_eq!(difference.extra, too_much);
    }
}
