//! `doctor`: what was read, and what stands in the way. Contacts no cluster and runs no plugin.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::TOOL;
use super::args::{Format, Global};
use super::config::{self, Settings};
use super::fault::{Exit, Fault};
use super::gather::{self, plural};
use super::output::{Page, Piece, Printer, Text};
use super::suggest;
use super::surroundings::{Io, Surroundings};
use super::table::{Cell, Table};
use crate::access::kubeconfig::Kuberc;
use crate::access::{Credential, Exec, PluginPolicy, kubeconfig};
use crate::config::{ColorLevel, Toggle};
use crate::engine::fold::Fold;
use crate::fleet::CleanText;
use crate::fleet::lifecycle::Calendar;
use crate::host;
use crate::registry::{self, Registered};
use crate::report::{self, DoctorReport, Finding, Grade, ProblemItem, SeverityWord};

/// `doctor`.
pub(super) fn run(global: &Global, io: &mut Io<'_>) -> Result<Exit, Fault> {
    gather::no_watch(global)?;
    gather::no_columns(global)?;
    let settings = config::load(global, &io.around)?;
    let now = io.around.clock.now();
    let printer = Printer::new(global, ("DoctorReport", "findings"), |time| {
        gather::style(global, &settings, io, time)
    })?;
    if printer.format == Format::Name {
        return Err(Fault::usage("what the doctor finds are not clusters")
            .place("--output")
            .hint("Use table, json or yaml."));
    }
    let search = gather::search(global, &settings, &io.around);
    let loaded = kubeconfig::load(&search);
    let registered = registry::register(&loaded, now);
    let mut findings = places(&loaded.looked_in());
    findings.push(configuration(global, &settings, &io.around));
    findings.push(clusters(&registered));
    findings.push(open_files(registered.entries.len()));
    findings.extend(proxies(&io.around));
    let kuberc = io.around.kuberc();
    findings.extend(policy(&kuberc));
    findings.extend(plugins(&registered, &kuberc, &io.around));
    findings.extend(terminal(&settings, &io.around));
    findings.extend(
        Calendar::builtin()
            .staleness(now)
            .map(|text| finding("versions", "release calendar", Grade::Note, &text)),
    );
    let mut fold = Fold::default();
    fold.load(registered, now);
    let mut document = report::doctor_report(&fold.picture(), findings, now, TOOL);
    let mistakes: Vec<ProblemItem> =
        settings.problems.iter().chain(&kuberc.problems).map(ProblemItem::from).collect();
    document.healthy &= mistakes.iter().all(|p| p.severity != SeverityWord::Error);
    document.problems.extend(mistakes);
    let text = Text::Pieces(pages(&document));
    let healthy = document.healthy;
    printer.print(io.stdout, Page { document: &document, items: "findings", names: Vec::new(), text })?;
    Ok(if healthy { Exit::Done } else { Exit::Failed })
}

fn finding(topic: &'static str, subject: &str, grade: Grade, message: &str) -> Finding {
    Finding { topic, subject: subject.into(), grade, message: message.into(), hint: None }
}

fn hinted(mut finding: Finding, hint: &str) -> Finding {
    finding.hint = Some(hint.into());
    finding
}

/// Where kubeconfigs were looked for.
fn places(looked: &[(String, bool)]) -> Vec<Finding> {
    let tell = |(place, there): &(String, bool)| {
        let grade = if *there { Grade::Ok } else { Grade::Note };
        finding("sources", place, grade, gather::found(place, *there))
    };
    looked.iter().map(tell).collect()
}

fn configuration(global: &Global, settings: &Settings, around: &Surroundings) -> Finding {
    let (path, _) = config::location(global, around);
    let subject = path.as_deref().map_or_else(|| "no folder".to_owned(), suggest::shown_path);
    let (grade, message) = match (path.is_some_and(|p| p.is_file()), settings.problems.len()) {
        (false, _) => (Grade::Ok, "not there, and not needed".to_owned()),
        (true, 0) => (Grade::Ok, "read".to_owned()),
        (true, n) => (Grade::Warning, format!("read, with {}", plural(n, "problem"))),
    };
    finding("config", &subject, grade, &message)
}

/// How many clusters there are to be contacted.
fn clusters(registered: &Registered) -> Finding {
    let all = registered.entries.len();
    let broken = registered.entries.iter().filter(|row| row.target.is_none()).count();
    match (all, broken) {
        (0, _) => hinted(
            finding("sources", "clusters", Grade::Warning, "none"),
            "Name a kubeconfig with --kubeconfig or in $KUBECONFIG.",
        ),
        (_, 0) => finding("sources", "clusters", Grade::Ok, &plural(all, "cluster")),
        _ => finding(
            "sources",
            "clusters",
            Grade::Warning,
            &format!("{}, {broken} of them cannot be used", plural(all, "cluster")),
        ),
    }
}

