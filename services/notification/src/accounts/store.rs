//! Accounts, signed-in browsers and API tokens in Postgres.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::Scope;
use sqlx::{PgConnection, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

/// Days without use after which a browser is signed out.
pub(crate) const IDLE_DAYS: i32 = 30;
/// Days after which it is signed out all the same.
const LONGEST_DAYS: i32 = 90;
/// Browsers that a user can be signed in with; a further one signs the longest unused out.
const BROWSERS: i64 = 20;

/// What an account is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AccountRole {
    /// Trades.
    #[default]
    User,
    /// Trades, and looks after the platform.
    Operator,
}

/// An account.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Account {
    /// The name that one signs in with; it never changes.
    pub user_id: String,
    /// What the user may do.
    pub role: AccountRole,
    /// Whether signing in is refused.
    pub disabled: bool,
    /// Since when there is the account.
    pub created_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
pub(super) struct AccountRow {
    pub(super) user_id: String,
    pub(super) password_hash: String,
    role: String,
    pub(super) disabled: bool,
    created_at: DateTime<Utc>,
}

impl AccountRow {
    pub(super) fn role(&self) -> AccountRole {
        role(&self.role)
    }
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        Self {
            role: row.role(),
            user_id: row.user_id,
            disabled: row.disabled,
            created_at: row.created_at,
        }
    }
}

/// A browser that is signed in.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct Browser {
    /// Its id, to sign it out with.
    pub id: Uuid,
    /// What it says that it is.
    pub user_agent: String,
    /// When the user signed in.
    pub created_at: DateTime<Utc>,
    /// When it was last used.
    pub used_at: DateTime<Utc>,
    /// Until when it is signed in if it isn't used.
    pub expires_at: DateTime<Utc>,
}

/// An API token; the token itself is told once, when it is made.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ApiToken {
    /// Its id, to revoke it with.
    pub id: Uuid,
    /// What the user calls it.
    pub name: String,
    /// What it allows.
    pub scope: Scope,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last exchanged.
    pub used_at: Option<DateTime<Utc>>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct TokenRow {
    id: Uuid,
    name: String,
    scope: String,
    created_at: DateTime<Utc>,
    used_at: Option<DateTime<Utc>>,
    expires_at: DateTime<Utc>,
}

/// Whom a secret belongs to, and what it allows.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) user_id: String,
    pub(super) operator: bool,
    pub(super) scope: Scope,
}

fn role(text: &str) -> AccountRole {
    match text {
        "operator" => AccountRole::Operator,
        _ => AccountRole::User,
    }
}

const fn role_text(role: AccountRole) -> &'static str {
    match role {
        AccountRole::Operator => "operator",
        AccountRole::User => "user",
    }
}

fn scope(text: &str) -> Scope {
    match text {
        "trade" => Scope::Trade,
        _ => Scope::Read,
    }
}

const fn scope_text(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "read",
        Scope::Trade => "trade",
    }
}

pub(super) async fn account(
    pool: &PgPool,
    user_id: &str,
) -> Result<Option<AccountRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM notification.accounts WHERE user_id = $1")
        .bind(user_id)
        .fetch_optional(pool)
        .await
}

/// All of them by name, from after `after`.
pub(super) async fn accounts(
    pool: &PgPool,
    after: &str,
    limit: i64,
) -> Result<Vec<Account>, sqlx::Error> {
    let rows: Vec<AccountRow> = sqlx::query_as(
        "SELECT * FROM notification.accounts WHERE user_id > $1 ORDER BY user_id LIMIT $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(Account::from).collect())
}

/// Who changes accounts in this transaction, for the audit.
pub(super) async fn act_as(connection: &mut PgConnection, actor: &str) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT set_config('algotrade.actor', $1, true)")
        .bind(actor)
        .execute(connection)
        .await
        .map(drop)
}

