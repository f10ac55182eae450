//! What the handlers share.

use sqlx::PgPool;

use crate::deploying::Deployer;
use crate::peers::Peers;

#[derive(Debug, Clone)]
pub(crate) struct AppState {
    pub(crate) database: PgPool,
    pub(crate) peers: Peers,
    pub(crate) deployer: Deployer,
    /// Of one user, sessions that haven't ended.
    pub(crate) max_sessions: u32,
}
