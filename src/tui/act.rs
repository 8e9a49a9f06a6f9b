//! What each action does on each screen.

use super::arrange::{list_cell, rearrange, refilter, relayout};
use super::list::{At, Line, SHOWN_OK};
use super::menu::Menu;
use super::model::{Effect, Model, Overlay, Screen, Scroll, Tab};
use super::palette::Palette;
use super::sources::Row;
use super::update::copy_out;
use super::{cluster, decide, help, mark, versions, visit};
use crate::config::{Action, GroupBy, Place, Role, SidePane, SortBy};
use crate::engine::api::Command;
use crate::fleet::ClusterKey;

/// How many screens history remembers.
const HISTORY: usize = 50;

/// Does it.
pub(super) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    use Action as A;
    model.dirty = true;
    if let Some(reason) = unavailable(model, action) {
        return model.say(Role::Warning, reason);
    }
    match action {
        A::Down => step(model, 1),
        A::Up => step(model, -1),
        A::Top => step(model, isize::MIN),
        A::Bottom => step(model, isize::MAX),
        A::PageDown => step(model, page(model)),
        A::PageUp => step(model, -page(model)),
        A::Left | A::Right => sideways(model, action == A::Right, effects),
        A::NextGroup => next_group(model, true),
        A::PrevGroup => next_group(model, false),
        A::NextCluster => neighbour(model, true, effects),
        A::PrevCluster => neighbour(model, false, effects),
        A::NextPane => pane(model, 1, effects),
        A::PrevPane => pane(model, -1, effects),
        A::Mark => mark::toggle(model),
        A::MarkRange => mark::range(model),
        A::RangeMode => mark::range_mode(model),
        A::MarkAll => mark::all(model),
        A::MarkFlip => mark::flip(model),
        A::MarkNone => mark::none(model),
        A::Open => enter(model, effects),
        A::Filter => {
            let at = model.list.at(&model.fleet);
            model.filter.open(at);
        }
        A::ClearFilter => {
            model.filter.clear();
            filter_changed(model);
        }
        A::ProblemsOnly if model.screen.place() == Place::CLUSTER => {
            model.tab_problems = !model.tab_problems;
            model.scroll = Scroll::default();
        }
        A::ProblemsOnly => {
            model.shape.problems_only = !model.shape.problems_only;
            again(model);
        }
        A::ProblemsFirst => {
            let sort = if model.shape.sort == SortBy::State { SortBy::Name } else { SortBy::State };
            self::sort(model, sort);
        }
        A::GroupBy if model.screen == Screen::Versions => versions::next_grouping(model),
        A::GroupBy => next_grouping(model),
        A::Metric => versions::next_metric(model),
        A::SidePane => {
            model.side = next_side(model.side, model.areas().side);
            relayout(model);
        }
        A::Wide => model.wide = !model.wide,
        A::Transpose => model.versions.transposed = !model.versions.transposed,
        A::SortMenu => model.overlay = Some(Overlay::Menu(Menu::sort(model.shape.sort))),
        A::SortName => sort(model, SortBy::Name),
        A::SortState => sort(model, SortBy::State),
        A::SortSeen => sort(model, SortBy::Seen),
        A::SortFlip => {
            model.shape.descending = !model.shape.descending;
            again(model);
        }
        A::Header => {
            model.header = !model.header;
            relayout(model);
        }
        A::Footer => {
            model.footer = !model.footer;
            relayout(model);
        }
        A::Refresh => refresh(model, effects),
        A::Redraw => effects.push(Effect::Redraw),
        A::CopyName => copy_name(model, effects),
        A::CopyMenu => model.overlay = model.focus().map(|c| Overlay::Menu(Menu::copy(c))),
        A::Fleet => go(model, Screen::Fleet, effects),
        A::Versions => go(model, Screen::Versions, effects),
        A::Sources => go(model, Screen::Sources, effects),
        A::TabOverview => tab(model, Tab::Overview),
        A::TabNodes => tab(model, Tab::Nodes),
        A::TabEvents => tab(model, Tab::Events),
        A::TabChecks => tab(model, Tab::Checks),
        A::TabUpgrade => tab(model, Tab::Upgrade),
        A::BlockedOnly => {
            model.versions.blocked = !model.versions.blocked;
            list_cell(model);
        }
        A::ReadSource => visit::read_source(model, effects),
        A::Decide => model.overlay = Some(Overlay::Menu(decide::menu(model))),
        A::SetClass | A::AcceptClass | A::Label | A::Merge | A::Split | A::Forget | A::PreferPath => {
            if let Some(wish) = decide::wish(model, action) {
                decide::begin(model, wish);
            }
        }
        A::HistoryBack => history(model, true, effects),
        A::HistoryForward => history(model, false, effects),
        A::LastScreen => {
            if let Some(last) = model.last.clone() {
                go(model, last, effects);
            }
        }
        A::Back => back(model, effects),
        A::Leave => leave(model, effects),
        A::Palette => {
            model.overlay = Some(Overlay::Palette(Palette::new(model)));
        }
        A::Help => {
            model.overlay = Some(Overlay::Help(0));
        }
        A::Suspend => effects.push(Effect::Suspend),
        A::Quit => effects.push(Effect::Quit),
    }
}

