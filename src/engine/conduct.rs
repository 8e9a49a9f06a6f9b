//! The root of the task tree: starts the tasks, reads the sources, passes commands on, and sees all of them end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Settings;
use super::api::Command;
use super::glob::keep_named;
use super::publish::fold_events;
use crate::access::{Access, Target, kubeconfig};
use crate::clock::Clock;
use crate::fleet::{CleanText, ClusterKey, Detail, Fleet, Problem, Severity};
use crate::host::{open_file_limit, socket_budget};
use crate::observe::{self, Means, Member, Opened, Wish};
use crate::registry::{Registered, register};

/// How long the tasks may take to end before they are left to the end of their runtime.
const ENDING: Duration = Duration::from_millis(700);

/// The engine's ends of its channels.
pub(super) struct Ends {
    pub(super) fleet: watch::Sender<Arc<Fleet>>,
    pub(super) detail: watch::Sender<Option<Arc<Detail>>>,
    pub(super) commands: mpsc::Receiver<Command>,
}

/// Runs the engine until `quit`.
pub(super) async fn conduct(
    settings: Settings,
    access: Access,
    clock: Clock,
    ends: Ends,
    quit: CancellationToken,
) {
    let tracker = TaskTracker::new();
    let (tell, told) = mpsc::channel(1024);
    let (wishes, wished) = mpsc::channel(64);
    let (give, registered) = oneshot::channel();
    let (open, opened) = watch::channel(None);
    let sockets = socket_budget(open_file_limit(), settings.access.max_sockets);
    let pace = settings.pace.clone().within(sockets);
    let means = Means { access: access.clone(), clock: clock.clone(), pace, quit: quit.clone() };
    let fold = tracker.spawn(fold_events(clock.clone(), registered, told, ends.fleet, quit.clone()));
    let poller = tracker.spawn(observe::poll_fleet(means.clone(), wished, tell));
    let looker = tracker.spawn(observe::look_closer(means, opened, ends.detail));
    let conductor = Conductor { access, wishes, open, opened: None, targets: None };
    tokio::select! {
        () = quit.cancelled() => {}
        () = conductor.run(settings, clock, give, ends.commands, &quit) => {}
        // None of these ends by itself. If one does, it broke, and a fleet that stands still must not look alive: all end, and
        // whoever reads the fleet sees that there will be no other.
        _ = fold => {}
        _ = poller => {}
        _ = looker => {}
    }
    quit.cancel();
    tracker.close();
    // All of them end when they are told to; one that does not is dropped with the runtime.
    drop(tokio::time::timeout(ENDING, tracker.wait()).await);
}

struct Conductor {
    access: Access,
    wishes: mpsc::Sender<Wish>,
    open: watch::Sender<Option<Opened>>,
    opened: Option<ClusterKey>,
    /// The ways to all clusters, once the sources have been read. A cluster that may not be contacted has none.
    targets: Option<HashMap<ClusterKey, Option<Arc<Target>>>>,
}

/// Whether another cluster was opened.
#[derive(Debug, Default, PartialEq, Eq)]
enum Door {
    #[default]
    Untouched,
    Open(ClusterKey),
    Closed,
}

/// Commands that have piled up, each kind made one.
#[derive(Default)]
struct Pile {
    refresh: Option<Vec<ClusterKey>>,
    visible: Option<Vec<ClusterKey>>,
    open: Door,
    focused: Option<bool>,
    shutdown: bool,
}

impl Pile {
    fn add(&mut self, command: Command) {
        match command {
            Command::Refresh(keys) => match &mut self.refresh {
                // An empty list means all, and all is not made less by naming some.
                Some(all) if all.is_empty() => {}
                Some(some) if !keys.is_empty() => some.extend(keys),
                slot => *slot = Some(keys),
            },
            Command::Visible(keys) => self.visible = Some(keys),
            Command::Open(key) => self.open = key.map_or(Door::Closed, Door::Open),
            Command::Focused(focused) => self.focused = Some(focused),
            Command::Shutdown => self.shutdown = true,
        }
    }
}

