//! Accounts: signing in with a password, staying signed in, API tokens, and what operators do.
//!
//! A browser holds its session in a cookie that no script can read, and exchanges it for a token of
//! a quarter of an hour; a program does the same with an API token. All services check only these
//! short tokens (see [`service_kit::Auth`]), so that none needs this database, and what is revoked
//! here ends everywhere within that time.

mod lock;
mod password;
mod secret;
mod store;

use axum::http::StatusCode;
use chrono::{Duration, Utc};
use secrecy::{ExposeSecret, SecretString};
use service_kit::auth::{GUEST, Token};
use service_kit::{Auth, FieldError, Problem, Scope};
use sqlx::PgPool;
use uuid::Uuid;

use password::Passwords;
use secret::Secret;
pub use store::{Account, AccountRole, ApiToken, Browser};
use store::{Change, Owner};

pub(crate) use store::IDLE_DAYS;

/// How long a token is good that a cookie or an API token was exchanged for.
const ACCESS: Duration = Duration::minutes(15);
/// The operator that is made at the first start, where its password is set.
pub const FIRST_OPERATOR: &str = "operator";
/// API tokens that a user can have.
const MOST_API_TOKENS: i64 = 20;
/// Longest that an API token is good, in days.
pub(crate) const MOST_TOKEN_DAYS: i32 = 366;
/// Longest name of an API token.
const MOST_NAME_BYTES: usize = 64;
/// Longest part that is kept of what a browser says that it is.
const MOST_AGENT_CHARS: usize = 200;
/// Names that tokens of services have, and the guest's.
const RESERVED: [&str; 6] = [
    GUEST,
    "market-data",
    "strategy",
    "forward-test",
    "notification",
    "ops",
];

/// Accounts, and who is signed in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Accounts {
    pool: PgPool,
    auth: Auth,
    passwords: Passwords,
}

/// A browser that has just signed in.
pub(crate) struct SignedIn {
    pub(crate) cookie: Secret,
    pub(crate) token: Token,
}

/// What of an account an operator wants otherwise.
#[derive(Debug, Default)]
pub struct AccountChange {
    /// A new password.
    pub password: Option<SecretString>,
    /// Another role.
    pub role: Option<AccountRole>,
    /// Whether signing in is refused.
    pub disabled: Option<bool>,
}

impl Accounts {
    /// Accounts in the database, with tokens signed by `auth`.
    #[must_use]
    pub fn new(pool: PgPool, auth: Auth) -> Self {
        Self {
            pool,
            auth,
            passwords: Passwords::default(),
        }
    }

    /// Where there is no account yet, makes the first operator.
    ///
    /// # Errors
    /// The password is too weak, or the database is away.
    pub async fn make_first_operator(&self, password: &SecretString) -> Result<bool, Problem> {
        check_new(FIRST_OPERATOR, password, "auth.operator_password")?;
        let hash = self.passwords.hash(password).await?;
        let mut transaction = self.pool.begin().await?;
        let made = store::is_empty(&mut transaction).await?
            && store::insert(
                &mut transaction,
                FIRST_OPERATOR,
                &hash,
                AccountRole::Operator,
            )
            .await?;
        transaction.commit().await?;
        Ok(made)
    }

    /// Signs in with a password.
    pub(crate) async fn sign_in(
        &self,
        user_id: &str,
        password: &SecretString,
        user_agent: &str,
    ) -> Result<SignedIn, Problem> {
        let account = self.authenticate(user_id, password).await?;
        let cookie = Secret::new("");
        let user_agent: String = user_agent.chars().take(MOST_AGENT_CHARS).collect();
        store::add_browser(&self.pool, user_id, &cookie.hash(), &user_agent).await?;
        let token = self.auth.grant(
            user_id,
            account.role == AccountRole::Operator,
            Scope::Trade,
            ACCESS,
        )?;
        Ok(SignedIn { cookie, token })
    }

