//! Bodies in Kubernetes' protobuf encoding, as typed clients send them: enough messages to create what kubectl creates.
//!
//! The server answers in JSON all the same; clients that send protobuf accept both. Field numbers are those of
//! `generated.proto` in k8s.io/api and k8s.io/apimachinery; fields that are not in the tables here are dropped.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::super::reply::Refused;

/// How a field is encoded and what JSON it becomes.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Texts,
    Number,
    Flag,
    /// A message, by name.
    Message(&'static str),
    Messages(&'static str),
    /// A map of text to text.
    Pairs,
    /// A map of text to bytes, base64 in JSON.
    Blobs,
    /// meta/v1 IntOrString.
    NumberOrText,
}

/// Number, JSON name, form.
type Field = (u64, &'static str, Form);

/// The fields of a message.
fn message(name: &str) -> &'static [Field] {
    use Form::{Blobs, Flag, Message, Messages, Number, NumberOrText, Pairs, Text, Texts};
    match name {
        "ObjectMeta" => &[
            (1, "name", Text),
            (2, "generateName", Text),
            (3, "namespace", Text),
            (5, "uid", Text),
            (6, "resourceVersion", Text),
            (11, "labels", Pairs),
            (12, "annotations", Pairs),
            (13, "ownerReferences", Messages("OwnerReference")),
            (14, "finalizers", Texts),
        ],
        "OwnerReference" => &[
            (1, "kind", Text),
            (3, "name", Text),
            (4, "uid", Text),
            (5, "apiVersion", Text),
            (6, "controller", Flag),
            (7, "blockOwnerDeletion", Flag),
        ],
        "Namespace" | "ServiceAccount" | "SelfSubjectReview" => &[(1, "metadata", Message("ObjectMeta"))],
        "ConfigMap" => &[
            (1, "metadata", Message("ObjectMeta")),
            (2, "data", Pairs),
            (3, "binaryData", Blobs),
            (4, "immutable", Flag),
        ],
        "Secret" => &[
            (1, "metadata", Message("ObjectMeta")),
            (2, "data", Blobs),
            (3, "type", Text),
            (4, "stringData", Pairs),
            (5, "immutable", Flag),
        ],
        "Deployment" => &[(1, "metadata", Message("ObjectMeta")), (2, "spec", Message("DeploymentSpec"))],
        "DeploymentSpec" => &[
            (1, "replicas", Number),
            (2, "selector", Message("LabelSelector")),
            (3, "template", Message("PodTemplate")),
            (6, "revisionHistoryLimit", Number),
            (9, "progressDeadlineSeconds", Number),
        ],
        "LabelSelector" => &[(1, "matchLabels", Pairs)],
        "PodTemplate" | "Pod" => &[(1, "metadata", Message("ObjectMeta")), (2, "spec", Message("PodSpec"))],
        "PodSpec" => &[
            (2, "containers", Messages("Container")),
            (3, "restartPolicy", Text),
            (4, "terminationGracePeriodSeconds", Number),
            (6, "dnsPolicy", Text),
            (7, "nodeSelector", Pairs),
            (8, "serviceAccountName", Text),
            (10, "nodeName", Text),
        ],
        "Container" => &[
            (1, "name", Text),
            (2, "image", Text),
            (3, "command", Texts),
            (4, "args", Texts),
            (6, "ports", Messages("ContainerPort")),
            (7, "env", Messages("EnvVar")),
            (14, "imagePullPolicy", Text),
        ],
        "ContainerPort" => &[(1, "name", Text), (3, "containerPort", Number), (4, "protocol", Text)],
        "EnvVar" => &[(1, "name", Text), (2, "value", Text)],
        "Service" => &[(1, "metadata", Message("ObjectMeta")), (2, "spec", Message("ServiceSpec"))],
        "ServiceSpec" => &[
            (1, "ports", Messages("ServicePort")),
            (2, "selector", Pairs),
            (3, "clusterIP", Text),
            (4, "type", Text),
        ],
        "ServicePort" => &[
            (1, "name", Text),
            (2, "protocol", Text),
            (3, "port", Number),
            (4, "targetPort", NumberOrText),
            (5, "nodePort", Number),
        ],
        "PodDisruptionBudget" => {
            &[(1, "metadata", Message("ObjectMeta")), (2, "spec", Message("BudgetSpec"))]
        }
        "BudgetSpec" => &[
            (1, "minAvailable", NumberOrText),
            (2, "selector", Message("LabelSelector")),
            (3, "maxUnavailable", NumberOrText),
        ],
        "Role" | "ClusterRole" => {
            &[(1, "metadata", Message("ObjectMeta")), (2, "rules", Messages("PolicyRule"))]
        }
        "PolicyRule" => &[
            (1, "verbs", Texts),
            (2, "apiGroups", Texts),
            (3, "resources", Texts),
            (4, "resourceNames", Texts),
            (5, "nonResourceURLs", Texts),
        ],
        "RoleBinding" | "ClusterRoleBinding" => &[
            (1, "metadata", Message("ObjectMeta")),
            (2, "subjects", Messages("Subject")),
            (3, "roleRef", Message("RoleRef")),
        ],
        "Subject" => &[(1, "kind", Text), (2, "apiGroup", Text), (3, "name", Text), (4, "namespace", Text)],
        "RoleRef" => &[(1, "apiGroup", Text), (2, "kind", Text), (3, "name", Text)],
        "SelfSubjectAccessReview" => {
            &[(1, "metadata", Message("ObjectMeta")), (2, "spec", Message("AccessSpec"))]
        }
        "AccessSpec" => &[
            (1, "resourceAttributes", Message("ResourceAttributes")),
            (2, "nonResourceAttributes", Message("PathAttributes")),
        ],
        "ResourceAttributes" => &[
            (1, "namespace", Text),
            (2, "verb", Text),
            (3, "group", Text),
            (4, "version", Text),
            (5, "resource", Text),
            (6, "subresource", Text),
            (7, "name", Text),
        ],
        "PathAttributes" => &[(1, "path", Text), (2, "verb", Text)],
        "SelfSubjectRulesReview" => {
            &[(1, "metadata", Message("ObjectMeta")), (2, "spec", Message("RulesSpec"))]
        }
        "RulesSpec" => &[(1, "namespace", Text)],
        "DeleteOptions" => &[
            (2, "preconditions", Message("Preconditions")),
            (4, "propagationPolicy", Text),
            (5, "dryRun", Texts),
        ],
        "Preconditions" => &[(1, "uid", Text), (2, "resourceVersion", Text)],
        _ => &[],
    }
}

/// Reads an enveloped object: `k8s\0`, then runtime.Unknown with kind, apiVersion and the message.
pub(super) fn decode(bytes: &[u8]) -> Result<Value, Refused> {
    let read = || {
        let envelope = bytes.strip_prefix(b"k8s\0")?;
        let (mut kind, mut version, mut raw) = (String::new(), String::new(), &[][..]);
        for (number, wire) in Wires(envelope) {
            match (number, wire) {
                (1, Wire::Bytes(meta)) => {
                    for (number, wire) in Wires(meta) {
                        match (number, wire) {
                            (1, Wire::Bytes(text)) => version = String::from_utf8_lossy(text).into_owned(),
                            (2, Wire::Bytes(text)) => kind = String::from_utf8_lossy(text).into_owned(),
                            _ => {}
                        }
                    }
                }
                (2, Wire::Bytes(message)) => raw = message,
                _ => {}
            }
        }
        let fields = message(&kind);
        if fields.is_empty() {
            return None;
        }
        let mut object = object(raw, fields);
        // What is write-only text becomes data, as the server's defaulting does it.
        if let Some(Value::Object(texts)) = object.remove("stringData") {
            let encoded = texts
                .into_iter()
                .map(|(key, text)| (key, Value::from(STANDARD.encode(text.as_str().unwrap_or_default()))));
            if let Some(data) = object.entry("data").or_insert_with(|| Map::new().into()).as_object_mut() {
                data.extend(encoded);
            }
        }
        object.insert("kind".into(), kind.into());
        object.insert("apiVersion".into(), version.into());
        Some(Value::Object(object))
    };
    read().ok_or_else(Refused::unsupported_media_type)
}

/// One value on the wire.
#[derive(Clone, Copy, Debug)]
enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of an encoded message, in order; ends at the first that does not make sense.
struct Wires<'a>(&'a [u8]);

