//! The price of a fill, and how much of a trade is left for it.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::exact::{MONEY_SCALE, from_units, mul_div, to_units};
use crate::model::{FillModel, Slippage};
use crate::order::Action;
use crate::reject::Reject;
use crate::terms::MAX_PRICE;
use crate::trade::{MarketTrade, Quote};

/// 1 in steps of 1e-8.
const UNIT: u128 = 10_u128.pow(MONEY_SCALE);

/// A trade while orders meet it.
#[derive(Debug)]
pub(crate) struct Tick {
    pub(crate) price: Decimal,
    pub(crate) time: DateTime<Utc>,
    quote: Option<Quote>,
    /// Steps of 1e-8 that were traded, and the share of it that orders may have, in 1e-8.
    volume: u128,
    share: Option<u128>,
    /// Steps that orders may still have; none where volume doesn't count.
    left: Option<u128>,
}

impl Tick {
    pub(crate) fn new(
        price: Decimal,
        trade: &MarketTrade,
        quote: Option<Quote>,
        model: &FillModel,
    ) -> Self {
        let share = match model {
            FillModel::Volume { share, .. } => to_units(*share, MONEY_SCALE),
            _ => None,
        };
        // A volume beyond what can be held is as good as the largest that can.
        let volume = trade.steps().unwrap_or(u128::MAX / UNIT);
        Self {
            price,
            time: trade.time,
            quote,
            volume,
            share,
            left: share.map(|share| portion(volume, share)),
        }
    }

    /// Steps of 1e-8 that orders may still have of the trade; none where volume doesn't count.
    pub(crate) fn left(&self) -> Option<u128> {
        self.left
    }

    /// Steps for an order behind others at the trade's price, who are served first; `ahead` is what
    /// is left of them.
    pub(crate) fn left_after(&self, ahead: &mut Decimal) -> u128 {
        let waiting = to_units(*ahead, MONEY_SCALE).unwrap_or(u128::MAX);
        let served = waiting.min(self.volume);
        *ahead = from_units(waiting - served, MONEY_SCALE)
            .unwrap_or(*ahead)
            .normalize();
        portion(self.volume - served, self.share.unwrap_or(UNIT))
    }

    pub(crate) fn use_up(&mut self, quantity: Decimal) {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(to_units(quantity, MONEY_SCALE).unwrap_or(u128::MAX));
        }
    }
}

fn portion(volume: u128, share: u128) -> u128 {
    mul_div(volume, share, UNIT).map_or(volume, |(part, _)| part)
}

/// The market's price for a taker, before slippage.
pub(crate) fn of_model(action: Action, model: &FillModel, tick: &Tick) -> Result<Decimal, Reject> {
    let FillModel::Quote { max_age_ms, .. } = *model else {
        return Ok(tick.price);
    };
    let quote = tick.quote.ok_or(Reject::NoQuote)?;
    let price = match action {
        Action::Buy => quote.ask,
        Action::Sell => quote.bid,
    };
    let price = price.normalize();
    if price <= Decimal::ZERO || price > MAX_PRICE || price.scale() > MONEY_SCALE {
        return Err(Reject::NoQuote);
    }
    if quote.age_ms > max_age_ms {
        return Err(Reject::StaleQuote {
            age_ms: quote.age_ms,
            limit: max_age_ms,
        });
    }
    Ok(price)
}

/// The price of `quantity` units for a taker.
pub(crate) fn slipped(
    action: Action,
    price: Decimal,
    quantity: Decimal,
    slippage: &Slippage,
    tick: &Tick,
) -> Result<Decimal, Reject> {
    let inexact = Reject::PrecisionExceeded { price };
    let base = to_units(price, MONEY_SCALE).ok_or(inexact.clone())?;
    let beyond = match slippage {
        Slippage::None => return Ok(price),
        Slippage::Fixed { amount } => to_units(*amount, MONEY_SCALE),
        Slippage::Proportional { rate } => fraction(base, *rate, UNIT),
        Slippage::SquareRoot { rate } => {
            let size = to_units(quantity, MONEY_SCALE);
            let ratio = size.and_then(|size| size.checked_mul(UNIT * UNIT));
            // The root of a ratio in 1e-16 is in 1e-8.
            let root = ratio.map(|ratio| (ratio / tick.volume.max(1)).isqrt());
            root.and_then(|root| fraction(base, *rate, root))
        }
    };
    let beyond = beyond.ok_or(inexact.clone())?;
    let slipped = match action {
        Action::Buy => base.checked_add(beyond),
        Action::Sell if beyond >= base => return Err(Reject::SlippageExceedsPrice { price }),
        Action::Sell => Some(base - beyond),
    };
    slipped
        .and_then(|steps| from_units(steps, MONEY_SCALE))
        .map(|price| price.normalize())
        .ok_or(inexact)
}

/// `price * rate * times`, in steps of 1e-8, rounded up: against the taker. `times` counts 1e-8.
fn fraction(price: u128, rate: Decimal, times: u128) -> Option<u128> {
    let rate = to_units(rate, MONEY_SCALE)?;
    let product = price.checked_mul(rate)?.checked_mul(times)?;
    Some(product.div_ceil(UNIT * UNIT))
}

/// Whether a price is worse than another for a side.
pub(crate) fn is_worse(action: Action, price: Decimal, than: Decimal) -> bool {
    match action {
        Action::Buy => price > than,
        Action::Sell => price < than,
    }
}
