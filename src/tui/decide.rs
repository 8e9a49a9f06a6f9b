//! What can be decided about clusters by keyboard, and what each decision would mean. Nothing is decided here: every way ends in a
//! dialog.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::confirm::{Confirm, Entry, Proposal, Subject, label};
use super::menu::{Choice, Menu, quoted};
use super::model::{Model, Overlay, Screen};
use super::sources::Row;
use crate::config::{Action, Role};
use crate::fleet::{
    ClassOrigin, CleanText, Cluster, ClusterKey, Decision, Fleet, Identity, Protection, SightingId,
    UNCLASSIFIED, class_names, guess_class,
};

/// What is wanted, and of which clusters. They are settled from the first key on, whatever the cursor does meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) keys: Vec<ClusterKey>,
    pub(crate) what: What,
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Choose a class.
    Class,
    /// That class.
    ToClass(CleanText),
    /// The rules, or the guess, again.
    LeaveClass,
    /// Accept the guess, or the class that waits.
    Accept,
    Label,
    Merge,
    Split,
    SplitOf(SightingId),
    Forget,
    Prefer,
    PreferOf(SightingId),
}

/// Decisions in the order of the menu.
const MENU: [(Action, What); 7] = [
    (Action::SetClass, What::Class),
    (Action::AcceptClass, What::Accept),
    (Action::Label, What::Label),
    (Action::Merge, What::Merge),
    (Action::Split, What::Split),
    (Action::PreferPath, What::Prefer),
    (Action::Forget, What::Forget),
];

/// The clusters that a decision would be about: the marks, or what is under the cursor.
pub(super) fn acting(model: &Model) -> Vec<ClusterKey> {
    if let (Screen::Sources, Some(Row::Apart(n))) = (&model.screen, super::sources::row(model)) {
        let pair = model.page.review.as_ref().and_then(|r| r.apart.get(n));
        let both = pair.into_iter().flat_map(|p| [&p.first_cluster, &p.second_cluster]).flatten();
        return both.map(|name| ClusterKey::new(&name.0)).collect();
    }
    if !model.marks.is_empty() && matches!(model.screen, Screen::Fleet | Screen::Versions) {
        // One pass over the fleet, in its order, whatever the number of marks.
        let keys = model.fleet.clusters.iter().map(|c| c.key());
        return keys.filter(|key| model.marks.contains(*key)).cloned().collect();
    }
    model.focus().map(|c| c.key().clone()).into_iter().collect()
}

/// Why nothing of the kind can be decided here; `None` if it can.
pub(super) fn unavailable(model: &Model, action: Action) -> Option<&'static str> {
    // Asked for every frame: marks need not be looked through for it.
    let marked = !model.marks.is_empty() && matches!(model.screen, Screen::Fleet | Screen::Versions);
    if !marked && model.focus().is_none() {
        return Some("there is no cluster under the cursor");
    }
    if action == Action::Decide {
        return None;
    }
    let keys = acting(model);
    let (_, what) = MENU.iter().find(|(a, _)| *a == action)?;
    refusal(model, &keys, what)
}

/// Why that cannot be wanted of these.
fn refusal(model: &Model, keys: &[ClusterKey], what: &What) -> Option<&'static str> {
    let clusters = clusters(&model.fleet, keys);
    let one = clusters.first().filter(|_| clusters.len() == 1);
    match what {
        What::Accept if !clusters.iter().any(|c| accepts(c)) => {
            Some("nothing waits for somebody to accept it")
        }
        What::Merge if clusters.len() < 2 => Some("mark the rows that are one cluster"),
        What::Split if one.is_none_or(|c| c.entry.sources.len() < 2) => {
            Some("only one cluster of several sources can be split")
        }
        What::Prefer if one.is_none_or(|c| c.entry.paths.len() < 2) => {
            Some("only one cluster with several ways to it has a choice")
        }
        What::Forget if !clusters.iter().any(|c| c.entry.gone_at.is_some()) => {
            Some("its sources still know it")
        }
        _ => None,
    }
}

/// Whether there is a guess or a waiting class to accept.
fn accepts(cluster: &Cluster) -> bool {
    let class = &cluster.class;
    class.pending.is_some() || (class.origin == ClassOrigin::Guessed && class.name.as_str() != UNCLASSIFIED)
}

