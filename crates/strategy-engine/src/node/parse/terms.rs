//! Reads the nodes that say more of an order: stops, targets, sizes.

use rust_decimal::Decimal;

use super::{Context, Refusal};
use crate::import::Fields;
use crate::node::kind::NodeKind;

/// How far a stop, a target or a size is from the fill, before it is known what is wired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopDistance {
    Percent(Decimal),
    Amount(Decimal),
    /// Times what is wired to the node.
    Wired(Decimal),
    /// Times the distance of the stop.
    Risk(Decimal),
}

/// A stop-loss node's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StopSpec {
    pub distance: StopDistance,
    pub trailing: Option<Decimal>,
}

/// A take-profit node's data: each target with its portion in percent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetSpec {
    pub targets: Vec<(StopDistance, Decimal)>,
}

/// A position-size node's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SizeSpec {
    Units(Decimal),
    Cash(Decimal),
    PercentOfEquity {
        percent: Decimal,
        most: Option<Decimal>,
    },
    PercentAtRisk {
        percent: Decimal,
        most: Option<Decimal>,
    },
    AmountAtRisk {
        amount: Decimal,
        stop_percent: Decimal,
    },
}

pub(super) fn stop(fields: &mut Fields<'_>, context: Context) -> Result<NodeKind, Refusal> {
    const TYPES: &[(&str, u8)] = &[
        ("fixed_percent", 0),
        ("fixed_amount", 1),
        ("atr_multiple", 2),
        ("trailing_percent", 3),
        ("support_resistance", 4),
    ];
    let chosen = fields.choice("stopType", TYPES).unwrap_or(0);
    if chosen == 4 {
        fields.unsupported(
            "stopType",
            "a stop at support or resistance is not supported",
            "choose fixed_percent, fixed_amount, atr_multiple or trailing_percent",
        );
        return Err(Refusal::Reported);
    }
    default_differs(fields, "stopValue", 2, 5, context);
    let distance = match chosen {
        1 => StopDistance::Amount(fields.positive("stopValue", 2)),
        2 => StopDistance::Wired(fields.positive("stopValue", 2)),
        _ => StopDistance::Percent(fields.percent("stopValue", 2)),
    };
    let trailing = match distance {
        StopDistance::Percent(percent) if chosen == 3 => Some(percent),
        _ if fields.flag("trailingEnabled") => Some(fields.percent("trailingDistance", 1)),
        _ => None,
    };
    Ok(NodeKind::StopLoss(StopSpec { distance, trailing }))
}

pub(super) fn target(fields: &mut Fields<'_>, context: Context) -> Result<NodeKind, Refusal> {
    const TYPES: &[(&str, u8)] = &[
        ("fixed_percent", 0),
        ("fixed_amount", 1),
        ("rr_ratio", 2),
        ("resistance_level", 3),
    ];
    let chosen = fields.choice("profitType", TYPES).unwrap_or(0);
    let distance = match chosen {
        0 => StopDistance::Percent,
        1 => StopDistance::Amount,
        2 => StopDistance::Risk,
        _ => {
            fields.unsupported(
                "profitType",
                "a target at a resistance level is not supported",
                "choose fixed_percent, fixed_amount or rr_ratio",
            );
            return Err(Refusal::Reported);
        }
    };
    if !fields.flag("partialProfits") {
        default_differs(fields, "profitValue", 5, 10, context);
        let target = distance(fields.positive("profitValue", 5));
        return Ok(NodeKind::TakeProfit(TargetSpec {
            targets: vec![(target, Decimal::ONE_HUNDRED)],
        }));
    }
    let first = fields.positive("firstTarget", 3);
    let second = fields.positive("secondTarget", 6);
    if second <= first {
        fields.out_of_range("secondTarget", second, "above `firstTarget`");
    }
    let half = Decimal::from(50);
    Ok(NodeKind::TakeProfit(TargetSpec {
        targets: vec![(distance(first), half), (distance(second), half)],
    }))
}

pub(super) fn size(fields: &mut Fields<'_>, context: Context) -> Result<NodeKind, Refusal> {
    if fields.is_set("sizeType") {
        return Ok(NodeKind::Size(runtime_size(fields)));
    }
    const METHODS: &[(&str, u8)] = &[
        ("fixed_percent", 0),
        ("fixed_amount", 1),
        ("volatility_adjusted", 2),
        ("kelly_criterion", 3),
    ];
    let chosen = fields.choice("sizingMethod", METHODS).unwrap_or(0);
    let enabled = fields.flag("kellyEnabled");
    if chosen == 3 || enabled {
        let field = if chosen == 3 {
            "sizingMethod"
        } else {
            "kellyEnabled"
        };
        fields.unsupported(
            field,
            "the Kelly criterion is not supported: it needs to know how much a won trade wins",
            "choose fixed_percent, fixed_amount or volatility_adjusted",
        );
        return Err(Refusal::Reported);
    }
    if context.imported && !fields.is_set("sizingMethod") {
        let message = "`sizingMethod` is missing and takes the editor's fixed_percent";
        fields.notice("field_default", "sizingMethod", message);
    }
    let percent = fields.percent("riskPercent", 2);
    let most = fields.positive("maxPosition", 10_000);
    Ok(NodeKind::Size(match chosen {
        1 => SizeSpec::Cash(most),
        2 => SizeSpec::PercentAtRisk {
            percent,
            most: Some(most),
        },
        _ => SizeSpec::PercentOfEquity {
            percent,
            most: Some(most),
        },
    }))
}

fn runtime_size(fields: &mut Fields<'_>) -> SizeSpec {
    const TYPES: &[(&str, u8)] = &[("fixed", 0), ("percent_portfolio", 1), ("risk_based", 2)];
    match fields.choice("sizeType", TYPES).unwrap_or(0) {
        1 => SizeSpec::PercentOfEquity {
            percent: {
                fields.needed("sizeValue");
                fields.percent("sizeValue", 100)
            },
            most: None,
        },
        2 => SizeSpec::AmountAtRisk {
            amount: fields.needed("riskAmount"),
            stop_percent: fields.percent("stopLossPct", 2),
        },
        _ => SizeSpec::Units(fields.needed("sizeValue")),
    }
}

fn default_differs(fields: &mut Fields<'_>, name: &str, ours: u32, theirs: u32, context: Context) {
    if context.imported && !fields.is_set(name) {
        let message =
            format!("`{name}` is missing and takes the editor's {ours}; the runtime took {theirs}");
        fields.notice("field_default", name, message);
    }
}
