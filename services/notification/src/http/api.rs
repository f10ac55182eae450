//! `/v1`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Serialize;
use service_kit::auth::{GUEST, Token};
use service_kit::settings::FeedSource;
use service_kit::{Identity, Page, PageQuery, Problem, Role, Scope};
use utoipa::ToSchema;

use super::App;
use crate::store::Notification;

/// Who is asking.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// The user.
    user_id: String,
    /// What they may do.
    role: Role,
    /// Whether they may also see and do what is the installation's.
    operator: bool,
    /// How much of it the token allows.
    scope: Scope,
}

/// What runs here.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Status {
    /// The version.
    version: &'static str,
    /// `embedded` where broker and database are in the process, else `services`.
    mode: &'static str,
    /// Where prices come from: `coinbase` or `simulator`.
    #[schema(value_type = String)]
    feed: FeedSource,
    /// Whether anybody may sign in as guest.
    guest: bool,
    /// Whether users can be told by e-mail.
    email: bool,
}

/// A token for the guest.
#[utoipa::path(
    post, path = "/v1/auth/guest", tag = "auth",
    responses(
        (status = 200, body = Token),
        (status = 403, description = "guest_disabled", body = Problem),
    )
)]
pub(super) async fn guest(State(app): State<App>) -> Result<Json<Token>, Problem> {
    if !app.auth.allows_guest() {
        let detail = "signing in as guest is switched off here";
        return Err(
            Problem::new(StatusCode::FORBIDDEN, "guest_disabled", detail)
                .hint("ask the operator for a token (`algotrade token`), or set auth.guest"),
        );
    }
    app.auth.issue(GUEST, Role::User).map(Json)
}

/// Whom the token is for.
#[utoipa::path(
    get, path = "/v1/auth/me", tag = "auth",
    responses((status = 200, body = Me), (status = 401, body = Problem))
)]
pub(super) async fn me(identity: Identity) -> Json<Me> {
    Json(Me {
        user_id: identity.user_id,
        role: identity.role,
        operator: identity.operator,
        scope: identity.scope,
    })
}

/// The user's latest notifications, newest first.
#[utoipa::path(
    get, path = "/v1/notifications", tag = "notifications", params(PageQuery),
    responses(
        (status = 200, body = Page<Notification>),
        (status = 401, body = Problem),
        (status = 422, description = "invalid_cursor, invalid_query", body = Problem),
    )
)]
pub(super) async fn notifications(
    State(app): State<App>,
    identity: Identity,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<Page<Notification>>, Problem> {
    let Query(query) = query.map_err(|rejection| unprocessable("query", &rejection.body_text()))?;
    let before = match &query.cursor {
        None => i64::MAX,
        Some(cursor) => cursor
            .parse()
            .map_err(|_| unprocessable("cursor", "the cursor is not one of ours"))?,
    };
    let limit = query.limit();
    let items = app
        .store
        .latest(&identity.user_id, before, limit.saturating_add(1))
        .await?;
    Ok(Json(Page::cut(items, limit, |last| last.id.to_string())))
}

pub(super) fn unprocessable(field: &str, detail: &str) -> Problem {
    let code = format!("invalid_{field}");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, &code, detail)
        .field(field)
        .hint("limit is a number from 1 to 500, cursor a page's next_cursor")
}

/// What runs here.
#[utoipa::path(get, path = "/v1/status", tag = "status", responses((status = 200, body = Status)))]
pub(super) async fn status(State(app): State<App>) -> Json<Status> {
    Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        mode: if app.embedded { "embedded" } else { "services" },
        feed: app.feed,
        guest: app.auth.allows_guest(),
        email: app.outside.client.mailer().is_some(),
    })
}
