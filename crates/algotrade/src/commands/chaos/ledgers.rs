//! What the sessions of a run said, and how two runs compare.

use std::collections::BTreeMap;

use forward_test::verify::Topic;
use kafka_common::envelope;
use kafka_common::inspect::{Broker, Flow, InspectError, Span};
use kafka_common::messages::{SignalAction, StrategySignal};
use kafka_common::topics::{MarketDataUpdates, StrategySignals};
use kafka_common::{Delivery, KafkaSettings, Topic as _};
use rdkafka::message::Message as _;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

/// The payloads of a session by sequence; more than one where something was doubled.
type Said = BTreeMap<u64, Vec<String>>;

/// Everything that the sessions said on their two topics.
#[derive(Debug, Default)]
pub(super) struct Ledgers {
    /// By the session's id.
    sessions: BTreeMap<String, Said>,
    /// How often each signal is in `strategy-signals`, by its id.
    signals: BTreeMap<Uuid, u64>,
    pub(super) executions: u64,
    pub(super) events: u64,
    /// Records of `market-data-updates`.
    pub(super) trades: u64,
}

/// How a run differs from the one that nobody disturbed.
#[derive(Debug, Default, Serialize)]
pub(super) struct Comparison {
    /// Outputs that aren't there.
    pub(super) lost: u64,
    /// Outputs that are there more than once.
    pub(super) duplicated: u64,
    /// The same where there are no transactions: whoever reads drops them by their sequence.
    pub(super) repeats: u64,
    /// Outputs that say something else, or shouldn't be there.
    pub(super) different: u64,
    /// The first of each kind, in words.
    pub(super) examples: Vec<String>,
}

impl Comparison {
    pub(super) fn agrees(&self) -> bool {
        self.lost + self.duplicated + self.different == 0
    }

    fn example(&mut self, text: String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(text);
        }
    }
}

/// Differences that are told in full; all are counted.
const EXAMPLES: usize = 20;

/// Reads what transactions have committed.
pub(super) async fn read(kafka: &KafkaSettings) -> anyhow::Result<Ledgers> {
    let kafka = kafka.clone();
    tokio::task::spawn_blocking(move || {
        let broker = Broker::connect(&kafka)?;
        let mut ledgers = Ledgers::default();
        let each = |name: &str, take: &mut dyn FnMut(&str, &str)| -> anyhow::Result<()> {
            let (topic, partitions) = broker.own_topic(name)?;
            let bounds = broker.bounds(&topic, partitions)?;
            let spans = bounds.iter().map(|bounds| Span {
                partition: bounds.partition,
                from: bounds.first,
                to: Some(bounds.end),
            });
            let spans: Vec<Span> = spans.collect();
            broker.read(&topic, &spans, |message| {
                let key = String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned();
                let decoded = envelope::decode::<&RawValue>(message.payload());
                let data = decoded.map_or("unreadable", |envelope| envelope.data.get());
                take(&key, data);
                Ok::<_, InspectError>(Flow::Next)
            })?;
            Ok(())
        };
        for topic in Topic::ALL {
            each(topic.name(), &mut |session, data| {
                match topic {
                    Topic::Executions => ledgers.executions += 1,
                    Topic::Events => ledgers.events += 1,
                }
                let (sequence, text) = timeless(data);
                let said = ledgers.sessions.entry(session.to_owned()).or_default();
                said.entry(sequence).or_default().push(text);
            })?;
        }
        each(StrategySignals::SPEC.name, &mut |_, data| {
            // An id that can't be read is nobody's, and missed where it should be.
            if let Some(id) = signal(data) {
                *ledgers.signals.entry(id).or_default() += 1;
            }
        })?;
        let trades = MarketDataUpdates::SPEC.name;
        each(trades, &mut |_, _| ledgers.trades += 1)?;
        Ok(ledgers)
    })
    .await?
}

/// The id of a signal that asks for an order; none of a record that tells something else.
fn signal(data: &str) -> Option<Uuid> {
    let data: StrategySignal = serde_json::from_str(data).ok()?;
    let asks = data.signal.action != SignalAction::Hold;
    data.signal_id.filter(|_| asks)
}

