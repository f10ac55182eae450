//! Subscribing and unsubscribing: bookkeeping, database, feed and event, one change at a time.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use chrono::Utc;
use coinbase::ProductId;
use coinbase::client::FeedProducts;
use kafka_common::messages::SubscriptionAction;
use kafka_common::{PendingDelivery, Topics};
use service_kit::Problem;
use tokio::sync::Mutex;

use crate::book::Markets;
use crate::message;
use crate::producer::Producer;
use crate::store::Store;
use crate::subscriptions::{Change, MAX_PRODUCTS, Refusal, Subscriptions};
use crate::telemetry;

/// The requester of what is configured.
pub const CONFIGURATION: &str = "configuration";
/// How long a request waits for Kafka to take its event.
const EVENT_BOUND: Duration = Duration::from_secs(5);

/// Changes what the feed carries.
#[derive(Debug)]
pub struct Registry {
    /// Held over a whole change, so that events are in the order of the changes.
    subscriptions: Mutex<Subscriptions>,
    feed: FeedProducts,
    markets: Arc<Markets>,
    producer: Arc<Producer>,
    store: Store,
}

/// One product that is carried.
#[derive(Debug, Clone)]
pub struct Carried {
    /// The product.
    pub product: ProductId,
    /// Who asked for it, sorted.
    pub requested_by: Vec<String>,
}

impl Registry {
    /// Nothing is carried yet.
    pub fn new(
        feed: FeedProducts,
        markets: Arc<Markets>,
        producer: Arc<Producer>,
        store: Store,
    ) -> Self {
        Self {
            subscriptions: Mutex::default(),
            feed,
            markets,
            producer,
            store,
        }
    }

    /// Carries what is configured and what was asked for before the restart, without waiting for
    /// the events to be taken. What is beyond the bounds is left out and logged.
    pub async fn begin(&self, wanted: Vec<(ProductId, String)>) {
        let mut subscriptions = self.subscriptions.lock().await;
        let mut carried = Vec::new();
        let mut events = Vec::new();
        for (product, requested_by) in wanted {
            match subscriptions.add(product, &requested_by) {
                Ok(Change::Carried) => {
                    carried.push(product);
                    self.markets.lock().carry(product);
                    let action = SubscriptionAction::Subscribed;
                    events.extend(self.tell(product, action, &requested_by).await);
                }
                Ok(_) => {}
                Err(refusal) => {
                    tracing::error!(%product, requested_by, ?refusal, "subscription left out");
                }
            }
        }
        // All in one request: a recording that is played must not begin with half of them.
        self.feed.subscribe(carried);
        telemetry::subscribed_products(subscriptions.len());
        tokio::spawn(async move {
            for event in events {
                event.taken().await;
            }
        });
    }

    /// Subscribes; the bool tells whether the requester had not asked for it before.
    ///
    /// # Errors
    /// A bound is reached, or the database doesn't answer.
    pub async fn subscribe(
        &self,
        product: ProductId,
        requested_by: &str,
    ) -> Result<(Carried, bool), Problem> {
        let mut subscriptions = self.subscriptions.lock().await;
        let change = subscriptions
            .would_add(product, requested_by)
            .map_err(|refusal| refused(product, refusal))?;
        if change != Change::Nothing {
            // First the database: if it fails, nothing has changed.
            self.store.add(product, requested_by).await?;
            let _same = subscriptions.add(product, requested_by);
        }
        let event = match change {
            Change::Carried => self.carry(product, requested_by).await,
            _ => None,
        };
        telemetry::subscribed_products(subscriptions.len());
        let carried = Carried {
            product,
            requested_by: names(&subscriptions, product),
        };
        drop(subscriptions);
        if let Some(event) = event {
            event.taken().await;
        }
        Ok((carried, change != Change::Nothing))
    }

