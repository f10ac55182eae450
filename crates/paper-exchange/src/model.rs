//! How a session's market answers: at which price orders fill, how late they arrive, what a fill
//! costs. Part of a session's terms.

use rust_decimal::Decimal;
use rust_decimal_macros::dec;
use serde::{Deserialize, Serialize};

use crate::terms::{Checks, MAX_PRICE};

/// The longest latency, an hour.
const MAX_LATENCY_MS: u32 = 3_600_000;
/// The longest wait for a quote, and the greatest age of one: a day.
const MAX_SECONDS: u32 = 86_400;
const MAX_FEE_RATE: Decimal = dec!(0.1);

/// What to do with an order that meets a market that can't be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unsure {
    /// It is rejected.
    Reject,
    /// It waits.
    #[default]
    Wait,
}

/// Where the price of a fill comes from, and how much fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FillModel {
    /// A taker fills whole at the price of the next trade.
    #[default]
    NextTrade,
    /// A taker fills whole at the best ask or bid that comes with the next trade.
    Quote {
        /// A quote that is older than its trade by more is stale.
        max_age_ms: u32,
        /// What to do without a quote that is fresh.
        #[serde(default)]
        stale: Unsure,
        /// How long to wait for one, in event time.
        #[serde(default = "a_minute")]
        max_wait_seconds: u32,
    },
    /// A taker fills at the price of the next trades, a limit order at its own; both at most this
    /// share of what was traded.
    Volume {
        /// Above 0, at most 1.
        #[serde(with = "rust_decimal::serde::str")]
        share: Decimal,
        /// Units that are ahead of a limit order at its price when it arrives.
        #[serde(default, with = "rust_decimal::serde::str")]
        queue: Decimal,
    },
}

fn a_minute() -> u32 {
    60
}

/// What a taker pays beyond the model's price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Slippage {
    /// Nothing.
    #[default]
    None,
    /// This amount of the quote currency a unit.
    Fixed {
        /// 0 or more.
        #[serde(with = "rust_decimal::serde::str")]
        amount: Decimal,
    },
    /// This fraction of the price.
    Proportional {
        /// From 0 to 0.5.
        #[serde(with = "rust_decimal::serde::str")]
        rate: Decimal,
    },
    /// This fraction of the price, times the root of (quantity / volume of the trade).
    SquareRoot {
        /// From 0 to 0.5.
        #[serde(with = "rust_decimal::serde::str")]
        rate: Decimal,
    },
}

/// How long after its signal an order reaches the market, in event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Latency {
    /// With the next trade.
    #[default]
    None,
    /// Always the same.
    Fixed {
        /// Milliseconds.
        ms: u32,
    },
    /// Evenly between two bounds, by a generator that the seed determines.
    Uniform {
        /// Milliseconds, at least.
        min_ms: u32,
        /// Milliseconds, at most.
        max_ms: u32,
        /// Any number.
        seed: u64,
    },
}

impl Latency {
    /// Of the session's `number`-th signal, from 1, in milliseconds; none without latency.
    pub(crate) fn of(self, number: u64) -> Option<u32> {
        match self {
            Self::None => None,
            Self::Fixed { ms } => Some(ms),
            Self::Uniform {
                min_ms,
                max_ms,
                seed,
            } => {
                let span = u64::from(max_ms.saturating_sub(min_ms)) + 1;
                // Below 2^32: the span is.
                let extra = u32::try_from(mixed(seed, number) % span).unwrap_or(0);
                Some(min_ms.saturating_add(extra))
            }
        }
    }
}

/// SplitMix64: the `number`-th value of the sequence that `seed` begins.
fn mixed(seed: u64, number: u64) -> u64 {
    let mut z = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Fees as fractions of a fill's notional.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fees {
    /// Of an order that waited for the market to come to it.
    #[serde(with = "rust_decimal::serde::str")]
    pub maker: Decimal,
    /// Of an order that went to the market.
    #[serde(with = "rust_decimal::serde::str")]
    pub taker: Decimal,
}

