//! The dialog before anything is decided: what happens to which clusters, and a question that a slip of the hand cannot answer.
//!
//! Which clusters it is about is settled when the dialog opens, and counted in it. If one of them becomes of another class
//! meanwhile, the dialog no longer asks. Nothing is decided but by [`Confirm::key`] and what it gives out.

use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use crate::config::{Key, KeyCode};
use crate::engine::api::Refused;
use crate::fleet::{CleanText, Cluster, ClusterKey, Decision, Fleet, Protection};

/// From more than so many clusters on, a phrase is asked for, whatever their class; a class may ask for it sooner.
pub(crate) const PHRASE_ABOVE: u32 = 5;

/// Longest text that an input of the dialog holds, in bytes.
const LONGEST: usize = 512;

/// A cluster that a decision is about, as it was when the dialog opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) key: ClusterKey,
    pub(crate) class: CleanText,
    pub(crate) protection: Protection,
    pub(crate) pending: Option<CleanText>,
    /// From how many clusters on its class wants a phrase.
    pub(crate) phrase_above: u32,
    /// Whether the list that the dialog was opened from does not show it.
    pub(crate) hidden: bool,
    /// What becomes of it, in a few words.
    pub(crate) then: String,
}

impl Subject {
    /// A cluster as it is now.
    pub(crate) fn of(cluster: &Cluster, hidden: bool, then: String) -> Self {
        let above = cluster.class.rules.as_ref().and_then(|rules| rules.spec.phrase_above);
        Self {
            key: cluster.key().clone(),
            class: cluster.class.name.clone(),
            protection: cluster.class.protection,
            pending: cluster.class.pending.as_ref().map(|p| p.to.clone()),
            phrase_above: above.unwrap_or(PHRASE_ABOVE),
            hidden,
            then,
        }
    }

    /// Whether the cluster is still as it was.
    fn stands(&self, fleet: &Fleet) -> bool {
        fleet.get(&self.key).is_some_and(|c| {
            c.class.name == self.class
                && c.class.protection == self.protection
                && c.class.pending.as_ref().map(|p| &p.to) == self.pending.as_ref()
        })
    }
}

/// What is to be decided, ready to be asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proposal {
    /// `Set the class of 3 clusters`.
    pub(crate) title: String,
    /// The verb of the phrase, `class`.
    pub(crate) verb: &'static str,
    /// What it means, a sentence each.
    pub(crate) about: Vec<String>,
    /// Why it makes something less safe, if it does.
    pub(crate) weaker: Option<String>,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) decisions: Vec<Decision>,
    /// How it is taken back.
    pub(crate) undo: String,
    /// The same from a shell, a command for each line.
    pub(crate) twins: Vec<String>,
    /// What to say once it is done.
    pub(crate) done: String,
}

impl Proposal {
    /// What must be typed: the name of one cluster, or verb, count and class of several. `None` where y or N is enough.
    pub(crate) fn phrase(&self) -> Option<String> {
        let protected = self.subjects.iter().any(|s| s.protection >= Protection::Typed);
        let count = self.subjects.len();
        let many = self.subjects.iter().any(|s| u32::try_from(count).is_ok_and(|n| n > s.phrase_above));
        if !protected && !many && self.weaker.is_none() {
            return None;
        }
        let first = self.subjects.first()?;
        if count == 1 {
            return Some(first.key.to_string());
        }
        let one_class = self.subjects.iter().all(|s| s.class == first.class);
        let class = if one_class { first.class.as_str() } else { "clusters" };
        Some(format!("{} {count} {class}", self.verb))
    }
}

/// How far the question has come.
#[derive(Debug)]
pub(crate) enum Stage {
    /// y or N; whether the focus is on yes.
    Ask(bool),
    /// A phrase is typed.
    Type { phrase: String, input: Input },
    /// The engine was told and has not answered.
    Waiting,
    /// It was not taken in.
    Refused(Refused),
}

