//! The side pane: the row under the cursor, told in a few lines.

use ratatui::layout::Rect;

use super::super::facts::{Fact, facts};
use super::super::model::Model;
use super::super::paint::{Canvas, width};
use crate::config::Role;
use crate::report::cluster_item;

/// Draws it below (full width) or to the right of the list.
pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let Some(cluster) = model.focus() else {
        return group(model, canvas, area);
    };
    let item = cluster_item(cluster, model.now);
    let facts = facts(&item, model.now);
    if area.x == 0 {
        canvas.rule(Rect { height: 1, ..area }, item.name.as_str(), Role::Border);
        let rows = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        flow(canvas, rows, &facts);
    } else {
        let inside = canvas.frame(area, item.name.as_str(), Role::Border);
        column(canvas, inside, &facts);
    }
}

/// One fact a line, long ones wrapped.
pub(super) fn column(canvas: &mut Canvas<'_>, area: Rect, facts: &[Fact]) {
    column_from(canvas, area, facts, 0);
}

/// The same without the first `skip` lines.
pub(super) fn column_from(canvas: &mut Canvas<'_>, area: Rect, facts: &[Fact], skip: u16) {
    let mut skip = skip;
    let mut y = area.y;
    let label_width = label_width(facts, area.width);
    for fact in facts {
        if y >= area.bottom() {
            break;
        }
        if skip == 0 {
            canvas.text(area.x + 1, y, label_width, fact.label, Role::Label);
        }
        let x = area.x + 1 + label_width;
        let room = area.right().saturating_sub(x + 1);
        for line in wrap(&fact.text, usize::from(room)) {
            if y >= area.bottom() {
                break;
            }
            if skip > 0 {
                skip -= 1;
                continue;
            }
            canvas.text(x, y, room, &line, fact.role);
            y += 1;
        }
    }
}

/// Cells for the labels: the longest and a blank, but never more than a third.
pub(super) fn label_width(facts: &[Fact], room: u16) -> u16 {
    let longest = facts.iter().map(|f| width(f.label)).max().unwrap_or(0);
    (longest + 1).clamp(11, 20).min(room / 3)
}

/// Facts side by side, as many to a line as fit; what the cluster is begins a line of its own.
fn flow(canvas: &mut Canvas<'_>, area: Rect, facts: &[Fact]) {
    let (mut x, mut y) = (area.x + 1, area.y);
    for fact in facts {
        let need = width(fact.label) + 1 + width(&fact.text);
        let breaks = fact.label == "State" || fact.label == "Server";
        if x > area.x + 1 && (breaks || x + need > area.right()) {
            x = area.x + 1;
            y += 1;
        }
        if y >= area.bottom() {
            break;
        }
        let end = area.right();
        x = canvas.text(x, y, end.saturating_sub(x), fact.label, Role::Label) + 1;
        x = canvas.text(x, y, end.saturating_sub(x), &fact.text, fact.role) + 3;
    }
}

/// A group under the cursor: its counts.
fn group(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let Some(group) = model.list.group() else { return };
    let mut facts = vec![Fact::new("clusters", group.members.len().to_string(), Role::Text)];
    let glyphs = canvas.glyphs;
    for state in crate::fleet::State::ALL {
        let count = group.counts.get(state);
        if count > 0 {
            let text = format!("{} {count}", glyphs.state(state));
            facts.push(Fact::new(state.as_str(), text, Role::of_state(state)));
        }
    }
    for (minor, count) in &group.versions {
        facts.push(Fact::new("version", format!("{minor} in {count}"), Role::Text));
    }
    if area.x == 0 {
        canvas.rule(Rect { height: 1, ..area }, group.name.as_str(), Role::Border);
        flow(canvas, Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area }, &facts);
    } else {
        let inside = canvas.frame(area, group.name.as_str(), Role::Border);
        column(canvas, inside, &facts);
    }
}

/// Breaks a text at blanks into lines of at most `room` cells; a word that is longer is cut by the canvas.
pub(super) fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let need = usize::from(width(&line)) + 1 + usize::from(width(word));
        if !line.is_empty() && need > room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn text_is_wrapped_at_blanks() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("", 8), [""]);
        assert_eq!(wrap("averylongword x", 4), ["averylongword", "x"]);
    }
}
