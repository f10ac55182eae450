//! The feed carries what sessions trade on: each symbol as long as one of them runs. The sessions are
//! counted here, where they are known; market-data sees this service as one who asks.

use std::collections::BTreeSet;

use sqlx::PgPool;

use crate::peers::{CallError, Peers};
use crate::repository;

/// Which symbols no session wanted at the last look.
#[derive(Debug, Default)]
pub(crate) struct Subscribing {
    idle: BTreeSet<String>,
}

impl Subscribing {
    /// Subscribes to what is wanted, and gives up what isn't.
    pub(crate) async fn round(
        &mut self,
        database: &PgPool,
        peers: &Peers,
    ) -> Result<(), sqlx::Error> {
        let active = repository::active_symbols(database).await?;
        for symbol in &active {
            if let Err(error) = peers.subscribe(symbol).await {
                tracing::warn!(symbol, ?error, "symbol of a running session not subscribed");
            }
        }
        match peers.subscriptions().await {
            Ok(held) => {
                for symbol in self.leaving(held, &active) {
                    leave(peers, &symbol).await;
                }
            }
            Err(error) => tracing::warn!(?error, "market-data doesn't tell what it carries"),
        }
        Ok(())
    }

    /// What is carried for us and that no session wants, now and at the look before: a session that
    /// is being made subscribes before it is in the database.
    fn leaving(&mut self, held: Vec<String>, active: &[String]) -> Vec<String> {
        let held = held.into_iter();
        let idle: BTreeSet<String> = held.filter(|symbol| !active.contains(symbol)).collect();
        let leave = idle.intersection(&self.idle).cloned().collect();
        self.idle = idle;
        leave
    }
}

async fn leave(peers: &Peers, symbol: &str) {
    match peers.unsubscribe(symbol).await {
        Ok(()) => tracing::info!(symbol, "no session trades on it any more"),
        Err(CallError::Refused(problem)) if matches!(problem.status, 404 | 409) => {}
        Err(error) => tracing::warn!(symbol, ?error, "symbol without sessions not given up"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_symbol_is_given_up_once_nobody_wanted_it_twice_in_a_row() {
        let mut subscribing = Subscribing::default();
        let held = || symbols(&["BTCUSD", "ETHUSD", "SOLUSD"]);
        let mut look = |active: &[&str]| subscribing.leaving(held(), &symbols(active));
        assert!(look(&["BTCUSD"]).is_empty());
        assert_eq!(look(&["BTCUSD", "ETHUSD"]), ["SOLUSD"]);
        // Wanted again in between.
        assert_eq!(look(&["BTCUSD"]), ["SOLUSD"]);
        assert_eq!(look(&["BTCUSD"]), ["ETHUSD", "SOLUSD"]);
        assert!(look(&["BTCUSD", "ETHUSD", "SOLUSD"]).is_empty());
    }
}
