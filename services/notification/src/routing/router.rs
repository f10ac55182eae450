//! Which browser gets what: `user:<user_id>` of each record, in order, once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use kafka_common::messages::{ForwardTestEvent, RealtimeUpdate, TradeExecution, UserNotification};
use kafka_common::trace::TraceContext;
use kafka_common::{HandlerError, Record, RecordMeta};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::mirror::Push;
use super::order::{Order, OrderLimits, Verdict};
use crate::centrifuge::user_channel;
use crate::hub::Hub;
use crate::shared::Shared;
use crate::telemetry;

/// Longest user id, as tokens have it.
const MAX_USER_BYTES: usize = 128;
/// How often it is looked for holes whose time is over.
const TICK: Duration = Duration::from_millis(50);
/// How often the hub forgets what is too old.
const SWEEP: Duration = Duration::from_secs(15);

/// An event on its way to a user.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) channel: String,
    pub(super) name: &'static str,
    pub(super) payload: Box<RawValue>,
    pub(super) produced_at: DateTime<Utc>,
    pub(super) trace: Option<TraceContext>,
}

#[derive(Debug)]
struct State {
    /// `None` keeps the place of a record that goes to nobody.
    order: Order<Option<Event>>,
    /// The last offset of each partition, for records that are in no session's sequence.
    offsets: HashMap<(&'static str, i32), i64>,
}

/// Takes consumed records, publishes them, and passes on what was published.
///
/// Order: one task handles records one after another, and the lock is held from a record's place
/// in its session until what was published stands in the mirror's queue; so that a channel has the
/// same order in the hub and in `realtime-updates`.
#[derive(Debug)]
pub(crate) struct Router {
    hub: Arc<Hub>,
    /// Where replicas have their order in common; else it is kept here.
    shared: Option<Shared>,
    state: Mutex<State>,
    mirror: mpsc::Sender<Push>,
}

impl Router {
    pub(crate) fn new(
        hub: Arc<Hub>,
        shared: Option<Shared>,
        mirror: mpsc::Sender<Push>,
    ) -> Arc<Self> {
        let state = State {
            order: Order::new(OrderLimits::default()),
            offsets: HashMap::new(),
        };
        Arc::new(Self {
            hub,
            shared,
            state: Mutex::new(state),
            mirror,
        })
    }

    pub(crate) async fn trade(&self, record: Record<TradeExecution>) -> Result<(), HandlerError> {
        let trade = &record.data;
        let event = event(&record, "trade-execution", trade.user_id.as_deref())?;
        let place = trade.sequence.map(|sequence| (trade.session_id, sequence));
        self.route(&record.meta, place, event).await
    }

    pub(crate) async fn session_event(
        &self,
        record: Record<ForwardTestEvent>,
    ) -> Result<(), HandlerError> {
        let data = &record.data;
        let event = event(&record, "forward-test-event", Some(&data.user_id))?;
        let place = Some((data.session_id, data.sequence));
        self.route(&record.meta, place, event).await
    }

    pub(crate) async fn notification(
        &self,
        record: &Record<UserNotification>,
    ) -> Result<(), HandlerError> {
        let event = event(record, "user-notification", Some(&record.data.user_id))?;
        self.route(&record.meta, None, event).await
    }

    async fn route(
        &self,
        meta: &RecordMeta,
        place: Option<(Uuid, u64)>,
        event: Option<Event>,
    ) -> Result<(), HandlerError> {
        let mut state = self.state.lock().await;
        if let Some(shared) = &self.shared {
            return self.enter(shared, meta, place, event).await;
        }
        let mut ready = Vec::new();
        match place {
            Some((session, sequence)) => {
                let now = Instant::now();
                let verdict = state
                    .order
                    .accept(session, sequence, event, now, &mut ready);
                match verdict {
                    Verdict::Repeat => telemetry::repeated(meta.topic),
                    Verdict::Late => telemetry::late(meta.topic),
                    Verdict::InOrder | Verdict::Held => {}
                }
            }
            None => {
                let last = state.offsets.entry((meta.topic, meta.partition));
                let last = last.or_insert(-1);
                if meta.offset > *last {
                    *last = meta.offset;
                    ready.push(event);
                } else {
                    telemetry::repeated(meta.topic);
                }
            }
        }
        self.publish(&mut state, ready).await
    }

    /// The state is borrowed so that nobody else publishes meanwhile.
    async fn publish(
        &self,
        state: &mut State,
        events: Vec<Option<Event>>,
    ) -> Result<(), HandlerError> {
        telemetry::gaps(state.order.take_gaps());
        for event in events.into_iter().flatten() {
            let offset = self
                .hub
                .publish(
                    &event.channel,
                    event.name,
                    &event.payload,
                    event.produced_at,
                )
                .map_err(HandlerError::permanent)?;
            let update = RealtimeUpdate {
                channel: event.channel,
                event: event.name.to_owned(),
                offset,
                payload: event.payload,
                timestamp: Utc::now(),
            };
            let trace = event.trace;
            self.mirror(Push { update, trace }).await;
        }
        Ok(())
    }

    /// Waits while too many pushes are on their way to the broker: nothing can be consumed from a
    /// broker that takes nothing, either.
    pub(super) async fn mirror(&self, push: Push) {
        if self.mirror.send(push).await.is_err() {
            telemetry::not_mirrored(&"the producer has ended");
        }
    }

    /// Gives up holes in time and keeps the hub tidy, until `shutdown`.
    pub(crate) async fn keep(&self, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut swept = Instant::now();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                _ = ticks.tick() => {}
            }
            let now = Instant::now();
            let mut state = self.state.lock().await;
            match &self.shared {
                Some(shared) => self.expire_shared(shared).await,
                None => {
                    let mut ready = Vec::new();
                    state.order.expire(now, &mut ready);
                    self.publish_all(&mut state, ready).await;
                }
            }
            drop(state);
            if now.duration_since(swept) >= SWEEP {
                swept = now;
                self.hub.sweep(now);
            }
        }
    }

    /// Publishes what is still held back.
    pub(crate) async fn flush(&self) {
        let mut state = self.state.lock().await;
        let mut ready = Vec::new();
        state.order.flush(Instant::now(), &mut ready);
        self.publish_all(&mut state, ready).await;
    }

    async fn publish_all(&self, state: &mut State, ready: Vec<Option<Event>>) {
        if let Err(error) = self.publish(state, ready).await {
            tracing::error!(%error, "held events could not be published");
        }
    }
}

/// The event of a record; `None`, counted, if the record names nobody to whom it could go.
fn event<T: Serialize>(
    record: &Record<T>,
    name: &'static str,
    user_id: Option<&str>,
) -> Result<Option<Event>, HandlerError> {
    let meta = &record.meta;
    let user_id = user_id.filter(|id| !id.is_empty() && id.len() <= MAX_USER_BYTES);
    let Some(user_id) = user_id else {
        telemetry::unroutable(meta.topic, meta.partition, meta.offset);
        return Ok(None);
    };
    Ok(Some(Event {
        channel: user_channel(user_id),
        name,
        payload: to_raw_value(&record.data).map_err(HandlerError::permanent)?,
        produced_at: record.produced_at,
        trace: meta.trace,
    }))
}

#[cfg(test)]
mod tests;
