//! A session's terms beyond balance and fee, as a user writes them.

use chrono::{DateTime, Utc};
use paper_exchange::{Fees, Market};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use service_kit::FieldError;
use session_account::Terms;

/// Figures that are decimals: written as numbers by people, kept as text so that no digit changes.
const DECIMALS: [&str; 15] = [
    "share",
    "volume",
    "queue",
    "amount",
    "rate",
    "maker",
    "taker",
    "quantity_increment",
    "price_increment",
    "min_quantity",
    "min_notional",
    "max_position",
    "max_order",
    "max_daily_loss",
    "max_drawdown",
];

/// Fees by name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Preset {
    preset: PresetName,
    /// Dollars traded in the 30 days before.
    #[serde(default, with = "rust_decimal::serde::str")]
    volume: Decimal,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PresetName {
    Coinbase,
}

impl Preset {
    fn fees(self) -> Fees {
        match self.preset {
            PresetName::Coinbase => Fees::coinbase(self.volume),
        }
    }
}

/// As a session's body carries them; each may be missing.
#[derive(Debug, Clone, Default)]
#[cfg_attr(test, derive(Deserialize), serde(default))]
pub(crate) struct TermsBody {
    pub(crate) fill_model: Option<Value>,
    pub(crate) fees: Option<Value>,
    pub(crate) slippage: Option<Value>,
    pub(crate) latency: Option<Value>,
    pub(crate) gap: Option<Value>,
    pub(crate) product: Option<Value>,
    pub(crate) risk: Option<Value>,
    pub(crate) cost_method: Option<Value>,
    pub(crate) starts_at: Option<DateTime<Utc>>,
    pub(crate) ends_at: Option<DateTime<Utc>>,
}

impl TermsBody {
    /// Reads every part; the errors name the parts that can't be read.
    pub(crate) fn read(&self) -> Result<Terms, Vec<FieldError>> {
        let mut errors = Vec::new();
        let preset = self.fees.as_ref().and_then(|fees| fees.get("preset"));
        let fees = match preset {
            Some(_) => part("fees", &self.fees, &mut errors).map(Preset::fees),
            None => part("fees", &self.fees, &mut errors),
        };
        let market = Market {
            fill_model: part("fill_model", &self.fill_model, &mut errors).unwrap_or_default(),
            slippage: part("slippage", &self.slippage, &mut errors).unwrap_or_default(),
            latency: part("latency", &self.latency, &mut errors).unwrap_or_default(),
            gap: part("gap", &self.gap, &mut errors).unwrap_or_default(),
            product: part("product", &self.product, &mut errors).unwrap_or_default(),
            fees,
        };
        errors.extend(wrong_times(self.starts_at, self.ends_at));
        let terms = Terms {
            market,
            risk: part("risk", &self.risk, &mut errors).unwrap_or_default(),
            cost_method: part("cost_method", &self.cost_method, &mut errors).unwrap_or_default(),
            starts_at: self.starts_at,
            ends_at: self.ends_at,
        };
        match errors.is_empty() {
            true => Ok(terms),
            false => Err(errors),
        }
    }
}

fn wrong_times(start: Option<DateTime<Utc>>, end: Option<DateTime<Utc>>) -> Option<FieldError> {
    let start = start?;
    let wrong = |code: &str, detail: &str, hint: &str| {
        Some(FieldError {
            field: "starts_at".to_owned(),
            code: code.to_owned(),
            detail: detail.to_owned(),
            hint: hint.to_owned(),
        })
    };
    if start > Utc::now() {
        return wrong(
            "starts_in_the_future",
            "a session begins now or in the past",
            "leave `starts_at` out, or give a time that the market's log reaches back to",
        );
    }
    if end.is_some_and(|end| end <= start) {
        return wrong(
            "starts_after_its_end",
            "the session would end before it begins",
            "give a `starts_at` before `ends_at`",
        );
    }
    None
}

