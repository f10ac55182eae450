//! `/v1/notifications/targets/{id}/code` and `/confirm`: nobody is sent mails who didn't say so.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use service_kit::{ApiJson, FieldError, Identity, Problem};
use utoipa::ToSchema;
use uuid::Uuid;

use super::App;
use super::targets::{TargetAnswer, TestAnswer, find, read, took};
use crate::outside::{CodeRefused, Confirmed};

/// The code that came by mail.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeBody {
    /// Eight digits.
    code: String,
}

/// Mails a code to a mailbox that is a target to be. The code before isn't good any more.
#[utoipa::path(
    post, path = "/v1/notifications/targets/{id}/code", tag = "notifications",
    operation_id = "send_notification_code", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = TestAnswer),
        (status = 401, body = Problem),
        (status = 404, description = "not_found, or not a mailbox", body = Problem),
        (status = 409, description = "confirmed_already", body = Problem),
        (status = 422, description = "no_mail_server", body = Problem),
        (status = 429, description = "too_many_codes", body = Problem),
    )
)]
pub(super) async fn send(
    State(app): State<App>,
    identity: Identity,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Json<TestAnswer>, Problem> {
    let target = find(&app, &identity, id).await?;
    let mailbox = target.mailbox().ok_or_else(no_mailbox)?;
    if target.is_confirmed() {
        return Err(confirmed_already());
    }
    let mailer = app.outside.client.mailer().ok_or_else(no_mail_server)?;
    let (targets, user) = (&app.outside.targets, &identity.user_id);
    let made = targets.make_code(user, target.id, mailbox.as_ref()).await;
    let code = made.map_err(refused)?;
    let started = std::time::Instant::now();
    let attempt = mailer.ask(mailbox, user, &code).await;
    Ok(Json(TestAnswer::new(attempt, took(started))))
}

/// Takes the code that came by mail; the right one switches the target on.
#[utoipa::path(
    post, path = "/v1/notifications/targets/{id}/confirm", tag = "notifications",
    operation_id = "confirm_notification_target", params(("id" = Uuid, Path)),
    request_body = CodeBody,
    responses(
        (status = 200, body = TargetAnswer),
        (status = 401, body = Problem),
        (status = 404, description = "not_found, or not a mailbox", body = Problem),
        (status = 409, description = "confirmed_already", body = Problem),
        (status = 422, description = "wrong_code, no_code", body = Problem),
    )
)]
pub(super) async fn confirm(
    State(app): State<App>,
    identity: Identity,
    id: Result<Path<Uuid>, PathRejection>,
    ApiJson(body): ApiJson<CodeBody>,
) -> Result<Json<TargetAnswer>, Problem> {
    let id = read(id)?;
    // As it stands in the mail, or with a space that a reader put in.
    let code: String = body.code.chars().filter(|c| !c.is_whitespace()).collect();
    let targets = &app.outside.targets;
    match targets.confirm(&identity.user_id, id, &code).await? {
        Confirmed::Yes(target) => Ok(Json(TargetAnswer::new(*target))),
        Confirmed::Wrong => Err(about_code(
            "wrong_code",
            "this is not the code that was sent last",
            "enter the eight digits of the newest mail",
        )),
        Confirmed::NoCode => {
            let target = targets.get(&identity.user_id, id).await?;
            let target = target.filter(|target| target.mailbox().is_some());
            match target.ok_or_else(no_mailbox)?.is_confirmed() {
                true => Err(confirmed_already()),
                false => Err(about_code(
                    "no_code",
                    "no code is good any more",
                    "ask for another one: POST .../code",
                )),
            }
        }
    }
}

fn about_code(code: &str, detail: &str, hint: &str) -> Problem {
    Problem::invalid(vec![FieldError {
        field: "code".to_owned(),
        code: code.to_owned(),
        detail: detail.to_owned(),
        hint: hint.to_owned(),
    }])
}

fn no_mailbox() -> Problem {
    Problem::not_found("mailbox")
}

fn confirmed_already() -> Problem {
    let detail = "this address is confirmed already";
    Problem::new(StatusCode::CONFLICT, "confirmed_already", detail)
}

pub(super) fn no_mail_server() -> Problem {
    let detail = "this installation has no mail server";
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Problem::new(status, "no_mail_server", detail)
        .field("form")
        .hint("the operator can set one: notifications.smtp")
}

fn refused(error: CodeRefused) -> Problem {
    match error {
        CodeRefused::Database(error) => error.into(),
        CodeRefused::NotWanted => confirmed_already(),
        CodeRefused::NoRandomness => super::targets::no_randomness(),
        CodeRefused::TooMany => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_codes",
            "as many codes went out as may",
        )
        .hint("5 an hour for each user, and 5 a day to each address"),
    }
}
