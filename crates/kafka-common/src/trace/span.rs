//! Spans for a tracing system: what became of each message, and how long handlers took. Nobody has
//! to take them, and where nobody does, nothing is measured.

use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use uuid::Uuid;

use super::TraceContext;

/// Takes spans that have ended. Called wherever a delivery is reported or a handler returns, so it
/// must not wait.
pub trait SpanSink: Send + Sync + 'static {
    /// Takes a span, or drops it.
    fn take(&self, span: Span);

    /// Whether a trace that begins here is to be kept. It stands in the trace's `traceparent`, so
    /// that everything it leads to is kept or left out with it.
    fn keeps(&self, trace: &TraceContext) -> bool;
}

/// What a span tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// A message was sent: until the broker had it, or, of a processor, until it was committed.
    Send,
    /// A record was handled.
    Process,
    /// A frame came from the exchange: until what it told was queued.
    Receive,
}

/// A step of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The trace, and in it the span itself as the parent of what follows.
    pub context: TraceContext,
    /// What it follows from; none if the trace begins with it.
    pub parent: Option<TraceContext>,
    /// Whose it is.
    pub service: &'static str,
    /// What it tells of.
    pub kind: SpanKind,
    /// The logical topic; of a frame, the exchange.
    pub topic: &'static str,
    /// When it began.
    pub began: SystemTime,
    /// When it ended.
    pub ended: SystemTime,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

static SINK: OnceLock<Arc<dyn SpanSink>> = OnceLock::new();

/// Names the sink of all spans of this process, once. Gives it back if there is one already.
///
/// # Errors
/// There is a sink already.
pub fn export_to(sink: Arc<dyn SpanSink>) -> Result<(), Arc<dyn SpanSink>> {
    SINK.set(sink)
}

/// Whether a trace that begins is kept. Without a sink here, somebody else may have one.
pub(super) fn keeps(trace: &TraceContext) -> bool {
    SINK.get().is_none_or(|sink| sink.keeps(trace))
}

/// A span that hasn't ended. Producers and processors make their own; this is for whoever writes to a
/// topic by another way.
#[derive(Debug, Clone, Copy)]
pub struct OpenSpan {
    context: TraceContext,
    parent: Option<TraceContext>,
    service: &'static str,
    kind: SpanKind,
    topic: &'static str,
    began: SystemTime,
}

impl OpenSpan {
    /// Begins the span of a message that is being sent; none where nobody takes it.
    #[must_use]
    pub fn of_message(
        service: &'static str,
        topic: &'static str,
        message_id: Uuid,
    ) -> Option<Self> {
        SINK.get()?;
        let context = super::of_message(message_id);
        context.is_sampled().then(|| Self {
            context,
            parent: super::current(),
            service,
            kind: SpanKind::Send,
            topic,
            began: SystemTime::now(),
        })
    }

    /// The span of a frame of the exchange; it begins a trace. None where nobody takes spans.
    #[must_use]
    pub fn of_frame(service: &'static str, exchange: &'static str, heard: Instant) -> Option<Self> {
        SINK.get()?;
        let now = SystemTime::now();
        Some(Self {
            context: TraceContext::begin(),
            parent: None,
            service,
            kind: SpanKind::Receive,
            topic: exchange,
            began: now.checked_sub(heard.elapsed()).unwrap_or(now),
        })
    }

    /// The trace, and in it the span as the parent of what follows.
    #[must_use]
    pub fn context(&self) -> TraceContext {
        self.context
    }

    /// Begins the span of a record that is being handled; none where nobody takes it.
    pub(crate) fn of_record(
        service: &'static str,
        topic: &'static str,
        record: TraceContext,
    ) -> Option<Self> {
        SINK.get()?;
        record.is_sampled().then(|| Self {
            context: record.step(Uuid::new_v4()),
            parent: Some(record),
            service,
            kind: SpanKind::Process,
            topic,
            began: SystemTime::now(),
        })
    }

    /// Ends it and hands it on, if its trace is kept.
    pub fn end(self, error: Option<String>) {
        let Some(sink) = SINK.get().filter(|_| self.context.is_sampled()) else {
            return;
        };
        sink.take(Span {
            context: self.context,
            parent: self.parent,
            service: self.service,
            kind: self.kind,
            topic: self.topic,
            began: self.began,
            ended: SystemTime::now(),
            error,
        });
    }
}
