//! From the flags to the selected clusters: read the configuration, start the engine, wait until what is wanted is decided.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::runtime::{self, Runtime};
use tokio::sync::{oneshot, watch};

use super::args::{Format, Global, TimeFormat};
use super::config::{self, Settings};
use super::fault::{Exit, Fault, chain};
use super::fleetfile::{self, FleetText};
use super::notes::{self, Talk};
use super::output::Printer;
use super::select::Selection;
use super::surroundings::{Io, Stopped, Surroundings};
use super::table::{Room, Style};
use crate::access;
use crate::access::kubeconfig::{self, Kuberc, Search};
use crate::config::{ColorLevel, Toggle};
use crate::engine::api::{Command, Deciding};
use crate::engine::{self, Running};
use crate::fleet::{
    ALMANAC_FILES, Almanac, CleanText, Cluster, ClusterKey, Decision, Decisions, Fleet, Phase, Problem,
    Severity, Sync,
};
use crate::host;
use crate::observe::Pace;
use crate::registry;
use crate::report::{Asked, ErrorItem, ProblemItem};
use crate::store::{self, Store};

/// How long a command waits for clusters unless told otherwise.
const WAIT: Duration = Duration::from_secs(10);

/// How long clusters are looked into unless told otherwise.
const INSPECTION: Duration = Duration::from_mins(1);

/// A command about clusters before any of them is contacted.
pub(super) struct Plan {
    /// The configuration in force.
    pub(super) settings: Settings,
    /// Which clusters.
    pub(super) selection: Selection,
    /// Which credential plugins may run.
    kuberc: Kuberc,
    /// The fleet files.
    files: Vec<FleetText>,
}

/// What a command waits for before it looks at the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// Every selected cluster has answered, failed or cannot be used.
    Decided,
    /// Every source has been read once, or has failed.
    Sources,
}

/// The clusters of a command.
#[derive(Debug)]
pub(super) struct Gathered {
    /// All clusters.
    pub(super) fleet: Arc<Fleet>,
    /// Those that are selected, in order.
    pub(super) rows: Vec<Arc<Cluster>>,
    /// The selection as text.
    pub(super) query: Option<String>,
    /// How many rows are there because it is not known whether they match.
    pub(super) unknown: usize,
    /// Where kubeconfigs were looked for.
    pub(super) search: Search,
    /// When that was.
    pub(super) now: DateTime<Utc>,
    /// How long clusters were waited for in vain, if they were.
    waited: Option<Duration>,
    /// Where clusters were looked for, if there are none.
    looked: Vec<(String, bool)>,
}

/// An engine at work, and a runtime to wait on it.
pub(super) struct Session {
    runtime: Runtime,
    /// The engine.
    pub(super) running: Running,
}

impl Session {
    /// The newest fleet.
    pub(super) fn fleet(&self) -> watch::Receiver<Arc<Fleet>> {
        self.running.handle.fleet.clone()
    }

    /// What to wait on.
    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Has decisions taken in, all or none.
    pub(super) fn decide(
        &self,
        decisions: Vec<Decision>,
        reason: Option<&str>,
        who: CleanText,
    ) -> Result<(), Fault> {
        let (reply, answer) = oneshot::channel();
        let reason = reason.map(|text| CleanText::with_cap(text, 4096));
        let handle = self.running.handle.decisions.clone();
        let deciding = Deciding { decisions, reason, who, reply };
        let answer = self.runtime.block_on(async {
            handle.send(deciding).await.ok()?;
            tokio::time::timeout(WAIT, answer).await.ok()?.ok()
        });
        match answer {
            Some(Ok(())) => Ok(()),
            Some(Err(refused)) => {
                let fault = Fault::refused("the decision was not taken in")
                    .why(format!("{}: {}", refused.code, refused.message));
                Err(match refused.hint {
                    Some(hint) => fault.hint(hint.to_string()),
                    None => fault,
                })
            }
            None => Err(Fault::failed("the decision was not taken in").why("the engine did not answer")),
        }
    }

