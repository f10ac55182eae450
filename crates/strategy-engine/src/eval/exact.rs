//! From exact decimals to binary numbers with a single rounding.
//!
//! A comparison of two averages must find them equal whenever they are equal as decimals. That
//! holds if each average is the correctly rounded quotient of two exact integers.

use rust_decimal::Decimal;

/// Prices and volumes are summed in units of at least 10^-12; finer ones are rounded half to even.
pub(super) const MAX_SCALE: u32 = 12;

/// Integers up to here are exact as `f64`.
const EXACT: u128 = 1 << 53;

const POWERS: [i128; 29] = {
    let mut powers = [1; 29];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// `10^exponent`; the callers' exponents are decimal scales, which end at 28.
#[inline]
pub(super) fn power_of_ten(exponent: u32) -> i128 {
    POWERS[exponent.min(28) as usize]
}

/// The nearest `f64` to the quotient, ties to even. The divisor must be positive and below 2^126.
#[inline]
pub(super) fn quotient(dividend: i128, divisor: u128) -> f64 {
    let magnitude = dividend.unsigned_abs();
    if magnitude <= EXACT && divisor <= EXACT {
        // Both are exact, so the division is the only rounding. They are far within an `i64`, which
        // the processor converts in one step.
        dividend as i64 as f64 / divisor as i64 as f64
    } else {
        let rounded = long_quotient(magnitude, divisor);
        if dividend < 0 { -rounded } else { rounded }
    }
}

/// Long division to more bits than an `f64` holds; the last tells whether anything is left.
#[cold]
fn long_quotient(magnitude: u128, divisor: u128) -> f64 {
    const ENOUGH: u128 = 1 << 55;
    let mut quotient = magnitude / divisor;
    let mut rest = magnitude % divisor;
    let mut exponent = 0;
    while quotient < ENOUGH && rest != 0 {
        rest <<= 1;
        quotient <<= 1;
        if rest >= divisor {
            rest -= divisor;
            quotient |= 1;
        }
        exponent += 1;
    }
    if rest != 0 {
        quotient |= 1;
    }
    quotient as f64 / 2_f64.powi(exponent)
}

/// The nearest `f64` to a decimal.
#[inline]
pub(super) fn nearest(value: Decimal) -> f64 {
    quotient(value.mantissa(), power_of_ten(value.scale()).unsigned_abs())
}

/// The unit in which one figure of the market is summed: a power of ten that grows finer whenever
/// a value needs it. It does not show in any result, only in how fast it is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Unit {
    scale: u32,
}

impl Unit {
    pub(super) fn new(scale: u32) -> Option<Self> {
        (scale <= MAX_SCALE).then_some(Self { scale })
    }

    pub(super) fn scale(self) -> u32 {
        self.scale
    }

    /// How many of this unit make one.
    pub(super) fn per_one(self) -> u128 {
        power_of_ten(self.scale).unsigned_abs()
    }

    /// The value in this unit; `finer` is set to the factor by which the unit had to become finer
    /// first, if it had to.
    #[inline]
    pub(super) fn count(&mut self, value: Decimal, finer: &mut Option<i128>) -> i128 {
        let scale = value.scale();
        if scale == self.scale {
            value.mantissa()
        } else if scale < self.scale {
            value.mantissa() * power_of_ten(self.scale - scale)
        } else {
            self.refine(value, finer)
        }
    }

    #[cold]
    fn refine(&mut self, value: Decimal, finer: &mut Option<i128>) -> i128 {
        let value = value.normalize().round_dp(MAX_SCALE);
        if value.scale() <= self.scale {
            return value.mantissa() * power_of_ten(self.scale - value.scale());
        }
        *finer = Some(power_of_ten(value.scale() - self.scale));
        self.scale = value.scale();
        value.mantissa()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decimals_round_as_their_text_does(mantissa in any::<i64>(), scale in 0_u32..=28) {
            let value = Decimal::from_i128_with_scale(i128::from(mantissa), scale);
            let expected: f64 = value.to_string().parse().unwrap();
            prop_assert_eq!(nearest(value), expected);
        }

        #[test]
        fn equal_fractions_are_equal_numbers(
            sum in -(10_i128.pow(30))..10_i128.pow(30),
            period in 1_u128..100_000,
            k in 2_u128..1000,
        ) {
            let divisor = period * 10_u128.pow(12);
            let multiplied = quotient(sum * k as i128, divisor * k);
            prop_assert_eq!(quotient(sum, divisor), multiplied);
        }
    }

    #[test]
    fn finer_values_refine_the_unit_and_the_finest_are_rounded() {
        let mut unit = Unit::new(0).unwrap();
        let mut count = |value: Decimal| {
            let mut finer = None;
            (unit.count(value, &mut finer), finer)
        };
        assert_eq!(count(Decimal::new(150, 2)), (15, Some(10)));
        assert_eq!(count(Decimal::new(2, 0)), (20, None));
        assert_eq!(count(Decimal::new(250, 2)), (25, None));
        let finest = Decimal::from_i128_with_scale(15, 13);
        assert_eq!(count(finest), (2, Some(10_i128.pow(11))));
    }
}
