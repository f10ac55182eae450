//! Expressions: what is known is computed, the rest becomes nodes.

use ruff_python_ast::{BoolOp, CmpOp, Expr, ExprCompare, ExprSubscript, Number, Operator, UnaryOp};
use ruff_text_size::Ranged;
use serde_json::{Map, Value as Json, json};

use super::build::Node;
use super::function::{Function, MARKET};
use super::value::{Constant, Port, Value};
use super::{Held, Lowering, call};
use crate::diagnostic::quote;
use crate::node::{Comparison, ValueType};
use crate::plan::Arithmetic;

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

    pub(super) fn operation(&mut self, operator: Operator, at: &impl Ranged) -> Option<Arithmetic> {
        let (what, hint) = match operator {
            Operator::Add => return Some(Arithmetic::Add),
            Operator::Sub => return Some(Arithmetic::Subtract),
            Operator::Mult => return Some(Arithmetic::Multiply),
            Operator::Div => return Some(Arithmetic::Divide),
            Operator::Pow => ("`**`", "multiply: `x * x`"),
            Operator::Mod => ("`%`", "for times use `minute()` and `hour()`"),
            Operator::FloorDiv => ("`//`", "use `/`"),
            Operator::BitAnd => ("`&`", "use `and`"),
            Operator::BitOr => ("`|`", "use `or`"),
            Operator::BitXor => ("`^`", "use `a != b`, or multiply for a power"),
            _ => ("this operator", "use +, -, * and /"),
        };
        let message = format!("{what} is not part of the language");
        self.error("outside_language", at, message, hint);
        None
    }

    pub(super) fn arithmetic(
        &mut self,
        operation: Arithmetic,
        left: Value,
        right: Value,
        at: &impl Ranged,
    ) -> Value {
        if let (Value::Number(left), Value::Number(right)) = (&left, &right)
            && let Some(constant) = left.combined(operation, *right)
        {
            return Value::Number(constant);
        }
        let (first, second) = (self.series_of(left, at), self.series_of(right, at));
        let (Some(first), Some(second)) = (first, second) else {
            return Value::Unknown;
        };
        let (name, called) = match operation {
            Arithmetic::Add => ("add", "sum"),
            Arithmetic::Subtract => ("subtract", "difference"),
            Arithmetic::Multiply => ("multiply", "product"),
            Arithmetic::Divide => ("divide", "ratio"),
            Arithmetic::Min => ("min", "min"),
            Arithmetic::Max => ("max", "max"),
        };
        let data = Map::from_iter([("operation".to_owned(), json!(name))]);
        let inputs = vec![(first, "a-in"), (second, "b-in")];
        let port = self.port("mathNode", called, data, inputs, "value-out", at);
        port.map_or(Value::Unknown, Value::Series)
    }

    fn unary(&mut self, operator: UnaryOp, operand: Value, at: &impl Ranged) -> Value {
        match (operator, operand) {
            (_, Value::Unknown) => Value::Unknown,
            (UnaryOp::UAdd, value @ (Value::Number(_) | Value::Series(_))) => value,
            (UnaryOp::USub, Value::Number(constant)) => Value::Number(constant.negated()),
            (UnaryOp::USub, value) => {
                let zero = Value::Number(Constant::whole(0));
                self.arithmetic(Arithmetic::Subtract, zero, value, at)
            }
            (UnaryOp::Not, Value::Flag(flag)) => Value::Flag(!flag),
            (UnaryOp::Not, value) => {
                let port = self.condition_of(value, at);
                let not = port.and_then(|port| self.not(port, at));
                not.map_or(Value::Unknown, Value::Condition)
            }
            (UnaryOp::Invert, _) => {
                let message = "`~` is not part of the language";
                self.error("outside_language", at, message, "use `not`")
            }
            (UnaryOp::UAdd, value) => {
                self.mismatch(at, &value, "a number", "");
                Value::Unknown
            }
        }
    }

    pub(super) fn not(&mut self, port: Port, at: &impl Ranged) -> Option<Port> {
        self.port(
            "notNode",
            "not",
            Map::new(),
            vec![(port, "input-in")],
            "result-out",
            at,
        )
    }

    fn logic(&mut self, operator: BoolOp, values: &'a [Expr], at: &impl Ranged) -> Value {
        let read: Vec<Value> = values.iter().map(|value| self.expression(value)).collect();
        let flags: Option<Vec<bool>> = read
            .iter()
            .map(|value| match value {
                Value::Flag(flag) => Some(*flag),
                _ => None,
            })
            .collect();
        let is_and = operator == BoolOp::And;
        if let Some(flags) = flags {
            return Value::Flag(match is_and {
                true => flags.into_iter().all(|flag| flag),
                false => flags.into_iter().any(|flag| flag),
            });
        }
        let mut ports = Vec::new();
        for (value, expression) in read.into_iter().zip(values) {
            ports.push(self.condition_of(value, expression));
        }
        let ports: Option<Vec<Port>> = ports.into_iter().collect();
        let joined = ports.and_then(|ports| self.join(is_and, ports, at));
        joined.map_or(Value::Unknown, Value::Condition)
    }

    /// All or any of several conditions.
    pub(super) fn join(
        &mut self,
        is_and: bool,
        mut ports: Vec<Port>,
        at: &impl Ranged,
    ) -> Option<Port> {
        let mut seen = std::collections::HashSet::new();
        ports.retain(|port| seen.insert(*port));
        if let [single] = ports[..] {
            return Some(single);
        }
        let (kind, called) = if is_and {
            ("andNode", "and")
        } else {
            ("orNode", "or")
        };
        let inputs = ports.into_iter().map(|port| (port, "input-a")).collect();
        self.port(kind, called, Map::new(), inputs, "result-out", at)
    }

    /// `a < b`, and `a < b < c`.
    fn comparisons(&mut self, compare: &'a ExprCompare) -> Value {
        let mut left = self.expression(&compare.left);
        let mut left_at: &Expr = &compare.left;
        let mut results = Vec::new();
        for (operator, expression) in compare.ops.iter().zip(&compare.comparators) {
            let right = self.expression(expression);
            let result = self.comparison(
                *operator,
                (left, left_at),
                (right.clone(), expression),
                compare,
            );
            results.push(result);
            (left, left_at) = (right, expression);
        }
        if let [single] = &results[..] {
            return single.clone();
        }
        let mut ports = Vec::new();
        for result in results {
            ports.push(self.condition_of(result, compare));
        }
        let ports: Option<Vec<Port>> = ports.into_iter().collect();
        let joined = ports.and_then(|ports| self.join(true, ports, compare));
        joined.map_or(Value::Unknown, Value::Condition)
    }

    fn comparison(
        &mut self,
        operator: CmpOp,
        (left, left_at): (Value, &Expr),
        (right, right_at): (Value, &Expr),
        at: &impl Ranged,
    ) -> Value {
        let (comparison, name) = match operator {
            CmpOp::Lt => (Comparison::LessThan, "less_than"),
            CmpOp::LtE => (Comparison::LessEqual, "less_equal"),
            CmpOp::Gt => (Comparison::GreaterThan, "greater_than"),
            CmpOp::GtE => (Comparison::GreaterEqual, "greater_equal"),
            CmpOp::Eq => (Comparison::Equal, "equal"),
            CmpOp::NotEq => (Comparison::NotEqual, "not_equal"),
            CmpOp::Is | CmpOp::IsNot => {
                let message = "`is` is not part of the language";
                return self.error("outside_language", at, message, "use == or !=");
            }
            CmpOp::In | CmpOp::NotIn => {
                let message = "`in` is not part of the language";
                return self.error("outside_language", at, message, "write `x == a or x == b`");
            }
        };
        match (&left, &right) {
            (Value::Number(a), Value::Number(b)) => {
                return Value::Flag(comparison.holds(a.real, b.real).unwrap_or(false));
            }
            (Value::Text(a), Value::Text(b)) if comparison == Comparison::Equal => {
                return Value::Flag(a == b);
            }
            (Value::Text(a), Value::Text(b)) if comparison == Comparison::NotEqual => {
                return Value::Flag(a != b);
            }
            _ => {}
        }
        let (first, second) = (
            self.series_of(left, left_at),
            self.series_of(right, right_at),
        );
        let (Some(first), Some(second)) = (first, second) else {
            return Value::Unknown;
        };
        let data = Map::from_iter([("operator".to_owned(), json!(name))]);
        let inputs = vec![(first, "value1-in"), (second, "value2-in")];
        let port = self.port("compareNode", "compare", data, inputs, "result-out", at);
        port.map_or(Value::Unknown, Value::Condition)
    }

    fn choice(
        &mut self,
        test: &'a Expr,
        then: &'a Expr,
        otherwise: &'a Expr,
        at: &'a Expr,
    ) -> Value {
        let condition = self.expression(test);
        let (yes, no) = (self.expression(then), self.expression(otherwise));
        if let Value::Flag(flag) = condition {
            return if flag { yes } else { no };
        }
        let condition = self.condition_of(condition, test);
        let (first, second) = (self.series_of(yes, then), self.series_of(no, otherwise));
        let (Some(condition), Some(first), Some(second)) = (condition, first, second) else {
            return Value::Unknown;
        };
        let inputs = vec![
            (condition, "condition-in"),
            (first, "then-in"),
            (second, "else-in"),
        ];
        let port = self.port("ifNode", "choice", Map::new(), inputs, "value-out", at);
        port.map_or(Value::Unknown, Value::Series)
    }

    /// A number at each evaluation.
    pub(super) fn series(&mut self, expression: &'a Expr) -> Option<Port> {
        let value = self.expression(expression);
        self.series_of(value, expression)
    }

    pub(super) fn series_of(&mut self, value: Value, at: &impl Ranged) -> Option<Port> {
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
    pub(super) fn condition_of(&mut self, value: Value, at: &impl Ranged) -> Option<Port> {
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

    fn flag(&mut self, flag: bool, at: &impl Ranged) -> Option<Port> {
        let one = self.series_of(Value::Number(Constant::whole(1)), at)?;
        let operator = if flag { "equal" } else { "not_equal" };
        let data = Map::from_iter([("operator".to_owned(), json!(operator))]);
        let inputs = vec![(one, "value1-in"), (one, "value2-in")];
        self.port("compareNode", "compare", data, inputs, "result-out", at)
    }

    /// What has to hold for an order of this block; none where nothing has to.
    pub(super) fn trigger(&mut self, at: &impl Ranged) -> Option<Port> {
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
    pub(super) fn number(&mut self, expression: &'a Expr) -> Option<Constant> {
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
    pub(super) fn text(&mut self, expression: &'a Expr) -> Option<String> {
        match self.expression(expression) {
            Value::Text(text) => Some(text),
            other => {
                self.mismatch(expression, &other, "a text in quotes", "");
                None
            }
        }
    }
}
