//! Following what the replicas publish, and coming back to it after the connection broke.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use redis::{Msg, RedisError};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::{Shared, data, time};
use crate::hub::{Applied, Hub, Publication};
use crate::telemetry;

/// After this time without the store clients are sent away: they try to come back, and show that
/// they are not live meanwhile.
const GRACE: Duration = Duration::from_secs(5);
const MIN_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(1);
/// Time for an answer of the store.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How often it is asked whether the connection is alive.
const PING: Duration = Duration::from_secs(2);
/// How often positions are compared, and presence told.
const CHECK: Duration = Duration::from_secs(15);

impl Shared {
    /// Brings publications to the hub until `shutdown`.
    pub(crate) async fn follow(self, hub: Arc<Hub>, shutdown: CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.follow_again_and_again(&hub) => {}
        }
    }

    async fn follow_again_and_again(&self, hub: &Hub) {
        let mut lost_at = Instant::now();
        let mut told = false;
        let mut backoff = MIN_BACKOFF;
        loop {
            let Err(error) = self.follow_once(hub).await;
            if self.following.swap(false, Ordering::AcqRel) {
                lost_at = Instant::now();
                told = false;
                backoff = MIN_BACKOFF;
            }
            telemetry::store_lost(&error);
            if !told && lost_at.elapsed() >= GRACE {
                told = true;
                hub.cut_all();
            }
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
    }

    async fn follow_once(&self, hub: &Hub) -> Result<std::convert::Infallible, RedisError> {
        let (mut sink, mut publications) = answered(self.client.get_async_pubsub()).await?.split();
        answered(sink.subscribe(self.key("events"))).await?;
        let forwarded = self.forwarded_key();
        if let Some(key) = &forwarded {
            answered(sink.subscribe(key)).await?;
        }
        // What was published while nobody listened.
        for local in hub.followed() {
            self.reload(hub, &local.channel).await?;
        }
        self.following.store(true, Ordering::Release);
        telemetry::store_followed();
        let (holes, mut found) = tokio::sync::mpsc::channel(64);
        let receiving = async {
            while let Some(message) = publications.next().await {
                if forwarded.as_deref() == Some(message.get_channel_name()) {
                    self.take_forwarded(message.get_payload_bytes());
                } else if let Some(channel) = deliver(hub, &message) {
                    // With the queue full, the regular check finds it.
                    let _ = holes.try_send(channel);
                }
            }
            Err(closed())
        };
        let mending = async {
            let mut checks = interval(CHECK);
            checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    Some(channel) = found.recv() => self.reload(hub, &channel).await?,
                    _ = checks.tick() => self.check(hub).await?,
                }
            }
        };
        let pinging = async {
            loop {
                tokio::time::sleep(PING).await;
                answered(sink.ping::<redis::Value>()).await?;
            }
        };
        tokio::select! {
            ended = receiving => ended,
            ended = mending => ended,
            ended = pinging => ended,
        }
    }

    /// Looks for channels that fell behind without a later publication to show it.
    async fn check(&self, hub: &Hub) -> Result<(), RedisError> {
        let followed = hub.followed();
        self.tell_presence(&followed).await?;
        for local in followed {
            let (epoch, offset): (Option<String>, Option<u64>) = redis::cmd("HMGET")
                .arg(self.key(&format!("meta:{}", local.channel)))
                .arg("epoch")
                .arg("offset")
                .query_async(&mut self.connection.clone())
                .await?;
            let same = epoch.as_ref() == Some(&local.position.epoch)
                && offset.unwrap_or_default() <= local.position.offset;
            if !same {
                self.reload(hub, &local.channel).await?;
            }
        }
        Ok(())
    }
}

/// Brings a publication to the hub; tells the channel if something is missing before it.
fn deliver(hub: &Hub, message: &Msg) -> Option<String> {
    let payload = match std::str::from_utf8(message.get_payload_bytes()) {
        Ok(payload) => payload,
        Err(error) => {
            telemetry::store_lost(&error);
            return None;
        }
    };
    let Some((channel, epoch, publication)) = parse(payload) else {
        telemetry::store_lost(&"a publication that can't be read");
        return None;
    };
    match hub.deliver(channel, epoch, publication) {
        Applied::Hole => Some(channel.to_owned()),
        Applied::Yes | Applied::Ignored => None,
    }
}

/// `<epoch> <offset> <produced> <bytes of the channel's name> <channel><body>`.
fn parse(payload: &str) -> Option<(&str, &str, Publication)> {
    let mut parts = payload.splitn(5, ' ');
    let epoch = parts.next()?;
    let offset = parts.next()?.parse().ok()?;
    let produced_at = time(parts.next()?).ok()?;
    let bytes = parts.next()?.parse().ok()?;
    let (channel, body) = parts.next()?.split_at_checked(bytes)?;
    let publication = Publication::new(offset, data(body).ok()?, produced_at);
    Some((channel, epoch, publication))
}

async fn answered<T>(
    request: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, RedisError> {
    timeout(TIMEOUT, request).await.unwrap_or_else(|_| {
        let text = "no answer in time";
        Err(RedisError::from((redis::ErrorKind::Io, text)))
    })
}

fn closed() -> RedisError {
    RedisError::from((redis::ErrorKind::Io, "the connection was closed"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_publication_is_read_whatever_the_channel_is_called() {
        let payload = "ab12 7 1764000000000 11 user:a {}  é{\"data\":1}";
        assert!(parse(payload).is_none());
        let payload = "ab12 7 1764000000000 13 user:a {}  é{\"data\":1}";
        let (channel, epoch, publication) = parse(payload).unwrap();
        assert_eq!(
            (channel, epoch, publication.offset),
            ("user:a {}  é", "ab12", 7)
        );
        assert_eq!(publication.data.get(), "1");
        for wrong in ["", "a b c d e", "ab12 7 1764000000000 99 user:a{}"] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }
}
