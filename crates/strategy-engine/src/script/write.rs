//! A graph as a script: what is used once stands where it is used, the rest has a name.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::call::is_reserved;
use super::format::format_script;
use super::function::functions;
use crate::compile::{Graph, Node, Resolved, Source, resolved};
use crate::diagnostic::Diagnostic;
use crate::limits::MAX_SCRIPT_NAME;
use crate::node::{
    ActionSpec, Comparison, CrossType, Field, Indicator, NodeKind, Side, SizeSpec, SizeType,
    StopDistance, StopSpec, TargetSpec, ValueType, VolumeType,
};
use crate::plan::{Anchor, Arithmetic, ClockFigure, DayWindow, OrderKind, Pattern, Span, Study};

/// Characters of an expression beyond which it gets a name.
const LONG: usize = 48;
/// How deep what has no name may be nested.
const DEEP: u8 = 4;

/// Writes a graph as a script that compiles to the same plan. A file from the Python platform is
/// written with the meaning that it has here.
///
/// # Errors
/// What is wrong with the graph: only one that compiles can be written.
pub fn write_script(graph: &Json) -> Result<String, Vec<Diagnostic>> {
    let resolved = resolved(graph)?;
    let text = Writer::new(&resolved).script(graph);
    Ok(format_script(&text).unwrap_or(text))
}

/// An expression, how tightly it holds together, and how deep it is.
#[derive(Debug, Clone)]
struct Text {
    text: String,
    binding: u8,
    depth: u8,
}

const CHOICE: u8 = 0;
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARE: u8 = 4;
const SUM: u8 = 5;
const PRODUCT: u8 = 6;
const ATOM: u8 = 8;

impl Text {
    fn atom(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            binding: ATOM,
            depth: 0,
        }
    }

    /// As it stands inside something that holds so tightly.
    fn within(&self, binding: u8) -> String {
        match self.binding < binding {
            true => format!("({})", self.text),
            false => self.text.clone(),
        }
    }
}

struct Writer<'a> {
    resolved: &'a Resolved,
    graph: &'a Graph,
    /// How often each node is used.
    uses: Vec<u32>,
    texts: HashMap<(usize, usize), Text>,
    names: HashSet<String>,
    lines: String,
}

impl<'a> Writer<'a> {
    fn new(resolved: &'a Resolved) -> Self {
        let graph = &resolved.graph;
        Self {
            resolved,
            graph,
            uses: vec![0; graph.nodes.len()],
            texts: HashMap::new(),
            names: HashSet::new(),
            lines: String::new(),
        }
    }

