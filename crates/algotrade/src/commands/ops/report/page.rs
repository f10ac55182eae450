//! The report as a page with plots that needs nothing but itself.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};

use super::asked::{BEHIND, ERRORS, FLOWS, STAGES};
use super::figures::Report;
use super::prometheus::{Prometheus, Series, Span};
use super::table::{sections, time};

const WIDTH: f64 = 1100.0;
const HEIGHT: f64 = 160.0;
/// Room for the figures at the side.
const SIDE: f64 = 70.0;
/// Lines of a plot; more can't be told apart.
const MOST_LINES: usize = 6;

const STYLE: &str = "body{font:14px system-ui,sans-serif;margin:2rem auto;max-width:1200px;\
padding:0 1rem;color:#1a1d21;background:#fff}h1{font-size:1.4rem}h2{font-size:1rem;margin:1.5rem 0 .3rem}\
svg{width:100%;height:auto;display:block}table{border-collapse:collapse;margin-top:1.5rem;min-width:50%}\
td,th{padding:.25rem .8rem;text-align:right;border-bottom:1px solid #8884;font-variant-numeric:tabular-nums}\
td:first-child,th:first-child{text-align:left}.key{font-size:.8rem;opacity:.8}.key b{margin-left:.8rem}\
.line{fill:none;stroke-width:1.5;vector-effect:non-scaling-stroke}.axis{stroke:#8886;stroke-width:1}\
text{font-size:11px;fill:currentColor}\
.c0{stroke:#2563eb;color:#2563eb}.c1{stroke:#d97706;color:#d97706}.c2{stroke:#15803d;color:#15803d}\
.c3{stroke:#dc2626;color:#dc2626}.c4{stroke:#7c3aed;color:#7c3aed}.c5{stroke:#0891b2;color:#0891b2}\
@media(prefers-color-scheme:dark){body{background:#111418;color:#e6e8ea}}";

/// What a plot's figures are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    PerSecond,
    Seconds,
    Count,
}

impl Unit {
    fn text(self, value: f64) -> String {
        match self {
            Self::PerSecond if value >= 10.0 => format!("{value:.0}/s"),
            Self::PerSecond => format!("{value:.2}/s"),
            Self::Seconds => time(Some(value)),
            Self::Count => format!("{value:.0}"),
        }
    }
}

/// Lines over time.
#[derive(Debug)]
pub(super) struct Plot {
    title: String,
    unit: Unit,
    lines: Vec<(String, Vec<(f64, f64)>)>,
}

/// Everything that is plotted; what has no data is left out.
pub(super) async fn plots(prometheus: &Prometheus, span: &Span) -> anyhow::Result<Vec<Plot>> {
    let mut plots = Vec::new();
    for flow in FLOWS {
        let query = format!("sum(rate({}[$step]))", flow.counter);
        let lines = named(prometheus.over(&query, span).await?, |_| String::new());
        add(&mut plots, flow.name.to_owned(), Unit::PerSecond, lines);
    }
    for stage in STAGES {
        let mut lines = Vec::new();
        for (name, quantile) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
            let query = stage.quantile(quantile, "$step");
            lines.extend(named(prometheus.over(&query, span).await?, |_| {
                name.to_owned()
            }));
        }
        add(
            &mut plots,
            format!("Latency: {}", stage.name),
            Unit::Seconds,
            lines,
        );
    }
    for behind in BEHIND {
        let found = prometheus.over(behind.gauge, span).await?;
        let lines = named(found, |series| {
            series.labels.get(behind.who).cloned().unwrap_or_default()
        });
        let unit = match behind.unit {
            "seconds" => Unit::Seconds,
            _ => Unit::Count,
        };
        add(&mut plots, format!("Lag in {}", behind.unit), unit, lines);
    }
    for error in ERRORS {
        let query = format!("sum(increase({}[$step]))", error.counter);
        let lines = named(prometheus.over(&query, span).await?, |_| String::new());
        let any = lines
            .iter()
            .any(|(_, points)| points.iter().any(|(_, value)| *value > 0.0));
        if any {
            add(
                &mut plots,
                format!("Errors: {}", error.name),
                Unit::Count,
                lines,
            );
        }
    }
    Ok(plots)
}

fn named(found: Vec<Series>, name: impl Fn(&Series) -> String) -> Vec<(String, Vec<(f64, f64)>)> {
    let lines = found.into_iter();
    lines.map(|series| (name(&series), series.points)).collect()
}

fn add(plots: &mut Vec<Plot>, title: String, unit: Unit, lines: Vec<(String, Vec<(f64, f64)>)>) {
    if !lines.is_empty() {
        plots.push(Plot { title, unit, lines });
    }
}

