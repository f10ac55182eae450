//! Prometheus' HTTP API, as far as the report needs it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use serde::Deserialize;

/// For one query: those of a month look at many samples.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A period, and what it is cut into.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) from: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
    /// In seconds.
    pub(super) step: i64,
}

impl Span {
    pub(super) fn seconds(&self) -> i64 {
        (self.until - self.from).num_seconds()
    }

    /// A query for this period: `$period` and `$step` stand for its length and its parts.
    fn fill(&self, query: &str) -> String {
        query
            .replace("$period", &format!("{}s", self.seconds()))
            .replace("$step", &format!("{}s", self.step))
    }
}

/// A value with what it is of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

impl Sample {
    /// A label's value; empty where there is none.
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// Values over time, at Unix seconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) points: Vec<(f64, f64)>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    data: Option<Data>,
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Data {
    result: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    metric: BTreeMap<String, String>,
    /// Of a query at one time.
    value: Option<(f64, String)>,
    /// Of a query over a range.
    #[serde(default)]
    values: Vec<(f64, String)>,
}

#[derive(Debug)]
pub(super) struct Prometheus {
    http: reqwest::Client,
    url: String,
}

impl Prometheus {
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            bail!("--prometheus must begin with http:// or https://");
        }
        Ok(Self {
            http: reqwest::Client::builder().timeout(TIMEOUT).build()?,
            url: url.trim_end_matches('/').to_owned(),
        })
    }

    /// The values of a query at the end of the period.
    pub(super) async fn at_end(&self, query: &str, span: &Span) -> anyhow::Result<Vec<Sample>> {
        let time = span.until.timestamp().to_string();
        let query = span.fill(query);
        let rows = self
            .ask("query", &[("query", &query), ("time", &time)])
            .await?;
        Ok(samples(rows))
    }

    /// One value; `None` where there is no data.
    pub(super) async fn one(&self, query: &str, span: &Span) -> anyhow::Result<Option<f64>> {
        let samples = self.at_end(query, span).await?;
        Ok(samples.first().map(|sample| sample.value))
    }

    /// The values of a query all over the period.
    pub(super) async fn over(&self, query: &str, span: &Span) -> anyhow::Result<Vec<Series>> {
        let (from, until) = (span.from.timestamp(), span.until.timestamp());
        let (from, until) = (from.to_string(), until.to_string());
        let (query, step) = (span.fill(query), span.step.to_string());
        let parameters = [
            ("query", query.as_str()),
            ("start", &from),
            ("end", &until),
            ("step", &step),
        ];
        let rows = self.ask("query_range", &parameters).await?;
        Ok(series(rows))
    }

    async fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> anyhow::Result<Vec<Row>> {
        let request = self.http.get(format!("{}/api/v1/{path}", self.url));
        // Without the address, which may hold a password.
        let answer = request.query(parameters).send().await;
        let answer = answer.map_err(|error| {
            anyhow::anyhow!(
                "Prometheus does not answer: {}; see --prometheus",
                error.without_url()
            )
        })?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(reqwest::Error::without_url)?;
        let answer: Answer = serde_json::from_slice(&body)
            .with_context(|| format!("this is not Prometheus: it answers {status}"))?;
        match answer.data {
            Some(data) => Ok(data.result),
            None => bail!("Prometheus: {}", answer.error.unwrap_or_default()),
        }
    }
}

/// A quotient of nothing by nothing is no value.
fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

fn samples(rows: Vec<Row>) -> Vec<Sample> {
    let samples = rows.into_iter().filter_map(|row| {
        let value = number(&row.value?.1)?;
        Some(Sample {
            labels: row.metric,
            value,
        })
    });
    samples.collect()
}

fn series(rows: Vec<Row>) -> Vec<Series> {
    let series = rows.into_iter().map(|row| {
        let points = row.values.into_iter();
        Series {
            labels: row.metric,
            points: points
                .filter_map(|(time, text)| Some((time, number(&text)?)))
                .collect(),
        }
    });
    series.filter(|series| !series.points.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rows(json: &str) -> Vec<Row> {
        let answer: Answer = serde_json::from_str(json).unwrap();
        answer.data.unwrap().result
    }

    #[test]
    fn a_value_that_is_none_is_left_out() {
        let found = samples(rows(
            r#"{"status":"success","data":{"resultType":"vector","result":[
                {"metric":{"service":"strategy"},"value":[1767614400.781,"0.25"]},
                {"metric":{"service":"ops"},"value":[1767614400.781,"NaN"]},
                {"metric":{},"value":[1767614400.781,"+Inf"]}]}}"#,
        ));
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].label("service"), found[0].value),
            ("strategy", 0.25)
        );
        assert_eq!(found[0].label("job"), "");
    }

    #[test]
    fn a_series_without_a_value_is_left_out() {
        let found = series(rows(
            r#"{"status":"success","data":{"resultType":"matrix","result":[
                {"metric":{},"values":[[1,"2"],[2,"NaN"],[3,"4.5"]]},
                {"metric":{"x":"y"},"values":[[1,"NaN"]]}]}}"#,
        ));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].points, [(1.0, 2.0), (3.0, 4.5)]);
    }

    #[test]
    fn a_query_is_filled_in() {
        let span = Span {
            from: DateTime::from_timestamp(0, 0).unwrap(),
            until: DateTime::from_timestamp(7_200, 0).unwrap(),
            step: 60,
        };
        let query = "max_over_time(sum(rate(a_total[$step]))[$period:$step])";
        let filled = "max_over_time(sum(rate(a_total[60s]))[7200s:60s])";
        assert_eq!(span.fill(query), filled);
    }
}
