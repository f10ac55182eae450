//! Collects operations so that equal ones exist once.

use std::collections::HashMap;

use crate::plan::{Op, OpId};

/// The operations so far.
#[derive(Debug, Default)]
pub(super) struct Ops {
    list: Vec<Op>,
    known: HashMap<Op, OpId>,
}

impl Ops {
    /// The operation's number: that of an equal one if there is one.
    pub(super) fn add(&mut self, op: Op) -> OpId {
        if let Some(id) = self.known.get(&op) {
            return *id;
        }
        let id = self.list.len() as OpId;
        self.known.insert(op.clone(), id);
        self.list.push(op);
        id
    }

    pub(super) fn get(&self, id: OpId) -> Option<&Op> {
        self.list.get(id as usize)
    }

    pub(super) fn list(&self) -> &[Op] {
        &self.list
    }

    /// The operations, and nothing else.
    pub(super) fn into_list(self) -> Vec<Op> {
        self.list
    }
}
