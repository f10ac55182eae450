//! The state machine: signals and ticks in their one order, applied to the sessions' accounts.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use kafka_common::messages::{
    ForwardTestEvent, ForwardTestEventKind, RecordKind, StrategySignal, TickView,
};
use kafka_common::partitioner::market_data_partitions;
use kafka_common::processor::{
    InputPartition, InputRecord, Outputs, Processor, Restored, StoreError, Unit,
};
use kafka_common::topics::{MarketDataUpdates, StrategySignals};
use kafka_common::trace::{self, TraceContext};
use kafka_common::{ForwardTestService, Topic, envelope};
use paper_exchange::{
    Account, Disposition, LedgerError, MarketTrade, OrderRequest, Origin, Output, Quote,
    Replacement,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::convert;
use crate::one_order::{Applied, OneOrder, Place, Step};
use crate::projection::{Row, Status};
use crate::publishing::{publish, send_event};
use crate::terms;

/// The format of the snapshots.
const SNAPSHOT_VERSION: u32 = 1;
/// Input 0 is the signals; the market-data partitions follow.
const SIGNALS: usize = 0;

pub(crate) type Out = Outputs<ForwardTestService, Row>;

/// Makes the units: a partition of the signals, and the market-data partitions that it follows.
#[derive(Debug)]
pub(crate) struct Exchange;

impl Processor for Exchange {
    type Unit = PartitionExchange;

    fn primary_topic(&self) -> &'static str {
        StrategySignals::SPEC.name
    }

    fn inputs(&self, unit: i32) -> Vec<InputPartition> {
        let signals = InputPartition {
            topic: StrategySignals::SPEC.name,
            partition: unit,
        };
        let market_data = market_data_partitions(unit).map(|partition| InputPartition {
            topic: MarketDataUpdates::SPEC.name,
            partition,
        });
        std::iter::once(signals).chain(market_data).collect()
    }

    fn restore(&self, restored: Restored) -> Result<Self::Unit, StoreError> {
        PartitionExchange::restore(restored)
    }

    /// There are no commands: what users want comes through the log.
    fn unit_of(&self, command: &std::convert::Infallible) -> i32 {
        match *command {}
    }
}

/// A session that trades.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) user_id: String,
    pub(crate) strategy_id: Uuid,
    pub(crate) symbol: String,
    pub(crate) account: Account,
    /// UTC day (since 1970) of the latest point of the equity curve.
    #[serde(default)]
    pub(crate) day: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedState {
    version: u32,
    applied: Vec<Applied>,
    sessions: BTreeMap<Uuid, Session>,
}

/// A signals record that could be read.
#[derive(Debug)]
struct SignalRecord {
    kind: RecordKind,
    data: StrategySignal,
    time: DateTime<Utc>,
    trace: Option<TraceContext>,
}

/// A tick that concerns a session.
#[derive(Debug)]
struct MarketTick {
    symbol: String,
    trade: MarketTrade,
    quote: Option<Quote>,
    /// No trade, but the mark of missing ones.
    gap: bool,
    trace: Option<TraceContext>,
}

/// Traces of signals whose orders wait. They are for looking, not for trading: beyond the bound
/// they are forgotten, and what follows begins traces of its own.
pub(crate) type Traces = HashMap<Uuid, TraceContext>;
const MAX_TRACES: usize = 10_000;

/// The paper exchange of one partition.
#[derive(Debug)]
pub(crate) struct PartitionExchange {
    /// Partitions of the market data, in the order of the inputs.
    market_data: Vec<i32>,
    order: OneOrder<MarketTick, SignalRecord>,
    sessions: BTreeMap<Uuid, Session>,
    by_symbol: HashMap<String, Vec<Uuid>>,
    /// Filled and emptied for each application; kept so that a tick allocates nothing.
    outputs: Vec<Output>,
    traces: Traces,
}

