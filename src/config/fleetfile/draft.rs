//! The text of a first fleet file, from what was found.

use std::fmt::Write as _;

use crate::fleet::spec::API_VERSION;

/// What a first fleet file is made of.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Draft {
    /// The fleet's name; made to fit if it does not.
    pub name: String,
    /// Classes as names suggest them, with the clusters' names, in their order.
    pub classes: Vec<DraftClass>,
    /// Hubs that were found.
    pub hubs: Vec<DraftHub>,
    /// Clouds whose programs are there.
    pub clouds: Vec<DraftCloud>,
    /// Ansible inventories that were found, as they are to be written.
    pub inventories: Vec<String>,
}

/// A class that names suggest.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DraftClass {
    /// Its name: `prod`.
    pub name: String,
    /// The rule that gives it these clusters.
    pub rule: String,
    /// `none`, `confirm`, `typed` or `locked`.
    pub protection: String,
    /// Their names.
    pub clusters: Vec<String>,
}

/// A hub that was found behind a context.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DraftHub {
    /// The kind of source: `cluster-api`.
    pub kind: String,
    /// The context that leads there.
    pub context: String,
    /// How many clusters it knows, if that was seen.
    pub clusters: Option<usize>,
}

/// A cloud whose program is there.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DraftCloud {
    /// The kind of source: `eks`.
    pub kind: String,
    /// The program: `aws`.
    pub program: String,
}

/// How many clusters are named in a comment.
const NAMED: usize = 12;

/// A commented fleet file. Whatever names hold, the text reads back without an error.
pub fn draft(draft: &Draft) -> String {
    let mut out = String::new();
    let clusters: usize = draft.classes.iter().map(|c| c.clusters.len()).sum();
    line(
        &mut out,
        &format!(
            "# A fleet file, made from what was found; {clusters} {} a class by name.",
            if clusters == 1 { "cluster has" } else { "clusters have" }
        ),
    );
    out.push_str(
        "# Look through it, keep it in git, and name it with --fleet PATH or $FLEETGLASS_FLEET, or put it into the configuration\n\
         # folder as fleet.yaml. `fleetglass config validate` reads it, `fleetglass classes explain NAME` says why a cluster is in its class.\n",
    );
    head(&mut out, "Fleet", &fitting(&draft.name, "fleet"));
    out.push_str("spec:\n  # The order in which rules are tried: the first that fits wins. The most precious stands first.\n");
    let mut taken = Vec::new();
    let classes: Vec<(String, &DraftClass)> =
        draft.classes.iter().map(|c| (free(fitting(&c.name, "class"), &mut taken), c)).collect();
    let names: Vec<_> = classes.iter().map(|(name, _)| quoted(name)).collect();
    line(&mut out, &format!("  classes: [{}]", names.join(", ")));
    sources(&mut out, draft);
    out.push_str(
        "\n  # Parameters of every cluster; a class and then a cluster may say otherwise.\n  # parameters:\n  #   registry: registry.example.com\n\
         \n  # Names of access paths that are for emergencies only.\n  # breakGlass: [\"*-admin\"]\n",
    );
    for (name, class) in &classes {
        one_class(&mut out, name, class);
    }
    out
}

fn sources(out: &mut String, draft: &Draft) {
    if draft.hubs.is_empty() && draft.clouds.is_empty() && draft.inventories.is_empty() {
        out.push_str(
            "\n  # Where clusters are learned of, besides kubeconfigs: hubs, clouds, inventories, programs.\n  # sources:\n\
             \x20 #   - name: hub\n  #     kind: cluster-api\n  #     context: management\n",
        );
        return;
    }
    out.push_str("\n  # Where clusters are learned of, besides kubeconfigs. These were found.\n  sources:\n");
    let mut taken = Vec::new();
    for hub in &draft.hubs {
        let name = free(fitting(&hub.context, "hub"), &mut taken);
        if let Some(count) = hub.clusters {
            line(out, &format!("    # knows {count} {}", plural(count, "cluster")));
        }
        line(out, &format!("    - name: {}", quoted(&name)));
        line(out, &format!("      kind: {}", quoted(&hub.kind)));
        line(out, &format!("      context: {}", quoted(&hub.context)));
    }
    for cloud in &draft.clouds {
        let name = free(fitting(&cloud.kind, "cloud"), &mut taken);
        line(out, &format!("    # over {}, as it is signed in", comment(&cloud.program)));
        line(out, &format!("    - name: {}", quoted(&name)));
        line(out, &format!("      kind: {}", quoted(&cloud.kind)));
    }
    for path in &draft.inventories {
        let name = free(fitting(path.rsplit('/').next().unwrap_or(path), "inventory"), &mut taken);
        line(out, &format!("    - name: {}", quoted(&name)));
        out.push_str("      kind: ansible\n");
        line(out, &format!("      path: {}", quoted(path)));
    }
}

fn one_class(out: &mut String, name: &str, class: &DraftClass) {
    out.push_str("---\n");
    let count = class.clusters.len();
    line(out, &format!("# {count} {}:", plural(count, "cluster")));
    for cluster in class.clusters.iter().take(NAMED) {
        line(out, &format!("#   {}", comment(cluster)));
    }
    if count > NAMED {
        line(out, &format!("#   and {} more", count - NAMED));
    }
    head(out, "Class", name);
    out.push_str("spec:\n  # Made from words of names. A label says it better: label.env=prod\n");
    line(out, &format!("  match: {}", quoted(&class.rule)));
    out.push_str("  # none, confirm (y/N), typed (a phrase) or locked\n");
    line(out, &format!("  protection: {}", quoted(&class.protection)));
    out.push_str(
        "  # owner: team platform\n  # versions:\n  #   floor: \"1.34\"\n  #   target: \"1.36\"\n  # windows:\n\
         \x20 #   - cron: \"0 22 * * 1-4\"\n  #     duration: 5h\n  #     timeZone: Europe/Berlin\n",
    );
}

