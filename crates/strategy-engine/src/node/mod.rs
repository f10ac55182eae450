//! What each node type is: its handles, its data, and what the data mean.

mod catalog;
mod kind;
mod parse;
mod shape;

pub use catalog::{NodeGroup, node_groups};
pub(crate) use catalog::{find, names, time_window};
pub use kind::{Comparison, CrossType, Field};
pub(crate) use kind::{Indicator, NodeKind, ThresholdSpec, VolumeType};
pub(crate) use parse::{
    ActionSpec, Context, Refusal, SizeSpec, StopDistance, StopSpec, TargetSpec, parse,
};
pub use parse::{Side, SizeType};
pub(crate) use shape::opaque;
pub use shape::{DataField, Input, NodeType, Output, Unwired, ValueType};
