//! From loaded kubeconfigs to sightings.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::contexts::KnownContext;
use crate::access::kubeconfig::{Context, FileReport, Loaded, Outcome, Search, load};
use crate::access::{Credential, Target};
use crate::fleet::{AccessPath, CleanText, Problem, Severity, Sighting, SightingId, SourceKind, TextMap};
use crate::registry::address::{normal, normal_text};
use crate::registry::authority::Authorities;
use crate::registry::pattern::fits;
use crate::registry::{Sighted, dated, shown_name};

/// One place to look for kubeconfigs, and what is said of all that is found there.
#[derive(Clone, Debug, Default)]
pub(in crate::registry) struct Where {
    /// Where.
    pub(in crate::registry) search: Search,
    /// Whether everything there is for emergencies only.
    pub(in crate::registry) break_glass: bool,
    /// Labels of everything there.
    pub(in crate::registry) labels: BTreeMap<CleanText, CleanText>,
}

/// What to read and how.
#[derive(Clone, Debug, Default)]
pub(in crate::registry) struct Wanted {
    /// The places; the first is that of kubectl.
    pub(in crate::registry) places: Vec<Where>,
    /// Patterns of contexts to show; empty shows all.
    pub(in crate::registry) contexts: Vec<String>,
    /// Patterns of contexts for emergencies.
    pub(in crate::registry) break_glass: Vec<String>,
}

/// One file.
#[derive(Clone, Debug)]
pub(super) struct FileRead {
    pub(super) path: PathBuf,
    /// The source's name.
    pub(super) name: CleanText,
    pub(super) outcome: Outcome,
    pub(super) problems: Vec<Problem>,
    pub(super) sighted: Vec<Sighted>,
    /// Every context of it.
    pub(super) contexts: Vec<KnownContext>,
}

impl FileRead {
    /// Whether it looks like a file that somebody is just writing.
    pub(super) fn half_written(&self) -> bool {
        let cut = |p: &Problem| matches!(p.code, "BAD_YAML" | "NOT_A_KUBECONFIG" | "BAD_ENCODING" | "EMPTY");
        self.contexts.is_empty() && self.problems.iter().any(cut)
    }

    /// Whether it is there and cannot be read.
    pub(super) fn broken(&self) -> bool {
        matches!(self.outcome, Outcome::Refused | Outcome::Skipped)
    }

    /// Whether it is worth mentioning.
    pub(super) fn is_told(&self) -> bool {
        self.outcome != Outcome::Missing || !self.problems.is_empty()
    }
}

/// Everything that was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    pub(super) files: Vec<FileRead>,
    pub(super) current: Option<SightingId>,
    pub(super) looked_in: Vec<(CleanText, bool)>,
    pub(super) problems: Vec<Problem>,
    /// Files that contexts name, whose change changes what is said.
    pub(super) named: Vec<PathBuf>,
}

/// Reads all files. Blocks on the file system.
pub(super) fn read(wanted: &Wanted, now: DateTime<Utc>) -> Reading {
    let mut reading = Reading::default();
    let mut names = Names::default();
    let mut authorities = Authorities::default();
    let mut seen: HashSet<PathBuf> = HashSet::new();
    let mut filter = Filter::new(&wanted.contexts);
    for (index, place) in wanted.places.iter().enumerate() {
        let loaded = load(&place.search);
        // Where kubectl looks is where people are told to look; other places are named in the fleet file.
        if index == 0 {
            let looked = loaded.looked_in().into_iter();
            reading.looked_in = looked.map(|(place, there)| (CleanText::new(&place), there)).collect();
        }
        reading.problems.extend(loaded.problems.iter().cloned());
        let mut slots: Vec<Option<usize>> = Vec::with_capacity(loaded.files.len());
        for file in &loaded.files {
            if !seen.insert(file.path.clone()) {
                slots.push(None);
                continue;
            }
            slots.push(Some(reading.files.len()));
            reading.files.push(empty(file, names.unique(&file.shown)));
        }
        let view = View { place, wanted, now, labels: Arc::new(place.labels.clone()) };
        let current = view.contexts(&loaded, &slots, &mut reading, &mut authorities, &mut filter);
        if index == 0 {
            reading.current = current;
        }
    }
    reading.problems.extend(filter.unused());
    reading
}

fn empty(file: &FileReport, name: CleanText) -> FileRead {
    FileRead {
        path: file.path.clone(),
        name,
        outcome: file.outcome,
        problems: file.problems.clone(),
        sighted: Vec::new(),
        contexts: Vec::new(),
    }
}

struct View<'a> {
    place: &'a Where,
    wanted: &'a Wanted,
    now: DateTime<Utc>,
    /// One map for all contexts of a place.
    labels: TextMap,
}