    fn script(mut self, source: &Json) -> String {
        let name = source.get("name").and_then(Json::as_str);
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            let timeframe = source.get("timeframe").and_then(Json::as_str);
            let timeframe = timeframe.map(|timeframe| format!(", timeframe={}", quoted(timeframe)));
            let timeframe = timeframe.unwrap_or_default();
            let _ = writeln!(self.lines, "strategy({}{timeframe})\n", quoted(name));
        }
        self.count();
        for &index in &self.resolved.order {
            if self.uses[index] > 0 {
                self.node(index);
            }
        }
        self.orders();
        self.lines
    }

    /// Counts the uses of what the orders need.
    fn count(&mut self) {
        let graph = self.graph;
        let mut open: Vec<Source> = Vec::new();
        for (index, node) in graph.nodes.iter().enumerate() {
            if let NodeKind::Action(_) = node.kind
                && let Some(trigger) = self.resolved.trigger(index)
            {
                open.push(trigger);
                let terms = self.resolved.terms_of(index);
                open.extend(
                    terms
                        .into_iter()
                        .filter_map(|term| wired(&graph.nodes[term], 1)),
                );
            }
        }
        while let Some(source) = open.pop() {
            self.uses[source.node] += 1;
            if self.uses[source.node] == 1 {
                let read = self.read(&graph.nodes[source.node]);
                open.extend(read);
            }
        }
    }

    /// What a node reads, each input once.
    fn read(&self, node: &Node) -> Vec<Source> {
        let mut seen = Vec::new();
        for source in node.inputs.iter().flatten() {
            let is_value = matches!(
                self.graph.value_of(*source),
                Some(ValueType::Number | ValueType::Condition)
            );
            if is_value && (!seen.contains(source) || !is_joining(node)) {
                seen.push(*source);
            }
        }
        seen
    }

    fn text(&self, source: Source) -> Text {
        let known = self.texts.get(&(source.node, source.output)).cloned();
        known.unwrap_or_else(|| Text::atom("0"))
    }

    fn wired_text(&self, node: &Node, input: usize) -> Option<Text> {
        wired(node, input).map(|source| self.text(source))
    }

    fn input(&self, node: &Node, input: usize) -> Text {
        self.wired_text(node, input)
            .unwrap_or_else(|| Text::atom("0"))
    }

    /// Writes what a node gives, on a line of its own where that reads better.
    fn node(&mut self, index: usize) {
        let graph = self.graph;
        let node = &graph.nodes[index];
        if let NodeKind::Threshold(spec) = &node.kind {
            let x = self.input(node, 0);
            for (output, (word, level, name)) in
                [("above", spec.upper, "high"), ("below", spec.lower, "low")]
                    .into_iter()
                    .enumerate()
            {
                let level = number(level);
                let hysteresis = match spec.hysteresis > 0.0 {
                    true => format!(", {}", number(spec.hysteresis)),
                    false => String::new(),
                };
                let text = Text {
                    text: format!("{word}({}, {level}{hysteresis})", x.text),
                    binding: ATOM,
                    depth: x.depth + 1,
                };
                let is_used = self.is_read(index, output);
                let named = self.named(text, &format!("{}_{name}", node.id), is_used);
                self.texts.insert((index, output), named);
            }
            return;
        }
        let text = self.expression(node);
        let is_plain = matches!(
            node.kind,
            NodeKind::Market(_) | NodeKind::Constant(_) | NodeKind::Label
        );
        let text = match is_plain {
            true => text,
            false => self.named(text, &node.id, self.uses[index] > 1),
        };
        match results(node) {
            Some(names) => {
                for (output, name) in names.into_iter().enumerate() {
                    let part = Text {
                        text: format!("{}.{name}", text.text),
                        ..text.clone()
                    };
                    self.texts.insert((index, output), part);
                }
            }
            None => drop(self.texts.insert((index, 0), text)),
        }
    }

    /// Whether an output is used more than once.
    fn is_read(&self, index: usize, output: usize) -> bool {
        let source = Source {
            node: index,
            output,
        };
        let reading = self
            .graph
            .nodes
            .iter()
            .flat_map(|node| node.inputs.iter().flatten());
        reading.filter(|read| **read == source).count() > 1
    }

    /// The expression, or its name if it is better to give it one.
    fn named(&mut self, text: Text, id: &str, is_shared: bool) -> Text {
        if !is_shared && text.text.len() <= LONG && text.depth < DEEP {
            return text;
        }
        let call = text.text.split('(').next().unwrap_or_default();
        let fallback = match functions().iter().any(|function| function.name == call) {
            true => call,
            false => "value",
        };
        let name = self.name(id, fallback);
        let _ = writeln!(self.lines, "{name} = {}", text.text);
        Text::atom(name)
    }

    /// A name that is free, like the id if that can be read.
    fn name(&mut self, id: &str, fallback: &str) -> String {
        let is_letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let mut wanted: String = id.chars().map(is_letter).collect();
        let digits = id.chars().filter(char::is_ascii_digit).count();
        let is_readable = wanted.starts_with(|c: char| c.is_ascii_alphabetic())
            && wanted.len() <= MAX_SCRIPT_NAME / 2
            && digits <= 4
            && id.is_ascii();
        if !is_readable || is_reserved(&wanted) || is_keyword(&wanted) {
            wanted = format!("{fallback}_1");
        }
        let mut name = wanted.clone();
        let stem = wanted
            .trim_end_matches(|c: char| c.is_ascii_digit())
            .to_owned();
        let stem = if stem.ends_with('_') {
            stem
        } else {
            format!("{stem}_")
        };
        let mut number = 2;
        while !self.names.insert(name.clone()) {
            name = format!("{stem}{number}");
            number += 1;
        }
        name
    }

    fn expression(&self, node: &Node) -> Text {
        let x = || self.input(node, 0).text;
        let depth = 1 + self
            .read(node)
            .into_iter()
            .map(|source| self.text(source).depth)
            .max()
            .unwrap_or(0);
        let call = |name: &str, arguments: Vec<String>| Text {
            text: format!("{name}({})", arguments.join(", ")),
            binding: ATOM,
            depth,
        };
        let held = |text: String, binding: u8| Text {
            text,
            binding,
            depth,
        };
        match &node.kind {
            NodeKind::Market(field) => Text::atom(field_name(*field)),
            NodeKind::Constant(value) => match *value < 0.0 {
                true => Text {
                    text: number(*value),
                    binding: PRODUCT + 1,
                    depth: 0,
                },
                false => Text::atom(number(*value)),
            },
            NodeKind::Label => Text::atom("1"),
            NodeKind::Volume {
                volume_type,
                period,
            } => match volume_type {
                VolumeType::Raw => Text::atom("volume"),
                VolumeType::Sma => call("volume_sma", vec![period.to_string()]),
                VolumeType::Ratio => call("volume_ratio", vec![period.to_string()]),
                VolumeType::Weighted => call("rolling_vwap", vec![period.to_string()]),
            },
            NodeKind::AnchoredVwap(anchor) => {
                let anchor = match anchor {
                    Anchor::Day => "day",
                    Anchor::Week => "week",
                };
                call("vwap", vec![quoted(anchor)])
            }
            NodeKind::Spread { ratio } => {
                let name = if *ratio { "spread_ratio" } else { "spread" };
                call(name, self.market(node, &["bid", "ask"]))
            }
            NodeKind::Clock { figure, zone } => {
                let name = match figure {
                    ClockFigure::Hour => "hour",
                    ClockFigure::Minute => "minute",
                    ClockFigure::DayOfWeek => "day_of_week",
                    ClockFigure::Timestamp => "timestamp",
                };
                let zone = Some(zone.name()).filter(|zone| *zone != "UTC").map(quoted);
                call(name, zone.into_iter().collect())
            }
            NodeKind::Window { window, zone } => {
                call("time_between", day_window(*window, zone.name()))
            }
            NodeKind::Indicator(indicator) => {
                let (name, arguments) = self.indicator(node, *indicator);
                call(name, arguments)
            }
            NodeKind::Math(operation) => {
                let (a, b) = (self.input(node, 0), self.input(node, 1));
                let (sign, binding) = match operation {
                    Arithmetic::Add => ("+", SUM),
                    Arithmetic::Subtract => ("-", SUM),
                    Arithmetic::Multiply => ("*", PRODUCT),
                    Arithmetic::Divide => ("/", PRODUCT),
                    Arithmetic::Min => return call("min", vec![a.text, b.text]),
                    Arithmetic::Max => return call("max", vec![a.text, b.text]),
                };
                let text = format!("{} {sign} {}", a.within(binding), b.within(binding + 1));
                held(text, binding)
            }
            NodeKind::Abs => call("abs", vec![x()]),
            NodeKind::If => {
                let (then, otherwise) = (self.input(node, 1), self.input(node, 2));
                let condition = self.input(node, 0).within(OR);
                let text = format!(
                    "{} if {condition} else {}",
                    then.within(OR),
                    otherwise.within(CHOICE)
                );
                held(text, CHOICE)
            }
            NodeKind::Compare {
                comparison,
                operand,
            } => {
                let second = self.wired_text(node, 1);
                let second = second.unwrap_or_else(|| Text::atom(number(operand.unwrap_or(0.0))));
                let first = self.input(node, 0).within(COMPARE + 1);
                let second = second.within(COMPARE + 1);
                held(format!("{first} {} {second}", symbol(*comparison)), COMPARE)
            }
            NodeKind::And => self.joined(node, " and ", AND, depth),
            NodeKind::Or => self.joined(node, " or ", OR, depth),
            NodeKind::Not => held(format!("not {}", self.input(node, 0).within(NOT)), NOT),
            NodeKind::Crossover(cross_type) => {
                let name = match cross_type {
                    CrossType::Above => "crosses_above",
                    CrossType::Below => "crosses_below",
                    CrossType::Any => "crosses",
                };
                call(name, vec![x(), self.input(node, 1).text])
            }
            NodeKind::Hold(span) => {
                let until = self
                    .wired_text(node, 1)
                    .map(|until| format!("until={}", until.text));
                let span = span.map(span_text);
                call(
                    "hold",
                    [Some(x()), until, span].into_iter().flatten().collect(),
                )
            }
            NodeKind::Cooldown(span) => call("cooldown", vec![x(), span_text(*span)]),
            // Orders and what belongs to them are written by themselves.
            NodeKind::Threshold(_)
            | NodeKind::Action(_)
            | NodeKind::StopLoss(_)
            | NodeKind::TakeProfit(_)
            | NodeKind::Size(_)
            | NodeKind::Opaque => Text::atom("0"),
        }
    }

    fn joined(&self, node: &Node, word: &str, binding: u8, depth: u8) -> Text {
        let read = self.read(node);
        if let [single] = read[..] {
            return self.text(single);
        }
        // The same operation inside is one of its own.
        let texts = read
            .into_iter()
            .map(|source| self.text(source).within(binding + 1));
        Text {
            text: texts.collect::<Vec<_>>().join(word),
            binding,
            depth,
        }
    }

    /// Inputs that stand for the market's own figure where nothing is wired.
    fn market(&self, node: &Node, names: &[&str]) -> Vec<String> {
        let names = names.iter().enumerate();
        let texts = names.filter_map(|(input, name)| {
            let wired = self.wired_text(node, input)?;
            Some(format!("{name}={}", wired.text))
        });
        texts.collect()
    }

    fn indicator(&self, node: &Node, indicator: Indicator) -> (&'static str, Vec<String>) {
        let x = || self.input(node, 0).text;
        let simple = |name, period: u32| (name, vec![x(), period.to_string()]);
        let bar = |name, mut arguments: Vec<String>| {
            arguments.extend(self.market(node, &["high", "low", "close"]));
            (name, arguments)
        };
        let channel = |name, mut arguments: Vec<String>| {
            arguments.extend(self.market(node, &["high", "low"]));
            (name, arguments)
        };
        match indicator {
            Indicator::Sma { period } => simple("sma", period),
            Indicator::Dema { period } => simple("dema", period),
            Indicator::Hull { period } => simple("hull", period),
            Indicator::Roc { period } => simple("roc", period),
            Indicator::Momentum { period } => simple("momentum", period),
            Indicator::Zscore { period } => simple("zscore", period),
            Indicator::Bollinger { period, deviation } => (
                "bollinger",
                vec![x(), period.to_string(), number(deviation.get())],
            ),
            Indicator::Keltner {
                period,
                atr_period,
                multiplier,
            } => bar(
                "keltner",
                vec![
                    period.to_string(),
                    atr_period.to_string(),
                    number(multiplier.get()),
                ],
            ),
            Indicator::Donchian { period } => channel("donchian", vec![period.to_string()]),
            Indicator::Ichimoku {
                tenkan,
                kijun,
                span,
                displacement,
            } => {
                let figures = [tenkan, kijun, span, displacement];
                channel("ichimoku", figures.map(|figure| figure.to_string()).into())
            }
            Indicator::Divergence { study, sensitivity } => {
                let Study::Divergence {
                    lookback,
                    regular,
                    hidden,
                    ..
                } = study
                else {
                    return ("divergence", Vec::new());
                };
                let kind = match (regular, hidden) {
                    (true, true) => "both",
                    (false, _) => "hidden",
                    _ => "regular",
                };
                let indicator = self.input(node, 1).text;
                let figures = [lookback.to_string(), quoted(kind), number(sensitivity)];
                let arguments = [x(), indicator].into_iter().chain(figures);
                ("divergence", arguments.collect())
            }
            Indicator::Pattern { study, confidence } => {
                let Study::Pattern {
                    pattern, lookback, ..
                } = study
                else {
                    return ("pattern", Vec::new());
                };
                let kind = match pattern {
                    Pattern::DoubleTop => "double_top",
                    Pattern::DoubleBottom => "double_bottom",
                    Pattern::HeadShoulders => "head_shoulders",
                    Pattern::InverseHeadShoulders => "inverse_head_shoulders",
                };
                (
                    "pattern",
                    vec![x(), quoted(kind), number(confidence), lookback.to_string()],
                )
            }
            Indicator::Study(study) | Indicator::Supertrend(study) => match study {
                Study::Mean { period } => simple("sma", period),
                Study::Ema { period } => simple("ema", period),
                Study::Wma { period } => simple("wma", period),
                Study::StdDev { period } => simple("stddev", period),
                Study::Rsi { period } => simple("rsi", period),
                Study::Highest { period } => simple("highest", period),
                Study::Lowest { period } => simple("lowest", period),
                Study::Lag { period } => simple("lag", period),
                Study::Macd { fast, slow, signal } => {
                    let figures = [fast, slow, signal].map(|figure| figure.to_string());
                    ("macd", std::iter::once(x()).chain(figures).collect())
                }
                Study::Stochastic { k, smooth, d } => bar(
                    "stochastic",
                    [k, smooth, d].map(|figure| figure.to_string()).into(),
                ),
                Study::Atr { period } => bar("atr", vec![period.to_string()]),
                Study::Adx { period } => bar("adx", vec![period.to_string()]),
                Study::Cci { period } => bar("cci", vec![period.to_string()]),
                Study::WilliamsR { period } => bar("williams_r", vec![period.to_string()]),
                Study::Sar { step, maximum } => {
                    channel("sar", vec![number(step.get()), number(maximum.get())])
                }
                Study::Supertrend { period, multiplier } => bar(
                    "supertrend",
                    vec![period.to_string(), number(multiplier.get())],
                ),
                Study::Obv => ("obv", self.market(node, &["price", "volume"])),
                Study::Divergence { .. } | Study::Pattern { .. } => ("", Vec::new()),
            },
        }
    }

    fn orders(&mut self) {
        let graph = self.graph;
        let mut actions: Vec<usize> = (0..graph.nodes.len())
            .filter(|&index| matches!(graph.nodes[index].kind, NodeKind::Action(_)))
            .filter(|&index| {
                self.resolved
                    .trigger(index)
                    .is_some_and(|trigger| self.texts.contains_key(&(trigger.node, trigger.output)))
            })
            .collect();
        actions.sort_by(|a, b| graph.nodes[*a].id.cmp(&graph.nodes[*b].id));
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut last = None;
        for index in actions {
            let node = &graph.nodes[index];
            let NodeKind::Action(action) = &node.kind else {
                continue;
            };
            let Some(trigger) = self.resolved.trigger(index) else {
                continue;
            };
            if last != Some(trigger) {
                let condition = self.text(trigger).text;
                let _ = write!(self.lines, "\nif {condition}:\n");
                last = Some(trigger);
            }
            let word = if action.side == Side::Buy {
                "buy"
            } else {
                "sell"
            };
            let count = numbers.entry(word).or_insert(0);
            *count += 1;
            let usual = match *count {
                1 => word.to_owned(),
                count => format!("{word}-{count}"),
            };
            let id = Some(&node.id).filter(|id| **id != usual);
            let terms = self.resolved.terms_of(index);
            let order = self.order(word, action, id, &terms);
            let _ = writeln!(self.lines, "    {order}");
            for term in terms {
                if let Some(line) = self.term(&graph.nodes[term]) {
                    let _ = writeln!(self.lines, "    {line}");
                }
            }
        }
    }

    fn order(
        &self,
        word: &str,
        action: &ActionSpec,
        id: Option<&String>,
        terms: &[usize],
    ) -> String {
        let mut sizes = terms
            .iter()
            .filter_map(|term| self.size(&self.graph.nodes[*term]));
        let size = sizes.next_back().or_else(|| {
            let quantity = decimal(action.quantity);
            let is_all = action.quantity == Decimal::ONE_HUNDRED;
            Some(match (action.side, action.size_type) {
                (Side::Buy, SizeType::PercentOfCash) if is_all => return None,
                (Side::Sell, SizeType::PercentOfPosition) if is_all => return None,
                (_, SizeType::Units) => format!("units({quantity})"),
                (_, SizeType::CashAmount) => format!("cash({quantity})"),
                (_, SizeType::PercentOfCash) => format!("percent_of_cash({quantity})"),
                (_, SizeType::PercentOfPosition) => format!("percent_of_position({quantity})"),
            })
        });
        let mut arguments: Vec<String> = size
            .map(|size| format!("size={size}"))
            .into_iter()
            .collect();
        let mut named =
            |name: &str, value: Decimal| arguments.push(format!("{name}={}", decimal(value)));
        match action.kind {
            OrderKind::Market => {}
            OrderKind::Limit { limit } => named("limit", limit),
            OrderKind::Stop { stop } => named("stop", stop),
            OrderKind::StopLimit { stop, limit } => {
                named("stop", stop);
                named("limit", limit);
            }
            OrderKind::TrailingStop { percent } => named("trailing", percent),
        }
        if action.repeat {
            arguments.push("repeat=True".to_owned());
        }
        arguments.extend(id.map(|id| format!("id={}", quoted(id))));
        format!("{word}({})", arguments.join(", "))
    }

    fn size(&self, node: &Node) -> Option<String> {
        let NodeKind::Size(size) = &node.kind else {
            return None;
        };
        let most = |most: Option<Decimal>| {
            most.map_or_else(String::new, |most| format!(", most={}", decimal(most)))
        };
        Some(match *size {
            SizeSpec::Units(units) => format!("units({})", decimal(units)),
            SizeSpec::Cash(amount) => format!("cash({})", decimal(amount)),
            SizeSpec::PercentOfEquity {
                percent,
                most: limit,
            } => {
                format!("percent_of_equity({}{})", decimal(percent), most(limit))
            }
            SizeSpec::PercentAtRisk {
                percent,
                most: limit,
            } => {
                let fall = self.input(node, 1).text;
                format!(
                    "percent_at_risk({}, {fall}{})",
                    decimal(percent),
                    most(limit)
                )
            }
            SizeSpec::AmountAtRisk {
                amount,
                stop_percent,
            } => format!(
                "amount_at_risk({}, stop_percent={})",
                decimal(amount),
                decimal(stop_percent)
            ),
        })
    }

    fn term(&self, node: &Node) -> Option<String> {
        match &node.kind {
            NodeKind::StopLoss(StopSpec { distance, trailing }) => {
                let mut text = match *distance {
                    StopDistance::Wired(by) => {
                        let of = self.input(node, 1).text;
                        format!("multiple={}, of={of}", decimal(by))
                    }
                    other => away(other),
                };
                if let Some(trailing) = trailing {
                    let _ = write!(text, ", trailing={}", decimal(*trailing));
                }
                Some(format!("stop_loss({text})"))
            }
            NodeKind::TakeProfit(TargetSpec { targets }) => Some(match &targets[..] {
                [(first, _), (second, _)] => {
                    let (first, second) = (away(*first), away(*second));
                    let (way, first) = first.split_once('=')?;
                    let (_, second) = second.split_once('=')?;
                    format!("take_profit({way}=[{first}, {second}])")
                }
                [(single, _)] => format!("take_profit({})", away(*single)),
                _ => return None,
            }),
            _ => None,
        }
    }
}

