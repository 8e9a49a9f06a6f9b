//! The JSON Schemas (draft 2020-12) of the fleet file's kinds, made from the spec structs.
//!
//! What types cannot say is added from tables: fields that must be there, closed sets of words, and grammars of texts (as
//! `format`, which only our own reader enforces). The reader walks along these schemas, so there is one truth.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use crate::fleet::SourceKind;
use crate::fleet::spec::{
    API_VERSION, BundleSpec, ClassSpec, ClusterSpec, ExecSourceOutput, FleetSpec, WaveStrategySpec,
};

/// The kinds of objects, in the order of the reference.
pub const FLEET_KINDS: [&str; 5] = ["Fleet", "Class", "Cluster", "WaveStrategy", "Bundle"];

/// Fields that must be there: of what, which.
const REQUIRED: &[(&str, &[&str])] = &[
    ("Contact", &["name"]),
    ("Freeze", &["from", "to"]),
    ("GateSpec", &["kind"]),
    ("LabelRule", &["key"]),
    ("Metrics", &["url"]),
    ("Naming", &["pattern"]),
    ("NetworkPolicyRule", &["defaultDenyIn"]),
    ("ProviderSpec", &["name", "program"]),
    ("ServiceRule", &["name"]),
    ("SourceSpec", &["name", "kind"]),
    ("WaveSpec", &["name"]),
    ("WaveStrategySpec", &["waves"]),
    ("Window", &["cron", "duration"]),
];

/// Texts (or the items of lists) that have a grammar: of what, which field, which grammar.
const FORMATS: &[(&str, &str, &str)] = &[
    ("BundleSpec", "select", "selector"),
    ("ClassSpec", "domain", "template"),
    ("ClassSpec", "match", "rule"),
    ("ClassSpec", "neverTogether", "rule"),
    ("ClusterSpec", "accessPath", "filled"),
    ("ClusterSpec", "notSameAs", "reference"),
    ("ClusterSpec", "sameAs", "reference"),
    ("ClusterSpec", "server", "url"),
    ("Contact", "name", "filled"),
    ("Contact", "url", "url"),
    ("FleetSpec", "breakGlass", "filled"),
    ("FleetSpec", "ignore", "finding"),
    ("Freeze", "from", "moment"),
    ("Freeze", "timeZone", "time-zone"),
    ("Freeze", "to", "moment"),
    ("LabelRule", "key", "filled"),
    ("Links", "dashboard", "template"),
    ("Links", "runbook", "template"),
    ("Metrics", "url", "template"),
    ("Naming", "pattern", "name-pattern"),
    ("ProviderSpec", "name", "filled"),
    ("ProviderSpec", "program", "filled"),
    ("ServiceRule", "name", "filled"),
    ("ServiceRule", "versions", "version-range"),
    ("SourceSpec", "context", "filled"),
    ("SourceSpec", "interval", "length"),
    ("SourceSpec", "name", "filled"),
    ("SourceSpec", "path", "filled"),
    ("SourceSpec", "program", "filled"),
    ("SourceSpec", "selector", "label-selector"),
    ("SourceSpec", "server", "url"),
    ("VersionRules", "floor", "version"),
    ("VersionRules", "target", "version"),
    ("WaveSpec", "name", "filled"),
    ("WaveSpec", "select", "selector"),
    ("WaveSpec", "soak", "length"),
    ("WaveSpec", "take", "amount"),
    ("WaveStrategySpec", "failureBudget", "amount"),
    ("Window", "cron", "cron"),
    ("Window", "duration", "length"),
    ("Window", "timeZone", "time-zone"),
];

/// Closed sets of words, besides those that have a type.
const WORDS: &[(&str, &str, &[&str])] = &[
    ("BundleSpec", "render", &["plain", "template", "kustomize", "helm"]),
    ("GateSpec", "kind", &["approval", "health", "metric", "program"]),
    ("ProviderSpec", "argsPolicy", &["Ignore", "Append"]),
    ("ProviderSpec", "envPolicy", &["Ignore", "AppendIfNotExists", "Replace"]),
    ("WaveStrategySpec", "drifted", &["block", "skip"]),
    ("WaveStrategySpec", "unreachable", &["block", "skip"]),
];

static ALL: LazyLock<[(&str, Value); 5]> = LazyLock::new(|| {
    [
        ("Fleet", whole::<FleetSpec>("Fleet")),
        ("Class", whole::<ClassSpec>("Class")),
        ("Cluster", whole::<ClusterSpec>("Cluster")),
        ("WaveStrategy", whole::<WaveStrategySpec>("WaveStrategy")),
        ("Bundle", whole::<BundleSpec>("Bundle")),
    ]
});

/// The schemas of whole objects, by kind.
pub fn fleet_schemas() -> impl Iterator<Item = (&'static str, &'static Value)> {
    ALL.iter().map(|(kind, schema)| (*kind, schema))
}

/// The schema of `kind`, upper or lower case; `None` for an unknown kind.
pub fn fleet_schema(kind: &str) -> Option<Schema> {
    let (_, schema) = ALL.iter().find(|(k, _)| k.eq_ignore_ascii_case(kind))?;
    Schema::try_from(schema.clone()).ok()
}

/// The schema as it is published: indented, with a line break at the end.
pub fn fleet_schema_text(kind: &str) -> Option<String> {
    let (_, schema) = ALL.iter().find(|(k, _)| k.eq_ignore_ascii_case(kind))?;
    written(schema)
}

/// What programs of `exec` sources print: the kind of that document.
pub const EXEC_KIND: &str = "ExecSourceOutput";

