//! The semantics of `labels.Parse` and `Selector.Matches` in k8s.io/apimachinery/pkg/labels, case by case: what is read,
//! what is refused, and which of five objects match. The answers were compared with those of apimachinery v0.36.3 itself.

use super::*;

/// The objects, each with its labels.
const OBJECTS: [&[(&str, &str)]; 5] = [
    &[],
    &[("tier", "1"), ("team", "pay")],
    &[("tier", "10"), ("team", ""), ("app.kubernetes.io/name", "web"), ("in", "x")],
    &[("tier", "abc"), ("notin", "in"), ("Env", "Prod"), ("env", "5x")],
    &[
        ("n", "007"),
        ("big", "9223372036854775807"),
        ("huge", "9223372036854775808"),
        ("a.b-c.d/x", ""),
        ("A_b.c-d", "A_b.c-d"),
    ],
];

fn answers(selector: &str) -> Result<String, String> {
    let parsed = LabelSelector::parse(selector)?;
    let answer = |object: &&[(&str, &str)]| {
        let labels = object.iter().map(|(key, value)| (CleanText::new(key), CleanText::new(value))).collect();
        if parsed.matches(&labels) { 'y' } else { 'n' }
    };
    Ok(OBJECTS.iter().map(answer).collect())
}

#[test]
fn selectors_select_as_the_server_would() {
    // A selector, and whether each of the objects matches.
    let cases = [
        // Nothing asked.
        ("", "yyyyy"),
        ("   ", "yyyyy"),
        ("\t\r\n", "yyyyy"),
        // Equality.
        ("tier=1", "nynnn"),
        ("tier==1", "nynnn"),
        ("tier = 1", "nynnn"),
        ("tier\t==\n1", "nynnn"),
        ("tier!=1", "ynyyy"),
        ("team!=pay", "ynyyy"),
        ("absent!=x", "yyyyy"),
        ("absent=x", "nnnnn"),
        ("tier=1,team=pay", "nynnn"),
        ("tier=1 , team!=ml", "nynnn"),
        ("tier=1,tier=2", "nnnnn"),
        ("tier=1,tier=1", "nynnn"),
        // Empty values.
        ("team=", "nnynn"),
        ("team==", "nnynn"),
        ("team!=", "yynyy"),
        ("absent=", "nnnnn"),
        ("absent!=", "yyyyy"),
        ("team=,tier=10", "nnynn"),
        ("team= ,tier", "nnynn"),
        ("tier=10,team=", "nnynn"),
        // Sets.
        ("tier in (1,10)", "nyynn"),
        ("tier in(1)", "nynnn"),
        ("team in ( pay , ml )", "nynnn"),
        ("tier notin (1)", "ynyyy"),
        ("tier notin(1,10)", "ynnyy"),
        ("absent in (a)", "nnnnn"),
        ("absent notin (a)", "yyyyy"),
        ("team in ()", "nnynn"),
        ("team notin ()", "yynyy"),
        ("team in (,)", "nnynn"),
        ("team notin (,)", "yynyy"),
        ("team in (,pay)", "nyynn"),
        ("team in (pay,)", "nyynn"),
        ("team in (pay,,ml)", "nyynn"),
        ("absent in (,)", "nnnnn"),
        ("tier in (1),team in (pay,ml),!gone", "nynnn"),
        ("tier in\t(1\n,\r10)", "nyynn"),
        // Existence.
        ("tier", "nyyyn"),
        ("!tier", "ynnny"),
        ("! tier", "ynnny"),
        ("\t!\ttier\t", "ynnny"),
        ("absent", "nnnnn"),
        ("!absent", "yyyyy"),
        ("tier,team", "nyynn"),
        ("tier,!team", "nnnyn"),
        ("tier,!absent", "nyyyn"),
        ("notin", "nnnyn"),
        ("in", "nnynn"),
        // Order.
        ("tier>1", "nnynn"),
        ("tier>0", "nyynn"),
        ("tier<10", "nynnn"),
        ("tier<2", "nynnn"),
        ("tier > 0", "nyynn"),
        ("n>6", "nnnny"),
        ("n<8", "nnnny"),
        ("n<7", "nnnnn"),
        ("big>0", "nnnny"),
        ("big<9223372036854775807", "nnnnn"),
        ("huge>0", "nnnnn"),
        ("absent>0", "nnnnn"),
        ("absent<0", "nnnnn"),
        ("team<5", "nnnnn"),
        ("env<5", "nnnnn"),
        ("tier>0,tier<5", "nynnn"),
        ("tier>007", "nnynn"),
        // Keywords as keys and values.
        ("in in (x)", "nnynn"),
        ("in=x", "nnynn"),
        ("notin notin (in)", "yyyny"),
        ("notin=in", "nnnyn"),
        ("notin in (in,notin)", "nnnyn"),
        ("in notin (y)", "yyyyy"),
        ("in!=notin", "yyyyy"),
        ("!in", "yynyy"),
        ("!notin", "yyyny"),
        // Case, prefixes, lengths.
        ("Env=Prod", "nnnyn"),
        ("env=Prod", "nnnnn"),
        ("Env=prod", "nnnnn"),
        ("app.kubernetes.io/name=web", "nnynn"),
        ("app.kubernetes.io/name", "nnynn"),
        ("a.b-c.d/x", "nnnny"),
        ("0/0", "nnnnn"),
        ("A_b.c-d=A_b.c-d", "nnnny"),
        ("x=1.2-3_4", "nnnnn"),
        ("tier=1,0=0", "nnnnn"),
    ];
    for (selector, expect) in cases {
        assert_eq!(answers(selector).as_deref(), Ok(expect), "{selector:?}");
    }
}

