//! `events`: what clusters have to say, newest first.

use super::TOOL;
use super::args::{EventType, EventsArgs, Global};
use super::closer::{self, Part};
use super::fault::{Exit, Fault};
use super::gather;
use super::notes::{self, Talk};
use super::output::{Page, Text};
use super::surroundings::Io;
use super::table::{Cell, Table};
use crate::fleet::{ErrorCode, Failure, Loadable};
use crate::report::{self, EventItem, EventReading};

/// `events`.
pub(super) fn run(global: &Global, args: &EventsArgs, io: &mut Io<'_>) -> Result<Exit, Fault> {
    gather::no_watch(global)?;
    gather::no_columns(global)?;
    if global.no_contact {
        return Err(Fault::usage("events come from clusters").place("--no-contact").hint("Leave it away."));
    }
    let mut plan = gather::prepare(global, &args.clusters, io)?;
    let printer = plan.printer(global, ("EventList", "items"), io)?;
    let (session, got) = plan.open(global, io)?;
    let details = closer::look(global, &got, &session, Part::Events, io)?;
    session.running.stop();
    let readings: Vec<EventReading> = details
        .into_iter()
        .map(|(key, detail)| match detail.events {
            Loadable::Ready(events) => (key, Ok(events.value)),
            Loadable::Failed(failure, _) => (key, Err(failure)),
            Loadable::Idle | Loadable::Loading(_) => (
                key,
                Err(Failure::new(ErrorCode::Timeout, "no events in time")
                    .hint("Give more time with --timeout.")),
            ),
        })
        .collect();
    let kind = match args.kind {
        EventType::Warning => Some("Warning"),
        EventType::Normal => Some("Normal"),
        EventType::All => None,
    };
    let mut document = report::event_list(&got.fleet, &got.rows, got.asked(), &readings, kind, got.now, TOOL);
    // Clusters that could not be reached at all were not asked for events.
    document.errors.extend(report::errors(&got.rows));
    document.errors.sort_by(|a, b| a.cluster.cmp(&b.cluster));
    document.partial = !document.errors.is_empty();
    got.tell(global, io, &report::problems(&got.fleet), &document.errors)?;
    let text = Text::Rows(table(&document.items));
    let mut names: Vec<String> = document.items.iter().map(|e| e.cluster.to_string()).collect();
    names.sort();
    names.dedup();
    printer.print(io.stdout, Page { document: &document, items: "items", names, text })?;
    if document.items.is_empty() && !got.rows.is_empty() {
        notes::detail(io.stderr, Talk::of(global), "no events")?;
    }
    if got.nothing_usable() {
        return Ok(Exit::Usage);
    }
    Ok(gather::partial(global, &document.errors))
}

/// The events as a table.
pub(super) fn table(events: &[EventItem]) -> Table {
    let heads = ["CLUSTER", "LAST-SEEN", "TYPE", "NAMESPACE", "OBJECT", "REASON", "COUNT", "MESSAGE"];
    let row = |e: &EventItem| {
        vec![
            Cell::from(e.cluster.as_str()),
            Cell::Time(e.last_seen.map(|s| s.0)),
            e.kind.as_str().into(),
            e.namespace.as_str().into(),
            e.object.as_str().into(),
            e.reason.as_str().into(),
            e.count.to_string().into(),
            e.message.as_str().into(),
        ]
    };
    Table { heads: heads.map(str::to_owned).to_vec(), rows: events.iter().map(row).collect() }
}
