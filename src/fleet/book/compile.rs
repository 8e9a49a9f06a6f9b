//! From the fleet file to a book.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::fleet::spec::{ClassSpec, FleetFile, Object};
use crate::fleet::window::Hours;
use crate::fleet::{CleanText, Problem, Selector, Severity};

use super::capture::NamePattern;
use super::inherit::{fill, restrict};
use super::{ClassBook, ClassRules, Rule};

impl ClassBook {
    /// Works out what the file's classes mean, and what in them means nothing. The file's own problems are not told again.
    pub fn compile(file: Arc<FleetFile>) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let policy = file.policy.clone().map(|policy| {
            let (book, told) = Self::compile(policy);
            problems.extend(told);
            Box::new(book)
        });
        let resolved = Resolver { file: &file, policy: policy.as_deref(), done: BTreeMap::new() }.all();
        let listed = file.fleet.iter().flat_map(|f| &f.spec.classes);
        let mut names: Vec<&str> = Vec::new();
        for name in listed.clone().chain(file.classes.iter().map(|c| &c.name)) {
            if resolved.contains_key(name.as_str()) && !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        let classes: Vec<Arc<ClassRules>> = names.iter().filter_map(|n| resolved.get(*n).cloned()).collect();
        let mut tell = |class: &ClassRules, path: &str, code: &'static str, message: &str| {
            problems.push(Problem {
                severity: Severity::Error,
                code,
                origin: Some(class.object.place(path).clone()),
                subject: CleanText::new(&format!("Class {} {path}", class.name)),
                message: CleanText::new(message),
                hint: Some("Mend it; until then no cluster is taken for less than it may be.".into()),
            });
        };
        let mut rules = Vec::new();
        let mut seen = BTreeSet::new();
        for name in listed.filter(|n| seen.insert(n.as_str())) {
            let Some(index) = names.iter().position(|n| n == name) else {
                rules.push(Rule::Missing(CleanText::new(name)));
                continue;
            };
            let Some(class) = classes.get(index) else { continue };
            match class.spec.matches.as_deref().map(Selector::parse) {
                None => rules.push(Rule::Class(index, None)),
                Some(Ok(selector)) => rules.push(Rule::Class(index, Some(selector))),
                Some(Err(error)) => {
                    tell(class, "spec.match", "BAD_SELECTOR", error.message.as_str());
                    rules.push(Rule::Missing(class.name.clone()));
                }
            }
        }
        let mut patterns = Vec::with_capacity(classes.len());
        for class in &classes {
            let naming = class.spec.naming.as_ref();
            patterns.push(naming.and_then(|n| match NamePattern::new(&n.pattern) {
                Ok(pattern) => Some(pattern),
                Err(wrong) => {
                    tell(class, "spec.naming.pattern", "BAD_PATTERN", wrong);
                    None
                }
            }));
        }
        let key = |text: &String| CleanText::with_cap(text, usize::MAX);
        let clusters = || file.clusters.iter().enumerate();
        let by_name = clusters().map(|(i, c)| (CleanText::new(&c.name), i)).collect();
        let by_uid = clusters().rev().filter_map(|(i, c)| Some((key(c.spec.uid.as_ref()?), i))).collect();
        let declared = file.incomplete
            || !file.classes.is_empty()
            || file.fleet.as_ref().is_some_and(|f| !f.spec.classes.is_empty());
        (Self { file, classes, patterns, rules, by_name, by_uid, declared, policy }, problems)
    }
}

/// Works out what classes inherit.
struct Resolver<'a> {
    file: &'a FleetFile,
    policy: Option<&'a ClassBook>,
    done: BTreeMap<&'a str, Arc<ClassRules>>,
}

impl<'a> Resolver<'a> {
    fn all(mut self) -> BTreeMap<&'a str, Arc<ClassRules>> {
        for class in &self.file.classes {
            let mut above = Vec::new();
            self.one(class, &mut above);
        }
        self.done
    }

    /// One class; `None` if it inherits from nothing or in a circle. `above` are the classes that are being worked out.
    fn one(&mut self, class: &'a Object<ClassSpec>, above: &mut Vec<&'a str>) -> Option<Arc<ClassRules>> {
        if let Some(done) = self.done.get(class.name.as_str()) {
            return Some(Arc::clone(done));
        }
        let machine = self.policy.and_then(|p| p.get(&class.name)).cloned();
        let rules = match machine {
            // A class that only the machine's own file has is as it is there, whatever a person calls its parents.
            Some(machine) if class.policy => machine,
            machine => {
                if above.contains(&class.name.as_str()) {
                    return None;
                }
                let mut spec = class.spec.clone();
                let mut inherits = Vec::new();
                if let Some(parent) = &class.spec.inherits {
                    let parent = self.file.classes.iter().find(|c| c.name == *parent)?;
                    above.push(&class.name);
                    let parent = self.one(parent, above)?;
                    above.pop();
                    fill(&mut spec, &parent.spec);
                    inherits.push(parent.name.clone());
                    inherits.extend(parent.inherits.iter().cloned());
                }
                if let Some(machine) = &machine {
                    if spec.matches.is_none() {
                        spec.matches.clone_from(&machine.spec.matches);
                    }
                    fill(&mut spec, &machine.spec);
                }
                let hours = Arc::new(Hours::of(&spec));
                let name = CleanText::new(&class.name);
                let mut rules = ClassRules { name, inherits, spec, object: Arc::new(class.clone()), hours };
                if let Some(machine) = &machine {
                    restrict(&mut rules, machine);
                }
                Arc::new(rules)
            }
        };
        self.done.insert(&class.name, Arc::clone(&rules));
        Some(rules)
    }
}
