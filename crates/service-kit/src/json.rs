//! Reading request bodies, with errors that name the field.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A JSON body.
#[derive(Debug)]
pub struct ApiJson<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for ApiJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| {
                Problem::new(rejection.status(), "body_unreadable", rejection.body_text())
            })?;
        parse(&body).map(Self)
    }
}

/// Reads a JSON text.
///
/// # Errors
/// 400 for what isn't JSON; 422 for a field that is missing, unknown or of the wrong type.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() {
            let field = match field_in(&inner.to_string()) {
                Some(name) if path == "." => name,
                Some(name) if !path.ends_with(&name) => format!("{path}.{name}"),
                _ => path,
            };
            return Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_field",
                inner.to_string(),
            )
            .field(&field)
            .hint("see /openapi.json for the fields and their types");
        }
        Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed_json",
            format!("the body: {inner}"),
        )
        .hint("send a JSON object with content-type application/json")
    })
}

/// The name between backticks in serde's "missing field `x`" and "unknown field `x`".
fn field_in(message: &str) -> Option<String> {
    let known = message.starts_with("missing field") || message.starts_with("unknown field");
    known
        .then(|| message.split('`').nth(1).map(str::to_owned))
        .flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[allow(dead_code)]
        symbol: String,
        #[allow(dead_code)]
        balance: u32,
    }

    #[test]
    fn the_field_is_named() {
        for (body, status, field) in [
            (&b"{"[..], 400, None),
            (b"{\"symbol\":\"BTCUSD\"}", 422, Some("balance")),
            (b"{\"symbol\":1,\"balance\":1}", 422, Some("symbol")),
            (b"{\"symbol\":\"x\",\"balance\":-1}", 422, Some("balance")),
            (
                b"{\"symbol\":\"x\",\"balance\":1,\"extra\":2}",
                422,
                Some("extra"),
            ),
        ] {
            let problem = parse::<Body>(body).unwrap_err();
            assert_eq!(
                (problem.status, problem.field.as_deref()),
                (status, field),
                "{body:?}"
            );
        }
    }
}
