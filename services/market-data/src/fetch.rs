//! Fetching missing trades through the exchange's REST interface.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use coinbase::ProductId;
use coinbase::client::RestClient;
use tokio::task::JoinSet;

use crate::lane::{Answer, Ask, Page};
use crate::telemetry;

/// So long a product isn't asked for again of which the exchange said that it has no trades: a
/// simulator may have none at all.
const REFUSED_FOR: Duration = Duration::from_secs(60);

/// What came of a request for a product's trades.
#[derive(Debug)]
pub struct Fetched {
    /// Whose they are.
    pub product: ProductId,
    /// What was asked for.
    pub ask: Ask,
    /// What came.
    pub answer: Answer,
}

/// Requests under way: at most one for each product, at the rate that the exchange allows to all.
#[derive(Debug)]
pub struct Fetches {
    rest: RestClient,
    running: JoinSet<Fetched>,
    /// When the exchange last said that it has no trades of a product.
    refused: HashMap<ProductId, Instant>,
}

impl Fetches {
    /// Nothing is under way.
    pub fn new(rest: RestClient) -> Self {
        Self {
            rest,
            running: JoinSet::new(),
            refused: HashMap::new(),
        }
    }

    /// Begins a request.
    pub fn begin(&mut self, product: ProductId, ask: Ask) {
        let rest = self.rest.clone();
        let refused = self.refused.get(&product);
        let is_refused = refused.is_some_and(|since| since.elapsed() < REFUSED_FOR);
        self.running.spawn(async move {
            let answer = match is_refused {
                true => Answer::Refused,
                false => fetch(&rest, product, &ask).await,
            };
            Fetched {
                product,
                ask,
                answer,
            }
        });
    }

    /// The next that is answered; never if none is under way.
    pub async fn next(&mut self) -> Fetched {
        loop {
            match self.running.join_next().await {
                Some(Ok(fetched)) => {
                    if matches!(fetched.answer, Answer::Refused) {
                        let now = Instant::now();
                        let since = self.refused.entry(fetched.product).or_insert(now);
                        // Answered by the exchange again, and not from memory.
                        if since.elapsed() >= REFUSED_FOR {
                            *since = now;
                        }
                    } else {
                        self.refused.remove(&fetched.product);
                    }
                    return fetched;
                }
                // The lane asks again when it has waited long enough.
                Some(Err(error)) => tracing::error!(%error, "a request ended badly"),
                None => std::future::pending().await,
            }
        }
    }
}

async fn fetch(rest: &RestClient, product: ProductId, ask: &Ask) -> Answer {
    match rest.trades(product, ask.after, ask.limit).await {
        Ok(page) => Answer::Page(Page {
            has_older: page.older.is_some(),
            trades: page.trades,
        }),
        Err(error) => {
            telemetry::fetch_failed(product.symbol(), &error);
            match error.may_pass() {
                true => Answer::Failed,
                false => Answer::Refused,
            }
        }
    }
}
