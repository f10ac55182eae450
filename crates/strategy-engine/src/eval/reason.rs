//! Why a signal fired, in words and figures. Built only when one fires.

mod figure;

use std::fmt::Write;

use super::cell::Results;
use crate::limits::MAX_REASON_CHARS;
use crate::node::{Comparison, Field};
use crate::plan::{Arithmetic, ClockFigure, HoldingFigure, Op, OpId, Pattern, PlanAction, Study};
use figure::{Fixed, grouped, telling};

/// Deeper nesting is shown as an ellipsis: nobody reads it, and recursion stays bounded.
const DEEPEST: usize = 6;

/// For example `SMA(10) 63,512.40 crossed above SMA(30) 63,498.10`.
pub(super) fn of(action: &PlanAction, ops: &[Op], results: &Results) -> String {
    let mut words = Words {
        ops,
        results,
        // Most are shorter.
        text: String::with_capacity(96),
    };
    words.condition(action.trigger, DEEPEST);
    cut(words.text)
}

fn cut(text: String) -> String {
    // No text has more characters than bytes.
    if text.len() <= MAX_REASON_CHARS {
        return text;
    }
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
                let side = if rose == Some(true) {
                    "above "
                } else {
                    "below "
                };
                self.pair(*fast, [" ", "crossed ", side], *slow);
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
            Op::InWindow { window, zone } => {
                let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
                let (from, to) = (clock(window.from), clock(window.to));
                let _ = write!(self.text, "{from} to {to} {zone}");
            }
            Op::Hold { trigger, .. } => {
                self.say("held since ");
                self.condition(*trigger, depth - 1);
            }
            Op::Cooldown { trigger, .. } => self.condition(*trigger, depth - 1),
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
        // What is true or false as a number is told as what it is: `double top`.
        if self.is_event(first) {
            return self.name(first, DEEPEST);
        }
        self.pair(first, [" ", comparison.symbol(), " "], second);
    }

    fn pair(&mut self, first: OpId, between: [&str; 3], second: OpId) {
        let figures = telling(self.value(first), self.value(second));
        self.number(first, &figures.0);
        between.into_iter().for_each(|word| self.say(word));
        self.number(second, &figures.1);
    }

    fn level(&mut self, input: OpId, side: &str, level: f64) {
        let figures = telling(self.value(input), level);
        self.number(input, &figures.0);
        let level = grouped(&level.to_string());
        let _ = write!(self.text, " {side} {level}");
    }

    fn number(&mut self, id: OpId, figure: &Fixed) {
        if let Op::Number { value } = &self.ops[id as usize] {
            let figure = grouped(&value.to_string());
            return self.say(&figure);
        }
        self.name(id, DEEPEST);
        self.say(" ");
        match is_count(&self.ops[id as usize]) {
            true => Fixed::whole(self.value(id)).write(&mut self.text),
            false => figure.write(&mut self.text),
        }
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
            Op::Study { study, inputs } => {
                self.say(&study_name(*study, 0));
                self.of(inputs, depth);
            }
            Op::Part { of, part } => match &ops[*of as usize] {
                Op::Study { study, inputs } => {
                    self.say(&study_name(*study, *part));
                    self.of(inputs, depth);
                }
                _ => self.say("…"),
            },
            Op::Vwap { period } => self.named("VWAP", *period),
            Op::AnchoredVwap { .. } => self.say("VWAP"),
            Op::Arithmetic {
                operation,
                first,
                second,
            } => self.arithmetic(*operation, *first, *second, depth),
            Op::Absolute { input } => {
                self.say("|");
                self.name(*input, depth - 1);
                self.say("|");
            }
            Op::Choose {
                then, otherwise, ..
            } => {
                self.name(*then, depth - 1);
                self.say(" or ");
                self.name(*otherwise, depth - 1);
            }
            Op::Clock { figure, zone } => {
                let figure = match figure {
                    ClockFigure::Hour => "hour",
                    ClockFigure::Minute => "minute",
                    ClockFigure::DayOfWeek => "day of the week",
                    ClockFigure::Timestamp => return self.say("timestamp"),
                };
                let _ = write!(self.text, "{figure} in {zone}");
            }
            Op::Holding { figure } => self.say(figure.words()),
            _ => self.say("…"),
        }
    }

    fn named(&mut self, name: &str, period: u32) {
        let _ = write!(self.text, "{name}({period})");
    }

    fn is_event(&self, id: OpId) -> bool {
        let of = match &self.ops[id as usize] {
            Op::Part { of, .. } => &self.ops[*of as usize],
            op => op,
        };
        let Op::Study { study, .. } = of else {
            return false;
        };
        matches!(study, Study::Pattern { .. } | Study::Divergence { .. })
    }

    fn arithmetic(&mut self, operation: Arithmetic, first: OpId, second: OpId, depth: usize) {
        let (before, between) = match operation {
            Arithmetic::Add => ("(", " + "),
            Arithmetic::Subtract => ("(", " - "),
            Arithmetic::Multiply => ("(", " · "),
            Arithmetic::Divide => ("(", " / "),
            Arithmetic::Min => ("min(", ", "),
            Arithmetic::Max => ("max(", ", "),
        };
        // The outermost brackets of a calculation say nothing.
        let outermost = depth == DEEPEST && before == "(";
        self.say(if outermost { "" } else { before });
        self.name(first, depth - 1);
        self.say(between);
        self.name(second, depth - 1);
        self.say(if outermost { "" } else { ")" });
    }

    /// Names the input unless it is the closing price, or high, low and close: those go without
    /// saying.
    fn of(&mut self, inputs: &[OpId], depth: usize) {
        let [input] = inputs else { return };
        let close = Op::Market {
            field: Field::Close,
        };
        if self.ops[*input as usize] != close {
            self.say(" of ");
            self.name(*input, depth - 1);
        }
    }
}

