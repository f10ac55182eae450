//! What an expression of a script comes to when it is compiled.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::{Number, Value as Json, json};

use super::function::Function;
use crate::limits::MAX_VALUE;
use crate::plan::Arithmetic;

/// A number that is known: as the plan computes with it, and exactly where it can be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Constant {
    pub real: f64,
    pub exact: Option<Decimal>,
}

impl Constant {
    /// A literal, without underscores.
    pub(super) fn literal(text: &str) -> Option<Self> {
        let real: f64 = text.parse().ok().filter(|real: &f64| real.is_finite())?;
        let exact = Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text));
        Some(Self {
            real,
            exact: exact.ok().map(|exact| exact.normalize()),
        })
    }

    pub(super) fn whole(value: i64) -> Self {
        Self {
            real: value as f64,
            exact: Some(Decimal::from(value)),
        }
    }

    pub(super) fn negated(self) -> Self {
        Self {
            real: -self.real,
            exact: self.exact.map(|exact| -exact),
        }
    }

    /// Two numbers combined as the plan would; none where that has no result.
    pub(super) fn combined(self, operation: Arithmetic, other: Self) -> Option<Self> {
        let real = operation.apply(self.real, other.real);
        let real = Some(real).filter(|real| real.is_finite() && real.abs() < MAX_VALUE)?;
        let exact = self
            .exact
            .zip(other.exact)
            .and_then(|(a, b)| match operation {
                Arithmetic::Add => a.checked_add(b),
                Arithmetic::Subtract => a.checked_sub(b),
                Arithmetic::Multiply => a.checked_mul(b),
                Arithmetic::Divide => a.checked_div(b).filter(|quotient| quotient * b == a),
                Arithmetic::Min => Some(a.min(b)),
                Arithmetic::Max => Some(a.max(b)),
            });
        Some(Self { real, exact })
    }

    /// A whole number.
    pub(super) fn integer(self) -> Option<i64> {
        let whole = self.real.fract() == 0.0 && self.real.abs() < 1e15;
        whole.then_some(self.real as i64)
    }

    /// As a field of a node's data: exact, as text where a JSON number might not be.
    pub(super) fn json(self) -> Json {
        match self.exact {
            Some(exact)
                if exact
                    .to_f64()
                    .is_some_and(|real| real.to_string() == exact.to_string()) =>
            {
                self.real_json()
            }
            Some(exact) => json!(exact.to_string()),
            None => self.real_json(),
        }
    }

    /// As the plan computes with it.
    pub(super) fn real_json(self) -> Json {
        match self.integer() {
            Some(whole) => json!(whole),
            None => Number::from_f64(self.real).map_or(Json::Null, Json::Number),
        }
    }
}

/// An output of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Port {
    pub node: usize,
    pub handle: &'static str,
}

/// How much is ordered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Size {
    Units(Constant),
    Cash(Constant),
    PercentOfCash(Constant),
    PercentOfPosition(Constant),
    PercentOfEquity {
        percent: Constant,
        most: Option<Constant>,
    },
    PercentAtRisk {
        percent: Constant,
        fall: Port,
        most: Option<Constant>,
    },
    AmountAtRisk {
        amount: Constant,
        stop_percent: Option<Constant>,
    },
}

/// What an expression comes to.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// It was refused, and is reported.
    Unknown,
    Number(Constant),
    Flag(bool),
    Text(String),
    Series(Port),
    Condition(Port),
    /// Of a node with several.
    Results(usize, &'static Function),
    Size(Size),
    List(Vec<Value>),
    /// An order, or what else has no value.
    Nothing,
}

impl Value {
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Unknown => "something unknown",
            Self::Number(_) => "a number",
            Self::Flag(_) => "True or False",
            Self::Text(_) => "a text",
            Self::Series(_) => "a series",
            Self::Condition(_) => "a condition",
            Self::Results(..) => "several results",
            Self::Size(_) => "a size",
            Self::List(_) => "a list",
            Self::Nothing => "nothing",
        }
    }
}
