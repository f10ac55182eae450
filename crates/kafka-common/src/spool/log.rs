//! The spool's files: numbered segments that are appended to, and where reading goes on.
//!
//! A segment is deleted when all of it is delivered. `head` names the first message that isn't;
//! it is written after deliveries, so a crash in between sends some messages again (with the same
//! `message-id`) and never leaves one out.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::SpoolError;
use super::entry::{self, Entry, Found};

/// A spool is divided into about this many segments, so that little delivered stays on disk.
const SEGMENTS: u64 = 8;
const MIN_SEGMENT: u64 = 16 * 1024;
const EXTENSION: &str = "spool";

/// A place in the spool: before a message, or at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) segment: u64,
    pub(super) offset: u64,
}

/// What was found on disk.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) log: Log,
    /// Messages that wait.
    pub(super) messages: u64,
    /// Bytes of a message that a crash cut off while it was written; they are removed.
    pub(super) torn_bytes: u64,
}

#[derive(Debug)]
pub(super) struct Log {
    dir: PathBuf,
    max_bytes: u64,
    segment_bytes: u64,
    /// Segments and their lengths, oldest first; the last is written to.
    segments: Vec<(u64, u64)>,
    writer: File,
    /// The first message that isn't delivered.
    head: Place,
    // Held for as long as the spool is open; the operating system releases it after a crash.
    _lock: File,
}

impl Log {
    pub(super) fn open(dir: &Path, max_bytes: u64) -> Result<Opened, SpoolError> {
        fs::create_dir_all(dir).map_err(at(dir))?;
        let lock = lock(dir)?;
        let mut numbers = numbers(dir)?;
        numbers.sort_unstable();
        let head = match (read_head(dir)?, numbers.first(), numbers.last()) {
            (Some(head), _, Some(last)) if head.segment <= *last => head,
            // None, or none that can be believed: messages come twice rather than never.
            (_, first, _) => Place {
                segment: first.copied().unwrap_or_default(),
                offset: 0,
            },
        };
        // What lies before the head was delivered; its deletion was interrupted.
        for done in numbers.extract_if(.., |number| *number < head.segment) {
            remove(&path(dir, done))?;
        }
        let mut segments = Vec::with_capacity(numbers.len());
        let (mut messages, mut torn_bytes) = (0, 0);
        for (index, number) in numbers.iter().enumerate() {
            let is_last = index + 1 == numbers.len();
            let scanned = scan(dir, *number, is_last, head)?;
            messages += scanned.messages;
            torn_bytes += scanned.torn_bytes;
            segments.push((*number, scanned.length));
        }
        if segments.is_empty() {
            segments.push((head.segment, 0));
        }
        let (last, length) = segments[segments.len() - 1];
        let first = segments[0].0;
        // A head beyond the file is older than the file: everything in it waits.
        let head = match head.segment == first && head.offset <= segments[0].1 {
            true => head,
            false => Place {
                segment: first,
                offset: 0,
            },
        };
        let mut writer = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path(dir, last))
            .map_err(at(dir))?;
        writer.seek(SeekFrom::Start(length)).map_err(at(dir))?;
        sync_dir(dir)?;
        let log = Self {
            dir: dir.to_owned(),
            max_bytes,
            segment_bytes: (max_bytes / SEGMENTS).max(MIN_SEGMENT),
            segments,
            writer,
            head,
            _lock: lock,
        };
        Ok(Opened {
            log,
            messages,
            torn_bytes,
        })
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> u64 {
        let written: u64 = self.segments.iter().map(|(_, length)| length).sum();
        written - self.head.offset
    }

    pub(super) fn head(&self) -> Place {
        self.head
    }

