//! What Linux tells of a process; nothing elsewhere.

use anyhow::bail;

/// Of Linux's `/proc/PID/stat`: hundredths of a second on every architecture that it runs on.
const TICKS_A_SECOND: f64 = 100.0;
/// Files that a process has open besides its clients' sockets.
const OTHER_FILES: u64 = 200;

/// Resident memory, in KB.
pub(super) fn memory(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    resident(&status)
}

/// Processor time so far, in seconds.
pub(super) fn processor_time(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    processor_seconds(&stat)
}

/// Whether a process may have a socket for each client.
pub(super) fn check_files(clients: u64) -> anyhow::Result<()> {
    let Ok(limits) = std::fs::read_to_string("/proc/self/limits") else {
        return Ok(());
    };
    let needed = clients + OTHER_FILES;
    match open_files(&limits) {
        Some(files) if files < needed => bail!(
            "{clients} clients need {needed} open files, {files} are allowed: \
             `ulimit -n {needed}` first"
        ),
        _ => Ok(()),
    }
}

fn resident(status: &str) -> Option<f64> {
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The program's name, in brackets, may have anything in it.
fn processor_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_A_SECOND)
}

/// The soft limit; none where it is unlimited.
fn open_files(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_is_read() {
        let status = "Name:\tx\nVmHWM:\t 99 kB\nVmRSS:\t  2048 kB\n";
        assert_eq!(resident(status), Some(2_048.0));
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 8 0 100 1 1";
        assert_eq!(processor_seconds(stat), Some(2.0));
        let limits = "Limit  Soft Limit  Hard Limit  Units\n\
            Max open files            1024                 4096                 files\n";
        assert_eq!(open_files(limits), Some(1_024));
        let limits = "Max open files            unlimited            unlimited            files\n";
        assert_eq!(open_files(limits), None);
    }
}
