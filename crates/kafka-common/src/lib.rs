#![doc = include_str!("../README.md")]

pub mod acl;
pub mod admin;
pub mod asyncapi;
mod consumer;
mod dead_letter;
pub mod decimal;
pub mod envelope;
mod error;
mod header;
pub mod inspect;
pub mod matrix;
pub mod messages;
pub mod partitioner;
pub mod past;
pub mod preflight;
pub mod processor;
mod producer;
pub mod properties;
mod record;
mod schema;
pub mod security;
mod settings;
mod spool;
mod statistics;
mod telemetry;
pub mod topics;
pub mod trace;

pub use consumer::{
    AgeOf, ConsumerControl, ConsumerState, DeadLetterLimit, KafkaConsumer, Position, ReplayReport,
    StaleOutcome, Staleness, StartedConsumer, Watchdog,
};
pub use error::{ClientError, DecodeError, ErrorClass, HandlerError, ProduceError, is_fatal};
pub use header::{RawHeaders, header, raw_headers};
pub use matrix::{
    Consumes, ForwardTestService, MarketDataService, NotificationService, Operations, Produces,
    Service, StrategyService, WritesAnyTopic,
};
pub use producer::{
    BreakerSettings, CircuitState, Delivered, KafkaProducer, PendingDelivery, StopReport,
};
pub use properties::{ClientRole, Properties};
pub use record::{Record, RecordMeta, headers as record_headers};
pub use security::{AccessDenied, ConnectFailure, SecuritySettings};
pub use settings::{Delivery, GroupProtocol, KafkaSettings};
pub use spool::{Spool, SpoolError, SpoolSettings, Spooled};
pub use telemetry::{LoggedContext, describe_metrics};
pub use topics::{Topic, Topics};
