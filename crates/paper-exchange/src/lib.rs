#![doc = include_str!("../README.md")]

mod account;
mod error;
mod exact;
mod fill;
mod hash;
mod ids;
mod ledger;
mod metrics;
mod order;
mod output;
mod reject;
mod sizing;
mod terms;
mod trade;

pub use account::{Account, Counts, SessionState};
pub use error::LedgerError;
pub use hash::{LedgerHasher, canonical_line};
pub use ids::{TRADE_NAMESPACE, trade_id};
pub use ledger::Ledger;
pub use metrics::Metrics;
pub use order::{Action, Disposition, MAX_PENDING_ORDERS, OrderRequest, QuantityType};
pub use output::{EquityPoint, Execution, ExecutionStatus, Marker, Output};
pub use terms::{SessionTerms, TermsError};
pub use trade::MarketTrade;
