//! What a recorder notes of each file that it has completed: one line a file.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::contents::Contents;

/// The index's name beside the files.
const NAME: &str = "index.ndjson";

#[derive(Serialize, Deserialize)]
struct Entry {
    file: String,
    /// The file's own length. If it has another one, the entry isn't about it.
    length: u64,
    contents: Contents,
}

/// What is known of the files of a folder.
#[derive(Default)]
pub(super) struct Index(HashMap<String, Entry>);

impl Index {
    /// Reads the index of a folder. An index can always be made again from the files, so that one
    /// that can't be read is as good as none.
    pub fn read(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join(NAME)).unwrap_or_default();
        let entries = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        Self(
            entries
                .map(|entry: Entry| (entry.file.clone(), entry))
                .collect(),
        )
    }

    /// What is in a file, if that is known.
    pub fn get(&self, file: &Path) -> Option<Contents> {
        let name = file.file_name().and_then(OsStr::to_str)?;
        let entry = self.0.get(name)?;
        let length = fs::metadata(file).ok()?.len();
        (length == entry.length).then(|| entry.contents.clone())
    }

    /// Adds a file that is complete.
    pub fn append(folder: &Path, file: &Path, contents: &Contents) -> io::Result<()> {
        let name = file.file_name().and_then(OsStr::to_str);
        let entry = Entry {
            file: name.unwrap_or_default().to_owned(),
            length: fs::metadata(file)?.len(),
            contents: contents.clone(),
        };
        let mut line = serde_json::to_string(&entry)?;
        line.push('\n');
        let mut index = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join(NAME))?;
        index.write_all(line.as_bytes())
    }

    /// Forgets files that are gone.
    pub fn forget_missing(folder: &Path) -> io::Result<()> {
        let Self(entries) = Self::read(folder);
        let mut kept: Vec<&Entry> = entries
            .values()
            .filter(|entry| folder.join(&entry.file).exists())
            .collect();
        kept.sort_by(|a, b| a.file.cmp(&b.file));
        let mut text = String::new();
        for entry in kept {
            text.push_str(&serde_json::to_string(entry)?);
            text.push('\n');
        }
        // Whole or not at all.
        let new = folder.join(format!("{NAME}.new"));
        fs::write(&new, text)?;
        fs::rename(new, folder.join(NAME))
    }
}
