//! Reading a recording, frame by frame.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::MAX_LINE;
use super::record::{self, Read};
use super::scan::{Head, is_advanced};
use crate::products::ProductId;
use crate::time::parse_time;

/// The first bytes of a zstd file.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Larger windows than 128 MiB (2 to this power) would take that much memory; the usual is 8 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Why a recording could not be read on.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file can't be opened, read, or decompressed (a compressed one may have been cut).
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The recording.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line beyond [`MAX_LINE`]: probably no recording at all.
    #[error("{path}: line {line} is longer than {MAX_LINE} bytes", path = path.display())]
    LineTooLong {
        /// The recording.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
    },
    /// A line that isn't UTF-8: probably no recording at all.
    #[error("{path}: line {line} is not UTF-8", path = path.display())]
    NotUtf8 {
        /// The recording.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
    },
}

/// One line of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedFrame {
    /// The frame as it was received.
    pub text: String,
    /// Its type; `None` if the line is no frame, as the last line of a recording that was cut.
    pub kind: Option<String>,
    /// Its product; `None` for frames about none or about several.
    pub product_id: Option<ProductId>,
    /// Its own time.
    pub time: Option<DateTime<Utc>>,
    /// When it was received, if the recording tells.
    pub received: Option<DateTime<Utc>>,
    /// The connection over which it came, if the recording tells.
    pub connection: Option<String>,
}

impl RecordedFrame {
    /// Whether it is of the Advanced Trade feed.
    pub fn is_advanced(&self) -> bool {
        is_advanced(&self.text)
    }
}

/// A part of a recording by event time: `from` is included, `to` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeRange {
    /// From here on; `None` from the start.
    pub from: Option<DateTime<Utc>>,
    /// Up to before this; `None` to the end.
    pub to: Option<DateTime<Utc>>,
}

impl TimeRange {
    /// The whole recording.
    pub const ALL: Self = Self {
        from: None,
        to: None,
    };

    fn contains(&self, time: DateTime<Utc>) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time < to)
    }
}

/// The frames of a recording, in the order of the file, with bounded memory. Empty lines are
/// skipped. After an error it ends.
///
/// A recorder's file may be cut in the middle, because the recorder was killed: all that is whole is
/// read, and the next file goes on.
pub struct RecordingReader {
    path: PathBuf,
    /// Files that come after this one.
    next: VecDeque<PathBuf>,
    /// Whether there was a record in this file.
    has_records: bool,
    cut: bool,
    input: Box<dyn BufRead + Send>,
    range: TimeRange,
    line: u64,
    buffer: Vec<u8>,
    /// Frames without a time (as `subscriptions`) belong where they stand: to the time before them.
    last_time: Option<DateTime<Utc>>,
    ended: bool,
}

impl RecordingReader {
    /// Opens a recording, compressed or not: the content tells, not the name. Of a folder, all files
    /// whose names end in `.zst`, `.ndjson` or `.jsonl`, sorted by name, but not its index.
    ///
    /// # Errors
    /// [`RecordingError::Io`] if it can't be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        let mut next: VecDeque<PathBuf> = files(path.as_ref())?.into();
        let path = next.pop_front().ok_or_else(|| RecordingError::Io {
            path: path.as_ref().to_path_buf(),
            source: io::Error::new(io::ErrorKind::NotFound, "no recording in this folder"),
        })?;
        let input = open_input(&path)?;
        let (range, buffer) = (TimeRange::ALL, Vec::new());
        Ok(Self {
            path,
            next,
            has_records: false,
            cut: false,
            input,
            range,
            line: 0,
            buffer,
            last_time: None,
            ended: false,
        })
    }

    /// Takes only the frames of this range of event time.
    #[must_use]
    pub fn between(mut self, range: TimeRange) -> Self {
        self.range = range;
        self
    }

    /// Whether one of the files read so far ends in the middle.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    fn read_frame(&mut self) -> Result<Option<RecordedFrame>, RecordingError> {
        loop {
            self.buffer.clear();
            // One byte more than allowed, to tell a line that fits from one that doesn't.
            let mut limited = (&mut self.input).take(MAX_LINE as u64 + 1);
            let read = match limited.read_until(b'\n', &mut self.buffer) {
                Ok(read) => read,
                Err(error) if self.has_records && error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.cut = true;
                    0
                }
                Err(source) => {
                    let path = self.path.clone();
                    return Err(RecordingError::Io { path, source });
                }
            };
            if read == 0 {
                let Some(path) = self.next.pop_front() else {
                    return Ok(None);
                };
                self.input = open_input(&path)?;
                self.path = path;
                self.line = 0;
                self.has_records = false;
                continue;
            }
            self.line += 1;
            if self.buffer.len() > MAX_LINE {
                let (path, line) = (self.path.clone(), self.line);
                return Err(RecordingError::LineTooLong { path, line });
            }
            let Ok(text) = std::str::from_utf8(&self.buffer) else {
                let (path, line) = (self.path.clone(), self.line);
                return Err(RecordingError::NotUtf8 { path, line });
            };
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            let frame = match text.starts_with(record::START).then(|| Read::of(text)) {
                Some(Some(record)) => {
                    self.has_records = true;
                    let Some(received) = record.received() else {
                        continue;
                    };
                    let mut frame = recorded(&received.text);
                    frame.received = received.time;
                    frame.connection = Some(received.connection);
                    frame
                }
                _ => recorded(text),
            };
            self.last_time = frame.time.or(self.last_time);
            let inside = match self.last_time {
                Some(time) => self.range.contains(time),
                None => self.range.from.is_none(),
            };
            if inside {
                return Ok(Some(frame));
            }
        }
    }
}

impl Iterator for RecordingReader {
    type Item = Result<RecordedFrame, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.read_frame().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

pub(super) fn recorded(text: &str) -> RecordedFrame {
    let head = Head::of(text);
    let product_id = head
        .as_ref()
        .and_then(|head| ProductId::parse(head.product.as_ref()?).ok());
    let time = head
        .as_ref()
        .and_then(|head| parse_time(head.time.as_ref()?));
    let kind = head.map(|head| head.kind.into_owned());
    RecordedFrame {
        text: text.to_owned(),
        kind,
        product_id,
        time,
        received: None,
        connection: None,
    }
}

/// The files of a recording, in their order.
pub(super) fn files(path: &Path) -> Result<Vec<PathBuf>, RecordingError> {
    let error = |source| RecordingError::Io {
        path: path.to_path_buf(),
        source,
    };
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(error)? {
        let file = entry.map_err(error)?.path();
        let name = file.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let is_recording = [".zst", ".ndjson", ".jsonl"]
            .iter()
            .any(|end| name.ends_with(end));
        if is_recording && !name.starts_with("index.") {
            found.push(file);
        }
    }
    found.sort();
    Ok(found)
}

fn open_input(path: &Path) -> Result<Box<dyn BufRead + Send>, RecordingError> {
    try_open(path).map_err(|source| RecordingError::Io {
        path: path.to_path_buf(),
        source,
    })
}

fn try_open(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let mut file = BufReader::with_capacity(256 << 10, File::open(path)?);
    if !file.fill_buf()?.starts_with(&ZSTD_MAGIC) {
        return Ok(Box::new(file));
    }
    let mut decoder = zstd::stream::read::Decoder::with_buffer(file)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(Box::new(BufReader::with_capacity(256 << 10, decoder)))
}
