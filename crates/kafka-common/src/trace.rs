//! One trace through the log: W3C trace context in the record header `traceparent`.
//!
//! A message that is sent while another is handled carries on its trace; any other begins one, which is
//! named by its `message-id`. The ids stand in every record, and in the log lines of whoever asks for
//! the [`current`] one; that is what ties a tick to its signal, fill and push. Spans of all that go to a [`SpanSink`], if there
//! is one.

mod span;

use std::fmt;
use std::str::FromStr;

use rdkafka::message::Message;
use thiserror::Error;
use uuid::Uuid;

pub use span::{OpenSpan, Span, SpanKind, SpanSink, export_to};

use crate::header::{RawHeaders, header};

/// The header's name.
pub const HEADER: &str = "traceparent";

/// Somebody wants the trace to be kept.
const SAMPLED: u8 = 0x01;

tokio::task_local! {
    static CURRENT: Option<TraceContext>;
}

/// A position in a trace: valid by construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: u128,
    parent_id: u64,
    flags: u8,
}

/// Why a `traceparent` isn't one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TraceError {
    /// Not `version-trace-parent-flags` in lower-case hexadecimal digits.
    #[error("expected 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, in lower case")]
    Shape,
    /// Version `ff` is reserved.
    #[error("version ff is not allowed")]
    Version,
    /// Nothing is named by zeros.
    #[error("trace id and parent id must not be zero")]
    Zero,
}

impl TraceContext {
    /// Begins a trace.
    #[must_use]
    pub fn begin() -> Self {
        of_id(Uuid::new_v4())
    }

    /// The trace, as 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// The step of it, as 16 hexadecimal digits.
    #[must_use]
    pub fn parent_id(&self) -> String {
        format!("{:016x}", self.parent_id)
    }

    /// Whether somebody wants the trace to be kept.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// A number that is the same for all of a trace and evenly spread over many: what decides
    /// which traces are kept.
    #[must_use]
    pub fn chance(&self) -> u32 {
        // The end of an id is random in every version, and in every other program's.
        self.trace_id as u32
    }

    /// The next step of the same trace, named by a message.
    #[must_use]
    fn step(self, message_id: Uuid) -> Self {
        Self {
            parent_id: low_half(message_id),
            ..self
        }
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trace_id,
            parent_id,
            flags,
        } = self;
        write!(formatter, "00-{trace_id:032x}-{parent_id:016x}-{flags:02x}")
    }
}

impl FromStr for TraceContext {
    type Err = TraceError;

    /// Of a later version the known part is read, as the standard asks for.
    fn from_str(text: &str) -> Result<Self, TraceError> {
        let mut parts = text.split('-');
        let mut part = |length| hex(parts.next(), length);
        let version = part(2)?;
        let (trace_id, parent_id, flags) = (part(32)?, part(16)?, part(2)?);
        if version == 0xff {
            return Err(TraceError::Version);
        }
        if version == 0 && parts.next().is_some() {
            return Err(TraceError::Shape);
        }
        if trace_id == 0 || parent_id == 0 {
            return Err(TraceError::Zero);
        }
        // The lengths bound the values.
        Ok(Self {
            trace_id,
            parent_id: parent_id as u64,
            flags: flags as u8 & SAMPLED,
        })
    }
}

fn hex(part: Option<&str>, length: usize) -> Result<u128, TraceError> {
    let digits = part.filter(|part| {
        part.len() == length
            && part
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    });
    u128::from_str_radix(digits.ok_or(TraceError::Shape)?, 16).map_err(|_| TraceError::Shape)
}

/// The random half of an id.
fn low_half(id: Uuid) -> u64 {
    id.as_u64_pair().1
}

/// A UUID's version and variant bits keep both halves from being zero.
fn of_id(id: Uuid) -> TraceContext {
    let kept = TraceContext {
        trace_id: id.as_u128(),
        parent_id: low_half(id),
        flags: SAMPLED,
    };
    match span::keeps(&kept) {
        true => kept,
        false => TraceContext { flags: 0, ..kept },
    }
}

/// The context of what this task does: that of the record in hand. Whoever writes log lines can put
/// its id into them.
#[must_use]
pub fn current() -> Option<TraceContext> {
    CURRENT.try_with(|context| *context).ok().flatten()
}

/// Does something as a step of a trace: messages that it sends carry the trace on. With none, they
/// begin traces of their own.
pub async fn scope<F: Future>(context: impl Into<Option<TraceContext>>, work: F) -> F::Output {
    CURRENT.scope(context.into(), work).await
}

/// [`scope`] for work that awaits nothing, on any thread.
pub fn sync_scope<R>(context: impl Into<Option<TraceContext>>, work: impl FnOnce() -> R) -> R {
    CURRENT.sync_scope(context.into(), work)
}

/// What a record carries. A header that can't be read is as good as none: a trace is no reason to
/// refuse a record.
#[must_use]
pub fn of_record<M>(record: &M) -> Option<TraceContext>
where
    M: Message<Headers: RawHeaders>,
{
    header(record, HEADER)?.parse().ok()
}

/// The context that a new message carries: the next step of the current trace, or a new one.
#[must_use]
pub fn of_message(message_id: Uuid) -> TraceContext {
    match current() {
        Some(context) => context.step(message_id),
        None => of_id(message_id),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_standards_example_is_read_and_written() {
        let context: TraceContext = EXAMPLE.parse().unwrap();
        assert_eq!(context.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.parent_id(), "00f067aa0ba902b7");
        assert!(context.is_sampled());
        assert_eq!(context.to_string(), EXAMPLE);
    }

    #[test]
    fn what_the_standard_forbids_is_refused() {
        let parse = |text: &str| text.parse::<TraceContext>();
        for text in [
            "",
            "00",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(parse(text), Err(TraceError::Shape), "{text}");
        }
        let ff = EXAMPLE.replacen("00", "ff", 1);
        assert_eq!(parse(&ff), Err(TraceError::Version));
        let zero = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        assert_eq!(parse(zero), Err(TraceError::Zero));
        // Versions to come may add fields.
        let later = format!("01{}-more", &EXAMPLE[2..]);
        assert_eq!(parse(&later).unwrap().trace_id(), EXAMPLE[3..35]);
    }

    proptest! {
        #[test]
        fn any_context_survives_its_header(text in "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}") {
            if let Ok(context) = text.parse::<TraceContext>() {
                prop_assert_eq!(&context.trace_id(), &text[3..35]);
                prop_assert_eq!(context.to_string().parse::<TraceContext>(), Ok(context));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,80}") {
            let _ = text.parse::<TraceContext>();
        }
    }

    #[tokio::test]
    async fn a_message_carries_on_the_trace_of_the_record_in_hand() {
        let id = Uuid::now_v7();
        assert_eq!(of_message(id).trace_id(), id.simple().to_string());
        assert_eq!(current(), None);
        let context: TraceContext = EXAMPLE.parse().unwrap();
        let carried = scope(context, async { of_message(id) }).await;
        assert_eq!(carried.trace_id(), context.trace_id());
        assert_ne!(carried.parent_id(), context.parent_id());
        assert_eq!(sync_scope(context, || of_message(id)), carried);
    }
}
