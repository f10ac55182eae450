//! Who is asking: bearer tokens (JWT, HS256) that all services check with the same keys, and those of
//! an outside issuer, where there is one.

mod bearer;
mod issuer;
pub(crate) mod keys;

use axum::http::StatusCode;
use chrono::{DateTime, Duration, Utc};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};

pub use self::bearer::{CallingService, Operator};
use self::issuer::Issuer;
use self::keys::KeyRing;
use crate::problem::Problem;
use crate::settings::AuthSettings;

/// The user that anybody may be where `auth.guest` is on.
pub const GUEST: &str = "guest";
/// Longest user id.
const MAX_USER_BYTES: usize = 128;

/// What a token's bearer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// What is their own.
    User,
    /// Calls between services, on behalf of a user that the call names.
    Service,
}

/// How much of what its user may do a token allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Looking only: requests that change something are refused.
    Read,
    /// All of it.
    #[default]
    Trade,
}

impl Scope {
    fn is_all(&self) -> bool {
        *self == Self::Trade
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: String,
    iat: i64,
    exp: i64,
    role: Role,
    /// A user who may see how the installation is. Left out where it is false: a service of an
    /// earlier version takes an operator for the user that they are as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    operator: bool,
    #[serde(default, skip_serializing_if = "Scope::is_all")]
    scope: Scope,
}

/// A signed token.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Token {
    /// The token.
    pub token: String,
    /// Whom it is for.
    pub user_id: String,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user, or the service's name.
    pub user_id: String,
    /// What they may do.
    pub role: Role,
    /// Whether the user may also see and do what is the installation's.
    pub operator: bool,
    /// How much of it all this token allows.
    pub scope: Scope,
    /// When the token ends.
    pub expires_at: DateTime<Utc>,
}

/// Signs and checks tokens. Cheap to clone.
#[derive(Clone)]
pub struct Auth {
    keys: KeyRing,
    issuer: Option<Issuer>,
    guest: bool,
    lifetime: Duration,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Auth")
            .field("guest", &self.guest)
            .finish_non_exhaustive()
    }
}

impl Auth {
    /// From the settings.
    #[must_use]
    pub fn new(settings: &AuthSettings) -> Self {
        let seconds = i64::try_from(settings.token_seconds).unwrap_or(i64::MAX / 4_000);
        Self {
            keys: KeyRing::new(settings),
            issuer: Issuer::new(&settings.issuer),
            guest: settings.guest,
            lifetime: Duration::try_seconds(seconds).unwrap_or(Duration::MAX),
        }
    }

    /// Whether anybody may be the guest.
    #[must_use]
    pub fn allows_guest(&self) -> bool {
        self.guest
    }

    /// Signs a token.
    ///
    /// # Errors
    /// The user id is empty or too long, or signing failed.
    pub fn issue(&self, user_id: &str, role: Role) -> Result<Token, Problem> {
        self.sign(user_id, role, false, Scope::Trade, self.lifetime)
    }

    /// Signs a token for a user who may also see how the installation is.
    ///
    /// # Errors
    /// The user id is empty or too long, or signing failed.
    pub fn issue_operator(&self, user_id: &str) -> Result<Token, Problem> {
        self.sign(user_id, Role::User, true, Scope::Trade, self.lifetime)
    }

    /// Signs a user's token for some of what the user may do, and for another time than
    /// `auth.token_seconds`.
    ///
    /// # Errors
    /// The user id is empty or too long, or signing failed.
    pub fn grant(
        &self,
        user_id: &str,
        operator: bool,
        scope: Scope,
        lifetime: Duration,
    ) -> Result<Token, Problem> {
        self.sign(user_id, Role::User, operator, scope, lifetime)
    }

