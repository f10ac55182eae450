//! API tokens: what programs sign in with.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use service_kit::auth::Token;
use service_kit::{ApiJson, Identity, Problem, Scope};
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::App;
use crate::accounts::ApiToken;

/// An API token to be exchanged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Exchange {
    /// The API token, `at_…`.
    #[schema(value_type = String, format = Password)]
    api_token: SecretString,
}

/// An API token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    /// What to call it.
    name: String,
    /// `read` to look only, `trade` for all that the user may do.
    scope: Scope,
    /// Days until it ends, 1 to 366; 90 where nothing is said.
    #[serde(default = "three_months")]
    days: i32,
}

const fn three_months() -> i32 {
    90
}

/// A new API token. The secret is not told again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MadeToken {
    /// The secret.
    api_token: String,
    /// What it is.
    #[serde(flatten)]
    token: ApiToken,
}

/// A token of 15 minutes for an API token: `Authorization: Bearer` for all services.
#[utoipa::path(
    post, path = "/v1/auth/token", tag = "auth", request_body = Exchange,
    responses(
        (status = 200, body = Token),
        (status = 401, description = "invalid_api_token", body = Problem),
    )
)]
pub(super) async fn exchange(
    State(app): State<App>,
    ApiJson(asked): ApiJson<Exchange>,
) -> Result<Json<Token>, Problem> {
    let exchanged = app.accounts.exchange(asked.api_token.expose_secret());
    exchanged.await.map(Json)
}

/// The user's API tokens, the newest first.
#[utoipa::path(
    get, path = "/v1/auth/tokens", tag = "auth",
    responses((status = 200, body = Vec<ApiToken>), (status = 401, body = Problem))
)]
pub(super) async fn list(
    State(app): State<App>,
    identity: Identity,
) -> Result<Json<Vec<ApiToken>>, Problem> {
    app.accounts.api_tokens(&identity.user_id).await.map(Json)
}

/// Makes an API token.
#[utoipa::path(
    post, path = "/v1/auth/tokens", tag = "auth", request_body = NewToken,
    responses(
        (status = 201, body = MadeToken),
        (status = 403, description = "no_account", body = Problem),
        (status = 409, description = "token_exists", body = Problem),
        (status = 422, description = "invalid_name, out_of_range", body = Problem),
    )
)]
pub(super) async fn create(
    State(app): State<App>,
    identity: Identity,
    ApiJson(asked): ApiJson<NewToken>,
) -> Result<(StatusCode, Json<MadeToken>), Problem> {
    let user_id = &identity.user_id;
    let making = app
        .accounts
        .add_api_token(user_id, &asked.name, asked.scope, asked.days);
    let (secret, token) = making.await?;
    let made = MadeToken {
        api_token: secret.expose().to_owned(),
        token,
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Revokes an API token. What it was exchanged for ends within 15 minutes.
#[utoipa::path(
    delete, path = "/v1/auth/tokens/{id}", tag = "auth", params(("id" = Uuid, Path)),
    responses((status = 204, description = "revoked"), (status = 404, body = Problem))
)]
pub(super) async fn revoke(
    State(app): State<App>,
    identity: Identity,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(id) = id.map_err(|_| Problem::not_found("token"))?;
    app.accounts.remove_api_token(&identity.user_id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
