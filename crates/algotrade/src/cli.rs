//! The command line: what can be said, and who does it.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use service_kit::settings::{self, Purpose, Settings};

#[cfg(feature = "chaos")]
use crate::commands::chaos;
use crate::commands::{
    asyncapi, backtest, dlq, doctor, generate, groups, lag, notify, offsets, ops, produce, record,
    recording, setup, simulator, strategy, tail, token, topics, user, verify,
};
#[cfg(feature = "platform")]
use crate::commands::{bench, replay, up};
use crate::output;

#[cfg(feature = "platform")]
const OF_THE_PLATFORM: &str = "  \
    algotrade up                          the whole platform on http://localhost:8080\n  \
    algotrade up --feed simulator         the same on a simulated market\n  \
    algotrade replay demo.ndjson.zst      what a strategy would have done on a recording\n";
#[cfg(not(feature = "platform"))]
const OF_THE_PLATFORM: &str = "";

const EXAMPLES: &str = "  \
    algotrade generate demo.ndjson.zst    a recording of a simulated market\n  \
    algotrade strategy check mine.py      what is wrong with a strategy\n  \
    algotrade backtest mine.py demo.ndjson.zst  the same without a platform, for many parameters\n  \
    algotrade setup                       create the topics on a Kafka cluster\n  \
    algotrade doctor                      what is wrong with a Kafka cluster\n  \
    algotrade lag --watch                 how far the services are behind\n  \
    algotrade tail trade-executions -f    trades as they come";

/// Forward testing of trading strategies on live market data.
#[derive(Debug, Parser)]
#[command(name = "algotrade", version, propagate_version = true)]
#[command(after_help = format!("Examples:\n{OF_THE_PLATFORM}{EXAMPLES}"))]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole platform in this process, with an embedded broker and database.
    #[cfg(feature = "platform")]
    Up(up::Arguments),
    /// Run a recording through the whole platform as fast as it goes, and report.
    #[cfg(feature = "platform")]
    Replay(replay::Arguments),
    /// Check strategies, format them, show one in its other form.
    #[command(subcommand)]
    Strategy(strategy::Command),
    /// Try a strategy on recorded trades, with one or many sets of parameters.
    Backtest(backtest::Arguments),
    /// Create the topics that are missing; running it again changes nothing.
    Setup(setup::Arguments),
    /// Look for what is wrong with the cluster and the way to it, and tell the remedy.
    Doctor(doctor::Arguments),
    /// List the topics on a broker, with what lies in them.
    Topics(topics::Arguments),
    /// Show the records of a topic, decoded.
    Tail(tail::Arguments),
    /// Write messages into a topic, validated.
    Produce(produce::Arguments),
    /// List consumer groups, or the members of one.
    Groups(groups::Arguments),
    /// Tell how far consumer groups are behind, in records and in seconds.
    Lag(lag::Arguments),
    /// Set where a consumer group goes on.
    #[command(subcommand)]
    Offsets(offsets::Command),
    /// Look into dead letters, send them back, delete them.
    #[command(subcommand)]
    Dlq(dlq::Command),
    /// Prove that a session's topics, its rows and a fresh run of its log agree.
    Verify(verify::Arguments),
    /// Serve a recording or a random market as Coinbase's feed would.
    Simulator(simulator::Arguments),
    /// Write down what a feed sends.
    Record(record::Arguments),
    /// Look into a recording.
    Recording(recording::Arguments),
    /// Write a recording of a random market.
    Generate(generate::Arguments),
    /// Print the topics and messages as an AsyncAPI document.
    Asyncapi(asyncapi::Arguments),
    /// Sign a token for a user.
    Token(token::Arguments),
    /// Accounts: who signs in with a password.
    #[command(subcommand)]
    User(user::Command),
    /// Send a notification to a user.
    Notify(notify::Arguments),
    /// Run the operator's part of the platform: health, audit, portfolios, notifications.
    Ops(ops::Arguments),
    /// Kill services and servers during a replay, and prove that nothing is lost or doubled.
    #[cfg(feature = "chaos")]
    Chaos(chaos::Arguments),
    /// Measure, beside a baseline of the same call.
    #[cfg(feature = "platform")]
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
        #[cfg(feature = "platform")]
        Command::Up(arguments) => up::run(&arguments),
        #[cfg(feature = "platform")]
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Strategy(command) => strategy::run(&command),
        Command::Backtest(arguments) => backtest::run(&arguments),
        Command::Setup(arguments) => setup::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Topics(arguments) => topics::run(&arguments),
        Command::Tail(arguments) => tail::run(&arguments),
        Command::Produce(arguments) => produce::run(&arguments),
        Command::Groups(arguments) => groups::run(&arguments),
        Command::Lag(arguments) => lag::run(&arguments),
        Command::Offsets(command) => offsets::run(&command),
        Command::Dlq(command) => dlq::run(&command),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Simulator(arguments) => simulator::run(&arguments),
        Command::Record(arguments) => record::run(&arguments),
        Command::Recording(arguments) => recording::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Asyncapi(arguments) => asyncapi::run(&arguments),
        Command::Token(arguments) => token::run(&arguments),
        Command::User(command) => user::run(&command),
        Command::Notify(arguments) => notify::run(&arguments),
        Command::Ops(arguments) => ops::run(&arguments),
        #[cfg(feature = "chaos")]
        Command::Chaos(arguments) => chaos::run(&arguments),
        #[cfg(feature = "platform")]
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
