//! Lists of objects, item by item: what is wanted of one item is taken before the next is read, so that a page of large
//! objects never stands in memory as more than its bytes.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::json::{ListMeta, Text, lacks, not_json};
use crate::fleet::{CleanText, ErrorCode, Failure};

/// The longest token that is sent back to a server; the API server's own are some hundred bytes.
const LONGEST_TOKEN: usize = 4 << 10;

/// Reads `body` as one of `kinds` and gives every item to `each`; the answer is the token of the next page, if there is one.
///
/// # Errors
/// `PARSE` if it is no such list. What was given away before the failure is worth nothing.
pub(super) fn each_item<'a, T: Deserialize<'a>>(
    body: &'a [u8],
    what: &str,
    kinds: &[&str],
    each: impl FnMut(T),
) -> Result<Option<String>, Failure> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let list = List { each, of: PhantomData::<T> };
    let read = list.deserialize(&mut reader).and_then(|head| reader.end().map(|()| head));
    let head = read.map_err(|error| not_json(body, what, &error))?;
    // Some test servers leave the kind out; a kind that is there must be the right one.
    let kind = head.kind.as_str();
    if !(kinds.contains(&kind) || (kind.is_empty() && head.has_items)) {
        return Err(lacks(what, "such kind"));
    }
    let token = head.token;
    if token.len() > LONGEST_TOKEN {
        return Err(Failure::new(ErrorCode::Parse, "the token of the next page is too long to be sent back"));
    }
    Ok((!token.is_empty()).then_some(token))
}

/// What stands around the items.
#[derive(Default)]
struct Head {
    kind: String,
    token: String,
    has_items: bool,
}

struct List<T, F> {
    each: F,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for List<T, F> {
    type Value = Head;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Head, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for List<T, F> {
    type Value = Head;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Head, A::Error> {
        let mut head = Head::default();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match key.as_str() {
                "kind" => map.next_value::<Text<'de>>()?.as_str().clone_into(&mut head.kind),
                "metadata" => {
                    if let Some(meta) = map.next_value::<Option<ListMeta<'de>>>()? {
                        meta.token.as_str().clone_into(&mut head.token);
                    }
                }
                "items" => {
                    head.has_items = true;
                    map.next_value_seed(Items { each: &mut self.each, of: PhantomData::<T> })?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(head)
    }
}

struct Items<'f, T, F> {
    each: &'f mut F,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Items<'_, T, F> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Items<'_, T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("items")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element::<T>()? {
            (self.each)(item);
        }
        Ok(())
    }
}

/// Where an object stands.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Named<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    namespace: Text<'a>,
}

impl Named<'_> {
    pub(super) fn name(&self) -> CleanText {
        clean(&self.name)
    }

    pub(super) fn namespace(&self) -> CleanText {
        clean(&self.namespace)
    }

    pub(super) fn is_named(&self) -> bool {
        !self.name.as_str().is_empty()
    }
}

/// A name, cut where no name of an object can go on.
pub(super) fn clean(text: &Text<'_>) -> CleanText {
    CleanText::with_cap(text.as_str(), 253)
}

/// A count that reads as nothing when it is none, and is cut when it is too large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count(pub(super) u32);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        Ok(Self(text.as_str().parse::<u64>().map_or(0, |n| u32::try_from(n).unwrap_or(u32::MAX))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(body: &str) -> Result<(Vec<String>, Option<String>), Failure> {
        #[derive(Deserialize)]
        struct Item<'a> {
            #[serde(borrow, default)]
            metadata: Named<'a>,
        }
        let mut names = Vec::new();
        let next = each_item(body.as_bytes(), "a list of things", &["ThingList"], |item: Item<'_>| {
            names.push(item.metadata.name().to_string());
        })?;
        Ok((names, next))
    }

    #[test]
    fn items_come_one_by_one_with_the_token_of_the_next_page() {
        let body = r#"{"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b","labels":{"x":[1]}}},{}],
            "metadata":{"continue":"t/k","remainingItemCount":3},"kind":"ThingList","apiVersion":"v1"}"#;
        assert_eq!(names(body).unwrap(), (vec!["a".into(), "b".into(), String::new()], Some("t/k".into())));
    }

    #[test]
    fn an_empty_list_is_no_failure() {
        for body in [
            r#"{"kind":"ThingList"}"#,
            r#"{"kind":"ThingList","items":null,"metadata":null}"#,
            r#"{"items":[]}"#,
        ] {
            assert_eq!(names(body).unwrap(), (vec![], None), "{body}");
        }
    }

    #[test]
    fn what_is_no_such_list_is_a_failure() {
        let long = format!(r#"{{"kind":"ThingList","metadata":{{"continue":"{}"}}}}"#, "t".repeat(5_000));
        let deep = format!(r#"{{"items":{}"#, "[".repeat(100_000));
        for body in [
            "",
            "[]",
            "{}",
            "null",
            r#"{"kind":"Status","code":403}"#,
            r#"{"kind":"PodList","items":[]}"#,
            r#"{"kind":"ThingList","items":{}}"#,
            r#"{"kind":"ThingList","items":[7]}"#,
            r#"{"kind":"ThingList","items":[{"metadata":{"name":"a"}}]"#,
            r#"{"kind":"ThingList"} trailing"#,
            "<html>sign in</html>",
            &long,
            &deep,
        ] {
            assert_eq!(names(body).unwrap_err().code, ErrorCode::Parse, "{}", body.len());
        }
    }

    #[test]
    fn counts_are_read_from_anything() {
        for (json, count) in
            [("3", 3), ("-1", 0), ("null", 0), ("\"7\"", 7), ("9999999999", u32::MAX), ("[1]", 0), ("1.5", 0)]
        {
            assert_eq!(serde_json::from_str::<Count>(json).unwrap(), Count(count), "{json}");
        }
    }
}
