//! The ways to a user's events.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use service_kit::{Problem, json};
use utoipa::{IntoParams, ToSchema};

use super::App;
use crate::centrifuge::{EmulatedFrame, Encoding, Frame, Framing};

/// What clients call a body in protobuf.
const PROTOBUF: &str = "application/octet-stream";

#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct Asked {
    /// How commands and replies are written, for clients that ask for it with no subprotocol.
    #[param(inline)]
    cf_protocol: Option<Protocol>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Protocol {
    Json,
    Protobuf,
}

impl From<Protocol> for Encoding {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Json => Self::Json,
            Protocol::Protobuf => Self::Protobuf,
        }
    }
}

/// The user's events: the Centrifuge protocol, in JSON, or in protobuf with the subprotocol
/// `centrifuge-protobuf`; the token comes in the connect command.
#[utoipa::path(
    get, path = "/connection/websocket", tag = "events", params(Asked),
    responses(
        (status = 101, description = "the protocol is switched to WebSocket"),
        (status = 422, description = "invalid_query", body = Problem),
        (status = 426, description = "upgrade_required", body = Problem),
        (status = 503, description = "too_many_connections", body = Problem),
    )
)]
pub(super) async fn websocket(
    State(app): State<App>,
    query: Result<Query<Asked>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|rejection| {
        let status = StatusCode::UPGRADE_REQUIRED;
        Problem::new(status, "upgrade_required", rejection.body_text())
            .hint("connect with a WebSocket; a proxy in front must pass the upgrade on")
    })?;
    let Query(asked) = query.map_err(|rejection| {
        invalid_query(&rejection, "cf_protocol").hint("it is json or protobuf")
    })?;
    let encoding = asked.cf_protocol.map_or(Encoding::Json, Encoding::from);
    Ok(app.gateway.accept(upgrade, encoding))
}

fn invalid_query(rejection: &QueryRejection, field: &str) -> Problem {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Problem::new(status, "invalid_query", rejection.body_text()).field(field)
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
        invalid_query(&rejection, "cf_connect")
            .hint("official Centrifuge clients send their connect command in it")
    })?;
    let first = Frame::Text(connect.cf_connect);
    Ok(app.gateway.accept_stream(Framing::Events, first))
}

/// The user's events as lines of JSON, or as replies in protobuf behind their lengths, as the body
/// is; what the client sends goes to `/emulation`.
#[utoipa::path(
    post, path = "/connection/http_stream", tag = "events",
    request_body(content((String = "application/json"), (Vec<u8> = "application/octet-stream"))),
    responses(
        (status = 200, content((String = "application/json"), (Vec<u8> = "application/octet-stream"))),
        (status = 400, description = "invalid_text", body = Problem),
        (status = 503, description = "too_many_connections", body = Problem),
    )
)]
pub(super) async fn http_stream(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let connect = readable(body)?;
    if is_protobuf(&headers) {
        let first = Frame::Binary(connect.into());
        return Ok(app.gateway.accept_stream(Framing::Delimited, first));
    }
    let connect = String::from_utf8(connect.into()).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, "invalid_text", error.to_string())
            .hint("send JSON, or protobuf with the content type application/octet-stream")
    })?;
    let first = Frame::Text(connect);
    Ok(app.gateway.accept_stream(Framing::Lines, first))
}

fn readable(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Problem> {
    body.map_err(|rejection| {
        Problem::new(rejection.status(), "body_unreadable", rejection.body_text())
    })
}

fn is_protobuf(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().eq_ignore_ascii_case(PROTOBUF.as_bytes()))
}

/// What a client sends that has no connection in both directions.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Emulated {
    /// From the answer to its connect command.
    session: String,
    /// From the same answer: the process that holds the connection.
    node: String,
    /// Commands, as in a frame of the WebSocket.
    data: String,
}

impl From<Emulated> for EmulatedFrame {
    fn from(emulated: Emulated) -> Self {
        Self {
            session: emulated.session,
            node: emulated.node,
            frame: Frame::Text(emulated.data),
        }
    }
}

/// Commands of a client that has no connection in both directions.
#[utoipa::path(
    post, path = "/emulation", tag = "events",
    request_body(content((Emulated = "application/json"), (Vec<u8> = "application/octet-stream"))),
    responses(
        (status = 204),
        (status = 400, description = "invalid_json, invalid_protobuf", body = Problem),
        (status = 404, description = "the connection is gone: connect again", body = Problem),
        (status = 413, description = "message_too_big", body = Problem),
        (status = 429, description = "too_many_commands", body = Problem),
        (status = 503, description = "unavailable", body = Problem),
    )
)]
pub(super) async fn emulation(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    let body = readable(body)?;
    let emulated = match is_protobuf(&headers) {
        true => EmulatedFrame::decode(&body)?,
        false => json::parse::<Emulated>(&body)?.into(),
    };
    app.gateway.emulate(emulated).await?;
    Ok(StatusCode::NO_CONTENT)
}
