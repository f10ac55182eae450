//! What a service needs besides Kafka: configuration, telemetry, an HTTP server with health,
//! sign-in, database, cache, and an orderly end.

pub mod auth;
pub mod cache;
pub mod cli;
pub mod clock;
pub mod consuming;
pub mod database;
pub mod health;
pub mod json;
pub mod leases;
mod log_lines;
pub mod otlp;
pub mod page;
pub mod problem;
pub mod service;
mod serving;
pub mod settings;
pub mod snapshots;
pub mod telemetry;

pub use auth::{Auth, CallingService, Identity, Operator, Role, Scope};
pub use json::ApiJson;
pub use page::{Page, PageQuery};
pub use problem::{FieldError, Problem};
pub use service::{Context, Service, Starting};
pub use settings::Settings;
