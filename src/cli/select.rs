//! Which clusters a command is about.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::args::Global;
use super::fault::Fault;
use super::suggest;
use crate::config::near;
use crate::fleet::select::{Scope, SelectError, Selector, Truth};
use crate::fleet::sort::{self, SortKey};
use crate::fleet::{Cluster, Fleet};

/// More names than this are not read from standard input.
const MOST_NAMES: u64 = 4 * 1024 * 1024;

/// A selection and an order, read from the flags.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    selector: Selector,
    /// Names, of which one must be the cluster's; empty: any.
    names: BTreeSet<String>,
    order: Option<(SortKey, bool)>,
}

/// The rows that are selected.
#[derive(Clone, Debug, Default)]
pub(super) struct Selected {
    /// The clusters, in order.
    pub(super) rows: Vec<Arc<Cluster>>,
    /// How many of them are there because it is not known whether they match.
    pub(super) unknown: usize,
}

impl Selection {
    /// Reads the flags; `named` are the names that stand after the command, `classes` those that a fleet file declares.
    pub(super) fn new(
        global: &Global,
        named: &[String],
        classes: &[String],
        stdin: &mut dyn Read,
    ) -> Result<Self, Fault> {
        let parse = |text: &str| Selector::parse_with(text, classes.iter().map(String::as_str));
        let mut terms = Vec::new();
        if let Some(query) = global.query.as_ref().filter(|q| !q.trim().is_empty()) {
            parse(query).map_err(|e| refused("--query", query, &e))?;
            terms.push(format!("({query})"));
        }
        if let Some(labels) = &global.selector {
            let term = format!("-l {}", quoted("--selector", labels)?);
            // The position in the term is that in the flag, behind `-l "`.
            parse(&term).map_err(|mut e| {
                e.span = e.span.start.saturating_sub(4)..e.span.end.saturating_sub(4);
                refused("--selector", labels, &e)
            })?;
            terms.push(term);
        }
        if !global.class.is_empty() {
            let classes: Result<Vec<String>, Fault> =
                global.class.iter().map(|c| quoted("--class", c)).collect();
            terms.push(format!("class in ({})", classes?.join(",")));
        }
        let text = terms.join(" ");
        let selector = parse(&text).map_err(|e| refused("the selection", &text, &e))?;
        Ok(Self { selector, names: names(global, named, stdin)?, order: order(global)? })
    }

    /// The selection as text; `None` for all.
    pub(super) fn text(&self) -> Option<String> {
        let names: Vec<String> = self.names.iter().map(|n| format!("cluster:{n:?}")).collect();
        match (self.selector.is_all(), names.is_empty()) {
            (true, true) => None,
            (true, false) => Some(names.join(" | ")),
            (false, true) => Some(self.selector.to_string()),
            (false, false) => Some(format!("({}) ({})", self.selector, names.join(" | "))),
        }
    }

    /// The selected clusters of a fleet. What is not known keeps a row.
    pub(super) fn rows(&self, fleet: &Fleet, now: DateTime<Utc>) -> Selected {
        let scope = Scope::at(now);
        let mut selected = Selected::default();
        let named = self.named(fleet);
        for cluster in fleet.clusters.iter().filter(|c| is_among(named.as_ref(), c)) {
            match self.selector.matches(cluster, &scope) {
                Truth::Yes => {}
                Truth::Unknown => selected.unknown += 1,
                Truth::No => continue,
            }
            selected.rows.push(Arc::clone(cluster));
        }
        if let Some((key, descending)) = self.order {
            selected.rows.sort_by(|a, b| sort::compare(a, b, key, descending));
        }
        selected
    }

    /// Whether everything is decided that the rows depend on: of every cluster that is selected, or may yet be, it is known
    /// how it is.
    pub(super) fn is_decided(&self, fleet: &Fleet, now: DateTime<Utc>) -> bool {
        let scope = Scope::at(now);
        let named = self.named(fleet);
        let awaited = fleet.clusters.iter().filter(|c| c.is_awaited());
        let mut open = awaited.filter(|c| is_among(named.as_ref(), c)).peekable();
        let may_change = open.peek().is_some_and(|c| {
            self.selector.explain(c, &scope).iter().any(|term| !is_fixed(term.term.as_str()))
        });
        open.all(|c| !may_change && self.selector.matches(c, &scope) == Truth::No)
    }

    /// A fault if a name is none of the fleet's, or that of several.
    pub(super) fn check_names(&self, fleet: &Fleet) -> Result<(), Fault> {
        let known: BTreeSet<&str> = fleet.clusters.iter().map(|c| c.key().as_str()).collect();
        for name in self.names.iter().filter(|n| !known.contains(n.as_str())) {
            let rows: Vec<&str> =
                fleet.clusters.iter().filter(|c| is_called(c, name)).map(|c| c.key().as_str()).collect();
            match rows.as_slice() {
                [_] => {}
                [] => return Err(no_such(name, &known)),
                several => {
                    let what = format!("`{}` is in several clusters", suggest::shown(name));
                    return Err(Fault::usage(what).hint(suggest::one_of("", several.iter().copied(), "")));
                }
            }
        }
        Ok(())
    }

