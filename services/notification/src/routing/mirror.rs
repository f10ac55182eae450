//! `realtime-updates`: what was pushed to browsers, for whoever wants to read it.
//!
//! Deliveries are pipelined: to await each would allow a hundred a second. A record counts as
//! handled when its push is queued here, so when the process is killed, the pushes of about the
//! last tenth of a second can be missing from this topic though their records are committed. No
//! user loses anything by that: the events themselves are in the topics that they were consumed
//! from, and the page reads state over HTTP after a restart.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kafka_common::messages::RealtimeUpdate;
use kafka_common::trace::{self, TraceContext};
use kafka_common::{Delivered, KafkaProducer, NotificationService, ProduceError, Topics};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::telemetry;

/// Pushes that wait to be handed to the producer.
const QUEUED: usize = 256;
/// Pushes that the broker hasn't acknowledged yet; at the bound it is waited for the oldest.
const IN_FLIGHT: usize = 2_000;
/// Time for what is left when the process ends.
const DRAIN: Duration = Duration::from_secs(4);

/// A push, and the trace of the record that it came from.
#[derive(Debug)]
pub(crate) struct Push {
    pub(crate) update: RealtimeUpdate,
    pub(crate) trace: Option<TraceContext>,
}

/// Starts the task; it ends when all senders are dropped and what was queued is delivered.
pub(crate) fn start(
    producer: KafkaProducer<NotificationService>,
) -> (mpsc::Sender<Push>, JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel(QUEUED);
    (sender, tokio::spawn(run(producer, receiver)))
}

async fn run(producer: KafkaProducer<NotificationService>, mut pushes: mpsc::Receiver<Push>) {
    let mut in_flight = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(delivery) = in_flight.next() => note(delivery),
            push = pushes.recv(), if in_flight.len() < IN_FLIGHT => {
                let Some(Push { update, trace }) = push else { break };
                let topic = Topics::REALTIME_UPDATES;
                let queueing = producer.enqueue_message(topic, &update, &update.channel);
                match trace::scope(trace, queueing).await {
                    Ok(delivery) => in_flight.push(delivery.wait()),
                    Err(error) => telemetry::not_mirrored(&error),
                }
            }
        }
    }
    let rest = async {
        while let Some(delivery) = in_flight.next().await {
            note(delivery);
        }
    };
    // What isn't delivered in time is told by the producer.
    let _ = tokio::join!(producer.stop(DRAIN), timeout(DRAIN, rest));
}

fn note(delivery: Result<Delivered, ProduceError>) {
    if let Err(error) = delivery {
        telemetry::not_mirrored(&error);
    }
}
