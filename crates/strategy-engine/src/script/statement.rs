//! Statements: names, blocks, loops that are unrolled, functions that are inlined.

use std::collections::HashMap;

use ruff_python_ast::{Expr, Stmt, StmtFor, StmtFunctionDef, StmtIf, UnaryOp};
use ruff_text_size::Ranged;

use super::function::MARKET;
use super::value::{Constant, Value};
use super::{Held, Lowering};
use crate::diagnostic::quote;
use crate::limits::{MAX_ROUNDS, MAX_SCRIPT_DEPTH, MAX_SCRIPT_STEPS};

impl<'a> Lowering<'a> {
    /// Counts a statement or an expression; false once there were too many.
    pub(super) fn step(&mut self, at: &impl Ranged) -> bool {
        self.steps += 1;
        if self.steps == MAX_SCRIPT_STEPS {
            let message = "the script is too long once its loops are unrolled and its functions \
                           are inlined";
            self.error("script_too_large", at, message, "use fewer rounds");
            self.stopped = true;
        }
        !self.stopped
    }

    /// Goes one deeper; false where that is too deep, which is reported.
    pub(super) fn enter(&mut self, at: &impl Ranged) -> bool {
        if self.depth >= MAX_SCRIPT_DEPTH {
            let message = format!("this is nested over {MAX_SCRIPT_DEPTH} deep");
            self.error("script_too_deep", at, message, "give parts of it a name");
            self.stopped = true;
            return false;
        }
        self.depth += 1;
        true
    }

    pub(super) fn block(&mut self, statements: &'a [Stmt]) {
        for statement in statements {
            if !self.step(statement) || !self.enter(statement) {
                return;
            }
            self.statement(statement);
            self.depth -= 1;
        }
    }