    /// The keys of the clusters that are named; `None` if none is. A name is that of a row; where no row has it, that of something
    /// that a source calls so.
    fn named<'f>(&self, fleet: &'f Fleet) -> Option<BTreeSet<&'f str>> {
        if self.names.is_empty() {
            return None;
        }
        let keys = fleet.clusters.iter().map(|c| c.key().as_str());
        let mut found: BTreeSet<&str> = keys.filter(|key| self.names.contains(*key)).collect();
        for name in self.names.iter().filter(|n| !found.contains(n.as_str())).collect::<Vec<_>>() {
            found.extend(fleet.clusters.iter().filter(|c| is_called(c, name)).map(|c| c.key().as_str()));
        }
        Some(found)
    }
}

fn is_among(named: Option<&BTreeSet<&str>>, cluster: &Cluster) -> bool {
    named.is_none_or(|named| named.contains(cluster.key().as_str()))
}

/// Whether one of a cluster's sources calls it so: a context, or `source:reference`.
fn is_called(cluster: &Cluster, name: &str) -> bool {
    cluster.entry.sources.iter().any(|source| {
        let whole = || name.strip_prefix(source.name.as_str()).and_then(|rest| rest.strip_prefix(':'));
        source.reference.as_str() == name || whole() == Some(source.reference.as_str())
    })
}

/// Whether a term is about what stands in the sources, which no answer of a cluster changes.
fn is_fixed(term: &str) -> bool {
    let field = term.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').next().unwrap_or_default();
    let named = field.len() < term.len()
        && (matches!(field, "name" | "class" | "source" | "context" | "server" | "identity" | "cluster")
            || field.starts_with("label."));
    named || term.starts_with("-l ") || term.starts_with('@')
}

/// There is no cluster of that name.
fn no_such(name: &str, known: &BTreeSet<&str>) -> Fault {
    let fault = Fault::usage(format!("there is no cluster `{}`", suggest::shown(name)));
    match near(name, known.iter().copied()) {
        Some(near) => fault.hint(format!("Did you mean `{near}`?")),
        None => fault.hint("`fleetglass clusters list --no-contact` shows all names."),
    }
}

/// Names from `-c` and from behind the command; `-` stands for standard input.
fn names(global: &Global, named: &[String], stdin: &mut dyn Read) -> Result<BTreeSet<String>, Fault> {
    let mut names = BTreeSet::new();
    let asked = !named.is_empty() || !global.cluster.is_empty();
    for name in named.iter().chain(&global.cluster) {
        if name != "-" {
            names.insert(bare(name).to_owned());
            continue;
        }
        let mut text = String::new();
        stdin.take(MOST_NAMES).read_to_string(&mut text).map_err(|e| {
            Fault::usage("the names of clusters cannot be read").place("standard input").why(e.to_string())
        })?;
        names.extend(text.lines().map(|l| bare(l.trim())).filter(|l| !l.is_empty()).map(str::to_owned));
    }
    if asked && names.is_empty() {
        return Err(Fault::usage("no cluster is named")
            .place("standard input")
            .hint("One name to a line, as `-o name` prints them."));
    }
    Ok(names)
}

/// `cluster/NAME` is NAME.
fn bare(name: &str) -> &str {
    name.strip_prefix("cluster/").unwrap_or(name)
}

fn order(global: &Global) -> Result<Option<(SortKey, bool)>, Fault> {
    let Some(word) = &global.sort_by else { return Ok(None) };
    let (name, descending) = word.strip_prefix('-').map_or((word.as_str(), false), |rest| (rest, true));
    match SortKey::parse(name) {
        Some(key) => Ok(Some((key, descending))),
        None => Err(Fault::usage(format!("clusters cannot be sorted by `{}`", suggest::shown(name)))
            .place("--sort-by")
            .hint(suggest::one_of(name, SortKey::ALL.iter().map(|k| k.as_str()), ""))),
    }
}

/// Text as a quoted value of the selection language.
fn quoted(flag: &str, text: &str) -> Result<String, Fault> {
    if text.contains(['"', '\\']) {
        return Err(Fault::usage("quotes and backslashes stand in no label and no class").place(flag));
    }
    Ok(format!("\"{text}\""))
}

