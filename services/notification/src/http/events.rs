//! The ways to a user's events.

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use service_kit::{ApiJson, Problem};
use utoipa::IntoParams;

use super::App;
use crate::centrifuge::{Emulated, Framing};

/// The user's events: the Centrifuge protocol in JSON; the token comes in the connect command.
#[utoipa::path(
    get, path = "/connection/websocket", tag = "events",
    responses(
        (status = 101, description = "the protocol is switched to WebSocket"),
        (status = 426, description = "upgrade_required", body = Problem),
        (status = 503, description = "too_many_connections", body = Problem),
    )
)]
pub(super) async fn websocket(
    State(app): State<App>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    match upgrade {
        Ok(upgrade) => app.gateway.accept(upgrade),
        Err(rejection) => Problem::new(
            StatusCode::UPGRADE_REQUIRED,
            "upgrade_required",
            rejection.body_text(),
        )
        .hint("connect with a WebSocket; a proxy in front must pass the upgrade on")
        .into_response(),
    }
}

#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct Connect {
    /// The connect command, as JSON.
    cf_connect: String,
}

/// The user's events as server-sent events; what the client sends goes to `/emulation`.
#[utoipa::path(
    get, path = "/connection/sse", tag = "events", params(Connect),
    responses(
        (status = 200, content_type = "text/event-stream"),
        (status = 422, description = "invalid_query", body = Problem),
        (status = 503, description = "too_many_connections", body = Problem),
    )
)]
pub(super) async fn sse(
    State(app): State<App>,
    query: Result<Query<Connect>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(connect) = query.map_err(|rejection| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Problem::new(status, "invalid_query", rejection.body_text())
            .field("cf_connect")
            .hint("official Centrifuge clients send their connect command in it")
    })?;
    Ok(app
        .gateway
        .accept_stream(Framing::Events, connect.cf_connect))
}

/// The user's events as lines of JSON; what the client sends goes to `/emulation`.
#[utoipa::path(
    post, path = "/connection/http_stream", tag = "events", request_body = String,
    responses(
        (status = 200, content_type = "application/json"),
        (status = 503, description = "too_many_connections", body = Problem),
    )
)]
pub(super) async fn http_stream(State(app): State<App>, connect: String) -> Response {
    app.gateway.accept_stream(Framing::Lines, connect)
}

/// Commands of a client that has no connection in both directions.
#[utoipa::path(
    post, path = "/emulation", tag = "events", request_body = Emulated,
    responses(
        (status = 204),
        (status = 404, description = "the connection is gone: connect again", body = Problem),
        (status = 413, description = "message_too_big", body = Problem),
        (status = 429, description = "too_many_commands", body = Problem),
        (status = 503, description = "unavailable", body = Problem),
    )
)]
pub(super) async fn emulation(
    State(app): State<App>,
    ApiJson(emulated): ApiJson<Emulated>,
) -> Result<StatusCode, Problem> {
    app.gateway.emulate(emulated).await?;
    Ok(StatusCode::NO_CONTENT)
}
