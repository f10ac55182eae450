//! Pausing, resuming and cloning sessions.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use service_kit::{Identity, Problem};
use uuid::Uuid;

use crate::answers::SessionAnswer;
use crate::commands::{self, Command};
use crate::repository::NewSession;
use crate::sessions::{find, keyed_id, start};
use crate::state::AppState;

async fn ask(
    state: &AppState,
    identity: &Identity,
    id: Uuid,
    kind: &str,
    from: &[&str],
) -> Result<(StatusCode, Json<SessionAnswer>), Problem> {
    let session = find(state, &identity.user_id, id).await?;
    if !from.contains(&session.status.as_str()) {
        let detail = format!("the session is {}", session.status);
        return Err(Problem::new(StatusCode::CONFLICT, "wrong_status", detail)
            .hint(format!("{kind} works where it is {}", from.join(" or "))));
    }
    commands::send(state, id, Uuid::now_v7(), &Command::without_trade(kind)).await?;
    Ok((StatusCode::ACCEPTED, Json(session.into())))
}

/// Pauses a session: the strategy's orders are rejected, open orders stay. It takes effect at a
/// place in the log, so the answer may still say `RUNNING`.
#[utoipa::path(post, path = "/v1/sessions/{id}/pause", tag = "sessions",
    params(("id" = Uuid, Path)),
    responses((status = 202, body = SessionAnswer), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn pause(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<(StatusCode, Json<SessionAnswer>), Problem> {
    ask(&state, &identity, id, "pause", &["RUNNING"]).await
}

/// Takes orders again after a pause, or after a risk limit halted the session.
#[utoipa::path(post, path = "/v1/sessions/{id}/resume", tag = "sessions",
    params(("id" = Uuid, Path)),
    responses((status = 202, body = SessionAnswer), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn resume(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<(StatusCode, Json<SessionAnswer>), Problem> {
    // RUNNING too: after a limit that rejects purchases only.
    ask(&state, &identity, id, "resume", &["PAUSED", "RUNNING"]).await
}

/// Starts a session with the terms of another, now. The strategy's latest version is used.
#[utoipa::path(post, path = "/v1/sessions/{id}/clone", tag = "sessions",
    params(("id" = Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = SessionAnswer), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn clone(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let session = find(&state, &identity.user_id, id).await?;
    let new = NewSession {
        id: keyed_id(&headers, &format!("clone/{id}"))?,
        user_id: session.user_id,
        name: session.name,
        strategy_id: session.strategy_id,
        symbol: session.symbol,
        timeframe: session.timeframe,
        initial_balance: session.initial_balance,
        fee_rate: session.fee_rate,
        terms: session.terms.map(|terms| terms.0),
    };
    start(&state, new).await
}
