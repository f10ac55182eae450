//! What is printed: results to standard output, all else to standard error.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// A line of a result. A closed pipe is the reader's choice, not an error.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A line of a result that may go on for ever; false if nobody reads it any more.
pub(crate) fn line_if_read(text: &str) -> bool {
    writeln!(std::io::stdout(), "{text}").is_ok()
}

/// A result as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string(value)?);
    Ok(())
}

/// A line beside the result.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Why a command failed.
pub(crate) fn error(text: &str) {
    note(&format!("algotrade: {text}"));
}

/// What a part of a result is, for those who see colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// What it is about.
    Subject,
    /// What stands beside it.
    Aside,
    /// What is wrong with it.
    Alarm,
}

/// Part of a result in its colour, where somebody can see it and hasn't switched colours off.
pub(crate) fn paint(text: &str, tone: Tone) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some() || !std::io::stdout().is_terminal();
    let code = match tone {
        Tone::Subject => "36",
        Tone::Aside => "2",
        Tone::Alarm => "31",
    };
    match plain {
        true => text.to_owned(),
        false => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
    }
}

/// Foreign text for a terminal: what could control it is escaped.
pub(crate) fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() {
            true => harmless.extend(character.escape_default()),
            false => harmless.push(character),
        }
    }
    harmless
}

/// A time to the millisecond; `-` for none.
pub(crate) fn time(time: Option<DateTime<Utc>>) -> String {
    match time {
        Some(time) => time.to_rfc3339_opts(SecondsFormat::Millis, true),
        None => "-".to_owned(),
    }
}

/// A duration in the unit that it fills.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..172_800 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// A table with a header.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header);
    table
}

/// Sets columns of numbers to the right.
pub(crate) fn align_right(table: &mut Table, columns: &[usize]) {
    for column in columns {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// A progress bar on standard error; silent where that is no terminal.
pub(crate) fn progress(length: u64, unit: &str) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template(&format!(
        "{{bar:40}} {{percent:>3}}% {{human_pos}}/{{human_len}} {unit}  {{per_sec}}  eta {{eta}}"
    ))?;
    Ok(ProgressBar::new(length).with_style(style))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_the_unit_that_it_fills() {
        for (seconds, text) in [
            (0, "0.0 s"),
            (59, "59.0 s"),
            (61, "1 min 1 s"),
            (7_260, "2 h 1 min"),
            (200_000, "2 d 7 h"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn foreign_text_does_not_control_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\u{9b}é"), "a\\u{1b}[2Jb\\u{9b}é");
    }
}