/// Every cluster that is contacted holds a socket.
fn open_files(clusters: usize) -> Finding {
    let limit = host::raise_open_file_limit();
    let text = if limit == u64::MAX { "unlimited".to_owned() } else { format!("{limit} open files") };
    let budget = host::socket_budget(limit, usize::MAX);
    if budget < clusters.min(512) {
        hinted(
            finding(
                "limits",
                "open files",
                Grade::Warning,
                &format!("{text}, too few for {clusters} clusters at once"),
            ),
            "Raise the hard limit, for example with `ulimit -Hn 4096`.",
        )
    } else {
        finding("limits", "open files", Grade::Ok, &text)
    }
}

/// The proxies of the environment, without passwords.
fn proxies(around: &Surroundings) -> Vec<Finding> {
    let env = around.proxies();
    let named =
        [("HTTPS_PROXY", &env.https_proxy), ("HTTP_PROXY", &env.http_proxy), ("ALL_PROXY", &env.all_proxy)];
    let mut findings: Vec<Finding> = named
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_ref()?)))
        .map(|(name, value)| match masked(value) {
            Some(shown) => finding("proxy", name, Grade::Note, &shown),
            None => hinted(
                finding("proxy", name, Grade::Warning, "is no URL of a proxy"),
                "Write it as http://HOST:PORT.",
            ),
        })
        .collect();
    if let Some(hosts) = &env.no_proxy {
        // Nobody should, but somebody may have written a whole URL.
        let shown: Vec<&str> =
            hosts.split(',').map(|h| h.rsplit_once('@').map_or(h, |(_, host)| host)).collect();
        findings.push(finding("proxy", "NO_PROXY", Grade::Note, &shown.join(",")));
    }
    if findings.is_empty() {
        findings.push(finding("proxy", "environment", Grade::Ok, "no proxy"));
    }
    findings
}

/// A proxy as it may be shown: scheme, host and port, and whether there is a user.
fn masked(value: &str) -> Option<String> {
    let text = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let url = url::Url::parse(&text).ok()?;
    let user = if url.username().is_empty() && url.password().is_none() { "" } else { "***@" };
    let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
    Some(format!("{}://{user}{}{port}", url.scheme(), url.host_str()?))
}

/// What the kuberc says about plugins; nothing if there is none.
fn policy(kuberc: &Kuberc) -> Option<Finding> {
    let path = kuberc.path.as_deref().filter(|_| kuberc.found)?;
    let (grade, message) = match &kuberc.policy {
        _ if kuberc.is_broken() => {
            (Grade::Error, "cannot be understood, so no credential plugin is run".to_owned())
        }
        PluginPolicy::AllowAll => (Grade::Ok, "every credential plugin may run".to_owned()),
        PluginPolicy::DenyAll => (Grade::Note, "no credential plugin may run".to_owned()),
        PluginPolicy::Allowlist(names) => {
            (Grade::Ok, format!("only {} may run", plural(names.len(), "credential plugin")))
        }
    };
    Some(finding("plugins", &suggest::shown_path(path), grade, &message))
}

/// Whether the kuberc lets the program at `path` run.
fn may_run(path: &Path, kuberc: &Kuberc, around: &Surroundings) -> bool {
    match &kuberc.policy {
        PluginPolicy::AllowAll => true,
        PluginPolicy::DenyAll => false,
        PluginPolicy::Allowlist(names) => {
            names.iter().any(|name| find_program(name, around.var_os("PATH")).as_deref() == Some(path))
        }
    }
}

/// The credential plugins that clusters need, and whether they are there.
fn plugins(registered: &Registered, kuberc: &Kuberc, around: &Surroundings) -> Vec<Finding> {
    let mut needed: BTreeMap<String, (Exec, usize, BTreeSet<CleanText>)> = BTreeMap::new();
    for row in &registered.entries {
        let Some(target) = &row.target else { continue };
        let Credential::Exec(exec) = &target.credential else { continue };
        let (_, count, identities) =
            needed.entry(exec.command.clone()).or_insert_with(|| ((**exec).clone(), 0, BTreeSet::new()));
        *count += 1;
        identities.extend(row.entry.paths.first().map(|p| p.identity.clone()));
    }
    let tell = |(command, (exec, count, identities)): (&String, &(Exec, usize, BTreeSet<CleanText>))| {
        let who: Vec<&str> = identities.iter().take(4).map(CleanText::as_str).collect();
        let more = if identities.len() > 4 { ", .." } else { "" };
        let use_ = format!("for {} ({}{more})", plural(*count, "cluster"), who.join(", "));
        if let Some(path) = find_program(command, around.var_os("PATH")) {
            if !may_run(&path, kuberc, around) {
                let refused = finding(
                    "plugins",
                    command,
                    Grade::Error,
                    &format!("the kuberc forbids it, needed {use_}"),
                );
                return hinted(refused, "Add it to credentialPluginAllowlist if it is to be trusted.");
            }
            return finding("plugins", command, Grade::Ok, &format!("{} {use_}", suggest::shown_path(&path)));
        }
        let missing = finding("plugins", command, Grade::Error, &format!("not found, needed {use_}"));
        hinted(missing, exec.install_hint.as_deref().unwrap_or("Install it, or add its folder to $PATH."))
    };
    let findings: Vec<Finding> = needed.iter().map(tell).collect();
    if findings.is_empty() {
        return vec![finding("plugins", "sign-in plugins", Grade::Ok, "none needed")];
    }
    findings
}

