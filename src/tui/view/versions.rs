//! The matrix of versions.

use ratatui::layout::{Position, Rect};

use super::super::areas::{Areas, Tier};
use super::super::facts::{between, role_of, span};
use super::super::model::Model;
use super::super::paint::{Canvas, fit_middle, width};
use super::super::upgrade;
use super::super::versions::{Parts, parts};
use crate::config::Role;
use crate::fleet::Version;
use crate::report::{
    GroupBy, MatrixCell, MatrixRow, MatrixShape, Metric, MinorItem, OutlookItem, VersionItem, VersionMatrix,
};

/// Cells of a row's name.
const NAME: u16 = 20;
/// Columns of the list; the last one takes what is left.
const COLUMNS: usize = 7;
/// Cells of a count.
const CELL: std::ops::RangeInclusive<u16> = 8..=13;
/// Support that ends within so many days is said to end soon.
const SOON: i64 = 90;

/// Draws the screen.
pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>, areas: &Areas) -> Option<Position> {
    let cursor = if model.filter.editing {
        super::fleet::title(model, canvas, areas.title)
    } else {
        let filter = model.filter.good.as_ref().map_or("none", |(text, _)| text.as_str());
        let marks =
            if model.marks.is_empty() { String::new() } else { format!("   marked: {}", model.marks.len()) };
        let shape = model.versions.shape;
        let title = format!("Versions: {} by {}   filter: {filter}{marks}", whose(shape), shape.by.as_str());
        canvas.rule(areas.title, &title, Role::Border);
        None
    };
    let Some(matrix) = &model.versions.matrix else { return cursor };
    if matrix.minors.is_empty() {
        let text = match matrix.totals.total {
            0 if model.fleet.loaded => "no clusters".to_owned(),
            0 => "reading where clusters are".to_owned(),
            n => format!("no version is known yet, {n} clusters pending"),
        };
        canvas.text(areas.body.x + 3, areas.body.y + 1, areas.body.width, &text, Role::Muted);
        return cursor;
    }
    let parts = parts(model);
    counts(model, matrix, canvas, &parts);
    list(model, matrix, canvas, &parts, areas.tier);
    legend(model, matrix, canvas, parts.legend);
    cursor
}

/// Whose versions are counted.
fn whose(shape: MatrixShape) -> &'static str {
    match shape.metric {
        Metric::ControlPlane => "control plane",
        Metric::Kubelet => "oldest kubelet",
    }
}

/// The role of a group's name.
fn group_role(matrix: &VersionMatrix, name: &str) -> Role {
    if matrix.by == GroupBy::Class { Role::of_class(name) } else { Role::Group }
}

/// One row of the matrix as it is shown.
struct Shown {
    name: String,
    name_role: Role,
    cells: Vec<(String, Role)>,
}

fn counts(model: &Model, matrix: &VersionMatrix, canvas: &mut Canvas<'_>, parts: &Parts) {
    let transposed = model.versions.transposed;
    let area = parts.matrix;
    let (heads, rows, cursor) = if transposed { by_line(model, matrix) } else { by_group(model, matrix) };
    let room = area.width.saturating_sub(3 + NAME);
    let each = room / u16::try_from(heads.len()).unwrap_or(u16::MAX).max(1);
    let wide = each.clamp(*CELL.start(), *CELL.end());
    let columns = usize::from(room / wide).max(1);
    let first_column = (cursor.1 + 1).saturating_sub(columns);
    let x = |column: usize| area.x + 3 + NAME + u16::try_from(column - first_column).unwrap_or(0) * wide;
    for (column, (text, role)) in heads.iter().enumerate().skip(first_column).take(columns) {
        canvas.right(x(column), area.y, wide - 1, text, *role);
    }
    let head = match matrix.by {
        _ if transposed => "VERSION",
        GroupBy::Class => "CLASS",
        GroupBy::Region => "REGION",
        GroupBy::Provider => "PROVIDER",
        GroupBy::Tenant => "TENANT",
        GroupBy::Owner => "OWNER",
    };
    canvas.text(area.x + 3, area.y, NAME, head, Role::ColumnHead);
    // The rows for all and for ends always stay; of the others, those around the cursor.
    let fixed = usize::from(area.height.saturating_sub(1)).saturating_sub(parts.rows);
    let scrolled = rows.len().saturating_sub(fixed);
    let first_row = (cursor.0.min(scrolled.saturating_sub(1)) + 1).saturating_sub(parts.rows);
    let shown = (first_row..(first_row + parts.rows).min(scrolled)).chain(scrolled..rows.len());
    for (number, y) in shown.zip(area.y + 1..area.bottom()) {
        let Some(row) = rows.get(number) else { continue };
        canvas.text(area.x + 3, y, NAME, &row.name, row.name_role);
        for (column, (text, role)) in row.cells.iter().enumerate().skip(first_column).take(columns) {
            canvas.right(x(column), y, wide - 1, text, *role);
            if (number, column) == cursor {
                let at = x(column) + (wide - 1).saturating_sub(width(text) + 1);
                let cell = Rect { x: at, y, width: width(text) + 2, height: 1 }.intersection(area);
                canvas.overlay(cell, if model.versions.in_list { Role::Match } else { Role::Cursor });
            }
        }
    }
    if columns < heads.len() {
        let hidden = heads.len() - columns;
        let text = format!("{} {hidden} more", canvas.glyphs.more);
        canvas.right(area.x, area.y, 3 + NAME, &text, Role::Muted);
    }
}

