//! The call of a handler: in its record's trace, timed, and with panics caught.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Instant;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use metrics::Histogram;

use crate::error::HandlerError;
use crate::record::Record;
use crate::trace::{self, OpenSpan, TraceContext};

pub(super) type Outcome = Result<(), HandlerError>;

/// A decoded record with its handler. It is written out, and not composed of futures in futures:
/// each of those would copy the record on its way into the next.
pub(super) struct Call {
    /// When the record was produced, by its envelope.
    pub(super) produced_at: DateTime<Utc>,
    service: &'static str,
    topic: &'static str,
    trace: TraceContext,
    work: BoxFuture<'static, Outcome>,
    duration: Histogram,
    begun: Option<Begun>,
}

struct Begun {
    at: Instant,
    span: Option<OpenSpan>,
}

impl Call {
    pub(super) fn new<T, R>(
        service: &'static str,
        record: Record<T>,
        handler: impl FnOnce(Record<T>) -> R + Send + 'static,
        duration: Histogram,
    ) -> Self
    where
        T: Send + 'static,
        R: Future<Output = Outcome> + Send + 'static,
    {
        Self {
            produced_at: record.produced_at,
            service,
            topic: record.meta.topic,
            trace: record.meta.trace.unwrap_or_else(TraceContext::begin),
            work: Box::pin(async move { handler(record).await }),
            duration,
            begun: None,
        }
    }
}

impl Future for Call {
    /// What has become of it, and when.
    type Output = (Outcome, Instant);

    /// A handler that panics has failed for good: it must not take the consumer with it, and would
    /// panic again.
    fn poll(self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Self::Output> {
        let call = self.get_mut();
        let begun = call.begun.get_or_insert_with(|| Begun {
            at: Instant::now(),
            span: OpenSpan::of_record(call.service, call.topic, call.trace),
        });
        let work = &mut call.work;
        // In the trace's scope: what the handler sends carries it on.
        let step = || trace::sync_scope(call.trace, || work.as_mut().poll(context));
        let outcome = match catch_unwind(AssertUnwindSafe(step)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(outcome)) => outcome,
            Err(panic) => Err(panicked(&*panic)),
        };
        let ended = Instant::now();
        call.duration.record((ended - begun.at).as_secs_f64());
        if let Some(span) = begun.span.take() {
            span.end(outcome.as_ref().err().map(HandlerError::to_string));
        }
        Poll::Ready((outcome, ended))
    }
}

fn panicked(panic: &(dyn Any + Send)) -> HandlerError {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or_default();
    HandlerError::Permanent(format!("the handler panicked: {text}"))
}
