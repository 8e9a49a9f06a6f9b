//! What a hub says of a cluster, as far as it counts.

use chrono::{DateTime, Utc};

use super::{Contact, Judge, Thresholds};
use crate::fleet::{CleanText, Entry, State, Truth, age};

/// A hub's word.
pub(super) struct Word {
    healthy: Truth,
    /// `hub-eu says Available: all is well`.
    message: String,
    since: Option<DateTime<Utc>>,
}

impl Word {
    /// Whether the hub knows how the cluster is.
    pub(super) fn is_known(&self) -> bool {
        self.healthy != Truth::Unknown
    }
}

/// What the weightiest source that speaks of its health says at `now`; `None` if none does.
pub(super) fn word(entry: &Entry, now: DateTime<Utc>, t: &Thresholds) -> Option<Word> {
    let health = entry.facts.health_at(now)?;
    let noted = entry.provenance.iter().find(|p| p.field.as_str() == "health").map(|p| p.from.clone());
    let from = noted.or_else(|| entry.sources.first().map(|s| s.name.clone())).unwrap_or_default();
    let silent = entry.facts.heartbeat_at.is_none() && entry.said_at.is_some_and(|at| now - at > t.hub_word);
    if let Some(at) = entry.said_at.filter(|_| silent) {
        let message = format!("{from} has said nothing for {}", age::words(now - at));
        return Some(Word { healthy: Truth::Unknown, message, since: Some(at) });
    }
    let word = match (health.word.is_empty(), health.healthy) {
        (false, _) => health.word.to_string(),
        (true, Truth::Yes) => "healthy".to_owned(),
        (true, Truth::No) => "unhealthy".to_owned(),
        (true, Truth::Unknown) => "unknown".to_owned(),
    };
    let detail = Some(&health.message).filter(|m| !m.is_empty()).map(CleanText::as_str);
    let detail = detail.map(|d| format!(": {d}")).unwrap_or_default();
    Some(Word {
        healthy: health.healthy,
        message: format!("{from} says {word}{detail}"),
        since: health.since,
    })
}

