//! Server-side printing: lists as `meta.k8s.io/v1` Tables with the columns that kubectl shows.

mod columns;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::kinds::Kind;
use super::reply::Refused;
use super::request::Asked;

/// How much of each object a row carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Include {
    None,
    Metadata,
    Object,
}

/// Reads `includeObject`.
pub(super) fn include(asked: &Asked) -> Result<Include, Refused> {
    match asked.query("includeObject") {
        None | Some("Metadata") => Ok(Include::Metadata),
        Some("None") => Ok(Include::None),
        Some("Object") => Ok(Include::Object),
        Some(other) => Err(Refused::bad_request(format!(
            "Unable to convert to Table as requested: includeObject: Invalid value: \"{other}\": must be 'Metadata', \
             'Object', 'None', or empty"
        ))),
    }
}

/// A Table of these objects.
pub(super) fn table(
    kind: &Kind,
    metadata: Value,
    objects: &[Value],
    include: Include,
    now: DateTime<Utc>,
    headers: bool,
) -> Value {
    let rows: Vec<Value> = objects.iter().map(|object| row(kind, object, include, now)).collect();
    let columns = if headers { definitions(kind) } else { Value::Null };
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": columns, "rows": rows})
}

/// The metadata of an object alone.
pub(super) fn partial(object: &Value) -> Value {
    let metadata = object.get("metadata").cloned().unwrap_or_default();
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
}

fn row(kind: &Kind, object: &Value, include: Include, now: DateTime<Utc>) -> Value {
    let carried = match include {
        Include::None => Value::Null,
        Include::Metadata => partial(object),
        Include::Object => super::api::typed(kind, object.clone()),
    };
    json!({"cells": columns::cells(kind.plural, object, now), "object": carried})
}

fn definitions(kind: &Kind) -> Value {
    let columns = columns::of(kind.plural);
    let definitions = columns.iter().map(|column| {
        let format = if column.name == "Name" && column.priority == 0 { "name" } else { "" };
        json!({"name": column.name, "type": column.kind, "format": format, "description": "", "priority": column.priority})
    });
    Value::Array(definitions.collect())
}

/// A span in kubectl's words: `45s`, `3m12s`, `5h20m`, `2d4h`, `400d`.
pub(super) fn span(seconds: i64) -> String {
    let pair = |big: i64, unit: &str, small: i64, sub: &str| {
        if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{sub}") }
    };
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => pair(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => pair(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => pair(hours / 24, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{}d", hours / 24),
        63_072_000..252_288_000 => pair(hours / 8_760, "y", hours / 24 % 365, "d"),
        _ => format!("{}y", hours / 8_760),
    }
}

/// How long ago a timestamp of an object was.
fn since(at: Option<&Value>, now: DateTime<Utc>) -> String {
    let at = at.and_then(Value::as_str).and_then(|at| DateTime::parse_from_rfc3339(at).ok());
    at.map_or_else(|| "<unknown>".to_owned(), |at| span((now - at.to_utc()).num_seconds()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_kubectl_prints_them() {
        for (seconds, expect) in [
            (-5, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (185, "3m5s"),
            (1_200, "20m"),
            (11_100, "3h5m"),
            (36_000, "10h"),
            (172_800, "2d"),
            (180_000, "2d2h"),
            (864_000, "10d"),
            (86_400 * 400, "400d"),
            (86_400 * 800, "2y70d"),
            (86_400 * 3_650, "10y"),
        ] {
            assert_eq!(span(seconds), expect, "{seconds}");
        }
    }
}