/// The menu of everything that can be decided here.
pub(super) fn menu(model: &Model) -> Menu {
    let keys = acting(model);
    let entries = MENU.iter().map(|(action, what)| {
        let name = action.info().map_or("", |i| i.name).to_owned();
        let help = refusal(model, &keys, what).or(action.info().map(|i| i.help)).unwrap_or_default();
        (name, help.to_owned(), Choice::Decide(Wish { keys: keys.clone(), what: what.clone() }))
    });
    Menu { title: format!("Decide about {}", told(&keys)), entries: entries.collect(), cursor: 0 }
}

/// What an action of the table wants.
pub(super) fn wish(model: &Model, action: Action) -> Option<Wish> {
    let (_, what) = MENU.iter().find(|(a, _)| *a == action)?;
    Some(Wish { keys: acting(model), what: what.clone() })
}

/// Goes on from a wish: a further choice, an input, or the dialog.
pub(super) fn begin(model: &mut Model, wish: Wish) {
    if let Some(why) = refusal(model, &wish.keys, &wish.what) {
        return model.say(Role::Warning, why);
    }
    let out_of_sight = hidden_of(model, &wish.keys);
    let hidden = |key: &ClusterKey| out_of_sight.contains(key);
    let fleet = std::sync::Arc::clone(&model.fleet);
    let clusters = clusters(&fleet, &wish.keys);
    let Some(first) = clusters.first() else {
        return model.say(Role::Warning, "it is no longer there");
    };
    let made = match &wish.what {
        What::Class => {
            model.overlay = Some(Overlay::Menu(classes(&fleet, &wish.keys, &clusters)));
            return;
        }
        What::Split => {
            model.overlay = Some(Overlay::Menu(sightings(first, &wish.keys)));
            return;
        }
        What::Prefer => {
            model.overlay = Some(Overlay::Menu(paths(first, &wish.keys)));
            return;
        }
        What::Label => {
            model.overlay = Some(Overlay::Entry(Entry { keys: wish.keys, ..Entry::default() }));
            return;
        }
        What::ToClass(class) => Ok(to_class(&fleet, &clusters, class, &hidden)),
        What::LeaveClass => Ok(leave_class(&fleet, &clusters, &hidden)),
        What::Accept => Ok(accept(&fleet, &clusters, &hidden)),
        What::Merge => Ok(merge(&clusters, &hidden)),
        What::SplitOf(sighting) => Ok(split(first, sighting, &hidden)),
        What::Forget => Ok(forget(&clusters, &hidden)),
        What::PreferOf(path) => prefer(first, path, &hidden),
    };
    ask(model, made);
}

/// The label was written: asks about it.
pub(super) fn labelled(model: &mut Model) {
    let Some(Overlay::Entry(entry)) = &mut model.overlay else { return };
    let text = entry.input.value().trim().to_owned();
    let (key, value) = match label(&text) {
        Ok(read) => read,
        Err(why) => {
            entry.fault = Some(why);
            return;
        }
    };
    let keys = std::mem::take(&mut entry.keys);
    let fleet = std::sync::Arc::clone(&model.fleet);
    let hidden = hidden_of(model, &keys);
    let made = set_label(&clusters(&fleet, &keys), key, value, &|key| hidden.contains(key));
    ask(model, Ok(made));
}

fn ask(model: &mut Model, made: Result<Proposal, &'static str>) {
    match made {
        Ok(proposal) if proposal.decisions.is_empty() => {
            model.overlay = None;
            model.say(Role::Warning, "nothing is known by which the cluster could be found again");
        }
        Ok(proposal) => model.overlay = Some(Overlay::Confirm(Confirm::new(proposal))),
        Err(why) => {
            model.overlay = None;
            model.say(Role::Warning, why);
        }
    }
}

fn clusters<'a>(fleet: &'a Fleet, keys: &[ClusterKey]) -> Vec<&'a Cluster> {
    let known: HashMap<&ClusterKey, &Cluster> =
        fleet.clusters.iter().map(|c| (c.key(), c.as_ref())).collect();
    keys.iter().filter_map(|key| known.get(key).copied()).collect()
}

