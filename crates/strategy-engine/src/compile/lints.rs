//! What compiles but can hardly be meant: conditions that never or always hold, sales without a
//! buy, a warm-up that takes days.

use std::collections::HashMap;

use super::graph::Graph;
use super::range::{Range, ranges};
use crate::diagnostic::{Diagnostic, Report, quote};
use crate::limits::{LONG_WARMUP, MAX_HISTORY};
use crate::node::{Comparison, CrossType, NodeKind, Side};
use crate::plan::{Op, OpId, Plan, PlanAction, WarmUp};

/// Conditions that are looked at for one contradiction: more than anybody draws.
const MOST_FACTS: usize = 200;

pub(super) fn check(
    graph: &Graph,
    ops: &[Op],
    outputs: &[Vec<OpId>],
    actions: &[PlanAction],
    report: &mut Report,
) {
    let known = Known::of(ops);
    for (node, outputs) in graph.nodes.iter().zip(outputs) {
        let Some(&id) = outputs.first() else { continue };
        let is_logic = matches!(node.kind, NodeKind::And | NodeKind::Or);
        if is_logic && known.contradictions.contains(&id) {
            let message = match node.kind {
                NodeKind::And => "the conditions contradict each other: they never hold together",
                _ => "the conditions leave nothing out: one of them always holds",
            };
            let problem = Diagnostic::warning("conditions_contradict", message).node(&node.id);
            report.push(problem.hint("check the operators and levels of what enters it"));
        }
    }
    for action in actions {
        let (code, message) = match known.truth[action.trigger as usize] {
            Some(false) if action.side == Side::Sell => (
                "sell_unreachable",
                "the trigger of the sale can never become true: what was bought stays",
            ),
            Some(false) => ("never_trades", "the trigger can never become true"),
            Some(true) => (
                "always_trades",
                "the trigger is true whenever it has a value",
            ),
            None => continue,
        };
        let problem = Diagnostic::warning(code, message).node(&action.node);
        report.push(
            problem
                .field("trigger-in")
                .hint("compare with something that the value can be on both sides of"),
        );
    }
    let has = |side: Side| actions.iter().find(|action| action.side == side);
    if let (Some(sale), None) = (has(Side::Sell), has(Side::Buy)) {
        let message = "the strategy sells but never buys, so that there is nothing to sell";
        let problem = Diagnostic::warning("sell_without_buy", message).node(&sale.node);
        report.push(problem.hint("add a buyNode"));
    }
    for sale in actions.iter().filter(|action| action.side == Side::Sell) {
        let mut buys = actions.iter().filter(|action| action.side == Side::Buy);
        if let Some(buy) = buys.find(|buy| buy.trigger == sale.trigger) {
            let message = format!(
                "the sale has the same trigger as the buy {}: both are ordered at once",
                quote(&buy.node)
            );
            let problem = Diagnostic::warning("buy_and_sell_together", message).node(&sale.node);
            report.push(
                problem
                    .field("trigger-in")
                    .hint("sell on another condition"),
            );
        }
    }
}

/// A warm-up that a session may not live to see the end of.
pub(super) fn warmup(plan: &Plan, report: &mut Report) {
    let warmup = plan.summary().warmup;
    if warmup > LONG_WARMUP {
        let message = format!("it takes {warmup} evaluations until every trigger has a value");
        let problem = Diagnostic::warning("warmup_long", message);
        report.push(problem.hint("use shorter periods, or a longer timeframe"));
    } else if plan.warm_up() == WarmUp::Candles && warmup > MAX_HISTORY {
        let message = format!(
            "it takes {warmup} evaluations until every trigger has a value, and a session warms up \
             with {MAX_HISTORY} candles at most"
        );
        let problem = Diagnostic::warning("warmup_beyond_history", message).field("warmUp");
        report.push(problem.hint("use shorter periods, or expect to wait for the rest"));
    }
}

/// What is known of each operation before it runs.
struct Known<'a> {
    ops: &'a [Op],
    ranges: Vec<Range>,
    /// Whether a condition always or never holds.
    truth: Vec<Option<bool>>,
    /// Operations on conditions that contradict each other, or that leave nothing out.
    contradictions: Vec<OpId>,
}

