//! Strategies to start from.

use serde::Serialize;
use serde_json::Value;

/// A built-in strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Template {
    /// Stable key; that of the Python platform's template where it has the same one.
    pub key: &'static str,
    /// Name to show.
    pub name: &'static str,
    /// What it does, in a sentence or two.
    pub description: &'static str,
    /// The graph as JSON text, with positions for an editor.
    pub graph: &'static str,
    /// The same strategy as a script: the same plan.
    pub script: &'static str,
    /// What it does on a made-up market, as SVG: price, indicators, fills.
    pub picture: &'static str,
}

impl Template {
    /// The graph as JSON; null never happens, for a test parses them all.
    pub fn source(&self) -> Value {
        serde_json::from_str(self.graph).unwrap_or(Value::Null)
    }
}

/// The built-in strategies, simplest first.
pub fn templates() -> &'static [Template] {
    &[
        Template {
            key: "sma_crossover",
            name: "SMA crossover",
            description: "Buys with 95 % of the cash when the average of the last 10 prices \
                          rises above that of the last 30, and sells everything when it falls \
                          below.",
            graph: include_str!("../templates/sma_crossover.json"),
            script: include_str!("../templates/sma_crossover.py"),
            picture: include_str!("../templates/sma_crossover.svg"),
        },
        Template {
            key: "sma",
            name: "SMA",
            description: "Buys when the price rises above its average over 20, and sells when it \
                          falls below: the simplest way to follow a trend, and the first to be \
                          whipped about in a market that has none.",
            graph: include_str!("../templates/sma.json"),
            script: include_str!("../templates/sma.py"),
            picture: include_str!("../templates/sma.svg"),
        },
        Template {
            key: "ema",
            name: "EMA",
            description: "As SMA, with the exponential average over 20, which follows sooner and \
                          is fooled more often.",
            graph: include_str!("../templates/ema.json"),
            script: include_str!("../templates/ema.py"),
            picture: include_str!("../templates/ema.svg"),
        },
        Template {
            key: "rsi",
            name: "RSI",
            description: "Buys when RSI 14 falls below 30, and sells when it rises above 70.",
            graph: include_str!("../templates/rsi.json"),
            script: include_str!("../templates/rsi.py"),
            picture: include_str!("../templates/rsi.svg"),
        },
        Template {
            key: "macd",
            name: "MACD",
            description: "Buys when the MACD line 12/26 rises above its signal line 9, and sells \
                          when it falls below.",
            graph: include_str!("../templates/macd.json"),
            script: include_str!("../templates/macd.py"),
            picture: include_str!("../templates/macd.svg"),
        },
        Template {
            key: "bollingerBands",
            name: "Bollinger bands",
            description: "Buys when the price falls below the lower band (20, 2 deviations), and \
                          sells when it rises above the upper one.",
            graph: include_str!("../templates/bollingerBands.json"),
            script: include_str!("../templates/bollingerBands.py"),
            picture: include_str!("../templates/bollingerBands.svg"),
        },
        Template {
            key: "ema_trend",
            name: "EMA trend with RSI filter",
            description: "Buys when EMA 12 crosses above EMA 26 unless RSI 14 already shows an \
                          overbought market, and sells when it crosses below.",
            graph: include_str!("../templates/ema_trend.json"),
            script: include_str!("../templates/ema_trend.py"),
            picture: include_str!("../templates/ema_trend.svg"),
        },
        Template {
            key: "goldenCross",
            name: "Golden cross",
            description: "Buys when EMA 50 crosses above EMA 200 while RSI 14 is below 70, and \
                          sells at the death cross: few trades, and only long trends.",
            graph: include_str!("../templates/goldenCross.json"),
            script: include_str!("../templates/goldenCross.py"),
            picture: include_str!("../templates/goldenCross.svg"),
        },
        Template {
            key: "rsiMeanReversion",
            name: "RSI mean reversion",
            description: "Buys half of the cash when RSI 14 falls below 30, and sells everything \
                          when it rises above 70. Before it acts again, RSI must come back by 5.",
            graph: include_str!("../templates/rsiMeanReversion.json"),
            script: include_str!("../templates/rsiMeanReversion.py"),
            picture: include_str!("../templates/rsiMeanReversion.svg"),
        },
        Template {
            key: "bollingerBandsBounce",
            name: "Bollinger bounce",
            description: "Buys when the price comes back from below the lower band (20, 2 \
                          deviations), and sells when it reaches the middle one.",
            graph: include_str!("../templates/bollingerBandsBounce.json"),
            script: include_str!("../templates/bollingerBandsBounce.py"),
            picture: include_str!("../templates/bollingerBandsBounce.svg"),
        },
        Template {
            key: "dipWithTarget",
            name: "Dip with a target",
            description: "Buys half of the cash when RSI 14 falls below 30 and nothing is held. \
                          It knows its position: it sells at a gain of more than 1 %, after 500 \
                          evaluations without one, or when RSI rises above 70.",
            graph: include_str!("../templates/dipWithTarget.json"),
            script: include_str!("../templates/dipWithTarget.py"),
            picture: include_str!("../templates/dipWithTarget.svg"),
        },
        Template {
            key: "zscoreReversion",
            name: "Z-score reversion",
            description: "Buys half of the cash when the price is two deviations below its \
                          average over 50, at most once in five minutes, and sells when it is \
                          back at the average.",
            graph: include_str!("../templates/zscoreReversion.json"),
            script: include_str!("../templates/zscoreReversion.py"),
            picture: include_str!("../templates/zscoreReversion.svg"),
        },
        Template {
            key: "macdMomentum",
            name: "MACD momentum",
            description: "Buys when the MACD histogram turns positive while the price is above \
                          EMA 50, and sells when it turns negative.",
            graph: include_str!("../templates/macdMomentum.json"),
            script: include_str!("../templates/macdMomentum.py"),
            picture: include_str!("../templates/macdMomentum.svg"),
        },
        Template {
            key: "stochasticOscillator",
            name: "Stochastic oscillator",
            description: "Buys when %K 14 crosses above %D below 20, and sells when it crosses \
                          below %D above 80.",
            graph: include_str!("../templates/stochasticOscillator.json"),
            script: include_str!("../templates/stochasticOscillator.py"),
            picture: include_str!("../templates/stochasticOscillator.svg"),
        },
        Template {
            key: "volumeBreakout",
            name: "Volume breakout",
            description: "Buys when the volume is three times its average while the price is \
                          above its SMA 20, and sells when the price falls below that average.",
            graph: include_str!("../templates/volumeBreakout.json"),
            script: include_str!("../templates/volumeBreakout.py"),
            picture: include_str!("../templates/volumeBreakout.svg"),
        },
        Template {
            key: "donchianBreakout",
            name: "Donchian breakout",
            description: "The turtles' rule: buys when the price rises above the highest of the \
                          last 20 before it, and sells when it falls below the lowest of the \
                          last 10.",
            graph: include_str!("../templates/donchianBreakout.json"),
            script: include_str!("../templates/donchianBreakout.py"),
            picture: include_str!("../templates/donchianBreakout.svg"),
        },
        Template {
            key: "atrTrendFollowing",
            name: "ATR trend following",
            description: "Buys when the price rises above the highest of the last 20 before it, \
                          and sells when it falls three average true ranges below the highest of \
                          the last 22.",
            graph: include_str!("../templates/atrTrendFollowing.json"),
            script: include_str!("../templates/atrTrendFollowing.py"),
            picture: include_str!("../templates/atrTrendFollowing.svg"),
        },
        Template {
            key: "supertrend",
            name: "Supertrend",
            description: "Buys when Supertrend 10/3 rises while ADX 14 shows a trend (above 20), \
                          and sells when it falls.",
            graph: include_str!("../templates/supertrend.json"),
            script: include_str!("../templates/supertrend.py"),
            picture: include_str!("../templates/supertrend.svg"),
        },
        Template {
            key: "ichimokuCloud",
            name: "Ichimoku cloud",
            description: "Buys when tenkan crosses above kijun while the price is above the \
                          cloud, and sells when the price falls below kijun.",
            graph: include_str!("../templates/ichimokuCloud.json"),
            script: include_str!("../templates/ichimokuCloud.py"),
            picture: include_str!("../templates/ichimokuCloud.svg"),
        },
        Template {
            key: "divergenceStrategy",
            name: "RSI divergence",
            description: "Buys half of the cash when the price makes a lower low that RSI 14 \
                          doesn't confirm while it is below 50, and sells at a bearish \
                          divergence or when RSI rises above 70.",
            graph: include_str!("../templates/divergenceStrategy.json"),
            script: include_str!("../templates/divergenceStrategy.py"),
            picture: include_str!("../templates/divergenceStrategy.svg"),
        },
    ]
}
