//! What a selector says of a cluster.

use std::borrow::Cow;
use std::cmp::Ordering;

use chrono::TimeDelta;

use super::ast::{Expr, Op, Term};
use super::field::{Field, Kind};
use super::value::Value;
use super::{Truth, View, flag};
use crate::fleet::lifecycle::{Calendar, Support};
use crate::fleet::{AccessPath, CleanText, Cluster, Method, Minor, NodeSummary, TextMap, Told, Version, age};

pub(super) fn evaluate(expr: &Expr, cluster: &Cluster, view: &View<'_>) -> Truth {
    match expr {
        Expr::And(parts) => fold(parts, Truth::Yes, Truth::No, Truth::and, cluster, view),
        Expr::Or(parts) => fold(parts, Truth::No, Truth::Yes, Truth::or, cluster, view),
        Expr::Not(inner) => !evaluate(inner, cluster, view),
        Expr::Term(term) => holds(term, cluster, view),
    }
}

/// Joins the parts until the result can no longer change.
fn fold(
    parts: &[Expr],
    start: Truth,
    settled: Truth,
    join: impl Fn(Truth, Truth) -> Truth,
    cluster: &Cluster,
    view: &View<'_>,
) -> Truth {
    let mut result = start;
    for part in parts {
        result = join(result, evaluate(part, cluster, view));
        if result == settled {
            break;
        }
    }
    result
}

fn holds(term: &Term, cluster: &Cluster, view: &View<'_>) -> Truth {
    match term {
        Term::Word(word) => anywhere(cluster, view, |text| contains(text, word)).into(),
        Term::Pattern(pattern) => anywhere(cluster, view, |text| pattern.is_match(text)).into(),
        Term::Fuzzy(word) => is_subsequence(word, cluster.entry.name.as_str()).into(),
        Term::Labels(selector) => selector.matches(&cluster.entry.labels).into(),
        Term::Compare { field, op, value } => compare(&read(field, cluster, view), *op, value),
        Term::List { field, negated, values } => {
            let reading = read(field, cluster, view);
            let any = values.iter().fold(Truth::No, |found, v| found.or(compare(&reading, Op::Eq, v)));
            if *negated { !any } else { any }
        }
        Term::Is(flag) => flag::holds(*flag, cluster, view),
        Term::Has(field) => {
            (!matches!(read(field, cluster, view), Reading::Unknown | Reading::Absent)).into()
        }
        Term::Class(name) => (cluster.class.name.as_str() == name).into(),
        Term::Cluster(name) => (cluster.key().as_str() == name || cluster.entry.name.as_str() == name).into(),
    }
}

/// Whether a term holds, and why.
pub(super) fn explain(term: &Term, cluster: &Cluster, view: &View<'_>) -> (Truth, String) {
    let truth = holds(term, cluster, view);
    let words = match term {
        Term::Compare { field, .. } | Term::List { field, .. } | Term::Has(field) => {
            let reading = read(field, cluster, view);
            match reading.told() {
                Some(told) => format!("{field} is {told}"),
                None if reading == Reading::Absent => format!("there is no {field}"),
                None if field.kind() == Kind::Opaque => format!("{field} is not measured yet"),
                None => format!("{field} is not known"),
            }
        }
        Term::Word(_) | Term::Pattern(_) => {
            let places = "name, class, region and label values";
            let found = if truth == Truth::Yes { "found in one of" } else { "not found in" };
            format!("{found} {places}")
        }
        Term::Fuzzy(_) | Term::Cluster(_) => format!("name is {}", cluster.entry.name),
        Term::Class(_) => format!("class is {}, {}", cluster.class.name, cluster.class.rule),
        Term::Labels(selector) => selector.reason(&cluster.entry.labels),
        Term::Is(flag) => flag::words(*flag, truth, cluster),
    };
    (truth, words)
}

