//! Calls: which function is meant, which argument is which, and the nodes that most of them are.

mod settings;
mod special;

use ruff_python_ast::{Expr, ExprCall};
use ruff_text_size::{Ranged, TextRange};
use serde_json::{Map, json};

use super::Lowering;
use super::build::Node;
use super::function::{Function, MARKET, SPECIAL, Takes, functions};
use super::value::Value;
use crate::diagnostic::quote;
use crate::plan::Arithmetic;

/// Most functions that are inlined into each other.
const DEEPEST_CALLS: usize = 16;

/// Whether a name has a meaning of its own.
pub(super) fn is_reserved(name: &str) -> bool {
    names().any(|known| known == name) || MARKET.iter().any(|(known, ..)| *known == name)
}

/// Functions that came when scripts may have had names like theirs: a script's own meaning goes first.
const YIELDING: [&str; 1] = ["position"];

/// Whether a script may give the name no other meaning.
pub(super) fn is_fixed(name: &str) -> bool {
    is_reserved(name) && !YIELDING.contains(&name)
}

/// Every function.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let special = SPECIAL.iter().map(|(name, ..)| *name);
    functions()
        .iter()
        .map(|function| function.name)
        .chain(special)
}

/// What to write instead of a name that Python has.
pub(super) fn foreign(name: &str) -> Option<&'static str> {
    Some(match name {
        "print" => "a strategy prints nothing: each signal tells why it fired",
        "len" | "sum" | "map" | "filter" | "zip" | "enumerate" | "list" | "dict" | "set" => {
            "series have no length: use sma(x, n), highest(x, n) or lowest(x, n)"
        }
        "eval" | "exec" | "compile" | "globals" | "getattr" | "input" | "__import__" => {
            "nothing can be reached from a strategy: write the expression itself"
        }
        "int" | "float" | "str" | "bool" | "round" => "numbers need no conversion",
        "pow" => "multiply: `x * x`",
        "np" | "numpy" | "pd" | "pandas" | "ta" | "talib" | "math" | "random" | "os" | "sys" => {
            "there are no modules: indicators are there without an import"
        }
        "cross" | "crossover" | "crossup" => {
            "use crosses_above(a, b), crosses_below(a, b) or crosses(a, b)"
        }
        "crossunder" | "crossdown" => "use crosses_below(a, b)",
        "price" | "last" => "use `close`",
        "position" | "equity" => {
            "a strategy doesn't see its account: sizes say what they are a percentage of"
        }
        _ => return None,
    })
}

/// The arguments of a call by the names that they have.
pub(super) struct Given<'a> {
    values: Vec<(&'static str, &'a Expr, TextRange)>,
}

impl<'a> Given<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a Expr> {
        let found = self.values.iter().find(|(known, ..)| *known == name);
        found.map(|(_, value, _)| *value)
    }
}

impl<'a> Lowering<'a> {
    pub(super) fn call(&mut self, call: &'a ExprCall) -> Value {
        let Expr::Name(name) = &*call.func else {
            let message = "only a function can be called, by its name";
            let hint = "there are no methods: write `sma(close, 10)`";
            return self.error("outside_language", &*call.func, message, hint);
        };
        let name = name.id.as_str();
        if let Some(function) = self.functions.get(name).copied() {
            return self.inline(function, call);
        }
        if let Some(function) = functions().iter().find(|function| function.name == name) {
            return self.node_call(function, call);
        }
        match name {
            "min" => self.extreme(Arithmetic::Min, call),
            "max" => self.extreme(Arithmetic::Max, call),
            "above" | "below" => self.threshold(name == "above", call),
            "param" => self.param(call),
            "strategy" => self.strategy(call),
            "range" => {
                let message = "`range` can only stand in a `for`";
                self.error(
                    "outside_language",
                    call,
                    message,
                    "write `for n in range(3):`",
                )
            }
            "buy" | "sell" => self.order(name == "buy", call),
            "stop_loss" => self.stop_loss(call),
            "take_profit" => self.take_profit(call),
            "units"
            | "cash"
            | "percent_of_cash"
            | "percent_of_position"
            | "percent_of_equity"
            | "percent_at_risk"
            | "amount_at_risk" => self.size(name, call),
            _ => self.unknown_function(name, call),
        }
    }

    fn unknown_function(&mut self, name: &str, call: &'a ExprCall) -> Value {
        if name.is_empty() {
            return Value::Unknown;
        }
        if is_reserved(name) || self.scopes.iter().any(|scope| scope.contains_key(name)) {
            let message = format!("{} is not a function", quote(name));
            let hint = match MARKET.iter().any(|(market, ..)| *market == name) {
                true => format!("`{name}` is a series; `{name}[1]` is its value before"),
                false => "remove the brackets".to_owned(),
            };
            return self.error("type_mismatch", &*call.func, message, &hint);
        }
        let message = format!("there is no function {}", quote(name));
        let hint = foreign(name).map(str::to_owned).or_else(|| {
            let mut known: Vec<&str> = self.functions.keys().copied().collect();
            names().for_each(|name| known.push(name));
            self.report.did_you_mean(name, known)
        });
        let hint = hint.unwrap_or_else(|| "define it with `def` above this line".to_owned());
        let unknown = self.error("name_unknown", &*call.func, message, &hint);
        // What is wrong inside of it can be told as well.
        for argument in &call.arguments.args {
            self.expression(argument);
        }
        unknown
    }

