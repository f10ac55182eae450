//! Live prices of the products that another replica carries: from the cache, which all fill.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use coinbase::{ProductId, Symbol};
use kafka_common::messages::MarketDataUpdate;
use service_kit::cache::Cache;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::assignment::Assignment;
use crate::http::Tick;
use crate::quotes::Quotes;
use crate::tick_cache;

/// Between two looks, as often as the cache is written.
const LOOK: Duration = Duration::from_millis(500);

/// Looks at the cache until `shutdown`.
pub async fn run(
    cache: Cache,
    assignment: Arc<Assignment>,
    quotes: Arc<Quotes>,
    shutdown: CancellationToken,
) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut shown: HashMap<ProductId, String> = HashMap::new();
    while shutdown.run_until_cancelled(looks.tick()).await.is_some() {
        let elsewhere = assignment.elsewhere();
        shown.retain(|product, _| elsewhere.contains(product));
        let mut written = Vec::new();
        for product in elsewhere {
            match cache.latest(&tick_cache::key(product.symbol()), 1).await {
                Ok(texts) => {
                    let newest = texts.into_iter().next_back();
                    let newer = newest.filter(|text| shown.get(&product) != Some(text));
                    if let Some(text) = newer {
                        written.extend(brief(product.symbol(), &text));
                        shown.insert(product, text);
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "prices of other replicas can't be read");
                    break;
                }
            }
        }
        if !written.is_empty() {
            quotes.show(written);
        }
    }
}

fn brief(symbol: Symbol, text: &str) -> Option<(Symbol, Arc<str>)> {
    let update: MarketDataUpdate = serde_json::from_str(text).ok()?;
    let json = serde_json::to_string(&Tick::from(update).brief()).ok()?;
    Some((symbol, json.into()))
}
