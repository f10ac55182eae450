//! Each session's events in the order of their `sequence`, each once.
//!
//! A session counts its trades and its events with one sequence, but they come over two topics, and
//! these are not consumed in step. So an event that comes too early is held back for a moment until
//! those before it are there. What was handed on before is a repeat (Kafka delivers at least once)
//! and dropped. A hole that isn't filled in time is given up; should its event come after all, it is
//! handed on late rather than lost.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

/// How long an event waits for those before it. Both topics' records are written in one transaction,
/// so that they are milliseconds apart where the consumer keeps up. A session that this process
/// hasn't seen yet and that is under way already pays this once.
const HOLD: Duration = Duration::from_millis(500);
/// Holes of a session that are remembered; the oldest is forgotten first, and what comes for it is
/// then taken for a repeat.
const MAX_HOLES: usize = 16;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is handed on, and with it those that waited for it.
    InOrder,
    /// It waits.
    Held,
    /// It is handed on after its successors were.
    Late,
    /// It was handed on before.
    Repeat,
}

/// How much is remembered.
#[derive(Debug, Clone, Copy)]
pub(super) struct OrderLimits {
    /// Sessions; beyond it the quarter that was silent for longest is forgotten. The events of such
    /// a session are then held once as if it were new, and repeats of old ones aren't recognised.
    pub(super) sessions: usize,
    /// Events that one session holds back; beyond it the hole is given up at once.
    pub(super) held_per_session: usize,
    /// The same for all sessions together.
    pub(super) held: usize,
}

impl Default for OrderLimits {
    fn default() -> Self {
        Self {
            sessions: 100_000,
            held_per_session: 256,
            held: 10_000,
        }
    }
}

#[derive(Debug)]
struct Session<T> {
    /// The sequence that comes next.
    next: u64,
    /// Sequences before `next` that never came.
    holes: VecDeque<Range<u64>>,
    held: BTreeMap<u64, T>,
    /// When the hole before the held events is given up.
    give_up_at: Option<Instant>,
    touched: u64,
}

impl<T> Session<T> {
    fn new() -> Self {
        Self {
            next: 1,
            holes: VecDeque::new(),
            held: BTreeMap::new(),
            give_up_at: None,
            touched: 0,
        }
    }

    /// Takes a sequence out of the holes, if it is in one.
    fn fill_hole(&mut self, sequence: u64) -> bool {
        let Some(index) = self.holes.iter().position(|hole| hole.contains(&sequence)) else {
            return false;
        };
        let Some(hole) = self.holes.remove(index) else {
            return false;
        };
        for (offset, rest) in [hole.start..sequence, sequence + 1..hole.end]
            .into_iter()
            .filter(|rest| !rest.is_empty())
            .enumerate()
        {
            self.holes.insert(index + offset, rest);
        }
        self.bound_holes();
        true
    }

    fn bound_holes(&mut self) {
        while self.holes.len() > MAX_HOLES {
            self.holes.pop_front();
        }
    }

    /// Hands on what is contiguous from `next`.
    fn release(&mut self, out: &mut Vec<T>) {
        while let Some(event) = self.held.remove(&self.next) {
            out.push(event);
            self.next += 1;
        }
        if self.held.is_empty() {
            self.give_up_at = None;
        }
    }

    /// Goes on after the hole before the first held event.
    fn give_up(&mut self, out: &mut Vec<T>) {
        if let Some(first) = self.held.keys().next().copied() {
            self.holes.push_back(self.next..first);
            self.bound_holes();
            self.next = first;
        }
        self.release(out);
    }
}

/// See the module's description. Events that are ready are added to `out`.
#[derive(Debug)]
pub(super) struct Order<T> {
    limits: OrderLimits,
    sessions: HashMap<Uuid, Session<T>>,
    held: usize,
    /// When to look at which session; in order, because every hold lasts equally long.
    timers: VecDeque<(Instant, Uuid)>,
    clock: u64,
    gaps: u64,
}

impl<T> Order<T> {
    pub(super) fn new(limits: OrderLimits) -> Self {
        Self {
            limits,
            sessions: HashMap::new(),
            held: 0,
            timers: VecDeque::new(),
            clock: 0,
            gaps: 0,
        }
    }

