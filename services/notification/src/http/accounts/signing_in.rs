//! Signing in and out, staying signed in, and where one is signed in.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{AsHeaderName, RETRY_AFTER, SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use secrecy::SecretString;
use serde::Deserialize;
use service_kit::auth::Token;
use service_kit::{ApiJson, Identity, Problem};
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::App;
use super::cookie::{self, BrowserCookie};
use crate::accounts::Browser;

/// A name and its password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    /// The name.
    user_id: String,
    /// The password.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// The password that is, and the one that shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    /// The password so far.
    #[schema(value_type = String, format = Password)]
    current: SecretString,
    /// At least 12 characters, without the name in it.
    #[schema(value_type = String, format = Password)]
    new: SecretString,
}

/// Signs a browser in: a cookie for it, and a token of 15 minutes.
#[utoipa::path(
    post, path = "/v1/auth/sign-in", tag = "auth", request_body = Credentials,
    responses(
        (status = 200, body = Token),
        (status = 401, description = "wrong_credentials", body = Problem),
        (status = 403, description = "cross_site", body = Problem),
        (status = 429, description = "locked", body = Problem),
        (status = 503, description = "busy, unavailable", body = Problem),
    )
)]
pub(super) async fn sign_in(
    State(app): State<App>,
    _own_page: BrowserCookie,
    headers: HeaderMap,
    ApiJson(asked): ApiJson<Credentials>,
) -> Result<Response, Response> {
    let agent = text(&headers, USER_AGENT);
    let signing_in = app.accounts.sign_in(&asked.user_id, &asked.password, agent);
    let signed_in = signing_in.await.map_err(refused)?;
    let cookie = cookie::given(signed_in.cookie.expose(), &headers);
    Ok((AppendHeaders([(SET_COOKIE, cookie)]), Json(signed_in.token)).into_response())
}

/// A problem; a lock also says in the header when to come again.
fn refused(problem: Problem) -> Response {
    let seconds = problem.more.get("retry_after_seconds").cloned();
    let mut response = problem.into_response();
    if let Some(value) = seconds.and_then(|seconds| seconds.to_string().parse().ok()) {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}

/// A token of 15 minutes for a browser that is signed in.
#[utoipa::path(
    post, path = "/v1/auth/refresh", tag = "auth",
    responses(
        (status = 200, body = Token),
        (status = 401, description = "signed_out", body = Problem),
        (status = 403, description = "cross_site", body = Problem),
    )
)]
pub(super) async fn refresh(
    State(app): State<App>,
    BrowserCookie(cookie): BrowserCookie,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // Without a cookie, one that nobody has: the same answer.
    let cookie = cookie.unwrap_or_default();
    let token = app.accounts.refresh(&cookie).await?;
    // The browser forgets it no sooner than we do.
    let again = cookie::given(&cookie, &headers);
    Ok((AppendHeaders([(SET_COOKIE, again)]), Json(token)).into_response())
}

/// Signs the browser out.
#[utoipa::path(
    post, path = "/v1/auth/sign-out", tag = "auth",
    responses(
        (status = 204, description = "signed out, or was not signed in"),
        (status = 403, description = "cross_site", body = Problem),
    )
)]
pub(super) async fn sign_out(
    State(app): State<App>,
    BrowserCookie(cookie): BrowserCookie,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(cookie) = cookie {
        app.accounts.sign_out(&cookie).await?;
    }
    let taken = AppendHeaders([(SET_COOKIE, cookie::taken(&headers))]);
    Ok((StatusCode::NO_CONTENT, taken).into_response())
}

/// Changes one's own password; other browsers are signed out.
#[utoipa::path(
    post, path = "/v1/auth/password", tag = "auth", request_body = NewPassword,
    responses(
        (status = 204, description = "changed"),
        (status = 401, description = "wrong_credentials", body = Problem),
        (status = 422, description = "weak_password", body = Problem),
        (status = 429, description = "locked", body = Problem),
    )
)]
pub(super) async fn change_password(
    State(app): State<App>,
    identity: Identity,
    BrowserCookie(cookie): BrowserCookie,
    ApiJson(asked): ApiJson<NewPassword>,
) -> Result<StatusCode, Response> {
    app.accounts
        .change_password(
            &identity.user_id,
            &asked.current,
            &asked.new,
            cookie.as_deref(),
        )
        .await
        .map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The browsers in which the user is signed in, the last used first.
#[utoipa::path(
    get, path = "/v1/auth/browsers", tag = "auth",
    responses((status = 200, body = Vec<Browser>), (status = 401, body = Problem))
)]
pub(super) async fn browsers(
    State(app): State<App>,
    identity: Identity,
) -> Result<Json<Vec<Browser>>, Problem> {
    app.accounts.browsers(&identity.user_id).await.map(Json)
}

/// Signs one of the user's browsers out. Its last token ends within 15 minutes.
#[utoipa::path(
    delete, path = "/v1/auth/browsers/{id}", tag = "auth", params(("id" = Uuid, Path)),
    responses((status = 204, description = "signed out"), (status = 404, body = Problem))
)]
pub(super) async fn remove_browser(
    State(app): State<App>,
    identity: Identity,
    id: Result<Path<Uuid>, axum::extract::rejection::PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(id) = id.map_err(|_| Problem::not_found("browser"))?;
    app.accounts.remove_browser(&identity.user_id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn text(headers: &HeaderMap, name: impl AsHeaderName) -> &str {
    let value = headers.get(name);
    value.and_then(|value| value.to_str().ok()).unwrap_or("")
}
