//! `algotrade strategy`: what the compiler says about a strategy, and its two forms.

use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use backtest::{Strategy, Tried};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use strategy_engine::{Diagnostic, Severity, format_script, write_script};

use crate::output;
use crate::strategies::Source;

/// What can be said.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check strategies: every problem at its place, with what to do about it.
    #[command(after_help = "Examples:\n  \
        algotrade strategy check mine.py\n  \
        algotrade strategy check strategies/*.py --json | jq .diagnostics\n  \
        algotrade strategy check drawing.json\n\n\
        Exit codes: 0 all compile, 1 one has an error, 2 one can't be read")]
    Check(Check),
    /// Write scripts in the one way that there is to write them.
    #[command(after_help = "Examples:\n  \
        algotrade strategy fmt mine.py\n  \
        algotrade strategy fmt --check strategies/*.py\n  \
        algotrade strategy fmt - < mine.py\n\n\
        Exit codes: 0 done, or nothing to do; 1 with --check, one would change; 2 one can't be read")]
    Fmt(Fmt),
    /// Print the graph that a script comes to.
    #[command(after_help = "Example:\n  algotrade strategy graph mine.py > mine.json")]
    Graph(Convert),
    /// Print a graph as a script.
    #[command(after_help = "Example:\n  algotrade strategy script drawing.json > drawing.py")]
    Script(Convert),
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What is checked.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Scripts, or graphs as JSON; `-` for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Whether the messages are coloured.
    #[arg(long, value_enum, default_value = "auto", value_name = "WHEN")]
    color: Color,
    /// Print one JSON object a file.
    #[arg(long)]
    json: bool,
}

/// What is formatted.
#[derive(Debug, Args)]
pub(crate) struct Fmt {
    /// Scripts; `-` formats standard input to standard output.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Change nothing, and name the files that would change.
    #[arg(long)]
    check: bool,
}

/// What is shown in its other form.
#[derive(Debug, Args)]
pub(crate) struct Convert {
    /// A script, or a graph as JSON; `-` for standard input.
    file: PathBuf,
}

const UNREADABLE: u8 = 2;

pub(crate) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check(check) => Ok(check_files(check)),
        Command::Fmt(fmt) => Ok(format_files(fmt)),
        Command::Graph(convert) => graph(&convert.file),
        Command::Script(convert) => script(&convert.file),
    }
}

fn check_files(check: &Check) -> ExitCode {
    let colours = match check.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    let mut worst = 0;
    for file in &check.files {
        let source = match read(file) {
            Ok(source) => source,
            Err(error) => {
                output::error(&format!("{error:#}"));
                worst = UNREADABLE;
                continue;
            }
        };
        let tried = source.tried();
        let ok = tried.compilation.ok();
        worst = worst.max(u8::from(!ok));
        match check.json {
            true => show_json(file, &tried),
            false => show(file, &source, &tried, colours),
        }
    }
    ExitCode::from(worst)
}

fn show_json(file: &Path, tried: &Tried) {
    let summary = tried
        .compilation
        .plan
        .as_ref()
        .map(strategy_engine::Plan::summary);
    let answer = json!({
        "file": file.display().to_string(),
        "ok": tried.compilation.ok(),
        "diagnostics": tried.compilation.diagnostics,
        "plan": summary,
        "params": tried.params,
    });
    output::line(&answer.to_string());
}

fn show(file: &Path, source: &Source, tried: &Tried, colours: bool) {
    let name = file.display().to_string();
    for diagnostic in &tried.compilation.diagnostics {
        output::line(&diagnostic.render(&name, source.text(), colours));
        output::line("");
    }
    match &tried.compilation.plan {
        Some(plan) => {
            let summary = plan.summary();
            let hash: String = summary.hash.to_string().chars().take(16).collect();
            output::line(&format!(
                "{name}: ok, {} nodes, {} evaluations of warm-up, plan {hash}",
                summary.nodes, summary.warmup
            ));
        }
        None => {
            let errors = tried.compilation.diagnostics.iter();
            let errors = errors.filter(|d| d.severity == Severity::Error).count();
            let word = if errors == 1 { "error" } else { "errors" };
            output::line(&format!("{name}: {errors} {word}"));
        }
    }
}

fn format_files(fmt: &Fmt) -> ExitCode {
    let mut worst = 0;
    for file in &fmt.files {
        match format_file(file, fmt.check) {
            Ok(changes) => worst = worst.max(u8::from(changes && fmt.check)),
            Err(error) => {
                output::error(&format!("{error:#}"));
                worst = UNREADABLE;
            }
        }
    }
    ExitCode::from(worst)
}

/// Whether the file changed, or would.
fn format_file(file: &Path, only_check: bool) -> anyhow::Result<bool> {
    let source = read(file)?;
    let Strategy::Script(text) = source.strategy() else {
        bail!("{} is a graph: only scripts are formatted", file.display());
    };
    let formatted = format_script(text).map_err(|problems| problem(file, &source, &problems))?;
    let changes = formatted != *text;
    if is_standard_input(file) && !only_check {
        output::line(formatted.trim_end_matches('\n'));
    } else if changes && only_check {
        output::line(&file.display().to_string());
    } else if changes {
        std::fs::write(file, formatted).with_context(|| file.display().to_string())?;
    }
    Ok(changes)
}

fn graph(file: &Path) -> anyhow::Result<ExitCode> {
    let source = read(file)?;
    let graph = match source.strategy() {
        Strategy::Graph(graph) => graph.clone(),
        Strategy::Script(_) => {
            let tried = source.tried();
            let problems = &tried.compilation.diagnostics;
            tried
                .graph
                .ok_or_else(|| problem(file, &source, problems))?
        }
    };
    output::line(&serde_json::to_string_pretty(&graph)?);
    Ok(ExitCode::SUCCESS)
}

fn script(file: &Path) -> anyhow::Result<ExitCode> {
    let source = read(file)?;
    let text = match source.strategy() {
        Strategy::Script(text) => text.clone(),
        Strategy::Graph(graph) => {
            write_script(graph).map_err(|problems| problem(file, &source, &problems))?
        }
    };
    output::line(text.trim_end_matches('\n'));
    Ok(ExitCode::SUCCESS)
}

/// The errors among what was found, as one error.
fn problem(file: &Path, source: &Source, problems: &[Diagnostic]) -> anyhow::Error {
    let name = file.display().to_string();
    let errors = problems.iter().filter(|d| d.severity == Severity::Error);
    let errors: Vec<String> = errors
        .map(|error| error.render(&name, source.text(), false))
        .collect();
    anyhow::anyhow!("{name} has errors\n{}", errors.join("\n\n"))
}

fn is_standard_input(file: &Path) -> bool {
    file.as_os_str() == "-"
}

fn read(file: &Path) -> anyhow::Result<Source> {
    if !is_standard_input(file) {
        return Source::read(file);
    }
    let mut text = String::new();
    let mut input = std::io::stdin().take(Source::LARGEST + 1);
    input.read_to_string(&mut text).context("standard input")?;
    Source::of(Path::new("-"), text)
}
