//! The table of actions: everything a key or the palette can do.

use std::ops::BitOr;

/// What a key or a palette entry does. What it means in detail is the screen's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is described in the table below, which the help screen prints")]
pub enum Action {
    Down,
    Up,
    Top,
    Bottom,
    PageDown,
    PageUp,
    Left,
    Right,
    NextGroup,
    PrevGroup,
    NextCluster,
    PrevCluster,
    NextPane,
    PrevPane,
    Mark,
    MarkRange,
    RangeMode,
    MarkAll,
    MarkFlip,
    MarkNone,
    Open,
    Filter,
    ClearFilter,
    ProblemsOnly,
    ProblemsFirst,
    GroupBy,
    SidePane,
    Wide,
    Metric,
    Transpose,
    SortMenu,
    SortName,
    SortState,
    SortSeen,
    SortFlip,
    Header,
    Footer,
    Refresh,
    Redraw,
    CopyName,
    CopyMenu,
    Fleet,
    Versions,
    Sources,
    TabOverview,
    TabNodes,
    TabEvents,
    TabChecks,
    TabUpgrade,
    BlockedOnly,
    ReadSource,
    Decide,
    SetClass,
    AcceptClass,
    Label,
    Merge,
    Split,
    Forget,
    PreferPath,
    HistoryBack,
    HistoryForward,
    LastScreen,
    Back,
    Leave,
    Palette,
    Help,
    Suspend,
    Quit,
}

/// A set of screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place(u8);

impl Place {
    /// The list of clusters.
    pub const FLEET: Self = Self(1);
    /// The matrix of versions.
    pub const VERSIONS: Self = Self(2);
    /// One cluster.
    pub const CLUSTER: Self = Self(4);
    /// Where clusters are learned of.
    pub const SOURCES: Self = Self(8);
    /// The screens that show the whole fleet.
    pub const SCREENS: Self = Self(1 | 2 | 8);
    /// Everywhere.
    pub const ALL: Self = Self(15);

    /// Whether the two have a screen in common.
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The screens, for people.
    pub fn words(self) -> String {
        if self == Self::ALL {
            return "everywhere".to_owned();
        }
        let names = [
            (Self::FLEET, "Fleet"),
            (Self::VERSIONS, "Versions"),
            (Self::CLUSTER, "cluster"),
            (Self::SOURCES, "Sources"),
        ];
        let on: Vec<&str> = names.iter().filter(|(p, _)| self.meets(*p)).map(|(_, n)| *n).collect();
        on.join(", ")
    }
}

impl BitOr for Place {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The part of the help screen an action stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shelf {
    /// Moving about.
    Move,
    /// Marking.
    Select,
    /// What is shown and how.
    Look,
    /// What a person decides about clusters; each asks before anything is decided.
    Decide,
    /// Going elsewhere, and everything else.
    Go,
}

impl Shelf {
    /// Every shelf, in the order of the help screen.
    pub const ALL: [Self; 5] = [Self::Move, Self::Select, Self::Look, Self::Decide, Self::Go];

    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Move => "MOVE",
            Self::Select => "SELECT",
            Self::Look => "LOOK",
            Self::Decide => "DECIDE",
            Self::Go => "GO",
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct ActionInfo {
    /// Which.
    pub action: Action,
    /// The name in `[keys]` and in the palette.
    pub name: &'static str,
    /// The keys, if a person has not chosen others.
    pub keys: &'static [&'static str],
    /// Where it can be done.
    pub place: Place,
    /// Its part of the help screen.
    pub shelf: Shelf,
    /// A word or two for the footer; empty: never shown there.
    pub hint: &'static str,
    /// A line for help and palette.
    pub help: &'static str,
}

impl Action {
    /// Its row of the table.
    pub fn info(self) -> Option<&'static ActionInfo> {
        ACTIONS.iter().find(|i| i.action == self)
    }
}

const fn row(
    action: Action,
    name: &'static str,
    keys: &'static [&'static str],
    place: Place,
    shelf: Shelf,
    hint: &'static str,
    help: &'static str,
) -> ActionInfo {
    ActionInfo { action, name, keys, place, shelf, hint, help }
}

