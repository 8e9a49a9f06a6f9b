//! The palette: actions, screens and clusters, found by a few letters.

use frizbee::{Config, Matcher};
use tui_input::Input;

use super::act::unavailable;
use super::model::{Model, Scroll};
use crate::config::{ACTIONS, Action};
use crate::fleet::{ClusterKey, State};

/// What an entry does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Action(Action),
    Cluster(ClusterKey),
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) target: Target,
    /// The word to type, `filter`, or a cluster's name.
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) key: String,
    pub(crate) state: Option<State>,
    /// Whether it can be done now; if not, `help` says why.
    pub(crate) possible: bool,
}

/// The palette's state.
#[derive(Debug)]
pub(crate) struct Palette {
    pub(crate) input: Input,
    pub(crate) items: Vec<Item>,
    /// Entries that match, best first.
    pub(crate) hits: Vec<usize>,
    pub(crate) scroll: Scroll,
}

impl Palette {
    /// Everything that can be done on a screen, then every cluster.
    pub(crate) fn new(model: &Model) -> Self {
        let (place, keys) = (model.screen.place(), &model.options.keys);
        let actions =
            ACTIONS.iter().filter(|i| i.place.meets(place) && i.action != Action::Palette).map(|i| Item {
                target: Target::Action(i.action),
                name: i.name.to_owned(),
                help: unavailable(model, i.action).unwrap_or(i.help).to_owned(),
                possible: unavailable(model, i.action).is_none(),
                key: keys.label(i.action).unwrap_or_default(),
                state: None,
            });
        let clusters = model.fleet.clusters.iter().map(|c| Item {
            target: Target::Cluster(c.key().clone()),
            name: c.entry.name.to_string(),
            help: c.class.name.to_string(),
            possible: true,
            key: String::new(),
            state: Some(c.verdict.state),
        });
        let mut palette = Self {
            input: Input::default(),
            items: actions.chain(clusters).collect(),
            hits: Vec::new(),
            scroll: Scroll::default(),
        };
        palette.search();
        palette
    }

    /// Finds what matches the input.
    pub(crate) fn search(&mut self) {
        self.scroll = Scroll::default();
        let needle = self.input.value().trim();
        if needle.is_empty() {
            self.hits = (0..self.items.len()).collect();
            return;
        }
        // Help texts match too, but a name that matches as well must win: it is searched first and stands before.
        let needle: String = needle.chars().take(64).collect();
        let mut matcher = Matcher::new(&needle, &Config::default());
        let names: Vec<&str> = self.items.iter().map(|i| i.name.as_str()).collect();
        let mut hits: Vec<usize> = Vec::new();
        let mut found = matcher.match_list(&names);
        found.sort_by(|a, b| b.exact.cmp(&a.exact).then_with(|| a.cmp(b)));
        hits.extend(found.iter().filter_map(|m| usize::try_from(m.index).ok()));
        let helps: Vec<&str> =
            self.items.iter().map(|i| if i.state.is_none() { i.help.as_str() } else { "" }).collect();
        let lower = needle.to_lowercase();
        hits.extend(
            (0..self.items.len())
                .filter(|i| helps.get(*i).is_some_and(|h| h.to_lowercase().contains(&lower))),
        );
        let mut seen = std::collections::BTreeSet::new();
        hits.retain(|i| seen.insert(*i));
        self.hits = hits;
    }

    /// The entry under the cursor.
    pub(crate) fn chosen(&self) -> Option<&Item> {
        self.items.get(*self.hits.get(self.scroll.cursor)?)
    }
}
