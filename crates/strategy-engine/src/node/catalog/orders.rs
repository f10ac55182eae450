use crate::node::shape::{
    DataField, Input, NodeType, Output, Unwired, ValueType, field, ignored_in, optional_in, out,
};

/// Takes a condition, and besides it sizes and exits.
const TRIGGER_IN: &[Input] = &[Input {
    names: &["trigger-in"],
    value: Some(ValueType::Condition),
    many: true,
    unwired: Unwired::Required,
}];
const SIGNAL_OUT: &[Output] = &[out(&["signal-out", "order-out"], ValueType::Order)];

const ORDER_TYPE: DataField = field(
    "orderType",
    "market",
    "market, limit, stop, stop-limit; of a sale also trailing-stop",
);
const REPEAT: DataField = field("repeat", "false", "true, false");

/// A condition or an order.
const BELONGS_TO: Input = Input {
    names: &["trigger-in", "signal-in"],
    value: Some(ValueType::Condition),
    many: false,
    unwired: Unwired::Required,
};

pub(super) const TYPES: &[NodeType] = &[
    NodeType {
        name: "buyNode",
        inputs: TRIGGER_IN,
        outputs: SIGNAL_OUT,
        fields: &[
            field(
                "sizeType",
                "",
                "units, cash_amount, percent_of_cash, percent_of_position",
            ),
            field("quantity", "100", "above 0; percentages at most 100"),
            ORDER_TYPE,
            REPEAT,
        ],
        meaning: "Buys when the trigger becomes true; see *Orders*.",
    },
    NodeType {
        name: "sellNode",
        inputs: TRIGGER_IN,
        outputs: SIGNAL_OUT,
        fields: &[
            field("sizeType", "", "units, cash_amount, percent_of_position"),
            field("quantity", "100", "above 0; percentages at most 100"),
            ORDER_TYPE,
            REPEAT,
        ],
        meaning: "Sells when the trigger becomes true; see *Orders*.",
    },
    NodeType {
        name: "stopLossNode",
        inputs: &[
            BELONGS_TO,
            optional_in(&["atr-in"], ValueType::Number),
            ignored_in(&["price-in"]),
        ],
        outputs: &[out(&["stop-triggered"], ValueType::Exit)],
        fields: &[
            field(
                "stopType",
                "fixed_percent",
                "fixed_percent, fixed_amount, atr_multiple, trailing_percent",
            ),
            field("stopValue", "2", "above 0; percentages at most 100"),
            field("trailingEnabled", "false", "true, false"),
            field("trailingDistance", "1", "above 0, at most 100 (percent)"),
        ],
        meaning: "Closes the position that its buy opened at this distance below the fill's price: a \
                  percentage, an amount, or `stopValue` times what enters by `atr-in` when the order \
                  is placed. A trailing one follows the best price since the fill, \
                  `trailingDistance` percent below it (`stopValue` percent for trailing_percent). \
                  `support_resistance` is refused.",
    },
    NodeType {
        name: "takeProfitNode",
        inputs: &[BELONGS_TO, ignored_in(&["price-in"])],
        outputs: &[out(&["profit-triggered"], ValueType::Exit)],
        fields: &[
            field(
                "profitType",
                "fixed_percent",
                "fixed_percent, fixed_amount, rr_ratio",
            ),
            field("profitValue", "5", "above 0"),
            field("partialProfits", "false", "true, false"),
            field("firstTarget", "3", "above 0"),
            field("secondTarget", "6", "above `firstTarget`"),
        ],
        meaning: "Closes the position that its buy opened at this distance above the fill's price: a \
                  percentage, an amount, or `profitValue` times the distance of the buy's stop. With \
                  `partialProfits`, half of it at `firstTarget` and the other half at \
                  `secondTarget`, both in what `profitType` counts. `resistance_level` is refused.",
    },
    NodeType {
        name: "positionSizeNode",
        inputs: &[
            Input {
                names: &["signal-in", "trigger-in"],
                ..BELONGS_TO
            },
            optional_in(&["volatility-in"], ValueType::Number),
            ignored_in(&["portfolio-value-in"]),
            ignored_in(&["win-rate-in"]),
            ignored_in(&["price-in"]),
        ],
        outputs: &[out(&["position-size-out", "size-out"], ValueType::Size)],
        fields: &[
            field(
                "sizingMethod",
                "fixed_percent",
                "fixed_percent, fixed_amount, volatility_adjusted",
            ),
            field("riskPercent", "2", "above 0, at most 100"),
            field("maxPosition", "10000", "above 0"),
        ],
        meaning: "Sizes the order of the action that it leads to, or else of those that share its \
                  trigger. fixed_percent: `riskPercent` percent of the equity; fixed_amount: \
                  `maxPosition` of cash; volatility_adjusted: as many units as lose `riskPercent` \
                  percent of the equity if the price falls by what enters by `volatility-in`. Never \
                  more than `maxPosition` of cash. `kelly_criterion` (and `kellyEnabled`) is refused: \
                  it needs to know how much a won trade wins. The runtime's form, taken if `sizeType` \
                  is set: fixed, `sizeValue` units; percent_portfolio, `sizeValue` percent of the \
                  equity; risk_based, as many units as lose `riskAmount` if the price falls by \
                  `stopLossPct` percent.",
    },
];
