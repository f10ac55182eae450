//! The Centrifuge protocol (second version) as its official clients speak it, in JSON or in protobuf:
//! over WebSocket, or over server-sent events or a stream of replies, with requests for what the
//! client sends.
//!
//! The server subscribes each connection to its user's channel, `user:<id>`; a client may also
//! subscribe to it by itself, and to `session:<id>` of its user's sessions. A client that comes back tells the
//! position up to which it knows the channel and gets exactly what it missed, or is told that this
//! isn't possible (`recovered: false`) and loads its state over HTTP.

mod codes;
mod connection;
mod emulated;
mod gateway;
mod link;
mod protocol;
mod rate;
mod session;
mod token;
mod views;

pub use codes::{Disconnect, ErrorReply};
pub use connection::Timings;
pub use emulated::EmulatedFrame;
pub use gateway::{Gateway, MAX_CONNECTIONS};
pub use link::Framing;
pub use protocol::{Encoding, Frame};

/// The channel of a user.
#[must_use]
pub fn user_channel(user_id: &str) -> String {
    format!("user:{user_id}")
}
