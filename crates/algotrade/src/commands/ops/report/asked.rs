//! What is asked: metrics, and what they are called in the report.

/// A counter of what passes.
pub(super) struct Flow {
    pub(super) name: &'static str,
    pub(super) counter: &'static str,
}

pub(super) const FLOWS: [Flow; 7] = [
    Flow {
        name: "trades to the log",
        counter: "market_data_published_trades_total",
    },
    Flow {
        name: "records applied by strategy",
        counter: "processor_committed_records_total{processor=\"strategy\"}",
    },
    Flow {
        name: "records applied by forward-test",
        counter: "processor_committed_records_total{processor=\"forward-test\"}",
    },
    Flow {
        name: "signals",
        counter: "strategy_signals_total",
    },
    Flow {
        name: "executions",
        counter: "forward_test_executions_total",
    },
    Flow {
        name: "events pushed",
        counter: "notification_published_total",
    },
    Flow {
        name: "HTTP requests",
        counter: "http_server_request_duration_seconds_count",
    },
];

/// A histogram of how long something takes, in the order of the way of a trade.
pub(super) struct Stage {
    pub(super) name: &'static str,
    pub(super) histogram: &'static str,
    /// With braces; empty for all.
    pub(super) labels: &'static str,
}

impl Stage {
    pub(super) fn quantile(&self, quantile: f64, window: &str) -> String {
        let Self {
            histogram, labels, ..
        } = self;
        format!(
            "histogram_quantile({quantile}, sum by (le) (increase({histogram}_bucket{labels}[{window}])))"
        )
    }

    pub(super) fn count(&self) -> String {
        format!(
            "sum(increase({}_count{}[$period]))",
            self.histogram, self.labels
        )
    }
}

pub(super) const STAGES: [Stage; 6] = [
    Stage {
        name: "1 exchange to log",
        histogram: "market_data_publish_latency_seconds",
        labels: "",
    },
    Stage {
        name: "2 strategy, commit",
        histogram: "processor_commit_duration_seconds",
        labels: "{processor=\"strategy\"}",
    },
    Stage {
        name: "3 forward-test, commit",
        histogram: "processor_commit_duration_seconds",
        labels: "{processor=\"forward-test\"}",
    },
    Stage {
        name: "4 log to browser",
        histogram: "notification_push_latency_seconds",
        labels: "",
    },
    Stage {
        name: "HTTP answers",
        histogram: "http_server_request_duration_seconds",
        labels: "",
    },
    Stage {
        name: "messages to Kafka",
        histogram: "messaging_client_operation_duration_seconds",
        labels: "",
    },
];

/// A gauge of how far somebody is behind.
pub(super) struct Behind {
    pub(super) unit: &'static str,
    /// The label that tells who.
    pub(super) who: &'static str,
    pub(super) gauge: &'static str,
}

pub(super) const BEHIND: [Behind; 2] = [
    Behind {
        unit: "seconds",
        who: "processor",
        gauge: "max by (processor) (processor_lag_seconds)",
    },
    Behind {
        unit: "records",
        who: "consumergroup",
        gauge: "sum by (consumergroup) (kafka_consumergroup_lag)",
    },
];

/// Counters of what should not happen.
pub(super) const ERRORS: [Flow; 12] = [
    Flow {
        name: "answers with 5xx",
        counter: "http_server_request_duration_seconds_count{http_response_status_code=~\"5..\"}",
    },
    Flow {
        name: "messages not delivered",
        counter: "messaging_client_sent_messages_total{error_type!=\"\"}",
    },
    Flow {
        name: "dead letters",
        counter: "messaging_process_dead_letters_total",
    },
    Flow {
        name: "handlers called again",
        counter: "messaging_process_retries_total",
    },
    Flow {
        name: "circuits opened",
        counter: "messaging_client_circuit_changes_total{state=\"open\"}",
    },
    Flow {
        name: "processors restarted",
        counter: "processor_restarts_total",
    },
    Flow {
        name: "connections to the exchange lost",
        counter: "market_data_feed_disconnects_total",
    },
    Flow {
        name: "trades missing from the log",
        counter: "market_data_missing_trades_total",
    },
    Flow {
        name: "trades refused by Kafka",
        counter: "market_data_lost_trades_total",
    },
    Flow {
        name: "holes in sessions' events",
        counter: "notification_sequence_gaps_total",
    },
    Flow {
        name: "ledgers found wrong",
        counter: "forward_test_ledger_errors_total",
    },
    Flow {
        name: "failures of algotrade ops",
        counter: "ops_failures_total",
    },
];

/// What docs/operations.md promises.
pub(super) struct Objective {
    pub(super) name: &'static str,
    pub(super) share: f64,
    /// The share that was good.
    pub(super) query: &'static str,
}

pub(super) const OBJECTIVES: [Objective; 3] = [
    Objective {
        name: "requests are answered without a 5xx",
        share: 0.999,
        query: "1 - (sum(increase(http_server_request_duration_seconds_count{http_response_status_code=~\"5..\"}[$period])) or vector(0)) \
                / sum(increase(http_server_request_duration_seconds_count[$period]))",
    },
    Objective {
        name: "batches of trades are in Kafka within 1 s",
        share: 0.99,
        query: "sum(increase(market_data_publish_latency_seconds_bucket{le=\"1\"}[$period])) \
                / sum(increase(market_data_publish_latency_seconds_count[$period]))",
    },
    Objective {
        name: "events are on the way to the browser within 1 s",
        share: 0.99,
        query: "sum(increase(notification_push_latency_seconds_bucket{le=\"1\"}[$period])) \
                / sum(increase(notification_push_latency_seconds_count[$period]))",
    },
];
