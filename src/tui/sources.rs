//! The Sources screen: sources, merge review, classes and problems as one list of lines, of which some can have the cursor.

use ratatui::layout::Rect;

use super::arrange::TOOL;
use super::model::{Model, Scroll};
use crate::fleet::Fleet;
use crate::report::{
    ClassRulesItem, MergeReview, ProblemItem, SourceItem, class_list, merge_review, problems, source_items,
};

/// The panes, from the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pane {
    Sources,
    Merges,
    Classes,
    Problems,
}

/// One line of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// Nothing, between panes.
    Blank,
    /// The title of a pane.
    Title(Pane),
    /// Its heads of columns.
    Heads(Pane),
    /// It has no rows.
    Nothing(Pane),
    /// Each of these is an index into its list.
    Source(usize),
    United(usize),
    Apart(usize),
    Class(usize),
    Problem(usize),
}

impl Row {
    /// Whether the cursor may stand on it.
    pub(crate) fn takes_cursor(self) -> bool {
        matches!(self, Self::Source(_) | Self::United(_) | Self::Apart(_) | Self::Class(_) | Self::Problem(_))
    }

    /// The pane it is in.
    fn pane(self) -> Option<Pane> {
        match self {
            Self::Blank => None,
            Self::Title(pane) | Self::Heads(pane) | Self::Nothing(pane) => Some(pane),
            Self::Source(_) => Some(Pane::Sources),
            Self::United(_) | Self::Apart(_) => Some(Pane::Merges),
            Self::Class(_) => Some(Pane::Classes),
            Self::Problem(_) => Some(Pane::Problems),
        }
    }
}

/// What the screen is made of. Made when the screen is looked at and the fleet is another.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) sources: Vec<SourceItem>,
    /// For each source, what is wrong with it itself, the worst first.
    pub(crate) troubles: Vec<Vec<ProblemItem>>,
    pub(crate) review: Option<MergeReview>,
    pub(crate) classes: Vec<ClassRulesItem>,
    pub(crate) problems: Vec<ProblemItem>,
    pub(crate) rows: Vec<Row>,
    pub(crate) scroll: Scroll,
    /// The generation of the fleet that it tells of.
    pub(crate) of: Option<u64>,
}

impl Page {
    /// Makes it anew; the cursor stays on what it stood on.
    pub(crate) fn remake(&mut self, fleet: &Fleet, now: chrono::DateTime<chrono::Utc>, height: usize) {
        let before = self.rows.get(self.scroll.cursor).map(|row| self.name(*row));
        self.sources = source_items(fleet);
        self.troubles = fleet
            .sources
            .iter()
            .map(|source| {
                let mut all: Vec<&crate::fleet::Problem> = source.problems.iter().collect();
                all.sort_by_key(|p| std::cmp::Reverse(p.severity));
                all.into_iter().map(ProblemItem::from).collect()
            })
            .collect();
        self.problems = problems(fleet);
        self.review = Some(merge_review(fleet, now, TOOL));
        self.classes = class_list(fleet, now, TOOL).items;
        self.rows = self.lay_out();
        if let Some(before) = before.flatten()
            && let Some(found) = self.rows.iter().position(|row| self.name(*row).as_ref() == Some(&before))
        {
            self.scroll.cursor = found;
        }
        self.of = Some(fleet.generation);
        self.settle(1, height);
    }

    fn lay_out(&self) -> Vec<Row> {
        let (united, apart) = self.review.as_ref().map_or((0, 0), |r| (r.united.len(), r.apart.len()));
        let panes: [(Pane, Vec<Row>); 4] = [
            (Pane::Sources, (0..self.sources.len()).map(Row::Source).collect()),
            (Pane::Merges, (0..united).map(Row::United).chain((0..apart).map(Row::Apart)).collect()),
            (Pane::Classes, (0..self.classes.len()).map(Row::Class).collect()),
            (Pane::Problems, (0..self.problems.len()).map(Row::Problem).collect()),
        ];
        let mut rows = Vec::new();
        for (pane, of_pane) in panes {
            // The first title is the screen's own.
            if pane != Pane::Sources {
                rows.extend([Row::Blank, Row::Title(pane)]);
            }
            if of_pane.is_empty() {
                rows.push(Row::Nothing(pane));
            } else {
                if matches!(pane, Pane::Sources | Pane::Classes) {
                    rows.push(Row::Heads(pane));
                }
                rows.extend(of_pane);
            }
        }
        rows
    }

