//! One client: as small as it can be, speaking the protocol as an official one does.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use tokio_util::sync::CancellationToken;

use super::tally::{Progress, Sent, Tally};

/// Time for a client to get in, while thousands of others do.
const PATIENCE: Duration = Duration::from_secs(60);
/// Thousands of them are in this process.
const BUFFER_BYTES: usize = 2 << 10;

/// A client that listens.
pub(super) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    tally: Tally,
    /// What came with the last reply.
    rest: Vec<String>,
}

impl Client {
    /// Connects and subscribes.
    pub(super) async fn open(
        url: &str,
        token: &str,
        channel: &str,
        number: usize,
    ) -> anyhow::Result<Self> {
        timeout(PATIENCE, Self::open_now(url, token, channel, number))
            .await
            .context("a client didn't get in in time")?
    }

    async fn open_now(
        url: &str,
        token: &str,
        channel: &str,
        number: usize,
    ) -> anyhow::Result<Self> {
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(0);
        let (mut socket, _) = connect_async_with_config(url, Some(config), true).await?;
        let connect = json!({"id": 1, "connect": {"token": token}});
        let subscribe = json!({"id": 2, "subscribe": {"channel": channel}});
        let commands = format!("{connect}\n{subscribe}");
        socket.send(Message::text(commands)).await?;
        let mut replies = 0;
        let mut rest = Vec::new();
        while replies < 2 {
            let Some(message) = socket.next().await else {
                bail!("the server hung up on a client");
            };
            for line in message?.to_text()?.lines() {
                match serde_json::from_str::<Value>(line)? {
                    reply if reply.get("error").is_some() => {
                        bail!("the server refused a client: {line}")
                    }
                    reply if reply.get("id").is_some() => replies += 1,
                    _ => rest.push(line.to_owned()),
                }
            }
        }
        Ok(Self {
            socket,
            tally: Tally::new(number),
            rest,
        })
    }

    /// Listens until it is told to end.
    pub(super) async fn listen(
        mut self,
        sent: Arc<Sent>,
        progress: Arc<Progress>,
        end: CancellationToken,
    ) -> anyhow::Result<Tally> {
        for line in std::mem::take(&mut self.rest) {
            self.tally.take(&line, &sent, &progress);
        }
        loop {
            let message = tokio::select! {
                biased;
                () = end.cancelled() => return Ok(self.tally),
                message = self.socket.next() => message,
            };
            match message {
                Some(Ok(Message::Text(text))) => {
                    let mut pinged = false;
                    for line in text.lines() {
                        // A ping may stand among messages: Centrifugo gathers them in a frame.
                        pinged |= line == "{}";
                        self.tally.take(line, &sent, &progress);
                    }
                    if pinged {
                        self.socket.send(Message::text("{}")).await?;
                    }
                }
                Some(Ok(Message::Close(frame))) => bail!("a client was sent away: {frame:?}"),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error).context("a client's connection broke"),
                None => bail!("the server hung up on a client"),
            }
        }
    }
}
