//! Who may do what: RBAC rules as an API server evaluates them (rbac.authorization.k8s.io/v1).
//!
//! The simulation's own evaluator, so that a mistake in the client's does not hide behind the same mistake here.

use std::collections::BTreeMap;

use serde_json::Value;

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) user: String,
    pub(super) groups: Vec<String>,
}

/// What they ask for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act<'a> {
    Resource { verb: &'a str, group: &'a str, resource: &'a str, namespace: &'a str, name: &'a str },
    Path { verb: &'a str, path: &'a str },
}

/// One rule of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) verbs: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) names: Vec<String>,
    pub(super) paths: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    User(String),
    Group(String),
}

#[derive(Clone, Debug)]
struct Binding {
    /// `ClusterRoleBinding "a" of ClusterRole "b"`, as reasons name it.
    title: String,
    /// Empty for the whole cluster.
    namespace: String,
    subjects: Vec<Subject>,
    rules: Vec<Rule>,
}

/// All bindings of a cluster with their rules looked up.
#[derive(Debug, Default)]
pub(super) struct Policy(Vec<Binding>);

impl Policy {
    /// The kinds a policy is made of.
    pub(super) const SHELVES: [&'static str; 4] =
        ["clusterroles", "clusterrolebindings", "roles", "rolebindings"];

    /// Reads roles and bindings; a binding to a role that is not there gives nothing.
    pub(super) fn new(objects: &[Value]) -> Self {
        let text = |value: &Value, at: &str| {
            value.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let mut roles = BTreeMap::new();
        for object in objects.iter().filter(|o| matches!(text(o, "/kind").as_str(), "Role" | "ClusterRole")) {
            let key =
                (text(object, "/kind"), text(object, "/metadata/namespace"), text(object, "/metadata/name"));
            roles.insert(key, rules(object));
        }
        let bindings = objects.iter().filter(|object| text(object, "/kind").ends_with("Binding"));
        let bindings = bindings.filter_map(|object| {
            let namespace = text(object, "/metadata/namespace");
            let kind = text(object, "/roleRef/kind");
            let home = if kind == "Role" { namespace.clone() } else { String::new() };
            let rules = roles.get(&(kind, home, text(object, "/roleRef/name")))?.clone();
            let subjects = object.get("subjects").and_then(Value::as_array).into_iter().flatten();
            let subjects = subjects.filter_map(|subject| {
                let name = text(subject, "/name");
                match text(subject, "/kind").as_str() {
                    "User" => Some(Subject::User(name)),
                    "Group" => Some(Subject::Group(name)),
                    "ServiceAccount" => {
                        let namespace = text(subject, "/namespace");
                        Some(Subject::User(format!("system:serviceaccount:{namespace}:{name}")))
                    }
                    _ => None,
                }
            });
            let place = if namespace.is_empty() { String::new() } else { format!("/{namespace}") };
            let title = format!(
                "{} \"{}{place}\" of {} \"{}\"",
                text(object, "/kind"),
                text(object, "/metadata/name"),
                text(object, "/roleRef/kind"),
                text(object, "/roleRef/name")
            );
            Some(Binding { title, namespace, subjects: subjects.collect(), rules })
        });
        Self(bindings.collect())
    }

    /// True when somebody may do something.
    pub(super) fn allows(&self, who: &Identity, act: Act<'_>) -> bool {
        let namespace = match act {
            Act::Resource { namespace, .. } => namespace,
            Act::Path { .. } => "",
        };
        who.groups.iter().any(|group| group == "system:masters")
            || self.rules_for(who, namespace).any(|rule| rule.allows(act))
    }

    /// Why somebody may, in the words of the API server; nothing for who may anything without RBAC.
    pub(super) fn reason(&self, who: &Identity, act: Act<'_>) -> Option<String> {
        let namespace = match act {
            Act::Resource { namespace, .. } => namespace,
            Act::Path { .. } => "",
        };
        if who.groups.iter().any(|group| group == "system:masters") {
            return None;
        }
        let binding =
            self.bindings_for(who, namespace).find(|binding| binding.rules.iter().any(|r| r.allows(act)))?;
        let subject = match binding.subjects.iter().find(|subject| subject.is(who))? {
            Subject::User(name) => format!("User \"{name}\""),
            Subject::Group(name) => format!("Group \"{name}\""),
        };
        Some(format!("RBAC: allowed by {} to {subject}", binding.title))
    }

    /// Every rule that holds for somebody in a namespace (empty: cluster-wide rules alone).
    pub(super) fn rules_for<'a>(
        &'a self,
        who: &'a Identity,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Rule> {
        self.bindings_for(who, namespace).flat_map(|binding| &binding.rules)
    }

    fn bindings_for<'a>(
        &'a self,
        who: &'a Identity,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Binding> {
        let holds = move |binding: &&Binding| binding.namespace.is_empty() || binding.namespace == namespace;
        self.0.iter().filter(holds).filter(|binding| binding.subjects.iter().any(|subject| subject.is(who)))
    }
}

