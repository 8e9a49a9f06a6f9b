//! Lenient reading of JSON: what a field of the wrong kind says is nothing, not an error, where nothing depends on it.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use crate::fleet::{ErrorCode, Failure};

/// Reads `body` as `T`; `what` names the thing for people (`a list of nodes`).
pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8], what: &str) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| not_json(body, what, &error))
}

/// A failure for a body that is not what it should be. The parser's own message is left out: it quotes the body.
pub(super) fn not_json(body: &[u8], what: &str, error: &serde_json::Error) -> Failure {
    let first = body.iter().copied().find(|b| !b.is_ascii_whitespace());
    if first == Some(b'<') {
        return Failure::new(ErrorCode::Parse, "answered a web page where Kubernetes was expected").hint(
            "A login page or a proxy may stand in front of this server; open its address in a browser to see.",
        );
    }
    let why = match error.classify() {
        Category::Eof => "ends too early for",
        Category::Data => "has the wrong shape for",
        Category::Syntax | Category::Io => "is not the JSON of",
    };
    Failure::new(
        ErrorCode::Parse,
        &format!("answer {why} {what} (line {}, column {})", error.line(), error.column()),
    )
}

/// A failure for JSON that lacks what makes it `what`.
pub(super) fn lacks(what: &str, field: &str) -> Failure {
    Failure::new(ErrorCode::Parse, &format!("answer is not {what}: no {field}"))
}

/// A string, borrowed where the JSON holds it without escapes. Numbers and booleans become text; null, arrays and
/// objects become the empty string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor).map(Self)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(v))
    }

    fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v.to_owned()))
    }

    fn visit_string<E>(self, v: String) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v.to_string()))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v.to_string()))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v.to_string()))
    }

    fn visit_bool<E>(self, v: bool) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(if v { "true" } else { "false" }))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Cow::Borrowed(""))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Cow::Borrowed(""))
    }
}

/// Whether a list was cut: `metadata` of every Kubernetes list.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ListMeta<'a> {
    #[serde(borrow, default, rename = "continue")]
    pub(super) token: Text<'a>,
    #[serde(default, rename = "remainingItemCount")]
    pub(super) remaining: Option<u64>,
}

/// The part of `metadata` that is looked at.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ObjectMeta<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) namespace: Text<'a>,
    #[serde(borrow, default)]
    pub(super) uid: Text<'a>,
    #[serde(borrow, default, rename = "creationTimestamp")]
    pub(super) created: Text<'a>,
    #[serde(borrow, default)]
    pub(super) labels: Option<Labels<'a>>,
}

/// Labels as pairs, in the order of the answer.
#[derive(Debug, Default)]
pub(super) struct Labels<'a>(pub(super) Vec<(Text<'a>, Text<'a>)>);

impl Labels<'_> {
    /// The value of `key`; an empty one counts as none.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k.as_str() == key).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(k, _)| k.as_str())
    }
}

/// Labels past this number are read over: no honest object has as many.
const MOST_LABELS: usize = 512;

impl<'de: 'a, 'a> Deserialize<'de> for Labels<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Labels<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    if pairs.len() < MOST_LABELS {
                        pairs.push(pair);
                    }
                }
                Ok(Labels(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_say_what_and_where_but_never_quote() {
        for (body, part) in [
            (&b"<html>secret</html>"[..], "web page"),
            (b"  \r\n<!DOCTYPE", "web page"),
            (b"", "ends too early"),
            (b"{\"name\":\"secret", "ends too early"),
            (b"{\"metadata\":\"secret\"}", "wrong shape"),
            (b"secret", "not the JSON of a thing"),
            (b"\xff\xfe{}", "not the JSON of a thing"),
        ] {
            #[derive(Debug, Deserialize)]
            struct Thing<'a> {
                #[serde(borrow)]
                #[expect(dead_code, reason = "only its shape matters")]
                metadata: ListMeta<'a>,
            }
            let failure = parse::<Thing<'_>>(body, "a thing").unwrap_err();
            assert_eq!(failure.code, ErrorCode::Parse);
            assert!(failure.message.as_str().contains(part), "{failure}");
            assert!(!failure.to_string().contains("secret"), "{failure}");
        }
    }

    #[test]
    fn any_value_reads_as_text() {
        for (json, text) in [
            (r#""a""#, "a"),
            (r#""a\n""#, "a\n"),
            ("7", "7"),
            ("-7", "-7"),
            ("0.5", "0.5"),
            ("true", "true"),
            ("null", ""),
            (r#"{"a":[1]}"#, ""),
            ("[[]]", ""),
        ] {
            assert_eq!(serde_json::from_str::<Text<'_>>(json).unwrap().as_str(), text);
        }
    }
}
