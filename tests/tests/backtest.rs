//! `algotrade strategy` and `algotrade backtest`: strategies in files, without a platform.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use end_to_end_tests::binaries;
use end_to_end_tests::recording::Recording;
use serde_json::Value;

fn algotrade(arguments: &[&str]) -> Output {
    Command::new(binaries::path("algotrade"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("algotrade runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn json(output: &Output) -> Value {
    let errors = text(&output.stderr);
    serde_json::from_str(text(&output.stdout).trim())
        .unwrap_or_else(|error| panic!("{error}: {errors}"))
}

fn file(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

const CROSSOVER: &str = "strategy(\"Crossover\")\n\n\
    fast = sma(close, param(\"fast\", 10, min=2, max=50))\n\
    slow = sma(close, param(\"slow\", 30))\n\n\
    if crosses_above(fast, slow):\n    buy(size=percent_of_cash(95))\n\n\
    if crosses_below(fast, slow):\n    sell()\n";

#[test]
fn strategies_in_files_are_checked_formatted_and_shown_in_both_forms() {
    let folder = tempfile::tempdir().unwrap();
    let good = file(folder.path(), "good.py", CROSSOVER);
    let bad = file(
        folder.path(),
        "bad.py",
        "if close > emma(close, 3):\n  buy( )\n",
    );
    let check = |arguments: &[&str]| algotrade(&[&["strategy", "check"], arguments].concat());

    let output = check(&[&good]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stdout).contains("ok, "), "{output:?}");
    let output = check(&[&good, &bad]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        shown.contains("error[name_unknown]") && shown.contains("bad.py:1:12"),
        "{shown}"
    );
    assert!(
        shown.contains("           ^^^^") && shown.contains("did you mean `ema`?"),
        "{shown}"
    );
    assert!(!shown.contains('\u{1b}'), "no terminal, no colours");
    let output = check(&["--color", "always", &bad]);
    assert!(text(&output.stdout).contains("\u{1b}[1;31m"), "{output:?}");
    let answer = json(&check(&["--json", &bad]));
    assert_eq!(
        (&answer["ok"], &answer["diagnostics"][0]["column"]),
        (&false.into(), &12.into())
    );
    assert_eq!(
        json(&check(&["--json", &good]))["params"][0]["name"],
        "fast"
    );
    let output = check(&[&bad, "/nowhere/at/all.py"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");

    let messy = file(folder.path(), "messy.py", "if close>3 :#now\n  buy( )\n");
    let fmt = |arguments: &[&str]| algotrade(&[&["strategy", "fmt"], arguments].concat());
    assert_eq!(fmt(&["--check", &messy, &good]).status.code(), Some(1));
    assert_eq!(fmt(&[&messy, &good]).status.code(), Some(0));
    assert_eq!(
        std::fs::read_to_string(&messy).unwrap(),
        "if close > 3:  # now\n    buy()\n"
    );
    assert_eq!(std::fs::read_to_string(&good).unwrap(), CROSSOVER);
    assert_eq!(fmt(&["--check", &messy, &good]).status.code(), Some(0));

    let drawn = text(&algotrade(&["strategy", "graph", &good]).stdout);
    let drawing = file(folder.path(), "drawing.json", &drawn);
    let written = text(&algotrade(&["strategy", "script", &drawing]).stdout);
    let written = file(folder.path(), "written.py", &written);
    let hash = |path: &str| json(&check(&["--json", path]))["plan"]["hash"].clone();
    assert!(hash(&good).is_string());
    assert_eq!(hash(&drawing), hash(&good));
    assert_eq!(hash(&written), hash(&good));
}

#[test]
fn a_backtest_has_the_ledger_of_a_forward_test() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::hour(folder.path());
    let strategy = file(folder.path(), "crossover.py", CROSSOVER);
    let path = recording.path.to_str().unwrap();
    let options = recording.options();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let forward = ["replay", path, "--json", "--strategy", &strategy];
    let forward = algotrade(&[&forward[..], &options].concat());
    assert!(forward.status.success(), "{}", text(&forward.stderr));
    let report = text(&forward.stdout);
    let report: Value = serde_json::from_str(report.lines().last().unwrap()).unwrap();
    let page = folder.path().join("report.html");
    let back = [
        "backtest",
        &strategy,
        path,
        "--json",
        "--html",
        page.to_str().unwrap(),
    ];
    let back = algotrade(&[&back[..], &options].concat());
    assert!(back.status.success(), "{}", text(&back.stderr));
    let back = json(&back);
    let (forward, run) = (&report["sessions"][0], &back["runs"][0]);
    for figure in [
        "signals",
        "fills",
        "final_equity",
        "return_pct",
        "ledger_sha256",
    ] {
        assert_eq!(run[figure], forward[figure], "{figure}");
    }
    assert!(run["fills"].as_u64().unwrap() > 10, "{run}");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("<svg") && page.contains(run["ledger_sha256"].as_str().unwrap()));

    // Many parameters at once; each of them as it is alone.
    let grid = [
        "backtest",
        &strategy,
        path,
        "--json",
        "--param",
        "fast=5..20:5",
        "--param",
        "slow=30,60",
    ];
    let grid = json(&algotrade(&[&grid[..], &options].concat()));
    let runs = grid["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 8, "{grid}");
    let same = runs
        .iter()
        .find(|run| run["params"]["fast"] == "10" && run["params"]["slow"] == "30");
    assert_eq!(same.unwrap()["ledger_sha256"], run["ledger_sha256"]);
    let equity = |run: &Value| run["final_equity"].as_f64().unwrap();
    assert!(
        runs.is_sorted_by(|a, b| equity(a) >= equity(b)),
        "best first"
    );

    for (more, part) in [
        (vec!["--param", "fast=1..3"], "fast"),
        (vec!["--param", "fats=5"], "fats"),
        (vec!["--param", "fast"], "NAME=VALUE"),
        (vec!["--symbol", "XYZ-USD"], "no trades of XYZ-USD"),
        (vec!["--cash", "0"], "initial_balance"),
    ] {
        let refused = algotrade(&[&["backtest", strategy.as_str(), path][..], &more].concat());
        assert!(!refused.status.success(), "{more:?}");
        let errors = text(&refused.stderr);
        assert!(errors.contains(part), "{more:?}: {errors}");
    }
}
