//! Ticks and candles as few bytes, each told by how it differs from the one before: some 30 instead
//! of 170, and 17 instead of 96.

use chrono::{DateTime, Utc};
use coinbase::{ProductId, Side, Trade};
use rust_decimal::Decimal;

use crate::candles::Candle;
use crate::tick::Tick;

/// Something that can be packed after another of its kind.
pub trait Pack: Copy {
    /// Writes it.
    fn pack(&self, before: Option<&Self>, out: &mut Vec<u8>);

    /// Reads what was written after the same one; `None` if it wasn't.
    fn unpack(before: Option<&Self>, input: &mut &[u8]) -> Option<Self>;
}

impl Pack for Candle {
    fn pack(&self, before: Option<&Self>, out: &mut Vec<u8>) {
        let (time, close) = before.map_or((0, Decimal::ZERO), |one| (one.time, one.close));
        put(out, (self.time - time).into());
        put_decimal(out, self.open, close);
        put_decimal(out, self.high, self.open);
        put_decimal(out, self.low, self.open);
        put_decimal(out, self.close, self.open);
        put_decimal(out, self.volume, Decimal::ZERO);
        put(out, self.missing.into());
    }

    fn unpack(before: Option<&Self>, input: &mut &[u8]) -> Option<Self> {
        let (time, close) = before.map_or((0, Decimal::ZERO), |one| (one.time, one.close));
        let time = time + i64::try_from(take(input)?).ok()?;
        let open = take_decimal(input, close)?;
        Some(Self {
            time,
            open,
            high: take_decimal(input, open)?,
            low: take_decimal(input, open)?,
            close: take_decimal(input, open)?,
            volume: take_decimal(input, Decimal::ZERO)?,
            missing: u64::try_from(take(input)?).ok()?,
        })
    }
}

/// What is there of a tick, one bit each.
mod has {
    pub const SEQUENCE: u8 = 1;
    pub const SIDE: u8 = 2;
    /// Of the two.
    pub const BUY: u8 = 4;
    pub const BID: u8 = 8;
    pub const ASK: u8 = 16;
    pub const QUOTE_AGE: u8 = 32;
    pub const BACKFILLED: u8 = 64;
    /// Another product than before.
    pub const PRODUCT: u8 = 128;
}

fn flags(tick: &Tick, is_other_product: bool) -> u8 {
    let trade = &tick.trade;
    [
        (has::SEQUENCE, trade.sequence.is_some()),
        (has::SIDE, trade.side.is_some()),
        (has::BUY, trade.side == Some(Side::Buy)),
        (has::BID, trade.bid.is_some()),
        (has::ASK, trade.ask.is_some()),
        (has::QUOTE_AGE, tick.quote_age_ms.is_some()),
        (has::BACKFILLED, tick.backfilled),
        (has::PRODUCT, is_other_product),
    ]
    .into_iter()
    .filter(|(_, is_set)| *is_set)
    .fold(0, |flags, (flag, _)| flags | flag)
}

impl Pack for Tick {
    fn pack(&self, before: Option<&Self>, out: &mut Vec<u8>) {
        let (trade, before) = (&self.trade, before.map(|one| &one.trade));
        let is_other_product = before.is_none_or(|one| one.product_id != trade.product_id);
        out.push(flags(self, is_other_product));
        if is_other_product {
            let name = trade.product_id.as_str().as_bytes();
            put(out, name.len() as i128);
            out.extend_from_slice(name);
        }
        let of_before = |value: fn(&Trade) -> i128| before.map_or(0, value);
        put(out, i128::from(trade.trade_id) - of_before(id));
        if let Some(sequence) = trade.sequence {
            put(out, i128::from(sequence) - of_before(sequence_of));
        }
        put(out, nanos(trade.time) - of_before(nanos_of));
        put_decimal(out, trade.price, price_of(before));
        put_decimal(out, trade.size, Decimal::ZERO);
        for quote in [trade.bid, trade.ask].into_iter().flatten() {
            put_decimal(out, quote, trade.price);
        }
        if let Some(age) = self.quote_age_ms {
            put(out, age.into());
        }
    }

