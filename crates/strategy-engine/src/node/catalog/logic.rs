use crate::node::shape::{
    Input, NodeType, Output, ValueType, condition_in, condition_out, conditions_in, field,
    number_in, number_out, optional_in,
};

const RESULT_OUT: &[Output] = &[condition_out(&["result-out"])];
const LOGIC_IN: &[Input] = &[
    conditions_in(&["input-a", "input1-in"]),
    conditions_in(&["input-b", "input2-in"]),
];

pub(super) const TYPES: &[NodeType] = &[
    NodeType {
        name: "mathNode",
        inputs: &[number_in(&["a-in"]), number_in(&["b-in"])],
        outputs: &[number_out(&["value-out"])],
        fields: &[field(
            "operation",
            "add",
            "add, subtract, multiply, divide, min, max",
        )],
        meaning: "a + b, a - b, a · b, a / b, the smaller, the larger. No value where b is 0 in a \
                  division, or the result is 1e20 or more.",
    },
    NodeType {
        name: "absNode",
        inputs: &[number_in(&["value-in"])],
        outputs: &[number_out(&["value-out"])],
        fields: &[],
        meaning: "The number without its sign.",
    },
    NodeType {
        name: "ifNode",
        inputs: &[
            condition_in(&["condition-in"]),
            number_in(&["then-in"]),
            number_in(&["else-in"]),
        ],
        outputs: &[number_out(&["value-out"])],
        fields: &[],
        meaning: "One number where the condition holds, the other where it doesn't; no value if the \
                  condition or the chosen number has none.",
    },
    NodeType {
        name: "compareNode",
        inputs: &[
            number_in(&["value1-in", "value-in"]),
            number_in(&["value2-in", "compare-in"]),
        ],
        outputs: RESULT_OUT,
        fields: &[
            field(
                "operator",
                "greater_than",
                "greater_than, less_than, greater_equal, less_equal, equal, not_equal, or >, <, \
                 >=, <=, ==, !=",
            ),
            field("value", "", "magnitude below 1e20"),
        ],
        meaning: "Exact. Where nothing enters the second input, `value` is compared with (and 0 if \
                  the first enters by `value-in`).",
    },
    NodeType {
        name: "andNode",
        inputs: LOGIC_IN,
        outputs: RESULT_OUT,
        fields: &[],
        meaning: "Whether every edge into either handle is true; no value if any has none.",
    },
    NodeType {
        name: "orNode",
        inputs: LOGIC_IN,
        outputs: RESULT_OUT,
        fields: &[],
        meaning: "Whether any edge into either handle is true; no value if any has none.",
    },
    NodeType {
        name: "notNode",
        inputs: &[condition_in(&["input-in"])],
        outputs: RESULT_OUT,
        fields: &[],
        meaning: "True if the input is false; no value if it has none.",
    },
    NodeType {
        name: "crossoverNode",
        inputs: &[number_in(&["fast-in"]), number_in(&["slow-in"])],
        outputs: &[condition_out(&["cross-out"])],
        fields: &[field("crossType", "above", "above, below, any")],
        meaning: "Above: fast <= slow at the previous evaluation and fast > slow now; below: >= and \
                  then <; no value unless both had values at both evaluations.",
    },
    NodeType {
        name: "thresholdNode",
        inputs: &[number_in(&["value-in", "value1-in"])],
        outputs: &[
            condition_out(&["overbought-out", "above-out"]),
            condition_out(&["oversold-out", "below-out"]),
        ],
        fields: &[
            field("upperThreshold", "70", "magnitude below 1e20"),
            field("lowerThreshold", "30", "magnitude below 1e20"),
            field("hysteresis", "5", "0 or more"),
        ],
        meaning: "Turns on above the upper, off at or below upper - hysteresis; turns on below the \
                  lower, off at or above lower + hysteresis. The runtime's form has one level for \
                  both, `threshold` (50), and `hysteresis` 0; it is taken if `threshold` is set or an \
                  edge leaves by `above-out` or `below-out`, and neither `upperThreshold` nor \
                  `lowerThreshold` is set.",
    },
    NodeType {
        name: "holdNode",
        inputs: &[
            condition_in(&["trigger-in"]),
            optional_in(&["condition-in"], ValueType::Condition),
        ],
        outputs: &[condition_out(&["hold-out"])],
        fields: &[
            field("holdType", "indefinite", "indefinite, duration, condition"),
            field("duration", "1", "above 0, at most ten years"),
            field("unit", "days", "seconds, minutes, hours, days, weeks, bars"),
        ],
        meaning: "True from the evaluation at which the trigger becomes true: for good, until \
                  `duration` is over, or until `condition-in` holds, which ends the other two as \
                  well if it is connected. While it is true, another trigger changes nothing; where \
                  the condition holds, none begins. Time is the evaluations' (see `timeNode`); `bars` \
                  are evaluations.",
    },
    NodeType {
        name: "cooldownNode",
        inputs: &[condition_in(&["trigger-in"])],
        outputs: &[condition_out(&["cooldown-out"])],
        fields: &[
            field("duration", "1", "above 0, at most ten years"),
            field(
                "unit",
                "hours",
                "seconds, minutes, hours, days, weeks, bars",
            ),
        ],
        meaning: "True for the one evaluation at which the trigger becomes true, unless less than \
                  `duration` has passed since it last was.",
    },
    NodeType {
        name: "labelNode",
        inputs: &[],
        outputs: &[number_out(&["label-out"])],
        fields: &[],
        meaning: "A comment; whoever reads its handle reads 1, as on the platform it comes from.",
    },
];
