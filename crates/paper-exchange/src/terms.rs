//! What a session was agreed to run with.

use rust_decimal::Decimal;
use rust_decimal_macros::dec;
use serde::{Deserialize, Serialize};

use crate::exact::MONEY_SCALE;
use crate::ledger::CostMethod;
use crate::model::{Fees, FillModel, Latency, Market};
use crate::risk::RiskLimits;

const MAX_BALANCE: Decimal = dec!(1000000000000);
/// The highest price, and the most that an amount in the terms may be.
pub(crate) const MAX_PRICE: Decimal = MAX_BALANCE;
/// The same in steps of 1e-8.
pub(crate) const MAX_PRICE_STEPS: i128 = MAX_PRICE.mantissa() * 10_i128.pow(MONEY_SCALE);
const MAX_FEE_RATE: Decimal = dec!(0.1);

/// Validated terms of a session; they don't change while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawTerms")]
pub struct SessionTerms {
    #[serde(with = "rust_decimal::serde::str")]
    initial_balance: Decimal,
    #[serde(with = "rust_decimal::serde::str")]
    fee_rate: Decimal,
    #[serde(skip_serializing_if = "is_default")]
    market: Market,
    #[serde(skip_serializing_if = "is_default")]
    risk: RiskLimits,
    #[serde(skip_serializing_if = "is_default")]
    cost_method: CostMethod,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// One violated rule, in the parts that an HTTP problem document names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {detail}; {hint}")]
pub struct TermsError {
    /// The field's name.
    pub field: &'static str,
    /// A stable, machine-readable name of the rule.
    pub code: &'static str,
    /// What is wrong, with the value.
    pub detail: String,
    /// What to do about it.
    pub hint: &'static str,
}

impl SessionTerms {
    /// Checks the terms.
    ///
    /// `initial_balance` is in the quote currency; `fee_rate` is the fraction of a fill's notional
    /// (0.001 is 0.1 %).
    ///
    /// # Errors
    /// Every violated rule, not only the first.
    pub fn new(initial_balance: Decimal, fee_rate: Decimal) -> Result<Self, Vec<TermsError>> {
        let mut errors = Vec::new();
        let balance_hint = "choose an amount above 0 and up to 1000000000000";
        if initial_balance <= Decimal::ZERO || initial_balance > MAX_BALANCE {
            errors.push(out_of_range(
                "initial_balance",
                initial_balance,
                balance_hint,
            ));
        }
        if fee_rate.is_sign_negative() && !fee_rate.is_zero() || fee_rate > MAX_FEE_RATE {
            let hint = "choose a fraction from 0 to 0.1, for example 0.001 for 0.1 percent";
            errors.push(out_of_range("fee_rate", fee_rate, hint));
        }
        for (field, value) in [("initial_balance", initial_balance), ("fee_rate", fee_rate)] {
            if value.normalize().scale() > MONEY_SCALE {
                errors.push(TermsError {
                    field,
                    code: "too_precise",
                    detail: format!("{value} has more than 8 decimals"),
                    hint: "round it to 8 decimals",
                });
            }
        }
        if errors.is_empty() {
            let (initial_balance, fee_rate) = (initial_balance.normalize(), fee_rate.normalize());
            Ok(Self {
                initial_balance,
                fee_rate,
                market: Market::default(),
                risk: RiskLimits::default(),
                cost_method: CostMethod::default(),
            })
        } else {
            Err(errors)
        }
    }

    /// The same with a market other than "whole at the next trade, one fee".
    ///
    /// # Errors
    /// Every violated rule.
    pub fn with_market(self, market: Market) -> Result<Self, Vec<TermsError>> {
        let mut checks = Checks::default();
        market.check(&mut checks);
        checks.finish(Self { market, ..self })
    }

    /// The same with limits.
    ///
    /// # Errors
    /// Every violated rule.
    pub fn with_risk(self, risk: RiskLimits) -> Result<Self, Vec<TermsError>> {
        let mut checks = Checks::default();
        risk.check(&mut checks);
        checks.finish(Self { risk, ..self })
    }

    /// The same with another way to tell what a sale had cost.
    #[must_use]
    pub fn with_cost_method(self, cost_method: CostMethod) -> Self {
        Self {
            cost_method,
            ..self
        }
    }

    /// How the market answers.
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// The limits.
    pub fn risk(&self) -> &RiskLimits {
        &self.risk
    }

    /// What a sale had cost.
    pub fn cost_method(&self) -> CostMethod {
        self.cost_method
    }

    /// Fees of makers and takers.
    pub fn fees(&self) -> Fees {
        let same = Fees {
            maker: self.fee_rate,
            taker: self.fee_rate,
        };
        self.market.fees.unwrap_or(same)
    }

