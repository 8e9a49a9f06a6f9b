//! Filling in what a class leaves out, and holding it to what the machine's own file asks of it.

use crate::fleet::Protection;
use crate::fleet::spec::{ClassSpec, Concurrency, ProtectionSpec};

use super::ClassRules;

/// The number of clusters from which on a phrase is asked for, unless a class says otherwise.
const PHRASE_ABOVE: u32 = 5;

impl From<ProtectionSpec> for Protection {
    fn from(spec: ProtectionSpec) -> Self {
        match spec {
            ProtectionSpec::None => Self::None,
            ProtectionSpec::Confirm => Self::Confirm,
            ProtectionSpec::Typed => Self::Typed,
            ProtectionSpec::Locked => Self::Locked,
        }
    }
}

/// Fills in what `spec` leaves out from `parent`, but for the rule. Maps are joined, and what `spec` says counts.
pub(super) fn fill(spec: &mut ClassSpec, parent: &ClassSpec) {
    macro_rules! take {
        ($($field:ident).+) => {
            if spec.$($field).+.is_none() {
                spec.$($field).+.clone_from(&parent.$($field).+);
            }
        };
    }
    // Named one by one, so that a new field of the class is thought of here.
    let ClassSpec {
        matches: _,
        inherits: _,
        tenants: _,
        owner: _,
        on_call: _,
        links: _,
        parameters,
        naming: _,
        domain: _,
        versions: _,
        protection: _,
        phrase_above: _,
        concurrency,
        never_together: _,
        windows: _,
        freezes: _,
        requires: _,
        metrics: _,
    } = parent;
    take!(tenants);
    take!(owner);
    take!(on_call);
    take!(links.runbook);
    take!(links.dashboard);
    for (key, value) in parameters {
        spec.parameters.entry(key.clone()).or_insert_with(|| value.clone());
    }
    take!(naming);
    take!(domain);
    take!(versions.floor);
    take!(versions.target);
    take!(versions.accept_end_of_life);
    take!(protection);
    take!(phrase_above);
    match (&mut spec.concurrency, concurrency) {
        (Some(own), Some(parent)) => {
            own.max = own.max.or(parent.max);
            for (property, at_once) in &parent.per {
                own.per.entry(property.clone()).or_insert(*at_once);
            }
        }
        (own, parent) => {
            if own.is_none() {
                own.clone_from(parent);
            }
        }
    }
    take!(never_together);
    take!(windows);
    take!(freezes);
    take!(requires.services);
    take!(requires.labels);
    take!(requires.network_policies);
    take!(requires.sources);
    take!(metrics);
}

/// Holds a class to what the machine's own file asks of the same clusters: of each restriction the stronger one.
pub(super) fn restrict(rules: &mut ClassRules, policy: &ClassRules) {
    let protection = rules.protection().max(policy.protection());
    let (spec, machine) = (&mut rules.spec, &policy.spec);
    if spec.protection.is_some() || machine.protection.is_some() {
        spec.protection = Some(match protection {
            Protection::None => ProtectionSpec::None,
            Protection::Confirm => ProtectionSpec::Confirm,
            Protection::Typed => ProtectionSpec::Typed,
            Protection::Locked => ProtectionSpec::Locked,
        });
    }
    if spec.phrase_above.is_some() || machine.phrase_above.is_some() {
        let above = |s: &ClassSpec| s.phrase_above.unwrap_or(PHRASE_ABOVE);
        spec.phrase_above = Some(above(spec).min(above(machine)));
    }
    if let Some(machine) = &machine.concurrency {
        let own = spec.concurrency.get_or_insert_with(Concurrency::default);
        own.max = own.max.into_iter().chain(machine.max).min();
        for (property, at_once) in &machine.per {
            let own = own.per.entry(property.clone()).or_insert(*at_once);
            *own = (*own).min(*at_once);
        }
    }
    for selector in machine.never_together.iter().flatten() {
        let own = spec.never_together.get_or_insert_with(Vec::new);
        if !own.contains(selector) {
            own.push(selector.clone());
        }
    }
    for freeze in machine.freezes.iter().flatten() {
        let own = spec.freezes.get_or_insert_with(Vec::new);
        if !own.contains(freeze) {
            own.push(freeze.clone());
        }
    }
    if spec.windows.as_ref().is_none_or(Vec::is_empty) {
        spec.windows.clone_from(&machine.windows);
    }
    rules.hours = rules.hours.and(&policy.hours).into();
}
