//! What replicas of this service share, in Redis: each session's place in its sequence, each
//! channel's position and history, and what is published at the moment.
//!
//! Whichever replica consumes a record, it enters it here, and every replica gets it from here. So
//! it doesn't matter which of them a browser is connected to, nor which of them dies: what was
//! entered is there exactly once, and its number is the same for all.
//!
//! While Redis is away nothing is published: records wait in Kafka. Clients are told after a few
//! seconds, try to come back, and recover when it is there again. If it has lost its data the
//! channels are new ones: clients are told that they can't recover, and load their state over HTTP.

mod feed;
mod forwarding;
mod presence;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use kafka_common::trace::TraceContext;
use redis::aio::ConnectionManager;
use redis::{RedisError, Script};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::value::RawValue;
use service_kit::cache::Cache;
use service_kit::settings::RedisSettings;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::centrifuge::EmulatedFrame;
use crate::hub::{Hub, HubLimits, Loaded, Position};

/// How long a channel's history is kept for, after the last time that a client was there.
const KNOWN: Duration = Duration::from_secs(3_600);
/// How long an event waits for those before it, in a session that isn't known and that is under way
/// by the event's number: see `routing::order`.
const FIRST_HOLD: Duration = Duration::from_millis(500);

/// Where an event stands among others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// In a session's sequence.
    Session { id: Uuid, sequence: u64 },
    /// In a partition, where there is nothing better.
    Record {
        topic: &'a str,
        partition: i32,
        offset: i64,
    },
}

/// An event on its way to a channel; one without a channel only keeps its place.
#[derive(Debug, Clone)]
pub(crate) struct Entry<'a> {
    pub(crate) channel: &'a str,
    pub(crate) event: &'a str,
    pub(crate) payload: &'a str,
    pub(crate) produced_at: DateTime<Utc>,
    /// The trace of its record.
    pub(crate) trace: Option<TraceContext>,
}

/// An event that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) channel: String,
    pub(crate) event: String,
    pub(crate) offset: u64,
    pub(crate) payload: String,
    /// The trace of the record that it came from, whichever one let it go.
    pub(crate) trace: Option<TraceContext>,
}

/// What became of an entry.
#[derive(Debug)]
pub(crate) struct Entered {
    /// `in_order`, `held`, `late` or `repeat`.
    pub(crate) verdict: String,
    /// Holes that were given up.
    pub(crate) gaps: u64,
    /// What is published with it, in order.
    pub(crate) published: Vec<Published>,
}

