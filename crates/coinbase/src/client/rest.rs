//! The REST interface beside the feed.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::value::RawValue;

use super::crypto::install_crypto_provider;
use super::limiter::RateLimiter;
use crate::products::Product;

/// How long one request may take, body included.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The largest body that is read. The list of all products is about 0.5 MB.
const MAX_BODY: usize = 16 << 20;

/// Why a REST request failed.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// Not reached, broken off, or too slow.
    #[error("request failed: {0}")]
    Http(#[from] reqwest::Error),
    /// Answered by something other than success.
    #[error("{url} answered {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The body is larger than 16 MiB.
    #[error("the answer is larger than {MAX_BODY} bytes")]
    TooLarge,
    /// The body isn't what it should be.
    #[error("the answer can't be read: {0}")]
    Body(#[from] serde_json::Error),
}

impl RestError {
    /// Whether asking again may help: not where the server says that there is no such thing.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Http(_) => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            Self::TooLarge | Self::Body(_) => false,
        }
    }
}

/// The public part of the Exchange REST interface. Clones share the rate that is allowed: 8 requests
/// a second, up to 20 at once.
#[derive(Debug, Clone)]
pub struct RestClient {
    base_url: String,
    http: reqwest::Client,
    limiter: Arc<RateLimiter>,
}

impl RestClient {
    /// A client for the interface at `base_url`, such as
    /// [`DEFAULT_REST_URL`](super::DEFAULT_REST_URL). Nothing is sent yet.
    ///
    /// # Errors
    /// [`RestError::Http`] if TLS can't be set up.
    pub fn new(base_url: &str) -> Result<Self, RestError> {
        install_crypto_provider();
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // Coinbase refuses requests without one.
            .user_agent(concat!("algotrade/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
            http,
            limiter: Arc::default(),
        })
    }

    /// All products: `GET /products`. One that can't be read is left out and logged.
    ///
    /// # Errors
    /// [`RestError`]; nothing is tried again.
    pub async fn products(&self) -> Result<Vec<Product>, RestError> {
        let (_headers, body) = self.fetch("/products").await?;
        let entries: Vec<&RawValue> = serde_json::from_slice(&body)?;
        let mut products = Vec::with_capacity(entries.len());
        for entry in entries {
            match serde_json::from_str(entry.get()) {
                Ok(product) => products.push(product),
                Err(error) => tracing::warn!(%error, "product left out of the list"),
            }
        }
        Ok(products)
    }

    /// Waits for its turn, asks, and reads the whole answer.
    pub(super) async fn fetch(&self, path: &str) -> Result<(HeaderMap, Vec<u8>), RestError> {
        self.limiter.turn().await;
        let url = format!("{}{path}", self.base_url);
        let mut response = self.http.get(&url).send().await?;
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            self.limiter.exceeded().await;
        }
        if !response.status().is_success() {
            return Err(RestError::Status {
                url,
                status: response.status().as_u16(),
            });
        }
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(RestError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok((headers, body))
    }
}
