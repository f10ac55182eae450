//! A member of the group in a process of its own, to be killed and stopped: this test binary,
//! started again with only the "test" that is the member.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kafka_common::{Delivery, KafkaSettings};

use crate::counting::{Counting, Hooks};
use crate::stage::{self, Member};
use crate::stores::FileStore;

const PREFIX: &str = "PROCESSOR_TEST_";

/// A running process. Dropping it kills it.
pub struct ChildMember {
    child: Child,
    folder: PathBuf,
}

/// What a process does besides counting.
#[derive(Debug, Default, Clone)]
pub struct Behaviour {
    /// Stops itself (SIGSTOP) before it commits, once a unit has taken so many records.
    pub stop_after: Option<u64>,
    /// How long it goes on sleeping when it is continued, in milliseconds.
    pub then_sleep_ms: u64,
    /// Milliseconds that each record takes.
    pub pace_ms: u64,
}

impl ChildMember {
    pub fn start(
        settings: &KafkaSettings,
        instance: &str,
        folder: &Path,
        behaviour: &Behaviour,
    ) -> Self {
        let delivery = match settings.delivery {
            Delivery::ExactlyOnce => "exactly_once",
            Delivery::AtLeastOnce => "at_least_once",
        };
        let variables = [
            ("KAFKA", settings.bootstrap_servers.clone()),
            ("TOPICS", settings.topic_prefix.clone()),
            ("GROUPS", settings.group_prefix.clone()),
            ("INSTANCE", instance.to_owned()),
            ("DELIVERY", delivery.to_owned()),
            ("FOLDER", folder.display().to_string()),
            ("STOP_AFTER", behaviour.stop_after.unwrap_or(0).to_string()),
            ("THEN_SLEEP_MS", behaviour.then_sleep_ms.to_string()),
            ("PACE_MS", behaviour.pace_ms.to_string()),
        ];
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_member_in_a_process_of_its_own", "--ignored"])
            .envs(variables.map(|(name, value)| (format!("{PREFIX}{name}"), value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            folder: folder.to_owned(),
        }
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Whether it has stopped itself.
    pub fn is_stopped(&self) -> bool {
        self.folder.join("stopped").exists()
    }

    /// SIGCONT.
    pub fn resume(&self) {
        let id = self.child.id().to_string();
        let sent = Command::new("sh")
            .args(["-c", "kill -s CONT \"$1\"", "sh", &id])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Whether it has been given partitions since it was continued.
    pub fn is_back(&self) -> bool {
        self.folder.join("back").exists()
    }
}

impl Drop for ChildMember {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct StopsItself {
    behaviour: Behaviour,
    folder: PathBuf,
    stopped: AtomicBool,
}

impl Hooks for StopsItself {
    fn before_commit(&self, taken: u64) {
        let due = self
            .behaviour
            .stop_after
            .is_some_and(|after| taken >= after);
        if !due || self.stopped.swap(true, Ordering::Relaxed) {
            return;
        }
        std::fs::write(self.folder.join("stopped"), "").unwrap();
        let stop = Command::new("sh")
            .args(["-c", "kill -s STOP $PPID"])
            .status();
        assert!(stop.unwrap().success());
        std::thread::sleep(Duration::from_millis(self.behaviour.then_sleep_ms));
    }

    fn restored(&self, _unit: i32) {
        if self.stopped.load(Ordering::Relaxed) {
            std::fs::write(self.folder.join("back"), "").unwrap();
        }
    }
}

/// The process's side: counts until it is killed.
pub async fn run() {
    let given: BTreeMap<String, String> = std::env::vars()
        .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?.to_owned(), value)))
        .collect();
    if given.is_empty() {
        return; // somebody runs all ignored tests
    }
    let number = |name: &str| given[name].parse::<u64>().unwrap();
    let mut settings = stage::settings(&given["KAFKA"], &given["TOPICS"], &given["GROUPS"]);
    if given["DELIVERY"] == "at_least_once" {
        settings.delivery = Delivery::AtLeastOnce;
    }
    let behaviour = Behaviour {
        stop_after: Some(number("STOP_AFTER")).filter(|after| *after > 0),
        then_sleep_ms: number("THEN_SLEEP_MS"),
        pace_ms: number("PACE_MS"),
    };
    let folder = PathBuf::from(&given["FOLDER"]);
    let counting = Counting {
        pace: Duration::from_millis(behaviour.pace_ms),
        hooks: Arc::new(StopsItself {
            behaviour,
            folder: folder.clone(),
            stopped: AtomicBool::new(false),
        }),
    };
    let store = Arc::new(FileStore { folder });
    let member = Member::start(&settings, &given["INSTANCE"], counting, store);
    member.handle.task.await.unwrap();
}
