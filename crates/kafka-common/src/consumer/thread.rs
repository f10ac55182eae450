//! Threads that block, outside the runtime's pool: a runtime that ends would wait for its own.

use tokio::sync::oneshot;

use crate::error::ClientError;

/// Runs `work` on a thread of its own; the receiver resolves when it has ended, however it did.
pub(super) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<oneshot::Receiver<()>, ClientError> {
    let (ended, receiver) = oneshot::channel::<()>();
    let thread = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let _dropped_at_the_end = ended;
            work();
        });
    match thread {
        Ok(_detached) => Ok(receiver),
        Err(error) => Err(ClientError::Thread(format!("can't be started: {error}"))),
    }
}
