//! What is found in the data of nodes.

use serde_json::json;

use super::{Case, error, notice, warning, with};

pub(super) fn cases() -> Vec<Case> {
    let sma = |data| ("sma", "smaNode", data);
    let into_sma = "price.price-out > sma.price-in";
    vec![
        error(
            "field_invalid",
            with(&[sma(json!({"period": "ten"}))], &[into_sma]),
        )
        .at("sma")
        .field("period"),
        error(
            "field_invalid",
            with(&[sma(json!({"period": 2.5}))], &[into_sma]),
        )
        .at("sma")
        .field("period"),
        error(
            "field_invalid",
            with(&[sma(json!({"period": true}))], &[into_sma]),
        )
        .at("sma")
        .field("period"),
        error(
            "field_invalid",
            with(&[("x", "crossoverNode", json!({"crossType": "abov"}))], &[]),
        )
        .at("x")
        .field("crossType"),
        error(
            "field_out_of_range",
            with(&[sma(json!({"period": 0}))], &[into_sma]),
        )
        .at("sma")
        .field("period"),
        error(
            "field_out_of_range",
            with(&[sma(json!({"period": "-1"}))], &[into_sma]),
        )
        .at("sma")
        .field("period"),
        error(
            "field_out_of_range",
            with(&[sma(json!({"period": 1e9}))], &[into_sma]),
        )
        .at("sma")
        .field("period"),
        error(
            "field_out_of_range",
            with(&[("k", "constantNode", json!({"value": "1e300"}))], &[]),
        )
        .at("k")
        .field("value"),
        error(
            "field_invalid",
            with(&[("k", "constantNode", json!({"value": "inf"}))], &[]),
        )
        .at("k")
        .field("value"),
        error(
            "field_out_of_range",
            with(&[("t", "thresholdNode", json!({"hysteresis": -1}))], &[]),
        )
        .at("t")
        .field("hysteresis"),
        error(
            "field_missing",
            with(&[("b", "buyNode", json!({"sizeType": "units"}))], &[]),
        )
        .at("b")
        .field("quantity"),
        warning(
            "field_suspicious",
            with(
                &[("t", "thresholdNode", json!({"upperThreshold": 20}))],
                &[],
            ),
        )
        .at("t")
        .field("lowerThreshold"),
        notice(
            "field_default",
            with(
                &[("ema", "emaNode", json!({})), ("b", "buyNode", json!({}))],
                &[
                    "price.price-out > ema.price-in",
                    "high.result-out > b.trigger-in",
                ],
            ),
        )
        .at("ema")
        .field("period"),
        notice(
            "field_ignored",
            with(&[("p", "priceNode", json!({"symbol": "AAPL"}))], &[]),
        )
        .at("p")
        .field("symbol"),
    ]
}