/// Of the clusters that a decision would be about, those that the list does not show.
fn hidden_of(model: &Model, keys: &[ClusterKey]) -> HashSet<ClusterKey> {
    if !matches!(model.screen, Screen::Fleet | Screen::Versions) {
        return HashSet::new();
    }
    let rows = model.list.groups.iter().flat_map(|g| &g.members);
    let shown: HashSet<&ClusterKey> =
        rows.filter_map(|i| model.fleet.clusters.get(*i)).map(|c| c.key()).collect();
    keys.iter().filter(|key| !shown.contains(key)).cloned().collect()
}

/// `prod-1`, `3 clusters`.
fn told(keys: &[ClusterKey]) -> String {
    match keys {
        [one] => one.to_string(),
        more => format!("{} clusters", more.len()),
    }
}

fn names(clusters: &[&Cluster]) -> String {
    match clusters {
        [one] => one.key().to_string(),
        more => format!("{} clusters", more.len()),
    }
}

/// By what a cluster is found again: its UID, else what its weightiest source calls it.
fn identity(cluster: &Cluster) -> Option<Identity> {
    let uid = cluster.entry.uid.as_ref().or_else(|| cluster.signals.identity.value());
    let at = || cluster.entry.sources.first().map(|s| Identity::of_sighting(&s.id()));
    uid.map(Identity::of_uid).or_else(at)
}

/// How protected a cluster is once a person has put it into that class. A guessed class is locked only until then.
fn protection_of(fleet: &Fleet, class: &str) -> Protection {
    match fleet.classes.get(class) {
        Some(rules) => rules.protection(),
        None if class == "prod" => Protection::Typed,
        None => guess_class(class).protection,
    }
}

/// Which of these would be less protected.
fn weaker(clusters: &[&Cluster], to: impl Fn(&Cluster) -> Protection) -> Option<String> {
    let loses: Vec<&&Cluster> = clusters.iter().filter(|c| to(c) < c.class.protection).collect();
    let first = loses.first()?;
    let (now, then) = (first.class.protection.as_str(), to(first).as_str());
    Some(match loses.len() {
        1 => format!("the protection of {} was {now} and becomes {then}", first.key()),
        n => format!("{n} of them become less protected: {} was {now} and becomes {then}", first.key()),
    })
}

fn classes(fleet: &Fleet, keys: &[ClusterKey], clusters: &[&Cluster]) -> Menu {
    let declared: Vec<&str> = fleet.classes.classes.iter().map(|c| c.name.as_str()).collect();
    let all: Vec<&str> =
        if declared.is_empty() { class_names().filter(|n| *n != UNCLASSIFIED).collect() } else { declared };
    let entry = |name: &str| {
        let mine = clusters.iter().filter(|c| c.class.name.as_str() == name).count();
        let now = if mine > 0 { format!(", {mine} of {} now", clusters.len()) } else { String::new() };
        let detail = format!("protection: {}{now}", protection_of(fleet, name).as_str());
        let wish = Wish { keys: keys.to_vec(), what: What::ToClass(CleanText::new(name)) };
        (name.to_owned(), detail, Choice::Decide(wish))
    };
    let mut entries: Vec<_> = all.into_iter().map(entry).collect();
    if clusters.iter().any(|c| c.class.origin == ClassOrigin::Override) {
        let wish = Wish { keys: keys.to_vec(), what: What::LeaveClass };
        let detail = "as the rules have it, or else the guess";
        entries.push(("(by rule)".to_owned(), detail.to_owned(), Choice::Decide(wish)));
    }
    Menu { title: format!("Class of {}", told(keys)), entries, cursor: 0 }
}

fn sightings(cluster: &Cluster, keys: &[ClusterKey]) -> Menu {
    let entries = cluster.entry.sources.iter().map(|source| {
        let wish = Wish { keys: keys.to_vec(), what: What::SplitOf(source.id()) };
        (source.name.to_string(), source.reference.to_string(), Choice::Decide(wish))
    });
    Menu { title: format!("Split from {}", cluster.key()), entries: entries.collect(), cursor: 0 }
}

