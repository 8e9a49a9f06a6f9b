mod document;

use super::*;

const FLEET: &str = "apiVersion: fleetglass.dev/v1alpha1\nkind: Fleet\nmetadata: {name: acme}\n";

fn parse(text: &str) -> FleetFile {
    parse_fleet(Path::new("fleet.yaml"), text, false)
}

fn told(file: &FleetFile) -> Vec<String> {
    let one = |p: &Problem| {
        let o = p.origin.as_ref().unwrap();
        let at = format!("{}:{}", o.line.unwrap_or(0), o.column.unwrap_or(0));
        let hint = p.hint.as_ref().map_or("", |h| h.as_str());
        format!("{at} {:?} {} {}: {}. {hint}", p.severity, p.code, p.subject, p.message)
    };
    file.problems.iter().map(one).collect()
}

/// What is wrong with one object of that kind, with the lines counted from its `spec:`.
fn wrong(kind: &str, spec: &str) -> Vec<String> {
    let text = format!("apiVersion: {API_VERSION}\nkind: {kind}\nmetadata: {{name: x}}\nspec:\n{spec}");
    told(&parse(&text))
}

#[test]
fn every_mistake_has_its_place_its_cause_and_a_hint() {
    for (kind, spec, expect) in [
        (
            "Class",
            "  protecton: typed\n",
            "5:3 Error UNKNOWN_KEY Class x spec.protecton: unknown key. Did you mean `protection`?",
        ),
        (
            "Class",
            "  protection: type\n",
            "5:15 Error BAD_VALUE Class x spec.protection: not one of the known words. Did you mean `typed`?",
        ),
        (
            "Class",
            "  tenants: pay\n",
            "5:12 Error BAD_TYPE Class x spec.tenants: expected a list, found text. Write it as `- item` lines below the key, or in brackets.",
        ),
        (
            "Class",
            "  phraseAbove: \"3\"\n",
            "5:16 Error BAD_TYPE Class x spec.phraseAbove: expected a whole number, found text in quotes. Write a whole number, without quotes.",
        ),
        (
            "Class",
            "  phraseAbove: -1\n",
            "5:16 Error BAD_TYPE Class x spec.phraseAbove: expected a whole number, found text. Write a whole number, without quotes.",
        ),
        (
            "Class",
            "  owner: [a]\n",
            "5:10 Error BAD_TYPE Class x spec.owner: expected text, found a list. Put text that looks like a list or a map in quotes.",
        ),
        (
            "Class",
            "  parameters:\n",
            "5:13 Error BAD_TYPE Class x spec.parameters: expected a map, found nothing. Remove the key, or write a value.",
        ),
        (
            "Class",
            "  owner: a\n  owner: b\n",
            "6:3 Error DUPLICATE_KEY Class x spec.owner: the key stands twice in one map. Keep one of them; which one was meant is not guessed.",
        ),
        ("Class", "  phraseAbove: 03\n", "BAD_TYPE"),
        ("Class", "  phraseAbove: +3\n", "BAD_TYPE"),
        ("Class", "  match: label.env=\n", "BAD_SELECTOR"),
        (
            "Class",
            "  match: label.env=prod state=CRIT\n",
            "5:25 Error BAD_RULE Class x spec.match: a class rule cannot look at `state`. Rules look at name, source, context, server, id, region, provider, account, label.KEY, property.KEY and -l selectors: what a cluster is, not how it is.",
        ),
        ("Class", "  match: \"\"\n", "BAD_RULE"),
        (
            "Class",
            "  match: nme=prod\n",
            "5:10 Error BAD_SELECTOR Class x spec.match: unknown field `nme`. Did you mean `name`?",
        ),
        ("Class", "  naming: {pattern: \"(a\"}\n", "BAD_PATTERN"),
        (
            "Class",
            "  naming: {}\n",
            "5:11 Error MISSING Class x spec.naming.pattern: missing. `pattern`: A regular expression for the whole name. Named groups become properties of the cluster.",
        ),
        ("Class", "  domain: \"{name\"\n", "BAD_TEMPLATE"),
        (
            "Class",
            "  versions: {floor: latest}\n",
            "5:21 Error BAD_VERSION Class x spec.versions.floor: not a Kubernetes version. Write a release line like \"1.34\", or a release like \"1.34.5\".",
        ),
        (
            "Class",
            "  versions: {floor: \"1.35\", target: \"1.34\"}\n",
            "5:37 Error BAD_VERSION Class x spec.versions.target: older than the floor. Raise the target, or lower the floor.",
        ),
        (
            "Class",
            "  windows: [{cron: \"0 22 * *\", duration: 4h}]\n",
            "5:20 Error BAD_SCHEDULE Class x spec.windows[0].cron: not the five fields of a schedule. Write minute, hour, day, month and weekday: \"0 22 * * 1-5\".",
        ),
        ("Class", "  windows: [{cron: \"0 22 * * *\", duration: 4}]\n", "BAD_DURATION"),
        ("Class", "  windows: [{cron: \"0 22 * * *\", duration: 4h, timeZone: Berlin}]\n", "BAD_TIME_ZONE"),
        ("Class", "  freezes: [{from: 2026-12-24, to: 2026-12-18}]\n", "BAD_TIME"),
        ("Class", "  freezes: [{from: soon, to: 2026-12-18}]\n", "BAD_TIME"),
        ("Class", "  concurrency: {max: 0}\n", "BAD_VALUE"),
        ("Class", "  neverTogether: [\"is:crit\"]\n", "BAD_RULE"),
        ("Class", "  requires: {services: [{name: cni, versions: new}]}\n", "BAD_RANGE"),
        (
            "Class",
            "  requires: {sources: [cluster-apy]}\n",
            "5:24 Error BAD_VALUE Class x spec.requires.sources[0]: not one of the known words. Did you mean `cluster-api`?",
        ),
        (
            "Fleet",
            "  sources: [{name: a, kind: clusterapi}]\n",
            "5:29 Error BAD_VALUE Fleet x spec.sources[0].kind: not one of the known words. Did you mean `cluster-api`?",
        ),
        (
            "Fleet",
            "  sources: [{name: a, kind: argocd}]\n",
            "5:13 Error MISSING Fleet x spec.sources[0].context: missing, and a source of kind argocd needs it. Name the kubeconfig context that leads to the hub.",
        ),
        ("Fleet", "  sources: [{name: a, kind: exec}]\n", "MISSING"),
        ("Fleet", "  sources: [{name: a, kind: ansible}]\n", "MISSING"),
        ("Fleet", "  sources: [{name: a}]\n", "MISSING"),
        ("Fleet", "  sources: [{name: a, kind: eks, interval: 5 min}]\n", "BAD_DURATION"),
        ("Fleet", "  sources: [{name: a, kind: ocm, context: h, selector: \"a=b=c\"}]\n", "BAD_SELECTOR"),
        ("Fleet", "  sources: [{name: a, kind: eks}, {name: a, kind: gke}]\n", "DUPLICATE_NAME"),
        (
            "Fleet",
            "  sources: [{name: a, kind: rancher, context: c, server: \"https://u:p@r\"}]\n",
            "BAD_URL",
        ),
        ("Fleet", "  ignore: [belowFloor]\n", "BAD_FINDING"),
        ("Fleet", "  classes: [a, a]\n", "DUPLICATE_NAME"),
        (
            "Fleet",
            "  accessProviders: [{name: a, program: b, argsPolicy: append}]\n",
            "5:55 Error BAD_VALUE Fleet x spec.accessProviders[0].argsPolicy: not one of the known words. Did you mean `Append`?",
        ),
        ("Cluster", "  server: api.example.com\n", "BAD_URL"),
        ("Cluster", "  sameAs: [ctx]\n", "BAD_REFERENCE"),
        ("WaveStrategy", "  waves: []\n", "MISSING"),
        ("WaveStrategy", "  waves: [{name: a, take: half}]\n", "BAD_AMOUNT"),
        ("WaveStrategy", "  waves: [{name: a, gates: [{kind: metric}]}]\n", "MISSING"),
        ("WaveStrategy", "  waves: [{name: a}]\n  unreachable: ignore\n", "BAD_VALUE"),
        ("Bundle", "  select: label.env=prod\n", "MISSING"),
        ("Bundle", "  path: x\n  revision: main\n", "BAD_VALUE"),
    ] {
        let told = wrong(kind, spec);
        let [one] = told.as_slice() else { panic!("{spec}: {told:#?}") };
        if expect.contains(' ') {
            assert_eq!(one, expect);
        } else {
            assert_eq!(one.split(' ').nth(2), Some(expect), "{spec}: {one}");
        }
        let hint = one.rsplit_once(". ").map(|(_, hint)| hint.len());
        assert!(hint > Some(3), "no hint: {one}");
    }
}

