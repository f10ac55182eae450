//! Reads a recording of the Exchange feed with the project's parser and with others, in turns, and
//! tells the best round of each: `cargo run --release -- RECORDING [FRAMES]`.
//!
//! The project's parser gives exact decimals and times; the others get the easier work of giving the
//! texts of the fields that are wanted, or of building their tree.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use coinbase::exchange;
use coinbase::recording::RecordingReader;
use serde::Deserialize;

const ROUNDS: u32 = 15;
const FRAMES: usize = 50_000;

/// What is wanted of a `ticker`, as it is written.
#[derive(Deserialize)]
#[expect(dead_code, reason = "what is read is what is measured")]
struct Ticker<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    sequence: u64,
    product_id: &'a str,
    price: &'a str,
    best_bid: &'a str,
    best_ask: &'a str,
    side: &'a str,
    time: &'a str,
    trade_id: u64,
    last_size: &'a str,
}

struct Subject {
    name: &'static str,
    /// Whether the frame was read.
    read: fn(&str, &mut Vec<u8>) -> bool,
}

const SUBJECTS: [Subject; 7] = [
    Subject {
        name: "coinbase::exchange::parse, decimals and times",
        read: |text, _| black_box(exchange::parse(text)).is_ok(),
    },
    Subject {
        name: "serde_json, texts of ten fields",
        read: |text, _| black_box(serde_json::from_str::<Ticker<'_>>(text)).is_ok(),
    },
    Subject {
        name: "sonic-rs, texts of ten fields",
        read: |text, _| black_box(sonic_rs::from_str::<Ticker<'_>>(text)).is_ok(),
    },
    Subject {
        name: "simd-json, texts of ten fields",
        read: |text, buffer| {
            black_box(simd_json::serde::from_slice::<Ticker<'_>>(copy(
                text, buffer,
            )))
            .is_ok()
        },
    },
    Subject {
        name: "serde_json::Value",
        read: |text, _| black_box(serde_json::from_str::<serde_json::Value>(text)).is_ok(),
    },
    Subject {
        name: "sonic_rs::Value",
        read: |text, _| black_box(sonic_rs::from_str::<sonic_rs::Value>(text)).is_ok(),
    },
    Subject {
        name: "simd_json::BorrowedValue",
        read: |text, buffer| black_box(simd_json::to_borrowed_value(copy(text, buffer))).is_ok(),
    },
];

/// simd-json writes into what it reads.
fn copy<'a>(text: &str, buffer: &'a mut Vec<u8>) -> &'a mut [u8] {
    buffer.clear();
    buffer.extend_from_slice(text.as_bytes());
    buffer
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().context("which recording?")?;
    let wanted = match arguments.next() {
        Some(count) => count.parse().context("a number of frames")?,
        None => FRAMES,
    };
    let mut texts = Vec::new();
    for frame in RecordingReader::open(Path::new(&path))? {
        let text = frame?.text;
        if text.starts_with("{\"type\":\"ticker\"") {
            texts.push(text);
        }
        if texts.len() == wanted {
            break;
        }
    }
    ensure!(!texts.is_empty(), "{path}: no ticker");
    let bytes: usize = texts.iter().map(String::len).sum();

    let mut best = [Duration::MAX; SUBJECTS.len()];
    let mut buffer = Vec::new();
    for _ in 0..ROUNDS {
        for (subject, best) in SUBJECTS.iter().zip(&mut best) {
            let started = Instant::now();
            let read = texts
                .iter()
                .filter(|text| (subject.read)(text, &mut buffer))
                .count();
            *best = started.elapsed().min(*best);
            ensure!(
                read == texts.len(),
                "{}: {read} of {} frames",
                subject.name,
                texts.len()
            );
        }
    }
    println!("{} frames of {} bytes", texts.len(), bytes / texts.len());
    for (subject, took) in SUBJECTS.iter().zip(best) {
        let rate = bytes as f64 / 1e9 / took.as_secs_f64();
        let ratio = took.as_secs_f64() / best[0].as_secs_f64();
        println!("{:<46} {rate:5.2} GB/s {ratio:6.2}x the time", subject.name);
    }
    Ok(())
}
