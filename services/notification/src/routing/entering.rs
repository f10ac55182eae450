//! Routing through the replicas' common store, which keeps the order and gives the offsets.

use std::time::Duration;

use kafka_common::messages::RealtimeUpdate;
use kafka_common::{HandlerError, RecordMeta};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::mirror::Push;
use super::router::{Event, Router};
use crate::shared::{Entered, Entry, Place, Shared};
use crate::telemetry;

const MIN_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(1);

impl Router {
    /// Enters a record's event, however long it takes: while the store is away the record waits
    /// here, and those behind it in Kafka.
    pub(super) async fn enter(
        &self,
        shared: &Shared,
        meta: &RecordMeta,
        place: Option<(Uuid, u64)>,
        event: Option<Event>,
    ) -> Result<(), HandlerError> {
        let place = match place {
            Some((id, sequence)) => Place::Session { id, sequence },
            None => Place::Record {
                topic: meta.topic,
                partition: meta.partition,
                offset: meta.offset,
            },
        };
        let entry = match &event {
            Some(event) => Entry {
                channel: &event.channel,
                event: event.name,
                payload: event.payload.get(),
                produced_at: event.produced_at,
                trace: event.trace,
            },
            None => Entry {
                channel: "",
                event: "",
                payload: "",
                produced_at: chrono::Utc::now(),
                trace: None,
            },
        };
        let mut backoff = MIN_BACKOFF;
        let entered = loop {
            match shared.enter(&place, &entry).await {
                Ok(entered) => break entered,
                Err(error) => telemetry::store_lost(&error),
            }
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(MAX_BACKOFF);
        };
        match entered.verdict.as_str() {
            "repeat" => telemetry::repeated(meta.topic),
            "late" => telemetry::late(meta.topic),
            _ => {}
        }
        self.mirror_all(entered).await
    }

    /// Gives up holes whose time is over.
    pub(super) async fn expire_shared(&self, shared: &Shared) {
        if !shared.is_following() {
            return;
        }
        match shared.expire().await {
            Ok(entered) => {
                if let Err(error) = self.mirror_all(entered).await {
                    tracing::error!(%error, "held events could not be mirrored");
                }
            }
            Err(error) => telemetry::store_lost(&error),
        }
    }

    async fn mirror_all(&self, entered: Entered) -> Result<(), HandlerError> {
        telemetry::gaps(entered.gaps);
        for published in entered.published {
            telemetry::published(&published.event);
            let payload = RawValue::from_string(published.payload);
            let update = RealtimeUpdate {
                channel: published.channel,
                event: published.event,
                offset: published.offset,
                payload: payload.map_err(HandlerError::permanent)?,
                timestamp: chrono::Utc::now(),
            };
            let trace = published.trace;
            self.mirror(Push { update, trace }).await;
        }
        Ok(())
    }
}
