//! The document about events: `EventList`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::status::{Asked, ErrorItem, QueryItem, query_item};
use super::wire::{API_VERSION, SCHEMA_VERSION, Stamp, Text, Tool};
use crate::fleet::{Cluster, ClusterKey, EventRow, Failure, Fleet};

/// Events of the selected clusters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventList {
    /// The group and version.
    #[schemars(extend("const" = API_VERSION))]
    pub api_version: &'static str,
    /// The kind.
    #[schemars(extend("const" = "EventList"))]
    pub kind: &'static str,
    /// The shape's version, `MAJOR.MINOR`.
    pub schema_version: &'static str,
    /// When it was written.
    pub generated_at: Stamp,
    /// By what.
    pub tool: Tool,
    /// Which clusters were asked.
    pub query: QueryItem,
    /// Whether `errors` is not empty.
    pub partial: bool,
    /// The events, newest first.
    pub items: Vec<EventItem>,
    /// One for each cluster whose events could not be read.
    pub errors: Vec<ErrorItem>,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventItem {
    /// The cluster.
    pub cluster: Text,
    /// When it was last seen.
    pub last_seen: Option<Stamp>,
    /// `Warning` or `Normal`.
    #[serde(rename = "type")]
    pub kind: Text,
    /// The namespace of the object.
    pub namespace: Text,
    /// `Pod/train-7`.
    pub object: Text,
    /// `FailedScheduling`.
    pub reason: Text,
    /// How often.
    pub count: u32,
    /// The message.
    pub message: Text,
}

impl EventItem {
    /// Tells one event of a cluster.
    pub fn new(cluster: &ClusterKey, event: &EventRow) -> Self {
        Self {
            cluster: Text::from(cluster.as_str()),
            last_seen: event.last_seen.map(Stamp),
            kind: Text::from(&event.kind),
            namespace: Text::from(&event.namespace),
            object: Text::from(&event.object),
            reason: Text::from(&event.reason),
            count: event.count,
            message: Text::from(&event.message),
        }
    }
}

/// What asking one cluster for its events brought.
pub type EventReading = (ClusterKey, Result<Vec<EventRow>, Failure>);

/// The events that `readings` brought, those of `kind` only if one is given.
pub fn event_list<'a>(
    fleet: &Fleet,
    rows: &[Arc<Cluster>],
    asked: impl Into<Asked<'a>>,
    readings: &[EventReading],
    kind: Option<&str>,
    now: DateTime<Utc>,
    tool: Tool,
) -> EventList {
    let mut items = Vec::new();
    let mut errors = Vec::new();
    for (key, reading) in readings {
        match reading {
            Ok(events) => {
                let wanted = events.iter().filter(|e| kind.is_none_or(|k| e.kind.as_str() == k));
                items.extend(wanted.map(|e| EventItem::new(key, e)));
            }
            Err(failure) => errors.push(ErrorItem {
                cluster: Text::from(key.as_str()),
                code: failure.code.as_str(),
                message: Text::from(&failure.message),
                hint: failure.hint.as_ref().map(Text::from),
                attempts: 1,
                next_try_at: None,
            }),
        }
    }
    items.sort_by(|a, b| b.last_seen.cmp(&a.last_seen).then_with(|| a.cluster.cmp(&b.cluster)));
    EventList {
        api_version: API_VERSION,
        kind: "EventList",
        schema_version: SCHEMA_VERSION,
        generated_at: Stamp(now),
        tool,
        query: query_item(fleet, rows, asked.into()),
        partial: !errors.is_empty(),
        items,
        errors,
    }
}
