//! What was found, and how it is told.

use kafka_common::KafkaSettings;
pub(super) use kafka_common::acl::quoted;
use serde_json::json;

use crate::output;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// With what.
    pub(super) subject: String,
    /// What.
    pub(super) found: String,
    /// What to do.
    pub(super) remedy: String,
    /// How to see or mend it with Kafka's own tools.
    pub(super) kafka: String,
}

/// What a check found, or why it couldn't be made.
pub(super) type Outcome = Result<Vec<Finding>, String>;

/// Every check, in order.
#[derive(Debug, Default)]
pub(super) struct Report {
    checks: Vec<(&'static str, Outcome)>,
}

impl Report {
    pub(super) fn add(&mut self, check: &'static str, outcome: Outcome) {
        self.checks.push((check, outcome));
    }

    pub(super) fn findings(&self) -> usize {
        let found = self
            .checks
            .iter()
            .filter_map(|(_, outcome)| outcome.as_ref().ok());
        found.map(Vec::len).sum()
    }

    pub(super) fn print(&self, json: bool) {
        match json {
            true => self.print_json(),
            false => self.print_text(),
        }
    }

    fn print_json(&self) {
        for (check, outcome) in &self.checks {
            match outcome {
                Ok(findings) if findings.is_empty() => {
                    output::line(&json!({"check": check, "outcome": "fine"}).to_string());
                }
                Ok(findings) => {
                    for finding in findings {
                        let line = json!({"check": check, "outcome": "finding",
                            "subject": finding.subject, "found": finding.found,
                            "remedy": finding.remedy, "kafka": finding.kafka});
                        output::line(&line.to_string());
                    }
                }
                Err(why) => {
                    let line = json!({"check": check, "outcome": "not_checked", "why": why});
                    output::line(&line.to_string());
                }
            }
        }
    }

    fn print_text(&self) {
        let mut table = output::table(&["check", "outcome"]);
        for (check, outcome) in &self.checks {
            let text = match outcome {
                Ok(findings) if findings.is_empty() => "fine".to_owned(),
                Ok(findings) => format!("{} found", findings.len()),
                Err(why) => format!("not checked: {why}"),
            };
            table.add_row([(*check).to_owned(), text]);
        }
        output::line(&table.to_string());
        for (check, outcome) in &self.checks {
            for finding in outcome.iter().flatten() {
                output::line("");
                output::line(&format!("{check}: {}: {}", finding.subject, finding.found));
                output::line(&format!("  remedy  {}", finding.remedy));
                if !finding.kafka.is_empty() {
                    output::line(&format!("  kafka   {}", finding.kafka));
                }
            }
        }
    }
}

/// What Kafka's tools need in addition on a cluster that asks who one is.
pub(super) fn command_config(settings: &KafkaSettings) -> &'static str {
    match settings.security.uses_sasl() || settings.security.uses_tls() {
        true => " --command-config client.properties",
        false => "",
    }
}
