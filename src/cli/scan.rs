//! `sources scan`: which contexts of the kubeconfigs lead to hubs, by the API groups that their servers offer, and which programs
//! could tell of more clusters. Every server is asked one question, once, and no program is run.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use serde::Deserialize;
use tokio::runtime;

use super::TOOL;
use super::args::{Format, Global};
use super::config;
use super::fault::{Exit, Fault, chain};
use super::gather;
use super::notes::{self, Talk};
use super::output::{Page, Piece, Printer, Text};
use super::suggest;
use super::surroundings::{Io, Surroundings};
use super::table::{Cell, Table};
use crate::access::kubeconfig::{self, Context};
use crate::access::{Accept, Access, Ask, Purpose};
use crate::fleet::{CleanText, ErrorCode, Failure};
use crate::report::{self, Cause, ProgramItem, ScanError, ScanItem, SourceScan};

/// How many servers are asked at the same time.
const AT_ONCE: usize = 32;
/// The longest that one server is waited for.
const WAIT: Duration = Duration::from_secs(10);

/// Programs and the kinds of sources that they could serve.
const PROGRAMS: [(&str, &[&str]); 4] = [
    ("aws", &["eks"]),
    ("az", &["aks", "azure-fleet"]),
    ("gcloud", &["gke", "gke-fleet"]),
    ("ansible-inventory", &["ansible"]),
];

/// `APIGroupList`, as far as it is needed.
#[derive(Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    preferred_version: Option<GroupVersion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupVersion {
    group_version: String,
}

/// `sources scan`.
pub(super) fn run(global: &Global, io: &mut Io<'_>) -> Result<Exit, Fault> {
    let settings = config::load(global, &io.around)?;
    config::tell(io, Talk::of(global), &settings.problems)?;
    let printer =
        Printer::new(global, ("SourceScan", "items"), |time| gather::style(global, &settings, io, time))?;
    if printer.format == Format::Name {
        return Err(Fault::usage("hubs are told by their contexts")
            .place("--output")
            .hint("Use table or json."));
    }
    let document = scan(global, &settings, io)?;
    for error in &document.errors {
        notes::warning(
            io.stderr,
            Talk::of(global),
            &format!("{} was not asked: {} {}", error.context, error.cause.code, error.cause.message),
        )?;
    }
    let partial = !document.errors.is_empty() && !global.partial_ok;
    let text = match printer.format {
        Format::Csv => Text::Rows(hubs(&document)),
        _ => Text::Pieces(pages(&document)),
    };
    printer.print(io.stdout, Page { document: &document, items: "items", names: Vec::new(), text })?;
    Ok(if partial { Exit::Partial } else { Exit::Done })
}

/// Looks for hubs and programs.
pub(super) fn scan(
    global: &Global,
    settings: &config::Settings,
    io: &mut Io<'_>,
) -> Result<SourceScan, Fault> {
    let mut stop = io.stop.listen();
    let loaded = kubeconfig::load(&gather::search(global, settings, &io.around));
    let mut seen = BTreeSet::new();
    // The same server with the same credential answers the same.
    let contexts: Vec<&Context> = loaded
        .contexts
        .iter()
        .filter(|c| c.target.is_some() && seen.insert((c.access.server.clone(), c.identity_key)))
        .collect();
    let (mut items, mut errors) = (Vec::new(), Vec::new());
    if !global.no_contact && !contexts.is_empty() {
        let access = Access::new(
            gather::access_settings(global, &io.around, &io.around.kuberc()),
            io.around.clock.clone(),
        )
        .map_err(|e| Fault::failed("connections cannot be set up").why(chain(&e)))?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Fault::failed("servers cannot be waited for").why(e.to_string()))?;
        let wait = global.timeout.unwrap_or(WAIT);
        let asked = runtime.block_on(async {
            let asks = contexts.iter().map(|context| ask(&access, context, wait));
            tokio::select! {
                biased;
                exit = stop.wait() => Err(Fault::stopped(exit)),
                asked = stream::iter(asks).buffered(AT_ONCE).collect::<Vec<_>>() => Ok(asked),
            }
        });
        // Threads that hang in a file or a name lookup are not waited for.
        runtime.shutdown_background();
        for (context, outcome) in contexts.iter().zip(asked?) {
            let name = report::Text(CleanText::new(&context.name));
            match outcome {
                Ok(found) => items.extend(found.into_iter().map(|(kind, api)| ScanItem {
                    context: name.clone(),
                    server: context.access.server.as_ref().map(report::Text::from),
                    kind,
                    api,
                    declared: false,
                })),
                Err(failure) => errors.push(ScanError { context: name, cause: Cause::from(&failure) }),
            }
        }
    }
    Ok(report::source_scan(items, programs(&io.around), errors, io.around.clock.now(), TOOL))
}