impl<'a> Known<'a> {
    fn of(ops: &'a [Op]) -> Self {
        let mut known = Self {
            ops,
            ranges: ranges(ops),
            truth: Vec::with_capacity(ops.len()),
            contradictions: Vec::new(),
        };
        for (id, op) in ops.iter().enumerate() {
            let truth = known.truth_of(id as OpId, op);
            known.truth.push(truth);
        }
        known
    }

    fn truth_of(&mut self, id: OpId, op: &Op) -> Option<bool> {
        let truth = |id: &OpId| self.truth.get(*id as usize).copied().flatten();
        let range = |id: &OpId| self.ranges[*id as usize];
        match op {
            Op::Flag { value } => Some(*value),
            Op::Compare {
                comparison,
                first,
                second,
            } => {
                let possible = if first == second {
                    EQUAL
                } else {
                    orders(range(first), range(second))
                };
                let holds = accepts(*comparison);
                match possible & holds {
                    0 => Some(false),
                    both if both == possible => Some(true),
                    _ => None,
                }
            }
            Op::Cross {
                cross_type,
                fast,
                slow,
            } => {
                let possible = orders(range(fast), range(slow));
                let rises = possible & GREATER != 0 && possible & (LESS | EQUAL) != 0;
                let falls = possible & LESS != 0 && possible & (GREATER | EQUAL) != 0;
                let possible = match cross_type {
                    CrossType::Above => rises,
                    CrossType::Below => falls,
                    CrossType::Any => rises || falls,
                };
                (!possible || fast == slow).then_some(false)
            }
            Op::Above { input, on, .. } => match range(input) {
                Range { high, .. } if high <= on.get() => Some(false),
                Range { low, .. } if low > on.get() => Some(true),
                _ => None,
            },
            Op::Below { input, on, .. } => match range(input) {
                Range { low, .. } if low >= on.get() => Some(false),
                Range { high, .. } if high < on.get() => Some(true),
                _ => None,
            },
            Op::Not { input } => truth(input).map(|value| !value),
            Op::Hold { trigger, .. } | Op::Cooldown { trigger, .. } => {
                truth(trigger).filter(|value| !value)
            }
            Op::All { inputs } => {
                let all: Vec<_> = inputs.iter().map(truth).collect();
                if all.contains(&Some(false)) {
                    return Some(false);
                }
                if self.contradict(inputs, true) {
                    self.contradictions.push(id);
                    return Some(false);
                }
                all.iter().all(|value| *value == Some(true)).then_some(true)
            }
            Op::Any { inputs } => {
                let all: Vec<_> = inputs.iter().map(truth).collect();
                if all.contains(&Some(true)) {
                    return Some(true);
                }
                if self.contradict(inputs, false) {
                    self.contradictions.push(id);
                    return Some(true);
                }
                all.iter()
                    .all(|value| *value == Some(false))
                    .then_some(false)
            }
            _ => None,
        }
    }

    /// Whether the conditions can't all have this value at once.
    fn contradict(&self, inputs: &[OpId], value: bool) -> bool {
        let mut facts = Facts::default();
        let mut open: Vec<(OpId, bool)> = inputs.iter().map(|id| (*id, value)).collect();
        for _ in 0..MOST_FACTS {
            let Some((id, value)) = open.pop() else {
                return false;
            };
            if facts.conditions.insert(id, value) == Some(!value) {
                return true;
            }
            match &self.ops[id as usize] {
                Op::Not { input } => open.push((*input, !value)),
                Op::All { inputs } if value => open.extend(inputs.iter().map(|id| (*id, true))),
                Op::Any { inputs } if !value => open.extend(inputs.iter().map(|id| (*id, false))),
                op => {
                    if self.adds_contradiction(op, value, &mut facts) {
                        return true;
                    }
                }
            }
        }
        false
    }

