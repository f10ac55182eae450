//! From a saved file to nodes and edges, whatever it is wrapped in.

mod fields;
mod raw;
mod unwrap;

pub(crate) use fields::Fields;
pub(crate) use raw::{RawEdge, RawGraph, RawNode, read};
pub(crate) use unwrap::unwrap;