/// A payload's sequence, and its text without what differs between any two runs: the id that the
/// strategy was given, and the clock's time at which a session began.
fn timeless(data: &str) -> (u64, String) {
    let fields = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(data);
    let Ok(mut fields) = fields else {
        return (0, data.to_owned());
    };
    let sequence = fields
        .get("sequence")
        .and_then(|raw| raw.get().parse().ok());
    fields.remove("strategy_id");
    let event: Option<Value> = fields
        .get("event")
        .and_then(|raw| serde_json::from_str(raw.get()).ok());
    if event.is_some_and(|event| event == "SESSION_STARTED") {
        fields.remove("timestamp");
    }
    let text = serde_json::to_string(&fields).unwrap_or_else(|_| data.to_owned());
    (sequence.unwrap_or_default(), text)
}

impl Ledgers {
    /// Compares with what was said when nobody disturbed. Where there are no transactions an output
    /// may be there again, if it says the same.
    pub(super) fn compare(&self, calm: &Self, delivery: Delivery) -> Comparison {
        let mut comparison = Comparison::default();
        let none = Said::new();
        let compare = |session: &str, expected: &Said, found: &Said, comparison: &mut _| {
            compare(session, expected, found, delivery, comparison);
        };
        for (session, expected) in &calm.sessions {
            let found = self.sessions.get(session).unwrap_or(&none);
            compare(session, expected, found, &mut comparison);
        }
        for (session, found) in &self.sessions {
            if !calm.sessions.contains_key(session) {
                compare(session, &none, found, &mut comparison);
            }
        }
        self.compare_signals(calm, delivery, &mut comparison);
        comparison
    }

    fn compare_signals(&self, calm: &Self, delivery: Delivery, comparison: &mut Comparison) {
        for id in calm.signals.keys() {
            let again = match self.signals.get(id) {
                Some(times) => times - 1,
                None => {
                    comparison.lost += 1;
                    comparison.example(format!("signal {id} is lost"));
                    0
                }
            };
            match delivery {
                Delivery::AtLeastOnce => comparison.repeats += again,
                Delivery::ExactlyOnce if again == 0 => {}
                Delivery::ExactlyOnce => {
                    comparison.duplicated += again;
                    comparison.example(format!("signal {id} is doubled"));
                }
            }
        }
        for id in self.signals.keys() {
            if !calm.signals.contains_key(id) {
                comparison.different += 1;
                comparison.example(format!("signal {id} is unexpected"));
            }
        }
    }

    /// Signals that ask for an order.
    pub(super) fn signals(&self) -> usize {
        self.signals.len()
    }
}

