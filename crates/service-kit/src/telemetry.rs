//! Logs and metrics of the process.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::DefaultFields;

use crate::log_lines::{TracedFields, TracedObject};
use crate::settings::{LogFormat, LogSettings};

/// Upper bounds of the histograms of durations, in seconds.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0,
];

/// Of this process. Held while it is made: services that start at once in one process share it.
static METRICS: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

/// Starts logging to standard error; a second call changes nothing.
///
/// # Errors
/// The filter can't be read.
pub fn init_logs(settings: &LogSettings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.filter)
        .map_err(|error| anyhow::anyhow!("log.filter `{}`: {error}", settings.filter))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A process that logs already (a test, several services in one process) goes on as it is.
    let _already = match settings.format {
        LogFormat::Text => builder
            .with_target(false)
            .fmt_fields(TracedFields(DefaultFields::new()))
            .try_init(),
        LogFormat::Json => builder.json().map_event_format(TracedObject).try_init(),
    };
    Ok(())
}

/// Says what the metrics of every process mean.
fn describe() {
    describe_gauge!(
        "process_start_time_seconds",
        Unit::Seconds,
        "When the process began, since 1970"
    );
    describe_gauge!("algotrade_build_info", "1, with the version as a label");
    describe_gauge!(
        "service_check_passes",
        "What the last readiness probe found, by check: 1 or 0"
    );
    describe_histogram!(
        "http_server_request_duration_seconds",
        Unit::Seconds,
        "From a request to the head of its answer, by method, route and status"
    );
    describe_counter!(
        "telemetry_spans_exported_total",
        "Spans that the collector has taken"
    );
    describe_counter!(
        "telemetry_spans_dropped_total",
        "Spans that were not exported, by reason: queue_full, refused, unreachable"
    );
}

/// Histograms keep every sample until they are read or tidied up.
const UPKEEP: Duration = Duration::from_secs(5);

/// Starts collecting metrics; a second call gives the same collector.
///
/// # Errors
/// Another collector is installed in this process.
pub fn init_metrics() -> anyhow::Result<PrometheusHandle> {
    let mut metrics = METRICS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = metrics.as_ref() {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .install_recorder()?;
    kafka_common::describe_metrics();
    describe();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    metrics::gauge!("process_start_time_seconds").set(now.as_secs_f64());
    let version = env!("CARGO_PKG_VERSION");
    metrics::gauge!("algotrade_build_info", "version" => version).set(1.0);
    let tidied = handle.clone();
    // Without it a process that nobody scrapes would grow without bound.
    std::thread::Builder::new()
        .name("metrics upkeep".to_owned())
        .spawn(move || {
            loop {
                std::thread::sleep(UPKEEP);
                tidied.run_upkeep();
            }
        })?;
    *metrics = Some(handle.clone());
    Ok(handle)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Barrier;

    use super::init_metrics;

    #[test]
    fn services_that_start_at_once_share_the_metrics() {
        const SERVICES: usize = 8;
        let together = Barrier::new(SERVICES);
        std::thread::scope(|scope| {
            let starts: Vec<_> = (0..SERVICES)
                .map(|_| {
                    scope.spawn(|| {
                        together.wait();
                        init_metrics().map(|_| ())
                    })
                })
                .collect();
            for start in starts {
                start.join().unwrap().unwrap();
            }
        });
    }
}
