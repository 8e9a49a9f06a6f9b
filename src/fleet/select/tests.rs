use std::sync::Arc;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::super::testing::*;
use super::super::{ErrorCode, Failure, Method, Signals};
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
        match Selector::parse(&text) {
            Ok(selector) => {
                let again = Selector::parse(&selector.to_string());
                prop_assert_eq!(again.as_ref(), Ok(&selector), "{} -> {}", text, selector);
                for cluster in fleet() {
                    let scope = Scope::at(now());
                    prop_assert_eq!(selector.explain(&cluster, &scope).is_empty(), selector.is_all());
                    let _: Truth = selector.matches(&cluster, &scope);
                }
            }
            Err(error) => prop_assert!(text.get(error.span.clone()).is_some(), "{:?}", error),
        }
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
