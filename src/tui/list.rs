//! The rows of the Fleet screen: grouped, sorted, folded; rebuilt when something changes, never while drawing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::columns::Widths;
use crate::config::{GroupBy, SortBy};
use crate::fleet::sort::compare;
use crate::fleet::{
    ClassOrigin, CleanText, Cluster, ClusterKey, Fleet, Minor, Protection, State, StateCounts, Weight,
};

/// How many clusters that are well a group shows before it folds the rest.
pub(crate) const SHOWN_OK: usize = 8;

/// How the rows are to be arranged.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Shape {
    pub(crate) group_by: GroupBy,
    pub(crate) sort: SortBy,
    pub(crate) descending: bool,
    /// Only clusters that need somebody.
    pub(crate) problems_only: bool,
    /// Groups that a person has closed.
    pub(crate) closed: BTreeSet<CleanText>,
    /// Groups whose folded rows a person wants to see.
    pub(crate) unfolded: BTreeSet<CleanText>,
}

/// One group of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) name: CleanText,
    /// Whether some member is here by a guess.
    pub(crate) guessed: bool,
    pub(crate) counts: StateCounts,
    /// How its clusters are protected, where they all are in the same way.
    pub(crate) protection: Option<Protection>,
    /// How many clusters have a finding of each code, the most frequent first. Notes are not counted.
    pub(crate) findings: Vec<(&'static str, usize)>,
    /// Release lines with how many run each, newest first.
    pub(crate) versions: Vec<(Minor, usize)>,
    /// Indices into the fleet's clusters, in the order shown.
    pub(crate) members: Vec<usize>,
}

impl Group {
    fn count_findings(&mut self, cluster: &Cluster) {
        let mut codes: Vec<&'static str> =
            cluster.findings.iter().filter(|f| f.weight > Weight::Note).map(|f| f.code).collect();
        codes.sort_unstable();
        codes.dedup();
        for code in codes {
            match self.findings.iter_mut().find(|(known, _)| *known == code) {
                Some((_, count)) => *count += 1,
                None => self.findings.push((code, 1)),
            }
        }
    }
}

/// One line of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// The head of a group (index into the groups).
    Group(usize),
    /// A cluster (index into the fleet's clusters).
    Row(usize),
    /// So many clusters of a group are folded away.
    Fold(usize, usize),
}

/// What the cursor stands on, by name, so that it stays there when rows move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum At {
    Group(CleanText),
    Row(ClusterKey),
    Fold(CleanText),
}

/// The arranged rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    pub(crate) groups: Vec<Group>,
    pub(crate) lines: Vec<Line>,
    /// How many clusters the filter lets through.
    pub(crate) shown: usize,
    /// Width of the longest name that is let through.
    pub(crate) name_width: usize,
    /// Widths of what else is in the rows.
    pub(crate) widths: Widths,
    /// The line with the cursor.
    pub(crate) cursor: usize,
    /// The first line on the screen.
    pub(crate) top: usize,
}

/// Whether somebody should look at a cluster in this state.
pub(crate) fn is_problem(state: State) -> bool {
    matches!(state, State::Crit | State::Auth | State::Down | State::Warn)
}

