//! The class of a cluster, and whether it may change.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::fleet::{
    Class, ClassOrigin, CleanText, Decision, Decisions, Entry, Identity, Origin, PendingClass, Protection,
    Recorded, Truth, UNCLASSIFIED, class_names, guess_class,
};

use super::inherit::restrict;
use super::{ClassBook, ClassInputs, ClassRules, Rule, Settled};

/// A class with how sure it is.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) class: Class,
    pub(super) by: By,
}

/// How a cluster came by its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// Its `Cluster` object.
    Object,
    /// A person's decision.
    Decision,
    /// A rule, by its place among the rules.
    Rule(usize),
    /// A guess.
    Guess,
    /// The machine's own file, over what the person's says.
    Policy,
    /// Nothing fits.
    Nothing,
    /// Something that might fit could not be read.
    Missing,
}

/// Whether a person has accepted that the cluster goes to a class of that name, after everything that counted before.
pub fn may_weaken(
    decisions: &Decisions,
    identities: &[Identity],
    to: &CleanText,
    accepted_until: Option<DateTime<Utc>>,
) -> bool {
    acceptances(decisions, identities)
        .any(|(at, class)| class == to && accepted_until.is_none_or(|until| at > until))
}

fn acceptances<'d>(
    decisions: &'d Decisions,
    identities: &'d [Identity],
) -> impl Iterator<Item = (DateTime<Utc>, &'d CleanText)> {
    decisions.0.iter().filter_map(|recorded| match &recorded.decision {
        Decision::AcceptChange { cluster, to } if identities.contains(cluster) => Some((recorded.at, to)),
        _ => None,
    })
}

impl ClassBook {
    /// The class of a cluster. `known` is what was remembered of it before: if only its labels, properties, names or sources
    /// have changed since and its class would be less protected, the old class stays until a decision accepts the new one. A
    /// decision counts once, and only if it is later than the last that counted.
    ///
    /// A cluster that no rule fitted before may go to any class. One that no rule fits any more is locked, and what was
    /// remembered of it is kept, so that it cannot go to a weaker class by that detour.
    pub fn settle(
        &self,
        entry: &Entry,
        known: Option<&ClassInputs>,
        decisions: &Decisions,
        now: DateTime<Utc>,
    ) -> Settled {
        let today = ClassInputs::of(entry);
        let identities = today.identities();
        let before = known.and_then(|k| k.accepted_until);
        let heard = acceptances(decisions, &identities).map(|(at, _)| at).max().max(before);
        let new = self.class_of(&today, decisions, now);
        let (mut class, mut inputs) = match known.filter(|k| !k.looks_like(&today)) {
            None => (new.class, today.clone()),
            Some(known) => {
                let old = self.class_of(known, decisions, now);
                let accepted = || may_weaken(decisions, &identities, &new.class.name, before);
                if old.by == By::Nothing {
                    (new.class, today.clone())
                } else if matches!(new.by, By::Nothing | By::Missing) {
                    (new.class, known.clone())
                } else if new.class.protection < old.class.protection && !accepted() {
                    let pending = PendingClass {
                        to: new.class.name,
                        protection: new.class.protection,
                        because: known.difference(&today),
                    };
                    (Class { pending: Some(pending), ..old.class }, known.clone())
                } else {
                    (new.class, today.clone())
                }
            }
        };
        inputs.accepted_until = heard;
        let mut properties = today.properties.clone();
        let index = self.classes.iter().position(|c| c.name == class.name);
        if let Some(pattern) = index.and_then(|i| self.patterns.get(i)).and_then(Option::as_ref) {
            properties = pattern.capture(today.name.as_str(), &properties);
        }
        let owner = self.object_of(&today).and_then(|o| o.spec.owner.as_ref());
        if let Some(owner) = owner {
            Arc::make_mut(&mut properties).insert("owner".into(), CleanText::new(owner));
        }
        let parameters = self.parameters(class.rules.as_deref(), &today);
        if class.name.as_str() == UNCLASSIFIED {
            class.rules = None;
        }
        Settled { class, properties, parameters, inputs }
    }

    /// The class of a cluster with these inputs, at least as protected as the machine's own file has it.
    pub(super) fn class_of(&self, inputs: &ClassInputs, decisions: &Decisions, now: DateTime<Utc>) -> Found {
        let own = self.first_of(inputs, decisions, now);
        let machine = match &self.policy {
            Some(policy) => policy.first_of(inputs, &Decisions::default(), now),
            // The machine's own file alone: only a decision could fall short of its rules.
            None if own.by == By::Decision && self.file.fleet.as_ref().is_some_and(|f| f.policy) => {
                self.first_of(inputs, &Decisions::default(), now)
            }
            None => return own,
        };
        if matches!(machine.by, By::Nothing | By::Guess) {
            return own;
        }
        if own.by == By::Nothing || own.class.protection < machine.class.protection {
            return self.held(machine);
        }
        let (Some(rules), Some(policy)) = (&own.class.rules, &machine.class.rules) else { return own };
        if rules.name == policy.name {
            return own;
        }
        let mut both = ClassRules::clone(rules);
        restrict(&mut both, policy);
        let class = Class { rules: Some(Arc::new(both)), ..own.class };
        Found { class, by: own.by }
    }

