//! The log through a fresh exchange.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kafka_common::KafkaSettings;
use kafka_common::envelope::{self, Envelope};
use kafka_common::messages::{RecordKind, StrategySignal};
use kafka_common::partitioner::{market_data_partition, market_data_partitions, signals_partition};
use kafka_common::past::Past;
use kafka_common::processor::{InputRecord, Restored, Unit as _};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Outputs, Said, Stored, Topic};
use crate::exchange::{Out, PartitionExchange};
use crate::projection::{Row, SessionUpdate, Status};

/// What a replay wants to read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Records of `strategy-signals`.
    Signals,
    /// Records of `market-data-updates`, from this offset on if none was read yet.
    Ticks {
        /// The first tick after the session's start.
        from: i64,
    },
}

/// One session's log, applied to a fresh exchange.
#[derive(Debug)]
pub struct Replay {
    session_id: Uuid,
    symbol: String,
    market_data: i32,
    signals: i32,
    /// Which of the signals' market-data partitions is the session's.
    slot: usize,
    /// What the database says is as of this output.
    stored_sequence: u64,
    /// For a session that began in the past.
    past: Arc<dyn Past>,
    run: Option<Run>,
}

/// The exchange, from the session's start on.
#[derive(Debug)]
struct Run {
    exchange: PartitionExchange,
    out: Out,
    from: i64,
    fresh: Fresh,
}

/// What the log makes of a session.
#[derive(Debug, Default)]
pub struct Fresh {
    pub(super) outputs: Outputs,
    /// The account as of the output that the database has reached.
    pub(super) account: Option<Box<SessionUpdate>>,
    /// Status and times as of the same output.
    pub(super) status: Option<Status>,
    pub(super) started_at: Option<DateTime<Utc>>,
    pub(super) stopped_at: Option<DateTime<Utc>>,
    /// The latest output.
    pub(super) sequence: u64,
    /// Whether the session has ended: nothing can come any more.
    pub(super) ended: bool,
    /// Whether it ever ran: a session that is refused at its start has no account.
    pub(super) ran: bool,
    /// A bug of the exchange: what it said can't be read.
    pub(super) unreadable: Vec<String>,
}

impl Replay {
    /// Of a session, as the database knows it; `past` is that of the market data.
    #[must_use]
    pub fn new(stored: &Stored, past: Arc<dyn Past>) -> Self {
        let symbol = stored.symbol().to_owned();
        let market_data = market_data_partition(&symbol);
        let signals = signals_partition(market_data);
        let slot = market_data_partitions(signals).position(|partition| partition == market_data);
        Self {
            session_id: stored.id(),
            symbol,
            market_data,
            signals,
            // A symbol's partition is among those that its signals follow.
            slot: slot.unwrap_or_default(),
            stored_sequence: stored.sequence(),
            past,
            run: None,
        }
    }

    /// The partition of `market-data-updates` that holds the session's symbol.
    #[must_use]
    pub fn market_data_partition(&self) -> i32 {
        self.market_data
    }

    /// The partition of `strategy-signals` that holds its signals.
    #[must_use]
    pub fn signals_partition(&self) -> i32 {
        self.signals
    }

