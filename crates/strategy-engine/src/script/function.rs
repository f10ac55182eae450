//! The functions of the script, each with the node that it stands for.

use serde::Serialize;

use crate::node::{Field, NodeType, find, time_window};

/// What an argument takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Takes {
    /// A number at each evaluation, into this handle.
    Series(&'static str),
    /// As above, and the market's own figure where it is left out; by name only.
    Market(&'static str),
    /// A condition, into this handle.
    Condition(&'static str),
    /// As above; may be left out. By name only.
    MaybeCondition(&'static str),
    /// A number that is known when the script is compiled, for this field of the data.
    Number(&'static str),
    /// A text for this field of the data.
    Text(&'static str),
    /// How long something lasts, in this unit; by name only.
    Span(&'static str),
}

/// An argument of a [`Function`].
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Argument {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
}

impl Argument {
    /// Whether it may stand without its name.
    pub(super) fn is_positional(self) -> bool {
        !matches!(
            self.takes,
            Takes::Market(_) | Takes::MaybeCondition(_) | Takes::Span(_)
        )
    }
}

/// A function that becomes a node.
#[derive(Debug, Serialize)]
pub struct Function {
    /// What it is called.
    pub name: &'static str,
    /// The type of the node; `timeNode (window)` for the second form of that type.
    pub node: &'static str,
    /// Fields of the node's data that make it this function.
    pub fixed: &'static [(&'static str, &'static str)],
    /// Its arguments, in order.
    pub arguments: &'static [Argument],
    /// Its results: what each is called after a dot, and its handle. One only: the function's own.
    pub results: &'static [(&'static str, &'static str)],
    /// Whether the function's name alone means the first of several results.
    pub has_main_result: bool,
}

impl Function {
    /// The type of its node.
    pub fn node_type(&self) -> Option<&'static NodeType> {
        match self.node.ends_with(')') {
            true => Some(time_window()),
            false => find(self.node),
        }
    }

    /// What the argument is where it is left out, as text; none if it has to be there.
    pub fn default_of(&self, argument: Argument) -> Option<&'static str> {
        let field = match argument.takes {
            Takes::Number(field) | Takes::Text(field) => field,
            Takes::Market(_) => {
                return Some(match argument.name {
                    "price" => "close",
                    name => name,
                });
            }
            Takes::MaybeCondition(_) | Takes::Span(_) => return Some(""),
            Takes::Series(_) | Takes::Condition(_) => return None,
        };
        let fields = self.node_type()?.fields;
        let found = fields.iter().find(|known| known.name == field);
        found
            .map(|known| known.default)
            .filter(|text| !text.is_empty())
    }
}

/// A series that the market gives, by the name that it has in a script.
pub(super) const MARKET: &[(&str, Field, &str, &str)] = &[
    ("open", Field::Open, "priceNode", "price-out"),
    ("high", Field::High, "priceNode", "price-out"),
    ("low", Field::Low, "priceNode", "price-out"),
    ("close", Field::Close, "priceNode", "price-out"),
    ("volume", Field::Volume, "volumeNode", "volume-out"),
];

const fn argument(name: &'static str, takes: Takes) -> Argument {
    Argument { name, takes }
}

const fn number(name: &'static str, field: &'static str) -> Argument {
    argument(name, Takes::Number(field))
}

const PRICE: Argument = argument("x", Takes::Series("price-in"));
const VALUE: Argument = argument("x", Takes::Series("value-in"));
const PERIOD: Argument = number("period", "period");
const HIGH: Argument = argument("high", Takes::Market("high-in"));
const LOW: Argument = argument("low", Takes::Market("low-in"));
const CLOSE: Argument = argument("close", Takes::Market("close-in"));
const ZONE: Argument = argument("timezone", Takes::Text("timezone"));
const SECONDS: Argument = argument("seconds", Takes::Span("seconds"));
const MINUTES: Argument = argument("minutes", Takes::Span("minutes"));
const HOURS: Argument = argument("hours", Takes::Span("hours"));
const DAYS: Argument = argument("days", Takes::Span("days"));
const WEEKS: Argument = argument("weeks", Takes::Span("weeks"));
const BARS: Argument = argument("bars", Takes::Span("bars"));
const TRIGGER: Argument = argument("condition", Takes::Condition("trigger-in"));
const FAST: Argument = argument("a", Takes::Series("fast-in"));
const SLOW: Argument = argument("b", Takes::Series("slow-in"));

const fn simple(
    name: &'static str,
    node: &'static str,
    arguments: &'static [Argument],
    results: &'static [(&'static str, &'static str)],
) -> Function {
    Function {
        name,
        node,
        fixed: &[],
        arguments,
        results,
        has_main_result: false,
    }
}

const fn fixed(fixed: &'static [(&'static str, &'static str)], function: Function) -> Function {
    Function { fixed, ..function }
}

/// With a main result beside others.
const fn with_main(function: Function) -> Function {
    Function {
        has_main_result: true,
        ..function
    }
}

const CROSS: &[(&str, &str)] = &[("", "cross-out")];
const VOLUME: &[(&str, &str)] = &[("", "volume-out")];
const VWAP: &[(&str, &str)] = &[("", "vwap-out")];
const TIME: &[(&str, &str)] = &[("", "time-out")];
const SPREAD: &[(&str, &str)] = &[("", "spread-out")];
const BID_ASK: &[Argument] = &[
    argument("bid", Takes::Market("bid-in")),
    argument("ask", Takes::Market("ask-in")),
];
const BANDS: &[(&str, &str)] = &[
    ("upper", "upper-out"),
    ("middle", "middle-out"),
    ("lower", "lower-out"),
];

/// Every function that becomes a node.
pub fn functions() -> &'static [Function] {
    FUNCTIONS
}

static FUNCTIONS: &[Function] = &[
    simple("sma", "smaNode", &[PRICE, PERIOD], &[("", "sma-out")]),
    simple("ema", "emaNode", &[PRICE, PERIOD], &[("", "ema-out")]),
    simple("wma", "wmaNode", &[PRICE, PERIOD], &[("", "wma-out")]),
    simple("dema", "demaNode", &[PRICE, PERIOD], &[("", "dema-out")]),
    simple("hull", "hullNode", &[PRICE, PERIOD], &[("", "hull-out")]),
    simple("rsi", "rsiNode", &[PRICE, PERIOD], &[("", "rsi-out")]),
    simple(
        "macd",
        "macdNode",
        &[
            PRICE,
            number("fast", "fastPeriod"),
            number("slow", "slowPeriod"),
            number("signal", "signalPeriod"),
        ],
        &[
            ("line", "macd-out"),
            ("signal", "signal-out"),
            ("histogram", "histogram-out"),
        ],
    ),
    simple(
        "bollinger",
        "bollingerBandsNode",
        &[PRICE, PERIOD, number("deviation", "deviation")],
        BANDS,
    ),
    simple(
        "keltner",
        "keltnerNode",
        &[
            PERIOD,
            number("atr_period", "atrPeriod"),
            number("multiplier", "multiplier"),
            HIGH,
            LOW,
            CLOSE,
        ],
        BANDS,
    ),
    simple("donchian", "donchianNode", &[PERIOD, HIGH, LOW], BANDS),
    simple(
        "ichimoku",
        "ichimokuNode",
        &[
            number("tenkan", "tenkanPeriod"),
            number("kijun", "kijunPeriod"),
            number("span", "spanPeriod"),
            number("displacement", "displacement"),
            HIGH,
            LOW,
        ],
        &[
            ("tenkan", "tenkan-out"),
            ("kijun", "kijun-out"),
            ("span_a", "span-a-out"),
            ("span_b", "span-b-out"),
        ],
    ),
    simple(
        "stochastic",
        "stochasticNode",
        &[
            number("k", "kPeriod"),
            number("smooth", "smooth"),
            number("d", "dPeriod"),
            HIGH,
            LOW,
            CLOSE,
        ],
        &[("k", "k-out"), ("d", "d-out")],
    ),
    simple(
        "williams_r",
        "williamsRNode",
        &[PERIOD, HIGH, LOW, CLOSE],
        &[("", "williams-out")],
    ),
    simple(
        "cci",
        "cciNode",
        &[PERIOD, HIGH, LOW, CLOSE],
        &[("", "cci-out")],
    ),
    simple(
        "atr",
        "atrNode",
        &[PERIOD, HIGH, LOW, CLOSE],
        &[("", "atr-out")],
    ),
    with_main(simple(
        "adx",
        "adxNode",
        &[PERIOD, HIGH, LOW, CLOSE],
        &[
            ("adx", "adx-out"),
            ("plus", "di-plus-out"),
            ("minus", "di-minus-out"),
        ],
    )),
    simple(
        "sar",
        "sarNode",
        &[
            number("acceleration", "acceleration"),
            number("maximum", "maximum"),
            HIGH,
            LOW,
        ],
        &[("", "sar-out")],
    ),
    with_main(simple(
        "supertrend",
        "supertrendNode",
        &[PERIOD, number("multiplier", "multiplier"), HIGH, LOW, CLOSE],
        &[
            ("line", "supertrend-out"),
            ("rising", "rising-out"),
            ("falling", "falling-out"),
        ],
    )),
    simple(
        "obv",
        "obvNode",
        &[
            argument("price", Takes::Market("price-in")),
            argument("volume", Takes::Market("volume-in")),
        ],
        &[("", "obv-out")],
    ),
    simple("roc", "rocNode", &[VALUE, PERIOD], &[("", "roc-out")]),
    simple(
        "momentum",
        "momentumNode",
        &[VALUE, PERIOD],
        &[("", "momentum-out")],
    ),
    simple(
        "stddev",
        "stddevNode",
        &[VALUE, PERIOD],
        &[("", "stddev-out")],
    ),
    simple(
        "zscore",
        "zscoreNode",
        &[VALUE, PERIOD],
        &[("", "zscore-out")],
    ),
    simple(
        "highest",
        "highestNode",
        &[VALUE, PERIOD],
        &[("", "highest-out")],
    ),
    simple(
        "lowest",
        "lowestNode",
        &[VALUE, PERIOD],
        &[("", "lowest-out")],
    ),
    simple("lag", "lagNode", &[VALUE, PERIOD], &[("", "lag-out")]),
    simple(
        "divergence",
        "divergenceNode",
        &[
            PRICE,
            argument("indicator", Takes::Series("indicator-in")),
            number("lookback", "lookbackPeriod"),
            argument("kind", Takes::Text("divergenceType")),
            number("sensitivity", "sensitivity"),
        ],
        &[
            ("bullish", "bullish-div-out"),
            ("bearish", "bearish-div-out"),
            ("any", "divergence-out"),
        ],
    ),
    simple(
        "pattern",
        "patternNode",
        &[
            PRICE,
            argument("kind", Takes::Text("patternType")),
            number("confidence", "confidence"),
            number("lookback", "lookbackBars"),
        ],
        &[("", "pattern-out")],
    ),
    fixed(
        &[("volumeType", "sma")],
        simple("volume_sma", "volumeNode", &[PERIOD], VOLUME),
    ),
    fixed(
        &[("volumeType", "ratio")],
        simple("volume_ratio", "volumeNode", &[PERIOD], VOLUME),
    ),
    simple(
        "vwap",
        "vwapNode",
        &[argument("anchor", Takes::Text("anchor"))],
        VWAP,
    ),
    fixed(
        &[("anchor", "rolling")],
        simple("rolling_vwap", "vwapNode", &[PERIOD], VWAP),
    ),
    simple("spread", "spreadNode", BID_ASK, SPREAD),
    fixed(
        &[("spreadType", "ratio")],
        simple("spread_ratio", "spreadNode", BID_ASK, SPREAD),
    ),
    fixed(
        &[("timeType", "hour")],
        simple("hour", "timeNode", &[ZONE], TIME),
    ),
    fixed(
        &[("timeType", "minute")],
        simple("minute", "timeNode", &[ZONE], TIME),
    ),
    fixed(
        &[("timeType", "day_of_week")],
        simple("day_of_week", "timeNode", &[ZONE], TIME),
    ),
    fixed(
        &[("timeType", "timestamp")],
        simple("timestamp", "timeNode", &[ZONE], TIME),
    ),
    simple(
        "time_between",
        "timeNode (window)",
        &[
            argument("start", Takes::Text("startTime")),
            argument("end", Takes::Text("endTime")),
            ZONE,
            argument("weekdays", Takes::Text("weekdays")),
        ],
        TIME,
    ),
    with_main(simple(
        "position",
        "positionNode",
        &[],
        &[
            ("units", "units-out"),
            ("entry_price", "entry-price-out"),
            ("unrealized", "unrealized-out"),
            ("unrealized_percent", "unrealized-percent-out"),
            ("realized", "realized-out"),
            ("bars", "bars-out"),
            ("seconds", "seconds-out"),
        ],
    )),
    simple("abs", "absNode", &[VALUE], &[("", "value-out")]),
    fixed(
        &[("crossType", "above")],
        simple("crosses_above", "crossoverNode", &[FAST, SLOW], CROSS),
    ),
    fixed(
        &[("crossType", "below")],
        simple("crosses_below", "crossoverNode", &[FAST, SLOW], CROSS),
    ),
    fixed(
        &[("crossType", "any")],
        simple("crosses", "crossoverNode", &[FAST, SLOW], CROSS),
    ),
    simple(
        "hold",
        "holdNode",
        &[
            TRIGGER,
            argument("until", Takes::MaybeCondition("condition-in")),
            SECONDS,
            MINUTES,
            HOURS,
            DAYS,
            WEEKS,
            BARS,
        ],
        &[("", "hold-out")],
    ),
    simple(
        "cooldown",
        "cooldownNode",
        &[TRIGGER, SECONDS, MINUTES, HOURS, DAYS, WEEKS, BARS],
        &[("", "cooldown-out")],
    ),
];

/// Functions with a meaning of their own, each with its signature.
pub const SPECIAL: &[(&str, &str, &str)] = &[
    ("min", "min(a, b, ...)", "The smallest of its arguments."),
    ("max", "max(a, b, ...)", "The largest of its arguments."),
    (
        "above",
        "above(x, level, hysteresis=0)",
        "On above the level, and off again at or below level - hysteresis: `thresholdNode`.",
    ),
    (
        "below",
        "below(x, level, hysteresis=0)",
        "On below the level, and off again at or above level + hysteresis: `thresholdNode`.",
    ),
    (
        "param",
        "param(name, default, min=, max=, choices=)",
        "A number, a switch (`True`, `False`) or a text that can be set from outside, as a backtest \
         does.",
    ),
    (
        "strategy",
        "strategy(name, timeframe=, on_gap=\"carry_on\", warm_up=\"live\")",
        "What the strategy is called and which timeframe it is meant for (`tick`, `1s` to `1d`, \
         `ticks:100`, `volume:2.5`, `range:25`); at most once. `on_gap` is what it does where trades \
         of the market are missing: `carry_on`, `reset` (it warms up again) or `pause` (the session \
         is paused). With `warm_up=\"candles\"` a session on bars of time begins with indicators that \
         know the market's candles before it.",
    ),
    (
        "buy",
        "buy(size=, limit=, stop=, repeat=False, id=)",
        "Buys when the condition of its block becomes true, or with `repeat` at each evaluation at \
         which it is true. `limit` and `stop` are prices.",
    ),
    (
        "sell",
        "sell(size=, limit=, stop=, trailing=, repeat=False, id=)",
        "Sells; `trailing` is a percentage.",
    ),
    (
        "stop_loss",
        "stop_loss(percent=, amount=, multiple=, of=, trailing=)",
        "Closes the position of the `buy` before it in the block at a loss: so many percent or so \
         much money below the fill, or a multiple of a series. `trailing`: follows the best price \
         at so many percent.",
    ),
    (
        "take_profit",
        "take_profit(percent=, amount=, risk=)",
        "Closes it at a profit; `risk` is a multiple of the stop's distance. Two numbers, as in \
         `percent=[3, 6]`, close half of it at each.",
    ),
    (
        "units",
        "units(quantity)",
        "A size in units of the base currency.",
    ),
    ("cash", "cash(amount)", "A size in money."),
    (
        "percent_of_cash",
        "percent_of_cash(percent=100)",
        "A size in percent of the session's cash; a buy's default.",
    ),
    (
        "percent_of_position",
        "percent_of_position(percent=100)",
        "A size in percent of the position; a sale's default.",
    ),
    (
        "percent_of_equity",
        "percent_of_equity(percent, most=)",
        "A buy of so many percent of the equity, never of more money than `most`.",
    ),
    (
        "percent_at_risk",
        "percent_at_risk(percent, fall, most=10000)",
        "A buy of as many units as lose so many percent of the equity if the price falls by the \
         series `fall`.",
    ),
    (
        "amount_at_risk",
        "amount_at_risk(amount, stop_percent=2)",
        "A buy of as many units as lose this amount if the price falls by so many percent.",
    ),
    (
        "range",
        "range(stop), range(start, stop, step)",
        "Whole numbers for a `for`.",
    ),
];
