//! `algotrade up` as a newcomer meets it: one command, the page in a real browser, a stop, and a
//! start that goes on where it stopped.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use end_to_end_tests::binaries;
use end_to_end_tests::process::Process;
use serde_json::Value;

const OPERATOR_PASSWORD: &str = "a first password to change";

struct Up {
    process: Process,
    url: String,
    client: reqwest::Client,
    token: String,
}

impl Up {
    async fn start(folder: &Path, port: u16) -> Self {
        service_kit::service::install_crypto_provider();
        let mut command = Command::new(binaries::path("algotrade"));
        command.args([
            "up",
            "--feed",
            "simulator",
            "--port",
            &port.to_string(),
            "--data",
        ]);
        command.arg(folder.join("data")).env("NO_COLOR", "1");
        command.env("ALGOTRADE__AUTH__OPERATOR_PASSWORD", OPERATOR_PASSWORD);
        let mut process = Process::start("up", command, folder);
        let url = format!("http://127.0.0.1:{port}");
        let client = reqwest::Client::new();
        let started = Instant::now();
        while !process.output().contains("Ctrl-C") {
            process.assert_running();
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "{}",
                process.output()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let token: Value = client
            .post(format!("{url}/v1/auth/guest"))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let token = token["token"].as_str().unwrap().to_owned();
        Self {
            process,
            url,
            client,
            token,
        }
    }

    async fn get(&self, path: &str) -> Value {
        let request = self
            .client
            .get(format!("{}{path}", self.url))
            .bearer_auth(&self.token);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// The session of the first start; the browser test adds others.
    async fn demo_session(&self) -> Value {
        let sessions = self.get("/v1/sessions").await;
        let sessions = sessions["items"].as_array().expect("a list of sessions");
        let demo = sessions.iter().find(|session| session["name"] == "Demo");
        demo.expect("the demo session").clone()
    }

    /// Waits until the demo session has more trades than a number.
    async fn trades_beyond(&self, count: u64) -> u64 {
        let started = Instant::now();
        loop {
            let trades = self.demo_session().await["trades"].as_u64().unwrap_or(0);
            if trades > count {
                return trades;
            }
            assert!(
                started.elapsed() < Duration::from_secs(180),
                "no trade after {trades}"
            );
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn up_trades_in_the_browser_and_goes_on_after_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let port = test_support::free_port().unwrap();
    let mut up = Up::start(folder.path(), port).await;
    assert!(
        up.process.output().contains("SIMULATED"),
        "{}",
        up.process.output()
    );
    let before = up.trades_beyond(0).await;

    let shots = std::env::var("SCREENSHOT_DIR").unwrap_or_default();
    let url = up.url.clone();
    let browser = tokio::task::spawn_blocking(move || {
        Command::new("npm")
            .args(["run", "--silent", "e2e"])
            .current_dir(binaries::workspace().join("services/notification/web"))
            .env("BASE_URL", url)
            .env("OPERATOR_PASSWORD", OPERATOR_PASSWORD)
            .env("SCREENSHOT_DIR", shots)
            .output()
    });
    let browser = browser.await.unwrap().expect("npm runs");
    let report = String::from_utf8_lossy(&browser.stdout);
    assert!(
        browser.status.success(),
        "{report}\n{}",
        up.process.output()
    );

    let trades = up.trades_beyond(before).await;
    let session = up.demo_session().await;
    let took = up.process.terminate(Duration::from_secs(10));
    assert!(took <= Duration::from_secs(5), "the stop took {took:?}");

    let mut up = Up::start(folder.path(), port).await;
    let resumed = up
        .get(&format!("/v1/sessions/{}", session["id"].as_str().unwrap()))
        .await;
    assert_eq!(resumed["status"], "RUNNING");
    assert!(resumed["trades"].as_u64().unwrap() >= trades, "{resumed}");
    assert!(up.trades_beyond(trades).await > trades);
    // Neither going on nor stopping is an error.
    up.process.terminate(Duration::from_secs(10));
    let output = up.process.output();
    assert!(!output.contains("ERROR"), "{output}");
}
