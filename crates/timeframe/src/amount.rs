//! How much volume or price closes a bar.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

/// What an amount is below: a trillion.
const MAX: Decimal = Decimal::from_parts(3_567_587_328, 232, 0, false, 0);
/// Most decimals of an amount.
const MAX_SCALE: u32 = 12;

/// An exact amount above 0, below a trillion and with at most 12 decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Amount(Decimal);

/// It can close no bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an amount is a plain number above 0 and below 1000000000000, with at most 12 decimals")]
pub struct AmountError;

impl Amount {
    /// The amount as a number.
    #[inline]
    pub fn get(self) -> Decimal {
        self.0
    }
}

impl TryFrom<Decimal> for Amount {
    type Error = AmountError;

    fn try_from(amount: Decimal) -> Result<Self, AmountError> {
        let amount = amount.normalize();
        match amount > Decimal::ZERO && amount < MAX && amount.scale() <= MAX_SCALE {
            true => Ok(Self(amount)),
            false => Err(AmountError),
        }
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    /// Digits with at most one point between them: no sign, no exponent, no separators.
    fn from_str(text: &str) -> Result<Self, AmountError> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !are_digits(whole) || !are_digits(decimals) {
            return Err(AmountError);
        }
        // Exact: more digits than a decimal holds are an error, and never rounded away.
        let amount = Decimal::from_str_exact(text).map_err(|_| AmountError)?;
        Self::try_from(amount)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_amount_is_a_plain_number_within_its_limits() {
        assert_eq!(MAX.to_string(), "1000000000000");
        for (text, kept) in [
            ("2.5", "2.5"),
            ("2.50", "2.5"),
            ("007", "7"),
            ("100", "100"),
            ("0.000000000001", "0.000000000001"),
            ("999999999999.999999999999", "999999999999.999999999999"),
        ] {
            assert_eq!(text.parse::<Amount>().unwrap().to_string(), kept);
        }
        for wrong in [
            "",
            ".",
            "0",
            "0.0",
            "-1",
            "+1",
            "1e3",
            "1_000",
            "1,5",
            " 1",
            "1 ",
            "1.",
            ".5",
            "1.2.3",
            "NaN",
            "inf",
            "٣",
            "0.0000000000001",
            "1000000000000",
            "1.00000000000000000000000000000000001",
            "100000000000000000000000000000000000000",
        ] {
            assert_eq!(wrong.parse::<Amount>(), Err(AmountError), "{wrong}");
        }
    }
}
