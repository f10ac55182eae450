//! Recordings: a file of frames, one a line, in the order of arrival; zstd or plain. A line is the
//! JSON frame itself, or a record that a recorder wrote: the frame, when it was received, and over
//! which connection. A folder of such files is one recording.

mod contents;
mod expand;
mod index;
mod reader;
mod record;
mod scan;
mod store;
mod summary;
#[cfg(test)]
mod tests;
mod writer;

pub use contents::{Contents, Traded, inspect};
pub use expand::expand;
pub use reader::{RecordedFrame, RecordingError, RecordingReader, TimeRange};
pub use record::{Record, RecordKind};
pub use store::{RecordingStore, StoreConfig};
pub use summary::{ProductSummary, Summary, summarize};
pub use writer::RecordingWriter;

/// The longest line that is read, in bytes. The largest frame seen is 5.1 MB, and the largest one
/// taken 16 MiB; in a record it has a backslash before each quotation mark.
pub const MAX_LINE: usize = 48 << 20;
