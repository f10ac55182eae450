//! Combinations of parameters.

use std::collections::BTreeMap;
use std::str::FromStr;

use rust_decimal::Decimal;

/// Most combinations of one grid.
pub const MAX_COMBINATIONS: usize = 10_000;

/// A parameter with the values that it takes: `fast=5..20:5`, `fast=5,10,20`, `zone=UTC,EST`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// The parameter.
    pub name: String,
    /// Each value, as text.
    pub values: Vec<String>,
}

/// Why a text is no [`Axis`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AxisError {
    /// There is no name, or no value.
    #[error("`{0}` is no parameter: write NAME=VALUE, NAME=FROM..TO:STEP or NAME=A,B,C")]
    Form(String),
    /// The step doesn't lead from the first to the last.
    #[error("`{0}`: the step has to be above 0, and the end not before the beginning")]
    Step(String),
    /// There are too many values or combinations.
    #[error("there are over {MAX_COMBINATIONS} combinations; use larger steps")]
    TooMany,
}

impl FromStr for Axis {
    type Err = AxisError;

    fn from_str(text: &str) -> Result<Self, AxisError> {
        let form = || AxisError::Form(text.to_owned());
        let (name, values) = text.split_once('=').ok_or_else(form)?;
        let (name, values) = (name.trim(), values.trim());
        if name.is_empty() || values.is_empty() {
            return Err(form());
        }
        let values = match values.split_once("..") {
            None => values
                .split(',')
                .map(|value| value.trim().to_owned())
                .collect(),
            Some((first, rest)) => {
                let (last, step) = rest.split_once(':').unwrap_or((rest, "1"));
                let parse = |figure: &str| figure.trim().parse::<Decimal>().map_err(|_| form());
                range(text, parse(first)?, parse(last)?, parse(step)?)?
            }
        };
        if values.iter().any(String::is_empty) {
            return Err(form());
        }
        Ok(Self {
            name: name.to_owned(),
            values,
        })
    }
}

fn range(
    text: &str,
    first: Decimal,
    last: Decimal,
    step: Decimal,
) -> Result<Vec<String>, AxisError> {
    let wrong = || AxisError::Step(text.to_owned());
    if step <= Decimal::ZERO || last < first {
        return Err(wrong());
    }
    let mut values = Vec::new();
    let mut value = first;
    while value <= last {
        if values.len() >= MAX_COMBINATIONS {
            return Err(AxisError::TooMany);
        }
        values.push(value.normalize().to_string());
        value = value.checked_add(step).ok_or_else(wrong)?;
    }
    Ok(values)
}

/// All combinations of some axes.
#[derive(Debug, Clone, Default)]
pub struct Grid {
    axes: Vec<Axis>,
}

impl Grid {
    /// Of these axes; of several with the same name, the last counts.
    ///
    /// # Errors
    /// [`AxisError::TooMany`].
    pub fn new(axes: Vec<Axis>) -> Result<Self, AxisError> {
        let mut counts = axes.iter().map(|axis| axis.values.len());
        let product = counts.try_fold(1_usize, usize::checked_mul);
        match product {
            Some(product) if product <= MAX_COMBINATIONS => Ok(Self { axes }),
            _ => Err(AxisError::TooMany),
        }
    }

    /// Each combination, the last axis changing fastest; one empty one without axes.
    pub fn combinations(&self) -> Vec<BTreeMap<String, String>> {
        let mut all = vec![BTreeMap::new()];
        for axis in &self.axes {
            let longer = all.iter().flat_map(|known: &BTreeMap<String, String>| {
                axis.values.iter().map(move |value| {
                    let mut known = known.clone();
                    known.insert(axis.name.clone(), value.clone());
                    known
                })
            });
            all = longer.collect();
        }
        all
    }
}