/// Whether any of the texts that a bare word looks at satisfies `test`.
fn anywhere(cluster: &Cluster, view: &View<'_>, test: impl Fn(&str) -> bool) -> bool {
    test(cluster.entry.name.as_str())
        || (!view.is_rule && test(cluster.class.name.as_str()))
        || cluster.entry.labels.values().any(|v| test(v.as_str()))
        || cluster
            .region()
            .filter(|told| view.may_tell(told))
            .is_some_and(|region| test(region.value.as_str()))
}

/// Whether `word` stands in `text`; without a capital letter it does not regard case.
fn contains(text: &str, word: &str) -> bool {
    if word.chars().any(char::is_uppercase) { text.contains(word) } else { lower(text).contains(word) }
}

fn lower(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_uppercase) { Cow::Owned(text.to_lowercase()) } else { Cow::Borrowed(text) }
}

/// Whether the characters of `word` stand in `text` in that order.
fn is_subsequence(word: &str, text: &str) -> bool {
    let text = if word.chars().any(char::is_uppercase) { Cow::Borrowed(text) } else { lower(text) };
    let mut left = text.chars();
    word.chars().all(|c| left.any(|d| c == d))
}

/// What a field says of a cluster.
#[derive(Clone, Debug, PartialEq)]
enum Reading<'a> {
    /// Not known, or not measured yet.
    Unknown,
    /// Known to be missing.
    Absent,
    /// One text or several, any of which may match.
    Texts(Vec<Cow<'a, str>>),
    /// Words of a closed set, compared without regard to case.
    Word(Cow<'a, str>),
    /// One version or several, any of which may match.
    Versions(Vec<&'a Version>),
    Minor(Minor),
    Count(i64),
    /// So many of so many.
    Share(i64, i64),
    Length(TimeDelta),
}

impl Reading<'_> {
    fn told(&self) -> Option<String> {
        Some(match self {
            Self::Unknown | Self::Absent => return None,
            Self::Texts(texts) => texts.join(", "),
            Self::Word(word) => word.to_string(),
            Self::Versions(versions) => {
                versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
            Self::Minor(minor) => minor.to_string(),
            Self::Count(count) => count.to_string(),
            Self::Share(part, whole) => format!("{part} of {whole}"),
            Self::Length(length) if length.num_milliseconds().abs() < 10_000 => {
                format!("{} ms", length.num_milliseconds())
            }
            Self::Length(length) if *length < TimeDelta::zero() => format!("{} past", age::words(*length)),
            Self::Length(length) => age::words(*length),
        })
    }
}

fn read<'a>(field: &Field, cluster: &'a Cluster, view: &View<'_>) -> Reading<'a> {
    let (entry, signals) = (&cluster.entry, &cluster.signals);
    let path = entry.paths.first();
    match field {
        Field::Name => one(&entry.name),
        Field::Class => word(cluster.class.name.as_str()),
        Field::State => word(cluster.verdict.state.as_str()),
        Field::Region => told_or_unknown(cluster.region().filter(|told| view.may_tell(told))),
        Field::Provider => told_or_unknown(cluster.provider().filter(|told| view.may_tell(told))),
        Field::Account => told_or_unknown(cluster.account()),
        Field::Tenant => owned(cluster.tenants()),
        Field::Owner => owned(cluster.owner()),
        Field::Source => texts(entry.sources.iter().flat_map(|s| [s.kind.as_str(), s.name.as_str()])),
        Field::Context => texts(entry.sources.iter().map(|s| s.reference.as_str())),
        Field::Server => entry.server().map_or(Reading::Absent, one),
        Field::Path => owned(entry.paths.iter().flat_map(path_texts)),
        Field::Merged => Reading::Count(number(entry.sources.len())),
        Field::Version => cluster.told_version().map_or(Reading::Unknown, |v| Reading::Versions(vec![v])),
        Field::Minor => cluster.told_version().map_or(Reading::Unknown, |v| Reading::Minor(v.line)),
        Field::Kubelet => match signals.nodes.value() {
            Some(nodes) if !nodes.kubelets.is_empty() => {
                Reading::Versions(nodes.kubelets.iter().map(|(version, _)| version).collect())
            }
            _ => Reading::Unknown,
        },
        Field::Skew => cluster.kubelet_skew().map_or(Reading::Unknown, |skew| Reading::Count(skew.into())),
        Field::Eol => cluster.told_version().map_or(Reading::Unknown, |v| days_left(v.line, view)),
        Field::Nodes => match (signals.nodes.value(), entry.facts.nodes) {
            (Some(nodes), _) => Reading::Count(number(nodes.total)),
            (None, Some((_, total))) => Reading::Count(number(total)),
            (None, None) => Reading::Unknown,
        },
        Field::Ready => match (signals.nodes.value(), entry.facts.nodes) {
            (None, Some((ready, total))) => Reading::Share(number(ready), number(total)),
            _ => share(cluster, |n| n.ready),
        },
        Field::Cordoned => share(cluster, |n| n.cordoned),
        Field::Cert => match &signals.serving_cert {
            Some(cert) => Reading::Length(cert.value.not_after - view.now),
            None => Reading::Unknown,
        },
        Field::Token => token(cluster, path, view),
        Field::Identity => path.map_or(Reading::Absent, |p| one(&p.identity)),
        Field::Auth => path.map_or(Reading::Absent, |p| word(p.method.as_str())),
        Field::Seen => cluster.seen_at().map_or(Reading::Unknown, |at| Reading::Length(view.now - at)),
        Field::Latency => signals
            .latency
            .as_ref()
            .and_then(|o| TimeDelta::from_std(o.value).ok())
            .map_or(Reading::Unknown, Reading::Length),
        Field::Why => texts(cluster.verdict.reasons.iter().flat_map(|r| [r.code, r.message.as_str()])),
        Field::Finding => texts(cluster.findings.iter().map(|finding| finding.code)),
        Field::Id => signals.identity.value().or(entry.uid.as_ref()).map_or(Reading::Unknown, one),
        Field::Label(key) => value_of(&entry.labels, key),
        Field::Property(key) => value_of(&cluster.properties, key),
        Field::Parameter(key) => {
            let found = cluster.parameters.iter().find(|p| p.key.as_str() == key);
            found.map_or(Reading::Absent, |p| one(&p.value))
        }
        Field::Annotation(_)
        | Field::Pods
        | Field::Cpu
        | Field::Mem
        | Field::Etcd
        | Field::Wave
        | Field::Plan
        | Field::Hold
        | Field::Window => Reading::Unknown,
    }
}

fn one(text: &CleanText) -> Reading<'_> {
    Reading::Texts(vec![Cow::Borrowed(text.as_str())])
}

fn word(text: &str) -> Reading<'_> {
    Reading::Word(Cow::Borrowed(text))
}

