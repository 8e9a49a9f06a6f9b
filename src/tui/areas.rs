//! Where things stand on the screen, for every size. Pure: the update needs it for scrolling, the view for drawing.

use ratatui::layout::Rect;

use crate::config::SidePane;

/// How much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tier {
    /// Below 60x12: a notice.
    Tiny,
    /// From 60x12: the bare minimum of columns.
    Small,
    /// From 80x12.
    Medium,
    /// From 110 columns: as drawn in the design.
    Large,
    /// From 170 columns: more columns, the side pane to the right.
    Huge,
}

/// The parts of a screen. A part that is not shown has no height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Areas {
    pub(crate) tier: Tier,
    pub(crate) full: Rect,
    pub(crate) header: Rect,
    pub(crate) tabs: Rect,
    pub(crate) title: Rect,
    pub(crate) body: Rect,
    pub(crate) side: Option<Rect>,
    pub(crate) rule: Rect,
    pub(crate) hints: Rect,
    pub(crate) message: Rect,
}

/// Lines of the side pane below the list, with its rule.
const BELOW: u16 = 7;
/// Columns of the side pane to the right.
const BESIDE: u16 = 64;

/// Divides a screen.
pub(crate) fn areas(full: Rect, header: bool, footer: bool, side: SidePane) -> Areas {
    let tier = match (full.width, full.height) {
        (0..60, _) | (_, 0..12) => Tier::Tiny,
        (60..80, _) => Tier::Small,
        (80..110, _) => Tier::Medium,
        (110..170, _) => Tier::Large,
        _ => Tier::Huge,
    };
    let mut rest = full;
    let mut top = |height: u16| {
        let height = height.min(rest.height);
        let part = Rect { height, ..rest };
        rest = Rect { y: rest.y + height, height: rest.height - height, ..rest };
        part
    };
    let head = u16::from(header);
    let (header, tabs, title) = (top(head), top(head), top(1));
    let roomy = full.height >= 24 && tier >= Tier::Medium;
    let foot = if footer { if roomy { 3 } else { 2 } } else { 0 };
    let foot = foot.min(rest.height);
    let below = Rect { y: rest.bottom() - foot, height: foot, ..rest };
    rest.height -= foot;
    let line = |from_bottom: u16| {
        if foot < from_bottom {
            Rect { height: 0, ..below }
        } else {
            Rect { y: below.bottom() - from_bottom, height: 1, ..below }
        }
    };
    let (rule, hints, message) =
        if roomy { (line(3), line(2), line(1)) } else { (line(0), line(2), line(1)) };
    let rule = if roomy { rule } else { Rect { height: 0, ..below } };
    let place = match side {
        SidePane::Auto if tier == Tier::Huge => SidePane::Right,
        SidePane::Auto if tier == Tier::Large && full.height >= 30 => SidePane::Bottom,
        SidePane::Auto => SidePane::Off,
        SidePane::Right if tier < Tier::Medium => SidePane::Bottom,
        other => other,
    };
    let mut body = rest;
    let side = match place {
        SidePane::Bottom if tier > Tier::Tiny && rest.height >= BELOW + 4 => {
            body.height -= BELOW;
            Some(Rect { y: body.bottom(), height: BELOW, ..rest })
        }
        SidePane::Right => {
            let width = BESIDE.min(rest.width / 2);
            body.width -= width;
            Some(Rect { x: body.right(), width, ..rest })
        }
        _ => None,
    };
    Areas { tier, full, header, tabs, title, body, side, rule, hints, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_stay_on_the_screen_and_apart(
            width in 0u16..300, height in 0u16..100, header: bool, footer: bool, side in 0usize..4,
        ) {
            let full = Rect::new(0, 0, width, height);
            let (_, side) = SidePane::WORDS[side];
            let a = areas(full, header, footer, side);
            let mut parts = vec![a.header, a.tabs, a.title, a.body, a.rule, a.hints, a.message];
            parts.extend(a.side);
            let parts: Vec<Rect> = parts.into_iter().filter(|r| !r.is_empty()).collect();
            for (i, part) in parts.iter().enumerate() {
                prop_assert_eq!(full.intersection(*part), *part);
                for other in &parts[i + 1..] {
                    prop_assert!(!part.intersects(*other), "{:?} {:?}", part, other);
                }
            }
        }
    }
}
