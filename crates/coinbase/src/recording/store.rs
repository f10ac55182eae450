//! Recordings that go on for days: files of bounded size in a folder of bounded size.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::Utc;

use super::MAX_LINE;
use super::contents::Contents;
use super::index::Index;
use super::reader::{RecordedFrame, RecordingError, files, recorded};
use super::record::{Record, RecordKind};

/// So many bytes are compressed together at most, so that they needn't wait for the next moment.
const BLOCK: usize = 1 << 20;

/// The default level of zstd: fast enough for any feed, and a tenth of the size.
const LEVEL: i32 = 3;

/// How files are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// Where; it is made if it isn't there.
    pub folder: PathBuf,
    /// A file is complete with so many bytes, compressed. Default: 256 MiB.
    pub max_file_bytes: u64,
    /// A file is complete after so long. Default: 1 h.
    pub max_file_age: Duration,
    /// The oldest files are deleted while all together are larger. Default: 10 GiB.
    pub max_bytes: u64,
    /// What was received is in the file after so long at the latest. Default: 1 s. Whoever kills the
    /// recorder loses no more than that.
    pub flush_every: Duration,
}

impl StoreConfig {
    /// The defaults, in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            max_file_bytes: 256 << 20,
            max_file_age: Duration::from_secs(3_600),
            max_bytes: 10 << 30,
            flush_every: Duration::from_secs(1),
        }
    }
}

/// A file that is being written.
struct Open {
    path: PathBuf,
    file: File,
    opened: Instant,
    written: u64,
    contents: Contents,
}

/// Writes records to rotated files. Each flush ends a zstd frame, so that what is in a file can be
/// read whatever happens to the writer.
pub struct RecordingStore {
    config: StoreConfig,
    open: Option<Open>,
    /// Lines that aren't in the file yet.
    block: Vec<u8>,
    flushed: Instant,
    number: u64,
    deleted: u64,
}

impl RecordingStore {
    /// Opens a folder; what is in it stays, and the new files' names follow.
    ///
    /// # Errors
    /// [`RecordingError::Io`] if it can't be made or read.
    pub fn open(config: StoreConfig) -> Result<Self, RecordingError> {
        let folder = config.folder.clone();
        checked(&folder, fs::create_dir_all(&folder))?;
        let number = files(&folder)?
            .iter()
            .filter_map(|file| number_of(file))
            .max();
        Ok(Self {
            config,
            open: None,
            block: Vec::new(),
            flushed: Instant::now(),
            number: number.unwrap_or_default(),
            deleted: 0,
        })
    }

    /// Appends a record. It is in the file after the next flush.
    ///
    /// # Errors
    /// [`RecordingError::Io`] if it can't be written.
    pub fn write(&mut self, record: &Record) -> Result<(), RecordingError> {
        let line = record.to_line();
        if line.len() > MAX_LINE {
            tracing::warn!(bytes = line.len(), "frame too long to be recorded");
            return Ok(());
        }
        if self.open.is_none() {
            self.open = Some(self.create(record)?);
        }
        if let Some(open) = &mut self.open
            && record.kind == RecordKind::Received
        {
            open.contents.add(&received(record));
        }
        self.block.extend_from_slice(line.as_bytes());
        if self.block.len() >= BLOCK {
            self.flush()?;
        }
        Ok(())
    }

    /// Flushes and rotates if it is time to. To be called several times in
    /// [`StoreConfig::flush_every`].
    ///
    /// # Errors
    /// [`RecordingError::Io`] if it can't be written.
    pub fn tick(&mut self) -> Result<(), RecordingError> {
        if self.flushed.elapsed() >= self.config.flush_every {
            self.flush()?;
        }
        let is_complete = self.open.as_ref().is_some_and(|open| {
            open.written >= self.config.max_file_bytes
                || open.opened.elapsed() >= self.config.max_file_age
        });
        if is_complete {
            self.rotate()?;
        }
        Ok(())
    }

    /// Writes what is buffered, as a whole zstd frame.
    fn flush(&mut self) -> Result<(), RecordingError> {
        self.flushed = Instant::now();
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        if self.block.is_empty() {
            return Ok(());
        }
        let written = zstd::bulk::compress(&self.block, LEVEL).and_then(|compressed| {
            open.file.write_all(&compressed)?;
            Ok(compressed.len() as u64)
        });
        open.written += checked(&open.path, written)?;
        self.block.clear();
        Ok(())
    }

    /// Completes the file, if there is one.
    ///
    /// # Errors
    /// [`RecordingError::Io`] if it can't be written.
    pub fn finish(mut self) -> Result<(), RecordingError> {
        self.rotate()
    }

    /// How many files were deleted to make room.
    pub fn deleted(&self) -> u64 {
        self.deleted
    }

    fn rotate(&mut self) -> Result<(), RecordingError> {
        self.flush()?;
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let noted = Index::append(&self.config.folder, &open.path, &open.contents);
        checked(&open.path, noted)?;
        self.make_room()
    }

    fn create(&mut self, first: &Record) -> Result<Open, RecordingError> {
        self.number += 1;
        let time = first.time.format("%Y%m%dT%H%M%SZ");
        let name = format!("feed-{:06}-{time}.ndjson.zst", self.number);
        let path = self.config.folder.join(name);
        let file = checked(&path, File::create_new(&path))?;
        tracing::info!(path = %path.display(), "recording");
        Ok(Open {
            path,
            file,
            opened: Instant::now(),
            written: 0,
            contents: Contents {
                files: 1,
                ..Contents::default()
            },
        })
    }

    /// Deletes the oldest files until all fit.
    fn make_room(&mut self) -> Result<(), RecordingError> {
        let folder = &self.config.folder;
        let mut lengths: Vec<(PathBuf, u64)> = Vec::new();
        for file in files(folder)? {
            let length = checked(&file, fs::metadata(&file))?.len();
            lengths.push((file, length));
        }
        let mut total: u64 = lengths.iter().map(|(_, length)| length).sum();
        // The newest stays, however large it is.
        lengths.pop();
        let before = self.deleted;
        for (file, length) in lengths {
            if total <= self.config.max_bytes {
                break;
            }
            checked(&file, fs::remove_file(&file))?;
            tracing::warn!(path = %file.display(), "oldest recording deleted to make room");
            total -= length;
            self.deleted += 1;
        }
        if self.deleted > before {
            checked(folder, Index::forget_missing(folder))?;
        }
        Ok(())
    }
}

/// A record as a reader would read it.
fn received(record: &Record) -> RecordedFrame {
    let mut frame = recorded(&String::from_utf8_lossy(&record.data));
    frame.received = Some(record.time);
    frame.connection = Some(record.connection.to_string());
    frame
}

fn number_of(file: &Path) -> Option<u64> {
    let name = file.file_name()?.to_str()?.strip_prefix("feed-")?;
    name.split('-').next()?.parse().ok()
}

fn checked<T>(path: &Path, result: io::Result<T>) -> Result<T, RecordingError> {
    result.map_err(|source| RecordingError::Io {
        path: path.to_path_buf(),
        source,
    })
}

impl Record {
    /// A record of this moment.
    pub fn now(kind: RecordKind, connection: u64, data: impl Into<Vec<u8>>) -> Self {
        Self {
            kind,
            connection,
            time: Utc::now(),
            data: data.into(),
        }
    }
}
