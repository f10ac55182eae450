//! Proof that a session's topics, its rows in the database and a fresh run of its log agree.
//!
//! [`Replay`] gives the log to a fresh exchange, the very code that forward-test runs; what comes
//! out is compared with `trade-executions` and `forward-test-events` ([`Told`]), and with the
//! database ([`Stored`]). Reading the log is the caller's part: this module knows no broker.
//!
//! The log of the market is kept for a day. Of a session that began before that nothing can be
//! replayed; then the topics are what the rows are compared with, and [`Report::replayed`] is false.

mod compare;
mod difference;
mod replay;
mod rows;
mod stored;
mod told;

use std::collections::BTreeMap;

use kafka_common::messages::{ExecutionStatus, ForwardTestEvent, TradeExecution};
use paper_exchange::LedgerHasher;

pub use compare::{Report, compare};
pub use difference::{Difference, What};
pub use replay::{Fresh, Input, Replay};
pub use stored::{Stored, stored};
pub use told::Told;

/// A record of one of the two topics, decoded: what it says, and the text that says it.
#[derive(Debug, Clone)]
struct Said {
    text: String,
    message: Message,
}

#[derive(Debug, Clone)]
enum Message {
    Execution(Box<TradeExecution>),
    Event(Box<ForwardTestEvent>),
}

/// Everything that a session said, by sequence.
type Outputs = BTreeMap<u64, Said>;

impl Said {
    /// Reads the payload of a record.
    fn read(topic: Topic, text: &str) -> Result<(u64, Self), String> {
        let message = match topic {
            Topic::Executions => {
                let execution: TradeExecution =
                    serde_json::from_str(text).map_err(|error| error.to_string())?;
                Message::Execution(Box::new(execution))
            }
            Topic::Events => {
                let event: ForwardTestEvent =
                    serde_json::from_str(text).map_err(|error| error.to_string())?;
                Message::Event(Box::new(event))
            }
        };
        let sequence = match &message {
            Message::Execution(execution) => {
                execution.sequence.ok_or("the execution has no sequence")?
            }
            Message::Event(event) => event.sequence,
        };
        let text = text.to_owned();
        Ok((sequence, Self { text, message }))
    }

    fn topic(&self) -> Topic {
        match self.message {
            Message::Execution(_) => Topic::Executions,
            Message::Event(_) => Topic::Events,
        }
    }
}

/// The topics that a session speaks on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// `trade-executions`
    Executions,
    /// `forward-test-events`
    Events,
}

impl Topic {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Executions, Self::Events];

    /// The name in the catalogue.
    #[must_use]
    pub fn name(self) -> &'static str {
        use kafka_common::Topic as _;
        match self {
            Self::Executions => kafka_common::topics::TradeExecutions::SPEC.name,
            Self::Events => kafka_common::topics::ForwardTestEvents::SPEC.name,
        }
    }
}

/// An execution of the wire as the exchange wrote it, as far as the ledger's fingerprint reads it.
#[must_use]
pub fn executed(execution: &TradeExecution) -> paper_exchange::Execution {
    crate::convert::executed(execution)
}

/// The fingerprint of a ledger: of its executions, which must come in their order.
#[must_use]
pub fn ledger_sha256<'a>(executions: impl IntoIterator<Item = &'a TradeExecution>) -> String {
    let mut hasher = LedgerHasher::new();
    for execution in executions {
        hasher.push(&executed(execution));
    }
    hasher.finish()
}

fn executions(outputs: &Outputs) -> impl Iterator<Item = &TradeExecution> {
    outputs.values().filter_map(|said| match &said.message {
        Message::Execution(execution) => Some(&**execution),
        Message::Event(_) => None,
    })
}

fn fills(outputs: &Outputs) -> u64 {
    let filled = executions(outputs).filter(|e| e.status == ExecutionStatus::Filled);
    filled.count() as u64
}
