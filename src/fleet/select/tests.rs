use std::sync::Arc;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::super::spec::{ClassSpec, VersionRules};
use super::super::testing::*;
use super::super::{
    AccessPath, Blocker, Effect, ErrorCode, Facts, Failure, Finding, Method, Outlook, Parameter,
    PendingClass, Protection, SightingId, Signals, Version, Weight,
};
use super::*;

/// Four clusters that differ in everything that can be asked for.
fn fleet() -> Vec<Cluster> {
    let mut prod = cluster("prod-eu-west-1", healthy());
    let labels = [("tier", "1"), ("team", "Pay"), ("topology.kubernetes.io/zone", "a")];
    prod.entry.labels = Arc::new(labels.map(|(k, v)| (k.into(), v.into())).into());

    let mut sick = healthy();
    sick.version.last.as_mut().unwrap().value = version_info("v1.34.8-eks-1a2b3c4");
    sick.nodes.last.as_mut().unwrap().value = nodes(8, 10, &[("v1.31.0", 2), ("v1.34.8", 8)]);
    sick.serving_cert.as_mut().unwrap().value = cert(TimeDelta::days(12));
    sick.clock_skew_seconds = Some(94);
    let mut stage = cluster("Stage-US-10", sick);
    stage.entry.paths[0].insecure = true;
    stage.entry.paths[0].method = Method::Exec;

    let mut lost = healthy();
    lost.attempts.last_success = Some(now() - TimeDelta::hours(3));
    lost.unreachable = Some(Failure::new(ErrorCode::Tcp, "connection refused 10.0.0.9:6443"));
    vec![prod, stage, cluster("dev-2", lost), cluster("other", Signals::default())]
}

fn parse(text: &str) -> Selector {
    Selector::parse(text).unwrap_or_else(|e| panic!("{text}: {e} at {:?}", e.span))
}

/// Which of the four match: `y`, `n` or `?` for each.
fn selected(text: &str) -> String {
    let selector = parse(text);
    let marked = |key: &ClusterKey| key.as_str() == "dev-2";
    let scope = Scope { now: now(), marked: &marked };
    let mark = |c: &Cluster| match selector.matches(c, &scope) {
        Truth::Yes => 'y',
        Truth::No => 'n',
        Truth::Unknown => '?',
    };
    fleet().iter().map(mark).collect()
}

