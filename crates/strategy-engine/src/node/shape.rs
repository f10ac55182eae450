//! What a node type has: handles, data fields, a meaning. The catalogue holds them all.

use serde::Serialize;

use super::kind::Field;

/// What travels along an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// A number, or no value.
    Number,
    /// True, false, or no value.
    Condition,
    /// The order of an action; leads to what belongs to that order.
    Order,
    /// A size; leads to an action.
    Size,
    /// That a stop or a target was reached; leads to a sale.
    Exit,
}

impl ValueType {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Condition => "a condition",
            Self::Order => "an order",
            Self::Size => "a size",
            Self::Exit => "an exit",
        }
    }
}

/// What happens where nothing is connected to an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unwired {
    /// It is an error.
    Required,
    /// The market's figure is taken.
    Market(Field),
    /// The node does without.
    Optional,
}

/// An input handle.
#[derive(Debug, Serialize)]
pub struct Input {
    /// The editor's name first, then the others that mean the same.
    pub names: &'static [&'static str],
    /// None: the handle has no effect.
    pub value: Option<ValueType>,
    /// Whether several edges may enter.
    pub many: bool,
    /// What happens where nothing is connected.
    pub unwired: Unwired,
}

/// An output handle.
#[derive(Debug, Serialize)]
pub struct Output {
    /// The editor's name first, then the others that mean the same.
    pub names: &'static [&'static str],
    /// What leaves by it.
    pub value: ValueType,
}

/// A field of a node's `data`.
#[derive(Debug, Serialize)]
pub struct DataField {
    /// Its key.
    pub name: &'static str,
    /// What it takes where the field is missing, as text; empty if it has to be set or is off.
    pub default: &'static str,
    /// What it may be.
    pub range: &'static str,
}

/// A node type.
#[derive(Debug, Serialize)]
pub struct NodeType {
    /// The `type` in a graph.
    pub name: &'static str,
    /// Its inputs.
    pub inputs: &'static [Input],
    /// Its outputs.
    pub outputs: &'static [Output],
    /// The fields of its `data`.
    pub fields: &'static [DataField],
    /// What it does, as Markdown.
    pub meaning: &'static str,
}

pub(super) const fn number_in(names: &'static [&'static str]) -> Input {
    Input {
        names,
        value: Some(ValueType::Number),
        many: false,
        unwired: Unwired::Required,
    }
}

/// A number that is the market's figure where nothing is connected.
pub(super) const fn market_in(names: &'static [&'static str], field: Field) -> Input {
    Input {
        unwired: Unwired::Market(field),
        ..number_in(names)
    }
}

pub(super) const fn optional_in(names: &'static [&'static str], value: ValueType) -> Input {
    Input {
        names,
        value: Some(value),
        many: false,
        unwired: Unwired::Optional,
    }
}

pub(super) const fn condition_in(names: &'static [&'static str]) -> Input {
    Input {
        value: Some(ValueType::Condition),
        ..number_in(names)
    }
}

pub(super) const fn conditions_in(names: &'static [&'static str]) -> Input {
    Input {
        many: true,
        ..condition_in(names)
    }
}

/// A handle of users' files that has no effect here.
pub(super) const fn ignored_in(names: &'static [&'static str]) -> Input {
    Input {
        names,
        value: None,
        many: true,
        unwired: Unwired::Optional,
    }
}

pub(super) const fn number_out(names: &'static [&'static str]) -> Output {
    Output {
        names,
        value: ValueType::Number,
    }
}

pub(super) const fn condition_out(names: &'static [&'static str]) -> Output {
    Output {
        names,
        value: ValueType::Condition,
    }
}

pub(super) const fn out(names: &'static [&'static str], value: ValueType) -> Output {
    Output { names, value }
}

pub(super) const fn field(
    name: &'static str,
    default: &'static str,
    range: &'static str,
) -> DataField {
    DataField {
        name,
        default,
        range,
    }
}

pub(super) const fn period(default: &'static str) -> DataField {
    field("period", default, PERIOD)
}

pub(super) const PERIOD: &str = "1 to 100,000";

const OPAQUE: NodeType = NodeType {
    name: "",
    inputs: &[],
    outputs: &[],
    fields: &[],
    meaning: "",
};

/// The type of a node that was reported as unknown.
pub(crate) fn opaque() -> &'static NodeType {
    &OPAQUE
}
