//! The dashboard, out of the binary.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};
use service_kit::Problem;

/// What `build.rs` gathered.
#[derive(RustEmbed)]
#[folder = "$OUT_DIR/web"]
struct Files;

const INDEX: &str = "index.html";
/// Files whose names contain a hash of their content.
const HASHED: &str = "assets/";
/// Paths of services and of operation: where nothing answers, the page is no answer either.
const NOT_PAGES: [&str; 6] = [
    "v1",
    "connection",
    "emulation",
    "healthz",
    "metrics",
    "openapi.json",
];

/// Everything that the page needs is a file from here; nothing is inline and nothing is foreign.
/// `'self'` includes the page's own WebSocket.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// Answers what no other path does.
pub(super) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    if NOT_PAGES.contains(&first) {
        return Problem::not_found("path").into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        let detail = "the page can only be read";
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
        return ([(ALLOW, "GET, HEAD")], problem).into_response();
    }
    if let Some(file) = Files::get(path) {
        return answer(path, &file, &headers);
    }
    let last = path.rsplit('/').next().unwrap_or_default();
    if path.starts_with(HASHED) || last.contains('.') {
        // A file, not a place in the page: an old page asks for assets of its own build.
        return Problem::not_found("file").into_response();
    }
    match Files::get(INDEX) {
        Some(index) => answer(INDEX, &index, &headers),
        None => Problem::not_found("page").into_response(),
    }
}

fn answer(path: &str, file: &EmbeddedFile, headers: &HeaderMap) -> Response {
    // Weak: the same content may be sent compressed or not.
    let mut tag = String::from("W/\"");
    for byte in &file.metadata.sha256_hash()[..12] {
        // Writing to a string can't fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    let known = headers
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag));
    let mut response = match known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Body::from(file.data.clone()).into_response(),
    };
    let caching = match path.starts_with(HASHED) {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let set = response.headers_mut();
    for (name, value) in [
        (CACHE_CONTROL, caching),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_FRAME_OPTIONS, "DENY"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=()",
        ),
    ] {
        set.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in [(ETAG, tag), (CONTENT_TYPE, content_type(file))] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            set.insert(name, value);
        }
    }
    response
}

fn content_type(file: &EmbeddedFile) -> String {
    match file.metadata.mimetype() {
        text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::Router;
    use axum::body::to_bytes;
    use axum::http::Request;
    use axum::routing::any;
    use tower::ServiceExt;

    use super::*;

    async fn ask(method: Method, path: &str, tag: Option<&str>) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(tag) = tag {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let router: Router = Router::new().fallback_service(any(serve));
        let request = request.body(Body::empty()).unwrap();
        router.oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn places_in_the_page_are_the_index_with_the_policy() {
        for path in ["/", "/index.html", "/sessions/5d1f9c2e", "/strategies/new"] {
            let response = ask(Method::GET, path, None).await;
            assert_eq!(response.status(), 200, "{path}");
            let headers = response.headers();
            assert_eq!(headers[CONTENT_TYPE], "text/html; charset=utf-8");
            assert_eq!(headers[CACHE_CONTROL], "no-cache");
            assert_eq!(headers[CONTENT_SECURITY_POLICY], POLICY);
            let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
            assert!(body.starts_with(b"<!doctype html>"), "{path}");
        }
    }

    #[tokio::test]
    async fn an_unchanged_file_is_not_sent_again() {
        let first = ask(Method::GET, "/", None).await;
        let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
        let again = ask(Method::GET, "/", Some(&tag)).await;
        assert_eq!(again.status(), 304);
        assert!(again.headers().contains_key(ETAG));
        let body = to_bytes(again.into_body(), 1).await.unwrap();
        assert!(body.is_empty());
    }

    #[tokio::test]
    async fn hashed_files_are_kept_for_ever() {
        for path in Files::iter().filter(|path| path.starts_with(HASHED)) {
            let response = ask(Method::GET, &format!("/{path}"), None).await;
            assert_eq!(response.status(), 200);
            let caching = response.headers()[CACHE_CONTROL].to_str().unwrap();
            assert!(caching.contains("immutable"), "{path}: {caching}");
        }
    }

    #[tokio::test]
    async fn the_page_answers_for_nobody_else() {
        for path in [
            "/v1/unknown",
            "/v1",
            "/connection/other",
            "/healthz/x",
            "/assets/index-old.js",
            "/robots.txt",
            "/../Cargo.toml",
        ] {
            let response = ask(Method::GET, path, None).await;
            assert_eq!(response.status(), 404, "{path}");
            let kind = response.headers()[CONTENT_TYPE].to_str().unwrap();
            assert_eq!(kind, "application/problem+json", "{path}");
        }
        assert_eq!(ask(Method::POST, "/", None).await.status(), 405);
        assert_eq!(ask(Method::POST, "/v1/unknown", None).await.status(), 404);
    }
}
