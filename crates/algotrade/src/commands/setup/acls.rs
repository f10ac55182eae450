//! The rights of each service, from the integration matrix.

use std::collections::{BTreeMap, BTreeSet};

use kafka_common::acl::{self, Acl, Pattern};
use kafka_common::admin::{self, Rule};
use kafka_common::{ClientError, KafkaSettings};
use serde_json::json;

use super::{Arguments, print};
use crate::output;

pub(super) async fn set_up(
    arguments: &Arguments,
    settings: &KafkaSettings,
) -> anyhow::Result<bool> {
    let wanted = acl::wanted(settings);
    let found = match admin::acls(settings).await {
        Ok(found) => Some(found),
        // What would be granted can be told all the same.
        Err(ClientError::NoAuthorizer) if arguments.dry_run => None,
        Err(error) => return Err(error.into()),
    };
    let difference = found
        .as_deref()
        .map(|found| admin::compare_acls(settings, found))
        .unwrap_or_default();
    let missing: BTreeSet<&Acl> = match found {
        Some(_) => difference.missing.iter().collect(),
        None => wanted.iter().collect(),
    };
    if arguments.dry_run {
        let outcomes = wanted.iter().map(|rule| {
            let outcome = match missing.contains(rule) {
                true => "would be created",
                false => "unchanged",
            };
            (rule.clone(), outcome.to_owned())
        });
        report(
            arguments.json,
            outcomes.collect(),
            &difference.extra,
            &BTreeMap::new(),
        );
        if !arguments.json {
            output::line("");
            output::line("The same with Kafka's own tool:");
            for command in acl::kafka_acls_commands(&wanted, &settings.bootstrap_servers) {
                output::line(&command);
            }
        }
        return Ok(missing.is_empty() && difference.extra.is_empty());
    }
    let created = admin::create_acls(settings, difference.missing.clone()).await?;
    let created: BTreeMap<Acl, Option<String>> = created
        .into_iter()
        .map(|(rule, outcome)| (rule, outcome.err().map(|error| error.to_string())))
        .collect();
    let outcomes = wanted.into_iter().map(|rule| {
        let outcome = match created.get(&rule) {
            None => "unchanged".to_owned(),
            Some(None) => "created".to_owned(),
            Some(Some(error)) => format!("NOT CREATED: {error}"),
        };
        (rule, outcome)
    });
    let mut removed = BTreeMap::new();
    if arguments.prune {
        // What everybody has was not given by this set-up: somebody else may need it.
        let (_, own): (Vec<Rule>, Vec<Rule>) = difference
            .extra
            .iter()
            .cloned()
            .partition(|rule| rule.acl.principal == admin::EVERYBODY);
        for (rule, outcome) in admin::delete_acls(settings, own).await? {
            removed.insert(rule, outcome.err().map(|error| error.to_string()));
        }
    }
    report(
        arguments.json,
        outcomes.collect(),
        &difference.extra,
        &removed,
    );
    let all_created = created.values().all(Option::is_none);
    let none_left = difference
        .extra
        .iter()
        .all(|rule| removed.get(rule).is_some_and(Option::is_none));
    Ok(all_created && none_left)
}

fn report(
    json: bool,
    outcomes: Vec<(Acl, String)>,
    extra: &[Rule],
    removed: &BTreeMap<Rule, Option<String>>,
) {
    let mut table = output::table(&["principal", "may", "resource", "outcome"]);
    let mut rows = Vec::new();
    let beyond = extra.iter().map(|rule| {
        let outcome = match removed.get(rule) {
            None => "BEYOND THE MATRIX: --prune removes it if it is a service's".to_owned(),
            Some(None) => "removed".to_owned(),
            Some(Some(error)) => format!("NOT REMOVED: {error}"),
        };
        (rule.acl.clone(), rule.allows, outcome)
    });
    let wanted = outcomes
        .into_iter()
        .map(|(rule, outcome)| (rule, true, outcome));
    for (rule, allows, outcome) in wanted.chain(beyond) {
        rows.push(
            json!({"principal": rule.principal, "operation": rule.operation.as_str(),
            "resource": rule.kind.as_str(), "name": rule.name,
            "pattern": rule.pattern.as_str(), "allows": allows, "outcome": outcome}),
        );
        let star = match rule.pattern {
            Pattern::Literal => "",
            Pattern::Prefixed => "*",
        };
        let may = match allows {
            true => rule.operation.as_str().to_owned(),
            false => format!("NOT {}", rule.operation),
        };
        table.add_row([
            rule.principal,
            may,
            format!("{} {}{star}", rule.kind, rule.name),
            outcome,
        ]);
    }
    print(json, rows, &table);
}