impl PartitionExchange {
    fn restore(restored: Restored) -> Result<Self, StoreError> {
        let saved = match restored.state {
            None => SavedState {
                version: SNAPSHOT_VERSION,
                applied: Vec::new(),
                sessions: BTreeMap::new(),
            },
            Some(bytes) => {
                let saved: SavedState = serde_json::from_slice(&bytes)
                    .map_err(|error| StoreError::new("reading a snapshot", error))?;
                if saved.version != SNAPSHOT_VERSION {
                    return Err(StoreError(format!(
                        "the snapshot of unit {} has version {}, not {SNAPSHOT_VERSION}",
                        restored.unit, saved.version
                    )));
                }
                saved
            }
        };
        let mut by_symbol: HashMap<String, Vec<Uuid>> = HashMap::new();
        for (id, session) in &saved.sessions {
            session
                .account
                .audit()
                .map_err(|error| StoreError::new("auditing a restored account", error))?;
            by_symbol
                .entry(session.symbol.clone())
                .or_default()
                .push(*id);
        }
        Ok(Self {
            market_data: market_data_partitions(restored.unit).collect(),
            order: OneOrder::new(restored.positions, saved.applied),
            sessions: saved.sessions,
            by_symbol,
            outputs: Vec::new(),
            traces: Traces::new(),
        })
    }

    fn read_signal(&self, record: &InputRecord<'_>) -> Result<(Place, SignalRecord), String> {
        let kind = RecordKind::parse(record.record_kind)
            .ok_or_else(|| format!("unknown {}", RecordKind::HEADER))?;
        let envelope =
            envelope::decode::<StrategySignal>(record.value).map_err(|error| error.to_string())?;
        let data = envelope.data;
        let cause = data
            .cause
            .ok_or("the signal has no `cause`: it can't be ordered")?;
        let slot = self
            .market_data
            .iter()
            .position(|partition| *partition == cause.partition)
            .ok_or_else(|| {
                format!(
                    "`cause.partition` {} does not belong to this partition",
                    cause.partition
                )
            })?;
        if kind == RecordKind::Signal {
            convert::order_terms(data.order_type.as_deref(), data.order.as_deref())
                .map_err(|(field, why)| format!("`{field}`: {why}"))?;
        }
        let id = data
            .signal_id
            .ok_or("the signal has no `signal_id`: repeats can't be told")?;
        // A cause without a time: the record's own, which the log keeps.
        let time = cause.timestamp.unwrap_or(envelope.timestamp);
        let place = Place {
            slot,
            offset: cause.offset,
            id,
        };
        let trace = trace::current();
        Ok((
            place,
            SignalRecord {
                kind,
                data,
                time,
                trace,
            },
        ))
    }

    /// Applies everything whose turn has come.
    fn advance(&mut self, out: &mut Out) {
        while let Some(step) = self.order.next() {
            match step {
                Step::Tick { slot, offset, tick } => {
                    if let Some(tick) = tick {
                        out.applying(slot + 1, offset);
                        trace::sync_scope(tick.trace, || self.apply_tick(&tick, out));
                    }
                }
                Step::Record {
                    offset,
                    record: Some(record),
                } => {
                    out.applying(SIGNALS, offset);
                    trace::sync_scope(record.trace, || self.apply_record(record, out));
                }
                Step::Record { record: None, .. } => {}
            }
        }
    }

    fn apply_tick(&mut self, tick: &MarketTick, out: &mut Out) {
        let Some(ids) = self.by_symbol.get(&tick.symbol) else {
            return;
        };
        for id in ids {
            let Some(session) = self.sessions.get_mut(id) else {
                continue;
            };
            let account = &mut session.account;
            let applied = match tick.gap {
                true => {
                    account.on_gap(tick.trade.time, &mut self.outputs);
                    Ok(())
                }
                false => {
                    let quote = tick.quote.as_ref();
                    account.on_quoted_trade(&tick.trade, quote, &mut self.outputs)
                }
            };
            match applied {
                Ok(()) => {}
                Err(LedgerError::InvalidTrade { price }) => {
                    metrics::counter!("forward_test_invalid_ticks_total").increment(1);
                    tracing::warn!(symbol = tick.symbol, %price, "tick can't be traded on, skipped");
                }
                Err(error) => {
                    metrics::counter!("forward_test_ledger_errors_total").increment(1);
                    tracing::error!(session = %id, %error, "ledger check failed, session ends");
                    session.account.fail(tick.trade.time, &mut self.outputs);
                    publish(
                        *id,
                        session,
                        &mut self.outputs,
                        &mut self.traces,
                        Some(&error.to_string()),
                        out,
                    );
                    continue;
                }
            }
            if !self.outputs.is_empty() {
                publish(*id, session, &mut self.outputs, &mut self.traces, None, out);
            }
        }
    }

