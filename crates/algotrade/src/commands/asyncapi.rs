//! `algotrade asyncapi`: the topics and messages as a document for people and tools.

use std::process::ExitCode;

use clap::Args;
use kafka_common::asyncapi;
use service_kit::settings::Purpose;

use crate::{cli, output};

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade asyncapi > asyncapi.json\n  \
    ALGOTRADE__KAFKA__BOOTSTRAP_SERVERS=kafka:9092 algotrade asyncapi | jq .servers\n\n\
    The document is AsyncAPI 3 in JSON. Address, prefixes and replication are those of the\n\
    settings; everything else is what this version's code does.")]
pub(crate) struct Arguments {}

pub(crate) fn run(_arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let settings = cli::settings(Purpose::Tool)?;
    let document = asyncapi::document(&settings.kafka);
    output::line(&serde_json::to_string_pretty(&document)?);
    Ok(ExitCode::SUCCESS)
}