#[test]
fn objects_that_are_none_are_told_and_the_rest_is_read() {
    let text = format!(
        "- a list\n---\nkind: Class\n---\napiVersion: v1\nkind: Pod\n---\napiVersion: {API_VERSION}\nkind: Clas\n\
         ---\napiVersion: {API_VERSION}\nkind: Class\nmetadata: {{name: a/b}}\n---\napiVersion: {API_VERSION}\nkind: Class\n\
         ---\n{FLEET}spec: {{parameters: {{a: 1}}}}\n---\n{FLEET}---\nbroken: [\n"
    );
    let file = parse(&text);
    let told = told(&file);
    let codes: Vec<_> = told.iter().map(|t| t.split(' ').nth(2).unwrap()).collect();
    assert_eq!(
        codes,
        [
            "BAD_TYPE",
            "MISSING",
            "BAD_API_VERSION",
            "UNKNOWN_KIND",
            "BAD_NAME",
            "MISSING",
            "DUPLICATE_NAME",
            "SYNTAX"
        ],
        "{told:#?}"
    );
    assert!(file.incomplete && file.classes.is_empty());
    let fleet = file.fleet.unwrap();
    assert_eq!(fleet.spec.parameters["a"], "1");
    assert_eq!(fleet.place("spec.parameters.a").line, Some(21));
}

