//! Sessions that begin in the past.

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use kafka_common::past::{PastError, PastReader, PastRecord};

use super::*;
use crate::projection::Status;

/// The market's log in memory: a record's place is its offset.
#[derive(Debug, Clone, Default)]
pub(super) struct Log(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    records: Vec<String>,
    /// Those before it are gone.
    first: i64,
}

impl Log {
    pub(super) fn push(&self, record: &str) {
        self.0.lock().unwrap().records.push(record.to_owned());
    }
}

impl Past for Log {
    fn bounds(&self, _: i32) -> Result<(i64, i64), PastError> {
        let kept = self.0.lock().unwrap();
        Ok((kept.first, kept.records.len() as i64))
    }

    fn locate(&self, _: i32, _: DateTime<Utc>) -> Result<i64, PastError> {
        // The exchange is told the offset.
        Ok(0)
    }

    fn open(&self, _: i32, from: i64) -> Result<Box<dyn PastReader>, PastError> {
        if from < self.0.lock().unwrap().first {
            return Err(PastError::Gone(from));
        }
        Ok(Box::new(Reader(self.clone(), from)))
    }
}

struct Reader(Log, i64);

impl PastReader for Reader {
    fn read_to(
        &mut self,
        to: i64,
        each: &mut dyn FnMut(PastRecord<'_>) -> ControlFlow<()>,
    ) -> Result<(), PastError> {
        let kept = self.0.0.lock().unwrap();
        while self.1 <= to {
            let offset = self.1;
            self.1 += 1;
            let value = kept.records[offset as usize].as_bytes();
            let (key, value) = (Some(SYMBOL.as_bytes()), Some(value));
            if each(PastRecord { offset, key, value }).is_break() {
                break;
            }
        }
        Ok(())
    }
}

const LATE: Uuid = Uuid::from_u128(8);
/// The place of everything that the late session's past causes.
const PLACE: i64 = 7;

/// A record of a session's, by what it is caused by.
fn record(session: Uuid, number: u128, action: &str, cause: i64, place: Option<i64>) -> Value {
    signal(|data| {
        data["session_id"] = json!(session);
        data["signal"]["action"] = json!(action);
        data["signal_id"] = json!(Uuid::from_u128(session.as_u128() * 1_000 + number));
        data["cause"]["offset"] = json!(cause);
        data["cause"]["timestamp"] = json!(format!("2026-01-05T00:00:{:02}Z", cause.max(0)));
        if let Some(place) = place {
            data["place"] = json!(place);
        }
    })
}

/// The late session's past, as strategy writes it.
fn past() -> [(&'static str, Value); 5] {
    let of_past = |number, action, cause| record(LATE, number, action, cause, Some(PLACE));
    let mut start = of_past(0, "HOLD", -1);
    start["start"] = json!({"initial_balance": 1000, "fee_rate": 0});
    [
        ("start", start),
        ("signal", of_past(1, "BUY", 1)),
        ("signal", of_past(2, "SELL", 4)),
        ("signal", of_past(3, "BUY", 6)),
        ("progress", of_past(4, "HOLD", PLACE)),
    ]
}

/// What was executed for a session, as far as it doesn't tell which.
fn ledger(bench: &Bench, session: Uuid) -> Vec<String> {
    let executions = bench.executions().into_iter();
    let ours = executions.filter(|execution| execution.session_id == session);
    ours.map(|e| {
        format!(
            "{:?} {:?} {} at {} {} cash {:?} position {:?}",
            e.sequence, e.action, e.quantity, e.price, e.timestamp, e.cash, e.position
        )
    })
    .collect()
}

/// A session that was there all along, and one that is started after eight ticks and begins with the
/// first; `cut` says after how many records of the past everything is restored.
fn play(cut: Option<usize>) -> Bench {
    let mut bench = Bench::new();
    let (early, late) = (session(), LATE);
    for (number, (price, action)) in [
        (101, "BUY"),
        (104, ""),
        (99, ""),
        (107, "SELL"),
        (108, ""),
        (103, "BUY"),
        (102, ""),
    ]
    .into_iter()
    .enumerate()
    {
        bench.tick(price);
        if !action.is_empty() {
            let number = number as u128 + 1;
            let cause = number as i64;
            bench
                .record("signal", &record(early, number, action, cause, None))
                .unwrap();
        }
    }
    for (number, (kind, data)) in past().iter().enumerate() {
        bench.record(kind, data).unwrap();
        if cut == Some(number) {
            bench.restart();
        }
    }
    // Both are where the market is.
    bench.tick(105);
    for (session, number) in [(early, 90), (late, 90)] {
        bench
            .record("signal", &record(session, number, "SELL", 8, None))
            .unwrap();
    }
    bench.tick(106);
    bench
}

#[test]
fn a_session_that_begins_in_the_past_is_one_that_began_then() {
    let bench = play(None);
    let expected = ledger(&bench, session());
    assert_eq!(expected.len(), 4, "{expected:#?}");
    assert_eq!(ledger(&bench, LATE), expected);
    let account = |id| &bench.exchange.sessions.get(&id).unwrap().account;
    assert_eq!(account(LATE).sequence(), account(session()).sequence());
    assert_eq!(account(LATE).equity(), account(session()).equity());
    assert_eq!(bench.exchange.sessions.get(&LATE).unwrap().past, None);
}

#[test]
fn it_goes_on_with_its_past_wherever_it_is_restored() {
    let expected = ledger(&play(None), LATE);
    for cut in 0..past().len() {
        assert_eq!(ledger(&play(Some(cut)), LATE), expected, "cut after {cut}");
    }
}

#[test]
fn its_past_again_changes_nothing() {
    let mut bench = play(None);
    let before = bench.executions().len();
    for (kind, data) in &past() {
        bench.record(kind, data).unwrap();
    }
    assert_eq!(bench.executions().len(), before);
}

#[test]
fn it_ends_with_a_word_where_the_log_has_lost_its_past() {
    let mut bench = Bench::new();
    for price in [101, 102, 103, 104, 105, 106, 107] {
        bench.tick(price);
    }
    bench.log.0.lock().unwrap().first = 3;
    for (kind, data) in &past() {
        bench.record(kind, data).unwrap();
    }
    let why = bench.out.rows().iter().find_map(|row| match row {
        Row::Session(update) if update.session_id == LATE => match &update.status {
            Some((Status::Error, why)) => why.clone(),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(why.as_deref(), Some("the log no longer has offset 0"));
    assert_eq!(ledger(&bench, LATE), Vec::<String>::new());
}
