//! Reading query strings, with problems that name the field.

use axum::extract::FromRequestParts;
use axum::extract::rejection::QueryRejection;
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use service_kit::Problem;

/// A query string. It has the name of axum's, because the document's generator knows it by that.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        match read {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(problem(&rejection)),
        }
    }
}

fn problem(rejection: &QueryRejection) -> Problem {
    let text = rejection.body_text();
    let detail = text
        .strip_prefix("Failed to deserialize query string: ")
        .unwrap_or(&text);
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", detail)
        .hint("see /openapi.json for the parameters and their values");
    match field_in(detail) {
        Some(field) => problem.field(field),
        None => problem,
    }
}

/// The name in `limit: invalid digit found in string` and in "missing field `symbols`".
fn field_in(detail: &str) -> Option<&str> {
    if let Some(rest) = detail.strip_prefix("missing field `") {
        return rest.split('`').next();
    }
    let (field, _) = detail.split_once(": ")?;
    let is_name = field
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_name.then_some(field)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use axum::http::Request;
    use serde::Deserialize;

    use super::*;
    use crate::candles::Interval;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        symbols: String,
        limit: Option<u32>,
        #[serde(default)]
        interval: Interval,
    }

    async fn read(query: &str) -> Result<Asked, Problem> {
        let request = Request::get(format!("/x?{query}")).body(()).unwrap();
        let (mut parts, ()) = request.into_parts();
        let read = Query::<Asked>::from_request_parts(&mut parts, &()).await;
        read.map(|Query(asked)| asked)
    }

    #[tokio::test]
    async fn the_field_is_named() {
        let asked = read("symbols=A&limit=7&interval=15m").await.unwrap();
        assert_eq!((asked.symbols.as_str(), asked.limit), ("A", Some(7)));
        assert_eq!(asked.interval, Interval::FifteenMinutes);
        for (query, field) in [
            ("limit=7", "symbols"),
            ("symbols=A&limit=x", "limit"),
            ("symbols=A&interval=2m", "interval"),
        ] {
            let problem = read(query).await.unwrap_err();
            assert_eq!(problem.status, 422);
            assert_eq!(problem.field.as_deref(), Some(field), "{}", problem.detail);
        }
    }
}
