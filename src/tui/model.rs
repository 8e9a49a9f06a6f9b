//! Everything a screen shows, as plain values. Only [`update`](super::update) changes it, only `view` draws it.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use ratatui::layout::{Rect, Size};

use super::Options;
use super::areas::{Areas, areas};
use super::confirm::{Confirm, Entry};
use super::filter::Filter;
use super::list::{List, Shape};
use super::menu::Menu;
use super::palette::Palette;
use super::sheet::Sheet;
use super::sources::{Page, Row};
use crate::config::{Place, Role, SidePane};
use crate::engine::api::Command;
use crate::fleet::{CleanText, Cluster, ClusterKey, Decision, Detail, Fleet, Totals};
use crate::report::{GroupBy, MatrixShape, Metric, OutlookItem, VersionMatrix};

/// What the screen is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    Fleet,
    Versions,
    Sources,
    Cluster(ClusterKey),
}

impl Screen {
    /// The place in the table of actions.
    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Fleet => Place::FLEET,
            Self::Versions => Place::VERSIONS,
            Self::Sources => Place::SOURCES,
            Self::Cluster(_) => Place::CLUSTER,
        }
    }
}

/// The tabs of the screen about one cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Tab {
    #[default]
    Overview,
    Nodes,
    Events,
    Checks,
    Upgrade,
}

impl Tab {
    pub(crate) const ALL: [Self; 5] =
        [Self::Overview, Self::Nodes, Self::Events, Self::Checks, Self::Upgrade];
}

/// Something that lies over the screen and has the keys.
#[derive(Debug)]
pub(crate) enum Overlay {
    Palette(Palette),
    /// The first line shown.
    Help(usize),
    Menu(Menu),
    Sheet(Sheet),
    /// A label is written.
    Entry(Entry),
    /// A question before a decision.
    Confirm(Confirm),
}

/// A line at the bottom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) text: String,
    pub(crate) role: Role,
    pub(crate) until: DateTime<Utc>,
}

/// A cursor and the first line shown, for lists whose rows do not move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Scroll {
    pub(crate) cursor: usize,
    pub(crate) top: usize,
}

impl Scroll {
    /// Moves by `by` among `count` lines of which `height` are shown.
    pub(crate) fn step(&mut self, by: isize, count: usize, height: usize) {
        self.cursor = self.cursor.saturating_add_signed(by);
        self.clamp(count, height);
    }

    /// Keeps cursor and window within `count` lines.
    pub(crate) fn clamp(&mut self, count: usize, height: usize) {
        let height = height.max(1);
        self.cursor = self.cursor.min(count.saturating_sub(1));
        self.top = self.top.min(count.saturating_sub(height));
        if self.cursor < self.top {
            self.top = self.cursor;
        } else if self.cursor >= self.top + height {
            self.top = self.cursor + 1 - height;
        }
    }
}

/// The state of the Versions screen.
#[derive(Debug)]
pub(crate) struct Versions {
    /// The counts; made when the screen is looked at.
    pub(crate) matrix: Option<VersionMatrix>,
    /// When it was made.
    pub(crate) made: Option<DateTime<Utc>>,
    /// Release lines are the rows.
    pub(crate) transposed: bool,
    /// Whose versions are counted, and in which groups.
    pub(crate) shape: MatrixShape,
    /// Group and release line of the cell with the cursor; the columns end with "unknown", the rows with "all".
    pub(crate) group: usize,
    pub(crate) line: usize,
    /// Whether the list of the cell has the keys.
    pub(crate) in_list: bool,
    pub(crate) list: Scroll,
    /// The clusters of the cell (indices into the matrix' items).
    pub(crate) members: Vec<usize>,
    /// The next upgrade of each of them; `None` while nobody has worked it out.
    pub(crate) outlooks: Vec<Option<OutlookItem>>,
    /// Only what something blocks is listed.
    pub(crate) blocked: bool,
    /// Clusters that the engine was asked to inspect.
    pub(crate) asked: BTreeSet<ClusterKey>,
    /// Floor and target of each class.
    pub(crate) aims: Vec<(CleanText, Option<String>, Option<String>)>,
}

