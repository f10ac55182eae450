//! Seeded random sessions for the comparison with the oracle. SplitMix64, so that a seed means the
//! same session for ever.

use super::{Event, at};
use paper_exchange::{Action, MarketTrade, OrderRequest, QuantityType};
use rust_decimal::Decimal;
use uuid::Uuid;

pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// Up to `digits` digits with up to `scale` decimals; short numbers as often as long ones.
    pub fn decimal(&mut self, digits: u32, scale: u32) -> Decimal {
        let length = 1 + self.below(digits.into()) as u32;
        let wide = u128::from(self.next()) << 64 | u128::from(self.next());
        let mantissa = 1 + wide % 10_u128.pow(length);
        Decimal::from_i128_with_scale(mantissa as i128, self.below(u64::from(scale) + 1) as u32)
    }
}

/// A kind of market; the odd ones find the limits of precision.
#[derive(Clone, Copy, PartialEq)]
pub enum Market {
    Ordinary,
    Tiny,
    Huge,
    Jumping,
    /// Positions worth about as much as the finest amount that is rounded to.
    Dust,
}

pub const MARKETS: [Market; 5] = [
    Market::Ordinary,
    Market::Tiny,
    Market::Huge,
    Market::Jumping,
    Market::Dust,
];

impl Market {
    pub fn terms(self, random: &mut Random) -> (Decimal, Decimal) {
        let balance = match self {
            Self::Ordinary => random.decimal(9, 2),
            Self::Tiny | Self::Dust => random.decimal(6, 8),
            Self::Huge => random.decimal(12, 0),
            Self::Jumping => random.pick(&[1_000_000_000_000_u64, 1_000_000, 100]).into(),
        };
        let some_fee = Decimal::from_i128_with_scale(random.below(10_000_001).into(), 8);
        (
            balance,
            random.pick(&[
                Decimal::ZERO,
                Decimal::new(1, 3),
                Decimal::new(1, 1),
                some_fee,
            ]),
        )
    }

    fn price(self, random: &mut Random) -> Decimal {
        match self {
            Self::Ordinary => random.decimal(7, 2),
            Self::Tiny => random.decimal(3, 0) * Decimal::new(1, 8),
            Self::Dust => Decimal::new(1 + random.below(99) as i64, 2),
            Self::Huge => random.decimal(20, 8).min(1_000_000_000_000_u64.into()),
            Self::Jumping => Decimal::from_i128_with_scale(10_i128.pow(random.below(21) as u32), 8),
        }
    }
}

fn quantity(random: &mut Random, market: Market, quantity_type: QuantityType) -> Decimal {
    if market == Market::Dust && quantity_type == QuantityType::Units {
        return Decimal::new(1 + random.below(5) as i64, 8);
    }
    let percent = matches!(
        quantity_type,
        QuantityType::PercentOfCash | QuantityType::PercentOfPosition
    );
    match random.below(12) {
        0 => random.pick(&[
            Decimal::ZERO,
            Decimal::NEGATIVE_ONE,
            Decimal::new(-1, 28),
            Decimal::new(123_456_789, 9),
            Decimal::from_i128_with_scale(100_000_000_000_000_000_000, 0),
            Decimal::from_i128_with_scale(9_999_999_999_999_999_999_999_999_999, 8),
            Decimal::MAX,
            Decimal::new(10_000_000_001, 8),
        ]),
        1..=5 if percent => Decimal::ONE_HUNDRED,
        _ if percent => {
            Decimal::from_i128_with_scale(1 + i128::from(random.below(10_000_000_000)), 8)
        }
        1 => random.decimal(27, 8),
        2..=4 => random.decimal(12, 8),
        _ => random.decimal(5, 8),
    }
}

fn order(random: &mut Random, market: Market, seconds: i64) -> OrderRequest {
    let quantity_type = random.pick(&[
        QuantityType::Units,
        QuantityType::Units,
        QuantityType::CashAmount,
        QuantityType::PercentOfCash,
        QuantityType::PercentOfCash,
        QuantityType::PercentOfPosition,
        QuantityType::PercentOfPosition,
    ]);
    let long = "é|".repeat(200);
    OrderRequest {
        signal_id: Uuid::from_u128(random.next().into()),
        action: random.pick(&[Action::Buy, Action::Sell]),
        quantity: quantity(random, market, quantity_type),
        quantity_type,
        reason: random
            .pick(&["why", "", "two\nlines\t\"quoted\"|\u{9f}", &long])
            .to_string(),
        time: at(seconds),
    }
}

/// A session of 10 to 60 events.
pub fn session(random: &mut Random, market: Market) -> Vec<Event> {
    let mut seconds = 0;
    let mut events = Vec::new();
    if market == Market::Jumping {
        // Rich beyond what a budget may be.
        let all = |action, quantity_type| OrderRequest {
            action,
            quantity: Decimal::ONE_HUNDRED,
            quantity_type,
            ..order(&mut Random::new(0), market, 0)
        };
        events.push(Event::Order(all(Action::Buy, QuantityType::PercentOfCash)));
        events.push(trade(Decimal::new(1, 8), 0));
        events.push(Event::Order(all(
            Action::Sell,
            QuantityType::PercentOfPosition,
        )));
    }
    for _ in 0..10 + random.below(51) {
        seconds += random.pick(&[0, 1, 1, 20, 60, -30]);
        let event = match random.below(1000) {
            0..=4 => Event::Fail(at(seconds)),
            5..=449 => Event::Order(order(random, market, seconds)),
            450 => {
                // A burst into a market that doesn't trade.
                let burst = (0..110).map(|_| Event::Order(order(random, market, seconds)));
                events.extend(burst.collect::<Vec<_>>());
                continue;
            }
            451..=455 => trade(Decimal::new(1, 9), seconds),
            _ => trade(market.price(random), seconds),
        };
        events.push(event);
    }
    if random.below(2) == 0 {
        events.push(Event::Stop(at(seconds)));
    }
    events
}

fn trade(price: Decimal, seconds: i64) -> Event {
    Event::Trade(MarketTrade {
        price,
        volume: Decimal::ONE,
        time: at(seconds),
    })
}
