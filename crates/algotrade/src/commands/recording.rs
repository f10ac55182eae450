//! `algotrade recording info`: what is in a recording.

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, Subcommand};
use coinbase::recording::{Contents, inspect};

use crate::output;

/// What can be said.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what is in a recording: products, trades, gaps, and when.
    #[command(after_help = "Examples:\n  \
        algotrade recording info day/\n  \
        algotrade recording info demo.ndjson.zst --json | jq .products")]
    Info {
        /// A file, or a folder that `algotrade record` has written.
        recording: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Command::Info { recording, json } = &arguments.command;
    let contents = inspect(recording)?;
    if *json {
        output::line(&serde_json::to_string(&contents)?);
    } else {
        show(&contents);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(contents: &Contents) {
    let mut kinds = contents.kinds.iter().collect::<Vec<_>>();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let kinds: Vec<String> = kinds
        .iter()
        .map(|(kind, count)| format!("{kind} {count}"))
        .collect();
    let rows = [
        ("files", contents.files.to_string()),
        ("connections", contents.connections.to_string()),
        (
            "frames",
            format!("{} ({})", contents.frames, kinds.join(", ")),
        ),
        ("malformed", contents.malformed.to_string()),
        (
            "size",
            format!(
                "{:.1} MiB uncompressed",
                contents.bytes as f64 / f64::from(1 << 20)
            ),
        ),
        ("from", time(contents.first)),
        ("to", time(contents.last)),
    ];
    for (name, value) in rows {
        output::line(&format!("{name:<12} {value}"));
    }
    if contents.cut {
        output::line("a file ends in the middle: its recorder was killed. All before is whole");
    }
    let header = [
        "product", "trades", "first id", "last id", "gaps", "missing", "from", "to",
    ];
    let mut table = output::table(&header);
    for (product, traded) in &contents.products {
        table.add_row([
            product.to_string(),
            traded.trades.to_string(),
            traded.first_id.to_string(),
            traded.last_id.to_string(),
            traded.gaps.to_string(),
            traded.missing.to_string(),
            time(Some(traded.first)),
            time(Some(traded.last)),
        ]);
    }
    output::line(&table.to_string());
}

fn time(time: Option<DateTime<Utc>>) -> String {
    time.map_or("unknown".to_owned(), |time| {
        time.to_rfc3339_opts(SecondsFormat::Millis, true)
    })
}
