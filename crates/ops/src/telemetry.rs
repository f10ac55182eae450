//! Metrics and log lines, one function for each event, so that both always agree.

use std::fmt::Display;

/// Not labelled `service`: that is what Prometheus calls who tells it.
pub(crate) fn probed(service: &str, ready: bool) {
    metrics::gauge!("ops_service_ready", "target" => service.to_owned()).set(if ready {
        1.0
    } else {
        0.0
    });
}

/// A loop that failed, and does so again later.
pub(crate) fn failed(what: &'static str, error: &dyn Display) {
    metrics::counter!("ops_failures_total", "what" => what).increment(1);
    tracing::warn!(what, %error, "failed, will be tried again");
}

pub(crate) fn produced(topic: &'static str, count: usize) {
    metrics::counter!("ops_produced_total", "topic" => topic).increment(count as u64);
}

/// Rows that wait to be relayed.
pub(crate) fn audit_waiting(schema: &'static str, rows: i64) {
    metrics::gauge!("ops_audit_waiting", "schema" => schema).set(rows as f64);
}
