//! Who is asking: bearer tokens (JWT, HS256) that all services check with the same secret.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use chrono::{DateTime, Duration, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

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
    /// When the token ends.
    pub expires_at: DateTime<Utc>,
}

/// Signs and checks tokens. Cheap to clone.
#[derive(Clone)]
pub struct Auth {
    keys: Arc<(EncodingKey, DecodingKey)>,
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
        let secret = settings.secret.expose_secret().as_bytes();
        let keys = (
            EncodingKey::from_secret(secret),
            DecodingKey::from_secret(secret),
        );
        let seconds = i64::try_from(settings.token_seconds).unwrap_or(i64::MAX / 4_000);
        Self {
            keys: Arc::new(keys),
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
        self.sign(user_id, role, false)
    }

    /// Signs a token for a user who may also see how the installation is.
    ///
    /// # Errors
    /// The user id is empty or too long, or signing failed.
    pub fn issue_operator(&self, user_id: &str) -> Result<Token, Problem> {
        self.sign(user_id, Role::User, true)
    }

    fn sign(&self, user_id: &str, role: Role, operator: bool) -> Result<Token, Problem> {
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
            .checked_add_signed(self.lifetime)
            .unwrap_or(DateTime::<Utc>::MAX_UTC);
        let claims = Claims {
            sub: user_id.to_owned(),
            iat: now.timestamp(),
            exp: expires_at.timestamp(),
            role,
            operator,
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.keys.0)
            .map_err(|error| {
                tracing::error!(%error, "signing a token failed");
                Problem::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "signing_failed",
                    "no token made",
                )
            })?;
        Ok(Token {
            token,
            user_id: user_id.to_owned(),
            expires_at,
        })
    }

    /// Checks a token.
    ///
    /// # Errors
    /// 401 with what is wrong: forged, expired, or no token at all.
    pub fn check(&self, token: &str) -> Result<Identity, Problem> {
        self.decode(token).map(Identity::from)
    }

    fn decode(&self, token: &str) -> Result<Claims, Problem> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        let decoded = jsonwebtoken::decode::<Claims>(token, &self.keys.1, &validation);
        let claims = decoded.map_err(|error| {
            let detail = match error.kind() {
                jsonwebtoken::errors::ErrorKind::ExpiredSignature => "the token has expired",
                _ => "the token is not one of ours",
            };
            unauthorized(detail)
        })?;
        Ok(claims.claims)
    }
}

impl From<Claims> for Identity {
    fn from(claims: Claims) -> Self {
        Self {
            user_id: claims.sub,
            role: claims.role,
            expires_at: DateTime::from_timestamp(claims.exp, 0).unwrap_or_default(),
        }
    }
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
        .hint("send `Authorization: Bearer <token>`; a guest gets one from POST /v1/auth/guest")
}

/// The claims of a request's token.
fn claims(parts: &Parts) -> Result<Claims, Problem> {
    let auth = parts
        .extensions
        .get::<Auth>()
        .ok_or_else(|| unauthorized("no sign-in here"))?;
    let header = parts
        .headers
        .get(axum::http::header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or_else(|| unauthorized("the request has no token"))?;
    auth.decode(header.trim())
}

impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        claims(parts).map(Self::from)
    }
}

/// An operator, or a service; other users are refused.
#[derive(Debug, Clone)]
pub struct Operator(pub Identity);

impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let claims = claims(parts)?;
        match claims.operator || claims.role == Role::Service {
            true => Ok(Self(claims.into())),
            false => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "operators_only",
                "this path is for operators",
            )),
        }
    }
}

/// A service that calls; users are refused.
#[derive(Debug, Clone)]
pub struct CallingService(pub Identity);

impl<S: Send + Sync> FromRequestParts<S> for CallingService {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let identity = Identity::from_request_parts(parts, state).await?;
        match identity.role {
            Role::Service => Ok(Self(identity)),
            Role::User => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "services_only",
                "this path is for calls between services",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
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
        let claims = Claims {
            sub: "alice".into(),
            iat: 0,
            exp: 1,
            role: Role::User,
            operator: false,
        };
        let expired =
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &ours.keys.0).unwrap();
        assert!(ours.check(&expired).unwrap_err().detail.contains("expired"));
        assert_eq!(ours.check("").unwrap_err().status, 401);
    }
}
