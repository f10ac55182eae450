#![allow(clippy::unwrap_used, clippy::expect_used)]
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use service_kit::settings::AuthSettings;

use super::*;
use crate::hub::{Hub, HubLimits};

fn auth(secret: &str) -> Auth {
    Auth::new(&AuthSettings {
        secret: secret.to_owned().into(),
        guest: true,
        token_seconds: 60,
        ..AuthSettings::default()
    })
}

fn lines(frame: Frame) -> Vec<Value> {
    let Frame::Text(text) = frame else {
        unreachable!("the session speaks JSON");
    };
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn ours() -> Auth {
    auth("a-secret-of-more-than-thirty-two-bytes")
}

struct Client {
    session: Session,
    hub: Arc<Hub>,
}

impl Client {
    fn new(hub: &Arc<Hub>) -> Self {
        Self {
            session: Session::new(
                Arc::clone(hub).into(),
                ours(),
                Duration::from_secs(25),
                Encoding::Json,
            ),
            hub: Arc::clone(hub),
        }
    }

    fn say(&mut self, command: &Value) -> Result<Vec<Value>, Disconnect> {
        let mut out = Frame::new(Encoding::Json);
        for command in Frame::Text(command.to_string()).commands() {
            let handled = self.session.handle(command?, &mut out);
            futures_util::FutureExt::now_or_never(handled).expect("nothing to wait for")?;
        }
        Ok(lines(out))
    }

    fn connect(&mut self, user: &str, subs: &Value) -> Value {
        let token = ours().issue(user, Role::User).unwrap().token;
        let command = json!({"id": 1, "connect": {"token": token, "subs": subs}});
        self.say(&command).unwrap().remove(0)["connect"].take()
    }

    fn publish(&self, user: &str, number: u32) {
        let payload = to_raw_value(&number).unwrap();
        self.hub
            .publish(&user_channel(user), "test", &payload, Utc::now())
            .unwrap();
    }
}

#[test]
fn a_client_is_subscribed_to_its_own_channel_by_the_server() {
    let hub = Hub::new(HubLimits::default());
    let mut client = Client::new(&hub);
    let connect = client.connect("alice", &json!({}));
    assert_eq!(
        (&connect["ping"], &connect["pong"]),
        (&json!(25), &json!(true))
    );
    assert!(connect["ttl"].as_u64().unwrap() > 50, "{connect}");
    let sub = &connect["subs"]["user:alice"];
    assert_eq!(sub["was_recovering"], json!(false));
    client.publish("alice", 1);
    client.publish("bob", 2);
    let pushed = client.session.outbox().take(usize::MAX);
    assert_eq!(pushed.len(), 1);
    let mut out = Frame::new(Encoding::Json);
    client.session.write_pushes(&mut out, &pushed);
    assert_eq!(
        lines(out),
        [json!({"push": {"channel": "user:alice",
            "pub": {"data": {"event": "test", "payload": 1}, "offset": 1}}})]
    );
}

#[test]
fn a_client_that_comes_back_gets_what_it_missed() {
    let hub = Hub::new(HubLimits::default());
    let mut client = Client::new(&hub);
    let sub = client.connect("alice", &json!({}))["subs"]["user:alice"].take();
    let epoch = sub["epoch"].clone();
    drop(client);
    let mut again = Client::new(&hub);
    again.publish("alice", 1);
    again.publish("alice", 2);
    let position = json!({"user:alice": {"recover": true, "epoch": epoch, "offset": 0}});
    let sub = again.connect("alice", &position)["subs"]["user:alice"].take();
    assert_eq!(
        (&sub["recovered"], &sub["offset"]),
        (&json!(true), &json!(0))
    );
    let offsets: Vec<&Value> = sub["publications"]
        .as_array()
        .unwrap()
        .iter()
        .map(|publication| &publication["offset"])
        .collect();
    assert_eq!(offsets, [&json!(1), &json!(2)]);

    let mut stranger = Client::new(&hub);
    let position = json!({"user:alice": {"recover": true, "epoch": "other", "offset": 0}});
    let sub = stranger.connect("alice", &position)["subs"]["user:alice"].take();
    assert_eq!(
        (&sub["was_recovering"], &sub["recovered"], &sub["offset"]),
        (&json!(true), &json!(false), &json!(2))
    );
}

#[test]
fn an_own_subscription_begins_after_what_was_pushed_before_it() {
    let hub = Hub::new(HubLimits::default());
    let mut client = Client::new(&hub);
    client.connect("alice", &json!({}));
    client.publish("alice", 1);
    let lines = client
        .say(&json!({"id": 2, "subscribe": {"channel": "user:alice"}}))
        .unwrap();
    assert_eq!(lines[0]["push"]["pub"]["offset"], json!(1));
    assert_eq!(lines[1]["subscribe"]["offset"], json!(1));
    assert!(client.session.outbox().take(usize::MAX).is_empty());
    let unrecoverable = json!({"id": 3, "subscribe": {"channel": "user:alice", "flag": 2,
        "recover": true, "epoch": "other"}});
    assert_eq!(
        client.say(&unrecoverable).unwrap()[0]["error"]["code"],
        json!(112)
    );
    let unsubscribe = json!({"id": 4, "unsubscribe": {"channel": "user:alice"}});
    assert_eq!(
        client.say(&unsubscribe).unwrap(),
        [json!({"id": 4, "unsubscribe": {}})]
    );
}

#[test]
fn other_channels_and_other_commands_are_refused() {
    let hub = Hub::new(HubLimits::default());
    let mut client = Client::new(&hub);
    client.connect("alice", &json!({}));
    for (command, code) in [
        (json!({"id": 2, "subscribe": {"channel": "user:bob"}}), 103),
        (json!({"id": 2, "subscribe": {"channel": "news"}}), 102),
        (json!({"id": 2, "subscribe": {"channel": "user:"}}), 102),
        (json!({"id": 2, "history": {"channel": "user:bob"}}), 103),
        (json!({"id": 2, "presence": {"channel": "user:bob"}}), 103),
        (
            json!({"id": 2, "presence_stats": {"channel": "user:bob"}}),
            103,
        ),
        (
            json!({"id": 2, "unsubscribe": {"channel": "user:bob"}}),
            103,
        ),
        (
            json!({"id": 2, "history": {"channel": "user:alice", "limit": -2}}),
            107,
        ),
        (
            json!({"id": 2, "publish": {"channel": "user:alice", "data": 1}}),
            108,
        ),
        (json!({"id": 2, "rpc": {"method": "x"}}), 108),
        (json!({"id": 2, "fly": {}}), 104),
    ] {
        let reply = &client.say(&command).unwrap()[0];
        assert_eq!(reply["error"]["code"], json!(code), "{command}");
    }
}

#[test]
fn history_presence_and_ping_are_answered() {
    let hub = Hub::new(HubLimits::default());
    let mut client = Client::new(&hub);
    let connect = client.connect("alice", &json!({}));
    let epoch = connect["subs"]["user:alice"]["epoch"].clone();
    for number in 1..=5 {
        client.publish("alice", number);
    }
    let mut history = |request: Value| {
        let reply = client.say(&json!({"id": 2, "history": request})).unwrap()[0]["history"].take();
        let offsets: Vec<u64> = reply["publications"]
            .as_array()
            .unwrap()
            .iter()
            .map(|publication| publication["offset"].as_u64().unwrap())
            .collect();
        (reply["offset"].clone(), offsets)
    };
    assert_eq!(
        history(json!({"channel": "user:alice"})),
        (json!(5), vec![])
    );
    let since = json!({"offset": 2, "epoch": epoch});
    let newer = json!({"channel": "user:alice", "limit": -1, "since": since});
    assert_eq!(history(newer).1, [3, 4, 5]);
    let newest = json!({"channel": "user:alice", "limit": 2, "reverse": true});
    assert_eq!(history(newest).1, [5, 4]);
    let presence = client
        .say(&json!({"id": 3, "presence": {"channel": "user:alice"}}))
        .unwrap();
    let id = connect["client"].as_str().unwrap();
    assert_eq!(presence[0]["presence"]["presence"][id]["user"], "alice");
    assert_eq!(
        client.say(&json!({"id": 4, "ping": {}})).unwrap(),
        [json!({"id": 4, "ping": {}})]
    );
}

#[test]
fn forged_tokens_and_services_are_refused() {
    let hub = Hub::new(HubLimits::default());
    let forger = auth("another-secret-of-more-than-32-bytes!!");
    let forged = forger.issue("alice", Role::User).unwrap().token;
    for token in ["", "nonsense", &forged] {
        let command = json!({"id": 1, "connect": {"token": token}});
        let refused = Client::new(&hub).say(&command).unwrap_err();
        assert_eq!(refused, Disconnect::INVALID_TOKEN);
    }
    let service = ours().issue("strategy", Role::Service).unwrap().token;
    let command = json!({"id": 1, "connect": {"token": service}});
    let reply = Client::new(&hub).say(&command).unwrap();
    assert_eq!(reply[0]["error"]["code"], json!(103));

    let mut client = Client::new(&hub);
    client.connect("alice", &json!({}));
    let bobs = ours().issue("bob", Role::User).unwrap().token;
    let refresh = json!({"id": 2, "refresh": {"token": bobs}});
    assert_eq!(client.say(&refresh).unwrap_err(), Disconnect::INVALID_TOKEN);
    let alices = ours().issue("alice", Role::User).unwrap().token;
    let reply = client
        .say(&json!({"id": 3, "refresh": {"token": alices}}))
        .unwrap();
    assert_eq!(reply[0]["refresh"]["expires"], json!(true));
}

#[test]
fn commands_come_after_one_connect_command() {
    let hub = Hub::new(HubLimits::default());
    for command in [json!({}), json!({"id": 1, "ping": {}}), json!({"send": {}})] {
        let refused = Client::new(&hub).say(&command).unwrap_err();
        assert_eq!(refused, Disconnect::BAD_REQUEST, "{command}");
    }
    let mut client = Client::new(&hub);
    client.connect("alice", &json!({}));
    let again = json!({"id": 2, "connect": {}});
    assert_eq!(client.say(&again).unwrap_err(), Disconnect::BAD_REQUEST);
}

#[test]
fn a_user_has_only_so_many_connections() {
    let hub = Hub::new(HubLimits {
        members: 2,
        ..HubLimits::default()
    });
    let token = ours().issue("alice", Role::User).unwrap().token;
    let command = json!({"id": 1, "connect": {"token": token}});
    let mut open: Vec<Client> = (0..3).map(|_| Client::new(&hub)).collect();
    assert!(open[0].say(&command).is_ok() && open[1].say(&command).is_ok());
    assert_eq!(
        open[2].say(&command).unwrap_err(),
        Disconnect::CONNECTION_LIMIT
    );
    open.remove(0);
    assert!(Client::new(&hub).say(&command).is_ok());
}
