//! Frames that no client can read.

use axum::body::Bytes;
use axum::extract::ws::Message;

/// How many kinds there are.
pub(super) const KINDS: u32 = 10;

/// Something unreadable, made of a frame that could be read. None of it tells a trade.
pub(super) fn garbage(kind: u32, frame: &str) -> Message {
    let text = match kind {
        1 => cut(frame).to_owned(),
        2 => r#"{"type":"ticker","product_id":"BTC-USD","price":NaN}"#.to_owned(),
        3 => r#"{"type":"match","trade_id":"7","price":1}"#.to_owned(),
        4 => r#"{"type":"brand_new","sequence_num":"x"}"#.to_owned(),
        5 => r#"["ticker"]"#.to_owned(),
        6 => String::new(),
        7 => "[".repeat(4_096),
        // Long, and of a type that nobody knows.
        8 => format!(r#"{{"type":"noise","noise":"{}"}}"#, "x".repeat(1 << 20)),
        9 => "<html><body>503 Service Unavailable</body></html>".to_owned(),
        _ => {
            let mut bytes = frame.as_bytes().to_vec();
            // In a string somewhere: no UTF-8 any more.
            let middle = bytes.len() / 2;
            if let Some(byte) = bytes.get_mut(middle) {
                *byte = 0xff;
            }
            return Message::Binary(Bytes::from(bytes));
        }
    };
    Message::Text(text.into())
}

/// The front half.
fn cut(frame: &str) -> &str {
    let mut end = frame.len() / 2;
    while !frame.is_char_boundary(end) {
        end -= 1;
    }
    frame.get(..end).unwrap_or_default()
}
