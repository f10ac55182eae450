//! From an indicator node to operations. What is made of others is made of their operations, so
//! that two nodes share what they have in common.

use super::graph::Node;
use super::lower::Lowering;
use crate::node::{Comparison, Indicator};
use crate::plan::{Arithmetic, Op, OpId, Real, Study};

impl Lowering<'_> {
    /// The operations of the node's outputs.
    pub(super) fn indicator(&mut self, node: &Node, indicator: Indicator) -> Option<Vec<OpId>> {
        Some(match indicator {
            Indicator::Sma { period } => {
                let input = self.input(node, 0)?;
                vec![self.mean(input, period)]
            }
            Indicator::Dema { period } => {
                let input = self.input(node, 0)?;
                let once = self.study(Study::Ema { period }, &[input]);
                let twice = self.study(Study::Ema { period }, &[once]);
                let doubled = self.twice(once)?;
                vec![self.combine(Arithmetic::Subtract, doubled, twice)]
            }
            Indicator::Hull { period } => {
                let input = self.input(node, 0)?;
                let half = self.study(Study::Wma { period: period / 2 }, &[input]);
                let whole = self.study(Study::Wma { period }, &[input]);
                let doubled = self.twice(half)?;
                let raw = self.combine(Arithmetic::Subtract, doubled, whole);
                let period = period.isqrt();
                vec![self.study(Study::Wma { period }, &[raw])]
            }
            Indicator::Bollinger { period, deviation } => {
                let input = self.input(node, 0)?;
                let middle = self.mean(input, period);
                let width = self.study(Study::StdDev { period }, &[input]);
                self.bands(middle, width, deviation)
            }
            Indicator::Keltner {
                period,
                atr_period,
                multiplier,
            } => {
                let bar = self.bar(node)?;
                let middle = self.study(Study::Ema { period }, &bar[2..]);
                let width = self.study(Study::Atr { period: atr_period }, &bar);
                self.bands(middle, width, multiplier)
            }
            Indicator::Donchian { period } => {
                let [high, low, _] = self.bar(node)?;
                let upper = self.study(Study::Highest { period }, &[high]);
                let lower = self.study(Study::Lowest { period }, &[low]);
                vec![upper, self.middle(upper, lower)?, lower]
            }
            Indicator::Ichimoku {
                tenkan,
                kijun,
                span,
                displacement,
            } => {
                let [high, low, _] = self.bar(node)?;
                let tenkan = self.middle_of_range(high, low, tenkan)?;
                let kijun = self.middle_of_range(high, low, kijun)?;
                let span_a = self.middle(tenkan, kijun)?;
                let span_b = self.middle_of_range(high, low, span)?;
                let lag = Study::Lag {
                    period: displacement,
                };
                vec![
                    tenkan,
                    kijun,
                    self.study(lag, &[span_a]),
                    self.study(lag, &[span_b]),
                ]
            }
            Indicator::Roc { period } => {
                let input = self.input(node, 0)?;
                let earlier = self.study(Study::Lag { period }, &[input]);
                let ratio = self.combine(Arithmetic::Divide, input, earlier);
                let one = self.number(1.0)?;
                let change = self.combine(Arithmetic::Subtract, ratio, one);
                let hundred = self.number(100.0)?;
                vec![self.combine(Arithmetic::Multiply, change, hundred)]
            }
            Indicator::Momentum { period } => {
                let input = self.input(node, 0)?;
                let earlier = self.study(Study::Lag { period }, &[input]);
                vec![self.combine(Arithmetic::Subtract, input, earlier)]
            }
            Indicator::Zscore { period } => {
                let input = self.input(node, 0)?;
                let mean = self.mean(input, period);
                let width = self.study(Study::StdDev { period }, &[input]);
                let difference = self.combine(Arithmetic::Subtract, input, mean);
                vec![self.combine(Arithmetic::Divide, difference, width)]
            }
            Indicator::Study(study) => self.parts(node, study)?,
            Indicator::Supertrend(study) => {
                let parts = self.parts(node, study)?;
                let (line, direction) = (*parts.first()?, *parts.get(1)?);
                let zero = self.number(0.0)?;
                vec![
                    line,
                    self.compare(direction, Comparison::GreaterThan, zero),
                    self.compare(direction, Comparison::LessThan, zero),
                ]
            }
            Indicator::Divergence { study, .. } => {
                let mut sides = self.events(node, study)?;
                let inputs = sides.clone();
                sides.push(self.add(Op::Any { inputs }));
                sides
            }
            Indicator::Pattern { study, .. } => self.events(node, study)?,
        })
    }

    fn study(&mut self, study: Study, inputs: &[OpId]) -> OpId {
        let inputs = inputs.to_vec();
        self.add(Op::Study { study, inputs })
    }

    fn combine(&mut self, operation: Arithmetic, first: OpId, second: OpId) -> OpId {
        self.add(Op::Arithmetic {
            operation,
            first,
            second,
        })
    }

    fn compare(&mut self, first: OpId, comparison: Comparison, second: OpId) -> OpId {
        self.add(Op::Compare {
            comparison,
            first,
            second,
        })
    }

    fn twice(&mut self, input: OpId) -> Option<OpId> {
        let two = self.number(2.0)?;
        Some(self.combine(Arithmetic::Multiply, input, two))
    }

    fn middle(&mut self, upper: OpId, lower: OpId) -> Option<OpId> {
        let sum = self.combine(Arithmetic::Add, upper, lower);
        let two = self.number(2.0)?;
        Some(self.combine(Arithmetic::Divide, sum, two))
    }

    fn middle_of_range(&mut self, high: OpId, low: OpId, period: u32) -> Option<OpId> {
        let upper = self.study(Study::Highest { period }, &[high]);
        let lower = self.study(Study::Lowest { period }, &[low]);
        self.middle(upper, lower)
    }

    /// Upper, middle and lower.
    fn bands(&mut self, middle: OpId, width: OpId, factor: Real) -> Vec<OpId> {
        let factor = self.add(Op::Number { value: factor });
        let distance = self.combine(Arithmetic::Multiply, width, factor);
        vec![
            self.combine(Arithmetic::Add, middle, distance),
            middle,
            self.combine(Arithmetic::Subtract, middle, distance),
        ]
    }

    /// High, low and close, as wired or as the market has them.
    fn bar(&mut self, node: &Node) -> Option<[OpId; 3]> {
        Some([
            self.input(node, 0)?,
            self.input(node, 1)?,
            self.input(node, 2)?,
        ])
    }

    /// A study of the node's inputs, and an operation for each of its parts.
    fn parts(&mut self, node: &Node, study: Study) -> Option<Vec<OpId>> {
        let inputs: Option<Vec<OpId>> = (0..study.arity())
            .map(|index| self.input(node, index))
            .collect();
        let of = self.study(study, &inputs?);
        let further = (1..study.parts()).map(|part| Op::Part { of, part });
        let further: Vec<Op> = further.collect();
        let mut parts = vec![of];
        parts.extend(further.into_iter().map(|op| self.add(op)));
        Some(parts)
    }

    /// Parts that are 1 or 0, as conditions.
    fn events(&mut self, node: &Node, study: Study) -> Option<Vec<OpId>> {
        let parts = self.parts(node, study)?;
        let zero = self.number(0.0)?;
        let conditions = parts
            .into_iter()
            .map(|part| self.compare(part, Comparison::GreaterThan, zero));
        Some(conditions.collect())
    }
}
