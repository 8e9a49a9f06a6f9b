//! The columns that tables of clusters can have.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::fault::Fault;
use super::suggest;
use super::table::{Cell, Table};
use crate::fleet::{Cluster, Told, Weight, lifecycle};
use crate::report::{self, words};

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// One of [`KNOWN`].
    Known(&'static Known),
    /// The value of a label.
    Label(String),
}

/// A column with a name of its own.
pub(super) struct Known {
    /// As `--columns` has it.
    pub(super) name: &'static str,
    /// In the table.
    head: &'static str,
    cell: fn(&Cluster, DateTime<Utc>) -> Cell,
}

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
impl Eq for Known {}
impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

fn or_dash<T: ToString>(value: Option<T>) -> Cell {
    Cell::Text(value.map_or_else(|| "-".to_owned(), |v| v.to_string()))
}

/// A guess is marked with `?`.
fn told(told: Option<Told>) -> Cell {
    or_dash(told.map(|t| if t.guessed { format!("{}?", t.value) } else { t.value.to_string() }))
}

/// All columns.
pub(super) const KNOWN: [Known; 25] = [
    Known { name: "name", head: "CLUSTER", cell: |c, _| c.key().as_str().into() },
    Known { name: "class", head: "CLASS", cell: |c, _| c.class.name.as_str().into() },
    Known { name: "state", head: "STATE", cell: |c, _| Cell::State(c.verdict.state.as_str()) },
    Known { name: "version", head: "VERSION", cell: |c, _| words::version(c).into() },
    Known { name: "nodes", head: "NODES", cell: |c, _| words::nodes(c).into() },
    Known { name: "ctl-plane", head: "CTL-PLANE", cell: |c, _| words::control_plane(c).into() },
    Known { name: "cert", head: "CERT", cell: |c, now| words::certificate(c, now).into() },
    Known { name: "cred", head: "CRED", cell: |c, now| words::credential(c, now).into() },
    Known { name: "seen", head: "SEEN", cell: |c, _| Cell::Time(c.seen_at()) },
    Known { name: "kubelets", head: "KUBELETS", cell: |c, _| kubelets(c) },
    Known { name: "skew", head: "SKEW", cell: |c, _| or_dash(c.kubelet_skew()) },
    Known { name: "eol", head: "EOL", cell: end_of_life },
    Known { name: "provider", head: "PROVIDER", cell: |c, _| told(c.provider()) },
    Known { name: "region", head: "REGION", cell: |c, _| told(c.region()) },
    Known { name: "latency", head: "LATENCY", cell: |c, _| words::latency(c).into() },
    Known {
        name: "identity",
        head: "IDENTITY",
        cell: |c, _| or_dash(c.entry.paths.first().map(|p| &p.identity)),
    },
    Known { name: "protection", head: "PROTECTION", cell: |c, _| c.class.protection.as_str().into() },
    Known { name: "server", head: "SERVER", cell: |c, _| or_dash(c.entry.server()) },
    Known { name: "owner", head: "OWNER", cell: |c, _| or_dash(report::owner(c)) },
    Known { name: "tenant", head: "TENANT", cell: |c, _| tenants(c) },
    Known { name: "findings", head: "FINDINGS", cell: |c, _| findings(c) },
    Known { name: "next", head: "NEXT", cell: |c, _| next(c) },
    Known { name: "sources", head: "SOURCES", cell: |c, _| sources(c) },
    Known { name: "source", head: "SOURCE", cell: |c, _| source(c) },
    Known { name: "why", head: "WHY", cell: |c, _| words::why(c).into() },
];

/// The columns of `status`.
const STATUS: &[&str] =
    &["name", "class", "state", "version", "nodes", "ctl-plane", "cert", "cred", "seen", "why"];

/// The columns of `clusters list`.
const LIST: &[&str] =
    &["name", "class", "state", "version", "provider", "region", "identity", "server", "source"];

fn kubelets(cluster: &Cluster) -> Cell {
    let mark = if cluster.is_live() { "" } else { "~" };
    match (cluster.oldest_kubelet(), cluster.newest_kubelet()) {
        (Some(old), Some(new)) if old.to_string() == new.to_string() => format!("{mark}{old}").into(),
        (Some(old), Some(new)) => format!("{mark}{old}..{new}").into(),
        _ => "-".into(),
    }
}

fn end_of_life(cluster: &Cluster, now: DateTime<Utc>) -> Cell {
    let days = cluster.version().and_then(|v| lifecycle::days_left(v.line, now));
    match days {
        Some(days) if days < 0 => "ended".into(),
        Some(days) => format!("{days}d").into(),
        None => "-".into(),
    }
}

fn tenants(cluster: &Cluster) -> Cell {
    let all: Vec<String> = report::tenants(cluster).iter().map(ToString::to_string).collect();
    if all.is_empty() { "-".into() } else { all.join(",").into() }
}

/// Findings that are more than notes, and the code of the worst: `2 BELOW_FLOOR`.
fn findings(cluster: &Cluster) -> Cell {
    let breaches = || cluster.findings.iter().filter(|f| f.weight > Weight::Note);
    match breaches().max_by_key(|f| f.weight) {
        Some(worst) => format!("{} {}", breaches().count(), worst.code).into(),
        None => "-".into(),
    }
}

