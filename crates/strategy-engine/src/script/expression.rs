//! Expressions: what is known is computed, the rest becomes nodes.

mod operators;
mod series;

use ruff_python_ast::{Expr, ExprSubscript, Number};
use ruff_text_size::Ranged;
use serde_json::{Map, Value as Json, json};

use super::build::Node;
use super::function::{Function, MARKET};
use super::value::{Constant, Port, Value};
use super::{Lowering, call};
use crate::diagnostic::quote;
use crate::node::ValueType;

impl<'a> Lowering<'a> {
    pub(super) fn expression(&mut self, expression: &'a Expr) -> Value {
        if !self.step(expression) || !self.enter(expression) {
            return Value::Unknown;
        }
        let value = self.evaluate(expression);
        self.depth = self.depth.saturating_sub(1);
        value
    }

    fn evaluate(&mut self, expression: &'a Expr) -> Value {
        match expression {
            Expr::NumberLiteral(literal) => {
                if let Number::Complex { .. } = literal.value {
                    let message = "imaginary numbers are not part of the language";
                    return self.error("outside_language", expression, message, "");
                }
                let text = self.text_of(expression).replace('_', "");
                let constant = Constant::literal(&text).or_else(|| match &literal.value {
                    // Written in another base.
                    Number::Int(value) => value.as_i64().map(Constant::whole),
                    _ => None,
                });
                match constant.filter(|constant| constant.real.abs() < crate::limits::MAX_VALUE) {
                    Some(constant) => Value::Number(constant),
                    None => {
                        let message = "the number is not below 1e20";
                        self.error(
                            "field_out_of_range",
                            expression,
                            message,
                            "use a smaller one",
                        )
                    }
                }
            }
            Expr::BooleanLiteral(literal) => Value::Flag(literal.value),
            Expr::StringLiteral(literal) => Value::Text(literal.value.to_str().to_owned()),
            Expr::Name(name) => self.name(name.id.as_str(), expression),
            Expr::Call(call) => self.call(call),
            Expr::Attribute(attribute) => {
                let value = self.expression(&attribute.value);
                self.attribute(value, attribute.attr.as_str(), expression)
            }
            Expr::Subscript(subscript) => self.history(subscript, expression),
            Expr::BinOp(binary) => {
                let Some(operation) = self.operation(binary.op, expression) else {
                    return Value::Unknown;
                };
                let left = self.expression(&binary.left);
                let right = self.expression(&binary.right);
                self.arithmetic(operation, left, right, expression)
            }
            Expr::UnaryOp(unary) => {
                let operand = self.expression(&unary.operand);
                self.unary(unary.op, operand, expression)
            }
            Expr::BoolOp(logic) => self.logic(logic.op, &logic.values, expression),
            Expr::Compare(compare) => self.comparisons(compare),
            Expr::If(choice) => self.choice(&choice.test, &choice.body, &choice.orelse, expression),
            Expr::List(list) => Value::List(list.elts.iter().map(|e| self.expression(e)).collect()),
            Expr::Tuple(list) => {
                Value::List(list.elts.iter().map(|e| self.expression(e)).collect())
            }
            other => self.outside_expression(other),
        }
    }

    fn outside_expression(&mut self, expression: &Expr) -> Value {
        let (what, hint) = match expression {
            Expr::Lambda(_) => ("`lambda`", "write a function with `def`"),
            Expr::ListComp(_) | Expr::Generator(_) | Expr::SetComp(_) | Expr::DictComp(_) => (
                "a loop inside an expression",
                "write a `for` and collect in a name: `total = total + sma(close, n)`",
            ),
            Expr::Dict(_) | Expr::Set(_) => ("a collection in braces", "use a list, `[1, 2]`"),
            Expr::FString(_) | Expr::TString(_) => ("a formatted text", "write a plain text"),
            Expr::Named(_) => ("`:=`", "give it a name on a line of its own"),
            Expr::Await(_) | Expr::Yield(_) | Expr::YieldFrom(_) => ("waiting", "remove it"),
            Expr::NoneLiteral(_) => (
                "`None`",
                "leave the argument out; what has no value yet never trades by itself",
            ),
            Expr::BytesLiteral(_) => ("a text of bytes", "write a plain text"),
            Expr::Starred(_) => ("`*`", "write the arguments one by one"),
            Expr::Slice(_) => (
                "a slice",
                "write `close[1]` for the value before, or `highest(close, 5)`",
            ),
            _ => ("this", "remove it"),
        };
        let message = format!("{what} is not part of the language");
        self.error("outside_language", expression, message, hint)
    }

    fn name(&mut self, name: &str, at: &impl Ranged) -> Value {
        // What the parser puts where something is missing, and has reported.
        if name.is_empty() {
            return Value::Unknown;
        }
        let local = self.scopes.last().and_then(|scope| scope.get(name));
        let known = local.or_else(|| self.scopes.first().and_then(|scope| scope.get(name)));
        if let Some(value) = known {
            return value.clone();
        }
        if let Some((_, _, kind, handle)) = MARKET.iter().find(|(known, ..)| *known == name) {
            return self.market(name, kind, handle, at);
        }
        if call::is_reserved(name) || self.functions.contains_key(name) {
            let message = format!("{} is a function", quote(name));
            let hint = format!("call it: `{name}(...)`");
            return self.error("type_mismatch", at, message, &hint);
        }
        let message = format!("there is no {}", quote(name));
        let hint = call::foreign(name).map(str::to_owned).or_else(|| {
            let given = self.scopes.iter().flat_map(|scope| scope.keys());
            let mut known: Vec<&str> = given.map(String::as_str).collect();
            MARKET.iter().for_each(|(name, ..)| known.push(name));
            call::names().for_each(|name| known.push(name));
            self.report.did_you_mean(name, known)
        });
        let hint = hint.unwrap_or_else(|| "give it a value above this line".to_owned());
        self.error("name_unknown", at, message, &hint)
    }

