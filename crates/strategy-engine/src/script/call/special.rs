//! Calls that have a meaning of their own, and those of the script's functions.

use std::collections::HashMap;

use ruff_python_ast::{ExprCall, StmtFunctionDef};
use ruff_text_size::Ranged;
use serde_json::Map;

use super::DEEPEST_CALLS;
use crate::diagnostic::quote;
use crate::plan::Arithmetic;
use crate::script::Lowering;
use crate::script::build::Node;
use crate::script::value::{Constant, Port, Value};

impl<'a> Lowering<'a> {
    pub(super) fn extreme(&mut self, operation: Arithmetic, call: &'a ExprCall) -> Value {
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

    pub(super) fn threshold(&mut self, is_above: bool, call: &'a ExprCall) -> Value {
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

    pub(super) fn inline(&mut self, function: &'a StmtFunctionDef, call: &'a ExprCall) -> Value {
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
}
