//! Groups that nobody is in, and groups that fall behind.

use std::time::Duration;

use kafka_common::matrix::{MATRIX, MatrixRow};
use kafka_common::topics::{CATALOGUE, TopicSpec};
use kafka_common::{ClientError, KafkaSettings, admin};

use super::cluster::denied;
use super::report::{Finding, Outcome, command_config, quoted};

/// Below this a lag is what is on its way.
const WORTH_TELLING: i64 = 100;

pub(super) async fn members(settings: &KafkaSettings) -> Outcome {
    let groups = match admin::groups_with_members(settings).await {
        Ok(groups) => groups,
        Err(error) => return denied(settings, error),
    };
    let consuming = MATRIX.iter().filter(|row| !row.consumes.is_empty());
    let without = consuming.filter(|row| groups.get(&settings.group(row.group)) != Some(&true));
    Ok(without
        .map(|row| Finding {
            subject: settings.group(row.group),
            found: "has no members".to_owned(),
            remedy: format!(
                "start {}; if it runs, its log says why it doesn't join",
                row.service
            ),
            kafka: describe(settings, row),
        })
        .collect())
}

/// How far a group is in a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    /// Records that were ever written.
    end: i64,
    /// Records not yet done.
    lag: i64,
}

/// Two looks at each group.
pub(super) async fn lag(settings: &KafkaSettings, watch: Duration) -> Outcome {
    let before = match positions(settings).await {
        Ok(positions) => positions,
        Err(error) => return denied(settings, error),
    };
    tokio::time::sleep(watch).await;
    let after = match positions(settings).await {
        Ok(positions) => positions,
        Err(error) => return denied(settings, error),
    };
    let both = before.into_iter().zip(after);
    Ok(both
        .filter_map(|((row, topic, before), (_, _, after))| {
            let found = judge(before, after, watch)?;
            Some(Finding {
                subject: format!("{} on {}", settings.group(row.group), settings.topic(topic.name)),
                found,
                remedy: format!(
                    "see the log and the metrics of {}: handlers that fail or wait, a broker that is \
                     slow; more replicas help only while there are partitions for them",
                    row.service
                ),
                kafka: describe(settings, row),
            })
        })
        .collect())
}

/// What two looks say: standing still, or falling behind.
fn judge(before: Position, after: Position, watch: Duration) -> Option<String> {
    let written = after.end - before.end;
    let done = before.lag + written - after.lag;
    let seconds = watch.as_secs();
    if after.lag < WORTH_TELLING {
        None
    } else if done <= 0 {
        Some(format!(
            "{} records behind, and none was done in {seconds} s",
            after.lag
        ))
    } else if after.lag > before.lag && done * 2 < written {
        Some(format!(
            "falls behind: {written} records came in {seconds} s and {done} were done; the lag is {}",
            after.lag
        ))
    } else {
        None
    }
}

async fn positions(
    settings: &KafkaSettings,
) -> Result<Vec<(&'static MatrixRow, &'static TopicSpec, Position)>, ClientError> {
    let mut positions = Vec::new();
    for row in MATRIX {
        for consumed in row.consumes {
            let Some(spec) = CATALOGUE.iter().find(|spec| spec.name == *consumed) else {
                continue;
            };
            let (name, partitions) = (spec.name, spec.partitions);
            let ends = admin::watermarks(settings, name, partitions).await?;
            let committed = admin::committed_offsets(settings, row.group, name, partitions).await?;
            let lag = ends.iter().zip(committed).map(|((first, end), committed)| {
                // What has expired can't be read any more.
                end - committed.unwrap_or(*first).max(*first)
            });
            let position = Position {
                end: ends.iter().map(|(_, end)| end).sum(),
                lag: lag.sum(),
            };
            positions.push((row, spec, position));
        }
    }
    Ok(positions)
}

fn describe(settings: &KafkaSettings, row: &MatrixRow) -> String {
    format!(
        "kafka-consumer-groups --bootstrap-server {}{} --describe --group {}",
        quoted(&settings.bootstrap_servers),
        command_config(settings),
        quoted(&settings.group(row.group))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(before: (i64, i64), after: (i64, i64)) -> Option<&'static str> {
        let position = |(end, lag)| Position { end, lag };
        let found = judge(position(before), position(after), Duration::from_secs(5))?;
        Some(match found.starts_with("falls behind") {
            true => "falls behind",
            false => "stands still",
        })
    }

    #[test]
    fn a_lag_is_told_if_it_grows_or_stands_still() {
        // Nothing to do; a little on its way; catching up; keeping up with a burst.
        assert_eq!(judged((1_000, 0), (1_000, 0)), None);
        assert_eq!(judged((1_000, 5), (1_400, 40)), None);
        assert_eq!(judged((1_000, 900), (1_100, 400)), None);
        assert_eq!(judged((1_000, 150), (2_000, 180)), None);
        assert_eq!(judged((1_000, 300), (1_000, 300)), Some("stands still"));
        assert_eq!(judged((1_000, 300), (1_200, 500)), Some("stands still"));
        assert_eq!(judged((1_000, 300), (2_000, 1_200)), Some("falls behind"));
    }
}
