//! Where a file from the Python platform now means something else than it did there.

use super::graph::Graph;
use crate::diagnostic::{Diagnostic, Report};
use crate::node::{ActionSpec, Indicator, NodeKind};
use crate::plan::Study;

type Concerns = fn(&NodeKind) -> bool;

fn study(kind: &NodeKind) -> Option<Study> {
    match kind {
        NodeKind::Indicator(
            Indicator::Study(study)
            | Indicator::Divergence { study, .. }
            | Indicator::Pattern { study, .. },
        ) => Some(*study),
        _ => None,
    }
}

const DIFFERENCES: &[(Concerns, &str)] = &[
    (
        |kind| matches!(study(kind), Some(Study::Rsi { .. })),
        "RSI is Wilder's, as in TA-Lib; the platform's averages plainly and differs by up to 31 \
         points, so thresholds trigger elsewhere",
    ),
    (
        |kind| matches!(study(kind), Some(Study::Ema { .. })),
        "EMA starts from the simple average of its first values, as in TA-Lib; the platform's \
         starts from the first price",
    ),
    (
        |kind| matches!(study(kind), Some(Study::Macd { .. })),
        "MACD is TA-Lib's; the platform's seeds late, drops a value that is exactly 0, and takes \
         its `signal-out` for an order",
    ),
    (
        |kind| matches!(study(kind), Some(Study::Stochastic { .. })),
        "the stochastic is TA-Lib's slow one and heeds `smooth`; the platform's differs by up to 49 \
         points, so thresholds trigger elsewhere",
    ),
    (
        |kind| matches!(study(kind), Some(Study::Atr { .. } | Study::Adx { .. })),
        "ATR and ADX are Wilder's, as in TA-Lib; the platform's average plainly and differ by up \
         to 45 points, so thresholds trigger elsewhere",
    ),
    (
        |kind| matches!(study(kind), Some(Study::Divergence { .. })),
        "a divergence is one between swing highs or swing lows; the platform compares the ends of \
         a window",
    ),
    (
        |kind| matches!(study(kind), Some(Study::Pattern { .. })),
        "a pattern is told from swing highs and lows; the platform knows a placeholder only",
    ),
    (
        |kind| matches!(kind, NodeKind::Clock { .. }),
        "time is the trade's or the bar's and days count from Monday = 0; the platform takes the \
         clock on the wall and counts from Thursday",
    ),
    (
        |kind| matches!(kind, NodeKind::Window { .. }),
        "the time window works here; EST and PST are UTC-5 and UTC-8 all year, for New York's clock \
         use America/New_York",
    ),
    (
        |kind| matches!(kind, NodeKind::Not),
        "not of a value that isn't there yet has no value; on the platform it is true",
    ),
    (
        |kind| {
            matches!(
                kind,
                NodeKind::And | NodeKind::Or | NodeKind::Threshold(_) | NodeKind::Size(_)
            ) || matches!(
                study(kind),
                Some(
                    Study::Stochastic { .. }
                        | Study::Atr { .. }
                        | Study::Adx { .. }
                        | Study::Cci { .. }
                        | Study::WilliamsR { .. }
                        | Study::Divergence { .. }
                )
            )
        },
        "and, or, threshold, stochastic, ATR, ADX, CCI, Williams %R, divergence and position-size \
         nodes drawn in the platform's editor do nothing there; here they work",
    ),
    (
        |kind| matches!(kind, NodeKind::Hold(_)),
        "a hold begins when its trigger becomes true, and is a condition like any other",
    ),
    (
        |kind| matches!(kind, NodeKind::StopLoss(_) | NodeKind::TakeProfit(_)),
        "stops and targets count from the fill of their buy and sell by themselves; the platform's \
         count from the signal's price, once",
    ),
    (
        |kind| matches!(kind, NodeKind::Action(ActionSpec { repeat: false, .. })),
        "an order is placed when its trigger becomes true; the platform places one at every \
         evaluation while it is true, for which set `repeat`",
    ),
];

/// One notice for each kind of difference, at the first node that it concerns.
pub(super) fn imported(graph: &Graph, report: &mut Report) {
    if !graph.imported {
        return;
    }
    for (concerns, message) in DIFFERENCES {
        if let Some(node) = graph.nodes.iter().find(|node| concerns(&node.kind)) {
            report.push(Diagnostic::notice("import_differs", *message).node(&node.id));
        }
    }
}
