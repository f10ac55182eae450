//! A server that users' notifications are sent to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::any;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// What doesn't come within this time doesn't come: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// A call as it came.
#[derive(Debug, Clone)]
pub struct Call {
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Call {
    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Checks the signature as a receiver would, from what came over the wire alone.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        use base64::Engine as _;
        let base64 = base64::prelude::BASE64_STANDARD;
        let key = base64
            .decode(secret.strip_prefix("whsec_").unwrap())
            .unwrap();
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
        let (id, at) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let signed = format!("{id}.{at}.{}", self.body);
        self.header("webhook-signature").split(' ').any(|one| {
            let tag = base64.decode(one.strip_prefix("v1,").unwrap()).unwrap();
            ring::hmac::verify(&key, signed.as_bytes(), &tag).is_ok()
        })
    }
}

#[derive(Clone)]
struct Shared {
    /// Statuses of the next answers; 204 after them.
    answers: Arc<Mutex<VecDeque<u16>>>,
    calls: mpsc::UnboundedSender<Call>,
}

pub struct Receiver {
    pub url: String,
    answers: Arc<Mutex<VecDeque<u16>>>,
    calls: mpsc::UnboundedReceiver<Call>,
}

impl Receiver {
    pub async fn start() -> Self {
        let (sender, calls) = mpsc::unbounded_channel();
        let answers: Arc<Mutex<VecDeque<u16>>> = Arc::default();
        let shared = Shared {
            answers: Arc::clone(&answers),
            calls: sender,
        };
        let router = Router::new().fallback(any(take)).with_state(shared);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url,
            answers,
            calls,
        }
    }

    /// Answers the next calls with these statuses.
    pub fn answer(&self, statuses: &[u16]) {
        self.answers.lock().unwrap().extend(statuses);
    }

    pub async fn next(&mut self) -> Call {
        let next = tokio::time::timeout(PATIENCE, self.calls.recv()).await;
        next.expect("a call in time").unwrap()
    }

    /// A call that came already.
    pub fn came(&mut self) -> Option<Call> {
        self.calls.try_recv().ok()
    }
}

async fn take(
    State(shared): State<Shared>,
    uri: axum::http::Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(&'static str, &'static str); 1]) {
    let status = shared.answers.lock().unwrap().pop_front().unwrap_or(204);
    let call = Call {
        path: uri.path().to_owned(),
        headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    shared.calls.send(call).unwrap();
    // Where a redirect leads must not be called.
    (
        StatusCode::from_u16(status).unwrap(),
        [("location", "/elsewhere")],
    )
}