    /// Writes a message and waits until the disk has it.
    pub(super) fn append(&mut self, entry: &Entry) -> Result<(), SpoolError> {
        let bytes = entry.encode().map_err(|error| SpoolError::Encode {
            error: error.to_string(),
        })?;
        let length = bytes.len() as u64;
        if bytes.len() > entry::MAX_CONTENT || self.bytes() + length > self.max_bytes {
            return Err(SpoolError::Full {
                bytes: self.bytes(),
                max_bytes: self.max_bytes,
            });
        }
        if self.last().1 >= self.segment_bytes {
            self.begin_segment()?;
        }
        let end = self.last().1;
        let written = self
            .writer
            .write_all(&bytes)
            .and_then(|()| self.writer.sync_data());
        if let Err(error) = written {
            // Half a message must not stand between this one and the next.
            let mended = self
                .writer
                .set_len(end)
                .and_then(|()| self.writer.seek(SeekFrom::Start(end)));
            return Err(at(&self.dir)(mended.err().unwrap_or(error)));
        }
        self.last_mut().1 += length;
        Ok(())
    }

    /// Reads messages from a place on: at most `messages` of them.
    pub(super) fn read(
        &self,
        from: Place,
        messages: usize,
    ) -> Result<Vec<(Entry, Place)>, SpoolError> {
        let mut found = Vec::new();
        let mut from = from;
        for (number, length) in &self.segments {
            if *number < from.segment {
                continue;
            }
            if *number > from.segment {
                from = Place {
                    segment: *number,
                    offset: 0,
                };
            }
            let bytes = read_range(&path(&self.dir, *number), from.offset, *length)?;
            let mut rest = bytes.as_slice();
            while found.len() < messages {
                match entry::decode(rest) {
                    Found::End => break,
                    Found::Damaged => return Err(self.corrupt(from)),
                    Found::Entry(entry, taken) => {
                        rest = &rest[taken..];
                        from.offset += taken as u64;
                        found.push((*entry, from));
                    }
                }
            }
            if found.len() >= messages {
                break;
            }
        }
        Ok(found)
    }

    /// Everything before the place is delivered.
    pub(super) fn deliver_to(&mut self, place: Place) -> Result<(), SpoolError> {
        self.head = place;
        while self.segments.len() > 1 && self.segments[0].0 < place.segment {
            let (number, _) = self.segments.remove(0);
            remove(&path(&self.dir, number))?;
        }
        // All of a full segment is delivered: the next message begins a new one.
        if self.segments.len() > 1 && self.segments[0].1 == place.offset {
            let (number, _) = self.segments.remove(0);
            self.head = Place {
                segment: self.segments[0].0,
                offset: 0,
            };
            remove(&path(&self.dir, number))?;
        }
        write_head(&self.dir, self.head)
    }

    fn begin_segment(&mut self) -> Result<(), SpoolError> {
        let number = self.last().0 + 1;
        self.writer = OpenOptions::new()
            .create_new(true)
            .write(true)
            .open(path(&self.dir, number))
            .map_err(at(&self.dir))?;
        sync_dir(&self.dir)?;
        self.segments.push((number, 0));
        Ok(())
    }

    fn corrupt(&self, place: Place) -> SpoolError {
        SpoolError::Corrupt {
            file: path(&self.dir, place.segment),
            offset: place.offset,
        }
    }

    fn last(&self) -> (u64, u64) {
        // There is always the one that is written to.
        self.segments[self.segments.len() - 1]
    }

    fn last_mut(&mut self) -> &mut (u64, u64) {
        let last = self.segments.len() - 1;
        &mut self.segments[last]
    }
}

struct Scanned {
    messages: u64,
    length: u64,
    torn_bytes: u64,
}

