//! Properties that stand in a cluster's name.

use std::sync::Arc;

use regex::Regex;

use crate::fleet::{CleanText, TextMap, grammar};

/// What names of a class look like.
#[derive(Clone, Debug)]
pub(super) struct NamePattern(Regex);

impl PartialEq for NamePattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for NamePattern {}

impl NamePattern {
    pub(super) fn new(text: &str) -> Result<Self, &'static str> {
        grammar::name_pattern(text).map(Self)
    }

    /// The properties with those that the name holds. What a source says stands: it knows, where the name only promises.
    pub(super) fn capture(&self, name: &str, properties: &TextMap) -> TextMap {
        let Some(found) = self.0.captures(name) else { return properties.clone() };
        let mut all = None;
        for group in self.0.capture_names().flatten() {
            let key = CleanText::new(group);
            if let Some(value) = found.name(group).filter(|v| !v.is_empty())
                && !properties.contains_key(&key)
            {
                let all = all.get_or_insert_with(|| (**properties).clone());
                all.insert(key, CleanText::new(value.as_str()));
            }
        }
        all.map_or_else(|| properties.clone(), Arc::new)
    }
}
