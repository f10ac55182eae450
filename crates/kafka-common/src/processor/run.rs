//! The processor's loop: one thread, one consumer, one producer, the units of its partitions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::commit::Committer;
use super::context::Context;
use super::{
    InputPartition, InputRecord, Outputs, Processor, ProcessorStatus, Restored, Snapshot, Store,
    StoreError, Unit,
};
use crate::dead_letter::Failure;
use crate::error::{self, ClientError, ErrorClass};
use crate::matrix::Service;
use crate::messages::RecordKind;
use crate::record;
use crate::settings::KafkaSettings;
use crate::telemetry;

type ServiceOf<P> = <<P as Processor>::Unit as Unit>::Service;
type RowOf<P> = <<P as Processor>::Unit as Unit>::Row;
type CommandOf<P> = <<P as Processor>::Unit as Unit>::Command;

/// Longest wait for records; also how late a command or a stop is seen on a quiet market.
const IDLE_POLL: Duration = Duration::from_millis(20);
/// How often positions without any output are committed.
const QUIET_COMMIT: Duration = Duration::from_millis(250);
/// Time for one request to the broker.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Waits between two runs after errors, doubling.
const FIRST_RESTART: Duration = Duration::from_millis(250);
const LAST_RESTART: Duration = Duration::from_secs(10);
/// Commands that wait for the loop; a sender waits beyond that.
const COMMAND_CAPACITY: usize = 1_024;

/// A running processor.
#[derive(Debug)]
pub struct ProcessorHandle<Command> {
    /// Commands for units of this process; one for a unit elsewhere is dropped.
    pub commands: mpsc::Sender<Command>,
    /// For health checks.
    pub status: Arc<ProcessorStatus>,
    /// Ends after `shutdown`, when the last commit and snapshot are done.
    pub task: JoinHandle<()>,
}

/// Starts a processor on a thread of its own.
pub fn spawn<P: Processor>(
    settings: &KafkaSettings,
    processor: P,
    store: Arc<dyn Store<RowOf<P>>>,
    shutdown: CancellationToken,
) -> ProcessorHandle<CommandOf<P>> {
    let (commands, receiver) = mpsc::channel(COMMAND_CAPACITY);
    let status = Arc::new(ProcessorStatus::default());
    let runner = Runner {
        settings: settings.clone(),
        processor: Arc::new(processor),
        store,
        runtime: Handle::current(),
        status: Arc::clone(&status),
        shutdown,
    };
    let task = tokio::task::spawn_blocking(move || runner.supervise(receiver));
    ProcessorHandle {
        commands,
        status,
        task,
    }
}

struct Runner<P: Processor> {
    settings: KafkaSettings,
    processor: Arc<P>,
    store: Arc<dyn Store<RowOf<P>>>,
    runtime: Handle,
    status: Arc<ProcessorStatus>,
    shutdown: CancellationToken,
}

impl<P: Processor> Runner<P> {
    /// Runs, and after an error runs again from the last commit.
    fn supervise(&self, mut commands: mpsc::Receiver<CommandOf<P>>) {
        let mut wait = FIRST_RESTART;
        while !self.shutdown.is_cancelled() {
            let started = Instant::now();
            let outcome = self.run(&mut commands);
            self.status.running.store(false, Ordering::Relaxed);
            self.status.joined.store(false, Ordering::Relaxed);
            let Err(error) = outcome else { return };
            if started.elapsed() > LAST_RESTART {
                wait = FIRST_RESTART;
            }
            telemetry::restarted(ServiceOf::<P>::NAME, &error.to_string(), wait.as_secs_f64());
            let stopped = self.runtime.block_on(async {
                tokio::time::timeout(wait, self.shutdown.cancelled())
                    .await
                    .is_ok()
            });
            if stopped {
                return;
            }
            wait = (wait * 2).min(LAST_RESTART);
        }
    }

