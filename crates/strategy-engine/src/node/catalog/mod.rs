//! Every node type, with the names that the Python platform's editor and runtime use.

mod indicators;
mod logic;
mod market;
mod orders;

use super::shape::{NodeType, opaque};

/// Node types that belong together, as the documentation shows them.
#[derive(Debug, serde::Serialize)]
pub struct NodeGroup {
    /// Its title.
    pub title: &'static str,
    /// Its types.
    pub types: &'static [NodeType],
}

/// Every node type there is, in groups.
pub fn node_groups() -> &'static [NodeGroup] {
    &[
        NodeGroup {
            title: "Market, time, position and constants",
            types: market::TYPES,
        },
        NodeGroup {
            title: "Indicators",
            types: indicators::TYPES,
        },
        NodeGroup {
            title: "Calculations and conditions",
            types: logic::TYPES,
        },
        NodeGroup {
            title: "Orders",
            types: orders::TYPES,
        },
    ]
}

/// The type of this name. A type with two forms is found in its first one.
pub(crate) fn find(name: &str) -> Option<&'static NodeType> {
    types().find(|node_type| node_type.name == name && !is_second_form(name))
}

/// The editor's form of `timeNode`, which gives a condition.
pub(crate) fn time_window() -> &'static NodeType {
    let found = types().find(|node_type| is_second_form(node_type.name));
    found.unwrap_or(opaque())
}

/// Every type's name, for "did you mean".
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    let names = types().map(|node_type| node_type.name);
    names.filter(|name| !is_second_form(name))
}

fn is_second_form(name: &str) -> bool {
    name.ends_with(')')
}

fn types() -> impl Iterator<Item = &'static NodeType> {
    node_groups().iter().flat_map(|group| group.types)
}