#[test]
fn no_class_takes_the_name_of_what_has_none() {
    let file = parse(&class("unclassified", "protection: none"));
    assert!(file.classes.is_empty());
    assert!(
        told(&file)[0].starts_with("4:18 Error BAD_NAME Class unclassified metadata.name"),
        "{:?}",
        told(&file)
    );
}

#[test]
fn a_class_with_a_mistake_is_left_out_and_the_file_counts_as_incomplete() {
    let file = parse(&format!(
        "{FLEET}---\napiVersion: {API_VERSION}\nkind: Class\nmetadata: {{name: prod}}\nspec: {{protectoin: typed}}\n\
         ---\napiVersion: {API_VERSION}\nkind: Class\nmetadata: {{name: dev}}\nspec: {{match: label.env=dev}}\n"
    ));
    assert_eq!(file.classes.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["dev"]);
    assert!(file.incomplete);
    assert!(file.fleet.is_some());
}

#[test]
fn text_stands_as_it_is_written_and_a_bare_zero_at_the_end_of_a_version_is_noted() {
    for (floor, notes) in [("1.30", 1), ("\"1.30\"", 0), ("1.31", 0), ("1.30.0", 0)] {
        let file = parse(&format!(
            "apiVersion: {API_VERSION}\nkind: Class\nmetadata: {{name: 7}}\nspec:\n  versions: {{floor: {floor}}}\n  \
             parameters: {{replicas: 3, debug: true, empty: \"\", port: 0x10}}\n"
        ));
        let class = &file.classes[0];
        assert_eq!(class.name, "7");
        assert_eq!(class.spec.versions.floor.as_deref(), Some(floor.trim_matches('"')));
        assert_eq!(class.spec.parameters["replicas"], "3");
        assert_eq!(class.spec.parameters["debug"], "true");
        assert_eq!(class.spec.parameters["port"], "0x10");
        assert_eq!(file.problems.len(), notes, "{:?}", told(&file));
        assert!(file.problems.iter().all(|p| p.code == "BARE_VERSION" && p.severity == Severity::Note));
    }
    let json = format!(
        r#"{{"apiVersion": "{API_VERSION}", "kind": "Class", "metadata": {{"name": "a"}}, "spec": {{"versions": {{"floor": 1.30}}}}}}"#
    );
    assert_eq!(parse(&json).classes[0].spec.versions.floor.as_deref(), Some("1.30"));
}

