//! Which products there are: read from the exchange's REST interface, and kept up to date.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::StatusCode;
use coinbase::client::{FeedProducts, RestClient, RestError};
use coinbase::{Catalog, Product, ProductId};
use rust_decimal::Decimal;
use service_kit::Problem;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How long the start waits for the list; after that, the configured products alone are known.
const START_BOUND: Duration = Duration::from_secs(3);
/// Between two readings of the list.
const REFRESH: Duration = Duration::from_secs(600);
/// After a reading that failed; doubled for each further one, up to [`REFRESH`].
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// The products that are known now.
#[derive(Debug)]
pub struct Listing {
    rest: RestClient,
    catalog: RwLock<Arc<Catalog>>,
}

impl Listing {
    /// Reads the list, or makes do with the configured products. The bool tells whether the list
    /// could be read.
    ///
    /// # Errors
    /// The list can't be read and a configured name doesn't say by itself which product it is.
    pub async fn load(rest_url: &str, configured: &[String]) -> anyhow::Result<(Self, bool)> {
        let rest = RestClient::new(rest_url)?;
        let problem = match timeout(START_BOUND, rest.products()).await {
            Ok(Ok(products)) => return Ok((Self::of(rest, products), true)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {START_BOUND:?}"),
        };
        tracing::warn!(
            url = rest_url,
            error = problem,
            "the list of products can't be read: only the configured ones are known for now"
        );
        let products = configured
            .iter()
            .map(|text| {
                let id = ProductId::parse(text).map_err(|error| {
                    anyhow::anyhow!(
                        "feed.products: {error} (shorter names need the list of products, which \
                         {rest_url} doesn't give: {problem})"
                    )
                })?;
                Ok(unlisted(id))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok((Self::of(rest, products), false))
    }

    fn of(rest: RestClient, products: Vec<Product>) -> Self {
        let catalog = RwLock::new(Arc::new(Catalog::new(products.into_iter().filter(is_live))));
        Self { rest, catalog }
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
        carried: FeedProducts,
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
    async fn read(&self, carried: &FeedProducts) -> Result<usize, RestError> {
        let listed = self.rest.products().await?;
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

    #[tokio::test]
    async fn without_the_list_the_configured_products_are_known() {
        let configured = ["BTC-USD", "ETH-USD"].map(str::to_owned);
        let (listing, is_complete) = Listing::load(NOWHERE, &configured).await.unwrap();
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
        let error = Listing::load(NOWHERE, &["BTCUSD".to_owned()])
            .await
            .unwrap_err();
        assert!(error.to_string().contains("feed.products"), "{error}");
    }
}
