//! The geometry of the Versions screen: matrix above, the cell's clusters below.

use ratatui::layout::Rect;

use super::model::{Model, Versions};
use crate::report::{GroupBy, Metric};

/// The parts of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// The matrix with its heads.
    pub(crate) matrix: Rect,
    /// How many rows of counts are on the screen, without the one for all.
    pub(crate) rows: usize,
    /// The rule with the cell's name.
    pub(crate) rule: Rect,
    /// The list with its heads.
    pub(crate) list: Rect,
    /// What the signs mean; no height where there is no room.
    pub(crate) legend: Rect,
}

/// Rows and columns of counts as shown, without the one for all and with the one for unknown.
pub(crate) fn shape(model: &Model) -> (usize, usize) {
    let Some(matrix) = &model.versions.matrix else { return (0, 0) };
    let (groups, lines) = (matrix.rows.len(), matrix.minors.len() + 1);
    if model.versions.transposed { (lines, groups) } else { (groups, lines) }
}

/// Divides the body.
pub(crate) fn parts(model: &Model) -> Parts {
    let body = model.areas().body;
    let (rows, _) = shape(model);
    let legend = if body.height >= 20 { 2 } else { 0 };
    // A head, the row for all, and the row of ends (or the column, when transposed).
    let extra = if model.versions.transposed { 2 } else { 3 };
    let most = usize::from(body.height.saturating_sub(legend + extra + 4)).max(1);
    let shown = rows.min(most);
    let height = u16::try_from(shown).unwrap_or(0).saturating_add(extra).min(body.height);
    let matrix = Rect { height, ..body };
    let rest = body.height - height;
    let rule = Rect { y: matrix.bottom(), height: rest.min(1), ..body };
    let legend_height = legend.min(rest.saturating_sub(1));
    let list = Rect { y: rule.bottom(), height: rest.saturating_sub(1 + legend_height), ..body };
    let legend = Rect { y: list.bottom(), height: legend_height, ..body };
    Parts { matrix, rows: shown, rule, list, legend }
}

/// How many clusters of the cell are on the screen.
pub(crate) fn list_height(model: &Model) -> usize {
    usize::from(parts(model).list.height.saturating_sub(1))
}

/// Moves the cursor by cells, along release lines or along groups.
pub(crate) fn move_cell(model: &mut Model, by: isize, along_groups: bool) {
    let versions = &mut model.versions;
    let Some(matrix) = &versions.matrix else { return };
    if along_groups {
        versions.group = versions.group.saturating_add_signed(by).min(matrix.rows.len());
    } else {
        versions.line = versions.line.saturating_add_signed(by).min(matrix.minors.len());
    }
    versions.list = super::model::Scroll::default();
}

/// Counts the other versions.
pub(crate) fn next_metric(model: &mut Model) {
    let shape = &mut model.versions.shape;
    shape.metric = match shape.metric {
        Metric::ControlPlane => Metric::Kubelet,
        Metric::Kubelet => Metric::ControlPlane,
    };
    again(model);
}

/// Counts by class, by region, by provider, by tenant, by owner.
pub(crate) fn next_grouping(model: &mut Model) {
    let shape = &mut model.versions.shape;
    shape.by = match shape.by {
        GroupBy::Class => GroupBy::Region,
        GroupBy::Region => GroupBy::Provider,
        GroupBy::Provider => GroupBy::Tenant,
        GroupBy::Tenant => GroupBy::Owner,
        GroupBy::Owner => GroupBy::Class,
    };
    again(model);
}

/// The cells are others: the cursor looks for the first that is not empty.
fn again(model: &mut Model) {
    let Versions { transposed, shape, .. } = model.versions;
    model.versions = Versions { transposed, shape, ..Versions::default() };
}
