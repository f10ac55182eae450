//! A deterministic state machine over partitions of the log.
//!
//! poll -> apply -> produce outputs and commit input offsets together, in one Kafka transaction
//! ([`Delivery::ExactlyOnce`](crate::Delivery)) or outputs first ([`Delivery::AtLeastOnce`]
//! (crate::Delivery)). The work is divided into *units*: a partition of the primary topic and the
//! partitions of other topics that follow it. When a unit is assigned, its state is restored from
//! a snapshot, and the log between snapshot and committed offsets is applied again with outputs
//! suppressed; so whatever was killed, the state is the one that the committed log determines.
//!
//! A member that the group has given up, and that doesn't know it yet, can't commit: the offsets in
//! the transaction carry its generation, which the broker checks
//! (`docs/decisions/0007-zombies-are-fenced-by-generation.md`).
//!
//! Any error ends the run: clients and state are dropped, and all is restored from the last
//! commit. There is no second path that would have to be right as well.

mod checkpoint;
mod commit;
mod context;
mod deadline;
mod flow;
mod outputs;
mod positions;
mod run;
mod status;
mod store;
mod units;

use crate::matrix::Service;

pub use outputs::Outputs;
pub use run::{ProcessorHandle, spawn};
pub use status::ProcessorStatus;
pub use store::{MemoryStore, Snapshot, Store, StoreError};

/// One input of a unit: a partition of a logical topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InputPartition {
    /// Logical topic.
    pub topic: &'static str,
    /// Partition.
    pub partition: i32,
}

/// A record as a unit sees it.
#[derive(Debug, Clone, Copy)]
pub struct InputRecord<'a> {
    /// Which of the unit's inputs it came from.
    pub input: usize,
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
    /// The header `record-kind`.
    pub record_kind: Option<&'a str>,
}

/// What a unit starts from.
#[derive(Debug, Clone)]
pub struct Restored {
    /// The unit: a partition of the primary topic.
    pub unit: i32,
    /// For each input, the first offset that will be given.
    pub positions: Vec<i64>,
    /// For each input, the first offset whose outputs are not yet in the log.
    pub committed: Vec<i64>,
    /// The state at `positions`; none for a new unit.
    pub state: Option<Vec<u8>>,
}

/// The state machine of one unit. It is called from one thread and must be deterministic: what it
/// does may depend on its inputs and its state, not on time, chance or batch boundaries.
pub trait Unit: Send {
    /// The service, whose row of the matrix bounds the outputs.
    type Service: Service;
    /// What it projects to the database.
    type Row: Send;
    /// What it is told besides records.
    type Command: Send;

    /// Takes a record. It may be applied now or kept until its turn; outputs of another record than
    /// this one are announced by [`Outputs::applying`].
    ///
    /// # Errors
    /// The record can't be read: it goes to the dead letters, and the unit has stepped over it.
    fn accept(
        &mut self,
        record: InputRecord<'_>,
        out: &mut Outputs<Self::Service, Self::Row>,
    ) -> Result<(), String>;

    /// Takes a command.
    ///
    /// # Errors
    /// The command couldn't be made durable: the run ends and the command comes again.
    fn command(
        &mut self,
        command: Self::Command,
        out: &mut Outputs<Self::Service, Self::Row>,
    ) -> Result<(), StoreError>;

    /// Called before each commit.
    fn before_commit(&mut self, out: &mut Outputs<Self::Service, Self::Row>);

    /// For each input, the next offset to apply: what is before it is in the state.
    fn positions(&self) -> &[i64];

    /// Whether more records of the input should come; otherwise it is paused.
    fn wants(&self, input: usize) -> bool;

    /// The state, to be given back as [`Restored::state`]. It may tidy up, in ways that no output
    /// shows.
    ///
    /// # Errors
    /// The state can't be written.
    fn snapshot(&mut self) -> Result<Vec<u8>, StoreError>;
}

/// Makes the units of a service.
pub trait Processor: Send + Sync + 'static {
    /// Its state machine.
    type Unit: Unit;

    /// The topic whose partitions are divided among the members of the group.
    fn primary_topic(&self) -> &'static str;

    /// The inputs of a unit, the primary one first.
    fn inputs(&self, unit: i32) -> Vec<InputPartition>;

    /// Makes a unit from what was kept of it. May block.
    ///
    /// # Errors
    /// The state can't be read.
    fn restore(&self, restored: Restored) -> Result<Self::Unit, StoreError>;

    /// Which unit a command is for.
    fn unit_of(&self, command: &<Self::Unit as Unit>::Command) -> i32;
}
