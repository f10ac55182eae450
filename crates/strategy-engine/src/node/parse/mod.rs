//! Reads a node's data, with the editor's defaults and a notice wherever a file may mean something
//! else than it did on the platform that it comes from.

mod action;
mod indicators;
mod terms;
mod time;

use super::kind::{Comparison, CrossType, Field, NodeKind, ThresholdSpec, VolumeType};
use crate::diagnostic::Diagnostic;
use crate::import::Fields;
use crate::plan::{Anchor, Arithmetic};

pub(crate) use action::ActionSpec;
pub use action::{Side, SizeType};
pub(crate) use terms::{SizeSpec, StopDistance, StopSpec, TargetSpec};

/// What the meaning of a node depends on besides its own data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context {
    /// The file comes from the Python platform: some action node doesn't state its `sizeType`.
    pub imported: bool,
    /// An edge leaves by a handle that only the platform's runtime knows (`above-out`).
    pub runtime_outputs: bool,
    /// An edge leads to an input that takes a number.
    pub feeds_number: bool,
}

/// Why a node can't be used, if its type exists; the report has it already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No type has this name.
    Unknown,
    /// Its data ask for what is refused.
    Reported,
}

/// Reads a node.
pub(crate) fn parse(
    type_name: &str,
    fields: &mut Fields<'_>,
    context: Context,
) -> Result<NodeKind, Refusal> {
    Ok(match type_name {
        "priceNode" => price(fields),
        "volumeNode" => volume(fields, context),
        "vwapNode" => vwap(fields),
        "constantNode" => NodeKind::Constant(fields.real("value").unwrap_or(0.0)),
        "spreadNode" => return spread(fields),
        "timeNode" => time::parse(fields, context),
        "positionNode" => NodeKind::Position,
        "mathNode" => math(fields),
        "absNode" => NodeKind::Abs,
        "ifNode" => NodeKind::If,
        "compareNode" => compare(fields, context),
        "andNode" => NodeKind::And,
        "orNode" => NodeKind::Or,
        "notNode" => NodeKind::Not,
        "crossoverNode" => crossover(fields, context),
        "thresholdNode" => threshold(fields, context),
        "holdNode" => time::hold(fields, context),
        "cooldownNode" => NodeKind::Cooldown(time::span(fields, "hours")),
        "buyNode" => NodeKind::Action(action::parse(Side::Buy, fields)),
        "sellNode" => NodeKind::Action(action::parse(Side::Sell, fields)),
        "stopLossNode" => return terms::stop(fields, context),
        "takeProfitNode" => return terms::target(fields, context),
        "positionSizeNode" => return terms::size(fields, context),
        "labelNode" => NodeKind::Label,
        _ => return indicators::parse(type_name, fields, context).map(NodeKind::Indicator),
    })
}

fn price(fields: &mut Fields<'_>) -> NodeKind {
    const PRICE_TYPES: &[(&str, Field)] = &[
        ("open", Field::Open),
        ("high", Field::High),
        ("low", Field::Low),
        ("close", Field::Close),
        ("volume", Field::Volume),
    ];
    if fields.is_set("symbol") {
        let message = "`symbol` has no effect: the session says which symbol is traded";
        fields.notice("field_ignored", "symbol", message);
    }
    let field = fields
        .choice("priceType", PRICE_TYPES)
        .unwrap_or(Field::Close);
    if field == Field::Volume {
        let message = "a price node of type `volume` is read as a volume node";
        fields.notice("import_old_form", "priceType", message);
    }
    NodeKind::Market(field)
}

fn volume(fields: &mut Fields<'_>, context: Context) -> NodeKind {
    const VOLUME_TYPES: &[(&str, VolumeType)] = &[
        ("raw", VolumeType::Raw),
        ("sma", VolumeType::Sma),
        ("ratio", VolumeType::Ratio),
        ("weighted", VolumeType::Weighted),
    ];
    let volume_type = fields
        .choice("volumeType", VOLUME_TYPES)
        .unwrap_or(VolumeType::Raw);
    let period = fields.period("period", 20);
    if context.imported && volume_type != VolumeType::Raw {
        let message = "the platform's runtime ignores `volumeType` and gives the raw volume";
        fields.notice("import_differs", "volumeType", message);
    }
    NodeKind::Volume {
        volume_type,
        period,
    }
}

fn vwap(fields: &mut Fields<'_>) -> NodeKind {
    const ANCHORS: &[(&str, Option<Anchor>)] = &[
        ("day", Some(Anchor::Day)),
        ("week", Some(Anchor::Week)),
        ("rolling", None),
    ];
    let anchor = fields
        .choice("anchor", ANCHORS)
        .unwrap_or(Some(Anchor::Day));
    let period = fields.period("period", 20);
    match anchor {
        Some(anchor) => NodeKind::AnchoredVwap(anchor),
        None => NodeKind::Volume {
            volume_type: VolumeType::Weighted,
            period,
        },
    }
}

