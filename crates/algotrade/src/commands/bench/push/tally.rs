//! What the clients have seen.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::sync::Notify;

/// Messages are numbered by channel, from 1, without holes.
#[derive(Debug)]
pub(super) struct Sent {
    began: Instant,
    /// When each message was sent, in microseconds.
    times: Vec<Vec<AtomicU64>>,
}

impl Sent {
    pub(super) fn new(channels: u32, messages: u32) -> Self {
        let channel = || (0..=messages).map(|_| AtomicU64::new(0)).collect();
        Self {
            began: Instant::now(),
            times: (0..channels).map(|_| channel()).collect(),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Notes that a message is sent now.
    pub(super) fn note(&self, channel: usize, sequence: u64) {
        if let Some(time) = self.time(channel, sequence) {
            time.store(self.now(), Ordering::Release);
        }
    }

    fn time(&self, channel: usize, sequence: u64) -> Option<&AtomicU64> {
        let index = usize::try_from(sequence).ok()?;
        self.times.get(channel)?.get(index)
    }

    /// How long a message has been under way, in microseconds.
    fn age(&self, channel: usize, sequence: u64) -> Option<u32> {
        let sent = self.time(channel, sequence)?.load(Ordering::Acquire);
        u32::try_from(self.now().saturating_sub(sent)).ok()
    }
}

/// How far all clients are together.
#[derive(Debug, Default)]
pub(super) struct Progress {
    received: AtomicU64,
    wanted: AtomicU64,
    pub(super) reached: Notify,
}

impl Progress {
    /// So many messages shall have been received in all.
    pub(super) fn want(&self, wanted: u64) {
        self.wanted.store(wanted, Ordering::Release);
        if self.received() >= wanted {
            self.reached.notify_one();
        }
    }

    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Acquire)
    }

    fn count(&self) {
        let received = self.received.fetch_add(1, Ordering::AcqRel) + 1;
        if received == self.wanted.load(Ordering::Acquire) {
            self.reached.notify_one();
        }
    }
}

/// What one client has seen.
#[derive(Debug)]
pub(super) struct Tally {
    channel: usize,
    last: u64,
    pub(super) reordered: u64,
    /// Of each message, in microseconds.
    pub(super) latencies: Vec<u32>,
}

impl Tally {
    pub(super) fn new(channel: usize) -> Self {
        Self {
            channel,
            last: 0,
            reordered: 0,
            latencies: Vec::new(),
        }
    }

    pub(super) fn channel(&self) -> usize {
        self.channel
    }

    /// Takes a line of a frame; pings and replies are passed over.
    pub(super) fn take(&mut self, line: &str, sent: &Sent, progress: &Progress) {
        let Some(sequence) = sequence_in(line) else {
            return;
        };
        if sequence != self.last + 1 {
            self.reordered += 1;
        }
        self.last = sequence;
        if let Some(age) = sent.age(self.channel, sequence) {
            self.latencies.push(age);
        }
        progress.count();
    }
}

/// The message's number, without reading all of it: the clients must not be what is measured.
fn sequence_in(line: &str) -> Option<u64> {
    const NAME: &str = "\"sequence\":";
    let digits = &line[line.find(NAME)? + NAME.len()..];
    let end = digits.find(|character: char| !character.is_ascii_digit())?;
    digits[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_out_of_order_is_noticed() {
        let (sent, progress) = (Sent::new(1, 10), Progress::default());
        let mut tally = Tally::new(0);
        let push = |sequence| format!(r#"{{"push":{{"pub":{{"sequence":{sequence},"x":1}}}}}}"#);
        for sequence in [1, 2, 3] {
            sent.note(0, sequence);
            tally.take(&push(sequence), &sent, &progress);
        }
        tally.take("{}", &sent, &progress);
        tally.take(r#"{"id":1,"connect":{}}"#, &sent, &progress);
        assert_eq!((tally.reordered, progress.received()), (0, 3));
        for sequence in [5, 4] {
            tally.take(&push(sequence), &sent, &progress);
        }
        assert_eq!((tally.reordered, progress.received()), (2, 5));
        assert_eq!(tally.latencies.len(), 5);
    }
}