    /// A class that the machine's own file gives, as this book has it.
    fn held(&self, machine: Found) -> Found {
        let index = self.classes.iter().position(|c| c.name == machine.class.name);
        let rule = format!("the machine's own file: {}", machine.class.rule);
        let order = index.map_or(self.classes.len(), |i| i);
        let rules = index.and_then(|i| self.classes.get(i)).cloned().or(machine.class.rules);
        let protection =
            rules.as_ref().map_or(machine.class.protection, |r| r.protection().max(machine.class.protection));
        let class = Class {
            order: u16::try_from(order).unwrap_or(u16::MAX),
            rule: CleanText::new(&rule),
            rules,
            protection,
            ..machine.class
        };
        Found { class, by: if machine.by == By::Missing { By::Missing } else { By::Policy } }
    }

    /// The first of: `Cluster` object, decision, rule.
    fn first_of(&self, inputs: &ClassInputs, decisions: &Decisions, now: DateTime<Utc>) -> Found {
        if let Some(object) = self.object_of(inputs)
            && let Some(name) = &object.spec.class
        {
            let at = object.place("spec.class").clone();
            return match self.classes.iter().position(|c| c.name.as_str() == name) {
                Some(index) => {
                    let rule = format!("the Cluster object {} says so", object.name);
                    self.found(index, ClassOrigin::Declared, &rule, Some(at), By::Object)
                }
                None => {
                    self.locked("its Cluster object names a class that is not there", Some(at), By::Missing)
                }
            };
        }
        let decided = decided(inputs, decisions);
        if !self.declared {
            return guessed(inputs, decided);
        }
        if let Some((name, recorded)) = decided
            && let Some(index) = self.classes.iter().position(|c| c.name == *name)
        {
            let rule = format!("decided by {}", recorded.who);
            return self.found(index, ClassOrigin::Override, &rule, None, By::Decision);
        }
        let cluster = inputs.cluster();
        for (place, rule) in self.rules.iter().enumerate() {
            match rule {
                Rule::Missing(name) => {
                    let why = format!("class {name} could not be read, and the cluster may be of it");
                    return self.locked(&why, None, By::Missing);
                }
                Rule::Class(index, Some(selector)) if selector.fits(&cluster, now) == Truth::Yes => {
                    let class = self.classes.get(*index);
                    let at = class.map(|c| c.object.place("spec.match").clone());
                    return self.found(
                        *index,
                        ClassOrigin::Declared,
                        &selector.to_string(),
                        at,
                        By::Rule(place),
                    );
                }
                Rule::Class(..) => {}
            }
        }
        if self.file.incomplete {
            return self.locked("the fleet file could not be read whole", None, By::Missing);
        }
        self.locked("no rule of the fleet file fits", None, By::Nothing)
    }

    fn found(&self, index: usize, origin: ClassOrigin, rule: &str, at: Option<Origin>, by: By) -> Found {
        let Some(rules) = self.classes.get(index) else {
            return self.locked("the class is not there", at, By::Missing);
        };
        let class = Class {
            name: rules.name.clone(),
            order: u16::try_from(index).unwrap_or(u16::MAX),
            origin,
            rule: CleanText::new(rule),
            rule_at: at,
            protection: rules.protection(),
            pending: None,
            rules: Some(Arc::clone(rules)),
        };
        Found { class, by }
    }

    fn locked(&self, why: &str, at: Option<Origin>, by: By) -> Found {
        let class = Class {
            name: CleanText::new(UNCLASSIFIED),
            order: u16::try_from(self.classes.len()).unwrap_or(u16::MAX),
            origin: ClassOrigin::Declared,
            rule: CleanText::new(why),
            rule_at: at,
            protection: Protection::Locked,
            pending: None,
            rules: None,
        };
        Found { class, by }
    }
}

/// The class that a person decided on, unless it was taken back.
pub(super) fn decided<'d>(
    inputs: &ClassInputs,
    decisions: &'d Decisions,
) -> Option<(&'d CleanText, &'d Recorded)> {
    if decisions.0.is_empty() {
        return None;
    }
    let identities = inputs.identities();
    let last = decisions.0.iter().rev().find_map(|recorded| match &recorded.decision {
        Decision::Class { cluster, class } if identities.contains(cluster) => {
            Some((class.as_ref(), recorded))
        }
        _ => None,
    })?;
    Some((last.0?, last.1))
}

/// Where nothing is declared: the guess, or the guessed class that a person decided on.
fn guessed(inputs: &ClassInputs, decided: Option<(&CleanText, &Recorded)>) -> Found {
    let guess = guess_class(inputs.name.as_str());
    let by = |class: &Class| if class.name.as_str() == UNCLASSIFIED { By::Nothing } else { By::Guess };
    let Some((name, recorded)) = decided else {
        return Found { by: by(&guess), class: guess };
    };
    let Some(order) = class_names().position(|known| known == name.as_str()) else {
        return Found { by: by(&guess), class: guess };
    };
    let class = Class {
        name: name.clone(),
        order: u16::try_from(order).unwrap_or(u16::MAX),
        origin: ClassOrigin::Override,
        rule: CleanText::new(&format!("decided by {}", recorded.who)),
        protection: match name.as_str() {
            "prod" => Protection::Typed,
            UNCLASSIFIED => Protection::Locked,
            _ => Protection::Confirm,
        },
        ..guess
    };
    Found { class, by: By::Decision }
}
