//! Files of the checkpoint that were not found yet, by key and by inode.

use std::collections::{BTreeSet, HashMap};

use crate::model::position::{FileKey, FileRecord};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pending {
    records: HashMap<FileKey, FileRecord>,
    inodes: BTreeSet<(u64, FileKey)>,
}

impl Pending {
    pub(super) fn new(known: Vec<FileRecord>) -> Pending {
        let inodes = known.iter().map(|record| (record.inode, record.key)).collect();
        let records = known.into_iter().map(|record| (record.key, record)).collect();
        Pending { records, inodes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn get(&self, key: FileKey) -> Option<&FileRecord> {
        self.records.get(&key)
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &FileRecord> {
        self.records.values()
    }

    /// Those that had that inode; on several devices, or before and after a reboot.
    pub(super) fn of_inode(&self, inode: u64) -> impl Iterator<Item = &FileRecord> {
        let range = (inode, FileKey(u64::MIN))..=(inode, FileKey(u64::MAX));
        self.inodes.range(range).filter_map(|(_, key)| self.records.get(key))
    }

    pub(super) fn has_inode(&self, inode: u64) -> bool {
        self.of_inode(inode).next().is_some()
    }

    pub(super) fn take(&mut self, key: FileKey) -> Option<FileRecord> {
        let record = self.records.remove(&key)?;
        self.inodes.remove(&(record.inode, key));
        if self.records.is_empty() {
            // Nothing is entered later, and thousands may have been there.
            *self = Pending::default();
        }
        Some(record)
    }
}