/// The file that a command means: itself if it is a path, else the first on the search path that can be run.
fn find_program(command: &str, search_path: Option<&OsStr>) -> Option<PathBuf> {
    if command.contains('/') {
        return Some(PathBuf::from(command)).filter(|p| is_program(p));
    }
    let folders = std::env::split_paths(search_path?).filter(|dir| dir.is_absolute());
    folders.map(|dir| dir.join(command)).find(|p| is_program(p))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file() || path.with_extension("exe").is_file()
}

fn terminal(settings: &Settings, around: &Surroundings) -> Vec<Finding> {
    let looks = around.looks();
    let level = match looks.color_level(settings.config.color) {
        ColorLevel::Mono => "no colours",
        ColorLevel::Ansi16 => "16 colours",
        ColorLevel::Ansi256 => "256 colours",
        ColorLevel::Truecolor => "24-bit colours",
    };
    let ascii =
        settings.config.ascii == Toggle::On || (settings.config.ascii == Toggle::Auto && looks.wants_ascii());
    let letters = if ascii { "ASCII only" } else { "Unicode" };
    let tty =
        if around.stdin_is_terminal && around.stdout_is_terminal { "a terminal" } else { "no terminal" };
    let term = if looks.term.is_empty() { "not set".to_owned() } else { suggest::shown(&looks.term) };
    vec![
        finding("terminal", "TERM", Grade::Ok, &term),
        finding("terminal", "looks", Grade::Ok, &format!("{tty}, {level}, {letters}")),
    ]
}

/// The report as text.
fn pages(document: &DoctorReport) -> Vec<Piece> {
    let row = |f: &Finding| {
        let hint = f.hint.as_ref().map(|h| format!(" ({h})")).unwrap_or_default();
        vec![
            Cell::from(f.grade.as_str()),
            f.topic.into(),
            f.subject.as_str().into(),
            format!("{}{hint}", f.message).into(),
        ]
    };
    let heads = ["GRADE", "TOPIC", "WHAT", "FOUND"].map(str::to_owned).to_vec();
    let mut pieces = vec![Piece::Table(Table { heads, rows: document.findings.iter().map(row).collect() })];
    if !document.sources.is_empty() {
        let heads = ["SOURCE", "KIND", "CLUSTERS", "PROBLEMS"].map(str::to_owned).to_vec();
        let row = |s: &report::SourceItem| {
            vec![
                Cell::from(s.name.as_str()),
                s.kind.into(),
                s.entries.to_string().into(),
                s.problems.to_string().into(),
            ]
        };
        pieces.push(Piece::Line(String::new()));
        pieces.push(Piece::Table(Table { heads, rows: document.sources.iter().map(row).collect() }));
    }
    if !document.problems.is_empty() {
        pieces.push(Piece::Line(String::new()));
    }
    for problem in &document.problems {
        let place = problem.place().map(|p| format!("{p}: ")).unwrap_or_default();
        let hint = problem.hint.as_ref().map(|h| format!(" ({h})")).unwrap_or_default();
        let text =
            format!("{}: {place}{}: {}{hint}", problem.severity.as_str(), problem.subject, problem.message);
        pieces.push(Piece::Line(text));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_shown_without_passwords() {
        for (value, shown) in [
            ("http://proxy:3128", Some("http://proxy:3128")),
            ("proxy:3128", Some("http://proxy:3128")),
            ("http://ana:s3cret@proxy:3128/path?x", Some("http://***@proxy:3128")),
            ("socks5://:pw@10.0.0.1:1080", Some("socks5://***@10.0.0.1:1080")),
            ("http://", None),
        ] {
            assert_eq!(masked(value).as_deref(), shown, "{value}");
        }
    }

    #[test]
    fn programs_are_found_on_absolute_folders_of_the_search_path_only() {
        let path = OsStr::new(".:/nowhere:/bin:/usr/bin");
        assert!(find_program("sh", Some(path)).is_some_and(|p| p.is_absolute()));
        assert_eq!(find_program("surely-not-there", Some(path)), None);
        assert_eq!(find_program("sh", None), None);
        assert!(find_program("/bin/sh", None).is_some());
    }
}
