//! Add-ons that run in the cluster, by their images.

use std::collections::{BTreeMap, BTreeSet};

use super::Effect;
use super::blockers::{Found, Step};
use crate::fleet::{Addon, AddonFit, Claim, Inspection, Sureness, Version};

pub(super) fn look(step: &Step<'_>, inspection: &Inspection, found: &mut Found) {
    if !step.is_minor() {
        return;
    }
    let workloads = match &inspection.workloads {
        Ok(workloads) => workloads,
        Err(failure) => {
            let message = format!("add-ons could not be looked for: {failure}");
            found.push("ADDON", Effect::Unknown, &message, "", Some(inspection.at));
            return;
        }
    };
    let addons = &step.almanac.addons;
    let mut running: BTreeMap<&str, BTreeSet<Option<Version>>> = BTreeMap::new();
    for image in workloads.iter().flat_map(|workload| &workload.images) {
        if let Some((name, version)) = addons.recognize(image.as_str()) {
            running.entry(name).or_default().insert(version);
        }
    }
    for (name, versions) in running {
        // Who runs the control plane brings a build and a calendar of these with it.
        if step.provider.is_some() && addons.is_installed(name) {
            continue;
        }
        for version in versions {
            judge(step, inspection, found, name, version.as_ref());
        }
    }
}

fn judge(step: &Step<'_>, inspection: &Inspection, found: &mut Found, name: &str, version: Option<&Version>) {
    let next = step.next.line;
    let Some(version) = version else {
        let message = format!("the version of {name} cannot be told from its image");
        found.push("ADDON", Effect::Unknown, &message, "", Some(inspection.at));
        return;
    };
    let (addon, refused) = match step.almanac.addons.fit(name, version, step.from.line, next) {
        AddonFit::Fits => return,
        AddonFit::Unknown => {
            let message = format!("whether {name} {version} goes with {next} is not known");
            let hint = "Look it up, and add a row to your own addons.txt.";
            found.push("ADDON", Effect::Unknown, &message, hint, Some(inspection.at));
            return;
        }
        AddonFit::Refused(addon) => (addon, true),
        AddonFit::Doubtful(addon) => (addon, false),
    };
    let blocks = refused && addon.sureness == Sureness::Stated && version.line <= next;
    let effect = if blocks { Effect::Blocks } else { Effect::Warns };
    let (message, what) = words(step, addon, version);
    let by = match addon.sureness {
        Sureness::Stated => "",
        Sureness::Cited => ", as others quote it",
    };
    found.push(
        "ADDON",
        effect,
        &message,
        &format!("{what} Source: {}{by}.", addon.source),
        Some(inspection.at),
    );
}

fn words(step: &Step<'_>, addon: &Addon, version: &Version) -> (String, String) {
    let (name, from, next) = (&addon.name, step.from.line, step.next.line);
    let upgrade_first = format!("Upgrade {name} first.");
    match addon.claim {
        Claim::Supported(releases) => {
            (format!("{name} {version} is supported on {releases}, not on {next}"), upgrade_first)
        }
        Claim::Tested(releases) => {
            (format!("{name} {version} is tested on {releases}, not on {next}"), upgrade_first)
        }
        Claim::Installed(with) => {
            let installed = addon.version.map(|(line, patch)| format!("v{line}.{}", patch.unwrap_or(0)));
            let installed = installed.unwrap_or_default();
            (
                format!("{name} {version} is older than {installed}, which kubeadm installs with {with}"),
                format!("An earlier upgrade has left it behind; upgrade {name}."),
            )
        }
        Claim::SameMinor => (
            format!("{name} {version} belongs to {}, neither to {from} nor to {next}", version.line),
            format!("Upgrade {name} together with the cluster."),
        ),
        Claim::Skew(_) if version.line > next => (
            format!("{name} {version} is newer than {next}"),
            "It may never be newer than the API server.".to_owned(),
        ),
        Claim::Skew(_) => (format!("{name} {version} is too old for {next}"), upgrade_first),
    }
}
