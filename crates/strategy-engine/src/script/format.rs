//! One way to write a script: spaces, brackets, line breaks. What it means stays the same, and so
//! do comments.

use ruff_python_ast::comparable::ComparableStmt;
use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{Expr, ModModule, Operator, PySourceType, Stmt};
use ruff_python_parser::{Parsed, parse_unchecked_source};
use ruff_text_size::{Ranged, TextRange};

use super::place::Lines;
use super::{STACK, syntax};
use crate::diagnostic::{Diagnostic, Report};

/// Characters of a line beyond which an expression is broken.
const WIDTH: usize = 88;
const INDENT: usize = 4;

/// Formats a script.
///
/// # Errors
/// What is wrong with its syntax: only a script that can be read can be formatted.
pub fn format_script(source: &str) -> Result<String, Vec<Diagnostic>> {
    stacker::grow(STACK, || {
        syntax::within_limits(source).map_err(|problem| vec![*problem])?;
        let mut report = Report::default();
        let parsed = syntax::parse(source, &Lines::of(source), &mut report);
        if report.has_errors() {
            return Err(report.finish());
        }
        let comments = parsed.tokens().iter();
        let comments = comments.filter(|token| token.kind() == TokenKind::Comment);
        let comments: Vec<TextRange> = comments.map(Ranged::range).collect();
        let mut printer = Printer {
            source,
            comments,
            next: 0,
            text: String::with_capacity(source.len()),
            last: 0,
        };
        printer.block(&parsed.syntax().body, 0, source.len());
        printer.comments_until(source.len(), 0);
        let text = printer.text;
        // Whatever this printer doesn't know is left as it is rather than changed.
        Ok(match is_same(&text, source) {
            true => text,
            false => source.to_owned(),
        })
    })
}

/// Whether two scripts are the same program, and have the same comments.
fn is_same(text: &str, source: &str) -> bool {
    let parse = |text| parse_unchecked_source(text, PySourceType::Python);
    let (new, old) = (parse(text), parse(source));
    new.has_no_syntax_errors()
        && program(&new).eq(program(&old))
        && comments(&new, text).eq(comments(&old, source))
}

/// The statements, without where they stand.
fn program(parsed: &Parsed<ModModule>) -> impl Iterator<Item = ComparableStmt<'_>> {
    parsed.syntax().body.iter().map(ComparableStmt::from)
}

/// The words of each comment.
fn comments<'a>(parsed: &Parsed<ModModule>, source: &'a str) -> impl Iterator<Item = &'a str> {
    let tokens = parsed.tokens().iter();
    let comments = tokens.filter(|token| token.kind() == TokenKind::Comment);
    comments.map(|comment| {
        let text = source.get(comment.range().to_std_range());
        text.unwrap_or_default().trim_start_matches('#').trim()
    })
}

struct Printer<'a> {
    source: &'a str,
    comments: Vec<TextRange>,
    /// The next comment to print.
    next: usize,
    text: String,
    /// Where the last thing that was printed ended.
    last: usize,
}

