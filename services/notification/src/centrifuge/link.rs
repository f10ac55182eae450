//! What carries a connection: a WebSocket, or a response that doesn't end and requests beside it.

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use tokio::sync::mpsc;

use super::codes::Disconnect;
use super::protocol::{Encoding, Frame};

/// What came from the client.
pub(super) enum Incoming {
    Frame(Frame),
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
    /// Replies in protobuf: their lengths tell them apart.
    Delimited,
}

impl Framing {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Events => "text/event-stream",
            Self::Lines => "application/json; charset=utf-8",
            Self::Delimited => "application/octet-stream",
        }
    }

    pub(super) fn encoding(self) -> Encoding {
        match self {
            Self::Events | Self::Lines => Encoding::Json,
            Self::Delimited => Encoding::Protobuf,
        }
    }

    fn frame(self, frame: Frame) -> Vec<u8> {
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Binary(bytes) => return bytes,
        };
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
        framed.into_bytes()
    }
}

/// A response that doesn't end, and what the client sends beside it.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) framing: Framing,
    /// Ends with the response.
    pub(super) output: mpsc::Sender<Vec<u8>>,
    pub(super) input: mpsc::Receiver<Frame>,
}

pub(super) enum Link {
    Socket(Box<WebSocket>),
    Stream(Stream),
}

impl Link {
    pub(super) async fn recv(&mut self) -> Incoming {
        match self {
            Self::Socket(socket) => match socket.recv().await {
                Some(Ok(Message::Text(text))) => {
                    Incoming::Frame(Frame::Text(text.as_str().to_owned()))
                }
                Some(Ok(Message::Binary(bytes))) => Incoming::Frame(Frame::Binary(bytes.to_vec())),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => Incoming::Nothing,
                Some(Ok(Message::Close(_)) | Err(_)) | None => Incoming::Gone,
            },
            Self::Stream(stream) => {
                tokio::select! {
                    () = stream.output.closed() => Incoming::Gone,
                    frame = stream.input.recv() => frame.map_or(Incoming::Gone, Incoming::Frame),
                }
            }
        }
    }

    /// Writes a frame; an error if the client is gone.
    pub(super) async fn send(&mut self, frame: Frame) -> Result<(), ()> {
        match self {
            Self::Socket(socket) => {
                let message = match frame {
                    Frame::Text(text) => Message::Text(text.into()),
                    Frame::Binary(bytes) => Message::Binary(bytes.into()),
                };
                socket.send(message).await.map_err(|_gone| ())
            }
            Self::Stream(stream) => {
                let framed = stream.framing.frame(frame);
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
                let framing = stream.framing;
                let push = framing.frame(Frame::disconnect(framing.encoding(), disconnect));
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
        let text = || Frame::Text("{}\n{\"id\":1}".to_owned());
        assert_eq!(
            Framing::Events.frame(text()),
            b"data: {}\ndata: {\"id\":1}\n\n"
        );
        assert_eq!(Framing::Lines.frame(text()), b"{}\n{\"id\":1}\n");
    }
}
