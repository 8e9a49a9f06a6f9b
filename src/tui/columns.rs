//! The columns of the Fleet list and what stands in them.

use chrono::{DateTime, Utc};

use super::areas::Tier;
use super::facts::{between, span};
use super::model::Model;
use super::paint::width;
use crate::config::{Role, SortBy};
use crate::fleet::{Cluster, ErrorCode, Fleet, SourceKind, State, Told};
use crate::report::{PhaseWord, cluster_item, words};

/// What a cell says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) role: Role,
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) head: &'static str,
    pub(crate) width: u16,
    /// Blank cells after it.
    pub(crate) gap: u16,
    pub(crate) right: bool,
    pub(crate) sort: Option<SortBy>,
    pub(crate) cell: fn(&Cluster, DateTime<Utc>) -> Cell,
}

const fn column(
    head: &'static str,
    width: u16,
    right: bool,
    sort: Option<SortBy>,
    cell: fn(&Cluster, DateTime<Utc>) -> Cell,
) -> Column {
    Column { head, width, gap: 1, right, sort, cell }
}

/// How wide the rows' contents are, in cells; a column is not wider than what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Widths {
    pub(crate) version: u16,
    pub(crate) nodes: u16,
    pub(crate) certificate: u16,
    /// Nothing if no credential says anything of its end: the column is left out then.
    pub(crate) credential: u16,
    /// How long ago rows were seen, or heard of.
    pub(crate) seen: u16,
}

/// Looks how wide the contents of some rows are. Done when rows are arranged, not for every frame.
pub(crate) fn measure<'a>(
    fleet: &Fleet,
    rows: impl Iterator<Item = &'a usize>,
    now: DateTime<Utc>,
) -> Widths {
    let digits = |n: usize| u16::try_from(n.checked_ilog10().unwrap_or(0) + 1).unwrap_or(10);
    let mut most = Widths { version: 7, nodes: 5, certificate: 5, credential: 0, seen: 4 };
    for cluster in rows.filter_map(|i| fleet.clusters.get(*i)) {
        let mark = u16::from(!cluster.is_live());
        let signals = &cluster.signals;
        if let Some(version) = signals.version.value() {
            let length = u16::try_from(version.text.as_str().len()).unwrap_or(u16::MAX);
            most.version = most.version.max(length.saturating_add(mark));
        } else if let Some(said) = said_version(cluster) {
            most.version = most.version.max(width(&said).saturating_add(2));
        }
        if let Some(nodes) = signals.nodes.value() {
            let more = u16::from(nodes.truncated);
            most.nodes = most.nodes.max(digits(nodes.ready) + digits(nodes.total) + 1 + more + mark);
        } else if signals.nodes.trouble.as_ref().is_some_and(|f| f.code == ErrorCode::Http403) {
            most.nodes = most.nodes.max(NO_ACCESS);
        }
        if cluster.seen_at().is_none() && heard(cluster).is_some() {
            most.seen = 6;
        }
        if signals.serving_cert.as_ref().is_some_and(|c| c.value.not_after <= now) {
            most.certificate = most.certificate.max(7 + mark);
        }
        let credential = words::credential(cluster, now);
        if credential != "-" {
            most.credential = most.credential.max(width(&credential)).max(4);
        }
    }
    most
}

/// The width of `no access`.
const NO_ACCESS: u16 = 9;

/// From this many cells on, more columns are added by themselves.
const ROOMY: u16 = 130;
/// Cells that the reasons should have before other columns are added.
const REASONS: u16 = 40;

/// The columns that fit into `width` cells; the last one takes what is left.
pub(crate) fn columns(tier: Tier, room: u16, model: &Model) -> Vec<Column> {
    let longest = u16::try_from(model.list.name_width).unwrap_or(u16::MAX);
    let name = |most: u16| column("NAME", longest.clamp(16, most), false, Some(SortBy::Name), name);
    let widths = model.list.widths;
    // A column that the rows are sorted by has a sign behind its name.
    let sorted = |sort: SortBy| u16::from(model.shape.sort == sort);
    let version = |most: u16| {
        let least = 7 + sorted(SortBy::Version);
        column("VERSION", widths.version.clamp(least, most.max(least)), false, Some(SortBy::Version), version)
    };
    let credential = column("CRED", widths.credential.min(7), true, None, credential);
    let seen_width = widths.seen.max(4) + sorted(SortBy::Seen);
    let seen = Column { gap: 2, ..column("SEEN", seen_width, true, Some(SortBy::Seen), seen) };
    let mut columns = match tier {
        Tier::Tiny | Tier::Small => {
            vec![name(20), column("STATE", 6, false, Some(SortBy::State), state), version(9)]
        }
        Tier::Medium => vec![name(22), version(12), credential, seen],
        Tier::Large | Tier::Huge => {
            let wide = widths.nodes.clamp(5 + sorted(SortBy::Nodes), 10);
            let cert = widths.certificate.clamp(5, 8);
            vec![
                name(if tier == Tier::Huge { 32 } else { 26 }),
                version(if tier == Tier::Huge { 15 } else { 13 }),
                column("NODES", wide, false, Some(SortBy::Nodes), nodes),
                column("CTL-PLANE", 9, false, None, control_plane),
                column("CERT", cert, true, Some(SortBy::Cert), certificate),
                credential,
                seen,
            ]
        }
    };
    columns.retain(|c| c.width > 0);
    let used = |columns: &[Column]| 3 + columns.iter().map(|c| c.width + c.gap).sum::<u16>();
    if tier >= Tier::Large {
        // Each more column only while the reasons keep their room, unless a person asks for all.
        let more = [
            (2, column("REGION", 13, false, None, region)),
            (3, column("PROVIDER", 8, false, None, provider)),
            (columns.len() + 1, column("LATENCY", 7, true, Some(SortBy::Latency), latency)),
        ];
        for (at, column) in more {
            let fits = room >= ROOMY && room >= used(&columns) + column.width + column.gap + REASONS;
            if model.wide || fits {
                columns.insert(at.min(columns.len()), column);
            }
        }
    }
    let used = used(&columns);
    let sort = (tier > Tier::Small).then_some(SortBy::State);
    columns.push(column("WHY", room.saturating_sub(used), false, sort, why));
    columns
}