type Grid = (Vec<(String, Role)>, Vec<Shown>, (usize, usize));

/// Groups down, release lines across.
fn by_group(model: &Model, matrix: &VersionMatrix) -> Grid {
    let mut heads: Vec<(String, Role)> =
        matrix.minors.iter().map(|m| (m.minor.clone(), line_role(m))).collect();
    heads.push(("unknown".to_owned(), Role::ColumnHead));
    let aims = &model.versions.aims;
    if !aims.is_empty() {
        heads.extend(["FLOOR", "TARGET"].map(|head| (head.to_owned(), Role::ColumnHead)));
    }
    let show = |row: &MatrixRow, name: String, name_role: Role| {
        let aim = aims.iter().find(|(class, ..)| row.group.as_ref().is_some_and(|g| g.0 == *class));
        let floor = aim.and_then(|(_, floor, _)| floor.as_deref());
        let mut cells: Vec<_> =
            row.cells.iter().zip(&matrix.minors).map(|(c, m)| cell(c, m, floor)).collect();
        cells.push(unknown(row.unknown));
        if !aims.is_empty() {
            let target = aim.and_then(|(.., target)| target.as_deref());
            cells.extend([floor, target].map(|aim| match aim {
                Some(text) => (text.to_owned(), Role::Text),
                None => ("-".to_owned(), Role::Muted),
            }));
        }
        Shown { name, name_role, cells }
    };
    let mut rows: Vec<Shown> = matrix
        .rows
        .iter()
        .map(|row| {
            let name = row.group.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
            let role = group_role(matrix, &name);
            show(row, name, role)
        })
        .collect();
    rows.push(show(&matrix.totals, "all".to_owned(), Role::Title));
    let mut ends: Vec<_> = matrix.minors.iter().map(|m| (ends_in(m), line_role(m))).collect();
    ends.push((String::new(), Role::Muted));
    rows.push(Shown { name: "support ends".to_owned(), name_role: Role::Label, cells: ends });
    (heads, rows, (model.versions.group, model.versions.line))
}

/// Release lines down, groups across, the end of each line at the right.
fn by_line(model: &Model, matrix: &VersionMatrix) -> Grid {
    let all = || matrix.rows.iter().chain([&matrix.totals]);
    let mut heads: Vec<(String, Role)> = all()
        .map(|row| {
            let name = row.group.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
            let role = group_role(matrix, &name);
            (name, role)
        })
        .collect();
    if let Some(last) = heads.last_mut() {
        *last = ("all".to_owned(), Role::Title);
    }
    heads.push(("ends".to_owned(), Role::Label));
    let mut rows: Vec<Shown> = matrix
        .minors
        .iter()
        .enumerate()
        .map(|(n, minor)| {
            let mut cells: Vec<_> =
                all().filter_map(|row| Some(cell(row.cells.get(n)?, minor, None))).collect();
            cells.push((ends_in(minor), line_role(minor)));
            Shown { name: minor.minor.clone(), name_role: line_role(minor), cells }
        })
        .collect();
    let cells = all().map(|row| unknown(row.unknown)).collect();
    rows.push(Shown { name: "unknown".to_owned(), name_role: Role::ColumnHead, cells });
    (heads, rows, (model.versions.line, model.versions.group))
}

