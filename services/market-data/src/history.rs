//! Candles from before the start, and of trades that are missing, as the exchange has them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use coinbase::ProductId;
use coinbase::client::{CANDLES_PER_REQUEST, RestClient, RestError};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::candles::{Candle, Interval};

/// Readings at the same time: the exchange's limit is needed for missing trades above all.
const READINGS: usize = 2;
/// A reading that takes longer is given up; it is tried again with a later question.
const BOUND: Duration = Duration::from_secs(5);
/// How long what was read is good enough, whatever came of it.
const GOOD_FOR: Duration = Duration::from_secs(60);
/// Products and intervals that are remembered.
const MAX_KNOWN: usize = 128;

type Key = (ProductId, Interval);

#[derive(Debug, Clone)]
struct Known {
    read_at: Instant,
    /// How many were asked for.
    limit: usize,
    candles: Arc<[Candle]>,
}

/// Reads candles from the exchange, and remembers them for a while.
#[derive(Debug)]
pub struct History {
    rest: RestClient,
    readings: Semaphore,
    known: Mutex<HashMap<Key, Known>>,
}

impl History {
    /// Nothing is read yet.
    pub fn new(rest: RestClient) -> Self {
        Self {
            rest,
            readings: Semaphore::new(READINGS),
            known: Mutex::default(),
        }
    }

    /// The newest `limit` candles up to `until`: the service's own, and the exchange's where these
    /// begin too late or lack trades. If the exchange doesn't answer, what there is.
    pub async fn complete(
        &self,
        product: ProductId,
        interval: Interval,
        own: Vec<Candle>,
        limit: usize,
        until: DateTime<Utc>,
    ) -> Vec<Candle> {
        let is_whole = own.len() >= limit && own.iter().all(|candle| candle.missing == 0);
        if is_whole || !interval.is_known_to_exchange() {
            return own;
        }
        let past = self.past(product, interval, limit, until).await;
        merge(own, &past, limit)
    }

    async fn past(
        &self,
        product: ProductId,
        interval: Interval,
        limit: usize,
        until: DateTime<Utc>,
    ) -> Arc<[Candle]> {
        let key = (product, interval);
        let known = self.known().get(&key).cloned();
        if let Some(known) = &known
            && known.limit >= limit
            && known.read_at.elapsed() < GOOD_FOR
        {
            return Arc::clone(&known.candles);
        }
        let old = known.map_or_else(Arc::default, |known| known.candles);
        let Ok(_permit) = self.readings.try_acquire() else {
            return old;
        };
        let reading = self.read(product, interval, limit, until);
        let candles = match timeout(BOUND, reading).await {
            Ok(Ok(candles)) => candles.into(),
            Ok(Err(error)) => {
                tracing::info!(%product, %error, "the exchange's candles can't be read");
                old
            }
            Err(_) => {
                tracing::warn!(%product, after = ?BOUND, "the exchange's candles don't come");
                old
            }
        };
        self.remember(key, limit, &candles);
        candles
    }

    async fn read(
        &self,
        product: ProductId,
        interval: Interval,
        limit: usize,
        until: DateTime<Utc>,
    ) -> Result<Vec<Candle>, RestError> {
        let seconds = interval.seconds();
        let mut end = until.timestamp() - until.timestamp().rem_euclid(seconds);
        let first = end - seconds * (i64::try_from(limit).unwrap_or_default() - 1);
        let mut candles = Vec::new();
        while end >= first {
            let start = first.max(end - seconds * (CANDLES_PER_REQUEST - 1));
            let time = |at| DateTime::from_timestamp(at, 0).unwrap_or(until);
            let part = self.rest.candles(product, seconds, time(start), time(end));
            candles.extend(part.await?.into_iter().map(Candle::from));
            end = start - seconds;
        }
        candles.sort_by_key(|candle| candle.time);
        Ok(candles)
    }

    fn remember(&self, key: Key, limit: usize, candles: &Arc<[Candle]>) {
        let mut known = self.known();
        if known.len() >= MAX_KNOWN
            && let Some(oldest) = known.iter().min_by_key(|(_, known)| known.read_at)
        {
            let oldest = *oldest.0;
            known.remove(&oldest);
        }
        let read = Known {
            read_at: Instant::now(),
            limit,
            candles: Arc::clone(candles),
        };
        known.insert(key, read);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Key, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The service's own where they are whole. Its first one may have begun in the middle of its
/// interval; its newest one is newer than the exchange's.
fn merge(own: Vec<Candle>, past: &[Candle], limit: usize) -> Vec<Candle> {
    let first = own.first().map(|candle| candle.time);
    let newest = own.last().map(|candle| candle.time);
    let mut merged: BTreeMap<i64, Candle> =
        past.iter().map(|candle| (candle.time, *candle)).collect();
    for candle in own {
        let is_partial = candle.missing > 0 || Some(candle.time) == first;
        let is_newest = Some(candle.time) == newest && Some(candle.time) != first;
        if !is_partial || is_newest || !merged.contains_key(&candle.time) {
            merged.insert(candle.time, candle);
        }
    }
    // What the exchange has after the service's newest is about to come here, too.
    let surplus = merged.len().saturating_sub(limit);
    merged.into_values().skip(surplus).collect()
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;

    fn candle(time: i64, volume: i64, missing: u64) -> Candle {
        Candle {
            time,
            open: Decimal::ONE,
            high: Decimal::ONE,
            low: Decimal::ONE,
            close: Decimal::ONE,
            volume: Decimal::from(volume),
            missing,
        }
    }

    #[test]
    fn the_exchanges_candles_stand_where_ours_lack_something() {
        let own = vec![
            candle(120, 1, 0),
            candle(180, 1, 0),
            candle(240, 1, 5),
            candle(360, 1, 2),
            candle(420, 1, 9),
        ];
        let past: Vec<Candle> = [0, 60, 120, 180, 240, 300, 420]
            .map(|time| candle(time, 2, 0))
            .to_vec();
        let merged = merge(own, &past, 7);
        let told: Vec<(i64, String, u64)> = merged
            .iter()
            .map(|c| (c.time, c.volume.to_string(), c.missing))
            .collect();
        let expected = [
            (60, 2, 0),
            (120, 2, 0), // begun in the middle
            (180, 1, 0),
            (240, 2, 0), // lacks trades
            (300, 2, 0), // lacks all
            (360, 1, 2), // lacks trades, and the exchange has nothing
            (420, 1, 9), // still growing
        ]
        .map(|(time, volume, missing)| (time, volume.to_string(), missing));
        assert_eq!(told, expected);
    }
}