/// A value: one that could not be confirmed is drawn as such.
fn plain(text: String) -> Cell {
    let role = match text.as_str() {
        "-" | "no access" => Role::Muted,
        t if t.starts_with('~') => Role::Stale,
        _ => Role::Text,
    };
    Cell { text, role }
}

fn name(cluster: &Cluster, _: DateTime<Utc>) -> Cell {
    Cell { text: cluster.entry.name.to_string(), role: Role::Text }
}

fn state(cluster: &Cluster, _: DateTime<Utc>) -> Cell {
    let state = cluster.verdict.state;
    Cell { text: super::glyph::word(state).to_owned(), role: Role::of_state(state) }
}

/// What a source says where nothing was ever seen: in brackets, so that nobody takes it for something seen.
fn said(seen: Cell, said: Option<String>) -> Cell {
    match said.filter(|_| seen.text == "-") {
        Some(text) => Cell { text: format!("({text})"), role: Role::Stale },
        None => seen,
    }
}

fn version(cluster: &Cluster, _: DateTime<Utc>) -> Cell {
    said(plain(words::version(cluster)), said_version(cluster))
}

fn said_version(cluster: &Cluster) -> Option<String> {
    let facts = &cluster.entry.facts;
    let text = facts.version.as_ref().map(ToString::to_string);
    text.or_else(|| facts.version_text.as_ref().map(ToString::to_string))
}

fn said_nodes(cluster: &Cluster) -> Option<String> {
    cluster.entry.facts.nodes.map(|(ready, total)| format!("{ready}/{total}"))
}

fn nodes(cluster: &Cluster, _: DateTime<Utc>) -> Cell {
    let cell = said(plain(words::nodes(cluster)), said_nodes(cluster));
    let short = cluster.signals.nodes.value().is_some_and(|n| n.ready < n.total);
    if short && cell.role == Role::Text { Cell { role: Role::Warning, ..cell } } else { cell }
}

fn control_plane(cluster: &Cluster, _: DateTime<Utc>) -> Cell {
    let cell = plain(words::control_plane(cluster));
    if cell.text == "DEGRADED" { Cell { role: Role::StateCrit, ..cell } } else { cell }
}

fn certificate(cluster: &Cluster, now: DateTime<Utc>) -> Cell {
    ending(words::certificate(cluster, now))
}

fn credential(cluster: &Cluster, now: DateTime<Utc>) -> Cell {
    ending(words::credential(cluster, now))
}

fn ending(text: String) -> Cell {
    let cell = plain(text);
    if matches!(cell.text.as_str(), "expired" | "refused") {
        Cell { role: Role::StateAuth, ..cell }
    } else {
        cell
    }
}

fn seen(cluster: &Cluster, now: DateTime<Utc>) -> Cell {
    let role = if cluster.is_live() { Role::Text } else { Role::Stale };
    said(Cell { text: words::seen(cluster, now), role }, heard(cluster).map(|at| between(at, now)))
}

/// When somebody other than a kubeconfig last told of it.
fn heard(cluster: &Cluster) -> Option<DateTime<Utc>> {
    let all_files = cluster.entry.sources.iter().all(|s| s.kind == SourceKind::Kubeconfig);
    cluster.entry.said_at.filter(|_| !all_files)
}

fn latency(cluster: &Cluster, _: DateTime<Utc>) -> Cell {
    plain(words::latency(cluster))
}

fn region(cluster: &Cluster, _: DateTime<Utc>) -> Cell {
    told(cluster.region())
}

fn provider(cluster: &Cluster, _: DateTime<Utc>) -> Cell {
    told(cluster.provider())
}

/// A value that may be a guess, and is marked as one.
fn told(told: Option<Told>) -> Cell {
    match told {
        Some(Told { value, guessed: true }) => Cell { text: format!("{value}?"), role: Role::Guessed },
        Some(Told { value, guessed: false }) => plain(value.to_string()),
        None => plain("-".to_owned()),
    }
}

/// Why it is in its state, what is happening to it, and when it is tried again.
fn why(cluster: &Cluster, now: DateTime<Utc>) -> Cell {
    let state = cluster.verdict.state;
    let item = cluster_item(cluster, now);
    let mut text = words::why(cluster);
    if text.is_empty() && state == State::New {
        text = match (item.phase, item.attempts.phase_since) {
            (PhaseWord::Connecting, Some(since)) => format!("connecting {}", between(since.0, now)),
            (PhaseWord::Connecting, None) => "connecting".to_owned(),
            _ => "waits for its turn".to_owned(),
        };
    }
    if let (Some(next), PhaseWord::BackingOff) = (item.attempts.next_at, item.phase) {
        let left = (next.0 - now).num_seconds();
        let when = if left > 0 { format!("next try {}", span(left)) } else { "trying now".to_owned() };
        text = if text.is_empty() { when } else { format!("{text}; {when}") };
    }
    let role = match state {
        State::New | State::Ok => Role::Muted,
        _ => Role::Text,
    };
    Cell { text, role }
}