/// Why an action cannot be done just now; `None` if it can.
pub(super) fn unavailable(model: &Model, action: Action) -> Option<&'static str> {
    use Action as A;
    let nothing = model.fleet.clusters.is_empty();
    match action {
        A::Filter
        | A::Mark
        | A::MarkRange
        | A::RangeMode
        | A::MarkAll
        | A::MarkFlip
        | A::ProblemsOnly
        | A::ProblemsFirst
        | A::GroupBy
        | A::SidePane
        | A::Transpose
        | A::SortMenu
            if nothing =>
        {
            Some("there are no clusters")
        }
        A::Open if nothing && model.screen != Screen::Sources => Some("there are no clusters"),
        A::Open if model.screen == Screen::Sources && super::sources::row(model).is_none() => {
            Some("there is nothing under the cursor")
        }
        A::Decide
        | A::SetClass
        | A::AcceptClass
        | A::Label
        | A::Merge
        | A::Split
        | A::Forget
        | A::PreferPath => decide::unavailable(model, action),
        A::MarkNone if model.marks.is_empty() => Some("nothing is marked"),
        A::ClearFilter if model.filter.good.is_none() => Some("there is no filter"),
        A::HistoryBack | A::HistoryForward if history_ends(model, action) => Some("history ends here"),
        A::LastScreen if model.last.is_none() => Some("no other screen was shown yet"),
        A::CopyMenu if model.focus().is_none() => Some("there is no cluster under the cursor"),
        _ => None,
    }
}

fn history_ends(model: &Model, action: Action) -> bool {
    if action == Action::HistoryBack { model.back.is_empty() } else { model.forward.is_empty() }
}

/// The command that shows in a shell what an action shows here.
pub(super) fn command_of(action: Action) -> Option<&'static str> {
    match action {
        Action::Fleet => Some("fleetglass status"),
        Action::Versions => Some("fleetglass versions"),
        Action::Sources => Some("fleetglass sources list"),
        Action::ReadSource => Some("fleetglass sources sync"),
        Action::BlockedOnly => Some("fleetglass versions --blocked"),
        _ => None,
    }
}

fn page(model: &Model) -> isize {
    let height = match model.screen {
        Screen::Fleet => model.list_height(),
        Screen::Versions => versions::list_height(model),
        Screen::Sources => super::sources::list_height(model),
        Screen::Cluster(_) => cluster::list_height(model),
    };
    height.saturating_sub(1).max(1).cast_signed()
}

fn step(model: &mut Model, by: isize) {
    match model.screen {
        Screen::Fleet => {
            let from = model.list.cursor;
            model.list.cursor = from.saturating_add_signed(by);
            let height = model.list_height();
            model.list.clamp(height);
            if model.range_mode {
                mark::between(model, from, model.list.cursor);
            }
        }
        Screen::Versions if model.versions.in_list => {
            let height = versions::list_height(model);
            let count = model.versions.members.len();
            model.versions.list.step(by, count, height);
        }
        Screen::Versions => {
            let transposed = model.versions.transposed;
            versions::move_cell(model, by, !transposed);
            list_cell(model);
        }
        Screen::Sources => {
            let height = super::sources::list_height(model);
            model.page.step(by, height);
        }
        Screen::Cluster(_) => {
            let (count, height) = (cluster::count(model), cluster::list_height(model));
            if matches!(model.tab, Tab::Overview | Tab::Upgrade) {
                // Text has no cursor: the window itself moves.
                let top = model.scroll.top.saturating_add_signed(by).min(count.saturating_sub(height));
                model.scroll = Scroll { cursor: top, top };
            } else {
                model.scroll.step(by, count, height);
            }
        }
    }
}

