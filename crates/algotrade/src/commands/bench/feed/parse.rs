//! Frames to trades, in memory.

use std::hint::black_box;
use std::path::Path;

use coinbase::recording::RecordingReader;
use coinbase::{advanced, exchange};

use super::peers;
use crate::commands::bench::figure::{Figure, Goal};
use crate::commands::bench::stopwatch::Stopwatch;

/// How much faster than a general parser's tree.
const GOAL: f64 = 5.0;
/// How much faster than another client's handler.
const GOAL_PEER: f64 = 50.0;

/// Frames, and what they measure.
struct Frames {
    texts: Vec<String>,
    bytes: usize,
    are_advanced: bool,
}

impl Frames {
    fn read(path: &Path, count: u64) -> anyhow::Result<Self> {
        let mut frames = Self {
            texts: Vec::new(),
            bytes: 0,
            are_advanced: false,
        };
        for frame in RecordingReader::open(path)?.take(usize::try_from(count)?) {
            let frame = frame?;
            frames.are_advanced |= frame.is_advanced();
            frames.bytes += frame.text.len();
            frames.texts.push(frame.text);
        }
        anyhow::ensure!(!frames.texts.is_empty(), "{}: no frame", path.display());
        Ok(frames)
    }

    /// Gigabytes in a second of the processor's time.
    fn rate(&self, mut read: impl FnMut(&str)) -> f64 {
        let started = Stopwatch::start();
        for text in &self.texts {
            read(text);
        }
        self.bytes as f64 / 1e9 / started.elapsed().as_secs_f64()
    }

    fn ours(&self) -> f64 {
        match self.are_advanced {
            true => self.rate(|text| drop(black_box(advanced::parse(text)))),
            false => self.rate(|text| drop(black_box(exchange::parse(text)))),
        }
    }

    fn tree(&self) -> f64 {
        self.rate(|text| drop(black_box(serde_json::from_str::<serde_json::Value>(text))))
    }
}

/// The parser beside others, in turns. The best round of each counts: whatever disturbs one makes it
/// slower, never faster.
pub(super) fn figures(
    path: &Path,
    count: u64,
    rounds: u32,
    python: Option<&Path>,
) -> anyhow::Result<Vec<Figure>> {
    let frames = Frames::read(path, count)?;
    let (mut value, mut tree) = (0.0_f64, 0.0_f64);
    for _ in 0..rounds {
        value = value.max(frames.ours());
        tree = tree.max(frames.tree());
    }
    let mean_bytes = frames.bytes as f64 / frames.texts.len() as f64;
    let peer = match python {
        Some(python) if !frames.are_advanced => peers::measure(python, &frames.texts)?,
        _ => None,
    };
    let beside = peer.map(|peer| Figure {
        name: format!("parse, beside the handler of {}", peer.name),
        value: value * 1e9 / mean_bytes,
        unit: "frames/s",
        baseline: Some(peer.rate),
        goal: Some(Goal::Ratio(GOAL_PEER)),
    });
    let own = [
        Figure {
            name: "parse, beside serde_json::Value".to_owned(),
            value,
            unit: "GB/s",
            baseline: Some(tree),
            goal: Some(Goal::Ratio(GOAL)),
        },
        Figure {
            name: format!("parse, time of a frame of {mean_bytes:.0} bytes"),
            value: mean_bytes / value,
            unit: "ns",
            baseline: None,
            // One gigabyte a second.
            goal: Some(Goal::AtMost(mean_bytes)),
        },
    ];
    Ok(own.into_iter().chain(beside).collect())
}