    fn sign(
        &self,
        user_id: &str,
        role: Role,
        operator: bool,
        scope: Scope,
        lifetime: Duration,
    ) -> Result<Token, Problem> {
        if user_id.is_empty() || user_id.len() > MAX_USER_BYTES {
            let detail = format!("a user id has 1 to {MAX_USER_BYTES} bytes");
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_user",
                detail,
            ));
        }
        let now = Utc::now();
        let expires_at = now
            .checked_add_signed(lifetime)
            .unwrap_or(DateTime::<Utc>::MAX_UTC);
        let claims = Claims {
            sub: user_id.to_owned(),
            iat: now.timestamp(),
            exp: expires_at.timestamp(),
            role,
            operator,
            scope,
        };
        let keys = self.keys.current();
        let failed = || {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Problem::new(status, "signing_failed", "no token made")
        };
        let key = keys.first().ok_or_else(failed)?;
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(key.id.clone());
        let token = jsonwebtoken::encode(&header, &claims, &key.signs).map_err(|error| {
            tracing::error!(%error, "signing a token failed");
            failed()
        })?;
        Ok(Token {
            token,
            user_id: user_id.to_owned(),
            expires_at,
        })
    }

    /// Checks a token, one of ours or the outside issuer's.
    ///
    /// # Errors
    /// 401 with what is wrong: forged, expired, or no token at all. 503 if it is the issuer's, and
    /// its keys can't be had.
    pub async fn authenticate(&self, token: &str) -> Result<Identity, Problem> {
        if let Some(issuer) = &self.issuer
            && let Ok(header) = jsonwebtoken::decode_header(token)
            // Ours are signed with a secret, the issuer's never: neither's key checks the other's.
            && matches!(header.alg, Algorithm::RS256 | Algorithm::ES256)
        {
            let id = header.kid.as_deref();
            let id = id.ok_or_else(|| unauthorized("the token names no key"))?;
            return issuer.check(token, header.alg, id).await;
        }
        self.check(token)
    }

    /// Checks a token of ours.
    ///
    /// # Errors
    /// 401 with what is wrong: forged, expired, or no token at all.
    pub fn check(&self, token: &str) -> Result<Identity, Problem> {
        self.decode(token).map(Identity::from)
    }

    fn decode(&self, token: &str) -> Result<Claims, Problem> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        let named = jsonwebtoken::decode_header(token).ok();
        let named = named.and_then(|header| header.kid);
        let mut detail = "the token is not one of ours";
        for key in self.keys.current().iter() {
            // A token of before there were ids can be of any of them.
            if named.as_ref().is_some_and(|id| *id != key.id) {
                continue;
            }
            match jsonwebtoken::decode::<Claims>(token, &key.checks, &validation) {
                Ok(decoded) => return Ok(decoded.claims),
                Err(error) if *error.kind() == ErrorKind::ExpiredSignature => {
                    detail = "the token has expired";
                }
                Err(_) => {}
            }
        }
        Err(unauthorized(detail))
    }
}

impl From<Claims> for Identity {
    fn from(claims: Claims) -> Self {
        Self {
            user_id: claims.sub,
            role: claims.role,
            operator: claims.operator,
            scope: claims.scope,
            expires_at: DateTime::from_timestamp(claims.exp, 0).unwrap_or_default(),
        }
    }
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
        .hint("send `Authorization: Bearer <token>`; a guest gets one from POST /v1/auth/guest")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::extract::FromRequestParts;

    use super::*;

    fn auth(secret: &str, token_seconds: u64) -> Auth {
        Auth::new(&AuthSettings {
            secret: secret.to_owned().into(),
            token_seconds,
            ..AuthSettings::default()
        })
    }

    #[test]
    fn a_token_tells_who_it_is_for() {
        let auth = auth("a-secret-of-more-than-thirty-two-bytes", 60);
        let token = auth.issue("alice", Role::User).unwrap();
        let identity = auth.check(&token.token).unwrap();
        assert_eq!(
            (identity.user_id.as_str(), identity.role),
            ("alice", Role::User)
        );
    }