    /// The account, where the password is right and no lock is on it.
    async fn authenticate(
        &self,
        user_id: &str,
        password: &SecretString,
    ) -> Result<Account, Problem> {
        let account = store::account(&self.pool, user_id).await?;
        let who = lock::counted_as(user_id, account.is_some());
        if let Some(until) = lock::attempt(&self.pool, &who).await? {
            count("locked");
            let seconds = (until - Utc::now()).num_seconds().max(1);
            let detail = "too many attempts failed for this name";
            return Err(
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "locked", detail)
                    .hint(format!("try again in {seconds} seconds"))
                    .with("retry_after_seconds", seconds.into()),
            );
        }
        let kept = account
            .as_ref()
            .map(|account| account.password_hash.clone());
        let right = self.passwords.is(password, kept).await?;
        match account {
            Some(account) if right && !account.disabled => {
                lock::succeeded(&self.pool, &who).await?;
                count("succeeded");
                Ok(account.into())
            }
            Some(_) | None => {
                count("refused");
                // One answer for all: it doesn't tell which names there are.
                let detail = "the name or the password is wrong, or the account is disabled";
                Err(Problem::new(
                    StatusCode::UNAUTHORIZED,
                    "wrong_credentials",
                    detail,
                ))
            }
        }
    }

    /// A token for the browser with this cookie.
    pub(crate) async fn refresh(&self, cookie: &str) -> Result<Token, Problem> {
        let owner = store::use_browser(&self.pool, &secret::hash(cookie)).await?;
        let owner = owner.ok_or_else(|| {
            let detail = "this browser is not signed in";
            Problem::new(StatusCode::UNAUTHORIZED, "signed_out", detail).hint("sign in again")
        })?;
        self.grant(&owner)
    }

    /// A token for the bearer of an API token.
    pub(crate) async fn exchange(&self, api_token: &str) -> Result<Token, Problem> {
        let owner = store::use_api_token(&self.pool, &secret::hash(api_token)).await?;
        let owner = owner.ok_or_else(|| {
            let detail = "the API token is unknown, revoked or expired";
            Problem::new(StatusCode::UNAUTHORIZED, "invalid_api_token", detail)
                .field("api_token")
                .hint("make another one: POST /v1/auth/tokens, or Settings in the dashboard")
        })?;
        self.grant(&owner)
    }

    fn grant(&self, owner: &Owner) -> Result<Token, Problem> {
        self.auth
            .grant(&owner.user_id, owner.operator, owner.scope, ACCESS)
    }

    pub(crate) async fn sign_out(&self, cookie: &str) -> Result<(), Problem> {
        store::forget_cookie(&self.pool, &secret::hash(cookie)).await?;
        Ok(())
    }

    /// A new password by the one whose it is; other browsers are signed out.
    pub(crate) async fn change_password(
        &self,
        user_id: &str,
        current: &SecretString,
        new: &SecretString,
        cookie: Option<&str>,
    ) -> Result<(), Problem> {
        self.authenticate(user_id, current)
            .await
            .map_err(|problem| problem.field("current"))?;
        check_new(user_id, new, "new")?;
        let hash = self.passwords.hash(new).await?;
        let mut transaction = self.pool.begin().await?;
        store::act_as(&mut transaction, user_id).await?;
        let change = Change {
            password_hash: Some(&hash),
            ..Change::default()
        };
        store::update(&mut transaction, user_id, &change).await?;
        let kept = cookie.map(secret::hash);
        store::remove_browsers(&mut transaction, user_id, kept.as_deref()).await?;
        transaction.commit().await?;
        Ok(())
    }

    pub(crate) async fn browsers(&self, user_id: &str) -> Result<Vec<Browser>, Problem> {
        Ok(store::browsers(&self.pool, user_id).await?)
    }

    pub(crate) async fn remove_browser(&self, user_id: &str, id: Uuid) -> Result<(), Problem> {
        match store::remove_browser(&self.pool, user_id, id).await? {
            true => Ok(()),
            false => Err(Problem::not_found("browser")),
        }
    }

    pub(crate) async fn api_tokens(&self, user_id: &str) -> Result<Vec<ApiToken>, Problem> {
        Ok(store::api_tokens(&self.pool, user_id).await?)
    }

    /// Makes an API token; the secret is not told again.
    pub(crate) async fn add_api_token(
        &self,
        user_id: &str,
        name: &str,
        scope: Scope,
        days: i32,
    ) -> Result<(Secret, ApiToken), Problem> {
        let mut wrong = Vec::new();
        if name.trim() != name || !(1..=MOST_NAME_BYTES).contains(&name.len()) {
            let detail = format!("a name has 1 to {MOST_NAME_BYTES} bytes, no space at its ends");
            wrong.push(field("name", "invalid_name", &detail, "as `notebook`"));
        }
        if !(1..=MOST_TOKEN_DAYS).contains(&days) {
            let detail = format!("a token is good for 1 to {MOST_TOKEN_DAYS} days");
            wrong.push(field("days", "out_of_range", &detail, "as 90"));
        }
        if !wrong.is_empty() {
            return Err(Problem::invalid(wrong));
        }
        if store::account(&self.pool, user_id).await?.is_none() {
            let detail = "only who has an account can have API tokens";
            return Err(Problem::new(StatusCode::FORBIDDEN, "no_account", detail)
                .hint("sign in with a name and a password first"));
        }
        let secret = Secret::new("at_");
        let hash = secret.hash();
        let named = (name, scope);
        let added =
            store::add_api_token(&self.pool, user_id, &hash, named, days, MOST_API_TOKENS).await?;
        let token = added.ok_or_else(|| {
            let detail =
                format!("there is a token of this name, or {MOST_API_TOKENS} tokens already");
            Problem::new(StatusCode::CONFLICT, "token_exists", detail)
                .field("name")
                .hint("choose another name, or revoke a token")
        })?;
        Ok((secret, token))
    }

    pub(crate) async fn remove_api_token(&self, user_id: &str, id: Uuid) -> Result<(), Problem> {
        match store::remove_api_token(&self.pool, user_id, id).await? {
            true => Ok(()),
            false => Err(Problem::not_found("token")),
        }
    }

    /// All accounts by name, from after `after`.
    ///
    /// # Errors
    /// The database is away.
    pub async fn list(&self, after: &str, limit: i64) -> Result<Vec<Account>, Problem> {
        Ok(store::accounts(&self.pool, after, limit).await?)
    }

    /// Makes an account.
    ///
    /// # Errors
    /// The name or the password is no good, the name is taken, or the database is away.
    pub async fn create(
        &self,
        actor: &str,
        user_id: &str,
        password: &SecretString,
        role: AccountRole,
    ) -> Result<Account, Problem> {
        check_name(user_id)?;
        check_new(user_id, password, "password")?;
        let hash = self.passwords.hash(password).await?;
        let mut transaction = self.pool.begin().await?;
        store::act_as(&mut transaction, actor).await?;
        if !store::insert(&mut transaction, user_id, &hash, role).await? {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "name_taken",
                "there is an account of this name",
            )
            .field("user_id"));
        }
        transaction.commit().await?;
        let account = store::account(&self.pool, user_id).await?;
        account
            .map(Account::from)
            .ok_or_else(|| Problem::not_found("account"))
    }

    /// Changes an account. With a new password, or when it is disabled, its browsers are signed
    /// out.
    ///
    /// # Errors
    /// There is no such account, it is the last operator's, the password is no good, or the
    /// database is away.
    pub async fn change(
        &self,
        actor: &str,
        user_id: &str,
        change: &AccountChange,
    ) -> Result<Account, Problem> {
        let hash = match &change.password {
            Some(password) => {
                check_new(user_id, password, "password")?;
                Some(self.passwords.hash(password).await?)
            }
            None => None,
        };
        let mut transaction = self.pool.begin().await?;
        store::act_as(&mut transaction, actor).await?;
        let ends = change.disabled == Some(true) || change.role == Some(AccountRole::User);
        if ends && store::operators(&mut transaction).await? == [user_id] {
            return Err(last_operator());
        }
        let columns = Change {
            password_hash: hash.as_deref(),
            role: change.role,
            disabled: change.disabled,
        };
        let account = store::update(&mut transaction, user_id, &columns).await?;
        let account = account.ok_or_else(|| Problem::not_found("account"))?;
        if hash.is_some() || account.disabled {
            store::remove_browsers(&mut transaction, user_id, None).await?;
        }
        transaction.commit().await?;
        Ok(account)
    }

    /// Deletes an account. What the user made stays with the services under the user's id.
    ///
    /// # Errors
    /// There is no such account, it is the last operator's, or the database is away.
    pub async fn delete(&self, actor: &str, user_id: &str) -> Result<(), Problem> {
        let mut transaction = self.pool.begin().await?;
        store::act_as(&mut transaction, actor).await?;
        if store::operators(&mut transaction).await? == [user_id] {
            return Err(last_operator());
        }
        if !store::delete(&mut transaction, user_id).await? {
            return Err(Problem::not_found("account"));
        }
        transaction.commit().await?;
        Ok(())
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("notification_sign_ins_total", "outcome" => outcome).increment(1);
}