/// The replicas' common store. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shared {
    connection: ConnectionManager,
    client: redis::Client,
    prefix: Arc<str>,
    publish: Arc<Script>,
    load: Arc<Script>,
    limits: HubLimits,
    hold: Duration,
    /// Whether publications are received at the moment.
    following: Arc<AtomicBool>,
    /// Who takes what other replicas forward: a name, and a queue.
    forwarded: Arc<OnceLock<(String, mpsc::Sender<EmulatedFrame>)>>,
    /// One channel is loaded at a time.
    loading: Arc<tokio::sync::Mutex<()>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    /// The store, if there is one: `None` where the cache is this process's memory.
    ///
    /// `hold` is how long an event waits for those before it in a session that is known: it covers
    /// the time in which a dead replica's partitions find a new one.
    ///
    /// # Errors
    /// The URL is wrong.
    pub(crate) fn new(
        cache: &Cache,
        settings: &RedisSettings,
        limits: HubLimits,
        hold: Duration,
    ) -> Result<Option<Self>, RedisError> {
        let Cache::Redis { connection, prefix } = cache else {
            return Ok(None);
        };
        Ok(Some(Self {
            connection: connection.clone(),
            client: redis::Client::open(settings.url.expose_secret())?,
            prefix: format!("{prefix}push:").into(),
            publish: Arc::new(Script::new(include_str!("publish.lua"))),
            load: Arc::new(Script::new(include_str!("load.lua"))),
            limits,
            hold,
            following: Arc::default(),
            forwarded: Arc::default(),
            loading: Arc::default(),
        }))
    }

    /// Whether what is published is received at the moment.
    pub(crate) fn is_following(&self) -> bool {
        self.following.load(Ordering::Acquire)
    }

    /// Enters an event.
    ///
    /// # Errors
    /// The store doesn't answer: it may have been entered or not, and entering it again is right.
    pub(crate) async fn enter(
        &self,
        place: &Place<'_>,
        entry: &Entry<'_>,
    ) -> Result<Entered, RedisError> {
        let produced = entry.produced_at.timestamp_millis();
        let mut invocation = self.invocation();
        match place {
            Place::Session { id, sequence } => invocation
                .arg("session")
                .arg(id.to_string())
                .arg(sequence)
                .arg(millis(self.hold))
                .arg(millis(FIRST_HOLD)),
            Place::Record {
                topic,
                partition,
                offset,
            } => invocation
                .arg("record")
                .arg(format!("{topic}:{partition}"))
                .arg(offset)
                .arg(produced),
        };
        invocation
            .arg(entry.channel)
            .arg(entry.event)
            .arg(produced)
            .arg(entry.payload)
            .arg(
                entry
                    .trace
                    .map(|trace| trace.to_string())
                    .unwrap_or_default(),
            );
        self.run(&invocation).await
    }

    /// Gives up holes whose time is over.
    ///
    /// # Errors
    /// The store doesn't answer.
    pub(crate) async fn expire(&self) -> Result<Entered, RedisError> {
        let mut invocation = self.invocation();
        invocation.arg("expire").arg(millis(self.hold));
        self.run(&invocation).await
    }

    fn invocation(&self) -> redis::ScriptInvocation<'_> {
        let mut invocation = self.publish.prepare_invoke();
        invocation
            .arg(&*self.prefix)
            .arg(fresh_epoch())
            .arg(self.limits.history_events)
            .arg(self.limits.history_bytes)
            .arg(self.limits.ttl.as_secs());
        invocation
    }

    async fn run(&self, invocation: &redis::ScriptInvocation<'_>) -> Result<Entered, RedisError> {
        let (verdict, gaps, told): (String, u64, Vec<String>) = invocation
            .invoke_async(&mut self.connection.clone())
            .await?;
        let mut told = told.into_iter();
        let mut published = Vec::new();
        while let (Some(channel), Some(event), Some(offset), Some(payload), Some(trace)) = (
            told.next(),
            told.next(),
            told.next(),
            told.next(),
            told.next(),
        ) {
            let offset = offset.parse().map_err(|_| unexpected("an offset"))?;
            published.push(Published {
                channel,
                event,
                offset,
                payload,
                trace: trace.parse().ok(),
            });
        }
        Ok(Entered {
            verdict,
            gaps,
            published,
        })
    }

    /// Makes sure that the hub follows a channel.
    ///
    /// # Errors
    /// The store doesn't answer.
    pub(crate) async fn ensure(&self, hub: &Hub, channel: &str) -> Result<(), RedisError> {
        if hub.follows(channel) {
            return Ok(());
        }
        let _one = self.loading.lock().await;
        match hub.follows(channel) {
            true => Ok(()),
            false => self.load_into(hub, channel).await,
        }
    }

    /// Brings a channel that is followed up to date.
    async fn reload(&self, hub: &Hub, channel: &str) -> Result<(), RedisError> {
        let _one = self.loading.lock().await;
        self.load_into(hub, channel).await
    }

    async fn load_into(&self, hub: &Hub, channel: &str) -> Result<(), RedisError> {
        hub.begin_loading(channel);
        let told: Vec<String> = self
            .load
            .arg(&*self.prefix)
            .arg(fresh_epoch())
            .arg(KNOWN.as_secs())
            .arg(channel)
            .invoke_async(&mut self.connection.clone())
            .await?;
        let mut told = told.into_iter();
        let (Some(epoch), Some(offset)) = (told.next(), told.next()) else {
            return Err(unexpected("a channel"));
        };
        let offset: u64 = offset.parse().map_err(|_| unexpected("an offset"))?;
        let mut history = Vec::new();
        while let (Some(body), Some(produced)) = (told.next(), told.next()) {
            history.push((data(&body)?, time(&produced)?));
        }
        if history.len() as u64 > offset {
            return Err(unexpected("a history"));
        }
        let position = Position { epoch, offset };
        hub.install(channel, Loaded { position, history });
        Ok(())
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// What a channel is called that isn't there yet.
fn fresh_epoch() -> String {
    let random = Uuid::new_v4().simple().to_string();
    random.get(..8).unwrap_or_default().to_owned()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A publication's data; its offset, which the body has too, is known otherwise.
fn data(body: &str) -> Result<Arc<RawValue>, RedisError> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        data: &'a RawValue,
    }
    let body: Body<'_> = serde_json::from_str(body).map_err(|_| unexpected("a publication"))?;
    Ok(body.data.to_owned().into())
}

fn time(millis: &str) -> Result<DateTime<Utc>, RedisError> {
    let millis = millis.parse().ok();
    let time = millis.and_then(DateTime::from_timestamp_millis);
    time.ok_or_else(|| unexpected("a time"))
}

fn unexpected(what: &'static str) -> RedisError {
    let text = "the store has something else than was written there";
    RedisError::from((
        redis::ErrorKind::UnexpectedReturnType,
        text,
        what.to_owned(),
    ))
}
