//! `/v1/products`

use axum::Json;
use axum::extract::State;
use rust_decimal::Decimal;
use serde::Serialize;
use service_kit::{Page, PageQuery};

use super::AppState;
use super::query::Query;

/// What can be subscribed to.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(super) struct Product {
    /// The exchange's name, as `BTC-USD`.
    id: String,
    /// The name here, as `BTCUSD`.
    symbol: String,
    /// What is bought and sold.
    base: String,
    /// What it is paid with.
    quote: String,
    /// Smallest step of a size.
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    base_increment: Decimal,
    /// Smallest step of a price.
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    quote_increment: Decimal,
    /// `online` as long as it trades; `unknown` while the exchange's list can't be read.
    status: String,
}

impl From<&coinbase::Product> for Product {
    fn from(product: &coinbase::Product) -> Self {
        Self {
            id: product.id.to_string(),
            symbol: product.symbol().to_string(),
            base: product.base_currency.clone(),
            quote: product.quote_currency.clone(),
            base_increment: product.base_increment,
            quote_increment: product.quote_increment,
            status: product.status.clone(),
        }
    }
}

/// What can be subscribed to, sorted by id.
#[utoipa::path(
    get,
    path = "/v1/products",
    operation_id = "list_products",
    tag = "market data",
    params(PageQuery),
    responses((status = 200, body = Page<Product>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Query(page): Query<PageQuery>,
) -> Json<Page<Product>> {
    let catalog = state.listing.catalog();
    let after = page.cursor.clone().unwrap_or_default();
    let limit = page.limit();
    let items = catalog
        .iter()
        .filter(|product| product.id.as_str() > after.as_str())
        .take(usize::try_from(limit).unwrap_or_default() + 1)
        .map(Product::from)
        .collect();
    Json(Page::cut(items, limit, |product| product.id.clone()))
}
