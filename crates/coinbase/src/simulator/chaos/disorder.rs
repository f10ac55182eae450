//! One client's share of the chaos.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, close_code};

use super::config::{Chaos, Delay};
use super::dice::{Dice, Question, place};
use super::garbage::{KINDS, garbage};
use super::log::ChaosLog;
use crate::exchange::FrameKind;
use crate::simulator::source::SimFrame;

/// What to do instead of sending a frame.
#[derive(Debug)]
pub(in crate::simulator) enum Step {
    /// Send this frame.
    Send(SimFrame),
    /// Send this as it is.
    Raw(Message),
    /// A frame is not sent that should have been.
    Lose,
    /// Wait first.
    Wait(Duration),
    /// End the connection, with this code and reason; or as if the cable had been cut.
    End(Option<(u16, &'static str)>),
}

/// How Coinbase ends connections, and how networks do.
const ENDS: [Option<(u16, &'static str)>; 7] = [
    None,
    Some((close_code::NORMAL, "")),
    Some((close_code::AWAY, "server shutting down")),
    Some((close_code::POLICY, "ErrSlowConsume")),
    Some((close_code::ERROR, "internal error")),
    Some((close_code::RESTART, "service restart")),
    Some((close_code::AGAIN, "try again later")),
];

/// How many frames are held back at most; beyond it they go out in their places.
const HELD: usize = 64;

pub(in crate::simulator) struct Disorder {
    chaos: Chaos,
    dice: Dice,
    log: Arc<ChaosLog>,
    connection: u64,
    /// How many frames with a trade have come by.
    count: u64,
    /// Frames held back, and the count at which each is to go.
    held: Vec<(u64, SimFrame)>,
}

impl Disorder {
    /// `connection` tells connections of one simulator apart.
    pub fn new(chaos: Chaos, connection: u64, log: Arc<ChaosLog>) -> Self {
        Self {
            dice: Dice::new(chaos.seed),
            chaos,
            log,
            connection,
            count: 0,
            held: Vec::new(),
        }
    }

    /// Whether this connection gets no data at all.
    pub fn is_stalled(&self) -> bool {
        self.chance(self.chaos.stalls, Question::Stall)
    }

    /// Whether nobody is told this frame's trade.
    pub fn loses(&self, frame: &SimFrame) -> bool {
        let (Some(losses), Some(trade)) = (self.chaos.losses, &frame.trade) else {
            return false;
        };
        let product = place(trade.product_id);
        // Any of the trades before it may have begun a run that reaches it.
        (0..u64::from(losses.longest)).any(|back| {
            let Some(start) = trade.trade_id.checked_sub(back) else {
                return false;
            };
            self.dice
                .chance(losses.rate, Question::Loss, product, start)
                && u64::from(
                    self.dice
                        .up_to(losses.longest, Question::LossLength, product, start),
                ) > back
        })
    }

    /// What becomes of a frame that the client has subscribed to.
    pub fn steps(&mut self, frame: &SimFrame, steps: &mut Vec<Step>) {
        let Some(trade) = frame.trade else {
            steps.push(Step::Send(frame.clone()));
            // A quiet market must not keep what was held back for ever.
            if frame.kind == FrameKind::Heartbeat {
                self.release_all(steps);
            }
            return;
        };
        if self.loses(frame) {
            self.log.lose(trade.product_id, trade.trade_id);
            steps.push(Step::Lose);
            return;
        }
        self.count += 1;
        if self.chance(self.chaos.disconnects, Question::Disconnect) {
            self.log.write().disconnected += 1;
            let end = self.up_to(ENDS.len() as u32, Question::DisconnectKind) as usize;
            steps.push(Step::End(ENDS.get(end - 1).copied().flatten()));
            return;
        }
        self.wait(steps);
        if self.chance(self.chaos.garbage, Question::Garbage) {
            self.log.write().garbage += 1;
            let kind = self.up_to(KINDS, Question::GarbageKind);
            steps.push(Step::Raw(garbage(kind, &frame.text)));
        }
        match self.chaos.reorders {
            Some(reorders)
                if self.held.len() < HELD && self.chance(reorders.rate, Question::Reorder) =>
            {
                self.log.write().reordered += 1;
                let distance = self.up_to(reorders.distance, Question::ReorderDistance);
                let due = self.count + u64::from(distance);
                self.held.push((due, frame.clone()));
            }
            _ => {
                steps.push(Step::Send(frame.clone()));
                if self.chance(self.chaos.duplicates, Question::Duplicate) {
                    self.log.write().duplicated += 1;
                    steps.push(Step::Send(frame.clone()));
                }
            }
        }
        self.release_due(steps);
    }

    /// What is held back, when nothing more will come.
    pub fn release_all(&mut self, steps: &mut Vec<Step>) {
        let held = self.held.drain(..);
        steps.extend(held.map(|(_, frame)| Step::Send(frame)));
    }

    fn release_due(&mut self, steps: &mut Vec<Step>) {
        let count = self.count;
        let due = self.held.extract_if(.., |(due, _)| *due <= count);
        steps.extend(due.map(|(_, frame)| Step::Send(frame)));
    }

    fn wait(&self, steps: &mut Vec<Step>) {
        let Chaos { slow, pauses, .. } = self.chaos;
        if let Some(wait) = self.delay(slow, Question::Slow, Question::SlowLength) {
            self.log.write().slowed += 1;
            steps.push(Step::Wait(wait));
        }
        if let Some(wait) = self.delay(pauses, Question::Pause, Question::PauseLength) {
            self.log.write().paused += 1;
            steps.push(Step::Wait(wait));
        }
    }

    fn delay(&self, delay: Option<Delay>, when: Question, length: Question) -> Option<Duration> {
        let delay = delay?;
        self.chance(delay.rate, when).then(|| {
            let half = delay.wait / 2;
            half + half.mul_f64(f64::from(self.up_to(1_000, length)) / 1_000.0)
        })
    }

    fn chance(&self, rate: f64, question: Question) -> bool {
        self.dice
            .chance(rate, question, self.connection, self.count)
    }

    fn up_to(&self, most: u32, question: Question) -> u32 {
        self.dice.up_to(most, question, self.connection, self.count)
    }
}
