//! Frames to play, read or made on a thread of their own.

use axum::extract::ws::Utf8Bytes;
use tokio::sync::mpsc;

use super::config::Source;
use crate::exchange::{FrameKind, parse};
use crate::market::{MarketFrame, RandomMarket};
use crate::products::ProductId;
use crate::recording::{RecordedFrame, RecordingReader, expand};
use crate::trade::Trade;

/// A chunk is complete with so many frames, or
const CHUNK_FRAMES: usize = 256;
/// with so many bytes, as order book frames can be a megabyte long.
const CHUNK_BYTES: usize = 1 << 20;

/// How many chunks are read ahead.
const CHUNKS_AHEAD: usize = 4;

/// A frame, ready to be sent any number of times without a copy.
#[derive(Debug, Clone)]
pub(super) struct SimFrame {
    pub kind: FrameKind,
    /// `None` only for `status`.
    pub product: Option<ProductId>,
    /// When it is due, in microseconds of event time. Never runs backwards: merged channels may be
    /// out of order by some milliseconds, and then the later time counts.
    pub due: i64,
    pub text: Utf8Bytes,
    /// What a `ticker` or `match` tells.
    pub trade: Option<Trade>,
}

impl SimFrame {
    /// A frame that stands for a trade.
    pub fn of_trade(trade: Trade) -> Self {
        Self {
            kind: FrameKind::Match,
            product: Some(trade.product_id),
            due: trade.time.timestamp_micros(),
            text: Utf8Bytes::default(),
            trade: Some(trade),
        }
    }
}

/// Starts to read; the receiver gives chunks until the source ends.
pub(super) fn spawn(source: Source) -> mpsc::Receiver<Vec<SimFrame>> {
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    tokio::task::spawn_blocking(move || match source {
        Source::Recording { path, range } => match RecordingReader::open(&path) {
            Ok(reader) => read_recording(reader.between(range), &sender),
            Err(error) => tracing::error!(%error, "recording lost after the start"),
        },
        Source::Market(config) => match RandomMarket::new(&config) {
            Ok(market) => send_chunks(market.map(market_frame), &sender),
            Err(error) => tracing::error!(%error, "market refused after the start"),
        },
    });
    receiver
}

/// It has been read through once at the start, so that an error here means that it has changed.
fn read_recording(reader: RecordingReader, sender: &mpsc::Sender<Vec<SimFrame>>) {
    let readable = reader.map_while(|frame| {
        frame
            .inspect_err(|error| tracing::error!(%error, "recording ends early"))
            .ok()
    });
    let mut latest = i64::MIN;
    let frames = readable.flat_map(expand).filter_map(move |frame| {
        let frame = recorded_frame(frame, latest)?;
        latest = frame.due;
        Some(frame)
    });
    send_chunks(frames, sender);
}

/// `None` for frames that don't belong to a channel.
fn recorded_frame(frame: RecordedFrame, latest: i64) -> Option<SimFrame> {
    let kind = FrameKind::parse(frame.kind.as_deref()?)?;
    kind.channel()?;
    if frame.product_id.is_none() && kind != FrameKind::Status {
        return None;
    }
    // If the recording tells when a frame was received, it is sent then.
    let clock = frame.received.or(frame.time);
    let own = clock.map_or(latest, |time| time.timestamp_micros());
    let (product, due) = (frame.product_id, own.max(latest));
    let trade = match kind {
        FrameKind::Ticker | FrameKind::Match => {
            parse(&frame.text).ok().and_then(|parsed| parsed.trade())
        }
        _ => None,
    };
    Some(SimFrame {
        kind,
        product,
        due,
        text: frame.text.into(),
        trade,
    })
}

fn market_frame(frame: MarketFrame) -> SimFrame {
    SimFrame {
        kind: frame.kind,
        product: Some(frame.product_id),
        due: frame.time.timestamp_micros(),
        text: frame.text.into(),
        trade: frame.trade,
    }
}

fn send_chunks(frames: impl Iterator<Item = SimFrame>, sender: &mpsc::Sender<Vec<SimFrame>>) {
    let mut chunk = Vec::with_capacity(CHUNK_FRAMES);
    let mut bytes = 0;
    for frame in frames {
        bytes += frame.text.len();
        chunk.push(frame);
        if chunk.len() == CHUNK_FRAMES || bytes >= CHUNK_BYTES {
            let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK_FRAMES));
            bytes = 0;
            // An error means that nobody plays any more.
            if sender.blocking_send(full).is_err() {
                return;
            }
        }
    }
    if !chunk.is_empty() {
        let _ = sender.blocking_send(chunk);
    }
}
