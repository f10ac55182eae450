//! The independent oracle: Python with exact decimals, straight from the recording.

use std::process::Command;

use serde_json::Value;

use crate::binaries;
use crate::recording::Recording;

/// What the oracle says of a product: `trades`, `signals`, `executions` or `summary`, an object a
/// line with numbers as text.
pub fn ask(recording: &Recording, product: &str, what: &str) -> Vec<Value> {
    let script = binaries::workspace().join("tests/oracle/sma_crossover.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(&recording.path)
        .args(["--product", product, "--what", what])
        .args(recording.options())
        .output()
        .expect("python3 runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}
