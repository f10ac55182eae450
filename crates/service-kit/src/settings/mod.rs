//! Configuration: file, then environment, then flags; each section in a file of its own.
//!
//! All services know all sections, so that one environment serves the whole platform and an
//! unknown key is always a mistake.

mod flat;
mod issuer;
mod loader;
mod notifications;
mod sections;

pub use issuer::IssuerSettings;
pub use loader::{ConfigErrors, Loaded, Override, Purpose, load};
pub use notifications::{NotificationsSettings, SmtpSecurity, SmtpSettings};
pub use sections::{
    AuthSettings, DatabaseSettings, FeedKind, FeedSettings, FeedSource, GapSettings, HttpSettings,
    LogFormat, LogSettings, OpsSettings, RedisSettings, ServicesSettings, SessionsSettings,
    TelemetrySettings,
};

use kafka_common::KafkaSettings;

/// Everything that can be set.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `kafka`: the broker and its clients.
    pub kafka: KafkaSettings,
    /// `database`: Postgres.
    pub database: DatabaseSettings,
    /// `redis`: the cache.
    pub redis: RedisSettings,
    /// `http`: the server.
    pub http: HttpSettings,
    /// `feed`: where market data comes from.
    pub feed: FeedSettings,
    /// `auth`: who may do what.
    pub auth: AuthSettings,
    /// `services`: where the other services are.
    pub services: ServicesSettings,
    /// `sessions`: what users may start.
    pub sessions: SessionsSettings,
    /// `ops`: what `algotrade ops` looks after.
    pub ops: OpsSettings,
    /// `notifications`: pushes to browsers, and what goes out of the house.
    pub notifications: NotificationsSettings,
    /// `log`: what is logged, and how.
    pub log: LogSettings,
    /// `telemetry`: where traces go.
    pub telemetry: TelemetrySettings,
}