    /// Which argument is which; none where one is wrong, which is reported.
    pub(super) fn given(
        &mut self,
        name: &str,
        known: &[(&'static str, bool)],
        call: &'a ExprCall,
    ) -> Option<Given<'a>> {
        let mut given = Given { values: Vec::new() };
        let mut fine = true;
        let positional: Vec<&'static str> = known
            .iter()
            .filter(|(_, positional)| *positional)
            .map(|(name, _)| *name)
            .collect();
        for (index, argument) in call.arguments.args.iter().enumerate() {
            if let Expr::Starred(_) = argument {
                let message = "`*` is not part of the language";
                self.error(
                    "outside_language",
                    argument,
                    message,
                    "write the arguments one by one",
                );
                fine = false;
                continue;
            }
            match positional.get(index) {
                Some(known) => given.values.push((known, argument, argument.range())),
                None => {
                    let message = format!(
                        "{} takes {} arguments without a name",
                        quote(name),
                        positional.len()
                    );
                    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                    let hint = format!("its arguments are {}", names.join(", "));
                    self.error("argument_unknown", argument, message, &hint);
                    fine = false;
                }
            }
        }
        for keyword in &call.arguments.keywords {
            let Some(wanted) = &keyword.arg else {
                let message = "`**` is not part of the language";
                self.error(
                    "outside_language",
                    keyword,
                    message,
                    "write the arguments one by one",
                );
                fine = false;
                continue;
            };
            let wanted = wanted.as_str();
            let found = known.iter().find(|(known, _)| *known == wanted);
            match found {
                Some((known, _)) if given.get(known).is_some() => {
                    let message = format!("{} is given twice", quote(known));
                    self.error(
                        "argument_unknown",
                        keyword,
                        message,
                        "remove one of the two",
                    );
                    fine = false;
                }
                Some((known, _)) => {
                    given
                        .values
                        .push((known, &keyword.value, keyword.value.range()))
                }
                None => {
                    let message = format!("{} has no argument {}", quote(name), quote(wanted));
                    let names = known.iter().map(|(name, _)| *name);
                    let hint = self.report.did_you_mean(wanted, names.clone());
                    let all = || format!("it has {}", names.collect::<Vec<_>>().join(", "));
                    let hint = hint.unwrap_or_else(all);
                    self.error("argument_unknown", keyword, message, &hint);
                    fine = false;
                }
            }
        }
        fine.then_some(given)
    }

    pub(super) fn missing(&mut self, name: &str, argument: &str, call: &ExprCall, hint: &str) {
        let message = format!("{} needs {}", quote(name), quote(argument));
        self.error("argument_missing", call, message, hint);
    }

    fn node_call(&mut self, function: &'static Function, call: &'a ExprCall) -> Value {
        let known: Vec<(&str, bool)> = function
            .arguments
            .iter()
            .map(|argument| (argument.name, argument.is_positional()))
            .collect();
        let Some(given) = self.given(function.name, &known, call) else {
            return Value::Unknown;
        };
        let kind = function.node.split(' ').next().unwrap_or(function.node);
        let mut node = Node {
            kind,
            data: Map::new(),
            inputs: Vec::new(),
            range: call.range(),
            said: Vec::new(),
            name: None,
            called: function.name,
        };
        for (field, value) in function.fixed {
            node.data.insert((*field).to_owned(), json!(value));
        }
        let mut fine = true;
        for argument in function.arguments {
            let Some(value) = given.get(argument.name) else {
                if let Takes::Series(_) | Takes::Condition(_) = argument.takes {
                    let example = match argument.takes {
                        Takes::Condition(_) => "give it a condition",
                        _ => "give it a series, such as `close`",
                    };
                    self.missing(function.name, argument.name, call, example);
                    fine = false;
                }
                continue;
            };
            let (field, read) = match argument.takes {
                Takes::Series(handle) | Takes::Market(handle) => (
                    handle,
                    self.series(value)
                        .map(|port| node.inputs.push((port, handle))),
                ),
                Takes::Condition(handle) | Takes::MaybeCondition(handle) => {
                    let condition = self.expression(value);
                    let port = self.condition_of(condition, value);
                    (handle, port.map(|port| node.inputs.push((port, handle))))
                }
                Takes::Number(field) => {
                    let number = self.number(value);
                    (
                        field,
                        number
                            .map(|number| drop(node.data.insert(field.to_owned(), number.json()))),
                    )
                }
                Takes::Text(field) => {
                    let text = self.text(value);
                    (
                        field,
                        text.map(|text| drop(node.data.insert(field.to_owned(), json!(text)))),
                    )
                }
                Takes::Span(unit) => {
                    if node.data.contains_key("unit") {
                        let message = "a span is said in one unit";
                        self.error("argument_invalid", value, message, "remove the other one");
                        fine = false;
                    }
                    node.data.insert("unit".to_owned(), json!(unit));
                    let number = self.number(value);
                    (
                        "duration",
                        number.map(|number| {
                            drop(node.data.insert("duration".to_owned(), number.json()))
                        }),
                    )
                }
            };
            fine &= read.is_some();
            node.said.push((field, argument.name, value.range()));
        }
        if !fine {
            return Value::Unknown;
        }
        let has_span = node.data.contains_key("unit");
        match function.name {
            "hold" => {
                let until = node.inputs.len() > 1;
                let hold = if has_span {
                    "duration"
                } else if until {
                    "condition"
                } else {
                    "indefinite"
                };
                node.data.insert("holdType".to_owned(), json!(hold));
            }
            "cooldown" if !has_span => {
                let hint = "say how long: `cooldown(condition, minutes=5)`";
                self.missing("cooldown", "minutes", call, hint);
                return Value::Unknown;
            }
            _ => {}
        }
        let Some(number) = self.add(node, false) else {
            return Value::Unknown;
        };
        match function.results {
            [("", handle)] => self.result(number, function, handle),
            _ => Value::Results(number, function),
        }
    }
}
