//! Health: live means that the process makes progress; ready means that what it needs answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::future::{BoxFuture, join_all};
use serde_json::json;

const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

type Detail = Arc<dyn Fn() -> serde_json::Value + Send + Sync>;
type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;
type Checks = Arc<Mutex<BTreeMap<String, Check>>>;

/// The checks of a process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Health {
    checks: Checks,
    /// What only a restart mends.
    vital: Checks,
    details: Arc<Mutex<BTreeMap<String, Detail>>>,
}

impl std::fmt::Debug for Health {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Health").finish_non_exhaustive()
    }
}

impl Health {
    /// Adds something that must answer for the service to be ready.
    pub fn require<F, R>(&self, name: &str, check: F)
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), String>> + Send + 'static,
    {
        add(&self.checks, name, check);
    }

    /// Adds something that makes the process not live when it fails, so that it is restarted:
    /// only for what a restart mends.
    pub fn vital<F, R>(&self, name: &str, check: F)
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), String>> + Send + 'static,
    {
        add(&self.vital, name, check);
    }

    /// Adds something that the page of readiness tells besides, whatever it is.
    pub fn tell(&self, name: &str, detail: impl Fn() -> serde_json::Value + Send + Sync + 'static) {
        let mut details = self.details.lock().unwrap_or_else(PoisonError::into_inner);
        details.insert(name.to_owned(), Arc::new(detail));
    }

    fn details(&self) -> BTreeMap<String, serde_json::Value> {
        let details = self.details.lock().unwrap_or_else(PoisonError::into_inner);
        let told = details
            .iter()
            .map(|(name, detail)| (name.clone(), detail()));
        told.collect()
    }

    /// What is not ready, by name.
    pub async fn problems(&self) -> BTreeMap<String, String> {
        problems(&self.checks).await
    }

    pub(crate) async fn ready(self) -> Response {
        let problems = problems(&self.checks).await;
        self.measure(&problems);
        answer("ready", &problems, &self.details())
    }

    /// What the last probe found, as metrics: who scrapes them needs no probes of its own.
    fn measure(&self, problems: &BTreeMap<String, String>) {
        let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        for name in checks.keys() {
            let passes = !problems.contains_key(name);
            metrics::gauge!("service_check_passes", "check" => name.clone())
                .set(f64::from(u8::from(passes)));
        }
    }

    pub(crate) async fn live(self) -> Response {
        answer("live", &problems(&self.vital).await, &BTreeMap::new())
    }
}

fn add<F, R>(checks: &Checks, name: &str, check: F)
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), String>> + Send + 'static,
{
    let check: Check = Arc::new(move || Box::pin(check()));
    let mut checks = checks.lock().unwrap_or_else(PoisonError::into_inner);
    checks.insert(name.to_owned(), check);
}

async fn problems(checks: &Checks) -> BTreeMap<String, String> {
    let checks = checks
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let results = checks.into_iter().map(|(name, check)| async move {
        match tokio::time::timeout(CHECK_TIMEOUT, check()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some((name, error)),
            Err(_) => Some((name, format!("no answer within {CHECK_TIMEOUT:?}"))),
        }
    });
    join_all(results).await.into_iter().flatten().collect()
}

fn answer(
    good: &str,
    problems: &BTreeMap<String, String>,
    details: &BTreeMap<String, serde_json::Value>,
) -> Response {
    let (code, status) = match problems.is_empty() {
        true => (StatusCode::OK, good.to_owned()),
        false => (StatusCode::SERVICE_UNAVAILABLE, format!("not {good}")),
    };
    let mut body = json!({"status": status, "problems": problems});
    if !details.is_empty() {
        body["details"] = json!(details);
    }
    (code, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_restart_does_not_mend_leaves_the_process_live() {
        let health = Health::default();
        let away = || std::future::ready(Err("away".to_owned()));
        health.require("broker", away);
        assert_eq!(health.clone().live().await.status(), StatusCode::OK);
        let ready = health.clone().ready().await.status();
        assert_eq!(ready, StatusCode::SERVICE_UNAVAILABLE);
        health.vital("consumer", away);
        let live = health.live().await.status();
        assert_eq!(live, StatusCode::SERVICE_UNAVAILABLE);
    }
}