impl Printer<'_> {
    fn block(&mut self, statements: &[Stmt], indent: usize, end: usize) {
        for (index, statement) in statements.iter().enumerate() {
            let start = statement.start().to_usize();
            self.comments_until(start, indent);
            self.gap(start);
            let next = statements
                .get(index + 1)
                .map_or(end, |next| next.start().to_usize());
            self.statement(statement, indent, next);
        }
        // Comments at the end of a block, told by how far they are set in.
        if let Some(first) = statements.first().filter(|_| indent > 0) {
            let column = self.column(first.start().to_usize());
            while let Some(comment) = self.comments.get(self.next).copied() {
                let start = comment.start().to_usize();
                if start >= end || self.column(start) < column {
                    break;
                }
                self.comment(comment, indent);
            }
        }
    }

    fn column(&self, offset: usize) -> usize {
        let before = self.source.get(..offset).unwrap_or_default();
        offset - before.rfind('\n').map_or(0, |line| line + 1)
    }

    /// Comments on lines of their own.
    fn comments_until(&mut self, end: usize, indent: usize) {
        while let Some(comment) = self.comments.get(self.next).copied() {
            if comment.start().to_usize() >= end {
                return;
            }
            self.comment(comment, indent);
        }
    }

    fn comment(&mut self, comment: TextRange, indent: usize) {
        self.gap(comment.start().to_usize());
        let text = self.comment_text(comment);
        self.text.push_str(&" ".repeat(indent));
        self.text.push_str(&text);
        self.text.push('\n');
        self.last = comment.end().to_usize();
        self.next += 1;
    }

    fn comment_text(&self, comment: TextRange) -> String {
        let text = self.source.get(comment.to_std_range()).unwrap_or_default();
        let words = text.trim_start_matches('#').trim();
        format!("# {words}").trim_end().to_owned()
    }

    /// One empty line where there were any.
    fn gap(&mut self, start: usize) {
        let between = self.source.get(self.last..start).unwrap_or_default();
        if self.last > 0 && between.matches('\n').count() > 1 {
            self.text.push('\n');
        }
    }

    /// The comment at the end of a line, and the end of the line.
    fn end_of_line(&mut self, end: usize) {
        if let Some(comment) = self.comments.get(self.next).copied() {
            let start = comment.start().to_usize();
            let between = self.source.get(end..start).unwrap_or("\n");
            if !between.contains('\n') {
                let text = self.comment_text(comment);
                self.text.push_str("  ");
                self.text.push_str(&text);
                self.next += 1;
                self.last = comment.end().to_usize();
            }
        }
        self.text.push('\n');
        self.last = self.last.max(end);
    }

    fn statement(&mut self, statement: &Stmt, indent: usize, next: usize) {
        let (start, end) = (statement.start().to_usize(), statement.end().to_usize());
        match statement {
            Stmt::If(branch) => {
                let clauses = &branch.elif_else_clauses;
                let after = |index: usize| {
                    clauses
                        .get(index)
                        .map_or(next, |clause| clause.start().to_usize())
                };
                self.header(indent, "if ", Some(&branch.test), &branch.body);
                self.block(&branch.body, indent + INDENT, after(0));
                for (index, clause) in clauses.iter().enumerate() {
                    self.comments_until(clause.start().to_usize(), indent);
                    let word = if clause.test.is_some() {
                        "elif "
                    } else {
                        "else"
                    };
                    self.header(indent, word, clause.test.as_ref(), &clause.body);
                    self.block(&clause.body, indent + INDENT, after(index + 1));
                }
            }
            Stmt::For(repeat) if !repeat.is_async && repeat.orelse.is_empty() => {
                let target = self.flat(&repeat.target, 0);
                let word = format!("for {target} in ");
                self.header(indent, &word, Some(&repeat.iter), &repeat.body);
                self.block(&repeat.body, indent + INDENT, next);
            }
            Stmt::FunctionDef(function)
                if function.decorator_list.is_empty() && !function.is_async =>
            {
                let signature = self.source.get(start..function.parameters.end().to_usize());
                let signature = signature.unwrap_or_default().split_whitespace();
                let signature = signature.collect::<Vec<_>>().join(" ");
                self.header(indent, &signature, None, &function.body);
                self.block(&function.body, indent + INDENT, next);
            }
            simple => {
                self.text.push_str(&" ".repeat(indent));
                let has_comments = self
                    .comments
                    .get(self.next)
                    .is_some_and(|comment| comment.start().to_usize() < end);
                let text = match simple {
                    _ if has_comments => None,
                    Stmt::Assign(assign) => {
                        let targets = assign.targets.iter();
                        let targets: String = targets
                            .map(|target| format!("{} = ", self.flat(target, 0)))
                            .collect();
                        let value =
                            self.broken(&assign.value, indent, indent + targets.len(), true);
                        Some(format!("{targets}{value}"))
                    }
                    Stmt::AugAssign(assign) => {
                        let target = self.flat(&assign.target, 0);
                        let head = format!("{target} {}= ", assign.op.as_str());
                        let value = self.broken(&assign.value, indent, indent + head.len(), true);
                        Some(format!("{head}{value}"))
                    }
                    Stmt::Expr(expression) => {
                        Some(self.broken(&expression.value, indent, indent, true))
                    }
                    Stmt::Return(given) => Some(match &given.value {
                        Some(value) => {
                            format!("return {}", self.broken(value, indent, indent + 7, true))
                        }
                        None => "return".to_owned(),
                    }),
                    Stmt::Pass(_) => Some("pass".to_owned()),
                    _ => None,
                };
                let verbatim = || self.source.get(start..end).unwrap_or_default().to_owned();
                let text = text.unwrap_or_else(verbatim);
                self.text.push_str(&text);
                while has_comments
                    && self
                        .comments
                        .get(self.next)
                        .is_some_and(|c| c.start().to_usize() < end)
                {
                    self.next += 1;
                }
                self.end_of_line(end);
            }
        }
    }

    /// The first line of a block.
    fn header(&mut self, indent: usize, word: &str, test: Option<&Expr>, body: &[Stmt]) {
        let mut text = format!("{}{word}", " ".repeat(indent));
        if let Some(test) = test {
            // A colon follows.
            let test = self.broken(test, indent, text.len() + 1, true);
            text.push_str(&test);
        }
        text.push(':');
        self.text.push_str(&text);
        let body = body
            .first()
            .map_or(self.source.len(), |first| first.start().to_usize());
        let head = self.source.get(..body).unwrap_or_default();
        // A comment between the colon and the block stands beside the colon, or before the block.
        let line = match self.comments.get(self.next) {
            Some(comment) if comment.start().to_usize() < body => {
                let start = comment.start().to_usize();
                let before = self.source.get(..start).unwrap_or_default().trim_end();
                before.len()
            }
            _ => head.trim_end().len(),
        };
        self.end_of_line(line);
    }

    /// An expression on one line.
    fn flat(&self, expression: &Expr, least: u8) -> String {
        let text = match expression {
            Expr::BoolOp(logic) => {
                let own = binding(expression);
                let word = format!(" {} ", logic.op.as_str());
                let values = logic.values.iter().map(|value| self.flat(value, own + 1));
                values.collect::<Vec<_>>().join(&word)
            }
            Expr::BinOp(binary) => {
                let own = binding(expression);
                let is_power = binary.op == Operator::Pow;
                let (left, right) = if is_power {
                    (own + 1, own)
                } else {
                    (own, own + 1)
                };
                format!(
                    "{} {} {}",
                    self.flat(&binary.left, left),
                    binary.op.as_str(),
                    self.flat(&binary.right, right)
                )
            }
            Expr::UnaryOp(unary) => {
                let space = if unary.op.as_str() == "not" { " " } else { "" };
                let operand = self.flat(&unary.operand, binding(expression));
                format!("{}{space}{operand}", unary.op.as_str())
            }
            Expr::Compare(compare) => {
                let mut text = self.flat(&compare.left, COMPARE + 1);
                for (operator, value) in compare.ops.iter().zip(&compare.comparators) {
                    let value = self.flat(value, COMPARE + 1);
                    text.push_str(&format!(" {} {value}", operator.as_str()));
                }
                text
            }
            Expr::If(choice) => format!(
                "{} if {} else {}",
                self.flat(&choice.body, 1),
                self.flat(&choice.test, 1),
                self.flat(&choice.orelse, 0)
            ),
            Expr::Call(call) => {
                let arguments = self.arguments(call);
                format!("{}({})", self.flat(&call.func, ATOM), arguments.join(", "))
            }
            Expr::Attribute(attribute) => {
                format!("{}.{}", self.flat(&attribute.value, ATOM), attribute.attr)
            }
            Expr::Subscript(subscript) => format!(
                "{}[{}]",
                self.flat(&subscript.value, ATOM),
                self.flat(&subscript.slice, 0)
            ),
            Expr::List(list) => {
                let values = list.elts.iter().map(|value| self.flat(value, 1));
                format!("[{}]", values.collect::<Vec<_>>().join(", "))
            }
            Expr::Tuple(tuple) => {
                let values = tuple.elts.iter().map(|value| self.flat(value, 1));
                values.collect::<Vec<_>>().join(", ")
            }
            other => self
                .source
                .get(other.range().to_std_range())
                .unwrap_or_default()
                .to_owned(),
        };
        let is_pair = matches!(expression, Expr::Tuple(tuple) if tuple.parenthesized);
        match binding(expression) < least || is_pair {
            true => format!("({text})"),
            false => text,
        }
    }

    fn arguments(&self, call: &ruff_python_ast::ExprCall) -> Vec<String> {
        let plain = call
            .arguments
            .args
            .iter()
            .map(|argument| self.flat(argument, 0));
        let named = call.arguments.keywords.iter().map(|keyword| {
            let value = self.flat(&keyword.value, 0);
            match &keyword.arg {
                Some(name) => format!("{name}={value}"),
                None => format!("**{value}"),
            }
        });
        plain.chain(named).collect()
    }

    /// An expression that begins at a column, broken where it doesn't fit.
    fn broken(
        &self,
        expression: &Expr,
        indent: usize,
        column: usize,
        is_outermost: bool,
    ) -> String {
        let flat = self.flat(expression, 0);
        if column + flat.chars().count() <= WIDTH {
            return flat;
        }
        let inner = " ".repeat(indent + INDENT);
        let outer = " ".repeat(indent);
        match expression {
            Expr::BoolOp(logic) if is_outermost => {
                let own = binding(expression);
                let mut text = "(".to_owned();
                for (index, value) in logic.values.iter().enumerate() {
                    let word = if index == 0 { "" } else { logic.op.as_str() };
                    let space = if index == 0 { "" } else { " " };
                    let value = match binding(value) > own {
                        true => {
                            let column = indent + INDENT + word.len() + 1;
                            self.broken(value, indent + INDENT, column, false)
                        }
                        false => self.flat(value, own + 1),
                    };
                    text.push_str(&format!("\n{inner}{word}{space}{value}"));
                }
                format!("{text}\n{outer})")
            }
            Expr::Call(call)
                if !call.arguments.args.is_empty() || !call.arguments.keywords.is_empty() =>
            {
                let arguments = self.arguments(call);
                let lines = arguments
                    .iter()
                    .map(|argument| format!("{inner}{argument},\n"));
                let lines: String = lines.collect();
                format!("{}(\n{lines}{outer})", self.flat(&call.func, ATOM))
            }
            _ => flat,
        }
    }
}

const COMPARE: u8 = 5;
const ATOM: u8 = 12;

/// How tightly an expression holds together.
fn binding(expression: &Expr) -> u8 {
    match expression {
        Expr::Lambda(_) | Expr::If(_) | Expr::Tuple(_) | Expr::Named(_) => 0,
        Expr::BoolOp(logic) if logic.op.as_str() == "or" => 2,
        Expr::BoolOp(_) => 3,
        Expr::UnaryOp(unary) if unary.op.as_str() == "not" => 4,
        Expr::Compare(_) => COMPARE,
        Expr::BinOp(binary) => match binary.op {
            Operator::BitOr | Operator::BitXor | Operator::BitAnd => 6,
            Operator::LShift | Operator::RShift => 7,
            Operator::Add | Operator::Sub => 8,
            Operator::Pow => 11,
            _ => 9,
        },
        Expr::UnaryOp(_) => 10,
        Expr::NumberLiteral(_) => 11,
        Expr::Await(_) | Expr::Starred(_) | Expr::Yield(_) | Expr::YieldFrom(_) => 0,
        _ => ATOM,
    }
}