/// Whether a release line is older than the oldest that a class allows.
fn is_below(minor: &MinorItem, floor: Option<&str>) -> bool {
    let line = |text: &str| {
        let text = text.trim_start_matches('v');
        format!("v{text}.0")
            .parse::<Version>()
            .or_else(|_| format!("v{text}").parse())
            .ok()
            .map(|v: Version| v.line)
    };
    floor.and_then(line).zip(line(&minor.minor)).is_some_and(|(floor, minor)| minor < floor)
}

fn cell(cell: &MatrixCell, minor: &MinorItem, floor: Option<&str>) -> (String, Role) {
    if cell.count == 0 {
        return (".".to_owned(), Role::Muted);
    }
    let stale = if cell.stale > 0 { "~" } else { "" };
    let skewed = if cell.skewed > 0 { "!" } else { "" };
    let role = match line_role(minor) {
        Role::ColumnHead => Role::Text,
        role => role,
    };
    if is_below(minor, floor) {
        return (format!("{stale}{}{skewed}<", cell.count), Role::Warning);
    }
    (format!("{stale}{}{skewed}", cell.count), role)
}

fn unknown(count: usize) -> (String, Role) {
    if count == 0 { (".".to_owned(), Role::Muted) } else { (count.to_string(), Role::Stale) }
}

fn line_role(minor: &MinorItem) -> Role {
    match minor.end_of_life_in_days {
        Some(days) if days < 0 => Role::EolEnded,
        Some(days) if days < SOON => Role::EolSoon,
        _ => Role::ColumnHead,
    }
}

fn ends_in(minor: &MinorItem) -> String {
    match minor.end_of_life_in_days {
        Some(days) if days < 0 => "ended".to_owned(),
        Some(days) => format!("in {}", span(days * 86_400)),
        None => "-".to_owned(),
    }
}

fn list(model: &Model, matrix: &VersionMatrix, canvas: &mut Canvas<'_>, parts: &Parts, tier: Tier) {
    let versions = &model.versions;
    let group = match matrix.rows.get(versions.group) {
        Some(row) => row.group.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string),
        None => "all".to_owned(),
    };
    let line = matrix.minors.get(versions.line).map_or("unknown", |m| m.minor.as_str());
    let count = versions.members.len();
    let noun = if count == 1 { "cluster" } else { "clusters" };
    let role = if versions.in_list { Role::BorderFocus } else { Role::Border };
    let only = if versions.blocked { " that something blocks" } else { "" };
    canvas.rule(parts.rule, &format!("{group} / {line}: {count} {noun}{only}"), role);
    let area = parts.list;
    if area.height == 0 {
        return;
    }
    let widths: [u16; COLUMNS] = match tier {
        Tier::Large | Tier::Huge => [26, 14, 20, 4, 5, 15, 0],
        Tier::Medium => [20, 10, 0, 4, 0, 15, 0],
        Tier::Small | Tier::Tiny => [18, 9, 0, 0, 0, 14, 0],
    };
    let heads = ["NAME", "PLANE", "KUBELETS", "SKEW", "SEEN", "NEXT STEP", "BLOCKERS"];
    if versions.members.is_empty() {
        let text = if versions.blocked { "nothing is known to block any of them" } else { "none" };
        canvas.text(area.x + 3, area.y, area.width.saturating_sub(3), text, Role::Muted);
        return;
    }
    let mut x = area.x + 3;
    for (number, (head, width)) in heads.iter().zip(widths).enumerate() {
        let last = number + 1 == COLUMNS;
        let room = if last { area.right().saturating_sub(x + 1) } else { width };
        canvas.text(x, area.y, room, head, Role::ColumnHead);
        x += if room > 0 { room + 1 } else { 0 };
    }
    let items = versions.members.iter().zip(&versions.outlooks).skip(versions.list.top);
    let items = items.filter_map(|(i, outlook)| Some((matrix.items.get(*i)?, outlook.as_ref())));
    for ((number, (item, outlook)), y) in items.enumerate().zip(area.y + 1..area.bottom()) {
        line_of(model, item, outlook, canvas, Rect { y, height: 1, ..area }, widths);
        if versions.in_list && versions.list.top + number == versions.list.cursor {
            canvas.overlay(Rect { y, height: 1, ..area }, Role::Cursor);
        }
    }
}