fn paths(cluster: &Cluster, keys: &[ClusterKey]) -> Menu {
    let used = cluster.entry.path();
    let entries = cluster.entry.paths.iter().map(|path| {
        let wish = Wish { keys: keys.to_vec(), what: What::PreferOf(path.sighting.clone()) };
        let now = if used.is_some_and(|u| std::ptr::eq(u, path)) { "in use  " } else { "" };
        let glass = if path.break_glass { "for emergencies  " } else { "" };
        let via = path.via.as_ref().map(|v| format!("  via {v}")).unwrap_or_default();
        let detail = format!("{now}{glass}{} ({}){via}", path.identity, path.method.as_str());
        (path.sighting.to_string(), detail, Choice::Decide(wish))
    });
    let entries: Vec<_> = entries.collect();
    let cursor = cluster.entry.paths.iter().position(|p| used.is_some_and(|u| std::ptr::eq(u, p)));
    Menu { title: format!("Way to {}", cluster.key()), entries, cursor: cursor.unwrap_or(0) }
}

/// A command for each cluster.
fn twins(clusters: &[&Cluster], verb: &str, rest: impl Fn(&Cluster) -> String, yes: bool) -> Vec<String> {
    let yes = if yes { " --yes" } else { "" };
    let line = |c: &&Cluster| {
        let rest = rest(c);
        let rest = if rest.is_empty() { rest } else { format!(" {rest}") };
        format!("fleetglass clusters {verb} {}{rest}{yes}", quoted(c.key().as_str()))
    };
    clusters.iter().map(line).collect()
}

fn to_class(
    fleet: &Fleet,
    clusters: &[&Cluster],
    class: &CleanText,
    hidden: &impl Fn(&ClusterKey) -> bool,
) -> Proposal {
    let then = protection_of(fleet, class.as_str());
    let weaker = weaker(clusters, |_| then);
    let by_rule =
        |c: &&&Cluster| c.class.origin == ClassOrigin::Declared && c.class.name.as_str() != UNCLASSIFIED;
    let declared = clusters.iter().filter(by_rule).count();
    let mut about =
        vec![format!("{} will be of class {class}, protection {}.", names(clusters), then.as_str())];
    if declared > 0 {
        let who = if clusters.len() == 1 {
            "Its class is".to_owned()
        } else {
            format!("The class of {declared} is")
        };
        about.push(format!("{who} from a rule of the fleet file; a decision comes before it."));
    }
    let decide = |c: &&Cluster| Some(Decision::Class { cluster: identity(c)?, class: Some(class.clone()) });
    Proposal {
        title: format!("Set the class of {} to {class}", names(clusters)),
        verb: "class",
        about,
        subjects: subjects(clusters, hidden, |c| format!("{} -> {class}", c.class.name)),
        decisions: clusters.iter().filter_map(decide).collect(),
        undo: "set-class again, or `fleetglass clusters class NAME --unset`".to_owned(),
        twins: twins(clusters, "class", |_| quoted(class.as_str()), weaker.is_some()),
        done: format!("{}: class {class}", names(clusters)),
        weaker,
    }
}

fn leave_class(fleet: &Fleet, clusters: &[&Cluster], hidden: &impl Fn(&ClusterKey) -> bool) -> Proposal {
    let mine: Vec<&Cluster> =
        clusters.iter().copied().filter(|c| c.class.origin == ClassOrigin::Override).collect();
    // What the rules will say is for the engine to find out; that it could be weaker is reason enough to ask for a phrase.
    let declared = fleet.classes.is_declared();
    let guessed = |c: &Cluster| guess_class(c.entry.name.as_str()).protection;
    let then = |c: &Cluster| if declared { Protection::None } else { guessed(c) };
    let decide = |c: &&Cluster| Some(Decision::Class { cluster: identity(c)?, class: None });
    let unknown = || "the rules may give a class of weaker protection".to_owned();
    let weaker = weaker(&mine, then).map(|told| if declared { unknown() } else { told });
    Proposal {
        title: format!("Leave the class of {} to the rules", names(&mine)),
        verb: "class",
        about: vec!["What a person decided about the class no longer counts.".to_owned()],
        subjects: subjects(&mine, hidden, |c| format!("{} -> by rule", c.class.name)),
        decisions: mine.iter().filter_map(decide).collect(),
        undo: "set-class again".to_owned(),
        twins: twins(&mine, "class", |_| "--unset".to_owned(), weaker.is_some()),
        done: format!("{}: class left to the rules", names(&mine)),
        weaker,
    }
}

