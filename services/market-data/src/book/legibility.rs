//! Whether a product's frames can be read: one that can't is counted and forgotten, a product whose
//! frames stay malformed is told about.

use std::time::{Duration, Instant};

use coinbase::Malformed;
use serde_json::{Value, json};

/// So many of the last 32 frames, trades' or heartbeats', make a product one whose frames stay
/// malformed. Where one frame in a hundred is damaged at random, that is one in a billion.
const MANY: u32 = 8;
/// With no more than so many left among them, it is well again.
const FEW: u32 = 2;

/// What a frame tells, or would have told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// A trade.
    Trade,
    /// A sign of life.
    Heartbeat,
}

/// What has become of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Its frames stay malformed.
    Worse,
    /// They can be read again.
    Well,
}

#[derive(Debug)]
struct Last {
    at: Instant,
    reason: &'static str,
    error: String,
}

/// One product's. The kinds are looked at apart, so that heartbeats that can't be read aren't lost
/// among a hundred trades that can, nor the reverse.
#[derive(Debug, Default)]
pub struct Legibility {
    /// The last 32 frames, the newest in the lowest bit; 1 is a malformed one.
    trades: u32,
    heartbeats: u32,
    /// Malformed frames in all.
    frames: u64,
    last: Option<Box<Last>>,
    stays_malformed: bool,
}

impl Legibility {
    /// A frame could be read.
    pub fn readable(&mut self, told: Told) -> Option<Turn> {
        let recent = self.recent(told);
        // Nothing to forget: nearly always so.
        if *recent == 0 {
            return None;
        }
        *recent <<= 1;
        self.turn()
    }

    /// A frame couldn't be read.
    pub fn malformed(&mut self, malformed: &Malformed, now: Instant) -> Option<Turn> {
        let told = match malformed.is_heartbeat {
            true => Told::Heartbeat,
            false => Told::Trade,
        };
        let recent = self.recent(told);
        *recent = *recent << 1 | 1;
        self.frames += 1;
        self.last = Some(Box::new(Last {
            at: now,
            reason: malformed.error.reason.as_str(),
            error: malformed.error.detail.clone(),
        }));
        self.turn()
    }

    fn recent(&mut self, told: Told) -> &mut u32 {
        match told {
            Told::Trade => &mut self.trades,
            Told::Heartbeat => &mut self.heartbeats,
        }
    }

    fn turn(&mut self) -> Option<Turn> {
        let most = self.trades.count_ones().max(self.heartbeats.count_ones());
        let stays_malformed = match self.stays_malformed {
            true => most > FEW,
            false => most >= MANY,
        };
        let is_new = std::mem::replace(&mut self.stays_malformed, stays_malformed);
        match (is_new, stays_malformed) {
            (false, true) => Some(Turn::Worse),
            (true, false) => Some(Turn::Well),
            _ => None,
        }
    }

    /// Malformed frames in all.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// What the health page tells of a product whose frames stay malformed; `None` of others.
    pub fn detail(&self, now: Instant) -> Option<Value> {
        let last = self.last.as_deref().filter(|_| self.stays_malformed)?;
        let age: Duration = now.saturating_duration_since(last.at);
        Some(json!({
            "frames": self.frames,
            "trades_of_the_last_32": self.trades.count_ones(),
            "heartbeats_of_the_last_32": self.heartbeats.count_ones(),
            "last_reason": last.reason,
            "last_error": last.error,
            "last_seconds_ago": age.as_millis() as f64 / 1e3,
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use coinbase::ProductId;
    use coinbase::exchange::parse;

    use super::*;

    fn malformed(is_heartbeat: bool) -> Malformed {
        Malformed {
            error: parse(r#"{"type":"heartbeat","product_id":"A-B"}"#).unwrap_err(),
            product: ProductId::parse("A-B").ok(),
            is_heartbeat,
        }
    }

    #[test]
    fn one_bad_frame_among_many_is_no_matter() {
        let (mut legibility, now) = (Legibility::default(), Instant::now());
        for _ in 0..100 {
            assert_eq!(legibility.malformed(&malformed(false), now), None);
            for _ in 0..10 {
                assert_eq!(legibility.readable(Told::Trade), None);
            }
        }
        assert_eq!(legibility.frames(), 100);
        assert_eq!(legibility.detail(now), None);
    }

    #[test]
    fn a_product_whose_frames_stay_malformed_is_told_about_until_they_do_not() {
        let (mut legibility, now) = (Legibility::default(), Instant::now());
        // Every other one: the other channel's are well.
        let turns: Vec<Option<Turn>> = (0..8)
            .map(|_| {
                legibility.readable(Told::Trade);
                legibility.malformed(&malformed(false), now)
            })
            .collect();
        assert_eq!(turns[..7], [None; 7]);
        assert_eq!(turns[7], Some(Turn::Worse));
        let detail = legibility.detail(now + Duration::from_secs(2)).unwrap();
        assert_eq!(
            (&detail["frames"], &detail["last_reason"]),
            (&json!(8), &json!("missing_field"))
        );
        assert_eq!(detail["last_seconds_ago"], 2.0);
        assert_eq!(detail["trades_of_the_last_32"], 8);
        // Heartbeats say nothing about trades.
        for _ in 0..100 {
            assert_eq!(legibility.readable(Told::Heartbeat), None);
        }
        let well: Vec<usize> = (1..=32)
            .filter(|_| legibility.readable(Told::Trade) == Some(Turn::Well))
            .collect();
        // They lie two apart: the third newest leaves with the 28th after it.
        assert_eq!(well, [28]);
        assert_eq!(legibility.detail(now), None);
    }

    #[test]
    fn heartbeats_are_seen_among_many_trades() {
        let (mut legibility, now) = (Legibility::default(), Instant::now());
        let mut turns = Vec::new();
        for _ in 0..10 {
            turns.extend(legibility.malformed(&malformed(true), now));
            for _ in 0..50 {
                turns.extend(legibility.readable(Told::Trade));
            }
        }
        assert_eq!(turns, [Turn::Worse]);
    }
}
