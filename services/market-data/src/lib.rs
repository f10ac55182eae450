#![doc = include_str!("../README.md")]

mod assignment;
mod book;
mod candles;
mod elsewhere;
mod feed;
mod feed_health;
mod fetch;
mod history;
mod holder;
mod http;
mod lane;
mod listing;
mod message;
mod outlet;
mod pack;
mod producer;
mod publisher;
mod quotes;
mod recovery;
mod registry;
mod ring;
mod sample;
mod start;
mod statistics;
mod store;
mod subscriptions;
mod tail;
mod telemetry;
mod tick;
mod tick_cache;
mod writer;

pub use start::{start, start_with_stats};
pub use statistics::{FeedCounts, FeedStatistics};
