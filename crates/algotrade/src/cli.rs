//! The command line: what can be said, and who does it.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use service_kit::settings::{self, Purpose, Settings};

use crate::commands::{bench, generate, notify, replay, setup, simulator, token, up};
use crate::output;

/// Forward testing of trading strategies on live market data.
#[derive(Debug, Parser)]
#[command(name = "algotrade", version, propagate_version = true)]
#[command(after_help = "Examples:\n  \
    algotrade up                          the whole platform on http://localhost:8080\n  \
    algotrade up --feed simulator         the same on a simulated market\n  \
    algotrade generate demo.ndjson.zst    a recording of a simulated market\n  \
    algotrade replay demo.ndjson.zst      what a strategy would have done on it\n  \
    algotrade setup                       create the topics on a Kafka cluster")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole platform in this process, with an embedded broker and database.
    Up(up::Arguments),
    /// Run a recording through the whole platform as fast as it goes, and report.
    Replay(replay::Arguments),
    /// Create the topics that are missing; running it again changes nothing.
    Setup(setup::Arguments),
    /// Serve a recording or a random market as Coinbase's feed would.
    Simulator(simulator::Arguments),
    /// Write a recording of a random market.
    Generate(generate::Arguments),
    /// Sign a token for a user.
    Token(token::Arguments),
    /// Send a notification to a user.
    Notify(notify::Arguments),
    /// Measure, beside a baseline of the same call.
    Bench(bench::Arguments),
    /// Print the completions for a shell.
    #[command(after_help = "Example:\n  algotrade completions bash > \
        ~/.local/share/bash-completion/completions/algotrade")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Reads the command line and carries it out.
pub(crate) fn run() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Up(arguments) => up::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Setup(arguments) => setup::run(&arguments),
        Command::Simulator(arguments) => simulator::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Token(arguments) => token::run(&arguments),
        Command::Notify(arguments) => notify::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Completions { shell } => {
            clap_complete::generate(
                shell,
                &mut Cli::command(),
                "algotrade",
                &mut std::io::stdout(),
            );
            Ok(ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|error| {
        output::error(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

/// Settings from the environment, for what the command line doesn't say.
pub(crate) fn settings(purpose: Purpose) -> anyhow::Result<Settings> {
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    let file = environment
        .get("ALGOTRADE_CONFIG")
        .map(std::path::PathBuf::from);
    Ok(settings::load(file.as_deref(), &environment, &[], purpose)?.settings)
}

/// A runtime for a command.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}
