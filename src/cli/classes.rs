//! `classes`: what the fleet file declares, and why a cluster is of its class.

use super::TOOL;
use super::args::{self, Format, Global};
use super::fault::{Exit, Fault};
use super::gather::{self, Until};
use super::output::{Page, Piece, Text};
use super::suggest;
use super::surroundings::Io;
use super::table::{Cell, Table};
use crate::report::{self, ClassExplain, ClassList, ClassRulesItem};

/// `classes ..`.
pub(super) fn run(global: &Global, command: &args::Classes, io: &mut Io<'_>) -> Result<Exit, Fault> {
    gather::no_watch(global)?;
    gather::no_columns(global)?;
    match command {
        args::Classes::List => list(global, io),
        args::Classes::Show { name } => show(global, name, io),
        args::Classes::Explain { name } => explain(global, name, io),
    }
}

fn list(global: &Global, io: &mut Io<'_>) -> Result<Exit, Fault> {
    let mut plan = gather::prepare(global, &[], io)?;
    let printer = plan.printer(global, ("ClassList", "items"), io)?;
    no_names(printer.format)?;
    let (session, got) = plan.open_until(global, Until::Sources, io)?;
    session.running.stop();
    let document = report::class_list(&got.fleet, got.now, TOOL);
    got.tell(global, io, &report::problems(&got.fleet), &[])?;
    let text = Text::Rows(table(&document));
    printer.print(io.stdout, Page { document: &document, items: "items", names: Vec::new(), text })?;
    Ok(Exit::Done)
}

fn show(global: &Global, name: &str, io: &mut Io<'_>) -> Result<Exit, Fault> {
    let mut plan = gather::prepare(global, &[], io)?;
    let printer = plan.printer(global, ("ClassList", "items"), io)?;
    no_names(printer.format)?;
    let (session, got) = plan.open_until(global, Until::Sources, io)?;
    session.running.stop();
    let mut document = report::class_list(&got.fleet, got.now, TOOL);
    got.tell(global, io, &report::problems(&got.fleet), &[])?;
    let known: Vec<String> = document.items.iter().map(|i| i.name.to_string()).collect();
    document.items.retain(|i| i.name.as_str() == name);
    let Some(item) = document.items.first() else {
        return Err(Fault::usage(format!("there is no class `{}`", suggest::shown(name)))
            .hint(suggest::one_of(name, known.iter().map(String::as_str), "")));
    };
    let text = Text::Pieces(vec![Piece::Table(facts(item))]);
    printer.print(io.stdout, Page { document: &document, items: "items", names: Vec::new(), text })?;
    Ok(Exit::Done)
}

fn explain(global: &Global, name: &str, io: &mut Io<'_>) -> Result<Exit, Fault> {
    let mut plan = gather::prepare(global, &[name.to_owned()], io)?;
    let printer = plan.printer(global, ("ClassExplain", "rules"), io)?;
    let (session, got) = plan.open_until(global, Until::Sources, io)?;
    session.running.stop();
    let Some(cluster) = got.rows.first() else {
        return Err(Fault::usage(format!("cluster `{}` is not selected", suggest::shown(name)))
            .hint("Leave --query, --selector and --class away."));
    };
    let decisions = gather::decisions(global, io)?;
    let document = report::class_explain(&got.fleet, cluster, &decisions, got.now, TOOL);
    got.tell(global, io, &[], &[])?;
    let text = Text::Pieces(pages(&document));
    printer.print(io.stdout, Page { document: &document, items: "rules", names: got.names(), text })?;
    Ok(Exit::Done)
}

fn no_names(format: Format) -> Result<(), Fault> {
    if format == Format::Name {
        return Err(Fault::usage("classes are not clusters")
            .place("--output")
            .hint("`fleetglass clusters list --class NAME -o name` prints names of clusters."));
    }
    Ok(())
}

fn text(text: Option<&report::Text>) -> String {
    text.map_or_else(|| "-".to_owned(), ToString::to_string)
}

fn joined(texts: &[report::Text]) -> String {
    texts.iter().map(report::Text::as_str).collect::<Vec<_>>().join(", ")
}

fn windows(item: &ClassRulesItem) -> String {
    let windows = item.windows.iter().map(|w| format!("{} for {} {}", w.cron, w.duration, w.time_zone));
    windows.collect::<Vec<_>>().join("; ")
}

