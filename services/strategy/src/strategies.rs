//! Strategies over HTTP.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use service_kit::{ApiJson, FieldError, Identity, Page, PageQuery, Problem};
use strategy_engine::{Compilation, Diagnostic, PlanSummary, write_script};
use uuid::Uuid;

use crate::repository::{self, NewVersion, StrategyRow};
use crate::source::{Compiled, Kind, UnknownKind};
use crate::state::AppState;

const MAX_NAME_CHARS: usize = 200;
const MAX_DESCRIPTION_CHARS: usize = 10_000;

/// A strategy to be saved.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StrategyBody {
    /// Up to 200 characters.
    name: String,
    /// `graph` or `script`.
    kind: String,
    /// The node graph as an object, or the script as a text.
    #[schema(value_type = Object)]
    source: Value,
    /// Up to 10,000 characters.
    #[serde(default)]
    description: String,
}

/// A source to be compiled.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompileBody {
    /// `graph` or `script`.
    kind: String,
    /// The node graph as an object, or the script as a text.
    #[schema(value_type = Object)]
    source: Value,
}

/// What the compiler says.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CompileAnswer {
    /// Whether it can run.
    ok: bool,
    /// All that is to say about the source.
    #[schema(value_type = Vec<Object>)]
    diagnostics: Vec<Diagnostic>,
    /// What came out.
    #[schema(value_type = Option<Object>)]
    plan: Option<PlanSummary>,
    /// The graph that a script comes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    graph: Option<Value>,
    /// A graph as a script, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<String>,
}

/// What else is wanted of a compilation.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Forms {
    /// Whether a graph is given as a script, too.
    #[serde(default)]
    forms: bool,
}

/// A saved strategy.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct StrategyAnswer {
    id: Uuid,
    name: String,
    kind: String,
    description: String,
    /// The latest version.
    version: i32,
    #[schema(value_type = Vec<Object>)]
    diagnostics: Value,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// The node graph, or the script's text; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    source: Option<Value>,
}

impl StrategyAnswer {
    fn new(row: StrategyRow, with_source: bool) -> Self {
        Self {
            id: row.id,
            name: row.name,
            kind: row.kind,
            description: row.description,
            version: row.version,
            diagnostics: row.diagnostics.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
            source: with_source.then_some(row.source.0),
        }
    }
}

/// A strategy to begin with.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TemplateAnswer {
    key: String,
    name: String,
    description: String,
    kind: String,
    #[schema(value_type = Object)]
    source: Value,
    /// The same strategy as a script.
    script: String,
    /// Where a picture of what it does is: an SVG.
    picture: String,
}

fn check(body: &StrategyBody) -> Result<Kind, Problem> {
    let mut errors = Vec::new();
    let mut wrong = |field: &str, code: &str, detail: &str, hint: &str| {
        errors.push(FieldError {
            field: field.to_owned(),
            code: code.to_owned(),
            detail: detail.to_owned(),
            hint: hint.to_owned(),
        });
    };
    let characters = body.name.trim().chars().count();
    if characters == 0 || characters > MAX_NAME_CHARS {
        let detail = format!("the name has {characters} characters");
        wrong(
            "name",
            "invalid_name",
            &detail,
            "give it 1 to 200 characters",
        );
    }
    if body.description.chars().count() > MAX_DESCRIPTION_CHARS {
        wrong(
            "description",
            "too_long",
            "the description is too long",
            "use up to 10,000",
        );
    }
    let kind = body.kind.parse();
    match kind {
        Err(UnknownKind) => {
            let shown: String = body.kind.chars().take(40).collect();
            let detail = format!("`{shown}` is not a kind of strategy");
            wrong("kind", "unknown_kind", &detail, "use `graph` or `script`");
        }
        Ok(Kind::Script) if !body.source.is_string() => {
            let hint = "send the script as a JSON text, or the kind `graph`";
            wrong(
                "source",
                "invalid_source",
                "the source of a script is a text",
                hint,
            );
        }
        Ok(_) => {}
    }
    match kind {
        Ok(kind) if errors.is_empty() => Ok(kind),
        _ => Err(Problem::invalid(errors)),
    }
}