fn texts<'a>(all: impl Iterator<Item = &'a str>) -> Reading<'a> {
    let all: Vec<Cow<'a, str>> = all.map(Cow::Borrowed).collect();
    if all.is_empty() { Reading::Absent } else { Reading::Texts(all) }
}

fn owned<'a>(all: impl IntoIterator<Item = CleanText>) -> Reading<'a> {
    let all: Vec<Cow<'a, str>> = all.into_iter().map(|text| Cow::Owned(text.as_str().to_owned())).collect();
    if all.is_empty() { Reading::Absent } else { Reading::Texts(all) }
}

fn value_of<'a>(map: &'a TextMap, key: &str) -> Reading<'a> {
    map.iter().find(|(k, _)| k.as_str() == key).map_or(Reading::Absent, |(_, value)| one(value))
}

/// What an access path is found by: the sighting that told of it, and the hub it goes through.
fn path_texts(path: &AccessPath) -> impl Iterator<Item = CleanText> + use<> {
    let told_by = CleanText::new(&path.sighting.to_string());
    std::iter::once(told_by).chain(path.via.clone())
}

fn told_or_unknown<'a>(told: Option<Told>) -> Reading<'a> {
    told.map_or(Reading::Unknown, |t| Reading::Word(Cow::Owned(t.value.as_str().to_owned())))
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn share(cluster: &Cluster, part: impl Fn(&NodeSummary) -> usize) -> Reading<'_> {
    let nodes = cluster.signals.nodes.value();
    nodes.map_or(Reading::Unknown, |n| Reading::Share(number(part(n)), number(n.total)))
}

