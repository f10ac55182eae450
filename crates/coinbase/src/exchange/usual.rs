//! The frames that come all the time, letter for letter as Coinbase writes them: with the fields in
//! the order in which they have stood in every recording.
//!
//! Then no name has to be looked up, and numbers become numbers where they stand, eight digits at a
//! time. Whatever deviates by a byte (another order, a field more, a value that isn't valid) is left
//! to [`fast`](super::fast) and to serde, which word the errors, too: what is read here is valid, and
//! is what they would have read.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::fast::until_special;
use super::frame::{Frame, Heartbeat, LastTrade, Match, Ticker};
use crate::decimal::parse_exact;
use crate::products::ProductId;
use crate::time::usual_time;
use crate::trade::Side;

/// Reads a frame; `None` if it isn't exactly as Coinbase writes it. It need not be UTF-8.
pub(super) fn frame(bytes: &[u8]) -> Option<Frame<'static>> {
    let mut rest = Rest(bytes);
    rest.literal(br#"{"type":""#)?;
    match rest.0.first()? {
        b't' => ticker(rest).map(Frame::Ticker),
        b'm' => {
            rest.literal(b"match")?;
            match_frame(rest).map(Frame::Match)
        }
        b'l' => {
            rest.literal(b"last_match")?;
            match_frame(rest).map(Frame::LastMatch)
        }
        b'h' => heartbeat(rest).map(Frame::Heartbeat),
        _ => None,
    }
}