    fn apply_record(&mut self, record: SignalRecord, out: &mut Out) {
        let SignalRecord {
            kind,
            data,
            time,
            trace,
        } = record;
        let id = data.session_id;
        match kind {
            RecordKind::Progress => {}
            RecordKind::Start => self.start_session(data, time, out),
            RecordKind::Stop => {
                let Some(mut session) = self.sessions.remove(&id) else {
                    return unknown_session(kind, id);
                };
                if let Some(ids) = self.by_symbol.get_mut(&session.symbol) {
                    ids.retain(|other| *other != id);
                }
                session.account.stop(time, &mut self.outputs);
                publish(
                    id,
                    &mut session,
                    &mut self.outputs,
                    &mut self.traces,
                    None,
                    out,
                );
            }
            RecordKind::Signal => {
                let Some(session) = self.sessions.get_mut(&id) else {
                    return unknown_session(kind, id);
                };
                let Some(action) = convert::action(data.signal.action) else {
                    return;
                };
                let signal_id = data.signal_id.unwrap_or_default();
                if let Some(trace) = trace {
                    if self.traces.len() >= MAX_TRACES {
                        self.traces.clear();
                    }
                    self.traces.insert(signal_id, trace);
                }
                let details = data.order.as_deref();
                let Ok(terms) = convert::order_terms(data.order_type.as_deref(), details) else {
                    // Checked when it was read.
                    return;
                };
                let origin = match details.is_some_and(|details| details.manual) {
                    true => Origin::User,
                    false => Origin::Strategy,
                };
                let order = OrderRequest {
                    signal_id,
                    action,
                    quantity: data.signal.quantity,
                    quantity_type: convert::quantity_type(data.signal.quantity_type),
                    reason: data.signal.reason,
                    time,
                };
                let taken = session
                    .account
                    .on_order(order, terms, origin, &mut self.outputs);
                if taken == Disposition::NotRunning {
                    metrics::counter!("forward_test_signals_ignored_total").increment(1);
                    tracing::warn!(session = %id, "signal for a session that has ended");
                }
                publish(id, session, &mut self.outputs, &mut self.traces, None, out);
            }
            RecordKind::Cancel
            | RecordKind::Replace
            | RecordKind::Pause
            | RecordKind::Resume
            | RecordKind::Close => {
                let Some(session) = self.sessions.get_mut(&id) else {
                    return unknown_session(kind, id);
                };
                let known = command(&mut session.account, kind, &data, time, &mut self.outputs);
                if !known {
                    metrics::counter!("forward_test_commands_ignored_total").increment(1);
                    tracing::info!(session = %id, kind = kind.as_str(), "the order isn't open");
                }
                publish(id, session, &mut self.outputs, &mut self.traces, None, out);
            }
        }
    }

    fn start_session(&mut self, data: StrategySignal, time: DateTime<Utc>, out: &mut Out) {
        let id = data.session_id;
        if self.sessions.contains_key(&id) {
            return;
        }
        let user_id = data.user_id.unwrap_or_default();
        let terms = data
            .start
            .map(|start| terms::of_record(start.initial_balance, start.fee_rate, start.terms));
        let refusal = match terms {
            Some(Ok(terms)) => {
                let symbol = data.market_data.symbol;
                let mut account = Account::new(terms);
                account.start(time, &mut self.outputs);
                let strategy_id = data.strategy_id;
                let mut session = Session {
                    user_id,
                    strategy_id,
                    symbol: symbol.clone(),
                    account,
                    day: None,
                };
                publish(
                    id,
                    &mut session,
                    &mut self.outputs,
                    &mut self.traces,
                    None,
                    out,
                );
                self.by_symbol.entry(symbol).or_default().push(id);
                self.sessions.insert(id, session);
                return;
            }
            Some(Err(refusal)) => refusal,
            None => "the start record has no terms".to_owned(),
        };
        tracing::error!(session = %id, refusal, "session can't start");
        let event = ForwardTestEvent {
            session_id: id,
            user_id,
            strategy_id: data.strategy_id,
            symbol: data.market_data.symbol,
            event: ForwardTestEventKind::SessionError,
            sequence: 1,
            timestamp: time,
            equity: None,
            reason: Some(refusal.clone()),
            order: None,
            metrics: None,
        };
        send_event(&event, out);
        out.row(Row::Ended {
            session_id: id,
            status: Status::Error,
            reason: refusal,
            time,
        });
    }
}