#[test]
fn terms_select() {
    let cases = [
        // Words, patterns, fuzzy words, labels.
        ("", "yyyy"),
        ("prod", "ynnn"),
        ("PROD", "nnnn"),
        ("stage", "nynn"),
        ("Stage", "nynn"),
        ("pay", "ynnn"),
        ("eu-west-1", "ynnn"),
        ("unclass", "nnny"),
        ("!prod", "nyyy"),
        ("\"prod-eu\"", "ynnn"),
        ("'prod eu'", "nnnn"),
        ("/^(prod|dev)-/", "ynyn"),
        ("/a\\/b/", "nnnn"),
        ("~us-1[0-9]$", "nynn"),
        ("-f pe1", "ynnn"),
        ("-f sus10", "nynn"),
        ("-l tier=1,team!=ml", "ynnn"),
        ("-l \"tier in (1,2), team notin (ml)\"", "ynnn"),
        ("-l '!tier'", "nyyy"),
        ("(-l tier=1)|dev", "ynyn"),
        // Text fields.
        ("name=dev-2", "nnyn"),
        ("name:EV", "nnnn"),
        ("name:ev", "nnyn"),
        ("name~^dev name!=dev-3", "nnyn"),
        ("class=prod", "ynnn"),
        ("class in (prod, stage)", "yynn"),
        ("class notin (prod,stage)", "nnyy"),
        ("@dev", "nnyn"),
        ("state=down", "nnyn"),
        ("state!=OK", "nyyy"),
        ("region~^eu-", "y???"),
        ("region=eu-west-1", "y???"),
        ("provider=eks", "?y??"),
        ("source=kubeconfig", "yyyy"),
        ("context:dev", "nnyn"),
        ("server:10.0.0.9", "yyyy"),
        ("identity=ana@corp", "yyyy"),
        ("auth=exec", "nynn"),
        ("why:refused", "nnyn"),
        ("why=CERT_EXPIRES", "nynn"),
        ("id:9f1c", "yyy?"),
        ("label.team=Pay", "ynnn"),
        ("label.team!=Pay", "nyyy"),
        ("label.topology.kubernetes.io/zone=a", "ynnn"),
        ("cluster:dev-2", "nnyn"),
        ("cluster:dev", "nnnn"),
        // Versions.
        ("version=1.35", "yny?"),
        ("version=v1.35", "yny?"),
        ("version=1.35.4", "yny?"),
        ("version=1.35.3", "nnn?"),
        ("version=1.34.8+rke2r1", "nyn?"),
        ("version!=1.35", "nyn?"),
        ("version>1.34", "yny?"),
        ("version>1.35", "nnn?"),
        ("version>1.35.3", "yny?"),
        ("version<1.35", "nyn?"),
        ("version<=1.34", "nyn?"),
        ("version>=1.35", "yny?"),
        ("version:eks", "nyn?"),
        ("version~^v1\\.3[45]", "yyy?"),
        ("version in (1.34,1.36)", "nyn?"),
        ("minor=1.34", "nyn?"),
        ("minor>=35", "yny?"),
        ("kubelet<1.32", "nyn?"),
        ("kubelet=1.34", "nyn?"),
        ("kubelet!=1.34", "yny?"),
        // Numbers, shares, lengths.
        ("skew>2", "nyn?"),
        ("nodes>=10", "nyn?"),
        ("ready<90%", "nyn?"),
        ("ready=100%", "yny?"),
        ("ready<=3", "yny?"),
        ("cordoned=0", "yyy?"),
        ("cert<30d", "nyn?"),
        ("cert<12d", "nnn?"),
        ("cert<=12d", "nyn?"),
        ("cert<0", "nnn?"),
        ("eol<0d", "nyn?"),
        ("eol=100d", "yny?"),
        ("seen>2h59m", "nny?"),
        ("seen<1m", "yyn?"),
        ("latency<500ms", "yyy?"),
        ("token>1w", "yyy?"),
        // Flags and what is known.
        ("is:marked", "nnyn"),
        ("is:live", "yynn"),
        ("is:stale", "nnyn"),
        ("is:cached", "nnnn"),
        ("is:protected", "ynny"),
        ("is:unclassified", "nnny"),
        ("is:guessed", "yyyy"),
        ("is:insecure", "nynn"),
        ("is:merged", "nnnn"),
        ("is:down", "nnyn"),
        ("is:new", "nnny"),
        ("is:held", "????"),
        ("has:version", "yyyn"),
        ("has:region", "ynnn"),
        ("has:label.team", "ynnn"),
        ("has:pods", "nnnn"),
        ("!has:cert", "nnny"),
        // What nobody measures yet.
        ("cpu>80%", "????"),
        ("etcd>6GiB", "????"),
        ("plan~x wave=w1 annotation.a/b=c", "????"),
        // Kleene.
        ("!(version=1.35)", "nyn?"),
        ("version=1.35 dev", "nnyn"),
        ("version=1.35 | other", "ynyy"),
        ("held hold=x", "nnnn"),
        ("prod | hold=x", "y???"),
        ("prod hold=x", "?nnn"),
        ("prod,eu", "ynnn"),
        ("prod , eu", "ynnn"),
        ("prod | stage eu", "ynnn"),
        ("(prod | Stage) !eu", "nynn"),
        ("! ( prod | stage )", "nnyy"),
        ("!!prod", "ynnn"),
        ("class in prod", "nnnn"),
        ("größe|東京", "nnnn"),
    ];
    let wrong: Vec<String> = cases
        .iter()
        .map(|(text, expect)| (text, expect, selected(text)))
        .filter(|(_, expect, got)| *expect != got)
        .map(|(text, expect, got)| format!("{text}: {got}, not {expect}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (text, _) in cases {
        let selector = parse(text);
        assert_eq!(parse(&selector.to_string()), selector, "{text} -> {selector}");
    }
}

#[test]
fn errors_underline_the_bad_part_and_help() {
    for (text, bad, message, hint) in [
        ("verison<1.35", "verison", "unknown field `verison`", "Did you mean `version`?"),
        ("class=prod Name=x", "Name", "unknown field `Name`", "Did you mean `name`?"),
        ("foo in (a)", "foo", "unknown field `foo`", "quotes"),
        ("10.0.0.9:6443", "10.0.0.9", "unknown field", "quotes"),
        ("is:unclasified", "unclasified", "unknown flag", "Did you mean `is:unclassified`?"),
        ("is:xyzzyx", "xyzzyx", "unknown flag", "Flags are marked"),
        ("has:certs", "certs", "unknown field `certs`", "Did you mean `cert`?"),
        ("lable.team=x", "lable.team", "unknown field", "Did you mean `label.team`?"),
        ("properties.a/b=x", "properties.a/b", "unknown field", "Did you mean `property.a/b`?"),
        ("ower=x", "ower", "unknown field", "Did you mean `owner`?"),
        ("@prd", "prd", "no class or view", "@prod"),
        ("@weekend", "weekend", "no class or view", "Classes are prod"),
        ("version<", "", "a value is missing after `version<`", "without a blank"),
        ("version < 1.35", "<", "an operator without a field", "without blanks"),
        ("version<new", "new", "`new` is not a version", "1.35"),
        ("cert<30", "30", "not a length of time with its unit", "30m, 12h or 90d"),
        ("nodes>many", "many", "`many` is not a whole number", "such as 3"),
        ("ready<9x%", "9x%", "a share in percent", "90%"),
        ("name<b", "b", "name is text", "= != ~"),
        ("cert~d", "d", "`~` needs text", "cert<30m"),
        ("name~\"(\"", "\"(\"", "not a regular expression", ""),
        ("/a", "/a", "this pattern is never closed", ""),
        ("\"a", "\"a", "this quote is never closed", ""),
        ("(a", "(", "this parenthesis is never closed", ""),
        ("a)", ")", "this parenthesis was never opened", ""),
        ("a | ", "", "a term is missing", ""),
        ("a,|b", "|", "a term is missing", ""),
        ("()", ")", "a term is missing", ""),
        ("class in (a", "(a", "this list is never closed", ""),
        ("class in (a b)", "(a ", "this list is never closed", ""),
        ("class in ()", ")", "a value is missing", ""),
        ("-l tier=1,", "", "a term is missing", ""),
        ("-l ,tier=1", ",tier=1", "not a label selector", "quotes"),
        ("-l tier in (1,2)", "tier in (", "holds blanks", "-l \"tier in (…)\""),
        ("-l tier notin(1)", "tier notin(", "holds blanks", "-l \"tier notin (…)\""),
        ("-l", "", "a label selector is missing", "kubectl"),
        ("-f", "", "a value is missing after `-f`", ""),
        ("größe~x", "größe", "unknown field", "quotes"),
    ] {
        let error = Selector::parse(text).unwrap_err();
        assert_eq!(text.get(error.span.clone()), Some(bad), "{text}: {error:?}");
        assert!(error.message.as_str().contains(message), "{text}: {}", error.message);
        assert!(error.hint.unwrap_or_default().as_str().contains(hint), "{text}");
    }
}

#[test]
fn a_class_rule_may_look_at_identity_only() {
    for rule in [
        "",
        "prod",
        "/^prod-/ | ~live",
        "name~^prod- source=eks context:prod server:10.0",
        "id:9f1c region=eu-west-1 provider in (eks, aks) account=1234",
        "label.env=prod property.location!=x has:label.env !has:property.a/b",
        "-l env=prod,tier!=3 | cluster:prod-1",
    ] {
        assert_eq!(parse(rule).rule_error(), None, "{rule}");
    }
    for (rule, bad, says) in [
        ("prod state=OK", "state=OK", "`state`"),
        ("name=a | (label.x=1 !is:live)", "is:live", "`is:live`"),
        ("prod has:version", "has:version", "`version`"),
        ("version>1.30", "version>1.30", "`version`"),
        ("class in (prod)", "class in (prod)", "`class`"),
        ("a, @prod b", "@prod", "`@prod`"),
        ("-f prd", "-f prd", "loosely"),
        ("label.größe=1|owner=x", "", ""),
        ("  seen<1h", "seen<1h", "`seen`"),
        ("finding=DOMAIN", "finding=DOMAIN", "`finding`"),
        ("is:marked", "is:marked", "`is:marked`"),
        ("plan=x", "plan=x", "`plan`"),
        ("tenant=x", "tenant=x", "`tenant`"),
        ("owner=x", "owner=x", "`owner`"),
        ("parameter.x=1", "parameter.x=1", "`parameter.x`"),
        ("path:x", "path:x", "`path`"),
        ("merged>1", "merged>1", "`merged`"),
        ("identity=ana", "identity=ana", "`identity`"),
    ] {
        let Ok(selector) = Selector::parse(rule) else {
            assert!(bad.is_empty(), "{rule}");
            continue;
        };
        let error = selector.rule_error().unwrap();
        assert_eq!(rule.get(error.span.clone()), Some(bad), "{rule}");
        assert!(error.message.as_str().contains(says), "{rule}: {}", error.message);
        assert!(error.hint.is_some());
    }
}

#[test]
fn declared_classes_stand_after_an_at_sign() {
    let declared = ["gold", "edge stores"];
    for (text, known) in [
        ("@gold", true),
        ("@\"edge stores\"", true),
        ("@unclassified", true),
        ("@prod", false),
        ("@glod", false),
    ] {
        assert_eq!(Selector::parse_with(text, declared).is_ok(), known, "{text}");
    }
    let error = Selector::parse_with("x @glod", declared).unwrap_err();
    assert_eq!((error.span, error.hint.unwrap().as_str()), (3..7, "Did you mean `@gold`?"));
    assert!(Selector::parse("@gold").is_err());
}

#[test]
fn the_document_names_every_field_and_flag() {
    let document = include_str!("../../../docs/reference/selection.md");
    let rows: Vec<&str> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name))
        .collect();
    for field in field_names() {
        let row = if field.ends_with('.') { format!("{field}KEY") } else { field.to_owned() };
        assert_eq!(rows.iter().filter(|name| **name == row).count(), 1, "field {row}");
    }
    for flag in flag_names() {
        assert_eq!(rows.iter().filter(|name| **name == format!("is:{flag}")).count(), 1, "flag {flag}");
    }
    for row in &rows {
        let flag = row.strip_prefix("is:");
        let field = row.replace("KEY", "x");
        let known = match flag {
            Some(flag) => flag_names().any(|name| name == flag),
            None => field::Field::known(&field).is_some(),
        };
        assert!(known, "{row} is in the document only");
        if let Some(flag) = flag {
            assert!(Selector::parse(&format!("is:{flag}")).is_ok());
        }
    }
    // Every example is one.
    let fence = "```text\n";
    let examples = document.split(fence).nth(2).unwrap().split("```").next().unwrap();
    assert!(examples.lines().count() >= 10);
    for line in examples.lines() {
        let text = line.split("   ").next().unwrap();
        parse(text);
    }
}

