//! What carries a connection: a WebSocket, or a response that doesn't end and requests beside it.

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use tokio::sync::mpsc;

use super::codes::Disconnect;
use super::protocol;

/// What came from the client.
pub(super) enum Incoming {
    Text(String),
    Binary,
    /// Nothing that concerns the protocol.
    Nothing,
    Gone,
}

/// How frames are told apart in a response that doesn't end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `text/event-stream`.
    Events,
    /// A reply a line.
    Lines,
}

impl Framing {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Events => "text/event-stream",
            Self::Lines => "application/json; charset=utf-8",
        }
    }

    fn frame(self, text: &str) -> String {
        let mut framed = String::with_capacity(text.len() + 16);
        for line in text.lines() {
            if self == Self::Events {
                framed.push_str("data: ");
            }
            framed.push_str(line);
            framed.push('\n');
        }
        if self == Self::Events {
            framed.push('\n');
        }
        framed
    }
}

/// A response that doesn't end, and what the client sends beside it.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) framing: Framing,
    /// Ends with the response.
    pub(super) output: mpsc::Sender<String>,
    pub(super) input: mpsc::Receiver<String>,
}

pub(super) enum Link {
    Socket(Box<WebSocket>),
    Stream(Stream),
}

impl Link {
    pub(super) async fn recv(&mut self) -> Incoming {
        match self {
            Self::Socket(socket) => match socket.recv().await {
                Some(Ok(Message::Text(text))) => Incoming::Text(text.as_str().to_owned()),
                Some(Ok(Message::Binary(_))) => Incoming::Binary,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => Incoming::Nothing,
                Some(Ok(Message::Close(_)) | Err(_)) | None => Incoming::Gone,
            },
            Self::Stream(stream) => {
                tokio::select! {
                    () = stream.output.closed() => Incoming::Gone,
                    text = stream.input.recv() => text.map_or(Incoming::Gone, Incoming::Text),
                }
            }
        }
    }

    /// Writes a frame; an error if the client is gone.
    pub(super) async fn send(&mut self, text: String) -> Result<(), ()> {
        match self {
            Self::Socket(socket) => {
                let sent = socket.send(Message::Text(text.into())).await;
                sent.map_err(|_gone| ())
            }
            Self::Stream(stream) => {
                let framed = stream.framing.frame(&text);
                stream.output.send(framed).await.map_err(|_gone| ())
            }
        }
    }

    /// Tells why it ends. A WebSocket's client gets a moment to answer: a connection that is cut
    /// with unread data in it could lose the close frame.
    pub(super) async fn close(&mut self, disconnect: Disconnect) {
        match self {
            Self::Socket(socket) => {
                let frame = CloseFrame {
                    code: disconnect.code,
                    reason: disconnect.reason.into(),
                };
                if socket.send(Message::Close(Some(frame))).await.is_err() {
                    return;
                }
                while let Some(Ok(_)) = socket.recv().await {}
            }
            Self::Stream(stream) => {
                let push = stream.framing.frame(&protocol::disconnect(disconnect));
                // The response ends either way.
                let _ = stream.output.send(push).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_replies_are_one_event_or_several_lines() {
        assert_eq!(
            Framing::Events.frame("{}\n{\"id\":1}"),
            "data: {}\ndata: {\"id\":1}\n\n"
        );
        assert_eq!(Framing::Lines.frame("{}\n{\"id\":1}"), "{}\n{\"id\":1}\n");
    }
}
