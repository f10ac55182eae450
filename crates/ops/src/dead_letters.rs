//! Dead letters over HTTP, for operators: how many, which, and back to where they came from.
//!
//! The work is that of `algotrade dlq`; it reads topics through, so only a little of it happens at
//! once.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use kafka_common::KafkaSettings;
use kafka_common::inspect::{
    Actor, Broker, DeadLetterCount, Flow, InspectError, Letter, LetterFilter, Redrive,
};
use serde::{Deserialize, Serialize};
use service_kit::{ApiJson, Operator, Page, Problem};
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Requests that read topics at the same time.
const AT_ONCE: usize = 2;
/// Letters of one request that goes back at most; an operator asks again for more.
const MAX_REDRIVE: u64 = 1_000;
/// A letter that went back this often stays, as with `algotrade dlq redrive`.
const MAX_REDRIVES: u32 = 2;
/// Letters of one answer.
const MAX_SHOWN: usize = 100;
/// Of a letter's value, in characters.
const SHOWN_CHARACTERS: usize = 1_000;

#[derive(Clone)]
struct Inspector {
    kafka: KafkaSettings,
    permits: Arc<Semaphore>,
}

impl Inspector {
    /// Asks the broker, on a thread of its own.
    async fn ask<T, F>(&self, question: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Broker) -> Result<T, InspectError> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        let permit = permit.map_err(|_| {
            let detail = "other requests are reading dead letters";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "busy", detail)
                .hint("try again when they are done")
        })?;
        let kafka = self.kafka.clone();
        let asked = tokio::task::spawn_blocking(move || {
            // Until it is done, whether or not somebody still waits for the answer.
            let _permit = permit;
            question(&Broker::connect(&kafka)?)
        });
        let answer = asked
            .await
            .map_err(|error| Problem::unavailable("Kafka", error))?;
        answer.map_err(|error| match error {
            InspectError::UnknownTopic { .. } | InspectError::NotDeadLetters { .. } => {
                Problem::new(StatusCode::NOT_FOUND, "not_found", error.to_string()).field("topic")
            }
            error => Problem::unavailable("Kafka", error),
        })
    }
}

/// Dead letters of one topic, group and class.
#[derive(Debug, Serialize, ToSchema)]
struct CountAnswer {
    /// The dead-letter topic.
    topic: String,
    /// The topic that they came from.
    source: String,
    /// The group that gave them up.
    group: String,
    /// `transient`, `permanent`, `poison` or `unknown`.
    class: String,
    letters: u64,
    /// Those that were never sent back.
    pending: u64,
    /// When the first failed.
    oldest: Option<DateTime<Utc>>,
    /// When the last failed.
    newest: Option<DateTime<Utc>>,
}

impl From<DeadLetterCount> for CountAnswer {
    fn from(count: DeadLetterCount) -> Self {
        Self {
            topic: count.topic.name,
            source: count.topic.source,
            group: count.topic.group,
            class: count.class,
            letters: count.letters,
            pending: count.pending,
            oldest: count.oldest,
            newest: count.newest,
        }
    }
}

/// A dead letter.
#[derive(Debug, Serialize, ToSchema)]
struct LetterAnswer {
    partition: i32,
    offset: i64,
    /// When it was given up.
    timestamp: Option<DateTime<Utc>>,
    key: Option<String>,
    class: String,
    /// Why it was given up.
    error: String,
    /// How often it was tried.
    attempts: Option<i64>,
    /// How often it went back before.
    redrives: u32,
    /// Its value, what isn't text replaced, cut after 1,000 characters.
    value: Option<String>,
}

