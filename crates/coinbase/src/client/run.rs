//! The client's life: connect, serve the connection until it ends, wait, and again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::config::FeedConfig;
use super::crypto::install_crypto_provider;
use super::event::{DisconnectReason, FeedEvent};
use super::handle::Counters;
use super::session::{self, End, Session};
use crate::products::ProductId;

pub(super) type Wanted = watch::Receiver<BTreeSet<ProductId>>;

pub(super) async fn run(
    config: FeedConfig,
    wanted: Wanted,
    events: mpsc::Sender<FeedEvent>,
    counters: Arc<Counters>,
    shutdown: CancellationToken,
) {
    install_crypto_provider();
    let stop = shutdown.child_token();
    let life = Life {
        config,
        wanted,
        events: events.clone(),
        counters,
        stop: stop.clone(),
    };
    let life = life.run();
    tokio::pin!(life);
    tokio::select! {
        () = &mut life => return,
        () = events.closed() => stop.cancel(),
    }
    // To its polite end.
    life.await;
}

struct Life {
    config: FeedConfig,
    wanted: Wanted,
    events: mpsc::Sender<FeedEvent>,
    counters: Arc<Counters>,
    stop: CancellationToken,
}

impl Life {
    async fn run(mut self) {
        let mut failures = 0;
        while self.products_wanted().await {
            let Some((reason, had_data)) = self.one_connection().await else {
                return;
            };
            if had_data {
                failures = 0;
            }
            // A server that accepts and then has nothing for us failed too: connecting to it again
            // at once, for ever, would be a storm.
            let no_products = reason == DisconnectReason::NoProducts;
            let delay = (!no_products).then(|| self.config.backoff.delay(failures, rand::random()));
            failures = failures.saturating_add(1);
            tracing::info!(reason = reason.label(), detail = %reason, ?delay, "feed disconnected");
            let event = FeedEvent::Disconnected {
                reason,
                retry_in: delay,
            };
            let pause = async {
                let taken = self.events.send(event).await.is_ok();
                tokio::time::sleep(delay.unwrap_or(Duration::ZERO)).await;
                taken
            };
            if self.stop.run_until_cancelled(pause).await != Some(true) {
                return;
            }
        }
    }

    /// Waits until there is a product to subscribe to; false if it is time to end.
    async fn products_wanted(&mut self) -> bool {
        let some = self.wanted.wait_for(|products| !products.is_empty());
        matches!(self.stop.run_until_cancelled(some).await, Some(Ok(_)))
    }

    /// Returns why it ended and whether data had come; `None` if it is time to end.
    async fn one_connection(&mut self) -> Option<(DisconnectReason, bool)> {
        let connecting = session::connect(&self.config);
        let socket = match self.stop.run_until_cancelled(connecting).await? {
            Ok(socket) => socket,
            Err(reason) => return Some((reason, false)),
        };
        self.counters.connections.fetch_add(1, Ordering::Relaxed);
        tracing::info!(url = %self.config.websocket_url, "feed connected");
        let (wanted, events) = (&mut self.wanted, &self.events);
        let mut session = Session::new(&self.config, socket, wanted, events, &self.counters);
        let end = self.stop.run_until_cancelled(session.serve()).await;
        let had_data = session.had_data();
        session.close().await;
        match end {
            Some(End::Disconnected(reason)) => Some((reason, had_data)),
            Some(End::ConsumerGone) | None => None,
        }
    }
}
