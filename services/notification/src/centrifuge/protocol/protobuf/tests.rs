#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use chrono::Utc;
use proptest::prelude::*;
use prost::Message as _;
use serde_json::value::to_raw_value;

use super::message::{Empty, Error, Told};
use super::*;
use crate::centrifuge::codes::ErrorReply;
use crate::centrifuge::protocol::command::{
    ChannelRequest, ConnectRequest, HistoryRequest, Request, StreamPosition, SubscribeRequest,
};
use crate::centrifuge::protocol::{Frame, reply};

fn publication(offset: u64, data: &str) -> Publication {
    Publication::new(offset, to_raw_value(data).unwrap().into(), Utc::now())
}

fn commands(bytes: &[u8]) -> Vec<Result<Command, Disconnect>> {
    Frame::Binary(bytes.to_vec()).commands().collect()
}

fn replies(mut bytes: &[u8]) -> Vec<Reply> {
    let mut replies = Vec::new();
    while !bytes.is_empty() {
        replies.push(Reply::decode_length_delimited(&mut bytes).unwrap());
    }
    replies
}

/// Byte for byte what the official client for JavaScript (5.8.0) sends for these.
#[test]
fn what_the_official_client_sends_is_read() {
    let connect = b"\x0b\x08\x01\x22\x07\x0a\x01t\x22\x02js";
    let history = b"\x17\x08\x02\x52\x13\x0a\x06user:a\x38\x0a\x42\x05\x08\x07\x12\x01e\x48\x01";
    let bytes = [&connect[..], &history[..], b"\x00"].concat();
    let position = StreamPosition {
        offset: 7,
        epoch: "e".to_owned(),
    };
    assert_eq!(
        commands(&bytes),
        [
            Ok(Command::Request(
                1,
                Request::Connect(ConnectRequest {
                    token: "t".to_owned(),
                    subs: BTreeMap::new(),
                })
            )),
            Ok(Command::Request(
                2,
                Request::History(HistoryRequest {
                    channel: "user:a".to_owned(),
                    since: Some(position),
                    limit: 10,
                    reverse: true,
                })
            )),
            Ok(Command::Pong),
        ]
    );
}

#[test]
fn what_is_no_command_ends_the_connection() {
    for bytes in [
        // A request without a number, a field of another type, a length that says too much.
        &b"\x02\x22\x00"[..],
        b"\x03\x08\x01\x22",
        b"\x02\x0a\x00",
        b"\x05\x08\x01",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        // A text that isn't UTF-8.
        b"\x07\x08\x01\x22\x03\x0a\x01\xff",
    ] {
        let refused = Err(Disconnect::BAD_REQUEST);
        assert_eq!(commands(bytes), [refused], "{bytes:x?}");
    }
    // What a later protocol may add is answered.
    assert_eq!(
        commands(b"\x05\x08\x09\xfa\x07\x00"),
        [Ok(Command::Request(9, Request::Unknown))]
    );
    // Nothing is read behind what can't be.
    assert_eq!(commands(b"\x02\x22\x00\x00\x00").len(), 1);
}

#[test]
fn replies_are_the_protocols() {
    let told = publication(3, "a");
    let subscribe = reply::SubscribeResult {
        recoverable: true,
        positioned: true,
        epoch: "e".to_owned(),
        offset: 2,
        was_recovering: true,
        recovered: true,
        publications: vec![told],
    };
    let mut out = Vec::new();
    write(&mut out, 4, &Outcome::Subscribe(subscribe)).unwrap();
    // Reply.id 1, .subscribe 6: recoverable 3, epoch 6, publications 7 (data 4, offset 6),
    // recovered 8, offset 9, positioned 10, was_recovering 12.
    let expected = b"\x1a\x08\x04\x32\x16\x18\x01\x32\x01e\x3a\x07\x22\x03\"a\"\x30\x03\x40\x01\x48\x02\x50\x01\x60\x01";
    assert_eq!(out, expected);

    let mut out = Vec::new();
    let info = reply::ClientInfo {
        client: "c".to_owned(),
        user: "u".to_owned(),
    };
    let presence = BTreeMap::from([("c".to_owned(), info)]);
    let stats = reply::PresenceStatsResult {
        num_clients: 2,
        num_users: 1,
    };
    for (id, outcome) in [
        (1, Outcome::Ping(reply::Empty {})),
        (2, Outcome::Unsubscribe(reply::Empty {})),
        (3, Outcome::Presence(reply::PresenceResult { presence })),
        (4, Outcome::PresenceStats(stats)),
        (5, Outcome::Error(ErrorReply::INTERNAL)),
    ] {
        write(&mut out, id, &outcome).unwrap();
    }
    out.push(PING);
    out.extend(disconnect(Disconnect::SHUTDOWN));
    let told = replies(&out);
    assert_eq!(told.len(), 7);
    assert_eq!((told[0].id, &told[0].ping), (1, &Some(Empty {})));
    assert_eq!(told[1].unsubscribe, Some(Empty {}));
    let presence = told[2].presence.as_ref().unwrap();
    assert_eq!(presence.presence["c"].user, "u");
    assert_eq!(told[3].presence_stats.as_ref().unwrap().num_clients, 2);
    let error = Error {
        code: 100,
        message: "internal server error".to_owned(),
        temporary: true,
    };
    assert_eq!(told[4].error, Some(error));
    assert_eq!(told[5], Reply::default());
    let push = told[6].push.as_ref().unwrap();
    assert_eq!(push.disconnect.as_ref().unwrap().code, 3001);
}

