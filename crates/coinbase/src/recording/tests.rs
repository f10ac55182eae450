#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::Write;
use std::path::Path;

use proptest::prelude::*;

use super::*;

fn frame(product: &str, second: u32) -> String {
    format!(
        r#"{{"type":"match","price":"1.{second}","product_id":"{product}","time":"{}"}}"#,
        time(second)
    )
}

fn time(second: u32) -> String {
    format!("2025-01-01T00:00:{second:02}.000000Z")
}

fn read(path: &Path, range: TimeRange) -> Vec<String> {
    RecordingReader::open(path)
        .unwrap()
        .between(range)
        .map(|f| f.unwrap().text)
        .collect()
}

fn between(from: u32, to: u32) -> TimeRange {
    TimeRange {
        from: time(from).parse().ok(),
        to: time(to).parse().ok(),
    }
}

#[test]
fn plain_and_compressed_give_back_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let frames: Vec<String> = (0..50).map(|second| frame("A-B", second)).collect();
    for name in ["r.ndjson", "r.ndjson.zst"] {
        let path = folder.path().join(name);
        let mut writer = RecordingWriter::create(&path).unwrap();
        frames.iter().for_each(|frame| writer.write(frame).unwrap());
        writer.finish().unwrap();
        assert_eq!(read(&path, TimeRange::ALL), frames);
    }
    let compressed = fs::read(folder.path().join("r.ndjson.zst")).unwrap();
    assert!(compressed.len() < 1000, "is compressed");
    // The content tells, not the name.
    let renamed = folder.path().join("renamed");
    fs::write(&renamed, compressed).unwrap();
    assert_eq!(read(&renamed, TimeRange::ALL), frames);
}

#[test]
fn a_frame_with_line_breaks_stays_one_line() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut writer = RecordingWriter::create(file.path()).unwrap();
    writer.write("{\"type\":\r\n\"x\"}").unwrap();
    writer.flush().unwrap();
    assert_eq!(read(file.path(), TimeRange::ALL), ["{\"type\":  \"x\"}"]);
}

#[test]
fn a_range_takes_its_start_and_leaves_its_end() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let untimed = r#"{"type":"subscriptions","channels":[]}"#;
    let lines = [
        untimed.to_owned(),
        frame("A-B", 1),
        frame("A-B", 2),
        frame("A-B", 3),
    ];
    file.write_all(lines.join("\n").as_bytes()).unwrap();
    assert_eq!(read(file.path(), between(1, 3)), lines[1..3]);
    let open_start = TimeRange {
        from: None,
        ..between(0, 2)
    };
    assert_eq!(
        read(file.path(), open_start),
        lines[..2],
        "untimed frames belong to their place"
    );
    assert_eq!(read(file.path(), TimeRange::ALL), lines);
}

#[test]
fn heads_are_told() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "{}\r\n\n{{\"type\":\"tick", frame("A-B", 7)).unwrap();
    let frames: Vec<RecordedFrame> = RecordingReader::open(file.path())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(frames.len(), 2, "empty lines are no frames");
    assert_eq!(frames[0].kind.as_deref(), Some("match"));
    assert_eq!(frames[0].product_id, "A-B".parse().ok());
    assert_eq!(frames[0].time, time(7).parse().ok());
    assert_eq!(frames[1].kind, None, "a recording that was cut");
}

#[test]
fn damaged_recordings_end_with_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r");
    assert!(matches!(
        RecordingReader::open(&path),
        Err(RecordingError::Io { .. })
    ));

    fs::write(&path, b"{\"type\":\"x\"}\n\xff\xfe\nnever reached\n").unwrap();
    let results: Vec<_> = RecordingReader::open(&path).unwrap().collect();
    assert!(matches!(
        results[..],
        [Ok(_), Err(RecordingError::NotUtf8 { line: 2, .. })]
    ));

    let mut long = vec![b'x'; MAX_LINE];
    fs::write(&path, &long).unwrap();
    assert!(
        RecordingReader::open(&path)
            .unwrap()
            .next()
            .unwrap()
            .is_ok(),
        "just fits"
    );
    long.push(b'x');
    fs::write(&path, &long).unwrap();
    let result = RecordingReader::open(&path).unwrap().next().unwrap();
    assert!(matches!(
        result,
        Err(RecordingError::LineTooLong { line: 1, .. })
    ));

    let compressed = zstd::encode_all(frame("A-B", 1).repeat(1000).as_bytes(), 0).unwrap();
    fs::write(&path, &compressed[..compressed.len() / 2]).unwrap();
    let last = RecordingReader::open(&path).unwrap().last().unwrap();
    assert!(matches!(last, Err(RecordingError::Io { .. })));
}

#[test]
fn summaries() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut writer = RecordingWriter::create(file.path()).unwrap();
    for line in [
        &frame("A-B", 3),
        &frame("A-B", 12),
        &frame("C-D", 1),
        "nonsense",
    ] {
        writer.write(line).unwrap();
    }
    writer.finish().unwrap();
    let summary = summarize(file.path(), TimeRange::ALL).unwrap();
    assert_eq!(
        (summary.frames, summary.matches, summary.malformed),
        (3, 3, 1)
    );
    assert_eq!(summary.trades(), 3);
    assert_eq!(summary.first, time(1).parse().ok());
    assert_eq!(summary.last, time(12).parse().ok());
    let products = summary.to_products();
    assert_eq!(products.len(), 2);
    assert_eq!(products[0].quote_increment.to_string(), "0.01");
    assert_eq!(products[1].quote_increment.to_string(), "0.1");
}

proptest! {
    /// Whatever is in a file, reading it ends, with an error at most.
    #[test]
    fn any_file_is_read_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        compressed in any::<bool>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut content = bytes;
        if compressed {
            content = zstd::encode_all(&content[..], 0).unwrap();
            content.truncate(cut.index(content.len()) + 1);
        }
        fs::write(file.path(), content).unwrap();
        let _ = inspect(file.path());
        let _ = summarize(file.path(), TimeRange::ALL);
    }

    #[test]
    fn any_damaged_record_is_read_without_a_panic(
        at in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let record = Record::now(RecordKind::Received, 1, frame("A-B", 1));
        let mut bytes = record.to_line().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        fs::write(file.path(), bytes).unwrap();
        let _ = inspect(file.path());
    }
}
