#![doc = include_str!("../README.md")]

mod accept;
mod account;
mod check;
mod error;
mod exact;
mod exits;
mod figures;
mod fill;
mod filling;
mod hash;
mod ids;
mod kind;
mod ledger;
mod life;
mod lots;
mod meeting;
mod metrics;
mod model;
mod open;
mod order;
mod output;
mod price;
mod quiet;
mod reject;
mod risk;
mod sizing;
mod terms;
mod trade;

pub use accept::{Origin, Replacement};
pub use account::{Account, Counts, SessionState};
pub use error::LedgerError;
pub use figures::Figures;
pub use hash::{LedgerHasher, canonical_line};
pub use ids::{TRADE_NAMESPACE, leg_id, trade_id};
pub use kind::{Distance, OrderKind, OrderTerms, StopLoss, Target, TimeInForce};
pub use ledger::{CostMethod, Ledger};
pub use metrics::Metrics;
pub use model::{Fees, FillModel, Latency, Market, ProductRules, Slippage, Unsure};
pub use open::{Leg, OpenOrder};
pub use order::{Action, Disposition, MAX_PENDING_ORDERS, OrderRequest, QuantityType};
pub use output::{
    EquityPoint, Execution, ExecutionStatus, Liquidity, Marker, OrderEvent, OrderStatus, Output,
    RiskHit,
};
pub use risk::{RiskAction, RiskLimits};
pub use terms::{SessionTerms, TermsError};
pub use trade::{MarketTrade, Quote};
