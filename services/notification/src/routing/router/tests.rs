#![allow(clippy::unwrap_used)]
use kafka_common::messages::{ExecutionStatus, ForwardTestEventKind, Severity, TradeAction};
use rust_decimal::Decimal;

use super::*;
use crate::hub::{HubLimits, Outbox};

const SESSION: Uuid = Uuid::from_u128(1);

struct Fixture {
    router: Arc<Router>,
    hub: Arc<Hub>,
    mirrored: mpsc::Receiver<Push>,
}

impl Fixture {
    fn new() -> Self {
        let hub = Hub::new(HubLimits::default());
        let (sender, mirrored) = mpsc::channel(100);
        let router = Router::new(Arc::clone(&hub), None, sender);
        Self {
            router,
            hub,
            mirrored,
        }
    }

    fn mirrored(&mut self) -> Vec<(String, String, u64)> {
        let mut all = Vec::new();
        while let Ok(Push { update, .. }) = self.mirrored.try_recv() {
            all.push((update.channel, update.event, update.offset));
        }
        all
    }
}

fn record<T>(topic: &'static str, offset: i64, data: T) -> Record<T> {
    Record {
        meta: RecordMeta {
            topic,
            partition: 0,
            offset,
            key: None,
            timestamp: None,
            trace: None,
        },
        producer_service: "test".into(),
        produced_at: Utc::now(),
        data,
    }
}

fn trade(sequence: Option<u64>, user_id: Option<&str>) -> Record<TradeExecution> {
    let offset = sequence.map_or(0, |n| i64::try_from(n).unwrap());
    let data = TradeExecution {
        trade_id: Uuid::new_v4(),
        session_id: SESSION,
        symbol: "BTCUSD".into(),
        action: TradeAction::Buy,
        quantity: Decimal::ONE,
        price: "87786.0400".parse().unwrap(),
        status: ExecutionStatus::Filled,
        timestamp: Utc::now(),
        user_id: user_id.map(str::to_owned),
        strategy_id: None,
        signal_id: None,
        fee: None,
        slippage: None,
        realized_pnl: None,
        cash: None,
        position: None,
        reason: None,
        sequence,
        order: None,
    };
    record("trade-executions", offset, data)
}

fn started(sequence: u64) -> Record<ForwardTestEvent> {
    let data = ForwardTestEvent {
        session_id: SESSION,
        user_id: "alice".into(),
        strategy_id: Uuid::nil(),
        symbol: "BTCUSD".into(),
        event: ForwardTestEventKind::SessionStarted,
        sequence,
        timestamp: Utc::now(),
        equity: None,
        reason: None,
        order: None,
        metrics: None,
    };
    record("forward-test-events", 0, data)
}

fn payloads(outbox: &Outbox) -> Vec<String> {
    let taken = outbox.take(usize::MAX);
    taken
        .iter()
        .map(|publication| serde_json::to_string(publication).unwrap())
        .collect()
}

#[tokio::test]
async fn both_topics_of_a_session_come_in_its_order_and_once() {
    let mut fixture = Fixture::new();
    let router = Arc::clone(&fixture.router);
    let outbox = fixture.hub.outbox();
    let (_member, _) = fixture.hub.join("user:alice", "c", &outbox, None).unwrap();
    router.trade(trade(Some(2), Some("alice"))).await.unwrap();
    assert!(payloads(&outbox).is_empty());
    router.session_event(started(1)).await.unwrap();
    router.trade(trade(Some(2), Some("alice"))).await.unwrap();
    router.session_event(started(1)).await.unwrap();
    let pushed = payloads(&outbox);
    assert_eq!(pushed.len(), 2, "{pushed:?}");
    assert!(pushed[0].contains("SESSION_STARTED") && pushed[0].ends_with(r#""offset":1}"#));
    assert!(pushed[1].contains(r#""price":87786.0400"#), "{}", pushed[1]);
    let channel = || "user:alice".to_owned();
    assert_eq!(
        fixture.mirrored(),
        [
            (channel(), "forward-test-event".to_owned(), 1),
            (channel(), "trade-execution".to_owned(), 2)
        ]
    );
}

#[tokio::test]
async fn a_record_of_nobody_goes_to_nobody_and_keeps_its_place() {
    let mut fixture = Fixture::new();
    let router = Arc::clone(&fixture.router);
    router.session_event(started(1)).await.unwrap();
    router.trade(trade(Some(2), None)).await.unwrap();
    router.trade(trade(Some(3), Some(""))).await.unwrap();
    router.trade(trade(Some(4), Some("alice"))).await.unwrap();
    let offsets: Vec<u64> = fixture.mirrored().into_iter().map(|m| m.2).collect();
    assert_eq!(offsets, [1, 2]);
}

#[tokio::test]
async fn records_without_a_sequence_are_told_apart_by_their_offsets() {
    let mut fixture = Fixture::new();
    let router = Arc::clone(&fixture.router);
    router.trade(trade(None, Some("alice"))).await.unwrap();
    router.trade(trade(None, Some("alice"))).await.unwrap();
    for offset in [0, 1, 0, 1, 2] {
        let notification = UserNotification {
            user_id: "alice".into(),
            title: "t".into(),
            message: "m".into(),
            severity: Severity::Info,
            timestamp: Utc::now(),
            kind: None,
        };
        let notification = record("user-notifications", offset, notification);
        router.notification(&notification).await.unwrap();
    }
    assert_eq!(fixture.mirrored().len(), 1 + 3);
}

#[tokio::test]
async fn a_hole_holds_nobody_up_for_long() {
    let mut fixture = Fixture::new();
    let router = Arc::clone(&fixture.router);
    let stop = CancellationToken::new();
    let keeper = tokio::spawn({
        let (router, stop) = (Arc::clone(&router), stop.clone());
        async move { router.keep(stop).await }
    });
    router.trade(trade(Some(7), Some("alice"))).await.unwrap();
    assert!(fixture.mirrored().is_empty());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(fixture.mirrored().len(), 1);
    router.trade(trade(Some(9), Some("alice"))).await.unwrap();
    stop.cancel();
    keeper.await.unwrap();
    router.flush().await;
    assert_eq!(fixture.mirrored().len(), 1);
}