/// Two symbols are the editor's form; its runtime knows bid and ask only.
fn spread(fields: &mut Fields<'_>) -> Result<NodeKind, Refusal> {
    const TYPES: &[(&str, Option<bool>)] = &[
        ("difference", Some(false)),
        ("ratio", Some(true)),
        ("correlation", None),
    ];
    let chosen = fields.choice("spreadType", TYPES).unwrap_or(Some(false));
    let second = ["asset1", "asset2"]
        .into_iter()
        .find(|name| fields.is_set(name));
    let refused = match (second, chosen) {
        (Some(name), _) => name,
        (None, None) => "spreadType",
        (None, Some(ratio)) => return Ok(NodeKind::Spread { ratio }),
    };
    fields.unsupported(
        refused,
        "a spread between two symbols is not supported: a session has one symbol",
        "remove the node; with no assets set it gives the spread between bid and ask",
    );
    Err(Refusal::Reported)
}

fn math(fields: &mut Fields<'_>) -> NodeKind {
    const OPERATIONS: &[(&str, Arithmetic)] = &[
        ("add", Arithmetic::Add),
        ("subtract", Arithmetic::Subtract),
        ("multiply", Arithmetic::Multiply),
        ("divide", Arithmetic::Divide),
        ("min", Arithmetic::Min),
        ("max", Arithmetic::Max),
    ];
    let operation = fields.choice("operation", OPERATIONS);
    NodeKind::Math(operation.unwrap_or(Arithmetic::Add))
}

fn compare(fields: &mut Fields<'_>, context: Context) -> NodeKind {
    const OPERATORS: &[(&str, Comparison)] = &[
        ("greater_than", Comparison::GreaterThan),
        ("less_than", Comparison::LessThan),
        ("greater_equal", Comparison::GreaterEqual),
        ("less_equal", Comparison::LessEqual),
        ("equal", Comparison::Equal),
        ("not_equal", Comparison::NotEqual),
        (">", Comparison::GreaterThan),
        ("<", Comparison::LessThan),
        (">=", Comparison::GreaterEqual),
        ("<=", Comparison::LessEqual),
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
    ];
    let comparison = fields
        .choice("operator", OPERATORS)
        .unwrap_or(Comparison::GreaterThan);
    if context.imported && matches!(comparison, Comparison::Equal | Comparison::NotEqual) {
        let message = "equal means exactly equal; on the platform it means within 1e-8";
        fields.notice("import_differs", "operator", message);
    }
    NodeKind::Compare {
        comparison,
        operand: fields.real("value"),
    }
}

fn crossover(fields: &mut Fields<'_>, context: Context) -> NodeKind {
    const CROSS_TYPES: &[(&str, CrossType)] = &[
        ("above", CrossType::Above),
        ("below", CrossType::Below),
        ("any", CrossType::Any),
    ];
    let cross_type = fields
        .choice("crossType", CROSS_TYPES)
        .unwrap_or(CrossType::Above);
    if context.imported && cross_type == CrossType::Any {
        let message = "`any` means either direction; the platform's runtime takes it for `below`";
        fields.notice("import_differs", "crossType", message);
    }
    NodeKind::Crossover(cross_type)
}

fn threshold(fields: &mut Fields<'_>, context: Context) -> NodeKind {
    let editor_fields = fields.is_set("upperThreshold") || fields.is_set("lowerThreshold");
    let runtime_field = fields.is_set("threshold");
    if !editor_fields && (runtime_field || context.runtime_outputs) {
        return runtime_threshold(fields);
    }
    if runtime_field {
        let message = "`threshold` has no effect beside `upperThreshold` and `lowerThreshold`";
        fields.notice("field_ignored", "threshold", message);
    } else if context.imported && !editor_fields {
        let message = "missing thresholds take the editor's 70 and 30; the runtime took 50";
        fields.notice("field_default", "upperThreshold", message);
    }
    let upper = fields.real("upperThreshold").unwrap_or(70.0);
    let lower = fields.real("lowerThreshold").unwrap_or(30.0);
    let hysteresis = hysteresis(fields, 5.0);
    if lower > upper {
        let problem = Diagnostic::warning(
            "field_suspicious",
            format!("`lowerThreshold` {lower} is above `upperThreshold` {upper}"),
        );
        let problem = problem.node(fields.id).field("lowerThreshold");
        fields.report.push(problem.hint("are the two exchanged?"));
    }
    NodeKind::Threshold(ThresholdSpec {
        upper,
        lower,
        hysteresis,
    })
}

/// The runtime's form: one level for both outputs, and no hysteresis unless it is asked for.
fn runtime_threshold(fields: &mut Fields<'_>) -> NodeKind {
    let level = fields.real("threshold").unwrap_or(50.0);
    let hysteresis = hysteresis(fields, 0.0);
    NodeKind::Threshold(ThresholdSpec {
        upper: level,
        lower: level,
        hysteresis,
    })
}

fn hysteresis(fields: &mut Fields<'_>, default: f64) -> f64 {
    let hysteresis = fields.real("hysteresis").unwrap_or(default);
    if hysteresis < 0.0 {
        fields.out_of_range("hysteresis", hysteresis, "0 or more");
        return default;
    }
    hysteresis
}
