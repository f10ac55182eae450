//! A process under test, killed when the test is over.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running process and where its output goes.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
    /// Where its output begins: an earlier process of the same name wrote what is before.
    log_from: u64,
}

impl Process {
    /// Starts it; its output goes to a file in the folder.
    pub fn start(name: &str, mut command: Command, folder: &std::path::Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = File::options()
            .append(true)
            .create(true)
            .open(&log)
            .expect("a log file");
        let log_from = file.metadata().expect("the log file's length").len();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("the log file again"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self {
            child,
            name: name.to_owned(),
            log,
            log_from,
        }
    }

    /// Its own output so far.
    pub fn output(&self) -> String {
        let read = || {
            let mut file = File::open(&self.log)?;
            file.seek(SeekFrom::Start(self.log_from))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).into_owned())
        };
        read().unwrap_or_default()
    }

    /// SIGKILL: no chance to finish anything.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and how long it took to end.
    pub fn terminate(&mut self, within: Duration) -> Duration {
        let started = Instant::now();
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "{} has ended already",
            self.name
        );
        while self.child.try_wait().expect("its status").is_none() {
            assert!(
                started.elapsed() < within,
                "{} did not end within {within:?}; its output:\n{}",
                self.name,
                self.output()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        started.elapsed()
    }

    /// Fails the test if the process has ended.
    pub fn assert_running(&mut self) {
        if let Some(status) = self.child.try_wait().expect("its status") {
            panic!(
                "{} ended with {status}; its output:\n{}",
                self.name,
                self.output()
            );
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let output = self.output();
            let from = output.len().saturating_sub(4_000);
            let tail = output.get(from..).unwrap_or(&output);
            eprintln!("--- {} ---\n{tail}", self.name);
        }
        self.kill();
    }
}