fn class(name: &str, spec: &str) -> String {
    format!("---\napiVersion: {API_VERSION}\nkind: Class\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n")
}

fn fleet(spec: &str) -> String {
    format!("{FLEET}spec: {{{spec}}}\n")
}

fn joined(policy: &str, own: &str) -> FleetFile {
    let policy =
        (!policy.is_empty()).then(|| parse_fleet(Path::new("/etc/fleetglass/fleet.yaml"), policy, true));
    join(policy, (!own.is_empty()).then(|| parse(own)))
}

#[test]
fn names_that_lead_nowhere_are_told() {
    for (text, expect) in [
        (fleet("classes: [prd]") + &class("prod", "match: a"), &["UNKNOWN_CLASS", "UNLISTED_CLASS"][..]),
        (fleet("classes: [a]") + &class("a", "match: a, inherits: b"), &["UNKNOWN_CLASS", "UNKNOWN_CLASS"]),
        (
            fleet("classes: [c]")
                + &class("a", "inherits: b")
                + &class("b", "inherits: a")
                + &class("c", "match: c"),
            &["INHERITS_CIRCLE", "INHERITS_CIRCLE"],
        ),
        (fleet("classes: [a]") + &class("a", "inherits: a, match: x"), &["INHERITS_CIRCLE", "UNKNOWN_CLASS"]),
        (class("a", "match: x"), &["NO_FLEET"]),
        (fleet("classes: [a]") + &class("a", ""), &["NO_RULE"]),
        (
            fleet("classes: [a]") + &class("a", "match: x, concurrency: {per: {regoin: 1, label.rack: 1}}"),
            &["UNKNOWN_PROPERTY"],
        ),
        (
            fleet("classes: [a]")
                + &class("a", "match: x, naming: {pattern: \"(?<site>.*)\"}, concurrency: {per: {site: 1}}"),
            &[],
        ),
        (
            format!(
                "{FLEET}---\napiVersion: {API_VERSION}\nkind: Cluster\nmetadata: {{name: c}}\nspec: {{class: prod}}\n"
            ),
            &["UNKNOWN_CLASS"],
        ),
    ] {
        let file = joined("", &text);
        let codes: Vec<_> = file.problems.iter().map(|p| p.code).collect();
        assert_eq!(codes, expect, "{text}: {:#?}", told(&file));
        assert!(file.problems.iter().all(|p| p.origin.as_ref().is_some_and(|o| o.line.is_some())));
    }
    let file = joined("", &(fleet("classes: [prd]") + &class("prod", "match: a")));
    assert!(told(&file)[0].ends_with("Did you mean `prod`?"), "{:?}", told(&file));
    assert!(file.fleet.is_some(), "a Fleet that lists a missing class stays, so that clusters are locked");
}

#[test]
fn the_machines_file_lies_under_the_persons() {
    let policy = fleet(
        "classes: [prod, stage], breakGlass: [\"*-admin\"], parameters: {a: machine, b: machine}, \
         sources: [{name: hub, kind: ocm, context: hub}]",
    ) + &class("prod", "match: label.env=prod, protection: typed")
        + &class("stage", "match: label.env=stage");
    let own = fleet(
        "classes: [mine, prod], parameters: {a: own}, sources: [{name: hub, kind: eks}, {name: aws, kind: eks, regions: [x]}]",
    ) + &class("mine", "match: label.mine")
        + &class("prod", "match: label.env=prod");
    let file = joined(&policy, &own);
    let fleet = file.fleet.as_ref().unwrap();
    assert_eq!(fleet.spec.classes, ["mine", "prod", "stage"]);
    assert_eq!(fleet.spec.break_glass, ["*-admin"]);
    assert_eq!(fleet.spec.parameters["a"], "own");
    assert_eq!(fleet.spec.parameters["b"], "machine");
    assert!(fleet.place("spec.parameters.b").path.starts_with("/etc"));
    let sources: Vec<_> = fleet.spec.sources.iter().map(|s| (s.name.as_str(), s.kind.as_str())).collect();
    assert_eq!(sources, [("aws", "eks"), ("hub", "ocm")]);
    let places = |path| fleet.place(path).path.starts_with("/etc");
    assert_eq!((places("spec.sources[0].regions"), places("spec.sources[1].kind")), (false, true));
    assert_eq!((places("spec.classes[1]"), places("spec.classes[2]")), (false, true));
    let classes: Vec<_> = file.classes.iter().map(|c| (c.name.as_str(), c.policy)).collect();
    assert_eq!(classes, [("mine", false), ("prod", false), ("stage", true)]);
    assert_eq!(file.policy.as_ref().unwrap().classes.len(), 2);
    let codes: Vec<_> = file.problems.iter().map(|p| p.code).collect();
    assert_eq!(codes, ["SHADOWED"], "{:#?}", told(&file));
}