#[test]
fn a_rule_does_not_believe_names_and_does_not_see_the_class() {
    let guessed = cluster("prod-eu-west-1", Signals::default());
    let mut said = guessed.clone();
    said.entry.facts.region = Some("eu-west-1".into());
    let mut at_a_front = guessed.clone();
    at_a_front.entry.paths[0].server = Some("https://x.azmk8s.io:443".into());
    for (rule, c, matches, fits) in [
        ("region=eu-west-1", &guessed, Truth::Yes, Truth::Unknown),
        ("region!=eu-west-1", &guessed, Truth::No, Truth::Unknown),
        ("region=eu-west-1", &said, Truth::Yes, Truth::Yes),
        ("provider=aks", &at_a_front, Truth::Yes, Truth::Unknown),
        ("prod", &guessed, Truth::Yes, Truth::Yes),
        ("name~^prod-", &guessed, Truth::Yes, Truth::Yes),
    ] {
        assert_eq!(parse(rule).matches(c, &Scope::at(now())), matches, "{rule}");
        assert_eq!(parse(rule).fits(c, now()), fits, "{rule}");
        assert_eq!(parse(rule).explain_fit(c, now())[0].truth, fits, "{rule}");
    }
    let mut unnamed = cluster("eu-1", Signals::default());
    unnamed.class.name = "prod".into();
    assert_eq!(parse("prod").matches(&unnamed, &Scope::at(now())), Truth::Yes);
    assert_eq!(parse("prod").fits(&unnamed, now()), Truth::No);
}

