//! The topics: created, compared, mended.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_common::KafkaSettings;
use kafka_common::admin::{self, Drift, TopicOutcome, TopicState};
use serde_json::json;

use super::{Arguments, print};
use crate::output;

/// A broker may tell old settings for a moment after a change.
const SETTLE: Duration = Duration::from_secs(10);

pub(super) async fn set_up(
    arguments: &Arguments,
    settings: &KafkaSettings,
) -> anyhow::Result<bool> {
    let mut done: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if !arguments.dry_run {
        for (topic, outcome) in admin::set_up_topics(settings).await? {
            if outcome == TopicOutcome::Created {
                done.entry(topic.name)
                    .or_default()
                    .push("created".to_owned());
            }
        }
    }
    let mut states = admin::topic_states(settings).await?;
    if arguments.apply {
        let mut refused = false;
        for mended in admin::mend(settings, &states).await? {
            let text = match mended.outcome {
                Ok(()) => format!("mended ({})", mended.drift),
                Err(error) => {
                    refused = true;
                    format!("not mended: {error}")
                }
            };
            done.entry(mended.topic).or_default().push(text);
        }
        let deadline = tokio::time::Instant::now() + SETTLE;
        loop {
            states = admin::topic_states(settings).await?;
            let left = states.iter().flat_map(|state| &state.drift);
            let settled = refused || !left.copied().any(Drift::can_be_mended);
            if settled || tokio::time::Instant::now() >= deadline {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    report(arguments.json, &states, &done);
    Ok(states.iter().all(|state| state.drift.is_empty()))
}

fn report(json: bool, states: &[TopicState], done: &BTreeMap<String, Vec<String>>) {
    let mut table = output::table(&["topic", "partitions", "retention", "replicas", "outcome"]);
    let mut rows = Vec::new();
    for state in states {
        let topic = &state.wanted;
        let hours = topic.retention.as_secs() / 3_600;
        let done = done.get(&topic.name).map(Vec::as_slice).unwrap_or_default();
        let outcome = match (state.drift.first(), done.first()) {
            (Some(Drift::Missing), _) => "missing",
            (Some(_), _) => "drifted",
            (None, None) => "unchanged",
            (None, Some(first)) if first == "created" => "created",
            (None, Some(_)) => "mended",
        };
        let drift: Vec<_> = state
            .drift
            .iter()
            .map(|drift| {
                json!({"code": drift.code(), "found": drift.to_string(),
                    "remedy": drift.remedy()})
            })
            .collect();
        rows.push(json!({"topic": topic.name, "partitions": topic.partitions,
            "retention_hours": hours, "replication": topic.replication, "outcome": outcome,
            "drift": drift, "done": done}));
        let told = state
            .drift
            .iter()
            .map(|drift| format!("DIFFERS: {drift}; {}", drift.remedy()));
        let texts: Vec<String> = done.iter().cloned().chain(told).collect();
        table.add_row([
            topic.name.clone(),
            topic.partitions.to_string(),
            duration(hours),
            topic.replication.to_string(),
            match texts.is_empty() {
                true => "unchanged".to_owned(),
                false => texts.join("\n"),
            },
        ]);
    }
    print(json, rows, &table);
}

fn duration(hours: u64) -> String {
    match hours % 24 {
        0 if hours > 24 => format!("{} d", hours / 24),
        _ => format!("{hours} h"),
    }
}
