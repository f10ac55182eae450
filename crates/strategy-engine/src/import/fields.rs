//! Typed access to a node's `data`: numbers may be text, null means "not set".

use std::fmt::Display;

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, Report, quote};
use crate::limits::{MAX_PERIOD, MAX_VALUE};
use crate::plan::Real;

/// The data of one node, with the report that its problems go to.
pub(crate) struct Fields<'a> {
    pub id: &'a str,
    data: &'a Map<String, Value>,
    pub report: &'a mut Report,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(id: &'a str, data: &'a Map<String, Value>, report: &'a mut Report) -> Self {
        Self { id, data, report }
    }

    /// Whether the field is set to anything; the editor writes "" for a cleared input.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.set(name).is_some()
    }

    fn set(&self, name: &str) -> Option<&'a Value> {
        match self.data.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.trim().is_empty() => None,
            found => found,
        }
    }

    /// A number as it was written, so that nothing is lost before its type is known.
    fn number_text(&mut self, name: &str) -> Option<String> {
        let text = match self.set(name)? {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.trim().to_owned(),
            other => other.to_string(),
        };
        if text.parse::<f64>().is_ok_and(f64::is_finite) {
            return Some(text);
        }
        self.invalid(name, format!("{} is not a number", quote(&text)), None);
        None
    }

    /// A binary number of magnitude below 1e20; none if it isn't set or was reported.
    pub(crate) fn real(&mut self, name: &str) -> Option<f64> {
        let value: f64 = self.number_text(name)?.parse().ok()?;
        if value.abs() < MAX_VALUE {
            return Some(value);
        }
        self.out_of_range(name, value, "between -1e20 and 1e20");
        None
    }

    /// An exact decimal; none if it isn't set or was reported.
    pub(crate) fn decimal(&mut self, name: &str) -> Option<Decimal> {
        let text = self.number_text(name)?;
        let parsed = Decimal::from_str_exact(&text).or_else(|_| Decimal::from_scientific(&text));
        match parsed {
            Ok(value) => Some(value.normalize()),
            Err(_) => {
                self.out_of_range(name, quote(&text), "a decimal of at most 28 digits");
                None
            }
        }
    }

    /// A decimal above 0; the default if it isn't set or was reported.
    pub(crate) fn positive(&mut self, name: &str, default: i64) -> Decimal {
        let default = Decimal::from(default);
        match self.decimal(name) {
            None => default,
            Some(value) if value > Decimal::ZERO => value,
            Some(value) => {
                self.out_of_range(name, value, "above 0");
                default
            }
        }
    }

    /// A decimal above 0 and at most 100; the default if it isn't set or was reported.
    pub(crate) fn percent(&mut self, name: &str, default: i64) -> Decimal {
        let value = self.positive(name, default);
        if value > Decimal::ONE_HUNDRED {
            self.out_of_range(name, value, "above 0 and at most 100 (percent)");
            return Decimal::from(default);
        }
        value
    }

    /// A decimal above 0 that has no default.
    pub(crate) fn needed(&mut self, name: &str) -> Decimal {
        if !self.is_set(name) {
            let message = format!("`{name}` is missing and has no default");
            let problem = Diagnostic::error("field_missing", message);
            let problem = problem.node(self.id).field(name);
            self.report.push(problem.hint(format!("set `{name}`")));
        }
        self.positive(name, 1)
    }

    /// A binary number above 0; the default if it isn't set or was reported.
    pub(crate) fn factor(&mut self, name: &str, default: f64) -> Real {
        let value = self.real(name).unwrap_or(default);
        if value > 0.0
            && let Some(value) = Real::new(value)
        {
            return value;
        }
        self.out_of_range(name, value, "above 0");
        Real::ONE
    }

    /// A binary number from 0 to 1; the default if it isn't set or was reported.
    pub(crate) fn fraction(&mut self, name: &str, default: f64) -> f64 {
        let value = self.real(name).unwrap_or(default);
        if (0.0..=1.0).contains(&value) {
            return value;
        }
        self.out_of_range(name, value, "from 0 to 1");
        default
    }

    /// Text as it was entered, if it is set.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.set(name)? {
            Value::String(text) => Some(text.trim().to_owned()),
            other => Some(other.to_string()),
        }
    }

    /// A period in evaluations; the default if it isn't set or was reported.
    pub(crate) fn period(&mut self, name: &str, default: u32) -> u32 {
        self.period_within(name, default, 1, MAX_PERIOD)
    }

    /// A period within narrower bounds.
    pub(crate) fn period_within(&mut self, name: &str, default: u32, least: u32, most: u32) -> u32 {
        let Some(value) = self.real(name) else {
            return default;
        };
        if value.fract().abs() > 0.0 {
            self.invalid(name, format!("{value} is not a whole number"), None);
            return default;
        }
        if !(f64::from(least)..=f64::from(most)).contains(&value) {
            self.out_of_range(name, value, &format!("from {least} to {most}"));
            return default;
        }
        value as u32
    }

    /// One of the choices by name or alias; none if it isn't set or was reported.
    pub(crate) fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = match self.set(name)? {
            Value::String(text) => text.trim().to_owned(),
            other => other.to_string(),
        };
        if let Some((_, chosen)) = choices.iter().find(|(known, _)| *known == text) {
            return Some(*chosen);
        }
        let known = choices.iter().map(|(known, _)| *known);
        let hint = self
            .report
            .did_you_mean(&text, known.clone())
            .unwrap_or_else(|| format!("choose one of {}", known.collect::<Vec<_>>().join(", ")));
        self.invalid(
            name,
            format!("{} is not a choice here", quote(&text)),
            Some(hint),
        );
        None
    }

    /// A switch, off if it isn't set or was reported.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        match self.set(name) {
            None => false,
            Some(Value::Bool(value)) => *value,
            Some(Value::String(text)) if text.trim() == "true" => true,
            Some(Value::String(text)) if text.trim() == "false" => false,
            Some(other) => {
                let message = format!("{} is neither true nor false", quote(&other.to_string()));
                self.invalid(name, message, None);
                false
            }
        }
    }

    pub(crate) fn invalid(&mut self, name: &str, message: String, hint: Option<String>) {
        let problem = Diagnostic::error("field_invalid", format!("`{name}`: {message}"));
        self.report
            .push(problem.node(self.id).field(name).maybe_hint(hint));
    }

    /// The value is one that users' files have but that has no meaning here.
    pub(crate) fn unsupported(&mut self, name: &str, message: &str, hint: &str) {
        let problem = Diagnostic::error("node_unsupported", message);
        self.report
            .push(problem.node(self.id).field(name).hint(hint));
    }

    pub(crate) fn warning(&mut self, name: &str, message: String, hint: &str) {
        let problem = Diagnostic::warning("field_suspicious", message);
        self.report
            .push(problem.node(self.id).field(name).hint(hint));
    }

    pub(crate) fn out_of_range(&mut self, name: &str, value: impl Display, range: &str) {
        let message = format!("`{name}` is {value}, but must be {range}");
        self.report.push(
            Diagnostic::error("field_out_of_range", message)
                .node(self.id)
                .field(name)
                .hint(format!("set `{name}` {range}")),
        );
    }

    pub(crate) fn notice(&mut self, code: &'static str, name: &str, message: impl Into<String>) {
        self.report
            .push(Diagnostic::notice(code, message).node(self.id).field(name));
    }
}
