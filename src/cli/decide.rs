//! What an operator decides about clusters: labels, classes, merges, access paths. Kept by the engine's memory; nothing
//! is asked, and what weakens protection is refused without `--yes`.

use super::args::{Clusters, Deciding, Global};
use super::fault::{Exit, Fault};
use super::gather::{self, Gathered, Plan, Session, Until};
use super::suggest;
use super::surroundings::Io;
use crate::fleet::spec::ProtectionSpec;
use crate::fleet::{
    ClassOrigin, CleanText, Cluster, Decision, Fleet, Identity, Protection, SightingId, UNCLASSIFIED,
    class_names,
};

/// `clusters label|class|merge|split|forget|prefer`.
pub(super) fn run(global: &Global, command: &Clusters, io: &mut Io<'_>) -> Result<Exit, Fault> {
    gather::no_watch(global)?;
    gather::no_columns(global)?;
    if global.output.is_some() || global.json.is_some() || global.jq.is_some() {
        return Err(Fault::usage("a decision prints nothing but what was decided")
            .hint("Leave --output, --json and --jq away; `fleetglass decisions list -o json` prints all."));
    }
    if global.no_memory {
        return Err(Fault::refused("there is no memory to keep a decision in")
            .place("--no-memory")
            .hint("Leave it away."));
    }
    let named: Vec<String> = named(command).map(str::to_owned).into_iter().collect();
    let mut plan = gather::prepare(global, &named, io)?;
    let (session, got) = open(&mut plan, global, io)?;
    let made = decision(command, &got);
    let done = made.and_then(|made| {
        let deciding = flags(command);
        if let Some(why) = made.weaker.filter(|_| !deciding.yes) {
            return Err(Fault::refused(format!("{} needs a confirmation", made.what))
                .why(why)
                .hint("Look at `fleetglass classes explain NAME`, then say --yes."));
        }
        session.decide(made.decisions, deciding.reason.as_deref(), io.around.user()).map(|()| made.what)
    });
    session.running.stop();
    writeln!(io.stdout, "{}", done?)?;
    Ok(Exit::Done)
}

/// Decisions are about what sources say; no cluster is contacted for one.
fn open(plan: &mut Plan, global: &Global, io: &mut Io<'_>) -> Result<(Session, Gathered), Fault> {
    plan.open_until(global, Until::Sources, io)
}

/// What is to be decided.
struct Made {
    decisions: Vec<Decision>,
    /// What came of it, for people.
    what: String,
    /// Why it makes something less safe, if it does.
    weaker: Option<String>,
}

impl Made {
    fn safe(decisions: Vec<Decision>, what: String) -> Self {
        Self { decisions, what, weaker: None }
    }
}

fn named(command: &Clusters) -> Option<&str> {
    match command {
        Clusters::Label { name, .. }
        | Clusters::Class { name, .. }
        | Clusters::Forget { name, .. }
        | Clusters::Prefer { name, .. } => Some(name),
        _ => None,
    }
}

fn flags(command: &Clusters) -> Deciding {
    match command {
        Clusters::Label { deciding, .. }
        | Clusters::Class { deciding, .. }
        | Clusters::Merge { deciding, .. }
        | Clusters::Split { deciding, .. }
        | Clusters::Forget { deciding, .. }
        | Clusters::Prefer { deciding, .. } => deciding.clone(),
        Clusters::List { .. } | Clusters::Show { .. } | Clusters::Merges | Clusters::Export { .. } => {
            Deciding::default()
        }
    }
}

