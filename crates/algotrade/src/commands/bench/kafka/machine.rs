//! A state machine that makes one signal of each tick, and a store that only looks at the clock.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use kafka_common::messages::{
    Cause, QuantityType, Signal, SignalAction, SignalMarketData, StrategySignal, TickView,
};
use kafka_common::processor::{
    InputPartition, InputRecord, Outputs, Processor, Restored, Snapshot, Store, StoreError, Unit,
};
use kafka_common::topics::MarketDataUpdates;
use kafka_common::{StrategyService, Topic as _, Topics, envelope};
use tokio::sync::Notify;
use uuid::Uuid;

type Out = Outputs<StrategyService, ()>;

/// What is seen from outside: when records are taken, and when they are committed.
#[derive(Debug)]
pub(super) struct Observer {
    /// Records to wait for.
    count: u64,
    committed: Arc<AtomicU64>,
    times: Mutex<Times>,
    pub(super) done: Notify,
}

#[derive(Debug, Default)]
struct Times {
    first_record: Option<Instant>,
    /// When enough was committed, and how much that was.
    finished: Option<(Instant, u64)>,
    /// Of the commit that is under way.
    begun: Option<Instant>,
    /// Of each commit, in milliseconds.
    commits: Vec<f64>,
}

impl Observer {
    /// Counts what is committed into `committed`.
    pub(super) fn new(count: u64, committed: Arc<AtomicU64>) -> Arc<Self> {
        Arc::new(Self {
            count,
            committed,
            times: Mutex::new(Times::default()),
            done: Notify::new(),
        })
    }

    /// Records a second, from the first record taken to the last one committed.
    pub(super) fn rate(&self) -> Option<f64> {
        let times = self.times();
        let (finished, records) = times.finished?;
        let seconds = finished.duration_since(times.first_record?).as_secs_f64();
        Some(records as f64 / seconds)
    }

    /// How long each commit took, in milliseconds.
    pub(super) fn commits(&self) -> Vec<f64> {
        self.times().commits.clone()
    }

    fn committed(&self, now: Instant, rows: u64) {
        let committed = self.committed.fetch_add(rows, Ordering::Relaxed) + rows;
        let mut times = self.times();
        if let Some(begun) = times.begun.take() {
            let milliseconds = now.duration_since(begun).as_secs_f64() * 1_000.0;
            times.commits.push(milliseconds);
        }
        if committed >= self.count && times.finished.is_none() {
            times.finished = Some((now, committed));
            self.done.notify_one();
        }
    }

    fn times(&self) -> std::sync::MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the units.
#[derive(Debug)]
pub(super) struct Machine(pub(super) Arc<Observer>);

impl Processor for Machine {
    type Unit = MachineUnit;

    fn primary_topic(&self) -> &'static str {
        MarketDataUpdates::SPEC.name
    }

    fn inputs(&self, unit: i32) -> Vec<InputPartition> {
        vec![InputPartition {
            topic: self.primary_topic(),
            partition: unit,
        }]
    }

    fn restore(&self, restored: Restored) -> Result<MachineUnit, StoreError> {
        Ok(MachineUnit {
            unit: restored.unit,
            position: [restored.positions.first().copied().unwrap_or_default()],
            started: false,
            observer: Arc::clone(&self.0),
        })
    }

    fn unit_of(&self, command: &Infallible) -> i32 {
        match *command {}
    }
}

#[derive(Debug)]
pub(super) struct MachineUnit {
    unit: i32,
    position: [i64; 1],
    started: bool,
    observer: Arc<Observer>,
}

impl Unit for MachineUnit {
    type Service = StrategyService;
    type Row = ();
    type Command = Infallible;

    fn accept(&mut self, record: InputRecord<'_>, out: &mut Out) -> Result<(), String> {
        if !self.started {
            self.started = true;
            let mut times = self.observer.times();
            times.first_record.get_or_insert_with(Instant::now);
        }
        self.position[0] = record.offset + 1;
        let tick = envelope::decode::<TickView<'_>>(record.value)
            .map_err(|error| error.to_string())?
            .data;
        // Any id does: nobody looks for repeats here.
        let id = Uuid::from_u64_pair(self.unit as u64, record.offset as u64);
        let message = StrategySignal {
            session_id: Uuid::nil(),
            strategy_id: Uuid::nil(),
            signal: Signal {
                action: SignalAction::Hold,
                quantity: tick.volume,
                reason: "benchmark".to_owned(),
                quantity_type: QuantityType::Units,
            },
            market_data: SignalMarketData {
                symbol: tick.symbol.clone().into_owned(),
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
        let topic = Topics::STRATEGY_SIGNALS;
        out.send(topic, None, &tick.symbol, id, &[], &message);
        out.row(());
        Ok(())
    }

    fn command(&mut self, command: Infallible, _out: &mut Out) -> Result<(), StoreError> {
        match command {}
    }

    fn before_commit(&mut self, out: &mut Out) {
        if !out.rows().is_empty() {
            let mut times = self.observer.times();
            times.begun.get_or_insert_with(Instant::now);
        }
    }

    fn positions(&self) -> &[i64] {
        &self.position
    }

    fn wants(&self, _input: usize) -> bool {
        true
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, StoreError> {
        Ok(Vec::new())
    }
}

/// Rows come here right after the commit that they belong to.
#[derive(Debug)]
pub(super) struct Clock {
    pub(super) observer: Arc<Observer>,
    /// Rest after each commit.
    pub(super) pause: Duration,
}

#[async_trait]
impl Store<()> for Clock {
    async fn load(&self, _unit: i32) -> Result<Option<Snapshot>, StoreError> {
        Ok(None)
    }

    async fn save(&self, rows: Vec<()>, _snapshots: Vec<Snapshot>) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let now = Instant::now();
        let rows = rows.len() as u64;
        self.observer.committed(now, rows);
        if !self.pause.is_zero() {
            tokio::time::sleep(self.pause).await;
        }
        Ok(())
    }
}
