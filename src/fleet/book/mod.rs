//! The classes as the fleet file declares them, ready to be asked.
//!
//! * Without any declared class the guesses from names stand. With one, nothing is guessed: a cluster that no rule fits is
//!   unclassified and locked.
//! * What is not known never matches. A class that could not be read locks what it might have matched.
//! * What was remembered of a cluster decides: as long as its labels, properties or sources alone have changed and the new class
//!   is less protected, the old one stays until a person accepts the new one ([`ClassBook::settle`]).
//! * The machine's own file counts beside the person's: whatever class a cluster has, it is at least as protected as there.

mod capture;
mod compile;
mod explain;
mod inherit;
mod inputs;
mod parameters;
mod settle;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use self::capture::NamePattern;
use super::spec::{ClassSpec, ClusterSpec, FleetFile, Object};
use super::window::Hours;
use super::{Class, CleanText, Parameter, Protection, Selector, SourceKind, TextMap};

pub use self::explain::ClassStep;
pub use self::settle::may_weaken;

/// One class with everything it inherits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassRules {
    /// Its name.
    pub name: CleanText,
    /// The classes it inherits from, nearest first.
    pub inherits: Vec<CleanText>,
    /// What it wants, with what it inherits.
    pub spec: ClassSpec,
    /// The class as it was written, for places in the file.
    pub object: Arc<Object<ClassSpec>>,
    /// When its clusters may be changed; windows and freezes of the machine's own file are among these.
    pub hours: Arc<Hours>,
}

impl ClassRules {
    /// How a change must be confirmed: y/N, unless the class says otherwise.
    pub fn protection(&self) -> Protection {
        self.spec.protection.map_or(Protection::Confirm, Protection::from)
    }
}

/// Everything of a cluster that class rules look at. Kept, so that a change of the rules can be told from a change of the
/// cluster's labels.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ClassInputs {
    /// The name.
    pub name: CleanText,
    /// UID of `kube-system`.
    pub uid: Option<CleanText>,
    /// The server's URL.
    pub server: Option<CleanText>,
    /// The region, as sources say it.
    pub region: Option<CleanText>,
    /// The provider, as sources say it.
    pub provider: Option<CleanText>,
    /// The account, as sources say it.
    pub account: Option<CleanText>,
    /// Labels.
    pub labels: TextMap,
    /// Properties.
    pub properties: TextMap,
    /// Sources: kind, name, what it is called there.
    pub sources: Vec<(SourceKind, CleanText, CleanText)>,
    /// Decisions to accept a change of class that are no later than this have had their effect.
    pub accepted_until: Option<DateTime<Utc>>,
}

/// What the book says of one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The class it is in now.
    pub class: Class,
    /// Properties: of the sources, and captured from its name.
    pub properties: TextMap,
    /// Parameters.
    pub parameters: Arc<[Parameter]>,
    /// What to remember: the inputs that led to this class. While a change waits for acceptance these are the old ones.
    pub inputs: ClassInputs,
}

/// All classes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ClassBook {
    /// The fleet file they come from.
    pub file: Arc<FleetFile>,
    /// The classes in their order: those that the `Fleet` lists, then the others.
    pub classes: Vec<Arc<ClassRules>>,
    /// Patterns of names, one for each class.
    patterns: Vec<Option<NamePattern>>,
    /// The rules in the order in which they are tried.
    rules: Vec<Rule>,
    /// `Cluster` objects by name and by UID: indices into the file's list.
    by_name: BTreeMap<CleanText, usize>,
    by_uid: BTreeMap<CleanText, usize>,
    /// Whether classes are declared, so that nothing is guessed.
    declared: bool,
    /// The classes of the machine's own file alone, if a person's file lies over it.
    policy: Option<Box<ClassBook>>,
}

/// One of `Fleet.spec.classes`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// A class, by its index, with its rule if it has one.
    Class(usize, Option<Selector>),
    /// A class that is not there, or whose rule cannot be read: what it would match nobody knows.
    Missing(CleanText),
}

impl ClassBook {
    /// The class of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<ClassRules>> {
        self.classes.iter().find(|c| c.name.as_str() == name)
    }

    /// Whether classes are declared. If not, they are guessed from names.
    pub fn is_declared(&self) -> bool {
        self.declared
    }

    /// The `Cluster` object about the cluster with these inputs: found by the UID that it names, or by its own entry among the
    /// sources.
    pub fn object_of(&self, inputs: &ClassInputs) -> Option<&Object<ClusterSpec>> {
        let by_uid = inputs.uid.as_ref().and_then(|uid| self.by_uid.get(uid));
        let own = |(kind, _, name): &(SourceKind, CleanText, CleanText)| {
            (*kind == SourceKind::Static).then(|| self.by_name.get(name)).flatten()
        };
        let index = by_uid.or_else(|| inputs.sources.iter().find_map(own))?;
        self.file.clusters.get(*index)
    }
}
