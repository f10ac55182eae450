//! The simulator's HTTP side: the WebSocket's upgrade, and what all connections share.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::chaos::{Chaos, RestGate};
use super::hub::Hub;
use super::speech::Language;
use super::{connection, rest};
use crate::exchange::FrameKind;
use crate::products::{Product, ProductId};

/// Clients beyond this are refused with 503.
pub(super) const MAX_CLIENTS: usize = 64;

/// Requests are small; this is room for a subscription to every product that Coinbase lists.
const MAX_REQUEST: usize = 1 << 20;

/// Frames are written to the socket in pieces of this size.
const WRITE_BUFFER: usize = 256 << 10;

/// What all connections share.
pub(super) struct Shared {
    pub hub: Arc<Hub>,
    pub products: Vec<Product>,
    pub listed: BTreeSet<ProductId>,
    pub status_frame: String,
    pub chaos: Chaos,
    pub rest_gate: RestGate,
    /// The kind of frame that brings each trade of the source once.
    pub trades: FrameKind,
    pub subscribe_within: std::time::Duration,
    pub clients: Arc<Semaphore>,
    /// Ends everything.
    pub stop: CancellationToken,
    /// Ends the connections that are open now; replaced when used.
    pub drop_clients: std::sync::Mutex<CancellationToken>,
    pub tasks: TaskTracker,
}

impl Shared {
    /// A token that is cancelled when this connection must end.
    fn connection_token(&self) -> CancellationToken {
        self.drop_token().clone()
    }

    /// Ends the connections that are open now.
    pub fn drop_clients(&self) {
        let next = self.stop.child_token();
        std::mem::replace(&mut *self.drop_token(), next).cancel();
    }

    /// Nothing can panic while it is held.
    fn drop_token(&self) -> std::sync::MutexGuard<'_, CancellationToken> {
        self.drop_clients
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(exchange))
        .route("/advanced", get(advanced))
        .merge(rest::router(&shared))
        .with_state(shared)
}

/// The `status` frame of these products, whose fields are those of `GET /products`.
pub(super) fn status_frame(products: &[Product]) -> String {
    #[derive(serde::Serialize)]
    struct Status<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        products: Vec<Listed<'a>>,
        currencies: [(); 0],
    }
    let status = Status {
        kind: "status",
        products: listed(products),
        currencies: [],
    };
    // Only strings and booleans: it can't fail.
    serde_json::to_string(&status).unwrap_or_default()
}

/// A product as Coinbase lists it, with the fields that this crate doesn't read.
#[derive(serde::Serialize)]
pub(super) struct Listed<'a> {
    #[serde(flatten)]
    product: &'a Product,
    display_name: ProductId,
    min_market_funds: &'static str,
    post_only: bool,
    limit_only: bool,
    cancel_only: bool,
    fx_stablecoin: bool,
}

pub(super) fn listed(products: &[Product]) -> Vec<Listed<'_>> {
    let one = |product| Listed {
        product,
        display_name: product.id,
        min_market_funds: "1",
        post_only: false,
        limit_only: false,
        cancel_only: false,
        fx_stablecoin: false,
    };
    products.iter().map(one).collect()
}

async fn exchange(State(shared): State<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    serve(shared, upgrade, Language::Exchange)
}

async fn advanced(State(shared): State<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    serve(shared, upgrade, Language::Advanced)
}

fn serve(shared: Arc<Shared>, upgrade: WebSocketUpgrade, language: Language) -> Response {
    let Ok(permit) = Arc::clone(&shared.clients).try_acquire_owned() else {
        let text = format!("more than {MAX_CLIENTS} clients");
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::RETRY_AFTER, "1")],
            text,
        )
            .into_response();
    };
    let dropped = shared.connection_token();
    let tasks = shared.tasks.clone();
    upgrade
        .max_message_size(MAX_REQUEST)
        .write_buffer_size(WRITE_BUFFER)
        .on_upgrade(move |socket| {
            tasks.track_future(async move {
                connection::serve(socket, shared, language, dropped).await;
                drop(permit);
            })
        })
}
