//! `algotrade bench`: figures that are measured beside their baseline, in the same call.

mod exchange;
mod feed;
mod figure;
mod kafka;
mod pipeline;
mod push;
mod stopwatch;
mod strategy;

use std::process::ExitCode;

use clap::{Args, Subcommand};

/// What can be said.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Reading the feed's frames, and taking them from a socket.
    Feed(feed::Arguments),
    /// The paper exchange: alone, with a strategy, and on a real log.
    Exchange(exchange::Arguments),
    /// The Kafka layer against bare librdkafka on the same broker.
    Kafka(kafka::Arguments),
    /// The whole pipeline, from the feed's socket to the ledger, in processes of its own.
    Pipeline(pipeline::Arguments),
    /// Thousands of WebSocket clients on one replica of notification, or on a Centrifugo.
    Push(push::Arguments),
    /// Strategies: compiling them, and evaluating them on ticks, alone and ten thousand at once.
    Strategy(strategy::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.part {
        Part::Feed(arguments) => feed::run(arguments),
        Part::Exchange(arguments) => exchange::run(arguments),
        Part::Kafka(arguments) => kafka::run(arguments),
        Part::Pipeline(arguments) => pipeline::run(arguments),
        Part::Push(arguments) => push::run(arguments),
        Part::Strategy(arguments) => strategy::run(arguments),
    }
}
