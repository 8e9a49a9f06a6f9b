//! The short texts of tables and screens. `~` marks a value that the newest attempt could not confirm, `-` one that is
//! not known.

use chrono::{DateTime, TimeDelta, Utc};

use super::item::credential_end;
use crate::fleet::{Cluster, ErrorCode, Failure, Observed, Phase, Signal, State, age};

/// A number of seconds as a short length of time.
pub fn span(seconds: i64) -> String {
    age::short(TimeDelta::try_seconds(seconds).unwrap_or(TimeDelta::MAX))
}

/// The time between two moments, as a short length.
pub fn between(from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    age::since(from, to)
}

/// The control plane's version: `v1.35.4`, `~v1.35.4`, `-`.
pub fn version(cluster: &Cluster) -> String {
    let signal = &cluster.signals.version;
    cell(cluster, signal, |v| v.text.to_string())
}

/// Ready and all nodes: `41/44`, `~22/22`, `≥`-less lower bounds are marked `+`.
pub fn nodes(cluster: &Cluster) -> String {
    cell(cluster, &cluster.signals.nodes, |n| {
        let more = if n.truncated { "+" } else { "" };
        format!("{}/{}{more}", n.ready, n.total)
    })
}

/// The API server's own word: `ok`, `DEGRADED`.
pub fn control_plane(cluster: &Cluster) -> String {
    cell(cluster, &cluster.signals.ready, |r| if r.ready { "ok" } else { "DEGRADED" }.to_owned())
}

/// How long the serving certificate is still good: `61d`, `expired`.
pub fn certificate(cluster: &Cluster, now: DateTime<Utc>) -> String {
    let Some(Observed { value, .. }) = &cluster.signals.serving_cert else { return dash() };
    mark(cluster, left(value.not_after, now))
}

/// How long the credential is still good: `7h12`, `expired`, `refused`, `-` if it does not say.
pub fn credential(cluster: &Cluster, now: DateTime<Utc>) -> String {
    if let Some(end) = credential_end(cluster) {
        return left(end, now);
    }
    let refused = cluster.signals.unreachable.as_ref().is_some_and(|f| f.code.is_sign_in());
    if refused { "refused".to_owned() } else { dash() }
}

/// How long ago an answer last arrived: `4s`, `-` if never.
pub fn seen(cluster: &Cluster, now: DateTime<Utc>) -> String {
    cluster.seen_at().map_or_else(dash, |at| age::since(at, now))
}

/// The latency of the last poll: `38ms`.
pub fn latency(cluster: &Cluster) -> String {
    let Some(latency) = &cluster.signals.latency else { return dash() };
    mark(cluster, format!("{}ms", latency.value.as_millis()))
}

/// Why the cluster is in its state: all reasons, worst first, and what it waits for if that is not the cluster itself;
/// empty for none.
pub fn why(cluster: &Cluster) -> String {
    let reasons = cluster.verdict.reasons.iter();
    let mut told: Vec<String> = reasons.map(|r| coded(r.code, r.message.as_str())).collect();
    if cluster.verdict.state == State::New && cluster.signals.attempts.phase == Phase::SigningIn {
        told.push("waits for its credential plugin".to_owned());
    }
    told.join("; ")
}

/// A failure with its code in front: `TCP connection refused 10.0.0.9:6443`.
pub fn failure(failure: &Failure) -> String {
    coded(failure.code.as_str(), failure.message.as_str())
}

/// Codes of failures are words a person searches for and stand in front; those of findings are told by the message.
fn coded(code: &str, message: &str) -> String {
    let known = ErrorCode::ALL.iter().any(|c| c.as_str() == code);
    if known && !message.starts_with(code) { format!("{code} {message}") } else { message.to_owned() }
}

/// How long until `end`.
pub fn left(end: DateTime<Utc>, now: DateTime<Utc>) -> String {
    age::left(end, now).unwrap_or_else(|| "expired".to_owned())
}

fn dash() -> String {
    "-".to_owned()
}

fn mark(cluster: &Cluster, text: String) -> String {
    if cluster.is_live() { text } else { format!("~{text}") }
}

/// A reading as a cell: the value, marked if it is not confirmed; `no access` where the server refuses it.
fn cell<T>(cluster: &Cluster, signal: &Signal<T>, show: impl Fn(&T) -> String) -> String {
    let refused = signal.trouble.as_ref().is_some_and(|f| f.code == ErrorCode::Http403);
    match signal.value() {
        Some(value) if signal.trouble.is_some() => format!("~{}", show(value)),
        Some(value) => mark(cluster, show(value)),
        None if refused => "no access".to_owned(),
        None => dash(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn cells_are_marked_when_not_confirmed_and_dashes_when_not_known() {
        let (fleet, now) = (fixture::fleet(), fixture::now());
        let row = |name: &str| {
            let c = fleet.clusters.iter().find(|c| c.key().as_str() == name).unwrap();
            let cells = [
                version(c),
                nodes(c),
                control_plane(c),
                certificate(c, now),
                credential(c, now),
                seen(c, now),
            ];
            (cells.join(" "), why(c))
        };
        for (name, cells, reason) in [
            ("prod-us-east-1", "v1.36.1 120/120 ok 61d 7h12 3s", ""),
            ("prod-eu-west-3", "v1.35.4 41/44 ok 61d 7h12 4s", "3 nodes NotReady"),
            (
                "prod-ap-south-1",
                "~v1.35.4 ~38/38 ~ok ~61d 7h12 42m",
                "HTTP401 the server does not accept the credential",
            ),
            ("stage-eu-2", "- - - - 7h12 -", "TCP timeout 10.8.0.9:6443"),
            ("dev-broken", "- - - - - -", "CONFIG server is not a URL"),
        ] {
            assert_eq!(row(name), (cells.to_owned(), reason.to_owned()), "{name}");
        }
    }

    #[test]
    fn a_refused_reading_says_so() {
        let mut cluster = fixture::fleet().clusters[2].as_ref().clone();
        cluster.signals.nodes.last = None;
        cluster.signals.nodes.trouble = Some(Failure::new(ErrorCode::Http403, "nodes is forbidden"));
        assert_eq!(nodes(&cluster), "no access");
    }
}
