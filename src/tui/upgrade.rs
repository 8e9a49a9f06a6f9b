//! One cluster's next upgrade, what is not as it should be, and where its sources contradict each other, as labelled lines.

use chrono::{DateTime, Utc};

use super::facts::{Fact, between};
use crate::config::Role;
use crate::report::{BlockerItem, ClusterItem, EffectWord, FindingItem, OutlookItem, WeightWord};

/// The sections of the tab.
pub(crate) fn sections(item: &ClusterItem, now: DateTime<Utc>) -> Vec<(String, Vec<Fact>)> {
    let mut out = vec![("Next upgrade".to_owned(), next(item))];
    if let Some(outlook) = &item.outlook {
        let blockers: Vec<Fact> = outlook.blockers.iter().map(|b| blocker(b, now)).collect();
        let facts = match blockers.len() {
            0 if outlook.next.is_some() => {
                vec![Fact::new("nothing", "is known to be in the way", Role::Muted)]
            }
            _ => blockers,
        };
        out.push((format!("In the way ({})", outlook.blockers.len()), facts));
    }
    out.push((format!("Findings ({})", item.findings.len()), findings(item, now)));
    let conflicts: Vec<Fact> = item
        .identity
        .conflicts
        .iter()
        .map(|conflict| {
            let said: Vec<String> =
                conflict.values.iter().map(|v| format!("{} says {}", v.sighting, v.value)).collect();
            Fact::new("conflict", format!("{}: {}", conflict.field, said.join("; ")), Role::Warning)
        })
        .collect();
    out.push((format!("Sources contradict each other ({})", conflicts.len()), conflicts));
    let merges = item.identity.merges.iter().map(|m| {
        Fact::new("merged", format!("{} joined {} by {} {}", m.second, m.first, m.by, m.value), Role::Text)
    });
    out.push(("One row because".to_owned(), merges.collect()));
    out.retain(|(title, facts)| !facts.is_empty() || title.starts_with("Next"));
    out
}

/// The step itself.
fn next(item: &ClusterItem) -> Vec<Fact> {
    let version = item.version.control_plane.as_ref().or(item.registry.version.as_ref());
    let mark = if item.live { "" } else { "~" };
    let now = version.map_or_else(|| "unknown".to_owned(), |v| format!("{mark}{v}"));
    let mut out = vec![Fact::new("Runs", now, if item.live { Role::Text } else { Role::Stale })];
    let Some(outlook) = &item.outlook else {
        out.push(Fact::new("Next step", "not worked out yet", Role::Progress));
        return out;
    };
    let (step, role) = step(Some(outlook));
    out.push(Fact::new("Next step", step, role));
    if outlook.hops.len() > 1 {
        let count = outlook.hops.len();
        out.push(Fact::new("Hops", format!("{} ({count} steps)", outlook.hops.join(", ")), Role::Text));
    }
    if outlook.kubelets_first && outlook.next.is_some() {
        out.push(Fact::new("First", "kubelets must be upgraded before the control plane", Role::Warning));
    }
    if let Some(by) = &outlook.by {
        let (left, role) = match outlook.by_in_days {
            Some(days) if days < 0 => (format!(", {} days ago", -days), Role::EolEnded),
            Some(days) if days < 90 => (format!(", in {days} days"), Role::EolSoon),
            Some(days) => (format!(", in {days} days"), Role::Text),
            None => (String::new(), Role::Text),
        };
        out.push(Fact::new("By", format!("{by}{left}: support of the present release ends"), role));
    }
    out
}

/// The next step in a few words; what is not known is said to be unknown.
pub(crate) fn step(outlook: Option<&OutlookItem>) -> (String, Role) {
    let Some(outlook) = outlook else { return ("unknown".to_owned(), Role::Stale) };
    let unknown = outlook.blockers.iter().any(|b| b.effect == EffectWord::Unknown);
    match &outlook.next {
        Some(_) if outlook.kubelets_first => ("kubelets first".to_owned(), Role::Warning),
        Some(next) => (format!("-> {next}"), Role::Text),
        None if unknown => ("unknown".to_owned(), Role::Stale),
        None if outlook.blocked => ("none possible".to_owned(), Role::Warning),
        None => ("none needed".to_owned(), Role::Muted),
    }
}

/// What is in the way in a few words, the worst first.
pub(crate) fn in_the_way(outlook: Option<&OutlookItem>) -> (String, Role) {
    let Some(outlook) = outlook else { return ("unknown".to_owned(), Role::Stale) };
    let Some(first) = outlook.blockers.first() else { return ("none".to_owned(), Role::Muted) };
    // How many stands in front: the end of the text may not be seen.
    let count = match outlook.blockers.len() {
        0 | 1 => String::new(),
        n => format!("{n}: "),
    };
    let sign = match first.effect {
        EffectWord::Blocks => "X",
        EffectWord::Warns => "!",
        EffectWord::Unknown => "?",
    };
    (format!("{sign} {count}{}", first.message), role_of(first.effect))
}

fn role_of(effect: EffectWord) -> Role {
    match effect {
        EffectWord::Blocks => Role::Error,
        EffectWord::Warns => Role::Warning,
        EffectWord::Unknown => Role::Stale,
    }
}

fn blocker(blocker: &BlockerItem, now: DateTime<Utc>) -> Fact {
    let hint = blocker.hint.as_ref().map(|h| format!(". {h}")).unwrap_or_default();
    let owner = blocker.owner.as_ref().map(|o| format!("  for {o}")).unwrap_or_default();
    let age = blocker.observed_at.map(|at| format!("  {} ago", between(at.0, now))).unwrap_or_default();
    let text = format!("{}: {}{hint}{owner}{age}", blocker.effect.as_str(), blocker.message);
    Fact::new(blocker.code, text, role_of(blocker.effect))
}

/// What is not as it should be, the worst first.
pub(crate) fn findings(item: &ClusterItem, now: DateTime<Utc>) -> Vec<Fact> {
    item.findings.iter().map(|f| finding(f, item, now)).collect()
}

fn finding(finding: &FindingItem, item: &ClusterItem, now: DateTime<Utc>) -> Fact {
    let about = finding.about.as_ref().map(|a| format!("{a}: ")).unwrap_or_default();
    let hint = finding.hint.as_ref().map(|h| format!(". {h}")).unwrap_or_default();
    let owner = finding.owner.as_ref().filter(|o| item.owner.as_ref() != Some(o));
    let owner = owner.map(|o| format!("  for {o}")).unwrap_or_default();
    let age = finding.observed_at.map(|at| format!("  {} ago", between(at.0, now))).unwrap_or_default();
    let rule = finding.rule.as_ref().map(|r| format!("  {r}")).unwrap_or_default();
    let role = match finding.weight {
        WeightWord::Error => Role::Error,
        WeightWord::Warning => Role::Warning,
        WeightWord::Note => Role::Text,
    };
    Fact::new(finding.code, format!("{about}{}{hint}{owner}{rule}{age}", finding.message), role)
}