fn decision(command: &Clusters, got: &Gathered) -> Result<Made, Fault> {
    let fleet = &got.fleet;
    match command {
        Clusters::Label { labels, .. } => label(the(got)?, labels),
        Clusters::Class { to, accept, unset, .. } => match (to, accept, unset) {
            (Some(class), _, _) => set_class(fleet, the(got)?, class),
            (None, true, _) => accept_class(fleet, the(got)?),
            (None, false, _) => unset_class(fleet, the(got)?),
        },
        Clusters::Merge { first, second, .. } => {
            let (first, second) = (sighting_or_cluster(fleet, first)?, sighting_or_cluster(fleet, second)?);
            if first == second {
                return Err(
                    Fault::usage("these are the same already").place(suggest::shown(&first.to_string()))
                );
            }
            let what = format!("{first} and {second} are one cluster");
            Ok(Made::safe(vec![Decision::Merge { first, second }], what))
        }
        Clusters::Split { sighting, undo, .. } => {
            let sighting = known_sighting(fleet, sighting)?;
            Ok(if *undo {
                let what = format!("merging of {sighting} is left to the rules");
                Made::safe(vec![Decision::Unsplit { sighting }], what)
            } else {
                let what = format!("{sighting} is a cluster of its own");
                Made::safe(vec![Decision::Split { sighting }], what)
            })
        }
        Clusters::Forget { .. } => forget(the(got)?),
        Clusters::Prefer { path, .. } => prefer(the(got)?, path.as_deref()),
        Clusters::List { .. } | Clusters::Show { .. } | Clusters::Merges | Clusters::Export { .. } => {
            Err(Fault::failed("this decides nothing"))
        }
    }
}

/// The one cluster that was named.
fn the(got: &Gathered) -> Result<&Cluster, Fault> {
    got.rows.first().map(AsRef::as_ref).ok_or_else(|| {
        Fault::usage("the cluster is not selected").hint("Leave --query, --selector and --class away.")
    })
}

/// By what a cluster is found again, the surest first.
fn identity(cluster: &Cluster) -> Result<Identity, Fault> {
    let uid = cluster.entry.uid.as_ref().or_else(|| cluster.signals.identity.value()).map(Identity::of_uid);
    let at = || cluster.entry.sources.first().map(|s| Identity::of_sighting(&s.id()));
    uid.or_else(at).ok_or_else(|| {
        Fault::failed(format!("nothing is known by which `{}` could be found again", cluster.key()))
    })
}

fn label(cluster: &Cluster, labels: &[String]) -> Result<Made, Fault> {
    let mut decisions = Vec::new();
    let mut told = Vec::new();
    for text in labels {
        let (key, value) = match (text.split_once('='), text.strip_suffix('-')) {
            (Some((key, value)), _) => (key, Some(value)),
            (None, Some(key)) => (key, None),
            (None, None) => {
                return Err(Fault::usage(format!("`{}` sets no label", suggest::shown(text)))
                    .hint("Write KEY=VALUE to set one, KEY- to take it back."));
            }
        };
        check_label(key, value.unwrap_or_default()).map_err(|why| {
            Fault::usage(format!("`{}` is no label", suggest::shown(text)))
                .why(why)
                .hint("Labels are as Kubernetes has them: team, example.com/tier=1.")
        })?;
        decisions.push(Decision::Label {
            cluster: identity(cluster)?,
            key: CleanText::new(key),
            value: value.map(CleanText::new),
        });
        told.push(match value {
            Some(value) => format!("{key}={value}"),
            None => format!("{key} as its sources say"),
        });
    }
    Ok(Made::safe(decisions, format!("{}: {}", cluster.key(), told.join(", "))))
}

/// Labels are as Kubernetes has them: an optional DNS name and a slash before the key, 63 characters for key and value, letters and
/// digits at both ends, `-`, `_` and `.` between.
fn check_label(key: &str, value: &str) -> Result<(), &'static str> {
    let (prefix, name) = key.rsplit_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let ends = |t: &str| {
        t.starts_with(|c: char| c.is_ascii_alphanumeric()) && t.ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    let inner = |t: &str| t.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if name.is_empty() || name.len() > 63 || !ends(name) || !inner(name) {
        return Err("the key is not one that Kubernetes would take");
    }
    let dns =
        |t: &str| t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'));
    if prefix.is_some_and(|p| p.is_empty() || p.len() > 253 || !ends(p) || !dns(p)) {
        return Err("what stands before the slash is no DNS name");
    }
    if !value.is_empty() && (value.len() > 63 || !ends(value) || !inner(value)) {
        return Err("the value is not one that Kubernetes would take");
    }
    Ok(())
}

