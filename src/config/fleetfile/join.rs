//! The machine's own file under the person's, and names of objects in other objects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::fleet::spec::{ClassSpec, ClusterSpec, FleetFile, FleetSpec, Object};
use crate::fleet::{CleanText, Origin, Problem, Severity, grammar};

use super::super::near;

/// Layers the person's file over the machine's own, and looks at the names by which objects refer to each other.
///
/// The person's order of classes counts, the machine's other classes follow. A source, `Cluster`, strategy or bundle of the same name in
/// both is that of the machine. A class of the same name is the person's; the machine's own is kept in [`FleetFile::policy`], and
/// [`ClassBook`](crate::fleet::ClassBook) lets nobody fall short of it.
///
/// A class that inherits from nothing or in a circle is left out. A `Fleet` or `Cluster` that names a class which is not there
/// stays, so that clusters are locked and not taken for something else.
pub fn join(policy: Option<FleetFile>, own: Option<FleetFile>) -> FleetFile {
    match (policy, own) {
        (None, None) => FleetFile::default(),
        (Some(one), None) | (None, Some(one)) => referred(one),
        (Some(policy), Some(own)) => layered(referred(policy), own),
    }
}

fn layered(policy: FleetFile, own: FleetFile) -> FleetFile {
    let mut problems = policy.problems.clone();
    problems.extend(own.problems);
    let mut file = FleetFile {
        fleet: match (policy.fleet.clone(), own.fleet) {
            (Some(policy), Some(own)) => Some(fleets(policy, own, &mut problems)),
            (one, other) => other.or(one),
        },
        classes: own.classes,
        clusters: beneath("Cluster", &policy.clusters, own.clusters, &mut problems),
        strategies: beneath("WaveStrategy", &policy.strategies, own.strategies, &mut problems),
        bundles: beneath("Bundle", &policy.bundles, own.bundles, &mut problems),
        problems,
        incomplete: policy.incomplete || own.incomplete,
        policy: None,
    };
    for class in &policy.classes {
        if !file.classes.iter().any(|c| c.name == class.name) {
            file.classes.push(class.clone());
        }
    }
    let mut file = referred(file);
    file.policy = Some(Arc::new(policy));
    file
}

/// The machine's objects, and those of the person's whose names are free.
fn beneath<T: Clone>(
    kind: &str,
    policy: &[Object<T>],
    own: Vec<Object<T>>,
    problems: &mut Vec<Problem>,
) -> Vec<Object<T>> {
    let mut all = policy.to_vec();
    for object in own {
        if policy.iter().any(|p| p.name == object.name) {
            let subject = format!("{kind} {}", object.name);
            shadowed(&subject, object.place("metadata.name"), problems);
        } else {
            all.push(object);
        }
    }
    all
}

fn shadowed(subject: &str, at: &Origin, problems: &mut Vec<Problem>) {
    problems.push(Problem {
        severity: Severity::Warning,
        code: "SHADOWED",
        origin: Some(at.clone()),
        subject: CleanText::new(subject),
        message: "the machine's own file has one of this name, which counts".into(),
        hint: Some("Give it another name.".into()),
    });
}

/// Both `Fleet` objects as one.
fn fleets(
    policy: Object<FleetSpec>,
    own: Object<FleetSpec>,
    problems: &mut Vec<Problem>,
) -> Object<FleetSpec> {
    let mut fleet = own;
    let mut moved = Moved { from: &policy.places, to: BTreeMap::new() };
    append(&mut fleet.spec.classes, &policy.spec.classes, |a, b| a == b, "spec.classes", &mut moved);
    append(
        &mut fleet.spec.break_glass,
        &policy.spec.break_glass,
        |a, b| a == b,
        "spec.breakGlass",
        &mut moved,
    );
    append(&mut fleet.spec.ignore, &policy.spec.ignore, |a, b| a == b, "spec.ignore", &mut moved);
    let taken: BTreeSet<&str> = policy.spec.sources.iter().map(|s| s.name.as_str()).collect();
    let sources = std::mem::take(&mut fleet.spec.sources);
    let mut kept = Moved { from: &fleet.places, to: BTreeMap::new() };
    for (i, source) in sources.into_iter().enumerate() {
        if taken.contains(source.name.as_str()) {
            let at = fleet.place(&format!("spec.sources[{i}].name"));
            shadowed(&format!("Fleet {} source {}", fleet.name, source.name), at, problems);
        } else {
            kept.take("spec.sources", i, fleet.spec.sources.len());
            fleet.spec.sources.push(source);
        }
    }
    let mut providers = Vec::new();
    let own_providers = std::mem::take(&mut fleet.spec.access_providers);
    for (i, provider) in own_providers.into_iter().enumerate() {
        if !policy.spec.access_providers.iter().any(|p| p.name == provider.name) {
            kept.take("spec.accessProviders", i, policy.spec.access_providers.len() + providers.len());
            providers.push(provider);
        }
    }
    let kept = kept.to;
    fleet
        .places
        .retain(|path, _| !path.starts_with("spec.sources[") && !path.starts_with("spec.accessProviders["));
    fleet.places.extend(kept);
    append(
        &mut fleet.spec.sources,
        &policy.spec.sources,
        |a, b| a.name == b.name,
        "spec.sources",
        &mut moved,
    );
    for i in 0..policy.spec.access_providers.len() {
        moved.take("spec.accessProviders", i, i);
    }
    fleet.spec.access_providers = policy.spec.access_providers.iter().cloned().chain(providers).collect();
    for (key, value) in &policy.spec.parameters {
        if !fleet.spec.parameters.contains_key(key) {
            fleet.spec.parameters.insert(key.clone(), value.clone());
            let path = format!("spec.parameters.{key}");
            moved.to.insert(path.clone(), policy.place(&path).clone());
        }
    }
    let moved = moved.to;
    fleet.places.extend(moved);
    for (key, value) in policy.labels {
        fleet.labels.entry(key).or_insert(value);
    }
    fleet
}