fn table(document: &ClassList) -> Table {
    let heads = [
        "CLASS",
        "CLUSTERS",
        "PROTECTION",
        "AT-ONCE",
        "WINDOW",
        "FLOOR",
        "TARGET",
        "OWNER",
        "FINDINGS",
        "RULE",
    ];
    // Where classes are declared, none is guessed.
    let declares = document.items.iter().any(|item| item.declared);
    let row = |item: &ClassRulesItem| {
        let window = match (item.windows.is_empty(), item.open) {
            (true, _) => "any".to_owned(),
            (false, Some(true)) => "open".to_owned(),
            (false, Some(false)) => "closed".to_owned(),
            (false, None) => windows(item),
        };
        let rule = match (&item.matches, item.declared) {
            (Some(matches), _) => matches.to_string(),
            (None, true) => "by name only".to_owned(),
            (None, false) if declares => "no rule fits".to_owned(),
            (None, false) => "guessed from names".to_owned(),
        };
        vec![
            Cell::from(item.name.as_str()),
            item.clusters.to_string().into(),
            item.protection.map_or("-", protection).into(),
            item.at_once.map_or_else(|| "-".to_owned(), |n| n.to_string()).into(),
            window.into(),
            text(item.floor.as_ref()).into(),
            text(item.target.as_ref()).into(),
            text(item.owner.as_ref()).into(),
            item.findings.to_string().into(),
            rule.into(),
        ]
    };
    Table { heads: heads.map(str::to_owned).to_vec(), rows: document.items.iter().map(row).collect() }
}

fn protection(word: report::ProtectionWord) -> &'static str {
    match word {
        report::ProtectionWord::None => "none",
        report::ProtectionWord::Confirm => "confirm",
        report::ProtectionWord::Typed => "typed",
        report::ProtectionWord::Locked => "locked",
    }
}

/// Everything that is said of a class, one fact to a line; what nothing is said of is left out.
fn facts(item: &ClassRulesItem) -> Table {
    let place = |at: Option<&report::Place>| at.map_or_else(String::new, ToString::to_string);
    let some = |t: Option<&report::Text>| t.map_or_else(String::new, ToString::to_string);
    let per: Vec<String> =
        item.at_once_per.iter().map(|(key, most)| format!("{most} for each {key}")).collect();
    let freezes: Vec<String> = item
        .freezes
        .iter()
        .map(|f| format!("{} to {} {} {}", f.from, f.to, f.time_zone, f.reason).trim_end().to_owned())
        .collect();
    let parameters: Vec<String> = item.parameters.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let on_call = item.on_call.as_ref().map(|c| {
        let url = c.url.as_ref().map(|u| format!(" {u}")).unwrap_or_default();
        format!("{}{url}", c.name)
    });
    let open = item.open.map(|open| if open { "open now" } else { "closed now" }.to_owned());
    let changes = item.changes_at.map(|at| format!(", changes {at}")).unwrap_or_default();
    let rows = [
        ("Name", item.name.to_string()),
        ("Declared", if item.declared { place(item.at.as_ref()) } else { "nowhere; guessed".to_owned() }),
        ("Policy", if item.policy { "of this machine".to_owned() } else { String::new() }),
        ("Rule", some(item.matches.as_ref())),
        ("Rule at", place(item.match_at.as_ref())),
        ("Inherits", joined(&item.inherits)),
        ("Protection", item.protection.map_or("-", protection).to_owned()),
        ("Phrase above", item.phrase_above.map(|n| n.to_string()).unwrap_or_default()),
        ("At once", item.at_once.map(|n| n.to_string()).unwrap_or_default()),
        ("At once per", per.join(", ")),
        ("Never together", joined(&item.never_together)),
        ("Windows", windows(item)),
        ("Freezes", freezes.join("; ")),
        ("Changes", open.map(|open| format!("{open}{changes}")).unwrap_or_default()),
        ("Floor", some(item.floor.as_ref())),
        ("Target", some(item.target.as_ref())),
        ("Owner", some(item.owner.as_ref())),
        ("Tenants", joined(&item.tenants)),
        ("On call", on_call.unwrap_or_default()),
        ("Runbook", some(item.links.runbook.as_ref())),
        ("Dashboard", some(item.links.dashboard.as_ref())),
        ("Metrics", some(item.links.metrics.as_ref())),
        ("Naming", some(item.naming.as_ref())),
        ("Domain", some(item.domain.as_ref())),
        ("Services", joined(&item.services)),
        ("Labels", joined(&item.labels)),
        ("Default deny in", joined(&item.default_deny_in)),
        ("Sources", joined(&item.sources)),
        ("Parameters", parameters.join(", ")),
        ("Clusters", item.clusters.to_string()),
        ("Waiting", if item.waiting == 0 { String::new() } else { item.waiting.to_string() }),
        ("Findings", item.findings.to_string()),
    ];
    let rows = rows.into_iter().filter(|(_, text)| !text.is_empty());
    Table {
        heads: Vec::new(),
        rows: rows.map(|(name, text)| vec![Cell::from(format!("{name}:")), text.into()]).collect(),
    }
}

