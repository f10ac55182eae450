//! The snapshot's bytes: variable-length integers and the exact bits of binary numbers.

/// The bytes end early, go on, or hold a value that can't be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CodecError;

/// Far from overflow, and exact as a binary number.
const LAST_POSITION: i64 = 1 << 53;

/// Appends values to bytes.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Seven bits a byte, lowest first; the sign is the lowest bit.
    pub(super) fn integer(&mut self, value: i128) {
        let mut rest = ((value << 1) ^ (value >> 127)) as u128;
        while rest >= 0x80 {
            self.byte(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.byte(rest as u8);
    }

    pub(super) fn count(&mut self, value: usize) {
        self.integer(value as i128);
    }

    pub(super) fn real(&mut self, value: f64) {
        self.raw(&value.to_le_bytes());
    }

    /// A condition that may have no value.
    pub(super) fn condition(&mut self, value: Option<bool>) {
        self.byte(value.map_or(2, u8::from));
    }

    /// A whole number that may be none.
    pub(super) fn optional(&mut self, value: Option<i64>) {
        self.byte(u8::from(value.is_some()));
        if let Some(value) = value {
            self.integer(i128::from(value));
        }
    }

    /// How many evaluations something has seen. What no market comes to, but a damaged number may, is
    /// written as the nearest that is read again.
    pub(super) fn position(&mut self, value: impl Into<i128>) {
        self.integer(value.into().clamp(0, LAST_POSITION.into()));
    }

    pub(super) fn position_or_none(&mut self, value: Option<i64>) {
        self.byte(u8::from(value.is_some()));
        if let Some(value) = value {
            self.position(value);
        }
    }

    /// A ring of numbers and where its oldest value is.
    pub(super) fn ring(&mut self, ring: &[f64], oldest: usize) {
        self.count(ring.len());
        self.count(oldest);
        ring.iter().for_each(|value| self.real(*value));
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Takes values from bytes.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn raw<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(CodecError)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, CodecError> {
        self.raw::<1>().map(|[byte]| byte)
    }

    pub(super) fn integer(&mut self) -> Result<i128, CodecError> {
        let mut value = 0_u128;
        for shift in (0..126).step_by(7) {
            let byte = self.byte()?;
            value |= u128::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((value >> 1) as i128 ^ -((value & 1) as i128));
            }
        }
        // No value that is written needs more than 126 bits.
        Err(CodecError)
    }

    /// A count of at most `most`.
    pub(super) fn count(&mut self, most: usize) -> Result<usize, CodecError> {
        let value = usize::try_from(self.integer()?).map_err(|_| CodecError)?;
        if value <= most {
            Ok(value)
        } else {
            Err(CodecError)
        }
    }

    /// A number or NaN (no value). Whatever can be written is read: a market gives no infinity, but a
    /// damaged number may grow into one, and what was gone on from once is gone on from again.
    pub(super) fn real(&mut self) -> Result<f64, CodecError> {
        self.raw().map(f64::from_le_bytes)
    }

    pub(super) fn optional(&mut self) -> Result<Option<i64>, CodecError> {
        match self.byte()? {
            0 => Ok(None),
            1 => i64::try_from(self.integer()?)
                .map(Some)
                .map_err(|_| CodecError),
            _ => Err(CodecError),
        }
    }

    /// How many evaluations something has seen.
    pub(super) fn position(&mut self) -> Result<i64, CodecError> {
        let position = i64::try_from(self.integer()?).map_err(|_| CodecError)?;
        if (0..=LAST_POSITION).contains(&position) {
            Ok(position)
        } else {
            Err(CodecError)
        }
    }

    pub(super) fn position_or_none(&mut self) -> Result<Option<i64>, CodecError> {
        match self.byte()? {
            0 => Ok(None),
            1 => self.position().map(Some),
            _ => Err(CodecError),
        }
    }

    /// Fills a ring of at most `most` numbers; gives where its oldest value is.
    pub(super) fn ring(&mut self, ring: &mut Vec<f64>, most: usize) -> Result<usize, CodecError> {
        let length = self.count(most)?;
        let oldest = self.count(length.saturating_sub(1))?;
        if length < most && oldest > 0 {
            return Err(CodecError);
        }
        ring.clear();
        for _ in 0..length {
            let value = self.real()?;
            if value.is_nan() {
                return Err(CodecError);
            }
            ring.push(value);
        }
        Ok(oldest)
    }

    pub(super) fn condition(&mut self) -> Result<Option<bool>, CodecError> {
        match self.byte()? {
            0 => Ok(Some(false)),
            1 => Ok(Some(true)),
            2 => Ok(None),
            _ => Err(CodecError),
        }
    }

    /// All bytes were taken.
    pub(super) fn finish(self) -> Result<(), CodecError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(CodecError)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn integers_survive_and_short_input_is_an_error() {
        let values = [0, 1, -1, 63, -64, 64, 10_i128.pow(33), -(10_i128.pow(33))];
        let mut out = Writer::default();
        values.into_iter().for_each(|value| out.integer(value));
        let bytes = out.finish();
        let mut input = Reader::new(&bytes);
        for value in values {
            assert_eq!(input.integer(), Ok(value));
        }
        input.finish().unwrap();
        assert_eq!(Reader::new(&[0x80]).integer(), Err(CodecError));
        assert_eq!(Reader::new(&[0xff; 40]).integer(), Err(CodecError));
    }
}