    pub(super) fn accept(
        &mut self,
        id: Uuid,
        sequence: u64,
        event: T,
        now: Instant,
        out: &mut Vec<T>,
    ) -> Verdict {
        if !self.sessions.contains_key(&id) && self.sessions.len() >= self.limits.sessions {
            self.forget_silent();
        }
        self.clock += 1;
        let session = self.sessions.entry(id).or_insert_with(Session::new);
        session.touched = self.clock;
        if sequence < session.next {
            if session.fill_hole(sequence) {
                out.push(event);
                return Verdict::Late;
            }
            return Verdict::Repeat;
        }
        if session.held.contains_key(&sequence) {
            return Verdict::Repeat;
        }
        let before = session.held.len();
        session.held.insert(sequence, event);
        if sequence == session.next {
            session.release(out);
            if session.give_up_at.is_some() {
                // Another hole, further on: it gets its own time.
                session.give_up_at = Some(now + HOLD);
                self.timers.push_back((now + HOLD, id));
            }
            self.held = self.held + session.held.len() - before;
            return Verdict::InOrder;
        }
        if session.give_up_at.is_none() {
            session.give_up_at = Some(now + HOLD);
            self.timers.push_back((now + HOLD, id));
        }
        self.held += 1;
        if session.held.len() > self.limits.held_per_session || self.held > self.limits.held {
            self.give_up(id, now, out);
        }
        Verdict::Held
    }

    /// Gives up the holes whose time is over.
    pub(super) fn expire(&mut self, now: Instant, out: &mut Vec<T>) {
        while let Some((at, id)) = self.timers.front().copied()
            && at <= now
        {
            self.timers.pop_front();
            let due = self
                .sessions
                .get(&id)
                .and_then(|session| session.give_up_at);
            if due.is_some_and(|due| due <= now) {
                self.give_up(id, now, out);
            }
        }
    }

    /// Hands on everything that waits.
    pub(super) fn flush(&mut self, now: Instant, out: &mut Vec<T>) {
        let waiting: Vec<Uuid> = self.timers.drain(..).map(|(_, id)| id).collect();
        for id in waiting {
            while self.sessions.get(&id).is_some_and(|s| !s.held.is_empty()) {
                self.give_up(id, now, out);
            }
        }
    }

    /// Holes given up since the last call.
    pub(super) fn take_gaps(&mut self) -> u64 {
        std::mem::take(&mut self.gaps)
    }

