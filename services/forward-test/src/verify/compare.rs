//! A fresh run against the topics, and against the database.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use kafka_common::messages::TradeExecution;
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;

use super::difference::{Difference, What, fields};
use super::rows::Rows;
use super::stored::OrderColumns;
use super::{Fresh, Outputs, Stored, Told, Topic, executions, fills, ledger_sha256};

const SESSIONS: &str = "forward_test.sessions";
const EXECUTIONS: &str = "forward_test.executions";
const EQUITY: &str = "forward_test.equity";
const ORDERS: &str = "forward_test.orders";

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The session.
    pub session_id: Uuid,
    /// What it trades.
    pub symbol: String,
    /// Its status in the database.
    pub status: String,
    /// Whether its log could be applied to a fresh exchange; otherwise topics and database are
    /// compared with each other only.
    pub replayed: bool,
    /// Its outputs: executions and events.
    pub outputs: u64,
    /// Its executions.
    pub executions: u64,
    /// Those of them that are fills.
    pub fills: u64,
    /// Fingerprint of the fresh run's ledger; of the topic's where there was no run.
    pub ledger_sha256: String,
    /// Of the ledger in `trade-executions`.
    pub topic_sha256: String,
    /// Of the ledger in the database.
    pub database_sha256: String,
    /// Outputs that the database doesn't have yet: it follows the log.
    pub database_behind: u64,
    /// Records that came while this was looked at.
    pub later: u64,
    /// Records that are in the topics again, as at-least-once delivery leaves them.
    pub repeats: u64,
    /// Records that the topics no longer keep.
    pub expired: u64,
    /// Everything that doesn't agree.
    pub differences: Vec<Difference>,
}

