//! The exchange's REST interface: products and trades, with the cursors that Coinbase has.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use coinbase::{Product, Trade};
use serde::Deserialize;
use serde_json::{Value, json};

/// Coinbase's default.
const DEFAULT_LIMIT: usize = 100;

#[derive(Debug, Default)]
struct Shared {
    products: Vec<Product>,
    trades: Mutex<HashMap<String, BTreeMap<u64, Trade>>>,
    candles: Mutex<HashMap<String, Vec<[i64; 6]>>>,
    requests: AtomicU64,
    failures: AtomicU64,
}

/// A running double; it ends with the test's runtime.
#[derive(Debug, Clone)]
pub struct RestDouble {
    url: String,
    shared: Arc<Shared>,
}

#[derive(Debug, Deserialize)]
struct Cursor {
    after: Option<u64>,
    before: Option<u64>,
    limit: Option<usize>,
}

impl RestDouble {
    pub async fn start(products: &[Product], trades: impl IntoIterator<Item = Trade>) -> Self {
        let shared = Arc::new(Shared {
            products: products.to_vec(),
            ..Shared::default()
        });
        let router = Router::new()
            .route("/products", get(list))
            .route("/products/{id}/trades", get(page))
            .route("/products/{id}/candles", get(candles))
            .with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let double = Self { url, shared };
        double.add(trades);
        double
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    pub fn add(&self, trades: impl IntoIterator<Item = Trade>) {
        let mut known = self.shared.trades.lock().unwrap();
        for trade in trades {
            let of_product = known.entry(trade.product_id.to_string()).or_default();
            of_product.insert(trade.trade_id, trade);
        }
    }

    /// A product's candles as Coinbase writes them: time, low, high, open, close, volume.
    pub fn set_candles(&self, product: &str, candles: Vec<[i64; 6]>) {
        let mut known = self.shared.candles.lock().unwrap();
        known.insert(product.to_owned(), candles);
    }

    /// Requests for trades so far.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// The next requests for trades fail.
    pub fn fail(&self, count: u64) {
        self.shared.failures.store(count, Ordering::SeqCst);
    }
}

async fn list(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(serde_json::to_value(&shared.products).unwrap())
}

async fn page(
    State(shared): State<Arc<Shared>>,
    Path(product): Path<String>,
    Query(cursor): Query<Cursor>,
) -> Response {
    shared.requests.fetch_add(1, Ordering::SeqCst);
    let failure = shared
        .failures
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        });
    if failure.is_ok() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let trades = shared.trades.lock().unwrap();
    let Some(trades) = trades.get(&product) else {
        return (StatusCode::NOT_FOUND, Json(json!({"message": "NotFound"}))).into_response();
    };
    let limit = cursor.limit.unwrap_or(DEFAULT_LIMIT).min(1_000);
    let older_than = cursor.after.unwrap_or(u64::MAX);
    let newer_than = cursor.before.map_or(0, |before| before + 1);
    let range = trades.range(newer_than..older_than.max(newer_than));
    let rows: Vec<&Trade> = range.map(|(_, trade)| trade).rev().take(limit).collect();
    let body: Vec<Value> = rows.iter().map(|trade| row(trade)).collect();
    let mut response = Json(body).into_response();
    if let (Some(newest), Some(oldest)) = (rows.first(), rows.last()) {
        let headers = response.headers_mut();
        headers.insert("cb-before", newest.trade_id.into());
        if trades.range(..oldest.trade_id).next().is_some() {
            headers.insert("cb-after", oldest.trade_id.into());
        }
    }
    response
}

/// Sizes are padded, and the side is the maker's.
fn row(trade: &Trade) -> Value {
    json!({
        "trade_id": trade.trade_id,
        "side": trade.side.map_or("buy", |side| side.opposite().as_str()),
        "size": format!("{:.8}", trade.size),
        "price": trade.price.to_string(),
        "time": trade.time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
    })
}

#[derive(Debug, Deserialize)]
struct Span {
    granularity: i64,
    start: Option<String>,
    end: Option<String>,
}

/// The newest first, at most 300 a request.
async fn candles(
    State(shared): State<Arc<Shared>>,
    Path(product): Path<String>,
    Query(span): Query<Span>,
) -> Response {
    let time = |text: &str| {
        let time: chrono::DateTime<chrono::Utc> = text.parse().unwrap();
        time.timestamp()
    };
    let (start, end) = (
        span.start.as_deref().map(time),
        span.end.as_deref().map(time),
    );
    if let (Some(start), Some(end)) = (start, end)
        && (end - start) / span.granularity > 300
    {
        return (
            StatusCode::BAD_REQUEST,
            Json(json!({"message": "too many"})),
        )
            .into_response();
    }
    let candles = shared.candles.lock().unwrap();
    let Some(candles) = candles.get(&product) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let is_inside = |row: &&[i64; 6]| {
        start.is_none_or(|start| row[0] >= start) && end.is_none_or(|end| row[0] <= end)
    };
    let rows: Vec<&[i64; 6]> = candles.iter().rev().filter(is_inside).take(300).collect();
    Json(rows).into_response()
}
