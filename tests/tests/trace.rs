//! Traces that the services export to a collector: one of them leads from the exchange's frame through
//! tick, signal and fill to the push.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use end_to_end_tests::api::Api;
use end_to_end_tests::recording::Recording;
use end_to_end_tests::stack::Stack;
use serde::Deserialize;

/// What a collector reads of a request, by the names that the protocol gives.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans {
    resource: Resource,
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Debug, Deserialize)]
struct Resource {
    attributes: Vec<Attribute>,
}

#[derive(Debug, Deserialize)]
struct ScopeSpans {
    spans: Vec<Span>,
}

#[derive(Debug, Deserialize)]
struct Attribute {
    key: String,
    value: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Value {
    string_value: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Span {
    trace_id: String,
    span_id: String,
    parent_span_id: Option<String>,
    name: String,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
}

/// Spans with their services, by trace.
type Traces = BTreeMap<String, Vec<(String, Span)>>;

async fn take(State(traces): State<Arc<Mutex<Traces>>>, Json(request): Json<Request>) {
    let mut traces = traces.lock().unwrap();
    for ResourceSpans {
        resource,
        scope_spans,
    } in request.resource_spans
    {
        let mut attributes = resource.attributes.into_iter();
        let name = attributes.find(|attribute| attribute.key == "service.name");
        let service = name.expect("a service's name").value.string_value;
        for span in scope_spans.into_iter().flat_map(|scope| scope.spans) {
            let trace = traces.entry(span.trace_id.clone()).or_default();
            trace.push((service.clone(), span));
        }
    }
}

/// The way of a push back to where it began, as service and name of each span.
fn way_back(trace: &[(String, Span)], push: &Span) -> Vec<(String, String)> {
    let mut way = Vec::new();
    let mut next = Some(push.span_id.clone());
    while let Some(id) = next {
        let Some((service, span)) = trace.iter().find(|(_, span)| span.span_id == id) else {
            break;
        };
        way.push((service.clone(), span.name.clone()));
        next = span.parent_span_id.clone();
    }
    way.reverse();
    way
}

/// The ways of all pushes that were told so far.
fn ways_back(traces: &Traces) -> Vec<Vec<(String, String)>> {
    let mut ways = Vec::new();
    for trace in traces.values() {
        let pushes = trace.iter().filter(|(_, span)| span.name == PUSH);
        ways.extend(pushes.map(|(_, push)| way_back(trace, push)));
    }
    ways
}

const PUSH: &str = "send realtime-updates";

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_a_frame_through_signal_and_fill_to_the_push() {
    let traces = Arc::new(Mutex::new(Traces::new()));
    let collector = Router::new()
        .route("/v1/traces", post(take))
        .with_state(Arc::clone(&traces));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, collector).await });

    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::generated(folder.path(), 3_000);
    let settings = [("TELEMETRY__OTLP_ENDPOINT", endpoint.as_str())];
    let stack = Stack::start_with(folder, &recording, &settings).await;
    let api = Api::new("alice");
    stack.start_session(&api, "BTCUSD").await;
    stack.simulator.release();

    let expected = [
        ("market-data", "receive simulator"),
        ("market-data", "send market-data-updates"),
        ("strategy", "send strategy-signals"),
        ("forward-test", "send trade-executions"),
        ("notification", PUSH),
    ];
    let expected = expected.map(|(service, name)| (service.to_owned(), name.to_owned()));
    let started = Instant::now();
    loop {
        let ways = ways_back(&traces.lock().unwrap());
        if ways.iter().any(|way| *way == expected) {
            break;
        }
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "the longest way is {:?}",
            ways.iter().max_by_key(|way| way.len())
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    let traces = traces.lock().unwrap();
    let spans = traces.values().flatten();
    let mut ids = BTreeSet::new();
    for (service, span) in spans {
        assert!(
            ids.insert(&span.span_id),
            "{service} has told {span:?} twice"
        );
        let time = |text: &str| text.parse::<u128>().expect("nanoseconds");
        assert!(time(&span.start_time_unix_nano) <= time(&span.end_time_unix_nano));
    }
}