fn sideways(model: &mut Model, right: bool, effects: &mut Vec<Effect>) {
    match model.screen {
        Screen::Fleet => fold(model, right),
        Screen::Versions if !model.versions.in_list => {
            let transposed = model.versions.transposed;
            versions::move_cell(model, if right { 1 } else { -1 }, transposed);
            list_cell(model);
        }
        Screen::Versions | Screen::Sources => {}
        Screen::Cluster(_) => pane(model, if right { 1 } else { -1 }, effects),
    }
}

/// Right opens a group, then unfolds it; left folds it, then closes it.
fn fold(model: &mut Model, right: bool) {
    let Some(name) = model.list.group().map(|g| g.name.clone()) else { return };
    let shape = &mut model.shape;
    let mut at = model.list.at(&model.fleet);
    if right {
        if !shape.closed.remove(&name) {
            shape.unfolded.insert(name);
        }
    } else if !shape.unfolded.remove(&name) {
        shape.closed.insert(name.clone());
        at = Some(At::Group(name));
    }
    let height = model.list_height();
    model.list.lay_out(&model.fleet, &model.shape, height, at.as_ref());
}

fn next_group(model: &mut Model, forward: bool) {
    let heads: Vec<usize> = (0..model.list.lines.len())
        .filter(|i| matches!(model.list.lines.get(*i), Some(Line::Group(_))))
        .collect();
    let cursor = model.list.cursor;
    let found = if forward {
        heads.into_iter().find(|i| *i > cursor)
    } else {
        heads.into_iter().rev().find(|i| *i < cursor)
    };
    if let Some(found) = found {
        model.list.cursor = found;
        let height = model.list_height();
        model.list.clamp(height);
    }
}

/// The cluster before or after the opened one, in the order of the Fleet screen.
fn neighbour(model: &mut Model, forward: bool, effects: &mut Vec<Effect>) {
    let Screen::Cluster(key) = &model.screen else { return };
    let rows: Vec<ClusterKey> = model
        .list
        .groups
        .iter()
        .flat_map(|g| &g.members)
        .filter_map(|i| model.fleet.clusters.get(*i))
        .map(|c| c.key().clone())
        .collect();
    let at = rows.iter().position(|k| k == key);
    let next = match at {
        Some(at) => rows.get(if forward { at + 1 } else { at.wrapping_sub(1) }),
        None => rows.first(),
    };
    let Some(next) = next.cloned() else {
        return model.say(
            Role::Warning,
            if forward { "this is the last cluster" } else { "this is the first cluster" },
        );
    };
    model.screen = Screen::Cluster(next.clone());
    model.scroll = Scroll::default();
    relayout_at(model, &next);
    effects.push(Effect::Command(Command::Open(Some(next))));
}

/// Puts the Fleet screen's cursor on a cluster.
fn relayout_at(model: &mut Model, key: &ClusterKey) {
    let height = model.list_height();
    model.list.lay_out(&model.fleet, &model.shape, height, Some(&At::Row(key.clone())));
}

fn pane(model: &mut Model, by: isize, effects: &mut Vec<Effect>) {
    match model.screen {
        Screen::Cluster(_) => {
            let at = Tab::ALL.iter().position(|t| *t == model.tab).unwrap_or(0);
            let count = Tab::ALL.len().cast_signed();
            let next = (at.cast_signed() + by).rem_euclid(count);
            tab(model, Tab::ALL.get(next.cast_unsigned()).copied().unwrap_or_default());
        }
        Screen::Versions => {
            model.versions.in_list = !model.versions.in_list && !model.versions.members.is_empty();
            if model.versions.in_list {
                visit::inspect(model, effects);
            }
        }
        Screen::Fleet => next_group(model, by > 0),
        Screen::Sources => {
            let height = super::sources::list_height(model);
            model.page.next_pane(by, height);
        }
    }
}

fn tab(model: &mut Model, tab: Tab) {
    model.tab = tab;
    model.scroll = Scroll::default();
}

