//! Redis, or its stand-in in the process's memory: what is in it may be lost.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::streams::StreamRangeReply;
use secrecy::ExposeSecret;

use crate::settings::RedisSettings;

const TIMEOUT: Duration = Duration::from_secs(2);
/// The field of a stream's entry that holds its text.
const FIELD: &str = "data";

/// A cache. Cheap to clone.
#[derive(Clone)]
pub enum Cache {
    /// A Redis server.
    Redis {
        /// Reconnects by itself.
        connection: ConnectionManager,
        /// Put before every key.
        prefix: String,
    },
    /// In memory, for one process.
    Memory(Arc<Mutex<HashMap<String, VecDeque<String>>>>),
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Redis { .. } => "Cache::Redis",
            Self::Memory(_) => "Cache::Memory",
        })
    }
}

impl Cache {
    /// The stand-in.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::Memory(Arc::default())
    }

    /// Connects; the connection is made again by itself when it breaks.
    ///
    /// # Errors
    /// The URL is wrong or the server doesn't answer.
    pub async fn connect(settings: &RedisSettings) -> Result<Self, redis::RedisError> {
        let url = settings.url.expose_secret();
        if url.is_empty() {
            return Ok(Self::in_memory());
        }
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        let client = redis::Client::open(url)?;
        let connection = ConnectionManager::new_with_config(client, config).await?;
        Ok(Self::Redis {
            connection,
            prefix: settings.key_prefix.clone(),
        })
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// It doesn't.
    pub async fn ping(&self) -> Result<(), redis::RedisError> {
        match self {
            Self::Redis { connection, .. } => {
                redis::cmd("PING")
                    .query_async::<()>(&mut connection.clone())
                    .await
            }
            Self::Memory(_) => Ok(()),
        }
    }

    /// Adds texts to a stream and keeps about its newest `keep`.
    ///
    /// # Errors
    /// The server doesn't answer in time.
    pub async fn append(
        &self,
        key: &str,
        texts: &[String],
        keep: usize,
    ) -> Result<(), redis::RedisError> {
        match self {
            Self::Redis { connection, prefix } => {
                let mut pipe = redis::pipe();
                for text in texts {
                    pipe.cmd("XADD")
                        .arg(format!("{prefix}{key}"))
                        .arg("MAXLEN")
                        .arg("~")
                        .arg(keep)
                        .arg("*")
                        .arg(FIELD)
                        .arg(text)
                        .ignore();
                }
                pipe.query_async::<()>(&mut connection.clone()).await
            }
            Self::Memory(streams) => {
                let mut streams = streams.lock().unwrap_or_else(PoisonError::into_inner);
                let stream = streams.entry(key.to_owned()).or_default();
                stream.extend(texts.iter().cloned());
                let surplus = stream.len().saturating_sub(keep);
                stream.drain(..surplus);
                Ok(())
            }
        }
    }

    /// The newest texts of a stream, the newest last.
    ///
    /// # Errors
    /// The server doesn't answer in time.
    pub async fn latest(&self, key: &str, count: usize) -> Result<Vec<String>, redis::RedisError> {
        match self {
            Self::Redis { connection, prefix } => {
                let reply: StreamRangeReply = redis::cmd("XREVRANGE")
                    .arg(format!("{prefix}{key}"))
                    .arg("+")
                    .arg("-")
                    .arg("COUNT")
                    .arg(count)
                    .query_async(&mut connection.clone())
                    .await?;
                let entries = reply.ids.into_iter().rev();
                Ok(entries
                    .filter_map(|entry| entry.get::<String>(FIELD))
                    .collect())
            }
            Self::Memory(streams) => {
                let streams = streams.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(stream) = streams.get(key) else {
                    return Ok(Vec::new());
                };
                let surplus = stream.len().saturating_sub(count);
                Ok(stream.iter().skip(surplus).cloned().collect())
            }
        }
    }
}

impl Cache {
    /// Keeps one text under a key, for so long at most.
    ///
    /// # Errors
    /// The server doesn't answer in time.
    pub async fn put(
        &self,
        key: &str,
        text: &str,
        keep: Duration,
    ) -> Result<(), redis::RedisError> {
        match self {
            Self::Redis { connection, prefix } => {
                redis::cmd("SET")
                    .arg(format!("{prefix}{key}"))
                    .arg(text)
                    .arg("EX")
                    .arg(keep.as_secs().max(1))
                    .query_async::<()>(&mut connection.clone())
                    .await
            }
            // It ends with the process, before anything kept there is too old.
            Self::Memory(streams) => {
                let mut streams = streams.lock().unwrap_or_else(PoisonError::into_inner);
                streams.insert(key.to_owned(), VecDeque::from([text.to_owned()]));
                Ok(())
            }
        }
    }

    /// The text that is kept under a key.
    ///
    /// # Errors
    /// The server doesn't answer in time.
    pub async fn get(&self, key: &str) -> Result<Option<String>, redis::RedisError> {
        match self {
            Self::Redis { connection, prefix } => {
                redis::cmd("GET")
                    .arg(format!("{prefix}{key}"))
                    .query_async(&mut connection.clone())
                    .await
            }
            Self::Memory(streams) => {
                let streams = streams.lock().unwrap_or_else(PoisonError::into_inner);
                let texts = streams.get(key);
                Ok(texts.and_then(|texts| texts.back().cloned()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn the_stand_in_keeps_the_newest() {
        let cache = Cache::in_memory();
        let texts: Vec<String> = (0..5).map(|n| n.to_string()).collect();
        cache.append("market:BTCUSD", &texts, 3).await.unwrap();
        assert_eq!(cache.latest("market:BTCUSD", 2).await.unwrap(), ["3", "4"]);
        assert_eq!(
            cache.latest("market:BTCUSD", 9).await.unwrap(),
            ["2", "3", "4"]
        );
        assert!(cache.latest("market:ETHUSD", 9).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn the_stand_in_keeps_a_text() {
        let cache = Cache::in_memory();
        assert_eq!(cache.get("products").await.unwrap(), None);
        let minute = Duration::from_secs(60);
        cache.put("products", "[]", minute).await.unwrap();
        assert_eq!(cache.get("products").await.unwrap().as_deref(), Some("[]"));
    }
}