/// False where the name is taken.
pub(super) async fn insert(
    connection: &mut PgConnection,
    user_id: &str,
    password_hash: &str,
    role: AccountRole,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "INSERT INTO notification.accounts (user_id, password_hash, role) VALUES ($1, $2, $3)
         ON CONFLICT (user_id) DO NOTHING",
    )
    .bind(user_id)
    .bind(password_hash)
    .bind(role_text(role))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What of an account is to change.
#[derive(Debug, Default)]
pub(super) struct Change<'a> {
    pub(super) password_hash: Option<&'a str>,
    pub(super) role: Option<AccountRole>,
    pub(super) disabled: Option<bool>,
}

pub(super) async fn update(
    connection: &mut PgConnection,
    user_id: &str,
    change: &Change<'_>,
) -> Result<Option<Account>, sqlx::Error> {
    let row: Option<AccountRow> = sqlx::query_as(
        "UPDATE notification.accounts SET
             password_hash = coalesce($2, password_hash),
             role = coalesce($3, role),
             disabled = coalesce($4, disabled)
         WHERE user_id = $1 RETURNING *",
    )
    .bind(user_id)
    .bind(change.password_hash)
    .bind(change.role.map(role_text))
    .bind(change.disabled)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Account::from))
}

pub(super) async fn delete(
    connection: &mut PgConnection,
    user_id: &str,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query("DELETE FROM notification.accounts WHERE user_id = $1")
        .bind(user_id)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Operators who can sign in. Locks their rows, so that two operators can't disable each other.
pub(super) async fn operators(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT user_id FROM notification.accounts
         WHERE role = 'operator' AND NOT disabled ORDER BY user_id FOR UPDATE",
    )
    .fetch_all(connection)
    .await
}

pub(super) async fn is_empty(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT NOT EXISTS (SELECT 1 FROM notification.accounts)")
        .fetch_one(connection)
        .await
}

/// Signs a browser in; the longest unused beyond the limit, and all whose time is over, go.
pub(super) async fn add_browser(
    pool: &PgPool,
    user_id: &str,
    cookie_hash: &[u8],
    user_agent: &str,
) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query("DELETE FROM notification.browser_sessions WHERE expires_at <= now()")
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "DELETE FROM notification.browser_sessions WHERE id IN (
             SELECT id FROM notification.browser_sessions
             WHERE user_id = $1 ORDER BY used_at DESC OFFSET $2)",
    )
    .bind(user_id)
    .bind(BROWSERS - 1)
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "INSERT INTO notification.browser_sessions
             (id, cookie_hash, user_id, user_agent, expires_at)
         VALUES ($1, $2, $3, $4, now() + make_interval(days => $5))",
    )
    .bind(Uuid::now_v7())
    .bind(cookie_hash)
    .bind(user_id)
    .bind(user_agent)
    .bind(IDLE_DAYS)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

/// Whose browser it is; it stays signed in for longer now.
pub(super) async fn use_browser(
    pool: &PgPool,
    cookie_hash: &[u8],
) -> Result<Option<Owner>, sqlx::Error> {
    let found: Option<(String, String)> = sqlx::query_as(
        "UPDATE notification.browser_sessions AS b SET
             used_at = now(),
             expires_at = least(now() + make_interval(days => $2),
                                b.created_at + make_interval(days => $3))
         FROM notification.accounts AS a
         WHERE b.cookie_hash = $1 AND b.expires_at > now()
             AND a.user_id = b.user_id AND NOT a.disabled
         RETURNING a.user_id, a.role",
    )
    .bind(cookie_hash)
    .bind(IDLE_DAYS)
    .bind(LONGEST_DAYS)
    .fetch_optional(pool)
    .await?;
    Ok(found.map(|(user_id, text)| Owner {
        user_id,
        operator: role(&text) == AccountRole::Operator,
        scope: Scope::Trade,
    }))
}

pub(super) async fn browsers(pool: &PgPool, user_id: &str) -> Result<Vec<Browser>, sqlx::Error> {
    sqlx::query_as(
        "SELECT id, user_agent, created_at, used_at, expires_at
         FROM notification.browser_sessions
         WHERE user_id = $1 AND expires_at > now() ORDER BY used_at DESC",
    )
    .bind(user_id)
    .fetch_all(pool)
    .await
}

