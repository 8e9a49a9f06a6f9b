//! Label and field selectors, as lists and watches take them (API concepts: labels, field selectors).

use serde_json::Value;

use super::kinds::Kind;
use super::reply::Refused;
use super::request::Asked;

/// What a list or a watch is narrowed to.
#[derive(Debug, Default)]
pub(super) struct Filter {
    labels: Vec<Need>,
    fields: Vec<(String, bool, String)>,
}

/// One requirement on labels.
#[derive(Debug, PartialEq, Eq)]
enum Need {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl Filter {
    /// Reads both selectors of a request.
    pub(super) fn new(kind: &Kind, asked: &Asked) -> Result<Self, Refused> {
        let labels = labels(asked.query("labelSelector").unwrap_or_default())?;
        let fields = fields(kind, asked.query("fieldSelector").unwrap_or_default())?;
        Ok(Self { labels, fields })
    }

    /// True when it narrows nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// True for objects that pass both selectors.
    pub(super) fn passes(&self, object: &Value) -> bool {
        let label = |key: &str| object.get("metadata")?.get("labels")?.get(key)?.as_str();
        let labels = self.labels.iter().all(|need| match need {
            Need::In(key, values) => label(key).is_some_and(|value| values.iter().any(|v| v == value)),
            Need::NotIn(key, values) => !label(key).is_some_and(|value| values.iter().any(|v| v == value)),
            Need::Exists(key) => label(key).is_some(),
            Need::Absent(key) => label(key).is_none(),
        });
        labels && self.fields.iter().all(|(path, equal, want)| (field(object, path) == *want) == *equal)
    }
}

/// A field's value as text; what is missing is empty, and a boolean that is missing is false.
fn field(object: &Value, path: &str) -> String {
    let pointer = match path {
        "source" => "/source/component".to_owned(),
        "reason" | "type" => format!("/{path}"),
        _ => format!("/{}", path.replace('.', "/")),
    };
    match object.pointer(&pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(flag)) => flag.to_string(),
        Some(Value::Number(number)) => number.to_string(),
        _ if path == "spec.unschedulable" => "false".to_owned(),
        _ => String::new(),
    }
}

/// The fields that a kind can be selected by, beyond name and namespace.
fn selectable(kind: &Kind) -> &'static [&'static str] {
    match kind.plural {
        "pods" => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        "events" => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        "namespaces" => &["status.phase"],
        "nodes" => &["spec.unschedulable"],
        "secrets" => &["type"],
        "services" => &["spec.clusterIP", "spec.type"],
        "replicasets" => &["status.replicas"],
        _ => &[],
    }
}

fn fields(kind: &Kind, text: &str) -> Result<Vec<(String, bool, String)>, Refused> {
    let mut needs = Vec::new();
    for clause in text.split(',').map(str::trim).filter(|clause| !clause.is_empty()) {
        let (path, equal, value) = if let Some((path, value)) = clause.split_once("!=") {
            (path, false, value)
        } else if let Some((path, value)) = clause.split_once("==").or_else(|| clause.split_once('=')) {
            (path, true, value)
        } else {
            return Err(Refused::bad_request(format!(
                "invalid selector: '{clause}'; can't understand '{clause}'"
            )));
        };
        let known = path == "metadata.name"
            || (path == "metadata.namespace" && kind.namespaced)
            || selectable(kind).contains(&path);
        if !known && selectable(kind).is_empty() {
            let also = if kind.namespaced { ", \"metadata.namespace\"" } else { "" };
            let message = format!("\"{path}\" is not a known field selector: only \"metadata.name\"{also}");
            return Err(Refused::bad_request(message));
        }
        if !known {
            return Err(Refused::bad_request(format!("field label not supported: {path}")));
        }
        needs.push((path.to_owned(), equal, value.to_owned()));
    }
    Ok(needs)
}

fn labels(text: &str) -> Result<Vec<Need>, Refused> {
    let mut needs = Vec::new();
    for clause in clauses(text) {
        let need = label_need(clause.trim()).ok_or_else(|| {
            Refused::bad_request(format!(
                "unable to parse requirement: found '{clause}', expected: a requirement"
            ))
        })?;
        needs.push(need);
    }
    Ok(needs)
}

/// The clauses between commas that stand outside parentheses.
fn clauses(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let parts = text.split(|c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.filter(|part| !part.trim().is_empty()).collect()
}

fn label_need(clause: &str) -> Option<Need> {
    let key = |text: &str| {
        let text = text.trim();
        let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        (!text.is_empty() && text.chars().all(valid)).then(|| text.to_owned())
    };
    let one = |value: &str| vec![value.trim().to_owned()];
    if let Some(rest) = clause.strip_prefix('!') {
        return Some(Need::Absent(key(rest)?));
    }
    if let Some((left, value)) = clause.split_once("!=") {
        return Some(Need::NotIn(key(left)?, one(value)));
    }
    if let Some((left, value)) = clause.split_once("==").or_else(|| clause.split_once('=')) {
        return Some(Need::In(key(left)?, one(value)));
    }
    if let Some((left, list)) = clause.split_once('(') {
        let values: Vec<String> =
            list.strip_suffix(')')?.split(',').map(|value| value.trim().to_owned()).collect();
        let (left, word) = left.trim().rsplit_once(char::is_whitespace)?;
        return match word {
            "in" => Some(Need::In(key(left)?, values)),
            "notin" => Some(Need::NotIn(key(left)?, values)),
            _ => None,
        };
    }
    Some(Need::Exists(key(clause)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sim::kinds::find;

    #[test]
    fn selectors_pass_what_they_name() {
        let pod = json!({
            "metadata": {"name": "p", "namespace": "n", "labels": {"app": "web", "tier": "front"}},
            "spec": {"nodeName": "one"}, "status": {"phase": "Running"},
        });
        let check = |labels: &str, fields: &str, expect: Option<bool>| {
            let query: String = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("labelSelector", labels)
                .append_pair("fieldSelector", fields)
                .finish();
            let asked = Asked::new("/", Some(&query));
            let filter = Filter::new(find("", "v1", "pods").unwrap(), &asked);
            assert_eq!(filter.ok().map(|filter| filter.passes(&pod)), expect, "{labels} | {fields}");
        };
        check("", "", Some(true));
        check("app=web", "", Some(true));
        check("app==web,tier!=back", "", Some(true));
        check("app in (web, api),tier notin (back)", "", Some(true));
        check("app notin (web)", "", Some(false));
        check("app,!canary", "", Some(true));
        check("!app", "", Some(false));
        check("app in web", "", None);
        check("", "spec.nodeName=one,status.phase!=Failed", Some(true));
        check("", "spec.nodeName=two", Some(false));
        check("", "metadata.name=p,metadata.namespace=n", Some(true));
        check("", "spec.color=red", None);
        check("", "nonsense", None);
    }
}
