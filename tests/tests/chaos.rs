//! `algotrade chaos` in its short form: services, broker, database and cache are killed and stalled
//! during a replay, and the ledgers are those of a run that nobody disturbed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

use end_to_end_tests::binaries;
use serde_json::Value;

#[test]
fn whatever_is_killed_nothing_is_lost_and_nothing_doubled() {
    let output = Command::new(binaries::path("algotrade"))
        .args([
            "chaos", "--kills", "11", "--trades", "6000", "--seed", "1", "--json",
        ])
        .output()
        .expect("algotrade runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_else(|| panic!("{errors}"));
    let report: Value =
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {last}"));
    assert!(output.status.success(), "{report:#}\n{errors}");
    for figure in ["lost", "duplicated", "different"] {
        assert_eq!(report[figure], 0, "{report:#}");
    }
    assert_eq!(report["verified"], report["sessions"], "{report:#}");
    assert_eq!(report["published"], 6_000, "{report:#}");
    assert!(report["executions"].as_u64() > Some(100), "{report:#}");
    assert!(report["signals"].as_u64() > Some(100), "{report:#}");
    // Every kind of process was hit, and most of it while trades were coming.
    let troubles = report["troubles"].as_object().expect("troubles");
    for target in [
        "forward-test",
        "strategy",
        "market-data",
        "notification",
        "kafka",
        "postgres",
        "redis",
    ] {
        let hit = troubles.keys().any(|name| name.ends_with(target));
        assert!(hit, "{target}: {report:#}");
    }
    assert!(report["during_replay"].as_u64() >= Some(6), "{report:#}");
}
