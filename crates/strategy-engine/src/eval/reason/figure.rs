//! Figures as a reason shows them: so many decimals, and commas between thousands.

use std::cmp::Ordering;

/// Most decimals that are shown.
const MOST: usize = 12;

/// A number with a fixed count of decimals. Rounding one with the standard library's formatting
/// costs more than everything else of a reason; what fits into an integer is rounded as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fixed {
    /// The magnitude in units of the last decimal.
    Scaled {
        negative: bool,
        units: u64,
        digits: usize,
    },
    /// As the standard library has it.
    Text(String),
}

impl Fixed {
    /// Rounds the exact value of the number half to even, as `{:.digits$}` does.
    fn new(value: f64, digits: usize) -> Self {
        let units = (digits <= MOST).then(|| scaled(value.abs(), digits as u32));
        match units.flatten() {
            Some(units) => Self::Scaled {
                negative: value.is_sign_negative(),
                units,
                digits,
            },
            None => Self::Text(grouped(&format!("{value:.digits$}"))),
        }
    }

    /// What is counted, and has no decimals.
    pub(super) fn whole(value: f64) -> Self {
        Self::new(value, 0)
    }

    /// Appends it.
    pub(super) fn write(&self, text: &mut String) {
        let (negative, units, digits) = match self {
            Self::Text(figure) => return text.push_str(figure),
            Self::Scaled {
                negative,
                units,
                digits,
            } => (*negative, *units, *digits),
        };
        // 20 digits, 6 commas, a point and a sign.
        let mut buffer = [0_u8; 32];
        let mut begin = buffer.len();
        let mut push = |byte: u8| {
            begin -= 1;
            buffer[begin] = byte;
        };
        let mut rest = units;
        for _ in 0..digits {
            push(b'0' + (rest % 10) as u8);
            rest /= 10;
        }
        if digits > 0 {
            push(b'.');
        }
        let mut whole = 0;
        while whole == 0 || rest > 0 {
            if whole > 0 && whole % 3 == 0 {
                push(b',');
            }
            push(b'0' + (rest % 10) as u8);
            rest /= 10;
            whole += 1;
        }
        if negative {
            push(b'-');
        }
        text.extend(buffer[begin..].iter().map(|byte| char::from(*byte)));
    }
}

/// A magnitude in units of `10^-digits`, rounded half to even; none where that is no `u64` or where
/// the number is none.
fn scaled(magnitude: f64, digits: u32) -> Option<u64> {
    const FRACTION: u32 = f64::MANTISSA_DIGITS - 1;
    let bits = magnitude.to_bits();
    let exponent = (bits >> FRACTION) as i32;
    if exponent == 0x7ff {
        return None;
    }
    let fraction = bits & ((1 << FRACTION) - 1);
    // magnitude = mantissa * 2^power; below 2^53 times at most 10^12 is below 2^93.
    let (mantissa, power) = match exponent {
        0 => (fraction, -1_074),
        _ => (fraction | (1 << FRACTION), exponent - 1_075),
    };
    let product = u128::from(mantissa) * 10_u128.pow(digits);
    let rounded = if power >= 0 {
        // Far beyond an u64 where it is more than the product has room for.
        if power > 34 {
            return None;
        }
        product << power
    } else if power < -127 {
        // Less than half a unit.
        0
    } else {
        let shift = -power as u32;
        let (whole, rest) = (product >> shift, product & ((1 << shift) - 1));
        let half = 1_u128 << (shift - 1);
        let up = rest > half || (rest == half && whole % 2 == 1);
        whole + u128::from(up)
    };
    u64::try_from(rounded).ok()
}

/// Two numbers with the decimals that suit their magnitude, and more where they are different but
/// would look the same.
pub(super) fn telling(first: f64, second: f64) -> (Fixed, Fixed) {
    let suitable = match first.abs().max(second.abs()) {
        m if m >= 10.0 => 2,
        m if m >= 1.0 => 4,
        _ => 8,
    };
    let both = |digits| (Fixed::new(first, digits), Fixed::new(second, digits));
    if matches!(first.partial_cmp(&second), None | Some(Ordering::Equal)) {
        return both(suitable);
    }
    (suitable..MOST)
        .map(both)
        .find(|(first, second)| first != second)
        .unwrap_or_else(|| both(MOST))
}

/// A number with commas between its thousands.
pub(super) fn grouped(figure: &str) -> String {
    let whole = figure.find('.').unwrap_or(figure.len());
    let (whole, decimals) = figure.split_at(whole);
    let mut text = String::with_capacity(figure.len() + whole.len() / 3);
    for (index, digit) in whole.char_indices() {
        let left = whole.len() - index;
        let between = text.ends_with(|last: char| last.is_ascii_digit());
        if between && left % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text.push_str(decimals);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(value: f64, digits: usize) -> String {
        let mut text = String::new();
        Fixed::new(value, digits).write(&mut text);
        text
    }

    /// The standard library's own text.
    fn expected(value: f64, digits: usize) -> String {
        grouped(&format!("{value:.digits$}"))
    }

    #[test]
    fn ties_signs_and_the_edges_of_what_fits_are_the_standard_librarys() {
        let edges = [
            0.0,
            -0.0,
            0.5,
            1.5,
            2.5,
            0.125,
            0.375,
            0.005,
            0.015,
            1.005,
            -0.001,
            -0.005,
            999.995,
            999_999.995,
            65_012.345,
            1e15,
            1.844_674_407_370_955e17,
            1.9e17,
            1.9e19,
            1e22,
            1e300,
            5e-324,
            1e-40,
            f64::MIN_POSITIVE,
            f64::MAX,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ];
        for value in edges {
            for digits in 0..=MOST {
                assert_eq!(
                    shown(value, digits),
                    expected(value, digits),
                    "{value} {digits}"
                );
            }
        }
        assert_eq!(shown(1_234_567.891, 2), "1,234,567.89");
        assert_eq!(shown(-1_234.5, 0), "-1,234");
    }

    #[test]
    fn different_numbers_are_told_apart() {
        let texts = |first, second| {
            let (first, second) = telling(first, second);
            let text = |figure: &Fixed| {
                let mut text = String::new();
                figure.write(&mut text);
                text
            };
            [text(&first), text(&second)]
        };
        assert_eq!(texts(63_512.4, 63_498.1), ["63,512.40", "63,498.10"]);
        assert_eq!(texts(10.0, 10.001), ["10.000", "10.001"]);
        assert_eq!(texts(1.0, 1.0), ["1.0000", "1.0000"]);
        assert_eq!(
            texts(0.1, 0.1 + 1e-15),
            ["0.100000000000", "0.100000000000"]
        );
    }

    proptest! {
        #[test]
        fn any_number_is_what_the_standard_library_writes(bits in any::<u64>(), digits in 0_usize..=MOST) {
            let value = f64::from_bits(bits);
            prop_assert_eq!(shown(value, digits), expected(value, digits));
        }

        #[test]
        fn prices_are_what_the_standard_library_writes(
            mantissa in -(1_i64 << 53)..(1_i64 << 53),
            power in 0_i32..60,
            digits in 0_usize..=MOST,
        ) {
            let value = mantissa as f64 / 2_f64.powi(power);
            prop_assert_eq!(shown(value, digits), expected(value, digits));
        }
    }
}
