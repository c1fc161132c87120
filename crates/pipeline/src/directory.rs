//! The directory: what this node keeps of the owners it has met.
//!
//! One entry per owner, written only by the owner's actor, read by anyone. It is bounded in entries
//! (owners plus sub-owners): each actor has its share and forgets owners that were not used lately
//! (a clock hand over its ring). A forgotten owner is looked up before it is inserted, so that
//! forgetting costs a query and never a second creation.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use dashmap::DashMap;
use rollcall_model::{
    Calibrated, Calibration, CreatedBy, OwnerId, OwnerState, SubOwnerId, SubOwnerState, shard_of,
};
use rollcall_store::OwnerRecord;

/// What is known of one owner, by one version of it.
#[derive(Debug)]
pub(crate) struct OwnerEntry {
    pub(crate) state: OwnerState,
    pub(crate) version: i64,
    pub(crate) created_by: CreatedBy,
    calibration: Calibration,
    /// Only of sub-owners whose calibration differs.
    overrides: HashMap<SubOwnerId, Calibration>,
    sub_owners: BTreeMap<SubOwnerId, SubOwnerState>,
    /// Used since the clock hand passed last.
    used: AtomicBool,
}

impl Clone for OwnerEntry {
    fn clone(&self) -> Self {
        Self {
            state: self.state,
            version: self.version,
            created_by: self.created_by,
            calibration: self.calibration.clone(),
            overrides: self.overrides.clone(),
            sub_owners: self.sub_owners.clone(),
            used: AtomicBool::new(true),
        }
    }
}

impl OwnerEntry {
    /// The entry with the sub-owners that the record names, for whoever only looks.
    pub(crate) fn of(record: &OwnerRecord) -> Self {
        let mut entry = Self::new(record);
        merge(&mut entry, record);
        entry
    }

    fn new(record: &OwnerRecord) -> Self {
        let overrides = record.settings.sub_owners.keys();
        Self {
            state: record.state,
            version: record.version,
            created_by: record.created_by,
            calibration: record.settings.owner_calibration(),
            overrides: overrides
                .map(|id| (id.clone(), record.settings.calibration_of(id)))
                .collect(),
            sub_owners: BTreeMap::new(),
            used: AtomicBool::new(true),
        }
    }

    pub(crate) fn sub_owner(&self, sub_owner_id: &SubOwnerId) -> Option<SubOwnerState> {
        self.sub_owners.get(sub_owner_id).copied()
    }

    pub(crate) fn calibrate(&self, sub_owner_id: &SubOwnerId, data: &str) -> Calibrated {
        let calibration = if self.overrides.is_empty() {
            &self.calibration
        } else {
            self.overrides
                .get(sub_owner_id)
                .unwrap_or(&self.calibration)
        };
        calibration.apply(data)
    }

    /// Entries that it counts for.
    fn size(&self) -> usize {
        1 + self.sub_owners.len()
    }

    fn mark_used(&self) {
        // A read first: writing would take the cache line from the other readers each time.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }
}

/// All entries of the node.
#[derive(Default)]
pub(crate) struct Directory {
    entries: DashMap<OwnerId, Arc<OwnerEntry>>,
    resident: AtomicU64,
}

impl Directory {
    pub(crate) fn get(&self, owner_id: &OwnerId) -> Option<Arc<OwnerEntry>> {
        let entry = self.entries.get(owner_id).map(|entry| Arc::clone(&entry));
        if let Some(entry) = &entry {
            entry.mark_used();
        }
        entry
    }

    /// Owners plus sub-owners.
    pub(crate) fn resident_entries(&self) -> u64 {
        self.resident.load(Ordering::Relaxed)
    }
}

/// One actor's part of the directory: the only writer of its shard's entries.
pub(crate) struct DirectoryShard {
    directory: Arc<Directory>,
    /// The owners in the order in which the clock hand meets them.
    ring: VecDeque<OwnerId>,
    entries: usize,
    capacity: usize,
}

impl DirectoryShard {
    /// Takes over what a predecessor of the actor left in the directory.
    pub(crate) fn new(
        directory: Arc<Directory>,
        shard: usize,
        shards: usize,
        capacity: usize,
    ) -> Self {
        let mut ring = VecDeque::new();
        let mut entries = 0;
        for entry in &directory.entries {
            if shard_of(entry.key(), shards) == shard {
                ring.push_back(entry.key().clone());
                entries += entry.value().size();
            }
        }
        Self {
            directory,
            ring,
            entries,
            capacity: capacity.max(1),
        }
    }

