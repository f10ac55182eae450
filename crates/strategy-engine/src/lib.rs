#![doc = include_str!("../README.md")]

mod compile;
mod diagnostic;
mod diff;
mod eval;
mod import;
pub mod limits;
mod node;
mod plan;
mod script;
mod suggest;
mod templates;

pub use compile::{Compilation, NodeOutput, Origin, Trace, compile, compile_text, trace};
pub use diagnostic::{CODES, Diagnostic, Place, SCRIPT_CODES, Severity};
pub use diff::{Diff, FieldChange, Form, GraphDiff, NodeChange, NodeView, diff, unified};
pub use eval::{Counts, Evaluator, Holding, Position, Shown, Signal, SnapshotError, Tick};
pub use node::{
    Comparison, CrossType, DataField, Field, Input, NodeGroup, NodeType, Output, Side, SizeType,
    Unwired, ValueType, node_groups,
};
pub use plan::{
    Anchor, Arithmetic, ClockFigure, DayWindow, Distance, HoldingFigure, OnGap, OnGapError, Op,
    OpId, OrderKind, OrderTerms, PLAN_VERSION, Pattern, Plan, PlanAction, PlanError, PlanHash,
    PlanHashError, PlanSummary, Real, Sizing, SizingMethod, Span, StopLoss, Study, TakeProfit,
    WarmUp, WarmUpError, Zone, ZoneError,
};
pub use script::{
    Argument, Function, Param, ParamValue, SPECIAL, Script, Takes, compile_script,
    compile_script_with, format_script, functions, write_script,
};
pub use templates::{Template, templates};
pub use timeframe::{Amount, AmountError, MAX_TICKS, Timeframe, TimeframeError};
