//! The programs in `docs/live-events.md` do what the page says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::process::Stdio;
use std::time::Duration;

use common::{ALICE, Ground, PATIENCE, TestApp, centrifuge_packages, centrifuge_python};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const PAGE: &str = include_str!("../../../docs/live-events.md");
const PASSWORD: &str = "correct horse battery staple";

/// The page's program in a language.
fn program(language: &str) -> &'static str {
    let (_, behind) = PAGE.split_once(&format!("```{language}\n")).unwrap();
    behind.split_once("```").unwrap().0
}

fn start(command: &mut Command, app: &TestApp, api_token: &str) -> Child {
    let command = command.arg(app.url("")).arg(api_token);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true).spawn().unwrap()
}

/// It prints a user's events, and ends by itself when its token is none.
async fn prints_events(run: impl Fn() -> Command) {
    let mut ground = Ground::prepare().await;
    ground.settings.auth.operator_password = Some(PASSWORD.to_owned().into());
    let app = TestApp::on(ground).await;
    app.ready().await;
    let body = json!({"user_id": "operator", "password": PASSWORD});
    let (_, signed_in) = app.post_json("/v1/auth/sign-in", &body).await;
    let token = signed_in["token"].as_str().unwrap();
    let body = json!({"name": "program", "scope": "read"});
    let path = "/v1/auth/tokens";
    let post = reqwest::Method::POST;
    let (status, made) = app.call(post, path, token, Some(&body)).await;
    assert_eq!(status, 201, "{made}");

    let mut child = start(&mut run(), &app, made["api_token"].as_str().unwrap());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // It connects in its own time; whatever comes from then on is printed.
    let mut sequence = 0;
    let first = loop {
        sequence += 1;
        app.produce_event(ALICE, "operator", sequence).await;
        match timeout(Duration::from_millis(200), lines.next_line()).await {
            Ok(line) => break line.unwrap().expect("a program that runs"),
            Err(_) => assert!(sequence < 300, "nothing was printed in a minute"),
        }
    };
    let number = |line: &str, event: &str| {
        let rest = line.strip_prefix(&format!("{event} {ALICE} "));
        rest.unwrap_or_else(|| panic!("{line}"))
            .parse::<u64>()
            .unwrap()
    };
    let event = |sequence: u64| match sequence % 3 {
        0 => "trade-execution",
        _ => "forward-test-event",
    };
    let last: u64 = first.rsplit(' ').next().unwrap().parse().unwrap();
    assert_eq!(number(&first, event(last)), last);
    for more in sequence + 1..=sequence + 6 {
        app.produce_event(ALICE, "operator", more).await;
    }
    for expected in last + 1..=sequence + 6 {
        let line = timeout(PATIENCE, lines.next_line()).await.unwrap();
        let line = line.unwrap().expect("a program that runs");
        assert_eq!(number(&line, event(expected)), expected);
    }
    drop(child);

    let mut refused = start(&mut run(), &app, "at_none");
    let mut said = String::new();
    let mut errors = BufReader::new(refused.stderr.take().unwrap());
    let ended = async {
        while !said.contains("ended: ") {
            let mut buffer = [0; 1024];
            let read = errors.read(&mut buffer).await.unwrap();
            assert!(read > 0, "{said}");
            said.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    };
    timeout(PATIENCE, ended).await.unwrap();
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_in_javascript_prints_events() {
    // Beside the packages that it imports.
    let folder = tempfile::tempdir_in(centrifuge_packages().await).unwrap();
    let path = folder.path().join("program.mjs");
    std::fs::write(&path, program("js")).unwrap();
    prints_events(|| {
        let mut node = Command::new("node");
        node.arg(&path);
        node
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_in_python_prints_events() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("program.py");
    std::fs::write(&path, program("python")).unwrap();
    prints_events(|| {
        let mut python = Command::new(centrifuge_python());
        python.arg(&path);
        python
    })
    .await;
}
