use crate::node::Field;
use crate::node::shape::{
    NodeType, condition_out, field, ignored_in, market_in, number_out, period,
};

pub(super) const TYPES: &[NodeType] = &[
    NodeType {
        name: "priceNode",
        inputs: &[],
        outputs: &[number_out(&["price-out"])],
        fields: &[field(
            "priceType",
            "close",
            "open, high, low, close, volume",
        )],
        meaning: "The bar's price; on ticks all four are the trade's price. `volume` is read as a \
                  raw volume. `symbol` has no effect.",
    },
    NodeType {
        name: "volumeNode",
        inputs: &[ignored_in(&["data-in"])],
        outputs: &[number_out(&["volume-out"])],
        fields: &[
            field("volumeType", "raw", "raw, sma, ratio, weighted"),
            period("20"),
        ],
        meaning: "The volume; its SMA; volume / SMA (no value if that is 0); Σ price · volume / Σ \
                  volume over the period (no value if that is 0), where price is (high + low + \
                  close) / 3.",
    },
    NodeType {
        name: "vwapNode",
        inputs: &[],
        outputs: &[number_out(&["vwap-out"])],
        fields: &[field("anchor", "day", "day, week, rolling"), period("20")],
        meaning: "Average price weighted by volume, Σ price · volume / Σ volume with price = \
                  (high + low + close) / 3, since midnight, or since Monday's midnight (UTC), or \
                  over the last `period` evaluations.",
    },
    NodeType {
        name: "constantNode",
        inputs: &[],
        outputs: &[number_out(&["value-out"])],
        fields: &[field("value", "0", "magnitude below 1e20")],
        meaning: "The number.",
    },
    NodeType {
        name: "spreadNode",
        inputs: &[
            market_in(&["bid-in"], Field::Bid),
            market_in(&["ask-in"], Field::Ask),
        ],
        outputs: &[number_out(&["spread-out"])],
        fields: &[field("spreadType", "difference", "difference, ratio")],
        meaning: "ask - bid, or ask / bid. Unconnected, they are the best bid and ask after the \
                  last trade, and no value where the feed doesn't tell them. Two symbols (`asset1`, \
                  `asset2`, `correlation`) are refused: a session has one symbol.",
    },
    NodeType {
        name: "timeNode",
        inputs: &[],
        outputs: &[number_out(&["time-out"])],
        fields: &[
            field("timeType", "hour", "hour, minute, day_of_week, timestamp"),
            field("timezone", "UTC", "UTC, GMT, EST, PST, or an IANA name"),
        ],
        meaning: "The runtime's form, taken if `timeType` is set: a figure of the evaluation's time. \
                  Days count from Monday = 0; the timestamp is in seconds since 1970. The time is \
                  the trade's on ticks and the bar's begin on bars. EST and PST are UTC-5 and UTC-8 \
                  all year.",
    },
    NodeType {
        name: "timeNode (window)",
        inputs: &[],
        outputs: &[condition_out(&["time-out"])],
        fields: &[
            field("startTime", "09:30", "00:00 to 23:59"),
            field("endTime", "16:00", "00:01 to 24:00"),
            field("timezone", "EST", "UTC, GMT, EST, PST, or an IANA name"),
            field("weekdays", "all", "all, or names such as mon,tue,fri"),
        ],
        meaning: "The editor's form, taken if `timeType` is not set: whether the evaluation's time \
                  is from `startTime` up to, but not at, `endTime`. A window that ends at or before \
                  its start ends on the next day; `weekdays` are those on which it starts. \
                  `timeFrame` has no effect.",
    },
    NodeType {
        name: "positionNode",
        inputs: &[],
        outputs: &[
            number_out(&["units-out"]),
            number_out(&["entry-price-out"]),
            number_out(&["unrealized-out"]),
            number_out(&["unrealized-percent-out"]),
            number_out(&["realized-out"]),
            number_out(&["bars-out"]),
            number_out(&["seconds-out"]),
        ],
        fields: &[],
        meaning: "What the session holds, as the exchange's account has it; see *Position*. Units; \
                  what one was bought for on average, fees excluded, to 8 decimals; unrealised PnL \
                  in the quote currency, and in percent of what the position was bought for; \
                  realised PnL of the session, all fees included; evaluations since the first one \
                  at which this position was held, which is 0; seconds since the fill that opened \
                  it. Where nothing is held, the entry price has no value and the others are 0, but \
                  for what is realised.",
    },
];
