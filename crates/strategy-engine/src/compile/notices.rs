//! Where a file from the Python platform now means something else than it did there.

use super::graph::Graph;
use crate::diagnostic::{Diagnostic, Report};
use crate::node::NodeKind;

const RSI: &str = "RSI is Wilder's, as in TA-Lib; the platform's averages plainly and differs by \
                   up to 31 points, so thresholds trigger elsewhere";
const EMA: &str = "EMA starts from the simple average of its first values, as in TA-Lib; the \
                   platform's starts from the first price";
const NOT: &str = "not of a value that isn't there yet has no value; on the platform it is true";
const DRAWN: &str = "and, or and threshold nodes drawn in the platform's editor do nothing there; \
                     here they work";
const ONCE: &str = "an order is placed when its trigger becomes true; the platform places one at \
                    every evaluation while it is true, for which set `repeat`";

/// One notice for each kind of difference, at the first node that it concerns.
pub(super) fn imported(graph: &Graph, report: &mut Report) {
    if !graph.imported {
        return;
    }
    let mut first = |message: &str, concerns: fn(&NodeKind) -> bool| {
        if let Some(node) = graph.nodes.iter().find(|node| concerns(&node.kind)) {
            report.push(Diagnostic::notice("import_differs", message).node(&node.id));
        }
    };
    first(RSI, |kind| matches!(kind, NodeKind::Rsi { .. }));
    first(EMA, |kind| matches!(kind, NodeKind::Ema { .. }));
    first(NOT, |kind| matches!(kind, NodeKind::Not));
    first(DRAWN, |kind| {
        matches!(kind, NodeKind::And | NodeKind::Or | NodeKind::Threshold(_))
    });
    first(
        ONCE,
        |kind| matches!(kind, NodeKind::Action(action) if !action.repeat),
    );
}
