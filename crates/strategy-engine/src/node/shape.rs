//! The handles of each node type, with the names that the Python platform's editor and runtime use.

/// What travels along an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueType {
    Number,
    Boolean,
    Order,
}

impl ValueType {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Boolean => "a condition",
            Self::Order => "an order",
        }
    }
}

/// An input handle.
#[derive(Debug)]
pub(crate) struct Input {
    /// The editor's name first, then the others that mean the same.
    pub names: &'static [&'static str],
    /// None: the handle has no effect.
    pub value: Option<ValueType>,
    /// Whether several edges may enter.
    pub many: bool,
}

/// An output handle.
#[derive(Debug)]
pub(crate) struct Output {
    pub names: &'static [&'static str],
    pub value: ValueType,
}

/// The handles of a node type.
#[derive(Debug)]
pub(crate) struct Shape {
    pub type_name: &'static str,
    pub inputs: &'static [Input],
    pub outputs: &'static [Output],
}

const fn number_in(names: &'static [&'static str]) -> Input {
    Input {
        names,
        value: Some(ValueType::Number),
        many: false,
    }
}

const fn condition_in(names: &'static [&'static str], many: bool) -> Input {
    Input {
        names,
        value: Some(ValueType::Boolean),
        many,
    }
}

const fn out(names: &'static [&'static str], value: ValueType) -> Output {
    Output { names, value }
}

const PRICE_IN: &[Input] = &[number_in(&["price-in"])];
const RESULT_OUT: &[Output] = &[out(&["result-out"], ValueType::Boolean)];
const LOGIC_IN: &[Input] = &[
    condition_in(&["input-a", "input1-in"], true),
    condition_in(&["input-b", "input2-in"], true),
];
const TRIGGER_IN: &[Input] = &[condition_in(&["trigger-in"], false)];

const SHAPES: &[Shape] = &[
    Shape {
        type_name: "priceNode",
        inputs: &[],
        outputs: &[out(&["price-out"], ValueType::Number)],
    },
    Shape {
        type_name: "volumeNode",
        inputs: &[Input {
            names: &["data-in"],
            value: None,
            many: true,
        }],
        outputs: &[out(&["volume-out"], ValueType::Number)],
    },
    Shape {
        type_name: "constantNode",
        inputs: &[],
        outputs: &[out(&["value-out"], ValueType::Number)],
    },
    Shape {
        type_name: "smaNode",
        inputs: PRICE_IN,
        outputs: &[out(&["sma-out"], ValueType::Number)],
    },
    Shape {
        type_name: "emaNode",
        inputs: PRICE_IN,
        outputs: &[out(&["ema-out"], ValueType::Number)],
    },
    Shape {
        type_name: "rsiNode",
        inputs: PRICE_IN,
        outputs: &[out(&["rsi-out"], ValueType::Number)],
    },
    Shape {
        type_name: "compareNode",
        inputs: &[
            number_in(&["value1-in", "value-in"]),
            number_in(&["value2-in", "compare-in"]),
        ],
        outputs: RESULT_OUT,
    },
    Shape {
        type_name: "andNode",
        inputs: LOGIC_IN,
        outputs: RESULT_OUT,
    },
    Shape {
        type_name: "orNode",
        inputs: LOGIC_IN,
        outputs: RESULT_OUT,
    },
    Shape {
        type_name: "notNode",
        inputs: &[condition_in(&["input-in"], false)],
        outputs: RESULT_OUT,
    },
    Shape {
        type_name: "crossoverNode",
        inputs: &[number_in(&["fast-in"]), number_in(&["slow-in"])],
        outputs: &[out(&["cross-out"], ValueType::Boolean)],
    },
    Shape {
        type_name: "thresholdNode",
        inputs: &[number_in(&["value-in", "value1-in"])],
        outputs: &[
            out(&["overbought-out", "above-out"], ValueType::Boolean),
            out(&["oversold-out", "below-out"], ValueType::Boolean),
        ],
    },
    Shape {
        type_name: "buyNode",
        inputs: TRIGGER_IN,
        outputs: &[out(&["signal-out", "order-out"], ValueType::Order)],
    },
    Shape {
        type_name: "sellNode",
        inputs: TRIGGER_IN,
        outputs: &[out(&["signal-out", "order-out"], ValueType::Order)],
    },
    Shape {
        type_name: "labelNode",
        inputs: &[],
        outputs: &[out(&["label-out"], ValueType::Number)],
    },
];

/// Types that exist in users' files and are refused by name until they are built.
const UNSUPPORTED: &[&str] = &[
    "timeNode",
    "spreadNode",
    "macdNode",
    "bollingerBandsNode",
    "stochasticNode",
    "atrNode",
    "adxNode",
    "cciNode",
    "williamsRNode",
    "divergenceNode",
    "patternNode",
    "holdNode",
    "stopLossNode",
    "takeProfitNode",
    "positionSizeNode",
];

const OPAQUE: Shape = Shape {
    type_name: "",
    inputs: &[],
    outputs: &[],
};

/// The handles of a type; those of no type at all if it isn't supported.
pub(crate) fn shape_of(type_name: &str) -> Option<&'static Shape> {
    SHAPES.iter().find(|shape| shape.type_name == type_name)
}

/// The shape of a node that was reported as unknown or unsupported.
pub(crate) fn opaque() -> &'static Shape {
    &OPAQUE
}

/// Whether the type is one that users' files have but that can't be run yet.
pub(crate) fn unsupported(type_name: &str) -> bool {
    UNSUPPORTED.contains(&type_name)
}

/// Every type name that means something, for "did you mean".
pub(crate) fn known_names() -> impl Iterator<Item = &'static str> {
    SHAPES
        .iter()
        .map(|shape| shape.type_name)
        .chain(UNSUPPORTED.iter().copied())
}
