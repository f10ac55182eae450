//! When and what is committed: outputs and positions, then rows and snapshots.

use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;
use rdkafka::{Offset, TopicPartitionList};

use super::context::Context;
use super::run::IDLE_POLL;
use super::units::{Core, OpenUnit, RowOf, ServiceOf};
use super::{Processor, Snapshot, Unit};
use crate::error::ClientError;
use crate::matrix::Service;
use crate::telemetry;

/// How often positions without any output are committed.
const QUIET_COMMIT: Duration = Duration::from_millis(250);

impl<P: Processor> Core<P> {
    /// Whether no more records shall be applied before the next commit.
    pub(super) fn is_full(&self) -> bool {
        self.uncommitted >= self.settings.commit_records
    }

    /// How long to wait for records: what has been applied, and was too early to be committed, isn't
    /// kept waiting for more.
    pub(super) fn longest_wait(&self) -> Duration {
        let early = self.pause().checked_sub(self.last_commit.elapsed());
        match early.filter(|_| self.uncommitted > 0) {
            Some(left) => left.min(IDLE_POLL),
            None => IDLE_POLL,
        }
    }

    /// What lies between two commits at least: a quarter of what the latest one took.
    fn pause(&self) -> Duration {
        self.commit_took / 4
    }

    /// `idle`: nothing has come for a while; `drained`: all that has come is applied.
    pub(super) fn commit_if_due(
        &mut self,
        consumer: &BaseConsumer<Context<P>>,
        idle: bool,
        drained: bool,
    ) -> Result<(), ClientError> {
        let interval = Duration::from_millis(u64::from(self.settings.commit_interval_ms));
        let (since, pause) = (self.last_commit.elapsed(), self.pause());
        let mut has_outputs = || {
            self.units.values_mut().any(|open| {
                open.machine.before_commit(&mut open.out);
                !open.out.records.is_empty() || !open.out.rows.is_empty()
            })
        };
        // Whoever is up to date doesn't make its readers wait for more records to come, as long as
        // commits leave time for what is committed.
        let up_to_date = idle || (drained && since >= pause);
        let due = match since >= interval || up_to_date {
            true => since >= QUIET_COMMIT || has_outputs(),
            false => false,
        };
        let snapshot_interval =
            Duration::from_millis(u64::from(self.settings.snapshot_interval_ms));
        match due || self.is_full() {
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
        let mut spans = Vec::new();
        let mut outputs = 0;
        for open in self.units.values_mut() {
            open.machine.before_commit(&mut open.out);
            if let Some(error) = open.out.failed.take() {
                return Err(ClientError::Unit(error));
            }
            let produced = open.out.records.len();
            for record in open.out.records.drain(..) {
                self.committer.send(&record)?;
                spans.extend(record.span);
            }
            rows.append(&mut open.out.rows);
            add_offsets(open, produced > 0, &mut offsets)?;
            outputs += produced;
        }
        if offsets.count() > 0 {
            self.committer.commit(consumer, &offsets)?;
            let seconds = started.elapsed().as_secs_f64();
            telemetry::committed(ServiceOf::<P>::NAME, self.uncommitted, seconds);
            telemetry::produced(ServiceOf::<P>::NAME, outputs);
            spans.into_iter().for_each(|span| span.end(None));
        }
        self.uncommitted = 0;
        let snapshots = match with_snapshots {
            true => self.snapshots()?,
            false => Vec::new(),
        };
        if !rows.is_empty() || !snapshots.is_empty() {
            self.save(rows, snapshots)?;
        }
        self.commit_took = started.elapsed();
        self.last_commit = Instant::now();
        Ok(())
    }

    fn snapshots(&mut self) -> Result<Vec<Snapshot>, ClientError> {
        self.last_snapshot = Instant::now();
        let changed = self.units.iter_mut().filter(|(_, open)| open.changed);
        changed
            .map(|(unit, open)| {
                open.changed = false;
                let state = open.machine.snapshot().map_err(ClientError::Store)?;
                Ok(Snapshot {
                    unit: *unit,
                    positions: open.machine.positions().to_vec(),
                    state,
                })
            })
            .collect()
    }

    fn save(&self, rows: Vec<RowOf<P>>, snapshots: Vec<Snapshot>) -> Result<(), ClientError> {
        self.runtime
            .block_on(self.store.save(rows, snapshots))
            .map_err(ClientError::Store)
    }
}

/// Adds the positions that have moved. Outputs without a moved position (a session that starts on
/// a quiet market) commit the first input's position again: the broker checks the membership of
/// whoever commits an offset, and so no output gets past that check.
fn add_offsets<P: Processor>(
    open: &mut OpenUnit<P>,
    has_outputs: bool,
    offsets: &mut TopicPartitionList,
) -> Result<(), ClientError> {
    let mut add = |topic: &str, partition: i32, position: i64| {
        offsets
            .add_partition_offset(topic, partition, Offset::Offset(position))
            .map_err(ClientError::kafka("building the offsets"))
    };
    let mut moved = false;
    for (input, position) in open.inputs.iter_mut().zip(open.machine.positions()) {
        if *position > input.committed {
            add(&input.topic, input.source.partition, *position)?;
            input.committed = *position;
            moved = true;
        }
    }
    match open.inputs.first() {
        Some(input) if has_outputs && !moved => {
            add(&input.topic, input.source.partition, input.committed)?;
        }
        _ => {}
    }
    Ok(())
}
