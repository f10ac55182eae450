//! Sends what waits in a spool, in order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use tokio_util::sync::CancellationToken;

use super::entry::Entry;
use super::log::Place;
use super::{Shared, SpoolError, blocking};
use crate::error::{ClientError, ProduceError};
use crate::producer::{Attempt, Client, Destination, Outgoing, PendingDelivery, Undelivered};
use crate::settings::KafkaSettings;
use crate::telemetry;

/// Messages that are on their way at a time.
const BATCH: usize = 500;
/// Waits after failures that only an operator can end, doubling.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// The batch is far smaller than the client's queue.
const QUEUE_BOUND: Duration = Duration::from_secs(5);

pub(super) struct Drain {
    shared: Arc<Shared>,
    config: ClientConfig,
    client: Arc<Client>,
    destinations: HashMap<&'static str, Arc<Destination>>,
    settings: KafkaSettings,
    /// Ends of messages that were delivered though one before them wasn't.
    ahead: HashSet<Place>,
    pause: Duration,
}

/// Why a batch ended early.
enum Trouble {
    /// The spool ends.
    Ending,
    Failed(String),
}

impl Drain {
    pub(super) fn new(
        settings: &KafkaSettings,
        service: &str,
        shared: Arc<Shared>,
    ) -> Result<Self, ClientError> {
        let mut config = settings.producer(service);
        config
            // For ever: an outage, however long, costs neither a message nor its place.
            .set("delivery.timeout.ms", "0")
            // A message that is refused stops those behind it: they would overtake it.
            .set("enable.gapless.guarantee", "true");
        let client = Arc::new(Client::start(&config, settings)?);
        Ok(Self {
            shared,
            config,
            client,
            destinations: HashMap::new(),
            settings: settings.clone(),
            ahead: HashSet::new(),
            pause: FIRST_PAUSE,
        })
    }

    pub(super) async fn run(mut self, ending: CancellationToken) {
        while !ending.is_cancelled() {
            if self.shared.waiting() == 0 {
                tokio::select! {
                    () = self.shared.wake.notified() => {}
                    () = ending.cancelled() => {}
                }
                continue;
            }
            match self.batch(&ending).await {
                Ok(()) => self.pause = FIRST_PAUSE,
                Err(Trouble::Ending) => break,
                Err(Trouble::Failed(reason)) => {
                    telemetry::spool_stalled(self.shared.name, &reason, self.pause);
                    self.shared.stall(Some(reason));
                    tokio::select! {
                        () = tokio::time::sleep(self.pause) => {}
                        () = ending.cancelled() => break,
                    }
                    self.pause = (self.pause * 2).min(LAST_PAUSE);
                    self.renew();
                }
            }
        }
        // What is on its way is taken back: it is on disk.
        let client = self.client;
        let _ = tokio::task::spawn_blocking(move || client.purge()).await;
    }

    /// Sends the next messages and notes what was delivered.
    async fn batch(&mut self, ending: &CancellationToken) -> Result<(), Trouble> {
        let shared = Arc::clone(&self.shared);
        let read = blocking(move || {
            let log = shared.log();
            log.read(log.head(), BATCH)
        });
        let entries = read.await.map_err(failed)?;
        let mut pending = Vec::with_capacity(entries.len());
        let mut trouble = None;
        for (entry, end) in entries {
            if self.ahead.remove(&end) {
                pending.push((end, None));
                continue;
            }
            match self.enqueue(&entry).await {
                Ok(delivery) => pending.push((end, Some(delivery))),
                Err(error) => {
                    trouble = Some(Trouble::Failed(error.to_string()));
                    break;
                }
            }
        }
        let mut delivered = 0;
        let mut head = None;
        for (end, delivery) in pending {
            match outcome(delivery, ending).await {
                Ok(()) if trouble.is_none() => (head, delivered) = (Some(end), delivered + 1),
                Ok(()) => {
                    self.ahead.insert(end);
                }
                Err(Trouble::Ending) => {
                    trouble = Some(Trouble::Ending);
                    break;
                }
                // The first failure is the cause of the others.
                Err(failure) => trouble = trouble.or(Some(failure)),
            }
        }
        if let Some(head) = head {
            self.note(head, delivered).await?;
        }
        trouble.map_or(Ok(()), Err)
    }

    async fn note(&self, head: Place, delivered: u64) -> Result<(), Trouble> {
        let shared = Arc::clone(&self.shared);
        let noted = blocking(move || {
            let mut log = shared.log();
            let noted = log.deliver_to(head);
            shared.stall(None);
            shared.delivered.send_modify(|count| *count += delivered);
            shared.tell_size(log.bytes());
            noted
        });
        noted.await.map_err(failed)
    }

    async fn enqueue(&mut self, entry: &Entry) -> Result<PendingDelivery, ProduceError> {
        let Some(topic) = entry.known_topic() else {
            // Checked when the spool was opened, and when the message was written.
            return Err(ProduceError::Stopped { topic: "unknown" });
        };
        let settings = &self.settings;
        let destination = self.destinations.entry(topic).or_insert_with(|| {
            let physical = settings.topic(topic);
            Arc::new(Destination::new(topic, physical))
        });
        let outgoing = Outgoing {
            key: &entry.key,
            value: &entry.value,
            headers: entry.kafka_headers(),
            span: None,
        };
        let once = Attempt::only(Instant::now());
        self.client
            .enqueue(destination, outgoing, once, None, QUEUE_BOUND)
            .await
            .map_err(|Undelivered { error, .. }| error)
    }

    /// A client that has refused a message refuses all others: a new one begins with that message.
    fn renew(&mut self) {
        if !self.client.is_broken() {
            return;
        }
        match Client::start(&self.config, &self.settings) {
            Ok(client) => {
                let broken = std::mem::replace(&mut self.client, Arc::new(client));
                // The last owner of a client waits for its thread.
                tokio::task::spawn_blocking(move || drop(broken));
            }
            Err(error) => tracing::error!(%error, spool = self.shared.name, "no new client"),
        }
    }
}

async fn outcome(
    delivery: Option<PendingDelivery>,
    ending: &CancellationToken,
) -> Result<(), Trouble> {
    let Some(delivery) = delivery else {
        return Ok(());
    };
    tokio::select! {
        biased;
        result = delivery.wait() => match result {
            Ok(_) => Ok(()),
            Err(error) => Err(Trouble::Failed(error.to_string())),
        },
        () = ending.cancelled() => Err(Trouble::Ending),
    }
}

fn failed(error: SpoolError) -> Trouble {
    Trouble::Failed(error.to_string())
}
