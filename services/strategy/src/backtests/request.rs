//! What a user asks for, and everything that can be wrong with it.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use backtest::{Axis, Strategy};
use chrono::{DateTime, Utc};
use paper_exchange::SessionTerms;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};
use service_kit::{FieldError, Identity, Problem};
use strategy_engine::{Timeframe, TimeframeError};
use uuid::Uuid;

use super::job::{Data, Job};
use super::limits::MAX_COMBINATIONS;
use crate::market_data::INTERVALS;
use crate::repository;
use crate::source::Kind;
use crate::state::AppState;
use crate::strategies::{is_error, refused};

/// A backtest to be run: a saved strategy, or a source that is not saved.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BacktestBody {
    /// A saved strategy; else `kind` and `source`.
    strategy_id: Option<Uuid>,
    /// Of the saved strategy; the latest where it is missing.
    version: Option<i32>,
    /// `graph` or `script`, of a source.
    kind: Option<String>,
    /// The node graph as an object, or the script as a text.
    #[schema(value_type = Option<Object>)]
    source: Option<Value>,
    /// `BTCUSD` or `BTC-USD`.
    symbol: String,
    /// `trades` of the log, which is the default, or `candles` of market-data.
    #[serde(default)]
    data: Data,
    /// Length of the candles: `1s`, `5s`, `15s`, `1m`, `5m`, `15m`, `1h` or `1d`; `1m` where it is
    /// missing.
    interval: Option<String>,
    /// Begin with trades of this event time.
    from: Option<DateTime<Utc>>,
    /// End before trades of this event time.
    to: Option<DateTime<Utc>>,
    /// `tick`, `1s` to `1d`, `ticks:100`, `volume:2.5`, `range:25`; else the strategy's own, and at last
    /// ticks, or one candle.
    timeframe: Option<String>,
    /// Cash to begin with, in the quote currency; 100,000 where it is missing.
    #[serde(default = "initial_balance", with = "kafka_common::decimal::number")]
    #[schema(value_type = f64, default = 100_000)]
    initial_balance: Decimal,
    /// Fee as a fraction of the notional; 0.001 where it is missing.
    #[serde(default = "fee_rate", with = "kafka_common::decimal::number")]
    #[schema(value_type = f64, default = 0.001)]
    fee_rate: Decimal,
    /// Values of parameters: a list, one value, or a text like `5..20:5`. Of a graph, a parameter is
    /// `NODE.FIELD`. All combinations are tried, 100 at most.
    #[serde(default)]
    #[schema(value_type = Object)]
    parameters: BTreeMap<String, Value>,
}

fn initial_balance() -> Decimal {
    Decimal::from(100_000)
}

fn fee_rate() -> Decimal {
    Decimal::new(1, 3)
}

/// What a backtest is to be of.
struct Subject {
    name: String,
    kind: Kind,
    source: Value,
    version: Option<i32>,
}

impl BacktestBody {
    /// Checks everything, and completes it.
    ///
    /// # Errors
    /// 404 for a strategy that isn't the user's, 422 for all else, each with its field.
    pub(super) async fn into_job(
        self,
        state: &AppState,
        identity: &Identity,
    ) -> Result<Job, Problem> {
        let subject = self.subject(state, identity).await?;
        let mut errors = Vec::new();
        let symbol = symbol(&self.symbol, &mut errors);
        self.check_range(&mut errors);
        let interval = self.interval(&mut errors);
        self.check_terms(&mut errors);
        let axes = self.axes(&mut errors);
        if !errors.is_empty() {
            return Err(Problem::invalid(errors));
        }
        // Told on `strategy-compilations`, as every attempt is.
        let compiled = state
            .compiler
            .compile(
                &identity.user_id,
                self.strategy_id.zip(subject.version),
                subject.kind,
                subject.source.clone(),
            )
            .await?;
        if !compiled.compilation.ok() {
            return Err(refused(&compiled.compilation));
        }
        let mut job = Job {
            name: subject.name,
            strategy_id: self.strategy_id,
            version: subject.version,
            kind: subject.kind.name().to_owned(),
            source: subject.source,
            symbol,
            data: self.data,
            interval: interval.map(|(name, _)| name.to_owned()),
            from: self.from,
            to: self.to,
            timeframe: Timeframe::Tick,
            initial_balance: self.initial_balance,
            fee_rate: self.fee_rate,
            parameters: axes
                .into_iter()
                .map(|axis| (axis.name, axis.values))
                .collect(),
        };
        let strategy = job.strategy();
        let combinations = job.combinations();
        let tried = tokio::task::spawn_blocking(move || try_all(&strategy, &combinations)).await;
        let own = tried.map_err(|error| Problem::unavailable("the compiler", error))??;
        if let (None, Some(name)) = (job.strategy_id, own.name) {
            job.name = name.chars().take(200).collect();
        }
        let candle = interval.map(|(name, seconds)| (name, u64::from(seconds)));
        job.timeframe = self.timeframe(own.timeframe, candle)?;
        Ok(job)
    }

