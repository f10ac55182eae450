//! What a first start shows: a strategy and a session, so that trades come within seconds.

use std::time::Duration;

use rust_decimal::Decimal;

use crate::api::{Api, NewSession};

/// How long the demo session may take to start.
const START: Duration = Duration::from_secs(20);

/// The built-in crossover of two moving averages.
pub(crate) fn crossover() -> anyhow::Result<(&'static str, serde_json::Value)> {
    let template = strategy_engine::templates()
        .iter()
        .find(|template| template.key == "sma_crossover")
        .ok_or_else(|| anyhow::anyhow!("the template sma_crossover is missing"))?;
    Ok((template.name, template.source()))
}

/// Makes strategy and session where there is no session yet.
pub(crate) async fn prepare(api: &Api, symbol: &str) -> anyhow::Result<()> {
    if api.count_sessions().await? > 0 {
        return Ok(());
    }
    let (name, source) = crossover()?;
    let strategy_id = api.create_strategy(name, "graph", &source).await?;
    let session = api
        .create_session(&NewSession {
            strategy_id,
            name: "Demo",
            symbol,
            cash: Decimal::from(100_000),
            fee: Decimal::new(1, 3),
            key: "demo",
            terms: "",
        })
        .await?;
    api.wait_for(session.id, "RUNNING", START).await?;
    Ok(())
}