fn compare(
    session: &str,
    expected: &Said,
    found: &Said,
    delivery: Delivery,
    comparison: &mut Comparison,
) {
    for (sequence, texts) in expected {
        let wanted = texts.first();
        let Some(there) = found.get(sequence) else {
            comparison.lost += 1;
            comparison.example(format!("{session} output {sequence} is lost: {texts:?}"));
            continue;
        };
        let again = there.len().saturating_sub(1) as u64;
        match delivery {
            Delivery::AtLeastOnce => comparison.repeats += again,
            Delivery::ExactlyOnce if again == 0 => {}
            Delivery::ExactlyOnce => {
                comparison.duplicated += again;
                comparison.example(format!("{session} output {sequence} is doubled: {there:?}"));
            }
        }
        if there.iter().any(|text| Some(text) != wanted) {
            comparison.different += 1;
            comparison.example(format!(
                "{session} output {sequence} is {there:?} and not {texts:?}"
            ));
        }
    }
    for (sequence, there) in found {
        if !expected.contains_key(sequence) {
            comparison.different += 1;
            comparison.example(format!(
                "{session} output {sequence} is unexpected: {there:?}"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledgers(records: &[&str]) -> Ledgers {
        let mut ledgers = Ledgers::default();
        let said = ledgers.sessions.entry("s".to_owned()).or_default();
        for record in records {
            let (sequence, text) = timeless(record);
            said.entry(sequence).or_default().push(text);
        }
        ledgers
    }

    #[test]
    fn only_the_clock_and_the_strategys_id_may_differ() {
        let calm = ledgers(&[
            r#"{"event":"SESSION_STARTED","sequence":1,"timestamp":"a","strategy_id":"x"}"#,
            r#"{"event":"EQUITY","sequence":2,"timestamp":"b","strategy_id":"x"}"#,
        ]);
        let same = ledgers(&[
            r#"{"event":"EQUITY","sequence":2,"timestamp":"b","strategy_id":"y"}"#,
            r#"{"event":"SESSION_STARTED","sequence":1,"timestamp":"c","strategy_id":"y"}"#,
        ]);
        assert!(same.compare(&calm, Delivery::ExactlyOnce).agrees());
        let other = ledgers(&[
            r#"{"event":"SESSION_STARTED","sequence":1,"timestamp":"a","strategy_id":"x"}"#,
            r#"{"event":"EQUITY","sequence":2,"timestamp":"c","strategy_id":"x"}"#,
        ]);
        assert_eq!(other.compare(&calm, Delivery::ExactlyOnce).different, 1);
    }

    #[test]
    fn what_is_lost_doubled_or_made_up_is_counted() {
        let calm = ledgers(&[
            r#"{"sequence":1}"#,
            r#"{"sequence":2}"#,
            r#"{"sequence":3}"#,
        ]);
        let storm = ledgers(&[
            r#"{"sequence":1}"#,
            r#"{"sequence":1}"#,
            r#"{"sequence":2,"a":1}"#,
            r#"{"sequence":4}"#,
        ]);
        let found = storm.compare(&calm, Delivery::ExactlyOnce);
        assert_eq!((found.lost, found.duplicated, found.different), (1, 1, 2));
        assert_eq!(found.examples.len(), 4);
        assert!(!found.agrees());
    }

    #[test]
    fn signals_are_counted_too() {
        let signals = |ids: &[(u128, u64)]| Ledgers {
            signals: ids
                .iter()
                .map(|(id, n)| (Uuid::from_u128(*id), *n))
                .collect(),
            ..Ledgers::default()
        };
        let calm = signals(&[(1, 1), (2, 1), (3, 1)]);
        let storm = signals(&[(1, 1), (2, 3), (4, 1)]);
        let found = storm.compare(&calm, Delivery::ExactlyOnce);
        assert_eq!((found.lost, found.duplicated, found.different), (1, 2, 1));
        let found = storm.compare(&calm, Delivery::AtLeastOnce);
        assert_eq!((found.duplicated, found.repeats), (0, 2));
        let record = |action: &str| {
            format!(
                r#"{{"session_id":"{0}","strategy_id":"{0}","signal_id":"{0}",
                    "signal":{{"action":"{action}","quantity":1,"reason":""}},
                    "market_data":{{"symbol":"BTCUSD","price":1}}}}"#,
                Uuid::nil()
            )
        };
        assert_eq!(signal(&record("BUY")), Some(Uuid::nil()));
        assert_eq!(signal(&record("HOLD")), None);
    }

    #[test]
    fn without_transactions_a_repeat_may_be_there_if_it_says_the_same() {
        let calm = ledgers(&[r#"{"sequence":1}"#, r#"{"sequence":2}"#]);
        let repeated = [
            r#"{"sequence":1}"#,
            r#"{"sequence":2}"#,
            r#"{"sequence":2}"#,
        ];
        let found = ledgers(&repeated).compare(&calm, Delivery::AtLeastOnce);
        assert!(found.agrees());
        assert_eq!(found.repeats, 1);
        let other = [
            r#"{"sequence":1}"#,
            r#"{"sequence":1,"a":1}"#,
            r#"{"sequence":2}"#,
        ];
        let found = ledgers(&other).compare(&calm, Delivery::AtLeastOnce);
        assert_eq!((found.repeats, found.different), (1, 1));
    }
}
