//! The cookie of a signed-in browser, and the proof that it is our page that asks with it.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use service_kit::Problem;

use crate::accounts::IDLE_DAYS;

const NAME: &str = "algotrade_session";
/// Only these paths ever see it.
const PATH: &str = "/v1/auth";

/// The browser's cookie, in a request that our own page sent. `None` where there is no cookie.
#[derive(Debug)]
pub(super) struct BrowserCookie(pub(super) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for BrowserCookie {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        if !is_own_page(&parts.headers) {
            let detail = "another site's page asks";
            return Err(Problem::new(StatusCode::FORBIDDEN, "cross_site", detail)
                .hint("use the dashboard at its own address"));
        }
        Ok(Self(find(&parts.headers)))
    }
}

fn find(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter();
    let pairs = all.filter_map(|value| value.to_str().ok());
    pairs.flat_map(|value| value.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == NAME && !value.is_empty()).then(|| value.to_owned())
    })
}

/// Whether a page of our origin sent this, or no browser at all. `SameSite=Strict` says the same to
/// the browser; this holds where a sibling host of the same site can't be trusted.
fn is_own_page(headers: &HeaderMap) -> bool {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match (text("origin"), text("x-forwarded-host").or(text("host"))) {
        (None, _) => true,
        (Some(origin), Some(host)) => origin
            .split_once("://")
            .is_some_and(|(_, origin_host)| origin_host.eq_ignore_ascii_case(host)),
        (Some(_), None) => false,
    }
}

/// The header that gives a browser its cookie.
pub(super) fn given(cookie: &str, request: &HeaderMap) -> String {
    let seconds = i64::from(IDLE_DAYS) * 24 * 3_600;
    header_text(cookie, seconds, request)
}

/// The header that takes it away.
pub(super) fn taken(request: &HeaderMap) -> String {
    header_text("", 0, request)
}

fn header_text(value: &str, seconds: i64, request: &HeaderMap) -> String {
    // Behind a gateway with TLS it is for TLS only. Without, as on one's own machine, a browser
    // would not keep such a cookie.
    let tls = request
        .get("x-forwarded-proto")
        .is_some_and(|scheme| scheme == "https");
    let secure = if tls { "; Secure" } else { "" };
    format!("{NAME}={value}; Path={PATH}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| {
                let name = header::HeaderName::from_static(name);
                (name, HeaderValue::from_str(value).unwrap())
            })
            .collect()
    }

    #[test]
    fn other_sites_pages_are_told_apart() {
        for (pairs, own) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "same-site")], false),
            (
                &[("sec-fetch-site", "cross-site"), ("origin", "https://a")],
                false,
            ),
            (
                &[("origin", "https://a.example"), ("host", "a.example")],
                true,
            ),
            (
                &[("origin", "https://b.example"), ("host", "a.example")],
                false,
            ),
            (&[("origin", "null"), ("host", "a.example")], false),
            (
                &[
                    ("origin", "https://a.example"),
                    ("x-forwarded-host", "a.example"),
                    ("host", "notification:8084"),
                ],
                true,
            ),
            (&[("host", "a.example")], true),
        ] {
            assert_eq!(is_own_page(&headers(pairs)), own, "{pairs:?}");
        }
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let with = headers(&[("cookie", "theme=dark; algotrade_session=abc; x=1")]);
        assert_eq!(find(&with).as_deref(), Some("abc"));
        assert_eq!(find(&headers(&[("cookie", "algotrade_session=")])), None);
        assert_eq!(find(&headers(&[])), None);
    }

    #[test]
    fn scripts_cannot_read_it_and_behind_tls_it_stays_there() {
        let plain = given("abc", &headers(&[]));
        assert!(plain.contains("HttpOnly; SameSite=Strict"), "{plain}");
        assert!(plain.contains("Path=/v1/auth;") && !plain.contains("Secure"));
        assert!(given("abc", &headers(&[("x-forwarded-proto", "https")])).ends_with("; Secure"));
        assert!(taken(&headers(&[])).contains("Max-Age=0"));
    }
}
