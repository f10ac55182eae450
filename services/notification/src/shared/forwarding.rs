//! Commands that reached another replica than the one that holds the client's connection.

use redis::RedisError;
use tokio::sync::mpsc;

use super::{Shared, unexpected};
use crate::centrifuge::Emulated;

impl Shared {
    /// Gives a replica what a client of it sent; false if none has that name.
    pub(crate) async fn forward(&self, emulated: &Emulated) -> Result<bool, RedisError> {
        let text = serde_json::to_string(emulated).map_err(|_| unexpected("commands"))?;
        let receivers: u64 = redis::cmd("PUBLISH")
            .arg(self.key(&format!("node:{}", emulated.node)))
            .arg(text)
            .query_async(&mut self.connection.clone())
            .await?;
        Ok(receivers > 0)
    }

    /// Names this replica; to be called before it follows.
    pub(crate) fn receive_forwarded(&self, node: &str, receiver: mpsc::Sender<Emulated>) {
        // There is one gateway in a process.
        let _ = self.forwarded.set((node.to_owned(), receiver));
    }

    pub(super) fn forwarded_key(&self) -> Option<String> {
        let (node, _) = self.forwarded.get()?;
        Some(self.key(&format!("node:{node}")))
    }

    pub(super) fn take_forwarded(&self, payload: &[u8]) {
        let Some((_, receiver)) = self.forwarded.get() else {
            return;
        };
        match serde_json::from_slice(payload) {
            // With the queue full the client finds its commands unanswered, and connects again.
            Ok(emulated) => drop(receiver.try_send(emulated)),
            Err(error) => tracing::warn!(%error, "forwarded commands that can't be read"),
        }
    }
}
