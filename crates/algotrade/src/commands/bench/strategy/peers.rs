//! What else evaluates the same strategy on the same ticks, where it is installed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use strategy_engine::Tick;

use crate::output;

const SCRIPT: &str = include_str!("peers.py");
/// They take long over more, and the rates are the same.
const MOST_TICKS: usize = 200_000;

/// What a peer does in a second.
#[derive(Debug, Deserialize)]
pub(super) struct Peer {
    pub(super) peer: String,
    /// Ticks a second.
    pub(super) rate: f64,
    /// How often the averages crossed.
    crossings: usize,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Figure(Peer),
    Presence {
        peer: String,
        version: Option<String>,
        #[serde(default)]
        error: Option<String>,
    },
}

/// Runs every peer that this Python has, and names the others.
pub(super) fn measure(python: &Path, ticks: &[Tick], signals: usize) -> anyhow::Result<Vec<Peer>> {
    let used = &ticks[..ticks.len().min(MOST_TICKS)];
    let mut file = tempfile::NamedTempFile::new()?;
    let mut text = String::new();
    for tick in used {
        writeln!(
            text,
            "{},{},{}",
            tick.time.timestamp_micros(),
            tick.price,
            tick.volume
        )?;
    }
    file.write_all(text.as_bytes())?;
    let child = Command::new(python)
        .arg("-")
        .arg(file.path())
        .env("PYTHONWARNINGS", "ignore")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            output::note(&format!("peers: left out, {}: {error}", python.display()));
            return Ok(Vec::new());
        }
    };
    if let Some(mut input) = child.stdin.take() {
        input.write_all(SCRIPT.as_bytes())?;
    }
    let ended = child.wait_with_output()?;
    ensure!(
        ended.status.success(),
        "the peers' script ended with {}",
        ended.status
    );
    let mut figures = Vec::new();
    for line in String::from_utf8(ended.stdout)?.lines() {
        match serde_json::from_str(line).with_context(|| line.to_owned())? {
            Line::Figure(figure) => figures.push(figure),
            Line::Presence {
                peer,
                version,
                error,
            } => output::note(&match (version, error) {
                (Some(version), None) => format!("peer: {peer} {version}"),
                (_, Some(error)) => format!("peer: {peer} is left out: {error}"),
                (None, None) => {
                    let python = python.display();
                    format!("peer: {peer} is left out, {python} doesn't have it")
                }
            }),
        }
    }
    if used.len() == ticks.len() {
        for figure in &figures {
            // One that computes something else is no comparison. Averages of binary numbers may be
            // equal where they are not as decimals, so that a few crossings may differ.
            let apart = figure.crossings.abs_diff(signals);
            ensure!(
                apart * 100 <= signals,
                "{} crossed {} times, not {signals}",
                figure.peer,
                figure.crossings
            );
        }
    }
    Ok(figures)
}
