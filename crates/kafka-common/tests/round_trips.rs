//! Any JSON number that is read is the same number, to the last digit, when it is written again;
//! and no bytes at all bring a decoder down.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use kafka_common::envelope::{self, Envelope};
use kafka_common::messages::{
    AuditLog, ForwardTestEvent, MarketDataUpdate, PortfolioUpdate, RealtimeUpdate,
    StrategyCompilation, StrategySignal, TradeExecution,
};
use proptest::prelude::*;
use rust_decimal::Decimal;

/// Any number that JSON's grammar allows, a good part of them with more digits than are exact.
fn json_number() -> impl Strategy<Value = String> {
    let digits = "(0|[1-9][0-9]{0,30})(\\.[0-9]{1,32})?([eE][+-]?[0-9]{1,2})?";
    (any::<bool>(), digits).prop_map(|(minus, digits)| match minus {
        true => format!("-{digits}"),
        false => digits,
    })
}

/// Sign, digits without zeros around them, and the power of ten of the last one: independent of
/// the code under test.
fn canonical(text: &str) -> (bool, String, i64) {
    let (minus, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let exponent = exponent.parse::<i64>().unwrap() - fraction.len() as i64;
    let significant = digits.trim_end_matches('0');
    let zeros = (digits.len() - significant.len()) as i64;
    match significant.trim_start_matches('0') {
        "" => (false, String::new(), 0),
        significant => (minus, significant.to_owned(), exponent + zeros),
    }
}

fn update_with(price: &str) -> String {
    format!(
        r#"{{"timestamp":"2024-01-01T12:00:00.000Z","producer_service":"x","data":{{"symbol":"A","price":{price},"volume":1,"timestamp":"2024-01-01T12:00:00Z","source":"s"}}}}"#
    )
}

fn written(update: &MarketDataUpdate) -> String {
    let bytes = envelope::encode("x", "2024-01-01T12:00:00Z".parse().unwrap(), update).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let price = text.split_once(r#""price":"#).unwrap().1;
    price.split_once(',').unwrap().0.to_owned()
}

/// Read as the nearest binary number, so that it is written and read again as the same.
#[test]
fn a_duration_stays_what_it_was_read_as() {
    let value = r#"{"timestamp":"2026-01-05T00:00:00.000Z","producer_service":"x","data":{"user_id":"u","success":true,"duration_ms":0.9999999999994999999997,"diagnostics":null,"timestamp":"2026-01-05T00:00:00Z"}}"#;
    let read: Envelope<StrategyCompilation> = envelope::decode(Some(value.as_bytes())).unwrap();
    let nearest = 0.999_999_999_999_5_f64;
    assert_eq!(read.data.duration_ms.to_bits(), nearest.to_bits());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_json_number_is_exact_or_refused_by_name(number in json_number()) {
        let value = update_with(&number);
        let read: Result<Envelope<MarketDataUpdate>, _> = envelope::decode(Some(value.as_bytes()));
        let (_, digits, exponent) = canonical(&number);
        match read {
            Ok(envelope) => {
                let written = written(&envelope.data);
                prop_assert_eq!(canonical(&written), canonical(&number));
                // And it is a number for any other reader of JSON.
                prop_assert!(serde_json::from_str::<serde_json::Number>(&written).is_ok());
            }
            Err(error) => {
                prop_assert!(error.to_string().contains("not an exact decimal"), "{}", error);
                // 28 digits always fit, and 28 places; beyond them some do.
                let spelled = number.split(['e', 'E', '.', '-']).map(str::len).sum::<usize>();
                prop_assert!(
                    spelled > 28 || digits.len() as i64 + exponent.max(0) > 28 || exponent < -28,
                    "{} was refused: {}", number, error
                );
            }
        }
    }

    #[test]
    fn any_decimal_survives_its_message(mantissa in -(1_i128 << 96) + 1..1_i128 << 96, scale in 0_u32..=28) {
        let price = Decimal::from_i128_with_scale(mantissa, scale);
        let value = update_with(&price.to_string());
        let read: Envelope<MarketDataUpdate> = envelope::decode(Some(value.as_bytes())).unwrap();
        prop_assert_eq!(read.data.price, price);
        // Trailing zeros as well.
        prop_assert_eq!(written(&read.data), price.to_string());
    }

    /// What comes over the network may be anything.
    #[test]
    fn no_bytes_bring_a_decoder_down(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in any::<prop::sample::Index>()) {
        let whole = update_with("1.5").into_bytes();
        // Damage in the middle of a whole message reaches further into a decoder than noise.
        let mut damaged = whole.clone();
        let at = cut.index(whole.len());
        for (into, byte) in damaged[at..].iter_mut().zip(&bytes) {
            *into = *byte;
        }
        for value in [bytes.as_slice(), &damaged, &whole[..at]] {
            let _ = envelope::decode::<MarketDataUpdate>(Some(value));
            let _ = envelope::decode::<StrategySignal>(Some(value));
            let _ = envelope::decode::<StrategyCompilation>(Some(value));
            let _ = envelope::decode::<TradeExecution>(Some(value));
            let _ = envelope::decode::<ForwardTestEvent>(Some(value));
            let _ = envelope::decode::<PortfolioUpdate>(Some(value));
            let _ = envelope::decode::<RealtimeUpdate>(Some(value));
            let _ = envelope::decode::<AuditLog>(Some(value));
        }
    }
}