type Found = Vec<(&'static str, report::Text)>;

/// The kinds of hub that a server could be.
async fn ask(access: &Access, context: &Context, wait: Duration) -> Result<Found, Failure> {
    let Some(target) = &context.target else { return Ok(Vec::new()) };
    let mut link = access.link(target.clone());
    let ask = Ask { path: "/apis", accept: Accept::Json, purpose: Purpose::Action };
    let reply = tokio::time::timeout(wait, link.get(&ask))
        .await
        .map_err(|_| Failure::new(ErrorCode::Timeout, "no answer in time"))??;
    let groups = reply.json::<Groups>()?.groups;
    let kinds = report::hub_kinds(groups.iter().map(|g| g.name.as_str()));
    let version = |name: &str| {
        let group = groups.iter().find(|g| g.name == name);
        let version = group.and_then(|g| g.preferred_version.as_ref()).map(|v| v.group_version.as_str());
        report::Text::from(version.unwrap_or(name))
    };
    Ok(kinds.into_iter().map(|(kind, group)| (kind.as_str(), version(group))).collect())
}

/// Programs that are on the search path.
fn programs(around: &Surroundings) -> Vec<ProgramItem> {
    let path = around.var_os("PATH").unwrap_or_else(|| OsStr::new(""));
    let folders: Vec<_> = std::env::split_paths(path).filter(|dir| dir.is_absolute()).collect();
    let find = |name: &str| folders.iter().map(|dir| dir.join(name)).find(|path| is_program(path));
    PROGRAMS
        .iter()
        .filter_map(|(program, kinds)| {
            let path = report::Text::from(suggest::shown_path(&find(program)?).as_str());
            Some(ProgramItem { program, path, kinds: kinds.to_vec() })
        })
        .collect()
}

fn is_program(path: &std::path::Path) -> bool {
    let Ok(meta) = std::fs::metadata(path) else { return false };
    #[cfg(unix)]
    let runs = std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let runs = true;
    meta.is_file() && runs
}

fn hubs(document: &SourceScan) -> Table {
    let row = |item: &ScanItem| {
        vec![
            Cell::from(item.context.as_str()),
            item.kind.into(),
            item.api.as_str().into(),
            item.server.as_ref().map_or("-", report::Text::as_str).into(),
        ]
    };
    let heads = ["CONTEXT", "KIND", "API", "SERVER"].map(str::to_owned).to_vec();
    Table { heads, rows: document.items.iter().map(row).collect() }
}

fn pages(document: &SourceScan) -> Vec<Piece> {
    let mut pieces = Vec::new();
    if document.items.is_empty() {
        pieces.push(Piece::Line("no context leads to a hub".to_owned()));
    }
    pieces.push(Piece::Table(hubs(document)));
    if !document.programs.is_empty() {
        pieces.push(Piece::Line(String::new()));
        let row =
            |p: &ProgramItem| vec![Cell::from(p.program), p.kinds.join(", ").into(), p.path.as_str().into()];
        let heads = ["PROGRAM", "KINDS", "PATH"].map(str::to_owned).to_vec();
        pieces.push(Piece::Table(Table { heads, rows: document.programs.iter().map(row).collect() }));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_looked_for_and_not_run() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        for (name, mode) in [("aws", 0o755), ("az", 0o644)] {
            let path = dir.path().join(name);
            std::fs::write(&path, "#!/bin/sh\nexit 1\n").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let mut around = Surroundings::default();
        around.vars.insert("PATH".into(), format!("relative:{}", dir.path().display()).into());
        let found: Vec<_> = programs(&around).into_iter().map(|p| (p.program, p.kinds)).collect();
        assert_eq!(found, [("aws", vec!["eks"])]);
    }
}
