//! Seeds, and the words that occur in them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

/// The folder that the seeds go to.
const FOLDER: &str = "FUZZ_SEEDS";
/// Of a dictionary more words than this are of no use: they are tried at random.
const WORDS: usize = 500;
const WORD: std::ops::RangeInclusive<usize> = 2..=40;

/// Writes the seeds, and beside their folder a dictionary of their words, and ends the process, if
/// the environment asks for that; otherwise does nothing.
pub fn write_if_asked(seeds: fn() -> Vec<Vec<u8>>) {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let written = write(Path::new(&folder), &seeds());
    if let Err(error) = &written {
        eprintln!("{}: {error}", Path::new(&folder).display());
    }
    std::process::exit(i32::from(written.is_err()));
}

fn write(folder: &Path, seeds: &[Vec<u8>]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut words = BTreeSet::new();
    for (number, seed) in seeds.iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number:04}")), seed)?;
        words_of(seed, &mut words);
    }
    let mut dictionary = String::new();
    for word in words.iter().take(WORDS) {
        // Only letters, digits and underscores: nothing to escape. Writing to a String can't fail.
        let _ = writeln!(dictionary, "\"{word}\"");
    }
    std::fs::write(folder.with_extension("dict"), dictionary)
}

fn words_of(seed: &[u8], words: &mut BTreeSet<String>) {
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let found = seed.split(|byte| !is_of_word(byte));
    let found = found.filter(|word| WORD.contains(&word.len()) && !word[0].is_ascii_digit());
    words.extend(found.map(|word| String::from_utf8_lossy(word).into_owned()));
}