fn set_class(fleet: &Fleet, cluster: &Cluster, class: &str) -> Result<Made, Fault> {
    let known: Vec<&str> = if fleet.classes.classes.is_empty() {
        class_names().filter(|name| *name != UNCLASSIFIED).collect()
    } else {
        fleet.classes.classes.iter().map(|c| c.name.as_str()).collect()
    };
    if !known.contains(&class) {
        return Err(Fault::usage(format!("there is no class `{}`", suggest::shown(class)))
            .hint(suggest::one_of(class, known, "")));
    }
    if cluster.class.origin == ClassOrigin::Declared {
        let at = cluster.class.rule_at.as_ref().map(report_place);
        let fault =
            Fault::refused(format!("the fleet file says that `{}` is {}", cluster.key(), cluster.class.name))
                .why("what the fleet file declares comes before what an operator decides")
                .hint("Change its labels, the rule, or its Cluster object.");
        return Err(match at {
            Some(at) => fault.place(at),
            None => fault,
        });
    }
    let decision = Decision::Class { cluster: identity(cluster)?, class: Some(CleanText::new(class)) };
    let weaker = weaker(cluster, class, protection_of(fleet, class));
    Ok(Made { decisions: vec![decision], what: format!("{} is {class}", cluster.key()), weaker })
}

fn accept_class(fleet: &Fleet, cluster: &Cluster) -> Result<Made, Fault> {
    let identity = identity(cluster)?;
    if let Some(pending) = &cluster.class.pending {
        let why = format!(
            "{}; its protection becomes {} and was {}",
            pending.because,
            pending.protection.as_str(),
            cluster.class.protection.as_str()
        );
        return Ok(Made {
            decisions: vec![Decision::AcceptChange { cluster: identity, to: pending.to.clone() }],
            what: format!("{} may be {}", cluster.key(), pending.to),
            weaker: Some(why),
        });
    }
    let name = cluster.class.name.as_str();
    if cluster.class.origin != ClassOrigin::Guessed {
        return Err(Fault::usage(format!("nothing waits: `{}` is {name}", cluster.key()))
            .why(format!("its class is {}", cluster.class.origin.as_str())));
    }
    if name == UNCLASSIFIED {
        return Err(Fault::usage(format!("no class was guessed for `{}`", cluster.key()))
            .hint("Name one: `fleetglass clusters class NAME CLASS`."));
    }
    let decision = Decision::Class { cluster: identity, class: Some(cluster.class.name.clone()) };
    let weaker = weaker(cluster, name, protection_of(fleet, name));
    Ok(Made { decisions: vec![decision], what: format!("{} is {name}", cluster.key()), weaker })
}

fn unset_class(fleet: &Fleet, cluster: &Cluster) -> Result<Made, Fault> {
    if cluster.class.origin != ClassOrigin::Override {
        return Err(Fault::usage(format!("nobody has decided the class of `{}`", cluster.key())));
    }
    let guessed = crate::fleet::guess_class(cluster.entry.name.as_str());
    // With declared classes nothing is guessed, and what no rule fits is locked.
    let then = if fleet.classes.classes.is_empty() { guessed.protection } else { Protection::Locked };
    let decision = Decision::Class { cluster: identity(cluster)?, class: None };
    let weaker = weaker(cluster, "left to the rules", then);
    Ok(Made {
        decisions: vec![decision],
        what: format!("the class of {} is left to the rules", cluster.key()),
        weaker,
    })
}

/// Why a change of class weakens the protection of a cluster, if it does.
fn weaker(cluster: &Cluster, to: &str, then: Protection) -> Option<String> {
    let now = cluster.class.protection;
    (then < now).then(|| format!("its protection is {}, as {to} it is {}", now.as_str(), then.as_str()))
}