/// The class and how it came about, then every rule with what its parts say.
fn pages(document: &ClassExplain) -> Vec<Piece> {
    let class = &document.class;
    let at = class.rule_at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
    let mut pieces = vec![Piece::Line(format!(
        "{} is {} ({}: {}{at})",
        document.cluster, class.name, class.source, class.rule
    ))];
    if let Some(pending) = &class.pending {
        pieces.push(Piece::Line(format!(
            "{} waits: {}; its protection is {}, and somebody has to accept that",
            pending.to,
            pending.because,
            protection(pending.protection)
        )));
    }
    for rule in &document.rules {
        let matches = rule.matches.as_ref().map_or_else(|| "no rule".to_owned(), ToString::to_string);
        let at = rule.at.as_ref().map(|at| format!("  {at}")).unwrap_or_default();
        pieces.push(Piece::Line(String::new()));
        let chosen = if rule.chosen { "  <- this" } else { "" };
        pieces.push(Piece::Line(format!("{}: {} ({matches}){at}{chosen}", rule.class, rule.result.as_str())));
        pieces.extend(rule.note.as_ref().map(|note| Piece::Line(format!("  {note}"))));
        let row = |t: &report::TermItem| {
            vec![
                Cell::from(format!("  {}", t.result.as_str())),
                t.term.as_str().into(),
                t.why.as_str().into(),
            ]
        };
        pieces.push(Piece::Table(Table { heads: Vec::new(), rows: rule.terms.iter().map(row).collect() }));
    }
    if document.rules.is_empty() {
        pieces.push(Piece::Line("no fleet file declares classes, so they are guessed from names".to_owned()));
    }
    if !document.parameters.is_empty() {
        pieces.push(Piece::Line(String::new()));
        let row = |p: &report::ParameterItem| {
            let at = p.at.as_ref().map_or_else(|| p.from.to_string(), |at| format!("{} {at}", p.from));
            vec![Cell::from(p.key.as_str()), p.value.as_str().into(), at.into()]
        };
        let heads = ["PARAMETER", "VALUE", "FROM"].map(str::to_owned).to_vec();
        pieces.push(Piece::Table(Table { heads, rows: document.parameters.iter().map(row).collect() }));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::super::args::TimeFormat;
    use super::super::table::{self, Style};
    use super::*;
    use crate::report::fixture;

    #[test]
    fn classes_as_text() {
        let fleet = fixture::declared();
        let now = fixture::now();
        let list = report::class_list(&fleet, now, fixture::TOOL);
        let explained = report::class_explain(
            &fleet,
            &fleet.clusters[2],
            &crate::fleet::Decisions::default(),
            now,
            fixture::TOOL,
        );
        let style = Style { time: TimeFormat::Relative, now, color: false, room: None };
        let mut text = Vec::new();
        table::write(&mut text, &table(&list), &style, true).unwrap();
        text.push(b'\n');
        table::write(&mut text, &facts(&list.items[0]), &style, true).unwrap();
        text.push(b'\n');
        for piece in pages(&explained) {
            match piece {
                Piece::Line(line) => text.extend(format!("{line}\n").into_bytes()),
                Piece::Table(rows) => table::write(&mut text, &rows, &style, true).unwrap(),
            }
        }
        insta::assert_snapshot!(String::from_utf8(text).unwrap());
    }
}
