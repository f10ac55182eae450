//! The compiled form of a strategy: a flat list of typed operations and the actions they trigger.

mod check;
mod clock;
mod gap;
mod hash;
mod history;
mod holding;
mod op;
mod real;
mod study;
mod terms;

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use timeframe::Timeframe;

pub use check::PlanError;
pub use clock::{Anchor, ClockFigure, DayWindow, Span, Zone, ZoneError};
pub use gap::{OnGap, OnGapError};
pub use hash::{PlanHash, PlanHashError};
pub use history::{WarmUp, WarmUpError};
pub use holding::HoldingFigure;
pub use op::{Arithmetic, Op, OpId};
pub use real::Real;
pub use study::{Pattern, Study};
pub use terms::{Distance, OrderKind, OrderTerms, Sizing, SizingMethod, StopLoss, TakeProfit};

use crate::eval::Evaluator;
use crate::node::{Side, SizeType};

/// Version of the plan's form and of what its operations mean; part of the hash.
pub const PLAN_VERSION: u32 = 3;

/// A buy or sell that a condition triggers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanAction {
    /// Id of the node in the source.
    pub node: String,
    /// Buy or sell.
    pub side: Side,
    /// How much, in what `size_type` counts; above 0.
    #[serde(with = "rust_decimal::serde::str")]
    pub quantity: Decimal,
    /// What `quantity` counts.
    pub size_type: SizeType,
    /// Fires at each evaluation while the trigger is true, not only when it becomes true.
    pub repeat: bool,
    /// The operation that triggers it; a condition.
    pub trigger: OpId,
    /// What the order carries besides.
    pub terms: OrderTerms,
}

/// What decides what a plan does, in the order in which it is hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    pub version: u32,
    pub ops: Vec<Op>,
    pub actions: Vec<PlanAction>,
    /// Left out where it is the default, so that it is no other plan then.
    #[serde(default, skip_serializing_if = "OnGap::is_default")]
    pub on_gap: OnGap,
    /// Likewise.
    #[serde(default, skip_serializing_if = "WarmUp::is_default")]
    pub warm_up: WarmUp,
}

/// A plan as it is stored; checked before it is trusted.
///
/// Neither flattened nor internally tagged types: with exact JSON numbers, which services use for
/// money, those can't be read back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredPlan {
    hash: PlanHash,
    nodes: u32,
    content: Content,
}

/// A strategy that compiled: immutable, serialisable (serde), identified by its content's hash.
///
/// Operations are in an order in which each reads only earlier ones, so one pass evaluates them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredPlan", into = "StoredPlan")]
pub struct Plan {
    content: Content,
    nodes: u32,
    hash: PlanHash,
    warmup: u64,
    reads_position: bool,
}

/// A plan in three figures, as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// The plan's content hash, 64 hex digits.
    pub hash: PlanHash,
    /// How many nodes of the graph take part.
    pub nodes: u32,
    /// How many evaluations (ticks or bars) it takes until every trigger has a value.
    pub warmup: u64,
}

impl Plan {
    /// Builds a plan from checked content.
    ///
    /// # Errors
    /// If an operation reads a later one, a value of the wrong type, or a figure is out of range.
    pub(crate) fn new(content: Content, nodes: u32) -> Result<Self, PlanError> {
        check::content(&content)?;
        let hash = PlanHash::of(&content);
        let warmup = check::warmup(&content);
        let mut ops = content.ops.iter();
        let reads_position = ops.any(|op| matches!(op, Op::Holding { .. }));
        Ok(Self {
            content,
            nodes,
            hash,
            warmup,
            reads_position,
        })
    }

    /// The hash of everything that decides what the plan does: 64 hex digits of SHA-256.
    pub fn hash(&self) -> PlanHash {
        self.hash
    }

    /// The operations, each reading only earlier ones.
    pub fn ops(&self) -> &[Op] {
        &self.content.ops
    }

    /// The actions, by node id: the order in which they fire at one tick.
    pub fn actions(&self) -> &[PlanAction] {
        &self.content.actions
    }

    /// What it does where trades are missing.
    pub fn on_gap(&self) -> OnGap {
        self.content.on_gap
    }

    /// What its indicators know when a session begins.
    pub fn warm_up(&self) -> WarmUp {
        self.content.warm_up
    }

    /// Whether it reads the position that its session holds: then it has to be told of it, see
    /// [`Evaluator::on_tick_holding`].
    pub fn reads_position(&self) -> bool {
        self.reads_position
    }

    /// Whether what it does depends on how many evaluations were before: it counts spans in them.
    pub(crate) fn counts_evaluations(&self) -> bool {
        self.ops().iter().any(|op| {
            matches!(
                op,
                Op::Hold {
                    span: Some(Span::Evaluations(_)),
                    ..
                } | Op::Cooldown {
                    span: Span::Evaluations(_),
                    ..
                } | Op::Holding { .. }
            )
        })
    }

    /// The plan in three figures.
    pub fn summary(&self) -> PlanSummary {
        PlanSummary {
            hash: self.hash,
            nodes: self.nodes,
            warmup: self.warmup,
        }
    }

    /// Starts evaluating from nothing, on ticks or on bars of the timeframe.
    pub fn start(self: &Arc<Self>, timeframe: Timeframe) -> Evaluator {
        Evaluator::new(Arc::clone(self), timeframe)
    }
}

impl From<Plan> for StoredPlan {
    fn from(plan: Plan) -> Self {
        Self {
            content: plan.content,
            nodes: plan.nodes,
            hash: plan.hash,
        }
    }
}

impl TryFrom<StoredPlan> for Plan {
    type Error = PlanError;

    fn try_from(stored: StoredPlan) -> Result<Self, PlanError> {
        let plan = Self::new(stored.content, stored.nodes)?;
        if plan.hash != stored.hash {
            return Err(PlanError::Hash {
                stored: stored.hash,
                computed: plan.hash,
            });
        }
        Ok(plan)
    }
}
