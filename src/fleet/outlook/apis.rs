//! APIs that the next release removes: in use, or only served.

use std::collections::{BTreeMap, BTreeSet};

use super::Effect;
use super::blockers::{Found, Step, some_of};
use crate::fleet::{CleanText, Failure, Inspection, Minor, OldApi, UseEvidence};

/// What is known of the use of one API.
#[derive(Default)]
struct Use {
    removed_in: Option<Minor>,
    replacement: Option<String>,
    evidence: BTreeSet<UseEvidence>,
    by: BTreeSet<CleanText>,
}

/// Group, version, resource.
type Api = (String, String, String);

pub(super) fn look(step: &Step<'_>, inspection: &Inspection, found: &mut Found) {
    if !step.is_minor() {
        return;
    }
    let uses = uses(step, inspection);
    for ((group, version, resource), one) in &uses {
        in_use(step, inspection, found, &group_version(group, version), resource, one);
    }
    served(step, inspection, found, &uses);
    blind(step, inspection, found);
}

fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// All evidence, put together by API.
fn uses(step: &Step<'_>, inspection: &Inspection) -> BTreeMap<Api, Use> {
    let parts = [&inspection.requested, &inspection.managed, &inspection.stored];
    let mut uses: BTreeMap<Api, Use> = BTreeMap::new();
    for old in parts.into_iter().flatten().flatten() {
        let OldApi { group, version, resource, removed_in, evidence, by } = old;
        let row = step.almanac.apis.find(group.as_str(), version.as_str(), resource.as_str());
        let resource = row.map_or_else(|| resource.as_str().to_owned(), |row| row.resource.clone());
        let one = uses.entry((group.as_str().to_owned(), version.as_str().to_owned(), resource)).or_default();
        // The server knows its own removals best.
        one.removed_in = one.removed_in.or(*removed_in).or(row.map(|row| row.removed_in));
        one.replacement = one.replacement.take().or_else(|| row.and_then(|row| row.replacement.clone()));
        one.evidence.insert(*evidence);
        one.by.extend(by.iter().cloned());
    }
    uses
}

fn in_use(
    step: &Step<'_>,
    inspection: &Inspection,
    found: &mut Found,
    group_version: &str,
    resource: &str,
    one: &Use,
) {
    let is_stored = one.evidence.contains(&UseEvidence::StoredVersion);
    let is_only_served = one.evidence.iter().all(|evidence| *evidence == UseEvidence::Served);
    let seen_at = Some(inspection.at);
    match one.removed_in {
        Some(removed) if removed <= step.next.line => {
            let effect = if is_only_served { Effect::Warns } else { Effect::Blocks };
            let message = format!(
                "{resource} of {group_version} are gone in {removed} and {}",
                told(&one.evidence, &one.by)
            );
            let hint = match &one.replacement {
                Some(replacement) => format!("Move whoever uses them to {replacement}."),
                None => "Nothing takes their place; find who uses them and do without.".to_owned(),
            };
            found.push("REMOVED_API", effect, &message, &hint, seen_at);
        }
        // A definition that names a version it does not serve will not take the next change to its versions.
        None if is_stored => {
            let message =
                format!("objects of {resource} are stored as {group_version}, which is no longer served");
            let hint = "Write the objects anew in a version that is served, and take the old one out of storedVersions.";
            found.push("REMOVED_API", Effect::Warns, &message, hint, seen_at);
        }
        Some(_) | None => {}
    }
}

/// How a use is known, and of whom: `in use (requests to the server; helm, argocd)`.
fn told(evidence: &BTreeSet<UseEvidence>, by: &BTreeSet<CleanText>) -> String {
    let words: Vec<&str> = evidence
        .iter()
        .map(|evidence| match evidence {
            UseEvidence::Requested => "requests were counted since the server started",
            UseEvidence::ManagedFields => "objects name it as written",
            UseEvidence::StoredVersion => "objects are stored in it",
            UseEvidence::Served => "it is served",
        })
        .collect();
    let by: Vec<String> = by.iter().map(ToString::to_string).collect();
    let by = if by.is_empty() { String::new() } else { format!("; {}", some_of(&by)) };
    format!("in use: {}{by}", words.join(", "))
}

/// What is served today and not in the next release, though nobody is known to use it.
fn served(step: &Step<'_>, inspection: &Inspection, found: &mut Found, uses: &BTreeMap<Api, Use>) {
    let Ok(served) = &inspection.served else { return };
    let mut idle: BTreeMap<String, (Minor, Vec<String>)> = BTreeMap::new();
    for api in step.almanac.apis.removed_between(step.from.line, step.next.line) {
        let key = (api.group.clone(), api.version.clone(), api.resource.clone());
        let group_version = api.group_version();
        if !uses.contains_key(&key) && served.iter().any(|one| one.as_str() == group_version) {
            idle.entry(group_version).or_insert((api.removed_in, Vec::new())).1.push(api.resource.clone());
        }
    }
    for (group_version, (removed, resources)) in idle {
        let message = format!(
            "{} of {group_version} are gone in {removed}; nobody is known to use them",
            some_of(&resources)
        );
        let hint = "Counts of requests begin anew with each server, so nothing seen does not prove that there is nothing.";
        found.push("REMOVED_API", Effect::Warns, &message, hint, Some(inspection.at));
    }
}

/// What could not be looked at, if there is anything that might have been found there.
fn blind(step: &Step<'_>, inspection: &Inspection, found: &mut Found) {
    let apis = &step.almanac.apis;
    let next = step.next.line;
    if next > apis.covers {
        let message =
            format!("what {next} removes is not known, only what releases up to {} remove", apis.covers);
        found.push("REMOVED_API", Effect::Unknown, &message, "", None);
    }
    let mut removed = apis.removed_between(step.from.line, next).peekable();
    let is_served = match &inspection.served {
        Ok(served) => removed.any(|api| served.iter().any(|one| one.as_str() == api.group_version())),
        Err(_) => removed.peek().is_some(),
    };
    if !is_served && next <= apis.covers {
        return;
    }
    let parts: [(&str, Option<&Failure>); 3] = [
        ("requests counted by the server", inspection.requested.as_ref().err()),
        ("writers of objects", inspection.managed.as_ref().err()),
        ("the APIs that are served", inspection.served.as_ref().err()),
    ];
    for (what, failure) in parts {
        if let Some(failure) = failure {
            let message = format!(
                "use of APIs that {next} removes cannot be told: {what} could not be read: {failure}"
            );
            found.push("REMOVED_API", Effect::Unknown, &message, "", Some(inspection.at));
        }
    }
}