    fn market(
        &mut self,
        name: &str,
        kind: &'static str,
        handle: &'static str,
        at: &impl Ranged,
    ) -> Value {
        let called = MARKET
            .iter()
            .find(|(known, ..)| *known == name)
            .map_or("price", |m| m.0);
        let mut data = Map::new();
        if kind == "priceNode" {
            data.insert("priceType".to_owned(), json!(name));
        } else {
            data.insert("volumeType".to_owned(), json!("raw"));
        }
        self.port(kind, called, data, Vec::new(), handle, at)
            .map_or(Value::Unknown, Value::Series)
    }

    /// Adds a node that no argument is said of, and gives its output.
    pub(super) fn port(
        &mut self,
        kind: &'static str,
        called: &'static str,
        data: Map<String, Json>,
        inputs: Vec<(Port, &'static str)>,
        handle: &'static str,
        at: &impl Ranged,
    ) -> Option<Port> {
        let node = Node {
            kind,
            data,
            inputs,
            range: at.range(),
            said: Vec::new(),
            name: None,
            called,
        };
        self.add(node, false).map(|node| Port { node, handle })
    }

    /// Adds a node; none where there are too many, which is reported once.
    pub(super) fn add(&mut self, node: Node, is_order: bool) -> Option<usize> {
        if self.stopped {
            return None;
        }
        let range = node.range;
        match self.nodes.add(node, is_order) {
            Ok(number) => Some(number),
            Err(super::build::TooMany) => {
                let message = format!(
                    "the script comes to over {} nodes",
                    crate::limits::MAX_NODES
                );
                let hint = "use fewer rounds, or split the strategy";
                self.error("script_too_large", &range, message, hint);
                self.stopped = true;
                None
            }
        }
    }

    /// A result of a node by its handle.
    pub(super) fn result(&self, node: usize, function: &Function, handle: &str) -> Value {
        let outputs = function
            .node_type()
            .map_or(&[][..], |node_type| node_type.outputs);
        let found = outputs.iter().find(|output| output.names.contains(&handle));
        let Some(output) = found else {
            return Value::Unknown;
        };
        let port = Port {
            node,
            handle: output.names[0],
        };
        match output.value {
            ValueType::Condition => Value::Condition(port),
            _ => Value::Series(port),
        }
    }

    fn attribute(&mut self, value: Value, name: &str, at: &impl Ranged) -> Value {
        let Value::Results(node, function) = value else {
            if !matches!(value, Value::Unknown) {
                let message = format!("{} has no {}", value.what(), quote(name));
                let hint = "only functions with several results have names after a dot";
                self.error("name_unknown", at, message, hint);
            }
            return Value::Unknown;
        };
        if let Some((_, handle)) = function.results.iter().find(|(known, _)| *known == name) {
            return self.result(node, function, handle);
        }
        let names = || function.results.iter().map(|(name, _)| *name);
        let message = format!("{} has no result {}", function.name, quote(name));
        let hint = self
            .report
            .did_you_mean(name, names())
            .unwrap_or_else(|| format!("it has {}", names().collect::<Vec<_>>().join(", ")));
        self.error("name_unknown", at, message, &hint)
    }

    /// `close[1]`.
    fn history(&mut self, subscript: &'a ExprSubscript, at: &'a Expr) -> Value {
        let value = self.expression(&subscript.value);
        if let Value::List(values) = &value {
            let index = self.number(&subscript.slice).and_then(Constant::integer);
            let Some(index) = index else {
                return Value::Unknown;
            };
            let found = usize::try_from(index)
                .ok()
                .and_then(|index| values.get(index));
            return found.cloned().unwrap_or_else(|| {
                let message = format!("the list has {} values, from 0", values.len());
                self.error("field_out_of_range", &*subscript.slice, message, "")
            });
        }
        let Some(port) = self.series_of(value, &*subscript.value) else {
            return Value::Unknown;
        };
        let Some(ago) = self.number(&subscript.slice) else {
            return Value::Unknown;
        };
        match ago.integer() {
            Some(0) => Value::Series(port),
            Some(ago) if ago < 0 => {
                let message = "a strategy can't look ahead";
                let hint = format!("write `[{}]` for the value {} evaluations ago", -ago, -ago);
                self.error("look_ahead", &*subscript.slice, message, &hint)
            }
            _ => {
                let node = Node {
                    kind: "lagNode",
                    data: Map::from_iter([("period".to_owned(), ago.real_json())]),
                    inputs: vec![(port, "value-in")],
                    range: at.range(),
                    said: vec![("period", "[...]", subscript.slice.range())],
                    name: None,
                    called: "lag",
                };
                let handle = "lag-out";
                let node = self.add(node, false);
                node.map_or(Value::Unknown, |node| Value::Series(Port { node, handle }))
            }
        }
    }
}