/// The dialog.
#[derive(Debug)]
pub(crate) struct Confirm {
    pub(crate) proposal: Proposal,
    pub(crate) stage: Stage,
    /// The first cluster shown.
    pub(crate) top: usize,
}

/// What a key has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing yet.
    Open,
    /// Not to be done.
    Cancel,
    /// To be done.
    Accept,
    /// The commands are to be copied.
    Copy,
}

impl Confirm {
    /// Asks about a proposal.
    pub(crate) fn new(proposal: Proposal) -> Self {
        let stage = match proposal.phrase() {
            Some(phrase) => Stage::Type { phrase, input: Input::default() },
            None => Stage::Ask(false),
        };
        Self { proposal, stage, top: 0 }
    }

    /// Takes a key in. Only here a decision begins: by `y`, by Enter on yes, or by Enter behind the whole phrase.
    pub(crate) fn key(&mut self, key: Key, event: &crossterm::event::Event) -> Answer {
        let last = self.proposal.subjects.len().saturating_sub(1);
        match (key.code, key.ctrl) {
            (KeyCode::Esc, _) => return Answer::Cancel,
            (KeyCode::Char('y'), true) => return Answer::Copy,
            (KeyCode::Down | KeyCode::PageDown, _) => {
                self.top = (self.top + 1).min(last);
                return Answer::Open;
            }
            (KeyCode::Up | KeyCode::PageUp, _) => {
                self.top = self.top.saturating_sub(1);
                return Answer::Open;
            }
            _ => {}
        }
        match &mut self.stage {
            Stage::Waiting => Answer::Open,
            Stage::Refused(_) => match key.code {
                KeyCode::Enter | KeyCode::Char('q') => Answer::Cancel,
                _ => Answer::Open,
            },
            Stage::Ask(yes) => match key.code {
                _ if key.ctrl || key.alt => Answer::Open,
                KeyCode::Char('y' | 'Y') => Answer::Accept,
                KeyCode::Enter if *yes => Answer::Accept,
                KeyCode::Enter | KeyCode::Char('n' | 'N' | 'q') => Answer::Cancel,
                KeyCode::Tab | KeyCode::Left | KeyCode::Right | KeyCode::Char('h' | 'l') => {
                    *yes = !*yes;
                    Answer::Open
                }
                _ => Answer::Open,
            },
            Stage::Type { phrase, input } => match key.code {
                KeyCode::Enter if input.value() == phrase => Answer::Accept,
                KeyCode::Enter | KeyCode::Tab => Answer::Open,
                KeyCode::Char(_) if !key.ctrl && !key.alt && input.value().len() >= LONGEST => Answer::Open,
                _ => {
                    input.handle_event(event);
                    Answer::Open
                }
            },
        }
    }

    /// A new fleet: if what was asked about is no longer so, nothing is asked any more.
    pub(crate) fn look(&mut self, fleet: &Fleet) {
        if matches!(self.stage, Stage::Waiting | Stage::Refused(_)) {
            return;
        }
        if let Some(other) = self.proposal.subjects.iter().find(|s| !s.stands(fleet)) {
            let message = match fleet.get(&other.key) {
                Some(now) => format!("{} is of class {} now", other.key, now.class.name),
                None => format!("{} is no longer there", other.key),
            };
            self.stage = Stage::Refused(Refused {
                code: "CHANGED",
                message: CleanText::new(&message),
                hint: Some("Look at it again, then decide.".into()),
            });
        }
    }
}

/// The small input before the dialog: a label.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub(crate) keys: Vec<ClusterKey>,
    pub(crate) input: Input,
    /// What is wrong with what was written.
    pub(crate) fault: Option<&'static str>,
}

