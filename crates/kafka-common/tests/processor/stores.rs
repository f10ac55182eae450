//! Stores that a test can look into, break, or share between processes.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use kafka_common::processor::{MemoryStore, Snapshot, Store, StoreError};
use serde_json::{Value, json};

use crate::counting::Row;

/// Notes how many rows each commit brought, and fails when it is told to.
#[derive(Default)]
pub struct WatchedStore {
    pub inner: MemoryStore<Row>,
    pub broken: AtomicBool,
    saves: Mutex<Vec<usize>>,
}

impl WatchedStore {
    /// The rows of each commit that had some.
    pub fn saves(&self) -> Vec<usize> {
        self.saves.lock().unwrap().clone()
    }

    fn check(&self) -> Result<(), StoreError> {
        match self.broken.load(Ordering::Relaxed) {
            true => Err(StoreError("the test has unplugged the store".to_owned())),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Store<Row> for WatchedStore {
    async fn load(&self, unit: i32) -> Result<Option<Snapshot>, StoreError> {
        self.check()?;
        self.inner.load(unit).await
    }

    async fn save(&self, rows: Vec<Row>, snapshots: Vec<Snapshot>) -> Result<(), StoreError> {
        self.check()?;
        if !rows.is_empty() {
            self.saves.lock().unwrap().push(rows.len());
        }
        self.inner.save(rows, snapshots).await
    }
}

/// One file a unit; rows are not kept.
pub struct FileStore {
    pub folder: PathBuf,
}

#[async_trait]
impl Store<Row> for FileStore {
    async fn load(&self, unit: i32) -> Result<Option<Snapshot>, StoreError> {
        let Ok(bytes) = std::fs::read(self.folder.join(unit.to_string())) else {
            return Ok(None);
        };
        let read = |value: &Value| -> Option<Snapshot> {
            Some(Snapshot {
                unit,
                positions: serde_json::from_value(value["positions"].clone()).ok()?,
                state: value["state"].as_str()?.as_bytes().to_vec(),
            })
        };
        let value = serde_json::from_slice(&bytes)
            .map_err(|error| StoreError::new("reading a snapshot", error))?;
        Ok(read(&value))
    }

    async fn save(&self, _rows: Vec<Row>, snapshots: Vec<Snapshot>) -> Result<(), StoreError> {
        for snapshot in snapshots {
            let state = String::from_utf8_lossy(&snapshot.state);
            let text = json!({"positions": snapshot.positions, "state": state}).to_string();
            // A process that is killed leaves the old file or the new one.
            let name = snapshot.unit.to_string();
            let new = self.folder.join(format!("{name}.{}", std::process::id()));
            std::fs::write(&new, text)
                .and_then(|()| std::fs::rename(&new, self.folder.join(name)))
                .map_err(|error| StoreError::new("writing a snapshot", error))?;
        }
        Ok(())
    }
}
