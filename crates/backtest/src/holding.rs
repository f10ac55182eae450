//! What an account holds, as a strategy reads it.

use chrono::{DateTime, Utc};
use paper_exchange::{Account, ExecutionStatus, Output};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategy_engine::{Holding, Position};

/// Which of its positions a session holds, and since when: what its account doesn't keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Openings {
    /// How many have been opened.
    number: u64,
    /// When the last one was.
    since: DateTime<Utc>,
    /// Whether it is still held.
    open: bool,
}

impl Openings {
    /// Takes notice of what the account said. It has to be told everything, in order.
    pub fn note(&mut self, outputs: &[Output]) {
        for output in outputs {
            let Output::Execution(execution) = output else {
                continue;
            };
            if execution.status != ExecutionStatus::Filled {
                continue;
            }
            let open = !execution.position.is_zero();
            if open && !self.open {
                self.number += 1;
                self.since = execution.time;
            }
            self.open = open;
        }
    }

    /// The figures of an account of which everything was noted.
    pub fn holding(&self, account: &Account) -> Holding {
        let units = account.position();
        let position = (!units.is_zero()).then(|| {
            let unrealized = account.unrealized_pnl();
            let percent = unrealized
                .and_then(|pnl| pnl.checked_mul(Decimal::ONE_HUNDRED))
                .and_then(|pnl| pnl.checked_div(account.cost_basis()));
            Position {
                units,
                entry_price: account.average_cost(),
                unrealized,
                unrealized_percent: percent,
                number: self.number,
                since: self.since,
            }
        });
        Holding {
            realized: account.realized_pnl(),
            position,
        }
    }
}