#[test]
fn what_the_server_would_refuse_is_refused() {
    for bad in [
        // Commas and ends.
        ",",
        "tier,",
        ",tier",
        "tier=1,",
        "tier=1,,team",
        "tier,,team",
        "tier=1,team,",
        " , ",
        // Words where none belong.
        "tier=1 team=pay",
        "tier team",
        "tier=1 2",
        "tier in 1",
        "tier notin",
        "tier in",
        "tier in (1",
        "tier in (1 2)",
        "tier in (1,2",
        "tier in 1)",
        "tier (1)",
        "tierin(1)x",
        "(tier)",
        "()",
        "tier in ((1))",
        "tier in (1)team",
        "tier in (1) team",
        "tier in (!a)",
        "tier in (=)",
        "tier in (a=b)",
        // Signs.
        "=",
        "=1",
        "==1",
        "!=1",
        "!",
        "!!tier",
        "!tier=1",
        "!tier!=1",
        "!tier in (1)",
        "!tier,!",
        "tier=!1",
        "tier=(1)",
        "tier=)",
        "tier===1",
        "tier=!=1",
        "tier!==1",
        "tier<=1",
        "tier>=1",
        "tier<>1",
        "tier&1",
        "tier=1|team",
        // Numbers.
        "tier>",
        "tier<",
        "tier>x",
        "tier>1.5",
        "tier>-1",
        "tier>+1",
        "tier<1e3",
        "tier>9223372036854775808",
        "tier>,team",
        "tier>(1)",
        "tier<1,2>",
        // Keys.
        "-tier",
        "tier-",
        "_tier",
        ".tier",
        "tier.",
        "/tier",
        "tier/",
        "a/b/c",
        "//",
        "Upper.io/tier",
        "a_b/tier",
        "-a/tier",
        "a-/tier",
        "a..b/tier",
        ".a/tier",
        "größe",
        "tier\u{a0}=1",
        "tier\u{200b}",
        "*",
        "tier*",
        "\"tier\"",
        "tier:1",
        "$x",
        // Values.
        "tier=-1",
        "tier=1-",
        "tier=a/b",
        "tier=a:b",
        "tier=größe",
        "tier=\"1\"",
        "tier=a*",
        "tier in (a/b)",
        "tier!=-",
        "tier=_",
        "tier=.",
        "tier in (-a,b)",
        "tier=1\u{b}",
        "tier=1\u{2028}",
    ] {
        assert!(answers(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn lengths_are_limited_as_on_the_server() {
    let prefix = |last: usize| format!("{0}.{0}.{0}.{1}", "p".repeat(63), "p".repeat(last));
    let (name, long) = ("k".repeat(63), "k".repeat(64));
    for good in [&name, &format!("a={name}"), &format!("{}/{name}", prefix(61))] {
        assert_eq!(answers(good).as_deref(), Ok("nnnnn"), "{good}");
    }
    for bad in [
        &long,
        &format!("a={long}"),
        &format!("a in ({long})"),
        &format!("{}/x", prefix(62)),
        &format!("a/{long}"),
    ] {
        assert!(answers(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_label_says_why_it_keeps_a_cluster_out() {
    let labels: BTreeMap<CleanText, CleanText> =
        [("tier", "1"), ("empty", "")].map(|(k, v)| (k.into(), v.into())).into();
    for (selector, why) in [
        ("tier=1", "its labels fit"),
        ("", "its labels fit"),
        ("tier in (1,2),team=pay", "there is no label team"),
        ("tier>1", "label tier is 1"),
        ("empty=x", "label empty is empty"),
    ] {
        assert_eq!(LabelSelector::parse(selector).unwrap().reason(&labels), why, "{selector}");
    }
}