fn enter(model: &mut Model, effects: &mut Vec<Effect>) {
    match model.screen {
        Screen::Fleet => match model.list.lines.get(model.list.cursor) {
            Some(Line::Row(_)) => {
                if let Some(key) = model.focus().map(|c| c.key().clone()) {
                    open(model, key, effects);
                }
            }
            Some(Line::Group(_)) => {
                let closed = model.list.group().is_some_and(|g| model.shape.closed.contains(&g.name));
                if closed {
                    fold(model, true);
                } else if let Some(name) = model.list.group().map(|g| g.name.clone()) {
                    model.shape.closed.insert(name);
                    relayout(model);
                }
            }
            Some(Line::Fold(..)) => fold(model, true),
            None => {}
        },
        Screen::Versions if model.versions.in_list => {
            if let Some(key) = model.version_row() {
                open(model, key, effects);
            }
        }
        Screen::Versions => pane(model, 1, effects),
        Screen::Sources => visit::enter_source(model, effects),
        Screen::Cluster(_) => {}
    }
}

/// Opens a cluster.
pub(super) fn open(model: &mut Model, key: ClusterKey, effects: &mut Vec<Effect>) {
    model.tab = Tab::Overview;
    go(model, Screen::Cluster(key), effects);
}

/// Goes to a screen and remembers where it came from.
pub(super) fn go(model: &mut Model, screen: Screen, effects: &mut Vec<Effect>) {
    if model.screen == screen {
        return;
    }
    let from = model.screen.clone();
    model.back.push(from.clone());
    if model.back.len() > HISTORY {
        model.back.remove(0);
    }
    model.forward.clear();
    show(model, screen, effects);
    model.last = Some(from);
}

/// Shows a screen, and tells the engine which cluster is open.
fn show(model: &mut Model, screen: Screen, effects: &mut Vec<Effect>) {
    if model.filter.editing && model.filter.close() {
        filter_changed(model);
    }
    let opened = |s: &Screen| match s {
        Screen::Cluster(key) => Some(key.clone()),
        _ => None,
    };
    let (before, after) = (opened(&model.screen), opened(&screen));
    if before != after {
        effects.push(Effect::Command(Command::Open(after)));
        model.scroll = Scroll::default();
    }
    model.range_mode = false;
    model.screen = screen;
    relayout(model);
}

fn history(model: &mut Model, back: bool, effects: &mut Vec<Effect>) {
    let (from, to) =
        if back { (&mut model.back, &mut model.forward) } else { (&mut model.forward, &mut model.back) };
    let Some(screen) = from.pop() else { return };
    to.push(model.screen.clone());
    let from = model.screen.clone();
    show(model, screen, effects);
    model.last = Some(from);
}

/// One step back: the filter, the marks, the screen. Popups were closed before this is reached. Never quits.
fn back(model: &mut Model, effects: &mut Vec<Effect>) {
    if model.range_mode {
        model.range_mode = false;
    } else if model.screen == Screen::Versions && model.versions.in_list {
        model.versions.in_list = false;
    } else if matches!(model.screen, Screen::Fleet | Screen::Versions) && model.filter.good.is_some() {
        model.filter.clear();
        filter_changed(model);
    } else if model.screen == Screen::Fleet && model.shape.problems_only {
        model.shape.problems_only = false;
        again(model);
    } else if matches!(model.screen, Screen::Fleet | Screen::Versions) && !model.marks.is_empty() {
        mark::none(model);
    } else if model.screen != Screen::Fleet {
        up(model, effects);
    }
}

/// To the screen this one was opened from, or to Fleet.
fn up(model: &mut Model, effects: &mut Vec<Effect>) {
    let opened_from = match model.screen {
        Screen::Cluster(_) => model.back.iter().rev().find(|s| !matches!(s, Screen::Cluster(_))).cloned(),
        _ => None,
    };
    go(model, opened_from.unwrap_or(Screen::Fleet), effects);
}

fn leave(model: &mut Model, effects: &mut Vec<Effect>) {
    if model.screen != Screen::Fleet {
        return up(model, effects);
    }
    if model.quit_until.is_some() {
        effects.push(Effect::Quit);
    } else {
        let key = model.options.keys.label(Action::Leave).unwrap_or_default();
        model.say(Role::Notice, format!("{key} again quits"));
        model.quit_until = model.message.as_ref().map(|m| m.until);
    }
}

