//! The hub: from one publisher to all browsers of a user, in order, with a history to recover from.
//!
//! A publisher never waits: a client's queue is bounded, and a client that can't keep up is
//! disconnected. Everything that is kept is bounded, per channel and in all.

mod channel;
mod outbox;
mod replica;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use tokio::time::Instant;
use uuid::Uuid;

use crate::telemetry;
use channel::{Channel, Member};
use outbox::QueueBudget;

pub use channel::Publication;
pub use outbox::{Cut, Outbox};
pub(crate) use replica::{Applied, Loaded, Local};

/// What a hub may hold.
#[derive(Debug, Clone)]
pub struct HubLimits {
    /// Publications that a channel's history holds.
    pub history_events: usize,
    /// Bytes that a channel's history holds.
    pub history_bytes: usize,
    /// Bytes of all histories; beyond it those that were published to longest ago are dropped.
    pub total_history_bytes: usize,
    /// How long a publication is kept, and a channel without members is remembered.
    pub ttl: Duration,
    /// Channels; beyond it those without members that were used longest ago are forgotten.
    pub channels: usize,
    /// Bytes that wait for one client; beyond it the client is too slow.
    pub queue_bytes: usize,
    /// The same, while all queues hold more than `total_queue_bytes`.
    pub pressed_queue_bytes: usize,
    /// Bytes that wait for all clients.
    pub total_queue_bytes: usize,
    /// Connections of one user.
    pub members: usize,
}

impl Default for HubLimits {
    fn default() -> Self {
        Self {
            history_events: 1_000,
            history_bytes: 1 << 20,
            total_history_bytes: 64 << 20,
            ttl: Duration::from_secs(3_600),
            channels: 50_000,
            queue_bytes: 1 << 20,
            pressed_queue_bytes: 16 << 10,
            total_queue_bytes: 96 << 20,
            members: 100,
        }
    }
}

/// A place in a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Which channel of that name: offsets of different epochs can't be compared.
    pub epoch: String,
    /// Offset of the last publication that is known.
    pub offset: u64,
}

/// Where a client stands after it joined.
#[derive(Debug)]
pub struct Snapshot {
    /// The newest publication.
    pub position: Position,
    /// What the client missed since the position that it asked from: all of it, in order; `None`
    /// if that can't be told.
    pub missed: Option<Vec<Publication>>,
    /// What was queued for the client before this snapshot: to be written before it.
    pub pending: Vec<Publication>,
}

/// Why a client can't join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinError {
    /// The user has as many connections as they may have.
    TooManyConnections,
    /// The replicas' common store doesn't answer, so that nobody knows what the channel is at.
    NotFollowed,
}

#[derive(Debug, Default)]
struct State {
    channels: HashMap<String, Channel>,
    history_bytes: usize,
    /// The channel that is being loaded, and what came for it meanwhile.
    loading: Option<replica::Loading>,
}

/// See the module's description.
#[derive(Debug)]
pub struct Hub {
    limits: HubLimits,
    /// Whether offsets come from the replicas' common store, or else from here.
    follows: bool,
    state: Mutex<State>,
    budget: Arc<QueueBudget>,
    /// Random for each process, so that no position of an earlier one seems valid.
    epoch: String,
    counter: AtomicU64,
}

impl Hub {
    /// An empty hub that numbers its publications by itself.
    #[must_use]
    pub fn new(limits: HubLimits) -> Arc<Self> {
        Self::with(limits, false)
    }

    /// An empty hub that follows the replicas' common store.
    #[must_use]
    pub(crate) fn following(limits: HubLimits) -> Arc<Self> {
        Self::with(limits, true)
    }

