//! What the fuzz targets share: seeds, and samples of every message.
//!
//! A target is a binary that libFuzzer drives. Its seeds are made by the project's own generators when
//! `scripts/fuzz.sh` asks for them, so that none are kept in the repository.

pub mod market;
pub mod sample;
pub mod seeds;
pub mod strategy;

/// A target: what it begins with, and what it does with bytes. It fails by panicking.
#[macro_export]
macro_rules! target {
    ($seeds:path, $check:path) => {
        libfuzzer_sys::fuzz_target!(
            init: $crate::seeds::write_if_asked($seeds),
            |data: &[u8]| $check(data)
        );
    };
}

/// Text in place of bytes, for decoders that take text only.
pub fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}
