//! The topic catalogue: every topic of AlgoTrade as a type, with its partitions, retention and message.

use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::messages::{
    AuditLog, ForwardTestEvent, MarketDataUpdate, PortfolioUpdate, RealtimeUpdate, ServiceHealth,
    StrategyCompilation, StrategySignal, SymbolSubscription, TradeExecution, UserNotification,
};

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// What the broker has to know about a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicSpec {
    /// The logical name, without a deployment's prefix.
    pub name: &'static str,
    /// Number of partitions.
    pub partitions: i32,
    /// How long records are kept.
    pub retention: Duration,
    /// What the record key holds.
    pub key: &'static str,
}

/// A topic as a type, so that a message can't be sent to the wrong one.
pub trait Topic: Copy + Send + Sync + 'static {
    /// The payload below `data` in the envelope.
    type Message: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
    /// The catalogue's row.
    const SPEC: TopicSpec;
}

/// A topic with what its messages look like.
#[derive(Debug)]
pub(crate) struct DescribedTopic {
    pub(crate) spec: TopicSpec,
    /// What it is for.
    pub(crate) description: &'static str,
    /// Name of its message.
    pub(crate) message: String,
    /// Schema of its message.
    pub(crate) schema: Schema,
}

/// What is done with a topic whose name is known only when the program runs.
pub trait TopicVisitor {
    /// The outcome.
    type Output;
    /// Does it.
    fn visit<T: Topic>(self, topic: T) -> Self::Output;
}

macro_rules! topics {
    ($($type:ident $constant:ident $name:literal $message:ty, $partitions:literal, $retention:expr, $key:literal, $doc:literal;)*) => {
        $(
            #[doc = $doc]
            #[derive(Debug, Clone, Copy)]
            pub struct $type;

            impl Topic for $type {
                type Message = $message;
                const SPEC: TopicSpec = TopicSpec {
                    name: $name,
                    partitions: $partitions,
                    retention: Duration::from_secs($retention),
                    key: $key,
                };
            }
        )*

        /// The topics by the names that the specification uses, as `Topics::MARKET_DATA_UPDATES`.
        #[derive(Debug)]
        pub struct Topics;

        impl Topics {
            $(
                #[doc = $doc]
                pub const $constant: $type = $type;
            )*
        }

        /// Every topic, in the order of the catalogue.
        pub const CATALOGUE: &[TopicSpec] = &[$($type::SPEC),*];

        /// Every topic with its message's schema; what the schemas refer to stays in the generator.
        pub(crate) fn described(generator: &mut SchemaGenerator) -> Vec<DescribedTopic> {
            vec![$(DescribedTopic {
                spec: $type::SPEC,
                description: $doc,
                message: <$message>::schema_name().into_owned(),
                schema: generator.subschema_for::<$message>(),
            }),*]
        }

        /// Visits the topic of a logical name with its type; `None` if the catalogue has none.
        pub fn visit<V: TopicVisitor>(name: &str, visitor: V) -> Option<V::Output> {
            match name {
                $($name => Some(visitor.visit($type)),)*
                _ => None,
            }
        }
    };
}

topics! {
    MarketDataUpdates MARKET_DATA_UPDATES "market-data-updates" MarketDataUpdate, 8, DAY, "symbol",
        "Real-time price and volume updates, one record per trade.";
    SymbolSubscriptions SYMBOL_SUBSCRIPTIONS "symbol-subscriptions" SymbolSubscription, 2, 7 * DAY, "symbol",
        "Symbols that were subscribed to and unsubscribed from.";
    StrategySignals STRATEGY_SIGNALS "strategy-signals" StrategySignal, 4, 7 * DAY, "symbol",
        "Trading signals, and the progress that orders them against the market data.";
    StrategyCompilations STRATEGY_COMPILATIONS "strategy-compilations" StrategyCompilation, 2, 7 * DAY, "strategy id",
        "Every attempt to compile a strategy, with its outcome.";
    TradeExecutions TRADE_EXECUTIONS "trade-executions" TradeExecution, 4, 30 * DAY, "session id",
        "Filled and rejected orders.";
    PortfolioUpdates PORTFOLIO_UPDATES "portfolio-updates" PortfolioUpdate, 4, 30 * DAY, "session id",
        "Balances and positions.";
    ForwardTestEvents FORWARD_TEST_EVENTS "forward-test-events" ForwardTestEvent, 4, 7 * DAY, "session id",
        "Lifecycle, equity and errors of forward-test sessions.";
    UserNotifications USER_NOTIFICATIONS "user-notifications" UserNotification, 2, DAY, "user id",
        "Notifications for one user.";
    RealtimeUpdates REALTIME_UPDATES "realtime-updates" RealtimeUpdate, 2, HOUR, "channel",
        "What was pushed to browsers.";
    ServiceHealthUpdates SERVICE_HEALTH "service-health" ServiceHealth, 2, DAY, "service",
        "Health of the services.";
    AuditLogs AUDIT_LOGS "audit-logs" AuditLog, 2, 90 * DAY, "actor",
        "Who changed what.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_the_specifications() {
        assert_eq!(CATALOGUE.len(), 11);
        let partitions_and_hours = |name: &str| {
            CATALOGUE
                .iter()
                .find(|spec| spec.name == name)
                .map(|spec| (spec.partitions, spec.retention.as_secs() / HOUR))
        };
        assert_eq!(partitions_and_hours("market-data-updates"), Some((8, 24)));
        assert_eq!(partitions_and_hours("strategy-signals"), Some((4, 7 * 24)));
        assert_eq!(partitions_and_hours("trade-executions"), Some((4, 30 * 24)));
        assert_eq!(partitions_and_hours("user-notifications"), Some((2, 24)));
        assert_eq!(partitions_and_hours("realtime-updates"), Some((2, 1)));
    }
}