impl Default for Versions {
    fn default() -> Self {
        Self {
            matrix: None,
            made: None,
            transposed: false,
            shape: MatrixShape { metric: Metric::ControlPlane, by: GroupBy::Class },
            group: 0,
            line: 0,
            in_list: false,
            list: Scroll::default(),
            members: Vec::new(),
            outlooks: Vec::new(),
            blocked: false,
            asked: BTreeSet::new(),
            aims: Vec::new(),
        }
    }
}

/// Everything that is shown.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) options: Options,
    pub(crate) now: DateTime<Utc>,
    pub(crate) size: Size,
    pub(crate) fleet: Arc<Fleet>,
    /// Counted once for every fleet, not for every frame.
    pub(crate) totals: Totals,
    pub(crate) detail: Option<Arc<Detail>>,
    pub(crate) screen: Screen,
    pub(crate) back: Vec<Screen>,
    pub(crate) forward: Vec<Screen>,
    pub(crate) last: Option<Screen>,
    pub(crate) overlay: Option<Overlay>,
    pub(crate) message: Option<Message>,
    pub(crate) header: bool,
    pub(crate) footer: bool,
    pub(crate) side: SidePane,
    pub(crate) wide: bool,
    pub(crate) shape: Shape,
    pub(crate) list: List,
    pub(crate) filter: Filter,
    /// The groups that were closed before there was a filter; a filter opens those of which it leaves little.
    pub(crate) closed_before: Option<BTreeSet<CleanText>>,
    pub(crate) marks: BTreeSet<ClusterKey>,
    /// The last cluster that was marked, where a range begins.
    pub(crate) anchor: Option<ClusterKey>,
    /// Moving marks.
    pub(crate) range_mode: bool,
    pub(crate) versions: Versions,
    pub(crate) tab: Tab,
    /// The tabs list only what needs somebody: warnings, nodes that are not well, conditions that failed.
    pub(crate) tab_problems: bool,
    pub(crate) scroll: Scroll,
    /// The Sources screen.
    pub(crate) page: Page,
    /// Rows are not in their order because a person was at work; they will be once the keys rest.
    pub(crate) unsorted: bool,
    /// When a key was last pressed.
    pub(crate) key_at: Option<DateTime<Utc>>,
    /// Until when a second `q` quits.
    pub(crate) quit_until: Option<DateTime<Utc>>,
    pub(crate) focused: bool,
    /// Whether the engine still publishes.
    pub(crate) engine_alive: bool,
    /// The rows that the engine was last told are visible.
    pub(crate) told_visible: Vec<ClusterKey>,
    pub(crate) told_title: String,
    /// Whether something changed since the last frame.
    pub(crate) dirty: bool,
}

/// What `update` wants done. It does nothing itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Tell the engine.
    Command(Command),
    /// Ask the engine to take decisions in, all or none. Only a dialog that was answered gives this out.
    Decide(Vec<Decision>),
    /// Put text on the clipboard.
    Copy(String),
    /// Set the window's title.
    Title(String),
    /// Draw every cell again.
    Redraw,
    /// Back to the shell until it continues us.
    Suspend,
    /// End.
    Quit,
}

/// How long rows stay where they are after a key.
pub(crate) const REST: TimeDelta = TimeDelta::seconds(2);

/// How long what is told at the start stays if no key is pressed.
const START: TimeDelta = TimeDelta::seconds(30);

