//! Parameters: of the fleet, of the class with what it inherits, of the cluster; the later one counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fleet::spec::Object;
use crate::fleet::{ClassRules, CleanText, Parameter};

use super::{ClassBook, ClassInputs};

impl ClassBook {
    /// The parameters of a cluster of that class, in the order of their names.
    pub(super) fn parameters(&self, rules: Option<&ClassRules>, inputs: &ClassInputs) -> Arc<[Parameter]> {
        let mut all = BTreeMap::new();
        if let Some(fleet) = &self.file.fleet {
            put(&mut all, "fleet", fleet, &fleet.spec.parameters);
        }
        if let Some(rules) = rules {
            let above: Vec<_> = rules.inherits.iter().filter_map(|name| self.get(name.as_str())).collect();
            let machine = self.policy.as_ref().and_then(|p| p.get(rules.name.as_str()));
            let objects = machine.into_iter().chain(above.into_iter().rev()).map(|c| &c.object);
            for object in objects.chain([&rules.object]) {
                put(&mut all, "class", object, &object.spec.parameters);
            }
        }
        if let Some(cluster) = self.object_of(inputs) {
            put(&mut all, "cluster", cluster, &cluster.spec.parameters);
        }
        all.into_values().collect()
    }
}

fn put<T>(
    all: &mut BTreeMap<String, Parameter>,
    kind: &str,
    object: &Object<T>,
    parameters: &BTreeMap<String, String>,
) {
    for (key, value) in parameters {
        // Whole: a payload is made with it.
        let clean = |text: &str| CleanText::with_cap(text, usize::MAX);
        let parameter = Parameter {
            key: clean(key),
            value: clean(value),
            from: CleanText::new(&format!("{kind} {}", object.name)),
            origin: Some(object.place(&format!("spec.parameters.{key}")).clone()),
        };
        all.insert(key.clone(), parameter);
    }
}