impl Report {
    /// Whether nothing differs.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Compares. `repeats` says whether records may be in the topics more than once, as the delivery
/// `at_least_once` leaves them; a repeat that says something else is always a difference.
#[must_use]
pub fn compare(fresh: Option<&Fresh>, told: &Told, stored: &Stored, repeats: bool) -> Report {
    let expected = fresh.map_or(&told.outputs, |fresh| &fresh.outputs);
    let mut report = Report {
        session_id: stored.id(),
        symbol: stored.symbol().to_owned(),
        status: stored.session.status.clone(),
        replayed: fresh.is_some(),
        outputs: expected.len() as u64,
        executions: executions(expected).count() as u64,
        fills: fills(expected),
        ledger_sha256: ledger_sha256(executions(expected)),
        topic_sha256: ledger_sha256(executions(&told.outputs)),
        database_sha256: String::new(),
        database_behind: 0,
        later: 0,
        repeats: 0,
        expired: 0,
        differences: told.unreadable.clone(),
    };
    match fresh {
        Some(fresh) => topics(fresh, told, &mut report),
        None => completeness(told, &mut report),
    }
    repeated(told, repeats, &mut report);
    database(expected, fresh, told, stored, &mut report);
    report
}

/// Every output of the run is in its topic, and nothing else.
fn topics(fresh: &Fresh, told: &Told, report: &mut Report) {
    for error in &fresh.unreadable {
        report.differences.push(Difference {
            place: "fresh run",
            sequence: None,
            what: What::Unreadable,
            field: None,
            expected: None,
            found: Some(error.clone()),
        });
    }
    for (sequence, said) in &fresh.outputs {
        let place = said.topic().name();
        let there = told.outputs.get(sequence);
        match there.filter(|there| there.topic() == said.topic()) {
            Some(there) => {
                let differences = fields(place, *sequence, &said.text, &there.text);
                report.differences.extend(differences);
            }
            None if told.may_have_expired(said.topic(), *sequence) => report.expired += 1,
            None => report.differences.push(Difference {
                expected: Some(said.text.clone()),
                ..Difference::of(place, *sequence, What::Missing)
            }),
        }
    }
    for (sequence, said) in &told.outputs {
        let wanted = fresh.outputs.get(sequence);
        if wanted.is_some_and(|wanted| wanted.topic() == said.topic()) {
            continue;
        }
        if *sequence > fresh.sequence && !fresh.ended {
            report.later += 1;
            continue;
        }
        report.differences.push(Difference {
            found: Some(said.text.clone()),
            ..Difference::of(said.topic().name(), *sequence, What::Unexpected)
        });
    }
}

/// Without a run: the outputs are numbered without a gap.
fn completeness(told: &Told, report: &mut Report) {
    let mut next = 1;
    for (sequence, said) in &told.outputs {
        for missing in next..*sequence {
            // It may have been on either topic.
            match Topic::ALL
                .iter()
                .any(|t| told.may_have_expired(*t, missing))
            {
                true => report.expired += 1,
                false => report.differences.push(Difference::of(
                    said.topic().name(),
                    missing,
                    What::Missing,
                )),
            }
        }
        next = sequence + 1;
    }
}

fn repeated(told: &Told, allowed: bool, report: &mut Report) {
    for (sequence, said) in &told.again {
        let first = told.outputs.get(sequence);
        let same = first.is_some_and(|f| f.topic() == said.topic() && f.text == said.text);
        if same && allowed {
            report.repeats += 1;
            continue;
        }
        report.differences.push(Difference {
            expected: first.map(|first| first.text.clone()),
            found: Some(said.text.clone()),
            ..Difference::of(said.topic().name(), *sequence, What::Repeated)
        });
    }
}

/// The rows are those that the outputs make, as far as the database has come.
fn database(
    expected: &Outputs,
    fresh: Option<&Fresh>,
    told: &Told,
    stored: &Stored,
    report: &mut Report,
) {
    let reached = stored.sequence();
    let behind = expected.range(reached + 1..).count() as u64;
    report.database_behind = behind;
    if behind > 0 && fresh.is_some_and(|fresh| fresh.ended && fresh.ran) {
        let last = expected.keys().next_back().copied().unwrap_or_default();
        report.differences.push(Difference::field(
            SESSIONS,
            Some(last),
            "sequence".to_owned(),
            last,
            reached,
        ));
    }
    // Without a run, rows of outputs that the topics have lost can't be judged.
    let judged = |sequence: u64| {
        let lost = |topic: &Topic| told.may_have_expired(*topic, sequence);
        fresh.is_some() || !Topic::ALL.iter().any(lost)
    };
    stored_executions(expected, reached, stored, &judged, report);
    let rows = Rows::of(expected, reached);
    stored_equity(&rows, stored, &judged, report);
    let whole = fresh.is_some() || told.cut.is_empty();
    if whole {
        stored_orders(&rows, stored, report);
    }
    if let Some(fresh) = fresh {
        stored_session(fresh, stored, report);
    }
}

fn stored_executions(
    expected: &Outputs,
    reached: u64,
    stored: &Stored,
    judged: &impl Fn(u64) -> bool,
    report: &mut Report,
) {
    let mut wanted: BTreeMap<u64, &str> = expected
        .range(..=reached)
        .filter(|(_, said)| said.topic() == Topic::Executions)
        .map(|(sequence, said)| (*sequence, said.text.as_str()))
        .collect();
    let mut ledger: Vec<TradeExecution> = Vec::new();
    for (sequence, text) in &stored.executions {
        let sequence = u64::try_from(*sequence).unwrap_or_default();
        ledger.extend(serde_json::from_str::<TradeExecution>(text));
        match wanted.remove(&sequence) {
            Some(wanted) => {
                let differences = fields(EXECUTIONS, sequence, wanted, text);
                report.differences.extend(differences);
            }
            None if judged(sequence) => report.differences.push(Difference {
                found: Some(text.clone()),
                ..Difference::of(EXECUTIONS, sequence, What::Unexpected)
            }),
            None => {}
        }
    }
    report.database_sha256 = ledger_sha256(&ledger);
    for (sequence, text) in wanted {
        report.differences.push(Difference {
            expected: Some(text.to_owned()),
            ..Difference::of(EXECUTIONS, sequence, What::Missing)
        });
    }
}

fn stored_equity(rows: &Rows, stored: &Stored, judged: &impl Fn(u64) -> bool, report: &mut Report) {
    let mut wanted = rows.equity.clone();
    for row in &stored.equity {
        let sequence = u64::try_from(row.sequence).unwrap_or_default();
        let Some((at, equity)) = wanted.remove(&sequence) else {
            if judged(sequence) {
                let unexpected = Difference::of(EQUITY, sequence, What::Unexpected);
                report.differences.push(unexpected);
            }
            continue;
        };
        let mut check = Check::of(EQUITY, Some(sequence), "", &mut report.differences);
        check.time("time", Some(at), Some(row.time));
        check.number("price", Some(equity.price), Some(row.price));
        check.number("cash", Some(equity.cash), Some(row.cash));
        check.number("position", Some(equity.position), Some(row.position));
        check.number("equity", Some(equity.equity), Some(row.equity));
    }
    let missing = wanted.keys();
    let missing = missing.map(|sequence| Difference::of(EQUITY, *sequence, What::Missing));
    report.differences.extend(missing);
}

fn stored_orders(rows: &Rows, stored: &Stored, report: &mut Report) {
    let mut wanted = rows.orders.clone();
    for row in &stored.orders {
        let sequence = u64::try_from(row.sequence).unwrap_or_default();
        match wanted.remove(&row.order_id) {
            Some(order) => compare_order(&order, row, report),
            None => report.differences.push(Difference {
                field: Some(row.order_id.to_string()),
                ..Difference::of(ORDERS, sequence, What::Unexpected)
            }),
        }
    }
    for order in wanted.values() {
        let sequence = u64::try_from(order.sequence).unwrap_or_default();
        report.differences.push(Difference {
            field: Some(order.order_id.to_string()),
            ..Difference::of(ORDERS, sequence, What::Missing)
        });
    }
}

fn compare_order(wanted: &OrderColumns, found: &OrderColumns, report: &mut Report) {
    let sequence = u64::try_from(wanted.sequence).unwrap_or_default();
    let prefix = format!("{} ", wanted.order_id);
    let differences = &mut report.differences;
    let mut check = Check::of(ORDERS, Some(sequence), &prefix, differences);
    check.text("signal_id", wanted.signal_id, found.signal_id);
    check.text(
        "first_sequence",
        wanted.first_sequence,
        found.first_sequence,
    );
    check.text("sequence", wanted.sequence, found.sequence);
    check.text("status", &wanted.status, &found.status);
    check.text("action", &wanted.action, &found.action);
    check.text("order_type", &wanted.order_type, &found.order_type);
    check.text("leg", &wanted.leg, &found.leg);
    check.text("time_in_force", &wanted.time_in_force, &found.time_in_force);
    check.text("reason", &wanted.reason, &found.reason);
    check.number("quantity", wanted.quantity, found.quantity);
    check.number("filled", Some(wanted.filled), Some(found.filled));
    check.number("limit_price", wanted.limit_price, found.limit_price);
    check.number("stop_price", wanted.stop_price, found.stop_price);
    check.time(
        "created_at",
        Some(wanted.created_at),
        Some(found.created_at),
    );
    check.time(
        "updated_at",
        Some(wanted.updated_at),
        Some(found.updated_at),
    );
}

fn stored_session(fresh: &Fresh, stored: &Stored, report: &mut Report) {
    let (row, reached) = (&stored.session, stored.sequence());
    let mut check = Check::of(SESSIONS, Some(reached), "", &mut report.differences);
    if let Some(status) = fresh.status {
        // STOPPING and CLOSING are what the user asked; the log hasn't said yet how it ends.
        let asked = matches!(row.status.as_str(), "STOPPING" | "CLOSING") && !status.is_end();
        if !asked {
            check.text("status", status.as_str(), &row.status);
        }
        check.time("started_at", fresh.started_at, row.started_at);
        check.time("stopped_at", fresh.stopped_at, row.stopped_at);
    }
    let Some(account) = &fresh.account else {
        return;
    };
    check.text("sequence", account.sequence, reached);
    check.number("cash", Some(account.cash), Some(row.cash));
    check.number("position", Some(account.position), Some(row.position));
    check.number("equity", Some(account.equity), Some(row.equity));
    check.number("last_price", account.last_price, row.last_price);
    check.number(
        "realized_pnl",
        Some(account.realized_pnl),
        Some(row.realized_pnl),
    );
    check.number("fees", Some(account.fees), Some(row.fees));
    check.text("trades", account.trades, row.trades);
    check.number("return_pct", Some(account.return_pct), Some(row.return_pct));
    let none = String::new();
    let metrics = |text: &Option<String>| text.clone().unwrap_or_else(|| none.clone());
    check.text(
        "metrics",
        metrics(&account.metrics),
        metrics(&stored.metrics),
    );
}

/// Compares columns; each that differs is noted.
struct Check<'a> {
    place: &'static str,
    sequence: Option<u64>,
    prefix: &'a str,
    differences: &'a mut Vec<Difference>,
}