#[test]
fn every_term_knows_where_it_stands() {
    let text = "größe ( version<1.35 | !-l 'a in (b)' ),name in (a, \"b c\")  is:live";
    let results = parse(text).explain(&fleet()[0], &Scope::at(now()));
    let spans: Vec<&str> = results.iter().map(|r| text.get(r.span.clone()).unwrap()).collect();
    assert_eq!(spans, ["größe", "version<1.35", "-l 'a in (b)'", "name in (a, \"b c\")", "is:live"]);
}

#[test]
fn nasty_texts_are_read_or_refused() {
    let long = "x".repeat(MAX_LENGTH);
    let marks = format!("e{}", "\u{301}".repeat(500));
    for text in [
        "\0",
        "\u{feff}prod",
        "prod\0dev",
        "\u{2028}",
        "\u{a0}a\u{a0}b",
        "\r\n",
        "\t|\t",
        "\\",
        "\"\\",
        "'\\'",
        "\"\\\\\"",
        "/\\",
        "/\\/",
        "//",
        "~",
        "~\"",
        "~)",
        "@",
        "@\"\"",
        "@'prod'",
        "-l",
        "-l\"\"",
        "-l \"\"",
        "-l ''",
        "-l\u{a0}a",
        "-l a=\0b",
        "-lx",
        "-f",
        "-f\"\"",
        "-f \"\"",
        "--",
        "-",
        "!",
        "!!",
        "! !",
        "!|",
        "(",
        ")",
        "()",
        "(())",
        ")(",
        "|",
        "||",
        ",",
        ",,",
        "a,",
        "a,,b",
        ",a",
        "a|",
        "|a",
        "a b,c|d",
        "in",
        "in in",
        "in in (in)",
        "notin (a)",
        "name in",
        "name in (",
        "name in (,)",
        "name in ()",
        "name in (a,)",
        "name in(a)",
        "name  in  ( \"a\" , 'b' )",
        "name\u{3000}in\u{3000}(a)",
        "is:",
        "is:\"live\"",
        "has:",
        "has:\"cert\"",
        "has:label.",
        "label.=x",
        "label.a=",
        "label.a=\"\"",
        "label./=x",
        "cluster:",
        "cluster:\"\"",
        "cluster=x",
        "cluster!=x",
        "is=live",
        "name==x",
        "name===x",
        "name=!x",
        "name=<x",
        "name<>x",
        "version>=v",
        "version=1.",
        "version=1.99999",
        "version=99999999999.1",
        "version=1.35.99999",
        "nodes=99999999999999999999",
        "nodes=-0",
        "nodes=+1",
        "ready=-5%",
        "ready=9999999999999999999%",
        "ready=%",
        "cert<-9223372036854775808ms",
        "cert<9223372036854775807ms",
        "cert<999999999y",
        "cert<1d1d1d",
        "cert<d1",
        "name~[",
        "name~(?i)X",
        "name~\\",
        "name~\"a{1000}{1000}\"",
        "name=\u{202e}abc",
        "/\u{202e}/",
        "\u{1b}[31m",
        "name:\u{9b}31m",
        "größe=1",
        "東京",
        "👩‍👩‍👧",
        "\"👩‍👩‍👧",
        "-l größe=1",
        "ａ＝ｂ",
        &long,
        &marks,
    ] {
        reads_or_refuses(text).unwrap_or_else(|e| panic!("{text:?}: {e}"));
    }
}

