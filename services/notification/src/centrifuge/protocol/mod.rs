//! Commands and replies: what they are, and how each encoding writes them.
//!
//! What a connection may do is decided once, for [`Command`]s and [`Outcome`]s; only [`Frame`]s know
//! how a client writes them.

mod command;
mod frame;
mod json;
mod protobuf;
mod reply;

pub(super) use command::{
    ChannelRequest, Command, ConnectRequest, HistoryRequest, Request, SubscribeRequest,
};
pub(super) use frame::PushHead;
pub use frame::{Encoding, Frame};
pub(super) use protobuf::read_emulated;
pub(super) use reply::{
    ClientInfo, ConnectResult, Empty, HistoryResult, Outcome, PresenceResult, PresenceStatsResult,
    RefreshResult, SubscribeResult,
};
