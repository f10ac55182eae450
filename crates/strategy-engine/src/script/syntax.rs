//! From text to Python's syntax tree, within limits that are checked first.

use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{ModModule, PySourceType};
use ruff_python_parser::{Mode, Parsed, lexer, parse_unchecked_source};
use ruff_text_size::{Ranged as _, TextRange, TextSize};

use super::place::{Lines, is_direction_mark};
use crate::diagnostic::{Diagnostic, Report, quote};
use crate::limits::{MAX_SCRIPT_BYTES, MAX_SCRIPT_DEPTH, MAX_SCRIPT_NAME, MAX_STATEMENT_TOKENS};

/// Syntax errors that are reported; what follows a broken line is seldom worth reading.
const MOST_SYNTAX_ERRORS: usize = 20;

/// Whether the parser may see it: its memory grows with how deep a statement is nested.
pub(super) fn within_limits(source: &str) -> Result<(), Box<Diagnostic>> {
    let refused = |code, message: String, hint: &str| {
        Err(Box::new(Diagnostic::error(code, message).hint(hint)))
    };
    if source.len() > MAX_SCRIPT_BYTES {
        let message = "the script is larger than 256 KiB".to_owned();
        return refused("script_too_large", message, "split the strategy");
    }
    let mut lexer = lexer::lex(source, Mode::Module);
    let (mut tokens, mut brackets, mut blocks, mut line) = (0, 0_usize, 0_usize, 1);
    loop {
        match lexer.next_token() {
            TokenKind::EndOfFile => return Ok(()),
            TokenKind::Newline => (tokens, line) = (0, line + 1),
            TokenKind::NonLogicalNewline => line += 1,
            TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => brackets += 1,
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => {
                brackets = brackets.saturating_sub(1);
            }
            TokenKind::Indent => blocks += 1,
            TokenKind::Dedent => blocks = blocks.saturating_sub(1),
            _ => tokens += 1,
        }
        if brackets + blocks > MAX_SCRIPT_DEPTH {
            let message = format!(
                "brackets and blocks are nested over {MAX_SCRIPT_DEPTH} deep near line {line}"
            );
            return refused("script_too_deep", message, "give parts of it a name");
        }
        if tokens > MAX_STATEMENT_TOKENS {
            let message = format!(
                "a statement near line {line} has over {MAX_STATEMENT_TOKENS} words and signs"
            );
            return refused("script_too_deep", message, "give parts of it a name");
        }
    }
}

/// Parses, and reports what isn't Python and what isn't what it seems to be.
pub(super) fn parse(source: &str, lines: &Lines<'_>, report: &mut Report) -> Parsed<ModModule> {
    let parsed = parse_unchecked_source(source, PySourceType::Python);
    for error in parsed.errors().iter().take(MOST_SYNTAX_ERRORS) {
        let message = sentence(&error.error.to_string());
        let problem = Diagnostic::error("script_syntax", message);
        report.push(problem.at(lines.place(error.location)));
    }
    characters(source, lines, report);
    for token in parsed.tokens() {
        if token.kind() == TokenKind::Name {
            name(source, token.range(), lines, report);
        }
    }
    parsed
}

fn sentence(message: &str) -> String {
    let mut characters = message.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    let whole = first.into_iter().chain(characters).take(300);
    let mut text = String::new();
    for character in whole {
        match character.is_control() || is_direction_mark(character) {
            true => text.extend(character.escape_unicode()),
            false => text.push(character),
        }
    }
    text
}

/// Marks that make a line look like another one are refused wherever they stand.
fn characters(source: &str, lines: &Lines<'_>, report: &mut Report) {
    let is_trick = |character: char| {
        let is_space = matches!(character, '\n' | '\r' | '\t' | '\u{c}');
        is_direction_mark(character) || (character.is_control() && !is_space)
    };
    let found = source.char_indices().filter(|(index, character)| {
        // A mark of the byte order at the very beginning is harmless.
        is_trick(*character) && !(*index == 0 && *character == '\u{feff}')
    });
    for (index, character) in found.take(MOST_SYNTAX_ERRORS) {
        let start = TextSize::try_from(index).unwrap_or_default();
        let range = TextRange::at(start, TextSize::of(character));
        let message = format!(
            "the invisible character U+{:04X} is not allowed",
            character as u32
        );
        let problem = Diagnostic::error("character_invalid", message).hint("remove it");
        report.push(problem.at(lines.place(range)));
    }
}

/// Python takes letters that look alike for one another; here a name is what it looks like.
fn name(source: &str, range: TextRange, lines: &Lines<'_>, report: &mut Report) {
    let text = source.get(range.to_std_range()).unwrap_or_default();
    let (message, hint) = if !text.is_ascii() {
        let message = format!("the name {} has letters other than a to z", quote(text));
        (
            message,
            "use a to z, digits and _ in names; texts in quotes may hold anything",
        )
    } else if text.len() > MAX_SCRIPT_NAME {
        let message = format!(
            "a name has {} characters; the most is {MAX_SCRIPT_NAME}",
            text.len()
        );
        (message, "give it a shorter name")
    } else {
        return;
    };
    let problem = Diagnostic::error("character_invalid", message).hint(hint);
    report.push(problem.at(lines.place(range)));
}
