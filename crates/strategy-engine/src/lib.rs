#![doc = include_str!("../README.md")]

mod compile;
mod diagnostic;
mod eval;
mod import;
pub mod limits;
mod node;
mod plan;
mod suggest;
mod templates;

pub use compile::{Compilation, compile, compile_text};
pub use diagnostic::{CODES, Diagnostic, Severity};
pub use eval::{Evaluator, Signal, SnapshotError, Tick, Timeframe, TimeframeError};
pub use node::{Comparison, CrossType, Field, Side, SizeType};
pub use plan::{
    Op, OpId, PLAN_VERSION, Plan, PlanAction, PlanError, PlanHash, PlanHashError, PlanSummary, Real,
};
pub use templates::{Template, templates};