fn away(distance: StopDistance) -> String {
    match distance {
        StopDistance::Percent(percent) => format!("percent={}", decimal(percent)),
        StopDistance::Amount(amount) => format!("amount={}", decimal(amount)),
        StopDistance::Wired(by) => format!("multiple={}", decimal(by)),
        StopDistance::Risk(ratio) => format!("risk={}", decimal(ratio)),
    }
}

fn wired(node: &Node, input: usize) -> Option<Source> {
    node.inputs.get(input)?.first().copied()
}

/// Whether it reads any number of conditions, each of which counts once.
fn is_joining(node: &Node) -> bool {
    matches!(node.kind, NodeKind::And | NodeKind::Or)
}

/// What the outputs of a node are called after a dot; none where there is one only.
fn results(node: &Node) -> Option<Vec<&'static str>> {
    let outputs = node.shape.outputs;
    if outputs.len() < 2 {
        return None;
    }
    let function = functions()
        .iter()
        .find(|function| function.node == node.shape.name)?;
    let named = outputs.iter().map(|output| {
        let mut results = function.results.iter();
        let found = results.find(|(_, handle)| output.names.contains(handle));
        found.map_or("", |(name, _)| name)
    });
    Some(named.collect())
}

fn field_name(field: Field) -> &'static str {
    match field {
        Field::Open => "open",
        Field::High => "high",
        Field::Low => "low",
        Field::Close => "close",
        Field::Volume => "volume",
        // No node gives these by themselves.
        Field::Bid => "bid",
        Field::Ask => "ask",
    }
}

