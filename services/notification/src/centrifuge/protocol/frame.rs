//! Frames: what goes over a connection at once, in the encoding that its client asked for.

use super::super::codes::Disconnect;
use super::command::Command;
use super::reply::Outcome;
use super::{json, protobuf};
use crate::hub::Publication;

/// How commands and replies are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// A line of JSON each.
    Json,
    /// Protobuf, each behind its length.
    Protobuf,
}

impl Encoding {
    /// Those that a client can ask for with a WebSocket's subprotocol; of several the first is taken.
    pub(in super::super) const SUBPROTOCOLS: [&'static str; 2] =
        ["centrifuge-json", "centrifuge-protobuf"];

    /// What a subprotocol stands for.
    pub(in super::super) fn of_subprotocol(name: &[u8]) -> Self {
        match name {
            b"centrifuge-protobuf" => Self::Protobuf,
            _ => Self::Json,
        }
    }

    /// What a push to a channel begins with.
    pub(in super::super) fn push_head(self, channel: &str) -> PushHead {
        PushHead(match self {
            Self::Json => json::push_head(channel),
            Self::Protobuf => channel.to_owned(),
        })
    }
}

/// What pushes to a channel begin with, made once for all of a client's.
#[derive(Debug)]
pub(in super::super) struct PushHead(String);

/// Commands of a client, or replies to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// [`Encoding::Json`].
    Text(String),
    /// [`Encoding::Protobuf`].
    Binary(Vec<u8>),
}

impl Frame {
    /// An empty frame.
    pub(in super::super) fn new(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Json => Self::Text(String::new()),
            Encoding::Protobuf => Self::Binary(Vec::new()),
        }
    }

    /// The server's ping.
    pub(in super::super) fn ping(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Json => Self::Text(json::PING.to_owned()),
            Encoding::Protobuf => Self::Binary(vec![protobuf::PING]),
        }
    }

    /// Why the server ends a connection that has no close frames.
    pub(in super::super) fn disconnect(encoding: Encoding, disconnect: Disconnect) -> Self {
        match encoding {
            Encoding::Json => Self::Text(json::disconnect(disconnect)),
            Encoding::Protobuf => Self::Binary(protobuf::disconnect(disconnect)),
        }
    }

    pub(in super::super) fn encoding(&self) -> Encoding {
        match self {
            Self::Text(_) => Encoding::Json,
            Self::Binary(_) => Encoding::Protobuf,
        }
    }

    pub(in super::super) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// What is in it; it is empty afterwards.
    pub(in super::super) fn take(&mut self) -> Self {
        let empty = Self::new(self.encoding());
        std::mem::replace(self, empty)
    }

    /// Its commands, up to the first that is none.
    pub(in super::super) fn commands(&self) -> Commands<'_> {
        match self {
            Self::Text(text) => Commands::Lines(text.lines()),
            Self::Binary(bytes) => Commands::Delimited(bytes),
        }
    }

    pub(in super::super) fn add_reply(
        &mut self,
        id: u32,
        outcome: &Outcome,
    ) -> Result<(), Disconnect> {
        let written = match self {
            Self::Text(out) => json::write(out, id, outcome).map_err(|e| e.to_string()),
            Self::Binary(out) => protobuf::write(out, id, outcome).map_err(|e| e.to_string()),
        };
        written.map_err(|error| {
            tracing::error!(error, "a reply can't be written");
            Disconnect::SERVER_ERROR
        })
    }

    /// Adds a publication to a channel whose head is of the same encoding.
    pub(in super::super) fn add_push(&mut self, head: &PushHead, publication: &Publication) {
        match self {
            Self::Text(out) => json::write_push(out, &head.0, publication),
            Self::Binary(out) => protobuf::write_push(out, &head.0, publication),
        }
    }
}

/// See [`Frame::commands`].
pub(in super::super) enum Commands<'a> {
    Lines(std::str::Lines<'a>),
    Delimited(&'a [u8]),
}

impl Iterator for Commands<'_> {
    type Item = Result<Command, Disconnect>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Lines(lines) => {
                let line = lines.find(|line| !line.trim().is_empty())?;
                Some(json::parse(line))
            }
            Self::Delimited([]) => None,
            Self::Delimited(rest) => {
                let command = protobuf::parse(rest);
                if command.is_err() {
                    // Where the next one begins isn't known.
                    *rest = &[];
                }
                Some(command)
            }
        }
    }
}