fn accept(fleet: &Fleet, clusters: &[&Cluster], hidden: &impl Fn(&ClusterKey) -> bool) -> Proposal {
    let mine: Vec<&Cluster> = clusters.iter().copied().filter(|c| accepts(c)).collect();
    let to = |c: &Cluster| c.class.pending.as_ref().map_or_else(|| c.class.name.clone(), |p| p.to.clone());
    let then = |c: &Cluster| match &c.class.pending {
        Some(pending) => pending.protection,
        None => protection_of(fleet, c.class.name.as_str()),
    };
    let decide = |c: &&Cluster| {
        let cluster = identity(c)?;
        Some(match &c.class.pending {
            Some(pending) => Decision::AcceptChange { cluster, to: pending.to.clone() },
            None => Decision::Class { cluster, class: Some(c.class.name.clone()) },
        })
    };
    let mut about: Vec<String> = Vec::new();
    if let Some(pending) = mine.iter().find_map(|c| c.class.pending.as_ref()) {
        about.push(format!("It waits because {}.", pending.because));
    }
    let guessed = mine.iter().filter(|c| c.class.pending.is_none()).count();
    if guessed > 0 {
        about.push(format!("{guessed} guessed from the name; accepted, it is as if a person had said it."));
    }
    let told = |c: &Cluster| match &c.class.pending {
        Some(pending) => format!("{} -> {} ({})", c.class.name, pending.to, pending.protection.as_str()),
        None => format!("{} ({}): {}", c.class.name, then(c).as_str(), c.class.rule),
    };
    let weaker = weaker(&mine, then);
    let done = match mine.as_slice() {
        [one] => format!("{}: class {}", one.key(), to(one)),
        more => format!("{} clusters: class accepted", more.len()),
    };
    Proposal {
        title: format!("Accept the class of {}", names(&mine)),
        verb: "accept",
        about,
        subjects: subjects(&mine, hidden, told),
        decisions: mine.iter().filter_map(decide).collect(),
        undo: "set-class to the old one".to_owned(),
        twins: twins(&mine, "class", |_| "--accept".to_owned(), weaker.is_some()),
        done,
        weaker,
    }
}

fn set_label(
    clusters: &[&Cluster],
    key: &str,
    value: Option<&str>,
    hidden: &impl Fn(&ClusterKey) -> bool,
) -> Proposal {
    let label = CleanText::new(key);
    let decide = |c: &&Cluster| {
        Some(Decision::Label { cluster: identity(c)?, key: label.clone(), value: value.map(CleanText::new) })
    };
    let then = |c: &Cluster| {
        let now = c.entry.labels.get(&label).map_or_else(|| "not set".to_owned(), |v| format!("{key}={v}"));
        let new = value.map_or_else(|| "as its sources say".to_owned(), |v| format!("{key}={v}"));
        format!("{now} -> {new}")
    };
    let text = value.map_or_else(|| format!("{key}-"), |v| format!("{key}={v}"));
    Proposal {
        title: match value {
            Some(_) => format!("Label {} with {text}", names(clusters)),
            None => format!("Take the label {key} of {} back", names(clusters)),
        },
        verb: "label",
        about: vec![
            "It is kept here and lies over what sources say; no cluster is written to.".to_owned(),
            "Class rules see it; a weaker class by it waits for somebody to accept it.".to_owned(),
        ],
        weaker: None,
        subjects: subjects(clusters, hidden, then),
        decisions: clusters.iter().filter_map(decide).collect(),
        undo: format!("label {key}-"),
        twins: twins(clusters, "label", |_| quoted(&text), false),
        done: format!("{}: {text}", names(clusters)),
    }
}

fn merge(clusters: &[&Cluster], hidden: &impl Fn(&ClusterKey) -> bool) -> Proposal {
    let first_of = |c: &Cluster| c.entry.sources.first().map(crate::fleet::SourceRef::id);
    let anchor = clusters.first().copied();
    let others = clusters.get(1..).unwrap_or_default();
    let decide = |c: &&Cluster| Some(Decision::Merge { first: first_of(anchor?)?, second: first_of(c)? });
    let twin = |c: &&Cluster| {
        let first = anchor.map_or("", |a| a.key().as_str());
        format!("fleetglass clusters merge {} {}", quoted(first), quoted(c.key().as_str()))
    };
    let uids: BTreeSet<_> =
        clusters.iter().filter_map(|c| c.entry.uid.as_ref().or_else(|| c.signals.identity.value())).collect();
    let mut about = vec!["They will be one row, with the sources and the ways of all.".to_owned()];
    if uids.len() > 1 {
        about.push("Their kube-system UIDs differ: they are not the same cluster.".to_owned());
    }
    Proposal {
        title: format!("Merge {} clusters into one", clusters.len()),
        verb: "merge",
        about,
        weaker: (uids.len() > 1).then(|| "they look like different clusters".to_owned()),
        subjects: subjects(clusters, hidden, |c| {
            let from = c.entry.sources.iter().map(|s| s.name.as_str()).collect::<Vec<_>>();
            format!("{} from {}", c.class.name, from.join(", "))
        }),
        decisions: others.iter().filter_map(decide).collect(),
        undo: "split one of their sources off again".to_owned(),
        twins: others.iter().map(twin).collect(),
        done: format!("{} rows are one cluster", clusters.len()),
    }
}