fn refresh(model: &mut Model, effects: &mut Vec<Effect>) {
    let keys: Vec<ClusterKey> = match &model.screen {
        Screen::Cluster(key) => vec![key.clone()],
        Screen::Fleet | Screen::Versions if !model.marks.is_empty() => model.marks.iter().cloned().collect(),
        Screen::Fleet => match (model.focus(), model.list.group()) {
            (Some(cluster), _) => vec![cluster.key().clone()],
            (None, Some(group)) => group
                .members
                .iter()
                .filter_map(|i| model.fleet.clusters.get(*i))
                .map(|c| c.key().clone())
                .collect(),
            (None, None) => Vec::new(),
        },
        Screen::Versions => model.version_row().into_iter().filter(|_| model.versions.in_list).collect(),
        Screen::Sources => Vec::new(),
    };
    let what = match keys.as_slice() {
        [] => "all clusters".to_owned(),
        [one] => one.to_string(),
        more => format!("{} clusters", more.len()),
    };
    effects.push(Effect::Command(Command::Refresh(keys)));
    model.say(Role::Notice, format!("asking {what} again"));
}

fn copy_name(model: &mut Model, effects: &mut Vec<Effect>) {
    let text = match model.screen {
        Screen::Sources => match super::sources::row(model) {
            Some(Row::Source(n)) => model.page.sources.get(n).map(|s| s.name.to_string()),
            Some(Row::Class(n)) => model.page.classes.get(n).map(|c| c.name.to_string()),
            Some(Row::Problem(n)) => model.page.problems.get(n).and_then(crate::report::ProblemItem::place),
            _ => model.focus().map(|c| c.entry.name.to_string()),
        },
        _ => model.focus().map(|c| c.entry.name.to_string()),
    };
    match text {
        Some(text) => copy_out(model, &text, effects),
        None => model.say(Role::Warning, "there is nothing to copy under the cursor"),
    }
}

/// Sorts by something; the same again turns the order round.
pub(super) fn sort(model: &mut Model, sort: SortBy) {
    model.shape.descending = model.shape.sort == sort && !model.shape.descending;
    model.shape.sort = sort;
    again(model);
}

fn next_grouping(model: &mut Model) {
    let at = GroupBy::WORDS.iter().position(|(_, g)| *g == model.shape.group_by).unwrap_or(0);
    let (_, next) = GroupBy::WORDS.get(at + 1).copied().unwrap_or(("class", GroupBy::Class));
    model.shape.group_by = next;
    model.shape.closed.clear();
    model.closed_before = None;
    model.shape.unfolded.clear();
    again(model);
}

/// Below, right, off; from whatever is shown now.
fn next_side(side: SidePane, shown: Option<ratatui::layout::Rect>) -> SidePane {
    match (side, shown) {
        (SidePane::Off, _) | (SidePane::Auto, None) => SidePane::Bottom,
        (SidePane::Bottom, _) => SidePane::Right,
        (SidePane::Auto, Some(area)) if area.x == 0 => SidePane::Right,
        (SidePane::Auto | SidePane::Right, _) => SidePane::Off,
    }
}

/// The filter in force has changed: groups of which it leaves little are open as long as it is in force.
pub(super) fn filter_changed(model: &mut Model) {
    refilter(model);
    if model.filter.good.is_none() {
        if let Some(closed) = model.closed_before.take() {
            model.shape.closed = closed;
        }
        return again(model);
    }
    model.closed_before.get_or_insert_with(|| model.shape.closed.clone());
    again(model);
    let height = model.list_height();
    let Model { list, shape, .. } = model;
    let fits = list.shown + list.groups.len() <= height;
    let little = list.groups.iter().filter(|g| fits || g.members.len() <= SHOWN_OK);
    let opened = little.filter(|g| shape.closed.remove(&g.name)).count();
    if opened > 0 {
        relayout(model);
    }
}

/// Arranges the rows anew because a person asked for another arrangement.
pub(super) fn again(model: &mut Model) {
    let fleet = std::sync::Arc::clone(&model.fleet);
    rearrange(model, true, &fleet);
}

/// How many entries of the palette are on the screen.
pub(super) fn palette_height(model: &Model) -> usize {
    usize::from(super::view::palette_area(model.areas().full).height.saturating_sub(5))
}

/// Keeps the help screen from scrolling past its end.
pub(super) fn clamp_help(model: &mut Model) {
    let last = help::last_top(model);
    if let Some(Overlay::Help(top)) = &mut model.overlay {
        *top = (*top).min(last);
    }
}