/// The next version; `!` if something blocks the step.
fn next(cluster: &Cluster) -> Cell {
    let Some(outlook) = &cluster.outlook else { return "-".into() };
    let Some(next) = &outlook.next else { return "-".into() };
    if outlook.is_blocked() { format!("{next} !").into() } else { next.to_string().into() }
}

/// The kinds of sources that know it.
fn sources(cluster: &Cluster) -> Cell {
    let mut kinds: Vec<&str> =
        cluster.entry.sources.iter().filter(|s| s.gone_at.is_none()).map(|s| s.kind.as_str()).collect();
    kinds.dedup();
    if kinds.is_empty() { "-".into() } else { kinds.join(",").into() }
}

/// The file and line of the entry, else the source's name.
fn source(cluster: &Cluster) -> Cell {
    let Some(source) = cluster.entry.sources.first() else { return "-".into() };
    match source.origin.as_ref().and_then(|o| o.line) {
        Some(line) => format!("{}:{line}", source.name).into(),
        None => source.name.as_str().into(),
    }
}

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `status`.
    Status,
    /// `clusters list`.
    List,
}

/// The columns by the names in `wanted`; if that is empty, those of `kind`, all of them if `wide`.
pub(super) fn choose(wanted: &[String], kind: Kind, wide: bool) -> Result<Vec<Column>, Fault> {
    let usual = match kind {
        Kind::Status => STATUS,
        Kind::List => LIST,
    };
    if wanted.is_empty() {
        let picked = KNOWN.iter().filter(|k| wide || usual.contains(&k.name));
        return Ok(picked.map(Column::Known).collect());
    }
    wanted.iter().map(|name| column(name.trim())).collect()
}

fn column(name: &str) -> Result<Column, Fault> {
    if let Some(label) = name.strip_prefix("label.").filter(|l| !l.is_empty()) {
        return Ok(Column::Label(label.to_owned()));
    }
    KNOWN.iter().find(|k| k.name.eq_ignore_ascii_case(name)).map(Column::Known).ok_or_else(|| {
        Fault::usage(format!("there is no column `{}`", suggest::shown(name)))
            .place("--columns")
            .hint(suggest::one_of(name, KNOWN.iter().map(|k| k.name), "label.KEY"))
    })
}

/// The rows as a table.
pub(super) fn table(columns: &[Column], rows: &[Arc<Cluster>], now: DateTime<Utc>) -> Table {
    let head = |column: &Column| match column {
        Column::Known(known) => known.head.to_owned(),
        Column::Label(label) => label.to_uppercase(),
    };
    let cell = |column: &Column, cluster: &Cluster| match column {
        Column::Known(known) => (known.cell)(cluster, now),
        Column::Label(label) => or_dash(cluster.entry.labels.get(&label.as_str().into())),
    };
    Table {
        heads: columns.iter().map(head).collect(),
        rows: rows.iter().map(|c| columns.iter().map(|col| cell(col, c)).collect()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::TimeFormat;
    use super::super::table::{self, Style};
    use super::*;
    use crate::report::fixture;

    #[test]
    fn columns_are_chosen_by_name_and_labels_by_key() {
        let wanted = ["name".to_owned(), "label.team".to_owned(), "skew".to_owned()];
        let columns = choose(&wanted, Kind::Status, false).unwrap();
        let fleet = fixture::fleet();
        let table = table(&columns, &fleet.clusters, fixture::now());
        assert_eq!(table.heads, ["CLUSTER", "TEAM", "SKEW"]);
        assert_eq!(table.rows[0], ["prod-ap-south-1".into(), "pay".into(), Cell::from("1")]);
    }

    #[test]
    fn an_unknown_column_is_refused_with_the_near_one() {
        let fault = choose(&["versoin".to_owned()], Kind::Status, false).unwrap_err();
        let text = fault.to_string();
        assert!(text.contains("`versoin`") && text.contains("Did you mean `version`?"), "{text}");
        assert!(text.contains("label.KEY"), "{text}");
    }

    #[test]
    fn tables_of_a_fleet_in_all_states() {
        let style = Style { time: TimeFormat::Relative, now: fixture::now(), color: false, room: None };
        let fleet = fixture::fleet();
        let mut text = Vec::new();
        for (kind, wide) in [(Kind::Status, false), (Kind::List, false), (Kind::Status, true)] {
            let columns = choose(&[], kind, wide).unwrap();
            table::write(&mut text, &table(&columns, &fleet.clusters, fixture::now()), &style, true).unwrap();
            text.push(b'\n');
        }
        insta::assert_snapshot!(String::from_utf8(text).unwrap());
    }

    #[test]
    fn the_usual_columns_exist() {
        for name in STATUS.iter().chain(LIST) {
            assert!(KNOWN.iter().any(|k| k.name == *name), "{name}");
        }
        assert_eq!(choose(&[], Kind::Status, true).unwrap().len(), KNOWN.len());
    }
}
