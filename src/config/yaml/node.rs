//! A document as a tree of nodes that know where they stand.
//!
//! Both readers (the quick one for plain block style and the YAML parser) build this tree, so that everything after
//! them is the same. Shared nodes stay shared: an alias costs one pointer, however often it is used.

use std::borrow::Cow;
use std::rc::Rc;

/// Nodes in one file: a kubeconfig of 20,000 contexts has about a million.
pub const MAX_NODES: u32 = 4_000_000;

/// A place in the text, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Pos {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

/// One value and where it begins.
#[derive(Debug)]
pub struct Node<'t> {
    /// Where it begins.
    pub at: Pos,
    /// What it holds.
    pub value: Value<'t>,
}

/// What a node holds.
#[derive(Debug)]
pub enum Value<'t> {
    /// Text; `plain` if it was written without quotes, so that `null`, numbers and booleans can be told from text.
    Scalar {
        /// The text.
        text: Cow<'t, str>,
        /// Whether it was written without quotes.
        plain: bool,
    },
    /// A sequence.
    List(Vec<Node<'t>>),
    /// A mapping in the order of the text. Keys that are not scalars are dropped by the readers.
    Map(Vec<(Key<'t>, Node<'t>)>),
    /// A text that Ansible has encrypted (`!vault`). Nothing of it is kept.
    Vault,
    /// A node that has an anchor, or an alias of it.
    Shared(Rc<Node<'t>>),
}

/// A key of a mapping.
#[derive(Debug)]
pub struct Key<'t> {
    /// Where it stands.
    pub at: Pos,
    /// The key.
    pub text: Cow<'t, str>,
}

impl<'t> Node<'t> {
    /// The value, through the anchor if there is one.
    pub fn value(&self) -> &Value<'t> {
        let mut value = &self.value;
        while let Value::Shared(node) = value {
            value = &node.value;
        }
        value
    }

    /// Whether this is `null`, `~` or nothing.
    pub fn is_null(&self) -> bool {
        matches!(self.value(), Value::Scalar { text, plain: true }
            if matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The text of a scalar; `None` for null and for collections.
    pub fn text(&self) -> Option<&str> {
        match self.value() {
            Value::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// A word for what this is, for messages.
    pub fn kind(&self) -> &'static str {
        match self.value() {
            _ if self.is_null() => "nothing",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Vault => "encrypted text",
            _ => "text",
        }
    }

    /// The last entry of that key, as the Kubernetes tools read a key that is there twice; then merge keys (`<<`).
    pub fn get(&self, key: &str) -> Option<(Pos, &Node<'t>)> {
        self.get_within(key, 3)
    }

    /// Merge keys can point at each other's lists; a few levels of a few maps are all that people write.
    fn get_within(&self, key: &str, levels: u8) -> Option<(Pos, &Node<'t>)> {
        let Value::Map(pairs) = self.value() else { return None };
        if let Some((key, node)) = pairs.iter().rev().find(|(k, _)| k.text == key) {
            return Some((key.at, node));
        }
        let levels = levels.checked_sub(1)?;
        let (_, merged) = pairs.iter().find(|(k, _)| k.text == "<<")?;
        match merged.value() {
            Value::List(items) => items.iter().take(8).find_map(|item| item.get_within(key, levels)),
            _ => merged.get_within(key, levels),
        }
    }

    /// Where `key` stands a second time in this mapping.
    pub fn repeated(&self, key: &str) -> Option<Pos> {
        let Value::Map(pairs) = self.value() else { return None };
        pairs.iter().filter(|(k, _)| k.text == key).nth(1).map(|(k, _)| k.at)
    }

    /// The node as JSON, as far as `budget` nodes go; `None` beyond.
    pub fn to_json(&self, budget: &mut usize) -> Option<serde_json::Value> {
        use serde_json::Value as Json;
        *budget = budget.checked_sub(1)?;
        Some(match self.value() {
            _ if self.is_null() => Json::Null,
            Value::Scalar { text, plain: true } => match text.as_ref() {
                "true" => Json::Bool(true),
                "false" => Json::Bool(false),
                number if number.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
                    serde_json::from_str::<serde_json::Number>(number)
                        .map_or_else(|_| Json::from(number), Json::Number)
                }
                text => Json::from(text),
            },
            Value::Scalar { text, .. } => Json::from(text.as_ref()),
            Value::List(items) => {
                Json::Array(items.iter().map(|i| i.to_json(budget)).collect::<Option<Vec<_>>>()?)
            }
            Value::Map(pairs) => {
                let mut map = serde_json::Map::new();
                for (key, node) in pairs {
                    map.insert(key.text.to_string(), node.to_json(budget)?);
                }
                Json::Object(map)
            }
            Value::Vault | Value::Shared(_) => Json::Null,
        })
    }
}
