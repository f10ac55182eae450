//! `/v1/notifications/targets`: where a user wants to be told outside the page.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use kafka_common::messages::Severity;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use service_kit::{ApiJson, Identity, Page, Problem};
use utoipa::ToSchema;
use uuid::Uuid;

use super::App;
use super::confirmations::no_mail_server;
use super::target_checks::{chat_id, name, not_of_mailboxes, place, url};
use crate::outside::{
    Attempt, Changes, Form, Health, MAILTO, MAX_TARGETS, NewTarget, Secret, Target, TargetError,
    Told,
};

/// A target, without what is secret of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TargetAnswer {
    id: Uuid,
    name: String,
    form: Form,
    /// Scheme and host of the URL: the rest may be a secret. Of a mailbox, its address.
    address: String,
    /// Telegram's chat.
    chat_id: Option<String>,
    enabled: bool,
    /// False for a mailbox whose code wasn't entered yet: nothing goes there.
    confirmed: bool,
    /// Why it was switched off, if not by the user.
    off_reason: Option<String>,
    health: Health,
    /// Calls that failed in a row.
    failures: i32,
    /// It is left alone until then.
    not_before: Option<DateTime<Utc>>,
    last_success_at: Option<DateTime<Utc>>,
    last_failure_at: Option<DateTime<Utc>>,
    last_failure: Option<String>,
    created_at: DateTime<Utc>,
    /// What signs a webhook's calls (Standard Webhooks); only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl TargetAnswer {
    pub(super) fn new(target: Target) -> Self {
        Self {
            confirmed: target.is_confirmed(),
            address: address(&target.url),
            health: target.health(),
            id: target.id,
            name: target.name,
            form: target.form,
            chat_id: target.chat_id,
            enabled: target.enabled,
            off_reason: target.off_reason,
            failures: target.failures,
            not_before: target.not_before,
            last_success_at: target.last_success_at,
            last_failure_at: target.last_failure_at,
            last_failure: target.last_failure,
            created_at: target.created_at,
            secret: None,
        }
    }
}

/// `https://hooks.example.com`, or `alice@example.com`.
fn address(url: &str) -> String {
    if let Some(mailbox) = url.strip_prefix(MAILTO) {
        return mailbox.to_owned();
    }
    let origin = Url::parse(url).map(|url| url.origin().ascii_serialization());
    origin.unwrap_or_default()
}

/// A target to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTargetBody {
    /// 1 to 60 characters; no two of a user's are called the same.
    name: String,
    form: Form,
    /// Where it is called with POST; `https://`, at most 2,048 bytes. Not for e-mail.
    url: Option<String>,
    /// For e-mail, the address.
    email: Option<String>,
    /// The chat, for Telegram.
    chat_id: Option<String>,
}

/// What shall be changed; what is missing stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TargetChanges {
    name: Option<String>,
    /// Not of a mailbox: another address is another target.
    url: Option<String>,
    chat_id: Option<String>,
    enabled: Option<bool>,
}

/// What came of a test.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TestAnswer {
    /// Whether the target took it.
    delivered: bool,
    /// Why not.
    reason: Option<String>,
    /// How long the target took.
    took_ms: u64,
}

impl TestAnswer {
    pub(super) fn new(attempt: Attempt, took_ms: u64) -> Self {
        let reason = match attempt {
            Attempt::Delivered => None,
            Attempt::Failed(failure) => Some(failure.reason),
        };
        Self {
            delivered: reason.is_none(),
            reason,
            took_ms,
        }
    }
}

/// A webhook's new secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SecretAnswer {
    /// Signs from now on; the one before signs beside it for a day.
    secret: String,
}

/// A user's targets, oldest first.
#[utoipa::path(
    get, path = "/v1/notifications/targets", tag = "notifications",
    operation_id = "list_notification_targets",
    responses((status = 200, body = Page<TargetAnswer>), (status = 401, body = Problem))
)]
pub(super) async fn list(
    State(app): State<App>,
    identity: Identity,
) -> Result<Json<Page<TargetAnswer>>, Problem> {
    let targets = app.outside.targets.all(&identity.user_id).await?;
    let targets = targets.into_iter().map(TargetAnswer::new);
    Ok(Json(Page::all(targets.collect())))
}

