//! The envelope around every record's value: `{"timestamp", "producer_service", "data"}`.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::DecodeError;

/// The standard format of every message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// When the record was produced: the wall clock, so never an input of a result.
    #[serde(serialize_with = "milliseconds", deserialize_with = "any_precision")]
    pub timestamp: DateTime<Utc>,
    /// The service that produced it.
    pub producer_service: String,
    /// The payload.
    pub data: T,
}

/// An envelope to be written, borrowing its payload.
#[derive(Debug, Serialize)]
pub struct EnvelopeRef<'a, T> {
    /// When the record is produced.
    #[serde(serialize_with = "milliseconds")]
    pub timestamp: DateTime<Utc>,
    /// The service that produces it.
    pub producer_service: &'a str,
    /// The payload.
    pub data: &'a T,
}

fn milliseconds<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

fn any_precision<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    DateTime::<Utc>::deserialize(deserializer)
}

/// Writes a payload in its envelope.
///
/// # Errors
/// The payload can't be written as JSON.
pub fn encode<T: Serialize>(
    producer_service: &str,
    timestamp: DateTime<Utc>,
    data: &T,
) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&EnvelopeRef {
        timestamp,
        producer_service,
        data,
    })
}

/// Reads an envelope and its payload.
///
/// # Errors
/// The value is empty (a tombstone), not UTF-8, not JSON, or lacks a field; the error names it.
pub fn decode<'a, T: Deserialize<'a>>(value: Option<&'a [u8]>) -> Result<Envelope<T>, DecodeError> {
    let value = value
        .filter(|value| !value.is_empty())
        .ok_or(DecodeError::Empty)?;
    // All of it, fields that nobody reads among them: one reader must not take what another refuses.
    let text = std::str::from_utf8(value).map_err(DecodeError::Utf8)?;
    serde_json::from_str(text).map_err(DecodeError::Json)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::messages::{MarketDataUpdate, TradeExecution};

    #[test]
    fn the_specifications_market_data_message_is_read() {
        let value = br#"{"timestamp":"2024-01-01T12:00:00.000Z","producer_service":"market-data",
            "data":{"symbol":"BTCUSD","price":50000.00,"volume":1.5,
                    "timestamp":"2024-01-01T12:00:00Z","source":"coinbase","later":"addition"}}"#;
        let envelope: Envelope<MarketDataUpdate> = decode(Some(value)).unwrap();
        assert_eq!(envelope.producer_service, "market-data");
        assert_eq!(envelope.data.price.to_string(), "50000.00");
        assert_eq!(envelope.data.trade_id, None);
    }

    #[test]
    fn the_specifications_trade_execution_is_read_and_written_field_for_field() {
        let data = r#"{"trade_id":"7f0c0a2e-6f7e-4b0e-9f43-5f0d6f4c9a11","session_id":"7f0c0a2e-6f7e-4b0e-9f43-5f0d6f4c9a12","symbol":"BTCUSD","action":"BUY","quantity":1.0,"price":50000.00,"status":"FILLED","timestamp":"2024-01-01T12:00:00Z"}"#;
        let trade: TradeExecution = serde_json::from_str(data).unwrap();
        assert_eq!(serde_json::to_string(&trade).unwrap(), data);
    }

    #[test]
    fn a_missing_field_is_named_and_a_tombstone_is_told() {
        let value = br#"{"timestamp":"2024-01-01T12:00:00.000Z","producer_service":"x",
            "data":{"symbol":"BTCUSD","price":1}}"#;
        let error = decode::<MarketDataUpdate>(Some(value)).unwrap_err();
        assert!(error.to_string().contains("volume"), "{error}");
        assert!(matches!(
            decode::<MarketDataUpdate>(None),
            Err(DecodeError::Empty)
        ));
    }

    #[test]
    fn what_is_not_utf8_is_refused_wherever_it_stands() {
        let value = br#"{"timestamp":"2024-01-01T12:00:00.000Z","producer_service":"market-data",
            "data":{"symbol":"BTCUSD","price":1,"volume":1,"later":"?",
                    "timestamp":"2024-01-01T12:00:00Z","source":"coinbase"}}"#;
        assert!(decode::<MarketDataUpdate>(Some(value)).is_ok());
        let spoilt = value.map(|byte| if byte == b'?' { 0xff } else { byte });
        let error = decode::<MarketDataUpdate>(Some(&spoilt)).unwrap_err();
        assert!(matches!(error, DecodeError::Utf8(_)), "{error}");
    }

    #[test]
    fn the_envelope_has_the_documented_shape() {
        let time = DateTime::parse_from_rfc3339("2024-01-01T12:00:00Z")
            .unwrap()
            .to_utc();
        let bytes = encode("algotrade-microservice", time, &serde_json::json!({"a": 1})).unwrap();
        assert_eq!(
            std::str::from_utf8(&bytes).unwrap(),
            r#"{"timestamp":"2024-01-01T12:00:00.000Z","producer_service":"algotrade-microservice","data":{"a":1}}"#
        );
    }
}
