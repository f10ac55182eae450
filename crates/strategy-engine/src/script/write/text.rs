//! Pieces of a script, and how tightly they hold together.

use std::fmt::Write as _;

use rust_decimal::Decimal;

use crate::node::{Comparison, Field};
use crate::plan::{DayWindow, Span};

/// An expression, how tightly it holds together, and how deep it is.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) binding: u8,
    pub(super) depth: u8,
}

pub(super) const CHOICE: u8 = 0;
pub(super) const OR: u8 = 1;
pub(super) const AND: u8 = 2;
pub(super) const NOT: u8 = 3;
pub(super) const COMPARE: u8 = 4;
pub(super) const SUM: u8 = 5;
pub(super) const PRODUCT: u8 = 6;
pub(super) const ATOM: u8 = 8;

impl Text {
    pub(super) fn atom(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            binding: ATOM,
            depth: 0,
        }
    }

    /// As it stands inside something that holds so tightly.
    pub(super) fn within(&self, binding: u8) -> String {
        match self.binding < binding {
            true => format!("({})", self.text),
            false => self.text.clone(),
        }
    }
}

pub(super) fn field_name(field: Field) -> &'static str {
    match field {
        Field::Open => "open",
        Field::High => "high",
        Field::Low => "low",
        Field::Close => "close",
        Field::Volume => "volume",
        // No node gives these by themselves.
        Field::Bid => "bid",
        Field::Ask => "ask",
    }
}

pub(super) fn symbol(comparison: Comparison) -> &'static str {
    comparison.symbol()
}

/// The shortest text that is read as this number.
pub(super) fn number(value: f64) -> String {
    let plain = value.to_string();
    match plain.len() > 24 {
        true => format!("{value:e}"),
        false => plain,
    }
}

pub(super) fn decimal(value: Decimal) -> String {
    value.normalize().to_string()
}

/// A text in quotes, whatever is in it.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            c if c.is_control() || crate::script::place::is_direction_mark(c) => {
                let _ = write!(quoted, "\\U{:08x}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

pub(super) fn span_text(span: Span) -> String {
    const UNITS: &[(&str, u64)] = &[
        ("weeks", 604_800),
        ("days", 86_400),
        ("hours", 3_600),
        ("minutes", 60),
        ("seconds", 1),
    ];
    match span {
        Span::Evaluations(count) => format!("bars={count}"),
        Span::Seconds(seconds) => {
            let fits = UNITS.iter().find(|(_, length)| seconds % length == 0);
            let (unit, length) = fits.copied().unwrap_or(("seconds", 1));
            format!("{unit}={}", seconds / length)
        }
    }
}

pub(super) fn day_window(window: DayWindow, zone: &str) -> Vec<String> {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let clock = |minute: u16| format!("\"{:02}:{:02}\"", minute / 60, minute % 60);
    let mut arguments = vec![clock(window.from), clock(window.to), quoted(zone)];
    if window.weekdays != 0b111_1111 {
        let days = DAYS.iter().enumerate();
        let days = days.filter(|(day, _)| window.weekdays >> day & 1 == 1);
        let days: Vec<&str> = days.map(|(_, name)| *name).collect();
        arguments.push(quoted(&days.join(",")));
    }
    arguments
}

pub(super) fn is_keyword(name: &str) -> bool {
    matches!(
        name,
        "and"
            | "as"
            | "assert"
            | "async"
            | "await"
            | "break"
            | "class"
            | "continue"
            | "def"
            | "del"
            | "elif"
            | "else"
            | "except"
            | "finally"
            | "for"
            | "from"
            | "global"
            | "if"
            | "import"
            | "in"
            | "is"
            | "lambda"
            | "nonlocal"
            | "not"
            | "or"
            | "pass"
            | "raise"
            | "return"
            | "try"
            | "while"
            | "with"
            | "yield"
            | "match"
            | "case"
            | "type"
            | "None"
            | "True"
            | "False"
    )
}
