//! A page that watches, as far as its connection goes: what the dashboard is pushed, and when.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use serde_json::json;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(10);

/// As much of a reply as is looked at.
#[derive(Debug, Deserialize)]
struct Reply {
    push: Option<Push>,
}

#[derive(Debug, Deserialize)]
struct Push {
    #[serde(rename = "pub")]
    publication: Option<Publication>,
}

#[derive(Debug, Deserialize)]
struct Publication {
    data: Event,
}

#[derive(Debug, Deserialize)]
struct Event {
    event: String,
    payload: Payload,
}

#[derive(Debug, Deserialize)]
struct Payload {
    signal_id: Option<Uuid>,
}

/// The signal of an execution that is pushed; none for anything else.
fn executed(line: &str) -> Option<Uuid> {
    let reply: Reply = serde_json::from_str(line).ok()?;
    let event = reply.push?.publication?.data;
    let is_execution = event.event == "trade-execution";
    event.payload.signal_id.filter(|_| is_execution)
}

/// Connects as the token's user, who gets all events of that user, and tells what comes.
pub(super) async fn watch(
    url: &str,
    token: &str,
    end: &CancellationToken,
) -> anyhow::Result<mpsc::Receiver<(Uuid, Instant)>> {
    let (mut socket, _) = connect_async(url).await?;
    let connect = json!({"id": 1, "connect": {"token": token}}).to_string();
    socket.send(Message::text(connect)).await?;
    let first = tokio::time::timeout(PATIENCE, socket.next()).await;
    let reply = first.context("the push layer is silent")?;
    let reply = reply.context("the push layer hung up")??;
    if reply.to_text()?.contains("\"error\"") {
        bail!("the push layer refused the page: {reply}");
    }
    let (sender, receiver) = mpsc::channel();
    let end = end.clone();
    tokio::spawn(async move {
        while let Some(Some(Ok(message))) = end.run_until_cancelled(socket.next()).await {
            let at = Instant::now();
            let Ok(text) = message.to_text() else {
                continue;
            };
            if text.lines().any(|line| line == "{}") {
                let _ = socket.send(Message::text("{}")).await;
            }
            for id in text.lines().filter_map(executed) {
                let _ = sender.send((id, at));
            }
        }
    });
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executions_are_told_from_what_else_is_pushed() {
        let id = Uuid::from_u128(7);
        let line = |event: &str| {
            json!({"push": {"channel": "user:a", "pub": {"offset": 3, "data":
                {"event": event, "payload": {"sequence": 1, "signal_id": id}}}}})
            .to_string()
        };
        assert_eq!(executed(&line("trade-execution")), Some(id));
        assert_eq!(executed(&line("forward-test-event")), None);
        assert_eq!(executed("{}"), None);
        assert_eq!(executed("{\"id\":1,\"connect\":{}}"), None);
    }
}