impl Subject {
    fn is(&self, who: &Identity) -> bool {
        match self {
            Self::User(name) => *name == who.user,
            Self::Group(name) => who.groups.contains(name),
        }
    }
}

impl Rule {
    fn allows(&self, act: Act<'_>) -> bool {
        let says = |list: &[String], item: &str| list.iter().any(|entry| entry == "*" || entry == item);
        match act {
            Act::Resource { verb, group, resource, name, .. } => {
                let sub = resource.split_once('/').map(|(_, sub)| format!("*/{sub}"));
                says(&self.verbs, verb)
                    && says(&self.groups, group)
                    && (says(&self.resources, resource)
                        || sub.is_some_and(|sub| self.resources.contains(&sub)))
                    && (self.names.is_empty() || self.names.iter().any(|entry| entry == name))
            }
            Act::Path { verb, path } => {
                let covers = |entry: &String| match entry.strip_suffix('*') {
                    Some(prefix) => path.starts_with(prefix),
                    None => entry == path,
                };
                says(&self.verbs, verb) && self.paths.iter().any(covers)
            }
        }
    }
}

fn rules(role: &Value) -> Vec<Rule> {
    let list = |rule: &Value, field: &str| -> Vec<String> {
        let items = rule.get(field).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let rules = role.get("rules").and_then(Value::as_array).into_iter().flatten();
    rules
        .map(|rule| Rule {
            verbs: list(rule, "verbs"),
            groups: list(rule, "apiGroups"),
            resources: list(rule, "resources"),
            names: list(rule, "resourceNames"),
            paths: list(rule, "nonResourceURLs"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy() -> Policy {
        Policy::new(&[
            json!({"kind": "ClusterRole", "metadata": {"name": "reader"}, "rules": [
                {"verbs": ["get", "list"], "apiGroups": ["", "apps"], "resources": ["pods", "*/status"]},
                {"verbs": ["get"], "nonResourceURLs": ["/readyz", "/livez/*"]},
                {"verbs": ["update"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["one"]},
            ]}),
            json!({"kind": "ClusterRoleBinding", "metadata": {"name": "b"}, "subjects": [{"kind": "Group", "name": "g"}],
                "roleRef": {"kind": "ClusterRole", "name": "reader"}}),
            json!({"kind": "RoleBinding", "metadata": {"name": "b", "namespace": "x"},
                "subjects": [{"kind": "ServiceAccount", "namespace": "x", "name": "bot"}],
                "roleRef": {"kind": "ClusterRole", "name": "reader"}}),
            json!({"kind": "ClusterRoleBinding", "metadata": {"name": "c"}, "subjects": [{"kind": "User", "name": "u"}],
                "roleRef": {"kind": "ClusterRole", "name": "nowhere"}}),
        ])
    }

    #[test]
    fn rules_hold_for_whom_and_where_they_are_bound() {
        let who = |user: &str, group: &str| Identity { user: user.into(), groups: vec![group.into()] };
        let check = |who: &Identity, verb, group, resource, namespace, name, expect| {
            let act = Act::Resource { verb, group, resource, namespace, name };
            assert_eq!(policy().allows(who, act), expect, "{who:?} {act:?}");
        };
        let (member, bot, master) =
            (who("m", "g"), who("system:serviceaccount:x:bot", "o"), who("root", "system:masters"));
        check(&member, "list", "", "pods", "", "", true);
        check(&member, "list", "batch", "pods", "", "", false);
        check(&member, "watch", "", "pods", "", "", false);
        check(&member, "get", "apps", "deployments/status", "x", "d", true);
        check(&member, "get", "apps", "deployments", "x", "d", false);
        check(&member, "update", "", "secrets", "x", "one", true);
        check(&member, "update", "", "secrets", "x", "two", false);
        check(&bot, "list", "", "pods", "x", "", true);
        check(&bot, "list", "", "pods", "y", "", false);
        check(&bot, "list", "", "pods", "", "", false);
        check(&who("u", "o"), "list", "", "pods", "", "", false);
        check(&master, "delete", "any", "thing", "", "", true);
    }

    #[test]
    fn a_reason_names_binding_role_and_subject() {
        let member = Identity { user: "m".into(), groups: vec!["g".into()] };
        let act = Act::Path { verb: "get", path: "/readyz" };
        let expect = "RBAC: allowed by ClusterRoleBinding \"b\" of ClusterRole \"reader\" to Group \"g\"";
        assert_eq!(policy().reason(&member, act).as_deref(), Some(expect));
        assert_eq!(policy().reason(&Identity::default(), act), None);
    }

    #[test]
    fn paths_match_whole_or_by_their_star() {
        let member = Identity { user: "m".into(), groups: vec!["g".into()] };
        for (path, expect) in
            [("/readyz", true), ("/readyz/etcd", false), ("/livez/ping", true), ("/metrics", false)]
        {
            assert_eq!(policy().allows(&member, Act::Path { verb: "get", path }), expect, "{path}");
        }
    }
}
