//! What a value has to be where it stands: a series, a condition, a number, a text.

use ruff_python_ast::Expr;
use ruff_text_size::Ranged;
use serde_json::{Map, json};

use crate::script::value::{Constant, Port, Value};
use crate::script::{Held, Lowering};

impl<'a> Lowering<'a> {
    /// A number at each evaluation.
    pub(in crate::script) fn series(&mut self, expression: &'a Expr) -> Option<Port> {
        let value = self.expression(expression);
        self.series_of(value, expression)
    }

    pub(in crate::script) fn series_of(&mut self, value: Value, at: &impl Ranged) -> Option<Port> {
        match value {
            Value::Series(port) => Some(port),
            Value::Number(constant) => {
                let data = Map::from_iter([("value".to_owned(), constant.real_json())]);
                self.port(
                    "constantNode",
                    "constant",
                    data,
                    Vec::new(),
                    "value-out",
                    at,
                )
            }
            Value::Results(node, function) if function.has_main_result => {
                let handle = function.results.first().map_or("", |(_, handle)| handle);
                match self.result(node, function, handle) {
                    Value::Series(port) => Some(port),
                    _ => None,
                }
            }
            Value::Results(_, function) => {
                let names: Vec<String> = function
                    .results
                    .iter()
                    .map(|(name, _)| format!("`.{name}`"))
                    .collect();
                let message = format!("{} has several results", function.name);
                self.error(
                    "type_mismatch",
                    at,
                    message,
                    &format!("add {}", names.join(" or ")),
                );
                None
            }
            other => {
                let hint = match other {
                    Value::Condition(_) | Value::Flag(_) => {
                        "use the number that the condition is made of, or `1 if condition else 0`"
                    }
                    _ => "",
                };
                self.mismatch(at, &other, "a number", hint);
                None
            }
        }
    }

    /// Something that is true or false at each evaluation.
    pub(in crate::script) fn condition_of(
        &mut self,
        value: Value,
        at: &impl Ranged,
    ) -> Option<Port> {
        match value {
            Value::Condition(port) => Some(port),
            Value::Flag(flag) => self.flag(flag, at),
            other => {
                let hint = "compare it with something: `x > 0`";
                self.mismatch(at, &other, "a condition", hint);
                None
            }
        }
    }

    pub(super) fn flag(&mut self, flag: bool, at: &impl Ranged) -> Option<Port> {
        let one = self.series_of(Value::Number(Constant::whole(1)), at)?;
        let operator = if flag { "equal" } else { "not_equal" };
        let data = Map::from_iter([("operator".to_owned(), json!(operator))]);
        let inputs = vec![(one, "value1-in"), (one, "value2-in")];
        self.port("compareNode", "compare", data, inputs, "result-out", at)
    }

    /// What has to hold for an order of this block; none where nothing has to.
    pub(in crate::script) fn trigger(&mut self, at: &impl Ranged) -> Option<Port> {
        let held = self.conditions.clone();
        let is_false = |held: &Held| matches!(held, Held::Known(false));
        let mut ports: Vec<Port> = held
            .iter()
            .filter_map(|held| match held {
                Held::Port(port) => Some(*port),
                Held::Known(_) | Held::Chosen => None,
            })
            .collect();
        if held.iter().any(is_false) {
            ports.push(self.flag(false, at)?);
        } else if ports.is_empty() && !held.is_empty() {
            ports.push(self.flag(true, at)?);
        }
        if ports.is_empty() {
            return None;
        }
        self.join(true, ports, at)
    }

    /// A number that is known when the script is compiled.
    pub(in crate::script) fn number(&mut self, expression: &'a Expr) -> Option<Constant> {
        match self.expression(expression) {
            Value::Number(constant) => Some(constant),
            Value::Series(_) | Value::Results(..) => {
                let message = "this has to be known when the strategy is compiled, but a series is \
                               another number at each evaluation";
                let hint = "write a number, or a `param`";
                self.error("not_constant", expression, message, hint);
                None
            }
            other => {
                self.mismatch(expression, &other, "a number", "");
                None
            }
        }
    }

    /// A text.
    pub(in crate::script) fn text(&mut self, expression: &'a Expr) -> Option<String> {
        match self.expression(expression) {
            Value::Text(text) => Some(text),
            other => {
                self.mismatch(expression, &other, "a text in quotes", "");
                None
            }
        }
    }
}