/// The page.
pub(super) fn page(report: &Report, plots: &[Plot]) -> String {
    let short = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M:%S UTC").to_string();
    let title = format!(
        "AlgoTrade, {} to {}",
        short(report.from),
        short(report.until)
    );
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>"
    );
    for section in sections(report) {
        html.push_str("<table><thead><tr>");
        for cell in section.header {
            let _ = write!(html, "<th scope=\"col\">{}</th>", escaped(cell));
        }
        html.push_str("</tr></thead><tbody>");
        for row in section.rows {
            html.push_str("<tr>");
            for cell in row {
                let _ = write!(html, "<td>{}</td>", escaped(&cell));
            }
            html.push_str("</tr>");
        }
        html.push_str("</tbody></table>");
    }
    let bounds = (
        report.from.timestamp() as f64,
        report.until.timestamp() as f64,
    );
    for plot in plots {
        draw(&mut html, plot, bounds, report.step_seconds as f64);
    }
    html.push_str("</body></html>\n");
    html
}

fn draw(html: &mut String, plot: &Plot, (from, until): (f64, f64), step: f64) {
    let lines = plot.lines.iter().take(MOST_LINES);
    let values = lines
        .clone()
        .flat_map(|(_, points)| points.iter().map(|(_, value)| *value));
    let top = values.fold(0.0, f64::max);
    let title = escaped(&plot.title);
    let _ = write!(
        html,
        "<h2>{title}</h2><p class=\"key\">at most {}",
        plot.unit.text(top)
    );
    for (number, (name, _)) in lines
        .clone()
        .enumerate()
        .filter(|(_, (name, _))| !name.is_empty())
    {
        let _ = write!(html, "<b class=\"c{number}\">{}</b>", escaped(name));
    }
    if let Some(more) = plot
        .lines
        .len()
        .checked_sub(MOST_LINES)
        .filter(|more| *more > 0)
    {
        let _ = write!(html, " and {more} more");
    }
    let _ = write!(
        html,
        "</p><svg role=\"img\" aria-label=\"{title}\" viewBox=\"0 0 {WIDTH} {height}\">\
         <line class=\"axis\" x1=\"{SIDE}\" x2=\"{WIDTH}\" y1=\"{HEIGHT}\" y2=\"{HEIGHT}\"/>\
         <text x=\"0\" y=\"12\">{}</text><text x=\"0\" y=\"{HEIGHT}\">0</text>\
         <text x=\"{SIDE}\" y=\"{below}\">{}</text>\
         <text x=\"{WIDTH}\" y=\"{below}\" text-anchor=\"end\">{}</text>",
        plot.unit.text(top),
        clock(from),
        clock(until),
        height = HEIGHT + 20.0,
        below = HEIGHT + 15.0,
    );
    let x = |time: f64| SIDE + (time - from) / (until - from).max(1.0) * (WIDTH - SIDE);
    let y = |value: f64| match top > 0.0 {
        true => HEIGHT - value / top * (HEIGHT - 10.0),
        false => HEIGHT,
    };
    for (number, (_, points)) in lines.enumerate() {
        let mut path = String::new();
        let mut before: Option<f64> = None;
        for (time, value) in points {
            // A hole in the data is one in the line.
            let joined = before.is_some_and(|before| time - before <= step * 1.5);
            let command = if joined { 'L' } else { 'M' };
            let _ = write!(path, "{command}{:.1} {:.1}", x(*time), y(*value));
            before = Some(*time);
        }
        let _ = write!(html, "<path class=\"line c{number}\" d=\"{path}\"/>");
    }
    html.push_str("</svg>");
}

fn clock(seconds: f64) -> String {
    let time = DateTime::from_timestamp(seconds as i64, 0);
    time.map_or_else(String::new, |time| {
        time.format("%m-%d %H:%M:%S").to_string()
    })
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::figures::Availability;
    use super::*;

    fn report(service: &str) -> Report {
        Report {
            from: DateTime::from_timestamp(0, 0).unwrap(),
            until: DateTime::from_timestamp(600, 0).unwrap(),
            step_seconds: 60,
            services: vec![Availability {
                service: service.to_owned(),
                up: 1.0,
                ready: None,
            }],
            throughput: Vec::new(),
            latency: Vec::new(),
            lag: Vec::new(),
            errors: Vec::new(),
            objectives: Vec::new(),
            alerts: Vec::new(),
        }
    }

    #[test]
    fn a_hole_in_the_data_is_one_in_the_line() {
        let points = vec![(0.0, 1.0), (60.0, 2.0), (300.0, 0.0)];
        let plot = Plot {
            title: "signals".to_owned(),
            unit: Unit::PerSecond,
            lines: vec![(String::new(), points)],
        };
        let html = page(&report("strategy"), &[plot]);
        // Half of the top is half of the height below the 10 that are left free.
        assert!(
            html.contains("d=\"M70.0 85.0L173.0 10.0M585.0 160.0\""),
            "{html}"
        );
    }

    #[test]
    fn what_others_named_is_text() {
        let plot = Plot {
            title: "lag".to_owned(),
            unit: Unit::Count,
            lines: vec![("<script>".to_owned(), vec![(0.0, 0.0)])],
        };
        let html = page(&report("a\"><img>"), &[plot]);
        assert!(
            !html.contains("<script") && !html.contains("<img"),
            "{html}"
        );
        assert!(html.contains("&lt;script&gt;"));
    }
}
