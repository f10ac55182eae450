//! Free loopback ports for servers that must be told theirs.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};

/// Below the range from which Linux and macOS take the ports of outgoing connections: between our
/// look and the server's bind only another test run could take one of these.
const RANGE: Range<u16> = 20_000..32_000;

/// What this process gave out: a server that is slow to bind must not lose its port to a sibling.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Tries with other ports when somebody took ours meanwhile.
const ATTEMPTS: u32 = 3;

/// Starts a server that chooses its ports with [`free_port`]; again, with others, if somebody was
/// quicker.
///
/// # Errors
/// Why it didn't start, in the end.
pub(crate) async fn start_on_free_ports<S, F>(start: impl Fn() -> F) -> Result<S>
where
    F: Future<Output = Result<S>>,
{
    let mut attempt = 1;
    loop {
        match start().await {
            Err(error) if attempt < ATTEMPTS && address_in_use(&error) => attempt += 1,
            result => return result,
        }
    }
}

/// Servers say it alike, each in its log.
fn address_in_use(error: &anyhow::Error) -> bool {
    format!("{error:#}").contains("Address already in use")
}

/// A port on 127.0.0.1 that nobody listens on and that this process has not given out before.
///
/// Another process may still take it before the caller's server binds it; whoever starts a server
/// looks at its exit and tries another port.
///
/// # Errors
/// When all of the 12,000 ports it chooses from are taken.
pub fn free_port() -> Result<u16> {
    let width = u64::from(RANGE.end - RANGE.start);
    // Runs that start at the same moment begin at different places.
    let start = (uuid::Uuid::new_v4().as_u64_pair().0 % width) as u16;
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    for step in 0..RANGE.end - RANGE.start {
        let port = RANGE.start + (start + step) % (RANGE.end - RANGE.start);
        if given.contains(&port) {
            continue;
        }
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            given.insert(port);
            return Ok(port);
        }
    }
    bail!(
        "no free port on 127.0.0.1 between {} and {}",
        RANGE.start,
        RANGE.end
    )
}
