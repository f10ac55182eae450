//! The protocol in JSON: a command or a reply a line.

use serde::Serialize;

use super::super::codes::Disconnect;
use super::command::{Command, Envelope};
use super::reply::Outcome;
use crate::hub::Publication;

/// The server's ping is an empty reply; so is a client's answer, an empty command.
pub(super) const PING: &str = "{}";

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
    envelope.open()
}

#[derive(Debug, Serialize)]
struct Reply<'a> {
    id: u32,
    #[serde(flatten)]
    result: &'a Outcome,
}

/// Adds a reply to a frame.
pub(super) fn write(out: &mut String, id: u32, result: &Outcome) -> Result<(), serde_json::Error> {
    let reply = serde_json::to_string(&Reply { id, result })?;
    next_line(out);
    out.push_str(&reply);
    Ok(())
}

/// What stands before a publication when it is pushed.
pub(super) fn push_head(channel: &str) -> String {
    let channel = serde_json::Value::from(channel);
    format!(r#"{{"push":{{"channel":{channel},"pub":{{"data":"#)
}

/// Adds a push to a frame.
pub(super) fn write_push(out: &mut String, head: &str, publication: &Publication) {
    next_line(out);
    out.push_str(head);
    out.push_str(publication.data.get());
    out.push_str(",\"offset\":");
    out.push_str(&publication.offset.to_string());
    out.push_str("}}}");
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
    use chrono::Utc;
    use serde_json::value::RawValue;
    use serde_json::{Value, json};

    use super::super::command::Request;
    use super::super::reply::SubscribeResult;
    use super::*;
    use crate::centrifuge::ErrorReply;

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
        let data: Box<RawValue> = serde_json::from_str(r#"{"price":1.10}"#).unwrap();
        let publication = Publication::new(3, data.into(), Utc::now());
        let result = SubscribeResult {
            recoverable: true,
            positioned: true,
            epoch: "e".into(),
            offset: 2,
            was_recovering: true,
            recovered: true,
            publications: vec![publication.clone()],
        };
        let mut out = String::new();
        write(&mut out, 4, &Outcome::Subscribe(result)).unwrap();
        write(&mut out, 5, &Outcome::Error(ErrorReply::PERMISSION_DENIED)).unwrap();
        write_push(&mut out, &push_head("user:\"a"), &publication);
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
