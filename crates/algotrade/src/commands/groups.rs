//! `algotrade groups`: consumer groups and their members.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use kafka_common::inspect::{Group, Member};

use super::connection::Connection;
use crate::output;

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade groups\n  \
    algotrade groups forward-test-service\n  \
    algotrade groups --all --json | jq '.members[].client_id'")]
pub(crate) struct Arguments {
    /// One group, with its members and what each reads; else all groups.
    group: Option<String>,
    /// Also groups that don't begin with this deployment's prefix.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let broker = arguments.connection.open()?;
    let groups = match &arguments.group {
        Some(group) => vec![broker.find_group(group)?],
        None => broker.groups(arguments.all)?,
    };
    if arguments.connection.json {
        groups.iter().try_for_each(output::json)?;
        return Ok(ExitCode::SUCCESS);
    }
    print_groups(&groups);
    if arguments.group.is_some() {
        groups
            .iter()
            .for_each(|group| print_members(&group.members));
    }
    Ok(ExitCode::SUCCESS)
}

fn print_groups(groups: &[Group]) {
    let mut table = output::table(&[
        "group",
        "state",
        "protocol",
        "assignor",
        "members",
        "partitions",
    ]);
    for group in groups {
        let partitions: usize = group.members.iter().map(|m| m.partitions.len()).sum();
        table.add_row([
            output::harmless(&group.name),
            group.state.to_owned(),
            group.protocol.to_owned(),
            group.assignor.clone(),
            group.members.len().to_string(),
            partitions.to_string(),
        ]);
    }
    output::align_right(&mut table, &[4, 5]);
    output::line(&table.to_string());
}

fn print_members(members: &[Member]) {
    if members.is_empty() {
        return;
    }
    let mut table = output::table(&["member", "client", "instance", "host", "reads"]);
    for member in members {
        let mut by_topic: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for at in &member.partitions {
            let partitions = by_topic.entry(&at.topic).or_default();
            partitions.push(at.partition.to_string());
        }
        let reads: Vec<String> = by_topic
            .iter()
            .map(|(topic, partitions)| format!("{topic}: {}", partitions.join(" ")))
            .collect();
        table.add_row([
            output::harmless(&member.id),
            output::harmless(&member.client_id),
            output::harmless(member.instance_id.as_deref().unwrap_or("-")),
            output::harmless(&member.host),
            reads.join("\n"),
        ]);
    }
    output::line(&table.to_string());
}