/// `KEY=VALUE`, or `KEY-` to take a label back, as Kubernetes has them: an optional DNS name and a slash before the key, at most 63 letters,
/// digits, `-`, `_` and `.` in key and value, letters and digits at both ends.
pub(crate) fn label(text: &str) -> Result<(&str, Option<&str>), &'static str> {
    let (key, value) = match (text.split_once('='), text.strip_suffix('-')) {
        (Some((key, value)), _) => (key, Some(value)),
        (None, Some(key)) => (key, None),
        (None, None) => return Err("write KEY=VALUE to set one, KEY- to take it back"),
    };
    let alphanumeric = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let plain = |t: &str| {
        t.len() <= 63
            && alphanumeric(t.chars().next())
            && alphanumeric(t.chars().last())
            && t.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let dns = |t: &str| {
        !t.is_empty()
            && t.len() <= 253
            && t.split('.').all(|part| {
                alphanumeric(part.chars().next())
                    && alphanumeric(part.chars().last())
                    && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            })
    };
    if !plain(name) || !prefix.is_none_or(dns) {
        return Err("this is no key that Kubernetes would take");
    }
    if value.is_some_and(|v| !v.is_empty() && !plain(v)) {
        return Err("this is no value that Kubernetes would take");
    }
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(name: &str, class: &str, protection: Protection) -> Subject {
        Subject {
            key: ClusterKey::new(&name.into()),
            class: class.into(),
            protection,
            pending: None,
            phrase_above: PHRASE_ABOVE,
            hidden: false,
            then: String::new(),
        }
    }

    fn proposal(subjects: Vec<Subject>, weaker: Option<&str>) -> Proposal {
        Proposal {
            title: String::new(),
            verb: "class",
            about: Vec::new(),
            weaker: weaker.map(str::to_owned),
            subjects,
            decisions: Vec::new(),
            undo: String::new(),
            twins: Vec::new(),
            done: String::new(),
        }
    }

    #[test]
    fn a_phrase_is_asked_for_where_a_slip_would_hurt() {
        use Protection::{Confirm as Y, Locked, None as Free, Typed};
        let one = |name: &str, class: &str, p| vec![subject(name, class, p)];
        let many = |n: usize, class: &str| (0..n).map(|i| subject(&format!("c{i}"), class, Y)).collect();
        let mixed = vec![subject("a", "prod", Typed), subject("b", "dev", Free)];
        let prods = vec![subject("a", "prod", Typed), subject("b", "prod", Typed)];
        let mut early = vec![subject("a", "dev", Y), subject("b", "dev", Y)];
        early[1].phrase_above = 1;
        for (subjects, weaker, expect) in [
            (one("a", "dev", Free), None, None),
            (one("a", "dev", Y), None, None),
            (one("a", "dev", Y), Some("less"), Some("a")),
            (one("a", "prod", Typed), None, Some("a")),
            (one("a", "unclassified", Locked), None, Some("a")),
            (many(5, "dev"), None, None),
            (many(6, "dev"), None, Some("class 6 dev")),
            (prods, None, Some("class 2 prod")),
            (mixed, None, Some("class 2 clusters")),
            (early, None, Some("class 2 dev")),
        ] {
            let names: Vec<String> = subjects.iter().map(|s| s.key.to_string()).collect();
            assert_eq!(proposal(subjects, weaker).phrase().as_deref(), expect, "{names:?}");
        }
    }

    #[test]
    fn labels_are_those_that_kubernetes_takes() {
        let long = format!("k={}", "x".repeat(64));
        for (text, expect) in [
            ("team=pay", Some(("team", Some("pay")))),
            ("team=", Some(("team", Some("")))),
            ("team-", Some(("team", None))),
            ("example.com/tier=1", Some(("example.com/tier", Some("1")))),
            ("team", None),
            ("=x", None),
            ("Example.com/x=1", None),
            ("a..b/x=1", None),
            ("a=b c", None),
            ("a=-b", None),
            ("ä=1", None),
            ("a=x\u{1b}", None),
            (long.as_str(), None),
        ] {
            assert_eq!(label(text).ok(), expect, "{text}");
        }
    }
}
