//! The `algotrade` command as an operator runs it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use kafka_common::KafkaSettings;
use serde_json::Value;
use test_support::Isolated;

use crate::binaries;

/// How long a command may take: far longer than it does.
const BOUND: Duration = Duration::from_secs(60);

/// The command with the settings of a test's own part of the servers.
#[derive(Debug, Clone)]
pub struct Tool {
    environment: BTreeMap<String, String>,
}

/// What became of a command.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit code.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it said beside it.
    pub stderr: String,
}

/// A command that runs until it is stopped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
}

/// The clients' settings of a test's own part of the servers.
pub fn kafka_settings(servers: &Isolated) -> KafkaSettings {
    KafkaSettings {
        bootstrap_servers: servers.kafka.clone(),
        topic_prefix: servers.topic_prefix.clone(),
        group_prefix: servers.group_prefix.clone(),
        session_timeout_ms: 6_000,
        ..KafkaSettings::default()
    }
}

impl Tool {
    /// For a test's own part of the servers.
    pub fn new(servers: &Isolated) -> Self {
        let environment = [
            ("ALGOTRADE__KAFKA__BOOTSTRAP_SERVERS", &servers.kafka),
            ("ALGOTRADE__KAFKA__TOPIC_PREFIX", &servers.topic_prefix),
            ("ALGOTRADE__KAFKA__GROUP_PREFIX", &servers.group_prefix),
            ("USER", &"olivia".to_owned()),
        ];
        let environment = environment
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .into();
        Self { environment }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binaries::path("algotrade"));
        command
            .args(arguments)
            .env_remove("ALGOTRADE_CONFIG")
            .envs(&self.environment)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with(arguments, "")
    }

    /// Runs it to its end, with a text on its standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Outcome {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .expect("algotrade starts");
        let mut stdin = child.stdin.take().expect("its standard input");
        // One that has refused its arguments has gone already.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let pid = child.id();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait_with_output()));
        let output = match receiver.recv_timeout(BOUND) {
            Ok(output) => output.expect("its output"),
            Err(_) => {
                let _ = Command::new("kill")
                    .args(["-KILL", &pid.to_string()])
                    .status();
                panic!("algotrade {arguments:?} did not end within {BOUND:?}")
            }
        };
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Runs it with `--json` to its end, which must be a good one.
    pub fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let outcome = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(outcome.code, 0, "{arguments:?}: {}", outcome.stderr);
        outcome.json()
    }

    /// Starts it.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("algotrade starts");
        let stdout = child.stdout.take().expect("its standard output");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Running { child, lines }
    }
}

impl Outcome {
    /// What it printed, as an object a line.
    pub fn json(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}")))
            .collect()
    }

    /// Fails the test unless the command was refused with a message that has all of these.
    pub fn assert_refused(&self, parts: &[&str]) {
        assert_eq!(self.code, 1, "{self:?}");
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "`{part}` is not in {}",
                self.stderr
            );
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

impl Running {
    /// The next line that it prints, if it comes within a bound.
    pub fn line(&self, within: Duration) -> Option<String> {
        self.lines.recv_timeout(within).ok()
    }

    /// SIGKILL: no chance to finish anything.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
