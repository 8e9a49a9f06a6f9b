//! `init`: a commented fleet file from what was found.

use super::args::{Global, InitArgs};
use super::export::write_new;
use super::fault::{Exit, Fault};
use super::gather::{self, Until};
use super::notes::{self, Talk};
use super::surroundings::Io;
use super::{scan, suggest};
use crate::config::fleetfile::{Draft, DraftClass, DraftCloud, DraftHub, draft};
use crate::fleet::Fleet;
use crate::report::{ScanItem, SourceScan};

/// `init`.
pub(super) fn run(global: &Global, args: &InitArgs, io: &mut Io<'_>) -> Result<Exit, Fault> {
    gather::no_watch(global)?;
    gather::no_columns(global)?;
    if global.output.is_some() || global.json.is_some() || global.jq.is_some() {
        return Err(Fault::usage("`init` writes YAML only").hint("Leave --output, --json and --jq away."));
    }
    let path = args.write.as_ref().map(|path| io.around.path(path));
    if let Some(path) = path.as_ref().filter(|path| std::fs::symlink_metadata(path).is_ok()) {
        return Err(Fault::usage("there is a file of that name already")
            .place(suggest::shown_path(path))
            .hint("Nothing is overwritten; choose another name."));
    }
    let mut plan = gather::prepare(global, &[], io)?;
    let quiet = Global { no_contact: true, ..global.clone() };
    let (session, got) = plan.open_until(&quiet, Until::Sources, io)?;
    session.running.stop();
    let found = scan::scan(global, &plan.settings, io)?;
    let text = write(&got.fleet, &found);
    for error in &found.errors {
        let text = format!("{} was not asked whether it is a hub: {}", error.context, error.cause.message);
        notes::warning(io.stderr, Talk::of(global), &text)?;
    }
    match path {
        None => io.stdout.write_all(text.as_bytes())?,
        Some(path) => {
            write_new(&path, text.as_bytes())?;
            writeln!(io.stderr, "written: {}", suggest::shown_path(&path))?;
        }
    }
    Ok(Exit::Done)
}

/// The usual classes, the words by which names are taken for them, and how a change should be confirmed.
const CLASSES: [(&str, &str, &str); 4] = [
    ("prod", "prod|prd|live|production", "typed"),
    ("stage", "stag|staging|stage|stg|uat|preprod", "confirm"),
    ("dev", "dev|test|ci|sandbox|qa|development", "none"),
    ("edge", "edge|store|site", "confirm"),
];

/// The file: classes that clusters have by their names, hubs that were found, clouds whose programs are there.
fn write(fleet: &Fleet, found: &SourceScan) -> String {
    let members = |class: &str| {
        let of = fleet.clusters.iter().filter(|c| c.class.name.as_str() == class);
        of.map(|c| c.key().to_string()).collect::<Vec<_>>()
    };
    let class = |(name, words, protection): &(&str, &str, &str)| DraftClass {
        name: (*name).to_owned(),
        rule: format!("name~\"(?i)(^|[^a-z])({words})([^a-z]|$)\""),
        protection: (*protection).to_owned(),
        clusters: members(name),
    };
    let hub = |item: &ScanItem| DraftHub {
        kind: item.kind.to_owned(),
        context: item.context.to_string(),
        clusters: None,
    };
    let clouds = found.programs.iter().filter(|p| p.program != "ansible-inventory");
    let cloud =
        |(program, kind): (&str, &&str)| DraftCloud { kind: (*kind).to_owned(), program: program.to_owned() };
    draft(&Draft {
        name: "fleet".to_owned(),
        classes: CLASSES.iter().map(class).filter(|class| !class.clusters.is_empty()).collect(),
        hubs: found.items.iter().map(hub).collect(),
        clouds: clouds.flat_map(|p| p.kinds.iter().map(|kind| (p.program, kind))).map(cloud).collect(),
        inventories: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml;
    use crate::fleet::spec::{ClassSpec, FleetSpec};
    use crate::fleet::{Selector, guess_class};
    use crate::report::{ProgramItem, fixture, source_scan};

    #[test]
    fn the_draft_is_a_fleet_file_that_keeps_the_guesses() {
        let fleet = fixture::fleet();
        let hub = |kind: &'static str| ScanItem {
            context: "hub \"x\": 1.30".into(),
            server: None,
            kind,
            api: "cluster.x-k8s.io/v1beta2".into(),
            declared: false,
        };
        let aws = ProgramItem { program: "aws", path: "/bin/aws".into(), kinds: vec!["eks"] };
        let scan = source_scan(
            vec![hub("cluster-api"), hub("cluster-api")],
            vec![aws],
            Vec::new(),
            fixture::now(),
            fixture::TOOL,
        );
        let text = write(&fleet, &scan);
        let (documents, error) = yaml::documents(&text);
        assert!(error.is_none(), "{text}");
        let values: Vec<_> = documents.iter().map(|d| d.to_json(&mut 10_000).unwrap()).collect();
        let spec: FleetSpec = serde_json::from_value(values[0]["spec"].clone()).unwrap();
        assert_eq!(spec.classes, ["prod", "stage", "dev"]);
        assert_eq!(spec.sources[0].context.as_deref(), Some("hub \"x\": 1.30"));
        assert_ne!(spec.sources[0].name, spec.sources[1].name);
        let read = crate::config::fleetfile::parse_fleet("fleet.yaml".as_ref(), &text, false);
        assert_eq!(crate::config::fleetfile::join(None, Some(read)).problems, [], "{text}");
        let rules: Vec<(String, Selector)> = values[1..]
            .iter()
            .map(|v| {
                let spec: ClassSpec = serde_json::from_value(v["spec"].clone()).unwrap();
                (
                    v["metadata"]["name"].as_str().unwrap().to_owned(),
                    Selector::parse(&spec.matches.unwrap()).unwrap(),
                )
            })
            .collect();
        for cluster in fleet.clusters.iter() {
            let scope = crate::fleet::Scope::at(fixture::now());
            let first =
                rules.iter().find(|(_, rule)| rule.matches(cluster, &scope) == crate::fleet::Truth::Yes);
            let guessed = guess_class(cluster.entry.name.as_str());
            assert_eq!(first.map(|(name, _)| name.as_str()), Some(guessed.name.as_str()));
        }
        let nothing = source_scan(Vec::new(), Vec::new(), Vec::new(), fixture::now(), fixture::TOOL);
        assert!(yaml::documents(&write(&Fleet::default(), &nothing)).1.is_none());
    }
}
