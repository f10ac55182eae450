//! Reads the indicators.

use super::{Context, Refusal};
use crate::import::Fields;
use crate::limits::{MAX_CCI_PERIOD, MAX_PERIOD};
use crate::node::kind::Indicator;
use crate::plan::{Pattern, Real, Study};

/// Fewer values on each side of a swing than one would make every turn a swing.
const LEAST_WING: u32 = 1;

pub(super) fn parse(
    type_name: &str,
    fields: &mut Fields<'_>,
    context: Context,
) -> Result<Indicator, Refusal> {
    let own = Indicator::Study;
    Ok(match type_name {
        "smaNode" => Indicator::Sma {
            period: fields.period("period", 20),
        },
        "emaNode" => own(ema(fields, context)),
        "wmaNode" => own(Study::Wma {
            period: fields.period("period", 20),
        }),
        "demaNode" => Indicator::Dema {
            period: fields.period("period", 20),
        },
        "hullNode" => Indicator::Hull {
            period: fields.period_within("period", 16, 2, MAX_PERIOD),
        },
        "rsiNode" => own(Study::Rsi {
            period: fields.period("period", 14),
        }),
        "macdNode" => own(macd(fields)),
        "bollingerBandsNode" => Indicator::Bollinger {
            period: fields.period("period", 20),
            deviation: fields.factor("deviation", 2.0),
        },
        "keltnerNode" => Indicator::Keltner {
            period: fields.period("period", 20),
            atr_period: fields.period("atrPeriod", 10),
            multiplier: fields.factor("multiplier", 2.0),
        },
        "donchianNode" => Indicator::Donchian {
            period: fields.period("period", 20),
        },
        "ichimokuNode" => Indicator::Ichimoku {
            tenkan: fields.period("tenkanPeriod", 9),
            kijun: fields.period("kijunPeriod", 26),
            span: fields.period("spanPeriod", 52),
            displacement: fields.period("displacement", 26),
        },
        "stochasticNode" => own(Study::Stochastic {
            k: fields.period("kPeriod", 14),
            smooth: fields.period("smooth", 3),
            d: fields.period("dPeriod", 3),
        }),
        "williamsRNode" => own(Study::WilliamsR {
            period: fields.period("period", 14),
        }),
        "cciNode" => own(Study::Cci {
            period: fields.period_within("period", 20, 1, MAX_CCI_PERIOD),
        }),
        "atrNode" => own(Study::Atr {
            period: fields.period("period", 14),
        }),
        "adxNode" => own(Study::Adx {
            period: fields.period_within("period", 14, 2, MAX_PERIOD),
        }),
        "sarNode" => own(sar(fields)),
        "supertrendNode" => Indicator::Supertrend(Study::Supertrend {
            period: fields.period("period", 10),
            multiplier: fields.factor("multiplier", 3.0),
        }),
        "obvNode" => own(Study::Obv),
        "rocNode" => Indicator::Roc {
            period: fields.period("period", 10),
        },
        "momentumNode" => Indicator::Momentum {
            period: fields.period("period", 10),
        },
        "stddevNode" => own(Study::StdDev {
            period: fields.period("period", 20),
        }),
        "zscoreNode" => Indicator::Zscore {
            period: fields.period("period", 20),
        },
        "highestNode" => own(Study::Highest {
            period: fields.period("period", 20),
        }),
        "lowestNode" => own(Study::Lowest {
            period: fields.period("period", 20),
        }),
        "lagNode" => own(Study::Lag {
            period: fields.period("period", 1),
        }),
        "divergenceNode" => divergence(fields, context),
        "patternNode" => return pattern(fields, context),
        _ => return Err(Refusal::Unknown),
    })
}

fn ema(fields: &mut Fields<'_>, context: Context) -> Study {
    if context.imported && !fields.is_set("period") {
        let message = "`period` is missing and takes the editor's 12; the runtime took 20";
        fields.notice("field_default", "period", message);
    }
    Study::Ema {
        period: fields.period("period", 12),
    }
}

