//! Joining channels, whether this process numbers them or follows the replicas' common store.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::centrifuge::EmulatedFrame;
use crate::hub::{Hub, JoinError, Membership, Outbox, Position, Snapshot};
use crate::shared::Shared;
use crate::telemetry;

/// The channels of this process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Channels {
    hub: Arc<Hub>,
    shared: Option<Shared>,
}

impl From<Arc<Hub>> for Channels {
    /// Channels of this process alone.
    fn from(hub: Arc<Hub>) -> Self {
        Self { hub, shared: None }
    }
}

impl Channels {
    /// Channels that follow the store, where there is one.
    pub(crate) fn new(hub: Arc<Hub>, shared: Option<Shared>) -> Self {
        Self { hub, shared }
    }

    /// A queue for a client.
    pub(crate) fn outbox(&self) -> Arc<Outbox> {
        self.hub.outbox()
    }

    /// Makes a client a member of a channel.
    pub(crate) async fn join(
        &self,
        channel: &str,
        client: &str,
        outbox: &Arc<Outbox>,
        since: Option<&Position>,
    ) -> Result<(Membership, Snapshot), JoinError> {
        if let Some(shared) = &self.shared {
            if !shared.is_following() {
                return Err(JoinError::NotFollowed);
            }
            shared
                .ensure(&self.hub, channel)
                .await
                .map_err(not_followed)?;
        }
        let joined = self.hub.join(channel, client, outbox, since)?;
        if let Some(shared) = &self.shared {
            shared.came(channel, client).await.map_err(not_followed)?;
        }
        Ok(joined)
    }

    /// Tells the others that a client has left; its membership ends by being dropped.
    pub(crate) async fn leave(&self, channel: &str, client: &str) {
        if let Some(shared) = &self.shared
            && let Err(error) = shared.left(channel, client).await
        {
            // It is forgotten in a while by itself.
            tracing::debug!(%error, "a client's leaving wasn't told");
        }
    }

    /// The clients of a channel, on every replica.
    pub(crate) async fn clients(&self, membership: &Membership) -> Result<Vec<String>, JoinError> {
        match &self.shared {
            None => Ok(membership.clients()),
            Some(shared) => {
                let clients = shared.clients(membership.channel()).await;
                clients.map_err(not_followed)
            }
        }
    }

    /// Gives another replica what a client of it sent; false if nobody has that name.
    pub(crate) async fn forward(&self, emulated: &EmulatedFrame) -> Result<bool, JoinError> {
        match &self.shared {
            None => Ok(false),
            Some(shared) => shared.forward(emulated).await.map_err(not_followed),
        }
    }

    /// From now on, what other replicas forward to this name comes to `receiver`.
    pub(crate) fn receive_forwarded(&self, node: &str, receiver: mpsc::Sender<EmulatedFrame>) {
        if let Some(shared) = &self.shared {
            shared.receive_forwarded(node, receiver);
        }
    }
}

fn not_followed(error: redis::RedisError) -> JoinError {
    telemetry::store_lost(&error);
    JoinError::NotFollowed
}