fn symbol(comparison: Comparison) -> &'static str {
    comparison.symbol()
}

/// The shortest text that is read as this number.
fn number(value: f64) -> String {
    let plain = value.to_string();
    match plain.len() > 24 {
        true => format!("{value:e}"),
        false => plain,
    }
}

fn decimal(value: Decimal) -> String {
    value.normalize().to_string()
}

/// A text in quotes, whatever is in it.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            c if c.is_control() || super::place::is_direction_mark(c) => {
                let _ = write!(quoted, "\\U{:08x}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn span_text(span: Span) -> String {
    const UNITS: &[(&str, u64)] = &[
        ("weeks", 604_800),
        ("days", 86_400),
        ("hours", 3_600),
        ("minutes", 60),
        ("seconds", 1),
    ];
    match span {
        Span::Evaluations(count) => format!("bars={count}"),
        Span::Seconds(seconds) => {
            let fits = UNITS.iter().find(|(_, length)| seconds % length == 0);
            let (unit, length) = fits.copied().unwrap_or(("seconds", 1));
            format!("{unit}={}", seconds / length)
        }
    }
}

fn day_window(window: DayWindow, zone: &str) -> Vec<String> {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let clock = |minute: u16| format!("\"{:02}:{:02}\"", minute / 60, minute % 60);
    let mut arguments = vec![clock(window.from), clock(window.to), quoted(zone)];
    if window.weekdays != 0b111_1111 {
        let days = DAYS.iter().enumerate();
        let days = days.filter(|(day, _)| window.weekdays >> day & 1 == 1);
        let days: Vec<&str> = days.map(|(_, name)| *name).collect();
        arguments.push(quoted(&days.join(",")));
    }
    arguments
}

fn is_keyword(name: &str) -> bool {
    matches!(
        name,
        "and"
            | "as"
            | "assert"
            | "async"
            | "await"
            | "break"
            | "class"
            | "continue"
            | "def"
            | "del"
            | "elif"
            | "else"
            | "except"
            | "finally"
            | "for"
            | "from"
            | "global"
            | "if"
            | "import"
            | "in"
            | "is"
            | "lambda"
            | "nonlocal"
            | "not"
            | "or"
            | "pass"
            | "raise"
            | "return"
            | "try"
            | "while"
            | "with"
            | "yield"
            | "match"
            | "case"
            | "type"
            | "None"
            | "True"
            | "False"
    )
}