impl View<'_> {
    /// Adds the contexts to their files; the answer is the current one, if it is shown.
    fn contexts(
        &self,
        loaded: &Loaded,
        slots: &[Option<usize>],
        reading: &mut Reading,
        authorities: &mut Authorities,
        filter: &mut Filter<'_>,
    ) -> Option<SightingId> {
        let mut current = None;
        let mut references: Vec<Names> = Vec::new();
        references.resize_with(loaded.files.len(), Names::default);
        for (index, context) in loaded.contexts.iter().enumerate() {
            let Some(slot) = slots.get(context.source).copied().flatten() else { continue };
            let Some(file) = reading.files.get_mut(slot) else { continue };
            let Some(names) = references.get_mut(context.source) else { continue };
            let name = shown_name(&context.name);
            let id = SightingId { source: file.name.clone(), reference: names.unique(&name) };
            let known = known(context, &id, authorities);
            note_files(context, &mut reading.named);
            if filter.keeps(context, &id) {
                if loaded.current == Some(index) {
                    current = Some(id.clone());
                }
                file.sighted.push(self.sighted(context, &known, name));
            }
            file.contexts.push(known);
        }
        current
    }

    fn sighted(&self, context: &Context, known: &KnownContext, name: CleanText) -> Sighted {
        let emergency =
            |pattern: &String| fits(pattern, &context.name) || fits(pattern, &known.id.to_string());
        let mut problems = context.problems.clone();
        problems.extend(dated(context, self.now));
        let path = AccessPath {
            sighting: known.id.clone(),
            break_glass: self.place.break_glass || self.wanted.break_glass.iter().any(emergency),
            ..context.access.clone()
        };
        let sighting = Sighting {
            origin: Some(context.origin.clone()),
            server: known.server.clone(),
            fronted: known.fronted,
            authorities: known.authorities.clone(),
            path: Some(path),
            labels: Arc::clone(&self.labels),
            problems,
            ..Sighting::new(SourceKind::Kubeconfig, known.id.clone(), name, self.now)
        };
        Sighted {
            sighting: Arc::new(sighting),
            target: context.target.clone(),
            identity_key: context.identity_key,
        }
    }
}

fn known(context: &Context, id: &SightingId, authorities: &mut Authorities) -> KnownContext {
    let target = context.target.as_deref();
    KnownContext {
        name: context.name.clone(),
        id: id.clone(),
        target: context.target.clone(),
        server: match target {
            Some(target) => Some(normal(&target.server)),
            None => context.access.server.as_ref().and_then(|s| normal_text(s.as_str()).ok()),
        },
        authorities: target.map(|t| authorities.of(&t.tls)).unwrap_or_default(),
        fronted: target.is_some_and(is_fronted),
        unusable: context.unusable().map(|problem| problem.message.clone()),
    }
}

/// Whether the server stands before many clusters, so that its address says nothing of which one is meant: a path in front of
/// the API, or Teleport, which tells clusters apart by the certificate that its plugin hands out.
fn is_fronted(target: &Target) -> bool {
    let teleport = target.tls.server_name.as_deref().is_some_and(|n| n.starts_with("kube-teleport-proxy"))
        || matches!(&target.credential, Credential::Exec(exec) if exec.command.rsplit('/').next() == Some("tsh"));
    teleport || !target.server.path.is_empty()
}

/// Files whose content says who the cluster or the person is.
fn note_files(context: &Context, named: &mut Vec<PathBuf>) {
    use crate::access::{PemSource, Roots};
    let Some(target) = &context.target else { return };
    if let Roots::Bundle(PemSource::File(path)) = &target.tls.roots
        && named.last() != Some(path)
    {
        named.push(path.clone());
    }
    if let Some(PemSource::File(path)) = target.tls.client_cert.as_ref().map(|c| &c.chain) {
        named.push(path.clone());
    }
}

/// Gives out names: the name itself, then `name~2`, `name~3` ...
#[derive(Default)]
pub(in crate::registry) struct Names {
    taken: HashSet<CleanText>,
    last: std::collections::HashMap<CleanText, usize>,
}

impl Names {
    pub(in crate::registry) fn unique(&mut self, name: &CleanText) -> CleanText {
        if self.taken.insert(name.clone()) {
            return name.clone();
        }
        let last = self.last.entry(name.clone()).or_insert(1);
        loop {
            *last += 1;
            // A name at the limit of CleanText keeps its number, so the loop ends.
            let numbered = CleanText::with_cap(&format!("{name}~{last}"), usize::MAX);
            if self.taken.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

/// The contexts that a person has asked for.
struct Filter<'a> {
    patterns: &'a [String],
    used: Vec<bool>,
}

impl<'a> Filter<'a> {
    fn new(patterns: &'a [String]) -> Self {
        Self { patterns, used: vec![false; patterns.len()] }
    }

    fn keeps(&mut self, context: &Context, id: &SightingId) -> bool {
        let mut keep = self.patterns.is_empty();
        for (pattern, used) in self.patterns.iter().zip(&mut self.used) {
            if fits(pattern, &context.name) || fits(pattern, id.reference.as_str()) {
                *used = true;
                keep = true;
            }
        }
        keep
    }

    fn unused(&self) -> impl Iterator<Item = Problem> {
        self.patterns.iter().zip(&self.used).filter(|(_, used)| !**used).map(|(pattern, _)| Problem {
            severity: Severity::Error,
            code: "NO_SUCH_CONTEXT",
            origin: None,
            subject: CleanText::new(pattern),
            message: CleanText::new("no context has a name like that"),
            hint: Some(CleanText::new("Patterns are whole names; `*` stands for any characters.")),
        })
    }
}