/// Dollars in 30 days from which a tier holds, and its rates of makers and takers.
const COINBASE_TIERS: [(Decimal, Decimal, Decimal); 9] = [
    (dec!(0), dec!(0.004), dec!(0.006)),
    (dec!(10_000), dec!(0.0025), dec!(0.004)),
    (dec!(50_000), dec!(0.0015), dec!(0.0025)),
    (dec!(100_000), dec!(0.001), dec!(0.002)),
    (dec!(1_000_000), dec!(0.0008), dec!(0.0018)),
    (dec!(15_000_000), dec!(0.0006), dec!(0.0016)),
    (dec!(75_000_000), dec!(0.0003), dec!(0.0012)),
    (dec!(250_000_000), dec!(0), dec!(0.0008)),
    (dec!(400_000_000), dec!(0), dec!(0.0005)),
];

impl Fees {
    /// Coinbase's for somebody who trades little: 0.4 % and 0.6 %. See [`Fees::coinbase`].
    pub const COINBASE: Self = Self {
        maker: dec!(0.004),
        taker: dec!(0.006),
    };

    /// Coinbase Exchange's for a volume of so many dollars in the 30 days before, from its public
    /// page <https://help.coinbase.com/en/exchange/trading-and-funding/exchange-fees> (tiers of the
    /// pairs that are no stable pairs). Coinbase changes them at times; a session keeps what it
    /// began with.
    #[must_use]
    pub fn coinbase(volume: Decimal) -> Self {
        let tier = COINBASE_TIERS.iter().rev().find(|tier| volume >= tier.0);
        tier.map_or(Self::COINBASE, |(_, maker, taker)| Self {
            maker: *maker,
            taker: *taker,
        })
    }

    pub(crate) fn highest(self) -> Decimal {
        self.maker.max(self.taker)
    }
}

/// What the product asks of orders. Without figures of its own, anything goes that has at most 8
/// decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProductRules {
    /// Quantities are multiples of it.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub quantity_increment: Option<Decimal>,
    /// Limits, stops and targets are multiples of it.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub price_increment: Option<Decimal>,
    /// The smallest order, in units.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub min_quantity: Option<Decimal>,
    /// The smallest order, in the quote currency.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub min_notional: Option<Decimal>,
}

/// How the market of a session answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Market {
    /// Price and amount of fills.
    pub fill_model: FillModel,
    /// Beyond that price.
    pub slippage: Slippage,
    /// When orders arrive.
    pub latency: Latency,
    /// In place of the one fee rate.
    pub fees: Option<Fees>,
    /// What to do with orders that go to the market while trades are missing.
    pub gap: Unsure,
    /// What orders must be.
    pub product: ProductRules,
}

impl Market {
    pub(crate) fn check(&self, checks: &mut Checks) {
        match self.fill_model {
            FillModel::NextTrade => {}
            FillModel::Quote {
                max_age_ms,
                max_wait_seconds,
                ..
            } => {
                let longest = MAX_SECONDS * 1000;
                checks.at_most("fill_model.max_age_ms", max_age_ms, longest);
                checks.at_most("fill_model.max_wait_seconds", max_wait_seconds, MAX_SECONDS);
            }
            FillModel::Volume { share, queue } => {
                checks.above_zero("fill_model.share", share, Decimal::ONE);
                checks.zero_or_more("fill_model.queue", queue, MAX_PRICE);
            }
        }
        match self.slippage {
            Slippage::None => {}
            Slippage::Fixed { amount } => {
                checks.zero_or_more("slippage.amount", amount, MAX_PRICE);
            }
            Slippage::Proportional { rate } | Slippage::SquareRoot { rate } => {
                checks.zero_or_more("slippage.rate", rate, dec!(0.5));
            }
        }
        match self.latency {
            Latency::None => {}
            Latency::Fixed { ms } => checks.at_most("latency.ms", ms, MAX_LATENCY_MS),
            Latency::Uniform { min_ms, max_ms, .. } => {
                checks.at_most("latency.min_ms", min_ms, max_ms);
                checks.at_most("latency.max_ms", max_ms, MAX_LATENCY_MS);
            }
        }
        if let Some(fees) = self.fees {
            checks.zero_or_more("fees.maker", fees.maker, MAX_FEE_RATE);
            checks.zero_or_more("fees.taker", fees.taker, MAX_FEE_RATE);
        }
        let product = self.product;
        for (field, value) in [
            ("product.quantity_increment", product.quantity_increment),
            ("product.price_increment", product.price_increment),
            ("product.min_quantity", product.min_quantity),
            ("product.min_notional", product.min_notional),
        ] {
            if let Some(value) = value {
                checks.above_zero(field, value, MAX_PRICE);
            }
        }
    }
}