    async fn subject(&self, state: &AppState, identity: &Identity) -> Result<Subject, Problem> {
        let unprocessable = |field: &str, code: &str, detail: &str, hint: &str| {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
                .field(field)
                .hint(hint)
        };
        let owner = &identity.user_id;
        match (self.strategy_id, &self.kind, &self.source) {
            (Some(id), None, None) => {
                let found = repository::find(&state.database, owner, id).await?;
                let found =
                    found.ok_or_else(|| Problem::not_found("strategy").field("strategy_id"))?;
                let version = self.version.unwrap_or(found.version);
                let row = repository::version(&state.database, owner, id, version).await?;
                let row = row.ok_or_else(|| {
                    let latest = format!("the latest version is {}", found.version);
                    Problem::not_found("version").field("version").hint(latest)
                })?;
                let kind = row.kind.parse().map_err(|_| {
                    unprocessable(
                        "strategy_id",
                        "unknown_kind",
                        "the strategy's kind is unknown",
                        "save it again",
                    )
                })?;
                Ok(Subject {
                    name: found.name,
                    kind,
                    source: row.source.0,
                    version: Some(version),
                })
            }
            (None, Some(kind), Some(source)) if self.version.is_none() => {
                let kind: Kind = kind.parse().map_err(|_| {
                    unprocessable(
                        "kind",
                        "unknown_kind",
                        "there is no such kind of strategy",
                        "use `graph` or `script`",
                    )
                })?;
                if kind == Kind::Script && !source.is_string() {
                    return Err(unprocessable(
                        "source",
                        "invalid_source",
                        "the source of a script is a text",
                        "send the script as a JSON text, or the kind `graph`",
                    ));
                }
                Ok(Subject {
                    name: "unsaved".to_owned(),
                    kind,
                    source: source.clone(),
                    version: None,
                })
            }
            _ => Err(unprocessable(
                "strategy_id",
                "strategy_unclear",
                "it has to be told once what is tried",
                "send `strategy_id` and perhaps `version`, or `kind` and `source`",
            )),
        }
    }