impl Model {
    /// A model before anything is known.
    pub(crate) fn new(options: Options, now: DateTime<Utc>, size: Size) -> Self {
        let shape = Shape { group_by: options.group_by, sort: options.sort, ..Shape::default() };
        let mut filter = Filter::default();
        let wrong = options.filter.as_deref().and_then(|text| filter.start(text).err());
        let wrong = wrong.map(|why| format!("the filter was left out: {why}"));
        let told: Vec<String> = wrong.into_iter().chain(options.notice.clone()).collect();
        let until = now + START;
        let message =
            (!told.is_empty()).then(|| Message { text: told.join("; "), role: Role::Warning, until });
        Self {
            side: options.side_pane,
            options,
            now,
            size,
            fleet: Arc::default(),
            totals: Totals::default(),
            detail: None,
            screen: Screen::Fleet,
            back: Vec::new(),
            forward: Vec::new(),
            last: None,
            overlay: None,
            message,
            header: true,
            footer: true,
            wide: false,
            shape,
            list: List::default(),
            filter,
            closed_before: None,
            marks: BTreeSet::new(),
            anchor: None,
            range_mode: false,
            versions: Versions::default(),
            tab: Tab::default(),
            tab_problems: false,
            scroll: Scroll::default(),
            page: Page::default(),
            unsorted: false,
            key_at: None,
            quit_until: None,
            focused: true,
            engine_alive: true,
            told_visible: Vec::new(),
            told_title: String::new(),
            dirty: true,
        }
    }

    /// Where everything stands on the screen.
    pub(crate) fn areas(&self) -> Areas {
        let full = Rect::new(0, 0, self.size.width, self.size.height);
        let side = if self.screen == Screen::Fleet { self.side } else { SidePane::Off };
        areas(full, self.header, self.footer, side)
    }

    /// How many lines of the Fleet list are on the screen: the body without the heads of columns.
    pub(crate) fn list_height(&self) -> usize {
        usize::from(self.areas().body.height.saturating_sub(1))
    }

    /// The cluster under the cursor, on any screen.
    pub(crate) fn focus(&self) -> Option<&Arc<Cluster>> {
        match &self.screen {
            Screen::Fleet => self.list.row().and_then(|i| self.fleet.clusters.get(i)),
            Screen::Cluster(key) => self.fleet.get(key),
            Screen::Versions if self.versions.in_list => self.fleet.get(&self.version_row()?),
            Screen::Versions => None,
            Screen::Sources => self.fleet.get(&self.page_cluster()?),
        }
    }

    /// The cluster that the row under the cursor of the Sources screen is about.
    fn page_cluster(&self) -> Option<ClusterKey> {
        let review = self.page.review.as_ref()?;
        let name = match super::sources::row(self)? {
            Row::United(n) => &review.united.get(n)?.name,
            Row::Apart(n) => review.apart.get(n)?.first_cluster.as_ref()?,
            _ => return None,
        };
        Some(ClusterKey::new(&name.0))
    }

    /// The cluster under the cursor of the Versions screen's list.
    pub(crate) fn version_row(&self) -> Option<ClusterKey> {
        let index = *self.versions.members.get(self.versions.list.cursor)?;
        let item = self.versions.matrix.as_ref()?.items.get(index)?;
        Some(ClusterKey::new(&item.name.0))
    }

    /// The detail of the opened cluster, if it is that cluster's.
    pub(crate) fn opened_detail(&self) -> Option<&Detail> {
        let Screen::Cluster(key) = &self.screen else { return None };
        self.detail.as_deref().filter(|d| d.key == *key)
    }

    /// Says something at the bottom for a while.
    pub(crate) fn say(&mut self, role: Role, text: impl Into<String>) {
        self.message = Some(Message { text: text.into(), role, until: self.now + TimeDelta::seconds(5) });
        self.dirty = true;
    }

    /// How many marked clusters the list does not show.
    pub(crate) fn hidden_marks(&self) -> usize {
        if self.marks.is_empty() {
            return 0;
        }
        let rows = self.list.groups.iter().flat_map(|g| &g.members);
        let seen = rows.filter_map(|i| self.fleet.clusters.get(*i)).filter(|c| self.marks.contains(c.key()));
        self.marks.len().saturating_sub(seen.count())
    }
}