pub(super) async fn remove_browser(
    pool: &PgPool,
    user_id: &str,
    id: Uuid,
) -> Result<bool, sqlx::Error> {
    let done =
        sqlx::query("DELETE FROM notification.browser_sessions WHERE user_id = $1 AND id = $2")
            .bind(user_id)
            .bind(id)
            .execute(pool)
            .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn forget_cookie(pool: &PgPool, cookie_hash: &[u8]) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM notification.browser_sessions WHERE cookie_hash = $1")
        .bind(cookie_hash)
        .execute(pool)
        .await
        .map(drop)
}

/// Signs out all browsers of a user, but for the one with the cookie.
pub(super) async fn remove_browsers(
    connection: &mut PgConnection,
    user_id: &str,
    but: Option<&[u8]>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM notification.browser_sessions
         WHERE user_id = $1 AND cookie_hash IS DISTINCT FROM $2",
    )
    .bind(user_id)
    .bind(but)
    .execute(connection)
    .await
    .map(drop)
}

pub(super) async fn api_tokens(pool: &PgPool, user_id: &str) -> Result<Vec<ApiToken>, sqlx::Error> {
    let rows: Vec<TokenRow> = sqlx::query_as(
        "SELECT id, name, scope, created_at, used_at, expires_at FROM notification.api_tokens
         WHERE user_id = $1 ORDER BY created_at DESC",
    )
    .bind(user_id)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(ApiToken::from).collect())
}

impl From<TokenRow> for ApiToken {
    fn from(row: TokenRow) -> Self {
        Self {
            id: row.id,
            scope: scope(&row.scope),
            name: row.name,
            created_at: row.created_at,
            used_at: row.used_at,
            expires_at: row.expires_at,
        }
    }
}

/// None where the user has a token of this name, or as many as there may be.
pub(super) async fn add_api_token(
    pool: &PgPool,
    user_id: &str,
    token_hash: &[u8],
    (name, scope): (&str, Scope),
    days: i32,
    most: i64,
) -> Result<Option<ApiToken>, sqlx::Error> {
    let row: Option<TokenRow> = sqlx::query_as(
        "INSERT INTO notification.api_tokens (id, token_hash, user_id, name, scope, expires_at)
         SELECT $1, $2, $3, $4, $5, now() + make_interval(days => $6)
         WHERE (SELECT count(*) FROM notification.api_tokens WHERE user_id = $3) < $7
         ON CONFLICT (user_id, name) DO NOTHING
         RETURNING id, name, scope, created_at, used_at, expires_at",
    )
    .bind(Uuid::now_v7())
    .bind(token_hash)
    .bind(user_id)
    .bind(name)
    .bind(scope_text(scope))
    .bind(days)
    .bind(most)
    .fetch_optional(pool)
    .await?;
    Ok(row.map(ApiToken::from))
}

/// Whose API token it is.
pub(super) async fn use_api_token(
    pool: &PgPool,
    token_hash: &[u8],
) -> Result<Option<Owner>, sqlx::Error> {
    let found: Option<(String, String, String)> = sqlx::query_as(
        "UPDATE notification.api_tokens AS t SET used_at = now()
         FROM notification.accounts AS a
         WHERE t.token_hash = $1 AND t.expires_at > now()
             AND a.user_id = t.user_id AND NOT a.disabled
         RETURNING a.user_id, a.role, t.scope",
    )
    .bind(token_hash)
    .fetch_optional(pool)
    .await?;
    Ok(found.map(|(user_id, role_found, scope_found)| Owner {
        user_id,
        operator: role(&role_found) == AccountRole::Operator,
        scope: scope(&scope_found),
    }))
}

pub(super) async fn remove_api_token(
    pool: &PgPool,
    user_id: &str,
    id: Uuid,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query("DELETE FROM notification.api_tokens WHERE user_id = $1 AND id = $2")
        .bind(user_id)
        .bind(id)
        .execute(pool)
        .await?;
    Ok(done.rows_affected() == 1)
}
