//! The temporary folders in which servers keep their data, and what crashed runs left of them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::TempDir;

/// Followed by the process id of the owner, so that a later run knows whether it is still alive.
const PREFIX: &str = "algotrade-tests-";

/// A new folder that its owner's end removes.
pub(crate) fn create() -> Result<TempDir> {
    let dir = tempfile::Builder::new()
        .prefix(&format!("{PREFIX}{}-", std::process::id()))
        .tempdir()
        .context("cannot create a temporary folder for a server's data")?;
    // Postgres runs as another user when we are root, and has to reach its folder in here.
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755))
        .with_context(|| format!("cannot make {} readable", dir.path().display()))?;
    Ok(dir)
}

/// Removes the folders of runs that were killed before they could: tens of megabytes each.
///
/// Best effort, and only where `/proc` tells which processes are alive.
pub fn remove_stale_run_dirs() {
    if !Path::new("/proc/self").exists() {
        return;
    }
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX))
            .and_then(|rest| rest.split('-').next())
            .and_then(|pid| pid.parse::<u32>().ok());
        if let Some(pid) = owner
            && !Path::new(&format!("/proc/{pid}")).exists()
        {
            // Another run may be removing the same folder.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
