//! Commands and replies as JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::codes::{Disconnect, ErrorReply};
use crate::hub::Position;

/// A client's answer to a ping, and the server's ping: an empty command, an empty reply.
pub(super) const PING: &str = "{}";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Envelope {
    id: u32,
    connect: Option<ConnectRequest>,
    subscribe: Option<SubscribeRequest>,
    unsubscribe: Option<ChannelRequest>,
    publish: Option<IgnoredAny>,
    presence: Option<ChannelRequest>,
    presence_stats: Option<ChannelRequest>,
    history: Option<HistoryRequest>,
    ping: Option<IgnoredAny>,
    send: Option<IgnoredAny>,
    rpc: Option<IgnoredAny>,
    refresh: Option<RefreshRequest>,
    sub_refresh: Option<IgnoredAny>,
}

/// What a client asks for.
#[derive(Debug)]
pub(super) enum Command {
    Pong,
    /// A message that nobody here reads, and that has no reply.
    Send,
    Request(u32, Request),
}

#[derive(Debug)]
pub(super) enum Request {
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

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ConnectRequest {
    pub(super) token: String,
    /// Positions of the channels that the server subscribed the client to before.
    pub(super) subs: BTreeMap<String, SubscribeRequest>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SubscribeRequest {
    pub(super) channel: String,
    recover: bool,
    epoch: String,
    offset: u64,
    flag: u64,
}

impl SubscribeRequest {
    const REJECT_UNRECOVERED: u64 = 2;

    /// The position to recover from.
    pub(super) fn since(&self) -> Option<Position> {
        self.recover.then(|| Position {
            epoch: self.epoch.clone(),
            offset: self.offset,
        })
    }

    /// Whether the client wants an error instead of a subscription that begins after a hole.
    pub(super) fn rejects_unrecovered(&self) -> bool {
        self.flag & Self::REJECT_UNRECOVERED != 0
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ChannelRequest {
    pub(super) channel: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct HistoryRequest {
    pub(super) channel: String,
    pub(super) since: Option<StreamPosition>,
    /// 0 for the position only, -1 for as many as there may be.
    pub(super) limit: i32,
    pub(super) reverse: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StreamPosition {
    pub(super) offset: u64,
    pub(super) epoch: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RefreshRequest {
    pub(super) token: String,
}

/// Reads one line of a frame.
pub(super) fn parse(line: &str) -> Result<Command, Disconnect> {
    // serde would take an array for an object's fields in their order.
    if !line.trim_start().starts_with('{') {
        return Err(Disconnect::BAD_REQUEST);
    }
    let envelope: Envelope = serde_json::from_str(line).map_err(|error| {
        tracing::debug!(%error, "not a command");
        Disconnect::BAD_REQUEST
    })?;
    let id = envelope.id;
    let request = match envelope {
        Envelope { send: Some(_), .. } => return Ok(Command::Send),
        Envelope {
            connect: Some(connect),
            ..
        } => Request::Connect(connect),
        Envelope {
            subscribe: Some(subscribe),
            ..
        } => Request::Subscribe(subscribe),
        Envelope {
            unsubscribe: Some(channel),
            ..
        } => Request::Unsubscribe(channel),
        Envelope {
            presence: Some(channel),
            ..
        } => Request::Presence(channel),
        Envelope {
            presence_stats: Some(channel),
            ..
        } => Request::PresenceStats(channel),
        Envelope {
            history: Some(history),
            ..
        } => Request::History(history),
        Envelope {
            refresh: Some(refresh),
            ..
        } => Request::Refresh(refresh),
        Envelope { ping: Some(_), .. } => Request::Ping,
        Envelope {
            publish: Some(_), ..
        }
        | Envelope { rpc: Some(_), .. }
        | Envelope {
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

#[derive(Debug, Serialize)]
struct Reply<'a> {
    id: u32,
    #[serde(flatten)]
    result: &'a Outcome,
}

/// What a command comes to; the names are the protocol's.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
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
pub(super) struct Empty {}

#[derive(Debug, Serialize)]
pub(super) struct ConnectResult {
    pub(super) client: String,
    pub(super) version: &'static str,
    pub(super) expires: bool,
    /// Seconds until the token ends.
    pub(super) ttl: u32,
    /// Seconds between pings.
    pub(super) ping: u64,
    /// Whether pings must be answered.
    pub(super) pong: bool,
    /// Where to send commands, for a client that can't send them over its connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node: Option<String>,
    pub(super) subs: BTreeMap<String, SubscribeResult>,
}

#[derive(Debug, Serialize)]
pub(super) struct SubscribeResult {
    pub(super) recoverable: bool,
    pub(super) positioned: bool,
    pub(super) epoch: String,
    /// After a recovery the position that it began from: the publications move it.
    pub(super) offset: u64,
    pub(super) was_recovering: bool,
    pub(super) recovered: bool,
    pub(super) publications: Vec<Arc<RawValue>>,
}

#[derive(Debug, Serialize)]
pub(super) struct ClientInfo {
    pub(super) client: String,
    pub(super) user: String,
}

#[derive(Debug, Serialize)]
pub(super) struct PresenceResult {
    pub(super) presence: BTreeMap<String, ClientInfo>,
}

#[derive(Debug, Serialize)]
pub(super) struct PresenceStatsResult {
    pub(super) num_clients: usize,
    pub(super) num_users: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct HistoryResult {
    pub(super) publications: Vec<Arc<RawValue>>,
    pub(super) epoch: String,
    pub(super) offset: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct RefreshResult {
    pub(super) client: String,
    pub(super) version: &'static str,
    pub(super) expires: bool,
    pub(super) ttl: u32,
}

/// Adds a reply to a frame, on a line of its own.
pub(super) fn write(out: &mut String, id: u32, result: &Outcome) -> Result<(), Disconnect> {
    let reply = serde_json::to_string(&Reply { id, result }).map_err(|error| {
        tracing::error!(%error, "a reply can't be written");
        Disconnect::SERVER_ERROR
    })?;
    next_line(out);
    out.push_str(&reply);
    Ok(())
}

/// What stands before a publication when it is pushed.
pub(super) fn push_prefix(channel: &str) -> String {
    let channel = serde_json::Value::from(channel);
    format!(r#"{{"push":{{"channel":{channel},"pub":"#)
}

/// Adds a push to a frame, on a line of its own.
pub(super) fn write_push(out: &mut String, prefix: &str, publication: &RawValue) {
    next_line(out);
    out.push_str(prefix);
    out.push_str(publication.get());
    out.push_str("}}");
}

/// Why the server ends a connection that has no close frames.
pub(super) fn disconnect(disconnect: Disconnect) -> String {
    let reason = serde_json::Value::from(disconnect.reason);
    let code = disconnect.code;
    format!(r#"{{"push":{{"disconnect":{{"code":{code},"reason":{reason}}}}}}}"#)
}

fn next_line(out: &mut String) {
    if !out.is_empty() {
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_the_official_client_sends_is_read() {
        let Command::Request(1, Request::Connect(connect)) = parse(
            r#"{"connect":{"token":"t","name":"js","subs":{"user:a":{"recover":true,"offset":7,
               "epoch":"e"}}},"id":1}"#,
        )
        .unwrap() else {
            panic!("not a connect command");
        };
        assert_eq!(connect.token, "t");
        let since = connect.subs["user:a"].since().unwrap();
        assert_eq!((since.epoch.as_str(), since.offset), ("e", 7));

        let Command::Request(2, Request::Subscribe(subscribe)) =
            parse(r#"{"subscribe":{"channel":"user:a","flag":3},"id":2}"#).unwrap()
        else {
            panic!("not a subscribe command");
        };
        assert!(subscribe.rejects_unrecovered() && subscribe.since().is_none());
        assert!(matches!(parse("{}").unwrap(), Command::Pong));
        assert!(matches!(
            parse(r#"{"send":{"data":1}}"#).unwrap(),
            Command::Send
        ));
        assert!(matches!(
            parse(r#"{"id":9,"fly":{}}"#).unwrap(),
            Command::Request(9, Request::Unknown)
        ));
    }

    #[test]
    fn what_is_no_command_ends_the_connection() {
        for line in [
            "",
            "[]",
            "hello",
            r#"{"connect":{}}"#,
            r#"{"id":-1,"ping":{}}"#,
            r#"{"id":1,"history":{"channel":7}}"#,
        ] {
            assert_eq!(parse(line).unwrap_err(), Disconnect::BAD_REQUEST, "{line}");
        }
    }

    #[test]
    fn replies_and_pushes_have_the_protocols_shape() {
        let body: Box<RawValue> =
            serde_json::from_str(r#"{"data":{"price":1.10},"offset":3}"#).unwrap();
        let body: Arc<RawValue> = body.into();
        let result = SubscribeResult {
            recoverable: true,
            positioned: true,
            epoch: "e".into(),
            offset: 2,
            was_recovering: true,
            recovered: true,
            publications: vec![Arc::clone(&body)],
        };
        let mut out = String::new();
        write(&mut out, 4, &Outcome::Subscribe(result)).unwrap();
        write(&mut out, 5, &Outcome::Error(ErrorReply::PERMISSION_DENIED)).unwrap();
        write_push(&mut out, &push_prefix("user:\"a"), &body);
        // Numbers keep their exact text.
        assert!(out.contains("1.10"), "{out}");
        let lines: Vec<Value> = out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(
            lines,
            [
                json!({"id": 4, "subscribe": {"recoverable": true, "positioned": true,
                    "epoch": "e", "offset": 2, "was_recovering": true, "recovered": true,
                    "publications": [{"data": {"price": 1.1}, "offset": 3}]}}),
                json!({"id": 5, "error": {"code": 103, "message": "permission denied"}}),
                json!({"push": {"channel": "user:\"a",
                    "pub": {"data": {"price": 1.1}, "offset": 3}}}),
            ]
        );
    }
}
