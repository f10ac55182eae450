//! One load on one server: clients come, messages are sent evenly and then at once, clients go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use kafka_common::messages::TradeExecution;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::client::Client;
use super::peer::Topic;
use super::process;
use super::replica::Log;
use super::tally::{Progress, Sent, Tally};
use super::trades;
use crate::commands::bench::figure::quantile;

/// Clients that connect at the same time.
const CONNECTING: usize = 100;
/// Before memory is looked at: what is under way comes to its end.
const SETTLE: Duration = Duration::from_secs(3);
/// Seconds of even sending whose latencies don't count: the first messages find cold caches and code
/// that isn't compiled yet, in the broker, too.
const WARM_UP: u32 = 2;
/// After this a message that isn't there is lost.
const LOST_AFTER: Duration = Duration::from_secs(30);

/// What is asked of a server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) clients: u32,
    pub(super) channels: u32,
    pub(super) rate: u32,
    pub(super) seconds: u32,
    pub(super) burst: u32,
}

/// A server: how clients get in, and how messages do.
pub(super) struct Target<'a> {
    pub(super) url: String,
    pub(super) auth: service_kit::Auth,
    pub(super) publisher: Publisher<'a>,
    /// Where its memory and its time can be seen.
    pub(super) pid: Option<u32>,
}

/// How messages get in.
pub(super) enum Publisher<'a> {
    /// As they come in production.
    Log(&'a Log),
    /// Through a topic that a Centrifugo reads.
    Topic(&'a Topic),
}

impl Publisher<'_> {
    async fn publish(&self, trade: &TradeExecution) -> anyhow::Result<()> {
        match self {
            Self::Log(log) => log.publish(trade).await,
            Self::Topic(topic) => topic.publish(trade).await,
        }
    }
}

/// What was measured.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) clients: f64,
    pub(super) lost: f64,
    pub(super) reordered: f64,
    pub(super) rate: f64,
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) burst_rate: f64,
    pub(super) kilobytes: Option<f64>,
    pub(super) processor_micros: Option<f64>,
}

/// The clients of a run.
struct Clients {
    listening: JoinSet<anyhow::Result<Tally>>,
    end: CancellationToken,
    progress: Arc<Progress>,
    sent: Arc<Sent>,
}

impl Load {
    pub(super) async fn run(self, target: &Target<'_>) -> anyhow::Result<Measured> {
        let run = Uuid::new_v4();
        let even = self.even();
        let before = target.pid.and_then(process::memory);
        let clients = self.connect(target).await?;
        sleep(SETTLE).await;
        let after = target.pid.and_then(process::memory);

        let busy = target.pid.and_then(process::processor_time);
        let started = Instant::now();
        self.send_evenly(target, &clients.sent, run, even).await?;
        let wanted = self.deliveries(0, even);
        let all = clients.wait_for(wanted).await;
        let seconds = started.elapsed().as_secs_f64();
        let busy_after = target.pid.and_then(process::processor_time);
        let got = clients.progress.received();

        let started = Instant::now();
        if all {
            self.send_at_once(target, &clients.sent, run, even).await?;
            clients
                .wait_for(self.deliveries(0, even + self.burst))
                .await;
        }
        let burst_seconds = started.elapsed().as_secs_f64();
        let in_burst = clients.progress.received() - got;
        let tallies = clients.end().await?;

        let received: usize = tallies.iter().map(|tally| tally.latencies.len()).sum();
        let wanted = self.deliveries(0, even + self.burst);
        // The burst's waiting says how long the queue was, not how quick a push is.
        let latencies: Vec<f64> = tallies
            .iter()
            .flat_map(|tally| self.even_part(tally, even))
            .map(|micros| f64::from(*micros) / 1_000.0)
            .collect();
        let reordered: u64 = tallies.iter().map(|tally| tally.reordered).sum();
        let each = |value: Option<f64>, from: Option<f64>| Some(value? - from?);
        Ok(Measured {
            clients: f64::from(self.clients),
            lost: wanted.saturating_sub(received as u64) as f64,
            reordered: reordered as f64,
            rate: got as f64 / seconds,
            p50: quantile(&latencies, 0.5),
            p99: quantile(&latencies, 0.99),
            burst_rate: in_burst as f64 / burst_seconds,
            kilobytes: each(after, before).map(|all| all / f64::from(self.clients)),
            processor_micros: each(busy_after, busy)
                .map(|seconds| seconds * 1_000_000.0 / got.max(1) as f64),
        })
    }

    /// Messages that are sent evenly.
    fn even(self) -> u32 {
        self.rate * (WARM_UP + self.seconds)
    }