fn days_left<'a>(minor: Minor, view: &View<'_>) -> Reading<'a> {
    let today = view.now.date_naive();
    match Calendar::builtin().support(minor, view.now) {
        Support::Until(end, _) | Support::Ended(end, _) | Support::EndedBefore(end) => {
            Reading::Length(end - today)
        }
        Support::Unknown => Reading::Unknown,
    }
}

/// What is left of the credential in use, if anything says so.
fn token<'a>(cluster: &Cluster, path: Option<&AccessPath>, view: &View<'_>) -> Reading<'a> {
    let signals = &cluster.signals;
    let cert = signals.client_cert.as_ref().map(|o| o.value.not_after);
    let written = path.filter(|p| p.method != Method::Exec).and_then(|p| p.expires_at);
    match signals.credential_expires_at.or(cert).or(written) {
        Some(end) => Reading::Length(end - view.now),
        None => Reading::Unknown,
    }
}

fn compare(reading: &Reading<'_>, op: Op, value: &Value) -> Truth {
    match op {
        Op::Ne => return !compare(reading, Op::Eq, value),
        Op::NotMatch => return !compare(reading, Op::Match, value),
        _ => {}
    }
    match (reading, value) {
        (Reading::Unknown, _) | (Reading::Share(_, 0), Value::Percent(_)) => Truth::Unknown,
        (Reading::Texts(texts), Value::Text(wanted)) if op == Op::Contains => {
            texts.iter().any(|t| contains(t, wanted)).into()
        }
        (Reading::Texts(texts), Value::Text(wanted)) => texts.iter().any(|t| t == wanted).into(),
        (Reading::Texts(texts), Value::Pattern(pattern)) => texts.iter().any(|t| pattern.is_match(t)).into(),
        (Reading::Word(word), Value::Text(wanted)) if op == Op::Contains => contains(word, wanted).into(),
        (Reading::Word(word), Value::Text(wanted)) => word.eq_ignore_ascii_case(wanted).into(),
        (Reading::Word(word), Value::Pattern(pattern)) => pattern.is_match(word).into(),
        (Reading::Versions(all), value) => all.iter().any(|v| version(v, op, value)).into(),
        (Reading::Minor(minor), Value::Version(wanted, _)) => ordered(minor.cmp(wanted), op).into(),
        (Reading::Count(count) | Reading::Share(count, _), Value::Count(wanted)) => {
            ordered(count.cmp(wanted), op).into()
        }
        (Reading::Share(part, whole), Value::Percent(percent)) => {
            let (left, right) = (i128::from(*part) * 100, i128::from(*whole) * i128::from(*percent));
            ordered(left.cmp(&right), op).into()
        }
        (Reading::Length(length), Value::Length(wanted)) => ordered(length.cmp(wanted), op).into(),
        // Known to be missing. Nothing else is left: the parser pairs every field with values of its own kind.
        _ => Truth::No,
    }
}

/// A release stands for all its patches: `> 1.35` is true from 1.36 on.
fn version(version: &Version, op: Op, value: &Value) -> bool {
    match value {
        Value::Version(line, None) => ordered(version.line.cmp(line), op),
        Value::Version(line, Some(patch)) => ordered((version.line, version.patch).cmp(&(*line, *patch)), op),
        Value::Text(wanted) => contains(&version.to_string(), wanted),
        Value::Pattern(pattern) => pattern.is_match(&version.to_string()),
        Value::Count(_) | Value::Percent(_) | Value::Length(_) => false,
    }
}

fn ordered(ordering: Ordering, op: Op) -> bool {
    match op {
        Op::Lt => ordering.is_lt(),
        Op::Le => ordering.is_le(),
        Op::Gt => ordering.is_gt(),
        Op::Ge => ordering.is_ge(),
        Op::Eq | Op::Ne | Op::Match | Op::NotMatch | Op::Contains => ordering.is_eq(),
    }
}
