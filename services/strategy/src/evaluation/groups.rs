//! Sessions of one symbol whose evaluators have come to the same state share one from there on.
//!
//! What two sessions of a strategy have seen differs, and yet their states become the same, to the
//! last byte, as soon as what only one of them saw has left their windows. From there on their
//! signals are the same too: one evaluation serves both. Groups are looked for where a snapshot is
//! taken, and are not part of it: each session is saved as if it were alone.

use std::collections::HashMap;
use std::sync::Arc;

use strategy_engine::{Counts, Evaluator, Plan};
use uuid::Uuid;

use super::book::Book;
use crate::history::History;

/// One evaluator, and the sessions that it speaks for.
pub(super) struct Group {
    pub(super) evaluator: Evaluator,
    /// The account of a session whose strategy reads its position: it is alone in its group.
    pub(super) book: Option<Box<Book>>,
    /// What its only session has seen before its first tick, until that comes.
    pub(super) history: Option<Box<History>>,
    /// Its sessions have started, and it didn't panic.
    pub(super) running: bool,
    members: Vec<Member>,
}

/// A session of a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub(super) id: Uuid,
    /// Its place among the sessions of the symbol: signals of one tick are told in this order.
    pub(super) rank: u64,
    /// What it has counted beyond the group's evaluator; wraps around where that counted more.
    beyond: Counts,
}

impl Member {
    fn counts(&self, evaluator: &Evaluator) -> Counts {
        let counts = evaluator.counts();
        Counts {
            evaluations: counts.evaluations.wrapping_add(self.beyond.evaluations),
            undefined: counts.undefined.wrapping_add(self.beyond.undefined),
        }
    }
}

impl Group {
    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(super) fn book_and_members(&mut self) -> (Option<&mut Book>, &[Member]) {
        (self.book.as_deref_mut(), &self.members)
    }

    fn has(&self, id: Uuid) -> bool {
        self.members.iter().any(|member| member.id == id)
    }

    /// The state that another group's must equal for them to become one.
    fn shareable(&self) -> Option<Vec<u8>> {
        let alone = self.book.is_some() || self.history.is_some() || !self.running;
        if alone { None } else { self.evaluator.state() }
    }

    /// Speaks for the other's sessions too: both are in the same state.
    fn take_in(&mut self, other: Self) {
        let own = self.evaluator.counts();
        self.members
            .extend(other.members.iter().map(|member| Member {
                beyond: {
                    let counts = member.counts(&other.evaluator);
                    Counts {
                        evaluations: counts.evaluations.wrapping_sub(own.evaluations),
                        undefined: counts.undefined.wrapping_sub(own.undefined),
                    }
                },
                ..*member
            }));
    }
}

/// The groups of one symbol.
#[derive(Default)]
pub(super) struct Groups {
    groups: Vec<Group>,
    next_rank: u64,
}

impl Groups {
    /// Adds a session, alone in its group.
    pub(super) fn add(
        &mut self,
        id: Uuid,
        evaluator: Evaluator,
        book: Option<Book>,
        history: Option<History>,
        running: bool,
    ) {
        let rank = self.next_rank;
        self.next_rank += 1;
        self.groups.push(Group {
            evaluator,
            book: book.map(Box::new),
            history: history.map(Box::new),
            running,
            members: vec![Member {
                id,
                rank,
                beyond: Counts::default(),
            }],
        });
    }

    /// Those that are evaluated.
    pub(super) fn running(&mut self) -> impl Iterator<Item = &mut Group> {
        self.groups.iter_mut().filter(|group| group.running)
    }

    pub(super) fn of(&self, id: Uuid) -> Option<&Group> {
        self.groups.iter().find(|group| group.has(id))
    }

    pub(super) fn of_mut(&mut self, id: Uuid) -> Option<&mut Group> {
        self.groups.iter_mut().find(|group| group.has(id))
    }

    /// Takes out the group of a session that has not been in one with others.
    pub(super) fn take(&mut self, id: Uuid) -> Option<Group> {
        let index = self.groups.iter().position(|group| group.has(id))?;
        Some(self.groups.swap_remove(index))
    }

    /// Puts back what was taken out.
    pub(super) fn put_back(&mut self, group: Group) {
        self.groups.push(group);
    }