fn head(out: &mut String, kind: &str, name: &str) {
    let _ok = write!(out, "apiVersion: {API_VERSION}\nkind: {kind}\nmetadata:\n  name: {}\n", quoted(name));
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

/// Text for a comment: one line, nothing that a terminal would obey.
fn comment(text: &str) -> String {
    crate::fleet::CleanText::with_cap(text, 200).as_str().to_owned()
}

/// A value, in quotes unless it reads as the same text without them. JSON's quotes are YAML's.
fn quoted(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// A name that the fleet file takes, as near as may be.
fn fitting(text: &str, otherwise: &str) -> String {
    let kept: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
        .take(60)
        .collect();
    let trimmed = kept.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if trimmed.is_empty() { otherwise.to_owned() } else { trimmed.to_owned() }
}

/// The name, or one with a number if it is taken.
fn free(name: String, taken: &mut Vec<String>) -> String {
    let mut free = name.clone();
    let mut number = 2;
    while taken.contains(&free) {
        free = format!("{name}{number}");
        number += 1;
    }
    taken.push(free.clone());
    free
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::super::{join, parse_fleet};
    use super::*;

    fn read(text: &str) -> crate::fleet::spec::FleetFile {
        join(None, Some(parse_fleet(Path::new("fleet.yaml"), text, false)))
    }

    fn found() -> Draft {
        let class = |name: &str, rule: &str, protection: &str, n: usize| DraftClass {
            name: name.to_owned(),
            rule: rule.to_owned(),
            protection: protection.to_owned(),
            clusters: (0..n).map(|i| format!("{name}-{i}")).collect(),
        };
        Draft {
            name: "acme".to_owned(),
            classes: vec![class("prod", "name~^prod", "typed", 14), class("dev", "name~dev", "confirm", 1)],
            hubs: vec![DraftHub {
                kind: "cluster-api".to_owned(),
                context: "mgmt".to_owned(),
                clusters: Some(9),
            }],
            clouds: vec![DraftCloud { kind: "eks".to_owned(), program: "aws".to_owned() }],
            inventories: vec!["inventories/racks.yaml".to_owned()],
        }
    }

    #[test]
    fn a_draft_reads_back_as_what_was_found() {
        let text = draft(&found());
        let file = read(&text);
        assert_eq!(file.problems, [], "{text}");
        let fleet = file.fleet.unwrap();
        assert_eq!(fleet.spec.classes, ["prod", "dev"]);
        let sources: Vec<_> = fleet.spec.sources.iter().map(|s| (s.name.as_str(), s.kind.as_str())).collect();
        assert_eq!(sources, [("mgmt", "cluster-api"), ("eks", "eks"), ("racks.yaml", "ansible")]);
        assert_eq!(file.classes[0].spec.matches.as_deref(), Some("name~^prod"));
        for part in
            ["# 14 clusters:", "#   prod-11\n#   and 2 more", "# 1 cluster:\n#   dev-0", "# knows 9 clusters"]
        {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(text.lines().all(|l| l.len() <= 160));
        assert_eq!(read(&draft(&Draft::default())).problems, []);
    }

    #[test]
    fn what_stands_in_its_comments_may_be_taken_in() {
        // Every commented field, without its sign.
        let text = draft(&found());
        let opened: String = text
            .lines()
            .map(|l| match l.strip_prefix("  # ") {
                Some(rest)
                    if rest.trim_start().starts_with('-')
                        || rest.split_once(':').is_some_and(|(k, _)| !k.trim().contains(' ')) =>
                {
                    format!("  {rest}\n")
                }
                _ => format!("{l}\n"),
            })
            .collect();
        assert!(opened.contains("\n  windows:\n    - cron:"), "{opened}");
        assert_eq!(read(&opened).problems, [], "{opened}");
    }

    proptest! {
        #[test]
        fn hostile_names_make_no_errors(
            names in prop::collection::vec(any::<String>().prop_map(|s| format!("x{s}")), 6),
            rule in prop::sample::select(vec!["name~^prod", "name=\"a b\"", "label.env=prod | name~x"]),
        ) {
            let mut found = found();
            found.name.clone_from(&names[0]);
            found.classes[0].name.clone_from(&names[1]);
            found.classes[0].rule = rule.to_owned();
            found.classes[0].clusters.push(names[2].clone());
            found.classes[1].clusters = vec![names[3].clone()];
            found.hubs[0].context.clone_from(&names[4]);
            found.inventories[0].clone_from(&names[5]);
            let text = draft(&found);
            let file = read(&text);
            prop_assert!(file.problems.iter().all(|p| p.severity != crate::fleet::Severity::Error), "{} {:?}", text, file.problems);
            let fleet = file.fleet.unwrap();
            prop_assert_eq!(fleet.spec.sources[0].context.as_deref(), Some(names[4].as_str()));
            prop_assert_eq!(file.classes.len(), 2);
        }
    }
}
