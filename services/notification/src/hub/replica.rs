//! Channels whose offsets are given by the replicas' common store: here they are followed.
//!
//! A channel is loaded when its first client comes. From then on it takes what follows its newest
//! publication; anything else is told as a hole, and the channel is loaded again. Members of a
//! channel that can't be continued exactly are sent away: they come back and recover, or are told
//! that they can't.

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

use super::channel::Channel;
use super::{Hub, HubLimits, Position, Publication};

/// Publications that wait while a channel is loaded; those beyond are found missing and the
/// channel is loaded again.
const MAX_WAITING: usize = 2_000;
/// How long a channel is followed after its last member left. Far below the time for which the
/// store keeps sending it.
pub(crate) const FOLLOWED: Duration = Duration::from_secs(60);

/// What became of a publication from the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applied {
    /// Its members have it.
    Yes,
    /// Nobody here wants it, or it was here before.
    Ignored,
    /// Something is missing before it.
    Hole,
}

/// A channel as the store has it.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) position: Position,
    /// The newest publications, their offsets without holes up to the position.
    pub(crate) history: Vec<(Arc<RawValue>, DateTime<Utc>)>,
}

impl Loaded {
    fn publications(self) -> impl Iterator<Item = Publication> {
        let first = self.position.offset + 1 - self.history.len() as u64;
        let numbered = (first..).zip(self.history);
        numbered.map(|(offset, (data, produced_at))| Publication::new(offset, data, produced_at))
    }
}

/// A channel that is followed.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) channel: String,
    pub(crate) position: Position,
    /// Its clients here.
    pub(crate) clients: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Loading {
    channel: String,
    waiting: Vec<(String, Publication)>,
}

impl Hub {
    /// Takes a publication from the store.
    pub(crate) fn deliver(&self, channel: &str, epoch: &str, publication: Publication) -> Applied {
        let mut state = self.lock();
        if let Some(loading) = &mut state.loading
            && loading.channel == channel
            && loading.waiting.len() < MAX_WAITING
        {
            let waiting = (epoch.to_owned(), publication.clone());
            loading.waiting.push(waiting);
        }
        let Some(found) = state.channels.get_mut(channel) else {
            return Applied::Ignored;
        };
        let before = found.history_bytes;
        let applied = apply(found, epoch, publication, &self.limits);
        let after = found.history_bytes;
        state.history_bytes = state.history_bytes + after - before;
        if state.history_bytes > self.limits.total_history_bytes {
            super::drop_oldest_histories(&mut state, self.limits.total_history_bytes / 4 * 3);
        }
        applied
    }

    /// Whether a channel is followed.
    pub(crate) fn follows(&self, channel: &str) -> bool {
        self.lock().channels.contains_key(channel)
    }

    /// What comes for a channel is kept from now on, until it is installed. One at a time.
    pub(crate) fn begin_loading(&self, channel: &str) {
        self.lock().loading = Some(Loading {
            channel: channel.to_owned(),
            waiting: Vec::new(),
        });
    }

    /// Follows a channel from where the store has it; one that is followed already goes on, if
    /// nothing is missing between.
    pub(crate) fn install(&self, channel: &str, loaded: Loaded) {
        let mut state = self.lock();
        let loading = state.loading.take().filter(|l| l.channel == channel);
        if !state.channels.contains_key(channel) && state.channels.len() >= self.limits.channels {
            super::forget_unused(&mut state, self.limits.channels / 4 * 3);
        }
        let Position { epoch, offset } = loaded.position.clone();
        let continued = state.channels.remove(channel).filter(|found| {
            let first_missing = found.offset + 1;
            let first_known = offset + 1 - loaded.history.len() as u64;
            let fits = found.epoch == epoch
                && found.offset <= offset
                && (found.offset == offset || first_known <= first_missing);
            if !fits {
                found.cut();
            }
            fits
        });
        let mut followed = continued.unwrap_or_else(|| {
            let mut new = Channel::new(epoch.clone());
            new.known = true;
            new.offset = offset - loaded.history.len() as u64;
            new
        });
        let waiting = loading.into_iter().flat_map(|loading| loading.waiting);
        let known = loaded.publications().map(|known| (epoch.clone(), known));
        for (epoch, publication) in known.chain(waiting) {
            apply(&mut followed, &epoch, publication, &self.limits);
        }
        state.channels.insert(channel.to_owned(), followed);
        state.history_bytes = state.channels.values().map(|c| c.history_bytes).sum();
    }

    /// The channels that are followed.
    pub(crate) fn followed(&self) -> Vec<Local> {
        let state = self.lock();
        let channels = state.channels.iter();
        channels
            .map(|(name, channel)| Local {
                channel: name.clone(),
                position: channel.position(),
                clients: channel.members.iter().map(|m| m.client.clone()).collect(),
            })
            .collect()
    }

    /// Sends everybody away and follows nothing any more.
    pub(crate) fn cut_all(&self) {
        let mut state = self.lock();
        for channel in state.channels.values() {
            channel.cut();
        }
        state.channels.clear();
        state.history_bytes = 0;
    }

    /// Follows those channels no more whose last member left a while ago.
    pub(crate) fn unfollow(&self, now: Instant) {
        let mut state = self.lock();
        state.channels.retain(|_, channel| {
            !channel.members.is_empty() || now.saturating_duration_since(channel.left_at) < FOLLOWED
        });
        state.history_bytes = state.channels.values().map(|c| c.history_bytes).sum();
    }
}

fn apply(
    channel: &mut Channel,
    epoch: &str,
    publication: Publication,
    limits: &HubLimits,
) -> Applied {
    if channel.epoch != epoch {
        return Applied::Hole;
    }
    if publication.offset <= channel.offset {
        return Applied::Ignored;
    }
    if publication.offset != channel.offset + 1 {
        return Applied::Hole;
    }
    channel.append(publication, limits);
    Applied::Yes
}