impl List {
    /// Groups and sorts the clusters that `keep` lets through. With `settled` false, clusters that were there before keep
    /// their order, so that nothing moves under a person's hands.
    pub(crate) fn arrange(
        &mut self,
        fleet: &Fleet,
        shape: &Shape,
        keep: impl Fn(usize) -> bool,
        settled: bool,
        before: &Fleet,
    ) {
        let ranks: HashMap<&ClusterKey, usize> = if settled {
            HashMap::new()
        } else {
            let rows = self.groups.iter().flat_map(|g| &g.members);
            rows.filter_map(|i| before.clusters.get(*i)).map(|c| c.key()).zip(0..).collect()
        };
        let mut groups: BTreeMap<Order, Group> = BTreeMap::new();
        self.shown = 0;
        self.name_width = 0;
        for (index, cluster) in fleet.clusters.iter().enumerate() {
            if !keep(index) || (shape.problems_only && !is_problem(cluster.verdict.state)) {
                continue;
            }
            self.shown += 1;
            self.name_width = self.name_width.max(cluster.entry.name.width());
            let order = order_of(cluster, shape.group_by);
            let group = groups.entry(order).or_insert_with_key(|order| Group {
                name: order.name(),
                guessed: false,
                protection: Some(cluster.class.protection),
                findings: Vec::new(),
                counts: StateCounts::default(),
                versions: Vec::new(),
                members: Vec::new(),
            });
            group.counts.add(cluster.verdict.state);
            group.protection = group.protection.filter(|p| *p == cluster.class.protection);
            group.count_findings(cluster);
            group.guessed |= shape.group_by == GroupBy::Class && cluster.class.origin == ClassOrigin::Guessed;
            group.members.push(index);
        }
        self.groups = groups.into_values().collect();
        let at = |i: &usize| fleet.clusters.get(*i);
        for group in &mut self.groups {
            let mut minors: BTreeMap<Minor, usize> = BTreeMap::new();
            for line in group.members.iter().filter_map(at).filter_map(|c| c.version()).map(|v| v.line) {
                *minors.entry(line).or_default() += 1;
            }
            group.versions = minors.into_iter().rev().collect();
            group.findings.sort_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
            group.members.sort_by(|a, b| {
                let (Some(a), Some(b)) = (at(a), at(b)) else { return std::cmp::Ordering::Equal };
                let rank = |c: &Arc<Cluster>| ranks.get(c.key()).copied().unwrap_or(usize::MAX);
                rank(a).cmp(&rank(b)).then_with(|| compare(a, b, shape.sort.key(), shape.descending))
            });
        }
    }

    /// Lays the groups out as lines for a window of `height` lines, and puts the cursor back on `at`.
    pub(crate) fn lay_out(&mut self, fleet: &Fleet, shape: &Shape, height: usize, at: Option<&At>) {
        let offset = self.cursor.saturating_sub(self.top);
        let open: usize =
            self.groups.iter().filter(|g| !shape.closed.contains(&g.name)).map(|g| g.members.len()).sum();
        let heads = if shape.group_by == GroupBy::None { 0 } else { self.groups.len() };
        let folding = shape.group_by != GroupBy::None
            && shape.sort == SortBy::State
            && !shape.descending
            && heads + open > height;
        self.lines.clear();
        for (number, group) in self.groups.iter().enumerate() {
            if shape.group_by != GroupBy::None {
                self.lines.push(Line::Group(number));
            }
            if shape.closed.contains(&group.name) {
                continue;
            }
            let ok = |i: &usize| fleet.clusters.get(*i).is_some_and(|c| c.verdict.state == State::Ok);
            let total_ok = group.counts.get(State::Ok);
            let fold = folding && total_ok > SHOWN_OK + 1 && !shape.unfolded.contains(&group.name);
            let mut shown_ok = 0;
            for index in &group.members {
                if fold && ok(index) {
                    shown_ok += 1;
                    if shown_ok > SHOWN_OK {
                        continue;
                    }
                }
                self.lines.push(Line::Row(*index));
            }
            if fold {
                self.lines.push(Line::Fold(number, total_ok - SHOWN_OK));
            }
        }
        if let Some(found) = at.and_then(|at| self.find(fleet, at)) {
            self.cursor = found;
            self.top = found.saturating_sub(offset);
        }
        self.clamp(height);
    }

