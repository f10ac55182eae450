//! `/v1/market/stream`

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use coinbase::Symbol;
use futures_util::stream::{self, Stream, StreamExt};
use serde::Deserialize;
use service_kit::Problem;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::query::Query;
use super::{AppState, Tick};
use crate::quotes::Quotes;
use crate::subscriptions::MAX_PRODUCTS;
use crate::telemetry;

/// A comment comes this often, so that nobody on the way takes a quiet stream for a dead one.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What to watch.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub(super) struct Watched {
    /// Symbols separated by commas, as `BTCUSD,ETHUSD`; at most 500.
    symbols: String,
}

/// Live prices: an event `tick` with the latest trade of a symbol, at most ten a second for each.
/// Trades in between are skipped, and so is what a slow reader missed.
#[utoipa::path(
    get,
    path = "/v1/market/stream",
    operation_id = "watch_market",
    tag = "market data",
    params(Watched),
    responses(
        (status = 200, description = "events `tick`", body = Tick,
            content_type = "text/event-stream"),
        (status = 422, description = "no symbol, or an unknown one",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "too many watch",
            body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn watch(
    State(state): State<AppState>,
    Query(query): Query<Watched>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let symbols = symbols(&state, &query.symbols)?;
    let permit = Arc::clone(&state.streams).try_acquire_owned();
    let place = permit.map(Place::new).map_err(|_| {
        telemetry::stream_refused();
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_streams",
            "too many watch live prices at the moment",
        )
        .hint("close other windows, or try again in a minute")
    })?;
    let watching = Watching {
        rounds: state.quotes.rounds(),
        quotes: Arc::clone(&state.quotes),
        symbols,
        seen: None,
        _place: place,
    };
    let events = stream::unfold(watching, |mut watching| async {
        let events = watching.next().await?;
        Some((stream::iter(events), watching))
    });
    let events = events.flatten().map(Ok);
    // A browser never ends its stream; the service's end must.
    let events = events.take_until(state.shutdown.clone().cancelled_owned());
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// The symbols that a comma-separated text names, each once.
fn symbols(state: &AppState, text: &str) -> Result<Vec<Symbol>, Problem> {
    let names = text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    let mut symbols = BTreeSet::new();
    for name in names {
        let product = state
            .listing
            .find(name)
            .map_err(|problem| problem.field("symbols"))?;
        symbols.insert(product.symbol());
        if symbols.len() > MAX_PRODUCTS {
            break;
        }
    }
    match symbols.len() {
        1..=MAX_PRODUCTS => Ok(symbols.into_iter().collect()),
        _ => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_field",
            format!("1 to {MAX_PRODUCTS} symbols can be watched at once"),
        )
        .field("symbols")
        .hint("for example ?symbols=BTCUSD,ETHUSD")),
    }
}

/// One of the places for streams, free again when the stream is dropped.
struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        telemetry::streams(1.0);
        Self { _permit: permit }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        telemetry::streams(-1.0);
    }
}

struct Watching {
    rounds: watch::Receiver<u64>,
    quotes: Arc<Quotes>,
    symbols: Vec<Symbol>,
    /// The newest round that was told; `None` before the first look, which tells what is known.
    seen: Option<u64>,
    _place: Place,
}

impl Watching {
    /// The next events, none if nothing that is watched has changed; `None` at the end.
    async fn next(&mut self) -> Option<Vec<Event>> {
        if self.seen.is_some() {
            self.rounds.changed().await.ok()?;
        }
        let (round, newer) = self
            .quotes
            .since(&self.symbols, self.seen.unwrap_or_default());
        self.seen = Some(round);
        let event = |json: Arc<str>| Event::default().event("tick").data(json);
        Some(newer.into_iter().map(event).collect())
    }
}