impl From<Letter> for LetterAnswer {
    fn from(letter: Letter) -> Self {
        let text = |bytes: &Vec<u8>| {
            let text = String::from_utf8_lossy(bytes);
            text.chars().take(SHOWN_CHARACTERS).collect()
        };
        Self {
            partition: letter.partition,
            offset: letter.offset,
            timestamp: letter.timestamp,
            key: letter.key.as_ref().map(text),
            class: letter.class().to_owned(),
            error: letter.error().to_owned(),
            attempts: letter.attempts(),
            redrives: letter.redrives(),
            value: letter.value.as_ref().map(text),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
struct Wanted {
    /// Only those of this class.
    class: Option<String>,
    /// Most letters: 1 to 100, 20 where it is missing.
    limit: Option<usize>,
}

/// Which letters go back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct RedriveBody {
    /// Only those of this class.
    class: Option<String>,
    /// Most letters, up to 1,000.
    max: Option<u64>,
    /// Whether to do it; else it is only told what would be done.
    execute: bool,
}

/// What went back, or would.
#[derive(Debug, Serialize, ToSchema)]
struct RedriveAnswer {
    redriven: u64,
    /// Went back before.
    already: u64,
    /// Stay, because they went back twice already.
    held_back: u64,
    /// Stay, because they say that they came from another topic.
    misplaced: u64,
    executed: bool,
}

/// The router and its document.
pub(crate) fn router(kafka: KafkaSettings) -> (Router, utoipa::openapi::OpenApi) {
    let inspector = Inspector {
        kafka,
        permits: Arc::new(Semaphore::new(AT_ONCE)),
    };
    OpenApiRouter::new()
        .routes(routes!(counts))
        .routes(routes!(letters))
        .routes(routes!(redrive))
        .with_state(inspector)
        .split_for_parts()
}

/// Dead letters by topic, group and class.
#[utoipa::path(get, path = "/v1/ops/dead-letters", tag = "ops",
    operation_id = "count_dead_letters",
    responses((status = 200, body = Page<CountAnswer>), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 429, description = "busy", body = Problem),
        (status = 503, body = Problem)))]
async fn counts(
    State(inspector): State<Inspector>,
    _operator: Operator,
) -> Result<Json<Page<CountAnswer>>, Problem> {
    let counts = inspector
        .ask(|broker| {
            let mut counts = Vec::new();
            for topic in broker.dead_letter_topics()? {
                counts.extend(broker.count_dead_letters(&topic)?);
            }
            Ok(counts)
        })
        .await?;
    let counts = counts.into_iter().map(CountAnswer::from).collect();
    Ok(Json(Page::all(counts)))
}

/// The newest letters of a dead-letter topic.
#[utoipa::path(get, path = "/v1/ops/dead-letters/{topic}", tag = "ops",
    operation_id = "list_dead_letters", params(("topic" = String, Path), Wanted),
    responses((status = 200, body = Page<LetterAnswer>), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 422, description = "invalid_query", body = Problem),
        (status = 429, description = "busy", body = Problem), (status = 503, body = Problem)))]
async fn letters(
    State(inspector): State<Inspector>,
    _operator: Operator,
    Path(topic): Path<String>,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Page<LetterAnswer>>, Problem> {
    let Query(wanted) = query.map_err(|rejection| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Problem::new(status, "invalid_query", rejection.body_text()).field("query")
    })?;
    let limit = wanted.limit.unwrap_or(20).clamp(1, MAX_SHOWN);
    let filter = LetterFilter {
        class: wanted.class,
        ..LetterFilter::default()
    };
    let newest = inspector
        .ask(move |broker| {
            let topic = broker.find_dead_letters(&topic)?;
            let mut newest = std::collections::VecDeque::with_capacity(limit);
            broker.letters(&topic, &filter, |letter| {
                if newest.len() == limit {
                    newest.pop_front();
                }
                newest.push_back(letter);
                Ok::<_, InspectError>(Flow::Next)
            })?;
            Ok(newest)
        })
        .await?;
    let newest = newest.into_iter().rev().map(LetterAnswer::from);
    Ok(Json(Page::all(newest.collect())))
}

/// Sends letters back to the topic that they came from, in their order, each batch noted on
/// `audit-logs` in the same transaction. Every group that reads that topic sees them again.
#[utoipa::path(post, path = "/v1/ops/dead-letters/{topic}/redrive", tag = "ops",
    operation_id = "redrive_dead_letters", params(("topic" = String, Path)),
    request_body = RedriveBody,
    responses((status = 200, body = RedriveAnswer), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 422, body = Problem), (status = 429, description = "busy", body = Problem),
        (status = 503, body = Problem)))]
async fn redrive(
    State(inspector): State<Inspector>,
    Operator(operator): Operator,
    Path(topic): Path<String>,
    ApiJson(body): ApiJson<RedriveBody>,
) -> Result<Json<RedriveAnswer>, Problem> {
    let wanted = Redrive {
        filter: LetterFilter {
            class: body.class,
            ..LetterFilter::default()
        },
        rate: None,
        max_redrives: MAX_REDRIVES,
        limit: Some(body.max.unwrap_or(MAX_REDRIVE).min(MAX_REDRIVE)),
        actor: Actor(operator.user_id),
        execute: body.execute,
    };
    let summary = inspector
        .ask(move |broker| {
            let topic = broker.find_dead_letters(&topic)?;
            broker.redrive(&topic, &wanted, |_| {})
        })
        .await?;
    Ok(Json(RedriveAnswer {
        redriven: summary.redriven,
        already: summary.already,
        held_back: summary.held_back,
        misplaced: summary.misplaced,
        executed: body.execute,
    }))
}
