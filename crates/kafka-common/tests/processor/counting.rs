//! A state machine whose outputs are a pure function of its inputs, so that a test can compute
//! what must be in the log: for each tick one signal with the tick's place and the sum of all
//! volumes of its symbol so far.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use kafka_common::messages::{
    Cause, QuantityType, Signal, SignalAction, SignalMarketData, StrategySignal, TickView,
};
use kafka_common::processor::{
    InputPartition, InputRecord, Outputs, Processor, Restored, StoreError, Unit,
};
use kafka_common::topics::MarketDataUpdates;
use kafka_common::{StrategyService, Topic as _, Topics, envelope};
use rust_decimal::Decimal;
use uuid::Uuid;

/// A row of the projection: the place of a tick.
pub type Row = (i32, i64);
type Out = Outputs<StrategyService, Row>;

/// What a test does in the middle of things.
pub trait Hooks: Send + Sync + 'static {
    /// Before a commit of outputs, with the number of records that the unit has taken.
    fn before_commit(&self, _taken: u64) {}
    /// A unit has been restored.
    fn restored(&self, _unit: i32) {}
    /// What the signal of a tick says.
    fn reason(&self, _offset: i64) -> String {
        "counted".to_owned()
    }
}

impl Hooks for () {}

pub struct Counting {
    pub hooks: Arc<dyn Hooks>,
    /// What a record costs.
    pub pace: Duration,
}

impl Default for Counting {
    fn default() -> Self {
        Self {
            hooks: Arc::new(()),
            pace: Duration::ZERO,
        }
    }
}

impl Processor for Counting {
    type Unit = CountingUnit;

    fn primary_topic(&self) -> &'static str {
        MarketDataUpdates::SPEC.name
    }

    fn inputs(&self, unit: i32) -> Vec<InputPartition> {
        vec![InputPartition {
            topic: MarketDataUpdates::SPEC.name,
            partition: unit,
        }]
    }

    fn restore(&self, restored: Restored) -> Result<CountingUnit, StoreError> {
        self.hooks.restored(restored.unit);
        let sums = match &restored.state {
            None => BTreeMap::new(),
            Some(state) => serde_json::from_slice(state)
                .map_err(|error| StoreError::new("reading a snapshot", error))?,
        };
        Ok(CountingUnit {
            unit: restored.unit,
            position: [restored.positions[0]],
            taken: 0,
            sums,
            hooks: Arc::clone(&self.hooks),
            pace: self.pace,
        })
    }

    fn unit_of(&self, command: &Infallible) -> i32 {
        match *command {}
    }
}

pub struct CountingUnit {
    unit: i32,
    position: [i64; 1],
    taken: u64,
    sums: BTreeMap<String, Decimal>,
    hooks: Arc<dyn Hooks>,
    pace: Duration,
}

impl Unit for CountingUnit {
    type Service = StrategyService;
    type Row = Row;
    type Command = Infallible;

    fn accept(&mut self, record: InputRecord<'_>, out: &mut Out) -> Result<(), String> {
        self.position[0] = record.offset + 1;
        self.taken += 1;
        if !self.pace.is_zero() {
            std::thread::sleep(self.pace);
        }
        let tick = envelope::decode::<TickView<'_>>(record.value)
            .map_err(|error| error.to_string())?
            .data;
        let sum = self.sums.entry(tick.symbol.to_string()).or_default();
        *sum += tick.volume;
        let id = signal_id(self.unit, record.offset);
        let message = StrategySignal {
            session_id: Uuid::nil(),
            strategy_id: Uuid::nil(),
            signal: Signal {
                action: SignalAction::Hold,
                quantity: *sum,
                reason: self.hooks.reason(record.offset),
                quantity_type: QuantityType::Units,
            },
            market_data: SignalMarketData {
                symbol: tick.symbol.to_string(),
                price: tick.price,
            },
            signal_id: Some(id),
            user_id: None,
            order_type: None,
            order: None,
            cause: Some(Cause {
                partition: self.unit,
                offset: record.offset,
                trade_id: tick.trade_id,
                timestamp: Some(tick.timestamp),
            }),
            place: None,
            start: None,
        };
        out.send(
            Topics::STRATEGY_SIGNALS,
            None,
            &tick.symbol,
            id,
            &[],
            &message,
        );
        out.row((self.unit, record.offset));
        Ok(())
    }

    fn command(&mut self, command: Infallible, _out: &mut Out) -> Result<(), StoreError> {
        match command {}
    }

    fn before_commit(&mut self, out: &mut Out) {
        if out.sent().next().is_some() {
            self.hooks.before_commit(self.taken);
        }
    }

    fn positions(&self) -> &[i64] {
        &self.position
    }

    fn wants(&self, _input: usize) -> bool {
        true
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(&self.sums).map_err(|error| StoreError::new("writing a snapshot", error))
    }
}

fn signal_id(unit: i32, offset: i64) -> Uuid {
    Uuid::new_v5(&Uuid::nil(), format!("{unit}/{offset}").as_bytes())
}