    /// Forgets a session that has stopped.
    pub(super) fn remove(&mut self, id: Uuid) {
        let Some(index) = self.groups.iter().position(|group| group.has(id)) else {
            return;
        };
        let members = &mut self.groups[index].members;
        members.retain(|member| member.id != id);
        if members.is_empty() {
            self.groups.swap_remove(index);
        }
    }

    /// What each session has counted.
    pub(super) fn counts(&self, id: Uuid) -> Option<Counts> {
        let group = self.of(id)?;
        let member = group.members.iter().find(|member| member.id == id)?;
        Some(member.counts(&group.evaluator))
    }

    /// The state of each session that runs or has failed, as if it were alone.
    pub(super) fn snapshots(&self) -> impl Iterator<Item = (Uuid, Vec<u8>)> {
        self.groups.iter().flat_map(|group| {
            let evaluator = &group.evaluator;
            let members = group.members.iter();
            members.map(|member| {
                let counts = member.counts(evaluator);
                (member.id, evaluator.snapshot_counting(counts))
            })
        })
    }

    /// The accounts of sessions that have one.
    pub(super) fn books(&self) -> impl Iterator<Item = (Uuid, &Book)> {
        let alone = |group: &'_ Group| group.members.first().map(|member| member.id);
        let books = self.groups.iter();
        books.filter_map(move |group| alone(group).zip(group.book.as_deref()))
    }

    /// Makes one group of those in the same state; gives how many sessions share one now.
    pub(super) fn share(&mut self) -> usize {
        // Ids of nodes are part of signals, so that it must be the very same plan.
        let plan = |group: &Group| Arc::as_ptr(group.evaluator.plan());
        let mut candidates: HashMap<*const Plan, usize> = HashMap::new();
        for group in &self.groups {
            *candidates.entry(plan(group)).or_default() += 1;
        }
        let mut known: HashMap<(*const Plan, Vec<u8>), usize> = HashMap::new();
        let mut kept: Vec<Group> = Vec::with_capacity(self.groups.len());
        for group in self.groups.drain(..) {
            // Most strategies have one session, and are done with here.
            let several = candidates
                .get(&plan(&group))
                .is_some_and(|count| *count > 1);
            let state = if several { group.shareable() } else { None };
            match state.map(|state| known.entry((plan(&group), state))) {
                None => kept.push(group),
                Some(std::collections::hash_map::Entry::Occupied(same)) => {
                    kept[*same.get()].take_in(group);
                }
                Some(std::collections::hash_map::Entry::Vacant(new)) => {
                    new.insert(kept.len());
                    kept.push(group);
                }
            }
        }
        self.groups = kept;
        let shared = self.groups.iter().map(|group| group.members.len());
        shared.filter(|sessions| *sessions > 1).sum()
    }
}

/// Tells how many sessions of a partition share an evaluator, for as long as it is evaluated here.
#[derive(Debug, Default)]
pub(super) struct SharedSessions(usize);

impl SharedSessions {
    pub(super) fn tell(&mut self, now: usize) {
        let before = std::mem::replace(&mut self.0, now);
        metrics::gauge!("strategy_shared_sessions").increment(now as f64 - before as f64);
    }
}

