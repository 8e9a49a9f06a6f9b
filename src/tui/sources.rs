//! The geometry of the Sources screen: sources above, problems below, the problem under the cursor at the bottom.

use ratatui::layout::Rect;

use super::model::Model;

/// Sources, the rule between, problems, and the lines about the problem under the cursor.
pub(crate) fn parts(model: &Model) -> [Rect; 4] {
    let body = model.areas().body;
    let wanted = u16::try_from(model.source_items.len()).unwrap_or(u16::MAX).saturating_add(2);
    let sources = Rect { height: wanted.min(body.height / 2).min(body.height), ..body };
    let rest = body.height - sources.height;
    let rule = Rect { y: sources.bottom(), height: rest.min(1), ..body };
    let about = if rest >= 8 { 4 } else { 0 };
    let problems = Rect { y: rule.bottom(), height: rest.saturating_sub(1 + about), ..body };
    let about = Rect { y: problems.bottom(), height: about, ..body };
    [sources, rule, problems, about]
}

/// How many problems are on the screen.
pub(crate) fn list_height(model: &Model) -> usize {
    let [_, _, problems, _] = parts(model);
    usize::from(problems.height)
}
