//! Which products there are: read from the exchange's REST interface, and kept up to date.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::StatusCode;
use coinbase::client::{PoolProducts, RestClient, RestError};
use coinbase::{Catalog, Product, ProductId};
use rust_decimal::Decimal;
use service_kit::Problem;
use service_kit::cache::Cache;
use service_kit::settings::FeedSettings;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How long the start waits for the list; after that, the configured products alone are known.
const START_BOUND: Duration = Duration::from_secs(3);
/// Between two readings of the list.
const REFRESH: Duration = Duration::from_secs(600);
/// How long a list that was read is kept in the cache.
const KEEP: Duration = Duration::from_secs(7 * 24 * 3_600);
/// After a reading that failed; doubled for each further one, up to [`REFRESH`].
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// The products that are known now.
#[derive(Debug)]
pub struct Listing {
    rest: RestClient,
    keep: Kept,
    catalog: RwLock<Arc<Catalog>>,
}

/// The list that was last read, in the cache, for a start at which it can't be.
#[derive(Debug)]
struct Kept {
    cache: Cache,
    key: String,
}

impl Kept {
    /// Best effort: the next reading writes it again.
    async fn write(&self, products: &[Product]) {
        let Ok(text) = serde_json::to_string(products) else {
            return;
        };
        if let Err(error) = self.cache.put(&self.key, &text, KEEP).await {
            tracing::warn!(%error, "the list of products is not cached");
        }
    }

    async fn read(&self) -> Option<Vec<Product>> {
        match self.cache.get(&self.key).await {
            Ok(text) => serde_json::from_str(&text?).ok(),
            Err(error) => {
                tracing::warn!(%error, "the cached list of products can't be read");
                None
            }
        }
    }
}

