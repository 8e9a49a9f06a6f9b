//! Which key does what, and where: the table's keys with a person's own put over them.

use std::collections::BTreeMap;

use super::{ACTIONS, Action, ActionInfo, Key, Place};

/// Keys to actions. Two actions share a key only where their screens differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    keys: BTreeMap<Action, Vec<Key>>,
}

impl Default for Keymap {
    fn default() -> Self {
        let parse = |info: &ActionInfo| info.keys.iter().filter_map(|k| k.parse().ok()).collect();
        Self { keys: ACTIONS.iter().map(|i| (i.action, parse(i))).collect() }
    }
}

impl Keymap {
    /// What `key` does on the screens of `place`.
    pub fn action(&self, key: Key, place: Place) -> Option<Action> {
        ACTIONS
            .iter()
            .filter(|i| i.place.meets(place))
            .map(|i| i.action)
            .find(|a| self.keys(*a).contains(&key))
    }

    /// The keys of an action, the main one first.
    pub fn keys(&self, action: Action) -> &[Key] {
        self.keys.get(&action).map_or(&[], Vec::as_slice)
    }

    /// The main key of an action, as it is printed.
    pub fn label(&self, action: Action) -> Option<String> {
        self.keys(action).first().map(ToString::to_string)
    }

    /// Gives an action other keys.
    pub(super) fn rebind(&mut self, action: Action, keys: Vec<Key>) {
        self.keys.insert(action, keys);
    }

    /// The first other action that has `key` on a screen that `action` is for.
    pub(super) fn conflict(&self, action: Action, key: Key) -> Option<&'static ActionInfo> {
        let place = action.info()?.place;
        ACTIONS
            .iter()
            .find(|i| i.action != action && i.place.meets(place) && self.keys(i.action).contains(&key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_no_conflict_and_no_bad_key() {
        let map = Keymap::default();
        for info in ACTIONS {
            assert_eq!(map.keys(info.action).len(), info.keys.len(), "{}", info.name);
            for key in map.keys(info.action) {
                assert!(map.conflict(info.action, *key).is_none(), "{} {key}", info.name);
            }
        }
    }

    #[test]
    fn the_same_key_means_what_its_screen_says() {
        let map = Keymap::default();
        let two = "2".parse().unwrap();
        assert_eq!(map.action(two, Place::FLEET), Some(Action::Versions));
        assert_eq!(map.action(two, Place::CLUSTER), Some(Action::TabNodes));
        assert_eq!(map.action("ctrl-k".parse().unwrap(), Place::FLEET), None);
    }
}