impl Drop for SharedSessions {
    fn drop(&mut self) {
        self.tell(0);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use chrono::{DateTime, TimeDelta};
    use rust_decimal::Decimal;
    use strategy_engine::{OnGap, Tick, Timeframe, templates};

    use super::*;
    use crate::source::{Kind, compile_source};

    fn market(count: u64) -> impl Iterator<Item = Tick> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut cents = 10_000_i64;
        let begin = DateTime::from_timestamp(1_767_571_200, 0).unwrap();
        (0..count as i64).map(move |index| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            cents = (cents + (state % 41) as i64 - 20).max(100);
            Tick {
                time: begin + TimeDelta::milliseconds(index * 300),
                price: Decimal::new(cents, 2),
                volume: Decimal::new((state >> 32) as i64 % 10_000 + 1, 4),
                ..Tick::default()
            }
        })
    }

    fn script(text: &str) -> Arc<Plan> {
        let compiled = compile_source(Kind::Script, &text.into()).compilation;
        Arc::new(compiled.plan.unwrap())
    }

    /// Sessions that begin one after another, with and without sharing: the same signals in the
    /// same order, and at last the same snapshots. Gives how many shared one at the end.
    fn shared_after(plan: &Arc<Plan>, timeframe: Timeframe, ticks: u64) -> usize {
        const SESSIONS: u64 = 4;
        let mut groups = Groups::default();
        let mut alone: Vec<(Uuid, Evaluator)> = Vec::new();
        let mut shared = 0;
        for (index, tick) in (0..).zip(market(ticks)) {
            if index % 97 == 0 && index / 97 < SESSIONS {
                let id = Uuid::from_u128(u128::from(u64::MAX - index));
                groups.add(id, plan.start(timeframe), None, None, true);
                alone.push((id, plan.start(timeframe)));
            }
            if index % 1_500 == 1_499 {
                // The exchange was away; by policy they begin anew.
                for group in groups.running() {
                    group.evaluator.on_gap();
                }
                for (_, evaluator) in &mut alone {
                    evaluator.on_gap();
                }
            }
            let mut told = Vec::new();
            for group in groups.running() {
                let signals = group.evaluator.on_tick(&tick);
                told.extend(
                    group
                        .members()
                        .iter()
                        .map(|m| (m.rank, m.id, signals.clone())),
                );
            }
            told.sort_by_key(|(rank, ..)| *rank);
            let told: Vec<_> = told
                .into_iter()
                .map(|(_, id, signals)| (id, signals))
                .collect();
            let expected: Vec<_> = alone
                .iter_mut()
                .map(|(id, evaluator)| (*id, evaluator.on_tick(&tick)))
                .collect();
            assert_eq!(told, expected, "tick {index}");
            if index % 50 == 49 {
                shared = groups.share();
            }
        }
        let mut saved: Vec<_> = groups.snapshots().collect();
        saved.sort();
        let mut expected: Vec<_> = alone
            .iter()
            .map(|(id, evaluator)| (*id, evaluator.snapshot()))
            .collect();
        expected.sort();
        assert_eq!(saved, expected);
        for (id, evaluator) in &alone {
            assert_eq!(groups.counts(*id), Some(evaluator.counts()));
        }
        shared
    }

    #[test]
    fn nothing_but_the_time_that_it_takes_tells_that_sessions_share() {
        let second: Timeframe = "5s".parse().unwrap();
        let mut sharing = Vec::new();
        for template in templates() {
            let plan = script(template.script);
            for timeframe in [Timeframe::Tick, second] {
                let shared = shared_after(&plan, timeframe, 4_000);
                if timeframe == Timeframe::Tick && shared == 4 {
                    sharing.push(template.key);
                }
            }
        }
        for key in ["sma_crossover", "ema", "rsi", "macd"] {
            assert!(sharing.contains(&key), "{key} does not share: {sharing:?}");
        }
    }

    #[test]
    fn a_plan_that_begins_anew_at_a_gap_shares_at_once() {
        let plan =
            script("strategy(\"s\", on_gap=\"reset\")\nif close > sma(close, 500):\n    buy()\n");
        assert_eq!(plan.on_gap(), OnGap::Reset);
        assert_eq!(shared_after(&plan, Timeframe::Tick, 1_550), 4);
        assert_eq!(shared_after(&plan, Timeframe::Tick, 450), 0, "before it");
    }

    #[test]
    fn spans_in_evaluations_and_positions_are_nobody_elses() {
        for text in [
            "if cooldown(close > sma(close, 3), bars=7):\n    buy()\n",
            "if close > sma(close, 3) and position() == 0:\n    buy()\n",
        ] {
            assert_eq!(script(text).start(Timeframe::Tick).state(), None, "{text}");
        }
    }

    #[test]
    fn sessions_leave_one_by_one() {
        let plan = script("if close > sma(close, 3):\n    buy()\n");
        let mut groups = Groups::default();
        let ids: Vec<_> = (1..=3).map(Uuid::from_u128).collect();
        for id in &ids {
            groups.add(*id, plan.start(Timeframe::Tick), None, None, true);
        }
        let waiting = Uuid::from_u128(9);
        groups.add(waiting, plan.start(Timeframe::Tick), None, None, false);
        assert_eq!(groups.share(), 3, "one has not started");
        assert_eq!(groups.running().count(), 1);
        for (left, id) in ids.iter().enumerate() {
            let members = groups.of(*id).unwrap().members().len();
            assert_eq!(members, ids.len() - left);
            groups.remove(*id);
            assert!(groups.of(*id).is_none());
        }
        assert_eq!(groups.running().count(), 0);
        assert!(groups.of(waiting).is_some());
    }
}
