//! How far an input is behind its log, and whether records come.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::Utc;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, Statistics, TopicPartitionList};

use super::context::Context;
use super::status::Silent;
use super::units::{Core, Input, ServiceOf};
use super::{Processor, Unit};
use crate::matrix::Service;
use crate::telemetry;

/// Time for the broker to tell the end of a partition, where that is asked for.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// What is known of the records of one input.
#[derive(Debug)]
pub(super) struct Flow {
    /// The next offset that the unit will be given.
    next: i64,
    /// The broker's time of the last record, in milliseconds.
    record_time: Option<i64>,
    /// What was seen last, and since when it is the same.
    seen: (i64, i64, i64),
    since: Instant,
    /// Whether nothing came since it was looked at before.
    quiet: bool,
    /// Records that the client hasn't handed over; none before it is known.
    waiting: Option<i64>,
}

impl Flow {
    pub(super) fn new(start: i64) -> Self {
        Self {
            next: start,
            record_time: None,
            seen: (start, start, 0),
            since: Instant::now(),
            quiet: false,
            waiting: None,
        }
    }

    pub(super) fn accepted(&mut self, offset: i64, time: Option<i64>) {
        self.next = offset + 1;
        self.record_time = time.or(self.record_time);
    }

    /// Whether everything in the log has been given to the unit.
    pub(super) fn is_at_end(&self) -> bool {
        self.waiting == Some(0)
    }

    /// Compares with what the client's own view was.
    fn look(&mut self, fetched: &Fetched) {
        let seen = (self.next, fetched.next, fetched.queued);
        self.quiet = seen == self.seen;
        if !self.quiet {
            self.seen = seen;
            self.since = Instant::now();
        }
    }
}

/// The client's view of a partition.
#[derive(Debug, Clone, Copy)]
struct Fetched {
    /// The next offset to fetch: unlike a consumer's position it steps over the markers that
    /// transactions leave in the log, so that nothing to come is told from something.
    next: i64,
    /// Records fetched and not handed over.
    queued: i64,
    /// The end of what is committed, as of the last fetch.
    end: i64,
}

impl Fetched {
    fn of(statistics: &Statistics, topic: &str, partition: i32) -> Option<Self> {
        let found = statistics.topics.get(topic)?.partitions.get(&partition)?;
        Some(Self {
            next: found.next_offset,
            queued: found.fetchq_cnt,
            end: found.ls_offset,
        })
    }
}

impl<P: Processor> Core<P> {
    /// Takes the client's statistics: lag becomes a metric, and silence is noted. Where records
    /// come, the client knows the end of the log; where none come, the broker is asked, because
    /// a client that has stopped fetching knows nothing new.
    pub(super) fn observe(&mut self, consumer: &BaseConsumer<Context<P>>) {
        let Some(statistics) = self.statistics.take() else {
            return;
        };
        let mut quiet = TopicPartitionList::new();
        for input in self.units.values_mut().flat_map(|open| &mut open.inputs) {
            let partition = input.source.partition;
            if let Some(fetched) = Fetched::of(&statistics, &input.topic, partition) {
                input.flow.look(&fetched);
                if input.is_silent() {
                    quiet.add_partition(&input.topic, partition);
                }
            }
        }
        let ends = ends(consumer, quiet);
        let mut longest: Option<Silent> = None;
        for open in self.units.values_mut() {
            for (input, position) in open.inputs.iter_mut().zip(open.machine.positions()) {
                let partition = input.source.partition;
                let Some(fetched) = Fetched::of(&statistics, &input.topic, partition) else {
                    continue;
                };
                let end = if input.is_silent() {
                    match ends.get(&(input.topic.clone(), partition)) {
                        Some(Offset::Offset(end)) => *end,
                        // The broker didn't tell.
                        _ => continue,
                    }
                } else {
                    fetched.end
                };
                let waiting = fetched.queued + (end - fetched.next.max(input.flow.next)).max(0);
                input.flow.waiting = Some(waiting);
                report::<P>(input, *position);
                if input.is_silent() && waiting > 0 {
                    let silent = Silent {
                        topic: input.source.topic,
                        partition,
                        records: waiting,
                        since: input.flow.since,
                    };
                    let longer = longest.as_ref().is_none_or(|l| silent.since < l.since);
                    longest = if longer { Some(silent) } else { longest };
                }
            }
        }
        self.status.observed(longest);
    }

    /// Lag of partitions that this process no longer has is the next owner's to tell.
    pub(super) fn forget_lag(inputs: &[Input]) {
        for input in inputs {
            let source = input.source;
            telemetry::lag(ServiceOf::<P>::NAME, source.topic, source.partition, 0, 0.0);
        }
    }
}

impl Input {
    /// Whether nothing comes, though it may.
    fn is_silent(&self) -> bool {
        self.flow.quiet && !self.paused
    }
}

/// The ends of partitions, asked for in one request to each broker: the loop waits for it. What
/// isn't told is no offset.
fn ends<P: Processor>(
    consumer: &BaseConsumer<Context<P>>,
    mut partitions: TopicPartitionList,
) -> HashMap<(String, i32), Offset> {
    if partitions.count() == 0 || partitions.set_all_offsets(Offset::End).is_err() {
        return HashMap::new();
    }
    // In place of a time the protocol takes "the end".
    match consumer.offsets_for_times(partitions, REQUEST_TIMEOUT) {
        Ok(told) => told.to_topic_map(),
        Err(_) => HashMap::new(),
    }
}

/// Lag counts what the client holds back and what the unit has taken and not applied.
fn report<P: Processor>(input: &Input, position: i64) {
    let flow = &input.flow;
    let records = flow.waiting.unwrap_or_default() + (flow.next - position).max(0);
    let age = |time: i64| (Utc::now().timestamp_millis() - time).max(0) as f64 / 1_000.0;
    let seconds = match records {
        0 => 0.0,
        _ => flow.record_time.map_or(0.0, age),
    };
    let source = input.source;
    telemetry::lag(
        <P::Unit as Unit>::Service::NAME,
        source.topic,
        source.partition,
        records,
        seconds,
    );
}
