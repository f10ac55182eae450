//! `algotrade verify`: whether a session's topics, its rows and a fresh run of its log agree.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use forward_test::verify::{Difference, Report};
use secrecy::ExposeSecret as _;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use super::connection::Connection;
use crate::cli;
use crate::output::{self, Tone};

mod log;

pub(crate) use log::verify_session;

const CONNECT: Duration = Duration::from_secs(10);
/// Exit code where nothing differs, but the log doesn't reach back to the session's start.
const NOT_REPLAYED: u8 = 2;

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade verify 6f7e4b0e-9f43-5f0d-8f4c-9a117f0c0a2e\n  \
    algotrade verify 6f7e4b0e-9f43-5f0d-8f4c-9a117f0c0a2e --json \\\n      \
    --kafka localhost:9092 --database postgres://postgres@localhost/postgres\n\n\
    The log (market-data-updates and strategy-signals, as far as forward-test has committed it) is\n\
    given to a fresh exchange. What comes out is compared, byte for byte, with trade-executions and\n\
    forward-test-events, and with the tables sessions, executions, equity and orders. Nothing is\n\
    changed, no group is joined. A running session may be looked at: what comes meanwhile is\n\
    counted as `later`, and what the database has yet to write as `database_behind`.\n\n\
    With ALGOTRADE__KAFKA__DELIVERY=at_least_once, repeats in the topics are counted and are no\n\
    differences, as long as they say the same.\n\n\
    The market's log is kept for a day. Of a session that began before, topics and database are\n\
    compared with each other only.\n\n\
    Exit code: 0 if all agree; 1 if something differs, or nothing could be compared; 2 if nothing\n\
    differs, but the log no longer reaches back to the session's start.")]
pub(crate) struct Arguments {
    /// The session.
    session: Uuid,
    /// The database; else from file or environment.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut settings = arguments.connection.settings()?;
    if let Some(url) = &arguments.database {
        settings.database.url = url.clone().into();
    }
    let id = arguments.session;
    let report = cli::runtime()?.block_on(async {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(CONNECT)
            .connect(settings.database.url.expose_secret())
            .await
            .context("the database can't be reached: --database, or database.url")?;
        let report = verify_session(&settings.kafka, &pool, id).await?;
        pool.close().await;
        report.with_context(|| format!("the database has no session {id}"))
    })?;
    match arguments.connection.json {
        true => output::json(&report)?,
        false => print(&report),
    }
    Ok(match (report.agrees(), report.replayed) {
        (false, _) => ExitCode::FAILURE,
        (true, false) => ExitCode::from(NOT_REPLAYED),
        (true, true) => ExitCode::SUCCESS,
    })
}

fn print(report: &Report) {
    let same = |hash: &String| match *hash == report.ledger_sha256 {
        true => "the same".to_owned(),
        false => output::paint(hash, Tone::Alarm),
    };
    let mut table = output::table(&["session", &report.session_id.to_string()]);
    for (name, value) in [
        ("symbol", report.symbol.clone()),
        ("status", report.status.clone()),
        ("outputs", report.outputs.to_string()),
        (
            "executions",
            format!("{} ({} fills)", report.executions, report.fills),
        ),
        ("ledger", report.ledger_sha256.clone()),
        ("ledger in the topic", same(&report.topic_sha256)),
        ("ledger in the database", same(&report.database_sha256)),
    ] {
        table.add_row([name.to_owned(), value]);
    }
    for (name, count) in [
        ("not yet in the database", report.database_behind),
        ("came meanwhile", report.later),
        ("repeats", report.repeats),
        ("no longer kept by the topics", report.expired),
    ] {
        if count > 0 {
            table.add_row([name.to_owned(), count.to_string()]);
        }
    }
    output::line(&table.to_string());
    for difference in &report.differences {
        output::line(&line(difference));
    }
    let count = report.differences.len();
    output::line(&match (count, report.replayed) {
        (0, true) => "topics, database and a fresh run of the log agree".to_owned(),
        (0, false) => "topics and database agree; the log no longer reaches back to the \
                       session's start, so it was not run again"
            .to_owned(),
        (count, _) => output::paint(&format!("{count} differences"), Tone::Alarm),
    });
}

fn line(difference: &Difference) -> String {
    let mut line = format!("{}: {}", difference.place, difference.what.as_str());
    if let Some(sequence) = difference.sequence {
        line.push_str(&format!(", output {sequence}"));
    }
    if let Some(field) = &difference.field {
        line.push_str(&format!(", {}", output::harmless(field)));
    }
    for (name, text) in [
        ("expected", &difference.expected),
        ("found", &difference.found),
    ] {
        if let Some(text) = text {
            line.push_str(&format!("\n    {name} {}", output::harmless(text)));
        }
    }
    line
}