impl Judge<'_> {
    /// A tombstone: no source knows the cluster any more.
    pub(super) fn gone(&mut self, entry: &Entry) {
        let since = entry.gone_at;
        let told = since.map(|at| format!(" since {}", age::relative(at, self.now))).unwrap_or_default();
        self.push("GONE", State::Warn, &format!("no source has known it{told}"), since, Some("sources"));
    }

    /// A cluster that no path leads to: nothing is wrong with it as long as a hub says that it is well.
    pub(super) fn no_path(&mut self, entry: &Entry, word: Option<&Word>) {
        let message = if entry.paths.is_empty() {
            "no source says how to reach it"
        } else {
            "its only way is for emergencies, and nobody has chosen it"
        };
        let healthy = word.is_some_and(|w| w.healthy == Truth::Yes);
        self.push("NO_PATH", if healthy { State::Ok } else { State::Warn }, message, None, Some("entry"));
    }

    /// What a hub says, where it adds to what we see: all of it for a cluster out of our reach, what is wrong for one that we reach.
    pub(super) fn hub(&mut self, word: Option<&Word>) {
        let Some(word) = word else { return };
        let severity = match (self.contact, word.healthy) {
            (Contact::Live | Contact::Never, Truth::Yes | Truth::Unknown) => return,
            (Contact::Never, Truth::No) => State::New,
            (Contact::Live | Contact::Told, Truth::No) | (Contact::Told, Truth::Unknown) => State::Warn,
            (Contact::Told, Truth::Yes) | (Contact::Lost, _) => State::Ok,
        };
        // Out of our reach by a fault of ours, its word is not what makes the state, unless it is bad.
        let severity =
            if self.contact == Contact::Lost && word.healthy == Truth::No { State::Warn } else { severity };
        self.push("HUB_SAYS", severity, &word.message, word.since, Some("hub"));
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use crate::fleet::testing::{entry, healthy, now};
    use crate::fleet::{
        CleanText, Entry, Failure, Health, Problem, Severity, Signals, State, Thresholds, Truth, verdict,
    };

    fn told(healthy: Option<Truth>) -> Entry {
        let mut entry = entry("c");
        entry.paths.clear();
        entry.said_at = Some(now());
        entry.facts.health = healthy.map(|healthy| Health {
            healthy,
            word: "Available".into(),
            message: "as of the lease".into(),
            since: None,
        });
        entry
    }

    fn judged(entry: &Entry, signals: &Signals) -> (State, Vec<&'static str>) {
        let verdict = verdict(entry, signals, now(), &Thresholds::default());
        (verdict.state, verdict.reasons.iter().map(|r| r.code).collect())
    }

    #[test]
    fn a_cluster_without_a_way_to_it_is_what_its_hub_says() {
        for (word, state, codes) in [
            (Some(Truth::Yes), State::Ok, vec!["NO_PATH", "HUB_SAYS"]),
            (Some(Truth::No), State::Warn, vec!["NO_PATH", "HUB_SAYS"]),
            (Some(Truth::Unknown), State::Warn, vec!["NO_PATH", "HUB_SAYS"]),
            (None, State::Warn, vec!["NO_PATH"]),
        ] {
            assert_eq!(judged(&told(word), &Signals::default()), (state, codes), "{word:?}");
        }
        let verdict = verdict(&told(Some(Truth::No)), &Signals::default(), now(), &Thresholds::default());
        assert_eq!(verdict.reasons[1].message.as_str(), "~/.kube/config says Available: as of the lease");
    }

    #[test]
    fn an_old_word_is_no_word() {
        for (heartbeat, said, state) in [
            (Some(10), 10, State::Ok),
            (Some(61), 10, State::Warn),
            (Some(10), 25 * 3600, State::Ok),
            (None, 23 * 3600, State::Ok),
            (None, 25 * 3600, State::Warn),
        ] {
            let mut entry = told(Some(Truth::Yes));
            entry.facts.heartbeat_at = heartbeat.map(|s| now() - TimeDelta::seconds(s));
            entry.facts.heartbeat_seconds = Some(60);
            entry.said_at = Some(now() - TimeDelta::seconds(said));
            assert_eq!(judged(&entry, &Signals::default()).0, state, "{heartbeat:?} {said}");
        }
    }

    #[test]
    fn an_entry_that_cannot_be_used_is_down_unless_a_hub_hears_of_the_cluster() {
        for (word, state) in
            [(None, State::Down), (Some(Truth::Unknown), State::Down), (Some(Truth::Yes), State::Warn)]
        {
            let mut entry = told(word);
            entry.problems.push(Problem {
                severity: Severity::Error,
                code: "NO_USER",
                origin: None,
                subject: CleanText::default(),
                message: "no such user".into(),
                hint: None,
            });
            assert_eq!(judged(&entry, &Signals::default()).0, state, "{word:?}");
        }
    }

    #[test]
    fn a_path_for_emergencies_is_no_path_until_it_is_chosen() {
        let mut entry = entry("c");
        entry.paths[0].break_glass = true;
        assert_eq!(judged(&entry, &Signals::default()), (State::Warn, vec!["NO_PATH"]));
        entry.chosen = Some(entry.paths[0].sighting.clone());
        assert_eq!(judged(&entry, &Signals::default()), (State::New, vec![]));
    }

    #[test]
    fn what_a_hub_says_adds_to_what_we_see() {
        let mut lost = healthy();
        lost.unreachable = Some(Failure::new(crate::fleet::ErrorCode::Tcp, "refused"));
        for (word, signals, state, says) in [
            (Truth::Yes, healthy(), State::Ok, false),
            (Truth::Unknown, healthy(), State::Ok, false),
            (Truth::No, healthy(), State::Warn, true),
            (Truth::Yes, lost.clone(), State::Down, true),
            (Truth::No, lost, State::Down, true),
            (Truth::Yes, Signals::default(), State::New, false),
            (Truth::No, Signals::default(), State::New, true),
        ] {
            let entry = Entry { paths: entry("c").paths, ..told(Some(word)) };
            let (found, codes) = judged(&entry, &signals);
            assert_eq!((found, codes.contains(&"HUB_SAYS")), (state, says), "{word:?} {codes:?}");
        }
    }

    #[test]
    fn a_tombstone_is_a_warning_with_a_date_whatever_was_seen_before() {
        let mut lost = healthy();
        lost.unreachable = Some(Failure::new(crate::fleet::ErrorCode::Tcp, "refused"));
        for signals in [Signals::default(), healthy(), lost] {
            let entry = Entry { gone_at: Some(now() - TimeDelta::days(3)), ..entry("c") };
            assert_eq!(judged(&entry, &signals), (State::Warn, vec!["GONE"]));
            let verdict = verdict(&entry, &signals, now(), &Thresholds::default());
            assert_eq!(verdict.reasons[0].message.as_str(), "no source has known it since 3 days ago");
        }
    }
}
