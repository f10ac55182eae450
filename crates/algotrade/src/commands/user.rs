//! `algotrade user`: accounts, straight in the database.

use std::io::{BufRead as _, IsTerminal as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use notification::accounts::{Account, AccountChange, AccountRole, Accounts};
use secrecy::SecretString;
use service_kit::settings::Purpose;
use service_kit::{Auth, Problem, database};

use crate::{cli, output};

/// Who did it, in the audit log.
const ACTOR: &str = "algotrade user";
/// Accounts that are read at a time.
const BATCH: i64 = 500;

/// What to do with accounts.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  \
    algotrade user add alice                      asks for the password\n  \
    algotrade user add bob --operator < password  reads its first line\n  \
    algotrade user password alice                 a new one; her browsers are signed out\n  \
    algotrade user disable alice\n  \
    algotrade user list --json\n\n\
    The database comes from the settings of the notification service (ALGOTRADE__DATABASE__URL),\n\
    whose schema must be there: start the service once.")]
pub(crate) enum Command {
    /// Make an account.
    Add {
        #[command(flatten)]
        whose: Whose,
        /// Make it an operator's.
        #[arg(long)]
        operator: bool,
    },
    /// Set a new password.
    Password(Whose),
    /// Refuse further signing in, and sign all browsers out.
    Disable(Whose),
    /// Let the user sign in again.
    Enable(Whose),
    /// List the accounts.
    List {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
}

/// Whose account.
#[derive(Debug, Args)]
pub(crate) struct Whose {
    /// The name that one signs in with.
    user: String,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    let settings = cli::settings(Purpose::Service)?;
    cli::runtime()?.block_on(async {
        let pool = database::connect(&settings.database)
            .await
            .context("database.url")?;
        let accounts = Accounts::new(pool, Auth::new(&settings.auth));
        match command {
            Command::Add { whose, operator } => {
                let role = if *operator {
                    AccountRole::Operator
                } else {
                    AccountRole::User
                };
                let password = read_password()?;
                let making = accounts.create(ACTOR, &whose.user, &password, role);
                tell(&making.await.map_err(plain)?, "made");
            }
            Command::Password(whose) => {
                let change = AccountChange {
                    password: Some(read_password()?),
                    ..AccountChange::default()
                };
                let changing = accounts.change(ACTOR, &whose.user, &change);
                tell(&changing.await.map_err(plain)?, "new password set");
            }
            Command::Disable(whose) | Command::Enable(whose) => {
                let disabled = matches!(command, Command::Disable(_));
                let change = AccountChange {
                    disabled: Some(disabled),
                    ..AccountChange::default()
                };
                let changing = accounts.change(ACTOR, &whose.user, &change);
                let what = if disabled { "disabled" } else { "enabled" };
                tell(&changing.await.map_err(plain)?, what);
            }
            Command::List { json } => list(&accounts, *json).await?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn tell(account: &Account, what: &str) {
    output::note(&format!("{}: {what}", account.user_id));
}

fn plain(problem: Problem) -> anyhow::Error {
    let hint = problem.hint.map(|hint| format!(" ({hint})"));
    anyhow::anyhow!("{}{}", problem.detail, hint.unwrap_or_default())
}

/// From the terminal without showing it, or the first line of what is piped in.
fn read_password() -> anyhow::Result<SecretString> {
    if std::io::stdin().is_terminal() {
        let terminal = console::Term::stderr();
        output::note("Password (not shown):");
        let first = terminal.read_secure_line()?;
        output::note("Once more:");
        if terminal.read_secure_line()? != first {
            bail!("the two are not the same");
        }
        return Ok(first.into());
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("standard input has no password in its first line");
    }
    Ok(password.to_owned().into())
}

async fn list(accounts: &Accounts, json: bool) -> anyhow::Result<()> {
    let mut table = output::table(&["user", "role", "state", "since"]);
    let mut after = String::new();
    loop {
        let batch = accounts.list(&after, BATCH).await.map_err(plain)?;
        let Some(last) = batch.last() else { break };
        after.clone_from(&last.user_id);
        for account in &batch {
            if json {
                output::json(account)?;
                continue;
            }
            let role = match account.role {
                AccountRole::Operator => "operator",
                AccountRole::User => "user",
            };
            let state = if account.disabled {
                "disabled"
            } else {
                "active"
            };
            let since = output::time(Some(account.created_at));
            table.add_row([account.user_id.as_str(), role, state, since.as_str()]);
        }
    }
    if !json {
        output::line(&table.to_string());
    }
    Ok(())
}
