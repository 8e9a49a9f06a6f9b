//! The root of the task tree: recalls, starts the tasks, passes commands on, and sees all of them end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Settings;
use super::api::{Command, Deciding};
use super::fold::Fold;
use super::publish::{Inbox, Keeper, Outbox};
use super::routes::Ways;
use crate::access::Access;
use crate::clock::Clock;
use crate::fleet::{CleanText, ClusterKey, Detail, Fleet, Sighting};
use crate::host::{open_file_limit, socket_budget};
use crate::observe::{self, Means, Opened, Wish};
use crate::registry;
use crate::store::{self, Memory, Store};

/// How long the tasks may take to end before they are left to the end of their runtime.
const ENDING: Duration = Duration::from_millis(700);

/// The engine's ends of its channels.
pub(super) struct Ends {
    pub(super) fleet: watch::Sender<Arc<Fleet>>,
    pub(super) detail: watch::Sender<Option<Arc<Detail>>>,
    pub(super) ways: watch::Sender<Option<Arc<Ways>>>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) decisions: mpsc::Receiver<Deciding>,
}

/// Runs the engine until `quit`.
pub(super) async fn conduct(
    settings: Settings,
    access: Access,
    clock: Clock,
    ends: Ends,
    quit: CancellationToken,
) {
    let store = Store::open(store::Settings::at(settings.memory.clone()), clock.clone());
    // What is recalled decides which class a cluster keeps, so it comes before all else. A fleet of thousands takes its time on a slow
    // machine; how long is waited at most is the memory's own word.
    let memory = tokio::select! {
        () = quit.cancelled() => return,
        memory = store.recall() => memory.ok(),
    };
    let recalled = settings.memory.is_none() || memory.is_some();
    let memory = memory.unwrap_or_default();
    let tracker = TaskTracker::new();
    let (tell, events) = mpsc::channel(1024);
    let (say, told) = mpsc::channel(64);
    let (wishes, wished) = mpsc::channel(64);
    let (wish_sources, sources_wished) = mpsc::channel(64);
    let (ask, asked) = mpsc::channel(16);
    let (open, opened) = watch::channel(None);
    let ways = ends.ways.subscribe();
    let sockets = socket_budget(open_file_limit(), settings.access.max_sockets);
    let pace = settings.pace.clone().within(sockets);
    let means = Means { access: access.clone(), clock: clock.clone(), pace, quit: quit.clone() };
    let reader = registry::Means { access: access.clone(), clock: clock.clone(), quit: quit.clone() };
    let reading =
        registry::watch_sources(settings.plan.clone(), reader, remembered(&memory), sources_wished, say);
    let out =
        Outbox { fleet: ends.fleet, ways: ends.ways, poller: wishes.clone(), registry: wish_sources.clone() };
    let mut fold = Fold::new(&settings, memory);
    if !recalled {
        fold.forget_nothing();
    }
    let keeper = Keeper { fold, clock, store, who: settings.who, out };
    let inbox = Inbox { told, events, decisions: ends.decisions, asked };
    let fold = tracker.spawn(keeper.run(inbox, quit.clone()));
    let sources = tracker.spawn(reading);
    let poller = tracker.spawn(observe::poll_fleet(means.clone(), wished, tell));
    let looker = tracker.spawn(observe::look_closer(means, opened, ends.detail));
    let conductor = Conductor { access, wishes, sources: wish_sources, ask, open, opened: None, ways };
    tokio::select! {
        () = quit.cancelled() => {}
        () = conductor.run(ends.commands, &quit) => {}
        // None of these ends by itself. If one does, it broke, and a fleet that stands still must not look alive: all end, and
        // whoever reads the fleet sees that there will be no other.
        _ = fold => {}
        _ = poller => {}
        _ = looker => {}
        // The registry may have read all that it was to read.
        broken = sources => if broken.is_ok() {
            quit.cancelled().await;
        }
    }
    quit.cancel();
    tracker.close();
    // All of them end when they are told to; one that does not is dropped with the runtime.
    drop(tokio::time::timeout(ENDING, tracker.wait()).await);
}

fn remembered(memory: &Memory) -> Vec<Arc<Sighting>> {
    memory.sightings.iter().map(|r| Arc::clone(&r.sighting)).collect()
}

struct Conductor {
    access: Access,
    wishes: mpsc::Sender<Wish>,
    sources: mpsc::Sender<registry::Wish>,
    /// To the fold: clusters that a person asks for.
    ask: mpsc::Sender<Vec<ClusterKey>>,
    open: watch::Sender<Option<Opened>>,
    opened: Option<ClusterKey>,
    /// The ways to all clusters, once rows have been made. A cluster that is not contacted has none.
    ways: watch::Receiver<Option<Arc<Ways>>>,
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
    inspect: Option<Vec<ClusterKey>>,
    /// Sources to be read again; an empty list means all.
    sync: Option<Vec<CleanText>>,
    shutdown: bool,
}

/// Adds to what is named already. An empty list means all, and all is not made less by naming some.
fn add_to<T>(slot: &mut Option<Vec<T>>, more: Vec<T>) {
    match slot {
        Some(all) if all.is_empty() => {}
        Some(some) if !more.is_empty() => some.extend(more),
        slot => *slot = Some(more),
    }
}

impl Pile {
    fn add(&mut self, command: Command) {
        match command {
            Command::Refresh(keys) => add_to(&mut self.refresh, keys),
            Command::Inspect(keys) => add_to(&mut self.inspect, keys),
            Command::Sync(source) => add_to(&mut self.sync, source.into_iter().collect()),
            Command::Visible(keys) => self.visible = Some(keys),
            Command::Open(key) => self.open = key.map_or(Door::Closed, Door::Open),
            Command::Focused(focused) => self.focused = Some(focused),
            Command::Shutdown => self.shutdown = true,
        }
    }
}

impl Conductor {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>, quit: &CancellationToken) {
        let mut ways = self.ways.clone();
        let (mut commanding, mut moving) = (true, true);
        loop {
            tokio::select! {
                moved = ways.changed(), if moving => {
                    moving = moved.is_ok();
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
                // Only the fold ends these, and then all ends.
                else => return quit.cancelled().await,
            }
        }
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
            // If the fold has no time for this, the paths stay as they are.
            drop(self.ask.try_send(keys.clone()));
            self.wish(Wish::Refresh(keys)).await;
        }
        if let Some(keys) = pile.inspect {
            self.wish(Wish::Inspect(keys)).await;
        }
        if let Some(sources) = pile.sync {
            let all = sources.is_empty().then_some(None);
            for source in all.into_iter().chain(sources.into_iter().map(Some)) {
                // A registry that is busy with so many wishes is reading already.
                drop(self.sources.try_send(registry::Wish::Sync(source)));
            }
        }
    }

    /// Points the closer look at what is opened, as soon as it is known how to get there.
    fn look(&self) {
        let Some(ways) = self.ways.borrow().clone() else { return };
        let opened = self.opened.as_ref().and_then(|key| {
            let target = ways.get(key)?.clone();
            Some(Opened { key: key.clone(), target })
        });
        self.open.send_if_modified(|now| {
            let same = match (&*now, &opened) {
                (None, None) => true,
                (Some(a), Some(b)) => {
                    a.key == b.key && a.target.as_ref().map(Arc::as_ptr) == b.target.as_ref().map(Arc::as_ptr)
                }
                _ => false,
            };
            *now = opened;
            !same
        });
    }

    /// A poller that is gone needs no wishes: the engine is ending.
    async fn wish(&self, wish: Wish) {
        drop(self.wishes.send(wish).await);
    }
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