    fn unpack(before: Option<&Self>, input: &mut &[u8]) -> Option<Self> {
        let before = before.map(|one| &one.trade);
        let (flags, rest) = input.split_first()?;
        *input = rest;
        let has = |flag: u8| flags & flag != 0;
        let product_id = match has(has::PRODUCT) {
            true => take_product(input)?,
            false => before?.product_id,
        };
        let of_before = |value: fn(&Trade) -> i128| before.map_or(0, value);
        let trade_id = u64::try_from(take(input)? + of_before(id)).ok()?;
        let sequence = match has(has::SEQUENCE) {
            true => Some(u64::try_from(take(input)? + of_before(sequence_of)).ok()?),
            false => None,
        };
        let time = time(take(input)? + of_before(nanos_of))?;
        let price = take_decimal(input, price_of(before))?;
        let size = take_decimal(input, Decimal::ZERO)?;
        let mut quote = |flag| match has(flag) {
            true => take_decimal(input, price).map(Some),
            false => Some(None),
        };
        let (bid, ask) = (quote(has::BID)?, quote(has::ASK)?);
        let quote_age_ms = match has(has::QUOTE_AGE) {
            true => Some(u32::try_from(take(input)?).ok()?),
            false => None,
        };
        let side = has(has::SIDE).then_some(match has(has::BUY) {
            true => Side::Buy,
            false => Side::Sell,
        });
        Some(Self {
            trade: Trade {
                product_id,
                trade_id,
                sequence,
                price,
                size,
                side,
                time,
                bid,
                ask,
            },
            quote_age_ms,
            backfilled: has(has::BACKFILLED),
        })
    }
}

fn id(trade: &Trade) -> i128 {
    trade.trade_id.into()
}

fn sequence_of(trade: &Trade) -> i128 {
    trade.sequence.unwrap_or_default().into()
}

fn nanos_of(trade: &Trade) -> i128 {
    nanos(trade.time)
}

fn price_of(trade: Option<&Trade>) -> Decimal {
    trade.map_or(Decimal::ZERO, |trade| trade.price)
}

fn take_product(input: &mut &[u8]) -> Option<ProductId> {
    let length = usize::try_from(take(input)?).ok()?;
    let (name, rest) = input.split_at_checked(length)?;
    *input = rest;
    ProductId::parse(std::str::from_utf8(name).ok()?).ok()
}

const SECOND: i128 = 1_000_000_000;

/// Since 1970.
fn nanos(time: DateTime<Utc>) -> i128 {
    i128::from(time.timestamp()) * SECOND + i128::from(time.timestamp_subsec_nanos())
}

fn time(nanos: i128) -> Option<DateTime<Utc>> {
    let seconds = i64::try_from(nanos.div_euclid(SECOND)).ok()?;
    let rest = u32::try_from(nanos.rem_euclid(SECOND)).ok()?;
    DateTime::from_timestamp(seconds, rest)
}

/// A number, the smaller the shorter: seven bits a byte, the sign in the lowest bit.
fn put(out: &mut Vec<u8>, number: i128) {
    let mut left = ((number << 1) ^ (number >> 127)) as u128;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

fn take(input: &mut &[u8]) -> Option<i128> {
    let (mut number, mut shift) = (0_u128, 0);
    loop {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        number |= u128::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((number >> 1) as i128 ^ -((number & 1) as i128));
        }
        shift += 7;
    }
}

/// A decimal by its scale, and how its digits differ from another's at that scale.
fn put_decimal(out: &mut Vec<u8>, number: Decimal, beside: Decimal) {
    // At most 28.
    out.push(number.scale() as u8);
    put(out, number.mantissa() - at_scale(beside, number.scale()));
}

fn take_decimal(input: &mut &[u8], beside: Decimal) -> Option<Decimal> {
    let (scale, rest) = input.split_first()?;
    *input = rest;
    let scale = u32::from(*scale);
    let mantissa = take(input)? + at_scale(beside, scale);
    Decimal::try_from_i128_with_scale(mantissa, scale).ok()
}

