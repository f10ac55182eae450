//! A figure, its baseline and its goal.

use std::process::ExitCode;

use serde::Serialize;

use crate::output;

/// What a figure shall be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    /// At least this part of the baseline.
    Ratio(f64),
    /// At least this value.
    AtLeast(f64),
    /// At most this value.
    AtMost(f64),
    /// At most this part of the baseline.
    RatioAtMost(f64),
}

/// Something measured.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) value: f64,
    pub(super) unit: &'static str,
    /// What it is compared with, measured in the same call.
    pub(super) baseline: Option<f64>,
    pub(super) goal: Option<Goal>,
}

/// As it is printed, one object a line.
#[derive(Debug, Serialize)]
struct Line<'a> {
    figure: &'a str,
    value: f64,
    unit: &'a str,
    baseline: Option<f64>,
    ratio: Option<f64>,
    goal: Option<f64>,
    met: Option<bool>,
}

impl Figure {
    /// None beside a baseline of nothing, too.
    fn ratio(&self) -> Option<f64> {
        let ratio = self.value / self.baseline?;
        ratio.is_finite().then_some(ratio)
    }

    /// Whether the goal is met; none where there is no goal.
    pub(super) fn met(&self) -> Option<bool> {
        match self.goal? {
            Goal::Ratio(goal) => Some(self.ratio()? >= goal),
            Goal::AtLeast(goal) => Some(self.value >= goal),
            Goal::AtMost(goal) => Some(self.value <= goal),
            Goal::RatioAtMost(goal) => Some(self.ratio()? <= goal),
        }
    }

    fn line(&self) -> Line<'_> {
        let rounded = |value: f64| (value * 1_000.0).round() / 1_000.0;
        Line {
            figure: &self.name,
            value: rounded(self.value),
            unit: self.unit,
            baseline: self.baseline.map(rounded),
            ratio: self.ratio().map(rounded),
            goal: self.goal.map(|goal| match goal {
                Goal::Ratio(goal)
                | Goal::AtLeast(goal)
                | Goal::AtMost(goal)
                | Goal::RatioAtMost(goal) => goal,
            }),
            met: self.met(),
        }
    }

    fn row(&self) -> [String; 6] {
        let number = |value: f64| match value.abs() >= 100.0 {
            true => format!("{value:.0}"),
            false => format!("{value:.2}"),
        };
        let dash = || "-".to_owned();
        [
            self.name.clone(),
            format!("{} {}", number(self.value), self.unit),
            self.baseline.map_or_else(dash, number),
            self.ratio()
                .map_or_else(dash, |ratio| format!("{ratio:.2}")),
            self.goal.map_or_else(dash, |goal| match goal {
                Goal::Ratio(goal) => format!("ratio >= {goal:.2}"),
                Goal::AtLeast(goal) => format!(">= {} {}", number(goal), self.unit),
                Goal::AtMost(goal) => format!("<= {} {}", number(goal), self.unit),
                Goal::RatioAtMost(goal) => format!("ratio <= {goal:.2}"),
            }),
            self.met()
                .map_or_else(dash, |met| if met { "yes" } else { "NO" }.to_owned()),
        ]
    }
}

/// Prints figures; the exit code is 2 where a goal is missed.
pub(super) fn print(figures: &[Figure], json: bool) -> anyhow::Result<ExitCode> {
    let header = ["figure", "value", "baseline", "ratio", "goal", "met"];
    let mut table = output::table(&header);
    for figure in figures {
        if json {
            output::line(&serde_json::to_string(&figure.line())?);
        }
        table.add_row(figure.row());
    }
    if !json {
        output::line(&table.to_string());
    }
    let missed = figures.iter().any(|figure| figure.met() == Some(false));
    Ok(ExitCode::from(if missed { 2 } else { 0 }))
}

/// The value in the middle; 0 where there is none.
pub(super) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which this part of the values lies; 0 where there is none.
pub(super) fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let index = (last as f64 * part).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn figure(value: f64, baseline: Option<f64>, goal: Goal) -> Figure {
        Figure {
            name: "x".to_owned(),
            value,
            unit: "1/s",
            baseline,
            goal: Some(goal),
        }
    }

    #[test]
    fn a_goal_is_met_by_the_ratio_or_by_the_value() {
        let met = |value, baseline, goal| figure(value, baseline, goal).met();
        assert_eq!(met(90.0, Some(100.0), Goal::Ratio(0.9)), Some(true));
        assert_eq!(met(89.0, Some(100.0), Goal::Ratio(0.9)), Some(false));
        assert_eq!(met(8.1, None, Goal::AtMost(8.0)), Some(false));
        assert_eq!(met(8.0, None, Goal::AtMost(8.0)), Some(true));
        assert_eq!(met(8.0, None, Goal::AtLeast(8.1)), Some(false));
        assert_eq!(met(110.0, Some(100.0), Goal::RatioAtMost(1.2)), Some(true));
    }

    #[test]
    fn beside_nothing_there_is_no_ratio() {
        assert_eq!(figure(0.0, Some(0.0), Goal::AtMost(0.0)).row()[3], "-");
    }

    #[test]
    fn a_line_has_the_documented_fields() {
        let line = figure(90.0, Some(100.0), Goal::Ratio(0.9));
        assert_eq!(
            serde_json::to_string(&line.line()).unwrap(),
            r#"{"figure":"x","value":90.0,"unit":"1/s","baseline":100.0,"ratio":0.9,"goal":0.9,"met":true}"#
        );
    }

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert!((median(&values) - 3.0).abs() < f64::EPSILON);
        assert!((quantile(&values, 1.0) - 5.0).abs() < f64::EPSILON);
        assert!(median(&[]).abs() < f64::EPSILON);
    }
}
