//! Conditions in the shapes that sources write them in: of the API machinery, of Cluster API's v1beta1 (with a severity), of
//! wrangler (times as text under other names), and of the archived registries (with the time of a probe).

use chrono::{DateTime, Duration, Utc};
use serde_json::Value;

use super::object::Reader;
use crate::fleet::{CleanText, Facts, Health, Truth};

/// Conditions of one object that are looked at.
const MOST: usize = 100;

/// One condition. Only type and status are sure to be there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition<'v> {
    pub(super) kind: &'v str,
    pub(super) status: Truth,
    pub(super) reason: &'v str,
    pub(super) message: &'v str,
    /// Cluster API v1beta1: `Error`, `Warning`, `Info`.
    pub(super) severity: &'v str,
    pub(super) since: Option<DateTime<Utc>>,
    /// When it was last looked at, where the source says so.
    pub(super) seen: Option<DateTime<Utc>>,
}

/// Reads the list of conditions at `path`.
pub(super) fn conditions<'v>(reader: &mut Reader<'v>, path: &[&str]) -> Vec<Condition<'v>> {
    let prefix = format!("{}[]", path.join("."));
    let items = reader.list(path);
    items.iter().take(MOST).filter_map(|item| condition(reader, item, &prefix)).collect()
}

/// The same below `from`.
pub(super) fn conditions_in<'v>(
    reader: &mut Reader<'v>,
    from: &'v Value,
    prefix: &str,
) -> Vec<Condition<'v>> {
    let items = reader.list_in(from, prefix, &["conditions"]);
    let prefix = format!("{prefix}.conditions[]");
    items.iter().take(MOST).filter_map(|item| condition(reader, item, &prefix)).collect()
}

fn condition<'v>(reader: &mut Reader<'v>, item: &'v Value, prefix: &str) -> Option<Condition<'v>> {
    let kind = reader.text_in(item, prefix, &["type"])?;
    let mut text = |key: &str| reader.text_in(item, prefix, &[key]).unwrap_or_default();
    let status = match text("status") {
        "True" => Truth::Yes,
        "False" => Truth::No,
        _ => Truth::Unknown,
    };
    let (reason, message, severity) = (text("reason"), text("message"), text("severity"));
    let mut first = |keys: [&str; 2]| keys.iter().find_map(|key| reader.time_in(item, prefix, &[key]));
    let since = first(["lastTransitionTime", "lastUpdateTime"]);
    let seen = first(["lastProbeTime", "lastHeartbeatTime"]);
    Some(Condition { kind, status, reason, message, severity, since, seen })
}

/// The condition of that type.
pub(super) fn find<'c, 'v>(all: &'c [Condition<'v>], kind: &str) -> Option<&'c Condition<'v>> {
    all.iter().find(|c| c.kind == kind)
}

/// The health that a condition of positive polarity stands for.
pub(super) fn health(condition: &Condition<'_>) -> Health {
    let word = match condition.status {
        Truth::Yes => condition.kind,
        _ if condition.reason.is_empty() => condition.kind,
        _ => condition.reason,
    };
    Health {
        healthy: condition.status,
        word: CleanText::with_cap(word, 128),
        message: CleanText::new(condition.message),
        since: condition.since,
    }
}

/// Health that the source says nothing about, though it should.
pub(super) fn unknown(word: &str) -> Health {
    Health {
        healthy: Truth::Unknown,
        word: CleanText::with_cap(word, 128),
        message: CleanText::default(),
        since: None,
    }
}

/// A cluster that has not reported for too long is in an unknown state, whatever was said before.
pub(super) fn age(facts: &mut Facts, now: DateTime<Utc>) {
    let (Some(at), Some(seconds)) = (facts.heartbeat_at, facts.heartbeat_seconds) else { return };
    if now.signed_duration_since(at) <= Duration::seconds(i64::from(seconds)) {
        return;
    }
    if let Some(health) = &mut facts.health
        && health.healthy == Truth::Yes
    {
        health.healthy = Truth::Unknown;
        health.message = CleanText::new(&format!("no report since {}", at.format("%Y-%m-%d %H:%M UTC")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_four_shapes_are_read() {
        let value = json!({"conditions": [
            {"type": "A", "status": "True", "reason": "R", "message": "m", "lastTransitionTime": "2026-11-01T10:00:00Z", "observedGeneration": 3},
            {"type": "B", "status": "False", "severity": "Info", "reason": "Rolling", "lastTransitionTime": "2026-11-01T10:00:00Z"},
            {"type": "C", "status": "Unknown", "lastUpdateTime": "2026-11-01T10:00:00Z"},
            {"type": "D", "status": "True", "lastProbeTime": "2026-11-01T10:00:01Z"},
            {"type": "E", "status": "True", "lastHeartbeatTime": "2026-11-01T10:00:01Z", "reason": 7},
            {"status": "True"}, 5,
        ]});
        let mut reader = Reader::new(&value, CleanText::new("x"), CleanText::default());
        let all = conditions(&mut reader, &["conditions"]);
        let told: Vec<_> =
            all.iter().map(|c| (c.kind, c.status, c.since.is_some(), c.seen.is_some())).collect();
        assert_eq!(
            told,
            [
                ("A", Truth::Yes, true, false),
                ("B", Truth::No, true, false),
                ("C", Truth::Unknown, true, false),
                ("D", Truth::Yes, false, true),
                ("E", Truth::Yes, false, true),
            ]
        );
        assert_eq!(health(&all[0]).word.as_str(), "A");
        assert_eq!(health(&all[1]).word.as_str(), "Rolling");
        let told: Vec<_> = reader.finish().into_iter().map(|p| p.message.to_string()).collect();
        assert_eq!(
            told,
            [
                "conditions[].reason must be text, but is a number",
                "conditions[] must be a map, but is a number"
            ]
        );
    }

    #[test]
    fn a_heartbeat_that_is_too_old_makes_good_health_unknown_and_bad_health_stays() {
        let at = DateTime::from_timestamp(1_800_000_000, 0);
        for (said, after, expect) in
            [(Truth::Yes, 10, Truth::Yes), (Truth::Yes, 1000, Truth::Unknown), (Truth::No, 1000, Truth::No)]
        {
            let mut facts = Facts { heartbeat_at: at, heartbeat_seconds: Some(60), ..Facts::default() };
            facts.health = Some(Health { healthy: said, ..unknown("x") });
            age(&mut facts, at.unwrap() + Duration::seconds(after));
            assert_eq!(facts.health.unwrap().healthy, expect);
        }
    }
}
