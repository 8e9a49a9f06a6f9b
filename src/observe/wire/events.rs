//! Events of the core group, newest first.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::json::{ListMeta, ObjectMeta, Text, lacks, parse};
use crate::fleet::{CleanText, EventRow, Failure};

const WHAT: &str = "a list of events";

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    metadata: ListMeta<'a>,
    #[serde(borrow, default)]
    items: Option<Vec<Event<'a>>>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, default)]
    metadata: ObjectMeta<'a>,
    #[serde(borrow, default, rename = "involvedObject")]
    object: Option<Object<'a>>,
    #[serde(borrow, default)]
    reason: Text<'a>,
    #[serde(borrow, default)]
    message: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(default)]
    count: Option<i64>,
    #[serde(borrow, default, rename = "firstTimestamp")]
    first: Text<'a>,
    #[serde(borrow, default, rename = "lastTimestamp")]
    last: Text<'a>,
    #[serde(borrow, default, rename = "eventTime")]
    time: Text<'a>,
    #[serde(borrow, default)]
    series: Option<Series<'a>>,
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    namespace: Text<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
}

#[derive(Deserialize)]
struct Series<'a> {
    #[serde(default)]
    count: Option<i64>,
    #[serde(borrow, default, rename = "lastObservedTime")]
    last: Text<'a>,
}

/// One page of a list of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPage {
    /// The events of this page, in the order of the answer.
    pub rows: Vec<EventRow>,
    /// What to ask the next page with; `None` at the end of the list.
    pub next: Option<String>,
}

/// Reads one page of `GET /api/v1/events`.
///
/// # Errors
/// `PARSE` if it is no list of events.
pub fn events(body: &[u8]) -> Result<EventPage, Failure> {
    let answer: Answer<'_> = parse(body, WHAT)?;
    match answer.kind.as_str() {
        "EventList" => {}
        "" if answer.items.is_some() => {}
        _ => return Err(lacks(WHAT, "such kind")),
    }
    let rows = answer.items.iter().flatten().map(row).collect();
    let token = answer.metadata.token.as_str();
    // A token is opaque, but never this long: it would not fit a request line.
    let next = (!token.is_empty() && token.len() <= 4096).then(|| token.to_owned());
    Ok(EventPage { rows, next })
}

/// Puts the newest first and keeps `most`. Events without a time come last.
pub fn newest_first(rows: &mut Vec<EventRow>, most: usize) {
    rows.sort_by(|a, b| b.last_seen.cmp(&a.last_seen).then_with(|| a.object.cmp(&b.object)));
    rows.truncate(most);
}

fn time(text: &Text<'_>) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text.as_str()).ok().map(|t| t.with_timezone(&Utc))
}

/// The old fields (`lastTimestamp`, `count`) and the new ones (`series`, `eventTime`) say the same; writers fill either.
fn row(event: &Event<'_>) -> EventRow {
    let series = event.series.as_ref();
    let last_seen = series
        .and_then(|s| time(&s.last))
        .into_iter()
        .chain(time(&event.last))
        .max()
        .or_else(|| time(&event.time))
        .or_else(|| time(&event.first))
        .or_else(|| time(&event.metadata.created));
    let count = series.and_then(|s| s.count).max(event.count).unwrap_or(1);
    let empty = Text::default();
    let (kind, namespace, name) =
        event.object.as_ref().map_or((&empty, &empty, &empty), |o| (&o.kind, &o.namespace, &o.name));
    let namespace = if namespace.as_str().is_empty() { &event.metadata.namespace } else { namespace };
    EventRow {
        last_seen,
        kind: CleanText::with_cap(event.kind.as_str(), 32),
        namespace: CleanText::with_cap(namespace.as_str(), 63),
        object: CleanText::with_cap(&format!("{}/{}", kind.as_str(), name.as_str()), 320),
        reason: CleanText::with_cap(event.reason.as_str(), 128),
        count: u32::try_from(count.max(1)).unwrap_or(u32::MAX),
        message: CleanText::new(event.message.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::ErrorCode;

    #[test]
    fn events_of_old_and_new_writers_are_read_newest_first() {
        let body = br#"{"kind":"EventList","metadata":{"continue":"tok"},"items":[
            {"metadata":{"namespace":"a","creationTimestamp":"2026-11-20T10:00:00Z"},"involvedObject":{"kind":"Pod","namespace":"a","name":"p"},
             "reason":"Old","message":"m","type":"Normal","count":3,"firstTimestamp":"2026-11-20T10:00:00Z","lastTimestamp":"2026-11-20T10:05:00Z"},
            {"metadata":{"namespace":"b"},"involvedObject":{"kind":"Node","name":"n"},"reason":"New","type":"Warning",
             "eventTime":"2026-11-20T10:01:00.000001Z","lastTimestamp":null,"series":{"count":9,"lastObservedTime":"2026-11-20T10:06:00.5Z"}},
            {"metadata":{},"involvedObject":null,"reason":"Never","count":-4}]}"#;
        let mut page = events(body).unwrap();
        assert_eq!(page.next.as_deref(), Some("tok"));
        newest_first(&mut page.rows, 500);
        let shown: Vec<_> = page
            .rows
            .iter()
            .map(|e| (e.reason.as_str(), e.object.as_str(), e.namespace.as_str(), e.count))
            .collect();
        assert_eq!(shown, [("New", "Node/n", "b", 9), ("Old", "Pod/p", "a", 3), ("Never", "/", "", 1)]);
        assert_eq!(page.rows[2].last_seen, None);
        newest_first(&mut page.rows, 1);
        assert_eq!(page.rows.len(), 1);
    }

    #[test]
    fn hostile_events_are_cleaned() {
        let body = br#"{"items":[{"reason":"\u001b[2J","message":"a\nb\u202e","type":7,"count":99999999999,
            "lastTimestamp":"yesterday","involvedObject":{"kind":[],"name":"\u009b31m"}}]}"#;
        let page = events(body).unwrap();
        let event = &page.rows[0];
        assert_eq!(event.reason.as_str(), "␛[2J");
        assert_eq!(event.message.as_str(), "a␊b‹U+202E›");
        assert_eq!((event.count, event.last_seen, event.kind.as_str()), (u32::MAX, None, "7"));
        assert_eq!(event.object.as_str(), "/‹U+009B›31m");
    }

    #[test]
    fn an_endless_token_ends_the_list() {
        let body = format!(r#"{{"items":[],"metadata":{{"continue":"{}"}}}}"#, "a".repeat(5000));
        assert_eq!(events(body.as_bytes()).unwrap(), EventPage::default());
    }

    #[test]
    fn what_is_no_list_of_events_is_a_failure() {
        for body in [
            "",
            "{}",
            r#"{"kind":"Status"}"#,
            r#"{"kind":"PodList","items":[]}"#,
            r#"{"items":7}"#,
            r#"{"items":[{"count":"many"}]}"#,
        ] {
            assert_eq!(events(body.as_bytes()).unwrap_err().code, ErrorCode::Parse, "{body}");
        }
        assert_eq!(events(br#"{"kind":"EventList","items":null}"#).unwrap(), EventPage::default());
    }
}
