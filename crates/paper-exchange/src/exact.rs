//! Arithmetic that is exact or refuses. `Decimal`'s own operators round a result that doesn't fit
//! into 28 decimals or 96 bits without saying so, which a ledger must not do.

use std::fmt::Write as _;

use rust_decimal::Decimal;

/// Decimals of a quantity, a fee and of a rounded cost.
pub(crate) const MONEY_SCALE: u32 = 8;

const MANTISSA_LIMIT: u128 = 1 << 96;

/// `a * b`, or `None` if `Decimal` can't hold it exactly.
pub(crate) fn mul(a: Decimal, b: Decimal) -> Option<Decimal> {
    let negative = a.is_sign_negative() != b.is_sign_negative();
    let (mut m, mut n) = (magnitude(a), magnitude(b));
    let mut scale = a.scale() + b.scale();
    let mut product = wide_product(m, n);
    // Too wide for 128 bits, but perhaps only because of trailing zeros: 10 = 2 * 5 may be split
    // over the two factors.
    while product.is_none() && scale > 0 {
        let (twice, five_times) = (m.is_multiple_of(2), m.is_multiple_of(5));
        if !(twice || n.is_multiple_of(2)) || !(five_times || n.is_multiple_of(5)) {
            return None;
        }
        if twice {
            m /= 2
        } else {
            n /= 2
        }
        if five_times {
            m /= 5
        } else {
            n /= 5
        }
        scale -= 1;
        product = m.checked_mul(n);
    }
    from_parts(product?, scale, negative)
}

/// As `checked_mul`, sooner for the usual numbers, which are short.
fn wide_product(m: u128, n: u128) -> Option<u128> {
    match (u64::try_from(m), u64::try_from(n)) {
        (Ok(m), Ok(n)) => Some(u128::from(m) * u128::from(n)),
        _ => m.checked_mul(n),
    }
}

/// `a + b`, or `None` if `Decimal` can't hold it exactly.
pub(crate) fn add(a: Decimal, b: Decimal) -> Option<Decimal> {
    // Rescaling to the finer scale only overflows 128 bits with needless trailing zeros, or if
    // the sum doesn't fit 96 bits anyway.
    let (sum, scale) = aligned_sum(a, b).or_else(|| aligned_sum(a.normalize(), b.normalize()))?;
    from_parts(sum.unsigned_abs(), scale, sum < 0)
}

/// `a - b`, or `None` if `Decimal` can't hold it exactly.
pub(crate) fn sub(a: Decimal, b: Decimal) -> Option<Decimal> {
    add(a, -b)
}

/// `part / whole * 100` to 8 decimals: a percentage for display, saturating where it has no value.
pub(crate) fn percentage(part: Decimal, whole: Decimal) -> Decimal {
    part.checked_div(whole)
        .and_then(|ratio| ratio.checked_mul(Decimal::ONE_HUNDRED))
        .map_or(Decimal::MAX, |percent| round8(percent).normalize())
}

/// Half away from zero, to 8 decimals.
pub(crate) fn round8(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(
        MONEY_SCALE,
        rust_decimal::RoundingStrategy::MidpointAwayFromZero,
    )
}

/// The value in units of `10^-scale`, or `None` if it has more decimals or overflows. The value's
/// sign is dropped: callers have checked that it isn't negative.
pub(crate) fn to_units(value: Decimal, scale: u32) -> Option<u128> {
    // Zeros at its end only matter where there are too many.
    let value = match value.scale() <= scale {
        true => value,
        false => value.normalize(),
    };
    let missing = scale.checked_sub(value.scale())?;
    magnitude(value).checked_mul(pow10(missing)?)
}

/// `units * 10^-scale`, or `None` if `Decimal` can't hold it exactly.
pub(crate) fn from_units(units: u128, scale: u32) -> Option<Decimal> {
    from_parts(units, scale, false)
}

/// `a * b / d` rounded down, and the remainder, without overflow in between; `None` if the
/// quotient overflows 128 bits. `d` must be in 1..2^126.
pub(crate) fn mul_div(a: u128, b: u128, d: u128) -> Option<(u128, u128)> {
    if let Some(product) = a.checked_mul(b) {
        return Some((product / d, product % d));
    }
    // Horner's scheme over the bits of b: quotient and remainder double at each bit.
    let (a_quotient, a_remainder) = (a / d, a % d);
    let (mut quotient, mut remainder) = (0_u128, 0_u128);
    for bit in (0..u128::BITS - b.leading_zeros()).rev() {
        let set = (b >> bit) & 1;
        let doubled = remainder * 2 + a_remainder * set;
        quotient = quotient.checked_mul(2)?.checked_add(a_quotient * set)?;
        quotient = quotient.checked_add(doubled / d)?;
        remainder = doubled % d;
    }
    Some((quotient, remainder))
}

