//! What a strategy may cost: each limit is an error with a code, never a slow compile.

/// Largest source in bytes of JSON text (1 MiB).
pub const MAX_SOURCE_BYTES: usize = 1024 * 1024;
/// Most nodes in a graph.
pub const MAX_NODES: usize = 2_000;
/// Most edges in a graph.
pub const MAX_EDGES: usize = 8_000;
/// Longest node id in bytes: ids stand in diagnostics and reasons.
pub const MAX_ID_BYTES: usize = 200;
/// Longest period of an indicator, in evaluations.
pub const MAX_PERIOD: u32 = 100_000;
/// Most values that all windows of one plan may hold: bounds the memory of a session to 16 MB.
pub const MAX_WINDOW_VALUES: u64 = 1_000_000;
/// Magnitude at which a constant is refused and a price or volume counts as having no value: below
/// it no sum of a window can overflow.
pub const MAX_VALUE: f64 = 1e20;
/// Diagnostics kept for each severity; the rest are counted.
pub(crate) const MAX_DIAGNOSTICS: usize = 200;
/// "Did you mean" searches in one compilation: they are quadratic in the text.
pub(crate) const MAX_SUGGESTIONS: usize = 32;
/// Longest reason of a signal, in characters.
pub(crate) const MAX_REASON_CHARS: usize = 400;
/// Longest period of a CCI: its mean deviation takes a pass over the window at each evaluation.
pub const MAX_CCI_PERIOD: u32 = 1_000;
/// Evaluations of warm-up beyond which a strategy is warned about.
pub const LONG_WARMUP: u64 = 10_000;
/// Candles with which a session warms up at most.
pub const MAX_HISTORY: u64 = 1_000;
/// Largest script in bytes (256 KiB).
pub const MAX_SCRIPT_BYTES: usize = 256 * 1024;
/// Most tokens in one statement of a script: bounds how deep it can be nested.
pub const MAX_STATEMENT_TOKENS: usize = 4_000;
/// Deepest nesting of brackets, blocks and expressions in a script.
pub const MAX_SCRIPT_DEPTH: usize = 100;
/// Most expressions and statements that a script may come to once its loops are unrolled and its
/// functions are inlined.
pub const MAX_SCRIPT_STEPS: usize = 200_000;
/// Most rounds of one loop.
pub const MAX_ROUNDS: i64 = 1_000;
/// Longest name in a script, in characters.
pub const MAX_SCRIPT_NAME: usize = 64;
