//! What clients send. The names are the protocol's in JSON, the numbers its fields in protobuf.

use std::collections::BTreeMap;

use prost::Message;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::super::codes::Disconnect;
use crate::hub::Position;

/// A command as it comes: of its requests there is one, or none that is known.
#[derive(PartialEq, Deserialize, Message)]
#[serde(default)]
pub(super) struct Envelope {
    #[prost(uint32, tag = "1")]
    pub(super) id: u32,
    #[prost(message, optional, tag = "4")]
    pub(super) connect: Option<ConnectRequest>,
    #[prost(message, optional, tag = "5")]
    pub(super) subscribe: Option<SubscribeRequest>,
    #[prost(message, optional, tag = "6")]
    pub(super) unsubscribe: Option<ChannelRequest>,
    #[prost(message, optional, tag = "7")]
    pub(super) publish: Option<Ignored>,
    #[prost(message, optional, tag = "8")]
    pub(super) presence: Option<ChannelRequest>,
    #[prost(message, optional, tag = "9")]
    pub(super) presence_stats: Option<ChannelRequest>,
    #[prost(message, optional, tag = "10")]
    pub(super) history: Option<HistoryRequest>,
    #[prost(message, optional, tag = "11")]
    pub(super) ping: Option<Ignored>,
    #[prost(message, optional, tag = "12")]
    pub(super) send: Option<Ignored>,
    #[prost(message, optional, tag = "13")]
    pub(super) rpc: Option<Ignored>,
    #[prost(message, optional, tag = "14")]
    pub(super) refresh: Option<RefreshRequest>,
    #[prost(message, optional, tag = "15")]
    pub(super) sub_refresh: Option<Ignored>,
}

/// What a client asks for.
#[derive(Debug, PartialEq)]
pub(in super::super) enum Command {
    Pong,
    /// A message that nobody here reads, and that has no reply.
    Send,
    Request(u32, Request),
}

#[derive(Debug, PartialEq)]
pub(in super::super) enum Request {
    Connect(ConnectRequest),
    Subscribe(SubscribeRequest),
    Unsubscribe(ChannelRequest),
    Presence(ChannelRequest),
    PresenceStats(ChannelRequest),
    History(HistoryRequest),
    Refresh(RefreshRequest),
    Ping,
    NotOffered,
    Unknown,
}

/// What is there and isn't looked at.
#[derive(PartialEq, Message)]
pub(super) struct Ignored {}

impl<'de> Deserialize<'de> for Ignored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self {})
    }
}

#[derive(PartialEq, Deserialize, Message)]
#[serde(default)]
pub(in super::super) struct ConnectRequest {
    #[prost(string, tag = "1")]
    pub(in super::super) token: String,
    /// Positions of the channels that the server subscribed the client to before.
    #[prost(btree_map = "string, message", tag = "3")]
    pub(in super::super) subs: BTreeMap<String, SubscribeRequest>,
}

#[derive(Clone, PartialEq, Deserialize, Message)]
#[serde(default)]
pub(in super::super) struct SubscribeRequest {
    #[prost(string, tag = "1")]
    pub(in super::super) channel: String,
    #[prost(bool, tag = "3")]
    pub(super) recover: bool,
    #[prost(string, tag = "6")]
    pub(super) epoch: String,
    #[prost(uint64, tag = "7")]
    pub(super) offset: u64,
    #[prost(int64, tag = "14")]
    pub(super) flag: i64,
}

impl SubscribeRequest {
    const REJECT_UNRECOVERED: i64 = 2;

    /// The position to recover from.
    pub(in super::super) fn since(&self) -> Option<Position> {
        self.recover.then(|| Position {
            epoch: self.epoch.clone(),
            offset: self.offset,
        })
    }

    /// Whether the client wants an error instead of a subscription that begins after a hole.
    pub(in super::super) fn rejects_unrecovered(&self) -> bool {
        self.flag & Self::REJECT_UNRECOVERED != 0
    }
}

#[derive(PartialEq, Deserialize, Message)]
#[serde(default)]
pub(in super::super) struct ChannelRequest {
    #[prost(string, tag = "1")]
    pub(in super::super) channel: String,
}

#[derive(PartialEq, Deserialize, Message)]
#[serde(default)]
pub(in super::super) struct HistoryRequest {
    #[prost(string, tag = "1")]
    pub(in super::super) channel: String,
    #[prost(message, optional, tag = "8")]
    pub(in super::super) since: Option<StreamPosition>,
    /// 0 for the position only, -1 for as many as there may be.
    #[prost(int32, tag = "7")]
    pub(in super::super) limit: i32,
    #[prost(bool, tag = "9")]
    pub(in super::super) reverse: bool,
}

#[derive(PartialEq, Deserialize, Message)]
#[serde(default)]
pub(in super::super) struct StreamPosition {
    #[prost(uint64, tag = "1")]
    pub(in super::super) offset: u64,
    #[prost(string, tag = "2")]
    pub(in super::super) epoch: String,
}

#[derive(PartialEq, Deserialize, Message)]
#[serde(default)]
pub(in super::super) struct RefreshRequest {
    #[prost(string, tag = "1")]
    pub(in super::super) token: String,
}

impl Envelope {
    /// What is asked for.
    pub(super) fn open(self) -> Result<Command, Disconnect> {
        let id = self.id;
        let request = match self {
            Self { send: Some(_), .. } => return Ok(Command::Send),
            Self {
                connect: Some(connect),
                ..
            } => Request::Connect(connect),
            Self {
                subscribe: Some(subscribe),
                ..
            } => Request::Subscribe(subscribe),
            Self {
                unsubscribe: Some(channel),
                ..
            } => Request::Unsubscribe(channel),
            Self {
                presence: Some(channel),
                ..
            } => Request::Presence(channel),
            Self {
                presence_stats: Some(channel),
                ..
            } => Request::PresenceStats(channel),
            Self {
                history: Some(history),
                ..
            } => Request::History(history),
            Self {
                refresh: Some(refresh),
                ..
            } => Request::Refresh(refresh),
            Self { ping: Some(_), .. } => Request::Ping,
            Self {
                publish: Some(_), ..
            }
            | Self { rpc: Some(_), .. }
            | Self {
                sub_refresh: Some(_),
                ..
            } => Request::NotOffered,
            _ if id == 0 => return Ok(Command::Pong),
            _ => Request::Unknown,
        };
        match id {
            // What has a reply must say which command it answers.
            0 => Err(Disconnect::BAD_REQUEST),
            id => Ok(Command::Request(id, request)),
        }
    }
}
