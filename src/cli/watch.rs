//! `--watch`: what changes, as it changes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

use super::args::{Format, Global};
use super::columns::{self, Column};
use super::fault::{Exit, Fault};
use super::gather::Plan;
use super::notes;
use super::output::Printer;
use super::select::Selection;
use super::surroundings::Io;
use super::table::Widths;
use crate::clock::Clock;
use crate::fleet::{Cluster, ClusterKey, Fleet};
use crate::report::{self, API_VERSION, ClusterItem, SCHEMA_VERSION, Stamp, StatusEvent, Text};

/// A reader hears something at least this often.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Prints the selected clusters and then what changes.
pub(super) fn run(
    global: &Global,
    mut plan: Plan,
    printer: &Printer,
    columns: &[Column],
    io: &mut Io<'_>,
) -> Result<Exit, Fault> {
    if !matches!(printer.format, Format::Table | Format::Wide | Format::Ndjson) {
        return Err(Fault::usage("--watch prints tables and ndjson only")
            .place("--output")
            .hint("Use `-o ndjson`: a snapshot, then one line for each change."));
    }
    if global.no_contact {
        return Err(Fault::usage("nothing changes while no cluster is contacted")
            .place("--no-contact")
            .hint("Leave out --watch or --no-contact."));
    }
    let began = Instant::now();
    let (session, got) = plan.open(global, io)?;
    got.tell(global, io, &report::problems(&got.fleet), &report::errors(&got.rows))?;
    let clock = io.around.clock.clone();
    let mut follower = Follower {
        printer,
        columns,
        clock,
        selection: &plan.selection,
        shown: HashMap::new(),
        widths: Widths::default(),
    };
    let mut fleet = session.fleet();
    let mut stop = io.stop.listen();
    follower.first(&got.rows, io)?;
    io.stdout.flush()?;
    let end = global.timeout.map(|timeout| began + timeout);
    let exit =
        session.runtime().block_on(follower.follow(&mut fleet, global.interval, end, &mut stop, io))?;
    Ok(exit)
}

struct Follower<'a> {
    printer: &'a Printer,
    columns: &'a [Column],
    clock: Clock,
    selection: &'a Selection,
    /// What was last printed of each cluster, without what changes all the time.
    shown: HashMap<ClusterKey, ClusterItem>,
    widths: Widths,
}

impl Follower<'_> {
    fn is_table(&self) -> bool {
        self.printer.format != Format::Ndjson
    }

    fn first(&mut self, rows: &[Arc<Cluster>], io: &mut Io<'_>) -> Result<(), Fault> {
        let now = self.clock.now();
        let items: Vec<ClusterItem> = rows.iter().map(|c| report::cluster_item(c, now)).collect();
        self.shown = rows.iter().zip(&items).map(|(c, item)| (c.key().clone(), item.steady())).collect();
        if self.is_table() {
            let table = columns::table(self.columns, rows, now);
            self.widths.fit(&table, &self.printer.style);
            if self.printer.heads {
                self.widths.write_heads(io.stdout, &table)?;
            }
            return Ok(self.widths.write_rows(io.stdout, &table, &self.printer.style)?);
        }
        let (api_version, schema_version) = (API_VERSION, SCHEMA_VERSION);
        let line = StatusEvent::Snapshot { api_version, schema_version, at: Stamp(now), items };
        self.printer.line(io.stdout, &line)
    }

    async fn follow(
        &mut self,
        fleet: &mut watch::Receiver<Arc<Fleet>>,
        interval: Duration,
        end: Option<Instant>,
        stop: &mut super::surroundings::Stopped,
        io: &mut Io<'_>,
    ) -> Result<Exit, Fault> {
        let mut ticks = interval_at(Instant::now() + interval, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said = Instant::now();
        let mut fresh = false;
        loop {
            let ended = async {
                match end {
                    Some(end) => sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                exit = stop.wait() => return self.end("interrupted", exit, io),
                () = ended => return self.end("timeout", Exit::Done, io),
                changed = fleet.changed(), if !fresh => match changed {
                    Ok(()) => fresh = true,
                    Err(_) => return self.end("stopped", Exit::Failed, io),
                },
                _ = ticks.tick() => {
                    let newest = Arc::clone(&fleet.borrow_and_update());
                    let changes = if fresh { self.changes(&newest, io)? } else { 0 };
                    fresh = false;
                    if changes > 0 {
                        said = Instant::now();
                    } else if said.elapsed() >= HEARTBEAT {
                        self.heartbeat(io)?;
                        said = Instant::now();
                    }
                    io.stdout.flush()?;
                }
            }
        }
    }

    /// Prints what is different from what was printed, and says how much that was.
    fn changes(&mut self, fleet: &Fleet, io: &mut Io<'_>) -> Result<usize, Fault> {
        let now = self.clock.now();
        let rows = self.selection.rows(fleet, now).rows;
        let mut changed: Vec<Arc<Cluster>> = Vec::new();
        for cluster in &rows {
            let item = report::cluster_item(cluster, now);
            let steady = item.steady();
            if self.shown.get(cluster.key()) == Some(&steady) {
                continue;
            }
            self.shown.insert(cluster.key().clone(), steady);
            changed.push(Arc::clone(cluster));
            if !self.is_table() {
                let line = StatusEvent::Update { at: Stamp(now), item: Box::new(item) };
                self.printer.line(io.stdout, &line)?;
            }
        }
        if self.is_table() && !changed.is_empty() {
            let table = columns::table(self.columns, &changed, now);
            let style = super::table::Style { now, ..self.printer.style };
            self.widths.write_rows(io.stdout, &table, &style)?;
        }
        let gone = self.gone(&rows);
        for key in &gone {
            self.shown.remove(key);
            if self.is_table() {
                notes::detail(
                    io.stderr,
                    notes::Talk::Verbose,
                    &format!("cluster {key}: no longer selected"),
                )?;
            } else {
                let line = StatusEvent::Delete { at: Stamp(now), name: Text::from(key.as_str()) };
                self.printer.line(io.stdout, &line)?;
            }
        }
        Ok(changed.len() + gone.len())
    }

    fn gone(&self, rows: &[Arc<Cluster>]) -> Vec<ClusterKey> {
        let here: std::collections::HashSet<&ClusterKey> = rows.iter().map(|c| c.key()).collect();
        let mut gone: Vec<ClusterKey> = self.shown.keys().filter(|k| !here.contains(k)).cloned().collect();
        gone.sort();
        gone
    }

    fn heartbeat(&self, io: &mut Io<'_>) -> Result<(), Fault> {
        if self.is_table() {
            return Ok(());
        }
        let line = StatusEvent::Heartbeat { at: Stamp(self.clock.now()), matched: self.shown.len() };
        self.printer.line(io.stdout, &line)
    }

    fn end(&self, reason: &'static str, exit: Exit, io: &mut Io<'_>) -> Result<Exit, Fault> {
        if !self.is_table() {
            self.printer.line(io.stdout, &StatusEvent::End { at: Stamp(self.clock.now()), reason })?;
        }
        io.stdout.flush()?;
        Ok(exit)
    }
}
