//! `algotrade bench`: figures, each measured beside its baseline in the same call.

use std::process::ExitCode;

use clap::{Args, Subcommand};

mod figure;
mod pipeline;

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade bench pipeline\n  \
    algotrade bench pipeline --json --kafka localhost:9092 \\\n      \
    --database postgres://postgres@localhost/postgres --redis redis://localhost/\n\n\
    With --json each figure is a line: figure, value, unit, baseline, ratio, goal, met.\n\
    The exit code is 0 if every goal is met, and 3 if not.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
    /// One JSON object a line instead of a table.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The whole pipeline, from the feed's socket to the ledger, in processes of its own.
    Pipeline(pipeline::Arguments),
}

/// What tells a script that everything ran and a goal was missed.
const GOAL_MISSED: u8 = 3;

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let figures = match &arguments.what {
        What::Pipeline(pipeline) => pipeline::run(pipeline)?,
    };
    figure::print(&figures, arguments.json)?;
    Ok(match figures.iter().all(figure::Figure::is_met) {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(GOAL_MISSED),
    })
}
