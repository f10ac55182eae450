//! `algotrade replay` on the embedded servers and on real ones: the same ledger, the oracle's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

use end_to_end_tests::recording::Recording;
use end_to_end_tests::{binaries, oracle};
use serde_json::Value;

fn replay(recording: &Recording, more: &[&str]) -> Value {
    let output = Command::new(binaries::path("algotrade"))
        .arg("replay")
        .arg(&recording.path)
        .args(recording.options())
        .arg("--json")
        .args(more)
        .output()
        .expect("algotrade runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).expect("text");
    serde_json::from_str(text.lines().last().expect("a last line")).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_and_real_servers_give_the_oracles_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::hour(folder.path());
    let own = test_support::isolated().await;
    let embedded = replay(&recording, &[]);
    let real = replay(
        &recording,
        &[
            "--kafka",
            &own.kafka,
            "--database",
            &own.database_url,
            "--redis",
            &own.redis_url,
        ],
    );
    let summary = oracle::ask(&recording, "BTC-USD", "summary")
        .pop()
        .expect("a summary");
    for report in [&embedded, &real] {
        assert_eq!(report["gaps"], 0, "{report}");
        for figure in ["signals", "fills"] {
            let expected = summary[figure].to_string().replace('"', "");
            assert_eq!(report[figure].to_string(), expected, "{figure}");
        }
    }
    for figure in [
        "published",
        "signals",
        "fills",
        "final_equity",
        "ledger_sha256",
    ] {
        assert_eq!(embedded[figure], real[figure], "{figure}");
    }
}
