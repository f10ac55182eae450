//! What the handlers share.

use sqlx::PgPool;

use crate::compilations::Compiler;
use crate::deployments::Deployments;

#[derive(Debug, Clone)]
pub(crate) struct AppState {
    pub(crate) database: PgPool,
    pub(crate) compiler: Compiler,
    pub(crate) deployments: Deployments,
}
