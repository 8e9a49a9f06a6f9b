//! What a cluster keeps: objects as JSON, one revision counter, and the changes that a watch can still see.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

/// How many changes are remembered; a watch that starts further back gets 410.
const REMEMBERED: usize = 512;

/// Namespace (empty for cluster-wide kinds) and name.
pub(super) type Key = (String, String);

/// One version of one object.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) revision: u64,
    /// The object as JSON with its resourceVersion, without kind and apiVersion: lists leave them out.
    pub(super) json: Bytes,
}

impl Object {
    /// The object as a tree; null if it were not JSON, which it always is.
    pub(super) fn value(&self) -> Value {
        serde_json::from_slice(&self.json).unwrap_or_default()
    }

    fn key(&self) -> Key {
        (self.namespace.clone(), self.name.clone())
    }
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happened {
    Added,
    Modified,
    Deleted,
}

/// A remembered change.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) revision: u64,
    pub(super) shelf: &'static str,
    pub(super) happened: Happened,
    /// As it is now; for a deletion as it was last, under the deletion's revision.
    pub(super) object: Arc<Object>,
    /// As it was before, for selectors that it enters or leaves.
    pub(super) before: Option<Arc<Object>>,
}

/// The objects of one kind.
#[derive(Debug, Default)]
struct Shelf {
    objects: BTreeMap<Key, Arc<Object>>,
    /// Revision of the last change here.
    changed: u64,
}

/// Everything of one cluster.
#[derive(Debug)]
pub(super) struct Store {
    revision: u64,
    /// Changes after this revision are all remembered.
    floor: u64,
    shelves: BTreeMap<&'static str, Shelf>,
    changes: VecDeque<Change>,
}

impl Store {
    /// An empty store at this revision.
    pub(super) fn new(revision: u64) -> Self {
        Self { revision, floor: revision, shelves: BTreeMap::new(), changes: VecDeque::new() }
    }

    /// The newest revision.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// True once a kind's first objects are there.
    pub(super) fn has(&self, shelf: &str) -> bool {
        self.shelves.contains_key(shelf)
    }

    /// Puts a kind's first objects there, all older than the store itself.
    pub(super) fn stock(&mut self, shelf: &'static str, objects: Vec<Value>) {
        let floor = self.floor;
        let mut stocked = Shelf { objects: BTreeMap::new(), changed: floor };
        for (index, mut value) in (1_u64..).zip(objects) {
            let revision = floor.saturating_sub(index * 37 % 90_000);
            let object = object(&mut value, revision);
            stocked.objects.insert(object.key(), Arc::new(object));
        }
        self.shelves.insert(shelf, stocked);
    }

    /// One object.
    pub(super) fn get(&self, shelf: &str, namespace: &str, name: &str) -> Option<Arc<Object>> {
        let key = (namespace.to_owned(), name.to_owned());
        self.shelves.get(shelf)?.objects.get(&key).cloned()
    }

    /// Revision of the last change of a kind.
    pub(super) fn changed(&self, shelf: &str) -> u64 {
        self.shelves.get(shelf).map_or(0, |shelf| shelf.changed)
    }

    /// The objects of a kind in order, in one namespace or (empty) in all, after a key if one is given.
    pub(super) fn list(&self, shelf: &str, namespace: &str, after: Option<&Key>) -> Vec<Arc<Object>> {
        let Some(shelf) = self.shelves.get(shelf) else { return Vec::new() };
        let first = (namespace.to_owned(), String::new());
        let from = match after {
            Some(key) => Bound::Excluded(key),
            None => Bound::Included(&first),
        };
        shelf
            .objects
            .range::<Key, _>((from, Bound::Unbounded))
            .map(|(_, object)| object)
            .take_while(|object| namespace.is_empty() || object.namespace == namespace)
            .cloned()
            .collect()
    }

    /// Writes an object under the next revision and remembers the change.
    pub(super) fn put(&mut self, shelf: &'static str, mut value: Value) -> Arc<Object> {
        self.revision += 1;
        let object = Arc::new(object(&mut value, self.revision));
        let kept = self.shelves.entry(shelf).or_default();
        kept.changed = self.revision;
        let before = kept.objects.insert(object.key(), object.clone());
        let happened = if before.is_some() { Happened::Modified } else { Happened::Added };
        self.remember(shelf, happened, object.clone(), before);
        object
    }

