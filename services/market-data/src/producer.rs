//! The producer, which may have to be replaced.

use std::sync::{PoisonError, RwLock};

use kafka_common::{ClientError, KafkaProducer, KafkaSettings, MarketDataService};

use crate::telemetry;

/// Trades wait for Kafka as long as it takes: one that was given up would be missing between those
/// that came after it. How many wait is bounded elsewhere.
const NO_TIMEOUT: u32 = 0;

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
        let settings = KafkaSettings {
            delivery_timeout_ms: NO_TIMEOUT,
            ..settings.clone()
        };
        let current = RwLock::new(KafkaProducer::start(&settings)?);
        Ok(Self { settings, current })
    }

    /// The producer's settings.
    pub fn settings(&self) -> &KafkaSettings {
        &self.settings
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
    pub async fn renew(&self) -> Result<(), ClientError> {
        let next = KafkaProducer::start(&self.settings)?;
        telemetry::producer_renewed();
        let previous = {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, next)
        };
        // Its end blocks.
        let dropped = tokio::task::spawn_blocking(move || drop(previous)).await;
        dropped.map_err(|error| ClientError::Thread(error.to_string()))
    }
}
