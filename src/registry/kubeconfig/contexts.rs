//! Contexts by name, for sources that name one.

use std::collections::HashMap;
use std::sync::Arc;

use crate::access::Target;
use crate::fleet::{CleanText, Fingerprint, SightingId};

/// One context, whether it is shown or not.
#[derive(Clone, Debug)]
pub(in crate::registry) struct KnownContext {
    /// Its name as it is written.
    pub(in crate::registry) name: String,
    /// The file and the name there.
    pub(in crate::registry) id: SightingId,
    /// The way; `None` if it cannot be used.
    pub(in crate::registry) target: Option<Arc<Target>>,
    /// The server in normal form.
    pub(in crate::registry) server: Option<CleanText>,
    /// What its server's certificate must be signed by.
    pub(in crate::registry) authorities: Vec<Fingerprint>,
    /// Whether many clusters share the server.
    pub(in crate::registry) fronted: bool,
    /// Why it cannot be used.
    pub(in crate::registry) unusable: Option<CleanText>,
}

/// All contexts. The first of a name counts, unless it cannot be used and another can.
#[derive(Clone, Debug, Default)]
pub(in crate::registry) struct Contexts {
    all: Vec<KnownContext>,
    by_name: HashMap<String, usize>,
}

impl Contexts {
    pub(in crate::registry) fn new(all: Vec<KnownContext>) -> Self {
        let mut by_name: HashMap<String, usize> = HashMap::with_capacity(all.len());
        for (index, context) in all.iter().enumerate() {
            // A context can be meant by its file and name too, where two files have one of the same name.
            by_name.entry(context.id.to_string()).or_insert(index);
            let held = by_name.get(&context.name).and_then(|i| all.get(*i));
            if held.is_none_or(|held| held.target.is_none() && context.target.is_some()) {
                by_name.insert(context.name.clone(), index);
            }
        }
        Self { all, by_name }
    }

    /// The context of that name, or of that `file:name`.
    pub(in crate::registry) fn find(&self, name: &str) -> Option<&KnownContext> {
        self.by_name.get(name).and_then(|index| self.all.get(*index))
    }
}
