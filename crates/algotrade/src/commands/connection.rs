//! What every command that speaks to a broker takes: where it is, and how results are printed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use kafka_common::inspect::{Actor, Broker};
use service_kit::settings::{self, Purpose};
use service_kit::{Settings, telemetry};

/// What the client says by itself would stand between the lines of a result; failures are told by
/// the command.
const QUIET: &str = "error,librdkafka=off,rdkafka=off";

/// Where the broker is, and how results are printed.
#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// The brokers, as host:port with commas between; else from file or environment.
    #[arg(long, visible_alias = "kafka", value_name = "HOST:PORT")]
    bootstrap_server: Option<String>,
    /// A TOML file with settings.
    #[arg(long, env = "ALGOTRADE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Connection {
    /// What it is to be connected with.
    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        let servers = self.bootstrap_server.iter();
        let flags: Vec<settings::Override> = servers
            .map(|servers| ("kafka.bootstrap_servers".to_owned(), servers.clone()))
            .collect();
        quiet_settings(self.config.as_deref(), &flags)
    }

    /// Connects to the broker.
    pub(crate) fn open(&self) -> anyhow::Result<Broker> {
        Ok(Broker::connect(&self.settings()?.kafka)?)
    }
}

/// Settings, with logs that only say what fails unless somebody asks for more: results stand on the
/// terminal.
pub(crate) fn quiet_settings(
    config: Option<&Path>,
    flags: &[settings::Override],
) -> anyhow::Result<Settings> {
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    let loaded = settings::load(config, &environment, flags, Purpose::Tool)?;
    let mut log = loaded.settings.log.clone();
    if !loaded.origins.iter().any(|(key, _, _)| key == "log.filter") {
        log.filter = QUIET.to_owned();
    }
    telemetry::init_logs(&log)?;
    Ok(loaded.settings)
}

/// Who makes a change.
#[derive(Debug, Args)]
pub(crate) struct ActorArgument {
    /// Who does it, for the audit log.
    #[arg(long, env = "USER", default_value = "unknown", value_name = "NAME")]
    actor: String,
}

impl ActorArgument {
    pub(crate) fn actor(&self) -> Actor {
        Actor(self.actor.clone())
    }
}
