//! Reviews of one's own identity and rights (authentication.k8s.io and authorization.k8s.io, v1).

use http::StatusCode;
use serde_json::{Value, json};

use super::super::rbac::{Act, Rule};
use super::super::reply::{Outcome, json_value};
use super::super::request::Target;
use super::super::workload::stamp;
use super::write::{body, untyped};
use super::{Call, typed};

/// Answers the POST of a review.
pub(super) fn review(call: &Call<'_>, target: &Target) -> Outcome {
    let mut review = untyped(target.kind, body(call)?)?;
    let status = match target.kind.kind {
        "SelfSubjectReview" => {
            json!({"userInfo": {"username": call.who.user, "groups": call.who.groups}})
        }
        "SelfSubjectAccessReview" => access(call, &review),
        _ => rules(call, &review),
    };
    if let Some(fields) = review.as_object_mut() {
        let metadata = match target.kind.kind {
            "SelfSubjectReview" => json!({"creationTimestamp": stamp(call.cluster.world.clock.now())}),
            _ => json!({}),
        };
        fields.insert("metadata".into(), metadata);
        fields.insert("status".into(), status);
    }
    Ok(json_value(StatusCode::CREATED, &typed(target.kind, review)))
}

fn access(call: &Call<'_>, review: &Value) -> Value {
    let text = |at: &str| review.pointer(at).and_then(Value::as_str).unwrap_or_default();
    let subresource = text("/spec/resourceAttributes/subresource");
    let resource = match (text("/spec/resourceAttributes/resource"), subresource) {
        (resource, "") => resource.to_owned(),
        (resource, sub) => format!("{resource}/{sub}"),
    };
    let act = if review.pointer("/spec/nonResourceAttributes").is_some_and(Value::is_object) {
        Act::Path {
            verb: text("/spec/nonResourceAttributes/verb"),
            path: text("/spec/nonResourceAttributes/path"),
        }
    } else {
        Act::Resource {
            verb: text("/spec/resourceAttributes/verb"),
            group: text("/spec/resourceAttributes/group"),
            resource: &resource,
            namespace: text("/spec/resourceAttributes/namespace"),
            name: text("/spec/resourceAttributes/name"),
        }
    };
    let policy = call.cluster.policy();
    if !policy.allows(call.who, act) {
        return json!({"allowed": false});
    }
    match policy.reason(call.who, act) {
        Some(reason) => json!({"allowed": true, "reason": reason}),
        None => json!({"allowed": true}),
    }
}

fn rules(call: &Call<'_>, review: &Value) -> Value {
    let namespace = review.pointer("/spec/namespace").and_then(Value::as_str).unwrap_or_default();
    let policy = call.cluster.policy();
    let mut found: Vec<Rule> = policy.rules_for(call.who, namespace).cloned().collect();
    if call.who.groups.iter().any(|group| group == "system:masters") {
        let star = || vec!["*".to_owned()];
        found.push(Rule { verbs: star(), groups: star(), resources: star(), ..Rule::default() });
        found.push(Rule { verbs: star(), paths: star(), ..Rule::default() });
    }
    let (paths, resources): (Vec<&Rule>, Vec<&Rule>) = found.iter().partition(|rule| !rule.paths.is_empty());
    let resources: Vec<Value> = resources
        .iter()
        .map(|rule| {
            let mut value =
                json!({"verbs": rule.verbs, "apiGroups": rule.groups, "resources": rule.resources});
            if let (false, Some(fields)) = (rule.names.is_empty(), value.as_object_mut()) {
                fields.insert("resourceNames".into(), json!(rule.names));
            }
            value
        })
        .collect();
    let paths: Vec<Value> =
        paths.iter().map(|rule| json!({"verbs": rule.verbs, "nonResourceURLs": rule.paths})).collect();
    json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false})
}
