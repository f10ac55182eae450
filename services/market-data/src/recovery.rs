//! What Kafka didn't take, and what of it is in the log all the same.
//!
//! A producer whose delivery failed doesn't know what became of it, and one with a fatal error
//! takes nothing any more. So a new producer is made, the end of the log is read, and what isn't
//! there is queued again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::book::Outgoing;
use crate::producer::Producer;
use crate::tail::{self, Tail};
use crate::tick::{Anchor, Entry, GapReason, Missing, Tick};

/// Between two attempts while Kafka doesn't answer.
const PAUSE: Duration = Duration::from_secs(1);

/// What became of records that were not acknowledged.
#[derive(Debug, Default)]
pub struct Recovered {
    /// They are in the log.
    pub found: Vec<Outgoing>,
    /// They are not, nor is anything after them.
    pub again: Vec<Outgoing>,
    /// They are not, but later ones are: the marks of their places, out of order.
    pub late: Vec<Outgoing>,
}

/// Finding out.
#[derive(Debug)]
pub struct Recovery {
    producer: Arc<Producer>,
    source: &'static str,
    failed: Vec<Outgoing>,
    reading: JoinHandle<Tail>,
}

impl Recovery {
    /// Begins; everything that was queued must be answered.
    pub fn start(producer: Arc<Producer>, source: &'static str, failed: Vec<Outgoing>) -> Self {
        let reading = tokio::spawn(read(Arc::clone(&producer), source));
        Self {
            producer,
            source,
            failed,
            reading,
        }
    }

    /// How many records it is about.
    pub fn len(&self) -> usize {
        self.failed.len()
    }

    /// What came of it; `None` as long as it isn't known.
    pub async fn poll(&mut self) -> Option<Recovered> {
        if !self.reading.is_finished() {
            return None;
        }
        match (&mut self.reading).await {
            Ok(tail) => Some(judge(std::mem::take(&mut self.failed), &tail)),
            Err(error) => {
                tracing::error!(%error, "reading the log ended badly, it is tried again");
                self.reading = tokio::spawn(read(Arc::clone(&self.producer), self.source));
                None
            }
        }
    }
}

impl Drop for Recovery {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

async fn read(producer: Arc<Producer>, source: &'static str) -> Tail {
    loop {
        let renewed = producer.renew().await;
        let read = match renewed {
            Ok(()) => tail::read(producer.settings(), source, None).await,
            Err(error) => Err(error.into()),
        };
        match read {
            Ok(tail) => return tail,
            Err(error) => {
                tracing::warn!(%error, "what is in the log can't be told yet");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn judge(failed: Vec<Outgoing>, tail: &Tail) -> Recovered {
    let mut recovered = Recovered::default();
    for outgoing in failed {
        let symbol = outgoing.product.symbol();
        let logged = tail.logged.get(&symbol).map(|logged| logged.last);
        match outgoing.entry {
            Entry::Trade(tick) => {
                let id = tick.trade.trade_id;
                if tail.trades.contains(&(symbol, id)) {
                    recovered.found.push(outgoing);
                } else if logged.is_some_and(|last| last > id) {
                    add_late(&mut recovered.late, &outgoing, &tick);
                } else {
                    recovered.again.push(outgoing);
                }
            }
            Entry::Gap(missing) if logged.is_some_and(|last| last >= missing.last) => {
                recovered.found.push(outgoing);
            }
            Entry::Gap(_) => recovered.again.push(outgoing),
        }
    }
    recovered
}

/// Makes the last mark longer, or begins one.
fn add_late(late: &mut Vec<Outgoing>, outgoing: &Outgoing, tick: &Tick) {
    let id = tick.trade.trade_id;
    let of_product = |mark: &&mut Outgoing| mark.product == outgoing.product;
    if let Some(mark) = late.iter_mut().rev().find(of_product)
        && let Entry::Gap(missing) = &mut mark.entry
        && missing.last + 1 == id
    {
        missing.last = id;
        return;
    }
    late.push(Outgoing {
        product: outgoing.product,
        entry: Entry::Gap(Missing {
            first: id,
            last: id,
            beside: Anchor::from(&tick.trade),
            reason: GapReason::Refused,
        }),
        heard: Instant::now(),
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::book::Logged;
    use crate::book::tests::{tick, trade};

    fn outgoing(entry: Entry) -> Outgoing {
        Outgoing {
            product: trade("BTC-USD", 1, 1).product_id,
            entry,
            heard: Instant::now(),
        }
    }

    fn ids(records: &[Outgoing]) -> Vec<u64> {
        let id = |outgoing: &Outgoing| match outgoing.entry {
            Entry::Trade(tick) => tick.trade.trade_id,
            Entry::Gap(missing) => missing.last,
        };
        records.iter().map(id).collect()
    }

    #[test]
    fn the_log_tells_what_is_queued_again() {
        let failed: Vec<Outgoing> = (1..=9)
            .map(|id| outgoing(Entry::Trade(tick("BTC-USD", id, 1))))
            .collect();
        let symbol = failed[0].product.symbol();
        let mut tail = Tail::default();
        tail.trades.extend([(symbol, 1), (symbol, 2), (symbol, 6)]);
        let logged = Logged {
            first: 1,
            last: 6,
            anchor: None,
        };
        tail.logged.insert(symbol, logged);
        let recovered = judge(failed, &tail);
        assert_eq!(ids(&recovered.found), [1, 2, 6]);
        assert_eq!(ids(&recovered.again), [7, 8, 9]);
        let [late] = recovered.late.as_slice() else {
            panic!("one mark");
        };
        let Entry::Gap(missing) = late.entry else {
            panic!("a mark");
        };
        assert_eq!((missing.first, missing.last), (3, 5));
    }

    #[test]
    fn a_mark_that_is_there_is_not_repeated() {
        let mark = |first, last| {
            outgoing(Entry::Gap(Missing {
                first,
                last,
                beside: Anchor::from(&trade("BTC-USD", 1, 1)),
                reason: GapReason::NotThere,
            }))
        };
        let mut tail = Tail::default();
        let logged = Logged {
            first: 1,
            last: 6,
            anchor: None,
        };
        tail.logged.insert(mark(1, 1).product.symbol(), logged);
        let recovered = judge(vec![mark(3, 6), mark(7, 9)], &tail);
        assert_eq!(ids(&recovered.found), [6]);
        assert_eq!(ids(&recovered.again), [9]);
    }
}
