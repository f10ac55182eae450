//! Where a key lives: Kafka's murmur2 partitioner, the same for every client of this system.

use crate::topics::{MarketDataUpdates, StrategySignals, Topic};

/// Kafka's `murmur2` of a key, as the Java client computes it.
#[must_use]
pub fn murmur2(key: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    let mut hash = SEED ^ (key.len() as u32);
    let mut chunks = key.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        k = k.wrapping_mul(M);
        k ^= k >> R;
        k = k.wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = chunks.remainder();
    for (position, byte) in rest.iter().enumerate() {
        hash ^= u32::from(*byte) << (8 * position);
    }
    if !rest.is_empty() {
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// The partition of a key among `partitions`.
#[must_use]
pub fn partition_of(key: &[u8], partitions: i32) -> i32 {
    // The sign bit is masked, so the value fits an i32.
    (murmur2(key) & 0x7fff_ffff) as i32 % partitions.max(1)
}

/// The partition of `market-data-updates` that holds a symbol.
#[must_use]
pub fn market_data_partition(symbol: &str) -> i32 {
    partition_of(symbol.as_bytes(), MarketDataUpdates::SPEC.partitions)
}

/// The partition of `strategy-signals` that follows a partition of `market-data-updates`.
#[must_use]
pub fn signals_partition(market_data_partition: i32) -> i32 {
    market_data_partition % StrategySignals::SPEC.partitions
}

/// The partitions of `market-data-updates` that a partition of `strategy-signals` follows:
/// `p` and `p + 4`.
pub fn market_data_partitions(signals_partition: i32) -> impl Iterator<Item = i32> {
    (signals_partition..MarketDataUpdates::SPEC.partitions)
        .step_by(StrategySignals::SPEC.partitions as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that the Java client's own test suite publishes.
    #[test]
    fn murmur2_is_the_java_clients() {
        for (key, hash) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
        }
    }

    #[test]
    fn a_symbols_two_topics_are_co_partitioned() {
        for symbol in ["BTCUSD", "ETHUSD", "SOLUSD", "DOGEUSD", "A", ""] {
            let market_data = market_data_partition(symbol);
            let signals = partition_of(symbol.as_bytes(), StrategySignals::SPEC.partitions);
            assert_eq!(signals, signals_partition(market_data));
            assert!(market_data_partitions(signals).any(|m| m == market_data));
        }
        assert_eq!(market_data_partitions(1).collect::<Vec<_>>(), [1, 5]);
    }
}
