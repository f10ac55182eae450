//! Sessions come to life: from a snapshot, or from their deployment.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::sync::{Arc, Weak};

use kafka_common::past::Past;
use kafka_common::processor::{Restored, StoreError};
use strategy_engine::{Evaluator, Plan, Timeframe};
use uuid::Uuid;

use super::book::Book;
use super::groups::SharedSessions;
use super::{PartitionEvaluation, SNAPSHOT_VERSION, SavedBooks, SavedState, Session};
use crate::commands;
use crate::deployments::{Deployment, Deployments};
use crate::source::{Kind, compile_source};

impl PartitionEvaluation {
    pub(super) fn restore(
        deployments: Deployments,
        past: Arc<dyn Past>,
        restored: Restored,
    ) -> Result<Self, StoreError> {
        let position = restored.positions.first().copied().unwrap_or_default();
        let (saved, books) = match restored.state {
            None => {
                let nothing = SavedState {
                    version: SNAPSHOT_VERSION,
                    last: None,
                    sessions: Vec::new(),
                };
                (nothing, SavedBooks::new())
            }
            Some(bytes) => {
                let failed = |error| StoreError::new("reading a snapshot", error);
                let (saved, rest): (SavedState, _) =
                    postcard::take_from_bytes(&bytes).map_err(failed)?;
                if saved.version != SNAPSHOT_VERSION {
                    return Err(StoreError(format!(
                        "the snapshot of unit {} has version {}, not {SNAPSHOT_VERSION}",
                        restored.unit, saved.version
                    )));
                }
                let books = match rest {
                    [] => SavedBooks::new(),
                    rest => postcard::from_bytes(rest).map_err(failed)?,
                };
                (saved, books)
            }
        };
        let mut states: HashMap<Uuid, Vec<u8>> = saved.sessions.into_iter().collect();
        let mut books: HashMap<Uuid, Vec<u8>> = books.into_iter().collect();
        let mut unit = Self {
            unit: restored.unit,
            position: [position],
            told: position,
            last: saved.last,
            sessions: BTreeMap::new(),
            by_symbol: HashMap::new(),
            shared: SharedSessions::default(),
            commands: commands::from(deployments.pool(), restored.unit, position)?.into(),
            plans: HashMap::new(),
            next_change: i64::MAX,
            deployments: deployments.clone(),
            past,
        };
        for deployment in deployments.active_from(restored.unit, position)? {
            let state = states.remove(&deployment.session_id);
            let book = books.remove(&deployment.session_id);
            unit.add(deployment, state, book)?;
        }
        unit.find_next_change();
        Ok(unit)
    }

    pub(super) fn add(
        &mut self,
        mut deployment: Deployment,
        state: Option<Vec<u8>>,
        book: Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let session_id = deployment.session_id;
        let failed = |error: &dyn std::fmt::Display| {
            StoreError(format!(
                "the strategy of session {session_id} can't be run: {error}"
            ))
        };
        let kind: Kind = deployment
            .kind
            .parse()
            .map_err(|_| failed(&"its kind is unknown"))?;
        let plan = compile_source(kind, &deployment.source.0).compilation.plan;
        let plan = plan.ok_or_else(|| failed(&"it does not compile any more"))?;
        let plan = self.shared(plan);
        // Sessions are many, and the plan is all that is needed of it.
        deployment.source.0 = serde_json::Value::Null;
        let started = state.is_some();
        let book = match (plan.reads_position(), book) {
            (false, _) => None,
            (true, Some(book)) => Some(Book::restore(&book)),
            (true, None) if started => Some(Err("its account is not in the snapshot".to_owned())),
            (true, None) => Some(Book::new(&deployment)),
        };
        let book = book.transpose().map_err(|error| failed(&error))?;
        let evaluator = match state {
            Some(state) => Evaluator::restore(&plan, &state).map_err(|error| failed(&error))?,
            None => {
                let timeframe =
                    Timeframe::from_str(&deployment.timeframe).map_err(|error| failed(&error))?;
                plan.start(timeframe)
            }
        };
        let Some(start) = deployment.start_offset else {
            return Ok(());
        };
        let history = deployment.history.take().filter(|_| evaluator.is_fresh());
        let stop = deployment.stop_offset;
        let groups = self.by_symbol.entry(deployment.symbol.clone()).or_default();
        let history = history.map(|history| history.0);
        groups.add(session_id, evaluator, book, history, started);
        let session = Session {
            deployment,
            start,
            stop,
            started,
            failed: false,
        };
        self.sessions.insert(session_id, session);
        Ok(())
    }

    /// Sessions of the same strategy share its plan.
    fn shared(&mut self, plan: Plan) -> Arc<Plan> {
        self.plans.retain(|_, known| known.strong_count() > 0);
        let hash = plan.hash();
        if let Some(known) = self.plans.get(&hash).and_then(Weak::upgrade)
            // Ids of nodes may differ though the hash is the same, and signals tell them.
            && *known == plan
        {
            return known;
        }
        let plan = Arc::new(plan);
        self.plans.insert(hash, Arc::downgrade(&plan));
        plan
    }
}