    fn adds_contradiction(&self, op: &Op, value: bool, facts: &mut Facts) -> bool {
        match op {
            Op::Compare {
                comparison,
                first,
                second,
            } => {
                let accepted = accepts(*comparison);
                let accepted = if value {
                    accepted
                } else {
                    ANY_ORDER & !accepted
                };
                let (low, high) = (self.ranges[*first as usize], self.ranges[*second as usize]);
                if let Some(level) = constant(high) {
                    return facts.bound(*first, accepted, level);
                }
                if let Some(level) = constant(low) {
                    return facts.bound(*second, mirrored(accepted), level);
                }
                facts.relate(*first, *second, accepted)
            }
            Op::Cross {
                cross_type,
                fast,
                slow,
            } if value => match cross_type {
                CrossType::Above => facts.relate(*fast, *slow, GREATER),
                CrossType::Below => facts.relate(*fast, *slow, LESS),
                CrossType::Any => facts.relate(*fast, *slow, LESS | GREATER),
            },
            // On, the value is still beyond the level at which it turns off; off, it isn't beyond
            // the one at which it turns on.
            Op::Above { input, on, off } if value => {
                facts.bound(*input, GREATER, off.get().min(on.get()))
            }
            Op::Above { input, on, .. } => facts.bound(*input, LESS | EQUAL, on.get()),
            Op::Below { input, on, off } if value => {
                facts.bound(*input, LESS, off.get().max(on.get()))
            }
            Op::Below { input, on, .. } => facts.bound(*input, GREATER | EQUAL, on.get()),
            _ => false,
        }
    }
}

const LESS: u8 = 1;
const EQUAL: u8 = 2;
const GREATER: u8 = 4;
const ANY_ORDER: u8 = LESS | EQUAL | GREATER;

/// How a number of one range can be to one of the other.
fn orders(a: Range, b: Range) -> u8 {
    let mut orders = 0;
    if a.low < b.high {
        orders |= LESS;
    }
    if a.high > b.low {
        orders |= GREATER;
    }
    if a.low <= b.high && b.low <= a.high {
        orders |= EQUAL;
    }
    orders
}

fn accepts(comparison: Comparison) -> u8 {
    match comparison {
        Comparison::GreaterThan => GREATER,
        Comparison::LessThan => LESS,
        Comparison::GreaterEqual => GREATER | EQUAL,
        Comparison::LessEqual => LESS | EQUAL,
        Comparison::Equal => EQUAL,
        Comparison::NotEqual => LESS | GREATER,
    }
}

fn mirrored(orders: u8) -> u8 {
    let less = if orders & GREATER != 0 { LESS } else { 0 };
    let greater = if orders & LESS != 0 { GREATER } else { 0 };
    less | (orders & EQUAL) | greater
}

fn constant(range: Range) -> Option<f64> {
    (range.low >= range.high).then_some(range.low)
}

/// What has to hold so far.
#[derive(Default)]
struct Facts {
    conditions: HashMap<OpId, bool>,
    /// For each number, bounds and whether each itself is left out.
    bounds: HashMap<OpId, Bounds>,
    /// For each pair of numbers, how the first can be to the second.
    relations: HashMap<(OpId, OpId), u8>,
}

#[derive(Clone, Copy)]
struct Bounds {
    low: (f64, bool),
    high: (f64, bool),
}

impl Facts {
    /// The number is so to the level; whether nothing is left that it could be.
    fn bound(&mut self, id: OpId, orders: u8, level: f64) -> bool {
        let bounds = self.bounds.entry(id).or_insert(Bounds {
            low: (f64::NEG_INFINITY, false),
            high: (f64::INFINITY, false),
        });
        let open = orders & EQUAL == 0;
        if orders & LESS == 0 && (level > bounds.low.0 || (level >= bounds.low.0 && open)) {
            bounds.low = (level, open);
        }
        if orders & GREATER == 0 && (level < bounds.high.0 || (level <= bounds.high.0 && open)) {
            bounds.high = (level, open);
        }
        let Bounds { low, high } = *bounds;
        low.0 > high.0 || (low.0 >= high.0 && (low.1 || high.1))
    }

    fn relate(&mut self, first: OpId, second: OpId, orders: u8) -> bool {
        let (pair, orders) = if first <= second {
            ((first, second), orders)
        } else {
            ((second, first), mirrored(orders))
        };
        let known = self.relations.entry(pair).or_insert(ANY_ORDER);
        *known &= orders;
        *known == 0
    }
}
