//! What the poller tells the engine, over one bounded channel and in order.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use super::received::Received;
use super::slot::Slot;
use crate::error::ClientError;

#[derive(Debug)]
pub(super) enum Event {
    /// Partitions were assigned.
    Assigned(Vec<Arc<Slot>>),
    /// Records, at most `max_poll_records`.
    Batch(Vec<Received>),
    /// Partitions are about to go. The poller waits for the ack, within the drain's bound: then
    /// what is finished is committed.
    Revoked {
        slots: Vec<Arc<Slot>>,
        /// How long what is in hand may take; then it is given up.
        within: Duration,
        ack: SyncSender<()>,
    },
    /// Everything that was asked for has been handed over (replays only).
    End,
    /// The client can't go on.
    Failed(ClientError),
}