/// Places of list items that stand at another index now.
struct Moved<'a> {
    from: &'a BTreeMap<String, Origin>,
    to: BTreeMap<String, Origin>,
}

impl Moved<'_> {
    fn take(&mut self, list: &str, from: usize, to: usize) {
        let old = format!("{list}[{from}]");
        for (path, origin) in self.from.range(old.clone()..).take_while(|(p, _)| p.starts_with(&old)) {
            let rest = path.strip_prefix(&old).unwrap_or_default();
            self.to.insert(format!("{list}[{to}]{rest}"), origin.clone());
        }
    }
}

/// Adds what is not there yet.
fn append<T: Clone>(
    list: &mut Vec<T>,
    more: &[T],
    same: impl Fn(&T, &T) -> bool,
    path: &str,
    moved: &mut Moved<'_>,
) {
    for (i, item) in more.iter().enumerate() {
        if !list.iter().any(|there| same(there, item)) {
            moved.take(path, i, list.len());
            list.push(item.clone());
        }
    }
}

/// What is found out about names.
#[derive(Default)]
struct Told(Vec<Problem>);

impl Told {
    fn add<T>(
        &mut self,
        severity: Severity,
        code: &'static str,
        (kind, object, path): (&str, &Object<T>, &str),
        message: &str,
        hint: &str,
    ) {
        self.0.push(Problem {
            severity,
            code,
            origin: Some(object.place(path).clone()),
            subject: CleanText::new(&format!("{kind} {} {path}", object.name)),
            message: CleanText::new(message),
            hint: (!hint.is_empty()).then(|| CleanText::new(hint)),
        });
    }
}

fn did_you_mean(word: &str, names: &[String]) -> String {
    match near(word, names.iter().map(String::as_str)) {
        Some(name) => format!("Did you mean `{name}`?"),
        None if names.is_empty() => "There are no classes that could be read.".to_owned(),
        None => format!("Classes are {}.", names.join(", ")),
    }
}

/// Looks at every name by which an object refers to another.
fn referred(mut file: FleetFile) -> FleetFile {
    let mut told = Told::default();
    let before = file.classes.len();
    lineage(&mut file.classes, &mut told);
    file.incomplete |= file.classes.len() < before;
    let names: Vec<String> = file.classes.iter().map(|c| c.name.clone()).collect();
    if let Some(fleet) = &file.fleet {
        listed(fleet, &file.classes, &names, &mut told);
    } else if let Some(first) = file.classes.first() {
        let hint = "Write a Fleet object with `classes: [..]`, the most precious first.";
        let message = "no Fleet object lists the classes, so that none is tried";
        told.add(Severity::Warning, "NO_FLEET", ("Class", first, ""), message, hint);
    }
    for cluster in &file.clusters {
        class_of(cluster, &names, &mut told);
    }
    for bundle in &file.bundles {
        for class in bundle.spec.revisions.keys().filter(|c| !names.contains(c)) {
            let at = ("Bundle", bundle, &*format!("spec.revisions.{class}"));
            told.add(Severity::Warning, "UNKNOWN_CLASS", at, "no such class", &did_you_mean(class, &names));
        }
    }
    properties(&file.classes, &mut told);
    for problem in told.0 {
        if !file.problems.contains(&problem) {
            file.problems.push(problem);
        }
    }
    file
}

