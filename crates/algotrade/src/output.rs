//! What is printed: results to standard output, all else to standard error.

use std::io::{IsTerminal as _, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

/// A line of a result. A closed pipe is the reader's choice, not an error.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A line beside the result.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Why a command failed.
pub(crate) fn error(text: &str) {
    note(&format!("algotrade: {text}"));
}

/// Text in bold, where somebody can see it and hasn't switched colours off.
pub(crate) fn bold(text: &str) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some() || !std::io::stderr().is_terminal();
    match plain {
        true => text.to_owned(),
        false => format!("\u{1b}[1m{text}\u{1b}[0m"),
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

/// A progress bar on standard error; silent where that is no terminal.
pub(crate) fn progress(length: u64) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template(
        "{bar:40} {percent:>3}% {human_pos}/{human_len} trades  {per_sec}  eta {eta}",
    )?;
    Ok(ProgressBar::new(length).with_style(style))
}