    #[test]
    fn forged_and_expired_tokens_are_refused() {
        let ours = auth("a-secret-of-more-than-thirty-two-bytes", 60);
        let theirs = auth("another-secret-of-more-than-32-bytes!!", 60);
        let forged = theirs.issue("alice", Role::Service).unwrap().token;
        assert_eq!(ours.check(&forged).unwrap_err().status, 401);
        let mut old = auth_claims();
        old.exp = 1;
        let key = &ours.keys.current()[0].signs;
        let expired = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &old, key).unwrap();
        assert!(ours.check(&expired).unwrap_err().detail.contains("expired"));
        assert_eq!(ours.check("").unwrap_err().status, 401);
    }

    fn auth_claims() -> Claims {
        Claims {
            sub: "alice".into(),
            iat: 0,
            exp: i64::from(u32::MAX),
            role: Role::User,
            operator: false,
            scope: Scope::Trade,
        }
    }

    #[tokio::test]
    async fn a_token_for_reading_changes_nothing() {
        let auth = auth(FIRST, 60);
        for (scope, method, status) in [
            (Scope::Read, "GET", 200),
            (Scope::Read, "POST", 403),
            (Scope::Read, "DELETE", 403),
            (Scope::Trade, "POST", 200),
        ] {
            let token = auth
                .grant("alice", false, scope, Duration::minutes(1))
                .unwrap();
            let (mut parts, ()) = axum::http::Request::builder()
                .method(method)
                .header("authorization", format!("Bearer {}", token.token))
                .extension(auth.clone())
                .body(())
                .unwrap()
                .into_parts();
            let asked = Identity::from_request_parts(&mut parts, &()).await;
            let found = asked.map_or_else(|problem| problem.status, |_| 200);
            assert_eq!(found, status, "{scope:?} {method}");
        }
    }

    const FIRST: &str = "the-first-key-of-more-than-thirty-two-bytes";
    const SECOND: &str = "the-second-key-of-more-than-thirty-two-bytes";

    /// What an operator does, step by step: the new key is made known, then it signs, then the old
    /// one goes. Nobody is signed out before the last step.
    #[test]
    fn a_key_is_replaced_without_a_restart() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let write = |keys: &[&str]| std::fs::write(file.path(), keys.join("\n")).unwrap();
        write(&[FIRST]);
        let service = Auth::new(&AuthSettings {
            secret: FIRST.to_owned().into(),
            secret_file: file.path().to_str().unwrap().to_owned(),
            token_seconds: 60,
            ..AuthSettings::default()
        });
        let (by_first, by_second) = (auth(FIRST, 60), auth(SECOND, 60));
        let issue = |auth: &Auth| auth.issue("alice", Role::User).unwrap().token;
        let (old, new) = (issue(&by_first), issue(&by_second));
        // Of a service that doesn't name keys yet.
        let key = &by_first.keys.current()[0].signs;
        let header = Header::new(Algorithm::HS256);
        let unnamed = jsonwebtoken::encode(&header, &auth_claims(), key).unwrap();

        assert!(service.check(&new).is_err());
        write(&[FIRST, SECOND]);
        service.keys.look();
        for token in [&old, &new, &unnamed] {
            service.check(token).unwrap();
        }
        by_first.check(&issue(&service)).unwrap();

        write(&[SECOND, FIRST]);
        service.keys.look();
        for token in [&old, &new, &unnamed] {
            service.check(token).unwrap();
        }
        by_second.check(&issue(&service)).unwrap();

        write(&[SECOND]);
        service.keys.look();
        assert!(service.check(&old).is_err() && service.check(&unnamed).is_err());
        service.check(&new).unwrap();
    }

    #[test]
    fn a_file_that_is_no_good_leaves_the_keys_in_force() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let service = Auth::new(&AuthSettings {
            secret: FIRST.to_owned().into(),
            secret_file: file.path().to_str().unwrap().to_owned(),
            ..AuthSettings::default()
        });
        let token = service.issue("alice", Role::User).unwrap().token;
        for text in ["", "short", &format!("{FIRST}\n{FIRST}")] {
            std::fs::write(file.path(), text).unwrap();
            service.keys.look();
            service.check(&token).unwrap();
        }
        file.close().unwrap();
        service.keys.look();
        service.check(&token).unwrap();
    }

    #[tokio::test]
    async fn only_operators_and_services_pass_for_operators() {
        let auth = auth(FIRST, 60);
        let ask = async |token: Option<Token>| {
            let mut request = axum::http::Request::builder().extension(auth.clone());
            if let Some(token) = token {
                let value = format!("Bearer {}", token.token);
                request = request.header(axum::http::header::AUTHORIZATION, value);
            }
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            let found = Operator::from_request_parts(&mut parts, &()).await;
            found
                .map(|operator| operator.0.user_id)
                .map_err(|problem| problem.status)
        };
        let alice = auth.issue("alice", Role::User).unwrap();
        assert_eq!(ask(Some(alice)).await, Err(403));
        assert_eq!(ask(None).await, Err(401));
        let operator = auth.issue_operator("olga").unwrap();
        // To every other path an operator is a user.
        assert_eq!(auth.check(&operator.token).unwrap().role, Role::User);
        assert_eq!(ask(Some(operator)).await, Ok("olga".to_owned()));
        let service = auth.issue("forward-test", Role::Service).unwrap();
        assert_eq!(ask(Some(service)).await, Ok("forward-test".to_owned()));
    }
}
