use std::path::Path;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::config::fleetfile::{join, parse_fleet};
use crate::fleet::testing::{entry, now};
use crate::fleet::{
    ClassOrigin, Decision, Decisions, Entry, Identity, Recorded, Severity, SightingId, SourceRef, Truth,
    UNCLASSIFIED,
};

const HEAD: &str = "apiVersion: fleetglass.dev/v1alpha1\n";

/// A file of `name: spec` classes, listed in that order.
fn file(fleet: &str, classes: &[(&str, &str)]) -> String {
    let names: Vec<_> = classes.iter().map(|(name, _)| *name).collect();
    let mut text = format!(
        "{HEAD}kind: Fleet\nmetadata: {{name: acme}}\nspec: {{classes: [{}], {fleet}}}\n",
        names.join(", ")
    );
    for (name, spec) in classes {
        let object = format!("---\n{HEAD}kind: Class\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n");
        text.push_str(&object);
    }
    text
}

fn read(policy: Option<&str>, own: Option<&str>) -> ClassBook {
    let policy = policy.map(|text| parse_fleet(Path::new("/etc/fleetglass/fleet.yaml"), text, true));
    let own = own.map(|text| parse_fleet(Path::new("fleet.yaml"), text, false));
    let (book, problems) = ClassBook::compile(Arc::new(join(policy, own)));
    assert_eq!(problems, []);
    book
}

