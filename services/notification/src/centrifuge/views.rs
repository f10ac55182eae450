//! Channels of single sessions: what of the user's own channel is about one session.
//!
//! They have no place of their own to be numbered or kept: their offsets are those of the user's
//! channel, with holes. So they recover as exactly as it does, on every replica; and nobody can see
//! in them what isn't in their own channel.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::protocol::{Encoding, Frame, PushHead};
use crate::hub::Publication;

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
pub(super) struct Views(BTreeMap<Uuid, PushHead>);

impl Views {
    pub(super) fn contains(&self, session: Uuid) -> bool {
        self.0.contains_key(&session)
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MAX_VIEWS
    }

    pub(super) fn add(&mut self, session: Uuid, encoding: Encoding) {
        let channel = format!("{PREFIX}{session}");
        self.0.insert(session, encoding.push_head(&channel));
    }

    pub(super) fn remove(&mut self, session: Uuid) {
        self.0.remove(&session);
    }

    /// Adds a publication to a frame, if it is about one of the sessions.
    pub(super) fn write(&self, out: &mut Frame, publication: &Publication) {
        if self.0.is_empty() {
            return;
        }
        let session = session_of(&publication.data);
        if let Some(head) = session.and_then(|session| self.0.get(&session)) {
            out.add_push(head, publication);
        }
    }
}

/// Those publications that are about a session.
pub(super) fn about(
    session: Uuid,
    publications: impl IntoIterator<Item = Publication>,
) -> Vec<Publication> {
    let all = publications.into_iter();
    all.filter(|publication| session_of(&publication.data) == Some(session))
        .collect()
}

fn session_of(data: &RawValue) -> Option<Uuid> {
    #[derive(Deserialize)]
    struct Data {
        payload: Payload,
    }
    #[derive(Deserialize)]
    struct Payload {
        session_id: Option<Uuid>,
    }
    // What has no such shape is about no session.
    let data: Data = serde_json::from_str(data.get()).ok()?;
    data.payload.session_id
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use chrono::Utc;
    use serde_json::value::to_raw_value;

    use super::*;

    const A: Uuid = Uuid::from_u128(0xa);
    const B: Uuid = Uuid::from_u128(0xb);

    fn about_payload(payload: &serde_json::Value) -> Publication {
        let data = serde_json::json!({"event": "e", "payload": payload});
        Publication::new(1, to_raw_value(&data).unwrap().into(), Utc::now())
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
        let publications = [
            about_payload(&serde_json::json!({"session_id": A, "sequence": 1})),
            about_payload(&serde_json::json!({"session_id": B})),
            about_payload(&serde_json::json!({"title": "a notification"})),
            about_payload(&serde_json::json!(7)),
        ];
        for encoding in [Encoding::Json, Encoding::Protobuf] {
            let mut views = Views::default();
            views.add(A, encoding);
            let mut out = Frame::new(encoding);
            for publication in &publications {
                views.write(&mut out, publication);
            }
            let mut expected = Frame::new(encoding);
            let head = encoding.push_head(&format!("session:{A}"));
            expected.add_push(&head, &publications[0]);
            assert_eq!(out.take(), expected);
            views.remove(A);
            views.write(&mut out, &publications[0]);
            assert_eq!(out.len(), 0);
        }
        assert_eq!(about(B, publications).len(), 1);
    }
}