    fn check_range(&self, errors: &mut Vec<FieldError>) {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            let detail = format!("{from} is not before {to}");
            errors.push(wrong("to", "invalid_range", detail, "choose a later end"));
        }
    }

    fn interval(&self, errors: &mut Vec<FieldError>) -> Option<(&'static str, u32)> {
        let names = || INTERVALS.map(|(name, _)| name).join(", ");
        match (self.data, self.interval.as_deref()) {
            (Data::Trades, None) => None,
            (Data::Trades, Some(_)) => {
                let detail = "trades have no interval".to_owned();
                let hint = "leave it out, or set `data` to `candles`";
                errors.push(wrong("interval", "interval_unused", detail, hint));
                None
            }
            (Data::Candles, asked) => {
                let asked = asked.unwrap_or("1m");
                let found = INTERVALS.into_iter().find(|(name, _)| *name == asked);
                if found.is_none() {
                    let detail = "there are no candles of that length".to_owned();
                    let hint = format!("use one of {}", names());
                    errors.push(wrong("interval", "invalid_interval", detail, &hint));
                }
                found
            }
        }
    }

    fn check_terms(&self, errors: &mut Vec<FieldError>) {
        if let Err(problems) = SessionTerms::new(self.initial_balance, self.fee_rate) {
            errors.extend(
                problems.into_iter().map(|problem| {
                    wrong(problem.field, problem.code, problem.detail, problem.hint)
                }),
            );
        }
    }

    fn axes(&self, errors: &mut Vec<FieldError>) -> Vec<Axis> {
        let mut axes = Vec::new();
        for (name, values) in &self.parameters {
            let field = format!("parameters.{name}");
            match axis(name, values) {
                Ok(axis) => axes.push(axis),
                Err(detail) => {
                    let hint = "send a list of values, one value, or a text like `5..20:5`";
                    errors.push(wrong(&field, "invalid_parameter", detail, hint));
                }
            }
        }
        let counts = axes.iter().map(|axis| axis.values.len());
        let product = counts.fold(1_usize, usize::saturating_mul);
        if product > MAX_COMBINATIONS {
            let detail = format!("there are {product} combinations");
            let hint = format!("try {MAX_COMBINATIONS} at once: larger steps, or fewer parameters");
            errors.push(wrong("parameters", "too_many_combinations", detail, &hint));
        }
        axes
    }

    /// The one that is asked for, or the strategy's own, or the finest that the data has.
    fn timeframe(
        &self,
        own: Option<Timeframe>,
        candle: Option<(&str, u64)>,
    ) -> Result<Timeframe, Problem> {
        let invalid = |detail: String, hint: String| {
            Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_timeframe",
                detail,
            )
            .field("timeframe")
            .hint(hint)
        };
        let asked = match &self.timeframe {
            None => own,
            Some(name) => Some(name.parse().map_err(|error: TimeframeError| {
                invalid(format!("`{name}` is not a timeframe"), error.to_string())
            })?),
        };
        let Some((interval, length)) = candle else {
            return Ok(asked.unwrap_or_default());
        };
        let timeframe = match asked {
            Some(timeframe) => timeframe,
            None => interval.parse().unwrap_or_default(),
        };
        let seconds = timeframe
            .seconds()
            .map_or(0, |seconds| u64::from(seconds.get()));
        if seconds == 0 || seconds % length != 0 {
            return Err(invalid(
                format!("a strategy on {timeframe} can't be tried on candles of {interval}"),
                "choose a timeframe that is one candle or several whole ones".to_owned(),
            ));
        }
        Ok(timeframe)
    }
}

fn wrong(field: &str, code: &str, detail: String, hint: &str) -> FieldError {
    FieldError {
        field: field.to_owned(),
        code: code.to_owned(),
        detail,
        hint: hint.to_owned(),
    }
}

/// `BTC-USD` as the log calls it.
fn symbol(text: &str, errors: &mut Vec<FieldError>) -> String {
    let symbol = text.replace('-', "").to_ascii_uppercase();
    let is_one = symbol.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if symbol.len() < 4 || symbol.len() > 24 || !is_one {
        let detail = "that can be no symbol".to_owned();
        let hint = "use one like `BTCUSD`; GET /v1/products lists them";
        errors.push(wrong("symbol", "invalid_symbol", detail, hint));
    }
    symbol
}

fn axis(name: &str, values: &Value) -> Result<Axis, String> {
    let text = |value: &Value| match value {
        Value::String(text) if !text.trim().is_empty() => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        _ => Err("a value is a number, a text, true or false".to_owned()),
    };
    if name.is_empty() || name.len() > 200 || name.contains('=') {
        return Err("that is no name of a parameter".to_owned());
    }
    let values = match values {
        Value::Array(values) => values.iter().map(text).collect::<Result<Vec<_>, _>>()?,
        Value::String(range) if range.contains("..") => {
            let axis: Result<Axis, _> = format!("{name}={range}").parse();
            axis.map_err(|error| error.to_string())?.values
        }
        value => vec![text(value)?],
    };
    match values.is_empty() {
        true => Err("it has no value".to_owned()),
        false => Ok(Axis {
            name: name.to_owned(),
            values,
        }),
    }
}

/// What a strategy says of itself.
#[derive(Debug, Default)]
struct Own {
    name: Option<String>,
    timeframe: Option<Timeframe>,
}

