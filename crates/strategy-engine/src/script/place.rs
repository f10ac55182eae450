//! From places in the text to lines and columns, and to a picture of them.

use std::fmt::Write as _;

use ruff_text_size::TextRange;

use crate::diagnostic::{Diagnostic, Place, Severity};

/// Where each line of a text begins.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let breaks = text.match_indices('\n').map(|(index, _)| index + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(breaks).collect(),
        }
    }

    pub(super) fn place(&self, range: TextRange) -> Place {
        let (line, column) = self.position(range.start().to_usize());
        let (end_line, end_column) = self.position(range.end().to_usize());
        Place {
            line,
            column,
            end_line,
            end_column,
        }
    }

    fn position(&self, offset: usize) -> (u32, u32) {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..offset).unwrap_or_default();
        (line as u32, before.chars().count() as u32 + 1)
    }
}

/// Characters of a line that are shown.
const WIDEST: usize = 120;

impl Diagnostic {
    /// The diagnostic as a terminal shows it: what is wrong, where, the line with carets under the
    /// place, and what to do. `file` is what the source is called; `colours` are ANSI's.
    pub fn render(&self, file: &str, source: &str, colours: bool) -> String {
        let paint = |code: &str, text: &str| match colours {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        };
        let (name, colour) = match self.severity {
            Severity::Error => ("error", "1;31"),
            Severity::Warning => ("warning", "1;33"),
            Severity::Notice => ("notice", "1;36"),
        };
        let title = format!("{name}[{}]", self.code);
        let mut text = format!("{}: {}", paint(colour, &title), self.message);
        let (place, node) = (self.place(), self.node.as_deref());
        match (place, node) {
            (Some(place), _) => {
                let number = place.line.to_string();
                let margin = " ".repeat(number.len());
                let bar = paint("1;34", "|");
                let _ = write!(
                    text,
                    "\n{margin}{} {file}:{}:{}\n{margin} {bar}",
                    paint("1;34", "-->"),
                    place.line,
                    place.column
                );
                let line = source.split('\n').nth(place.line as usize - 1);
                let (line, carets) = marked(line.unwrap_or_default(), place);
                let _ = write!(text, "\n{} {bar} {line}", paint("1;34", &number));
                let _ = write!(text, "\n{margin} {bar} {}", paint(colour, &carets));
            }
            (None, Some(node)) => {
                let _ = write!(text, "\n  {} {file}, node {node}", paint("1;34", "-->"));
                if let Some(field) = &self.field {
                    let _ = write!(text, ", {field}");
                }
            }
            (None, None) => {
                let _ = write!(text, "\n  {} {file}", paint("1;34", "-->"));
            }
        }
        if let Some(hint) = &self.hint {
            let _ = write!(text, "\n  {} {hint}", paint("1;34", "= help:"));
        }
        text
    }
}

/// The part of a line around a place, with nothing in it that a terminal obeys, and the carets
/// below it.
fn marked(line: &str, place: Place) -> (String, String) {
    let characters: Vec<char> = line.chars().take_while(|c| *c != '\r').collect();
    let start = (place.column as usize - 1).min(characters.len());
    let end = match place.end_line == place.line {
        true => (place.end_column as usize - 1).min(characters.len()),
        false => characters.len(),
    };
    let first = match start > WIDEST - 40 {
        true => start - 40,
        false => 0,
    };
    let shown = characters.iter().skip(first).take(WIDEST);
    let shown: String = shown.map(|c| harmless(*c)).collect();
    let width = end.saturating_sub(start).clamp(1, WIDEST);
    let carets = format!("{}{}", " ".repeat(start - first), "^".repeat(width));
    (shown, carets)
}

/// Controls and marks that turn the direction of writing, as a sign of their own.
fn harmless(character: char) -> char {
    match character {
        '\t' => ' ',
        c if c.is_control() || is_direction_mark(c) => '\u{fffd}',
        c => c,
    }
}

/// Invisible characters that make a text look like another one.
pub(super) fn is_direction_mark(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
