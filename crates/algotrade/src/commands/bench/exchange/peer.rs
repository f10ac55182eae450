//! nautilus_trader on the same trades, where a Python has it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use serde::Deserialize;
use strategy_engine::Tick;

use crate::output;

const SCRIPT: &str = include_str!("peer.py");

#[derive(Debug, Deserialize)]
struct Answer {
    version: Option<String>,
    #[serde(default)]
    seconds: f64,
    #[serde(default)]
    trades: u64,
    #[serde(default)]
    fills: u64,
}

/// Its trades a second; none where it isn't installed. `fills` is what the same orders were filled in
/// here: a comparison of other work would be none.
pub(super) fn measure(python: &str, trades: &[Tick], fills: u64) -> anyhow::Result<Option<f64>> {
    let mut file = tempfile::NamedTempFile::new()?;
    let mut text = String::new();
    for trade in trades {
        let nanos = trade.time.timestamp_nanos_opt().unwrap_or_default();
        // Writing to a String can't fail.
        let _ = writeln!(text, "{nanos} {}", trade.price);
    }
    file.write_all(text.as_bytes())?;
    file.flush()?;
    let mut child = Command::new(python)
        .arg("-")
        .arg(file.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("--peers {python}"))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(SCRIPT.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    anyhow::ensure!(
        output.status.success(),
        "--peers: the script ended with {}",
        output.status
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text
        .lines()
        .last()
        .context("--peers: the script printed nothing")?;
    let answer: Answer = serde_json::from_str(last)?;
    let Some(version) = answer.version else {
        output::note(&format!(
            "left out: nautilus_trader, {python} doesn't have it"
        ));
        return Ok(None);
    };
    output::note(&format!(
        "nautilus_trader {version}: {} trades, {} fills in {:.2} s",
        answer.trades, answer.fills, answer.seconds
    ));
    anyhow::ensure!(
        answer.fills == fills,
        "--peers: nautilus_trader {version} has {} fills, and {fills} are here: the two don't do the same",
        answer.fills
    );
    Ok(Some(answer.trades as f64 / answer.seconds))
}
