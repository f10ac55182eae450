//! librdkafka's statistics as a bounded set of metrics.
//!
//! Several clients of a process report under the same names, so sums are kept: each client adds
//! what changed since its last report, and takes its share back when it ends.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use rdkafka::Statistics;

/// Brokers and partitions beyond this are left out: a label a broker, however large the cluster.
const MAX_BROKERS: usize = 64;
const MAX_PARTITIONS: usize = 1_024;

pub(crate) fn describe() {
    describe_gauge!(
        "messaging_client_queued_messages",
        "Messages that wait in producers' queues or for their acknowledgement"
    );
    describe_gauge!(
        "messaging_client_queued_bytes",
        Unit::Bytes,
        "The same in bytes"
    );
    describe_counter!(
        "messaging_client_transmitted_bytes_total",
        Unit::Bytes,
        "Bytes sent to brokers"
    );
    describe_counter!(
        "messaging_client_received_bytes_total",
        Unit::Bytes,
        "Bytes received from brokers"
    );
    describe_gauge!(
        "messaging_client_broker_rtt_seconds",
        Unit::Seconds,
        "Round trip to a broker, of the client that reported last: average and 99th percentile"
    );
    describe_gauge!(
        "kafka_consumergroup_lag",
        "Records of an assigned partition that the group hasn't committed yet; 0 once it is given back"
    );
}

/// What one client has reported so far.
#[derive(Debug, Default)]
pub(crate) struct ClientStatistics {
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    client_type: String,
    queued_messages: f64,
    queued_bytes: f64,
    transmitted: u64,
    received: u64,
    /// Partitions that have a lag, by topic; and the group that they were told for.
    lagging: HashSet<(String, i32)>,
    group: String,
}

impl ClientStatistics {
    /// For a consumer: its lag is told under the group's name.
    pub(crate) fn of_group(group: &str) -> Self {
        let last = Last {
            group: group.to_owned(),
            ..Last::default()
        };
        Self {
            last: Mutex::new(last),
        }
    }

    pub(crate) fn observe(&self, statistics: &Statistics) {
        let mut last = self.lock();
        last.client_type.clone_from(&statistics.client_type);
        last.queue(statistics.msg_cnt as f64, statistics.msg_size as f64);
        last.traffic(
            u64::try_from(statistics.tx_bytes).unwrap_or_default(),
            u64::try_from(statistics.rx_bytes).unwrap_or_default(),
        );
        round_trips(statistics);
        last.lags(statistics);
    }

    fn lock(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ClientStatistics {
    fn drop(&mut self) {
        let mut last = self.lock();
        last.queue(0.0, 0.0);
        last.forget_lags(&HashMap::new());
    }
}

impl Last {
    fn queue(&mut self, messages: f64, bytes: f64) {
        if self.client_type != "producer" {
            return;
        }
        gauge!("messaging_client_queued_messages").increment(messages - self.queued_messages);
        gauge!("messaging_client_queued_bytes").increment(bytes - self.queued_bytes);
        (self.queued_messages, self.queued_bytes) = (messages, bytes);
    }

    fn traffic(&mut self, transmitted: u64, received: u64) {
        let client_type = self.client_type.clone();
        counter!(
            "messaging_client_transmitted_bytes_total", "client_type" => client_type.clone()
        )
        .increment(transmitted.saturating_sub(self.transmitted));
        counter!("messaging_client_received_bytes_total", "client_type" => client_type)
            .increment(received.saturating_sub(self.received));
        (self.transmitted, self.received) = (transmitted, received);
    }

    fn lags(&mut self, statistics: &Statistics) {
        if self.group.is_empty() {
            return;
        }
        let partitions = statistics.topics.iter().flat_map(|(topic, statistics)| {
            statistics
                .partitions
                .iter()
                // -1 is librdkafka's own bookkeeping; a partition without a lag isn't assigned.
                .filter(|(number, partition)| **number >= 0 && partition.consumer_lag >= 0)
                .map(|(number, partition)| ((topic.clone(), *number), partition.consumer_lag))
        });
        let lags: HashMap<(String, i32), i64> = partitions.take(MAX_PARTITIONS).collect();
        self.forget_lags(&lags);
        for (partition, lag) in lags {
            lag_gauge(&self.group, &partition).set(lag as f64);
            self.lagging.insert(partition);
        }
    }

    /// A partition that was given back is another member's: it must not seem to lag here.
    fn forget_lags(&mut self, kept: &HashMap<(String, i32), i64>) {
        let group = &self.group;
        self.lagging.retain(|partition| {
            let keeps = kept.contains_key(partition);
            if !keeps {
                lag_gauge(group, partition).set(0.0);
            }
            keeps
        });
    }
}

fn lag_gauge(group: &str, (topic, partition): &(String, i32)) -> metrics::Gauge {
    gauge!(
        "kafka_consumergroup_lag",
        "consumergroup" => group.to_owned(),
        "topic" => topic.clone(),
        "partition" => partition.to_string()
    )
}

fn round_trips(statistics: &Statistics) {
    // A negative id is an address to begin with, or a role: the broker itself is there as well.
    let brokers = statistics.brokers.values().filter(|b| b.nodeid >= 0);
    for broker in brokers.take(MAX_BROKERS) {
        let Some(rtt) = &broker.rtt else { continue };
        if rtt.cnt == 0 {
            continue;
        }
        for (statistic, micros) in [("avg", rtt.avg), ("p99", rtt.p99)] {
            gauge!(
                "messaging_client_broker_rtt_seconds",
                "server_address" => broker.nodename.clone(),
                "statistic" => statistic
            )
            .set(micros as f64 / 1e6);
        }
    }
}
