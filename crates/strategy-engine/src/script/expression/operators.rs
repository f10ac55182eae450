//! Operators: arithmetic, comparisons, `and`, `or`, `not`, and the choice between two values.

use ruff_python_ast::{BoolOp, CmpOp, Expr, ExprCompare, Operator, UnaryOp};
use ruff_text_size::Ranged;
use serde_json::{Map, json};

use crate::node::Comparison;
use crate::plan::Arithmetic;
use crate::script::Lowering;
use crate::script::value::{Constant, Port, Value};

impl<'a> Lowering<'a> {
    pub(in crate::script) fn operation(
        &mut self,
        operator: Operator,
        at: &impl Ranged,
    ) -> Option<Arithmetic> {
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

    pub(in crate::script) fn arithmetic(
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

    pub(super) fn unary(&mut self, operator: UnaryOp, operand: Value, at: &impl Ranged) -> Value {
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

    pub(in crate::script) fn not(&mut self, port: Port, at: &impl Ranged) -> Option<Port> {
        self.port(
            "notNode",
            "not",
            Map::new(),
            vec![(port, "input-in")],
            "result-out",
            at,
        )
    }

    pub(super) fn logic(
        &mut self,
        operator: BoolOp,
        values: &'a [Expr],
        at: &impl Ranged,
    ) -> Value {
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
    pub(in crate::script) fn join(
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
    pub(super) fn comparisons(&mut self, compare: &'a ExprCompare) -> Value {
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

    pub(super) fn choice(
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
}