    /// Has clusters looked into closely, and waits until that is done or the time is up. Clusters that cannot be reached are not
    /// waited for.
    pub(super) fn inspect(
        &self,
        keys: Vec<ClusterKey>,
        global: &Global,
        io: &mut Io<'_>,
    ) -> Result<(), Fault> {
        if keys.is_empty() {
            return Ok(());
        }
        let timeout = global.timeout.unwrap_or(INSPECTION);
        let mut stop = io.stop.listen();
        let mut fleet = self.fleet();
        let wanted = keys.clone();
        let is_done = |fleet: &Fleet| {
            let mut wanted = wanted.iter().filter_map(|key| fleet.get(key));
            wanted.all(|c| c.signals.inspection.is_some() || !c.is_live())
        };
        let commands = self.running.handle.commands.clone();
        let (fleet, in_time) = self.runtime.block_on(async {
            // An engine that ends takes no wishes, and then there is nothing to wait for.
            drop(commands.send(Command::Inspect(keys)).await);
            settle(&mut fleet, is_done, timeout, &mut stop).await
        })?;
        if !in_time {
            let late = |key: &&ClusterKey| fleet.get(key).is_some_and(|c| c.signals.inspection.is_none());
            let text = format!(
                "{} not looked into within {} s, so less is known of them; --timeout gives more time",
                plural(wanted.iter().filter(late).count(), "cluster"),
                timeout.as_secs_f32(),
            );
            notes::warning(io.stderr, Talk::of(global), &text)?;
        }
        Ok(())
    }

    /// The newest fleet, and the selected clusters of it.
    pub(super) fn again(&self, plan: &Plan, got: Gathered, io: &Io<'_>) -> Gathered {
        let fleet = Arc::clone(&self.running.handle.fleet.borrow());
        let now = io.around.clock.now();
        let selected = plan.selection.rows(&fleet, now);
        Gathered { rows: selected.rows, unknown: selected.unknown, fleet, now, ..got }
    }
}

/// Reads flags and configuration for a command about clusters. Mistakes in the configuration are told.
pub(super) fn prepare(global: &Global, named: &[String], io: &mut Io<'_>) -> Result<Plan, Fault> {
    let settings = config::load(global, &io.around)?;
    config::tell(io, Talk::of(global), &settings.problems)?;
    let files = fleetfile::read(global, &io.around)?;
    let selection = Selection::new(global, named, &fleetfile::class_names(&files), io.stdin)?;
    let kuberc = io.around.kuberc();
    // It guards what is run, also where nobody looks at the files' problems.
    config::tell(io, Talk::of(global), &kuberc.problems)?;
    config::tell(io, Talk::of(global), &almanac(&io.around).1)?;
    Ok(Plan { settings, selection, kuberc, files })
}

/// A fault if somebody wants to watch what is not watched.
pub(super) fn no_watch(global: &Global) -> Result<(), Fault> {
    if global.watch {
        return Err(Fault::usage("this command does not watch")
            .place("--watch")
            .hint("`fleetglass status --watch` does, and so does the console."));
    }
    Ok(())
}

/// A fault if somebody chooses columns where there is no choice.
pub(super) fn no_columns(global: &Global) -> Result<(), Fault> {
    if global.columns.is_empty() {
        return Ok(());
    }
    Err(Fault::usage("the columns of this table are fixed")
        .place("--columns")
        .hint("`status` and `clusters list` have columns to choose; JSON has fields: `--json=name,state`."))
}

impl Plan {
    /// Whether there is a fleet file at all.
    pub(super) fn has_fleet_file(&self) -> bool {
        !self.files.is_empty()
    }

    /// How the command prints.
    pub(super) fn printer(&self, global: &Global, kind: (&str, &str), io: &Io<'_>) -> Result<Printer, Fault> {
        Printer::new(global, kind, |time: TimeFormat| style(global, &self.settings, io, time))
    }

    /// Gathers the clusters and ends the engine.
    pub(super) fn gather(&mut self, global: &Global, io: &mut Io<'_>) -> Result<Gathered, Fault> {
        let (session, got) = self.open(global, io)?;
        session.running.stop();
        Ok(got)
    }

    /// Starts an engine and waits until the selected clusters are decided, or the time is up.
    pub(super) fn open(&mut self, global: &Global, io: &mut Io<'_>) -> Result<(Session, Gathered), Fault> {
        self.open_until(global, Until::Decided, io)
    }