    /// Messages of a channel among the first so many.
    fn of_channel(self, channel: u32, messages: u32) -> u32 {
        messages / self.channels + u32::from(channel < messages % self.channels)
    }

    /// Clients of a channel.
    fn listeners(self, channel: u32) -> u32 {
        self.clients / self.channels + u32::from(channel < self.clients % self.channels)
    }

    /// What all clients get of the messages from one number to another.
    fn deliveries(self, from: u32, to: u32) -> u64 {
        let channels = 0..self.channels;
        let of = |channel| self.of_channel(channel, to) - self.of_channel(channel, from);
        channels
            .map(|channel| u64::from(of(channel)) * u64::from(self.listeners(channel)))
            .sum()
    }

    fn even_part(self, tally: &Tally, even: u32) -> &[u32] {
        let channel = u32::try_from(tally.channel()).unwrap_or_default();
        let place = |messages| {
            let place = usize::try_from(self.of_channel(channel, messages)).unwrap_or(usize::MAX);
            place.min(tally.latencies.len())
        };
        &tally.latencies[place(self.rate * WARM_UP)..place(even)]
    }

    async fn connect(self, target: &Target<'_>) -> anyhow::Result<Clients> {
        let messages = self.even() + self.burst;
        let sent = Arc::new(Sent::new(self.channels, messages / self.channels + 1));
        let (progress, end) = (Arc::new(Progress::default()), CancellationToken::new());
        let mut listening = JoinSet::new();
        let opening = stream::iter(0..self.clients)
            .map(|number| async move {
                let channel = usize::try_from(number % self.channels).unwrap_or_default();
                let user = trades::user(channel);
                let token = target.auth.issue(&user, service_kit::Role::User);
                let token = token.map_err(|problem| anyhow::anyhow!(problem.detail))?;
                let name = format!("user:{user}");
                Client::open(&target.url, &token.token, &name, channel).await
            })
            .buffer_unordered(CONNECTING);
        let mut opening = std::pin::pin!(opening);
        while let Some(client) = opening.try_next().await? {
            let (sent, progress) = (Arc::clone(&sent), Arc::clone(&progress));
            listening.spawn(client.listen(sent, progress, end.clone()));
        }
        Ok(Clients {
            listening,
            end,
            progress,
            sent,
        })
    }

    async fn send_evenly(
        self,
        target: &Target<'_>,
        sent: &Sent,
        run: Uuid,
        count: u32,
    ) -> anyhow::Result<()> {
        let mut ticks = interval(Duration::from_secs(1) / self.rate);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for number in 0..count {
            ticks.tick().await;
            self.send(target, sent, run, number).await?;
        }
        Ok(())
    }

    /// As fast as they are taken, each channel's in order.
    async fn send_at_once(
        self,
        target: &Target<'_>,
        sent: &Sent,
        run: Uuid,
        from: u32,
    ) -> anyhow::Result<()> {
        let channels = (0..self.channels).map(|channel| async move {
            let numbers = from..from + self.burst;
            for number in numbers.filter(|number| number % self.channels == channel) {
                self.send(target, sent, run, number).await?;
            }
            anyhow::Ok(())
        });
        futures_util::future::try_join_all(channels).await?;
        Ok(())
    }

    async fn send(
        self,
        target: &Target<'_>,
        sent: &Sent,
        run: Uuid,
        number: u32,
    ) -> anyhow::Result<()> {
        let channel = usize::try_from(number % self.channels).unwrap_or_default();
        let sequence = u64::from(number / self.channels) + 1;
        let trade = trades::trade(run, channel, sequence);
        sent.note(channel, sequence);
        target.publisher.publish(&trade).await
    }
}

impl Clients {
    /// Whether so many messages came.
    async fn wait_for(&self, wanted: u64) -> bool {
        self.progress.want(wanted);
        let reached = async {
            while self.progress.received() < wanted {
                self.progress.reached.notified().await;
            }
        };
        timeout(LOST_AFTER, reached).await.is_ok()
    }

    async fn end(mut self) -> anyhow::Result<Vec<Tally>> {
        self.end.cancel();
        let mut tallies = Vec::new();
        while let Some(ended) = self.listening.join_next().await {
            tallies.push(ended.context("a client's task")??);
        }
        Ok(tallies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_how_many_messages_must_come() {
        let load = Load {
            clients: 7,
            channels: 3,
            rate: 1,
            seconds: 1,
            burst: 1,
        };
        // Channel 0 has 3 clients, the others 2; of 5 messages channels 0 and 1 get 2.
        assert_eq!(load.deliveries(0, 5), 2 * 3 + 2 * 2 + 2);
        assert_eq!(load.deliveries(5, 6), 2);
        assert_eq!(load.deliveries(0, 0), 0);
    }
}
