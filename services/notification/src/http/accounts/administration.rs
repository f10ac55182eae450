//! What operators do with accounts.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use service_kit::{ApiJson, Operator, Page, PageQuery, Problem};
use utoipa::ToSchema;

use super::super::App;
use crate::accounts::{Account, AccountChange, AccountRole};

/// An account to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    /// 3 to 64 of a-z, 0-9, `.`, `_` and `-`; it never changes.
    user_id: String,
    /// At least 12 characters; the user should change it.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// `user` where nothing is said.
    #[serde(default)]
    role: AccountRole,
}

/// What shall be otherwise; the rest stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Changes {
    /// A new password; the user's browsers are signed out.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<SecretString>,
    /// Another role.
    role: Option<AccountRole>,
    /// True: no signing in, and all browsers are signed out.
    disabled: Option<bool>,
}

/// All accounts, by name.
#[utoipa::path(
    get, path = "/v1/auth/accounts", tag = "accounts", params(PageQuery),
    responses(
        (status = 200, body = Page<Account>),
        (status = 403, description = "operators_only", body = Problem),
    )
)]
pub(super) async fn list(
    State(app): State<App>,
    _operator: Operator,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<Page<Account>>, Problem> {
    let Query(query) = query.map_err(|rejection| {
        let text = rejection.body_text();
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_query", text).field("query")
    })?;
    let limit = query.limit();
    let after = query.cursor.as_deref().unwrap_or_default();
    let items = app.accounts.list(after, limit.saturating_add(1)).await?;
    Ok(Json(Page::cut(items, limit, |last| last.user_id.clone())))
}

/// Makes an account.
#[utoipa::path(
    post, path = "/v1/auth/accounts", tag = "accounts", request_body = NewAccount,
    responses(
        (status = 201, body = Account),
        (status = 403, description = "operators_only", body = Problem),
        (status = 409, description = "name_taken", body = Problem),
        (status = 422, description = "invalid_name, reserved_name, weak_password", body = Problem),
    )
)]
pub(super) async fn create(
    State(app): State<App>,
    Operator(operator): Operator,
    ApiJson(asked): ApiJson<NewAccount>,
) -> Result<(StatusCode, Json<Account>), Problem> {
    let actor = &operator.user_id;
    let making = app
        .accounts
        .create(actor, &asked.user_id, &asked.password, asked.role);
    Ok((StatusCode::CREATED, Json(making.await?)))
}

/// Changes an account.
#[utoipa::path(
    patch, path = "/v1/auth/accounts/{user_id}", tag = "accounts",
    params(("user_id" = String, Path)), request_body = Changes,
    responses(
        (status = 200, body = Account),
        (status = 403, description = "operators_only", body = Problem),
        (status = 404, body = Problem),
        (status = 409, description = "last_operator", body = Problem),
        (status = 422, description = "weak_password", body = Problem),
    )
)]
pub(super) async fn change(
    State(app): State<App>,
    Operator(operator): Operator,
    Path(user_id): Path<String>,
    ApiJson(asked): ApiJson<Changes>,
) -> Result<Json<Account>, Problem> {
    let change = AccountChange {
        password: asked.password,
        role: asked.role,
        disabled: asked.disabled,
    };
    let changing = app.accounts.change(&operator.user_id, &user_id, &change);
    changing.await.map(Json)
}

/// Deletes an account. Sessions and strategies of the user stay.
#[utoipa::path(
    delete, path = "/v1/auth/accounts/{user_id}", tag = "accounts",
    params(("user_id" = String, Path)),
    responses(
        (status = 204, description = "deleted"),
        (status = 403, description = "operators_only", body = Problem),
        (status = 404, body = Problem),
        (status = 409, description = "last_operator", body = Problem),
    )
)]
pub(super) async fn delete(
    State(app): State<App>,
    Operator(operator): Operator,
    Path(user_id): Path<String>,
) -> Result<StatusCode, Problem> {
    app.accounts.delete(&operator.user_id, &user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
