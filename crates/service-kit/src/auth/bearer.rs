//! Who sends a request: the bearer of its token.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::{Auth, Identity, Role, Scope, unauthorized};
use crate::problem::Problem;

/// Whose token a request has, where it allows requests of this method.
async fn bearer(parts: &Parts) -> Result<Identity, Problem> {
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
    let identity = auth.authenticate(header.trim()).await?;
    if identity.scope == Scope::Read && !parts.method.is_safe() {
        let detail = "this token may only read";
        return Err(
            Problem::new(StatusCode::FORBIDDEN, "read_only_token", detail)
                .hint("use an API token with the scope `trade`"),
        );
    }
    Ok(identity)
}

impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        bearer(parts).await
    }
}

/// An operator, or a service; other users are refused.
#[derive(Debug, Clone)]
pub struct Operator(pub Identity);

impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let identity = bearer(parts).await?;
        match identity.operator || identity.role == Role::Service {
            true => Ok(Self(identity)),
            false => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "operators_only",
                "this path is for operators",
            )
            .hint("an operator's token is made by `algotrade token NAME --operator`")),
        }
    }
}

/// A service that calls; users are refused.
#[derive(Debug, Clone)]
pub struct CallingService(pub Identity);

impl<S: Send + Sync> FromRequestParts<S> for CallingService {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let identity = bearer(parts).await?;
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
