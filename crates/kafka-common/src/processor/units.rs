//! Everything that the loop and the client's callbacks share: the units of this process.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, Statistics, TopicPartitionList};
use tokio::runtime::Handle;

use super::commit::Committer;
use super::context::Context;
use super::flow::Flow;
use super::positions::{self, Positions};
use super::{
    InputPartition, InputRecord, Outputs, Processor, ProcessorStatus, Restored, Store, Unit,
};
use crate::dead_letter::Failure;
use crate::error::{ClientError, ErrorClass};
use crate::header::header;
use crate::matrix::Service;
use crate::messages::RecordKind;
use crate::settings::KafkaSettings;
use crate::telemetry;
use crate::trace;

pub(super) type ServiceOf<P> = <<P as Processor>::Unit as Unit>::Service;
pub(super) type RowOf<P> = <<P as Processor>::Unit as Unit>::Row;
pub(super) type CommandOf<P> = <<P as Processor>::Unit as Unit>::Command;

/// One input of an open unit.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) source: InputPartition,
    /// The topic's name on the broker.
    pub(super) topic: String,
    pub(super) paused: bool,
    /// The position as last committed.
    pub(super) committed: i64,
    pub(super) flow: Flow,
}

/// A unit whose log is applied again.
#[derive(Debug)]
struct Restoring {
    since: Instant,
    /// For each input, the first offset that is new.
    until: Vec<i64>,
}

pub(super) struct OpenUnit<P: Processor> {
    pub(super) machine: P::Unit,
    pub(super) inputs: Vec<Input>,
    pub(super) out: Outputs<ServiceOf<P>, RowOf<P>>,
    /// Whether the state has changed since its last snapshot.
    pub(super) changed: bool,
    restoring: Option<Restoring>,
}

impl<P: Processor> OpenUnit<P> {
    /// Whether everything that was committed is in the state again. The offsets between the last
    /// record and a committed offset may be markers, which are no records: the log's end counts.
    fn is_restored(&self, restoring: &Restoring) -> bool {
        let positions = self.machine.positions().iter();
        let reached = positions.zip(&restoring.until).map(|(at, to)| at >= to);
        reached
            .zip(&self.inputs)
            .all(|(reached, input)| reached || input.flow.is_at_end())
    }
}

pub(super) struct Core<P: Processor> {
    pub(super) settings: KafkaSettings,
    pub(super) store: Arc<dyn Store<RowOf<P>>>,
    pub(super) runtime: Handle,
    processor: Arc<P>,
    pub(super) committer: Committer,
    pub(super) status: Arc<ProcessorStatus>,
    pub(super) units: BTreeMap<i32, OpenUnit<P>>,
    /// (topic on the broker, partition) -> (unit, input).
    routes: HashMap<String, HashMap<i32, (i32, usize)>>,
    failure: Option<ClientError>,
    closed: bool,
    /// The client's latest statistics, until they are looked at.
    pub(super) statistics: Option<Statistics>,
    /// Input records since the last commit.
    pub(super) uncommitted: usize,
    pub(super) last_commit: Instant,
    /// How long it took, with what follows it in the store.
    pub(super) commit_took: Duration,
    pub(super) last_snapshot: Instant,
}

