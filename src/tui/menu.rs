//! A small list to choose from: what to copy, what to sort by.

use crate::config::SortBy;
use crate::fleet::Cluster;

use super::decide::Wish;
use super::model::Effect;

/// What an entry does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Copy(String),
    Sort(SortBy),
    /// The way to a decision; it asks before anything is decided.
    Decide(Wish),
}

/// The list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Menu {
    pub(crate) title: String,
    /// What stands there, its detail, what it does.
    pub(crate) entries: Vec<(String, String, Choice)>,
    pub(crate) cursor: usize,
}

impl Menu {
    /// What can be copied of a cluster.
    pub(crate) fn copy(cluster: &Cluster) -> Self {
        let name = cluster.entry.name.to_string();
        let mut entries = vec![entry("name", &name)];
        if let Some(server) = cluster.entry.paths.first().and_then(|p| p.server.as_ref()) {
            entries.push(entry("server", server.as_str()));
        }
        if let Some(source) = cluster.entry.sources.first() {
            entries.push(entry("context", source.reference.as_str()));
        }
        entries.push(entry("command", &show_command(&name)));
        Self { title: format!("Copy of {name}"), entries, cursor: 0 }
    }

    /// What the Fleet screen can be sorted by.
    pub(crate) fn sort(now: SortBy) -> Self {
        let entries: Vec<_> = SortBy::WORDS
            .iter()
            .map(|(word, sort)| ((*word).to_owned(), told(*sort).to_owned(), Choice::Sort(*sort)))
            .collect();
        let cursor = SortBy::WORDS.iter().position(|(_, s)| *s == now).unwrap_or(0);
        Self { title: "Sort by".to_owned(), entries, cursor }
    }

    /// How wide the names are.
    pub(crate) fn name_width(&self) -> u16 {
        let longest = self.entries.iter().map(|(name, ..)| super::paint::width(name)).max().unwrap_or(0);
        longest.clamp(10, 40)
    }

    /// Moves the cursor.
    pub(crate) fn step(&mut self, by: isize) {
        self.cursor = self.cursor.saturating_add_signed(by).min(self.entries.len().saturating_sub(1));
    }

    /// What the entry under the cursor does.
    pub(crate) fn chosen(&self) -> Option<&Choice> {
        self.entries.get(self.cursor).map(|(_, _, choice)| choice)
    }
}

fn entry(what: &str, text: &str) -> (String, String, Choice) {
    (what.to_owned(), text.to_owned(), Choice::Copy(text.to_owned()))
}

fn told(sort: SortBy) -> &'static str {
    match sort {
        SortBy::State => "worst first",
        SortBy::Name => "as people count",
        SortBy::Version => "oldest first",
        SortBy::Nodes => "fewest first",
        SortBy::Cert => "soonest end first",
        SortBy::Seen => "longest ago first",
        SortBy::Latency => "fastest first",
    }
}

/// The command that shows the same cluster in a shell.
pub(crate) fn show_command(name: &str) -> String {
    format!("fleetglass clusters show {}", quoted(name))
}

/// An argument as a shell takes it.
pub(crate) fn quoted(text: &str) -> String {
    let plain = !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./@:~=".contains(c))
        && !text.starts_with('~');
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Copies a text, if that can be done: terminals take no more than about 74 kB.
pub(crate) fn copy(text: &str) -> Option<Effect> {
    (text.len() <= 74_994).then(|| Effect::Copy(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_quoted_when_its_name_needs_it() {
        assert_eq!(show_command("prod-1"), "fleetglass clusters show prod-1");
        assert_eq!(show_command("a b'c"), "fleetglass clusters show 'a b'\\''c'");
    }
}