fn sound(own: &str) -> ClassBook {
    let book = read(None, Some(own));
    let errors: Vec<_> = book.file.problems.iter().filter(|p| p.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    book
}

fn map(pairs: &[(&str, &str)]) -> TextMap {
    Arc::new(pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect())
}

fn labelled(name: &str, labels: &[(&str, &str)]) -> Entry {
    Entry { labels: map(labels), uid: Some("u-1".into()), ..entry(name) }
}

fn settle(book: &ClassBook, entry: &Entry) -> Settled {
    book.settle(entry, None, &Decisions::default(), now())
}

fn decision(minutes: i64, decision: Decision) -> Recorded {
    Recorded { decision, at: now() + TimeDelta::minutes(minutes), who: "ana".into(), reason: None }
}

fn me() -> Identity {
    Identity::of_uid(&"u-1".into())
}

fn accept(minutes: i64, to: &str) -> Recorded {
    decision(minutes, Decision::AcceptChange { cluster: me(), to: to.into() })
}

fn three() -> ClassBook {
    sound(&file(
        "",
        &[
            ("prod", "match: label.env=prod, protection: typed"),
            ("stage", "match: \"label.env in (stage,prod)\", protection: confirm"),
            ("dev", "match: label.env=dev, protection: none"),
        ],
    ))
}

#[test]
fn the_first_rule_that_fits_gives_the_class_and_says_where_it_stands() {
    let book = three();
    for (env, class, protection, order) in [
        ("prod", "prod", Protection::Typed, 0),
        ("stage", "stage", Protection::Confirm, 1),
        ("dev", "dev", Protection::None, 2),
        ("lab", UNCLASSIFIED, Protection::Locked, 3),
    ] {
        let settled = settle(&book, &labelled("prod-1", &[("env", env)])).class;
        assert_eq!((settled.name.as_str(), settled.protection, settled.order), (class, protection, order));
        assert_eq!(settled.origin, ClassOrigin::Declared);
        assert_eq!(settled.rules.is_some(), class != UNCLASSIFIED);
    }
    let class = settle(&book, &labelled("a", &[("env", "prod")])).class;
    assert_eq!((class.rule.as_str(), class.rule_at.unwrap().line), ("label.env=prod", Some(9)));
}

#[test]
fn without_classes_names_are_guessed_and_a_person_may_accept_the_guess() {
    let book = ClassBook::compile(Arc::default()).0;
    assert!(!book.is_declared());
    let class = settle(&book, &labelled("prod-1", &[])).class;
    assert_eq!((class.origin, class.protection), (ClassOrigin::Guessed, Protection::Locked));
    let accepted = |class: Option<&str>| {
        let class = class.map(CleanText::new);
        Decisions(vec![decision(0, Decision::Class { cluster: me(), class })])
    };
    for (given, name, origin, protection) in [
        (Some("prod"), "prod", ClassOrigin::Override, Protection::Typed),
        (Some("dev"), "dev", ClassOrigin::Override, Protection::Confirm),
        (Some("nonsense"), "prod", ClassOrigin::Guessed, Protection::Locked),
        (None, "prod", ClassOrigin::Guessed, Protection::Locked),
    ] {
        let class = book.settle(&labelled("prod-1", &[]), None, &accepted(given), now()).class;
        assert_eq!(
            (class.name.as_str(), class.origin, class.protection),
            (name, origin, protection),
            "{given:?}"
        );
    }
    assert_eq!(
        three().settle(&labelled("x-dev", &[]), None, &accepted(None), now()).class.name.as_str(),
        UNCLASSIFIED
    );
}

#[test]
fn an_object_comes_before_a_decision_and_a_decision_before_the_rules() {
    let object =
        format!("---\n{HEAD}kind: Cluster\nmetadata: {{name: box}}\nspec: {{class: prod, owner: eva}}\n");
    let book = sound(&(file("", &[("prod", "protection: typed"), ("dev", "match: name~.")]) + &object));
    let to_dev = Decisions(vec![decision(0, Decision::Class { cluster: me(), class: Some("dev".into()) })]);
    let to_prod = Decisions(vec![decision(0, Decision::Class { cluster: me(), class: Some("prod".into()) })]);
    let plain = labelled("a", &[]);
    let mut declared = plain.clone();
    declared.sources.push(SourceRef {
        kind: SourceKind::Static,
        name: "fleet.yaml".into(),
        reference: "box".into(),
        origin: None,
        gone_at: None,
    });
    let class = |entry: &Entry, decisions: &Decisions| {
        let class = book.settle(entry, None, decisions, now()).class;
        (class.name.as_str().to_owned(), class.origin)
    };
    assert_eq!(class(&plain, &Decisions::default()), ("dev".into(), ClassOrigin::Declared));
    assert_eq!(class(&plain, &to_prod), ("prod".into(), ClassOrigin::Override));
    assert_eq!(class(&declared, &to_dev), ("prod".into(), ClassOrigin::Declared));
    let properties = book.settle(&declared, None, &to_dev, now()).properties;
    let owner = &properties[&CleanText::new("owner")];
    assert_eq!(owner.as_str(), "eva");
    let chosen = |entry: &Entry, d: &Decisions| {
        let steps = book.explain(entry, d, now());
        steps.iter().find(|s| s.chosen).map(|s| format!("{}: {}", s.class, s.rule)).unwrap()
    };
    assert_eq!(chosen(&declared, &to_dev), "prod: the Cluster object box");
    assert_eq!(chosen(&plain, &to_prod), "prod: a decision by ana");
    assert_eq!(chosen(&plain, &Decisions::default()), "dev: name~.");
}

#[test]
fn what_is_left_out_is_inherited_and_the_rule_is_not() {
    let book = sound(&file(
        "parameters: {a: f, b: f, c: f, d: f}",
        &[
            (
                "base",
                "match: label.x=y, owner: platform, protection: typed, parameters: {b: base, c: base, d: base}, windows: [{cron: 0 22 * * *, duration: 4h}], concurrency: {max: 3, per: {region: 1}}, versions: {floor: \"1.34\"}",
            ),
            ("mid", "inherits: base, parameters: {c: mid, d: mid}, versions: {target: \"1.36\"}"),
            (
                "leaf",
                "inherits: mid, match: label.env=leaf, parameters: {d: leaf}, concurrency: {max: 9, per: {account: 2}}, protection: confirm",
            ),
        ],
    ));
    let leaf = book.get("leaf").unwrap();
    assert_eq!(leaf.inherits.iter().map(CleanText::as_str).collect::<Vec<_>>(), ["mid", "base"]);
    let spec = &leaf.spec;
    assert_eq!((spec.owner.as_deref(), leaf.protection()), (Some("platform"), Protection::Confirm));
    assert_eq!(
        (spec.versions.floor.as_deref(), spec.versions.target.as_deref()),
        (Some("1.34"), Some("1.36"))
    );
    let concurrency = spec.concurrency.as_ref().unwrap();
    assert_eq!((concurrency.max, concurrency.per["region"], concurrency.per["account"]), (Some(9), 1, 2));
    assert!(!leaf.hours.is_always());
    assert_eq!(book.get("mid").unwrap().spec.matches, None);
    let settled = settle(&book, &labelled("a", &[("env", "leaf")]));
    let told: Vec<_> =
        settled.parameters.iter().map(|p| format!("{}={} {}", p.key, p.value, p.from)).collect();
    assert_eq!(told, ["a=f fleet acme", "b=base class base", "c=mid class mid", "d=leaf class leaf"]);
    let lines: Vec<_> = settled.parameters.iter().map(|p| p.origin.as_ref().unwrap().line.unwrap()).collect();
    assert_eq!(lines, [4, 9, 14, 19]);
}

#[test]
fn names_hold_properties_and_sources_know_better() {
    let book = sound(&file(
        "",
        &[(
            "prod",
            "match: name~^prod, naming: {pattern: \"prod-(?<region>[a-z]+)-(?<number>[0-9]+)(-(?<extra>.+))?\"}",
        )],
    ));
    let mut cluster = labelled("prod-eu-7", &[]);
    cluster.properties = map(&[("region", "eu-west-1")]);
    assert_eq!(settle(&book, &cluster).properties, map(&[("region", "eu-west-1"), ("number", "7")]));
    assert_eq!(settle(&book, &labelled("prod-eu", &[])).properties, map(&[]));
    assert_eq!(settle(&book, &labelled("x-prod-eu-7", &[])).properties, map(&[]));
}

#[test]
fn a_flip_to_weaker_protection_waits_until_it_is_accepted() {
    let book = three();
    let (prod, dev) = (labelled("a", &[("env", "prod")]), labelled("a", &[("env", "dev")]));
    let none = Decisions::default();
    let first = book.settle(&prod, None, &none, now());
    let flipped = book.settle(&dev, Some(&first.inputs), &none, now());
    assert_eq!(flipped.class.name.as_str(), "prod");
    let pending = flipped.class.pending.clone().unwrap();
    assert_eq!((pending.to.as_str(), pending.protection), ("dev", Protection::None));
    assert_eq!(pending.because.as_str(), "label.env was prod and is dev");
    assert_eq!(flipped.inputs.labels, prod.labels);
    // The wrong class is no acceptance, the right one is.
    let wrong = book.settle(&dev, Some(&flipped.inputs), &Decisions(vec![accept(1, "stage")]), now());
    assert_eq!(wrong.class.name.as_str(), "prod");
    let decisions = Decisions(vec![accept(1, "stage"), accept(2, "dev")]);
    let accepted = book.settle(&dev, Some(&wrong.inputs), &decisions, now());
    assert_eq!((accepted.class.name.as_str(), accepted.class.pending.as_ref()), ("dev", None));
    // Back is immediate, and the acceptance does not count twice.
    let back = book.settle(&prod, Some(&accepted.inputs), &decisions, now());
    assert_eq!(back.class.name.as_str(), "prod");
    let again = book.settle(&dev, Some(&back.inputs), &decisions, now());
    assert_eq!(again.class.name.as_str(), "prod");
    assert!(again.class.pending.is_some());
}

#[test]
fn an_acceptance_that_came_too_late_does_not_wait_for_the_next_flip() {
    let book = three();
    let (prod, dev) = (labelled("a", &[("env", "prod")]), labelled("a", &[("env", "dev")]));
    let first = settle(&book, &prod);
    let decisions = Decisions(vec![accept(1, "dev")]);
    // The label was back before the acceptance was heard.
    let quiet = book.settle(&prod, Some(&first.inputs), &decisions, now());
    assert_eq!(book.settle(&dev, Some(&quiet.inputs), &decisions, now()).class.name.as_str(), "prod");
    let renewed = Decisions(vec![accept(1, "dev"), accept(2, "dev")]);
    assert_eq!(book.settle(&dev, Some(&quiet.inputs), &renewed, now()).class.name.as_str(), "dev");
}

#[test]
fn a_change_of_the_rules_counts_at_once() {
    let prod = labelled("a", &[("env", "prod")]);
    let first = settle(&three(), &prod);
    let other = sound(&file("", &[("dev", "match: name~., protection: none")]));
    let settled = other.settle(&prod, Some(&first.inputs), &Decisions::default(), now());
    assert_eq!((settled.class.name.as_str(), settled.class.pending), ("dev", None));
}

#[test]
fn a_class_that_cannot_be_read_locks_what_it_may_have_matched() {
    let text = file("", &[("prod", "mtch: label.env=prod"), ("dev", "match: name~., protection: none")]);
    let book = read(None, Some(&text));
    let class = settle(&book, &labelled("a", &[("env", "dev")])).class;
    assert_eq!((class.name.as_str(), class.protection), (UNCLASSIFIED, Protection::Locked));
    assert!(class.rule.as_str().contains("prod"));
    let before = file("", &[("dev", "match: name~., protection: none"), ("prod", "mtch: label.env=prod")]);
    assert_eq!(settle(&read(None, Some(&before)), &labelled("a", &[])).class.name.as_str(), "dev");
    let broken = settle(&read(None, Some("kind: [")), &labelled("dev-1", &[])).class;
    assert_eq!((broken.name.as_str(), broken.protection), (UNCLASSIFIED, Protection::Locked));
}

#[test]
fn what_is_not_known_never_matches() {
    let book = sound(&file(
        "",
        &[("eu", "match: region=eu-west-1"), ("not", "match: region!=eu-west-1"), ("all", "match: name~.")],
    ));
    let steps = book.explain(&labelled("a", &[]), &Decisions::default(), now());
    let told: Vec<_> = steps.iter().map(|s| (s.class.as_str(), s.truth, s.chosen)).collect();
    assert_eq!(
        told,
        [("eu", Truth::Unknown, false), ("not", Truth::Unknown, false), ("all", Truth::Yes, true)]
    );
    assert_eq!(steps[0].terms[0].words.as_str(), "region is not known");
    assert_eq!(settle(&book, &labelled("a", &[])).class.name.as_str(), "all");
}

#[test]
fn the_machines_file_is_never_fallen_short_of() {
    let policy = file(
        "",
        &[
            (
                "prod",
                "match: label.env=prod, protection: typed, phraseAbove: 3, concurrency: {max: 2, per: {region: 1}}, freezes: [{from: 2026-12-18, to: 2027-01-04}], windows: [{cron: 0 22 * * *, duration: 4h}]",
            ),
            ("stage", "inherits: base, match: label.env=stage"),
            ("base", "protection: typed"),
        ],
    );
    let own = file(
        "",
        &[
            ("mine", "match: label.mine=soft, protection: none"),
            ("hard", "match: label.mine=hard, protection: locked"),
            ("base", "protection: none"),
            (
                "prod",
                "match: label.env=never, protection: confirm, phraseAbove: 50, concurrency: {max: 9, per: {region: 5, account: 1}}, windows: [{cron: 0 20 * * *, duration: 4h}]",
            ),
        ],
    );
    let book = read(Some(&policy), Some(&own));
    for (labels, class, protection) in [
        (&[("env", "prod")][..], "prod", Protection::Typed),
        (&[("env", "prod"), ("mine", "soft")], "prod", Protection::Typed),
        (&[("env", "prod"), ("mine", "hard")], "hard", Protection::Locked),
        (&[("env", "stage")], "stage", Protection::Typed),
        (&[("mine", "soft")], "mine", Protection::None),
        (&[("env", "never")], "prod", Protection::Typed),
    ] {
        let settled = settle(&book, &labelled("a", labels)).class;
        assert_eq!((settled.name.as_str(), settled.protection), (class, protection), "{labels:?}");
    }
    let spec = &book.get("prod").unwrap().spec;
    let concurrency = spec.concurrency.as_ref().unwrap();
    assert_eq!((spec.phrase_above, concurrency.max), (Some(3), Some(2)));
    assert_eq!((concurrency.per["region"], concurrency.per["account"]), (1, 1));
    let hard = settle(&book, &labelled("a", &[("env", "prod"), ("mine", "hard")])).class.rules.unwrap();
    for (hours, time, open) in [
        (&book.get("prod").unwrap().hours, "2026-11-20T21:00:00Z", false),
        (&book.get("prod").unwrap().hours, "2026-11-20T22:30:00Z", true),
        (&book.get("prod").unwrap().hours, "2026-12-20T22:30:00Z", false),
        (&hard.hours, "2026-12-20T22:30:00Z", false),
    ] {
        assert_eq!(hours.at(time.parse().unwrap()).is_open(), open, "{time}");
    }
    let to_mine = Decisions(vec![decision(0, Decision::Class { cluster: me(), class: Some("mine".into()) })]);
    for book in [book, read(Some(&policy), None)] {
        let decided = book.settle(&labelled("a", &[("env", "prod")]), None, &to_mine, now()).class;
        assert_eq!(decided.name.as_str(), "prod");
    }
}

/// Rules over two labels, a property and the name.
const MATCHES: [&str; 8] = [
    "label.env=prod",
    "label.env=dev",
    "label.env!=prod",
    "has:label.tier",
    "label.tier=gold label.env=prod",
    "name~^prod",
    "region=eu",
    "name~.",
];

const PROTECTIONS: [&str; 4] = ["none", "confirm", "typed", "locked"];

type Spec = (usize, usize);

/// A file of classes named by `prefix` and their index.
fn written(prefix: &str, classes: &[Spec], broken: Option<usize>) -> String {
    let classes: Vec<_> = classes
        .iter()
        .enumerate()
        .map(|(i, (rule, protection))| {
            let key = if broken == Some(i) { "mtch" } else { "match" };
            (
                format!("{prefix}{i}"),
                format!("{key}: \"{}\", protection: {}", MATCHES[*rule], PROTECTIONS[*protection]),
            )
        })
        .collect();
    let classes: Vec<_> = classes.iter().map(|(name, spec)| (name.as_str(), spec.as_str())).collect();
    file("", &classes)
}

#[derive(Clone, Debug)]
enum Step {
    Label(&'static str, Option<&'static str>),
    Property(Option<&'static str>),
    Rename(&'static str),
    /// The file is broken at that class, until it is mended.
    Break(usize),
    Mend,
}

fn step() -> impl Strategy<Value = Step> {
    let env = prop::sample::select(vec![None, Some("prod"), Some("dev"), Some("stage")]);
    let tier = prop::sample::select(vec![None, Some("gold")]);
    let region = prop::sample::select(vec![None, Some("eu"), Some("us")]);
    prop_oneof![
        4 => env.prop_map(|v| Step::Label("env", v)),
        2 => tier.prop_map(|v| Step::Label("tier", v)),
        2 => region.prop_map(|v| Step::Label("region", v)),
        1 => Just(Step::Property(Some("x"))),
        1 => Just(Step::Property(None)),
        1 => prop::sample::select(vec!["prod-1", "other"]).prop_map(Step::Rename),
        1 => (0_usize..4).prop_map(Step::Break),
        1 => Just(Step::Mend),
    ]
}

fn change(entry: &mut Entry, step: &Step) {
    let set = |map: &mut TextMap, key: &str, value: Option<&str>| {
        let map = Arc::make_mut(map);
        match value {
            Some(value) => map.insert(key.into(), value.into()),
            None => map.remove(&CleanText::new(key)),
        };
    };
    match step {
        Step::Label(key, value) => set(&mut entry.labels, key, *value),
        Step::Property(value) => set(&mut entry.properties, "p", *value),
        Step::Rename(name) => entry.name = (*name).into(),
        Step::Break(_) | Step::Mend => {}
    }
}

fn specs(at_most: usize) -> impl Strategy<Value = Vec<Spec>> {
    prop::collection::vec((0..MATCHES.len(), 0..PROTECTIONS.len()), 1..=at_most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_flip_alone_takes_a_cluster_to_weaker_protection(
        own in specs(4),
        policy in prop::option::of(specs(3)),
        steps in prop::collection::vec(step(), 1..14),
    ) {
        let policy = policy.map(|p| written("p", &p, None));
        let whole = read(policy.as_deref(), Some(&written("c", &own, None)));
        let mut broken = None;
        let mut entry = labelled("a", &[("env", "prod")]);
        let mut known: Option<ClassInputs> = None;
        let mut least = None;
        for step in &steps {
            change(&mut entry, step);
            match step {
                Step::Break(i) => broken = Some(read(policy.as_deref(), Some(&written("c", &own, Some(i % own.len()))))),
                Step::Mend => broken = None,
                _ => {}
            }
            let book = broken.as_ref().unwrap_or(&whole);
            let settled = book.settle(&entry, known.as_ref(), &Decisions::default(), now());
            let class = &settled.class;
            if class.name.as_str() == UNCLASSIFIED {
                prop_assert_eq!(class.protection, Protection::Locked);
            } else if broken.is_none() {
                prop_assert!(least.is_none_or(|l| class.protection >= l), "{:?} after {:?}: {:?}", class, step, least);
                least = Some(class.protection);
            } else {
                // While a class cannot be read, what is shown may be of the others, but never weaker than what was.
                prop_assert!(least.is_none_or(|l| class.protection >= l) || class.pending.is_none());
            }
            // A restart: what was remembered settles to the same class.
            let again = book.settle(&entry, Some(&settled.inputs), &Decisions::default(), now());
            prop_assert_eq!(&again.class.name, &class.name);
            prop_assert_eq!(&again.inputs, &settled.inputs);
            known = Some(settled.inputs);
        }
    }

    #[test]
    fn nothing_a_person_writes_falls_short_of_the_machines_file(
        policy in specs(3),
        own in specs(4),
        same_names in any::<bool>(),
        env in prop::sample::select(vec!["prod", "dev", "stage"]),
        tier in any::<bool>(),
        given in prop::option::of(0_usize..4),
    ) {
        let machine = written("c", &policy, None);
        let mine = written(if same_names { "c" } else { "o" }, &own, None);
        let mut labels = vec![("env", env)];
        if tier { labels.push(("tier", "gold")); }
        let entry = labelled("prod-1", &labels);
        let least = settle(&read(Some(&machine), None), &entry).class;
        let both = read(Some(&machine), Some(&mine));
        let decisions = Decisions(given.into_iter().map(|i| {
            let class = Some(CleanText::new(&format!("{}{i}", if same_names { "c" } else { "o" })));
            decision(0, Decision::Class { cluster: me(), class })
        }).collect());
        let class = both.settle(&entry, None, &decisions, now()).class;
        if least.name.as_str() != UNCLASSIFIED {
            prop_assert!(class.protection >= least.protection, "{:?} {:?}", class, least);
            let rules = class.rules.unwrap();
            prop_assert_eq!(class.protection, rules.protection());
        }
    }

    #[test]
    fn the_first_listed_class_that_surely_fits_is_taken(own in specs(5), env in prop::sample::select(vec!["prod", "dev", ""])) {
        let book = sound(&written("c", &own, None));
        let labels = [("env", env)];
        let entry = labelled("prod-1", if env.is_empty() { &[] } else { &labels });
        let cluster = ClassInputs::of(&entry).cluster();
        let fits = |rule: usize| {
            let selector = Selector::parse(MATCHES[rule]).unwrap();
            selector.fits(&cluster, now()) == Truth::Yes
        };
        let expect = own.iter().position(|(rule, _)| fits(*rule)).map_or(UNCLASSIFIED.to_owned(), |i| format!("c{i}"));
        let settled = settle(&book, &entry);
        prop_assert_eq!(settled.class.name.as_str(), &expect);
        let steps = book.explain(&entry, &Decisions::default(), now());
        let chosen: Vec<_> = steps.iter().filter(|s| s.chosen).map(|s| s.class.as_str()).collect();
        prop_assert_eq!(chosen, [expect.as_str()]);
    }
}

#[test]
fn identities_are_the_uid_and_every_sighting() {
    let ids = ClassInputs::of(&labelled("a", &[])).identities();
    let sighting = SightingId { source: "~/.kube/config".into(), reference: "a".into() };
    assert_eq!(ids, [me(), Identity::of_sighting(&sighting)]);
}