impl<P: Processor> Core<P> {
    pub(super) fn new(
        settings: &KafkaSettings,
        processor: Arc<P>,
        store: Arc<dyn Store<RowOf<P>>>,
        status: Arc<ProcessorStatus>,
        runtime: Handle,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            settings: settings.clone(),
            store,
            runtime,
            processor,
            committer: Committer::start(settings, ServiceOf::<P>::NAME)?,
            status,
            units: BTreeMap::new(),
            routes: HashMap::new(),
            failure: None,
            closed: false,
            statistics: None,
            uncommitted: 0,
            last_commit: Instant::now(),
            commit_took: Duration::ZERO,
            last_snapshot: Instant::now(),
        })
    }

    pub(super) fn fail(&mut self, error: ClientError) {
        self.failure.get_or_insert(error);
    }

    pub(super) fn take_failure(&mut self) -> Result<(), ClientError> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Restores a unit and tells where its inputs begin.
    pub(super) fn open_unit(
        &mut self,
        consumer: &BaseConsumer<Context<P>>,
        unit: i32,
    ) -> Result<Vec<(String, i32, i64)>, ClientError> {
        let since = Instant::now();
        let sources = self.processor.inputs(unit);
        let snapshot = self
            .runtime
            .block_on(self.store.load(unit))
            .map_err(ClientError::Store)?;
        let name = ServiceOf::<P>::NAME;
        let group = match positions::group_offsets(&self.settings, consumer, &sources) {
            Err(error) if error.is_timeout() => {
                self.release_offsets(consumer, &sources, &error)?;
                positions::group_offsets(&self.settings, consumer, &sources)?
            }
            group => group?,
        };
        let found = Positions::find(&self.settings, consumer, name, &sources, snapshot, &group)?;
        let again = found.committed.iter().zip(&found.start);
        let records = again.map(|(to, from)| (to - from).max(0)).sum();
        telemetry::restored(name, unit, records, found.state.is_some());
        let restored = Restored {
            unit,
            positions: found.start.clone(),
            committed: found.committed.clone(),
            state: found.state,
        };
        let machine = self
            .processor
            .restore(restored)
            .map_err(ClientError::Store)?;
        let mut inputs = Vec::with_capacity(sources.len());
        let mut assignment = Vec::with_capacity(sources.len());
        let places = found.start.iter().zip(&found.committed);
        for (index, (source, (start, committed))) in sources.into_iter().zip(places).enumerate() {
            let topic = self.settings.topic(source.topic);
            let partitions = self.routes.entry(topic.clone()).or_default();
            partitions.insert(source.partition, (unit, index));
            assignment.push((topic.clone(), source.partition, *start));
            inputs.push(Input {
                source,
                topic,
                paused: false,
                committed: *committed,
                flow: Flow::new(*start),
            });
        }
        let open = OpenUnit {
            machine,
            inputs,
            out: Outputs::new(&self.settings, found.committed.clone()),
            changed: false,
            restoring: Some(Restoring {
                since,
                until: found.committed,
            }),
        };
        self.units.insert(unit, open);
        Ok(assignment)
    }

    /// Offsets that a transaction of ours has added, and that nobody will ever decide upon, keep the
    /// group's offsets from being told, and so us from going on; and they are only decided upon by a
    /// transaction of ours. See `docs/decisions/0052-offsets-that-hang.md`.
    fn release_offsets(
        &mut self,
        consumer: &BaseConsumer<Context<P>>,
        sources: &[InputPartition],
        why: &ClientError,
    ) -> Result<(), ClientError> {
        telemetry::offsets_hang(ServiceOf::<P>::NAME, &why.to_string());
        let mut offsets = TopicPartitionList::new();
        for source in sources {
            offsets
                .add_partition_offset(
                    &self.settings.topic(source.topic),
                    source.partition,
                    Offset::Offset(0),
                )
                .map_err(ClientError::kafka("building the offsets"))?;
        }
        self.committer.release(consumer, &offsets)
    }

    /// Drops a unit, with all of it that isn't committed, and tells its inputs.
    pub(super) fn close_unit(&mut self, unit: i32) -> Vec<(String, i32)> {
        if let Some(open) = self.units.remove(&unit) {
            Self::forget_lag(&open.inputs);
        }
        let inputs = self.processor.inputs(unit).into_iter();
        let closed: Vec<_> = inputs
            .map(|input| (self.settings.topic(input.topic), input.partition))
            .collect();
        for (topic, partition) in &closed {
            if let Some(partitions) = self.routes.get_mut(topic) {
                partitions.remove(partition);
            }
        }
        closed
    }

    /// Whether the run ends, by itself or by a failure.
    pub(super) fn is_over(&self) -> bool {
        self.closed || self.failure.is_some()
    }

    /// Drops all units; none is opened any more.
    pub(super) fn close_all(&mut self) {
        self.closed = true;
        for open in std::mem::take(&mut self.units).into_values() {
            Self::forget_lag(&open.inputs);
        }
        self.routes.clear();
    }

    pub(super) fn accept(&mut self, message: &BorrowedMessage<'_>) {
        let route = self
            .routes
            .get(message.topic())
            .and_then(|p| p.get(&message.partition()));
        let Some((unit, input)) = route.copied() else {
            return; // fetched before its partition was revoked
        };
        let Some(open) = self.units.get_mut(&unit) else {
            return;
        };
        let offset = message.offset();
        open.changed = true;
        open.inputs[input]
            .flow
            .accepted(offset, message.timestamp().to_millis());
        // What a unit says without naming another record is about this one.
        open.out.applying(input, offset);
        let record = InputRecord {
            input,
            offset,
            key: message.key(),
            value: message.payload(),
            record_kind: header(message, RecordKind::HEADER),
        };
        // What the record causes at once carries on its trace.
        let accepted = trace::sync_scope(trace::of_record(message), || {
            open.machine.accept(record, &mut open.out)
        });
        if let Err(error) = accepted {
            let topic = open.inputs[input].source.topic;
            open.out.applying(input, offset);
            if !open.out.is_suppressed() {
                let partition = message.partition();
                telemetry::dead_lettered(topic, partition, offset, ErrorClass::Poison, &error);
            }
            let failure = Failure {
                class: ErrorClass::Poison,
                error,
                attempts: 1,
            };
            open.out.dead_letter(message, topic, &failure);
        }
        self.uncommitted += 1;
    }

    pub(super) fn command(&mut self, command: CommandOf<P>) -> Result<(), ClientError> {
        let unit = self.processor.unit_of(&command);
        let Some(open) = self.units.get_mut(&unit) else {
            return Ok(());
        };
        open.changed = true;
        open.machine
            .command(command, &mut open.out)
            .map_err(ClientError::Store)
    }

    /// Pauses inputs that are ahead of what their unit can use, and resumes them.
    pub(super) fn control_flow(
        &mut self,
        consumer: &BaseConsumer<Context<P>>,
    ) -> Result<(), ClientError> {
        for open in self.units.values_mut() {
            for (index, input) in open.inputs.iter_mut().enumerate() {
                let pause = !open.machine.wants(index);
                if pause == input.paused {
                    continue;
                }
                let mut list = TopicPartitionList::new();
                list.add_partition(&input.topic, input.source.partition);
                let done = match pause {
                    true => consumer.pause(&list),
                    false => consumer.resume(&list),
                };
                done.map_err(ClientError::kafka("pausing or resuming an input"))?;
                input.paused = pause;
            }
        }
        Ok(())
    }

    /// Notes units that have caught up with what is committed, and that the loop turns.
    pub(super) fn note_progress(&mut self) {
        let mut left = 0;
        for (unit, open) in &mut self.units {
            let Some(restoring) = &open.restoring else {
                continue;
            };
            if open.is_restored(restoring) {
                let seconds = restoring.since.elapsed().as_secs_f64();
                telemetry::caught_up(ServiceOf::<P>::NAME, *unit, seconds);
                open.restoring = None;
            } else {
                left += 1;
            }
        }
        self.status.turned(self.units.len(), left);
    }
}
