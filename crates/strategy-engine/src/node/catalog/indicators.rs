use crate::node::Field;
use crate::node::shape::{
    Input, NodeType, PERIOD, condition_out, field, ignored_in, market_in, number_in, number_out,
    period,
};

const PRICE_IN: &[Input] = &[number_in(&["price-in"])];
const VALUE_IN: &[Input] = &[number_in(&["value-in", "price-in"])];
const BAR_IN: &[Input] = &[
    market_in(&["high-in"], Field::High),
    market_in(&["low-in"], Field::Low),
    market_in(&["close-in"], Field::Close),
    ignored_in(&["price-in"]),
];

pub(super) const TYPES: &[NodeType] = &[
    NodeType {
        name: "smaNode",
        inputs: PRICE_IN,
        outputs: &[number_out(&["sma-out"])],
        fields: &[period("20")],
        meaning: "Mean of the last `period` values; the first with the `period`-th. Directly over a \
                  price or volume it is exact.",
    },
    NodeType {
        name: "emaNode",
        inputs: PRICE_IN,
        outputs: &[number_out(&["ema-out"])],
        fields: &[period("12")],
        meaning: "First the mean of the first `period` values; then ema + (x - ema) · 2 / (period + \
                  1).",
    },
    NodeType {
        name: "wmaNode",
        inputs: PRICE_IN,
        outputs: &[number_out(&["wma-out"])],
        fields: &[period("20")],
        meaning: "Mean weighted by `period` for the newest value down to 1 for the oldest.",
    },
    NodeType {
        name: "demaNode",
        inputs: PRICE_IN,
        outputs: &[number_out(&["dema-out"])],
        fields: &[period("20")],
        meaning: "2 · EMA - EMA of that EMA.",
    },
    NodeType {
        name: "hullNode",
        inputs: PRICE_IN,
        outputs: &[number_out(&["hull-out"])],
        fields: &[field("period", "16", "2 to 100,000")],
        meaning: "WMA over ⌊√period⌋ values of 2 · WMA(⌊period / 2⌋) - WMA(period).",
    },
    NodeType {
        name: "rsiNode",
        inputs: PRICE_IN,
        outputs: &[number_out(&["rsi-out"])],
        fields: &[period("14")],
        meaning: "Wilder's relative strength: gain and loss start as means over the first `period` \
                  changes (so with value `period` + 1), then (average · (period - 1) + new) / \
                  period; 100 · gain / (gain + loss), and 0 if gain + loss < 1e-14.",
    },
    NodeType {
        name: "macdNode",
        inputs: PRICE_IN,
        outputs: &[
            number_out(&["macd-out"]),
            number_out(&["signal-out"]),
            number_out(&["histogram-out"]),
        ],
        fields: &[
            field("fastPeriod", "12", PERIOD),
            field("slowPeriod", "26", PERIOD),
            field("signalPeriod", "9", PERIOD),
        ],
        meaning: "Line = EMA(fast) - EMA(slow), both seeded so that they start at the `slow`-th \
                  value; signal = EMA of the line; histogram = line - signal. All three have a \
                  value once the signal has one.",
    },
    NodeType {
        name: "bollingerBandsNode",
        inputs: PRICE_IN,
        outputs: &[
            number_out(&["upper-out"]),
            number_out(&["middle-out"]),
            number_out(&["lower-out"]),
        ],
        fields: &[period("20"), field("deviation", "2", "above 0")],
        meaning: "SMA, and `deviation` standard deviations of the population above and below it.",
    },
    NodeType {
        name: "keltnerNode",
        inputs: BAR_IN,
        outputs: &[
            number_out(&["upper-out"]),
            number_out(&["middle-out"]),
            number_out(&["lower-out"]),
        ],
        fields: &[
            period("20"),
            field("atrPeriod", "10", PERIOD),
            field("multiplier", "2", "above 0"),
        ],
        meaning: "EMA of the close, and `multiplier` average true ranges above and below it.",
    },
    NodeType {
        name: "donchianNode",
        inputs: BAR_IN,
        outputs: &[
            number_out(&["upper-out"]),
            number_out(&["middle-out"]),
            number_out(&["lower-out"]),
        ],
        fields: &[period("20")],
        meaning: "Highest high and lowest low of the last `period` evaluations, the present one \
                  included, and the middle between them. Compare with the channel before by \
                  `lagNode`.",
    },
    NodeType {
        name: "ichimokuNode",
        inputs: BAR_IN,
        outputs: &[
            number_out(&["tenkan-out"]),
            number_out(&["kijun-out"]),
            number_out(&["span-a-out"]),
            number_out(&["span-b-out"]),
        ],
        fields: &[
            field("tenkanPeriod", "9", PERIOD),
            field("kijunPeriod", "26", PERIOD),
            field("spanPeriod", "52", PERIOD),
            field("displacement", "26", PERIOD),
        ],
        meaning: "Tenkan and kijun: the middle of the highest high and lowest low of their periods. \
                  The cloud at the present evaluation: span A is (tenkan + kijun) / 2 and span B the \
                  middle over `spanPeriod`, both of `displacement` evaluations ago. (The lagging \
                  span is the close beside the close of `displacement` ago: `lagNode`.)",
    },
    NodeType {
        name: "stochasticNode",
        inputs: BAR_IN,
        outputs: &[number_out(&["k-out"]), number_out(&["d-out"])],
        fields: &[
            field("kPeriod", "14", PERIOD),
            field("smooth", "3", PERIOD),
            field("dPeriod", "3", PERIOD),
        ],
        meaning: "100 · (close - lowest low) / (highest high - lowest low) over `kPeriod`, 0 if that \
                  range is empty; %K is its SMA over `smooth`, %D the SMA of %K over `dPeriod`. \
                  Both have a value once %D has one.",
    },
    NodeType {
        name: "williamsRNode",
        inputs: BAR_IN,
        outputs: &[number_out(&["williams-out", "williams-r-out"])],
        fields: &[period("14")],
        meaning: "-100 · (highest high - close) / (highest high - lowest low), 0 if that range is \
                  empty.",
    },
    NodeType {
        name: "cciNode",
        inputs: BAR_IN,
        outputs: &[number_out(&["cci-out"])],
        fields: &[field("period", "20", "1 to 1,000")],
        meaning: "(typical price - its mean) / (0.015 · its mean deviation), where the typical price \
                  is (high + low + close) / 3; 0 if the mean deviation is. It looks at each value of \
                  its window at each evaluation.",
    },
    NodeType {
        name: "atrNode",
        inputs: BAR_IN,
        outputs: &[number_out(&["atr-out"])],
        fields: &[period("14")],
        meaning: "True range = the largest of high - low, |high - last close|, |low - last close|, \
                  from the second evaluation on. First the mean of `period` ones, then (atr · \
                  (period - 1) + range) / period.",
    },
    NodeType {
        name: "adxNode",
        inputs: BAR_IN,
        outputs: &[
            number_out(&["adx-out"]),
            number_out(&["di-plus-out"]),
            number_out(&["di-minus-out"]),
        ],
        fields: &[field("period", "14", "2 to 100,000")],
        meaning: "Wilder's directional movement: sums of the moves and of the true range over \
                  `period` - 1 evaluations, then sum - sum / period + new; ±DI = 100 · move / range, \
                  with the first at evaluation `period` + 1; DX = 100 · |+DI - -DI| / (+DI + -DI); \
                  ADX is first the mean of `period` DX, then (adx · (period - 1) + DX) / period.",
    },
    NodeType {
        name: "sarNode",
        inputs: BAR_IN,
        outputs: &[number_out(&["sar-out"])],
        fields: &[
            field("acceleration", "0.02", "above 0"),
            field("maximum", "0.2", "`acceleration` or more"),
        ],
        meaning: "Wilder's parabolic stop and reverse. The first direction, at the second \
                  evaluation, is falling if the low fell by more than the high rose, else rising.",
    },
    NodeType {
        name: "supertrendNode",
        inputs: BAR_IN,
        outputs: &[
            number_out(&["supertrend-out"]),
            condition_out(&["rising-out"]),
            condition_out(&["falling-out"]),
        ],
        fields: &[period("10"), field("multiplier", "3", "above 0")],
        meaning: "Bands at (high + low) / 2 ± multiplier · ATR(period). The upper one falls, the \
                  lower one rises, and either jumps only after a close beyond it. It is falling at \
                  first; it rises once the close is above the upper band, and falls once the close \
                  is below the lower one. The line is the lower band while it rises, else the upper.",
    },
    NodeType {
        name: "obvNode",
        inputs: &[
            market_in(&["price-in"], Field::Close),
            market_in(&["volume-in"], Field::Volume),
        ],
        outputs: &[number_out(&["obv-out"])],
        fields: &[],
        meaning: "On-balance volume: begins with the first volume, adds the volume where the price \
                  rose and takes it off where it fell.",
    },
    NodeType {
        name: "rocNode",
        inputs: VALUE_IN,
        outputs: &[number_out(&["roc-out"])],
        fields: &[period("10")],
        meaning: "100 · (x / x `period` evaluations ago - 1); no value if that was 0.",
    },
    NodeType {
        name: "momentumNode",
        inputs: VALUE_IN,
        outputs: &[number_out(&["momentum-out"])],
        fields: &[period("10")],
        meaning: "x - x `period` evaluations ago.",
    },
    NodeType {
        name: "stddevNode",
        inputs: VALUE_IN,
        outputs: &[number_out(&["stddev-out"])],
        fields: &[period("20")],
        meaning: "Standard deviation of the population over the last `period` values.",
    },
    NodeType {
        name: "zscoreNode",
        inputs: VALUE_IN,
        outputs: &[number_out(&["zscore-out"])],
        fields: &[period("20")],
        meaning: "(x - SMA) / standard deviation of the population; no value if that is 0.",
    },
    NodeType {
        name: "highestNode",
        inputs: VALUE_IN,
        outputs: &[number_out(&["highest-out"])],
        fields: &[period("20")],
        meaning: "Highest of the last `period` values, the present one included.",
    },
    NodeType {
        name: "lowestNode",
        inputs: VALUE_IN,
        outputs: &[number_out(&["lowest-out"])],
        fields: &[period("20")],
        meaning: "Lowest of the last `period` values, the present one included.",
    },
    NodeType {
        name: "lagNode",
        inputs: VALUE_IN,
        outputs: &[number_out(&["lag-out"])],
        fields: &[period("1")],
        meaning: "The value `period` evaluations ago.",
    },
    NodeType {
        name: "divergenceNode",
        inputs: &[number_in(&["price-in"]), number_in(&["indicator-in"])],
        outputs: &[
            condition_out(&["bullish-div-out"]),
            condition_out(&["bearish-div-out"]),
            condition_out(&["divergence-out"]),
        ],
        fields: &[
            field("lookbackPeriod", "20", PERIOD),
            field("divergenceType", "regular", "regular, hidden, both"),
            field("sensitivity", "0.5", "0 to 1"),
        ],
        meaning: "A price is a swing high if none of the `w` prices before and after it is higher \
                  and the one right before it is lower; a swing low the other way round; `w` is \
                  lookbackPeriod · (1 - sensitivity) / 4, rounded down, and at least 1. True at the \
                  evaluation at which a swing becomes known (`w` after it), if the last swing on \
                  the same side is at most `lookbackPeriod` before it and price and indicator \
                  disagree between the two. Regular bullish: a lower low of the price, a higher \
                  one of the indicator at those places; hidden bullish: a higher low of the price, \
                  a lower one of the indicator. Bearish: the same of highs, upside down. \
                  `divergence-out` is either. The runtime's `period` is read as `lookbackPeriod`.",
    },
    NodeType {
        name: "patternNode",
        inputs: PRICE_IN,
        outputs: &[condition_out(&["pattern-out"])],
        fields: &[
            field(
                "patternType",
                "double_top",
                "double_top, double_bottom, head_shoulders, inverse_head_shoulders",
            ),
            field("confidence", "0.8", "0 to 1"),
            field("lookbackBars", "50", PERIOD),
        ],
        meaning: "Swings as of `divergenceNode`, with `w` = lookbackBars / 10, rounded down and at \
                  least 1; of two tops without a bottom between them only the higher counts, and so \
                  for bottoms. Two levels are equal if they differ by at most (1 - confidence) · 10 \
                  % of the larger. Double top: the last three swings are a top, a lower bottom and \
                  an equal top, and the price is below the bottom. Head and shoulders: the last \
                  five are top, bottom, higher top, bottom, top, the outer tops are equal, and the \
                  price is below the line through both bottoms. True at the first evaluation at \
                  which that holds, once for each last top, and only within `lookbackBars` of the \
                  first top. The others are the same upside down. `triangle`, `flag`, `pennant` and \
                  `wedge` have no definition that could be tested and are refused. The runtime's \
                  `lookback` is read as `lookbackBars`.",
    },
];
