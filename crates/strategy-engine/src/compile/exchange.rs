//! What an exchange has to be able to do for a strategy, checked before the strategy is saved.

use super::Compilation;
use crate::diagnostic::{Diagnostic, Report};
use crate::plan::{OrderKind, OrderTerms};

/// What an exchange executes besides market orders of a given size. What it doesn't would be lost
/// silently, so a strategy that asks for it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Executes {
    /// Limit, stop, stop-limit and trailing-stop orders.
    pub order_types: bool,
    /// Stops that belong to a position, trailing ones included.
    pub stop_loss: bool,
    /// Targets that belong to a position.
    pub take_profit: bool,
    /// Sizes that are computed from the session's equity.
    pub sizing: bool,
}

impl Executes {
    /// The first of an order's terms that it lacks: its node, if it has one of its own, and what
    /// it is.
    fn missing(self, terms: &OrderTerms) -> Option<(Option<&str>, &'static str)> {
        if terms.kind != OrderKind::Market && !self.order_types {
            return Some((None, "orders other than market orders"));
        }
        if let Some(stop) = terms.stop_loss.as_ref().filter(|_| !self.stop_loss) {
            return Some((Some(&stop.node), "stop-losses"));
        }
        if let Some(target) = terms.take_profit.first().filter(|_| !self.take_profit) {
            return Some((Some(&target.node), "take-profits"));
        }
        let sizing = terms.sizing.as_ref().filter(|_| !self.sizing)?;
        Some((Some(&sizing.node), "sizes that depend on the equity"))
    }
}

impl Compilation {
    /// Refuses a plan with orders that the exchange would not execute as they are meant.
    #[must_use]
    pub fn for_exchange(mut self, exchange: Executes) -> Self {
        let Some(plan) = &self.plan else {
            return self;
        };
        let mut report = Report::default();
        for action in plan.actions() {
            let Some((node, what)) = exchange.missing(&action.terms) else {
                continue;
            };
            let message = format!("the paper exchange does not execute {what} yet");
            let problem = Diagnostic::error("terms_not_executed", message);
            let problem = problem.node(node.unwrap_or(&action.node));
            let problem = match node {
                None => problem.field("orderType"),
                Some(_) => problem,
            };
            report.push(problem.hint(match node {
                None => "set `orderType` to `market`",
                Some(_) => "remove the node, and sell by a condition or set the size on the buy",
            }));
        }
        if report.has_errors() {
            self.plan = None;
            let mut found = report.finish();
            found.append(&mut self.diagnostics);
            self.diagnostics = found;
        }
        self
    }
}
