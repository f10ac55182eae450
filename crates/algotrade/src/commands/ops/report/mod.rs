//! `algotrade ops report`: how the platform did over a period, as Prometheus has kept it.

mod asked;
mod figures;
mod page;
mod prometheus;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use kafka_common::inspect::Position;

use self::figures::Report;
use self::prometheus::{Prometheus, Span};
use crate::{cli, output};

const DEFAULT_PERIOD: TimeDelta = TimeDelta::hours(24);
/// Points of a plot, at most.
const MOST_POINTS: i64 = 240;
/// Four scrapes of deploy/prometheus: with fewer a rate has holes.
const SHORTEST_STEP: i64 = 60;

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade ops report\n  \
    algotrade ops report --from 7d --html week.html\n  \
    algotrade ops report --from 2026-01-05T12:00:00Z --until 2026-01-05T13:00:00Z --json\n\n\
    Throughput, latency by stage from the exchange to the browser, lag, errors, how much of each\n\
    objective's budget is used, and which alerts fired. Counters that appear within the period count\n\
    from their first sample; percentiles are as fine as the histograms' buckets.\n\n\
    A time is one (2026-01-05T12:00:00Z) or how long ago (15m, 2h, 3d).")]
pub(crate) struct Arguments {
    /// Prometheus' address.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9090")]
    prometheus: String,
    /// Where the period begins; else 24 hours before its end.
    #[arg(long, value_name = "TIME")]
    from: Option<Position>,
    /// Where it ends; else now.
    #[arg(long, value_name = "TIME")]
    until: Option<Position>,
    /// What peaks and plots are made of; else a 240th of the period, a minute at least.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..=86_400))]
    step: Option<i64>,
    /// Everything as one JSON object.
    #[arg(long)]
    json: bool,
    /// Also as a page with plots that needs nothing but itself.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let span = span(arguments, Utc::now())?;
    service_kit::service::install_crypto_provider();
    let prometheus = Prometheus::new(&arguments.prometheus)?;
    let (report, plots) = cli::runtime()?.block_on(async {
        let report = Report::ask(&prometheus, &span).await?;
        let plots = match arguments.html {
            Some(_) => page::plots(&prometheus, &span).await?,
            None => Vec::new(),
        };
        anyhow::Ok((report, plots))
    })?;
    match arguments.json {
        true => output::json(&report)?,
        false => table::print(&report),
    }
    if let Some(file) = &arguments.html {
        let page = page::page(&report, &plots);
        std::fs::write(file, page).with_context(|| file.display().to_string())?;
        output::note(&format!("wrote {}", file.display()));
    }
    Ok(ExitCode::SUCCESS)
}

fn span(arguments: &Arguments, now: DateTime<Utc>) -> anyhow::Result<Span> {
    let until = time("until", arguments.until)?.unwrap_or(now);
    let from = time("from", arguments.from)?.unwrap_or(until - DEFAULT_PERIOD);
    let seconds = (until - from).num_seconds();
    if seconds < 1 {
        bail!("--from {from} is not before --until {until}");
    }
    let step = arguments.step.unwrap_or(SHORTEST_STEP);
    let step = step.max(seconds / MOST_POINTS).min(seconds);
    Ok(Span { from, until, step })
}

fn time(name: &str, position: Option<Position>) -> anyhow::Result<Option<DateTime<Utc>>> {
    match position {
        None => Ok(None),
        Some(Position::Time(time)) => Ok(Some(time)),
        Some(_) => {
            bail!("--{name}: give a time (2026-01-05T12:00:00Z) or how long ago (15m, 2h, 3d)")
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn spanned(words: &[&str]) -> anyhow::Result<Span> {
        let cli = Cli::parse_from([&["report"], words].concat());
        span(&cli.arguments, "2026-01-05T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn a_period_has_at_most_so_many_points() {
        let day = spanned(&[]).unwrap();
        assert_eq!((day.seconds(), day.step), (86_400, 360));
        let until = "2026-01-05T12:00:00Z";
        let hour = spanned(&["--from", "2026-01-05T11:00:00Z", "--until", until]).unwrap();
        assert_eq!((hour.seconds(), hour.step), (3_600, 60));
        let short = [
            "--from",
            "2026-01-05T11:59:30Z",
            "--until",
            until,
            "--step",
            "5",
        ];
        assert_eq!(spanned(&short).unwrap().step, 5);
        let short = spanned(&short[..4]).unwrap();
        assert_eq!((short.seconds(), short.step), (30, 30));
        let fine = ["--from", "2025-01-05T12:00:00Z", "--step", "1"];
        assert_eq!(spanned(&fine).unwrap().step, 131_400);
    }

    #[test]
    fn a_period_that_cannot_be_is_refused() {
        for (words, part) in [
            (vec!["--from", "earliest"], "--from: give a time"),
            (vec!["--until", "-10"], "--until: give a time"),
            (vec!["--from", "2026-01-06T00:00:00Z"], "is not before"),
        ] {
            let words: Vec<String> = words.chunks(2).map(|pair| pair.join("=")).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let text = spanned(&words).unwrap_err().to_string();
            assert!(text.contains(part), "{text}");
        }
    }
}
