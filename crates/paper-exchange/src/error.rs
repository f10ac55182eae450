//! Errors that concern the session as a whole. An order that can't be filled is not an error: it
//! gives a rejected execution.

use rust_decimal::Decimal;

/// Why a trade could not be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The trade's price is outside what the exchange accepts. Nothing changed: the caller counts
    /// it and skips the trade, for every session alike.
    #[error(
        "a trade's price is {price}, it must be above 0, at most 1000000000000, \
         with at most 8 decimals"
    )]
    InvalidTrade {
        /// The price as it came.
        price: Decimal,
    },
    /// The position can't be valued exactly at the trade's price. Nothing changed, and the session
    /// must end with [`crate::Account::fail`]: its equity is no longer a number.
    #[error("a position of {position} with cash {cash} can't be valued exactly at {price}")]
    NotExact {
        /// Price of the trade.
        price: Decimal,
        /// Units held.
        position: Decimal,
        /// Cash held.
        cash: Decimal,
    },
    /// A fill would have created or destroyed money: a defect of this crate, or a damaged
    /// snapshot. The fill was not applied, and the session must end with [`crate::Account::fail`].
    #[error("cash + position value + fees would change from {before} to {after}")]
    Conservation {
        /// Cash + position value + fees before the fill, at its price.
        before: Decimal,
        /// The same after it.
        after: Decimal,
    },
    /// What a fill took from cash and added to the position's cost is not what it realised: as
    /// [`LedgerError::Conservation`].
    #[error("cash + cost of the position - realised PnL would change from {before} to {after}")]
    DoubleEntry {
        /// Cash + cost basis - realised PnL before the fill.
        before: Decimal,
        /// The same after it.
        after: Decimal,
    },
    /// Realised and unrealised PnL do not explain the equity: see [`crate::Ledger::audit`].
    #[error("realised and unrealised PnL add up to {explained}, equity changed by {actual}")]
    Unexplained {
        /// Realised PnL + position value - cost basis.
        explained: Decimal,
        /// Equity - initial balance.
        actual: Decimal,
    },
}
