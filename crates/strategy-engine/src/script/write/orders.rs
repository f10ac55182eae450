//! Actions as statements, with what belongs to their orders.

use std::collections::HashMap;
use std::fmt::Write as _;

use rust_decimal::Decimal;

use super::Writer;
use super::text::{AND, decimal, quoted};
use crate::compile::{Node, Source};
use crate::node::{
    ActionSpec, NodeKind, Side, SizeSpec, SizeType, StopDistance, StopSpec, TargetSpec,
};
use crate::plan::OrderKind;

impl Writer<'_> {
    pub(super) fn orders(&mut self) {
        let graph = self.graph;
        let mut actions: Vec<usize> = (0..graph.nodes.len())
            .filter(|&index| matches!(graph.nodes[index].kind, NodeKind::Action(_)))
            .filter(|&index| {
                self.resolved
                    .trigger(index)
                    .is_some_and(|trigger| self.texts.contains_key(&(trigger.node, trigger.output)))
            })
            .collect();
        actions.sort_by(|a, b| graph.nodes[*a].id.cmp(&graph.nodes[*b].id));
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut last = None;
        for index in actions {
            let node = &graph.nodes[index];
            let NodeKind::Action(action) = &node.kind else {
                continue;
            };
            let Some(trigger) = self.resolved.trigger(index) else {
                continue;
            };
            if last != Some(trigger) {
                let condition = self.condition(trigger);
                let _ = write!(self.lines, "\nif {condition}:\n");
                last = Some(trigger);
            }
            let word = if action.side == Side::Buy {
                "buy"
            } else {
                "sell"
            };
            let count = numbers.entry(word).or_insert(0);
            *count += 1;
            let usual = match *count {
                1 => word.to_owned(),
                count => format!("{word}-{count}"),
            };
            let id = Some(&node.id).filter(|id| **id != usual);
            let terms = self.resolved.terms_of(index);
            let order = self.order(word, action, id, &terms);
            let _ = writeln!(self.lines, "    {order}");
            for term in terms {
                if let Some(line) = self.term(&graph.nodes[term]) {
                    let _ = writeln!(self.lines, "    {line}");
                }
            }
        }
    }

    /// When an order is given. A name whose value is known would be a switch, which leaves out what
    /// isn't chosen; twice the same is a condition, and the same condition.
    fn condition(&self, trigger: Source) -> String {
        let text = self.text(trigger);
        match self.fixed[trigger.node] {
            true => format!("{0} and {0}", text.within(AND + 1)),
            false => text.text,
        }
    }

    fn order(
        &self,
        word: &str,
        action: &ActionSpec,
        id: Option<&String>,
        terms: &[usize],
    ) -> String {
        let mut sizes = terms
            .iter()
            .filter_map(|term| self.size(&self.graph.nodes[*term]));
        let size = sizes.next_back().or_else(|| {
            let quantity = decimal(action.quantity);
            let is_all = action.quantity == Decimal::ONE_HUNDRED;
            Some(match (action.side, action.size_type) {
                (Side::Buy, SizeType::PercentOfCash) if is_all => return None,
                (Side::Sell, SizeType::PercentOfPosition) if is_all => return None,
                (_, SizeType::Units) => format!("units({quantity})"),
                (_, SizeType::CashAmount) => format!("cash({quantity})"),
                (_, SizeType::PercentOfCash) => format!("percent_of_cash({quantity})"),
                (_, SizeType::PercentOfPosition) => format!("percent_of_position({quantity})"),
            })
        });
        let mut arguments: Vec<String> = size
            .map(|size| format!("size={size}"))
            .into_iter()
            .collect();
        let mut named =
            |name: &str, value: Decimal| arguments.push(format!("{name}={}", decimal(value)));
        match action.kind {
            OrderKind::Market => {}
            OrderKind::Limit { limit } => named("limit", limit),
            OrderKind::Stop { stop } => named("stop", stop),
            OrderKind::StopLimit { stop, limit } => {
                named("stop", stop);
                named("limit", limit);
            }
            OrderKind::TrailingStop { percent } => named("trailing", percent),
        }
        if action.repeat {
            arguments.push("repeat=True".to_owned());
        }
        arguments.extend(id.map(|id| format!("id={}", quoted(id))));
        format!("{word}({})", arguments.join(", "))
    }

    fn size(&self, node: &Node) -> Option<String> {
        let NodeKind::Size(size) = &node.kind else {
            return None;
        };
        let most = |most: Option<Decimal>| {
            most.map_or_else(String::new, |most| format!(", most={}", decimal(most)))
        };
        Some(match *size {
            SizeSpec::Units(units) => format!("units({})", decimal(units)),
            SizeSpec::Cash(amount) => format!("cash({})", decimal(amount)),
            SizeSpec::PercentOfEquity {
                percent,
                most: limit,
            } => {
                format!("percent_of_equity({}{})", decimal(percent), most(limit))
            }
            SizeSpec::PercentAtRisk {
                percent,
                most: limit,
            } => {
                let fall = self.input(node, 1).text;
                format!(
                    "percent_at_risk({}, {fall}{})",
                    decimal(percent),
                    most(limit)
                )
            }
            SizeSpec::AmountAtRisk {
                amount,
                stop_percent,
            } => format!(
                "amount_at_risk({}, stop_percent={})",
                decimal(amount),
                decimal(stop_percent)
            ),
        })
    }

    fn term(&self, node: &Node) -> Option<String> {
        match &node.kind {
            NodeKind::StopLoss(StopSpec { distance, trailing }) => {
                let mut text = match *distance {
                    StopDistance::Wired(by) => {
                        let of = self.input(node, 1).text;
                        format!("multiple={}, of={of}", decimal(by))
                    }
                    other => away(other),
                };
                if let Some(trailing) = trailing {
                    let _ = write!(text, ", trailing={}", decimal(*trailing));
                }
                Some(format!("stop_loss({text})"))
            }
            NodeKind::TakeProfit(TargetSpec { targets }) => Some(match &targets[..] {
                [(first, _), (second, _)] => {
                    let (first, second) = (away(*first), away(*second));
                    let (way, first) = first.split_once('=')?;
                    let (_, second) = second.split_once('=')?;
                    format!("take_profit({way}=[{first}, {second}])")
                }
                [(single, _)] => format!("take_profit({})", away(*single)),
                _ => return None,
            }),
            _ => None,
        }
    }
}

fn away(distance: StopDistance) -> String {
    match distance {
        StopDistance::Percent(percent) => format!("percent={}", decimal(percent)),
        StopDistance::Amount(amount) => format!("amount={}", decimal(amount)),
        StopDistance::Wired(by) => format!("multiple={}", decimal(by)),
        StopDistance::Risk(ratio) => format!("risk={}", decimal(ratio)),
    }
}