    fn run(&self, commands: &mut mpsc::Receiver<CommandOf<P>>) -> Result<(), ClientError> {
        let service = ServiceOf::<P>::NAME;
        let core = Core {
            settings: self.settings.clone(),
            store: Arc::clone(&self.store),
            runtime: self.runtime.clone(),
            processor: Arc::clone(&self.processor),
            committer: Committer::start(&self.settings, service)?,
            units: BTreeMap::new(),
            routes: HashMap::new(),
            failure: None,
            uncommitted: 0,
            last_commit: Instant::now(),
            last_snapshot: Instant::now(),
        };
        let mut config = self.settings.consumer(service, ServiceOf::<P>::GROUP);
        config.set("enable.auto.commit", "false");
        let consumer: BaseConsumer<Context<P>> = config
            .create_with_context(Context::new(core, Arc::clone(&self.status)))
            .map_err(ClientError::kafka("creating the consumer"))?;
        let topic = self.settings.topic(self.processor.primary_topic());
        consumer
            .subscribe(&[&topic])
            .map_err(ClientError::kafka("subscribing"))?;
        self.status.running.store(true, Ordering::Relaxed);
        let mut outcome = self.consume(&consumer, commands);
        let mut core = consumer.context().core();
        if outcome.is_ok() {
            outcome = core.commit(&consumer, true);
        }
        // Leaving the group calls back into the core: without units there is nothing to commit.
        core.units.clear();
        core.routes.clear();
        drop(core);
        drop(consumer);
        outcome
    }

    fn consume(
        &self,
        consumer: &BaseConsumer<Context<P>>,
        commands: &mut mpsc::Receiver<CommandOf<P>>,
    ) -> Result<(), ClientError> {
        while !self.shutdown.is_cancelled() {
            let mut polled = 0;
            let mut wait = IDLE_POLL;
            while polled < self.settings.max_poll_records {
                match consumer.poll(wait) {
                    None => break,
                    Some(Ok(message)) => consumer.context().core().accept(&message)?,
                    Some(Err(source)) if error::is_fatal(&source) => {
                        return Err(ClientError::Kafka {
                            action: "consuming",
                            source,
                        });
                    }
                    // Everything else librdkafka retries by itself.
                    Some(Err(error)) => tracing::warn!(%error, "consuming, will go on"),
                }
                polled += 1;
                wait = Duration::ZERO;
            }
            let mut core = consumer.context().core();
            core.take_failure()?;
            while let Ok(command) = commands.try_recv() {
                core.command(command)?;
            }
            core.control_flow(consumer)?;
            core.commit_if_due(consumer, polled == 0)?;
        }
        Ok(())
    }
}

struct OpenUnit<P: Processor> {
    unit: P::Unit,
    inputs: Vec<InputPartition>,
    paused: Vec<bool>,
    committed: Vec<i64>,
    out: Outputs<ServiceOf<P>, RowOf<P>>,
    /// Whether the state has changed since its last snapshot.
    changed: bool,
}

/// Everything that the loop and the callbacks share.
pub(super) struct Core<P: Processor> {
    settings: KafkaSettings,
    store: Arc<dyn Store<RowOf<P>>>,
    runtime: Handle,
    processor: Arc<P>,
    committer: Committer,
    units: BTreeMap<i32, OpenUnit<P>>,
    /// (topic on the broker, partition) -> (unit, input).
    routes: HashMap<String, HashMap<i32, (i32, usize)>>,
    failure: Option<ClientError>,
    /// Input records since the last commit.
    uncommitted: usize,
    last_commit: Instant,
    last_snapshot: Instant,
}

impl<P: Processor> Core<P> {
    pub(super) fn fail(&mut self, error: ClientError) {
        self.failure.get_or_insert(error);
    }

    fn take_failure(&mut self) -> Result<(), ClientError> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Restores a unit and tells where its inputs begin.
    pub(super) fn open_unit(
        &mut self,
        consumer: &BaseConsumer<Context<P>>,
        unit: i32,
    ) -> Result<Vec<(String, i32, i64)>, ClientError> {
        let inputs = self.processor.inputs(unit);
        let snapshot = self
            .runtime
            .block_on(self.store.load(unit))
            .map_err(store_failed)?;
        let found = Positions::find(&self.settings, consumer, &inputs, snapshot)?;
        telemetry::restored(
            ServiceOf::<P>::NAME,
            unit,
            found
                .committed
                .iter()
                .zip(&found.start)
                .map(|(to, from)| to - from)
                .sum(),
            found.state.is_some(),
        );
        let restored = Restored {
            unit,
            positions: found.start.clone(),
            committed: found.committed.clone(),
            state: found.state,
        };
        let machine = self.processor.restore(restored).map_err(store_failed)?;
        let mut assignment = Vec::with_capacity(inputs.len());
        for (index, (input, start)) in inputs.iter().zip(&found.start).enumerate() {
            let topic = self.settings.topic(input.topic);
            let partitions = self.routes.entry(topic.clone()).or_default();
            partitions.insert(input.partition, (unit, index));
            assignment.push((topic, input.partition, *start));
        }
        let open = OpenUnit {
            unit: machine,
            paused: vec![false; inputs.len()],
            inputs,
            out: Outputs::new(&self.settings, found.committed.clone()),
            committed: found.committed,
            changed: false,
        };
        self.units.insert(unit, open);
        Ok(assignment)
    }

