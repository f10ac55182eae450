//! Recordings: plain, compressed, whole or cut. What a compressed one holds is what the plain one
//! holds, and what is told about it fits.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use algotrade_fuzz::{market, target};
use coinbase::exchange;
use coinbase::recording::{RecordedFrame, RecordingReader, TimeRange, expand, inspect, summarize};
use tempfile::TempDir;

target!(seeds, check);

static FOLDER: LazyLock<TempDir> =
    LazyLock::new(|| TempDir::new().expect("a folder for the recording can be made"));

fn seeds() -> Vec<Vec<u8>> {
    let frames = market::frames(40);
    let lines: Vec<&str> = frames.iter().map(|frame| frame.text.as_str()).collect();
    let plain = lines.join("\n").into_bytes();
    let records: String = lines
        .iter()
        .map(|line| {
            let record = serde_json::json!({
                "t": "recv", "conn": 1, "ts": "2026-01-05T00:00:00.000001Z", "data": line,
            });
            // Where a recorder puts its `t`: at the very front.
            let text = record.to_string().replacen(r#""t":"recv","#, "", 1);
            let rest = text.replacen(r#","t":"recv""#, "", 1);
            format!("{{\"t\":\"recv\",{}\n", rest.trim_start_matches('{'))
        })
        .collect();
    let events = concat!(
        r#"{"t":"connect","conn":1,"ts":"2026-01-05T00:00:00.000001Z","data":"wss://localhost"}"#,
        "\n",
        r#"{"t":"recv","conn":"a","ts":1767571200.5,"hex":"ff00"}"#,
        "\n",
        r#"{"t":"disconnect","conn":1,"ts":"2026-01-05T00:00:01Z","data":"closed"}"#,
    );
    let compressed = zstd::encode_all(plain.as_slice(), 3).expect("memory can be compressed");
    let cut = compressed[..compressed.len() / 2].to_vec();
    vec![plain, records.into_bytes(), events.into(), compressed, cut]
}

fn check(data: &[u8]) {
    let path = FOLDER.path().join("recording.ndjson");
    let plain = read(&path, data);
    if let Ok(summary) = summarize(&path, TimeRange::ALL) {
        let frames = plain.as_ref().expect("what is summarised can be read");
        assert!(summary.trades() <= 100 * frames.len() as u64 + 100);
    }
    let inspected = inspect(&path);
    assert_eq!(inspected.is_ok(), plain.is_some());
    // The content tells what is compressed: a plain one that looks so would be taken for one.
    if data.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return;
    }
    let compressed = zstd::encode_all(data, 1).expect("memory can be compressed");
    assert_eq!(read(&path, &compressed), plain);
    for frame in plain.into_iter().flatten() {
        let _ = exchange::parse(&frame.text);
        for expanded in expand(frame) {
            let _ = exchange::parse(&expanded.text);
        }
    }
}

/// All frames; none where one can't be read.
fn read(path: &Path, content: &[u8]) -> Option<Vec<RecordedFrame>> {
    std::fs::write(path, content).expect("the recording can be written");
    let reader = RecordingReader::open(path).ok()?;
    reader.collect::<Result<_, _>>().ok()
}
