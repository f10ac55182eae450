//! One trace from a tick to the signal that it causes, through a real broker.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use kafka_common::admin::set_up_topics;
use kafka_common::messages::{
    MarketDataUpdate, QuantityType, Signal, SignalAction, SignalMarketData, StrategySignal,
};
use kafka_common::trace::{self, OpenSpan, Span, SpanKind, SpanSink, TraceContext};
use kafka_common::{
    HandlerError, KafkaConsumer, KafkaProducer, KafkaSettings, MarketDataService, StrategyService,
    Topics,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::reader::{PATIENCE, Reader};

fn tick() -> MarketDataUpdate {
    let tick = serde_json::json!({"symbol": "BTCUSD", "price": 50000, "volume": 1.5,
        "timestamp": "2024-01-01T12:00:00Z", "source": "simulator"});
    // From text: decimals are read from the number's own digits.
    serde_json::from_str(&tick.to_string()).unwrap()
}

fn signal(tick: &MarketDataUpdate) -> StrategySignal {
    StrategySignal {
        session_id: Uuid::nil(),
        strategy_id: Uuid::nil(),
        signal: Signal {
            action: SignalAction::Buy,
            quantity: tick.volume,
            reason: "a test".to_owned(),
            quantity_type: QuantityType::Units,
        },
        market_data: SignalMarketData {
            symbol: tick.symbol.clone(),
            price: tick.price,
        },
        signal_id: None,
        user_id: None,
        order_type: None,
        order: None,
        cause: None,
        place: None,
        start: None,
    }
}

/// Spans of this process, those of other tests among them.
#[derive(Default)]
struct Spans(Mutex<Vec<Span>>);

impl SpanSink for Spans {
    fn take(&self, span: Span) {
        self.0.lock().unwrap().push(span);
    }

    fn keeps(&self, _trace: &TraceContext) -> bool {
        true
    }
}

impl Spans {
    /// Service, kind and topic of a trace's spans that follow from a parent.
    fn after(&self, parent: &TraceContext) -> Vec<(&'static str, SpanKind, &'static str)> {
        let spans = self.0.lock().unwrap();
        let children = spans
            .iter()
            .filter(|span| span.parent.as_ref() == Some(parent));
        let mut told: Vec<_> = children
            .map(|span| (span.service, span.kind, span.topic))
            .collect();
        told.sort_by_key(|(_, _, topic)| *topic);
        told
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_carries_on_the_trace_of_its_tick() {
    let spans = Arc::new(Spans::default());
    assert!(trace::export_to(spans.clone()).is_ok(), "the only sink");
    let own = test_support::isolated().await;
    let settings = KafkaSettings {
        bootstrap_servers: own.kafka.clone(),
        topic_prefix: own.topic_prefix.clone(),
        group_prefix: own.group_prefix.clone(),
        ..KafkaSettings::default()
    };
    set_up_topics(&settings).await.unwrap();

    let (sender, mut handled) = mpsc::channel(4);
    let signals = KafkaProducer::<StrategyService>::start(&settings).unwrap();
    let shutdown = CancellationToken::new();
    let consumer = KafkaConsumer::<StrategyService>::new(&settings)
        .add_message_handler(Topics::MARKET_DATA_UPDATES, move |record| {
            let (signals, sender) = (signals.clone(), sender.clone());
            async move {
                let signal = signal(&record.data);
                signals
                    .send_message(Topics::STRATEGY_SIGNALS, &signal, "BTCUSD")
                    .await
                    .map_err(HandlerError::transient)?;
                let _ = sender.send((record.meta.trace, trace::current())).await;
                Ok(())
            }
        })
        .start()
        .unwrap();
    let consuming = tokio::spawn(consumer.start_consuming(shutdown.clone()));

    let ticks = KafkaProducer::<MarketDataService>::start(&settings).unwrap();
    ticks
        .send_message(Topics::MARKET_DATA_UPDATES, &tick(), "BTCUSD")
        .await
        .unwrap();
    // And one whose trace began with the exchange's frame.
    let frame = OpenSpan::of_frame("market-data", "coinbase", Instant::now()).unwrap();
    let sending = async {
        let topic = Topics::MARKET_DATA_UPDATES;
        ticks.send_message(topic, &tick(), "BTCUSD").await.unwrap();
    };
    trace::scope(frame.context(), sending).await;
    frame.end(None);
    for _ in 0..2 {
        let next = tokio::time::timeout(PATIENCE, handled.recv()).await;
        let (of_record, in_handler) = next.unwrap().unwrap();
        assert!(of_record.is_some());
        assert_eq!(of_record, in_handler);
    }
    shutdown.cancel();
    consuming.await.unwrap().unwrap();

    let read = |topic, partitions| -> Vec<_> {
        Reader::all(&settings, topic, partitions)
            .map(|record| {
                let context: TraceContext = record.headers[trace::HEADER].parse().unwrap();
                (context, record.headers["message-id"].replace('-', ""))
            })
            .collect()
    };
    let (ticks, signals) = (read("market-data-updates", 8), read("strategy-signals", 4));
    assert_eq!((ticks.len(), signals.len()), (2, 2));
    for ((tick, _), (signal, _)) in ticks.iter().zip(&signals) {
        assert_eq!(tick.trace_id(), signal.trace_id());
        assert_ne!(tick.parent_id(), signal.parent_id());
    }
    let (first, message_id) = &ticks[0];
    assert_eq!(
        &first.trace_id(),
        message_id,
        "a new trace is named by its message"
    );
    assert_eq!(ticks[1].0.trace_id(), frame.context().trace_id());

    // Each tick was sent, handled, and led to a signal.
    let tick_sent = [("market-data", SpanKind::Send, "market-data-updates")];
    assert_eq!(spans.after(&frame.context()), tick_sent);
    for (tick, _) in &ticks {
        let handled = ("strategy", SpanKind::Process, "market-data-updates");
        let signal_sent = ("strategy", SpanKind::Send, "strategy-signals");
        assert_eq!(spans.after(tick), [handled, signal_sent]);
    }
    let told = spans.0.lock().unwrap();
    let begins = told.iter().find(|span| span.context == *first);
    assert_eq!(begins.map(|span| span.parent), Some(None));
    let heard = told.iter().find(|span| span.context == frame.context());
    let heard = heard.map(|span| (span.kind, span.topic, span.parent));
    assert_eq!(heard, Some((SpanKind::Receive, "coinbase", None)));
}
