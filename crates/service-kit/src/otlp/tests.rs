#![allow(clippy::unwrap_used)]
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use kafka_common::trace::SpanKind;
use serde_json::Value;
use uuid::Uuid;

use super::*;

fn span() -> Span {
    let context = TraceContext::begin();
    let now = SystemTime::now();
    Span {
        context,
        parent: None,
        service: "strategy",
        kind: SpanKind::Send,
        topic: "strategy-signals",
        began: now,
        ended: now,
        error: None,
    }
}

/// A collector that refuses the first requests.
#[derive(Default)]
struct Collector {
    refusals: AtomicU32,
    refuses_with: u16,
    spans: Mutex<Vec<Value>>,
}

impl Collector {
    async fn start(self: &Arc<Self>) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/v1/traces", post(take))
            .with_state(Arc::clone(self));
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}/")
    }

    fn names(&self) -> Vec<String> {
        let spans = self.spans.lock().unwrap();
        spans
            .iter()
            .map(|span| span["spanId"].to_string())
            .collect()
    }
}

async fn take(State(collector): State<Arc<Collector>>, Json(body): Json<Value>) -> StatusCode {
    if collector.refusals.load(Ordering::Relaxed) > 0 {
        collector.refusals.fetch_sub(1, Ordering::Relaxed);
        return StatusCode::from_u16(collector.refuses_with).unwrap();
    }
    for resource in body["resourceSpans"].as_array().unwrap() {
        let spans = resource["scopeSpans"][0]["spans"].as_array().unwrap();
        collector
            .spans
            .lock()
            .unwrap()
            .extend(spans.iter().cloned());
    }
    StatusCode::OK
}

/// Spans through an exporter of their own, not the process's.
async fn export(collector: &Arc<Collector>, spans: &[Span]) {
    crate::service::install_crypto_provider();
    let endpoint = collector.start().await;
    let exporter = Exporter {
        client: Client::new(),
        url: traces_url(&endpoint).unwrap(),
    };
    let (sender, events) = mpsc::channel(QUEUED);
    let running = tokio::spawn(exporter.run(events));
    for span in spans {
        let event = Event::Ended(Box::new(span.clone()));
        sender.send(event).await.unwrap();
    }
    let (done, flushed) = oneshot::channel();
    sender.send(Event::Flush(done)).await.unwrap();
    flushed.await.unwrap();
    drop(sender);
    running.await.unwrap();
}

#[tokio::test]
async fn every_span_reaches_the_collector_once_and_in_order() {
    let spans: Vec<Span> = (0..BATCH + 10).map(|_| span()).collect();
    let collector = Arc::new(Collector::default());
    export(&collector, &spans).await;
    let sent = spans
        .iter()
        .map(|span| format!("\"{}\"", span.context.parent_id()));
    assert_eq!(collector.names(), sent.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_collector_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    let busy = Arc::new(Collector {
        refusals: AtomicU32::new(2),
        refuses_with: 503,
        ..Collector::default()
    });
    export(&busy, &[span()]).await;
    assert_eq!(busy.names().len(), 1);
    let refusing = Arc::new(Collector {
        refusals: AtomicU32::new(1),
        refuses_with: 400,
        ..Collector::default()
    });
    export(&refusing, &[span()]).await;
    assert_eq!(refusing.names().len(), 0, "it isn't asked again");
    assert_eq!(refusing.refusals.load(Ordering::Relaxed), 0);
}

#[test]
fn a_full_queue_drops_and_does_not_wait() {
    let (events, mut taken) = mpsc::channel(1);
    let queue = Queue { events, kept: 1.0 };
    queue.take(span());
    queue.take(span());
    assert!(matches!(taken.try_recv(), Ok(Event::Ended(_))));
    assert!(taken.try_recv().is_err(), "the second one was dropped");
}

#[test]
fn the_ratio_is_that_of_whole_traces() {
    let (events, _taken) = mpsc::channel(1);
    let mut queue = Queue { events, kept: 0.25 };
    let traces: Vec<TraceContext> = (0..4_000)
        .map(|_| {
            let id = Uuid::now_v7();
            format!("00-{}-00f067aa0ba902b7-01", id.simple())
                .parse()
                .unwrap()
        })
        .collect();
    let kept = |queue: &Queue| traces.iter().filter(|trace| queue.keeps(trace)).count();
    assert!((800..1_200).contains(&kept(&queue)), "{}", kept(&queue));
    queue.kept = 1.0;
    assert_eq!(kept(&queue), traces.len());
    queue.kept = 0.0;
    assert_eq!(kept(&queue), 0);
}

#[test]
fn the_endpoint_is_completed_and_checked() {
    let url = |endpoint| traces_url(endpoint).map(|url| url.to_string());
    let expected = "http://collector:4318/v1/traces";
    assert_eq!(url("http://collector:4318").unwrap(), expected);
    assert_eq!(url("http://collector:4318/").unwrap(), expected);
    assert!(url("collector").is_err());
}
