//! Values of variables, as Ansible would have them.

use std::collections::BTreeMap;

use crate::config::yaml::{self, Node};

/// Values inside one value.
const MAX_VALUES: usize = 100_000;
/// Levels of one value.
const MAX_DEPTH: u8 = 32;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number, as written.
    Int(String),
    /// Another number. What was written is lost: `1.30` is 1.3.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A map.
    Map(BTreeMap<String, Value>),
    /// Encrypted: nothing of it is known, and nothing of it is shown.
    Encrypted,
}

impl Value {
    /// Text, trimmed and not empty.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.trim()).filter(|t| !t.is_empty()),
            _ => None,
        }
    }

    /// A scalar as text.
    pub(super) fn shown(&self) -> Option<String> {
        match self {
            Self::Text(_) => self.text().map(str::to_owned),
            Self::Int(number) => Some(number.clone()),
            Self::Float(number) => Some(format!("{number:?}")),
            Self::Bool(value) => Some(value.to_string()),
            Self::Encrypted => Some("encrypted".to_owned()),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// An entry of a map.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(map) => map.get(key),
            _ => None,
        }
    }

    /// From YAML. Text that begins as a vault does is encrypted, however it is tagged.
    pub(super) fn of_yaml(node: &Node<'_>) -> Self {
        yaml_value(node, &mut MAX_VALUES.clone(), MAX_DEPTH)
    }

    /// From JSON.
    pub(super) fn of_json(json: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) if number.is_f64() => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            Json::Number(number) => Self::Int(number.to_string()),
            Json::String(text) => Self::of_text(text),
            Json::Array(items) => Self::List(items.iter().map(Self::of_json).collect()),
            // What `ansible-inventory --list` and `to_json` make of an encrypted value.
            Json::Object(map) if map.contains_key("__ansible_vault") => Self::Encrypted,
            Json::Object(map) => Self::Map(map.iter().map(|(k, v)| (k.clone(), Self::of_json(v))).collect()),
        }
    }

    /// From text that is text.
    pub(super) fn of_text(text: &str) -> Self {
        if is_vault(text) { Self::Encrypted } else { Self::Text(text.to_owned()) }
    }
}

/// Whether a text is encrypted as a whole.
pub(super) fn is_vault(text: &str) -> bool {
    text.trim_start().starts_with("$ANSIBLE_VAULT;")
}

fn yaml_value(node: &Node<'_>, left: &mut usize, depth: u8) -> Value {
    let (Some(rest), Some(depth)) = (left.checked_sub(1), depth.checked_sub(1)) else { return Value::Null };
    *left = rest;
    match node.value() {
        _ if node.is_null() => Value::Null,
        yaml::Value::Vault => Value::Encrypted,
        yaml::Value::Scalar { text, plain: true } => plain(text),
        yaml::Value::Scalar { text, .. } => Value::of_text(text),
        yaml::Value::List(items) => Value::List(items.iter().map(|i| yaml_value(i, left, depth)).collect()),
        yaml::Value::Map(pairs) => Value::Map(
            pairs.iter().map(|(key, value)| (key.text.to_string(), yaml_value(value, left, depth))).collect(),
        ),
        yaml::Value::Shared(_) => Value::Null,
    }
}

/// A YAML scalar without quotes, by the rules of YAML 1.1, which Ansible's reader follows.
fn plain(text: &str) -> Value {
    match text {
        "y" | "Y" | "n" | "N" => return Value::Text(text.to_owned()),
        _ => {}
    }
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => return Value::Bool(true),
        "false" | "no" | "off" => return Value::Bool(false),
        _ => {}
    }
    let body = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    if body.starts_with(|c: char| c.is_ascii_digit()) && digits(body) {
        return Value::Int(text.replace('_', ""));
    }
    // A float has a point; `1e3` is text.
    if let Some((whole, rest)) = body.split_once('.')
        && (whole.is_empty() || digits(whole))
        && whole.starts_with(|c: char| c.is_ascii_digit())
        && let Ok(number) = text.replace('_', "").parse::<f64>()
        && rest.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'_' | b'e' | b'E' | b'+' | b'-'))
    {
        return Value::Float(number);
    }
    Value::of_text(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_numbers_lose_their_zeros_and_quotes_keep_them() {
        for (text, expect) in [
            ("1.30", Value::Float(1.3)),
            ("'1.30'", Value::Text("1.30".to_owned())),
            ("1.35.4", Value::Text("1.35.4".to_owned())),
            ("v1.35", Value::Text("v1.35".to_owned())),
            ("3", Value::Int("3".to_owned())),
            ("-3.5", Value::Float(-3.5)),
            ("10.0.0.1", Value::Text("10.0.0.1".to_owned())),
            ("yes", Value::Bool(true)),
            ("Off", Value::Bool(false)),
            ("y", Value::Text("y".to_owned())),
            ("~", Value::Null),
            ("", Value::Null),
            ("1e3", Value::Text("1e3".to_owned())),
            ("!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n", Value::Encrypted),
            ("!vault abc", Value::Encrypted),
            ("|\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n", Value::Encrypted),
            ("!unsafe 'x'", Value::Text("x".to_owned())),
        ] {
            let yaml = format!("k: {text}\n");
            let parsed = yaml::read(&yaml).unwrap();
            let root = parsed.root.unwrap();
            let (_, node) = root.get("k").unwrap();
            assert_eq!(Value::of_yaml(node), expect, "{text}");
        }
    }

    #[test]
    fn json_says_what_is_a_number_and_what_is_encrypted() {
        for (text, expect) in [
            ("1.3", Value::Float(1.3)),
            ("\"1.30\"", Value::Text("1.30".to_owned())),
            ("4", Value::Int("4".to_owned())),
            (r#"{"__ansible_vault": "x"}"#, Value::Encrypted),
            (r#""$ANSIBLE_VAULT;1.1;AES256\n61""#, Value::Encrypted),
        ] {
            assert_eq!(Value::of_json(&serde_json::from_str(text).unwrap()), expect, "{text}");
        }
    }
}