fn ticker(mut rest: Rest<'_>) -> Option<Ticker> {
    rest.literal(br#"ticker","sequence":"#)?;
    let sequence = Some(rest.integer()?);
    rest.literal(br#","product_id":""#)?;
    let product_id = rest.product()?;
    rest.literal(br#","price":""#)?;
    let price = rest.positive()?;
    rest.literal(br#","open_24h":""#)?;
    rest.text()?;
    rest.literal(br#","volume_24h":""#)?;
    rest.text()?;
    rest.literal(br#","low_24h":""#)?;
    rest.text()?;
    rest.literal(br#","high_24h":""#)?;
    rest.text()?;
    rest.literal(br#","volume_30d":""#)?;
    rest.text()?;
    rest.literal(br#","best_bid":""#)?;
    let best_bid = rest.decimal()?;
    rest.literal(br#","best_bid_size":""#)?;
    rest.text()?;
    rest.literal(br#","best_ask":""#)?;
    let best_ask = rest.decimal()?;
    rest.literal(br#","best_ask_size":""#)?;
    rest.text()?;
    rest.literal(br#","side":""#)?;
    let side = rest.side()?;
    rest.literal(br#","time":""#)?;
    let time = rest.time()?;
    rest.literal(br#","trade_id":"#)?;
    let trade_id = rest.integer()?;
    rest.literal(br#","last_size":""#)?;
    let size = rest.positive()?;
    rest.end()?;
    Some(Ticker {
        product_id,
        sequence,
        price,
        // Zero while that side of the book is empty.
        best_bid: Some(best_bid).filter(|bid| !bid.is_zero()),
        best_ask: Some(best_ask).filter(|ask| !ask.is_zero()),
        last_trade: Some(LastTrade {
            trade_id,
            size,
            side,
            time,
        }),
    })
}

fn match_frame(mut rest: Rest<'_>) -> Option<Match> {
    rest.literal(br#"","trade_id":"#)?;
    let trade_id = rest.integer()?;
    rest.literal(br#","maker_order_id":""#)?;
    rest.text()?;
    rest.literal(br#","taker_order_id":""#)?;
    rest.text()?;
    rest.literal(br#","side":""#)?;
    let maker_side = rest.side()?;
    rest.literal(br#","size":""#)?;
    let size = rest.positive()?;
    rest.literal(br#","price":""#)?;
    let price = rest.positive()?;
    rest.literal(br#","product_id":""#)?;
    let product_id = rest.product()?;
    rest.literal(br#","sequence":"#)?;
    let sequence = Some(rest.integer()?);
    rest.literal(br#","time":""#)?;
    let time = rest.time()?;
    rest.end()?;
    Some(Match {
        product_id,
        trade_id,
        sequence,
        price,
        size,
        maker_side,
        time,
    })
}

fn heartbeat(mut rest: Rest<'_>) -> Option<Heartbeat> {
    rest.literal(br#"heartbeat","last_trade_id":"#)?;
    let last_trade_id = rest.integer()?;
    rest.literal(br#","product_id":""#)?;
    let product_id = rest.product()?;
    rest.literal(br#","sequence":"#)?;
    let sequence = Some(rest.integer()?);
    rest.literal(br#","time":""#)?;
    let time = rest.time()?;
    rest.end()?;
    Some(Heartbeat {
        product_id,
        last_trade_id,
        sequence,
        time,
    })
}

/// What is left of a frame.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    #[inline(always)]
    fn literal<const N: usize>(&mut self, literal: &[u8; N]) -> Option<()> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        (head == literal).then_some(())
    }

    fn end(&self) -> Option<()> {
        (self.0 == b"}").then_some(())
    }

    /// A string of plain ASCII, and its closing quotation mark.
    #[inline(always)]
    fn text(&mut self) -> Option<&'a [u8]> {
        let length = until_special::<true>(self.0)?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest.strip_prefix(b"\"")?;
        Some(text)
    }

    fn product(&mut self) -> Option<ProductId> {
        // ASCII, so that this never fails.
        ProductId::parse(std::str::from_utf8(self.text()?).ok()?).ok()
    }

    fn side(&mut self) -> Option<Side> {
        match self.text()? {
            b"buy" => Some(Side::Buy),
            b"sell" => Some(Side::Sell),
            _ => None,
        }
    }

    fn time(&mut self) -> Option<DateTime<Utc>> {
        usual_time(self.text()?)
    }

    fn positive(&mut self) -> Option<Decimal> {
        self.decimal().filter(|number| !number.is_zero())
    }

    /// A whole number from 0 to 2^64 - 1; not what follows it.
    fn integer(&mut self) -> Option<u64> {
        let window = Window::of(self.0);
        let (number, length) = match window.first_other() {
            Some(length) => (window.digits(length), length),
            None => {
                let is_digit = |byte: &u8| byte.is_ascii_digit();
                let length = self.0.iter().take_while(|byte| is_digit(byte)).count();
                let text = std::str::from_utf8(self.0.get(..length)?).ok()?;
                (text.parse().ok()?, length)
            }
        };
        // JSON knows no leading zeros.
        let is_number = length == 1 || length > 1 && self.0.first() != Some(&b'0');
        self.0 = self.0.get(length..)?;
        is_number.then_some(number)
    }

    /// An unsigned decimal of digits and perhaps a point, and its closing quotation mark.
    fn decimal(&mut self) -> Option<Decimal> {
        if let Some((number, length)) = Window::of(self.0).decimal() {
            self.0 = self.0.get(length + 1..)?;
            return Some(number);
        }
        let text = std::str::from_utf8(self.text()?).ok()?;
        parse_exact(text).filter(Decimal::is_sign_positive)
    }
}

const ZEROS: u128 = 0x3030_3030_3030_3030_3030_3030_3030_3030;
const HIGHS: u64 = 0x8080_8080_8080_8080;
const LOWS: u64 = 0x7f7f_7f7f_7f7f_7f7f;

/// The next sixteen bytes as what they are worth as digits, the first in the lowest byte. What is no
/// digit is worth more than 9.
#[derive(Clone, Copy)]
struct Window(u128);

impl Window {
    #[inline(always)]
    fn of(bytes: &[u8]) -> Self {
        let window = match bytes.first_chunk::<16>() {
            Some(window) => *window,
            // Near the end of the frame. A byte of zero is no digit.
            None => {
                let mut window = [0; 16];
                for (to, from) in window.iter_mut().zip(bytes) {
                    *to = *from;
                }
                window
            }
        };
        Self(u128::from_le_bytes(window) ^ ZEROS)
    }

    /// Marks the high bit of each byte that is no digit.
    #[inline(always)]
    fn others(self) -> u128 {
        // A byte of up to 0x7f plus 0x76 never carries, and has the high bit from 10 on.
        let marks =
            |word: u64| ((word & LOWS).wrapping_add(HIGHS - 0x0a0a_0a0a_0a0a_0a0a) | word) & HIGHS;
        u128::from(marks((self.0 >> 64) as u64)) << 64 | u128::from(marks(self.0 as u64))
    }

    /// How many digits there are in front, if something else follows within the window.
    #[inline(always)]
    fn first_other(self) -> Option<usize> {
        position(self.others())
    }

    /// The number that the first `count` digits make; at most 16.
    #[inline(always)]
    fn digits(self, count: usize) -> u64 {
        number(self.0, count)
    }

    /// A decimal that ends within the window with a quotation mark, and how long it is.
    #[inline(always)]
    fn decimal(self) -> Option<(Decimal, usize)> {
        const QUOTE: u8 = b'"' ^ b'0';
        const POINT: u8 = b'.' ^ b'0';
        let window = self.0;
        let byte = |at: usize| (window >> (8 * at)) as u8;
        let others = self.others();
        let first = position(others)?;
        if first == 0 {
            return None;
        }
        if byte(first) == QUOTE {
            return Some((decimal(number(window, first), 0), first));
        }
        let second = position(others & (others - 1))?;
        let places = second - first - 1;
        if byte(first) != POINT || byte(second) != QUOTE || places == 0 {
            return None;
        }
        // What follows the point moves to its place.
        let before = (1_u128 << (8 * first)) - 1;
        let joined = window & before | window >> 8 & !before;
        Some((decimal(number(joined, second - 1), places as u32), second))
    }
}

/// Which byte is the first that is marked.
#[inline(always)]
fn position(marks: u128) -> Option<usize> {
    (marks != 0).then_some(marks.trailing_zeros() as usize / 8)
}

/// The number of the first `count` digits of a window, at most 16; 0 for none.
#[inline(always)]
fn number(window: u128, count: usize) -> u64 {
    // Zeros come in front, and what follows the digits is shifted out.
    let aligned = match count {
        0 => 0,
        _ => window << (8 * (16 - count)),
    };
    eight_digits(aligned as u64) * 100_000_000 + eight_digits((aligned >> 64) as u64)
}

/// The number of eight digits, the first in the lowest byte: neighbours are joined three times.
#[inline(always)]
fn eight_digits(digits: u64) -> u64 {
    // Nothing here leaves its lane: 9 * 10 + 9 fits a byte, 99 * 100 + 99 two, and so on.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff
}

/// A mantissa of up to 15 digits with its point.
fn decimal(mantissa: u64, scale: u32) -> Decimal {
    Decimal::from_parts(mantissa as u32, (mantissa >> 32) as u32, 0, false, scale)
}