    /// Whether the session's start was in the log.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.run.is_some()
    }

    /// What it can't go on without.
    #[must_use]
    pub fn wants(&self) -> Input {
        match &self.run {
            Some(run) if run.exchange.lacks() > 0 => Input::Ticks { from: run.from },
            _ => Input::Signals,
        }
    }

    /// Takes a record of the signals' partition, by `kind` of its header.
    pub fn signal(&mut self, offset: i64, kind: Option<&str>, value: Option<&[u8]>) {
        if self.run.is_none() {
            self.run = self.start(offset, kind, value);
        }
        let (session_id, slot) = (self.session_id, self.slot);
        if let Some(run) = &mut self.run {
            let record = InputRecord {
                input: 0,
                offset,
                key: None,
                value,
                record_kind: kind,
            };
            run.exchange
                .accept_of(session_id, slot, &record, &mut run.out);
            run.collect(session_id, self.stored_sequence);
        }
    }

    /// Takes a record of the market data's partition.
    pub fn tick(&mut self, offset: i64, key: Option<&[u8]>, value: Option<&[u8]>) {
        let Some(run) = &mut self.run else {
            return;
        };
        match key == Some(self.symbol.as_bytes()) {
            true => {
                let record = InputRecord {
                    input: self.slot + 1,
                    offset,
                    key,
                    value,
                    record_kind: None,
                };
                // What can't be read is stepped over, as forward-test does.
                let _ = run.exchange.accept(record, &mut run.out);
            }
            false => run.exchange.step_over(self.slot, offset, &mut run.out),
        }
        run.collect(self.session_id, self.stored_sequence);
    }

    /// An exchange that begins at the session's start, if this record is it.
    fn start(&self, offset: i64, kind: Option<&str>, value: Option<&[u8]>) -> Option<Run> {
        if RecordKind::parse(kind) != Some(RecordKind::Start) {
            return None;
        }
        let data = envelope::decode::<StrategySignal>(value).ok()?.data;
        let cause = data.cause.filter(|_| data.session_id == self.session_id)?;
        let place = data.place.unwrap_or(cause.offset);
        if data.place.is_some() && self.past.bounds(cause.partition).ok()?.0 > cause.offset + 1 {
            // What it met first is gone.
            return None;
        }
        let from = place + 1;
        let mut positions = vec![0; market_data_partitions(self.signals).count() + 1];
        positions[0] = offset;
        if let Some(position) = positions.get_mut(self.slot + 1) {
            *position = from;
        }
        let committed = vec![0; positions.len()];
        let restored = Restored {
            unit: self.signals,
            positions,
            committed,
            state: None,
        };
        Some(Run {
            // Without a state nothing can be unreadable in it.
            exchange: PartitionExchange::restore(restored, Arc::clone(&self.past)).ok()?,
            out: outputs(),
            from,
            fresh: Fresh::default(),
        })
    }

    /// The latest output so far, if the session has ended with it.
    #[must_use]
    pub fn ended_with(&self) -> Option<u64> {
        let fresh = self.run.as_ref().map(|run| &run.fresh)?;
        (fresh.ended && fresh.ran).then_some(fresh.sequence)
    }

    /// The log between the session's start and now has gone: there is no run.
    #[must_use]
    pub fn without_log(mut self) -> Self {
        self.run = None;
        self
    }

    /// What came out; none where the session's start isn't in the log.
    #[must_use]
    pub fn finish(self) -> Option<Fresh> {
        self.run.map(|run| run.fresh)
    }
}

/// Nothing is suppressed: the log's end is the run's own.
fn outputs() -> Out {
    Out::new(&KafkaSettings::default(), Vec::new())
}

impl Run {
    fn collect(&mut self, session_id: Uuid, stored_sequence: u64) {
        let quiet = self.out.rows().is_empty() && self.out.sent().next().is_none();
        if quiet && self.out.failure().is_none() {
            return;
        }
        let out = std::mem::replace(&mut self.out, outputs());
        let fresh = &mut self.fresh;
        fresh.unreadable.extend(out.failure().map(str::to_owned));
        let names: BTreeMap<&str, Topic> = Topic::ALL
            .into_iter()
            .map(|topic| (topic.name(), topic))
            .collect();
        for (name, _, value) in out.sent() {
            let envelope: Result<Envelope<&RawValue>, _> = envelope::decode(Some(value));
            let read = envelope.map_err(|error| error.to_string()).and_then(|e| {
                let topic = names.get(name).ok_or("an unknown topic")?;
                Said::read(*topic, e.data.get())
            });
            match read {
                Ok((sequence, said)) => {
                    fresh.sequence = fresh.sequence.max(sequence);
                    fresh.outputs.insert(sequence, said);
                }
                Err(error) => fresh.unreadable.push(error),
            }
        }
        for row in out.rows() {
            match row {
                Row::Session(update) if update.session_id == session_id => {
                    let status = update.status.as_ref().map(|(status, _)| *status);
                    fresh.ran = true;
                    fresh.ended |= status.is_some_and(Status::is_end);
                    if update.sequence <= stored_sequence {
                        fresh.status = status.or(fresh.status);
                        fresh.started_at = fresh.started_at.or(update.started_at);
                        fresh.stopped_at = update.stopped_at.or(fresh.stopped_at);
                        fresh.account = Some(update.clone());
                    }
                }
                Row::Ended { status, time, .. } => {
                    fresh.ended = true;
                    fresh.status = Some(*status);
                    fresh.stopped_at = Some(*time);
                }
                _ => {}
            }
        }
    }
}
