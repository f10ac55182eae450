//! Channels of single sessions: what of the user's own channel is about one session.
//!
//! They have no place of their own to be numbered or kept: their offsets are those of the user's
//! channel, with holes. So they recover as exactly as it does, on every replica; and nobody can see
//! in them what isn't in their own channel.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::protocol;

/// Sessions that one connection may subscribe to.
pub(super) const MAX_VIEWS: usize = 100;
const PREFIX: &str = "session:";

/// What a connection may subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The user's own channel.
    Own,
    /// One session of it.
    Session(Uuid),
}

/// The session that a channel's name names, written as the platform writes ids.
pub(super) fn session_in(channel: &str) -> Option<Uuid> {
    let text = channel.strip_prefix(PREFIX)?;
    let id = Uuid::try_parse(text).ok()?;
    // One name for one channel.
    (id.to_string() == text).then_some(id)
}

/// The sessions that a connection is subscribed to.
#[derive(Debug, Default)]
pub(super) struct Views(BTreeMap<Uuid, String>);

impl Views {
    pub(super) fn contains(&self, session: Uuid) -> bool {
        self.0.contains_key(&session)
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MAX_VIEWS
    }

    pub(super) fn add(&mut self, session: Uuid) {
        let channel = format!("{PREFIX}{session}");
        self.0.insert(session, protocol::push_prefix(&channel));
    }

    pub(super) fn remove(&mut self, session: Uuid) {
        self.0.remove(&session);
    }

    /// Adds a publication to a frame, if it is about one of the sessions.
    pub(super) fn write(&self, out: &mut String, body: &RawValue) {
        if self.0.is_empty() {
            return;
        }
        let prefix = session_of(body).and_then(|session| self.0.get(&session));
        if let Some(prefix) = prefix {
            protocol::write_push(out, prefix, body);
        }
    }
}

/// Those publications that are about a session.
pub(super) fn about(
    session: Uuid,
    publications: impl IntoIterator<Item = Arc<RawValue>>,
) -> Vec<Arc<RawValue>> {
    let all = publications.into_iter();
    all.filter(|body| session_of(body) == Some(session))
        .collect()
}

fn session_of(body: &RawValue) -> Option<Uuid> {
    #[derive(Deserialize)]
    struct Body {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        payload: Payload,
    }
    #[derive(Deserialize)]
    struct Payload {
        session_id: Option<Uuid>,
    }
    // What has no such shape is about no session.
    let body: Body = serde_json::from_str(body.get()).ok()?;
    body.data.payload.session_id
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::value::to_raw_value;

    use super::*;

    const A: Uuid = Uuid::from_u128(0xa);
    const B: Uuid = Uuid::from_u128(0xb);

    fn body(payload: &serde_json::Value) -> Arc<RawValue> {
        let body = serde_json::json!({"data": {"event": "e", "payload": payload}, "offset": 1});
        to_raw_value(&body).unwrap().into()
    }

    #[test]
    fn a_channel_has_one_name() {
        let id = "00000000-0000-0000-0000-00000000000a";
        assert_eq!(session_in(&format!("session:{id}")), Some(A));
        for name in [
            "session:".to_owned(),
            "session:x".to_owned(),
            format!("session:{}", id.to_uppercase()),
            format!("session:{}", id.replace('-', "")),
            format!("user:{id}"),
            format!("session:{id} "),
        ] {
            assert_eq!(session_in(&name), None, "{name}");
        }
    }

    #[test]
    fn only_what_is_about_the_session_is_seen() {
        let bodies = [
            body(&serde_json::json!({"session_id": A, "sequence": 1})),
            body(&serde_json::json!({"session_id": B})),
            body(&serde_json::json!({"title": "a notification"})),
            body(&serde_json::json!(7)),
        ];
        let mut views = Views::default();
        views.add(A);
        let mut out = String::new();
        for body in &bodies {
            views.write(&mut out, body);
        }
        assert_eq!(out.lines().count(), 1);
        assert!(
            out.contains(&format!("\"channel\":\"session:{A}\"")),
            "{out}"
        );
        assert_eq!(about(B, bodies.clone()).len(), 1);
        views.remove(A);
        out.clear();
        views.write(&mut out, &bodies[0]);
        assert!(out.is_empty());
    }
}