/// The example of the documentation.
const EXAMPLE: &str = include_str!("../../../docs/examples/fleet.yaml");

fn faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for node in yaml::documents(text).0 {
        let json = node.to_json(&mut 100_000).unwrap();
        let kind = json["kind"].as_str().unwrap_or_default().to_owned();
        let validator = jsonschema::options().build(schema::of(&kind)).unwrap();
        faults.extend(validator.iter_errors(&json).map(|e| format!("{kind}: {} {e}", e.instance_path())));
    }
    faults
}

#[test]
fn the_example_is_read_without_a_problem_and_is_valid() {
    let file = joined("", EXAMPLE);
    assert_eq!(told(&file), Vec::<String>::new());
    assert!(!file.incomplete);
    assert!(file.classes.len() >= 3 && !file.clusters.is_empty());
    assert!(!file.strategies.is_empty() && !file.bundles.is_empty());
    assert_eq!(faults(EXAMPLE), Vec::<String>::new());
}

mod properties {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// A document along the schema: mostly as it should be, sometimes not.
    fn value(
        schema: &'static serde_json::Value,
        root: &'static serde_json::Value,
    ) -> BoxedStrategy<serde_json::Value> {
        let junk = prop_oneof![
            Just(json!(null)),
            Just(json!([])),
            Just(json!({})),
            Just(json!(true)),
            Just(json!("")),
            any::<i32>().prop_map(|n| json!(n)),
            Just(json!({"nmae": 1})),
        ];
        if let Some(name) = schema["$ref"].as_str() {
            return value(&root["$defs"][name.trim_start_matches("#/$defs/")], root);
        }
        let good: BoxedStrategy<serde_json::Value> = if let Some(word) = schema.get("const") {
            Just(word.clone()).boxed()
        } else if let Some(words) = schema["enum"].as_array() {
            prop::sample::select(words.clone()).boxed()
        } else if let Some(choices) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
            prop::sample::select(choices.iter().collect::<Vec<_>>())
                .prop_flat_map(move |s| value(s, root))
                .boxed()
        } else if let Some(properties) = schema["properties"].as_object() {
            let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
            let fields: Vec<_> = properties
                .iter()
                .map(|(key, s)| {
                    let share = if required.iter().any(|r| r == key) { 0.99 } else { 0.25 };
                    prop::option::weighted(share, value(s, root))
                        .prop_map(move |v| v.map(|v| (key.clone(), v)))
                })
                .collect();
            fields.prop_map(|fields| fields.into_iter().flatten().collect()).boxed()
        } else if schema["additionalProperties"].is_object() {
            prop::collection::btree_map("[a-z.]{1,6}", value(&schema["additionalProperties"], root), 0..3)
                .prop_map(|map| json!(map))
                .boxed()
        } else if schema["items"].is_object() {
            prop::collection::vec(value(&schema["items"], root), 0..3).prop_map(|list| json!(list)).boxed()
        } else {
            let sample = match schema["format"].as_str().unwrap_or_default() {
                "uint32" => json!(3),
                "rule" | "selector" => json!("label.env=prod"),
                "label-selector" => json!("env=prod"),
                "version" => json!("1.34"),
                "version-range" => json!(">=1.11 <1.13"),
                "cron" => json!("0 22 * * 1-5"),
                "length" => json!("4h"),
                "time-zone" => json!("Europe/Berlin"),
                "moment" => json!("2026-12-18"),
                "amount" => json!("5%"),
                "url" => json!("https://a.example.com"),
                "reference" => json!("hub:a"),
                "finding" => json!("BELOW_FLOOR"),
                _ if schema["type"] == "boolean" => json!(true),
                _ => json!("a"),
            };
            let bare = prop_oneof![
                Just(json!(7)),
                Just(json!(true)),
                Just(json!(1.5)),
                "[a-z]{1,3}".prop_map(|s| json!(s))
            ];
            let text = schema.get("format").is_none() && schema["type"] != "boolean";
            if text { prop_oneof![3 => Just(sample), 1 => bare].boxed() } else { Just(sample).boxed() }
        };
        prop_oneof![120 => good, 1 => junk].boxed()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn what_the_reader_accepts_is_valid(document in prop::sample::select(FLEET_KINDS.to_vec()).prop_flat_map(|kind| {
            value(schema::of(kind), schema::of(kind))
        })) {
            prop_assume!(!document.is_null());
            let text = serde_json::to_string(&document).unwrap();
            let file = parse(&text);
            let errors = file.problems.iter().filter(|p| p.severity == Severity::Error).count();
            let objects = usize::from(file.fleet.is_some())
                + file.classes.len() + file.clusters.len() + file.strategies.len() + file.bundles.len();
            prop_assert_eq!(objects == 1, errors == 0, "{} {:?}", &text, told(&file));
            if errors == 0 {
                prop_assert_eq!(faults(&text), Vec::<String>::new(), "{}", text);
            }
        }