fn class_of(cluster: &Object<ClusterSpec>, names: &[String], told: &mut Told) {
    let unread = |class: &&String| *class == super::UNREAD_CLASS;
    let named = cluster.spec.class.as_ref().filter(|class| !unread(class));
    if let Some(class) = named.filter(|c| !names.contains(c)) {
        let at = ("Cluster", cluster, "spec.class");
        let message = "no such class; the cluster is locked until there is one";
        told.add(Severity::Error, "UNKNOWN_CLASS", at, message, &did_you_mean(class, names));
    }
}

/// `Fleet.spec.classes` against the classes.
fn listed(fleet: &Object<FleetSpec>, classes: &[Object<ClassSpec>], names: &[String], told: &mut Told) {
    for (i, name) in fleet.spec.classes.iter().enumerate() {
        match classes.iter().find(|c| c.name == *name) {
            None => {
                let at = ("Fleet", fleet, &*format!("spec.classes[{i}]"));
                let message =
                    "no such class; clusters that no class before it matches are locked until there is one";
                told.add(Severity::Error, "UNKNOWN_CLASS", at, message, &did_you_mean(name, names));
            }
            Some(class) if class.spec.matches.is_none() => {
                let hint = "Write `match`, or give it to clusters by name.";
                let message = "the class has no rule, so that being listed does nothing";
                told.add(Severity::Note, "NO_RULE", ("Class", class, ""), message, hint);
            }
            Some(_) => {}
        }
    }
    for class in classes.iter().filter(|c| c.spec.matches.is_some()) {
        if !fleet.spec.classes.contains(&class.name) {
            let hint = "Name it in the Fleet's `classes`, where its rule is to be tried.";
            let message = "the Fleet does not list the class, so that its rule is never tried";
            told.add(Severity::Warning, "UNLISTED_CLASS", ("Class", class, "spec.match"), message, hint);
        }
    }
}

/// Leaves out classes that inherit from nothing or in a circle.
fn lineage(classes: &mut Vec<Object<ClassSpec>>, told: &mut Told) {
    let names: Vec<String> = classes.iter().map(|c| c.name.clone()).collect();
    let parents: BTreeMap<String, String> =
        classes.iter().filter_map(|c| Some((c.name.clone(), c.spec.inherits.clone()?))).collect();
    classes.retain(|class| {
        let Some(parent) = &class.spec.inherits else { return true };
        let at = ("Class", class, "spec.inherits");
        if !names.contains(parent) {
            told.add(Severity::Error, "UNKNOWN_CLASS", at, "no such class", &did_you_mean(parent, &names));
            return false;
        }
        let mut seen = BTreeSet::from([&class.name]);
        let mut next = Some(parent);
        while let Some(name) = next {
            if !seen.insert(name) {
                let hint = "Remove one `inherits` of the circle.";
                told.add(Severity::Error, "INHERITS_CIRCLE", at, "its inheritance goes in a circle", hint);
                return false;
            }
            if !names.contains(name) {
                let message = "a class that it inherits from could not be read";
                told.add(Severity::Error, "UNKNOWN_CLASS", at, message, "Mend that class first.");
                return false;
            }
            next = parents.get(name);
        }
        true
    });
}

/// Properties that `concurrency.per` counts by are fields, labels, or captured from names by some class.
fn properties(classes: &[Object<ClassSpec>], told: &mut Told) {
    let mut known: BTreeSet<String> =
        ["region", "provider", "account", "server", "source", "tenant", "owner"].map(str::to_owned).into();
    for naming in classes.iter().filter_map(|c| c.spec.naming.as_ref()) {
        let pattern = grammar::name_pattern(&naming.pattern);
        let groups = pattern.iter().flat_map(|p| p.capture_names().flatten());
        known.extend(groups.map(str::to_owned).collect::<Vec<_>>());
    }
    for class in classes {
        let per = class.spec.concurrency.iter().flat_map(|c| c.per.keys());
        for property in per.filter(|p| !p.starts_with("label.") && !p.starts_with("property.")) {
            if !known.contains(property) {
                let at = ("Class", class, &*format!("spec.concurrency.per.{property}"));
                let message = "neither a field nor captured from names by any class";
                let hint = match near(property, known.iter().map(String::as_str)) {
                    Some(name) => format!("Did you mean `{name}`?"),
                    None => "Write `label.KEY`, or `property.KEY` for what sources say.".to_owned(),
                };
                told.add(Severity::Warning, "UNKNOWN_PROPERTY", at, message, &hint);
            }
        }
    }
}