/// Makes a target. The answer is the only one that tells a webhook's secret. A mailbox is switched on
/// by the code that is mailed to it.
#[utoipa::path(
    post, path = "/v1/notifications/targets", tag = "notifications",
    operation_id = "create_notification_target", request_body = NewTargetBody,
    responses(
        (status = 201, body = TargetAnswer),
        (status = 401, body = Problem),
        (status = 409, description = "name_taken, too_many_targets", body = Problem),
        (status = 422, description = "invalid_target, private_target, no_mail_server",
            body = Problem),
    )
)]
pub(super) async fn create(
    State(app): State<App>,
    identity: Identity,
    ApiJson(body): ApiJson<NewTargetBody>,
) -> Result<(StatusCode, Json<TargetAnswer>), Problem> {
    if body.form == Form::Email && app.outside.client.mailer().is_none() {
        return Err(no_mail_server());
    }
    let mut errors = Vec::new();
    let name = name(&body.name, &mut errors);
    let (text, email) = (body.url.as_deref(), body.email.as_deref());
    let place = place(body.form, text, email, &app.outside.client, &mut errors);
    let chat_id = chat_id(body.form, body.chat_id.as_deref(), &mut errors);
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let secret = match body.form {
        Form::Webhook => Some(new_secret()?),
        Form::Slack | Form::Discord | Form::Telegram | Form::Email => None,
    };
    let new = NewTarget {
        name,
        form: body.form,
        url: place,
        chat_id,
        secret,
    };
    let made = app.outside.targets.create(&identity.user_id, &new).await;
    let mut answer = TargetAnswer::new(made.map_err(refused)?);
    answer.secret = new.secret.map(|secret| secret.expose().to_owned());
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Changes a target. Another address, or switching it on, forgets its failures.
#[utoipa::path(
    patch, path = "/v1/notifications/targets/{id}", tag = "notifications",
    operation_id = "change_notification_target", params(("id" = Uuid, Path)),
    request_body = TargetChanges,
    responses(
        (status = 200, body = TargetAnswer),
        (status = 401, body = Problem),
        (status = 404, body = Problem),
        (status = 409, description = "name_taken, not_confirmed", body = Problem),
        (status = 422, description = "invalid_target, private_target", body = Problem),
    )
)]
pub(super) async fn change(
    State(app): State<App>,
    identity: Identity,
    id: Result<Path<Uuid>, PathRejection>,
    ApiJson(body): ApiJson<TargetChanges>,
) -> Result<Json<TargetAnswer>, Problem> {
    let target = find(&app, &identity, id).await?;
    if body.enabled == Some(true) && !target.is_confirmed() {
        return Err(not_confirmed());
    }
    let mut errors = Vec::new();
    let name = body.name.map(|text| name(&text, &mut errors));
    if let Some(text) = &body.url {
        not_of_mailboxes(target.form, &mut errors);
        url(text, &app.outside.client, &mut errors);
    }
    let chat_id = match &body.chat_id {
        Some(text) => chat_id(target.form, Some(text), &mut errors),
        None => None,
    };
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let changes = Changes {
        name,
        url: body.url,
        chat_id,
        enabled: body.enabled,
    };
    let targets = &app.outside.targets;
    let changed = targets.change(&identity.user_id, target.id, &changes).await;
    let changed = changed.map_err(refused)?.ok_or_else(no_target)?;
    // What waited for it may go now.
    app.outside.queue.wake();
    Ok(Json(TargetAnswer::new(changed)))
}

/// Forgets a target and what waited for it.
#[utoipa::path(
    delete, path = "/v1/notifications/targets/{id}", tag = "notifications",
    operation_id = "delete_notification_target", params(("id" = Uuid, Path)),
    responses(
        (status = 204),
        (status = 401, body = Problem),
        (status = 404, body = Problem),
    )
)]
pub(super) async fn delete(
    State(app): State<App>,
    identity: Identity,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let id = read(id)?;
    match app.outside.targets.delete(&identity.user_id, id).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(no_target()),
    }
}