        #[test]
        fn no_text_stops_the_reader(text in prop_oneof![
            any::<String>(),
            "(apiVersion: fleetglass.dev/v1alpha1\n|kind: [FC][a-z]{4}\n|metadata: \\{name: [a-z]\\}\n|spec:\n|  [a-z]{5,9}: .{0,9}\n|---\n){0,12}",
        ]) {
            let file = joined(&text, &text);
            prop_assert!(file.problems.iter().all(|p| !p.message.is_empty()));
        }
    }
}

#[test]
fn a_cluster_that_cannot_be_read_may_be_of_any_class() {
    use crate::fleet::{CleanText, ClusterKey, Decisions, Entry, Protection, SourceKind, SourceRef};
    let class = |name: &str, spec: &str| {
        format!("---\napiVersion: {API_VERSION}\nkind: Class\nmetadata: {{name: {name}}}\nspec: {spec}\n")
    };
    let fleet = format!(
        "apiVersion: {API_VERSION}\nkind: Fleet\nmetadata: {{name: f}}\nspec: {{classes: [prod, dev]}}\n"
    );
    let text = format!(
        "{fleet}{}{}---\napiVersion: {API_VERSION}\nkind: Cluster\nmetadata: {{name: c}}\nspec: {{class: prod, lables: {{a: b}}}}\n",
        class("prod", "{match: label.env=prod, protection: typed}"),
        class("dev", "{match: label.env=dev, protection: none}"),
    );
    let file = join(None, Some(parse(&text)));
    assert_eq!(file.problems.iter().map(|p| p.code).collect::<Vec<_>>(), ["UNKNOWN_KEY"]);
    let (book, problems) = crate::fleet::ClassBook::compile(std::sync::Arc::new(file));
    assert_eq!(problems, []);
    for (name, class, protection) in
        [("c", "unclassified", Protection::Locked), ("other", "dev", Protection::None)]
    {
        let mut entry = Entry::new(ClusterKey::new(&name.into()), name.into());
        entry.labels = std::sync::Arc::new([("env".into(), "dev".into())].into());
        entry.sources = vec![SourceRef {
            kind: SourceKind::Static,
            name: "/fleet.yaml".into(),
            reference: CleanText::new(name),
            origin: None,
            gone_at: None,
        }];
        let settled = book.settle(&entry, None, &Decisions::default(), chrono::DateTime::UNIX_EPOCH);
        assert_eq!((settled.class.name.as_str(), settled.class.protection), (class, protection), "{name}");
    }
}
