//! A thread that takes a producer's delivery reports.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, ProducerContext};

use crate::error::ClientError;

/// How long a poll waits; also how quickly the end is noticed. librdkafka counts whole milliseconds,
/// and rust-rdkafka asks again and again during what is left of the last one: with a little more than
/// a whole number nothing is left. Its own `ThreadedProducer` spends 1 % of a core in that by idling.
const POLL: Duration = Duration::from_micros(100_200);

/// A producer whose reports are taken as they come.
pub(super) struct Polled<C: ProducerContext + 'static> {
    producer: Arc<BaseProducer<C>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl<C: ProducerContext + 'static> Polled<C> {
    pub(super) fn start(config: &ClientConfig, context: C) -> Result<Self, ClientError> {
        let producer: BaseProducer<C> = config
            .create_with_context(context)
            .map_err(ClientError::kafka("creating the producer"))?;
        let (producer, ends) = (Arc::new(producer), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::Builder::new()
            .name("kafka-producer".to_owned())
            .spawn({
                let (producer, ends) = (Arc::clone(&producer), Arc::clone(&ends));
                move || {
                    while !ends.load(Ordering::Relaxed) {
                        producer.poll(POLL);
                    }
                }
            })
            .map_err(|error| ClientError::Thread(format!("can't be started: {error}")))?;
        Ok(Self {
            producer,
            ends,
            thread: Some(thread),
        })
    }
}

impl<C: ProducerContext + 'static> Deref for Polled<C> {
    type Target = BaseProducer<C>;

    fn deref(&self) -> &BaseProducer<C> {
        &self.producer
    }
}

impl<C: ProducerContext + 'static> Drop for Polled<C> {
    /// Waits for the thread, so that the client is closed here and nowhere else.
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Nothing in it panics; if something did, it has ended all the same.
            let _ = thread.join();
        }
    }
}
