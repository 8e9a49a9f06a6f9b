//! A popup with lines, of which some lead to a cluster: what one source says.

use super::model::{Model, Scroll};
use crate::config::Role;
use crate::fleet::ClusterKey;
use crate::report::{SeverityWord, words};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// At the right.
    pub(crate) more: String,
    pub(crate) role: Role,
    /// Where Enter leads.
    pub(crate) key: Option<ClusterKey>,
}

/// The popup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub(crate) title: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) scroll: Scroll,
}

impl Sheet {
    /// A source: what is wrong with it, then what it calls which cluster.
    pub(crate) fn of_source(model: &Model, index: usize) -> Option<Self> {
        let source = model.page.sources.get(index)?;
        let mut lines = Vec::new();
        let mut say = |text: String, more: String, role, key| lines.push(Line { text, more, role, key });
        for problem in model.page.troubles.get(index).into_iter().flatten() {
            let role = match problem.severity {
                SeverityWord::Error => Role::Error,
                SeverityWord::Warning => Role::Warning,
                SeverityWord::Note => Role::Muted,
            };
            let text = format!("{} {}: {}", problem.severity.as_str(), problem.subject, problem.message);
            say(text, problem.place().unwrap_or_default(), role, None);
            if let Some(hint) = &problem.hint {
                say(format!("  {hint}"), String::new(), Role::Text, None);
            }
        }
        let mut entries = 0;
        for cluster in model.fleet.clusters.iter() {
            for entry in cluster.entry.sources.iter().filter(|s| s.name == source.name.0) {
                entries += 1;
                let gone = entry.gone_at.map(|at| format!("  gone {} ago", words::between(at, model.now)));
                let joined = match cluster.entry.sources.len() {
                    1 => String::new(),
                    n => format!("  with {} more", n - 1),
                };
                let text = format!("{}{}", entry.reference, gone.clone().unwrap_or_default());
                let role = if gone.is_some() { Role::Stale } else { Role::Text };
                say(text, format!("{}{joined}", cluster.key()), role, Some(cluster.key().clone()));
            }
        }
        if entries == 0 {
            say("it tells of no cluster".to_owned(), String::new(), Role::Muted, None);
        }
        let title = format!("{}: problems: {}, entries: {entries}", source.name, source.problems);
        let first = lines.iter().position(|line| line.key.is_some()).unwrap_or(0);
        Some(Self { title, lines, scroll: Scroll { cursor: first, top: 0 } })
    }

    /// Where Enter leads.
    pub(crate) fn chosen(&self) -> Option<&ClusterKey> {
        self.lines.get(self.scroll.cursor)?.key.as_ref()
    }
}
