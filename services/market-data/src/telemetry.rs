//! Metrics and log lines, one function for each event, so that both always agree.

use std::time::Duration;

use coinbase::client::DisconnectReason;
use coinbase::exchange::{ErrorFrame, ParseError};
use coinbase::{Gap, Symbol};
use kafka_common::ProduceError;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

/// Says what each metric means.
pub fn describe() {
    describe_counter!(
        "market_data_published_trades_total",
        "Trades acknowledged by Kafka, by symbol"
    );
    describe_counter!(
        "market_data_duplicate_trades_total",
        "Trades told again; with ticker and matches, every trade is"
    );
    describe_counter!(
        "market_data_gaps_total",
        "Runs of trades that the feed skipped, by symbol"
    );
    describe_counter!(
        "market_data_missing_trades_total",
        "Trades that the feed skipped, by symbol"
    );
    describe_counter!(
        "market_data_suspected_missing_trades_total",
        "Trades that a heartbeat named and that had not come then, by symbol"
    );
    describe_counter!(
        "market_data_lost_trades_total",
        "Trades that came and could not be delivered to Kafka, by symbol"
    );
    describe_counter!(
        "market_data_malformed_frames_total",
        "Frames that could not be read, by reason"
    );
    describe_counter!(
        "market_data_unknown_frames_total",
        "Frames of types that are not known"
    );
    describe_counter!(
        "market_data_feed_disconnects_total",
        "Connections to the feed that ended or did not come about, by reason"
    );
    describe_counter!("market_data_feed_errors_total", "Refusals by the feed");
    describe_gauge!(
        "market_data_feed_age_seconds",
        "Time since a trade or heartbeat came, by symbol"
    );
    describe_histogram!(
        "market_data_publish_latency_seconds",
        "From the exchange's time of a trade to Kafka's acknowledgement; the newest of each batch"
    );
    describe_gauge!(
        "market_data_in_flight_trades",
        "Trades queued and not yet acknowledged by Kafka"
    );
    describe_counter!(
        "market_data_cache_dropped_ticks_total",
        "Trades that could not be put into the cache"
    );
    describe_counter!(
        "market_data_undelivered_events_total",
        "Events of subscriptions that Kafka did not take in time"
    );
    describe_counter!(
        "market_data_producer_renewals_total",
        "Producers that could not go on and were replaced"
    );
    describe_gauge!(
        "market_data_subscribed_products",
        "Products that are carried"
    );
    describe_gauge!("market_data_streams", "Browsers that watch live prices");
    describe_counter!(
        "market_data_streams_refused_total",
        "Browsers that were refused because too many watched"
    );
}

pub fn published(symbol: Symbol, count: u64) {
    counter!("market_data_published_trades_total", "symbol" => symbol.to_string()).increment(count);
}

pub fn publish_latency(seconds: f64) {
    histogram!("market_data_publish_latency_seconds").record(seconds);
}

pub fn in_flight(count: u64) {
    gauge!("market_data_in_flight_trades").set(count as f64);
}

pub fn duplicates(count: u64) {
    counter!("market_data_duplicate_trades_total").increment(count);
}

pub fn gap(symbol: Symbol, gap: Gap, suspected: u64) {
    counter!("market_data_gaps_total", "symbol" => symbol.to_string()).increment(1);
    counter!("market_data_missing_trades_total", "symbol" => symbol.to_string())
        .increment(gap.count());
    tracing::warn!(
        %symbol,
        first = gap.first_missing,
        last = gap.last_missing,
        missing = gap.count(),
        suspected,
        "the feed skipped trades"
    );
}

pub fn suspected_gap(symbol: Symbol, gap: Gap) {
    counter!("market_data_suspected_missing_trades_total", "symbol" => symbol.to_string())
        .increment(gap.count());
    tracing::warn!(
        %symbol,
        first = gap.first_missing,
        last = gap.last_missing,
        "the feed names trades that have not come"
    );
}

pub fn lost(symbol: Symbol, trade_id: u64, error: &dyn std::fmt::Display) {
    counter!("market_data_lost_trades_total", "symbol" => symbol.to_string()).increment(1);
    tracing::error!(%symbol, trade_id, %error, "trade lost: it could not be delivered");
}

pub fn queue_stays_full(error: &ProduceError) {
    tracing::warn!(%error, "kafka is slow: the feed waits");
}

pub fn producer_renewed(error: &ProduceError) {
    counter!("market_data_producer_renewals_total").increment(1);
    tracing::error!(%error, "the producer can't go on: a new one takes over");
}

// A feed that has gone mad sends thousands a second: the metric tells, the log line is for looking
// closer.
pub fn malformed(error: &ParseError) {
    counter!("market_data_malformed_frames_total", "reason" => error.reason.as_str()).increment(1);
    tracing::debug!(%error, "frame could not be read");
}

pub fn unknown_frame(kind: &str) {
    counter!("market_data_unknown_frames_total").increment(1);
    tracing::debug!(kind, "frame of an unknown type");
}

pub fn disconnected(reason: &DisconnectReason, retry_in: Option<Duration>) {
    counter!("market_data_feed_disconnects_total", "reason" => reason.label()).increment(1);
    match retry_in {
        Some(wait) => tracing::warn!(%reason, ?wait, "feed disconnected, will reconnect"),
        None => tracing::info!(%reason, "feed disconnected"),
    }
}

pub fn feed_error(error: &ErrorFrame) {
    counter!("market_data_feed_errors_total").increment(1);
    tracing::error!(%error, "the feed refuses");
}

pub fn feed_age(symbol: Symbol, seconds: f64) {
    gauge!("market_data_feed_age_seconds", "symbol" => symbol.to_string()).set(seconds);
}

pub fn cache_dropped(ticks: u64) {
    counter!("market_data_cache_dropped_ticks_total").increment(ticks);
}

pub fn subscribed_products(count: usize) {
    gauge!("market_data_subscribed_products").set(count as f64);
}

pub fn event_undelivered(symbol: &str, error: &dyn std::fmt::Display) {
    counter!("market_data_undelivered_events_total").increment(1);
    tracing::error!(symbol, %error, "subscription event not acknowledged");
}

pub fn streams(change: f64) {
    gauge!("market_data_streams").increment(change);
}

pub fn stream_refused() {
    counter!("market_data_streams_refused_total").increment(1);
}