/// The schema of that document as it is published.
pub fn exec_schema_text() -> Option<String> {
    let mut schema =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<ExecSourceOutput>();
    schema.insert("$id".to_owned(), format!("https://{API_VERSION}/{EXEC_KIND}.json").into());
    schema.insert("required".to_owned(), json!(["apiVersion", "kind", "clusters"]));
    if let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for (field, only) in [("apiVersion", API_VERSION), ("kind", EXEC_KIND)] {
            if let Some(field) = fields.get_mut(field).and_then(Value::as_object_mut) {
                field.remove("default");
                field.insert("const".to_owned(), only.into());
            }
        }
    }
    written(&schema.to_value())
}

fn written(schema: &Value) -> Option<String> {
    let mut text = serde_json::to_string_pretty(schema).ok()?;
    text.push('\n');
    Some(text)
}

/// The schema that objects of `kind` are walked along.
pub(super) fn of(kind: &str) -> &'static Value {
    static NOTHING: Value = Value::Bool(false);
    ALL.iter().find(|(k, _)| *k == kind).map_or(&NOTHING, |(_, schema)| schema)
}

/// The schema of a whole object whose `spec` is a `T`.
fn whole<T: JsonSchema>(kind: &str) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let spec = generator.subschema_for::<T>();
    let mut definitions = generator.take_definitions(true);
    for (name, definition) in &mut definitions {
        complete(name, definition);
    }
    let own = spec.get("$ref").and_then(Value::as_str).and_then(|r| r.rsplit('/').next()).unwrap_or_default();
    let about = definitions.get(own).and_then(|d| d.get("description")).cloned().unwrap_or_default();
    let name = if kind == "Cluster" {
        json!({"type": "string", "minLength": 1})
    } else {
        json!({"type": "string", "pattern": "^[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$", "maxLength": 63})
    };
    let mut name = name;
    describe(&mut name, "Its name, unique within the kind.");
    let needs_spec = REQUIRED.iter().any(|(what, _)| *what == own);
    let mut required = vec!["apiVersion", "kind", "metadata"];
    required.extend(needs_spec.then_some("spec"));
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("https://fleetglass.dev/v1alpha1/{kind}.json"),
        "title": kind,
        "description": about,
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": {
            "apiVersion": {"description": "The version of this format.", "const": API_VERSION},
            "kind": {"description": "The kind of the object.", "const": kind},
            "metadata": {
                "description": "Which object this is.",
                "type": "object",
                "additionalProperties": false,
                "required": ["name"],
                "properties": {
                    "name": name,
                    "labels": {
                        "description": "Labels of the object itself.",
                        "type": "object",
                        "additionalProperties": {"type": "string"},
                    },
                },
            },
            "spec": spec,
        },
        "$defs": definitions,
    });
    loosen(&mut schema);
    schema
}

/// Adds to the schema of one struct what its type cannot say.
fn complete(name: &str, definition: &mut Value) {
    if let Some((_, fields)) = REQUIRED.iter().find(|(what, _)| *what == name) {
        put(definition, "required", json!(fields));
    }
    let Some(properties) = definition.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (_, field, format) in FORMATS.iter().filter(|(what, ..)| *what == name) {
        if let Some(property) = properties.get_mut(*field) {
            put(text_of(property), "format", json!(format));
        }
    }
    for (_, field, words) in WORDS.iter().filter(|(what, ..)| *what == name) {
        if let Some(property) = properties.get_mut(*field) {
            put(property, "enum", with_null(words.iter().copied()));
        }
    }
    let kinds = || SourceKind::ALL.iter().map(|k| k.as_str());
    if name == "SourceSpec"
        && let Some(property) = properties.get_mut("kind")
    {
        // What is found or declared elsewhere is no source of its own here.
        put(property, "enum", json!(kinds().filter(|k| *k != "static").collect::<Vec<_>>()));
    }
    if name == "Requirements"
        && let Some(property) = properties.get_mut("sources")
    {
        put(text_of(property), "enum", json!(kinds().collect::<Vec<_>>()));
    }
}

fn with_null<'a>(words: impl Iterator<Item = &'a str>) -> Value {
    words.map(Value::from).chain([Value::Null]).collect()
}

/// The schema of the text itself: of the items, if the field is a list.
fn text_of(property: &mut Value) -> &mut Value {
    if property.get("items").is_some() { &mut property["items"] } else { property }
}

fn put(place: &mut Value, key: &str, value: Value) {
    if let Some(map) = place.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
}

fn describe(place: &mut Value, words: &str) {
    put(place, "description", words.into());
}

/// Makes the schema say what the reader does: text may be written without quotes and stands as it is written, whole numbers fit
/// into 32 bits, and a default that only repeats the type is not told.
fn loosen(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.retain(|key, value| key != "default" || !is_nothing(value));
            if map.get("format").and_then(Value::as_str) == Some("uint32") {
                map.insert("maximum".to_owned(), u32::MAX.into());
            }
            let open = !map.contains_key("enum") && !map.contains_key("const");
            if open && let Some(kinds) = map.get_mut("type") {
                text_as_written(kinds);
            }
            map.values_mut().for_each(loosen);
        }
        Value::Array(items) => items.iter_mut().for_each(loosen),
        _ => {}
    }
}

fn text_as_written(kinds: &mut Value) {
    let mut list: Vec<Value> = match kinds {
        Value::String(kind) => vec![Value::from(kind.as_str())],
        Value::Array(list) => list.clone(),
        _ => return,
    };
    if list.iter().any(|k| k == "string") {
        list.extend([Value::from("number"), Value::from("boolean")]);
        *kinds = Value::Array(list);
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.values().all(is_nothing),
        Value::Number(_) => false,
    }
}