    /// The line of something that the cursor stood on; of a row that is folded away, its fold.
    fn find(&self, fleet: &Fleet, at: &At) -> Option<usize> {
        let named =
            |number: usize, name: &CleanText| self.groups.get(number).is_some_and(|g| g.name == *name);
        let exact = self.lines.iter().position(|line| match (line, at) {
            (Line::Group(n), At::Group(name)) | (Line::Fold(n, _), At::Fold(name)) => named(*n, name),
            (Line::Row(i), At::Row(key)) => fleet.clusters.get(*i).is_some_and(|c| c.key() == key),
            _ => false,
        });
        exact.or_else(|| {
            let At::Row(key) = at else { return None };
            let is_key = |i: &usize| fleet.clusters.get(*i).is_some_and(|c| c.key() == key);
            let number = self.groups.iter().position(|g| g.members.iter().any(is_key))?;
            let fold = |l: &Line| matches!(l, Line::Fold(n, _) if *n == number);
            let head = |l: &Line| matches!(l, Line::Group(n) if *n == number);
            self.lines.iter().position(fold).or_else(|| self.lines.iter().position(head))
        })
    }

    /// Keeps cursor and window within the lines.
    pub(crate) fn clamp(&mut self, height: usize) {
        self.cursor = self.cursor.min(self.lines.len().saturating_sub(1));
        let height = height.max(1);
        self.top = self.top.min(self.lines.len().saturating_sub(height));
        if self.cursor < self.top {
            self.top = self.cursor;
        } else if self.cursor >= self.top + height {
            self.top = self.cursor + 1 - height;
        }
    }

    /// Puts the cursor on the first cluster that is on a line, if it stands on none.
    pub(crate) fn rest_on_row(&mut self, height: usize) {
        if self.row().is_none() {
            let is_row = |line: &Line| matches!(line, Line::Row(_));
            if let Some(found) = self.lines.iter().position(is_row) {
                self.cursor = found;
            }
        }
        self.clamp(height);
    }

    /// What the cursor stands on.
    pub(crate) fn at(&self, fleet: &Fleet) -> Option<At> {
        match self.lines.get(self.cursor)? {
            Line::Group(n) => Some(At::Group(self.groups.get(*n)?.name.clone())),
            Line::Fold(n, _) => Some(At::Fold(self.groups.get(*n)?.name.clone())),
            Line::Row(i) => Some(At::Row(fleet.clusters.get(*i)?.key().clone())),
        }
    }

    /// The cluster under the cursor.
    pub(crate) fn row(&self) -> Option<usize> {
        match self.lines.get(self.cursor)? {
            Line::Row(index) => Some(*index),
            Line::Group(_) | Line::Fold(..) => None,
        }
    }

    /// The group that the cursor is in.
    pub(crate) fn group(&self) -> Option<&Group> {
        let upto = self.lines.get(..=self.cursor)?;
        upto.iter().rev().find_map(|line| match line {
            Line::Group(n) | Line::Fold(n, _) => self.groups.get(*n),
            Line::Row(_) => None,
        })
    }

    /// The lines on a screen of `height` lines.
    pub(crate) fn window(&self, height: usize) -> &[Line] {
        let end = (self.top + height).min(self.lines.len());
        self.lines.get(self.top..end).unwrap_or(&[])
    }
}

/// Where a group stands among the others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    /// By class order, then name; for all other groupings by name, unknown last.
    Named(u16, CleanText),
    /// Newest first.
    Line(std::cmp::Reverse<Minor>),
    Unknown,
}

impl Order {
    fn name(&self) -> CleanText {
        match self {
            Self::Named(_, name) => name.clone(),
            Self::Line(minor) => CleanText::new(&minor.0.to_string()),
            Self::Unknown => CleanText::new("unknown"),
        }
    }
}

fn order_of(cluster: &Cluster, by: GroupBy) -> Order {
    let named = |text: Option<CleanText>| text.map_or(Order::Unknown, |t| Order::Named(0, t));
    match by {
        GroupBy::Class => Order::Named(cluster.class.order, cluster.class.name.clone()),
        GroupBy::Region => named(cluster.region().map(|told| told.value)),
        GroupBy::Provider => named(cluster.provider().map(|told| told.value)),
        GroupBy::Version => {
            cluster.version().map_or(Order::Unknown, |v| Order::Line(std::cmp::Reverse(v.line)))
        }
        GroupBy::Source => named(cluster.entry.sources.first().map(|s| s.name.clone())),
        GroupBy::None => Order::Unknown,
    }
}