    /// Starts an engine and waits for what is wanted, or until the time is up.
    pub(super) fn open_until(
        &mut self,
        global: &Global,
        until: Until,
        io: &mut Io<'_>,
    ) -> Result<(Session, Gathered), Fault> {
        let mut stop = io.stop.listen();
        let search = search(global, &self.settings, &io.around);
        let mut engine =
            engine_settings(global, &self.settings, &self.kuberc, &self.files, search.clone(), &io.around);
        // Whoever only asks what sources say dials none of their clusters.
        engine.sources_only = until == Until::Sources;
        let running = engine::start(engine, io.around.clock.clone())
            .map_err(|e| Fault::failed("the engine cannot start").why(chain(&e)))?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Fault::failed("the engine cannot start").why(e.to_string()))?;
        let session = Session { runtime, running };
        let began = io.around.clock.tick();
        let timeout = if global.watch { WAIT } else { global.timeout.unwrap_or(WAIT) };
        let mut receiver = session.fleet();
        let contact = !global.no_contact;
        let clock = io.around.clock.clone();
        let selection = &self.selection;
        let done = |fleet: &Fleet| {
            let read = fleet.loaded
                && fleet.sources.iter().all(|s| s.sync != Sync::Reading || s.synced_at.is_some());
            // Who a cluster is may be known only from its answer, and two rows are one then.
            let decided = || fleet.settled && selection.is_decided(fleet, clock.now());
            read && (!contact || until == Until::Sources || decided())
        };
        let (fleet, in_time) = session.runtime.block_on(settle(&mut receiver, done, timeout, &mut stop))?;
        if !fleet.loaded {
            return Err(Fault::failed("the kubeconfigs were not read in time").hint(
                "Give more time with --timeout, or look whether they stand on a file system that hangs.",
            ));
        }
        selection.check_names(&fleet)?;
        let now = io.around.clock.now();
        let selected = selection.rows(&fleet, now);
        let looked =
            if fleet.clusters.is_empty() { kubeconfig::load(&search).looked_in() } else { Vec::new() };
        let text = format!(
            "{} from {}, {} selected, after {} ms",
            plural(fleet.clusters.len(), "cluster"),
            plural(fleet.sources.len(), "source"),
            selected.rows.len(),
            began.elapsed().as_millis()
        );
        notes::detail(io.stderr, Talk::of(global), &text)?;
        if !in_time {
            let unread = fleet.sources.iter().filter(|s| s.sync == Sync::Reading && s.synced_at.is_none());
            let unread: Vec<&str> = unread.map(|s| s.name.as_str()).collect();
            if !unread.is_empty() {
                let text = format!("not read within {} s: {}", timeout.as_secs_f32(), unread.join(", "));
                notes::warning(io.stderr, Talk::of(global), &text)?;
            }
        }
        let got = Gathered {
            rows: selected.rows,
            unknown: selected.unknown,
            query: selection.text(),
            now,
            waited: (!in_time && until == Until::Decided).then_some(timeout),
            looked,
            search,
            fleet,
        };
        Ok((session, got))
    }
}

/// Waits until `done` or the time is up, and says which.
pub(super) async fn settle(
    fleet: &mut watch::Receiver<Arc<Fleet>>,
    done: impl Fn(&Fleet) -> bool,
    timeout: Duration,
    stop: &mut Stopped,
) -> Result<(Arc<Fleet>, bool), Fault> {
    tokio::select! {
        biased;
        exit = stop.wait() => return Err(Fault::stopped(exit)),
        decided = fleet.wait_for(|fleet| done(fleet)) => {
            if let Ok(fleet) = decided {
                return Ok((Arc::clone(&fleet), true));
            }
        }
        () = tokio::time::sleep(timeout) => {}
    }
    let newest = Arc::clone(&fleet.borrow());
    Ok((newest, false))
}

