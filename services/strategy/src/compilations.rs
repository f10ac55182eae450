//! Compiling, with an event on `strategy-compilations` for every attempt.

use std::time::Instant;

use axum::http::StatusCode;
use chrono::Utc;
use kafka_common::messages::StrategyCompilation;
use kafka_common::{KafkaProducer, StrategyService, Topics};
use serde_json::value::to_raw_value;
use service_kit::Problem;
use strategy_engine::Compilation;
use uuid::Uuid;

use crate::source::{Compiled, Kind, compile_source};

/// Compiles and tells. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Compiler {
    producer: KafkaProducer<StrategyService>,
}

impl Compiler {
    pub(crate) fn new(producer: KafkaProducer<StrategyService>) -> Self {
        Self { producer }
    }

    /// Compiles a source and publishes the attempt.
    pub(crate) async fn compile(
        &self,
        user_id: &str,
        strategy: Option<(Uuid, i32)>,
        kind: Kind,
        source: serde_json::Value,
    ) -> Result<Compiled, Problem> {
        let started = Instant::now();
        // A large graph takes milliseconds of pure computation.
        let compiled = tokio::task::spawn_blocking(move || compile_source(kind, &source)).await;
        let compiled = compiled.map_err(|error| {
            tracing::error!(%error, "the compiler ended badly");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Problem::new(
                status,
                "compiler_failed",
                "the compiler failed on this source",
            )
        })?;
        let elapsed = started.elapsed();
        metrics::histogram!("strategy_compile_duration_seconds").record(elapsed.as_secs_f64());
        self.publish(
            user_id,
            strategy,
            &compiled.compilation,
            elapsed.as_secs_f64() * 1_000.0,
        )
        .await;
        Ok(compiled)
    }

    /// The answer doesn't wait for the broker; an event that isn't delivered is logged and
    /// counted by the producer.
    async fn publish(
        &self,
        user_id: &str,
        strategy: Option<(Uuid, i32)>,
        compilation: &Compilation,
        duration_ms: f64,
    ) {
        let diagnostics = match to_raw_value(&compilation.diagnostics) {
            Ok(diagnostics) => diagnostics,
            Err(error) => {
                tracing::error!(%error, "diagnostics can't be written");
                return;
            }
        };
        let event = StrategyCompilation {
            strategy_id: strategy.map(|(id, _)| id),
            user_id: user_id.to_owned(),
            version: strategy.map(|(_, version)| version),
            success: compilation.ok(),
            duration_ms,
            plan_hash: compilation
                .plan
                .as_ref()
                .map(|plan| plan.hash().to_string()),
            diagnostics,
            timestamp: Utc::now(),
        };
        let key = event
            .strategy_id
            .map_or_else(|| user_id.to_owned(), |id| id.to_string());
        match self
            .producer
            .enqueue_message(Topics::STRATEGY_COMPILATIONS, &event, &key)
            .await
        {
            Ok(pending) => {
                tokio::spawn(pending.wait());
            }
            Err(error) => tracing::error!(%error, "compilation event not queued"),
        }
    }
}