impl<'a> Check<'a> {
    fn of(
        place: &'static str,
        sequence: Option<u64>,
        prefix: &'a str,
        differences: &'a mut Vec<Difference>,
    ) -> Self {
        Self {
            place,
            sequence,
            prefix,
            differences,
        }
    }

    fn text(&mut self, column: &str, wanted: impl ToString, found: impl ToString) {
        let (wanted, found) = (wanted.to_string(), found.to_string());
        if wanted != found {
            let field = format!("{}{column}", self.prefix);
            let difference = Difference::field(self.place, self.sequence, field, wanted, found);
            self.differences.push(difference);
        }
    }

    /// By value: the database doesn't keep trailing zeros as they were.
    fn number(&mut self, column: &str, wanted: Option<Decimal>, found: Option<Decimal>) {
        let text = |value: Option<Decimal>| {
            value.map_or_else(
                || "nothing".to_owned(),
                |value| value.normalize().to_string(),
            )
        };
        self.text(column, text(wanted), text(found));
    }

    /// To the microsecond, which is what the database keeps.
    fn time(&mut self, column: &str, wanted: Option<DateTime<Utc>>, found: Option<DateTime<Utc>>) {
        let text = |time: Option<DateTime<Utc>>| match time {
            Some(time) => time.to_rfc3339_opts(SecondsFormat::Micros, true),
            None => "nothing".to_owned(),
        };
        self.text(column, text(wanted), text(found));
    }
}
