//! How the feed is, for the health check.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use coinbase::ProductId;
use coinbase::client::PoolProducts;
use serde_json::{Value, json};

/// Products that the exchange refused and that are still told about.
const MAX_REFUSED: usize = 100;

#[derive(Debug)]
struct Connection {
    /// Why it isn't connected; `None` if it is.
    lost: Option<String>,
    /// When it connected or something last came.
    alive: Instant,
}

#[derive(Debug, Default)]
struct State {
    connections: BTreeMap<usize, Connection>,
    /// Products that the exchange doesn't have, and what it said.
    refused: BTreeMap<ProductId, String>,
}

/// How the feed is, for the health check.
#[derive(Debug)]
pub struct FeedHealth {
    products: PoolProducts,
    stale_after: Option<Duration>,
    state: Mutex<State>,
}

impl FeedHealth {
    /// Not connected yet.
    pub fn new(products: PoolProducts, stale_after: Option<Duration>) -> Self {
        Self {
            products,
            stale_after,
            state: Mutex::default(),
        }
    }

    /// Ok if all connections are there and none is silent for too long. A fresh connection needs no
    /// data to be good, and without products there is nothing to be connected for.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), String> {
        if self.products.current().is_empty() {
            return Ok(());
        }
        let expected = self.products.connections();
        let state = self.state();
        for number in 0..expected {
            let problem = match state.connections.get(&number) {
                None => Some("not connected yet".to_owned()),
                Some(Connection {
                    lost: Some(why), ..
                }) => Some(why.clone()),
                Some(connection) => self.silence(connection),
            };
            match problem {
                Some(problem) if expected == 1 => return Err(problem),
                Some(problem) => {
                    return Err(format!(
                        "connection {} of {expected}: {problem}",
                        number + 1
                    ));
                }
                None => {}
            }
        }
        Ok(())
    }

    fn silence(&self, connection: &Connection) -> Option<String> {
        let silence = connection.alive.elapsed();
        let bound = self.stale_after?;
        (silence > bound).then(|| format!("nothing came for {silence:.0?}"))
    }

    /// What the health page tells besides.
    pub fn detail(&self) -> Value {
        let state = self.state();
        let refused: BTreeMap<&str, &str> = state
            .refused
            .iter()
            .map(|(product, why)| (product.as_str(), why.as_str()))
            .collect();
        json!({"connections": self.products.connections(), "refused_products": refused})
    }

    /// A connection came about.
    pub fn connected(&self, connection: usize) {
        let fresh = Connection {
            lost: None,
            alive: Instant::now(),
        };
        self.state().connections.insert(connection, fresh);
    }

    /// Something came over a connection.
    pub fn alive(&self, connection: usize, now: Instant) {
        if let Some(connection) = self.state().connections.get_mut(&connection) {
            connection.alive = now;
        }
    }

    /// A connection is gone.
    pub fn disconnected(&self, connection: usize, why: String) {
        let gone = Connection {
            lost: Some(why),
            alive: Instant::now(),
        };
        self.state().connections.insert(connection, gone);
    }

    /// The exchange doesn't have a product.
    pub fn refused(&self, product: ProductId, why: String) {
        let mut state = self.state();
        if state.refused.len() < MAX_REFUSED {
            state.refused.insert(product, why);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use coinbase::client::{FeedConfig, FeedPool, PoolConfig};
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test]
    async fn ready_once_connected_and_while_something_comes() {
        let stop = CancellationToken::new();
        let config = PoolConfig {
            feed: FeedConfig::new("ws://127.0.0.1:1"),
            products_per_connection: 1,
            stagger: Duration::ZERO,
        };
        let feed = FeedPool::spawn(config, stop.clone());
        let stale = Some(Duration::from_millis(20));
        let health = FeedHealth::new(feed.products().clone(), stale);
        assert_eq!(
            health.check(),
            Ok(()),
            "there is nothing to be connected for"
        );
        let product = |id| ProductId::parse(id).unwrap();
        feed.products().subscribe([product("BTC-USD")]);
        assert!(health.check().is_err(), "not connected yet");
        health.connected(0);
        assert_eq!(health.check(), Ok(()), "no data is needed at first");
        std::thread::sleep(Duration::from_millis(40));
        assert!(health.check().unwrap_err().contains("nothing came"));
        health.alive(0, Instant::now() + Duration::from_secs(60));
        assert_eq!(health.check(), Ok(()));
        feed.products().subscribe([product("ETH-USD")]);
        assert!(health.check().unwrap_err().starts_with("connection 2 of 2"));
        health.connected(1);
        health.disconnected(0, "gone".to_owned());
        assert_eq!(health.check(), Err("connection 1 of 2: gone".to_owned()));
        stop.cancel();
    }
}