/// Counts what waits in a segment. Damage at the end of the last one is a message that a crash cut
/// off before its sender was told that it is kept; anywhere else it is a loss, and is told.
fn scan(dir: &Path, number: u64, is_last: bool, head: Place) -> Result<Scanned, SpoolError> {
    let file = path(dir, number);
    let bytes = fs::read(&file).map_err(at(&file))?;
    // A head beyond the file isn't this file's: everything in it waits.
    let delivered = match number == head.segment && head.offset <= bytes.len() as u64 {
        true => head.offset,
        false => 0,
    };
    let mut offset = 0;
    let mut messages = 0;
    loop {
        match entry::decode(&bytes[offset..]) {
            Found::End => break,
            Found::Entry(entry, taken) => {
                if entry.known_topic().is_none() {
                    return Err(SpoolError::UnknownTopic {
                        file,
                        topic: entry.topic,
                    });
                }
                messages += u64::from(offset as u64 >= delivered);
                offset += taken;
            }
            Found::Damaged if is_last && !anything_after(&bytes, offset) => {
                let torn = OpenOptions::new()
                    .write(true)
                    .open(&file)
                    .map_err(at(&file))?;
                torn.set_len(offset as u64)
                    .and_then(|()| torn.sync_all())
                    .map_err(at(&file))?;
                break;
            }
            Found::Damaged => {
                return Err(SpoolError::Corrupt {
                    file,
                    offset: offset as u64,
                });
            }
        }
    }
    Ok(Scanned {
        messages,
        length: offset as u64,
        torn_bytes: (bytes.len() - offset) as u64,
    })
}

/// Whether a whole message stands anywhere behind a damaged one: then it wasn't the last.
fn anything_after(bytes: &[u8], damaged: usize) -> bool {
    (damaged + 1..bytes.len().saturating_sub(entry::FRAME))
        .any(|at| matches!(entry::decode(&bytes[at..]), Found::Entry(..)))
}

fn lock(dir: &Path) -> Result<File, SpoolError> {
    let path = dir.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SpoolError::InUse {
            dir: dir.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(at(&path)(error)),
    }
}

fn numbers(dir: &Path) -> Result<Vec<u64>, SpoolError> {
    let mut numbers = Vec::new();
    for file in fs::read_dir(dir).map_err(at(dir))? {
        let path = file.map_err(at(dir))?.path();
        if path.extension().is_some_and(|is| is == EXTENSION)
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
            && let Ok(number) = name.parse()
        {
            numbers.push(number);
        }
    }
    Ok(numbers)
}

fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:012}.{EXTENSION}"))
}

/// None where there is none, or none that can be read.
fn read_head(dir: &Path) -> Result<Option<Place>, SpoolError> {
    let path = dir.join("head");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => {
            String::new()
        }
        Err(error) => return Err(at(&path)(error)),
    };
    let mut words = text.split_whitespace().map(str::parse::<u64>);
    Ok(match (words.next(), words.next()) {
        (Some(Ok(segment)), Some(Ok(offset))) => Some(Place { segment, offset }),
        _ => None,
    })
}

/// Written beside and renamed, so that half a head is never read.
fn write_head(dir: &Path, head: Place) -> Result<(), SpoolError> {
    let beside = dir.join("head.new");
    fs::write(&beside, format!("{} {}\n", head.segment, head.offset)).map_err(at(&beside))?;
    fs::rename(&beside, dir.join("head")).map_err(at(&beside))
}

fn read_range(path: &Path, from: u64, to: u64) -> Result<Vec<u8>, SpoolError> {
    let mut file = File::open(path).map_err(at(path))?;
    file.seek(SeekFrom::Start(from)).map_err(at(path))?;
    let mut bytes = Vec::new();
    file.take(to.saturating_sub(from))
        .read_to_end(&mut bytes)
        .map_err(at(path))?;
    Ok(bytes)
}

fn remove(path: &Path) -> Result<(), SpoolError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

/// A new file's name is only durable with its folder.
fn sync_dir(dir: &Path) -> Result<(), SpoolError> {
    File::open(dir)
        .and_then(|folder| folder.sync_all())
        .map_err(at(dir))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> SpoolError {
    let path = path.to_owned();
    move |source| SpoolError::Io { path, source }
}

#[cfg(test)]
mod tests;
