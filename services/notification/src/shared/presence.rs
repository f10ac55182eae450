//! Who is there, on whichever replica: each tells its own clients now and then, and those who
//! weren't told of for a while are gone, as after their replica died.

use redis::RedisError;

use super::{KNOWN, Shared};
use crate::hub::Local;

/// How long a client counts as there after it was told of, in milliseconds: two rounds and some.
const THERE_MS: u64 = 40_000;
/// Adds clients with the time at which they will be forgotten, by the store's clock.
const ADD: &str = "local time = redis.call('TIME')
local until_ms = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], until_ms, ARGV[i]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[1])";
/// Those who are there.
const LIST: &str = "local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('ZRANGE', KEYS[1], 0, -1)";

impl Shared {
    /// Tells of this replica's clients, and that their channels' histories are wanted on.
    pub(super) async fn tell_presence(&self, followed: &[Local]) -> Result<(), RedisError> {
        let mut pipe = redis::pipe();
        for local in followed.iter().filter(|local| !local.clients.is_empty()) {
            pipe.cmd("SET")
                .arg(self.key(&format!("known:{}", local.channel)))
                .arg(1)
                .arg("EX")
                .arg(KNOWN.as_secs())
                .ignore();
            self.add(&mut pipe, &local.channel, &local.clients);
        }
        if pipe.is_empty() {
            return Ok(());
        }
        pipe.query_async(&mut self.connection.clone()).await
    }

    /// Tells of a client that has come.
    pub(crate) async fn came(&self, channel: &str, client: &str) -> Result<(), RedisError> {
        let mut pipe = redis::pipe();
        self.add(&mut pipe, channel, &[client.to_owned()]);
        pipe.query_async(&mut self.connection.clone()).await
    }

    fn add(&self, pipe: &mut redis::Pipeline, channel: &str, clients: &[String]) {
        pipe.cmd("EVAL")
            .arg(ADD)
            .arg(1)
            .arg(self.key(&format!("presence:{channel}")))
            .arg(THERE_MS)
            .arg(clients)
            .ignore();
    }

    /// Tells of a client that has left.
    pub(crate) async fn left(&self, channel: &str, client: &str) -> Result<(), RedisError> {
        redis::cmd("ZREM")
            .arg(self.key(&format!("presence:{channel}")))
            .arg(client)
            .query_async(&mut self.connection.clone())
            .await
    }

    /// The clients of a channel, on all replicas.
    pub(crate) async fn clients(&self, channel: &str) -> Result<Vec<String>, RedisError> {
        redis::cmd("EVAL")
            .arg(LIST)
            .arg(1)
            .arg(self.key(&format!("presence:{channel}")))
            .query_async(&mut self.connection.clone())
            .await
    }
}
