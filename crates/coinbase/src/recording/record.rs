//! One line of a recording that the recorder writes: a frame, when it came, and over which
//! connection.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// How such a line begins; a plain frame begins otherwise.
pub(super) const START: &str = r#"{"t":"#;

/// What a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// A frame was received.
    Received,
    /// A request was sent.
    Sent,
    /// A connection came about.
    Connected,
    /// A connection ended.
    Disconnected,
}

impl RecordKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Received => "recv",
            Self::Sent => "send",
            Self::Connected => "connect",
            Self::Disconnected => "disconnect",
        }
    }
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it tells.
    pub kind: RecordKind,
    /// Counts the recorder's connections.
    pub connection: u64,
    /// When, by the recorder's clock.
    pub time: DateTime<Utc>,
    /// The frame, the request, the address, or the reason.
    pub data: Vec<u8>,
}

#[derive(Serialize)]
struct Written<'a> {
    t: &'static str,
    conn: u64,
    ts: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    /// Bytes that are no UTF-8, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
}

impl Record {
    /// The line, with its end.
    pub(super) fn to_line(&self) -> String {
        let text = std::str::from_utf8(&self.data).ok();
        let hex = || self.data.iter().map(|byte| format!("{byte:02x}")).collect();
        let written = Written {
            t: self.kind.as_str(),
            conn: self.connection,
            ts: self.time.to_rfc3339_opts(SecondsFormat::Micros, true),
            data: text,
            hex: text.is_none().then(hex),
        };
        // Only strings and a number: it can't fail.
        let mut line = serde_json::to_string(&written).unwrap_or_default();
        line.push('\n');
        line
    }
}

/// A line as it is read. Recordings of other programs have the same shape with other details: a
/// time in seconds, a connection's name.
#[derive(Deserialize)]
pub(super) struct Read<'a> {
    #[serde(borrow)]
    t: Cow<'a, str>,
    #[serde(default)]
    conn: Connection,
    ts: Option<Time>,
    #[serde(borrow, default)]
    data: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    hex: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Connection {
    Number(u64),
    Name(String),
    Other(serde::de::IgnoredAny),
}

impl Default for Connection {
    fn default() -> Self {
        Self::Number(0)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Time {
    Seconds(f64),
    Text(DateTime<Utc>),
}

/// A frame that was received.
pub(super) struct Received<'a> {
    pub text: Cow<'a, str>,
    pub time: Option<DateTime<Utc>>,
    pub connection: String,
}

impl<'a> Read<'a> {
    /// Reads a line; `None` if it isn't one of these.
    pub fn of(line: &'a str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }

    /// The frame, if it tells one.
    pub fn received(self) -> Option<Received<'a>> {
        if self.t != "recv" {
            return None;
        }
        let text = match (self.data, self.hex) {
            (Some(data), _) => data,
            // No frame that could be read; what can be shown of it is.
            (None, Some(hex)) => String::from_utf8_lossy(&unhex(&hex)).into_owned().into(),
            (None, None) => return None,
        };
        let time = self.ts.and_then(|ts| match ts {
            Time::Text(time) => Some(time),
            Time::Seconds(seconds) => DateTime::from_timestamp_micros((seconds * 1e6) as i64),
        });
        let connection = match self.conn {
            Connection::Number(number) => number.to_string(),
            Connection::Name(name) => name,
            Connection::Other(_) => String::new(),
        };
        Some(Received {
            text,
            time,
            connection,
        })
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.filter_map(byte).collect()
}
