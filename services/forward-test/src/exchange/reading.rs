//! Reading the log: what can't be read goes to the dead letters, with the reason.

use chrono::{DateTime, Utc};
use kafka_common::envelope;
use kafka_common::messages::{RecordKind, StrategySignal, TickView};
use kafka_common::processor::InputRecord;
use kafka_common::trace::{self, TraceContext};
use session_account::MarketRecord;

use super::PartitionExchange;
use crate::one_order::Place;

/// A signals record that could be read.
#[derive(Debug)]
pub(super) struct SignalRecord {
    pub(super) kind: RecordKind,
    pub(super) data: StrategySignal,
    pub(super) time: DateTime<Utc>,
    pub(super) trace: Option<TraceContext>,
}

/// A tick that concerns a session.
#[derive(Debug)]
pub(super) struct MarketTick {
    pub(super) symbol: String,
    pub(super) record: MarketRecord,
    pub(super) trace: Option<TraceContext>,
}

impl PartitionExchange {
    /// Reads a record of the signals, and finds its place in the market data.
    pub(super) fn read_signal(
        &self,
        record: &InputRecord<'_>,
    ) -> Result<(Place, SignalRecord), String> {
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
            session_account::order_terms(data.order_type.as_deref(), data.order.as_deref())
                .map_err(|(field, why)| format!("`{field}`: {why}"))?;
        }
        let id = data
            .signal_id
            .ok_or("the signal has no `signal_id`: repeats can't be told")?;
        // A cause without a time: the record's own, which the log keeps.
        let time = cause.timestamp.unwrap_or(envelope.timestamp);
        let place = Place {
            slot,
            offset: data.place.unwrap_or(cause.offset),
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
}

pub(super) fn tick(record: &InputRecord<'_>) -> Result<MarketTick, String> {
    let tick = envelope::decode::<TickView<'_>>(record.value)
        .map_err(|error| error.to_string())?
        .data;
    Ok(MarketTick {
        record: MarketRecord::from(&tick),
        symbol: tick.symbol.into_owned(),
        trace: trace::current(),
    })
}
