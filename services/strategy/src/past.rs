//! Whether the log reaches back to where a session is to begin.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::http::StatusCode;
use chrono::{DateTime, SecondsFormat, Utc};
use kafka_common::envelope;
use kafka_common::messages::TickView;
use kafka_common::partitioner::market_data_partition;
use kafka_common::past::{Past, PastError};
use service_kit::Problem;

/// Refuses a start that lies before the oldest trade of the symbol that the log has: nobody could
/// say what the session would have met.
pub(crate) async fn check(
    past: &Arc<dyn Past>,
    symbol: &str,
    starts_at: DateTime<Utc>,
) -> Result<(), Problem> {
    let (past, wanted) = (Arc::clone(past), symbol.to_owned());
    let looking = tokio::task::spawn_blocking(move || oldest(&*past, &wanted));
    let oldest = match looking.await {
        Ok(Ok(oldest)) => oldest,
        Ok(Err(error)) => return Err(Problem::unavailable("the market's log", error)),
        Err(error) => return Err(Problem::unavailable("the market's log", error)),
    };
    let refused = |code, detail: String, hint: String| {
        let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail);
        Err(problem.field("starts_at").hint(hint))
    };
    match oldest {
        None => refused(
            "no_past",
            format!("the log has no trades of {symbol} yet"),
            "leave `starts_at` out: the session begins with the first trade".to_owned(),
        ),
        Some(oldest) if starts_at < oldest => {
            let since = oldest.to_rfc3339_opts(SecondsFormat::AutoSi, true);
            refused(
                "starts_before_log",
                format!("the log has trades of {symbol} since {since}, and none before"),
                format!("use {since} or later; a backtest knows more of the past"),
            )
        }
        Some(_) => Ok(()),
    }
}

/// Event time of the oldest trade of a symbol that the log has. Blocks.
fn oldest(past: &dyn Past, symbol: &str) -> Result<Option<DateTime<Utc>>, PastError> {
    let partition = market_data_partition(symbol);
    let (first, end) = past.bounds(partition)?;
    let mut oldest = None;
    past.open(partition, first)?
        .read_to(end - 1, &mut |record| {
            if record.key == Some(symbol.as_bytes())
                && let Ok(tick) = envelope::decode::<TickView<'_>>(record.value)
            {
                oldest = Some(tick.data.timestamp);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
    Ok(oldest)
}
