//! One process at a time works on a data folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Held for as long as the data is in use; the operating system releases it if we crash.
#[derive(Debug)]
pub(crate) struct DataLock {
    _file: File,
}

impl DataLock {
    /// Creates `data_dir` if need be and locks the part of it called `name`.
    ///
    /// # Errors
    /// When the folder can't be written, or another process has the lock (named by its id).
    pub(crate) fn acquire(data_dir: &Path, name: &str) -> Result<Self> {
        fs::create_dir_all(data_dir).with_context(|| not_writable(data_dir))?;
        let path = data_dir.join(format!("{name}.lock"));
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(|| not_writable(data_dir))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                // Only to name it: a lock without a readable owner is a lock all the same.
                let _ = file.read_to_string(&mut owner);
                bail!(
                    "{} is already in use by another `algotrade up` (process {}): stop that one, \
                     or choose another folder with --data",
                    data_dir.display(),
                    owner.trim()
                );
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { _file: file })
    }
}

fn not_writable(data_dir: &Path) -> String {
    format!(
        "cannot write to the data folder {}: choose another with --data",
        data_dir.display()
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_second_owner_is_refused_and_told_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataLock::acquire(dir.path(), "kafka").unwrap();
        let refusal = DataLock::acquire(dir.path(), "kafka")
            .unwrap_err()
            .to_string();
        assert!(
            refusal.contains(&format!("process {}", std::process::id())),
            "{refusal}"
        );
        assert!(DataLock::acquire(dir.path(), "postgres").is_ok());
        drop(first);
        assert!(DataLock::acquire(dir.path(), "kafka").is_ok());
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let refusal = DataLock::acquire(&file.join("data"), "kafka")
            .unwrap_err()
            .to_string();
        assert!(
            refusal.contains("cannot write to the data folder"),
            "{refusal}"
        );
    }
}
