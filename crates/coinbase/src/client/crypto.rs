//! Which implementation of cryptography TLS uses.

/// Makes `ring` the process's provider for TLS, unless one was chosen already. Everything in this
/// crate that may open a TLS connection calls it first; calling it again does nothing.
pub fn install_crypto_provider() {
    // An error only says that one is installed, and any will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
