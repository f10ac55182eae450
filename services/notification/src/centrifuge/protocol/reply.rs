//! What clients are told. The names are the protocol's in JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::codes::ErrorReply;
use crate::hub::Publication;

/// What a command comes to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum Outcome {
    Connect(ConnectResult),
    Subscribe(SubscribeResult),
    Unsubscribe(Empty),
    Presence(PresenceResult),
    PresenceStats(PresenceStatsResult),
    History(HistoryResult),
    Refresh(RefreshResult),
    Ping(Empty),
    Error(ErrorReply),
}

#[derive(Debug, Serialize)]
pub(in super::super) struct Empty {}

#[derive(Debug, Serialize)]
pub(in super::super) struct ConnectResult {
    pub(in super::super) client: String,
    pub(in super::super) version: &'static str,
    pub(in super::super) expires: bool,
    /// Seconds until the token ends.
    pub(in super::super) ttl: u32,
    /// Seconds between pings.
    pub(in super::super) ping: u32,
    /// Whether pings must be answered.
    pub(in super::super) pong: bool,
    /// Where to send commands, for a client that can't send them over its connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) node: Option<String>,
    pub(in super::super) subs: BTreeMap<String, SubscribeResult>,
}

#[derive(Debug, Serialize)]
pub(in super::super) struct SubscribeResult {
    pub(in super::super) recoverable: bool,
    pub(in super::super) positioned: bool,
    pub(in super::super) epoch: String,
    /// After a recovery the position that it began from: the publications move it.
    pub(in super::super) offset: u64,
    pub(in super::super) was_recovering: bool,
    pub(in super::super) recovered: bool,
    pub(in super::super) publications: Vec<Publication>,
}

#[derive(Debug, Serialize)]
pub(in super::super) struct ClientInfo {
    pub(in super::super) client: String,
    pub(in super::super) user: String,
}

#[derive(Debug, Serialize)]
pub(in super::super) struct PresenceResult {
    pub(in super::super) presence: BTreeMap<String, ClientInfo>,
}

#[derive(Debug, Serialize)]
pub(in super::super) struct PresenceStatsResult {
    pub(in super::super) num_clients: u32,
    pub(in super::super) num_users: u32,
}

#[derive(Debug, Serialize)]
pub(in super::super) struct HistoryResult {
    pub(in super::super) publications: Vec<Publication>,
    pub(in super::super) epoch: String,
    pub(in super::super) offset: u64,
}

#[derive(Debug, Serialize)]
pub(in super::super) struct RefreshResult {
    pub(in super::super) client: String,
    pub(in super::super) version: &'static str,
    pub(in super::super) expires: bool,
    pub(in super::super) ttl: u32,
}