impl Listing {
    /// Reads the list; or takes the one that was last read, from the cache; or makes do with the
    /// configured products. The bool tells whether the list could be read.
    ///
    /// # Errors
    /// There is no list and a configured name doesn't say by itself which product it is.
    pub async fn load(
        rest: RestClient,
        settings: &FeedSettings,
        cache: &Cache,
    ) -> anyhow::Result<(Self, bool)> {
        let keep = Kept {
            cache: cache.clone(),
            key: format!("products:{}", settings.source.as_str()),
        };
        let url = &settings.rest_url;
        let problem = match timeout(START_BOUND, rest.products()).await {
            Ok(Ok(products)) => {
                keep.write(&products).await;
                return Ok((Self::of(rest, keep, products), true));
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {START_BOUND:?}"),
        };
        if let Some(products) = keep.read().await {
            tracing::warn!(
                url,
                error = problem,
                products = products.len(),
                "the list of products can't be read: the one that was last read is used for now"
            );
            return Ok((Self::of(rest, keep, products), false));
        }
        tracing::warn!(
            url,
            error = problem,
            "the list of products can't be read: only the configured ones are known for now"
        );
        let products = settings
            .products
            .iter()
            .map(|text| {
                let id = ProductId::parse(text).map_err(|error| {
                    anyhow::anyhow!(
                        "feed.products: {error} (shorter names need the list of products, which \
                         {url} doesn't give: {problem})"
                    )
                })?;
                Ok(unlisted(id))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok((Self::of(rest, keep, products), false))
    }

    fn of(rest: RestClient, keep: Kept, products: Vec<Product>) -> Self {
        let catalog = RwLock::new(Arc::new(Catalog::new(products.into_iter().filter(is_live))));
        Self {
            rest,
            keep,
            catalog,
        }
    }

    /// The products of the moment.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a product that nothing is known of but its id, unless it is listed.
    pub fn assume(&self, id: ProductId) {
        let known = self.catalog();
        if known.by_id(id).is_some() {
            return;
        }
        self.replace(known.iter().cloned().chain([unlisted(id)]).collect());
    }

    /// The product that a text names, as `BTC-USD`, `BTCUSD` or `btc/usd`.
    ///
    /// # Errors
    /// 422 with the names that are nearest.
    pub fn find(&self, text: &str) -> Result<Product, Problem> {
        let catalog = self.catalog();
        catalog
            .find(text)
            .cloned()
            .ok_or_else(|| unknown_symbol(text, &catalog))
    }

    /// Keeps the list up to date until `shutdown`.
    pub async fn refresh(
        self: Arc<Self>,
        is_complete: bool,
        carried: PoolProducts,
        shutdown: CancellationToken,
    ) {
        let mut failed_wait = FIRST_RETRY;
        let mut wait = if is_complete { REFRESH } else { FIRST_RETRY };
        while shutdown.run_until_cancelled(sleep(wait)).await.is_some() {
            let Some(read) = shutdown.run_until_cancelled(self.read(&carried)).await else {
                return;
            };
            match read {
                Ok(count) => {
                    tracing::debug!(count, "list of products read");
                    (wait, failed_wait) = (REFRESH, FIRST_RETRY);
                }
                Err(error) => {
                    tracing::warn!(%error, retry_in = ?failed_wait, "list of products not read");
                    wait = failed_wait;
                    failed_wait = (failed_wait * 2).min(REFRESH);
                }
            }
        }
    }

    /// Reads the list. What is carried and no longer listed stays known, so that it can be dropped.
    async fn read(&self, carried: &PoolProducts) -> Result<usize, RestError> {
        let listed = self.rest.products().await?;
        self.keep.write(&listed).await;
        let known = self.catalog();
        let carried = carried.current();
        let kept = carried.iter().filter_map(|id| known.by_id(*id)).cloned();
        // Of two with the same id the later counts: the listed one.
        let catalog = kept.chain(listed.into_iter().filter(is_live)).collect();
        Ok(self.replace(catalog))
    }

    fn replace(&self, catalog: Catalog) -> usize {
        let count = catalog.len();
        *self.catalog.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalog);
        count
    }
}

/// The exchange lists what it has given up, too; its feed refuses that.
fn is_live(product: &Product) -> bool {
    product.status != "delisted"
}

/// A product of which only the id is known. The steps are those of the exchange's large products.
fn unlisted(id: ProductId) -> Product {
    Product {
        id,
        base_currency: id.base().to_owned(),
        quote_currency: id.quote().to_owned(),
        base_increment: Decimal::new(1, 8),
        quote_increment: Decimal::new(1, 2),
        status: "unknown".to_owned(),
        status_message: None,
        trading_disabled: false,
    }
}

fn unknown_symbol(text: &str, catalog: &Catalog) -> Problem {
    let excerpt: String = text.chars().take(32).collect();
    let near: Vec<String> = catalog
        .suggest(text)
        .iter()
        .map(ToString::to_string)
        .collect();
    let hint = match near.as_slice() {
        [] => "GET /v1/products lists the symbols that there are".to_owned(),
        [one] => format!("did you mean {one}?"),
        [others @ .., last] => format!("did you mean {} or {last}?", others.join(", ")),
    };
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "unknown_symbol",
        format!("`{excerpt}` is not a symbol that the feed has"),
    )
    .field("symbol")
    .hint(hint)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    /// Nobody listens there.
    const NOWHERE: &str = "http://127.0.0.1:1";

    async fn load(configured: &[&str], cache: &Cache) -> anyhow::Result<(Listing, bool)> {
        let settings = FeedSettings {
            rest_url: NOWHERE.to_owned(),
            products: configured.iter().map(|name| (*name).to_owned()).collect(),
            ..FeedSettings::default()
        };
        let rest = RestClient::new(NOWHERE).unwrap();
        Listing::load(rest, &settings, cache).await
    }

    #[tokio::test]
    async fn the_list_that_was_last_read_is_used() {
        let cache = Cache::in_memory();
        let product = unlisted(ProductId::parse("DOGE-USD").unwrap());
        let keep = Kept {
            cache: cache.clone(),
            key: "products:coinbase".to_owned(),
        };
        keep.write(&[product]).await;
        let (listing, is_complete) = load(&["dogeusd"], &cache).await.unwrap();
        assert!(!is_complete, "it is to be read soon");
        assert_eq!(listing.find("DOGEUSD").unwrap().id.as_str(), "DOGE-USD");
    }

    #[tokio::test]
    async fn without_the_list_the_configured_products_are_known() {
        let cache = Cache::in_memory();
        let (listing, is_complete) = load(&["BTC-USD", "ETH-USD"], &cache).await.unwrap();
        assert!(!is_complete);
        assert_eq!(listing.find("btcusd").unwrap().id.as_str(), "BTC-USD");
        let problem = listing.find("BTCUDS").unwrap_err();
        assert_eq!(
            (problem.status, problem.code.as_str()),
            (422, "unknown_symbol")
        );
        assert_eq!(problem.field.as_deref(), Some("symbol"));
        let hint = problem.hint.unwrap();
        assert!(hint.starts_with("did you mean BTCUSD"), "{hint}");
        listing.assume(ProductId::parse("DOGE-USD").unwrap());
        assert_eq!(listing.find("DOGEUSD").unwrap().status, "unknown");
        assert_eq!(listing.catalog().len(), 3);
    }

    #[tokio::test]
    async fn a_short_name_needs_the_list() {
        let error = load(&["BTCUSD"], &Cache::in_memory()).await.unwrap_err();
        assert!(error.to_string().contains("feed.products"), "{error}");
    }
}
