//! Frames of push clients, in both encodings: what is read of them is bounded by what was sent, and
//! nothing is read behind what is no command.
#![no_main]

#[allow(dead_code)]
#[path = "../../services/notification/src/centrifuge/codes.rs"]
mod codes;
#[allow(dead_code, unused_imports)]
#[path = "../../services/notification/src/centrifuge/protocol/mod.rs"]
mod protocol;
/// What the files above find beside them.
mod hub {
    use std::sync::Arc;

    use serde::Serialize;
    use serde_json::value::RawValue;

    pub struct Position {
        pub epoch: String,
        pub offset: u64,
    }

    #[derive(Debug, Serialize)]
    pub struct Publication {
        pub data: Arc<RawValue>,
        pub offset: u64,
    }
}

use algotrade_fuzz::target;
use protocol::{Command, Frame, Request, read_emulated};

target!(seeds, check);

/// The first byte says how the rest is written.
fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"id":1,"connect":{"token":"t","name":"js","subs":{"user:a":{"recover":true,"offset":7,"epoch":"e"}}}}"#,
        "{\"id\":2,\"subscribe\":{\"channel\":\"user:a\",\"flag\":2}}\n{\"id\":3,\"ping\":{}}\n{}",
        r#"{"id":4,"history":{"channel":"user:a","limit":-1,"since":{"offset":7,"epoch":"e"},"reverse":true}}"#,
        r#"{"id":5,"refresh":{"token":"t"}}"#,
        r#"{"send":{"data":1}}"#,
    ];
    let bytes: [&[u8]; 5] = [
        b"\x0b\x08\x01\x22\x07\x0a\x01t\x22\x02js",
        b"\x17\x08\x02\x52\x13\x0a\x06user:a\x38\x0a\x42\x05\x08\x07\x12\x01e\x48\x01\x00",
        b"\x1e\x08\x01\x22\x1a\x0a\x01t\x1a\x15\x0a\x06user:a\x12\x0b\x0a\x06user:a\x18\x01\x38\x07",
        b"\x0c\x08\x03\x2a\x08\x0a\x06user:a\x04\x08\x04\x5a\x00",
        b"\x0a\x01n\x12\x01s\x1a\x01\x00",
    ];
    let texts = texts.map(|text| [b"t", text.as_bytes()].concat());
    let bytes = bytes.map(|bytes| [b"b", bytes].concat());
    texts.into_iter().chain(bytes).collect()
}

fn check(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    let frame = match kind {
        b't' => Frame::Text(String::from_utf8_lossy(rest).into_owned()),
        _ => Frame::Binary(rest.to_vec()),
    };
    let commands: Vec<_> = frame.commands().collect();
    assert!(commands.len() <= frame.len());
    if let Frame::Binary(bytes) = &frame {
        let refused = commands.iter().position(Result::is_err);
        assert!(refused.is_none_or(|at| at + 1 == commands.len()));
        if let Ok((session, node, data)) = read_emulated(bytes) {
            assert!(session.len() + node.len() + data.len() <= bytes.len());
        }
    }
    for command in commands.into_iter().flatten() {
        if let Command::Request(id, request) = command {
            assert_ne!(id, 0, "what is answered has a number");
            look(&request);
        }
    }
}

fn look(request: &Request) {
    let subscriptions: Vec<_> = match request {
        Request::Connect(connect) => connect.subs.values().collect(),
        Request::Subscribe(subscribe) => vec![subscribe],
        _ => Vec::new(),
    };
    for subscribe in subscriptions {
        let _ = (subscribe.since(), subscribe.rejects_unrecovered());
    }
}