    pub(crate) fn get(&self, owner_id: &OwnerId) -> Option<Arc<OwnerEntry>> {
        self.directory.get(owner_id)
    }

    pub(crate) fn owners(&self) -> usize {
        self.ring.len()
    }

    /// Puts what the store has of an owner over what is known: a higher version replaces the
    /// entry's state and settings, the sub-owners are added.
    pub(crate) fn put(&mut self, record: &OwnerRecord) {
        let known = self.directory.entries.contains_key(&record.owner_id);
        if !known {
            self.ring.push_back(record.owner_id.clone());
        }
        let (before, after) = {
            let mut slot = self
                .directory
                .entries
                .entry(record.owner_id.clone())
                .or_insert_with(|| Arc::new(OwnerEntry::new(record)));
            let before = if known { slot.size() } else { 0 };
            merge(Arc::make_mut(&mut slot), record);
            (before, slot.size())
        };
        self.note_size(before, after);
    }

    /// Forgets owners until the share is kept.
    pub(crate) fn evict(&mut self) {
        while self.entries > self.capacity {
            let Some(owner_id) = self.ring.pop_front() else {
                return;
            };
            let used = self
                .directory
                .entries
                .get(&owner_id)
                .is_some_and(|entry| entry.used.swap(false, Ordering::Relaxed));
            if used {
                self.ring.push_back(owner_id);
            } else {
                self.remove(&owner_id);
            }
        }
    }

    /// All owners of the shard that are resident.
    pub(crate) fn owner_ids(&self) -> Vec<OwnerId> {
        self.ring.iter().cloned().collect()
    }

    /// The sub-owners that are resident with their owner, if it is. Does not count as a use.
    pub(crate) fn sub_owner_ids(&self, owner_id: &OwnerId) -> Option<Vec<SubOwnerId>> {
        let entry = self.directory.entries.get(owner_id);
        entry.map(|entry| entry.sub_owners.keys().cloned().collect())
    }

    /// Forgets these owners; whoever of them sends is looked up again.
    pub(crate) fn forget(&mut self, owner_ids: &HashSet<OwnerId>) {
        if owner_ids.is_empty() {
            return;
        }
        self.ring.retain(|owner_id| !owner_ids.contains(owner_id));
        owner_ids.iter().for_each(|owner_id| self.remove(owner_id));
    }

    pub(crate) fn forget_everybody(&mut self) {
        for owner_id in std::mem::take(&mut self.ring) {
            self.remove(&owner_id);
        }
    }

    fn remove(&mut self, owner_id: &OwnerId) {
        if let Some((_, entry)) = self.directory.entries.remove(owner_id) {
            self.note_size(entry.size(), 0);
        }
    }

