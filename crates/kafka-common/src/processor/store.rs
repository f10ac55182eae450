//! Where snapshots and projections go.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use thiserror::Error;

/// A store failed; the text says what it was doing.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct StoreError(pub String);

impl StoreError {
    /// From any error, with what was being done.
    pub fn new(action: &str, error: impl std::fmt::Display) -> Self {
        Self(format!("{action}: {error}"))
    }
}

/// The state of a unit at a place in its inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The unit.
    pub unit: i32,
    /// For each input, the next offset to apply.
    pub positions: Vec<i64>,
    /// The state.
    pub state: Vec<u8>,
}

/// Keeps snapshots, and the rows that a unit projects.
#[async_trait]
pub trait Store<Row: Send>: Send + Sync + 'static {
    /// The latest snapshot of a unit.
    async fn load(&self, unit: i32) -> Result<Option<Snapshot>, StoreError>;

    /// Writes rows (again, perhaps: they must be idempotent) and then snapshots, in one
    /// transaction: a snapshot says that every row before it is written.
    async fn save(&self, rows: Vec<Row>, snapshots: Vec<Snapshot>) -> Result<(), StoreError>;
}

/// A store in memory, for tests.
#[derive(Debug, Default)]
pub struct MemoryStore<Row> {
    inner: Mutex<(BTreeMap<i32, Snapshot>, Vec<Row>)>,
}

impl<Row: Clone> MemoryStore<Row> {
    /// Every row that was ever saved, repeats included.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .1
            .clone()
    }
}

#[async_trait]
impl<Row: Send + 'static> Store<Row> for MemoryStore<Row> {
    async fn load(&self, unit: i32) -> Result<Option<Snapshot>, StoreError> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(inner.0.get(&unit).cloned())
    }

    async fn save(&self, rows: Vec<Row>, snapshots: Vec<Snapshot>) -> Result<(), StoreError> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.1.extend(rows);
        for snapshot in snapshots {
            inner.0.insert(snapshot.unit, snapshot);
        }
        Ok(())
    }
}
