//! Consumer groups: their state, their members, and what each member reads.

use std::collections::BTreeSet;

use rdkafka::consumer::Consumer;

use super::broker::Broker;
use super::error::InspectError;
use super::native;
use super::suggest::did_you_mean;
use crate::matrix::{MATRIX, OPERATOR};

/// A partition of a topic, by its name on the broker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct TopicPartition {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Member {
    /// The broker's name for it.
    pub id: String,
    /// What the client calls itself.
    pub client_id: String,
    /// Where it connects from.
    pub host: String,
    /// Its name where membership is static.
    pub instance_id: Option<String>,
    /// What it reads.
    pub partitions: Vec<TopicPartition>,
}

/// A consumer group.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Group {
    /// Its name on the broker.
    pub name: String,
    /// `Stable`, `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Dead` or `Unknown`.
    pub state: &'static str,
    /// `classic`, or `consumer` for KIP-848.
    pub protocol: &'static str,
    /// How partitions are divided; empty without members.
    pub assignor: String,
    /// Its members.
    pub members: Vec<Member>,
}

impl Group {
    /// Whether consumers of the group run or are about to.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.members.is_empty() || !matches!(self.state, "Empty" | "Dead" | "Unknown")
    }
}

impl Broker {
    /// The groups of this deployment, or all, by name.
    ///
    /// # Errors
    /// The broker doesn't answer or refuses.
    pub fn groups(&self, all: bool) -> Result<Vec<Group>, InspectError> {
        let client = self.client.client();
        let mut names = native::group_names(client)?;
        names.retain(|name| all || name.starts_with(&self.settings.group_prefix));
        let mut groups = native::describe_groups(client, &names)?;
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(groups)
    }

    /// A group: the deployment's of this name, else the broker's. One of the matrix that hasn't
    /// run yet counts as there.
    ///
    /// # Errors
    /// There is none; the error suggests the nearest name.
    pub fn find_group(&self, name: &str) -> Result<Group, InspectError> {
        let client = self.client.client();
        let known: BTreeSet<String> = native::group_names(client)?.into_iter().collect();
        let ours = self.settings.group(name);
        let of_the_matrix = MATRIX
            .iter()
            .chain([&OPERATOR])
            .any(|row| row.group == name);
        let found = match known.contains(&ours) || of_the_matrix {
            true => Some(ours),
            false => Some(name.to_owned()).filter(|name| known.contains(name)),
        };
        let Some(found) = found else {
            let logical = |group: &'_ String| self.logical_group(group).to_owned();
            let names: Vec<String> = known.iter().map(logical).collect();
            return Err(InspectError::UnknownGroup {
                group: name.to_owned(),
                hint: did_you_mean(name, names.iter().map(String::as_str)),
            });
        };
        if !known.contains(&found) {
            return Ok(Group {
                name: found,
                state: "Dead",
                protocol: "classic",
                assignor: String::new(),
                members: Vec::new(),
            });
        }
        let described = native::describe_groups(client, &[found])?;
        described
            .into_iter()
            .next()
            .ok_or_else(|| InspectError::UnknownGroup {
                group: name.to_owned(),
                hint: String::new(),
            })
    }

    /// The name of a group without the deployment's prefix.
    #[must_use]
    pub fn logical_group<'a>(&self, group: &'a str) -> &'a str {
        group
            .strip_prefix(&self.settings.group_prefix)
            .unwrap_or(group)
    }
}
