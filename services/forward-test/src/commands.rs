//! What users ask of running sessions, on its way to the log: kept first, then brought to the
//! strategy service as often as it takes, which gives it a place in the one order.

use kafka_common::messages::{OrderDetails, QuantityType, Signal, SignalAction};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use service_kit::Problem;
use sqlx::PgPool;
use sqlx::types::Json;
use uuid::Uuid;

use crate::peers::{CallError, Peers};
use crate::state::AppState;

/// A command as the strategy service takes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Command {
    pub(crate) kind: String,
    pub(crate) signal: Signal,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order: Option<Box<OrderDetails>>,
}

impl Command {
    /// One that trades nothing by itself.
    pub(crate) fn without_trade(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            signal: Signal {
                action: SignalAction::Hold,
                quantity: Decimal::ZERO,
                reason: format!("{kind}, as the user asks"),
                quantity_type: QuantityType::Units,
            },
            order_type: None,
            order: None,
        }
    }
}

/// Keeps a command and brings it on its way. The same id again changes nothing.
pub(crate) async fn send(
    state: &AppState,
    session_id: Uuid,
    id: Uuid,
    command: &Command,
) -> Result<(), Problem> {
    let text = serde_json::value::to_raw_value(command)
        .map_err(|error| Problem::unavailable("the command", error))?;
    sqlx::query(
        "INSERT INTO forward_test.commands (id, session_id, body) VALUES ($1, $2, $3)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(id)
    .bind(session_id)
    .bind(Json(text))
    .execute(&state.database)
    .await?;
    state.deployer.wake();
    Ok(())
}

/// Brings what waits to the strategy service, oldest first.
pub(crate) async fn deliver(pool: &PgPool, peers: &Peers) -> Result<(), sqlx::Error> {
    let waiting: Vec<(Uuid, Uuid, Json<Box<serde_json::value::RawValue>>)> = sqlx::query_as(
        "SELECT c.id, c.session_id, c.body FROM forward_test.commands c
         JOIN forward_test.sessions s ON s.id = c.session_id
         WHERE NOT c.sent AND s.deployed ORDER BY c.created_at, c.id LIMIT 500",
    )
    .fetch_all(pool)
    .await?;
    for (id, session_id, body) in waiting {
        match peers.command(session_id, id, &body.0).await {
            Ok(()) => {}
            Err(CallError::Refused(problem)) => {
                tracing::error!(%id, %session_id, detail = problem.detail, "command refused");
            }
            Err(CallError::Unreachable(error)) => {
                // Later ones must not overtake it.
                tracing::warn!(%id, error, "strategy service does not answer, will retry");
                return Ok(());
            }
        }
        sqlx::query("UPDATE forward_test.commands SET sent = TRUE WHERE id = $1")
            .bind(id)
            .execute(pool)
            .await?;
    }
    Ok(())
}