/// Tells a target something now, whatever the preferences say, and tells what came of it.
#[utoipa::path(
    post, path = "/v1/notifications/targets/{id}/test", tag = "notifications",
    operation_id = "test_notification_target", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = TestAnswer),
        (status = 401, body = Problem),
        (status = 404, body = Problem),
        (status = 409, description = "not_confirmed", body = Problem),
        (status = 429, description = "too_many_tests", body = Problem),
    )
)]
pub(super) async fn test(
    State(app): State<App>,
    identity: Identity,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Json<TestAnswer>, Problem> {
    let target = find(&app, &identity, id).await?;
    if !target.is_confirmed() {
        return Err(not_confirmed());
    }
    if !app.outside.targets.note_test(target.id).await? {
        let detail = "this target was tested a moment ago";
        return Err(
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_tests", detail)
                .hint("wait 5 seconds between two tests"),
        );
    }
    let told = Told {
        id: Uuid::now_v7(),
        kind: "test".to_owned(),
        title: "A test from AlgoTrade".to_owned(),
        message: format!("Notifications reach \u{201c}{}\u{201d}.", target.name),
        severity: Severity::Info,
        at: Utc::now(),
    };
    let started = std::time::Instant::now();
    let attempt = app.outside.client.tell(&target, &told).await;
    Ok(Json(TestAnswer::new(attempt, took(started))))
}

/// In milliseconds.
pub(super) fn took(started: std::time::Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Gives a webhook another secret. For a day calls are signed with both.
#[utoipa::path(
    post, path = "/v1/notifications/targets/{id}/secret", tag = "notifications",
    operation_id = "exchange_notification_secret", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = SecretAnswer),
        (status = 401, body = Problem),
        (status = 404, description = "not_found, or not a webhook", body = Problem),
    )
)]
pub(super) async fn exchange_secret(
    State(app): State<App>,
    identity: Identity,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Json<SecretAnswer>, Problem> {
    let (id, secret) = (read(id)?, new_secret()?);
    let targets = &app.outside.targets;
    match targets
        .exchange_secret(&identity.user_id, id, &secret)
        .await?
    {
        true => Ok(Json(SecretAnswer {
            secret: secret.expose().to_owned(),
        })),
        false => Err(Problem::not_found("webhook")),
    }
}

pub(super) async fn find(
    app: &App,
    identity: &Identity,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Target, Problem> {
    let found = app
        .outside
        .targets
        .get(&identity.user_id, read(id)?)
        .await?;
    found.ok_or_else(no_target)
}

/// What isn't an id is nobody's.
pub(super) fn read(id: Result<Path<Uuid>, PathRejection>) -> Result<Uuid, Problem> {
    id.map(|Path(id)| id).map_err(|_| no_target())
}

fn no_target() -> Problem {
    Problem::not_found("target")
}

fn not_confirmed() -> Problem {
    let detail = "the address is not confirmed yet";
    Problem::new(StatusCode::CONFLICT, "not_confirmed", detail)
        .hint("enter the code that was mailed to it")
}

fn new_secret() -> Result<Secret, Problem> {
    Secret::random().ok_or_else(no_randomness)
}

pub(super) fn no_randomness() -> Problem {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    Problem::new(status, "no_randomness", "the system gave no random bytes")
}

fn refused(error: TargetError) -> Problem {
    match error {
        TargetError::Database(error) => error.into(),
        TargetError::NameTaken => Problem::new(
            StatusCode::CONFLICT,
            "name_taken",
            "you have another target of this name",
        )
        .field("name")
        .hint("choose another name"),
        TargetError::TooMany => Problem::new(
            StatusCode::CONFLICT,
            "too_many_targets",
            format!("a user has at most {MAX_TARGETS} targets"),
        )
        .hint("delete one first"),
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn an_answer_never_shows_what_is_secret_of_a_url() {
        for (url, shown) in [
            (
                "https://hooks.slack.com/services/T0/B0/xyz",
                "https://hooks.slack.com",
            ),
            (
                "https://api.telegram.org/bot1:xyz/sendMessage",
                "https://api.telegram.org",
            ),
            ("http://127.0.0.1:9000/a?token=xyz", "http://127.0.0.1:9000"),
            ("mailto:alice@example.com", "alice@example.com"),
        ] {
            assert_eq!(address(url), shown);
        }
    }
}
