//! What a script says of itself: its name, its settings and its parameters.

use std::fmt::Display;
use std::str::FromStr;

use ruff_python_ast::{Expr, ExprCall};
use ruff_text_size::TextRange;

use crate::diagnostic::quote;
use crate::script::value::{Constant, Value};
use crate::script::{Lowering, Param, ParamValue};

impl<'a> Lowering<'a> {
    pub(super) fn strategy(&mut self, call: &'a ExprCall) -> Value {
        let known = [
            ("name", true),
            ("timeframe", false),
            ("on_gap", false),
            ("warm_up", false),
        ];
        let Some(given) = self.given("strategy", &known, call) else {
            return Value::Unknown;
        };
        if std::mem::replace(&mut self.strategy_seen, true) {
            let message = "the strategy is named twice";
            return self.error("argument_invalid", call, message, "remove one of the two");
        }
        self.name = given.get("name").and_then(|name| self.text(name));
        let timeframe = given.get("timeframe");
        self.timeframe = timeframe.and_then(|at| self.setting(at, "timeframe"));
        if let Some(on_gap) = given.get("on_gap") {
            self.on_gap = self
                .setting(on_gap, "policy for missing trades")
                .unwrap_or_default();
        }
        if let Some(warm_up) = given.get("warm_up") {
            self.warm_up = self.setting(warm_up, "way to warm up").unwrap_or_default();
        }
        Value::Nothing
    }

    /// A choice of the whole strategy, as text.
    fn setting<T: FromStr<Err: Display>>(&mut self, at: &'a Expr, what: &str) -> Option<T> {
        let text = self.text(at)?;
        match text.parse() {
            Ok(setting) => Some(setting),
            Err(error) => {
                let message = format!("{} is no {what}", quote(&text));
                let error: T::Err = error;
                self.error("argument_invalid", at, message, &error.to_string());
                None
            }
        }
    }

    pub(super) fn param(&mut self, call: &'a ExprCall) -> Value {
        let known = [
            ("name", true),
            ("default", true),
            ("min", false),
            ("max", false),
            ("choices", false),
        ];
        let Some(given) = self.given("param", &known, call) else {
            return Value::Unknown;
        };
        let (Some(name_at), Some(default_at)) = (given.get("name"), given.get("default")) else {
            self.missing(
                "param",
                "default",
                call,
                "write `param(\"fast\", 10, min=2, max=200)`",
            );
            return Value::Unknown;
        };
        let Some(name) = self.text(name_at) else {
            return Value::Unknown;
        };
        let default = self.expression(default_at);
        let min = given
            .get("min")
            .and_then(|at| self.number(at))
            .map(|number| number.real);
        let max = given
            .get("max")
            .and_then(|at| self.number(at))
            .map(|number| number.real);
        let choices = match given.get("choices").map(|at| (at, self.expression(at))) {
            Some((_, Value::List(values))) => values.iter().filter_map(param_value).collect(),
            Some((at, other)) => {
                self.mismatch(at, &other, "a list", "write `choices=[10, 20]`");
                Vec::new()
            }
            None => Vec::new(),
        };
        let Some(default_value) = param_value(&default) else {
            self.mismatch(default_at, &default, "a number, True, False or a text", "");
            return Value::Unknown;
        };
        if self.params.iter().any(|param| param.name == name) {
            // The same call in a loop or a function is one parameter.
            let known = self.params.iter().find(|param| param.name == name);
            if known.is_some_and(|param| param.default != default_value) {
                let message = format!("there are two parameters {}", quote(&name));
                return self.error("param_invalid", name_at, message, "give one another name");
            }
        }
        let value = match self.set.get(&name) {
            None => default,
            Some(text) => match set_value(&default, text) {
                Some(value) => value,
                None => {
                    let message =
                        format!("the parameter {} can't be {}", quote(&name), quote(text));
                    let hint = format!("set it to {}", default.what());
                    return self.error("param_invalid", call, message, &hint);
                }
            },
        };
        let Some(param) = param_value(&value).map(|value| Param {
            name,
            default: default_value,
            value,
            min,
            max,
            choices,
        }) else {
            return Value::Unknown;
        };
        if let Some(problem) = param.problem() {
            let message = format!("the parameter {} {problem}", quote(&param.name));
            self.error(
                "param_invalid",
                call,
                message,
                "choose a value within its range",
            );
            return Value::Unknown;
        }
        if !self.params.iter().any(|known| known.name == param.name) {
            self.params.push(param);
        }
        value
    }

    /// What was set but isn't a parameter.
    pub(in crate::script) fn unknown_params(&mut self) {
        for name in self.set.keys() {
            if self.stopped || self.params.iter().any(|param| param.name == *name) {
                continue;
            }
            let message = format!("the script has no parameter {}", quote(name));
            let names: Vec<String> = self.params.iter().map(|param| param.name.clone()).collect();
            let hint = self
                .report
                .did_you_mean(name, names.iter().map(String::as_str));
            let hint = hint.unwrap_or_else(|| match names.is_empty() {
                true => "it has none: write `fast = param(\"fast\", 10)`".to_owned(),
                false => format!("it has {}", names.join(", ")),
            });
            self.error("param_invalid", &TextRange::default(), message, &hint);
        }
    }
}

impl Param {
    fn problem(&self) -> Option<String> {
        if let ParamValue::Number(value) = self.value {
            if let Some(min) = self.min.filter(|min| value < *min) {
                return Some(format!("is {value}, but must be {min} or more"));
            }
            if let Some(max) = self.max.filter(|max| value > *max) {
                return Some(format!("is {value}, but must be {max} or less"));
            }
        }
        let fits = self.choices.is_empty() || self.choices.contains(&self.value);
        (!fits).then(|| "is none of its choices".to_owned())
    }
}

fn param_value(value: &Value) -> Option<ParamValue> {
    Some(match value {
        Value::Number(constant) => ParamValue::Number(constant.real),
        Value::Flag(flag) => ParamValue::Flag(*flag),
        Value::Text(text) => ParamValue::Text(text.clone()),
        _ => return None,
    })
}

/// A text as the kind of value that the default is.
fn set_value(default: &Value, text: &str) -> Option<Value> {
    Some(match default {
        Value::Number(_) => Value::Number(Constant::literal(text)?),
        Value::Flag(_) => match text {
            "true" | "True" => Value::Flag(true),
            "false" | "False" => Value::Flag(false),
            _ => return None,
        },
        Value::Text(_) => Value::Text(text.to_owned()),
        _ => return None,
    })
}
