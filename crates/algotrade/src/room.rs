//! Whether there is room for what the embedded broker and database write.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::output;

/// Below this nothing is started: a database that can't write its first files says so in words that
/// nobody understands.
const LEAST: u64 = 64 * MIB;
/// Below this it is told while there is still time.
const SCARCE: u64 = 256 * MIB;
const MIB: u64 = 1024 * 1024;
const LOOK: Duration = Duration::from_secs(30);

/// Refuses a folder whose disk is as good as full.
///
/// # Errors
/// The disk can't be looked at, or has too little room.
pub(crate) fn require(data: &Path) -> anyhow::Result<()> {
    let free = free(data).with_context(|| format!("--data {}", data.display()))?;
    match too_little(free) {
        Some(problem) => anyhow::bail!("--data {}: {problem}", data.display()),
        None => Ok(()),
    }
}

/// Tells, once each time, when room becomes scarce; until `shutdown`.
pub(crate) async fn watch(data: PathBuf, shutdown: CancellationToken) {
    let mut scarce = false;
    while shutdown
        .run_until_cancelled(tokio::time::sleep(LOOK))
        .await
        .is_some()
    {
        let Ok(free) = free(&data) else { continue };
        if free < SCARCE && !scarce {
            output::error(&format!(
                "only {} MiB are free on the disk of {}: make room; when it is full, trades are no \
                 longer kept, and at {} MiB it does not start again",
                free / MIB,
                data.display(),
                LEAST / MIB
            ));
        }
        scarce = free < SCARCE;
    }
}

/// Bytes that this user may still write.
fn free(folder: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn too_little(free: u64) -> Option<String> {
    (free < LEAST).then(|| {
        format!(
            "its disk has only {} MiB free, and broker and database need {} MiB to start: make room, \
             or name a folder on another disk",
            free / MIB,
            LEAST / MIB
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_refused_and_another_one_is_not() {
        assert_eq!(too_little(LEAST), None);
        let problem = too_little(3 * MIB + 17).unwrap_or_default();
        assert!(
            problem.starts_with("its disk has only 3 MiB free"),
            "{problem}"
        );
        assert!(problem.contains("make room"), "{problem}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let problem = require(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(
            format!("{problem:#}").starts_with("--data /nowhere/at/all: "),
            "{problem:#}"
        );
    }
}
