//! The figures of a period.

use anyhow::bail;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::asked::{BEHIND, ERRORS, FLOWS, OBJECTIVES, STAGES};
use super::prometheus::{Prometheus, Span};

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) from: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
    /// Peaks are means over so many seconds.
    pub(super) step_seconds: i64,
    pub(super) services: Vec<Availability>,
    pub(super) throughput: Vec<Throughput>,
    pub(super) latency: Vec<Latency>,
    pub(super) lag: Vec<Lag>,
    pub(super) errors: Vec<Errors>,
    pub(super) objectives: Vec<Measured>,
    pub(super) alerts: Vec<Alert>,
}

#[derive(Debug, Serialize)]
pub(super) struct Availability {
    pub(super) service: String,
    /// Share of the time in which it answered Prometheus.
    pub(super) up: f64,
    /// Share of the time in which all of its checks passed.
    pub(super) ready: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Throughput {
    pub(super) name: &'static str,
    pub(super) count: f64,
    pub(super) per_second: f64,
    pub(super) peak_per_second: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct Latency {
    pub(super) stage: &'static str,
    pub(super) count: f64,
    pub(super) p50_seconds: Option<f64>,
    pub(super) p95_seconds: Option<f64>,
    pub(super) p99_seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Lag {
    pub(super) of: String,
    pub(super) unit: &'static str,
    pub(super) mean: f64,
    pub(super) most: f64,
    /// At the end of the period; none where nobody told it any more.
    pub(super) last: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Errors {
    pub(super) name: &'static str,
    pub(super) count: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct Measured {
    pub(super) objective: &'static str,
    pub(super) share: f64,
    /// None where nothing happened that could be good or bad.
    pub(super) measured: Option<f64>,
    /// What failed, as a part of what may; more than 1 is too much.
    pub(super) budget_used: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Alert {
    pub(super) alert: String,
    pub(super) severity: String,
    /// To the step.
    pub(super) seconds: f64,
}

impl Report {
    /// Asks for everything.
    ///
    /// # Errors
    /// Prometheus does not answer, or knows nothing of the services in this period.
    pub(super) async fn ask(prometheus: &Prometheus, span: &Span) -> anyhow::Result<Self> {
        let services = services(prometheus, span).await?;
        if services.is_empty() {
            bail!(
                "Prometheus has no services between {} and {}: is it the one of deploy/prometheus, \
                 and does it keep that long?",
                span.from,
                span.until
            );
        }
        Ok(Self {
            from: span.from,
            until: span.until,
            step_seconds: span.step,
            services,
            throughput: throughput(prometheus, span).await?,
            latency: latency(prometheus, span).await?,
            lag: lag(prometheus, span).await?,
            errors: errors(prometheus, span).await?,
            objectives: objectives(prometheus, span).await?,
            alerts: alerts(prometheus, span).await?,
        })
    }
}

async fn services(prometheus: &Prometheus, span: &Span) -> anyhow::Result<Vec<Availability>> {
    let up = "avg by (service) (avg_over_time(up{job=\"services\"}[$period]))";
    let ready = "avg_over_time(min by (service) (service_check_passes)[$period:$step])";
    let ready = prometheus.at_end(ready, span).await?;
    let up = prometheus.at_end(up, span).await?.into_iter();
    let mut services: Vec<Availability> = up
        .map(|sample| {
            let service = sample.label("service").to_owned();
            let ready = ready.iter().find(|ready| ready.label("service") == service);
            Availability {
                ready: ready.map(|ready| ready.value),
                up: sample.value,
                service,
            }
        })
        .collect();
    services.sort_by(|a, b| a.service.cmp(&b.service));
    Ok(services)
}

async fn throughput(prometheus: &Prometheus, span: &Span) -> anyhow::Result<Vec<Throughput>> {
    let mut rows = Vec::with_capacity(FLOWS.len());
    for flow in FLOWS {
        let counter = flow.counter;
        let count = format!("sum(increase({counter}[$period]))");
        let peak = format!("max_over_time(sum(rate({counter}[$step]))[$period:$step])");
        let count = prometheus.one(&count, span).await?.unwrap_or_default();
        rows.push(Throughput {
            name: flow.name,
            count,
            per_second: count / span.seconds() as f64,
            peak_per_second: prometheus.one(&peak, span).await?.unwrap_or_default(),
        });
    }
    Ok(rows)
}

async fn latency(prometheus: &Prometheus, span: &Span) -> anyhow::Result<Vec<Latency>> {
    let mut rows = Vec::with_capacity(STAGES.len());
    for stage in STAGES {
        let quantile = |q: f64| stage.quantile(q, "$period");
        rows.push(Latency {
            stage: stage.name,
            count: prometheus
                .one(&stage.count(), span)
                .await?
                .unwrap_or_default(),
            p50_seconds: prometheus.one(&quantile(0.5), span).await?,
            p95_seconds: prometheus.one(&quantile(0.95), span).await?,
            p99_seconds: prometheus.one(&quantile(0.99), span).await?,
        });
    }
    Ok(rows)
}

async fn lag(prometheus: &Prometheus, span: &Span) -> anyhow::Result<Vec<Lag>> {
    let mut rows = Vec::new();
    for behind in BEHIND {
        let gauge = behind.gauge;
        let mean = format!("avg_over_time({gauge}[$period:$step])");
        let most = format!("max_over_time({gauge}[$period:$step])");
        let (most, last) = (
            prometheus.at_end(&most, span).await?,
            prometheus.at_end(gauge, span).await?,
        );
        for sample in prometheus.at_end(&mean, span).await? {
            let of = sample.label(behind.who).to_owned();
            let same = |other: &&super::prometheus::Sample| other.label(behind.who) == of;
            rows.push(Lag {
                mean: sample.value,
                most: most
                    .iter()
                    .find(same)
                    .map_or(sample.value, |most| most.value),
                last: last.iter().find(same).map(|last| last.value),
                unit: behind.unit,
                of,
            });
        }
    }
    rows.sort_by(|a, b| (b.unit, &a.of).cmp(&(a.unit, &b.of)));
    Ok(rows)
}

async fn errors(prometheus: &Prometheus, span: &Span) -> anyhow::Result<Vec<Errors>> {
    let mut rows = Vec::with_capacity(ERRORS.len());
    for error in ERRORS {
        let count = format!("sum(increase({}[$period]))", error.counter);
        rows.push(Errors {
            name: error.name,
            count: prometheus.one(&count, span).await?.unwrap_or_default(),
        });
    }
    Ok(rows)
}

async fn objectives(prometheus: &Prometheus, span: &Span) -> anyhow::Result<Vec<Measured>> {
    let mut rows = Vec::with_capacity(OBJECTIVES.len());
    for objective in OBJECTIVES {
        let measured = prometheus.one(objective.query, span).await?;
        let budget = 1.0 - objective.share;
        rows.push(Measured {
            objective: objective.name,
            share: objective.share,
            measured,
            budget_used: measured.map(|good| (1.0 - good).max(0.0) / budget),
        });
    }
    Ok(rows)
}

async fn alerts(prometheus: &Prometheus, span: &Span) -> anyhow::Result<Vec<Alert>> {
    let steps = "count_over_time(max by (alertname, severity) \
                 (ALERTS{alertstate=\"firing\", severity!=\"none\"})[$period:$step])";
    let fired = prometheus.at_end(steps, span).await?.into_iter();
    let mut rows: Vec<Alert> = fired
        .map(|sample| Alert {
            alert: sample.label("alertname").to_owned(),
            severity: sample.label("severity").to_owned(),
            seconds: sample.value * span.step as f64,
        })
        .collect();
    rows.sort_by(|a, b| (&a.severity, &a.alert).cmp(&(&b.severity, &b.alert)));
    Ok(rows)
}