fn part<T: DeserializeOwned>(
    field: &str,
    value: &Option<Value>,
    errors: &mut Vec<FieldError>,
) -> Option<T> {
    let mut value = value.clone().filter(|value| !value.is_null())?;
    if let Value::Object(fields) = &mut value {
        for (name, figure) in fields {
            if DECIMALS.contains(&name.as_str()) && figure.is_number() {
                *figure = Value::String(figure.to_string());
            }
        }
    }
    serde_json::from_value(value)
        .map_err(|error| {
            errors.push(FieldError {
                field: field.to_owned(),
                code: "invalid_terms".to_owned(),
                detail: error.to_string(),
                hint: format!("`/openapi.json` shows what `{field}` may be"),
            });
        })
        .ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use paper_exchange::{CostMethod, SessionTerms};
    use serde_json::json;
    use session_account::Opening;

    fn opening(kept: Option<Value>) -> Opening {
        Opening::of(Decimal::TEN, Decimal::ZERO, kept.as_ref()).unwrap()
    }

    fn opened(kept: Option<Value>) -> SessionTerms {
        opening(kept).account.terms().clone()
    }

    fn body(value: Value) -> TermsBody {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn numbers_keep_their_digits_on_the_way_through_the_log() {
        let body = body(json!({
            "fill_model": {"kind": "volume", "share": 0.1},
            "fees": {"maker": 0.0004, "taker": "0.00060001"},
            "risk": {"max_order": 1000, "max_orders_per_minute": 3, "action": "halt"},
            "cost_method": "fifo",
        }));
        let kept = body.read().unwrap().to_json().unwrap();
        let terms = opened(Some(kept));
        assert_eq!(terms.fees().maker.to_string(), "0.0004");
        assert_eq!(terms.fees().taker.to_string(), "0.00060001");
        assert_eq!(terms.risk().max_order, Some(Decimal::from(1000)));
        assert_eq!(terms.risk().max_orders_per_minute, Some(3));
        assert_eq!(terms.cost_method(), CostMethod::Fifo);
    }

    #[test]
    fn plain_terms_are_not_kept_and_a_preset_is() {
        assert_eq!(TermsBody::default().read().unwrap().to_json(), None);
        let preset = body(json!({"fees": {"preset": "coinbase"}}))
            .read()
            .unwrap();
        let terms = opened(preset.to_json());
        assert_eq!(terms.fees(), Fees::COINBASE);
        let tier = body(json!({"fees": {"preset": "coinbase", "volume": 99_999.99}}));
        let kept = tier.read().unwrap().to_json().unwrap();
        assert_eq!(
            kept["market"]["fees"],
            json!({"maker": "0.0015", "taker": "0.0025"})
        );
        let unknown = body(json!({"fees": {"preset": "kraken"}}))
            .read()
            .unwrap_err();
        assert_eq!(unknown[0].field, "fees");
    }

    #[test]
    fn a_scheduled_end_is_kept() {
        let ends = body(json!({"ends_at": "2026-01-05T12:00:00Z"}))
            .read()
            .unwrap();
        let kept = ends.to_json();
        assert_eq!(opening(kept).ends_at, "2026-01-05T12:00:00Z".parse().ok());
        assert_eq!(opening(None).ends_at, None);
    }

    #[test]
    fn a_start_in_the_past_is_kept_and_one_that_cannot_be_is_named() {
        let past = body(json!({"starts_at": "2026-01-05T12:00:00Z"}));
        let kept = past.read().unwrap().to_json();
        let starts_at = Terms::read(kept.as_ref()).unwrap().starts_at;
        assert_eq!(starts_at, "2026-01-05T12:00:00Z".parse().ok());
        opening(kept);
        assert_eq!(Terms::read(None).unwrap().starts_at, None);
        for (start, code) in [
            ("9999-01-01T00:00:00Z", "starts_in_the_future"),
            ("2026-01-05T12:00:00Z", "starts_after_its_end"),
        ] {
            let wrong = body(json!({"starts_at": start, "ends_at": "2026-01-05T12:00:00Z"}));
            let errors = wrong.read().unwrap_err();
            assert_eq!(
                (errors[0].field.as_str(), errors[0].code.as_str()),
                ("starts_at", code)
            );
        }
    }

    #[test]
    fn every_part_that_is_wrong_is_named() {
        let wrong = body(json!({"fill_model": {"kind": "magic"}, "latency": {"kind": "fixed"}}));
        let errors = wrong.read().unwrap_err();
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["fill_model", "latency"]);
        let steep = body(json!({"slippage": {"kind": "proportional", "rate": 2}}));
        let errors = steep
            .read()
            .unwrap()
            .session(Decimal::ZERO, Decimal::ZERO)
            .unwrap_err();
        let fields: Vec<_> = errors.iter().map(|error| error.field).collect();
        assert_eq!(fields, ["initial_balance", "slippage.rate"]);
    }
}