    /// Whether a plain market order always fills or is rejected at the next trade. Then that is all
    /// that is said of it.
    pub(crate) fn fills_at_once(&self) -> bool {
        self.market.fill_model == FillModel::NextTrade && self.market.latency == Latency::None
    }

    /// Cash at the start, in the quote currency.
    pub fn initial_balance(&self) -> Decimal {
        self.initial_balance
    }

    /// Fee as a fraction of a fill's notional.
    pub fn fee_rate(&self) -> Decimal {
        self.fee_rate
    }
}

/// Collects what is wrong with terms.
#[derive(Debug, Default)]
pub(crate) struct Checks(Vec<TermsError>);

impl Checks {
    fn range(&mut self, field: &'static str, value: Decimal, fits: bool, hint: &'static str) {
        if !fits {
            self.0.push(out_of_range(field, value, hint));
        }
        if value.normalize().scale() > MONEY_SCALE {
            self.0.push(TermsError {
                field,
                code: "too_precise",
                detail: format!("{value} has more than 8 decimals"),
                hint: "round it to 8 decimals",
            });
        }
    }

    pub(crate) fn above_zero(&mut self, field: &'static str, value: Decimal, most: Decimal) {
        let fits = value > Decimal::ZERO && value <= most;
        self.range(
            field,
            value,
            fits,
            "choose a number above 0 that is not as large",
        );
    }

    pub(crate) fn zero_or_more(&mut self, field: &'static str, value: Decimal, most: Decimal) {
        let fits = value >= Decimal::ZERO && value <= most;
        self.range(
            field,
            value,
            fits,
            "choose 0 or a number above it that is not as large",
        );
    }

    pub(crate) fn at_most(&mut self, field: &'static str, value: u32, most: u32) {
        if value > most {
            let hint = "choose a smaller number";
            self.0.push(out_of_range(field, value.into(), hint));
        }
    }

    fn finish(self, terms: SessionTerms) -> Result<SessionTerms, Vec<TermsError>> {
        match self.0.is_empty() {
            true => Ok(terms),
            false => Err(self.0),
        }
    }
}

fn out_of_range(field: &'static str, value: Decimal, hint: &'static str) -> TermsError {
    let detail = format!("{value} is out of range");
    TermsError {
        field,
        code: "out_of_range",
        detail,
        hint,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTerms {
    #[serde(with = "rust_decimal::serde::str")]
    initial_balance: Decimal,
    #[serde(with = "rust_decimal::serde::str")]
    fee_rate: Decimal,
    #[serde(default)]
    market: Market,
    #[serde(default)]
    risk: RiskLimits,
    #[serde(default)]
    cost_method: CostMethod,
}

impl TryFrom<RawTerms> for SessionTerms {
    type Error = String;

    fn try_from(raw: RawTerms) -> Result<Self, String> {
        Self::new(raw.initial_balance, raw.fee_rate)
            .and_then(|terms| terms.with_market(raw.market))
            .and_then(|terms| terms.with_risk(raw.risk))
            .map(|terms| terms.with_cost_method(raw.cost_method))
            .map_err(|errors| {
                errors
                    .iter()
                    .map(TermsError::to_string)
                    .collect::<Vec<_>>()
                    .join("; ")
            })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn codes(balance: Decimal, fee: Decimal) -> Vec<(&'static str, &'static str)> {
        let errors = SessionTerms::new(balance, fee).err().unwrap_or_default();
        errors.into_iter().map(|e| (e.field, e.code)).collect()
    }

    #[test]
    fn limits_are_inclusive_where_the_rules_say_so() {
        assert_eq!(codes(dec!(1000000000000), dec!(0.1)), []);
        assert_eq!(codes(dec!(0.00000001), dec!(0)), []);
        assert_eq!(codes(dec!(1.00000000000), dec!(-0.0)), []);
    }

    #[test]
    fn every_violation_is_reported_at_once() {
        assert_eq!(
            codes(dec!(-0.000000001), dec!(0.100000001)),
            [
                ("initial_balance", "out_of_range"),
                ("fee_rate", "out_of_range"),
                ("initial_balance", "too_precise"),
                ("fee_rate", "too_precise"),
            ]
        );
        assert_eq!(
            codes(Decimal::MAX, dec!(0)),
            [("initial_balance", "out_of_range")]
        );
        assert_eq!(codes(dec!(0), dec!(-1)).len(), 2);
    }

    #[test]
    fn terms_in_a_snapshot_are_checked_again() {
        let bad = r#"{"initial_balance":"0","fee_rate":"0.5"}"#;
        let error = serde_json::from_str::<SessionTerms>(bad)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("initial_balance") && error.contains("fee_rate"),
            "{error}"
        );
    }
}