impl<'a> Iterator for Wires<'a> {
    type Item = (u64, Wire<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let tag = self.varint()?;
        let wire = match tag & 7 {
            0 => Wire::Number(self.varint()?),
            1 => Wire::Bytes(self.take(8)?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => Wire::Bytes(self.take(4)?),
            _ => return None,
        };
        Some((tag >> 3, wire))
    }
}

impl<'a> Wires<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.take(1)? else { return None };
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

fn object(bytes: &[u8], fields: &[Field]) -> Map<String, Value> {
    let mut object = Map::new();
    for (number, wire) in Wires(bytes) {
        if let Some((_, name, form)) = fields.iter().find(|(own, _, _)| *own == number) {
            put(&mut object, name, *form, wire);
        }
    }
    object
}

fn put(object: &mut Map<String, Value>, name: &str, form: Form, wire: Wire<'_>) {
    let text = |bytes: &[u8]| Value::from(String::from_utf8_lossy(bytes).into_owned());
    let mut push = |value: Value| {
        let list = object.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        if let Some(list) = list.as_array_mut() {
            list.push(value);
        }
    };
    match (form, wire) {
        (Form::Texts, Wire::Bytes(bytes)) => push(text(bytes)),
        (Form::Messages(kind), Wire::Bytes(bytes)) => push(Value::Object(self::object(bytes, message(kind)))),
        // Encoders write empty text for what is not set.
        (Form::Text, Wire::Bytes(bytes)) if !bytes.is_empty() => {
            drop(object.insert(name.into(), text(bytes)));
        }
        // Negative numbers are ten bytes of two's complement.
        (Form::Number, Wire::Number(number)) => drop(object.insert(name.into(), number.cast_signed().into())),
        (Form::Flag, Wire::Number(number)) => drop(object.insert(name.into(), (number != 0).into())),
        (Form::Message(kind), Wire::Bytes(bytes)) => {
            let inner = self::object(bytes, message(kind));
            if !inner.is_empty() || kind == "ObjectMeta" {
                object.insert(name.into(), Value::Object(inner));
            }
        }
        (Form::Pairs | Form::Blobs, Wire::Bytes(entry)) => {
            let (mut key, mut value) = (String::new(), &[][..]);
            for (number, wire) in Wires(entry) {
                match (number, wire) {
                    (1, Wire::Bytes(bytes)) => key = String::from_utf8_lossy(bytes).into_owned(),
                    (2, Wire::Bytes(bytes)) => value = bytes,
                    _ => {}
                }
            }
            let value = if matches!(form, Form::Blobs) { STANDARD.encode(value).into() } else { text(value) };
            let map = object.entry(name).or_insert_with(|| Map::new().into());
            if let Some(map) = map.as_object_mut() {
                map.insert(key, value);
            }
        }
        (Form::NumberOrText, Wire::Bytes(bytes)) => {
            let (mut is_text, mut value) = (false, Value::from(0));
            for (number, wire) in Wires(bytes) {
                match (number, wire) {
                    (1, Wire::Number(kind)) => is_text = kind == 1,
                    (2, Wire::Number(number)) if !is_text => value = number.cast_signed().into(),
                    (3, Wire::Bytes(bytes)) if is_text => value = text(bytes),
                    _ => {}
                }
            }
            object.insert(name.into(), value);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
        let mut field = vec![number << 3 | 2, u8::try_from(content.len()).unwrap()];
        field.extend_from_slice(content);
        field
    }

    fn envelope(version: &str, kind: &str, message: &[u8]) -> Vec<u8> {
        let meta = [bytes(1, version.as_bytes()), bytes(2, kind.as_bytes())].concat();
        [b"k8s\0".to_vec(), bytes(1, &meta), bytes(2, message)].concat()
    }

    #[test]
    fn a_secret_and_a_budget_come_out_as_json() {
        let labels = bytes(11, &[bytes(1, b"a"), bytes(2, b"b")].concat());
        let metadata = bytes(1, &[bytes(1, b"s"), bytes(2, b""), labels].concat());
        let data = bytes(2, &[bytes(1, b"k"), bytes(2, b"v")].concat());
        let body = envelope("v1", "Secret", &[metadata.clone(), data, bytes(3, b"Opaque")].concat());
        assert_eq!(
            decode(&body).unwrap(),
            json!({"kind": "Secret", "apiVersion": "v1", "type": "Opaque",
            "metadata": {"name": "s", "labels": {"a": "b"}}, "data": {"k": "dg=="}})
        );
        let percent = bytes(1, &[vec![1 << 3, 1], bytes(3, b"50%")].concat());
        let number = bytes(3, &[vec![1 << 3, 0], vec![2 << 3, 2], bytes(3, b"")].concat());
        let spec = bytes(2, &[percent, number].concat());
        let body = envelope("policy/v1", "PodDisruptionBudget", &[metadata, spec].concat());
        assert_eq!(decode(&body).unwrap()["spec"], json!({"minAvailable": "50%", "maxUnavailable": 2}));
    }

    #[test]
    fn what_is_no_known_message_is_refused() {
        for body in [&b""[..], b"k8s\0", b"{}", &envelope("v1", "Unheard", b""), b"k8s\0\xff\xff\xff"] {
            assert!(decode(body).is_err());
        }
    }
}