    fn statement(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Assign(assign) => {
                let value = self.expression(&assign.value);
                for target in &assign.targets {
                    self.assign(target, value.clone());
                }
            }
            Stmt::AugAssign(assign) => {
                let Some(operation) = self.operation(assign.op, statement) else {
                    return;
                };
                let before = self.expression(&assign.target);
                let after = self.expression(&assign.value);
                let value = self.arithmetic(operation, before, after, statement);
                self.assign(&assign.target, value);
            }
            Stmt::If(branch) => self.branches(branch),
            Stmt::For(repeat) => self.rounds(repeat),
            Stmt::FunctionDef(function) => self.define(function),
            Stmt::Pass(_) => {}
            Stmt::Expr(expression) => {
                let value = self.expression(&expression.value);
                // A text alone is a comment, as in Python.
                let is_comment = expression.value.is_string_literal_expr();
                if !is_comment && !matches!(value, Value::Nothing | Value::Unknown) {
                    let hint = "give it a name, or use it in a condition";
                    self.warning("no_effect", statement, "this has no effect", hint);
                }
            }
            Stmt::Return(_) => {
                let message = "`return` can only end a function";
                self.error("outside_language", statement, message, "remove it");
            }
            other => self.outside(other),
        }
    }

    /// What is Python but no part of the language, with what to write instead.
    fn outside(&mut self, statement: &Stmt) {
        let (what, hint) = match statement {
            Stmt::While(_) => (
                "`while`",
                "a strategy is evaluated at each tick or bar by itself: write the condition in an \
                 `if`, or `for n in range(10):` to repeat something",
            ),
            Stmt::Import(_) | Stmt::ImportFrom(_) => (
                "`import`",
                "remove it: indicators are there without it, and nothing else can be reached",
            ),
            Stmt::ClassDef(_) => ("`class`", "use names and functions (`def`)"),
            Stmt::AnnAssign(_) => ("a type after a name", "remove the `: type`"),
            Stmt::With(_) => ("`with`", "remove it: a strategy opens nothing"),
            Stmt::Try(_) | Stmt::Raise(_) => {
                ("exceptions", "remove them: what has no value never trades")
            }
            Stmt::Assert(_) => ("`assert`", "use min=, max= and choices= of `param`"),
            Stmt::Delete(_) => ("`del`", "remove it: a name that isn't used costs nothing"),
            Stmt::Global(_) | Stmt::Nonlocal(_) => (
                "`global`",
                "a function sees the names of the script; give a value back with `return`",
            ),
            Stmt::Match(_) => ("`match`", "use `if`, `elif` and `else`"),
            Stmt::Break(_) | Stmt::Continue(_) => (
                "leaving a round of a loop",
                "every round is unrolled: choose the values that the loop goes through",
            ),
            Stmt::TypeAlias(_) => ("`type`", "remove it"),
            _ => ("this", "remove it"),
        };
        let message = format!("{what} is not part of the language");
        self.error("outside_language", statement, message, hint);
    }

    fn assign(&mut self, target: &'a Expr, value: Value) {
        match target {
            Expr::Name(name) => self.bind(name, name.id.as_str(), value),
            Expr::Tuple(tuple) => self.unpack(target, &tuple.elts, value),
            Expr::List(list) => self.unpack(target, &list.elts, value),
            other => {
                let message = "only a name can be given a value";
                self.error("outside_language", other, message, "write `name = ...`");
            }
        }
    }

    fn unpack(&mut self, target: &'a Expr, names: &'a [Expr], value: Value) {
        let values = match value {
            Value::Results(node, function) => {
                let ports = function.results.iter();
                ports
                    .map(|(_, handle)| self.result(node, function, handle))
                    .collect()
            }
            Value::List(values) => values,
            Value::Unknown => vec![Value::Unknown; names.len()],
            other => {
                self.mismatch(
                    target,
                    &other,
                    "something with several values",
                    "use one name",
                );
                return;
            }
        };
        if values.len() != names.len() {
            let message = format!(
                "there are {} names for {} values",
                names.len(),
                values.len()
            );
            self.error(
                "type_mismatch",
                target,
                message,
                "use as many names as values",
            );
            return;
        }
        for (name, value) in names.iter().zip(values) {
            self.assign(name, value);
        }
    }

    fn bind(&mut self, at: &impl Ranged, name: &str, value: Value) {
        if super::call::is_fixed(name) {
            let message = format!("{} has a meaning of its own", quote(name));
            self.error("name_reserved", at, message, "choose another name");
            return;
        }
        let is_known = |scope: &HashMap<String, Value>| scope.contains_key(name);
        if !self.scopes.last().is_some_and(is_known) {
            if let Some(fresh) = self.fresh.last_mut() {
                fresh.push(name.to_owned());
            }
        } else if self.is_conditional() && !self.fresh.iter().flatten().any(|fresh| fresh == name) {
            let message = format!("{} would be one thing or another", quote(name));
            let hint = format!("write `{name} = a if condition else b`, above the `if`");
            self.error("assignment_conditional", at, message, &hint);
            return;
        }
        if let Value::Series(port) | Value::Condition(port) = &value
            && let Some(node) = self.nodes.list.get_mut(port.node)
            && node.name.is_none()
            && !MARKET.iter().any(|(market, ..)| *market == node.called)
        {
            node.name = Some(name.replace('_', "-"));
        } else if let Value::Results(node, _) = &value
            && let Some(node) = self.nodes.list.get_mut(*node)
        {
            node.name.get_or_insert_with(|| name.replace('_', "-"));
        }
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.to_owned(), value);
        }
    }

    fn branches(&mut self, branch: &'a StmtIf) {
        let clauses = branch.elif_else_clauses.iter();
        let clauses = clauses.map(|clause| (clause.test.as_ref(), &*clause.body));
        let mut clauses = std::iter::once((Some(&*branch.test), &*branch.body))
            .chain(clauses)
            .peekable();
        let outer = self.conditions.len();
        while let Some((test, body)) = clauses.next() {
            let Some(test) = test else {
                if self.conditions.len() == outer {
                    self.conditions.push(Held::Chosen);
                }
                self.inner(body);
                break;
            };
            // A switch chooses when the script is compiled; any other condition is part of it.
            let is_switch = is_switch(test);
            let value = self.expression(test);
            let held = match value {
                Value::Flag(true) if is_switch => {
                    self.conditions.push(Held::Chosen);
                    self.inner(body);
                    break;
                }
                Value::Flag(false) if is_switch => continue,
                Value::Flag(known) => Some(Held::Known(known)),
                value => self.condition_of(value, test).map(Held::Port),
            };
            let Some(held) = held else {
                // Its body may still have something to say.
                self.inner(body);
                continue;
            };
            self.conditions.push(held);
            self.inner(body);
            self.conditions.pop();
            if clauses.peek().is_some() {
                let otherwise = match held {
                    Held::Known(known) => Some(Held::Known(!known)),
                    Held::Chosen => None,
                    Held::Port(port) => self.not(port, test).map(Held::Port),
                };
                self.conditions.extend(otherwise);
            }
        }
        self.conditions.truncate(outer);
    }

    /// Whether the statements that are being read hold only sometimes.
    fn is_conditional(&self) -> bool {
        let mut held = self.conditions.iter();
        held.any(|held| !matches!(held, Held::Chosen))
    }

    /// A block: names that are new in it end with it, and stops belong to its own orders.
    fn inner(&mut self, body: &'a [Stmt]) {
        let buy = self.last_buy.take();
        self.fresh.push(Vec::new());
        self.block(body);
        self.last_buy = buy;
        let fresh = self.fresh.pop().unwrap_or_default();
        let chosen = matches!(self.conditions.last(), Some(Held::Chosen) | None);
        if chosen {
            // Its names belong to the block around it.
            if let Some(outer) = self.fresh.last_mut() {
                outer.extend(fresh);
            }
            return;
        }
        if let Some(scope) = self.scopes.last_mut() {
            fresh.iter().for_each(|name| drop(scope.remove(name)));
        }
    }

    fn rounds(&mut self, repeat: &'a StmtFor) {
        if repeat.is_async || !repeat.orelse.is_empty() {
            let message = "a `for` has neither `async` nor `else` here";
            self.error("outside_language", repeat, message, "remove it");
            return;
        }
        let Some(values) = self.values_of(&repeat.iter) else {
            return;
        };
        for value in values {
            if self.stopped {
                return;
            }
            self.assign(&repeat.target, value);
            self.block(&repeat.body);
        }
    }

    /// What a loop goes through: known when the script is compiled.
    fn values_of(&mut self, expression: &'a Expr) -> Option<Vec<Value>> {
        if let Expr::Call(call) = expression
            && let Expr::Name(name) = &*call.func
            && name.id.as_str() == "range"
        {
            return self.range(call);
        }
        match self.expression(expression) {
            Value::List(values) => Some(values),
            Value::Unknown => None,
            other => {
                let message = format!("a loop can't go through {}", other.what());
                let hint = "a loop is unrolled when the script is compiled: go through a list as in \
                            `for n in [5, 10, 20]:`, or through `range(3)`; for earlier values of a \
                            series write `close[1]`";
                self.error("loop_invalid", expression, message, hint);
                None
            }
        }
    }

    fn range(&mut self, call: &'a ruff_python_ast::ExprCall) -> Option<Vec<Value>> {
        let arguments = &call.arguments;
        if !arguments.keywords.is_empty() || !(1..=3).contains(&arguments.args.len()) {
            let message = "`range` takes one to three whole numbers";
            self.error(
                "argument_invalid",
                call,
                message,
                "write `range(5)` or `range(5, 50, 5)`",
            );
            return None;
        }
        let mut figures = Vec::new();
        for argument in &arguments.args {
            let constant = self.number(argument)?;
            let Some(whole) = constant.integer() else {
                self.error(
                    "argument_invalid",
                    argument,
                    "`range` takes whole numbers",
                    "",
                );
                return None;
            };
            figures.push(whole);
        }
        let (start, stop, step) = match figures[..] {
            [stop] => (0, stop, 1),
            [start, stop] => (start, stop, 1),
            [start, stop, step] => (start, stop, step),
            _ => return None,
        };
        if step == 0 {
            self.error(
                "argument_invalid",
                call,
                "a `range` can't have steps of 0",
                "",
            );
            return None;
        }
        let span = if step > 0 { stop - start } else { start - stop };
        let rounds = (span.max(0) + step.abs() - 1) / step.abs();
        if rounds > MAX_ROUNDS {
            let message = format!("the loop has {rounds} rounds; the most is {MAX_ROUNDS}");
            self.error("loop_invalid", call, message, "use fewer rounds");
            return None;
        }
        let values = (0..rounds).map(|round| Value::Number(Constant::whole(start + round * step)));
        Some(values.collect())
    }

    fn define(&mut self, function: &'a StmtFunctionDef) {
        let name = function.name.as_str();
        if self.scopes.len() > 1 || !self.conditions.is_empty() {
            let message = "a function can only be defined at the outermost level";
            self.error(
                "outside_language",
                &function.name,
                message,
                "move it to the beginning",
            );
            return;
        }
        if super::call::is_fixed(name) {
            let message = format!("{} has a meaning of its own", quote(name));
            self.error(
                "name_reserved",
                &function.name,
                message,
                "choose another name",
            );
            return;
        }
        let parameters = &function.parameters;
        let plain = parameters.vararg.is_none()
            && parameters.kwarg.is_none()
            && !function.is_async
            && function.decorator_list.is_empty()
            && function.type_params.is_none();
        if !plain {
            let message = "a function takes names with or without a default, and nothing else";
            let hint = "remove `*`, `**`, `async` and decorators";
            self.error("outside_language", &function.name, message, hint);
            return;
        }
        self.functions.insert(name, function);
    }

    /// The body of a function: names, and what it gives back at its end.
    pub(super) fn body(&mut self, function: &'a StmtFunctionDef) -> Value {
        let Some((last, before)) = function.body.split_last() else {
            return Value::Unknown;
        };
        for statement in before {
            if !self.step(statement) {
                return Value::Unknown;
            }
            match statement {
                Stmt::Return(_) => {
                    let message = "`return` can only end a function";
                    let hint = "give back `a if condition else b`";
                    return self.error("outside_language", statement, message, hint);
                }
                other => self.statement(other),
            }
        }
        match last {
            Stmt::Return(given) => match &given.value {
                Some(value) => self.expression(value),
                None => Value::Nothing,
            },
            other => {
                self.statement(other);
                let message = format!("{} gives nothing back", quote(function.name.as_str()));
                let hint = "end it with `return`; orders stand outside of functions";
                self.error("argument_missing", other, message, hint)
            }
        }
    }
}

/// Whether a condition is a switch: a name, `True` or `False`, the opposite of one, or what a text is.
fn is_switch(test: &Expr) -> bool {
    match test {
        Expr::Name(_) | Expr::BooleanLiteral(_) => true,
        Expr::UnaryOp(unary) => unary.op == UnaryOp::Not && is_switch(&unary.operand),
        Expr::Compare(compare) => {
            let mut operands = compare.comparators.iter();
            compare.left.is_string_literal_expr() || operands.any(Expr::is_string_literal_expr)
        }
        _ => false,
    }
}
