//! The REST interface beside the feed.

mod candles;
mod trades;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;

use super::chaos::Verdict;
use super::server::{Shared, listed};
use crate::products::{Product, ProductId};

pub(super) fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let gate = middleware::from_fn_with_state(Arc::clone(shared), gate);
    Router::new()
        .route("/products", get(products))
        .route("/products/{id}", get(product))
        .route("/products/{id}/trades", get(trades::trades))
        .route("/products/{id}/candles", get(candles::candles))
        .layer(gate)
}

type Parameters = HashMap<String, String>;

/// A refusal, as Coinbase words it: `{"message": "NotFound"}`.
struct Refusal(StatusCode, String);

impl Refusal {
    fn not_found() -> Self {
        Self(StatusCode::NOT_FOUND, "NotFound".to_owned())
    }

    fn bad(message: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, message.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            message: String,
        }
        (self.0, axum::Json(Body { message: self.1 })).into_response()
    }
}

/// Turns requests away as the chaos wants it.
async fn gate(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    match shared.rest_gate.ask() {
        Verdict::Pass => next.run(request).await,
        Verdict::TooMany => {
            let message = "Public rate limit exceeded".to_owned();
            let refusal = Refusal(StatusCode::TOO_MANY_REQUESTS, message);
            ([(header::RETRY_AFTER, "1")], refusal).into_response()
        }
        Verdict::Fail => {
            let message = "Internal server error".to_owned();
            Refusal(StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
        }
    }
}

fn find<'s>(shared: &'s Shared, id: &str) -> Result<&'s Product, Refusal> {
    let id = ProductId::parse(id).map_err(|_| Refusal::not_found())?;
    let mut found = shared.products.iter().filter(|product| product.id == id);
    found.next().ok_or_else(Refusal::not_found)
}

/// A parameter that is a number, if it is given.
fn number(parameters: &Parameters, name: &str) -> Result<Option<u64>, Refusal> {
    let Some(text) = parameters.get(name) else {
        return Ok(None);
    };
    match text.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(Refusal::bad(format!("Invalid {name}"))),
    }
}

async fn products(State(shared): State<Arc<Shared>>) -> Response {
    axum::Json(listed(&shared.products)).into_response()
}

async fn product(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    match find(&shared, &id) {
        Ok(product) => axum::Json(listed(std::slice::from_ref(product)).pop()).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}