/// A cluster that a hub knows and nobody can dial, of a declared class, and one that is only a name.
fn registered() -> Cluster {
    let mut c = cluster("prod-eu-7", Signals::default());
    c.entry.facts = Facts {
        version: "v1.33.4".parse().ok(),
        region: Some("eu-west-1".into()),
        provider: Some("rke2".into()),
        account: Some("4711".into()),
        nodes: Some((9, 10)),
        ..Facts::default()
    };
    c.entry.uid = Some("9f1c".into());
    c.entry.paths = vec![AccessPath {
        sighting: SightingId { source: "mgmt".into(), reference: "clusters/prod-eu-7".into() },
        via: Some("hub-eu".into()),
        break_glass: true,
        ..path()
    }];
    c.entry.sources.push(c.entry.sources[0].clone());
    c.entry.gone_at = Some(now());
    c.entry.hosts_source = true;
    c.properties = Arc::new([("location".into(), "fra".into()), ("tenant".into(), "shop".into())].into());
    c.parameters = Arc::new([Parameter {
        key: "registry".into(),
        value: "eu.example.com".into(),
        from: "class prod".into(),
        origin: None,
    }]);
    let spec = ClassSpec {
        owner: Some("team pay".into()),
        tenants: Some(vec!["shop".into(), "pay".into()]),
        versions: VersionRules { floor: Some("1.34".into()), ..VersionRules::default() },
        ..ClassSpec::default()
    };
    c.class.rules = Some(Arc::new(class_rules("prod", spec)));
    c.class.pending = Some(PendingClass {
        to: "dev".into(),
        protection: Protection::Confirm,
        because: "label.env was prod and is dev".into(),
    });
    c.findings = Arc::new([finding("DOMAIN"), finding("BELOW_FLOOR")]);
    c
}

fn finding(code: &'static str) -> Finding {
    Finding {
        code,
        weight: Weight::Warning,
        cluster: None,
        class: None,
        owner: None,
        about: None,
        message: "x".into(),
        hint: None,
        rule: None,
        seen_at: None,
    }
}

