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
    let (session, mut got) = plan.open(global, io)?;
    if got.rows.is_empty() {
        return Err(Fault::usage(format!("cluster `{}` is not selected", super::suggest::shown(name)))
            .hint("Leave --query, --selector and --class away."));
    }
    let detail = if global.no_contact {
        None
    } else {
        closer::look(global, &got, &session, Part::All, io)?.into_iter().next().map(|(_, detail)| detail)
    };
    if !global.no_contact {
        // What stands before the next step is only known from within.
        let live = got.rows.iter().filter(|c| c.is_live());
        session.inspect(live.map(|c| c.key().clone()).collect(), global, io)?;
        got = session.again(&plan, got, io);
    }
    session.running.stop();
    let Some(cluster) = got.rows.first() else {
        return Err(Fault::failed("the cluster is not in the fleet any more"));
    };
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
        ("Waits", waits(item)),
        ("Protection", cluster.class.protection.as_str().to_owned()),
        ("Owner", some(item.owner.as_ref())),
        ("Tenants", joined(&item.tenants)),
        ("On call", item.on_call.as_ref().map(contact).unwrap_or_default()),
        ("Runbook", some(item.links.runbook.as_ref())),
        ("Dashboard", some(item.links.dashboard.as_ref())),
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
        ("Labels", pairs(item.labels.iter().map(|(k, v)| (k.as_str(), v.as_str())))),
        ("Properties", pairs(item.properties.iter().map(|(k, v)| (k.as_str(), v.as_str())))),
        ("Parameters", pairs(item.parameters.iter().map(|p| (p.key.as_str(), p.value.as_str())))),
        ("Registry says", said(&item.registry)),
        (
            "Gone",
            item.identity.gone_at.map(|at| format!("no source knows it since {at}")).unwrap_or_default(),
        ),
        ("Source", sources.join(", ")),
        ("Merged", merged(&item.identity)),
        ("Next step", next_step(item.outlook.as_ref())),
    ];
    facts.retain(|(_, text)| !text.is_empty());
    let rows =
        facts.into_iter().map(|(name, text)| vec![Cell::from(format!("{name}:")), text.into()]).collect();
    let mut pieces = vec![Piece::Table(Table { heads: Vec::new(), rows })];
    pieces.extend(findings(item));
    pieces.extend(blockers(item.outlook.as_ref()));
    pieces.extend(conflicts(&item.identity));
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

fn some(text: Option<&report::Text>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}

fn joined(texts: &[report::Text]) -> String {
    texts.iter().map(report::Text::as_str).collect::<Vec<_>>().join(", ")
}

fn pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    pairs.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}

fn contact(contact: &report::ContactItem) -> String {
    let url = contact.url.as_ref().map(|url| format!(" {url}")).unwrap_or_default();
    format!("{}{url}", contact.name)
}

fn waits(item: &report::ClusterItem) -> String {
    let pending = item.class.pending.as_ref();
    pending.map(|p| format!("to become {}: {}", p.to, p.because)).unwrap_or_default()
}

/// What the sources say of its health and its life.
fn said(registry: &report::RegistryBlock) -> String {
    let mut parts = Vec::new();
    parts.extend(registry.phase.as_ref().map(ToString::to_string));
    parts.extend(registry.health.as_ref().map(|h| match h.healthy {
        report::TruthWord::Yes => h.word.to_string(),
        report::TruthWord::No => format!("not healthy: {} {}", h.word, h.message).trim_end().to_owned(),
        report::TruthWord::Unknown => format!("health not known: {}", h.word),
    }));
    parts.extend(registry.version.as_ref().map(ToString::to_string));
    parts.extend(registry.wanted_version.as_ref().map(|v| format!("wants {v}")));
    parts.extend(registry.paused.then(|| "paused".to_owned()));
    parts.extend(registry.ghost.then(|| "no longer exists".to_owned()));
    let age = registry.said_seconds_ago.map(|s| format!(" ({} ago)", words::span(s))).unwrap_or_default();
    if parts.is_empty() { String::new() } else { format!("{}{age}", parts.join(", ")) }
}

