//! The messages that go out, and the one around commands of their own requests. Fields that this
//! service never fills are left out.

use std::collections::BTreeMap;

use prost::Message;

use super::super::super::codes::ErrorReply;
use super::super::reply::{self, Outcome};
use crate::hub::Publication;

#[derive(Clone, PartialEq, Message)]
pub(super) struct EmulationRequest {
    #[prost(string, tag = "1")]
    pub(super) node: String,
    #[prost(string, tag = "2")]
    pub(super) session: String,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Reply {
    #[prost(uint32, tag = "1")]
    pub(super) id: u32,
    #[prost(message, optional, tag = "2")]
    pub(super) error: Option<Error>,
    #[prost(message, optional, tag = "4")]
    pub(super) push: Option<Push>,
    #[prost(message, optional, tag = "5")]
    pub(super) connect: Option<ConnectResult>,
    #[prost(message, optional, tag = "6")]
    pub(super) subscribe: Option<SubscribeResult>,
    #[prost(message, optional, tag = "7")]
    pub(super) unsubscribe: Option<Empty>,
    #[prost(message, optional, tag = "9")]
    pub(super) presence: Option<PresenceResult>,
    #[prost(message, optional, tag = "10")]
    pub(super) presence_stats: Option<PresenceStatsResult>,
    #[prost(message, optional, tag = "11")]
    pub(super) history: Option<HistoryResult>,
    #[prost(message, optional, tag = "12")]
    pub(super) ping: Option<Empty>,
    #[prost(message, optional, tag = "14")]
    pub(super) refresh: Option<RefreshResult>,
}

impl Reply {
    pub(super) fn new(id: u32, outcome: &Outcome) -> Self {
        let mut reply = Self {
            id,
            ..Self::default()
        };
        match outcome {
            Outcome::Connect(result) => reply.connect = Some(result.into()),
            Outcome::Subscribe(result) => reply.subscribe = Some(result.into()),
            Outcome::Unsubscribe(_) => reply.unsubscribe = Some(Empty {}),
            Outcome::Presence(result) => reply.presence = Some(result.into()),
            Outcome::PresenceStats(result) => reply.presence_stats = Some(result.into()),
            Outcome::History(result) => reply.history = Some(result.into()),
            Outcome::Refresh(result) => reply.refresh = Some(result.into()),
            Outcome::Ping(_) => reply.ping = Some(Empty {}),
            Outcome::Error(error) => reply.error = Some(error.into()),
        }
        reply
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Error {
    #[prost(uint32, tag = "1")]
    pub(super) code: u32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(bool, tag = "3")]
    pub(super) temporary: bool,
}

impl From<&ErrorReply> for Error {
    fn from(error: &ErrorReply) -> Self {
        Self {
            code: error.code,
            message: error.message.to_owned(),
            temporary: error.temporary,
        }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Push {
    #[prost(string, tag = "2")]
    pub(super) channel: String,
    #[prost(message, optional, tag = "4")]
    pub(super) publication: Option<Told>,
    #[prost(message, optional, tag = "11")]
    pub(super) disconnect: Option<Reason>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Told {
    #[prost(bytes = "vec", tag = "4")]
    pub(super) data: Vec<u8>,
    #[prost(uint64, tag = "6")]
    pub(super) offset: u64,
}

impl From<&Publication> for Told {
    fn from(publication: &Publication) -> Self {
        Self {
            data: publication.data.get().into(),
            offset: publication.offset,
        }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Reason {
    #[prost(uint32, tag = "1")]
    pub(super) code: u32,
    #[prost(string, tag = "2")]
    pub(super) reason: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Empty {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ConnectResult {
    #[prost(string, tag = "1")]
    pub(super) client: String,
    #[prost(string, tag = "2")]
    pub(super) version: String,
    #[prost(bool, tag = "3")]
    pub(super) expires: bool,
    #[prost(uint32, tag = "4")]
    pub(super) ttl: u32,
    #[prost(btree_map = "string, message", tag = "6")]
    pub(super) subs: BTreeMap<String, SubscribeResult>,
    #[prost(uint32, tag = "7")]
    pub(super) ping: u32,
    #[prost(bool, tag = "8")]
    pub(super) pong: bool,
    #[prost(string, tag = "9")]
    pub(super) session: String,
    #[prost(string, tag = "10")]
    pub(super) node: String,
}

impl From<&reply::ConnectResult> for ConnectResult {
    fn from(result: &reply::ConnectResult) -> Self {
        let subs = result.subs.iter();
        Self {
            client: result.client.clone(),
            version: result.version.to_owned(),
            expires: result.expires,
            ttl: result.ttl,
            subs: subs
                .map(|(channel, sub)| (channel.clone(), sub.into()))
                .collect(),
            ping: result.ping,
            pong: result.pong,
            session: result.session.clone().unwrap_or_default(),
            node: result.node.clone().unwrap_or_default(),
        }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SubscribeResult {
    #[prost(bool, tag = "3")]
    pub(super) recoverable: bool,
    #[prost(string, tag = "6")]
    pub(super) epoch: String,
    #[prost(message, repeated, tag = "7")]
    pub(super) publications: Vec<Told>,
    #[prost(bool, tag = "8")]
    pub(super) recovered: bool,
    #[prost(uint64, tag = "9")]
    pub(super) offset: u64,
    #[prost(bool, tag = "10")]
    pub(super) positioned: bool,
    #[prost(bool, tag = "12")]
    pub(super) was_recovering: bool,
}

impl From<&reply::SubscribeResult> for SubscribeResult {
    fn from(result: &reply::SubscribeResult) -> Self {
        Self {
            recoverable: result.recoverable,
            epoch: result.epoch.clone(),
            publications: result.publications.iter().map(Told::from).collect(),
            recovered: result.recovered,
            offset: result.offset,
            positioned: result.positioned,
            was_recovering: result.was_recovering,
        }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PresenceResult {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(super) presence: BTreeMap<String, ClientInfo>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ClientInfo {
    #[prost(string, tag = "1")]
    pub(super) user: String,
    #[prost(string, tag = "2")]
    pub(super) client: String,
}

impl From<&reply::PresenceResult> for PresenceResult {
    fn from(result: &reply::PresenceResult) -> Self {
        let clients = result.presence.iter().map(|(id, info)| {
            let info = ClientInfo {
                user: info.user.clone(),
                client: info.client.clone(),
            };
            (id.clone(), info)
        });
        Self {
            presence: clients.collect(),
        }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PresenceStatsResult {
    #[prost(uint32, tag = "1")]
    pub(super) num_clients: u32,
    #[prost(uint32, tag = "2")]
    pub(super) num_users: u32,
}

impl From<&reply::PresenceStatsResult> for PresenceStatsResult {
    fn from(result: &reply::PresenceStatsResult) -> Self {
        Self {
            num_clients: result.num_clients,
            num_users: result.num_users,
        }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HistoryResult {
    #[prost(message, repeated, tag = "1")]
    pub(super) publications: Vec<Told>,
    #[prost(string, tag = "2")]
    pub(super) epoch: String,
    #[prost(uint64, tag = "3")]
    pub(super) offset: u64,
}

impl From<&reply::HistoryResult> for HistoryResult {
    fn from(result: &reply::HistoryResult) -> Self {
        Self {
            publications: result.publications.iter().map(Told::from).collect(),
            epoch: result.epoch.clone(),
            offset: result.offset,
        }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RefreshResult {
    #[prost(string, tag = "1")]
    pub(super) client: String,
    #[prost(string, tag = "2")]
    pub(super) version: String,
    #[prost(bool, tag = "3")]
    pub(super) expires: bool,
    #[prost(uint32, tag = "4")]
    pub(super) ttl: u32,
}

impl From<&reply::RefreshResult> for RefreshResult {
    fn from(result: &reply::RefreshResult) -> Self {
        Self {
            client: result.client.clone(),
            version: result.version.to_owned(),
            expires: result.expires,
            ttl: result.ttl,
        }
    }
}