#[test]
fn what_registries_and_classes_say_is_selected() {
    let other = cluster("other", Signals::default());
    let both = |text: &str| {
        let selector = parse(text);
        let mark = |c: &Cluster| match selector.matches(c, &Scope::at(now())) {
            Truth::Yes => 'y',
            Truth::No => 'n',
            Truth::Unknown => '?',
        };
        [mark(&registered()), mark(&other)].iter().collect::<String>()
    };
    for (text, expect) in [
        ("tenant=shop", "yn"),
        ("tenant in (pay,x)", "yn"),
        ("tenant!=ml", "yy"),
        ("owner:pay", "yn"),
        ("has:owner", "yn"),
        ("account=4711", "y?"),
        ("property.location=fra", "yn"),
        ("property.zone=fra", "nn"),
        ("parameter.registry~^eu\\.", "yn"),
        ("has:parameter.zone", "nn"),
        ("finding=DOMAIN", "yn"),
        ("finding:FLOOR", "yn"),
        ("!has:finding", "ny"),
        ("path:mgmt", "yn"),
        ("path=hub-eu", "yn"),
        ("merged>1", "yn"),
        ("merged=1", "ny"),
        ("region=eu-west-1", "y?"),
        ("provider=rke2", "y?"),
        ("version<1.34", "y?"),
        ("eol<0", "y?"),
        ("nodes=10", "y?"),
        ("ready<100%", "y?"),
        ("id=9f1c", "y?"),
        ("is:merged", "yn"),
        ("is:gone", "yn"),
        ("is:hub", "yn"),
        ("is:pending", "yn"),
        ("is:below-floor", "yn"),
        ("is:inspected", "nn"),
        // Its only path is for emergencies.
        ("is:dialable", "ny"),
        ("is:blocked", "??"),
        ("is:upgradable", "??"),
    ] {
        assert_eq!(both(text), expect, "{text}");
    }
}

#[test]
fn the_floor_is_compared_with_its_patch_if_it_names_one() {
    for (floor, version, expect, why) in [
        (
            Some("1.34"),
            Some("v1.34.0"),
            Truth::No,
            "it is not below-floor: version is v1.34.0, the floor 1.34",
        ),
        (Some("1.34"), Some("v1.33.9"), Truth::Yes, "it is below-floor: version is v1.33.9, the floor 1.34"),
        (
            Some("v1.34.5"),
            Some("v1.34.4"),
            Truth::Yes,
            "it is below-floor: version is v1.34.4, the floor 1.34.5",
        ),
        (
            Some("1.34.5"),
            Some("v1.34.5+k3s1"),
            Truth::No,
            "it is not below-floor: version is v1.34.5+k3s1, the floor 1.34.5",
        ),
        (
            Some("1.34"),
            None,
            Truth::Unknown,
            "whether it is below-floor is not known: its version is not known",
        ),
        (Some("newest"), Some("v1.20.0"), Truth::No, "it is not below-floor: its class has no floor"),
        (None, None, Truth::No, "it is not below-floor: its class has no floor"),
    ] {
        let mut c = registered();
        c.entry.facts.version = version.and_then(|v| v.parse().ok());
        let versions = VersionRules { floor: floor.map(str::to_owned), ..VersionRules::default() };
        c.class.rules = Some(Arc::new(class_rules("prod", ClassSpec { versions, ..ClassSpec::default() })));
        let selector = parse("is:below-floor");
        assert_eq!(selector.matches(&c, &Scope::at(now())), expect, "{floor:?} {version:?}");
        assert_eq!(selector.explain(&c, &Scope::at(now()))[0].words.as_str(), why);
    }
}

#[test]
fn a_step_that_may_be_blocked_is_neither_upgradable_nor_blocked() {
    let blocker =
        |code, effect| Blocker { code, effect, message: "x".into(), hint: None, owner: None, seen_at: None };
    let (blocks, warns, unknown) = (
        blocker("KUBELET_SKEW", Effect::Blocks),
        blocker("FLOOR", Effect::Warns),
        blocker("NOT_INSPECTED", Effect::Unknown),
    );
    for (next, blockers, upgradable, blocked, why) in [
        (Some("v1.34.0"), vec![], Truth::Yes, Truth::No, "next is v1.34.0"),
        (Some("v1.34.0"), vec![warns.clone()], Truth::Yes, Truth::No, "FLOOR"),
        (
            Some("v1.34.0"),
            vec![warns, unknown.clone()],
            Truth::Unknown,
            Truth::Unknown,
            "FLOOR, NOT_INSPECTED",
        ),
        (
            Some("v1.34.0"),
            vec![blocks, unknown.clone()],
            Truth::No,
            Truth::Yes,
            "KUBELET_SKEW, NOT_INSPECTED",
        ),
        (None, vec![], Truth::No, Truth::No, "it needs no upgrade"),
        (None, vec![unknown], Truth::Unknown, Truth::Unknown, "NOT_INSPECTED"),
    ] {
        let mut c = registered();
        let next: Option<Version> = next.map(|v| v.parse().unwrap());
        c.outlook =
            Some(Arc::new(Outlook { hops: Vec::new(), next, kubelets_first: false, blockers, by: None }));
        let results = parse("is:upgradable is:blocked").explain(&c, &Scope::at(now()));
        assert_eq!((results[0].truth, results[1].truth), (upgradable, blocked), "{:?}", c.outlook);
        assert!(results[0].words.as_str().ends_with(&format!(": {why}")), "{}", results[0].words);
    }
}

