//! Fields of what the tools print. Everything may be missing or of another type.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use crate::fleet::{CleanText, TextMap, Version};

/// Labels of one cluster that are kept.
const MAX_LABELS: usize = 256;

/// The value at a path of keys, `a.b.c`.
pub(super) fn at<'j>(json: &'j Json, path: &str) -> Option<&'j Json> {
    path.split('.').try_fold(json, |json, key| json.get(key)).filter(|value| !value.is_null())
}

/// Text that is not empty.
pub(super) fn text<'j>(json: &'j Json, path: &str) -> Option<&'j str> {
    at(json, path)?.as_str().filter(|t| !t.is_empty())
}

pub(super) fn clean(json: &Json, path: &str) -> Option<CleanText> {
    text(json, path).map(CleanText::new)
}

pub(super) fn list<'j>(json: &'j Json, path: &str) -> &'j [Json] {
    at(json, path).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

pub(super) fn time(json: &Json, path: &str) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(text(json, path)?).ok()?.to_utc())
}

/// Tags, labels.
pub(super) fn labels(json: &Json, path: &str) -> TextMap {
    let map = at(json, path).and_then(Json::as_object);
    let texts =
        map.into_iter().flatten().filter_map(|(k, v)| Some((CleanText::new(k), CleanText::new(v.as_str()?))));
    Arc::new(texts.take(MAX_LABELS).collect())
}

/// PEM in base64.
pub(super) fn pem(json: &Json, path: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text(json, path)?).ok()
}

/// A version, and the text of it.
pub(super) fn version(json: &Json, path: &str) -> (Option<Version>, Option<CleanText>) {
    let said = text(json, path);
    (said.and_then(|v| v.parse().ok()), said.map(CleanText::new))
}