    fn with(limits: HubLimits, follows: bool) -> Arc<Self> {
        let budget = QueueBudget::new(
            limits.queue_bytes,
            limits.pressed_queue_bytes,
            limits.total_queue_bytes,
        );
        let random = Uuid::new_v4().simple().to_string();
        Arc::new(Self {
            limits,
            follows,
            state: Mutex::default(),
            budget: Arc::new(budget),
            epoch: random.get(..8).unwrap_or_default().to_owned(),
            counter: AtomicU64::new(0),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_number(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    /// A queue for a client.
    #[must_use]
    pub fn outbox(&self) -> Arc<Outbox> {
        Arc::new(Outbox::new(Arc::clone(&self.budget)))
    }

    fn channel<'a>(&self, state: &'a mut State, name: &str) -> &'a mut Channel {
        if !state.channels.contains_key(name) && state.channels.len() >= self.limits.channels {
            forget_unused(state, self.limits.channels / 4 * 3);
        }
        state.channels.entry(name.to_owned()).or_insert_with(|| {
            // A channel that was forgotten and comes back counts from 1 again: another epoch.
            Channel::new(format!("{}-{}", self.epoch, self.next_number()))
        })
    }

    /// Gives an event to all members and to the history; tells its offset.
    ///
    /// # Errors
    /// The event can't be written as JSON.
    pub fn publish(
        &self,
        channel: &str,
        event: &'static str,
        payload: &RawValue,
        produced_at: DateTime<Utc>,
    ) -> Result<u64, serde_json::Error> {
        let mut state = self.lock();
        let channel = self.channel(&mut state, channel);
        let before = channel.history_bytes;
        let offset = channel.publish(event, payload, produced_at, &self.limits)?;
        let after = channel.history_bytes;
        state.history_bytes = state.history_bytes + after - before;
        if state.history_bytes > self.limits.total_history_bytes {
            drop_oldest_histories(&mut state, self.limits.total_history_bytes / 4 * 3);
        }
        drop(state);
        telemetry::published(event);
        Ok(offset)
    }

    /// Makes a client a member: from the returned snapshot on, publications come to its outbox.
    ///
    /// # Errors
    /// The user has too many connections; or the channel comes from the store and isn't loaded.
    pub fn join(
        self: &Arc<Self>,
        channel: &str,
        client: &str,
        outbox: &Arc<Outbox>,
        since: Option<&Position>,
    ) -> Result<(Membership, Snapshot), JoinError> {
        let mut state = self.lock();
        if self.follows && !state.channels.contains_key(channel) {
            return Err(JoinError::NotFollowed);
        }
        let joined = self.channel(&mut state, channel);
        if joined.members.len() >= self.limits.members {
            return Err(JoinError::TooManyConnections);
        }
        let id = self.next_number();
        joined.members.push(Member {
            id,
            client: client.to_owned(),
            outbox: Arc::clone(outbox),
        });
        let snapshot = self.snapshot(joined, outbox, since);
        drop(state);
        telemetry::subscriptions(1.0);
        let membership = Membership {
            hub: Arc::clone(self),
            channel: channel.to_owned(),
            id,
        };
        Ok((membership, snapshot))
    }

    fn snapshot(
        &self,
        channel: &mut Channel,
        outbox: &Outbox,
        since: Option<&Position>,
    ) -> Snapshot {
        channel.known = true;
        channel.touched = Instant::now();
        let missed = since.and_then(|position| channel.since(position));
        // A wave of clients that all recover much must not use up the memory: those that come when
        // it is full load their state again instead.
        let missed = missed.filter(|missed| {
            missed.is_empty()
                || self
                    .budget
                    .has_room(missed.iter().map(Publication::size).sum())
        });
        if since.is_some() {
            telemetry::recovered(if missed.is_some() { "yes" } else { "no" });
        }
        Snapshot {
            position: channel.position(),
            missed,
            pending: outbox.take(usize::MAX),
        }
    }

    /// Forgets what is too old, and reports sizes. To be called now and then.
    pub fn sweep(&self, now: Instant) {
        if self.follows {
            self.unfollow(now);
        }
        let mut state = self.lock();
        if let Some(since) = now.checked_sub(self.limits.ttl) {
            for channel in state.channels.values_mut() {
                channel.expire(since);
            }
            state
                .channels
                .retain(|_, channel| !channel.members.is_empty() || channel.touched >= since);
        }
        state.history_bytes = state.channels.values().map(|c| c.history_bytes).sum();
        telemetry::hub_sizes(
            state.channels.len(),
            state.history_bytes,
            self.budget.queued(),
        );
    }
}

/// Forgets the channels without members that were used longest ago, until `keep` are left.
fn forget_unused(state: &mut State, keep: usize) {
    let mut unused: Vec<(Instant, String)> = state
        .channels
        .iter()
        .filter(|(_, channel)| channel.members.is_empty())
        .map(|(name, channel)| (channel.touched, name.clone()))
        .collect();
    unused.sort_unstable();
    let surplus = state.channels.len().saturating_sub(keep);
    for (_, name) in unused.into_iter().take(surplus) {
        if let Some(channel) = state.channels.remove(&name) {
            state.history_bytes -= channel.history_bytes;
        }
    }
}

/// Drops the histories of the channels that were used longest ago, until so many bytes are left.
fn drop_oldest_histories(state: &mut State, keep_bytes: usize) {
    let mut channels: Vec<&mut Channel> = state
        .channels
        .values_mut()
        .filter(|channel| channel.history_bytes > 0)
        .collect();
    channels.sort_unstable_by_key(|channel| channel.touched);
    for channel in channels {
        if state.history_bytes <= keep_bytes {
            break;
        }
        state.history_bytes -= channel.history_bytes;
        channel.clear_history();
    }
}

/// What is asked of a channel's history.
#[derive(Debug, Clone, Default)]
pub struct HistoryQuery {
    /// What lies after it (before it, if reversed).
    pub since: Option<Position>,
    /// Most publications to give.
    pub limit: usize,
    /// Newest first.
    pub reverse: bool,
}

/// A client's place in a channel; it leaves when this is dropped.
#[derive(Debug)]
pub struct Membership {
    hub: Arc<Hub>,
    channel: String,
    id: u64,
}

impl Membership {
    /// The channel's name.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// A new snapshot, as after joining again; `None` where the client is about to be cut off.
    #[must_use]
    pub fn snapshot(&self, outbox: &Outbox, since: Option<&Position>) -> Option<Snapshot> {
        let mut state = self.hub.lock();
        let channel = state.channels.get_mut(&self.channel)?;
        Some(self.hub.snapshot(channel, outbox, since))
    }

    /// The channel's newest position, and what its history has; `None` for a position of another
    /// epoch.
    #[must_use]
    pub fn history(&self, query: &HistoryQuery) -> Option<(Position, Vec<Publication>)> {
        let state = self.hub.lock();
        let channel = state.channels.get(&self.channel)?;
        if let Some(since) = &query.since
            && since.epoch != channel.epoch
        {
            return None;
        }
        let since = query.since.as_ref().map(|since| since.offset);
        let publications = channel.history.iter();
        let found: Vec<Publication> = match query.reverse {
            false => publications
                .filter(|publication| since.is_none_or(|since| publication.offset > since))
                .take(query.limit)
                .cloned()
                .collect(),
            true => publications
                .rev()
                .filter(|publication| since.is_none_or(|since| publication.offset < since))
                .take(query.limit)
                .cloned()
                .collect(),
        };
        Some((channel.position(), found))
    }

    /// The channel's clients.
    #[must_use]
    pub fn clients(&self) -> Vec<String> {
        let state = self.hub.lock();
        let members = state.channels.get(&self.channel).map(|c| &c.members);
        members
            .into_iter()
            .flatten()
            .map(|member| member.client.clone())
            .collect()
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut state = self.hub.lock();
        if let Some(channel) = state.channels.get_mut(&self.channel) {
            channel.members.retain(|member| member.id != self.id);
            channel.touched = Instant::now();
            channel.left_at = channel.touched;
        }
        telemetry::subscriptions(-1.0);
    }
}

#[cfg(test)]
mod tests;
