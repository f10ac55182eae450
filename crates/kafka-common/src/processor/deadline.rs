//! A deadline for calls into librdkafka that don't keep their own.
//!
//! `rd_kafka_send_offsets_to_transaction` takes a time, and then waits for the group's coordinator
//! without looking at it: while that broker is away and no other changes its state, the call doesn't
//! return. See `docs/decisions/0025-a-call-that-does-not-end.md`.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use crate::error::ClientError;

/// Makes a call on a thread of its own. When it doesn't end in time, it is left to itself: what it
/// holds is freed whenever it ends.
///
/// # Errors
/// It didn't end.
pub(super) fn call_within<T: Send + 'static>(
    action: &'static str,
    within: Duration,
    call: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ClientError> {
    let (done, outcome) = sync_channel(1);
    std::thread::Builder::new()
        .name("kafka-call".to_owned())
        .spawn(move || {
            // Whoever asked may have given up.
            let _late = done.send(call());
        })
        .map_err(|error| ClientError::Unanswered {
            action,
            why: format!("its thread can't be started: {error}"),
        })?;
    outcome.recv_timeout(within).map_err(|error| {
        let why = match error {
            RecvTimeoutError::Timeout => format!("no answer within {within:?}"),
            RecvTimeoutError::Disconnected => "its thread ended".to_owned(),
        };
        ClientError::Unanswered { action, why }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_call_that_ends_gives_what_it_gives() {
        let within = Duration::from_secs(60);
        assert_eq!(call_within("adding", within, || 1 + 1).unwrap(), 2);
    }

    #[test]
    fn a_call_that_does_not_end_is_left_to_itself() {
        let (end, ends) = channel::<()>();
        let (dropped, freed) = channel::<()>();
        let error = call_within("waiting", Duration::from_millis(1), move || {
            let _held = dropped;
            let _ended = ends.recv();
        })
        .unwrap_err();
        assert!(
            error.to_string().contains("no answer within 1ms"),
            "{error}"
        );
        drop(end);
        // What it held is freed when it ends.
        assert!(freed.recv().is_err());
    }
}
