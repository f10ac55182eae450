//! The integration matrix: which service produces and consumes which topic, as types and as data.
//!
//! A violation does not compile:
//!
//! ```compile_fail,E0277
//! use kafka_common::{KafkaProducer, MarketDataService, Topics, messages::TradeExecution};
//! // market-data may not write trades
//! async fn forbidden(producer: &KafkaProducer<MarketDataService>, trade: &TradeExecution) {
//!     let _ = producer.send_message(Topics::TRADE_EXECUTIONS, trade, "session").await;
//! }
//! ```
//!
//! ```compile_fail,E0277
//! use kafka_common::{KafkaConsumer, NotificationService, Topics};
//! // notification may not read market data
//! fn forbidden(consumer: KafkaConsumer<NotificationService>) {
//!     consumer.add_message_handler(Topics::MARKET_DATA_UPDATES, |_record| async { Ok(()) });
//! }
//! ```
//!
//! while what is in the row does:
//!
//! ```
//! use kafka_common::{KafkaConsumer, NotificationService, Topics};
//! fn allowed(consumer: KafkaConsumer<NotificationService>) {
//!     consumer.add_message_handler(Topics::TRADE_EXECUTIONS, |_record| async { Ok(()) });
//! }
//! ```

use crate::topics::{
    AuditLogs, ForwardTestEvents, MarketDataUpdates, PortfolioUpdates, RealtimeUpdates,
    ServiceHealthUpdates, StrategyCompilations, StrategySignals, SymbolSubscriptions, Topic,
    TradeExecutions, UserNotifications,
};

/// A service as a type: the key to its row of the matrix.
pub trait Service: Send + Sync + 'static {
    /// The service's name, as in `producer_service`.
    const NAME: &'static str;
    /// Its consumer group.
    const GROUP: &'static str;
}

/// The service may write the topic.
#[diagnostic::on_unimplemented(
    message = "`{Self}` may not produce to `{T}`",
    note = "the integration matrix in kafka-common/src/matrix.rs lists what each service produces"
)]
pub trait Produces<T: Topic>: Service {}

/// The service may read the topic.
#[diagnostic::on_unimplemented(
    message = "`{Self}` may not consume `{T}`",
    note = "the integration matrix in kafka-common/src/matrix.rs lists what each service consumes"
)]
pub trait Consumes<T: Topic>: Service {}

/// One row of the matrix as data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatrixRow {
    /// The service's name.
    pub service: &'static str,
    /// Its consumer group.
    pub group: &'static str,
    /// Topics that it writes.
    pub produces: &'static [&'static str],
    /// Topics that it reads.
    pub consumes: &'static [&'static str],
    /// Topics of its own whose end it reads at its start, to go on writing where it stopped. No
    /// group is joined, and nothing is derived from the records but that.
    pub resumes: &'static [&'static str],
}

macro_rules! matrix {
    ($($(#[$doc:meta])* $service:ident $name:literal
        produces [$($produced:ident),*] consumes [$($consumed:ident),*]
        resumes [$($resumed:ident),*];)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub struct $service;
            impl Service for $service {
                const NAME: &'static str = $name;
                const GROUP: &'static str = concat!($name, "-service");
            }
            $(impl Produces<$produced> for $service {})*
            $(impl Consumes<$consumed> for $service {})*
        )*

        /// The matrix as data, one row a service.
        pub const MATRIX: &[MatrixRow] = &[$(MatrixRow {
            service: $name,
            group: concat!($name, "-service"),
            produces: &[$($produced::SPEC.name),*],
            consumes: &[$($consumed::SPEC.name),*],
            resumes: &[$($resumed::SPEC.name),*],
        }),*];
    };
}

matrix! {
    /// Feeds Coinbase's trades into the log.
    MarketDataService "market-data"
        produces [MarketDataUpdates, SymbolSubscriptions] consumes []
        resumes [MarketDataUpdates];
    /// Evaluates strategies.
    StrategyService "strategy"
        produces [StrategySignals, StrategyCompilations] consumes [MarketDataUpdates] resumes [];
    /// Trades on paper.
    ForwardTestService "forward-test"
        produces [ForwardTestEvents, TradeExecutions]
        consumes [StrategySignals, MarketDataUpdates] resumes [];
    /// Pushes events to browsers.
    NotificationService "notification"
        produces [RealtimeUpdates]
        consumes [UserNotifications, ForwardTestEvents, TradeExecutions] resumes [];
}

/// The operator's tool (`algotrade ops`, `notify`, `produce`, `dlq` and so on), which stands outside
/// the matrix of the four services: it writes the four topics that none of them does. What it
/// changes it records on `audit-logs`.
#[derive(Debug, Clone, Copy)]
pub struct Operations;

impl Service for Operations {
    const NAME: &'static str = "algotrade-ops";
    const GROUP: &'static str = "algotrade-ops";
}
impl Produces<UserNotifications> for Operations {}
impl Produces<AuditLogs> for Operations {}
impl Produces<PortfolioUpdates> for Operations {}
impl Produces<ServiceHealthUpdates> for Operations {}
impl Consumes<TradeExecutions> for Operations {}
impl Consumes<ForwardTestEvents> for Operations {}

/// What the operator's tool reads and writes as a matter of course (`algotrade ops`), as data.
pub const OPERATOR: MatrixRow = MatrixRow {
    service: Operations::NAME,
    group: Operations::GROUP,
    produces: &[
        ServiceHealthUpdates::SPEC.name,
        AuditLogs::SPEC.name,
        PortfolioUpdates::SPEC.name,
        UserNotifications::SPEC.name,
    ],
    consumes: &[TradeExecutions::SPEC.name, ForwardTestEvents::SPEC.name],
    resumes: &[],
};

/// The deliberate exception to the matrix: who may write any topic by its name. `algotrade produce`
/// and `algotrade dlq redrive` do, on an operator's behalf: the first validates what it writes
/// against the topic's message type, the second sends back bytes that were in the topic before.
/// Sealed, so that no service can claim it; on the broker only the principal `ops` may.
pub trait WritesAnyTopic: Service + sealed::Sealed {}
impl WritesAnyTopic for Operations {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Operations {}
}

/// The name of the dead-letter topic of a consumer group: `<topic>.<group>.dlq`.
#[must_use]
pub fn dead_letter_topic(topic: &str, group: &str) -> String {
    format!("{topic}.{group}.dlq")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_is_the_specifications() {
        let row = |service| {
            MATRIX
                .iter()
                .find(|row| row.service == service)
                .map(|row| (row.produces, row.consumes))
        };
        assert_eq!(MATRIX.len(), 4);
        assert_eq!(
            row("market-data"),
            Some((
                &["market-data-updates", "symbol-subscriptions"][..],
                &[][..]
            ))
        );
        assert_eq!(
            row("strategy"),
            Some((
                &["strategy-signals", "strategy-compilations"][..],
                &["market-data-updates"][..]
            ))
        );
        assert_eq!(
            row("forward-test"),
            Some((
                &["forward-test-events", "trade-executions"][..],
                &["strategy-signals", "market-data-updates"][..]
            ))
        );
        assert_eq!(
            row("notification"),
            Some((
                &["realtime-updates"][..],
                &[
                    "user-notifications",
                    "forward-test-events",
                    "trade-executions"
                ][..]
            ))
        );
    }
}
