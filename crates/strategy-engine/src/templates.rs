//! Strategies to start from.

use serde::Serialize;
use serde_json::Value;

/// A built-in strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Template {
    /// Stable key in snake_case.
    pub key: &'static str,
    /// Name to show.
    pub name: &'static str,
    /// What it does, in a sentence or two.
    pub description: &'static str,
    /// The graph as JSON text, with positions for an editor.
    pub graph: &'static str,
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
            description: "Buys with 95 % of the cash when the average of the last 10 prices rises \
                          above that of the last 30, and sells everything when it falls below.",
            graph: include_str!("../templates/sma_crossover.json"),
        },
        Template {
            key: "ema_trend",
            name: "EMA trend with RSI filter",
            description: "Buys when EMA 12 crosses above EMA 26 unless RSI 14 already shows an \
                          overbought market, and sells when it crosses below.",
            graph: include_str!("../templates/ema_trend.json"),
        },
        Template {
            key: "rsi_mean_reversion",
            name: "RSI mean reversion",
            description: "Buys half of the cash when RSI 14 falls below 30, and sells everything \
                          when it rises above 70.",
            graph: include_str!("../templates/rsi_mean_reversion.json"),
        },
        Template {
            key: "volume_breakout",
            name: "Volume breakout",
            description: "Buys when the volume is three times its average while the price is above \
                          its SMA 20, and sells when the price falls below that average.",
            graph: include_str!("../templates/volume_breakout.json"),
        },
    ]
}
