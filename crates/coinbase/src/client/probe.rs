//! Does a feed answer?

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::protocol::Message;

use super::config::FeedConfig;
use super::crypto::install_crypto_provider;
use super::session;
use crate::exchange::{Channel, Frame, Request, parse_bytes};
use crate::products::ProductId;

/// Why a feed is of no use now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// It could not be reached.
    #[error("{0}")]
    Unreachable(String),
    /// It refused the subscription.
    #[error("the subscription was refused: {0}")]
    Refused(String),
    /// It closed the connection, or broke it.
    #[error("the connection ended before the subscription was confirmed: {0}")]
    Ended(String),
    /// It took too long.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
}

/// Connects, subscribes to the product's heartbeat and waits for the confirmation. Returns how long
/// that took.
///
/// # Errors
/// [`ProbeError`], after `timeout` at the latest.
pub async fn probe(
    websocket_url: &str,
    product: ProductId,
    timeout: Duration,
) -> Result<Duration, ProbeError> {
    install_crypto_provider();
    let started = Instant::now();
    let attempt = confirm(websocket_url, product);
    match tokio::time::timeout(timeout, attempt).await {
        Ok(result) => result.map(|()| started.elapsed()),
        Err(_) => Err(ProbeError::TimedOut(timeout)),
    }
}

async fn confirm(websocket_url: &str, product: ProductId) -> Result<(), ProbeError> {
    let ended = |error: &dyn std::fmt::Display| ProbeError::Ended(error.to_string());
    let config = FeedConfig::new(websocket_url);
    let connected = session::connect(&config).await;
    let mut socket = connected.map_err(|reason| ProbeError::Unreachable(reason.to_string()))?;
    let products = [product];
    let request = Request::subscribe(&[Channel::Heartbeat], &products);
    let sent = socket.send(Message::text(request.to_json())).await;
    sent.map_err(|error| ended(&error))?;
    while let Some(message) = socket.next().await {
        let message = message.map_err(|error| ended(&error))?;
        match parse_bytes(&message.into_data()) {
            Ok(Frame::Subscriptions(_)) => {
                // Whether the server hears the goodbye makes no difference to the answer.
                let _ = socket.close(None).await;
                return Ok(());
            }
            Ok(Frame::Error(error)) => return Err(ProbeError::Refused(error.to_string())),
            _ => {}
        }
    }
    Err(ended(&"closed by the server"))
}