/// The protection of a class once somebody has put a cluster there. A guessed class is locked only until then.
fn protection_of(fleet: &Fleet, class: &str) -> Protection {
    let declared = fleet.classes.classes.iter().find(|c| c.name.as_str() == class);
    match declared.map(|rules| rules.spec.protection) {
        Some(Some(ProtectionSpec::None)) => Protection::None,
        Some(Some(ProtectionSpec::Typed)) => Protection::Typed,
        Some(Some(ProtectionSpec::Locked)) => Protection::Locked,
        Some(Some(ProtectionSpec::Confirm) | None) => Protection::Confirm,
        None if class == "prod" => Protection::Typed,
        None => crate::fleet::guess_class(class).protection,
    }
}

fn forget(cluster: &Cluster) -> Result<Made, Fault> {
    let gone = cluster.entry.sources.iter().filter(|s| s.gone_at.is_some());
    let decisions: Vec<Decision> = gone.map(|s| Decision::Forget { sighting: s.id() }).collect();
    if cluster.entry.gone_at.is_none() {
        let fault = Fault::usage(format!("`{}` is still there", cluster.key()));
        let still = cluster.entry.sources.iter().find(|s| s.gone_at.is_none());
        return Err(match still {
            Some(source) => fault.why(format!("{} knows it as {}", source.name, source.reference)),
            None => fault,
        });
    }
    Ok(Made::safe(decisions, format!("{} is forgotten", cluster.key())))
}

fn prefer(cluster: &Cluster, path: Option<&str>) -> Result<Made, Fault> {
    let identity = identity(cluster)?;
    let Some(wanted) = path else {
        let what = format!("the way to {} is left to the rules", cluster.key());
        return Ok(Made::safe(vec![Decision::Prefer { cluster: identity, path: None }], what));
    };
    let paths = &cluster.entry.paths;
    let Some(path) = paths.iter().find(|p| p.sighting.to_string() == wanted) else {
        let known: Vec<String> = paths.iter().map(|p| p.sighting.to_string()).collect();
        return Err(Fault::usage(format!("`{}` is no way to `{}`", suggest::shown(wanted), cluster.key()))
            .hint(suggest::one_of(wanted, known.iter().map(String::as_str), "")));
    };
    let decision = Decision::Prefer { cluster: identity, path: Some(path.sighting.clone()) };
    let weaker = path.break_glass.then(|| "this way is for emergencies only".to_owned());
    Ok(Made { decisions: vec![decision], what: format!("{} is reached by {wanted}", cluster.key()), weaker })
}

/// A sighting as it is written, `SOURCE:REF`; both may hold colons.
fn known_sighting(fleet: &Fleet, text: &str) -> Result<SightingId, Fault> {
    let all = || fleet.clusters.iter().flat_map(|c| &c.entry.sources);
    if let Some(source) = all().find(|s| s.id().to_string() == text) {
        return Ok(source.id());
    }
    let known: Vec<String> = all().map(|s| s.id().to_string()).collect();
    let fault = Fault::usage(format!("no source tells of `{}`", suggest::shown(text)));
    Err(match crate::config::near(text, known.iter().map(String::as_str)) {
        Some(near) => fault.hint(format!("Did you mean `{near}`?")),
        None => fault.hint("`fleetglass clusters show NAME` lists what sources call a cluster."),
    })
}

/// A sighting, or the first one of the cluster of that name.
fn sighting_or_cluster(fleet: &Fleet, text: &str) -> Result<SightingId, Fault> {
    let cluster = fleet.clusters.iter().find(|c| c.key().as_str() == text);
    match cluster.and_then(|c| c.entry.sources.first()) {
        Some(source) => Ok(source.id()),
        None => known_sighting(fleet, text),
    }
}