#[test]
fn size_and_depth_are_bounded() {
    let nested = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
    assert!(Selector::parse(&nested(MAX_DEPTH)).is_ok());
    assert!(Selector::parse(&nested(MAX_DEPTH + 1)).unwrap_err().message.as_str().contains("deeper"));
    assert!(Selector::parse(&format!("{}a", "!".repeat(MAX_DEPTH))).is_ok());
    assert!(
        Selector::parse(&format!("{}a", "!".repeat(4000))).unwrap_err().message.as_str().contains("deeper")
    );
    assert!(Selector::parse(&"a".repeat(MAX_LENGTH)).is_ok());
    assert!(Selector::parse(&"a".repeat(MAX_LENGTH + 1)).unwrap_err().message.as_str().contains("longer"));
    assert!(Selector::parse("~a{1000}{1000}").unwrap_err().message.as_str().contains("too large"));
}

#[test]
fn an_error_shows_nothing_that_a_terminal_would_obey() {
    let error = Selector::parse("\u{1b}]52;c;x\u{7}=1").unwrap_err();
    assert_eq!(error.message.as_str(), "unknown field `␛]52;c;x␇`");
    let terms = parse("\u{202e}").explain(&fleet()[0], &Scope::at(now()));
    assert_eq!(terms[0].term.as_str(), "\"‹U+202E›\"");
}

#[test]
fn terms_are_explained() {
    let selector = parse("version<1.35 !is:held (cert<30d | pods>3) prod region=x label.team=y");
    let fleet = fleet();
    let told = |c: &Cluster| -> Vec<String> {
        let results = selector.explain(c, &Scope::at(now()));
        results.iter().map(|r| format!("{} {:?}: {}", r.term, r.truth, r.words)).collect()
    };
    assert_eq!(
        told(&fleet[1]),
        [
            "version<1.35 Yes: version is v1.34.8-eks-1a2b3c4",
            "is:held Unknown: whether it is held is not measured yet",
            "cert<30d Yes: cert is 12 days",
            "pods>3 Unknown: pods is not measured yet",
            "prod No: not found in name, class, region and label values",
            "region=x Unknown: region is not known",
            "label.team=y No: there is no label.team",
        ]
    );
    assert_eq!(told(&fleet[3])[0], "version<1.35 Unknown: version is not known");
}

#[test]
fn an_unknown_field_keeps_the_row_until_it_is_asked_for() {
    assert_eq!(selected("mem<50%"), "????");
    assert_eq!(selected("has:mem mem<50%"), "nnnn");
}

#[test]
fn logic_is_kleenes() {
    let all = [Truth::Yes, Truth::No, Truth::Unknown];
    for a in all {
        for b in all {
            assert_eq!(!(a.and(b)), (!a).or(!b));
            assert_eq!(a.and(b), b.and(a));
            assert_eq!(a.or(b), b.or(a));
        }
        assert_eq!(!!a, a);
        assert_eq!((a.and(Truth::Yes), a.or(Truth::No)), (a, a));
        assert_eq!((a.and(Truth::No), a.or(Truth::Yes)), (Truth::No, Truth::Yes));
    }
}

fn any_field() -> impl Strategy<Value = String> {
    let key = |name: &'static str| {
        if name.ends_with('.') { format!("{name}some.key/x_1") } else { name.to_owned() }
    };
    prop::sample::select(field_names().map(key).collect::<Vec<_>>())
}

fn any_flag() -> impl Strategy<Value = &'static str> {
    prop::sample::select(flag_names().collect::<Vec<_>>())
}

