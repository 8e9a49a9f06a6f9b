//! What is published about the fleet file, made from its schemas so that it cannot be out of date.

use std::fmt::Write as _;

use serde_json::Value;

use super::super::{FLEET_KINDS, fleet_schema_text, schema};

/// The reference of all fields, in Markdown.
fn markdown() -> String {
    let mut out = String::from(
        "# The fleet file\n\nMade from the schemas; a test keeps it up to date. The same as JSON Schemas, for editors: [`docs/schema`](../schema),\n\
         `fleetglass schema KIND`. A complete example: [`docs/examples/fleet.yaml`](../examples/fleet.yaml).\n\n\
         The file holds YAML objects, one after another between `---`. It is found as `--fleet PATH`, `$FLEETGLASS_FLEET` or `fleet.yaml` in\n\
         the configuration folder. `/etc/fleetglass/fleet.yaml` is read besides as the machine's own.\n\n\
         ## What can be relied on\n\n\
         * An unknown key, a value of the wrong type and a key that stands twice are errors, told with line and column. The object is\n\
         \x20 left out, the others are used. A class that could not be read locks every cluster that no class before it matches.\n\
         * Text may be written without quotes and stands as it is written: `floor: 1.30` is 1.30 here. Other readers of YAML make 1.3 of\n\
         \x20 it, so a note advises quotes.\n\
         * A key without a value is left out where a field may be, and an error elsewhere.\n\
         * Rules (`match`, `neverTogether`) look at who a cluster is: `name`, `source`, `context`, `server`, `id`, `region`, `provider`,\n\
         \x20 `account`, `label.KEY`, `property.KEY`, and bare words and patterns. What is not known does not match. Properties that a class\n\
         \x20 captures from names are there for everything but rules; a property that a source says stands over a captured one.\n\
         * A class comes from the `Cluster` object, else from an operator's decision, else from the first rule that fits. With classes declared\n\
         \x20 nothing is guessed: a cluster that fits none is unclassified and locked.\n\
         * A change of a cluster's labels, properties, name or sources that would lower its protection waits until somebody accepts it. A change of the\n\
         \x20 file counts at once. A cluster that fitted no class before may go to any.\n\
         * A class without `protection`, inherited or own, asks with y/N.\n\
         * For clusters that a rule of the machine's own file matches, the stronger protection, the lower `phraseAbove`, the lower concurrency, all\n\
         \x20 freezes and both windows count, whatever the personal file or a decision says.\n\
         * Windows open at the local times of their schedule. A time that the change to summer time skips opens the window when the clocks jump,\n\
         \x20 one that comes twice opens it the first time. The length is real time. Freezes win.\n",
    );
    for kind in FLEET_KINDS {
        let root = schema::of(kind);
        let about = plain(&root["description"]).replace(&format!("`kind: {kind}`: "), "");
        let _ok = write!(out, "\n## {kind}\n\n{}\n\n", capital(&about));
        out.push_str("| Field | Holds | Meaning |\n|---|---|---|\n");
        for (name, property) in root["properties"].as_object().unwrap() {
            if name == "metadata" || name == "spec" {
                fields(&mut out, name, resolve(property, root), root);
            }
        }
    }
    out
}

fn fields(out: &mut String, path: &str, schema: &Value, root: &Value) {
    let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
    for (name, property) in schema["properties"].as_object().unwrap() {
        let path = format!("{path}.{name}");
        let target = resolve(property, root);
        let item = resolve(&target["items"], root);
        let must = if required.iter().any(|r| r == name) { ", required" } else { "" };
        let about = match plain(&property["description"]) {
            about if about.is_empty() => plain(&target["description"]),
            about => about,
        };
        let holds =
            if target["items"].is_object() { format!("list of {}", holds(item)) } else { holds(target) };
        let _ok = writeln!(out, "| `{path}` | {holds}{must} | {} |", about.replace('|', "\\|"));
        if target["properties"].is_object() {
            fields(out, &path, target, root);
        } else if item["properties"].is_object() {
            fields(out, &format!("{path}[]"), item, root);
        }
    }
}

fn holds(schema: &Value) -> String {
    let words: Vec<&str> = match (schema["enum"].as_array(), schema["oneOf"].as_array()) {
        (Some(words), _) => words.iter().filter_map(Value::as_str).collect(),
        (_, Some(choices)) => choices.iter().filter_map(|c| c["const"].as_str()).collect(),
        _ => Vec::new(),
    };
    if !words.is_empty() {
        return words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(" ");
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds[0].as_str().unwrap(),
        kind => kind.as_str().unwrap(),
    };
    let rest = &schema["additionalProperties"];
    let format = match schema["format"].as_str() {
        Some("filled" | "uint32") | None => None,
        Some(format) => Some(format.replace('-', " ")),
    };
    match (kind, format) {
        (_, Some(format)) => format,
        ("string", _) => "text".to_owned(),
        ("integer", _) => "whole number".to_owned(),
        ("boolean", _) => "`true` `false`".to_owned(),
        ("object", _) if rest.is_object() => format!("map of {}", holds(rest)),
        _ => "fields".to_owned(),
    }
}

fn resolve<'s>(schema: &'s Value, root: &'s Value) -> &'s Value {
    let choice = schema["anyOf"].as_array().and_then(|all| all.iter().find(|s| s["type"] != "null"));
    let schema = choice.unwrap_or(schema);
    match schema["$ref"].as_str() {
        Some(name) => &root["$defs"][name.trim_start_matches("#/$defs/")],
        None => schema,
    }
}

fn plain(text: &Value) -> String {
    text.as_str().unwrap_or_default().replace('\n', " ")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Compares a published file with what the program says now. Set `FLEETGLASS_BLESS=1` to write the files anew.
#[expect(clippy::disallowed_methods, reason = "a test asks whether to write the published files anew")]
fn check(path: &str, fresh: &str) {
    let path = format!("{}/docs/{path}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("FLEETGLASS_BLESS").is_some() {
        std::fs::write(&path, fresh).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(published, fresh, "{path} is out of date; run the tests with FLEETGLASS_BLESS=1");
}

#[test]
fn the_published_reference_is_that_of_the_reader() {
    check("reference/fleet-file.md", &markdown());
}

#[test]
fn the_published_schemas_are_those_of_the_reader() {
    for kind in FLEET_KINDS {
        check(&format!("schema/{kind}.json"), &fleet_schema_text(kind).unwrap());
    }
}

#[test]
fn every_field_has_a_meaning() {
    for row in markdown().lines().filter(|l| l.starts_with("| `")) {
        let cells: Vec<_> = row.split(" | ").collect();
        assert!(cells.len() == 3 && cells[1].len() > 2 && cells[2].len() > 5, "{row}");
    }
}