/// A decimal's digits with so many after the point, cut; 0 where they would be too many.
fn at_scale(number: Decimal, scale: u32) -> i128 {
    let power = |places: u32| 10_i128.pow(places.min(28));
    let (mantissa, own) = (number.mantissa(), number.scale());
    match own > scale {
        true => mantissa / power(own - scale),
        // Decimals have up to 96 bits: so that no sum of two leaves 128.
        false => mantissa
            .checked_mul(power(scale - own))
            .filter(|digits| digits.unsigned_abs() < 1 << 100)
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    fn decimal() -> impl Strategy<Value = Decimal> {
        let wide = (any::<u32>(), any::<u32>(), any::<u32>(), 0_u32..29);
        prop_oneof![
            3 => (1_i64..100_000_000, 0_u32..9).prop_map(|(digits, scale)| Decimal::new(digits, scale)),
            1 => wide.prop_map(|(low, mid, high, scale)| {
                Decimal::from_parts(low, mid, high, false, scale)
            }),
        ]
    }

    fn tick() -> impl Strategy<Value = Tick> {
        let times = -4_000_000_000_000_000_000_i64..4_000_000_000_000_000_000;
        let numbers = (any::<u64>(), prop::option::of(any::<u64>()), times);
        let prices = (
            decimal(),
            decimal(),
            prop::option::of(decimal()),
            prop::option::of(decimal()),
        );
        let rest = (
            prop::option::of(any::<bool>()),
            prop::option::of(any::<u32>()),
            any::<bool>(),
            "[A-Z0-9]{1,11}-[A-Z]{1,11}",
        );
        (numbers, prices, rest).prop_map(
            |(
                (trade_id, sequence, nanos),
                (price, size, bid, ask),
                (buys, age, backfilled, name),
            )| {
                Tick {
                    trade: Trade {
                        product_id: ProductId::parse(&name).unwrap(),
                        trade_id,
                        sequence,
                        price,
                        size,
                        side: buys.map(|buys| if buys { Side::Buy } else { Side::Sell }),
                        time: DateTime::from_timestamp_nanos(nanos),
                        bid,
                        ask,
                    },
                    quote_age_ms: age,
                    backfilled,
                }
            },
        )
    }

    fn candle() -> impl Strategy<Value = Candle> {
        let prices = (decimal(), decimal(), decimal(), decimal(), decimal());
        let times = -1_000_000_000_000_i64..1_000_000_000_000;
        (times, prices, any::<u64>()).prop_map(
            |(time, (open, high, low, close, volume), missing)| Candle {
                time,
                open,
                high,
                low,
                close,
                volume,
                missing,
            },
        )
    }

    /// What comes back of several in a row, and how many bytes they took.
    fn again<T: Pack>(records: &[T]) -> (Vec<T>, usize) {
        let mut bytes = Vec::new();
        let mut before = None;
        for record in records {
            record.pack(before, &mut bytes);
            before = Some(record);
        }
        let (mut input, mut read): (&[u8], Vec<T>) = (&bytes, Vec::new());
        for _ in records {
            let record = T::unpack(read.last(), &mut input).unwrap();
            read.push(record);
        }
        assert!(input.is_empty());
        (read, bytes.len())
    }

    /// Decimals that are equal may differ in their zeros: they must not.
    fn text(record: &impl std::fmt::Debug) -> String {
        format!("{record:?}")
    }

    proptest! {
        #[test]
        fn ticks_come_back(ticks in prop::collection::vec(tick(), 1..5)) {
            prop_assert_eq!(text(&again(&ticks).0), text(&ticks));
        }

        #[test]
        fn candles_come_back(candles in prop::collection::vec(candle(), 1..5)) {
            prop_assert_eq!(text(&again(&candles).0), text(&candles));
        }

        #[test]
        fn what_is_cut_is_not_taken_for_a_record(tick in tick(), cut in any::<prop::sample::Index>()) {
            let mut bytes = Vec::new();
            tick.pack(None, &mut bytes);
            bytes.truncate(cut.index(bytes.len()));
            prop_assert_eq!(Tick::unpack(None, &mut bytes.as_slice()), None);
        }
    }

    #[test]
    fn the_usual_ones_are_short() {
        let ticks: Vec<Tick> = (0..100)
            .map(|number| Tick {
                trade: Trade {
                    product_id: ProductId::parse("BTC-USD").unwrap(),
                    trade_id: 910_924_169 + number,
                    sequence: Some(116_726_860_247 + 31 * number),
                    price: Decimal::new(8_778_604 + (number * number % 97) as i64, 2),
                    size: Decimal::new(28_194 + number as i64, 8),
                    side: Some(Side::Buy),
                    time: DateTime::from_timestamp_micros(
                        1_764_043_200_049_274 + 300_000 * number as i64,
                    )
                    .unwrap(),
                    bid: Some(Decimal::new(8_778_603, 2)),
                    ask: Some(Decimal::new(8_778_604, 2)),
                },
                quote_age_ms: Some(0),
                backfilled: false,
            })
            .collect();
        let (read, bytes) = again(&ticks);
        assert_eq!(read, ticks);
        assert!(bytes < 32 * ticks.len(), "{bytes}");
    }
}