/// What anything at all comes to: a selector that reads the same again and answers for every cluster, or an error with a place.
fn reads_or_refuses(text: &str) -> Result<(), TestCaseError> {
    match Selector::parse(text) {
        Ok(selector) => {
            let again = Selector::parse(&selector.to_string());
            prop_assert_eq!(again.as_ref(), Ok(&selector), "{:?} -> {}", text, selector);
            let refused = selector.rule_error();
            prop_assert!(
                refused.is_none_or(|e| text.get(e.span).is_some_and(|bad| !bad.is_empty())),
                "{:?}",
                text
            );
            for cluster in fleet() {
                let scope = Scope::at(now());
                let terms = selector.explain(&cluster, &scope);
                prop_assert_eq!(terms.is_empty(), selector.is_all());
                for term in terms {
                    prop_assert!(text.get(term.span).is_some_and(|t| !t.is_empty()), "{:?}", text);
                }
                let _: Truth = selector.matches(&cluster, &scope);
            }
        }
        Err(error) => prop_assert!(text.get(error.span.clone()).is_some(), "{:?} {:?}", text, error),
    }
    Ok(())
}

/// Text of one term.
fn term() -> impl Strategy<Value = String> {
    let any_text = ".{0,8}".prop_map(|t| format!("\"{}\"", t.replace('\\', "\\\\").replace('"', "\\\"")));
    prop_oneof![
        "[a-z0-9.-]{1,8}".prop_filter("options", |w| w != "-f" && w != "-l"),
        any_text.clone(),
        any_text.clone().prop_map(|t| format!("-f {t}")),
        any_text.clone().prop_map(|t| format!("name={t}")),
        any_text.prop_map(|t| format!("context:{t}")),
        "(~|why~|name!~)[a-z0-9.+*^$-]{1,6}".prop_filter("patterns", |t| Selector::parse(t).is_ok()),
        "(version|kubelet)(=|!=|<|<=|>|>=)v?1\\.[0-9]{1,2}(\\.[0-9]{1,2})?",
        "(cert|token|seen|latency|eol)[<>]-?[0-9]{1,4}(ms|s|m|h|d|w|y)[0-9]{1,3}h",
        "(ready|cordoned)[<=>][0-9]{1,3}%?",
        "class (in|notin) \\((prod|dev|x)(, ?[a-z]{1,4}){0,3}\\)",
        "-l [a-z]{1,5}(=|!=)[a-z]{1,4}(,[a-z]{1,4}){0,2}",
        "(is:live|is:down|has:cert|has:label\\.a/b|@prod|cluster:a~2|mem>5%|/a\\|b/)",
        "(tenant|owner|account|finding|path|property\\.a/b|parameter\\.x-y)(=|!=|:|~|!~)[a-z0-9.]{1,6}",
        "(tenant|finding|property\\.[a-z]{1,3}) notin \\([a-z]{1,4}(,[a-z]{1,4})?\\)",
        "merged(=|!=|<|<=|>|>=)[0-9]{1,3}",
        any_field().prop_map(|field| format!("has:{field}")),
        any_flag().prop_map(|flag| format!("is:{flag}")),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    term().prop_recursive(5, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|e| format!("!{e}")),
            inner.clone().prop_map(|e| format!("({e})")),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|e| e.join(" ")),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|e| e.join(", ")),
            prop::collection::vec(inner, 1..4).prop_map(|e| format!("({})", e.join("|"))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_displayed_reads_the_same(text in expression()) {
        let once = Selector::parse(&text);
        prop_assert!(once.is_ok(), "{}: {:?}", text, once);
        let once = once.unwrap();
        let again = Selector::parse(&once.to_string());
        prop_assert_eq!(again.as_ref(), Ok(&once), "{} -> {}", text, once);
        prop_assert_eq!(again.unwrap().to_string(), once.to_string());
    }

    #[test]
    fn any_text_is_read_or_refused_at_a_place_in_it(text in "\\PC{0,40}|[a-z()|,!<>=~:\"'/@ \\\\-]{0,30}") {
        reads_or_refuses(&text)?;
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..96)) {
        reads_or_refuses(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn a_selector_with_one_byte_changed_is_read_or_refused(
        text in expression(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        reads_or_refuses(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn not_turns_every_answer_over(text in expression()) {
        let (plain, negated) = (parse(&text), parse(&format!("!({text})")));
        for cluster in fleet() {
            let scope = Scope::at(now());
            prop_assert_eq!(!plain.matches(&cluster, &scope), negated.matches(&cluster, &scope));
        }
    }
}