fn last_operator() -> Problem {
    let detail = "this is the only operator: nobody could make another one";
    Problem::new(StatusCode::CONFLICT, "last_operator", detail)
        .hint("make another account an operator first")
}

fn field(field: &str, code: &str, detail: &str, hint: &str) -> FieldError {
    FieldError {
        field: field.to_owned(),
        code: code.to_owned(),
        detail: detail.to_owned(),
        hint: hint.to_owned(),
    }
}

/// Names are in URLs, logs and channels: only letters that nobody confuses.
fn check_name(user_id: &str) -> Result<(), Problem> {
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let fine = (3..=64).contains(&user_id.len())
        && user_id
            .bytes()
            .all(|byte| letters(byte) || b"._-".contains(&byte))
        && user_id.bytes().next().is_some_and(letters);
    if !fine {
        let detail = "a name has 3 to 64 of a-z, 0-9, `.`, `_` and `-`, and begins with a letter \
                      or a digit";
        let wrong = field("user_id", "invalid_name", detail, "as `alice`");
        return Err(Problem::invalid(vec![wrong]));
    }
    if RESERVED.contains(&user_id) {
        let detail = "this name is the platform's own";
        let wrong = field("user_id", "reserved_name", detail, "choose another one");
        return Err(Problem::invalid(vec![wrong]));
    }
    Ok(())
}

fn check_new(user_id: &str, password: &SecretString, name: &str) -> Result<(), Problem> {
    match password::weakness(user_id, password.expose_secret()) {
        None => Ok(()),
        Some(detail) => {
            let hint = "a sentence of four or five words is easy to keep in mind";
            let wrong = field(name, "weak_password", &detail, hint);
            Err(Problem::invalid(vec![wrong]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for name in ["alice", "bob-2", "a.b_c", "0xa"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        let long = "x".repeat(65);
        for name in [
            "", "ab", "Alice", "al ice", "-alice", "al/ice", "älice", "guest", "ops", &long,
        ] {
            let problem = check_name(name).err();
            assert_eq!(
                problem.and_then(|p| p.field).as_deref(),
                Some("user_id"),
                "{name}"
            );
        }
    }
}
