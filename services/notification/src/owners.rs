//! Whose session it is: forward-test, which owns sessions, is asked as the user would ask it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::StatusCode;
use service_kit::{Auth, Role};
use uuid::Uuid;

/// How long forward-test may take: meanwhile the connection that asks gets nothing else.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Owners that are remembered: a session never changes its owner.
const REMEMBERED: usize = 20_000;

/// forward-test doesn't answer.
#[derive(Debug)]
pub struct Away;

/// Tells whose sessions are. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SessionOwners {
    http: reqwest::Client,
    url: Arc<str>,
    auth: Auth,
    known: Arc<Mutex<HashMap<Uuid, Arc<str>>>>,
}

impl SessionOwners {
    /// Asks forward-test at this address.
    #[must_use]
    pub fn new(http: reqwest::Client, url: &str, auth: Auth) -> Self {
        Self {
            http,
            url: url.trim_end_matches('/').into(),
            auth,
            known: Arc::default(),
        }
    }

    /// Whether a session is the user's.
    ///
    /// # Errors
    /// forward-test doesn't answer, so that nobody knows.
    pub async fn owns(&self, user_id: &str, session: Uuid) -> Result<bool, Away> {
        let known = self.lock().get(&session).cloned();
        if let Some(owner) = known {
            return Ok(*owner == *user_id);
        }
        let token = self.auth.issue(user_id, Role::User).map_err(|_| Away)?;
        let url = format!("{}/v1/sessions/{session}", self.url);
        let request = self.http.get(url).bearer_auth(token.token);
        let answer = request.timeout(TIMEOUT).send().await.map_err(away)?;
        match answer.status() {
            StatusCode::OK => {
                let mut known = self.lock();
                if known.len() >= REMEMBERED {
                    known.clear();
                }
                known.insert(session, user_id.into());
                Ok(true)
            }
            StatusCode::NOT_FOUND => Ok(false),
            status => Err(away(format!("it answered {status}"))),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Arc<str>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn away(error: impl std::fmt::Display) -> Away {
    tracing::warn!(%error, "forward-test doesn't tell whose a session is");
    Away
}
