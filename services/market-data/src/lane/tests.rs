#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::book::tests::trade;
use crate::tick::GapReason;

const PRODUCT: &str = "BTC-USD";

fn limits() -> Limits {
    Limits {
        max_trades: 10_000,
        max_wait: Duration::from_secs(60),
        max_held: 1_000,
    }
}

fn tick(id: u64) -> Tick {
    Tick {
        trade: trade(PRODUCT, id, 100),
        quote_age_ms: None,
        backfilled: false,
    }
}

/// What came out: `(id, id)` for a trade, `(first, last)` for a gap's mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Out {
    Trade(u64),
    Filled(u64),
    Gap(u64, u64, GapReason),
}

struct Run {
    lane: Lane,
    now: Instant,
    out: Vec<Out>,
}

impl Run {
    fn new(limits: Limits) -> Self {
        Self {
            lane: Lane::new(limits),
            now: Instant::now(),
            out: Vec::new(),
        }
    }

    fn trades(&mut self, ids: impl IntoIterator<Item = u64>) {
        for id in ids {
            self.lane.trade(tick(id), true, self.now);
            self.release();
        }
    }

    fn release(&mut self) {
        while let Some((entry, _)) = self.lane.release(self.now) {
            self.out.push(match entry {
                Entry::Trade(tick) if tick.backfilled => Out::Filled(tick.trade.trade_id),
                Entry::Trade(tick) => Out::Trade(tick.trade.trade_id),
                Entry::Gap(missing) => Out::Gap(missing.first, missing.last, missing.reason),
            });
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// Lets REST answer all that is asked now; gives how many requests that were.
    fn fetch(&mut self, rest: &Rest) -> usize {
        let mut requests = 0;
        while let Some(ask) = self.lane.ask(self.now) {
            requests += 1;
            let answer = rest.answer(&ask);
            self.lane.answer(&ask, answer, self.now);
            self.release();
        }
        requests
    }
}

/// What REST has.
struct Rest {
    has: BTreeSet<u64>,
    /// It gives no more on a page.
    page: usize,
}

impl Rest {
    fn with(ids: impl IntoIterator<Item = u64>) -> Self {
        Self {
            has: ids.into_iter().collect(),
            page: 1_000,
        }
    }

    fn answer(&self, ask: &Ask) -> Answer {
        let limit = self.page.min(usize::try_from(ask.limit).unwrap());
        let older = self.has.range(..ask.after.unwrap_or(u64::MAX)).rev();
        let ids: Vec<u64> = older.take(limit).copied().collect();
        let oldest = ids.last().copied().unwrap_or_default();
        Answer::Page(Page {
            has_older: self.has.range(..oldest).next().is_some(),
            trades: ids.iter().map(|id| trade(PRODUCT, *id, 100)).collect(),
        })
    }
}

#[test]
fn a_gap_holds_back_what_follows_until_it_is_filled() {
    let mut run = Run::new(limits());
    run.trades([5, 5, 6, 4, 9, 10, 9]);
    assert_eq!(run.out, [Out::Trade(5), Out::Trade(6)]);
    assert_eq!(run.fetch(&Rest::with(1..=10)), 1);
    let rest = [
        Out::Filled(7),
        Out::Filled(8),
        Out::Trade(9),
        Out::Trade(10),
    ];
    assert_eq!(run.out[2..], rest);
    assert!(!run.lane.has_gap());
    run.trades([8, 11]);
    assert_eq!(run.out[6..], [Out::Trade(11)]);
}

#[test]
fn what_rest_does_not_have_is_marked_once() {
    let mut run = Run::new(limits());
    run.trades([1, 6_000]);
    // The newest of what REST has is after the gap: so it isn't just late.
    let requests = run.fetch(&Rest::with([1, 6_000]));
    assert_eq!(requests, 2);
    let mark = Out::Gap(2, 5_999, GapReason::NotThere);
    assert_eq!(run.out, [Out::Trade(1), mark, Out::Trade(6_000)]);
}

#[test]
fn holes_within_a_gap_are_marked_where_they_are() {
    let mut run = Run::new(limits());
    run.trades([10, 20]);
    run.fetch(&Rest::with([9, 10, 13, 14, 18, 20]));
    let gap = |first, last| Out::Gap(first, last, GapReason::NotThere);
    let expected = [
        Out::Trade(10),
        gap(11, 12),
        Out::Filled(13),
        Out::Filled(14),
        gap(15, 17),
        Out::Filled(18),
        gap(19, 19),
        Out::Trade(20),
    ];
    assert_eq!(run.out, expected);
}

#[test]
fn a_long_gap_is_passed_on_page_by_page() {
    let mut run = Run::new(limits());
    run.trades([1, 7_502]);
    let rest = Rest::with(1..=7_502);
    let mut held = 0;
    while let Some(ask) = run.lane.ask(run.now) {
        run.lane.answer(&ask, rest.answer(&ask), run.now);
        held = held.max(run.lane.held());
        run.release();
    }
    assert_eq!(run.out.len(), 7_502);
    assert!(held <= 2_001, "never more than two pages: {held}");
}

#[test]
fn no_rest_at_all_marks_at_once() {
    let mut run = Run::new(limits());
    run.trades([1, 4]);
    let ask = run.lane.ask(run.now).unwrap();
    assert_eq!(run.lane.ask(run.now), None, "one request at a time");
    run.lane.answer(&ask, Answer::Refused, run.now);
    run.release();
    let mark = Out::Gap(2, 3, GapReason::NotThere);
    assert_eq!(run.out, [Out::Trade(1), mark, Out::Trade(4)]);
}

#[test]
fn both_bounds_of_a_gap_hold() {
    let mut run = Run::new(limits());
    run.trades([1, 10_002]);
    assert_eq!(run.out.len(), 1, "10,000 are fetched");
    let mut run = Run::new(limits());
    run.trades([1, 10_003]);
    assert_eq!(run.out[1], Out::Gap(2, 10_002, GapReason::TooMany));

    let mut run = Run::new(limits());
    run.trades([1, 4]);
    for _second in 0..62 {
        if let Some(ask) = run.lane.ask(run.now) {
            run.lane.answer(&ask, Answer::Failed, run.now);
        }
        run.release();
        run.pass(Duration::from_secs(1));
    }
    assert_eq!(run.out[1], Out::Gap(2, 3, GapReason::TooLate));
}

#[test]
fn a_heartbeat_finds_a_quiet_gap_within_two_seconds() {
    let mut run = Run::new(limits());
    run.trades([1]);
    run.lane.witness(3, run.now);
    let rest = Rest::with(1..=3);
    assert_eq!(run.fetch(&rest), 0, "the trade may be on its way");
    run.pass(Duration::from_millis(900));
    assert_eq!(run.fetch(&rest), 1);
    assert_eq!(run.out, [Out::Trade(1), Out::Filled(2), Out::Filled(3)]);
    // One that was on its way after all.
    run.lane.witness(4, run.now);
    run.trades([4]);
    run.pass(Duration::from_secs(1));
    assert_eq!(run.fetch(&rest), 0);
}

#[test]
fn a_product_of_which_no_trade_comes_is_fetched_from_the_first_that_was_named() {
    let mut run = Run::new(limits());
    let rest = Rest::with(1..=20);
    for id in [7, 7, 6, 9] {
        assert_eq!(run.fetch(&rest), 0, "{id}");
        run.lane.named(id);
        run.lane.witness(id, run.now);
        run.pass(Duration::from_secs(1));
    }
    assert_eq!(run.fetch(&rest), 1);
    assert_eq!(run.out, [Out::Filled(8), Out::Filled(9)]);
    // From then on as ever.
    run.lane.named(3);
    run.trades([10, 12]);
    run.fetch(&rest);
    let rest = [Out::Trade(10), Out::Filled(11), Out::Trade(12)];
    assert_eq!(run.out[2..], rest);
}

#[test]
fn a_rest_that_is_behind_is_asked_again() {
    let mut run = Run::new(limits());
    run.trades([1]);
    run.lane.witness(3, run.now);
    run.pass(Duration::from_secs(1));
    run.fetch(&Rest::with([1, 2]));
    assert_eq!(run.out.len(), 2);
    run.pass(Duration::from_secs(1));
    run.fetch(&Rest::with([1, 2, 3]));
    assert_eq!(run.out[2], Out::Filled(3));
}

#[test]
fn a_restart_goes_on_after_the_log_and_fills_the_outage() {
    let mut run = Run::new(limits());
    run.lane.resume(10, None);
    run.trades([9, 10, 14]);
    run.fetch(&Rest::with(1..=14));
    let filled = [11, 12, 13].map(Out::Filled);
    assert_eq!(run.out[..3], filled);
    assert_eq!(run.out[3..], [Out::Trade(14)]);
}

#[test]
fn what_nobody_wanted_is_skipped() {
    let mut run = Run::new(limits());
    run.trades([1, 2]);
    run.lane.skip_to_next();
    run.lane.witness(7, run.now);
    run.trades([2, 9, 10]);
    assert_eq!(run.out[2..], [Out::Trade(9), Out::Trade(10)]);
}

#[test]
fn what_does_not_fit_is_fetched_later() {
    let mut run = Run::new(Limits {
        max_held: 3,
        ..limits()
    });
    for id in 1..=10 {
        let taken = run.lane.trade(tick(id), true, run.now);
        let expected = if id <= 3 { Taken::New } else { Taken::LeftOut };
        assert_eq!(taken, expected, "{id}");
    }
    assert_eq!(run.lane.ask(run.now), None, "first what is here");
    run.release();
    run.pass(Duration::from_secs(1));
    run.fetch(&Rest::with(1..=10));
    assert_eq!(run.out.len(), 10);
    assert_eq!(run.out[9], Out::Filled(10));
}

/// What happens to one lane.
#[derive(Debug, Clone)]
enum Step {
    Trade(u64),
    Heartbeat(u64),
    LastMatch(u64),
    Release,
    Answer { fails: bool },
    Pass(u64),
    Room(bool),
}

fn steps(last: u64) -> impl Strategy<Value = Vec<Step>> {
    // Mostly near to the order of the market, as a feed is, with jumps.
    let step = prop_oneof![
        8 => (1..=last).prop_map(Step::Trade),
        2 => (1..=last).prop_map(Step::Heartbeat),
        1 => (1..=last).prop_map(Step::LastMatch),
        3 => Just(Step::Release),
        3 => any::<bool>().prop_map(|fails| Step::Answer { fails }),
        2 => (1_u64..2_000).prop_map(Step::Pass),
        1 => any::<bool>().prop_map(Step::Room),
    ];
    let runs = (1..last, 1_u64..20).prop_map(move |(from, count)| {
        (from..=(from + count).min(last))
            .map(Step::Trade)
            .collect::<Vec<_>>()
    });
    let part = prop_oneof![step.prop_map(|step| vec![step]), runs];
    prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
}

proptest! {
    /// Whatever comes in whatever order: ascending, each once, and trades and marks cover all.
    #[test]
    fn the_log_is_complete_or_says_where_it_is_not(
        steps in steps(120),
        has in prop::collection::btree_set(1_u64..=120, 0..120),
        page in 1_usize..40,
        max_held in 1_usize..60,
        begins in prop::option::of(0_u64..100),
    ) {
        let mut run = Run::new(Limits { max_held, ..limits() });
        let rest = Rest { has: has.clone(), page };
        if let Some(begins) = begins {
            // The log is never resumed without the trade or mark that it ends with.
            run.lane.resume(begins, Some(Anchor::from(&trade(PRODUCT, begins, 1))));
        }
        let mut room = true;
        let mut taken = BTreeSet::new();
        let mut first = begins.map(|id| id + 1);
        for step in steps {
            match step {
                Step::Trade(id) => {
                    first.get_or_insert(id);
                    if run.lane.trade(tick(id), room, run.now) == Taken::New {
                        taken.insert(id);
                    }
                }
                Step::Heartbeat(id) => run.lane.witness(id, run.now),
                Step::LastMatch(id) => {
                    first.get_or_insert(id + 1);
                    run.lane.last_match(&trade(PRODUCT, id, 1), run.now);
                }
                Step::Release => run.release(),
                Step::Answer { fails } => {
                    if let Some(ask) = run.lane.ask(run.now) {
                        let answer = if fails { Answer::Failed } else { rest.answer(&ask) };
                        run.lane.answer(&ask, answer, run.now);
                    }
                }
                Step::Pass(milliseconds) => run.pass(Duration::from_millis(milliseconds)),
                Step::Room(has_room) => room = has_room,
            }
        }
        let patience = run.now + Duration::from_secs(200);
        // The end of the market is known, and time enough passes.
        run.lane.witness(120, run.now);
        run.release();
        while run.now < patience {
            run.fetch(&rest);
            run.release();
            run.pass(Duration::from_millis(300));
        }
        let Some(first) = first else {
            prop_assert!(run.out.is_empty());
            return Ok(());
        };
        let mut next = first;
        for out in &run.out {
            match *out {
                Out::Trade(id) | Out::Filled(id) => {
                    prop_assert_eq!(id, next, "{:?}", &run.out);
                    prop_assert!(taken.contains(&id) || has.contains(&id));
                    next = id + 1;
                }
                Out::Gap(from, to, reason) => {
                    prop_assert_eq!(from, next, "{:?}", &run.out);
                    prop_assert!(to >= from);
                    if reason == GapReason::NotThere {
                        for id in from..=to {
                            prop_assert!(!taken.contains(&id), "{} came: {:?}", id, &run.out);
                            prop_assert!(!has.contains(&id), "{} is there: {:?}", id, &run.out);
                        }
                    }
                    next = to + 1;
                }
            }
        }
        prop_assert_eq!(next, 121.max(first));
        prop_assert_eq!(run.lane.held(), 0);
        prop_assert!(!run.lane.has_gap());
    }
}