/// The same event for both encodings: data is the same text, whatever is around it.
#[test]
fn a_connect_reply_has_what_it_has_in_json() {
    let sub = reply::SubscribeResult {
        recoverable: true,
        positioned: true,
        epoch: "e".to_owned(),
        offset: 7,
        was_recovering: false,
        recovered: false,
        publications: Vec::new(),
    };
    let result = reply::ConnectResult {
        client: "c".to_owned(),
        version: "1",
        expires: true,
        ttl: 60,
        ping: 25,
        pong: true,
        session: Some("s".to_owned()),
        node: None,
        subs: BTreeMap::from([("user:a".to_owned(), sub)]),
    };
    let mut out = Vec::new();
    write(&mut out, 1, &Outcome::Connect(result)).unwrap();
    let connect = replies(&out).remove(0).connect.unwrap();
    assert_eq!((connect.ttl, connect.ping, connect.pong), (60, 25, true));
    assert_eq!((connect.session.as_str(), connect.node.as_str()), ("s", ""));
    let sub = &connect.subs["user:a"];
    assert_eq!((sub.epoch.as_str(), sub.offset), ("e", 7));
}

fn subscribe() -> impl Strategy<Value = SubscribeRequest> {
    let fields = (any::<bool>(), ".*", any::<u64>(), any::<i64>(), ".*");
    fields.prop_map(|(recover, epoch, offset, flag, channel)| SubscribeRequest {
        channel,
        recover,
        epoch,
        offset,
        flag,
    })
}

fn envelope() -> impl Strategy<Value = Envelope> {
    let subs = prop::collection::btree_map(".*", subscribe(), 0..4);
    let connect = (".*", subs).prop_map(|(token, subs)| ConnectRequest { token, subs });
    let since = (any::<u64>(), ".*").prop_map(|(offset, epoch)| StreamPosition { offset, epoch });
    let history = (".*", prop::option::of(since), any::<i32>(), any::<bool>()).prop_map(
        |(channel, since, limit, reverse)| HistoryRequest {
            channel,
            since,
            limit,
            reverse,
        },
    );
    let presence = ".*".prop_map(|channel| ChannelRequest { channel });
    let requests = (
        prop::option::of(connect),
        prop::option::of(subscribe()),
        prop::option::of(presence),
        prop::option::of(history),
    );
    (1_u32.., requests).prop_map(|(id, (connect, subscribe, presence, history))| Envelope {
        id,
        connect,
        subscribe,
        presence,
        history,
        ..Envelope::default()
    })
}

proptest! {
    #[test]
    fn commands_are_read_as_they_were_written(envelopes in prop::collection::vec(envelope(), 0..5)) {
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for envelope in envelopes {
            envelope.encode_length_delimited(&mut bytes).unwrap();
            expected.push(envelope.open());
        }
        prop_assert_eq!(commands(&bytes), expected);
    }

    #[test]
    fn a_command_that_is_cut_off_is_none(envelope in envelope(), cut in any::<prop::sample::Index>()) {
        let bytes = envelope.encode_length_delimited_to_vec();
        let cut = cut.index(bytes.len() - 1) + 1;
        prop_assert_eq!(commands(&bytes[..cut]), [Err(Disconnect::BAD_REQUEST)]);
    }

    #[test]
    fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let read = commands(&bytes);
        prop_assert!(read.len() <= bytes.len());
        let _ = read_emulated(&bytes);
    }

    #[test]
    fn a_push_is_the_message_that_it_should_be(
        channel in ".{1,200}", data in ".{0,400}", offset in 1_u64..
    ) {
        let publication = publication(offset, &data);
        let mut out = vec![PING];
        write_push(&mut out, &channel, &publication);
        let push = Push { channel, publication: Some(Told::from(&publication)), disconnect: None };
        let expected = Reply { push: Some(push), ..Reply::default() };
        prop_assert_eq!(&out[1..], expected.encode_length_delimited_to_vec());
    }
}
