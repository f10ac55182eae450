//! Why a signal fired, in words and figures. Built only when one fires.

use std::cmp::Ordering;
use std::fmt::Write;

use super::cell::Results;
use crate::limits::MAX_REASON_CHARS;
use crate::node::{Comparison, Field};
use crate::plan::{Op, OpId, PlanAction};

/// Deeper nesting is shown as an ellipsis: nobody reads it, and recursion stays bounded.
const DEEPEST: usize = 6;

/// For example `cross-1: SMA(10) 63512.40 crossed above SMA(30) 63498.10`.
pub(super) fn of(action: &PlanAction, ops: &[Op], results: &Results) -> String {
    let mut words = Words {
        ops,
        results,
        text: format!("{}: ", action.trigger_node),
    };
    words.condition(action.trigger, DEEPEST);
    cut(words.text)
}

fn cut(text: String) -> String {
    match text.char_indices().nth(MAX_REASON_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

struct Words<'a> {
    ops: &'a [Op],
    results: &'a Results,
    text: String,
}

impl Words<'_> {
    fn say(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn condition(&mut self, id: OpId, depth: usize) {
        // Whatever is longer than the reason may be is cut anyway, so no more is built.
        if depth == 0 || self.text.len() > 4 * MAX_REASON_CHARS {
            return self.say("…");
        }
        let ops = self.ops;
        match &ops[id as usize] {
            Op::Compare {
                comparison,
                first,
                second,
            } => self.compare(*first, *comparison, *second),
            Op::Cross { fast, slow, .. } => {
                let rose = Comparison::GreaterThan.holds(self.value(*fast), self.value(*slow));
                let verb = if rose == Some(true) {
                    " crossed above "
                } else {
                    " crossed below "
                };
                self.pair(*fast, verb, *slow);
            }
            Op::Above { input, on, .. } => self.level(*input, "above", on.get()),
            Op::Below { input, on, .. } => self.level(*input, "below", on.get()),
            Op::All { inputs } => self.list(inputs, " and ", depth),
            Op::Any { inputs } => {
                let holds = |id: &OpId| self.results.conditions[*id as usize] == Some(true);
                let shown: Vec<OpId> = inputs.iter().copied().filter(holds).collect();
                // Under a `not`, none of them holds, and all of them matter.
                if shown.is_empty() {
                    self.list(inputs, " or ", depth);
                } else {
                    self.list(&shown, " and ", depth);
                }
            }
            Op::Not { input } => {
                self.say("not (");
                self.condition(*input, depth - 1);
                self.say(")");
            }
            Op::Flag { value } => self.say(if *value {
                "always true"
            } else {
                "always false"
            }),
            _ => self.say("…"),
        }
    }

    fn list(&mut self, inputs: &[OpId], between: &str, depth: usize) {
        for (index, input) in inputs.iter().enumerate() {
            if index > 0 {
                self.say(between);
            }
            self.condition(*input, depth - 1);
        }
    }

    fn compare(&mut self, first: OpId, comparison: Comparison, second: OpId) {
        self.pair(first, &format!(" {} ", comparison.symbol()), second);
    }

    fn pair(&mut self, first: OpId, between: &str, second: OpId) {
        let digits = telling_digits(self.value(first), self.value(second));
        self.number(first, digits);
        self.say(between);
        self.number(second, digits);
    }

    fn level(&mut self, input: OpId, side: &str, level: f64) {
        let digits = telling_digits(self.value(input), level);
        self.number(input, digits);
        let _ = write!(self.text, " {side} {level}");
    }

    fn number(&mut self, id: OpId, digits: usize) {
        if let Op::Number { value } = &self.ops[id as usize] {
            let _ = write!(self.text, "{value}");
            return;
        }
        self.name(id, DEEPEST);
        let _ = write!(self.text, " {:.digits$}", self.value(id));
    }

    fn value(&self, id: OpId) -> f64 {
        self.results.numbers[id as usize]
    }

    fn name(&mut self, id: OpId, depth: usize) {
        if depth == 0 {
            return self.say("…");
        }
        let ops = self.ops;
        match &ops[id as usize] {
            Op::Number { value } => drop(write!(self.text, "{value}")),
            Op::Market { field } => self.say(field_name(*field)),
            Op::MarketMean {
                field: Field::Close,
                period,
            } => self.named("SMA", *period),
            Op::MarketMean { field, period } => {
                self.named("SMA", *period);
                self.say(" of ");
                self.say(field_name(*field));
            }
            Op::Mean { input, period } => self.indicator("SMA", *period, *input, depth),
            Op::Ema { input, period } => self.indicator("EMA", *period, *input, depth),
            Op::Rsi { input, period } => self.indicator("RSI", *period, *input, depth),
            Op::Vwap { period } => self.named("VWAP", *period),
            Op::Ratio { dividend, divisor } => {
                self.name(*dividend, depth - 1);
                self.say(" / ");
                self.name(*divisor, depth - 1);
            }
            _ => self.say("…"),
        }
    }

    fn named(&mut self, name: &str, period: u32) {
        let _ = write!(self.text, "{name}({period})");
    }

    /// Names its input unless that is the closing price, which goes without saying.
    fn indicator(&mut self, name: &str, period: u32, input: OpId, depth: usize) {
        self.named(name, period);
        if !matches!(
            self.ops[input as usize],
            Op::Market {
                field: Field::Close
            }
        ) {
            self.say(" of ");
            self.name(input, depth - 1);
        }
    }
}

fn field_name(field: Field) -> &'static str {
    match field {
        Field::Open => "open",
        Field::High => "high",
        Field::Low => "low",
        Field::Close => "price",
        Field::Volume => "volume",
    }
}

/// Decimals that suit the magnitude, and more where two different numbers would look the same.
fn telling_digits(first: f64, second: f64) -> usize {
    const MOST: usize = 12;
    let magnitude = first.abs().max(second.abs());
    let suitable = match magnitude {
        m if m >= 10.0 => 2,
        m if m >= 1.0 => 4,
        _ => 8,
    };
    if matches!(first.partial_cmp(&second), None | Some(Ordering::Equal)) {
        return suitable;
    }
    (suitable..MOST)
        .find(|n| format!("{first:.n$}") != format!("{second:.n$}"))
        .unwrap_or(MOST)
}