    fn note_size(&mut self, before: usize, after: usize) {
        self.entries = self.entries + after - before;
        let resident = &self.directory.resident;
        resident.fetch_add(after as u64, Ordering::Relaxed);
        resident.fetch_sub(before as u64, Ordering::Relaxed);
    }
}

fn merge(entry: &mut OwnerEntry, record: &OwnerRecord) {
    if record.version > entry.version {
        let sub_owners = std::mem::take(&mut entry.sub_owners);
        *entry = OwnerEntry {
            sub_owners,
            ..OwnerEntry::new(record)
        };
    }
    // An older load may bring sub-owners that are not known yet, but not how the others stand.
    let older = record.version < entry.version;
    for sub_owner in &record.sub_owners {
        if !(older && entry.sub_owners.contains_key(&sub_owner.sub_owner_id)) {
            entry
                .sub_owners
                .insert(sub_owner.sub_owner_id.clone(), sub_owner.state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_model::Settings;
    use rollcall_store::SubOwnerRecord;

    fn record(owner_id: &str, version: i64, sub_owners: &[&str]) -> OwnerRecord {
        let settings = serde_json::json!({ "offset": version });
        OwnerRecord {
            owner_id: OwnerId::parse(owner_id).unwrap(),
            state: OwnerState::Active,
            version,
            created_by: CreatedBy::Stream,
            settings: serde_json::from_value::<Settings>(settings).unwrap(),
            sub_owners: sub_owners
                .iter()
                .map(|id| SubOwnerRecord {
                    sub_owner_id: SubOwnerId::parse(id).unwrap(),
                    state: SubOwnerState::Active,
                })
                .collect(),
        }
    }

    fn shard(directory: &Arc<Directory>, capacity: usize) -> DirectoryShard {
        DirectoryShard::new(Arc::clone(directory), 0, 1, capacity)
    }

    #[test]
    fn an_older_load_brings_no_deleted_sub_owner_back() {
        let directory = Arc::new(Directory::default());
        let mut shard = shard(&directory, 100);
        shard.put(&record("a", 1, &["x"]));
        let mut deleted = record("a", 2, &["x"]);
        deleted.sub_owners[0].state = SubOwnerState::Deleted;
        shard.put(&deleted);
        shard.put(&record("a", 1, &["x", "y"]));
        let entry = shard.get(&OwnerId::parse("a").unwrap()).unwrap();
        let state = |id: &str| entry.sub_owner(&SubOwnerId::parse(id).unwrap());
        assert_eq!(state("x"), Some(SubOwnerState::Deleted));
        assert_eq!(state("y"), Some(SubOwnerState::Active));
    }

    #[test]
    fn only_a_higher_version_replaces_state_and_settings() {
        let directory = Arc::new(Directory::default());
        let mut shard = shard(&directory, 100);
        shard.put(&record("a", 2, &["x"]));
        shard.put(&record("a", 1, &["y"]));
        let id = OwnerId::parse("a").unwrap();
        let (x, y) = (
            SubOwnerId::parse("x").unwrap(),
            SubOwnerId::parse("y").unwrap(),
        );
        let entry = shard.get(&id).unwrap();
        assert_eq!(entry.version, 2);
        assert_eq!(entry.calibrate(&x, "1"), Calibrated::Value(3.0));
        assert!(entry.sub_owner(&x).is_some() && entry.sub_owner(&y).is_some());
        drop(entry);
        shard.put(&record("a", 3, &[]));
        assert_eq!(
            shard.get(&id).unwrap().calibrate(&x, "1"),
            Calibrated::Value(4.0)
        );
        assert!(shard.get(&id).unwrap().sub_owner(&y).is_some());
        assert_eq!(directory.resident_entries(), 3);
    }

    #[test]
    fn the_bound_counts_owners_and_sub_owners_and_spares_what_is_used() {
        let directory = Arc::new(Directory::default());
        let mut shard = shard(&directory, 10);
        for number in 0..1_000 {
            shard.put(&record(&number.to_string(), 1, &["x", "y"]));
            shard.evict();
            assert!(directory.resident_entries() <= 10);
            assert!(
                shard
                    .get(&OwnerId::parse(&number.to_string()).unwrap())
                    .is_some()
                    || number < 3
            );
        }
        assert_eq!(
            shard.owners() * 3,
            usize::try_from(directory.resident_entries()).unwrap()
        );
    }

    #[test]
    fn who_is_forgotten_is_out_of_the_count_and_can_come_back() {
        let directory = Arc::new(Directory::default());
        let mut shard = shard(&directory, 100);
        for owner_id in ["a", "b", "c"] {
            shard.put(&record(owner_id, 1, &["x"]));
        }
        let (a, b) = (OwnerId::parse("a").unwrap(), OwnerId::parse("b").unwrap());
        shard.forget(&HashSet::from([
            a.clone(),
            OwnerId::parse("stranger").unwrap(),
        ]));
        assert!(shard.get(&a).is_none() && shard.get(&b).is_some());
        assert_eq!((shard.owners(), directory.resident_entries()), (2, 4));
        shard.put(&record("a", 1, &[]));
        assert_eq!((shard.owners(), directory.resident_entries()), (3, 5));
        shard.forget_everybody();
        assert_eq!((shard.owners(), directory.resident_entries()), (0, 0));
    }

    #[test]
    fn a_successor_takes_over_what_is_resident() {
        let directory = Arc::new(Directory::default());
        shard(&directory, 100).put(&record("a", 1, &["x"]));
        let mut successor = shard(&directory, 1);
        assert_eq!(successor.owners(), 1);
        successor.evict();
        assert_eq!(directory.resident_entries(), 0);
    }
}
