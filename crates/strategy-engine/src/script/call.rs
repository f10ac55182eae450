//! Calls: of nodes, of the script's own functions, and of what has a meaning of its own.

use std::collections::HashMap;

use ruff_python_ast::{Expr, ExprCall, StmtFunctionDef};
use ruff_text_size::{Ranged, TextRange};
use serde_json::{Map, json};

use super::build::Node;
use super::function::{Function, MARKET, SPECIAL, Takes, functions};
use super::value::{Constant, Port, Value};
use super::{Lowering, Param, ParamValue};
use crate::diagnostic::quote;
use crate::plan::Arithmetic;

/// Most functions that are inlined into each other.
const DEEPEST_CALLS: usize = 16;

/// Whether a name has a meaning of its own.
pub(super) fn is_reserved(name: &str) -> bool {
    names().any(|known| known == name) || MARKET.iter().any(|(known, ..)| *known == name)
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

    fn extreme(&mut self, operation: Arithmetic, call: &'a ExprCall) -> Value {
        if !call.arguments.keywords.is_empty() || call.arguments.args.len() < 2 {
            let message = "two or more numbers are needed here";
            let hint = "for the highest of the last n values use highest(x, n)";
            return self.error("argument_missing", call, message, hint);
        }
        let mut values = call.arguments.args.iter();
        let mut least = values
            .next()
            .map_or(Value::Unknown, |first| self.expression(first));
        for value in values {
            let value = self.expression(value);
            least = self.arithmetic(operation, least, value, call);
        }
        least
    }

    fn threshold(&mut self, is_above: bool, call: &'a ExprCall) -> Value {
        let name = if is_above { "above" } else { "below" };
        let known = [("x", true), ("level", true), ("hysteresis", true)];
        let Some(given) = self.given(name, &known, call) else {
            return Value::Unknown;
        };
        let (Some(x), Some(level)) = (given.get("x"), given.get("level")) else {
            self.missing(name, "level", call, "write `above(rsi(close, 14), 70)`");
            return Value::Unknown;
        };
        let (port, constant) = (self.series(x), self.number(level));
        let hysteresis = match given.get("hysteresis") {
            Some(value) => self.number(value),
            None => Some(Constant::whole(0)),
        };
        let (Some(port), Some(constant), Some(hysteresis)) = (port, constant, hysteresis) else {
            return Value::Unknown;
        };
        let mut said = vec![("upperThreshold", "level", level.range())];
        said.extend(
            given
                .get("hysteresis")
                .map(|at| ("hysteresis", "hysteresis", at.range())),
        );
        let node = Node {
            kind: "thresholdNode",
            data: Map::from_iter([
                ("upperThreshold".to_owned(), constant.real_json()),
                ("lowerThreshold".to_owned(), constant.real_json()),
                ("hysteresis".to_owned(), hysteresis.real_json()),
            ]),
            inputs: vec![(port, "value-in")],
            range: call.range(),
            said,
            name: None,
            called: "threshold",
        };
        let handle = if is_above {
            "overbought-out"
        } else {
            "oversold-out"
        };
        let node = self.add(node, false);
        node.map_or(Value::Unknown, |node| {
            Value::Condition(Port { node, handle })
        })
    }

    fn strategy(&mut self, call: &'a ExprCall) -> Value {
        let known = [("name", true), ("timeframe", false)];
        let Some(given) = self.given("strategy", &known, call) else {
            return Value::Unknown;
        };
        if std::mem::replace(&mut self.strategy_seen, true) {
            let message = "the strategy is named twice";
            return self.error("argument_invalid", call, message, "remove one of the two");
        }
        self.name = given.get("name").and_then(|name| self.text(name));
        if let Some(timeframe) = given.get("timeframe")
            && let Some(text) = self.text(timeframe)
        {
            match text.parse() {
                Ok(timeframe) => self.timeframe = Some(timeframe),
                Err(error) => {
                    let message = format!("{} is no timeframe", quote(&text));
                    let error: crate::eval::TimeframeError = error;
                    self.error("argument_invalid", timeframe, message, &error.to_string());
                }
            }
        }
        Value::Nothing
    }

    fn inline(&mut self, function: &'a StmtFunctionDef, call: &'a ExprCall) -> Value {
        let name = function.name.as_str();
        if self.inside.contains(&name) {
            let message = format!("{} calls itself", quote(name));
            let hint = "functions are inlined: use a `for` over a list instead";
            return self.error("recursion", call, message, hint);
        }
        if self.inside.len() >= DEEPEST_CALLS {
            let message = format!("functions are called over {DEEPEST_CALLS} deep");
            return self.error("script_too_deep", call, message, "use fewer functions");
        }
        let parameters = &function.parameters;
        let all = parameters.posonlyargs.iter().chain(&parameters.args);
        let all: Vec<_> = all.chain(&parameters.kwonlyargs).collect();
        let mut scope: HashMap<String, Value> = HashMap::new();
        let positional = all.len() - parameters.kwonlyargs.len();
        for (index, argument) in call.arguments.args.iter().enumerate() {
            let Some(parameter) = all.get(index).filter(|_| index < positional) else {
                let message = format!("{} takes {positional} arguments", quote(name));
                return self.error("argument_unknown", argument, message, "remove this one");
            };
            let value = self.expression(argument);
            scope.insert(parameter.parameter.name.as_str().to_owned(), value);
        }
        for keyword in &call.arguments.keywords {
            let wanted = keyword.arg.as_ref().map_or("", |name| name.as_str());
            let names = all
                .iter()
                .map(|parameter| parameter.parameter.name.as_str());
            if !names.clone().any(|known| known == wanted) {
                let message = format!("{} has no argument {}", quote(name), quote(wanted));
                let hint = self.report.did_you_mean(wanted, names).unwrap_or_default();
                return self.error("argument_unknown", keyword, message, &hint);
            }
            let value = self.expression(&keyword.value);
            scope.insert(wanted.to_owned(), value);
        }
        for parameter in &all {
            let known = parameter.parameter.name.as_str();
            if scope.contains_key(known) {
                continue;
            }
            let Some(default) = &parameter.default else {
                let hint = format!("write `{name}({known}=...)`");
                self.missing(name, known, call, &hint);
                return Value::Unknown;
            };
            let value = self.expression(default);
            scope.insert(known.to_owned(), value);
        }
        self.inside.push(name);
        self.scopes.push(scope);
        let conditions = std::mem::take(&mut self.conditions);
        let fresh = std::mem::take(&mut self.fresh);
        let value = match self.enter(call) {
            true => self.body(function),
            false => Value::Unknown,
        };
        self.depth = self.depth.saturating_sub(1);
        self.conditions = conditions;
        self.fresh = fresh;
        self.scopes.pop();
        self.inside.pop();
        value
    }

    fn param(&mut self, call: &'a ExprCall) -> Value {
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
    pub(super) fn unknown_params(&mut self) {
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
