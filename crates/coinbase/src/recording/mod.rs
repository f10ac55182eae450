//! Recordings: a file of frames, one JSON frame a line, in the order of arrival; zstd or plain.

mod reader;
mod scan;
mod summary;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::{RecordedFrame, RecordingError, RecordingReader, TimeRange};
pub use summary::{ProductSummary, Summary, summarize};
pub use writer::RecordingWriter;

/// The longest line that is read, in bytes. The largest frame seen is 5.1 MB.
pub const MAX_LINE: usize = 16 << 20;
