//! Log lines with the id of the trace that they belong to.
//!
//! The id is looked up when a line is written. A span around each record would be written out for every
//! one of them, and hardly any logs a line.

use std::fmt;

use kafka_common::trace;
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Text: the id stands behind the other fields.
#[derive(Debug)]
pub(crate) struct TracedFields<F>(pub(crate) F);

impl<'writer, F: for<'a> FormatFields<'a>> FormatFields<'writer> for TracedFields<F> {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        self.0.format_fields(writer.by_ref(), fields)?;
        match trace::current() {
            Some(trace) => write!(writer, " trace_id={}", trace.trace_id()),
            None => Ok(()),
        }
    }
}

/// JSON: the id is the first member of the line's object.
#[derive(Debug)]
pub(crate) struct TracedObject<F>(pub(crate) F);

impl<S, N, F> FormatEvent<S, N> for TracedObject<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(trace) = trace::current() else {
            return self.0.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.0
            .format_event(context, Writer::new(&mut line), event)?;
        match line.strip_prefix('{') {
            // Hexadecimal digits need no escapes, and there is always a time behind them.
            Some(rest) => write!(writer, "{{\"trace_id\":\"{}\",{rest}", trace.trace_id()),
            None => writer.write_str(&line),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use kafka_common::trace::TraceContext;
    use tracing::Subscriber;
    use tracing_subscriber::fmt::format::DefaultFields;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What two lines look like, one of them in a trace.
    fn lines<S: Subscriber + Send + Sync>(subscriber: impl FnOnce(Written) -> S) -> [String; 2] {
        let written = Written::default();
        let trace: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            .parse()
            .unwrap();
        tracing::subscriber::with_default(subscriber(written.clone()), || {
            trace::sync_scope(trace, || tracing::info!(symbol = "BTCUSD", "handled"));
            tracing::info!("elsewhere");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let mut lines = text.lines().map(str::to_owned);
        [lines.next().unwrap(), lines.next().unwrap()]
    }

    #[test]
    fn a_line_of_text_ends_with_the_trace_if_there_is_one() {
        let [traced, other] = lines(|written| {
            tracing_subscriber::fmt()
                .with_writer(move || written.clone())
                .with_ansi(false)
                .fmt_fields(TracedFields(DefaultFields::new()))
                .finish()
        });
        let end = "handled symbol=\"BTCUSD\" trace_id=4bf92f3577b34da6a3ce929d0e0e4736";
        assert!(traced.ends_with(end), "{traced}");
        assert!(other.ends_with("elsewhere"), "{other}");
    }

    #[test]
    fn an_object_has_the_trace_if_there_is_one() {
        let lines = lines(|written| {
            tracing_subscriber::fmt()
                .with_writer(move || written.clone())
                .json()
                .map_event_format(TracedObject)
                .finish()
        });
        let [traced, other] = lines.map(|line| {
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            line
        });
        assert_eq!(traced["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(traced["fields"]["message"], "handled");
        assert_eq!(traced["fields"]["symbol"], "BTCUSD");
        assert!(other.get("trace_id").is_none(), "{other}");
    }
}