    /// Removes an object under the next revision; gives it back as watchers see it.
    pub(super) fn remove(&mut self, shelf: &'static str, namespace: &str, name: &str) -> Option<Arc<Object>> {
        let key = (namespace.to_owned(), name.to_owned());
        let kept = self.shelves.get_mut(shelf)?;
        let before = kept.objects.remove(&key)?;
        self.revision += 1;
        kept.changed = self.revision;
        let last = Arc::new(object(&mut before.value(), self.revision));
        self.remember(shelf, Happened::Deleted, last.clone(), Some(before));
        Some(last)
    }

    /// The changes of a kind after a revision; nothing when they are no longer all remembered.
    pub(super) fn since(&self, shelf: &str, revision: u64) -> Option<Vec<Change>> {
        if revision < self.floor {
            return None;
        }
        let newer = self.changes.iter().filter(|change| change.revision > revision && change.shelf == shelf);
        Some(newer.cloned().collect())
    }

    /// True when a revision is too old to go on from.
    pub(super) fn is_gone(&self, revision: u64) -> bool {
        revision < self.floor
    }

    fn remember(
        &mut self,
        shelf: &'static str,
        happened: Happened,
        object: Arc<Object>,
        before: Option<Arc<Object>>,
    ) {
        if self.changes.len() == REMEMBERED
            && let Some(forgotten) = self.changes.pop_front()
        {
            self.floor = forgotten.revision;
        }
        self.changes.push_back(Change { revision: self.revision, shelf, happened, object, before });
    }
}

/// Stamps a tree with a revision and turns it into an object.
fn object(value: &mut Value, revision: u64) -> Object {
    let text = |field: &str| value.pointer(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    if let Some(fields) = value.as_object_mut() {
        fields.remove("kind");
        fields.remove("apiVersion");
    }
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("resourceVersion".into(), revision.to_string().into());
    }
    Object { namespace, name, revision, json: Bytes::from(value.to_string()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(namespace: &str, name: &str) -> Value {
        json!({"metadata": {"namespace": namespace, "name": name}})
    }

    #[test]
    fn revisions_rise_with_every_change_and_stand_in_the_object() {
        let mut store = Store::new(100);
        store.stock("pods", vec![named("a", "one")]);
        assert!(store.get("pods", "a", "one").unwrap().revision < 100);
        let put = store.put("pods", named("a", "two"));
        assert_eq!((put.revision, store.revision(), store.changed("pods")), (101, 101, 101));
        assert_eq!(put.value()["metadata"]["resourceVersion"], "101");
        let gone = store.remove("pods", "a", "two").unwrap();
        assert_eq!(gone.revision, 102);
        assert!(store.get("pods", "a", "two").is_none());
    }

    #[test]
    fn a_list_keeps_to_its_namespace_and_goes_on_after_a_key() {
        let mut store = Store::new(1000);
        store.stock("pods", vec![named("a", "1"), named("b", "1"), named("b", "2"), named("c", "1")]);
        let names = |namespace: &str, after: Option<(&str, &str)>| {
            let after = after.map(|(ns, name)| (ns.to_owned(), name.to_owned()));
            let list = store.list("pods", namespace, after.as_ref());
            list.iter().map(|o| format!("{}/{}", o.namespace, o.name)).collect::<Vec<_>>()
        };
        assert_eq!(names("", None), ["a/1", "b/1", "b/2", "c/1"]);
        assert_eq!(names("b", None), ["b/1", "b/2"]);
        assert_eq!(names("b", Some(("b", "1"))), ["b/2"]);
        assert_eq!(names("", Some(("b", "2"))), ["c/1"]);
    }

    #[test]
    fn changes_are_remembered_until_there_are_too_many() {
        let mut store = Store::new(10);
        for index in 0..REMEMBERED {
            store.put("pods", named("a", &index.to_string()));
        }
        assert_eq!(store.since("pods", 10).unwrap().len(), REMEMBERED);
        assert!(store.since("nodes", 10).unwrap().is_empty());
        store.put("nodes", named("", "n"));
        assert!(store.since("pods", 10).is_none());
        assert_eq!(store.since("pods", 11).unwrap().len(), REMEMBERED - 1);
        assert!(store.is_gone(10) && !store.is_gone(11));
    }
}