fn macd(fields: &mut Fields<'_>) -> Study {
    let fast = fields.period("fastPeriod", 12);
    let slow = fields.period("slowPeriod", 26);
    if fast > slow {
        let message = format!("`fastPeriod` {fast} is above `slowPeriod` {slow}");
        fields.warning(
            "fastPeriod",
            message,
            "they are read exchanged, as TA-Lib does",
        );
    }
    Study::Macd {
        fast: fast.min(slow),
        slow: fast.max(slow),
        signal: fields.period("signalPeriod", 9),
    }
}

fn sar(fields: &mut Fields<'_>) -> Study {
    let step = fields.factor("acceleration", 0.02);
    let mut maximum = fields.factor("maximum", 0.2);
    if maximum.get() < step.get() {
        fields.out_of_range("maximum", maximum, "`acceleration` or more");
        maximum = step;
    }
    Study::Sar { step, maximum }
}

/// The editor's field, or else the runtime's.
fn lookback(
    fields: &mut Fields<'_>,
    editor: &str,
    runtime: &str,
    default: u32,
    theirs: u32,
    context: Context,
) -> u32 {
    if !fields.is_set(editor) && fields.is_set(runtime) {
        return fields.period(runtime, default);
    }
    if context.imported && !fields.is_set(editor) {
        let message = format!(
            "`{editor}` is missing and takes the editor's {default}; the runtime took {theirs}"
        );
        fields.notice("field_default", editor, message);
    }
    fields.period(editor, default)
}

fn divergence(fields: &mut Fields<'_>, context: Context) -> Indicator {
    const TYPES: &[(&str, (bool, bool))] = &[
        ("regular", (true, false)),
        ("hidden", (false, true)),
        ("both", (true, true)),
    ];
    let (regular, hidden) = fields
        .choice("divergenceType", TYPES)
        .unwrap_or((true, false));
    let lookback = lookback(fields, "lookbackPeriod", "period", 20, 5, context);
    let sensitivity = fields.fraction("sensitivity", 0.5);
    let wing = (f64::from(lookback) * (1.0 - sensitivity) / 4.0) as u32;
    Indicator::Divergence {
        study: Study::Divergence {
            lookback,
            wing: wing.max(LEAST_WING),
            regular,
            hidden,
        },
        sensitivity,
    }
}

fn pattern(fields: &mut Fields<'_>, context: Context) -> Result<Indicator, Refusal> {
    const TYPES: &[(&str, Option<Pattern>)] = &[
        ("double_top", Some(Pattern::DoubleTop)),
        ("double_bottom", Some(Pattern::DoubleBottom)),
        ("head_shoulders", Some(Pattern::HeadShoulders)),
        (
            "inverse_head_shoulders",
            Some(Pattern::InverseHeadShoulders),
        ),
        ("triangle", None),
        ("flag", None),
        ("pennant", None),
        ("wedge", None),
    ];
    let chosen = fields.choice("patternType", TYPES);
    let Some(pattern) = chosen.unwrap_or(Some(Pattern::DoubleTop)) else {
        let name = fields.text("patternType").unwrap_or_default();
        let message = format!("the pattern {name} is not supported");
        let hint = "choose double_top, double_bottom, head_shoulders or inverse_head_shoulders";
        fields.unsupported("patternType", &message, hint);
        return Err(Refusal::Reported);
    };
    let lookback = lookback(fields, "lookbackBars", "lookback", 50, 10, context);
    let confidence = fields.fraction("confidence", 0.8);
    let study = Study::Pattern {
        pattern,
        lookback,
        wing: (lookback / 10).max(LEAST_WING),
        // A confidence of 1 still lets levels differ by nothing at all, which is a number.
        tolerance: Real::new((1.0 - confidence) / 10.0).unwrap_or(Real::ONE),
    };
    Ok(Indicator::Pattern { study, confidence })
}
