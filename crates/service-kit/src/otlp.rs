//! Traces to a collector: OTLP over HTTP, in JSON. Off unless an endpoint is named.
//!
//! Spans wait in a bounded queue and go out in batches. Whatever the collector does, nobody waits for
//! it: what the queue doesn't take, or the collector doesn't, is dropped and counted.

mod batch;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kafka_common::trace::{self, Span, SpanSink, TraceContext};
use reqwest::{Client, StatusCode, Url};
use tokio::sync::{mpsc, oneshot};

use crate::settings::TelemetrySettings;

/// Spans that wait to be sent; what comes beyond is dropped.
const QUEUED: usize = 8_192;
/// Spans of one request.
const BATCH: usize = 512;
/// How long a span waits for others.
const LINGER: Duration = Duration::from_secs(1);
/// Tries for one batch, and the wait before the second one, doubled for the third.
const ATTEMPTS: u32 = 3;
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time for what is left when the process ends.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Of the first exporter of the process, which stays the only one.
static EXPORTER: OnceLock<mpsc::Sender<Event>> = OnceLock::new();

enum Event {
    Ended(Box<Span>),
    /// Everything before it shall be sent now.
    Flush(oneshot::Sender<()>),
}

/// What the Kafka layer hands its spans to.
struct Queue {
    events: mpsc::Sender<Event>,
    /// A trace is kept if its chance is below this part of all.
    kept: f64,
}

impl SpanSink for Queue {
    fn take(&self, span: Span) {
        if self.events.try_send(Event::Ended(Box::new(span))).is_err() {
            dropped("queue_full", 1);
        }
    }

    fn keeps(&self, trace: &TraceContext) -> bool {
        f64::from(trace.chance()) < self.kept * 2_f64.powi(32)
    }
}

/// Exports the traces of this process, if an endpoint is set; a second call changes nothing. Call it
/// inside a runtime that lives as long as the process.
///
/// # Errors
/// The endpoint isn't a URL.
pub fn start(settings: &TelemetrySettings) -> anyhow::Result<()> {
    if settings.otlp_endpoint.is_empty() || EXPORTER.get().is_some() {
        return Ok(());
    }
    let url = traces_url(&settings.otlp_endpoint)?;
    let (sender, events) = mpsc::channel(QUEUED);
    if EXPORTER.set(sender.clone()).is_err() {
        return Ok(());
    }
    let queue = Queue {
        events: sender,
        kept: settings.trace_ratio,
    };
    if trace::export_to(Arc::new(queue)).is_err() {
        tracing::warn!("traces go to another sink already");
        return Ok(());
    }
    let client = Client::builder().timeout(REQUEST_TIMEOUT).build()?;
    tracing::info!(%url, ratio = settings.trace_ratio, "exporting traces");
    tokio::spawn(Exporter { client, url }.run(events));
    Ok(())
}

/// Sends what waits, within two seconds: for the end of the process.
pub async fn flush() {
    let Some(exporter) = EXPORTER.get() else {
        return;
    };
    let (done, sent) = oneshot::channel();
    let flushing = async {
        if exporter.send(Event::Flush(done)).await.is_ok() {
            let _ = sent.await;
        }
    };
    if tokio::time::timeout(FLUSH_TIMEOUT, flushing).await.is_err() {
        tracing::warn!("the last spans were not sent in time");
    }
}

/// `/v1/traces` below the endpoint, as the protocol says.
pub(crate) fn traces_url(endpoint: &str) -> anyhow::Result<Url> {
    let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    Url::parse(&url).map_err(|error| anyhow::anyhow!("telemetry.otlp_endpoint: {error}"))
}

struct Exporter {
    client: Client,
    url: Url,
}

impl Exporter {
    async fn run(self, mut events: mpsc::Receiver<Event>) {
        let mut waiting = Vec::with_capacity(BATCH);
        while let Some(event) = events.recv().await {
            let mut flushed = collect(event, &mut waiting);
            let full = tokio::time::sleep(LINGER);
            tokio::pin!(full);
            while flushed.is_none() && waiting.len() < BATCH {
                tokio::select! {
                    () = &mut full => break,
                    event = events.recv() => match event {
                        Some(event) => flushed = collect(event, &mut waiting),
                        None => break,
                    },
                }
            }
            self.send(&mut waiting).await;
            if let Some(flushed) = flushed {
                // Whoever asked may have given up.
                let _ = flushed.send(());
            }
        }
    }

    /// Sends a batch; it is gone afterwards, one way or the other.
    async fn send(&self, spans: &mut Vec<Span>) {
        if spans.is_empty() {
            return;
        }
        let request = batch::Request::of(spans);
        let mut backoff = FIRST_BACKOFF;
        for attempt in 1..=ATTEMPTS {
            let answer = self.client.post(self.url.clone()).json(&request).send();
            let problem = match answer.await {
                Ok(answer) if answer.status().is_success() => {
                    metrics::counter!("telemetry_spans_exported_total")
                        .increment(spans.len() as u64);
                    spans.clear();
                    return;
                }
                Ok(answer) if !is_passing(answer.status()) => {
                    let status = answer.status();
                    tracing::warn!(%status, "the collector refuses spans");
                    dropped("refused", spans.len());
                    spans.clear();
                    return;
                }
                Ok(answer) => answer.status().to_string(),
                Err(error) => error.without_url().to_string(),
            };
            if attempt == ATTEMPTS {
                tracing::warn!(problem, spans = spans.len(), "spans were not exported");
                break;
            }
            tokio::time::sleep(backoff).await;
            backoff *= 2;
        }
        dropped("unreachable", spans.len());
        spans.clear();
    }
}

/// Takes a span, or gives back who waits for what came before.
fn collect(event: Event, waiting: &mut Vec<Span>) -> Option<oneshot::Sender<()>> {
    match event {
        Event::Ended(span) => {
            waiting.push(*span);
            None
        }
        Event::Flush(done) => Some(done),
    }
}

/// What the protocol calls retryable.
fn is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

fn dropped(why: &'static str, spans: usize) {
    metrics::counter!("telemetry_spans_dropped_total", "reason" => why).increment(spans as u64);
}

#[cfg(test)]
mod tests;
