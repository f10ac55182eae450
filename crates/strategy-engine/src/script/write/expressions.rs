//! Nodes as expressions.

use super::Writer;
use super::text::{
    AND, ATOM, CHOICE, COMPARE, NOT, OR, PRODUCT, SUM, Text, day_window, field_name, number,
    quoted, span_text, symbol,
};
use crate::compile::Node;
use crate::node::{CrossType, Indicator, NodeKind, VolumeType};
use crate::plan::{Anchor, Arithmetic, ClockFigure, Pattern, Study};

impl Writer<'_> {
    pub(super) fn expression(&self, node: &Node) -> Text {
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
            NodeKind::Position => call("position", Vec::new()),
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
}
