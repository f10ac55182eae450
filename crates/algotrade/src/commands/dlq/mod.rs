//! `algotrade dlq`: dead letters.

mod list;
mod purge;
mod redrive;
mod show;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use kafka_common::inspect::{LetterFilter, Position};

/// What can be done with dead letters.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Count dead letters by topic, group and error class.
    #[command(alias = "list")]
    Ls(list::Arguments),
    /// Show dead letters, each with why it is one.
    Show(show::Arguments),
    /// Send dead letters back to the topic that they came from.
    Redrive(redrive::Arguments),
    /// Delete dead letters.
    Purge(purge::Arguments),
}

pub(crate) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Ls(arguments) => list::run(arguments),
        Command::Show(arguments) => show::run(arguments),
        Command::Redrive(arguments) => redrive::run(arguments),
        Command::Purge(arguments) => purge::run(arguments),
    }
}

/// Which dead letters are meant.
#[derive(Debug, Args)]
struct FilterArguments {
    /// Only those of this class: transient, permanent, poison or unknown.
    #[arg(long)]
    class: Option<String>,
    /// Only those under this key.
    #[arg(long)]
    key: Option<String>,
    /// Only those that failed then or later: a time, or how long ago (2h).
    #[arg(long, value_name = "TIME")]
    since: Option<Position>,
    /// Only those that failed before then.
    #[arg(long, value_name = "TIME")]
    until: Option<Position>,
    /// Only those in this partition of the dead-letter topic.
    #[arg(long)]
    partition: Option<i32>,
    /// Only those at this offset of the dead-letter topic or later.
    #[arg(long, value_name = "OFFSET")]
    from_offset: Option<i64>,
    /// Only those at this offset of the dead-letter topic or earlier.
    #[arg(long, value_name = "OFFSET")]
    to_offset: Option<i64>,
}

impl FilterArguments {
    fn filter(&self) -> anyhow::Result<LetterFilter> {
        let time = |name: &str, position: Option<Position>| match position {
            None => Ok(None),
            Some(Position::Time(time)) => Ok(Some(time)),
            Some(_) => Err(anyhow::anyhow!(
                "--{name}: give a time (2026-01-05T12:00:00Z) or how long ago (15m, 2h, 3d)"
            )),
        };
        Ok(LetterFilter {
            class: self.class.clone(),
            key: self.key.clone(),
            since: time("since", self.since)?,
            until: time("until", self.until)?,
            partition: self.partition,
            from_offset: self.from_offset,
            to_offset: self.to_offset,
        })
    }
}