/// A fault with the column, and the text underlined.
fn refused(flag: &str, text: &str, error: &SelectError) -> Fault {
    let column = text.get(..error.span.start).map_or(1, |before| before.chars().count() + 1);
    let fault = Fault::usage(format!("`{}` is no selection", suggest::shown(text)))
        .place(format!("{flag}, column {column}"))
        .why(error.message.to_string());
    match &error.hint {
        Some(hint) => fault.hint(hint.to_string()),
        None => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use std::io;

    fn check(global: Global, named: &[&str], stdin: &str) -> Result<(Vec<String>, Option<String>), Fault> {
        let named: Vec<String> = named.iter().map(|n| (*n).to_owned()).collect();
        let selection = Selection::new(&global, &named, &[], &mut stdin.as_bytes())?;
        let fleet = fixture::fleet();
        selection.check_names(&fleet)?;
        let rows = selection.rows(&fleet, fixture::now()).rows;
        Ok((rows.iter().map(|c| c.key().to_string()).collect(), selection.text()))
    }

    fn flags(set: impl FnOnce(&mut Global)) -> Global {
        let mut global = Global::default();
        set(&mut global);
        global
    }

    #[test]
    fn flags_narrow_each_other() {
        let all = check(Global::default(), &[], "").unwrap();
        assert_eq!((all.0.len(), all.1), (6, None));
        let (names, text) = check(
            flags(|g| {
                g.class = vec!["prod".into(), "dev".into()];
                g.query = Some("name:us | web".into());
                g.selector = Some("team in (pay)".into());
            }),
            &[],
            "",
        )
        .unwrap();
        assert_eq!(names, ["prod-us-east-1", "dev-web-1"]);
        assert!(Selector::parse(&text.unwrap()).is_ok());
    }

    #[test]
    fn names_come_from_arguments_flags_and_standard_input() {
        let global = flags(|g| g.cluster = vec!["-".into()]);
        let (names, _) = check(global, &["dev-web-1"], "cluster/prod-us-east-1\n\n stage-eu-2 \n").unwrap();
        assert_eq!(names, ["prod-us-east-1", "stage-eu-2", "dev-web-1"]);
        let none = check(flags(|g| g.cluster = vec!["-".into()]), &[], "\n").unwrap_err();
        assert_eq!(none.place.as_deref(), Some("standard input"));
        let wrong = check(Global::default(), &["stage-eu2"], "").unwrap_err();
        assert_eq!(wrong.hint.as_deref(), Some("Did you mean `stage-eu-2`?"));
    }

    #[test]
    fn sorting_is_by_a_known_field() {
        let (names, _) = check(flags(|g| g.sort_by = Some("-version".into())), &[], "").unwrap();
        assert_eq!(names[0], "prod-us-east-1");
        let wrong = check(flags(|g| g.sort_by = Some("colour".into())), &[], "").unwrap_err();
        assert!(wrong.hint.unwrap().contains("latency"));
    }

    #[test]
    fn what_no_answer_can_change_is_not_waited_for() {
        // Of the fixture's clusters only dev-web-1 is not decided.
        let fleet = fixture::fleet();
        for (query, decided) in [
            ("class=prod", true),
            ("class=dev", false),
            ("@prod name~eu", true),
            ("-l team=ml", true),
            ("label.team=ml", true),
            ("state=AUTH", false),
            ("prod", false),
            ("class=prod version>1.35", false),
            ("", false),
        ] {
            let global = flags(|g| g.query = Some(query.into()));
            let selection = Selection::new(&global, &[], &[], &mut io::empty()).unwrap();
            assert_eq!(selection.is_decided(&fleet, fixture::now()), decided, "{query}");
        }
        let named =
            Selection::new(&Global::default(), &["stage-eu-2".into()], &[], &mut io::empty()).unwrap();
        assert!(named.is_decided(&fleet, fixture::now()));
    }

    #[test]
    fn mistakes_have_a_column() {
        let wrong = check(flags(|g| g.query = Some("class=prod verison=1.35".into())), &[], "").unwrap_err();
        assert_eq!(wrong.place.as_deref(), Some("--query, column 12"), "{wrong}");
        assert!(wrong.to_string().contains("version"), "{wrong}");
        let wrong = check(flags(|g| g.selector = Some("a=b,%%".into())), &[], "").unwrap_err();
        assert!(wrong.place.as_deref().unwrap().starts_with("--selector, column"), "{wrong}");
        assert!(check(flags(|g| g.class = vec!["pr\"od".into()]), &[], "").is_err());
    }

    #[test]
    fn classes_that_a_fleet_file_declares_can_be_asked_for_by_name() {
        let asked = |query: &str, classes: &[String]| {
            let global = Global { query: Some(query.to_owned()), ..Global::default() };
            Selection::new(&global, &[], classes, &mut io::empty()).is_ok()
        };
        let declared = ["gold".to_owned()];
        assert_eq!((asked("@gold", &declared), asked("@prod", &declared)), (true, false));
        assert_eq!((asked("@gold", &[]), asked("@prod", &[])), (false, true));
    }
}
