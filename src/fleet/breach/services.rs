//! Services that a class wants, against the workloads that an inspection found.

use super::read::{image_name, image_version, is_like};
use super::{Check, Rule, Told};
use crate::fleet::grammar::range;
use crate::fleet::spec::ServiceRule;
use crate::fleet::{ClassRules, CleanText, Cluster, Weight, Workload};

/// Where services are looked for unless a rule says otherwise.
const NAMESPACE: &str = "kube-system";
/// As many workloads as an inspection reads; of more, nobody can say that one is missing.
const MOST_WORKLOADS: usize = 5_000;

/// The workloads of the newest inspection; `None` if there was none, or if they could not be listed.
fn workloads(cluster: &Cluster) -> Option<&[Workload]> {
    cluster.signals.inspection.as_ref()?.workloads.as_deref().ok()
}

fn is_meant(rule: &ServiceRule, workload: &Workload) -> bool {
    is_like(rule.namespace.as_deref().unwrap_or(NAMESPACE), workload.namespace.as_str())
        && is_like(&rule.name, workload.name.as_str())
}

/// The images that are the service itself: those named like the workload, or else all of them.
fn own_images(workload: &Workload) -> Vec<&CleanText> {
    let name = workload.name.as_str();
    let is_own = |image: &&CleanText| {
        let image = image_name(image.as_str());
        !image.is_empty() && (name.contains(image) || image.contains(name))
    };
    let own: Vec<&CleanText> = workload.images.iter().filter(is_own).collect();
    if own.is_empty() { workload.images.iter().collect() } else { own }
}

impl Check<'_> {
    pub(super) fn services(&mut self, rules: &ClassRules) {
        let Some(wanted) = &rules.spec.requires.services else { return };
        let Some(workloads) = workloads(self.cluster) else { return };
        let seen_at = self.cluster.signals.inspection.as_ref().map(|i| i.at);
        for (i, rule) in wanted.iter().enumerate() {
            let place = format!("spec.requires.services[{i}]");
            let found: Vec<&Workload> = workloads.iter().filter(|w| is_meant(rule, w)).collect();
            let about = format!("{}/{}", rule.namespace.as_deref().unwrap_or(NAMESPACE), rule.name);
            if found.is_empty() && workloads.len() < MOST_WORKLOADS {
                let message = format!("no workload {about}, which class {} wants", rules.name);
                let hint = "Install it, or take it out of the class's services.";
                let at = Rule { rules, place: &place, about: &about, seen_at };
                self.broken("SERVICE_MISSING", at, message, hint);
            }
            if let Some(versions) = &rule.versions {
                for workload in found {
                    self.service_version(rules, &format!("{place}.versions"), versions, workload);
                }
            }
        }
    }

    fn service_version(&mut self, rules: &ClassRules, place: &str, wanted: &str, workload: &Workload) {
        let Ok(range) = range(wanted) else { return };
        let seen_at = self.cluster.signals.inspection.as_ref().map(|i| i.at);
        let about = format!("{}/{}", workload.namespace, workload.name);
        let images = own_images(workload);
        let versions: Vec<_> = images.iter().filter_map(|image| image_version(image.as_str())).collect();
        if let Some(version) = versions.iter().find(|v| !range.matches(v)) {
            let message = format!("{about} is {version}, and class {} wants {wanted}", rules.name);
            let hint = "Upgrade the service, or widen the range.";
            let at = Rule { rules, place, about: &about, seen_at };
            self.broken("SERVICE_VERSION", at, message, hint);
        } else if versions.is_empty() {
            self.push(Told {
                code: "SERVICE_VERSION",
                weight: Weight::Note,
                about: &about,
                message: format!(
                    "the version of {about} is not known: no image of it has a version for a tag"
                ),
                hint: "Give the image a tag with its version, also where it is pinned by digest.",
                rule: Some(rules.object.place(place).clone()),
                seen_at,
            });
        }
    }
}

/// Whether services are wanted and not all of them can be judged.
pub(super) fn is_unknown(cluster: &Cluster, rules: &ClassRules) -> bool {
    let Some(wanted) = rules.spec.requires.services.as_deref().filter(|s| !s.is_empty()) else {
        return false;
    };
    let Some(workloads) = workloads(cluster) else { return true };
    let cut = workloads.len() >= MOST_WORKLOADS;
    wanted.iter().any(|rule| {
        let missing = || !workloads.iter().any(|w| is_meant(rule, w));
        (cut && missing()) || rule.versions.as_deref().is_some_and(|v| range(v).is_err())
    })
}