fn report_place(origin: &crate::fleet::Origin) -> String {
    crate::report::Place::from(origin).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn of(fleet: &Fleet, name: &str) -> Cluster {
        fleet.clusters.iter().find(|c| c.key().as_str() == name).unwrap().as_ref().clone()
    }

    #[test]
    fn labels_are_those_that_kubernetes_takes() {
        for (text, good) in [
            ("team=pay", true),
            ("team=", true),
            ("team-", true),
            ("example.com/tier=1", true),
            ("a.b_c-d=E.f", true),
            ("team", false),
            ("=x", false),
            ("-=x", false),
            ("Example.com/x=1", false),
            ("/x=1", false),
            ("a=b c", false),
            ("a=-b", false),
            ("ä=1", false),
            ("a=x\u{1b}", false),
        ] {
            let cluster = of(&fixture::fleet(), "dev-web-1");
            assert_eq!(label(&cluster, &[text.to_owned()]).is_ok(), good, "{text}");
        }
        let long = format!("k={}", "x".repeat(64));
        assert!(label(&of(&fixture::fleet(), "dev-web-1"), &[long]).is_err());
    }

    #[test]
    fn what_weakens_protection_needs_a_yes() {
        let guessed = fixture::fleet();
        let prod = of(&guessed, "prod-us-east-1");
        let accepted = accept_class(&guessed, &prod).ok().unwrap();
        assert!(accepted.weaker.unwrap().contains("is locked, as prod it is typed"));
        assert!(set_class(&guessed, &of(&guessed, "dev-web-1"), "prod").ok().unwrap().weaker.is_none());
        assert!(set_class(&guessed, &prod, "dev").ok().unwrap().weaker.is_some());
        let near = set_class(&guessed, &prod, "prd").err().unwrap();
        assert!(near.hint.unwrap().contains("Did you mean `prod`?"));
        let declared = fixture::declared();
        let waiting = accept_class(&declared, &of(&declared, "prod-us-east-1")).ok().unwrap();
        assert!(matches!(&waiting.decisions[0], Decision::AcceptChange { to, .. } if to.as_str() == "dev"));
        assert!(waiting.weaker.is_some());
    }

    #[test]
    fn the_fleet_file_comes_before_a_decision() {
        let fleet = fixture::declared();
        let fault = set_class(&fleet, &of(&fleet, "prod-eu-west-3"), "prod").err().unwrap();
        assert_eq!(u8::from(fault.exit), 5);
        assert_eq!(fault.place.as_deref(), Some("/etc/fleetglass/fleet.yaml:14:10"));
    }

    #[test]
    fn clusters_are_found_again_by_their_uid_and_else_by_a_source() {
        let fleet = fixture::fleet();
        assert!(identity(&of(&fleet, "prod-us-east-1")).unwrap().as_str().starts_with("uid:9f1c"));
        let other = identity(&of(&fleet, "stage-eu-2")).unwrap();
        assert_eq!(other.as_str(), "at:/home/ana/.kube/config:stage-eu-2");
    }

    #[test]
    fn only_what_is_gone_is_forgotten_and_emergencies_need_a_yes() {
        let fleet = fixture::declared();
        let mut cluster = of(&fleet, "prod-us-east-1");
        assert!(forget(&cluster).is_err());
        cluster.entry.gone_at = Some(fixture::now());
        cluster.entry.sources.iter_mut().for_each(|s| s.gone_at = Some(fixture::now()));
        assert_eq!(forget(&cluster).ok().unwrap().decisions.len(), 2);
        let path = prefer(&cluster, Some("hub-eu:fleet-system/us-east-1")).ok().unwrap();
        assert!(path.weaker.is_some());
        assert!(prefer(&cluster, Some("hub-eu:else")).is_err());
        let found = sighting_or_cluster(&fleet, "stage-eu-2").unwrap();
        assert_eq!(found.reference.as_str(), "stage-eu-2");
        let fault = known_sighting(&fleet, "hub-eu:fleet-system/us-east-2").unwrap_err();
        assert_eq!(fault.hint.as_deref(), Some("Did you mean `hub-eu:fleet-system/us-east-1`?"));
    }
}