fn merged(identity: &report::IdentityBlock) -> String {
    let merges = identity.merges.iter().map(|m| format!("{} by {} {}", m.second, m.by, m.value));
    merges.collect::<Vec<_>>().join("; ")
}

fn next_step(outlook: Option<&report::OutlookItem>) -> String {
    let Some(outlook) = outlook else { return String::new() };
    let Some(next) = &outlook.next else { return String::new() };
    let first = if outlook.kubelets_first { ", kubelets first" } else { "" };
    let by = outlook.by.as_ref().map(|day| format!(", by {day}")).unwrap_or_default();
    let blocked = if outlook.blocked { ", blocked" } else { "" };
    format!("{next}{first}{by}{blocked}")
}

fn findings(item: &report::ClusterItem) -> Vec<Piece> {
    if item.findings.is_empty() {
        return Vec::new();
    }
    let row = |f: &report::FindingItem| {
        let place = f.rule.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        vec![Cell::from(f.weight.as_str()), f.code.into(), place.into(), f.message.as_str().into()]
    };
    let heads = ["WEIGHT", "CODE", "RULE", "MESSAGE"].map(str::to_owned).to_vec();
    let table = Table { heads, rows: item.findings.iter().map(row).collect() };
    vec![Piece::Line(String::new()), Piece::Line("Findings".to_owned()), Piece::Table(table)]
}

fn blockers(outlook: Option<&report::OutlookItem>) -> Vec<Piece> {
    let Some(outlook) = outlook.filter(|o| !o.blockers.is_empty()) else { return Vec::new() };
    let row = |b: &report::BlockerItem| {
        let who = b.owner.as_ref().map_or("-", report::Text::as_str);
        vec![Cell::from(b.effect.as_str()), b.code.into(), who.into(), b.message.as_str().into()]
    };
    let heads = ["EFFECT", "CODE", "WHO", "MESSAGE"].map(str::to_owned).to_vec();
    let table = Table { heads, rows: outlook.blockers.iter().map(row).collect() };
    vec![Piece::Line(String::new()), Piece::Line("Before the next step".to_owned()), Piece::Table(table)]
}

fn conflicts(identity: &report::IdentityBlock) -> Vec<Piece> {
    if identity.conflicts.is_empty() {
        return Vec::new();
    }
    let rows = identity.conflicts.iter().flat_map(|c| {
        c.values.iter().enumerate().map(|(i, v)| {
            let taken = if i == 0 { "taken" } else { "" };
            vec![
                Cell::from(c.field.as_str()),
                v.value.as_str().into(),
                v.sighting.as_str().into(),
                taken.into(),
            ]
        })
    });
    let heads = ["FIELD", "VALUE", "SAYS", ""].map(str::to_owned).to_vec();
    let table = Table { heads, rows: rows.collect() };
    vec![
        Piece::Line(String::new()),
        Piece::Line("Sources contradict each other".to_owned()),
        Piece::Table(table),
    ]
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

#[cfg(test)]
mod tests {
    use super::super::args::TimeFormat;
    use super::super::table::{self, Style};
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_cluster_as_text() {
        let fleet = fixture::declared();
        let now = fixture::now();
        let style = Style { time: TimeFormat::Relative, now, color: false, room: None };
        let mut text = Vec::new();
        for cluster in &fleet.clusters[1..3] {
            let document = report::cluster_detail(cluster, None, now, fixture::TOOL);
            for piece in pages(cluster, &document, now) {
                match piece {
                    Piece::Line(line) => text.extend(format!("{line}\n").into_bytes()),
                    Piece::Table(rows) => table::write(&mut text, &rows, &style, true).unwrap(),
                }
            }
            text.push(b'\n');
        }
        insta::assert_snapshot!(String::from_utf8(text).unwrap());
    }
}