/// Compiles every combination, so that nothing is queued that can't run.
fn try_all(strategy: &Strategy, combinations: &[BTreeMap<String, String>]) -> Result<Own, Problem> {
    let names = combinations.first().into_iter().flat_map(BTreeMap::keys);
    if let Some(unknown) = strategy.unknown_param(names.map(String::as_str)) {
        let detail = format!("the graph has no parameter `{unknown}`");
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Err(Problem::new(status, "unknown_parameter", detail)
            .field(&format!("parameters.{unknown}"))
            .hint("write NODE.FIELD, such as ema-fast.period"));
    }
    let mut own = Own::default();
    for params in combinations {
        let tried = strategy.compile_with(params);
        own.timeframe = own.timeframe.or(tried.timeframe);
        own.name = own.name.or(tried.name);
        if !tried.compilation.ok() {
            let found = &tried.compilation.diagnostics;
            let first = found.iter().find(|diagnostic| is_error(diagnostic));
            let message = first.map_or("it does not compile", |first| &first.message);
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Err(Problem::new(status, "invalid_parameter", message)
                .field("parameters")
                .with("parameters", json!(params))
                .with("diagnostics", json!(found)));
        }
    }
    Ok(own)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn body(more: &Value) -> BacktestBody {
        let mut body = json!({"symbol": "btc-usd"});
        let fields = body.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        serde_json::from_str(&body.to_string()).unwrap()
    }

    #[test]
    fn parameters_are_lists_values_or_ranges() {
        let values = |value: Value| axis("n", &value).map(|axis| axis.values);
        assert_eq!(
            values(json!([5, 10.5, "x", true])).unwrap(),
            ["5", "10.5", "x", "true"]
        );
        assert_eq!(values(json!("5..20:5")).unwrap(), ["5", "10", "15", "20"]);
        assert_eq!(values(json!(7)).unwrap(), ["7"]);
        for refused in [
            json!([]),
            json!(null),
            json!({}),
            json!(""),
            json!("5..1"),
            json!([[1]]),
        ] {
            assert!(values(refused.clone()).is_err(), "{refused}");
        }
        assert!(axis("a=b", &json!(1)).is_err());
        let mut errors = Vec::new();
        body(&json!({"parameters": {"a": "1..20", "b": "1..20"}})).axes(&mut errors);
        assert_eq!(errors[0].code, "too_many_combinations");
    }

    #[test]
    fn every_mistake_names_its_field() {
        let mut errors = Vec::new();
        let body = body(&json!({
            "from": "2026-01-05T00:00:00Z", "to": "2026-01-05T00:00:00Z",
            "interval": "1m", "initial_balance": 0, "fee_rate": 1, "parameters": {"a": []},
        }));
        symbol("B$D", &mut errors);
        body.check_range(&mut errors);
        assert!(body.interval(&mut errors).is_none());
        body.check_terms(&mut errors);
        body.axes(&mut errors);
        let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        let expected = [
            "symbol",
            "to",
            "interval",
            "initial_balance",
            "fee_rate",
            "parameters.a",
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn a_timeframe_fits_its_data() {
        let minute = Some(("1m", 60));
        let of = |asked: Option<&str>, own: Option<Timeframe>, candle| {
            let more = asked.map_or(json!({}), |asked| json!({"timeframe": asked}));
            body(&more)
                .timeframe(own, candle)
                .map(|timeframe| timeframe.to_string())
        };
        assert_eq!(of(None, None, None).unwrap(), "tick");
        assert_eq!(of(None, None, minute).unwrap(), "1m");
        assert_eq!(of(None, "5m".parse().ok(), minute).unwrap(), "5m");
        assert_eq!(of(Some("1h"), "5m".parse().ok(), minute).unwrap(), "1h");
        for (asked, own) in [
            (Some("tick"), None),
            (Some("30s"), None),
            (Some("2m"), None),
        ] {
            let problem = of(asked, own, minute).unwrap_err();
            assert_eq!(problem.field.as_deref(), Some("timeframe"), "{asked:?}");
        }
        assert!(of(None, Some(Timeframe::Tick), minute).is_err());
    }

    #[test]
    fn a_combination_that_does_not_compile_is_told() {
        let script = "n = param(\"n\", 5, min=2, max=9)\nif close > sma(close, n):\n    buy()\n";
        let strategy = Strategy::Script(script.to_owned());
        let with = |value: &str| {
            let params = BTreeMap::from([("n".to_owned(), value.to_owned())]);
            try_all(&strategy, &[params])
        };
        assert!(with("7").is_ok());
        let problem = with("70").unwrap_err();
        assert_eq!(problem.more["parameters"]["n"], "70");
        assert!(!problem.more["diagnostics"].as_array().unwrap().is_empty());
        let graph = Strategy::Graph(json!({"nodes": [], "edges": []}));
        let params = BTreeMap::from([("x.period".to_owned(), "1".to_owned())]);
        let problem = try_all(&graph, &[params]).unwrap_err();
        assert_eq!(problem.field.as_deref(), Some("parameters.x.period"));
    }
}