    /// Unsubscribes; a product that others asked for as well stays.
    ///
    /// # Errors
    /// This requester hasn't asked for it, or the database doesn't answer.
    pub async fn unsubscribe(&self, product: ProductId, requested_by: &str) -> Result<(), Problem> {
        let mut subscriptions = self.subscriptions.lock().await;
        let change = subscriptions
            .would_remove(product, requested_by)
            .map_err(|refusal| refused(product, refusal))?;
        self.store.remove(product, requested_by).await?;
        let _same = subscriptions.remove(product, requested_by);
        let event = match change {
            Change::Dropped => self.drop_product(product, requested_by).await,
            _ => None,
        };
        telemetry::subscribed_products(subscriptions.len());
        drop(subscriptions);
        if let Some(event) = event {
            event.taken().await;
        }
        Ok(())
    }

    /// Everything that is carried, sorted by product.
    pub async fn carried(&self) -> Vec<Carried> {
        let subscriptions = self.subscriptions.lock().await;
        subscriptions
            .iter()
            .map(|(product, requesters)| Carried {
                product,
                requested_by: requesters.iter().cloned().collect(),
            })
            .collect()
    }

    async fn carry(&self, product: ProductId, requested_by: &str) -> Option<Event> {
        self.markets.lock().carry(product);
        self.feed.subscribe([product]);
        self.tell(product, SubscriptionAction::Subscribed, requested_by)
            .await
    }

    async fn drop_product(&self, product: ProductId, requested_by: &str) -> Option<Event> {
        self.feed.unsubscribe([product]);
        self.markets.lock().drop_product(product);
        self.tell(product, SubscriptionAction::Unsubscribed, requested_by)
            .await
    }

    /// Queues the event. The change stands even if Kafka doesn't take the event: no service acts
    /// on it, and the loss is logged and counted.
    async fn tell(
        &self,
        product: ProductId,
        action: SubscriptionAction,
        requested_by: &str,
    ) -> Option<Event> {
        let symbol = product.symbol();
        tracing::info!(%symbol, ?action, requested_by, "subscription changed");
        let event = message::subscription(symbol, action, requested_by, Utc::now());
        let producer = self.producer.current();
        let topic = Topics::SYMBOL_SUBSCRIPTIONS;
        match producer
            .enqueue_message(topic, &event, symbol.as_str())
            .await
        {
            Ok(delivery) => Some(Event { product, delivery }),
            Err(error) => {
                telemetry::event_undelivered(symbol.as_str(), &error);
                None
            }
        }
    }
}

/// An event that is queued.
#[derive(Debug)]
struct Event {
    product: ProductId,
    delivery: PendingDelivery,
}

impl Event {
    async fn taken(self) {
        let symbol = self.product.symbol();
        match tokio::time::timeout(EVENT_BOUND, self.delivery.wait()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => telemetry::event_undelivered(symbol.as_str(), &error),
            Err(late) => telemetry::event_undelivered(symbol.as_str(), &late),
        }
    }
}

fn names(subscriptions: &Subscriptions, product: ProductId) -> Vec<String> {
    subscriptions
        .requesters(product)
        .map(|requesters| requesters.iter().cloned().collect())
        .unwrap_or_default()
}

fn refused(product: ProductId, refusal: Refusal) -> Problem {
    let symbol = product.symbol();
    match refusal {
        Refusal::TooManyProducts => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "too_many_subscriptions",
            format!("{MAX_PRODUCTS} products are carried already, which is the most"),
        )
        .field("symbol")
        .hint("unsubscribe from another symbol first"),
        Refusal::TooManyRequesters => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "too_many_requesters",
            format!("{symbol} is carried, and so many have asked for it that no more are counted"),
        )
        .field("symbol")
        .hint("its data can be read without a subscription of one's own"),
        Refusal::NotCarried => Problem::not_found("subscription")
            .field("symbol")
            .hint("GET /v1/subscriptions lists what is carried"),
        Refusal::NotRequester => Problem::new(
            StatusCode::CONFLICT,
            "requested_by_others",
            format!("{symbol} was asked for by others, and stays as long as they want it"),
        )
        .field("symbol")
        .hint("`requested_by` in GET /v1/subscriptions tells who they are"),
    }
}
