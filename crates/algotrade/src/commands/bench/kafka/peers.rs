//! Other clients on the same broker and records, where they are installed.

use std::process::Stdio;

use kafka_common::topics::{MarketDataUpdates, TradeExecutions};
use kafka_common::{KafkaSettings, Topic as _};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use crate::output;

const SCRIPT: &str = include_str!("peers.py");
/// They take long over more, and the rates are the same.
const MOST_RECORDS: u64 = 50_000;

/// What a peer does in a second.
#[derive(Debug, Deserialize)]
pub(super) struct Peer {
    pub(super) peer: String,
    /// `produce` or `consume`.
    pub(super) figure: String,
    /// Records a second.
    pub(super) rate: f64,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Figure(Peer),
    Presence {
        peer: String,
        version: Option<String>,
    },
}

/// Runs every peer that this Python has, and names the others.
pub(super) async fn measure(
    settings: &KafkaSettings,
    python: &str,
    records: u64,
) -> anyhow::Result<Vec<Peer>> {
    let child = Command::new(python)
        .arg("-")
        .arg(&settings.bootstrap_servers)
        .arg(settings.topic(MarketDataUpdates::SPEC.name))
        .arg(settings.topic(TradeExecutions::SPEC.name))
        .arg(records.min(MOST_RECORDS).to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            output::note(&format!("peers: left out, {python}: {error}"));
            return Ok(Vec::new());
        }
    };
    if let Some(mut input) = child.stdin.take() {
        input.write_all(SCRIPT.as_bytes()).await?;
    }
    let mut figures = Vec::new();
    if let Some(lines) = child.stdout.take() {
        let mut lines = BufReader::new(lines).lines();
        while let Some(line) = lines.next_line().await? {
            match serde_json::from_str(&line)? {
                Line::Figure(figure) => figures.push(figure),
                Line::Presence { peer, version } => output::note(&match version {
                    Some(version) => format!("peer: {peer} {version}"),
                    None => format!("peer: {peer} is left out, {python} doesn't have it"),
                }),
            }
        }
    }
    let status = child.wait().await?;
    anyhow::ensure!(status.success(), "the peers' script ended with {status}");
    Ok(figures)
}
