//! Spans as OTLP's JSON has them: ids in hexadecimal digits, times as texts of nanoseconds.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use kafka_common::trace::{Span, SpanKind};
use serde::Serialize;

/// OTLP's numbers for kinds of spans and for a failed one.
const SERVER: u8 = 2;
const PRODUCER: u8 = 4;
const CONSUMER: u8 = 5;
const ERROR: u8 = 2;

/// The body of a request to `/v1/traces`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request<'a> {
    resource_spans: Vec<ResourceSpans<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    resource: Resource,
    scope_spans: [ScopeSpans<'a>; 1],
}

#[derive(Debug, Serialize)]
struct Resource {
    attributes: Vec<Attribute>,
}

#[derive(Debug, Serialize)]
struct ScopeSpans<'a> {
    scope: Scope,
    spans: Vec<OtlpSpan<'a>>,
}

#[derive(Debug, Serialize)]
struct Scope {
    name: &'static str,
    version: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OtlpSpan<'a> {
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
    name: String,
    kind: u8,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Vec<Attribute>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
}

#[derive(Debug, Serialize)]
struct Status<'a> {
    code: u8,
    message: &'a str,
}

#[derive(Debug, Serialize)]
struct Attribute {
    key: &'static str,
    value: Text,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    string_value: &'static str,
}

fn attribute(key: &'static str, text: &'static str) -> Attribute {
    let value = Text { string_value: text };
    Attribute { key, value }
}

impl<'a> Request<'a> {
    /// Several services may be one process: each is a resource of its own.
    pub(super) fn of(spans: &'a [Span]) -> Self {
        let mut services: BTreeMap<&'static str, Vec<OtlpSpan<'a>>> = BTreeMap::new();
        for span in spans {
            let of_service = services.entry(span.service).or_default();
            of_service.push(OtlpSpan::of(span));
        }
        let resource_spans = services.into_iter().map(|(service, spans)| ResourceSpans {
            resource: Resource {
                attributes: vec![
                    attribute("service.name", service),
                    attribute("service.namespace", "algotrade"),
                    attribute("service.version", env!("CARGO_PKG_VERSION")),
                ],
            },
            scope_spans: [ScopeSpans {
                scope: Scope {
                    name: "kafka-common",
                    version: env!("CARGO_PKG_VERSION"),
                },
                spans,
            }],
        });
        Self {
            resource_spans: resource_spans.collect(),
        }
    }
}

impl<'a> OtlpSpan<'a> {
    fn of(span: &'a Span) -> Self {
        let (verb, kind) = match span.kind {
            SpanKind::Send => ("send", PRODUCER),
            SpanKind::Process => ("process", CONSUMER),
            SpanKind::Receive => ("receive", SERVER),
        };
        let attributes = match span.kind {
            SpanKind::Receive => vec![
                attribute("network.protocol.name", "websocket"),
                attribute("server.address", span.topic),
            ],
            SpanKind::Send | SpanKind::Process => vec![
                attribute("messaging.system", "kafka"),
                attribute("messaging.operation.type", verb),
                attribute("messaging.destination.name", span.topic),
            ],
        };
        Self {
            trace_id: span.context.trace_id(),
            span_id: span.context.parent_id(),
            parent_span_id: span.parent.map(|parent| parent.parent_id()),
            name: format!("{verb} {}", span.topic),
            kind,
            start_time_unix_nano: nanoseconds(span.began),
            end_time_unix_nano: nanoseconds(span.ended),
            attributes,
            status: span.error.as_deref().map(|message| Status {
                code: ERROR,
                message,
            }),
        }
    }
}

fn nanoseconds(time: SystemTime) -> String {
    // A clock before 1970 tells nothing.
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos().to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_span_is_written_as_the_protocol_asks() {
        let at = |millis| UNIX_EPOCH + Duration::from_millis(millis);
        let spans = [Span {
            context: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
                .parse()
                .unwrap(),
            parent: Some(
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00000000000000aa-01"
                    .parse()
                    .unwrap(),
            ),
            service: "strategy",
            kind: SpanKind::Send,
            topic: "strategy-signals",
            began: at(1_700_000_000_001),
            ended: at(1_700_000_000_002),
            error: Some("refused".to_owned()),
        }];
        let written = serde_json::to_value(Request::of(&spans)).unwrap();
        let resource = &written["resourceSpans"][0];
        assert_eq!(
            resource["resource"]["attributes"][0],
            json!({"key": "service.name", "value": {"stringValue": "strategy"}})
        );
        let span = &resource["scopeSpans"][0]["spans"][0];
        assert_eq!(span["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(span["spanId"], "00f067aa0ba902b7");
        assert_eq!(span["parentSpanId"], "00000000000000aa");
        assert_eq!(span["name"], "send strategy-signals");
        assert_eq!(span["kind"], 4);
        assert_eq!(span["startTimeUnixNano"], "1700000000001000000");
        assert_eq!(span["endTimeUnixNano"], "1700000000002000000");
        assert_eq!(span["status"], json!({"code": 2, "message": "refused"}));
    }
}