/// `10^0` to `10^38`: multiplying them out takes longer than what they are needed for.
const POWERS: [u128; 39] = {
    let mut powers = [1; 39];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

/// `10^exponent`, or `None` above `10^38`.
pub(crate) fn pow10(exponent: u32) -> Option<u128> {
    POWERS.get(exponent as usize).copied()
}

/// A price or another figure of at most 8 decimals in steps of 1e-8; `None` for more decimals.
pub(crate) fn steps_of(value: Decimal) -> Option<i128> {
    let missing = MONEY_SCALE.checked_sub(value.scale())?;
    // At most 10^8, that is 27 bits, and a mantissa has 96: the product fits.
    let factor = pow10(missing)? as i128;
    Some(value.mantissa() * factor)
}

/// The same as [`Decimal::normalize`], sooner for numbers as short as prices are.
pub(crate) fn normalized(value: Decimal) -> Decimal {
    let Ok(mut mantissa) = u64::try_from(magnitude(value)) else {
        return value.normalize();
    };
    let mut scale = value.scale();
    if mantissa == 0 {
        return Decimal::ZERO;
    }
    if scale == 0 || !mantissa.is_multiple_of(10) {
        return value;
    }
    while scale > 0 && mantissa.is_multiple_of(10) {
        mantissa /= 10;
        scale -= 1;
    }
    let mut short = Decimal::from(mantissa);
    // It was a valid scale before, and is smaller now.
    let _ = short.set_scale(scale);
    short.set_sign_negative(value.is_sign_negative());
    short
}

/// Appends a number as it is shown without zeros at its end, sooner than `Display` for those as short
/// as the figures of an execution are.
pub(crate) fn push_short(text: &mut String, value: Decimal) {
    const MOST_DIGITS: usize = 20;
    let value = normalized(value);
    let decimals = value.scale() as usize;
    let mut rest = match u64::try_from(magnitude(value)) {
        Ok(mantissa) if decimals < MOST_DIGITS => mantissa,
        _ => {
            // Writing to a String can't fail.
            let _ = write!(text, "{value}");
            return;
        }
    };
    let mut digits = [b'0'; MOST_DIGITS];
    // At least one before the point.
    let (point, mut first) = (MOST_DIGITS - decimals, MOST_DIGITS);
    while rest > 0 || first >= point {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let push = |text: &mut String, digits: &[u8]| {
        text.extend(digits.iter().map(|digit| char::from(*digit)));
    };
    if value.is_sign_negative() {
        text.push('-');
    }
    push(text, &digits[first..point]);
    if decimals > 0 {
        text.push('.');
        push(text, &digits[point..]);
    }
}

pub(crate) fn magnitude(value: Decimal) -> u128 {
    value.mantissa().unsigned_abs()
}

fn aligned_sum(a: Decimal, b: Decimal) -> Option<(i128, u32)> {
    let scale = a.scale().max(b.scale());
    let widen = |value: Decimal| {
        let (mantissa, missing) = (value.mantissa(), scale - value.scale());
        if missing == 0 {
            return Some(mantissa);
        }
        // At most 10^28, as scales are.
        let factor = pow10(missing)? as i128;
        match (i64::try_from(mantissa), i64::try_from(factor)) {
            (Ok(mantissa), Ok(factor)) => Some(i128::from(mantissa) * i128::from(factor)),
            _ => mantissa.checked_mul(factor),
        }
    };
    Some((widen(a)?.checked_add(widen(b)?)?, scale))
}

fn from_parts(mut mantissa: u128, mut scale: u32, negative: bool) -> Option<Decimal> {
    while (mantissa >= MANTISSA_LIMIT || scale > Decimal::MAX_SCALE) && scale > 0 {
        if !mantissa.is_multiple_of(10) {
            return None;
        }
        mantissa /= 10;
        scale -= 1;
    }
    if mantissa >= MANTISSA_LIMIT {
        return None;
    }
    // 96 bits by the check above, of which each cast takes its 32; and a valid scale.
    let (low, middle, high) = (
        mantissa as u32,
        (mantissa >> 32) as u32,
        (mantissa >> 64) as u32,
    );
    Some(Decimal::from_parts(low, middle, high, negative, scale))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;
    use rust_decimal_macros::dec;

    fn any_decimal() -> impl Strategy<Value = Decimal> {
        (any::<i128>(), 0_u32..=28, 0_u32..128).prop_map(|(m, scale, shift)| {
            Decimal::from_i128_with_scale((m >> shift) % (MANTISSA_LIMIT as i128), scale)
        })
    }

    #[test]
    fn a_product_that_fits_only_after_its_zeros_are_gone_is_exact() {
        // 2^90 * 5^40 = 2^50 * 10^40: 183 bits wide, 50 without the zeros.
        let twos = Decimal::from_i128_with_scale(1 << 90, 28);
        let fives = Decimal::from_i128_with_scale(5_i128.pow(40), 28);
        assert_eq!(
            mul(twos, fives),
            Some(Decimal::from_i128_with_scale(1 << 50, 16))
        );
        assert_eq!(mul(Decimal::MAX, dec!(1.0)), Some(Decimal::MAX));
        assert_eq!(mul(Decimal::MAX, dec!(10)), None);
        assert_eq!(mul(Decimal::MAX, Decimal::MAX), None);
        assert_eq!(mul(dec!(0.0000000000000000000000000001), dec!(0.1)), None);
        assert_eq!(
            mul(dec!(0.0000000000000000000000000001), dec!(0)),
            Some(dec!(0))
        );
    }

    #[test]
    fn a_sum_that_would_lose_digits_is_refused() {
        assert_eq!(add(Decimal::MAX, dec!(1)), None);
        assert_eq!(add(Decimal::MAX, dec!(0.1)), None);
        assert_eq!(add(dec!(1e28), dec!(0.1)), None);
        assert_eq!(sub(Decimal::MAX, Decimal::MAX), Some(Decimal::ZERO));
        assert_eq!(add(dec!(10000000000000), dec!(0.0000000000000001)), None);
        assert_eq!(
            add(dec!(1.0000000000000000000000000000), dec!(1e20)),
            Some(dec!(1e20) + dec!(1))
        );
    }

    #[test]
    fn mul_div_matches_small_numbers_and_survives_wide_ones() {
        assert_eq!(mul_div(7, 8, 9), Some((6, 2)));
        assert_eq!(mul_div(u128::MAX, 3, 3), Some((u128::MAX, 0)));
        assert_eq!(mul_div(u128::MAX, 4, 3), None);
    }

    #[test]
    fn units_of_a_number_do_not_depend_on_its_zeros() {
        assert_eq!(to_units(dec!(1.50), 8), Some(150_000_000));
        assert_eq!(to_units(dec!(1.5000000000), 8), Some(150_000_000));
        assert_eq!(to_units(dec!(1.5000000001), 8), None);
        assert_eq!(to_units(dec!(0.00), 1), Some(0));
    }

    proptest! {
        #[test]
        fn a_number_is_written_as_display_writes_it(value in any_decimal()) {
            let mut text = String::new();
            push_short(&mut text, value);
            prop_assert_eq!(text, value.normalize().to_string());
        }

        #[test]
        fn a_short_way_to_the_same_number(value in any_decimal(), zeros in 0_u32..9) {
            let mut long = value;
            long.rescale((value.scale() + zeros).min(28));
            for value in [value, long] {
                let (found, expected) = (normalized(value), value.normalize());
                prop_assert_eq!(found, expected);
                prop_assert_eq!(found.serialize(), expected.serialize());
            }
        }

        #[test]
        fn results_are_what_decimal_says_or_nothing(a in any_decimal(), b in any_decimal()) {
            // Undoing an exact operation gives the operand back; Decimal's own rounding would not.
            if let Some(sum) = add(a, b) {
                prop_assert_eq!(sub(sum, b), Some(a));
            }
            if let Some(product) = mul(a, b) && !b.is_zero() {
                prop_assert_eq!(product.checked_div(b), Some(a));
            }
        }

        #[test]
        fn mul_div_divides_the_full_product(
            a in any::<u128>(), b in any::<u64>(), d in 1_u128..1 << 126,
        ) {
            if let Some((quotient, remainder)) = mul_div(a, b.into(), d) {
                prop_assert!(remainder < d);
                // quotient * d + remainder = a * b, compared modulo two numbers without a factor
                // in common: it is too wide to compare whole.
                let b = u128::from(b);
                let left = quotient.wrapping_mul(d).wrapping_add(remainder);
                prop_assert_eq!(left, a.wrapping_mul(b));
                let p = (1_u128 << 61) - 1;
                let left = (quotient % p) * (d % p) + remainder % p;
                prop_assert_eq!(left % p, (a % p) * (b % p) % p);
            }
        }
    }
}
