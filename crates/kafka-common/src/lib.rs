#![doc = include_str!("../README.md")]

pub mod admin;
mod consumer;
mod dead_letter;
pub mod decimal;
pub mod envelope;
mod error;
pub mod matrix;
pub mod messages;
pub mod partitioner;
pub mod processor;
mod producer;
mod record;
mod settings;
mod telemetry;
pub mod topics;

pub use consumer::{KafkaConsumer, StartedConsumer};
pub use error::{ClientError, DecodeError, ErrorClass, HandlerError, ProduceError};
pub use matrix::{
    Consumes, ForwardTestService, MarketDataService, NotificationService, Operations, Produces,
    Service, StrategyService,
};
pub use producer::{Delivered, KafkaProducer, PendingDelivery};
pub use record::{Record, RecordMeta};
pub use settings::{Delivery, KafkaSettings, SecuritySettings};
pub use topics::{Topic, Topics};