impl Conductor {
    async fn run(
        mut self,
        settings: Settings,
        clock: Clock,
        give: oneshot::Sender<Registered>,
        mut commands: mpsc::Receiver<Command>,
        quit: &CancellationToken,
    ) {
        let contact = settings.contact;
        let reading = tokio::task::spawn_blocking(move || {
            let mut registered = register(&kubeconfig::load(&settings.search), clock.now());
            keep_named(&mut registered, &settings.contexts);
            registered
        });
        let mut reading = std::pin::pin!(reading);
        let mut give = Some(give);
        let mut commanding = true;
        loop {
            tokio::select! {
                read = &mut reading, if give.is_some() => {
                    let registered = read.unwrap_or_else(|_| unreadable());
                    let members = self.learn(&registered, contact);
                    // The fold takes this in before any event that the members below cause.
                    if let Some(give) = give.take() {
                        drop(give.send(registered));
                    }
                    self.wish(Wish::Join(members)).await;
                    self.look();
                }
                command = commands.recv(), if commanding => {
                    let Some(command) = command else { commanding = false; continue };
                    let mut pile = Pile::default();
                    pile.add(command);
                    while let Ok(command) = commands.try_recv() {
                        pile.add(command);
                    }
                    if pile.shutdown {
                        quit.cancel();
                        return;
                    }
                    self.obey(pile).await;
                }
            }
        }
    }

    /// Remembers the ways to the clusters; the answer is who is polled.
    fn learn(&mut self, registered: &Registered, contact: bool) -> Vec<Member> {
        let way = |row: &crate::registry::Registration| row.target.clone().filter(|_| contact);
        let rows = &registered.entries;
        self.targets = Some(rows.iter().map(|row| (row.entry.key.clone(), way(row))).collect());
        rows.iter().filter_map(|row| Some(Member { key: row.entry.key.clone(), target: way(row)? })).collect()
    }

    async fn obey(&mut self, pile: Pile) {
        if let Some(focused) = pile.focused {
            self.wish(Wish::Focused(focused)).await;
        }
        if let Some(keys) = pile.visible {
            self.wish(Wish::Visible(keys)).await;
        }
        if pile.open != Door::Untouched {
            self.opened = match pile.open {
                Door::Open(key) => Some(key),
                Door::Closed | Door::Untouched => None,
            };
            self.look();
            self.wish(Wish::Open(self.opened.clone())).await;
        }
        if let Some(keys) = pile.refresh {
            // Whoever asks again has mended something; a plugin that failed is run again too.
            self.access.forget_credential_failures();
            self.wish(Wish::Refresh(keys)).await;
        }
    }

    /// Points the closer look at what is opened, as soon as it is known how to get there.
    fn look(&self) {
        let Some(targets) = &self.targets else { return };
        let opened = self.opened.as_ref().and_then(|key| {
            let target = targets.get(key)?.clone();
            Some(Opened { key: key.clone(), target })
        });
        self.open.send_replace(opened);
    }

    /// A poller that is gone needs no wishes: the engine is ending.
    async fn wish(&self, wish: Wish) {
        drop(self.wishes.send(wish).await);
    }
}

/// What is shown when reading the sources itself broke.
fn unreadable() -> Registered {
    let problem = Problem {
        severity: Severity::Error,
        code: "INTERNAL",
        origin: None,
        subject: CleanText::new("kubeconfig"),
        message: CleanText::new("reading the kubeconfigs broke off"),
        hint: Some(CleanText::new(
            "This is a fault of fleetglass; please report it with the shape of your files.",
        )),
    };
    Registered { problems: vec![problem], ..Registered::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_pile_up_become_one_of_each_kind() {
        let key = |name: &str| ClusterKey::new(&name.into());
        let mut pile = Pile::default();
        for command in [
            Command::Refresh(vec![key("a")]),
            Command::Visible(vec![key("a")]),
            Command::Refresh(vec![key("b")]),
            Command::Open(Some(key("a"))),
            Command::Visible(vec![key("b")]),
            Command::Focused(false),
            Command::Open(None),
        ] {
            pile.add(command);
        }
        assert_eq!(pile.refresh, Some(vec![key("a"), key("b")]));
        assert_eq!(
            (pile.visible, pile.open, pile.focused),
            (Some(vec![key("b")]), Door::Closed, Some(false))
        );
        assert!(!pile.shutdown);
    }

    #[test]
    fn refreshing_all_outweighs_refreshing_some() {
        let key = ClusterKey::new(&"a".into());
        for order in [[vec![], vec![key.clone()]], [vec![key], vec![]]] {
            let mut pile = Pile::default();
            for keys in order {
                pile.add(Command::Refresh(keys));
            }
            assert_eq!(pile.refresh, Some(vec![]));
        }
    }
}
