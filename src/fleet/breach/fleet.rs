//! What is not as it should be and belongs to no single cluster.

use chrono::{DateTime, Utc};

use super::BREACH_CODES;
use crate::fleet::{Almanac, Apart, CleanText, Finding, SourceState, Sync, Weight, age};

/// What is not as it should be and belongs to no single cluster: sources, look-alikes, data that is old. The worst first. What the
/// fleet file ignores is among it; see [`ClassBook::heeds`](crate::fleet::ClassBook::heeds).
pub fn fleet_breaches(
    sources: &[SourceState],
    apart: &[Apart],
    almanac: &Almanac,
    now: DateTime<Utc>,
) -> Vec<Finding> {
    let failing = sources.iter().filter(|s| s.sync == Sync::Failing).map(|s| source_failing(s, now));
    let alike = apart.iter().filter_map(look_alike);
    let stale = almanac.staleness(now).into_iter().map(|(table, message)| stale(table, message.as_str()));
    let mut findings: Vec<Finding> = failing.chain(alike).chain(stale).collect();
    findings.sort_by(|a, b| (b.weight, a.code, &a.about).cmp(&(a.weight, b.code, &b.about)));
    findings
}

fn finding(code: &'static str, weight: Weight, about: &str, message: &str, hint: &str) -> Finding {
    Finding {
        code,
        weight,
        cluster: None,
        class: None,
        owner: None,
        about: Some(CleanText::new(about)),
        message: CleanText::new(message),
        hint: (!hint.is_empty()).then(|| CleanText::new(hint)),
        rule: None,
        seen_at: None,
    }
}

fn source_failing(source: &SourceState, now: DateTime<Utc>) -> Finding {
    let since = source.failing_since.map(|at| format!(" for {}", age::words(now - at))).unwrap_or_default();
    let why = source
        .problems
        .iter()
        .max_by_key(|p| p.severity)
        .map(|p| format!(": {}", p.message))
        .unwrap_or_default();
    let message = format!("{} source {} cannot be read{since}{why}", source.kind, source.name);
    let hint = "What it said before is kept. Try it with `fleetglass sources test`.";
    let seen_at = source.synced_at;
    Finding { seen_at, ..finding("SOURCE_FAILING", Weight::Warning, source.name.as_str(), &message, hint) }
}

/// Rows that share a name and rows that a person has split are as they should be.
fn look_alike(apart: &Apart) -> Option<Finding> {
    let weight = BREACH_CODES.iter().find(|(code, _)| *code == apart.code).map(|(_, weight)| *weight)?;
    let hint = match apart.code {
        "SAME_UID_OTHER_NODES" => {
            "Retire the copy if it is not meant to live on, or merge them by hand if they are one."
        }
        "SAME_SERVER_OTHER_AUTHORITY" => {
            "One of them is out of date or leads elsewhere; correct it, or merge them by hand."
        }
        "SAME_SERVER_OTHER_UID" => {
            "One source still tells of a cluster that was built again; correct it there."
        }
        "DECISION_OTHER_UID" => "Take the decision back, or correct the source that names the wrong UID.",
        _ => "",
    };
    let message = format!("{} and {}: {}", apart.first, apart.second, apart.why);
    (weight > Weight::Note).then(|| finding(apart.code, weight, &apart.first.to_string(), &message, hint))
}

fn stale(table: &str, message: &str) -> Finding {
    finding(
        "STALE_DATA",
        Weight::Note,
        table,
        message,
        "Put a newer table into the configuration's data folder.",
    )
}