    /// What a line is about, to find it again.
    fn name(&self, row: Row) -> Option<(Pane, String)> {
        let review = self.review.as_ref();
        let name = match row {
            Row::Source(n) => self.sources.get(n)?.name.to_string(),
            Row::United(n) => review?.united.get(n)?.name.to_string(),
            Row::Apart(n) => review?.apart.get(n).map(|a| format!("{} {}", a.first, a.second))?,
            Row::Class(n) => self.classes.get(n)?.name.to_string(),
            Row::Problem(n) => {
                let problem = self.problems.get(n)?;
                format!("{} {} {:?}", problem.code, problem.subject, problem.place())
            }
            Row::Blank | Row::Title(_) | Row::Heads(_) | Row::Nothing(_) => return None,
        };
        Some((row.pane()?, name))
    }

    /// Puts the cursor on a line that may have it: the next one in the direction `by`, else the last one before.
    fn settle(&mut self, by: isize, height: usize) {
        let last = self.rows.len().saturating_sub(1);
        let at = self.scroll.cursor.min(last);
        let may = |i: &usize| self.rows.get(*i).is_some_and(|row| row.takes_cursor());
        let after = || (at..=last).find(may);
        let before = || (0..=at).rev().find(may);
        let found = if by < 0 { before().or_else(after) } else { after().or_else(before) };
        self.scroll.cursor = found.unwrap_or(0);
        self.scroll.clamp(self.rows.len(), height);
        // What stands above the first row of all must not be lost from sight.
        let first = self.rows.iter().position(|row| row.takes_cursor());
        if first.is_none_or(|first| self.scroll.cursor <= first && self.scroll.cursor < height) {
            self.scroll.top = 0;
        }
    }

    /// Moves the cursor by `by` lines.
    pub(crate) fn step(&mut self, by: isize, height: usize) {
        let last = self.rows.len().saturating_sub(1);
        self.scroll.cursor = self.scroll.cursor.saturating_add_signed(by).min(last);
        self.settle(by, height);
    }

    /// Moves the cursor to the first row of the next pane that has one, round and round.
    pub(crate) fn next_pane(&mut self, by: isize, height: usize) {
        let firsts: Vec<(Pane, usize)> =
            self.rows.iter().enumerate().fold(Vec::new(), |mut firsts, (at, row)| {
                if let Some(pane) = row.pane().filter(|_| row.takes_cursor())
                    && firsts.last().is_none_or(|(last, _)| *last != pane)
                {
                    firsts.push((pane, at));
                }
                firsts
            });
        let here = self.pane();
        let at = firsts.iter().position(|(pane, _)| Some(*pane) == here).unwrap_or(0);
        let count = firsts.len().cast_signed();
        if count == 0 {
            return;
        }
        let next = (at.cast_signed() + by).rem_euclid(count).cast_unsigned();
        if let Some((_, first)) = firsts.get(next) {
            self.scroll.cursor = *first;
            // Its title should be on the screen too.
            self.scroll.top = self.scroll.top.min(first.saturating_sub(2));
            self.settle(1, height);
        }
    }

    /// The pane that the cursor is in.
    pub(crate) fn pane(&self) -> Option<Pane> {
        self.rows.get(self.scroll.cursor)?.pane()
    }
}

/// What the cursor stands on.
pub(crate) fn row(model: &Model) -> Option<Row> {
    model.page.rows.get(model.page.scroll.cursor).copied().filter(|row| row.takes_cursor())
}

/// The lines, and those about what is under the cursor.
pub(crate) fn parts(model: &Model) -> [Rect; 2] {
    let body = model.areas().body;
    let about = if body.height >= 14 { 4 } else { 0 };
    let list = Rect { height: body.height - about, ..body };
    [list, Rect { y: list.bottom(), height: about, ..body }]
}

/// How many lines are on the screen.
pub(crate) fn list_height(model: &Model) -> usize {
    let [list, _] = parts(model);
    usize::from(list.height)
}
