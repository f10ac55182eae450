//! `/v1/notifications/preferences`: what a user wants to be told outside the page, and when.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use service_kit::{ApiJson, Identity, Problem};
use utoipa::ToSchema;

use super::App;
use crate::outside::{KINDS, MAX_PER_HOUR, Preferences};

/// A user's preferences, and what can be preferred.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PreferencesAnswer {
    preferences: Preferences,
    /// Kinds of notifications that the platform makes.
    known_kinds: [&'static str; KINDS.len()],
    /// The highest `per_hour`.
    max_per_hour: u32,
}

impl PreferencesAnswer {
    fn new(preferences: Preferences) -> Self {
        Self {
            preferences,
            known_kinds: KINDS,
            max_per_hour: MAX_PER_HOUR,
        }
    }
}

/// The user's preferences; the defaults, if they have none.
#[utoipa::path(
    get, path = "/v1/notifications/preferences", tag = "notifications",
    operation_id = "get_notification_preferences",
    responses((status = 200, body = PreferencesAnswer), (status = 401, body = Problem))
)]
pub(super) async fn get(
    State(app): State<App>,
    identity: Identity,
) -> Result<Json<PreferencesAnswer>, Problem> {
    let preferences = app.outside.targets.preferences(&identity.user_id).await?;
    Ok(Json(PreferencesAnswer::new(preferences)))
}

/// Replaces the user's preferences.
#[utoipa::path(
    put, path = "/v1/notifications/preferences", tag = "notifications",
    operation_id = "put_notification_preferences", request_body = Preferences,
    responses(
        (status = 200, body = PreferencesAnswer),
        (status = 401, body = Problem),
        (status = 422, description = "invalid_preferences", body = Problem),
    )
)]
pub(super) async fn put(
    State(app): State<App>,
    identity: Identity,
    ApiJson(preferences): ApiJson<Preferences>,
) -> Result<Json<PreferencesAnswer>, Problem> {
    let problems = preferences.problems();
    if !problems.is_empty() {
        return Err(Problem::invalid(problems));
    }
    let targets = &app.outside.targets;
    targets
        .keep_preferences(&identity.user_id, &preferences)
        .await?;
    Ok(Json(PreferencesAnswer::new(preferences)))
}