    /// Drops a unit and tells its inputs.
    pub(super) fn close_unit(&mut self, unit: i32) -> Vec<(String, i32)> {
        self.units.remove(&unit);
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

    fn accept(&mut self, message: &BorrowedMessage<'_>) -> Result<(), ClientError> {
        let route = self
            .routes
            .get(message.topic())
            .and_then(|p| p.get(&message.partition()));
        let Some((unit, input)) = route.copied() else {
            return Ok(()); // fetched before its partition was revoked
        };
        let Some(open) = self.units.get_mut(&unit) else {
            return Ok(());
        };
        let record = InputRecord {
            input,
            offset: message.offset(),
            key: message.key(),
            value: message.payload(),
            record_kind: record::header(message, RecordKind::HEADER),
        };
        open.changed = true;
        if let Err(error) = open.unit.accept(record, &mut open.out) {
            let topic = open.inputs[input].topic;
            let (partition, offset) = (message.partition(), message.offset());
            open.out.applying(input, offset);
            if !open.out.is_suppressed() {
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
        Ok(())
    }

    fn command(&mut self, command: CommandOf<P>) -> Result<(), ClientError> {
        let unit = self.processor.unit_of(&command);
        let Some(open) = self.units.get_mut(&unit) else {
            return Ok(());
        };
        open.changed = true;
        open.unit
            .command(command, &mut open.out)
            .map_err(store_failed)
    }

    /// Pauses inputs that are ahead of what their unit can use, and resumes them.
    fn control_flow(&mut self, consumer: &BaseConsumer<Context<P>>) -> Result<(), ClientError> {
        for open in self.units.values_mut() {
            for (index, input) in open.inputs.iter().enumerate() {
                let pause = !open.unit.wants(index);
                if pause == open.paused[index] {
                    continue;
                }
                let mut list = TopicPartitionList::new();
                list.add_partition(&self.settings.topic(input.topic), input.partition);
                let done = match pause {
                    true => consumer.pause(&list),
                    false => consumer.resume(&list),
                };
                done.map_err(ClientError::kafka("pausing or resuming an input"))?;
                open.paused[index] = pause;
            }
        }
        Ok(())
    }

    fn commit_if_due(
        &mut self,
        consumer: &BaseConsumer<Context<P>>,
        idle: bool,
    ) -> Result<(), ClientError> {
        let interval = Duration::from_millis(u64::from(self.settings.commit_interval_ms));
        let since = self.last_commit.elapsed();
        let mut has_outputs = || {
            self.units.values_mut().any(|open| {
                open.unit.before_commit(&mut open.out);
                !open.out.records.is_empty() || !open.out.rows.is_empty()
            })
        };
        let due = match since >= interval || idle {
            true => since >= QUIET_COMMIT || has_outputs(),
            false => false,
        };
        let snapshot_interval =
            Duration::from_millis(u64::from(self.settings.snapshot_interval_ms));
        match due {
            true => self.commit(consumer, self.last_snapshot.elapsed() >= snapshot_interval),
            false => Ok(()),
        }
    }

    /// Commits outputs and positions; then writes rows, and snapshots if asked to.
    pub(super) fn commit(
        &mut self,
        consumer: &BaseConsumer<Context<P>>,
        with_snapshots: bool,
    ) -> Result<(), ClientError> {
        let started = Instant::now();
        let mut offsets = TopicPartitionList::new();
        let mut rows = Vec::new();
        let mut outputs = 0;
        for open in self.units.values_mut() {
            open.unit.before_commit(&mut open.out);
            if let Some(error) = open.out.failed.take() {
                return Err(ClientError::Thread(error));
            }
            for record in open.out.records.drain(..) {
                self.committer.send(&record)?;
                outputs += 1;
            }
            rows.append(&mut open.out.rows);
            for (index, position) in open.unit.positions().iter().enumerate() {
                if *position > open.committed[index] {
                    let input = open.inputs[index];
                    let topic = self.settings.topic(input.topic);
                    offsets
                        .add_partition_offset(&topic, input.partition, Offset::Offset(*position))
                        .map_err(ClientError::kafka("building the offsets"))?;
                    open.committed[index] = *position;
                }
            }
        }
        if outputs > 0 || offsets.count() > 0 {
            self.committer.commit(consumer, &offsets)?;
            let seconds = started.elapsed().as_secs_f64();
            telemetry::committed(ServiceOf::<P>::NAME, self.uncommitted, seconds);
        }
        self.uncommitted = 0;
        self.last_commit = Instant::now();
        let snapshots = match with_snapshots {
            true => self.snapshots()?,
            false => Vec::new(),
        };
        if !rows.is_empty() || !snapshots.is_empty() {
            self.save(rows, snapshots)?;
        }
        Ok(())
    }

    fn snapshots(&mut self) -> Result<Vec<Snapshot>, ClientError> {
        self.last_snapshot = Instant::now();
        let changed = self.units.iter_mut().filter(|(_, open)| open.changed);
        changed
            .map(|(unit, open)| {
                open.changed = false;
                let state = open.unit.snapshot().map_err(store_failed)?;
                Ok(Snapshot {
                    unit: *unit,
                    positions: open.unit.positions().to_vec(),
                    state,
                })
            })
            .collect()
    }

    fn save(&self, rows: Vec<RowOf<P>>, snapshots: Vec<Snapshot>) -> Result<(), ClientError> {
        self.runtime
            .block_on(self.store.save(rows, snapshots))
            .map_err(store_failed)
    }
}

fn store_failed(error: StoreError) -> ClientError {
    ClientError::Thread(error.to_string())
}

/// Where the inputs of a unit begin.
struct Positions {
    start: Vec<i64>,
    committed: Vec<i64>,
    state: Option<Vec<u8>>,
}

impl Positions {
    /// From the snapshot, the group's committed offsets and the log itself. With no snapshot the
    /// unit begins at the beginning of the log.
    fn find<P: Processor>(
        settings: &KafkaSettings,
        consumer: &BaseConsumer<Context<P>>,
        inputs: &[InputPartition],
        snapshot: Option<Snapshot>,
    ) -> Result<Self, ClientError> {
        let mut request = TopicPartitionList::new();
        for input in inputs {
            request.add_partition(&settings.topic(input.topic), input.partition);
        }
        let group = consumer
            .committed_offsets(request, REQUEST_TIMEOUT)
            .map_err(ClientError::kafka("reading the group's offsets"))?;
        let mut logs = Vec::with_capacity(inputs.len());
        let mut committed = Vec::with_capacity(inputs.len());
        for (index, input) in inputs.iter().enumerate() {
            let topic = settings.topic(input.topic);
            let log = consumer
                .fetch_watermarks(&topic, input.partition, REQUEST_TIMEOUT)
                .map_err(ClientError::kafka("reading a partition's offsets"))?;
            let offset = group
                .find_partition(&topic, input.partition)
                .and_then(|element| element.offset().to_raw())
                .filter(|offset| *offset >= 0)
                .or_else(|| {
                    snapshot
                        .as_ref()
                        .and_then(|s| s.positions.get(index).copied())
                });
            // A group's offset beyond the log's end belongs to a log that is gone.
            committed.push(offset.filter(|offset| *offset <= log.1).unwrap_or(log.0));
            logs.push(log);
        }
        let usable = snapshot.filter(|snapshot| {
            let fits = snapshot.positions.len() == inputs.len()
                && snapshot
                    .positions
                    .iter()
                    .zip(&committed)
                    .all(|(at, to)| at <= to);
            if !fits {
                tracing::error!(
                    unit = snapshot.unit,
                    positions = ?snapshot.positions,
                    ?committed,
                    "the snapshot is ahead of the log: it belongs to another log and is not used"
                );
            }
            fits
        });
        let Some(snapshot) = usable else {
            // What was committed has made a state: it is made again from the beginning of the log.
            let start = logs.iter().map(|log| log.0).collect();
            return Ok(Self {
                start,
                committed,
                state: None,
            });
        };
        for (at, log) in snapshot.positions.iter().zip(&logs) {
            if at < &log.0 {
                tracing::error!(
                    unit = snapshot.unit,
                    position = at,
                    first = log.0,
                    "records after the snapshot have expired: the unit goes on without them"
                );
            }
        }
        let start = snapshot
            .positions
            .iter()
            .zip(&logs)
            .map(|(at, log)| *at.max(&log.0))
            .collect();
        Ok(Self {
            start,
            committed,
            state: Some(snapshot.state),
        })
    }
}
