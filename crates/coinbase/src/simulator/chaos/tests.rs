#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::market::{MarketConfig, RandomMarket};
use crate::simulator::source::SimFrame;

fn trades(count: usize) -> Vec<SimFrame> {
    let config = MarketConfig {
        start: "2025-11-25T05:00:00Z".parse().ok(),
        ..MarketConfig::default()
    };
    let frames = RandomMarket::new(&config).unwrap();
    let trades = frames.filter_map(|frame| frame.trade.filter(|trade| trade.bid.is_none()));
    trades.take(count).map(SimFrame::of_trade).collect()
}

fn disorder(chaos: &Chaos, connection: u64) -> (Disorder, Arc<ChaosLog>) {
    let log = Arc::new(ChaosLog::default());
    (
        Disorder::new(chaos.clone(), connection, Arc::clone(&log)),
        log,
    )
}

/// What a connection makes of frames, as text.
fn steps(chaos: &Chaos, connection: u64, frames: &[SimFrame]) -> Vec<String> {
    let (mut disorder, _) = disorder(chaos, connection);
    let mut steps = Vec::new();
    frames
        .iter()
        .for_each(|frame| disorder.steps(frame, &mut steps));
    disorder.release_all(&mut steps);
    let step = |step: &Step| match step {
        Step::Send(frame) => format!("send {}", frame.trade.unwrap().trade_id),
        other => format!("{other:?}"),
    };
    steps.iter().map(step).collect()
}

#[test]
fn the_same_seed_makes_the_same_mess_and_another_seed_another() {
    let frames = trades(3_000);
    for profile in PROFILES {
        let first = steps(&profile.chaos(7), 3, &frames);
        assert_eq!(
            first,
            steps(&profile.chaos(7), 3, &frames),
            "{}",
            profile.name
        );
        assert_ne!(
            first,
            steps(&profile.chaos(8), 3, &frames),
            "{}",
            profile.name
        );
    }
}

#[test]
fn all_connections_lose_the_same_trades_in_runs() {
    let frames = trades(20_000);
    let chaos = Profile::named("lossy").unwrap().chaos(1);
    let lost = |connection| {
        let (mut disorder, log) = disorder(&chaos, connection);
        let mut steps = Vec::new();
        frames
            .iter()
            .for_each(|frame| disorder.steps(frame, &mut steps));
        let sent = steps
            .iter()
            .filter(|step| matches!(step, Step::Send(_)))
            .count();
        let report = log.write().clone();
        assert_eq!(sent as u64 + report.lost_trades(), frames.len() as u64);
        report.lost
    };
    let first = lost(0);
    assert_eq!(first, lost(1));
    let count: usize = first.values().map(BTreeSet::len).sum();
    // One run in 500 trades, of some ten trades.
    assert!((200..800).contains(&count), "{count}");
    let longest_run = first.values().flat_map(runs).max().unwrap();
    assert!(longest_run > 5, "{longest_run}");
}

fn runs(ids: &BTreeSet<u64>) -> Vec<usize> {
    let mut runs = Vec::new();
    let mut last = None;
    for id in ids {
        match (runs.last_mut(), last) {
            (Some(run), Some(last)) if id - 1 == last => *run += 1,
            _ => runs.push(1),
        }
        last = Some(*id);
    }
    runs
}

#[test]
fn what_is_repeated_or_late_is_all_there() {
    let frames = trades(5_000);
    let chaos = Profile::named("repeats").unwrap().chaos(1);
    let (mut disorder, log) = disorder(&chaos, 0);
    let mut steps = Vec::new();
    frames
        .iter()
        .for_each(|frame| disorder.steps(frame, &mut steps));
    disorder.release_all(&mut steps);
    let sent: Vec<(String, u64)> = steps
        .iter()
        .map(|step| match step {
            Step::Send(frame) => {
                let trade = frame.trade.unwrap();
                (trade.product_id.to_string(), trade.trade_id)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let report = log.write().clone();
    assert!(
        report.duplicated > 100 && report.reordered > 50,
        "{report:?}"
    );
    assert_eq!(sent.len() as u64, frames.len() as u64 + report.duplicated);
    let different: BTreeSet<_> = sent.into_iter().collect();
    assert_eq!(different.len(), frames.len());
}

#[test]
fn impossible_chaos_is_refused() {
    assert_eq!(Chaos::default().check(), Ok(()));
    let chaos = Chaos {
        garbage: 1.5,
        ..Chaos::default()
    };
    assert_eq!(chaos.check(), Err("garbage"));
    let losses = Some(Losses {
        rate: 0.1,
        longest: 0,
    });
    let chaos = Chaos {
        losses,
        ..Chaos::default()
    };
    assert_eq!(chaos.check(), Err("losses.longest"));
    let chaos = Chaos {
        disconnects: f64::NAN,
        ..Chaos::default()
    };
    assert_eq!(chaos.check(), Err("disconnects"));
}

#[test]
fn garbage_tells_no_trade() {
    let frame = SimFrame::of_trade(trades(1)[0].trade.unwrap());
    let text = crate::market::text::match_frame("match", &frame.trade.unwrap(), [0, 1]);
    for kind in 1..=garbage::KINDS {
        let message = garbage::garbage(kind, &text);
        let bytes = message.into_data();
        let told = crate::exchange::parse_bytes(&bytes);
        assert!(!told.is_ok_and(|frame| frame.trade().is_some()), "{kind}");
        let told = crate::advanced::parse_bytes(&bytes);
        let is_unknown = |body| matches!(body, crate::advanced::Body::Unknown { .. });
        assert!(
            told.is_err() || told.is_ok_and(|m| is_unknown(m.body)),
            "{kind}"
        );
    }
}
