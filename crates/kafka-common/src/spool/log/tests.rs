#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs::OpenOptions;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const ROOMY: u64 = 64 * 1024 * 1024;

fn entry(number: usize, size: usize) -> Entry {
    Entry {
        topic: "audit-logs".to_owned(),
        key: number.to_string().into_bytes(),
        value: vec![b'x'; size],
        headers: vec![("message-id".to_owned(), number.to_string().into_bytes())],
    }
}

fn open(dir: &Path) -> Opened {
    Log::open(dir, ROOMY).unwrap()
}

fn keys(log: &Log) -> Vec<String> {
    let all = log.read(log.head(), usize::MAX).unwrap();
    all.into_iter()
        .map(|(entry, _)| String::from_utf8(entry.key).unwrap())
        .collect()
}

fn only_segment(dir: &TempDir) -> PathBuf {
    path(dir.path(), 0)
}

#[derive(Debug, Clone)]
enum Step {
    Append(usize),
    /// Delivers up to this many messages.
    Deliver(usize),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0_usize..6_000).prop_map(Step::Append),
        3 => (1_usize..20).prop_map(Step::Deliver),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    // Each case writes to the disk and waits for it.
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Against a queue in memory: whatever is appended comes out once, whole and in order, over
    /// any number of restarts and segments, and no segment outlives its messages.
    #[test]
    fn a_spool_is_a_queue(steps in steps()) {
        let dir = TempDir::new().unwrap();
        // Segments of the least size: a few messages each.
        let max_bytes = 8 * MIN_SEGMENT;
        let mut log = Log::open(dir.path(), max_bytes).unwrap().log;
        let mut model = std::collections::VecDeque::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Append(size) => {
                    let message = entry(number, size);
                    match log.append(&message) {
                        Ok(()) => model.push_back(message),
                        Err(SpoolError::Full { bytes, .. }) => {
                            let length = message.encode().unwrap().len() as u64;
                            prop_assert!(bytes + length > max_bytes);
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
                Step::Deliver(count) => {
                    let read = log.read(log.head(), count).unwrap();
                    prop_assert_eq!(read.len(), count.min(model.len()));
                    for (message, _) in &read {
                        let expected = model.pop_front();
                        prop_assert_eq!(Some(message), expected.as_ref());
                    }
                    if let Some((_, end)) = read.last() {
                        log.deliver_to(*end).unwrap();
                    }
                }
                Step::Reopen => {
                    drop(log);
                    let opened = Log::open(dir.path(), max_bytes).unwrap();
                    prop_assert_eq!(opened.messages, model.len() as u64);
                    prop_assert_eq!(opened.torn_bytes, 0);
                    log = opened.log;
                }
            }
            let encoded = model.iter().map(|m: &Entry| m.encode().unwrap().len() as u64);
            prop_assert_eq!(log.bytes(), encoded.sum::<u64>());
            prop_assert!(log.segments.len() as u64 <= SEGMENTS + 1);
        }
        let rest: Vec<Entry> = log.read(log.head(), usize::MAX).unwrap()
            .into_iter().map(|(entry, _)| entry).collect();
        prop_assert_eq!(rest, model.into_iter().collect::<Vec<_>>());
    }

    /// However a crash cuts off the last message, or leaves zeros or rubbish in its place, those
    /// before it are there, the torn one is told, and the spool goes on.
    #[test]
    fn a_torn_tail_costs_only_the_message_that_nobody_was_promised(
        kept in 0_usize..255, rubbish in prop::option::of(prop_oneof![Just(0_u8), any::<u8>()]),
    ) {
        let dir = TempDir::new().unwrap();
        let mut log = open(dir.path()).log;
        for number in 0..3 {
            log.append(&entry(number, 100)).unwrap();
        }
        let whole = fs::metadata(only_segment(&dir)).unwrap().len();
        log.append(&entry(3, 200)).unwrap();
        drop(log);
        let torn = fs::metadata(only_segment(&dir)).unwrap().len();
        let cut = whole + (kept as u64).min(torn - whole - 1);
        let file = OpenOptions::new().write(true).open(only_segment(&dir)).unwrap();
        file.set_len(cut).unwrap();
        let mut left = cut - whole;
        if let Some(rubbish) = rubbish {
            let mut file = OpenOptions::new().append(true).open(only_segment(&dir)).unwrap();
            file.write_all(&[rubbish; 33]).unwrap();
            left += 33;
        }
        let opened = open(dir.path());
        prop_assert_eq!((opened.messages, opened.torn_bytes), (3, left));
        let mut log = opened.log;
        log.append(&entry(4, 10)).unwrap();
        prop_assert_eq!(keys(&log), ["0", "1", "2", "4"]);
    }
}