fn line_of(
    model: &Model,
    item: &VersionItem,
    outlook: Option<&OutlookItem>,
    canvas: &mut Canvas<'_>,
    area: Rect,
    widths: [u16; COLUMNS],
) {
    let glyphs = canvas.glyphs;
    if model.marks.contains(&crate::fleet::ClusterKey::new(&item.name.0)) {
        canvas.text(area.x, area.y, 1, glyphs.mark, Role::Mark);
    }
    let state =
        crate::fleet::State::ALL.into_iter().find(|s| crate::report::StateWord::from(*s) == item.state);
    if let Some(state) = state {
        canvas.text(area.x + 1, area.y, 1, glyphs.state(state), role_of(item.state));
    }
    let mark = if item.live { "" } else { "~" };
    let role = if item.live { Role::Text } else { Role::Stale };
    let control_plane = item.control_plane.as_ref().map_or_else(|| "-".to_owned(), |v| format!("{mark}{v}"));
    let kubelets = match (&item.kubelet_min, &item.kubelet_max) {
        (Some(min), Some(max)) if min == max => format!("{mark}{min}"),
        (Some(min), Some(max)) => format!("{mark}{min} to {max}"),
        _ => "-".to_owned(),
    };
    let (skew, skew_role) = match (item.skew_minors, item.skew_allowed) {
        (Some(n), Some(false)) => (format!("{n} !"), Role::StateWarn),
        (Some(n), _) => (n.to_string(), role),
        (None, _) => ("-".to_owned(), Role::Muted),
    };
    let seen = item.observed_at.map_or_else(|| "-".to_owned(), |at| between(at.0, model.now));
    let cells = [
        (item.name.to_string(), Role::Text),
        (control_plane, role),
        (kubelets, role),
        (skew, skew_role),
        (seen, role),
        upgrade::step(outlook),
        upgrade::in_the_way(outlook),
    ];
    let mut x = area.x + 3;
    for (number, ((text, role), width)) in cells.iter().zip(widths).enumerate() {
        let last = number + 1 == COLUMNS;
        let room = if last { area.right().saturating_sub(x + 1) } else { width };
        let cut = canvas.glyphs.cut;
        let text = if number == 0 { fit_middle(text, usize::from(room), cut) } else { text.into() };
        canvas.text(x, area.y, room, &text, *role);
        x += if room > 0 { room + 1 } else { 0 };
    }
}

/// What the signs mean; of the cluster under the cursor, everything that is in its way.
fn legend(model: &Model, matrix: &VersionMatrix, canvas: &mut Canvas<'_>, area: Rect) {
    if area.height < 2 {
        return;
    }
    let versions = &model.versions;
    let at = versions.list.cursor;
    let item = versions.members.get(at).and_then(|i| matrix.items.get(*i)).filter(|_| versions.in_list);
    let outlook = versions.outlooks.get(at).and_then(Option::as_ref);
    if let (Some(item), Some(outlook)) = (item, outlook.filter(|o| !o.blockers.is_empty())) {
        let all: Vec<&str> = outlook.blockers.iter().map(|b| b.message.as_str()).collect();
        canvas.rule(Rect { height: 1, ..area }, &format!("in the way of {}", item.name), Role::Border);
        canvas.text(area.x + 3, area.y + 1, area.width.saturating_sub(4), &all.join("; "), Role::Text);
        return;
    }
    let line = "~ not confirmed   ! kubelets outside the skew policy   < below the floor   . none";
    canvas.rule(Rect { height: 1, ..area }, "signs", Role::Border);
    canvas.text(area.x + 3, area.y + 1, area.width.saturating_sub(3), line, Role::Muted);
}
