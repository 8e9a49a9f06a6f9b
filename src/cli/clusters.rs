//! `clusters list` and `clusters show`.

use super::args::Global;
use super::closer::{self, Part};
use super::columns::{self, Kind};
use super::fault::{Exit, Fault};
use super::output::{Page, Piece, Text};
use super::surroundings::Io;
use super::table::{Cell, Table};
use super::{TOOL, events, gather, status, watch};
use crate::report::{self, ClusterDetail, PartState, words};

/// `clusters list`.
pub(super) fn list(global: &Global, named: &[String], io: &mut Io<'_>) -> Result<Exit, Fault> {
    let mut plan = gather::prepare(global, named, io)?;
    let printer = plan.printer(global, ("ClusterList", "items"), io)?;
    let columns = columns::choose(&global.columns, Kind::List, printer.wide())?;
    if global.watch {
        return watch::run(global, plan, &printer, &columns, io);
    }
    let got = plan.gather(global, io)?;
    let document = report::cluster_list(&got.fleet, &got.rows, got.asked(), got.now, TOOL);
    got.tell(global, io, &document.problems, &document.errors)?;
    let text = Text::Rows(columns::table(&columns, &got.rows, got.now));
    printer.print(io.stdout, Page { document: &document, items: "items", names: got.names(), text })?;
    Ok(status::verdict(global, &got))
}

/// `clusters show`.
pub(super) fn show(global: &Global, name: &str, io: &mut Io<'_>) -> Result<Exit, Fault> {
    gather::no_watch(global)?;
    gather::no_columns(global)?;
    let mut plan = gather::prepare(global, &[name.to_owned()], io)?;
    let printer = plan.printer(global, ("ClusterDetail", "item"), io)?;
    let (session, got) = plan.open(global, io)?;
    let Some(cluster) = got.rows.first() else {
        return Err(Fault::usage(format!("cluster `{}` is not selected", super::suggest::shown(name)))
            .hint("Leave --query, --selector and --class away."));
    };
    let detail = if global.no_contact {
        None
    } else {
        closer::look(global, &got, &session, Part::All, io)?.into_iter().next().map(|(_, detail)| detail)
    };
    session.running.stop();
    let now = io.around.clock.now();
    let document = report::cluster_detail(cluster, detail.as_ref(), now, TOOL);
    let errors = report::errors(&got.rows);
    got.tell(global, io, &document.item.problems, &errors)?;
    let text = Text::Pieces(pages(cluster, &document, now));
    printer.print(io.stdout, Page { document: &document, items: "item", names: got.names(), text })?;
    Ok(status::verdict(global, &got))
}

/// The cluster as text: facts, then nodes, checks that failed, and events.
fn pages(
    cluster: &crate::fleet::Cluster,
    document: &ClusterDetail,
    now: chrono::DateTime<chrono::Utc>,
) -> Vec<Piece> {
    let item = &document.item;
    let dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let class = format!("{} ({}: {})", item.class.name, item.class.source, item.class.rule);
    let access = &item.access;
    let identity = access.identity.as_ref().map(|i| format!("{i} ({})", access.method.unwrap_or("-")));
    let sources: Vec<String> = item
        .sources
        .iter()
        .map(|s| format!("{} {}{}", s.reference, s.name, s.line.map(|l| format!(":{l}")).unwrap_or_default()))
        .collect();
    let mut facts = vec![
        ("Name", item.name.to_string()),
        ("State", cluster.verdict.state.to_string()),
        ("Why", words::why(cluster)),
        ("Seen", words::seen(cluster, now)),
        ("Class", class),
        ("Protection", cluster.class.protection.as_str().to_owned()),
        ("Identity", dash(item.id.as_ref().map(ToString::to_string))),
        ("Server", dash(item.server.as_ref().map(ToString::to_string))),
        ("Provider", dash(item.provider.as_ref().map(ToString::to_string))),
        ("Region", dash(item.region.as_ref().map(ToString::to_string))),
        ("Version", words::version(cluster)),
        ("Control plane", words::control_plane(cluster)),
        ("Latency", words::latency(cluster)),
        ("Nodes", words::nodes(cluster)),
        ("Certificate", words::certificate(cluster, now)),
        ("Signs in as", dash(identity)),
        ("Credential", words::credential(cluster, now)),
        ("Source", sources.join(", ")),
    ];
    facts.retain(|(_, text)| !text.is_empty());
    let rows =
        facts.into_iter().map(|(name, text)| vec![Cell::from(format!("{name}:")), text.into()]).collect();
    let mut pieces = vec![Piece::Table(Table { heads: Vec::new(), rows })];
    section(&mut pieces, "Nodes", &document.nodes, String::new());
    if !document.nodes.items.is_empty() {
        pieces.push(Piece::Table(nodes(document)));
    }
    let failed: Vec<String> =
        document.checks.items.iter().filter(|c| !c.ok).map(|c| c.name.to_string()).collect();
    let all = document.checks.items.len();
    let outcome = match failed.as_slice() {
        [] => format!(": {all} passed"),
        some => format!(": {} of {all} failed: {}", some.len(), some.join(", ")),
    };
    section(&mut pieces, "Readiness checks", &document.checks, outcome);
    section(&mut pieces, "Events", &document.events, String::new());
    if !document.events.items.is_empty() {
        let mut table = events::table(&document.events.items);
        table.heads.remove(0);
        table.rows.iter_mut().for_each(|row| drop(row.remove(0)));
        pieces.push(Piece::Table(table));
    }
    pieces
}

/// A blank line and the heading of a part: `ready` behind it once the part is there, else what became of it.
fn section<T>(pieces: &mut Vec<Piece>, name: &str, part: &report::Part<T>, ready: String) {
    let outcome = match (part.state, &part.error) {
        (PartState::Ready, _) if part.items.is_empty() => ": none".to_owned(),
        (PartState::Ready, _) => ready,
        (_, Some(error)) => format!(": not known, {} {}", error.code, error.message),
        (PartState::Loading, _) => ": no answer in time".to_owned(),
        _ => ": not asked".to_owned(),
    };
    pieces.push(Piece::Line(String::new()));
    pieces.push(Piece::Line(format!("{name}{outcome}")));
}

fn nodes(document: &ClusterDetail) -> Table {
    let heads = ["NAME", "STATUS", "ROLES", "AGE", "VERSION", "INTERNAL-IP", "OS-IMAGE", "RUNTIME"];
    let row = |n: &report::NodeItem| {
        [&n.name, &n.status, &n.roles, &n.age, &n.kubelet, &n.internal_ip, &n.os_image, &n.runtime]
            .map(|text| Cell::from(text.as_str()))
            .to_vec()
    };
    Table { heads: heads.map(str::to_owned).to_vec(), rows: document.nodes.items.iter().map(row).collect() }
}