impl Gathered {
    /// What was asked, for the documents.
    pub(super) fn asked(&self) -> Asked<'_> {
        Asked { expr: self.query.as_deref(), unknown: self.unknown }
    }

    /// The names of the selected clusters.
    pub(super) fn names(&self) -> Vec<String> {
        self.rows.iter().map(|c| c.key().to_string()).collect()
    }

    /// Whether there is no cluster at all because what was asked for cannot be used.
    pub(super) fn nothing_usable(&self) -> bool {
        let sources = self.fleet.sources.iter().flat_map(|s| &s.problems);
        let mut problems = self.fleet.problems.iter().chain(sources);
        self.fleet.clusters.is_empty() && problems.any(|p| p.severity == Severity::Error)
    }

    /// Tells that there is nothing, and where it was looked for.
    pub(super) fn tell_places(&self, what: &str, global: &Global, io: &mut Io<'_>) -> Result<(), Fault> {
        if Talk::of(global) > Talk::Quiet {
            writeln!(io.stderr, "{what}. Looked in:")?;
            for (place, there) in &self.looked {
                writeln!(io.stderr, "  {place}: {}", found(place, *there))?;
            }
        }
        Ok(())
    }

    /// Tells on standard error what the data cannot say: mistakes in files, clusters that cannot be read or came too late.
    pub(super) fn tell(
        &self,
        global: &Global,
        io: &mut Io<'_>,
        problems: &[ProblemItem],
        errors: &[ErrorItem],
    ) -> Result<(), Fault> {
        let talk = Talk::of(global);
        notes::problems(io.stderr, talk, problems)?;
        notes::unread(io.stderr, talk, errors)?;
        let waiting: Vec<_> = self.rows.iter().filter(|c| c.is_awaited()).collect();
        if let Some(waited) = self.waited.filter(|_| !waiting.is_empty()) {
            let late: Vec<&str> = waiting.iter().map(|c| c.key().as_str()).collect();
            let plugins =
                match waiting.iter().filter(|c| c.signals.attempts.phase == Phase::SigningIn).count() {
                    0 => String::new(),
                    n => format!(" ({n} of them wait for a credential plugin)"),
                };
            let shown = late.iter().take(8).copied().collect::<Vec<_>>().join(", ");
            let more = if late.len() > 8 { ", ..." } else { "" };
            let text = format!(
                "no answer within {} s from {}{plugins}: {shown}{more}; --timeout gives more time",
                waited.as_secs_f32(),
                plural(late.len(), "cluster"),
            );
            notes::warning(io.stderr, talk, &text)?;
        }
        if self.unknown > 0 {
            let text =
                format!("of {} it is not known whether the selection holds", plural(self.unknown, "cluster"));
            notes::warning(io.stderr, talk, &text)?;
        }
        if self.fleet.clusters.is_empty() {
            self.tell_places("no clusters", global, io)?;
            if talk > Talk::Quiet {
                writeln!(
                    io.stderr,
                    "Name a kubeconfig with --kubeconfig, or look at a made-up fleet: fleetglass demo"
                )?;
            }
        } else if self.rows.is_empty() {
            let text = format!("none of {} is selected", plural(self.fleet.clusters.len(), "cluster"));
            notes::warning(io.stderr, talk, &text)?;
        }
        Ok(())
    }
}

/// How cells are written. Only a plain table on a terminal is cut to its width; a pipe gets everything.
pub(super) fn style(global: &Global, settings: &Settings, io: &Io<'_>, time: TimeFormat) -> Style {
    let looks = io.around.looks();
    let ascii =
        settings.config.ascii == Toggle::On || (settings.config.ascii == Toggle::Auto && looks.wants_ascii());
    let mark = if ascii { "..." } else { "\u{2026}" };
    let width = io.around.stdout_columns.filter(|_| io.around.stdout_is_terminal);
    Style {
        time,
        now: io.around.clock.now(),
        color: looks.color_level(settings.config.color) != ColorLevel::Mono,
        room: width.filter(|_| global.output != Some(Format::Wide)).map(|width| Room { width, mark }),
    }
}

/// What came of a place where clusters were looked for.
pub(super) fn found(place: &str, there: bool) -> &'static str {
    match (there, place.starts_with('$')) {
        (true, _) => "found",
        (false, true) => "not set",
        (false, false) => "not there",
    }
}

/// `1 cluster`, `2 clusters`.
pub(super) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// What operators have decided before.
pub(super) fn decisions(global: &Global, io: &Io<'_>) -> Result<Decisions, Fault> {
    let Some(path) = memory(global, &io.around).filter(|path| path.exists()) else {
        return Ok(Decisions::default());
    };
    let failed = |why: String| {
        Fault::failed("the decisions cannot be read").place(super::suggest::shown_path(&path)).why(why)
    };
    let store = Store::open(store::Settings::at(Some(path.clone())), io.around.clock.clone());
    let runtime =
        runtime::Builder::new_current_thread().enable_all().build().map_err(|e| failed(e.to_string()))?;
    let memory = runtime.block_on(store.recall()).map_err(|e| failed(chain(&e)))?;
    Ok(Decisions(memory.decisions))
}

/// Everything that decides what an engine does. `files` are the fleet files, the machine's own first.
pub(super) fn engine_settings(
    global: &Global,
    settings: &Settings,
    kuberc: &Kuberc,
    files: &[FleetText],
    search: Search,
    around: &Surroundings,
) -> engine::Settings {
    let fleet_file = fleetfile::join(files);
    let own = files.iter().rev().find(|file| !file.policy);
    let base = own.and_then(|file| file.path.parent()).unwrap_or(&around.cwd);
    let programs = settings.config.programs.iter().map(|(name, program)| {
        let program = registry::Program { command: program.command.clone(), env: program.env.clone() };
        (name.clone(), program)
    });
    let spec = fleet_file.fleet.as_ref().map(|fleet| &fleet.spec);
    let plan = registry::Plan {
        search,
        contexts: global.context.clone(),
        sources: fleet_file.sources(),
        clusters: fleet_file.clusters.clone(),
        access_providers: spec.map(|s| s.access_providers.clone()).unwrap_or_default(),
        break_glass: spec.map(|s| s.break_glass.clone()).unwrap_or_default(),
        base: around.path(base),
        home: around.home(),
        commands: registry::Commands {
            programs: programs.collect(),
            allowed_plugins: settings.config.allowed_plugins.clone(),
            search_path: around.var_os("PATH").map(std::ffi::OsStr::to_os_string),
            env: around.vars.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        },
        contact: !global.no_contact,
        once: false,
    };
    engine::Settings {
        plan,
        sources_only: false,
        files: files.iter().map(|file| CleanText::new(&super::suggest::shown_path(&file.path))).collect(),
        fleet_file: Arc::new(fleet_file),
        almanac: almanac(around).0,
        access: access_settings(global, around, kuberc),
        pace: pace(global),
        memory: memory(global, around),
        who: who(around),
    }
}

