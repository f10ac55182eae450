//! What the simulator plays, and how.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::chaos::Chaos;
use crate::market::{MarketConfig, MarketError};
use crate::products::ProductId;
use crate::recording::{RecordingError, TimeRange};

/// What is played.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A recording, once. Frames of the types `subscriptions` and `error` are left out: they answer
    /// the client that made the recording.
    Recording {
        /// The file.
        path: PathBuf,
        /// Which part of it.
        range: TimeRange,
    },
    /// The random market, for ever.
    Market(MarketConfig),
}

/// How fast it is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// By the frames' event times.
    RealTime,
    /// So many times faster than real time; more than 0.
    Times(f64),
    /// As fast as the slowest client reads. Nothing is played while nobody is subscribed.
    AsFastAsClientReads,
}

impl Speed {
    /// Seconds of event time in one second; `None` if the clock doesn't matter.
    pub(super) fn factor(self) -> Option<f64> {
        match self {
            Self::RealTime => Some(1.0),
            Self::Times(factor) => Some(factor),
            Self::AsFastAsClientReads => None,
        }
    }
}

/// How the simulator behaves. It plays one stream to all its clients: the stream begins when the
/// first client subscribes to `ticker`, `matches` or `level2_batch`; whoever comes later joins it
/// where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatorConfig {
    /// What is played.
    pub source: Source,
    /// How fast. Default: real time.
    pub speed: Speed,
    /// Where to listen. Default: a free port of 127.0.0.1.
    pub listen: SocketAddr,
    /// Don't begin before [`SimulatorHandle::release`](super::SimulatorHandle::release), even if
    /// clients are subscribed. Default: false.
    pub hold: bool,
    /// What goes wrong on the way to the clients. Default: nothing.
    pub chaos: Chaos,
    /// A recording of what really happened: REST tells its trades as soon as one with the same id or
    /// a later one was played, even if `source` lacks them. Default: REST tells what is played, and
    /// so also what `chaos` loses.
    pub history: Option<PathBuf>,
    /// How many trades REST remembers, of all products together, in equal parts. Default: 300,000
    /// (about 50 MB).
    pub history_trades: usize,
    /// Clients that haven't subscribed by then are disconnected. Default: 5 s, as at Coinbase.
    pub subscribe_within: Duration,
}

impl SimulatorConfig {
    /// The whole of a recording, at real time.
    pub fn recording(path: impl Into<PathBuf>) -> Self {
        Self::new(Source::Recording {
            path: path.into(),
            range: TimeRange::ALL,
        })
    }

    /// The random market, at real time.
    pub fn market(config: MarketConfig) -> Self {
        Self::new(Source::Market(config))
    }

    fn new(source: Source) -> Self {
        Self {
            source,
            speed: Speed::RealTime,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            hold: false,
            chaos: Chaos::default(),
            history: None,
            history_trades: 300_000,
            subscribe_within: Duration::from_secs(5),
        }
    }
}

/// Why the simulator can't start.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The recording can't be read to its end.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The recording has no frame that could be played.
    #[error("{0} holds nothing to play in this range of time")]
    Empty(PathBuf),
    /// The random market is configured wrongly.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// A rate of the chaos isn't a part of one, or a length isn't from 1 to 1,000.
    #[error("chaos: {0} is out of range: rates are from 0 to 1, lengths from 1 to 1000")]
    Chaos(&'static str),
    /// The file of what really happened has too many trades.
    #[error(
        "{path}: more than {room} trades of {product}; raise history_trades",
        path = path.display()
    )]
    HistoryTooLong {
        /// The recording.
        path: PathBuf,
        /// The product.
        product: ProductId,
        /// How many there is room for.
        room: usize,
    },
    /// The speed isn't a number above 0.
    #[error("the speed must be a number above 0")]
    Speed,
    /// The address can't be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}
