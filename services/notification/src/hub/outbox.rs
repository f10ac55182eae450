//! What waits to be written to one client: bounded by bytes, filled without ever waiting.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::channel::Publication;

/// Bytes that wait in all outboxes of a hub, and what one may hold. One outbox counts each of its
/// texts whole, because its client has to take it; all together count what several have once, because
/// it is in memory once.
#[derive(Debug)]
pub(crate) struct QueueBudget {
    queued: AtomicUsize,
    /// Most bytes of one outbox.
    per_client: usize,
    /// Most bytes of one outbox while all together hold more than `total`.
    per_client_pressed: usize,
    total: usize,
}

impl QueueBudget {
    pub(crate) fn new(per_client: usize, per_client_pressed: usize, total: usize) -> Self {
        Self {
            queued: AtomicUsize::new(0),
            per_client,
            per_client_pressed,
            total,
        }
    }

    pub(crate) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Whether so many more bytes fit in.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.queued().saturating_add(bytes) <= self.total
    }

    fn limit(&self) -> usize {
        match self.has_room(0) {
            true => self.per_client,
            false => self.per_client_pressed,
        }
    }
}

/// Places that an empty queue keeps.
const KEPT_PLACES: usize = 8;

/// Why a client gets nothing more: it has to come back, and recovers then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It reads more slowly than events come.
    Slow,
    /// This process may have missed what the client should get.
    Behind,
}

/// The queue of one client.
#[derive(Debug)]
pub struct Outbox {
    queue: Mutex<Queue>,
    filled: Notify,
    ended: CancellationToken,
    budget: Arc<QueueBudget>,
}

#[derive(Debug, Default)]
struct Queue {
    publications: VecDeque<Publication>,
    bytes: usize,
    cut: Option<Cut>,
}

impl Queue {
    fn forget(&mut self, budget: &QueueBudget) {
        // Its memory, too, goes: it may have been long.
        let publications = std::mem::take(&mut self.publications);
        let left = publications.iter().map(Publication::leave).sum();
        budget.queued.fetch_sub(left, Ordering::Relaxed);
        self.bytes = 0;
    }
}

impl Outbox {
    pub(crate) fn new(budget: Arc<QueueBudget>) -> Self {
        Self {
            queue: Mutex::default(),
            filled: Notify::new(),
            ended: CancellationToken::new(),
            budget,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a publication. A client that is too slow loses its queue and its connection: after the
    /// reconnect it recovers from the history, or is told to load its state again.
    pub(crate) fn push(&self, publication: Publication) {
        let size = publication.size();
        let mut queue = self.lock();
        if queue.cut.is_some() {
            return;
        }
        if queue.bytes.saturating_add(size) > self.budget.limit() {
            return self.end(&mut queue, Cut::Slow);
        }
        queue.bytes += size;
        let entered = publication.enter();
        self.budget.queued.fetch_add(entered, Ordering::Relaxed);
        queue.publications.push_back(publication);
        drop(queue);
        self.filled.notify_one();
    }

    /// Takes publications of up to about so many bytes, at least one if there is any.
    pub fn take(&self, bytes: usize) -> Vec<Publication> {
        let mut queue = self.lock();
        let mut taken = Vec::new();
        let (mut size, mut left) = (0, 0);
        while size < bytes
            && let Some(publication) = queue.publications.pop_front()
        {
            size += publication.size();
            left += publication.leave();
            taken.push(publication);
        }
        if queue.publications.is_empty() {
            // After a burst its room isn't needed any more.
            queue.publications.shrink_to(KEPT_PLACES);
        }
        queue.bytes -= size;
        self.budget.queued.fetch_sub(left, Ordering::Relaxed);
        taken
    }

    /// Ends when there is something to take.
    pub async fn ready(&self) {
        while self.lock().publications.is_empty() {
            self.filled.notified().await;
        }
    }

    /// Ends the client's connection.
    pub(crate) fn cut(&self, cut: Cut) {
        self.end(&mut self.lock(), cut);
    }

    /// Ends when the client was cut off, and tells why.
    pub async fn cut_off(&self) -> Cut {
        self.ended.cancelled().await;
        self.is_cut().unwrap_or(Cut::Slow)
    }

    /// Whether the client was cut off, and why.
    #[must_use]
    pub fn is_cut(&self) -> Option<Cut> {
        self.lock().cut
    }

    fn end(&self, queue: &mut Queue, cut: Cut) {
        queue.forget(&self.budget);
        queue.cut.get_or_insert(cut);
        self.ended.cancel();
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let queue = self.queue.get_mut().unwrap_or_else(PoisonError::into_inner);
        queue.forget(&self.budget);
    }
}