pub(crate) fn refused(compilation: &Compilation) -> Problem {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let diagnostics = json!(compilation.diagnostics);
    let problem = match compilation.diagnostics.iter().find(|d| is_error(d)) {
        Some(first) => {
            let problem = Problem::new(status, "strategy_invalid", first.message.clone());
            match &first.hint {
                Some(hint) => problem.hint(hint.clone()),
                None => problem,
            }
        }
        None => Problem::new(status, "strategy_invalid", "the strategy has errors"),
    };
    problem.field("source").with("diagnostics", diagnostics)
}

pub(crate) fn is_error(diagnostic: &Diagnostic) -> bool {
    diagnostic.severity == strategy_engine::Severity::Error
}

/// The user's strategies, newest first.
#[utoipa::path(get, path = "/v1/strategies", tag = "strategies", params(PageQuery),
    responses((status = 200, body = Page<StrategyAnswer>), (status = 401, body = Problem)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<StrategyAnswer>>, Problem> {
    let before = query.cursor.as_deref().map(cursor).transpose()?;
    let limit = query.limit();
    let rows = repository::list(&state.database, &identity.user_id, before, limit + 1).await?;
    let answers = rows
        .into_iter()
        .map(|row| StrategyAnswer::new(row, false))
        .collect();
    Ok(Json(Page::cut(answers, limit, |answer| {
        format!("{}_{}", answer.created_at.timestamp_micros(), answer.id)
    })))
}

fn cursor(text: &str) -> Result<(DateTime<Utc>, Uuid), Problem> {
    let parsed = text.split_once('_').and_then(|(micros, id)| {
        Some((
            DateTime::from_timestamp_micros(micros.parse().ok()?)?,
            id.parse().ok()?,
        ))
    });
    parsed.ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_cursor",
            "the cursor is not one of ours",
        )
        .field("cursor")
        .hint("use `next_cursor` of the page before")
    })
}

/// Compiles and saves a strategy.
#[utoipa::path(post, path = "/v1/strategies", tag = "strategies", request_body = StrategyBody,
    responses((status = 201, body = StrategyAnswer), (status = 422, body = Problem)))]
pub(crate) async fn create(
    State(state): State<AppState>,
    identity: Identity,
    ApiJson(body): ApiJson<StrategyBody>,
) -> Result<Response, Problem> {
    let kind = check(&body)?;
    let id = Uuid::now_v7();
    let user_id = &identity.user_id;
    let compiled = state
        .compiler
        .compile(user_id, Some((id, 1)), kind, body.source.clone())
        .await?;
    let compilation = compiled.compilation;
    let Some(plan) = &compilation.plan else {
        return Err(refused(&compilation));
    };
    let diagnostics = json!(compilation.diagnostics);
    let plan_hash = plan.hash().to_string();
    let new = new_version(&body, &diagnostics, &plan_hash);
    repository::insert(&state.database, id, user_id, &new).await?;
    let answer = read(&state, user_id, id).await?;
    Ok((StatusCode::CREATED, answer).into_response())
}

fn new_version<'a>(
    body: &'a StrategyBody,
    diagnostics: &'a Value,
    plan_hash: &'a str,
) -> NewVersion<'a> {
    NewVersion {
        name: body.name.trim(),
        description: &body.description,
        kind: &body.kind,
        source: &body.source,
        diagnostics,
        plan_hash,
    }
}

async fn read(state: &AppState, user_id: &str, id: Uuid) -> Result<Json<StrategyAnswer>, Problem> {
    let row = repository::find(&state.database, user_id, id).await?;
    let row = row.ok_or_else(|| Problem::not_found("strategy").field("id"))?;
    Ok(Json(StrategyAnswer::new(row, true)))
}

