//! Subscribing and unsubscribing: bookkeeping, database, feed and event, one change at a time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use chrono::Utc;
use coinbase::ProductId;
use kafka_common::messages::SubscriptionAction;
use kafka_common::{PendingDelivery, Topics};
use service_kit::Problem;
use tokio::sync::Mutex;

use crate::assignment::Assignment;
use crate::message;
use crate::producer::Producer;
use crate::store::Store;
use crate::subscriptions::{Change, MAX_PRODUCTS, Refusal, Subscriptions};
use crate::telemetry;

/// The requester of what is configured.
pub const CONFIGURATION: &str = "configuration";
/// Who ends the subscription of a product that the exchange doesn't have.
const EXCHANGE: &str = "exchange";
/// How long a request waits for Kafka to take its event.
const EVENT_BOUND: Duration = Duration::from_secs(5);

/// Changes what the feed carries.
#[derive(Debug)]
pub struct Registry {
    /// Held over a whole change, so that events are in the order of the changes.
    subscriptions: Mutex<Subscriptions>,
    assignment: Arc<Assignment>,
    producer: Arc<Producer>,
    store: Store,
    /// How long a product is carried on that nobody asks for any more.
    grace: Duration,
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
        assignment: Arc<Assignment>,
        producer: Arc<Producer>,
        store: Store,
        grace: Duration,
    ) -> Self {
        Self {
            subscriptions: Mutex::default(),
            assignment,
            producer,
            store,
            grace,
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
                    let action = SubscriptionAction::Subscribed;
                    events.extend(self.tell(product, action, &requested_by).await);
                }
                Ok(_) => {}
                Err(refusal) => {
                    tracing::error!(%product, requested_by, ?refusal, "subscription left out");
                }
            }
        }
        self.assignment.want(&carried);
        telemetry::subscribed_products(subscriptions.len());
        tokio::spawn(async move {
            for event in events {
                event.taken().await;
            }
        });
    }

    /// Subscribes one who may have up to `most` products; the bool tells whether they had not asked
    /// for it before.
    ///
    /// # Errors
    /// A bound is reached, or the database doesn't answer.
    pub async fn subscribe(
        &self,
        product: ProductId,
        requested_by: &str,
        most: Option<usize>,
    ) -> Result<(Carried, bool), Problem> {
        let mut subscriptions = self.subscriptions.lock().await;
        let change = subscriptions
            .would_add(product, requested_by, most)
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

    /// Unsubscribes. A product that others asked for as well stays; one that nobody asks for any
    /// more is given up after a while.
    ///
    /// # Errors
    /// This requester hasn't asked for it, or the database doesn't answer.
    pub async fn unsubscribe(
        self: Arc<Self>,
        product: ProductId,
        requested_by: &str,
    ) -> Result<(), Problem> {
        let mut subscriptions = self.subscriptions.lock().await;
        let change = subscriptions
            .would_remove(product, requested_by)
            .map_err(|refusal| refused(product, refusal))?;
        self.store.remove(product, requested_by).await?;
        let now = Instant::now();
        let _same = subscriptions.remove(product, requested_by, now);
        drop(subscriptions);
        if change != Change::Left {
            return Ok(());
        }
        if self.grace.is_zero() {
            self.expire(product, now).await;
        } else {
            // The service may end before: the database has forgotten the requester already.
            tokio::spawn(async move {
                tokio::time::sleep(self.grace).await;
                self.expire(product, now).await;
            });
        }
        Ok(())
    }

    /// Gives up a product if nobody has asked for it since.
    async fn expire(&self, product: ProductId, since: Instant) {
        let mut subscriptions = self.subscriptions.lock().await;
        let Some(last) = subscriptions.expire(product, since) else {
            return;
        };
        let event = self.drop_product(product, &last).await;
        telemetry::subscribed_products(subscriptions.len());
        drop(subscriptions);
        if let Some(event) = event {
            event.taken().await;
        }
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

    /// Follows what users asked of other replicas. These have told of it already.
    ///
    /// # Errors
    /// The database doesn't answer.
    pub async fn follow(&self) -> sqlx::Result<()> {
        // Held over the reading: what is asked for meanwhile must not look as if it were gone.
        let mut subscriptions = self.subscriptions.lock().await;
        let stored: BTreeSet<(ProductId, String)> = self
            .store
            .all()
            .await?
            .into_iter()
            .filter_map(|(id, who)| Some((ProductId::parse(&id).ok()?, who)))
            .collect();
        let now = Instant::now();
        for (product, who) in &stored {
            if subscriptions.add(*product, who) == Ok(Change::Carried) {
                self.assignment.want(&[*product]);
            }
        }
        let mut gone = Vec::new();
        for (product, known) in subscriptions.iter() {
            let is_gone = |who: &&String| {
                *who != CONFIGURATION && !stored.contains(&(product, (*who).clone()))
            };
            gone.extend(
                known
                    .iter()
                    .filter(is_gone)
                    .map(|who| (product, who.clone())),
            );
        }
        for (product, who) in gone {
            if subscriptions.remove(product, &who, now) == Ok(Change::Left)
                && subscriptions.expire(product, now).is_some()
            {
                self.assignment.give_up(product);
            }
        }
        telemetry::subscribed_products(subscriptions.len());
        Ok(())
    }

    async fn carry(&self, product: ProductId, requested_by: &str) -> Option<Event> {
        self.assignment.want(&[product]);
        self.tell(product, SubscriptionAction::Subscribed, requested_by)
            .await
    }

    /// Gives up a product that the exchange doesn't have, whoever asked for it.
    pub async fn give_up(&self, product: ProductId) {
        let mut subscriptions = self.subscriptions.lock().await;
        if !subscriptions.remove_all(product) {
            return;
        }
        if let Err(error) = self.store.remove_all(product).await {
            // The next start asks for it again, and is refused again.
            tracing::error!(%product, %error, "a refused subscription stays stored");
        }
        let event = self.drop_product(product, EXCHANGE).await;
        telemetry::subscribed_products(subscriptions.len());
        drop(subscriptions);
        if let Some(event) = event {
            event.taken().await;
        }
    }

    async fn drop_product(&self, product: ProductId, requested_by: &str) -> Option<Event> {
        self.assignment.give_up(product);
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
        Refusal::TooManyOfRequester => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "too_many_subscriptions_of_user",
            "one user can't ask for more symbols",
        )
        .field("symbol")
        .hint("unsubscribe from another symbol first: DELETE /v1/subscriptions/{symbol}"),
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
