//! What each node type is: its handles, its data, and what the data mean.

mod action;
mod kind;
mod parse;
mod shape;

pub use action::{Side, SizeType};
pub use kind::{Comparison, CrossType, Field};
pub(crate) use kind::{NodeKind, ThresholdSpec, VolumeType};
pub(crate) use parse::{Context, parse};
pub(crate) use shape::{Input, Shape, known_names, opaque, shape_of, unsupported};
