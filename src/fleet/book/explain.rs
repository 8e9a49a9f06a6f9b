//! Why a cluster is in its class.

use chrono::{DateTime, Utc};

use crate::fleet::{CleanText, Decisions, Entry, Origin, TermResult, Truth};

use super::settle::{By, decided};
use super::{ClassBook, ClassInputs, Rule};

/// One class that was tried, or something that comes before the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassStep {
    /// The class.
    pub class: CleanText,
    /// Its rule, or what else gives the class.
    pub rule: CleanText,
    /// Where that stands.
    pub rule_at: Option<Origin>,
    /// Whether it fits. What is not known does not fit.
    pub truth: Truth,
    /// Whether this is what gave the class.
    pub chosen: bool,
    /// Why, term by term.
    pub terms: Vec<TermResult>,
    /// What else is to be said: that it comes too late, that the class has no rule.
    pub words: CleanText,
}

impl ClassBook {
    /// Every step in the order in which the class of `entry` is looked for. Later rules are tried too, so that one sees what
    /// would come next.
    pub fn explain(&self, entry: &Entry, decisions: &Decisions, now: DateTime<Utc>) -> Vec<ClassStep> {
        let inputs = ClassInputs::of(entry);
        let found = self.class_of(&inputs, decisions, now);
        let mut steps = Vec::new();
        let step = |class: &CleanText, rule: &str, truth| ClassStep {
            class: class.clone(),
            rule: CleanText::new(rule),
            rule_at: None,
            truth,
            chosen: false,
            terms: Vec::new(),
            words: CleanText::default(),
        };
        if let Some(object) = self.object_of(&inputs)
            && let Some(name) = &object.spec.class
        {
            let known = self.get(name).is_some();
            let rule = format!("the Cluster object {}", object.name);
            let mut step = step(&CleanText::new(name), &rule, known.into());
            step.rule_at = Some(object.place("spec.class").clone());
            step.chosen = found.by == By::Object;
            if !known {
                step.words = "there is no such class, so the cluster is locked".into();
            }
            steps.push(step);
        }
        if let Some((name, recorded)) = decided(&inputs, decisions) {
            let known = !self.declared || self.get(name.as_str()).is_some();
            let mut step = step(name, &format!("a decision by {}", recorded.who), known.into());
            step.chosen = found.by == By::Decision;
            if !known {
                step.words = "there is no such class any more".into();
            }
            steps.push(step);
        }
        let cluster = inputs.cluster();
        for (place, rule) in self.rules.iter().enumerate() {
            let mut step = match rule {
                Rule::Missing(name) => {
                    let mut step = step(name, "", Truth::Unknown);
                    step.words = "the class could not be read; clusters that come as far are locked".into();
                    step
                }
                Rule::Class(index, selector) => {
                    let Some(class) = self.classes.get(*index) else { continue };
                    let text = selector.as_ref().map(ToString::to_string).unwrap_or_default();
                    let mut step = step(&class.name, &text, Truth::No);
                    if let Some(selector) = selector {
                        step.truth = selector.fits(&cluster, now);
                        step.terms = selector.explain_fit(&cluster, now);
                        step.rule_at = Some(class.object.place("spec.match").clone());
                    } else {
                        step.words = "the class has no rule".into();
                    }
                    step
                }
            };
            step.chosen = found.by == By::Rule(place);
            if step.truth == Truth::Unknown && step.words.is_empty() {
                step.words = "what is not known does not fit".into();
            } else if step.truth == Truth::Yes && !step.chosen {
                step.words = "fits too, and something else comes first".into();
            }
            steps.push(step);
        }
        if !steps.iter().any(|s| s.chosen) {
            let mut step = step(&found.class.name, found.class.rule.as_str(), Truth::Yes);
            step.rule_at = found.class.rule_at;
            step.chosen = true;
            steps.push(step);
        }
        steps
    }
}