const FLEET: Place = Place::FLEET;
const VERSIONS: Place = Place::VERSIONS;
const CLUSTER: Place = Place::CLUSTER;
const ALL: Place = Place::ALL;
/// The screens where clusters can be marked.
const MARKING: Place = Place(FLEET.0 | VERSIONS.0);
/// The screens a filter narrows.
const FILTERED: Place = Place(FLEET.0 | VERSIONS.0);

use Action as A;
use Shelf::{Go, Look, Move, Select};

/// The shelf of decisions; the action of that name opens their menu.
const DECIDE: Shelf = Shelf::Decide;

/// Every action. The order is that of the help screen and of the footer.
#[rustfmt::skip]
pub const ACTIONS: &[ActionInfo] = &[
    row(A::Open, "open", &["enter"], Place::SCREENS, Look, "open", "open what is under the cursor"),
    row(A::Filter, "filter", &["/"], FILTERED, Look, "filter", "narrow the list"),
    row(A::Mark, "mark", &["space"], MARKING, Select, "mark", "mark and move down"),

    row(A::Back, "back", &["esc"], ALL, Go, "back", "popup, filter, marks, screen: one step back"),

    row(A::Down, "down", &["j", "down"], ALL, Move, "", "next line"),
    row(A::Up, "up", &["k", "up"], ALL, Move, "", "line before"),
    row(A::Top, "top", &["g", "home"], ALL, Move, "", "first line"),
    row(A::Bottom, "bottom", &["G", "end"], ALL, Move, "", "last line"),
    row(A::PageDown, "page-down", &["ctrl-f", "pgdn"], ALL, Move, "", "page down"),
    row(A::PageUp, "page-up", &["ctrl-b", "pgup"], ALL, Move, "", "page up"),
    row(A::Left, "left", &["h", "left"], ALL, Move, "", "close group, cell to the left"),
    row(A::Right, "right", &["l", "right"], ALL, Move, "", "open group, cell to the right"),
    row(A::NextGroup, "next-group", &["}"], FLEET, Move, "", "next group"),
    row(A::PrevGroup, "previous-group", &["{"], FLEET, Move, "", "group before"),
    row(A::NextPane, "next-pane", &["tab"], ALL, Move, "", "next pane or tab"),
    row(A::PrevPane, "previous-pane", &["shift-tab"], ALL, Move, "", "pane or tab before"),
    row(A::PrevCluster, "previous-cluster", &["("], CLUSTER, Move, "previous", "cluster before, same tab"),
    row(A::NextCluster, "next-cluster", &[")"], CLUSTER, Move, "next", "next cluster, same tab"),

    row(A::MarkRange, "mark-range", &["ctrl-space"], MARKING, Select, "", "mark from the last mark to here"),
    row(A::RangeMode, "range", &["v"], MARKING, Select, "", "range: moving marks, v again ends it"),
    row(A::MarkAll, "mark-all", &["*"], MARKING, Select, "", "mark all shown"),
    row(A::MarkFlip, "mark-flip", &["~"], MARKING, Select, "", "flip the marks of all shown"),
    row(A::MarkNone, "mark-none", &["ctrl-\\"], MARKING, Select, "", "clear all marks"),

    row(A::ProblemsOnly, "problems-only", &["!", "ctrl-z"], Place(FLEET.0 | CLUSTER.0), Look, "problems", "only what needs somebody"),
    row(A::ProblemsFirst, "problems-first", &["m"], FLEET, Look, "", "worst first, or by name alone"),
    row(A::GroupBy, "group-by", &["T"], Place(FLEET.0 | VERSIONS.0), Look, "group", "group by class, region, provider, ..."),
    row(A::SidePane, "side-pane", &["i"], FLEET, Look, "pane", "side pane: below, right, off"),
    row(A::Wide, "wide", &["ctrl-w"], FLEET, Look, "", "more columns"),
    row(A::Metric, "metric", &["m"], VERSIONS, Look, "metric", "count control planes or oldest kubelets"),
    row(A::Transpose, "transpose", &["t"], VERSIONS, Look, "transpose", "swap rows and columns"),
    row(A::BlockedOnly, "blocked-only", &["b"], VERSIONS, Look, "blocked", "only what cannot take its next step"),
    row(A::SortMenu, "sort", &[","], FLEET, Look, "", "choose the column to sort by"),
    row(A::SortName, "sort-name", &["N"], FLEET, Look, "", "sort by name"),
    row(A::SortState, "sort-state", &["S"], FLEET, Look, "", "sort by state"),
    row(A::SortSeen, "sort-seen", &["A"], FLEET, Look, "", "sort by age of what is shown"),
    row(A::SortFlip, "sort-flip", &["O"], FLEET, Look, "", "turn the order round"),
    row(A::ClearFilter, "clear-filter", &["0"], FILTERED, Look, "", "show everything again"),
    row(A::Header, "header", &["ctrl-e"], ALL, Look, "", "header on, off"),
    row(A::Footer, "footer", &["ctrl-g"], ALL, Look, "", "footer on, off"),

    row(A::ReadSource, "read-source", &["R"], Place::SOURCES, Go, "read again", "read the source again, or all of them"),
    row(A::Decide, "decide", &["K"], ALL, DECIDE, "decide..", "what can be decided here.."),
    row(A::SetClass, "set-class", &[], ALL, DECIDE, "", "give a class.."),
    row(A::AcceptClass, "accept-class", &[], ALL, DECIDE, "", "accept a guess, or a class that waits.."),
    row(A::Label, "label", &[], ALL, DECIDE, "", "set or take back a label.."),
    row(A::Merge, "merge", &[], ALL, DECIDE, "", "marked rows are one cluster.."),
    row(A::Split, "split", &[], ALL, DECIDE, "", "a source's entry is a cluster of its own.."),
    row(A::Forget, "forget", &[], ALL, DECIDE, "", "forget what no source knows any more.."),
    row(A::PreferPath, "prefer-path", &[], ALL, DECIDE, "", "choose the way to a cluster.."),

    row(A::Refresh, "refresh", &["ctrl-r", "f5"], ALL, Go, "refresh", "ask again now (marks, or the row)"),
    row(A::CopyName, "copy-name", &["c"], ALL, Go, "", "copy the name, or a problem's place"),
    row(A::CopyMenu, "copy", &["C"], Place(FLEET.0 | VERSIONS.0 | CLUSTER.0), Go, "", "copy name, server, context or command"),
    row(A::Palette, "palette", &[":", "ctrl-a"], ALL, Go, "palette", "everything that can be done"),
    row(A::Help, "help", &["?", "f1"], ALL, Go, "help", "these keys"),
    row(A::Fleet, "fleet", &["1"], Place::SCREENS, Go, "", "Fleet"),
    row(A::Versions, "versions", &["2"], Place::SCREENS, Go, "", "Versions"),
    row(A::Sources, "sources", &["6"], Place::SCREENS, Go, "", "Sources"),
    row(A::TabOverview, "tab-overview", &["1"], CLUSTER, Go, "", "overview"),
    row(A::TabNodes, "tab-nodes", &["2"], CLUSTER, Go, "", "nodes"),
    row(A::TabEvents, "tab-events", &["3"], CLUSTER, Go, "", "events"),
    row(A::TabChecks, "tab-conditions", &["4"], CLUSTER, Go, "", "conditions"),
    row(A::TabUpgrade, "tab-upgrade", &["5"], CLUSTER, Go, "", "next upgrade, findings, conflicts"),
    row(A::HistoryBack, "history-back", &["["], ALL, Go, "", "screen before in history"),
    row(A::HistoryForward, "history-forward", &["]"], ALL, Go, "", "screen after in history"),
    row(A::LastScreen, "last-screen", &["-"], ALL, Go, "", "the screen shown last"),
    row(A::Leave, "leave", &["q"], ALL, Go, "", "back; twice on Fleet: quit"),
    row(A::Redraw, "redraw", &["ctrl-l"], ALL, Go, "", "draw the screen again"),
    row(A::Suspend, "suspend", &[], ALL, Go, "", "back to the shell until fg"),
    row(A::Quit, "quit", &["ctrl-c"], ALL, Go, "", "quit"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_action_has_one_row_one_name_and_a_line_of_help() {
        let names: BTreeSet<_> = ACTIONS.iter().map(|i| i.name).collect();
        let actions: BTreeSet<_> = ACTIONS.iter().map(|i| i.action).collect();
        assert_eq!(names.len(), ACTIONS.len());
        assert_eq!(actions.len(), ACTIONS.len());
        assert!(ACTIONS.iter().all(|i| !i.help.is_empty() && i.help.len() <= 44));
        assert_eq!(Action::Quit.info().map(|i| i.name), Some("quit"));
    }
}
