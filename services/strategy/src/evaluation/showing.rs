//! What the nodes of a running session's strategy give, for those who look at it.

use std::sync::Arc;

use strategy_engine::{Shown, Trace};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::PartitionEvaluation;

/// A look at a session. It is dropped without an answer where the session's partition isn't here.
#[derive(Debug)]
pub(crate) struct Showing {
    /// The partition that the session trades on.
    pub(crate) unit: i32,
    pub(crate) session_id: Uuid,
    /// Where the values are.
    pub(crate) trace: Arc<Trace>,
    /// None where the session isn't evaluated.
    pub(crate) answer: oneshot::Sender<Option<ShownSession>>,
}

/// What a session's strategy gave at its last evaluation.
#[derive(Debug)]
pub(crate) struct ShownSession {
    pub(crate) evaluations: u64,
    /// In the order of the trace's outputs.
    pub(crate) values: Vec<Option<Shown>>,
}

impl PartitionEvaluation {
    pub(super) fn show(&self, showing: Showing) {
        let session = self.sessions.get(&showing.session_id);
        let session = session.filter(|session| !session.failed);
        let shown = session.and_then(|session| {
            let groups = self.by_symbol.get(&session.deployment.symbol)?;
            Some(ShownSession {
                evaluations: groups.counts(showing.session_id)?.evaluations,
                values: groups
                    .of(showing.session_id)?
                    .evaluator
                    .show(&showing.trace),
            })
        });
        // Who asked may have gone.
        let _ = showing.answer.send(shown);
    }
}
