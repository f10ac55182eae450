#![doc = include_str!("../README.md")]

mod book;
mod candles;
mod feed;
mod http;
mod listing;
mod message;
mod producer;
mod publisher;
mod quotes;
mod registry;
mod start;
mod statistics;
mod store;
mod subscriptions;
mod tail;
mod telemetry;
mod tick_cache;

pub use start::{start, start_with_stats};
pub use statistics::{FeedCounts, FeedStatistics};