fn split(cluster: &Cluster, sighting: &SightingId, hidden: &impl Fn(&ClusterKey) -> bool) -> Proposal {
    let id = sighting.to_string();
    Proposal {
        title: format!("Split {id} from {}", cluster.key()),
        verb: "split",
        about: vec![
            "What that source says of it becomes a row of its own, whatever it looks like.".to_owned(),
            "Merges of it that people decided no longer count.".to_owned(),
        ],
        weaker: None,
        subjects: subjects(&[cluster], hidden, |c| {
            format!("{} sources -> {}", c.entry.sources.len(), c.entry.sources.len().saturating_sub(1))
        }),
        decisions: vec![Decision::Split { sighting: sighting.clone() }],
        undo: format!("`fleetglass clusters split {} --undo`", quoted(&id)),
        twins: vec![format!("fleetglass clusters split {}", quoted(&id))],
        done: format!("{id} is a cluster of its own"),
    }
}

fn forget(clusters: &[&Cluster], hidden: &impl Fn(&ClusterKey) -> bool) -> Proposal {
    let gone: Vec<&Cluster> = clusters.iter().copied().filter(|c| c.entry.gone_at.is_some()).collect();
    let sources = gone.iter().flat_map(|c| c.entry.sources.iter().filter(|s| s.gone_at.is_some()));
    Proposal {
        title: format!("Forget {}", names(&gone)),
        verb: "forget",
        about: vec!["No source knows it any more; its row goes.".to_owned()],
        weaker: None,
        decisions: sources.map(|s| Decision::Forget { sighting: s.id() }).collect(),
        subjects: subjects(&gone, hidden, |c| {
            let from: Vec<&str> = c.entry.sources.iter().map(|s| s.name.as_str()).collect();
            format!("gone from {}", from.join(", "))
        }),
        undo: "not needed: if a source tells of it again, it is there again".to_owned(),
        twins: twins(&gone, "forget", |_| String::new(), false),
        done: format!("{} is forgotten", names(&gone)),
    }
}

fn prefer(
    cluster: &Cluster,
    path: &SightingId,
    hidden: &impl Fn(&ClusterKey) -> bool,
) -> Result<Proposal, &'static str> {
    let way =
        cluster.entry.paths.iter().find(|p| p.sighting == *path).ok_or("this way is no longer there")?;
    let weaker = way.break_glass.then(|| "this way is for emergencies only".to_owned());
    let decision = identity(cluster).map(|cluster| Decision::Prefer { cluster, path: Some(path.clone()) });
    Ok(Proposal {
        title: format!("Reach {} by {path}", cluster.key()),
        verb: "prefer",
        about: vec![format!("Signs in as {} ({}).", way.identity, way.method.as_str())],
        subjects: subjects(&[cluster], hidden, |c| {
            let now = c.entry.path().map_or_else(|| "no way".to_owned(), |p| p.sighting.to_string());
            format!("{now} -> {path}")
        }),
        decisions: decision.into_iter().collect(),
        undo: format!("`fleetglass clusters prefer {} --unset`", quoted(cluster.key().as_str())),
        twins: twins(&[cluster], "prefer", |_| quoted(&path.to_string()), weaker.is_some()),
        done: format!("{} is reached by {path}", cluster.key()),
        weaker,
    })
}

fn subjects(
    clusters: &[&Cluster],
    hidden: &impl Fn(&ClusterKey) -> bool,
    then: impl Fn(&Cluster) -> String,
) -> Vec<Subject> {
    clusters.iter().map(|c| Subject::of(c, hidden(c.key()), then(c))).collect()
}
