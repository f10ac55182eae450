//! Writing a recording.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::reader::RecordingError;

/// Writes frames to a file, one a line; compressed if the file's name ends in `.zst`.
pub struct RecordingWriter {
    path: PathBuf,
    output: Output,
}

enum Output {
    Plain(BufWriter<File>),
    Zstd(zstd::stream::write::Encoder<'static, BufWriter<File>>),
}

impl RecordingWriter {
    /// Creates the file, or empties it if it exists.
    ///
    /// # Errors
    /// [`RecordingError::Io`] if that isn't possible.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        let path = path.as_ref().to_path_buf();
        match create_output(&path) {
            Ok(output) => Ok(Self { path, output }),
            Err(source) => Err(RecordingError::Io { path, source }),
        }
    }

    /// Appends one frame. Line breaks in it, which JSON allows between tokens, become spaces, so
    /// that it stays one line.
    ///
    /// # Errors
    /// [`RecordingError::Io`] if it can't be written.
    pub fn write(&mut self, frame: &str) -> Result<(), RecordingError> {
        let one_line;
        let line = if frame.contains(['\n', '\r']) {
            one_line = frame.replace(['\n', '\r'], " ");
            &one_line
        } else {
            frame
        };
        let output = self.output.as_write();
        let written = output
            .write_all(line.as_bytes())
            .and_then(|()| output.write_all(b"\n"));
        self.checked(written)
    }

    /// Writes out what is buffered, so that it can be read although the recording goes on.
    ///
    /// # Errors
    /// [`RecordingError::Io`] if it can't be written.
    pub fn flush(&mut self) -> Result<(), RecordingError> {
        let flushed = self.output.as_write().flush();
        self.checked(flushed)
    }

    /// Completes the file. Without this a compressed recording lacks its end.
    ///
    /// # Errors
    /// [`RecordingError::Io`] if it can't be written.
    pub fn finish(self) -> Result<(), RecordingError> {
        let Self { path, output } = self;
        let finished = match output {
            Output::Plain(mut file) => file.flush(),
            Output::Zstd(encoder) => encoder.finish().and_then(|mut file| file.flush()),
        };
        finished.map_err(|source| RecordingError::Io { path, source })
    }

    fn checked(&self, result: io::Result<()>) -> Result<(), RecordingError> {
        result.map_err(|source| RecordingError::Io {
            path: self.path.clone(),
            source,
        })
    }
}

impl Output {
    fn as_write(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(file) => file,
            Self::Zstd(encoder) => encoder,
        }
    }
}

fn create_output(path: &Path) -> io::Result<Output> {
    let file = BufWriter::new(File::create(path)?);
    if path.extension().is_some_and(|extension| extension == "zst") {
        // The default level: fast enough for any feed, and a tenth of the size.
        Ok(Output::Zstd(zstd::stream::write::Encoder::new(file, 0)?))
    } else {
        Ok(Output::Plain(file))
    }
}