/// Applies what a user asks; false where it concerns an order that isn't open.
fn command(
    account: &mut Account,
    kind: RecordKind,
    data: &StrategySignal,
    time: DateTime<Utc>,
    outputs: &mut Vec<Output>,
) -> bool {
    let details = data.order.as_deref();
    let order_id = details
        .and_then(|details| details.order_id)
        .unwrap_or_default();
    match kind {
        RecordKind::Cancel => return account.cancel(order_id, time, outputs),
        RecordKind::Replace => {
            let quantity = data.signal.quantity;
            let change = Replacement {
                quantity: (!quantity.is_zero()).then_some(quantity),
                limit: details.and_then(|details| details.limit_price),
                trigger: details.and_then(|details| details.stop_price),
            };
            return account.replace(order_id, change, time, outputs);
        }
        RecordKind::Pause => account.pause(time, outputs),
        RecordKind::Resume => account.resume(time, outputs),
        RecordKind::Close => account.close(data.signal_id.unwrap_or_default(), time, outputs),
        RecordKind::Signal | RecordKind::Start | RecordKind::Stop | RecordKind::Progress => {}
    }
    true
}

fn unknown_session(kind: RecordKind, id: Uuid) {
    metrics::counter!("forward_test_signals_ignored_total").increment(1);
    tracing::debug!(session = %id, kind = kind.as_str(), "record for a session that isn't here");
}

impl Unit for PartitionExchange {
    type Service = ForwardTestService;
    type Row = Row;
    type Command = std::convert::Infallible;

    fn accept(&mut self, record: InputRecord<'_>, out: &mut Out) -> Result<(), String> {
        let mut outcome = Ok(());
        match record.input.checked_sub(1) {
            None => {
                let read = self.read_signal(&record);
                let read = read.map_err(|error| outcome = Err(error)).ok();
                self.order.push_record(record.offset, read);
            }
            Some(slot) => {
                let tick = read_tick(&record);
                let tick = tick.map_err(|error| outcome = Err(error)).ok();
                self.order.push_tick(slot, record.offset, tick);
            }
        }
        self.advance(out);
        outcome
    }

    fn command(
        &mut self,
        command: std::convert::Infallible,
        _out: &mut Out,
    ) -> Result<(), StoreError> {
        match command {}
    }

    fn before_commit(&mut self, _out: &mut Out) {
        self.order.update_flow();
    }

    fn positions(&self) -> &[i64] {
        self.order.positions()
    }

    fn wants(&self, input: usize) -> bool {
        self.order.wants(input)
    }

    fn snapshot(&self) -> Result<Vec<u8>, StoreError> {
        #[derive(Serialize)]
        struct State<'a> {
            version: u32,
            applied: &'a [Applied],
            sessions: &'a BTreeMap<Uuid, Session>,
        }
        let state = State {
            version: SNAPSHOT_VERSION,
            applied: self.order.applied(),
            sessions: &self.sessions,
        };
        serde_json::to_vec(&state).map_err(|error| StoreError::new("writing a snapshot", error))
    }
}

fn read_tick(record: &InputRecord<'_>) -> Result<MarketTick, String> {
    let tick = envelope::decode::<TickView<'_>>(record.value)
        .map_err(|error| error.to_string())?
        .data;
    Ok(MarketTick {
        gap: tick.gap.is_some(),
        quote: tick.bid.zip(tick.ask).map(|(bid, ask)| Quote {
            bid,
            ask,
            age_ms: tick.quote_age_ms.unwrap_or(0),
        }),
        symbol: tick.symbol.into_owned(),
        trade: MarketTrade {
            price: tick.price,
            volume: tick.volume,
            time: tick.timestamp,
        },
        trace: trace::current(),
    })
}