#[test]
fn damage_before_the_end_is_told_with_its_place_and_nothing_is_cut_off() {
    let dir = TempDir::new().unwrap();
    let mut log = open(dir.path()).log;
    log.append(&entry(0, 100)).unwrap();
    let second = fs::metadata(only_segment(&dir)).unwrap().len();
    for number in 1..4 {
        log.append(&entry(number, 100)).unwrap();
    }
    drop(log);
    let mut bytes = fs::read(only_segment(&dir)).unwrap();
    bytes[second as usize + entry::FRAME + 30] ^= 1;
    fs::write(only_segment(&dir), &bytes).unwrap();
    match Log::open(dir.path(), ROOMY) {
        Err(SpoolError::Corrupt { file, offset }) => {
            assert_eq!((file, offset), (only_segment(&dir), second));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read(only_segment(&dir)).unwrap(), bytes);
}

#[test]
fn a_full_spool_refuses_with_the_bound_and_takes_messages_again_when_some_are_delivered() {
    let dir = TempDir::new().unwrap();
    let mut log = Log::open(dir.path(), 1_000).unwrap().log;
    log.append(&entry(0, 400)).unwrap();
    log.append(&entry(1, 400)).unwrap();
    let error = log.append(&entry(2, 400)).unwrap_err();
    assert!(error.to_string().contains("of 1000 bytes"), "{error}");
    let (_, end) = log.read(log.head(), 1).unwrap().remove(0);
    log.deliver_to(end).unwrap();
    log.append(&entry(2, 400)).unwrap();
    assert_eq!(keys(&log), ["1", "2"]);
}

#[test]
fn two_do_not_share_a_folder_and_a_topic_of_another_version_is_named() {
    let dir = TempDir::new().unwrap();
    let mut log = open(dir.path()).log;
    let error = Log::open(dir.path(), ROOMY).unwrap_err();
    assert!(matches!(error, SpoolError::InUse { .. }), "{error}");
    let unknown = Entry {
        topic: "no-such-topic".to_owned(),
        ..entry(0, 1)
    };
    log.append(&unknown).unwrap();
    drop(log);
    let error = Log::open(dir.path(), ROOMY).unwrap_err();
    assert!(error.to_string().contains("`no-such-topic`"), "{error}");
}

#[test]
fn an_unreadable_head_means_that_messages_come_again_not_that_they_are_lost() {
    let dir = TempDir::new().unwrap();
    let mut log = open(dir.path()).log;
    for number in 0..3 {
        log.append(&entry(number, 10)).unwrap();
    }
    let (_, end) = log.read(log.head(), 2).unwrap().remove(1);
    log.deliver_to(end).unwrap();
    drop(log);
    assert_eq!(keys(&open(dir.path()).log), ["2"]);
    for head in ["", "\u{0}\u{0}", "12", "0 999999", "7 0"] {
        fs::write(dir.path().join("head"), head).unwrap();
        // A head behind every segment would say that all is delivered: it is not believed.
        assert_eq!(keys(&open(dir.path()).log), ["0", "1", "2"], "{head:?}");
    }
}