/// Whether its figures are always whole.
fn is_count(op: &Op) -> bool {
    let counts = Op::Holding {
        figure: HoldingFigure::Bars,
    };
    *op == counts || matches!(op, Op::Clock { .. })
}

fn study_name(study: Study, part: u8) -> String {
    match study {
        Study::Mean { period } => format!("SMA({period})"),
        Study::Ema { period } => format!("EMA({period})"),
        Study::Wma { period } => format!("WMA({period})"),
        Study::StdDev { period } => format!("deviation({period})"),
        Study::Rsi { period } => format!("RSI({period})"),
        Study::Macd { fast, slow, signal } => {
            let part = ["", " signal", " histogram"][usize::from(part.min(2))];
            format!("MACD({fast}, {slow}, {signal}){part}")
        }
        Study::Highest { period } => format!("highest({period})"),
        Study::Lowest { period } => format!("lowest({period})"),
        Study::Lag { period } => format!("{period} ago"),
        Study::Stochastic { k, smooth, d } => {
            let letter = if part == 0 { "K" } else { "D" };
            format!("%{letter}({k}, {smooth}, {d})")
        }
        Study::Atr { period } => format!("ATR({period})"),
        Study::Adx { period } => {
            let name = ["ADX", "+DI", "-DI"][usize::from(part.min(2))];
            format!("{name}({period})")
        }
        Study::Cci { period } => format!("CCI({period})"),
        Study::WilliamsR { period } => format!("Williams %R({period})"),
        Study::Sar { .. } => "SAR".to_owned(),
        Study::Supertrend { period, multiplier } => {
            let part = if part == 0 { "" } else { " direction" };
            format!("Supertrend({period}, {multiplier}){part}")
        }
        Study::Obv => "OBV".to_owned(),
        Study::Divergence { .. } if part == 0 => "bullish divergence".to_owned(),
        Study::Divergence { .. } => "bearish divergence".to_owned(),
        Study::Pattern { pattern, .. } => match pattern {
            Pattern::DoubleTop => "double top",
            Pattern::DoubleBottom => "double bottom",
            Pattern::HeadShoulders => "head and shoulders",
            Pattern::InverseHeadShoulders => "inverse head and shoulders",
        }
        .to_owned(),
    }
}

fn field_name(field: Field) -> &'static str {
    match field {
        Field::Open => "open",
        Field::High => "high",
        Field::Low => "low",
        Field::Close => "price",
        Field::Volume => "volume",
        Field::Bid => "bid",
        Field::Ask => "ask",
    }
}
