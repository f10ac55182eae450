//! The producer, which may have to be replaced.

use std::sync::{PoisonError, RwLock};

use kafka_common::{ClientError, KafkaProducer, KafkaSettings, MarketDataService, ProduceError};
use rdkafka::types::RDKafkaErrorCode;

use crate::telemetry;

/// The service's producer. An idempotent producer that has met a fatal error refuses everything
/// from then on, and only a new one helps.
#[derive(Debug)]
pub struct Producer {
    settings: KafkaSettings,
    current: RwLock<KafkaProducer<MarketDataService>>,
}

impl Producer {
    /// Starts a producer.
    ///
    /// # Errors
    /// The settings are refused.
    pub fn start(settings: &KafkaSettings) -> Result<Self, ClientError> {
        let first = KafkaProducer::start(settings)?;
        Ok(Self {
            settings: settings.clone(),
            current: RwLock::new(first),
        })
    }

    /// The producer of the moment.
    pub fn current(&self) -> KafkaProducer<MarketDataService> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Puts a new producer into the place of one that can't go on.
    ///
    /// # Errors
    /// No new one can be made.
    pub fn renew(&self, error: &ProduceError) -> Result<(), ClientError> {
        let next = KafkaProducer::start(&self.settings)?;
        telemetry::producer_renewed(error);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }
}

/// Whether the producer can't go on.
pub fn is_fatal(error: &ProduceError) -> bool {
    let ProduceError::Delivery { source, .. } = error else {
        return false;
    };
    source.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal)
}
