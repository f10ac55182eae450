//! Leases in the cache: who does what among replicas. A lease says who *should*; that nobody else
//! *can* is up to whatever is written to.

use std::time::Duration;

use crate::cache::Cache;

/// Takes the key, or keeps it, unless somebody else has it.
const CLAIM: &str = "local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1";
/// Gives the key back, unless somebody else has it.
const RELEASE: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then
return redis.call('DEL', KEYS[1]) end
return 0";
/// Notes a member with its time of expiry, by the server's clock, and counts those that are left.
const PRESENT: &str = "local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])";

/// The leases of one replica. In memory, where there is only one process, it gets them all.
#[derive(Debug, Clone)]
pub struct Leases {
    cache: Cache,
    owner: String,
    ttl: Duration,
}

impl Leases {
    /// Leases that end `ttl` after they were last claimed.
    #[must_use]
    pub fn new(cache: Cache, owner: String, ttl: Duration) -> Self {
        Self { cache, owner, ttl }
    }

    /// Claims a lease, or claims it again; false if somebody else has it.
    ///
    /// # Errors
    /// The server doesn't answer in time: nothing is known.
    pub async fn claim(&self, name: &str) -> Result<bool, redis::RedisError> {
        self.run(CLAIM, name).await.map(|granted| granted == 1)
    }

    /// Gives a lease back.
    ///
    /// # Errors
    /// The server doesn't answer in time: it ends by itself.
    pub async fn release(&self, name: &str) -> Result<(), redis::RedisError> {
        self.run(RELEASE, name).await.map(|_| ())
    }

    /// Says that this replica is there, and counts those that are.
    ///
    /// # Errors
    /// The server doesn't answer in time.
    pub async fn present(&self, set: &str) -> Result<u64, redis::RedisError> {
        self.run(PRESENT, set).await.map(|count| count.max(1))
    }

    async fn run(&self, script: &str, key: &str) -> Result<u64, redis::RedisError> {
        match &self.cache {
            Cache::Memory(_) => Ok(1),
            Cache::Redis { connection, prefix } => {
                redis::cmd("EVAL")
                    .arg(script)
                    .arg(1)
                    .arg(format!("{prefix}{key}"))
                    .arg(&self.owner)
                    .arg(u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX))
                    .query_async(&mut connection.clone())
                    .await
            }
        }
    }
}
