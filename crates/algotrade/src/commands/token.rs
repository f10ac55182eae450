//! `algotrade token`: sign-in for a user.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use service_kit::settings::Purpose;
use service_kit::{Auth, Role};

use crate::{cli, output};

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    ALGOTRADE__AUTH__SECRET_FILE=secret algotrade token alice\n  \
    ALGOTRADE__AUTH__SECRET_FILE=secret algotrade token olga --operator")]
pub(crate) struct Arguments {
    /// The user.
    user: String,
    /// The user may also see how the installation is: /v1/ops.
    #[arg(long)]
    operator: bool,
    /// User, token and when it expires, as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let settings = cli::settings(Purpose::Service)?;
    let auth = Auth::new(&settings.auth);
    let token = match arguments.operator {
        true => auth.issue_operator(&arguments.user),
        false => auth.issue(&arguments.user, Role::User),
    };
    let token = token.map_err(|problem| anyhow::anyhow!("{}", problem.detail))?;
    match arguments.json {
        true => output::line(&json!(token).to_string()),
        false => output::line(&token.token),
    }
    Ok(ExitCode::SUCCESS)
}