    fn give_up(&mut self, id: Uuid, now: Instant, out: &mut Vec<T>) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let before = session.held.len();
        session.give_up(out);
        self.held -= before - session.held.len();
        self.gaps += 1;
        if session.give_up_at.is_some() {
            session.give_up_at = Some(now + HOLD);
            self.timers.push_back((now + HOLD, id));
        }
    }

    fn forget_silent(&mut self) {
        let mut quiet: Vec<(u64, Uuid)> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.held.is_empty())
            .map(|(id, session)| (session.touched, *id))
            .collect();
        quiet.sort_unstable();
        let surplus = self.limits.sessions / 4 + 1;
        for (_, id) in quiet.into_iter().take(surplus) {
            self.sessions.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const SESSION: Uuid = Uuid::from_u128(7);

    fn order() -> Order<u64> {
        Order::new(OrderLimits::default())
    }

    fn accept(order: &mut Order<u64>, sequence: u64, now: Instant) -> (Verdict, Vec<u64>) {
        let mut out = Vec::new();
        let verdict = order.accept(SESSION, sequence, sequence, now, &mut out);
        (verdict, out)
    }

    #[test]
    fn an_event_waits_for_those_before_it() {
        let now = Instant::now();
        let mut order = order();
        assert_eq!(accept(&mut order, 1, now), (Verdict::InOrder, vec![1]));
        assert_eq!(accept(&mut order, 3, now), (Verdict::Held, vec![]));
        assert_eq!(accept(&mut order, 3, now), (Verdict::Repeat, vec![]));
        assert_eq!(accept(&mut order, 4, now), (Verdict::Held, vec![]));
        assert_eq!(
            accept(&mut order, 2, now),
            (Verdict::InOrder, vec![2, 3, 4])
        );
        assert_eq!(accept(&mut order, 2, now), (Verdict::Repeat, vec![]));
        assert_eq!((order.held, order.take_gaps()), (0, 0));
    }

    #[test]
    fn a_hole_is_given_up_in_time_and_its_event_is_not_lost() {
        let now = Instant::now();
        let mut order = order();
        accept(&mut order, 1, now);
        accept(&mut order, 3, now);
        accept(&mut order, 6, now);
        let mut out = Vec::new();
        order.expire(now + HOLD / 2, &mut out);
        assert!(out.is_empty());
        order.expire(now + HOLD, &mut out);
        assert_eq!(out, [3]);
        // The next hole has its own time.
        order.expire(now + HOLD * 2, &mut out);
        assert_eq!((&out, order.take_gaps()), (&vec![3, 6], 2));
        assert_eq!(accept(&mut order, 5, now), (Verdict::Late, vec![5]));
        assert_eq!(accept(&mut order, 5, now), (Verdict::Repeat, vec![]));
        assert_eq!(accept(&mut order, 4, now), (Verdict::Late, vec![4]));
        assert_eq!(accept(&mut order, 2, now), (Verdict::Late, vec![2]));
        assert_eq!(accept(&mut order, 7, now), (Verdict::InOrder, vec![7]));
    }

    #[test]
    fn a_session_under_way_is_held_once() {
        let now = Instant::now();
        let mut order = order();
        assert_eq!(accept(&mut order, 901, now), (Verdict::Held, vec![]));
        assert_eq!(accept(&mut order, 900, now), (Verdict::Held, vec![]));
        let mut out = Vec::new();
        order.expire(now + HOLD, &mut out);
        assert_eq!(out, [900, 901]);
        assert_eq!(accept(&mut order, 902, now), (Verdict::InOrder, vec![902]));
    }

    #[test]
    fn nothing_is_unbounded() {
        let now = Instant::now();
        let limits = OrderLimits {
            sessions: 8,
            held_per_session: 4,
            held: 6,
        };
        let mut order: Order<u64> = Order::new(limits);
        let mut out = Vec::new();
        for sequence in 2..7 {
            order.accept(SESSION, sequence, sequence, now, &mut out);
        }
        assert_eq!(out, [2, 3, 4, 5, 6]);
        for id in 0..100 {
            order.accept(Uuid::from_u128(id), 1, 1, now, &mut out);
        }
        assert!(order.sessions.len() <= 8);
        for id in 200..300 {
            order.accept(Uuid::from_u128(id), 2, 2, now, &mut out);
            assert!(order.held <= 6, "{}", order.held);
        }
        order.flush(now, &mut out);
        assert_eq!(order.held, 0);
    }

    proptest! {
        /// Two topics that are consumed at any relative speed, with redeliveries.
        #[test]
        fn two_topics_become_one_sequence(
            topics in prop::collection::vec(any::<bool>(), 1..100),
            turns in prop::collection::vec((any::<bool>(), 0_usize..4), 0..400),
        ) {
            let now = Instant::now();
            let mut order: Order<u64> = Order::new(OrderLimits::default());
            let sequences = |wanted: bool| -> Vec<u64> {
                (1..).zip(&topics).filter(|(_, t)| **t == wanted).map(|(n, _)| n).collect()
            };
            let logs = [sequences(false), sequences(true)];
            let mut positions = [0_usize; 2];
            let mut out = Vec::new();
            for (topic, back) in turns {
                let topic = usize::from(topic);
                // A redelivery goes back a little and then on.
                positions[topic] = positions[topic].saturating_sub(back.saturating_sub(1));
                if let Some(sequence) = logs[topic].get(positions[topic]) {
                    order.accept(SESSION, *sequence, *sequence, now, &mut out);
                    positions[topic] += 1;
                }
            }
            for (log, position) in logs.iter().zip(positions) {
                for sequence in &log[position..] {
                    order.accept(SESSION, *sequence, *sequence, now, &mut out);
                }
            }
            let all: Vec<u64> = (1..).take(topics.len()).collect();
            prop_assert_eq!(out, all);
        }
    }
}
