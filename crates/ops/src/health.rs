//! Asks the services how they are, and the broker how far they are behind.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use futures_util::future::join_all;
use kafka_common::inspect::Broker;
use kafka_common::matrix::MATRIX;
use kafka_common::messages::ServiceHealth;
use kafka_common::{KafkaProducer, KafkaSettings, Operations, Topics};
use serde_json::Value;
use service_kit::Context;

use crate::telemetry;

const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest status text.
const MAX_STATUS_CHARS: usize = 500;

/// How far a group is behind.
#[derive(Debug, Clone, Copy, Default)]
struct Lag {
    records: u64,
    waiting: Duration,
}

/// The services' health, as it was found last.
pub(crate) struct Probes {
    services: Vec<(String, String)>,
    /// `None` where the broker is in this process: there is nobody to look after it.
    kafka: Option<KafkaSettings>,
    http: reqwest::Client,
    producer: KafkaProducer<Operations>,
    latest: Mutex<Vec<ServiceHealth>>,
}

impl Probes {
    pub(crate) fn new(context: &Context, producer: KafkaProducer<Operations>) -> Self {
        let services = context.settings.ops.services();
        Self {
            services: services
                .map(|(name, url)| (name.to_owned(), url.to_owned()))
                .collect(),
            kafka: (!context.embedded).then(|| context.settings.kafka.clone()),
            http: context.http.clone(),
            producer,
            latest: Mutex::default(),
        }
    }

    pub(crate) fn latest(&self) -> Vec<ServiceHealth> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.clone()
    }

    /// Asks all, and writes to the topic what they say, if that is this replica's task.
    pub(crate) async fn ask(&self, writes: bool) {
        let kafka = self.kafka.clone();
        let measuring = tokio::task::spawn_blocking(move || match kafka {
            Some(kafka) => measure(&kafka),
            None => Ok(BTreeMap::new()),
        });
        let asking = self
            .services
            .iter()
            .map(|(name, url)| self.probe(name, url));
        let (lags, mut found) = tokio::join!(measuring, join_all(asking));
        let lags = match lags {
            Ok(Ok(lags)) => lags,
            Ok(Err(error)) => {
                telemetry::failed("consumer lag", &error);
                BTreeMap::new()
            }
            Err(error) => {
                telemetry::failed("consumer lag", &error);
                BTreeMap::new()
            }
        };
        for health in &mut found {
            telemetry::probed(&health.service, health.status == "ready");
            let lag = lags.get(health.service.as_str());
            health.lag = lag.map(|lag| lag.records);
            health.waiting_ms = lag.map(|lag| millis(lag.waiting));
        }
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = found.clone();
        if !writes {
            return;
        }
        for health in found {
            let topic = Topics::SERVICE_HEALTH;
            let sent = self.producer.send_message(topic, &health, &health.service);
            match sent.await {
                Ok(_) => telemetry::produced("service-health", 1),
                Err(error) => return telemetry::failed("service health", &error),
            }
        }
    }

    async fn probe(&self, name: &str, url: &str) -> ServiceHealth {
        let asked = Instant::now();
        let answer = self.http.get(format!("{url}/healthz/ready"));
        let status = match answer.timeout(TIMEOUT).send().await {
            Ok(answer) if answer.status().is_success() => "ready".to_owned(),
            Ok(answer) => {
                let code = answer.status().as_u16();
                match answer.json::<Value>().await {
                    Ok(body) => format!("not ready: {}", lacking(&body)),
                    Err(_) => format!("answered {code}"),
                }
            }
            // Without the URL, which may hold a password.
            Err(error) => format!("does not answer: {}", error.without_url()),
        };
        ServiceHealth {
            service: name.to_owned(),
            status: status.chars().take(MAX_STATUS_CHARS).collect(),
            timestamp: Utc::now(),
            latency_ms: Some(millis(asked.elapsed())),
            lag: None,
            waiting_ms: None,
        }
    }
}

/// What a page of readiness names as lacking.
fn lacking(body: &Value) -> String {
    let problems = body["problems"].as_object().into_iter().flatten();
    let texts: Vec<String> = problems
        .map(|(name, problem)| format!("{name}: {}", problem.as_str().unwrap_or("?")))
        .collect();
    match texts.is_empty() {
        true => "it doesn't say why".to_owned(),
        false => texts.join("; "),
    }
}

/// The lag of each service of the matrix whose group has one. Blocks.
fn measure(settings: &KafkaSettings) -> Result<BTreeMap<&'static str, Lag>, String> {
    let broker = Broker::connect(settings).map_err(|error| error.to_string())?;
    let groups = broker.groups(false).map_err(|error| error.to_string())?;
    let mut lags: BTreeMap<&'static str, Lag> = BTreeMap::new();
    for partition in broker.lag(&groups).map_err(|error| error.to_string())? {
        let group = broker.logical_group(&partition.group);
        let Some(row) = MATRIX.iter().find(|row| row.group == group) else {
            continue;
        };
        let lag = lags.entry(row.service).or_default();
        lag.records += u64::try_from(partition.records).unwrap_or_default();
        lag.waiting = lag.waiting.max(partition.waiting);
    }
    Ok(lags)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_lacks_is_named() {
        let body =
            json!({"status": "not ready", "problems": {"redis": "refused", "kafka": "away"}});
        assert_eq!(lacking(&body), "kafka: away; redis: refused");
        assert_eq!(lacking(&json!("?")), "it doesn't say why");
    }
}
