//! Which replica does what only one should do.

use std::time::Duration;

use service_kit::Context;
use service_kit::leases::Leases;
use uuid::Uuid;

/// After this time without a word of the leader another one takes over.
const LEASE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub(crate) struct Leader {
    leases: Leases,
}

impl Leader {
    pub(crate) fn new(context: &Context) -> Self {
        let name = Uuid::new_v4().to_string();
        Self {
            leases: Leases::new(context.cache.clone(), name, LEASE),
        }
    }

    /// Whether this replica leads. While Redis is away nobody does: two that relay would only
    /// repeat each other, but what is late is no worse.
    pub(crate) async fn leads(&self) -> bool {
        match self.leases.claim("ops:leader").await {
            Ok(leads) => leads,
            Err(error) => {
                tracing::warn!(%error, "nobody leads while Redis is away");
                false
            }
        }
    }
}
