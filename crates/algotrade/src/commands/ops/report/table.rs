//! The report for a person at a terminal.

use std::time::Duration;

use super::figures::Report;
use crate::output;

pub(super) fn print(report: &Report) {
    let period = (report.until - report.from).to_std().unwrap_or_default();
    output::line(&format!(
        "{} to {} ({})",
        output::time(Some(report.from)),
        output::time(Some(report.until)),
        output::duration(period)
    ));
    for section in sections(report) {
        let mut table = output::table(&section.header);
        for row in &section.rows {
            table.add_row(row.iter().map(|cell| output::harmless(cell)));
        }
        let figures: Vec<usize> = (1..section.header.len()).collect();
        output::align_right(&mut table, &figures);
        output::line(&format!("\n{table}"));
    }
}

/// A table of the report: its first column says what, the others how much.
pub(super) struct Section {
    pub(super) header: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
}

/// Everything as text, for the terminal and the page alike.
pub(super) fn sections(report: &Report) -> Vec<Section> {
    let mut sections = vec![
        Section {
            header: vec!["throughput", "in all", "a second", "peak"],
            rows: rows(&report.throughput, |row| {
                vec![
                    row.name.to_owned(),
                    amount(row.count),
                    rate(row.per_second),
                    rate(row.peak_per_second),
                ]
            }),
        },
        Section {
            header: vec!["latency", "count", "p50", "p95", "p99"],
            rows: rows(&report.latency, |row| {
                vec![
                    row.stage.to_owned(),
                    amount(row.count),
                    time(row.p50_seconds),
                    time(row.p95_seconds),
                    time(row.p99_seconds),
                ]
            }),
        },
        Section {
            header: vec!["lag", "mean", "most", "last"],
            rows: rows(&report.lag, |row| {
                let told = |value: Option<f64>| match row.unit {
                    "seconds" => time(value),
                    unit => value.map_or_else(none, |value| format!("{} {unit}", amount(value))),
                };
                let figures = [Some(row.mean), Some(row.most), row.last];
                let mut cells = vec![row.of.clone()];
                cells.extend(figures.map(told));
                cells
            }),
        },
        Section {
            header: vec!["errors", "count"],
            rows: rows(&report.errors, |row| {
                vec![row.name.to_owned(), amount(row.count)]
            }),
        },
        Section {
            header: vec!["objective", "wanted", "measured", "of its budget"],
            rows: rows(&report.objectives, |row| {
                vec![
                    row.objective.to_owned(),
                    percent(Some(row.share)),
                    percent(row.measured),
                    row.budget_used
                        .map_or_else(none, |used| format!("{:.0} %", used * 100.0)),
                ]
            }),
        },
        Section {
            header: vec!["service", "answered", "was ready"],
            rows: rows(&report.services, |row| {
                vec![
                    row.service.clone(),
                    percent(Some(row.up)),
                    percent(row.ready),
                ]
            }),
        },
    ];
    if !report.alerts.is_empty() {
        sections.push(Section {
            header: vec!["alert", "severity", "fired for"],
            rows: rows(&report.alerts, |row| {
                let fired = Duration::from_secs_f64(row.seconds.max(0.0));
                vec![
                    row.alert.clone(),
                    row.severity.clone(),
                    output::duration(fired),
                ]
            }),
        });
    }
    sections
}

fn rows<T>(of: &[T], cells: impl Fn(&T) -> Vec<String>) -> Vec<Vec<String>> {
    of.iter().map(cells).collect()
}

fn none() -> String {
    "-".to_owned()
}

/// Counts that Prometheus extrapolates; a whole number is what they stand for.
fn amount(count: f64) -> String {
    format!("{count:.0}")
}

fn rate(per_second: f64) -> String {
    match per_second {
        rate if rate >= 100.0 => format!("{rate:.0}"),
        rate if rate >= 1.0 => format!("{rate:.1}"),
        rate => format!("{rate:.3}"),
    }
}

pub(super) fn time(seconds: Option<f64>) -> String {
    match seconds {
        None => none(),
        Some(seconds) if seconds >= 1.0 => format!("{seconds:.2} s"),
        Some(seconds) => format!("{:.1} ms", seconds * 1_000.0),
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(none, |share| format!("{:.2} %", share * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_in_the_unit_that_they_fill() {
        assert_eq!(time(Some(0.0125)), "12.5 ms");
        assert_eq!(time(Some(2.5)), "2.50 s");
        assert_eq!(time(None), "-");
        assert_eq!(rate(1234.5), "1234");
        assert_eq!(rate(12.34), "12.3");
        assert_eq!(rate(0.0123), "0.012");
        assert_eq!(percent(Some(0.99951)), "99.95 %");
    }
}
