//! A session's terms beyond balance and fee, as the log and the tables keep them.

use chrono::{DateTime, Utc};
use paper_exchange::{Account, CostMethod, Market, RiskLimits, SessionTerms, TermsError};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// As the start record and the table carry them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Terms {
    /// How the market answers.
    pub market: Market,
    /// Limits.
    pub risk: RiskLimits,
    /// What a sale had cost.
    pub cost_method: CostMethod,
    /// When a session begins that begins in the past.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<DateTime<Utc>>,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<DateTime<Utc>>,
}

/// What a session begins with.
#[derive(Debug, Clone)]
pub struct Opening {
    /// Not started.
    pub account: Account,
    /// It ends before the first trade of this event time or a later one.
    pub ends_at: Option<DateTime<Utc>>,
}

impl Opening {
    /// By balance, fee and kept terms.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn of(
        initial_balance: Decimal,
        fee_rate: Decimal,
        terms: Option<&Value>,
    ) -> Result<Self, String> {
        let terms = Terms::read(terms)?;
        let session = terms.session(initial_balance, fee_rate);
        let session = session.map_err(|errors| {
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            texts.join("; ")
        })?;
        Ok(Self {
            account: Account::new(session),
            ends_at: terms.ends_at,
        })
    }
}

impl Terms {
    /// Reads what was kept; the default where nothing was.
    ///
    /// # Errors
    /// What can't be read, in words.
    pub fn read(kept: Option<&Value>) -> Result<Self, String> {
        match kept {
            Some(kept) => Self::deserialize(kept).map_err(|error| error.to_string()),
            None => Ok(Self::default()),
        }
    }

    /// As they are kept; none where there is nothing to keep.
    pub fn to_json(&self) -> Option<Value> {
        let plain = *self == Self::default();
        (!plain).then(|| serde_json::to_value(self).ok()).flatten()
    }

    /// With balance and fee: what the exchange runs with.
    ///
    /// # Errors
    /// All that is wrong, not only the first part's.
    pub fn session(
        &self,
        initial_balance: Decimal,
        fee_rate: Decimal,
    ) -> Result<SessionTerms, Vec<TermsError>> {
        let own = SessionTerms::new(initial_balance, fee_rate);
        let any = SessionTerms::new(Decimal::ONE, Decimal::ZERO)?;
        let market = any.clone().with_market(self.market);
        let risk = any.with_risk(self.risk);
        let errors: Vec<_> = [own.as_ref(), market.as_ref(), risk.as_ref()]
            .into_iter()
            .filter_map(|part| part.err().cloned())
            .flatten()
            .collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        let terms = own?.with_market(self.market)?.with_risk(self.risk)?;
        Ok(terms.with_cost_method(self.cost_method))
    }
}