/// One strategy with its source.
#[utoipa::path(get, path = "/v1/strategies/{id}", tag = "strategies", params(("id" = Uuid, Path)),
    responses((status = 200, body = StrategyAnswer), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<Json<StrategyAnswer>, Problem> {
    read(&state, &identity.user_id, id).await
}

/// Saves a new version; running sessions keep the one that they have.
#[utoipa::path(put, path = "/v1/strategies/{id}", tag = "strategies", params(("id" = Uuid, Path)),
    request_body = StrategyBody,
    responses((status = 200, body = StrategyAnswer), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub(crate) async fn update(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
    ApiJson(body): ApiJson<StrategyBody>,
) -> Result<Json<StrategyAnswer>, Problem> {
    let kind = check(&body)?;
    let user_id = &identity.user_id;
    let current = read(&state, user_id, id).await?;
    let attempt = Some((id, current.version + 1));
    let compiled = state
        .compiler
        .compile(user_id, attempt, kind, body.source.clone())
        .await?;
    let compilation = compiled.compilation;
    let Some(plan) = &compilation.plan else {
        return Err(refused(&compilation));
    };
    let diagnostics = json!(compilation.diagnostics);
    let plan_hash = plan.hash().to_string();
    let new = new_version(&body, &diagnostics, &plan_hash);
    let added = repository::add_version(&state.database, id, user_id, &new).await?;
    added.ok_or_else(|| Problem::not_found("strategy").field("id"))?;
    read(&state, user_id, id).await
}

/// Deletes a strategy that no session runs.
#[utoipa::path(delete, path = "/v1/strategies/{id}", tag = "strategies",
    params(("id" = Uuid, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn remove(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let Json(_found) = read(&state, &identity.user_id, id).await?;
    let running = state.deployments.running(id).await?;
    if running > 0 {
        let detail = format!("{running} session(s) run this strategy");
        return Err(
            Problem::new(StatusCode::CONFLICT, "strategy_in_use", detail)
                .hint("stop the sessions first"),
        );
    }
    match repository::delete(&state.database, &identity.user_id, id).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found("strategy").field("id")),
    }
}

/// Compiles a source without saving it.
#[utoipa::path(post, path = "/v1/strategies/compile", tag = "strategies",
    request_body = CompileBody, params(Forms),
    responses((status = 200, body = CompileAnswer), (status = 422, body = Problem)))]
pub(crate) async fn compile(
    State(state): State<AppState>,
    identity: Identity,
    Query(Forms { forms }): Query<Forms>,
    ApiJson(body): ApiJson<CompileBody>,
) -> Result<Json<CompileAnswer>, Problem> {
    let checked = StrategyBody {
        name: "unsaved".to_owned(),
        kind: body.kind,
        source: body.source,
        description: String::new(),
    };
    let kind = check(&checked)?;
    let source = checked.source;
    let written = (forms && kind == Kind::Graph).then(|| source.clone());
    let Compiled { compilation, graph } = state
        .compiler
        .compile(&identity.user_id, None, kind, source)
        .await?;
    let script = match written.filter(|_| compilation.ok()) {
        // As compiling it: pure computation.
        Some(graph) => tokio::task::spawn_blocking(move || write_script(&graph).ok())
            .await
            .unwrap_or_default(),
        None => None,
    };
    Ok(Json(CompileAnswer {
        ok: compilation.ok(),
        plan: compilation
            .plan
            .as_ref()
            .map(strategy_engine::Plan::summary),
        diagnostics: compilation.diagnostics,
        graph,
        script,
    }))
}

/// Strategies to begin with.
#[utoipa::path(get, path = "/v1/templates", tag = "strategies",
    responses((status = 200, body = Page<TemplateAnswer>)))]
pub(crate) async fn templates() -> Json<Page<TemplateAnswer>> {
    let templates = strategy_engine::templates()
        .iter()
        .map(|template| TemplateAnswer {
            key: template.key.to_owned(),
            name: template.name.to_owned(),
            description: template.description.to_owned(),
            kind: "graph".to_owned(),
            source: template.source(),
            script: template.script.to_owned(),
            picture: format!("/v1/templates/{}/picture", template.key),
        });
    Json(Page::all(templates.collect()))
}

/// What a template does on a made-up market, as a picture: price, indicators, fills.
#[utoipa::path(get, path = "/v1/templates/{key}/picture", tag = "strategies",
    params(("key" = String, Path)),
    responses((status = 200, content_type = "image/svg+xml"), (status = 404, body = Problem)))]
pub(crate) async fn picture(Path(key): Path<String>) -> Result<impl IntoResponse, Problem> {
    let mut templates = strategy_engine::templates().iter();
    let template = templates.find(|template| template.key == key);
    let template = template.ok_or_else(|| Problem::not_found("template").field("key"))?;
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, "max-age=3600"),
    ];
    Ok((headers, template.picture))
}
