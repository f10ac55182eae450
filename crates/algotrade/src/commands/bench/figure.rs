//! A figure, what it is measured against, and how it is shown.

use serde::Serialize;

use crate::output;

/// Where a figure has to lie.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Goal {
    fn bound(self) -> f64 {
        match self {
            Self::AtLeast(bound) | Self::AtMost(bound) => bound,
        }
    }

    fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(bound) => format!(">= {}", number(bound)),
            Self::AtMost(bound) => format!("<= {}", number(bound)),
        }
    }
}

/// One measured figure.
#[derive(Debug, Serialize)]
pub(super) struct Figure {
    figure: String,
    value: f64,
    unit: &'static str,
    baseline: Option<f64>,
    ratio: Option<f64>,
    /// The bound of the ratio where there is a baseline, else of the value.
    goal: f64,
    met: bool,
    #[serde(skip)]
    goal_text: String,
}

impl Figure {
    /// A figure that stands for itself.
    pub(super) fn absolute(figure: String, value: f64, unit: &'static str, goal: Goal) -> Self {
        Self {
            figure,
            value,
            unit,
            baseline: None,
            ratio: None,
            goal: goal.bound(),
            met: goal.is_met_by(value),
            goal_text: goal.text(),
        }
    }

    /// A figure whose ratio to a baseline of the same call counts.
    pub(super) fn relative(
        figure: String,
        value: f64,
        unit: &'static str,
        baseline: f64,
        goal: Goal,
    ) -> Self {
        let ratio = value / baseline;
        Self {
            figure,
            value,
            unit,
            baseline: Some(baseline),
            ratio: Some(ratio),
            goal: goal.bound(),
            met: goal.is_met_by(ratio),
            goal_text: goal.text(),
        }
    }

    /// Whether it lies where it has to.
    pub(super) fn is_met(&self) -> bool {
        self.met
    }
}

/// Whole numbers for what is large, two decimals for what is small.
fn number(value: f64) -> String {
    match value.abs() >= 100.0 {
        true => format!("{value:.0}"),
        false => format!("{value:.2}"),
    }
}

/// Prints all figures, as a table or as one JSON object a line.
pub(super) fn print(figures: &[Figure], json: bool) -> anyhow::Result<()> {
    if json {
        for figure in figures {
            output::line(&serde_json::to_string(figure)?);
        }
        return Ok(());
    }
    let mut table = output::table(&["figure", "value", "unit", "baseline", "ratio", "goal", ""]);
    for figure in figures {
        table.add_row([
            figure.figure.clone(),
            number(figure.value),
            figure.unit.to_owned(),
            figure.baseline.map(number).unwrap_or_default(),
            figure.ratio.map(number).unwrap_or_default(),
            figure.goal_text.clone(),
            match figure.met {
                true => "met".to_owned(),
                false => "missed".to_owned(),
            },
        ]);
    }
    output::line(&table.to_string());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_counts_where_there_is_a_baseline() {
        let slower = Figure::relative("x".into(), 80.0, "/s", 100.0, Goal::AtLeast(0.9));
        assert!(!slower.is_met());
        let growth = Figure::relative("x".into(), 110.0, "MB", 100.0, Goal::AtMost(1.2));
        assert!(growth.is_met());
        let alone = Figure::absolute("x".into(), 31_000.0, "/s", Goal::AtLeast(30_000.0));
        assert!(alone.is_met());
    }
}
