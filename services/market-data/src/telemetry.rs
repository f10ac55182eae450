//! Metrics and log lines, one function for each event, so that both always agree.

use std::time::{Duration, Instant};

use coinbase::Symbol;
use coinbase::client::DisconnectReason;
use coinbase::exchange::{ErrorFrame, ParseError};
use kafka_common::ProduceError;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::book::Turn;
use crate::sample::Sample;
use crate::tick::Missing;

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
        "Runs of trades that are missing from the log and marked there, by symbol and reason"
    );
    describe_counter!(
        "market_data_missing_trades_total",
        "Trades of these runs, by symbol and reason"
    );
    describe_counter!(
        "market_data_backfilled_trades_total",
        "Trades that the feed did not bring and that were fetched, by symbol"
    );
    describe_counter!(
        "market_data_left_out_trades_total",
        "Trades that came while too many waited; they are fetched when it is their turn"
    );
    describe_counter!(
        "market_data_failed_fetches_total",
        "Requests for missing trades that failed"
    );
    describe_gauge!(
        "market_data_waiting_trades",
        "Trades that wait behind gaps or for Kafka, and gaps that are open"
    );
    describe_counter!(
        "market_data_returned_records_total",
        "Records that Kafka did not take and that are queued again"
    );
    describe_counter!(
        "market_data_lost_trades_total",
        "Trades that Kafka refused for good, by symbol"
    );
    describe_counter!(
        "market_data_not_ours_total",
        "Trades that were not written because another replica writes their partition, by symbol"
    );
    describe_gauge!(
        "market_data_held_partitions",
        "Partitions that this replica writes, where there are several"
    );
    describe_counter!(
        "market_data_malformed_frames_total",
        "Frames that could not be read, by reason and symbol (`unknown` where none can be made out)"
    );
    describe_gauge!(
        "market_data_malformed_products",
        "Products whose frames stay malformed: a quarter of the last ones; the health page names them"
    );
    describe_counter!(
        "market_data_lost_frames_total",
        "Messages that the feed numbered and that never came; only the Advanced Trade feed does"
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
    describe_counter!(
        "market_data_renewed_subscriptions_total",
        "Products that were subscribed to again because nothing was heard of them, by symbol"
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

pub fn gap(symbol: Symbol, missing: &Missing) {
    let reason = missing.reason.as_str();
    counter!("market_data_gaps_total", "symbol" => symbol.to_string(), "reason" => reason)
        .increment(1);
    counter!("market_data_missing_trades_total", "symbol" => symbol.to_string(), "reason" => reason)
        .increment(missing.count());
    tracing::warn!(
        %symbol,
        first = missing.first,
        last = missing.last,
        missing = missing.count(),
        reason,
        "trades are missing: the log says so"
    );
}

pub fn backfilled(symbol: Symbol, count: usize) {
    counter!("market_data_backfilled_trades_total", "symbol" => symbol.to_string())
        .increment(count as u64);
    tracing::info!(%symbol, count, "missing trades fetched");
}

pub fn left_out(count: u64) {
    counter!("market_data_left_out_trades_total").increment(count);
}

pub fn fetch_failed(symbol: Symbol, error: &dyn std::fmt::Display) {
    counter!("market_data_failed_fetches_total").increment(1);
    tracing::warn!(%symbol, %error, "missing trades could not be fetched");
}

pub fn waiting(count: u64) {
    gauge!("market_data_waiting_trades").set(count as f64);
}

pub fn returned(count: usize) {
    counter!("market_data_returned_records_total").increment(count as u64);
    tracing::error!(count, "kafka did not take records: they are queued again");
}

pub fn not_ours(symbol: Symbol) {
    counter!("market_data_not_ours_total", "symbol" => symbol.to_string()).increment(1);
}

pub fn held_partitions(count: usize) {
    gauge!("market_data_held_partitions").set(count as f64);
}

pub fn lost(symbol: Symbol, count: u64) {
    counter!("market_data_lost_trades_total", "symbol" => symbol.to_string()).increment(count);
}

pub fn queue_stays_full(error: &ProduceError) {
    tracing::warn!(%error, "kafka is slow: the feed waits");
}

pub fn producer_renewed() {
    counter!("market_data_producer_renewals_total").increment(1);
    tracing::warn!("a new producer takes over");
}

// A feed that has gone mad sends thousands a second: the metric tells, the log line is for looking
// closer.
pub fn malformed(symbol: Option<Symbol>, error: &ParseError) {
    let symbol = symbol.map_or_else(|| "unknown".to_owned(), |symbol| symbol.to_string());
    let reason = error.reason.as_str();
    static SAMPLE: Sample = Sample::new();
    if let Some(skipped) = SAMPLE.take(Instant::now()) {
        tracing::warn!(symbol, %error, skipped, "frame could not be read");
    }
    counter!("market_data_malformed_frames_total", "reason" => reason, "symbol" => symbol)
        .increment(1);
}

pub fn legibility(symbol: Symbol, turn: Turn) {
    static SAMPLE: Sample = Sample::new();
    if let Some(skipped) = SAMPLE.take(Instant::now()) {
        match turn {
            Turn::Worse => tracing::error!(
                %symbol,
                skipped,
                "a product's frames stay malformed: /healthz/ready tells why"
            ),
            Turn::Well => tracing::info!(%symbol, skipped, "a product's frames can be read again"),
        }
    }
}

pub fn malformed_products(count: usize) {
    gauge!("market_data_malformed_products").set(count as f64);
}

pub fn frames_lost(count: u64) {
    counter!("market_data_lost_frames_total").increment(count);
    static SAMPLE: Sample = Sample::new();
    if let Some(skipped) = SAMPLE.take(Instant::now()) {
        tracing::warn!(count, skipped, "messages of the feed were lost");
    }
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

pub fn feed_age(symbol: Symbol, age: Duration) {
    gauge!("market_data_feed_age_seconds", "symbol" => symbol.to_string()).set(age.as_secs_f64());
}

pub fn renewed(symbol: Symbol, age: Duration) {
    counter!("market_data_renewed_subscriptions_total", "symbol" => symbol.to_string())
        .increment(1);
    tracing::warn!(%symbol, ?age, "nothing is heard of the product: it is subscribed to again");
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
