//! What the nodes of a running session's strategy give at the moment: for the picture of it.
//!
//! The evaluation is asked as it runs, between two records. What its graph's nodes are called and
//! where in the plan their values are is found once for a session, and kept for a few.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use service_kit::{Identity, Problem};
use strategy_engine::{Shown, Trace, trace};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use uuid::Uuid;

use crate::deployments::{Deployment, Deployments};
use crate::evaluation::{Command, Showing, ShownSession};
use crate::source::{Kind, compile_source};
use crate::state::AppState;

/// Sessions whose traces are kept; with more, all are forgotten and found again.
const KEPT: usize = 256;
/// How long the evaluation may take to answer: it does so between two records.
const PATIENCE: Duration = Duration::from_secs(2);

/// A session that somebody looks at; none of this ever changes.
#[derive(Debug)]
struct Looked {
    user_id: String,
    strategy_id: Uuid,
    version: i32,
    unit: i32,
    trace: Arc<Trace>,
}

/// Looks at running sessions. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Values {
    deployments: Deployments,
    evaluation: mpsc::Sender<Command>,
    known: Arc<Mutex<HashMap<Uuid, Arc<Looked>>>>,
}

impl Values {
    pub(crate) fn new(deployments: Deployments, evaluation: mpsc::Sender<Command>) -> Self {
        Self {
            deployments,
            evaluation,
            known: Arc::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<Looked>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session of the user's; another's is the same as none.
    async fn looked(&self, user_id: &str, session_id: Uuid) -> Result<Arc<Looked>, Problem> {
        let known = self.known().get(&session_id).cloned();
        if let Some(known) = known {
            return match known.user_id == user_id {
                true => Ok(known),
                false => Err(no_session()),
            };
        }
        let deployment = self.deployments.find(session_id).await?;
        let deployment = deployment.filter(|deployment| deployment.user_id == user_id);
        let deployment = deployment.ok_or_else(no_session)?;
        let looked = tokio::task::spawn_blocking(move || look(deployment)).await;
        let looked = looked.ok().flatten().ok_or_else(|| {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Problem::new(
                status,
                "not_traced",
                "the session's strategy can't be shown",
            )
        })?;
        let looked = Arc::new(looked);
        let mut known = self.known();
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(session_id, Arc::clone(&looked));
        Ok(looked)
    }

    /// None where the session isn't evaluated: not yet, or not any more.
    async fn shown(
        &self,
        session_id: Uuid,
        looked: &Looked,
    ) -> Result<Option<ShownSession>, Problem> {
        let (answer, shown) = oneshot::channel();
        let showing = Box::new(Showing {
            unit: looked.unit,
            session_id,
            trace: Arc::clone(&looked.trace),
            answer,
        });
        // What is asked of sessions has the same way, and comes first.
        self.evaluation
            .try_send(Command::Show(showing))
            .map_err(|error| Problem::unavailable("the evaluation", error))?;
        match timeout(PATIENCE, shown).await {
            Ok(Ok(shown)) => Ok(shown),
            Ok(Err(_dropped)) => Err(elsewhere()),
            Err(late) => Err(Problem::unavailable("the evaluation", late)),
        }
    }
}

/// The names of nodes and handles come from the graph; a script's is what it comes to.
fn look(deployment: Deployment) -> Option<Looked> {
    let source = deployment.source.0;
    let graph = match deployment.kind.parse().ok()? {
        Kind::Graph => source,
        Kind::Script => compile_source(Kind::Script, &source).graph?,
    };
    Some(Looked {
        user_id: deployment.user_id,
        strategy_id: deployment.strategy_id,
        version: deployment.version,
        unit: deployment.unit,
        trace: Arc::new(trace(&graph)?),
    })
}

fn no_session() -> Problem {
    Problem::not_found("session").field("session_id")
}

fn elsewhere() -> Problem {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let detail = "another replica evaluates this session, or it is moving to one";
    Problem::new(status, "evaluated_elsewhere", detail).hint("try again in a second")
}

/// What a strategy's nodes gave at its last evaluation.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ValuesAnswer {
    session_id: Uuid,
    /// The strategy's version that the session runs.
    strategy_version: i32,
    /// False where it isn't evaluated: not yet, or not any more. Then nothing has a value.
    running: bool,
    /// How often it was evaluated, what came before the session included.
    evaluations: u64,
    /// Outputs that are numbers or conditions, in the order of the graph's nodes.
    outputs: Vec<OutputAnswer>,
}

/// An output of a node.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct OutputAnswer {
    /// The node's id.
    node: String,
    /// The handle that it leaves by, by its first name.
    output: &'static str,
    /// Null for no value: the node has seen too little, or no order depends on it.
    value: Option<ValueAnswer>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
enum ValueAnswer {
    Number(f64),
    Condition(bool),
}

impl From<Shown> for ValueAnswer {
    fn from(value: Shown) -> Self {
        match value {
            Shown::Number(number) => Self::Number(number),
            Shown::Condition(condition) => Self::Condition(condition),
        }
    }
}

/// What the nodes of a strategy give at the moment in a running session of one's own.
#[utoipa::path(get, path = "/v1/strategies/{id}/sessions/{session_id}/values", tag = "strategies",
    params(("id" = Uuid, Path), ("session_id" = Uuid, Path)),
    responses((status = 200, body = ValuesAnswer), (status = 404, body = Problem),
        (status = 503, description = "evaluated_elsewhere, unavailable", body = Problem)))]
pub(crate) async fn show(
    State(state): State<AppState>,
    identity: Identity,
    Path((id, session_id)): Path<(Uuid, Uuid)>,
) -> Result<Json<ValuesAnswer>, Problem> {
    let looked = state.values.looked(&identity.user_id, session_id).await?;
    if looked.strategy_id != id {
        return Err(no_session());
    }
    let shown = state.values.shown(session_id, &looked).await?;
    let value_at = |index: usize| shown.as_ref()?.values.get(index).copied().flatten();
    let outputs = looked.trace.outputs.iter().enumerate();
    Ok(Json(ValuesAnswer {
        session_id,
        strategy_version: looked.version,
        running: shown.is_some(),
        evaluations: shown.as_ref().map_or(0, |shown| shown.evaluations),
        outputs: outputs
            .map(|(index, output)| OutputAnswer {
                node: output.node.clone(),
                output: output.output,
                value: value_at(index).map(ValueAnswer::from),
            })
            .collect(),
    }))
}
