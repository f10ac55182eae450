//! Commands that reached another replica than the one that holds the client's connection.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use redis::RedisError;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{Shared, unexpected};
use crate::centrifuge::{EmulatedFrame, Frame};

/// As it goes through the store.
#[derive(Debug, Serialize, Deserialize)]
struct Forwarded {
    session: String,
    node: String,
    data: Data,
}

/// A text, or an object with the bytes' base64.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Data {
    Text(String),
    Binary { base64: String },
}

impl From<&EmulatedFrame> for Forwarded {
    fn from(emulated: &EmulatedFrame) -> Self {
        Self {
            session: emulated.session.clone(),
            node: emulated.node.clone(),
            data: match &emulated.frame {
                Frame::Text(text) => Data::Text(text.clone()),
                Frame::Binary(bytes) => Data::Binary {
                    base64: BASE64.encode(bytes),
                },
            },
        }
    }
}

impl Forwarded {
    fn open(self) -> Result<EmulatedFrame, base64::DecodeError> {
        let frame = match self.data {
            Data::Text(text) => Frame::Text(text),
            Data::Binary { base64 } => Frame::Binary(BASE64.decode(base64)?),
        };
        Ok(EmulatedFrame {
            session: self.session,
            node: self.node,
            frame,
        })
    }
}

impl Shared {
    /// Gives a replica what a client of it sent; false if none has that name.
    pub(crate) async fn forward(&self, emulated: &EmulatedFrame) -> Result<bool, RedisError> {
        let text = serde_json::to_string(&Forwarded::from(emulated))
            .map_err(|_| unexpected("commands"))?;
        let receivers: u64 = redis::cmd("PUBLISH")
            .arg(self.key(&format!("node:{}", emulated.node)))
            .arg(text)
            .query_async(&mut self.connection.clone())
            .await?;
        Ok(receivers > 0)
    }

    /// Names this replica; to be called before it follows.
    pub(crate) fn receive_forwarded(&self, node: &str, receiver: mpsc::Sender<EmulatedFrame>) {
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
        match read(payload) {
            // With the queue full the client finds its commands unanswered, and connects again.
            Ok(emulated) => drop(receiver.try_send(emulated)),
            Err(error) => tracing::warn!(%error, "forwarded commands that can't be read"),
        }
    }
}

fn read(payload: &[u8]) -> anyhow::Result<EmulatedFrame> {
    let forwarded: Forwarded = serde_json::from_slice(payload)?;
    Ok(forwarded.open()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_forwarded_arrives_as_it_was() {
        for frame in [
            Frame::Text("{\"id\":1}".to_owned()),
            Frame::Binary(vec![0, 255, 10]),
        ] {
            let emulated = EmulatedFrame {
                session: "s".to_owned(),
                node: "n".to_owned(),
                frame,
            };
            let text = serde_json::to_string(&Forwarded::from(&emulated)).unwrap();
            assert_eq!(read(text.as_bytes()).unwrap(), emulated);
        }
        // As replicas of the release before write it.
        let text = br#"{"session":"s","node":"n","data":"{}"}"#;
        let frame = Frame::Text("{}".to_owned());
        assert_eq!(read(text).unwrap().frame, frame);
        let wrong = br#"{"session":"s","node":"n","data":{"base64":"?"}}"#;
        assert!(read(wrong).is_err());
    }
}
