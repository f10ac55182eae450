//! Another client's handler on the same frames, where it is installed.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use serde::Deserialize;

use crate::output;

const SCRIPT: &str = include_str!("peers.py");

/// What it does in a second.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) name: String,
    /// Frames a second of the processor's time.
    pub(super) rate: f64,
}

#[derive(Debug, Deserialize)]
struct Line {
    peer: String,
    #[serde(default)]
    version: Option<String>,
    rate: Option<f64>,
}

/// Runs the handler that this Python has; none if it doesn't have one.
pub(super) fn measure(python: &Path, frames: &[String]) -> anyhow::Result<Option<Peer>> {
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("peers.py");
    std::fs::write(&script, SCRIPT)?;
    let path = folder.path().join("frames.ndjson");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
    for frame in frames {
        writeln!(file, "{frame}")?;
    }
    file.flush()?;
    let output = Command::new(python)
        .args([&script, &path])
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("--peers {}", python.display()))?;
    anyhow::ensure!(
        output.status.success(),
        "the peers' script ended with {}",
        output.status
    );
    let mut found = None;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let line: Line = serde_json::from_str(line)?;
        match (line.rate, line.version) {
            (Some(rate), _) => {
                found = Some(Peer {
                    name: line.peer,
                    rate,
                });
            }
            (None, Some(version)) => output::note(&format!("peer: {} {version}", line.peer)),
            (None, None) => output::note(&format!("peer: {} is left out: not there", line.peer)),
        }
    }
    Ok(found)
}