/// What is known of Kubernetes at large, with the files of the configuration's `data` folder in place of those that are built in, and
/// what is wrong with them.
pub(super) fn almanac(around: &Surroundings) -> (Almanac, Vec<Problem>) {
    let Some(folder) = around.config_dir.as_ref().map(|dir| dir.join("data")) else {
        return (Almanac::default(), Vec::new());
    };
    let texts: Vec<(&str, String)> = ALMANAC_FILES
        .iter()
        .filter_map(|name| Some((*name, fleetfile::read_one(&folder.join(name)).ok()?)))
        .collect();
    Almanac::with_files(texts.iter().map(|(name, text)| (*name, text.as_str())))
}

/// The name of the operating system's user.
fn who(around: &Surroundings) -> CleanText {
    let name = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| around.var_os(name));
    name.map_or_else(|| CleanText::new("somebody"), |name| CleanText::new(&name.to_string_lossy()))
}

/// Where decisions and what was known before are kept; nowhere if nobody wants that.
pub(super) fn memory(global: &Global, around: &Surroundings) -> Option<PathBuf> {
    if global.no_memory {
        return None;
    }
    let state = around.var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let folder = state.map(|dir| dir.join("fleetglass")).or_else(|| around.state_dir.clone())?;
    Some(folder.join("fleet.db"))
}

/// Where kubeconfigs are looked for: the flags, else $KUBECONFIG, else the configuration, else the usual place.
pub(super) fn search(global: &Global, settings: &Settings, around: &Surroundings) -> Search {
    let env = around.var_os("KUBECONFIG").map(std::ffi::OsStr::to_os_string);
    let explicit = if !global.kubeconfig.is_empty() {
        global.kubeconfig.iter().map(|p| around.path(p)).collect()
    } else if env.is_none() {
        settings.config.kubeconfig.iter().map(|p| around.path(p.as_ref())).collect()
    } else {
        Vec::new()
    };
    Search { explicit, env, home: around.home() }
}

/// How clusters are reached.
pub(super) fn access_settings(global: &Global, around: &Surroundings, kuberc: &Kuberc) -> access::Settings {
    let usual = access::Settings::default();
    let mut deadlines = usual.deadlines.clone();
    if let Some(most) = global.request_timeout {
        for part in [
            &mut deadlines.first_byte_poll,
            &mut deadlines.first_byte_action,
            &mut deadlines.first_byte_big_list,
            &mut deadlines.total_poll,
            &mut deadlines.total_action,
            &mut deadlines.total_big_list,
        ] {
            *part = most;
        }
    }
    access::Settings {
        proxies: around.proxies(),
        deadlines,
        search_path: around.var_os("PATH").map(std::ffi::OsStr::to_os_string),
        plugin_policy: kuberc.policy.clone(),
        plugin_env: around.vars.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        max_sockets: host::socket_budget(host::raise_open_file_limit(), usual.max_sockets),
        ..usual
    }
}

/// How often and how much.
pub(super) fn pace(global: &Global) -> Pace {
    let mut pace = Pace::default();
    if let Some(most) = global.max_in_flight {
        pace.in_flight = usize::from(most);
        pace.in_flight_dead = pace.in_flight_dead.min(usize::from(most));
    }
    if let Some(most) = global.request_timeout {
        pace.snapshot = most;
    }
    pace
}

/// The exit code of a command of which some clusters failed: 3, or 4 if signing in would mend all of them.
pub(super) fn partial(global: &Global, errors: &[ErrorItem]) -> Exit {
    let sign_in =
        |e: &ErrorItem| crate::fleet::ErrorCode::ALL.iter().any(|c| c.as_str() == e.code && c.is_sign_in());
    if errors.is_empty() || global.partial_ok {
        Exit::Done
    } else if errors.iter().all(sign_in) {
        Exit::SignIn
    } else {
        Exit::Partial
    }
}
