//! Who the services are to the broker.

use serde::Deserialize;

use crate::matrix::{
    ForwardTestService, MarketDataService, NotificationService, Service, StrategyService,
};

/// `kafka.security.principals`: the names that ACLs are given to, one for each service and one for
/// the operator's tool.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Principals {
    /// market-data.
    pub market_data: String,
    /// strategy.
    pub strategy: String,
    /// forward-test.
    pub forward_test: String,
    /// notification.
    pub notification: String,
    /// `algotrade ops` and the operator's commands.
    pub ops: String,
}

impl Default for Principals {
    fn default() -> Self {
        Self {
            market_data: "User:market-data".to_owned(),
            strategy: "User:strategy".to_owned(),
            forward_test: "User:forward-test".to_owned(),
            notification: "User:notification".to_owned(),
            ops: "User:ops".to_owned(),
        }
    }
}

impl Principals {
    /// The principal of a service of the matrix.
    #[must_use]
    pub fn of(&self, service: &str) -> Option<&str> {
        match service {
            MarketDataService::NAME => Some(&self.market_data),
            StrategyService::NAME => Some(&self.strategy),
            ForwardTestService::NAME => Some(&self.forward_test),
            NotificationService::NAME => Some(&self.notification),
            _ => None,
        }
    }

    /// Each with the key of its setting.
    #[must_use]
    pub fn all(&self) -> [(&'static str, &str); 5] {
        [
            ("kafka.security.principals.market_data", &self.market_data),
            ("kafka.security.principals.strategy", &self.strategy),
            ("kafka.security.principals.forward_test", &self.forward_test),
            ("kafka.security.principals.notification", &self.notification),
            ("kafka.security.principals.ops", &self.ops),
        ]
    }

    pub(super) fn problems(&self) -> Vec<(&'static str, String)> {
        let all = self.all();
        let mut problems = Vec::new();
        for (index, (key, principal)) in all.iter().enumerate() {
            let name = principal.split_once(':').map_or("", |(_, name)| name);
            if name.trim().is_empty() {
                problems.push((
                    *key,
                    format!("`{principal}` is no principal: write it as User:NAME"),
                ));
            } else if name == "*" {
                problems.push((
                    *key,
                    "would give this service's rights to everybody: name one user".to_owned(),
                ));
            }
            if let Some((other, _)) = all[..index].iter().find(|(_, p)| p == principal) {
                problems.push((
                    *key,
                    format!("`{principal}` is also {other}: each needs a principal of its own"),
                ));
            }
        }
        problems
    }
}
