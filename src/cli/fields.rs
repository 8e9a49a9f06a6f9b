//! `--json=FIELD,..`: the items of a document, with the wanted fields only.

use serde_json::Value;

use super::fault::Fault;
use super::suggest;

/// Top-level fields of items, in the order in which a person named them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields(Vec<String>);

impl Fields {
    /// Reads `name,state`; the names must be among `known`.
    pub(super) fn parse(text: &str, known: &[String]) -> Result<Self, Fault> {
        let mut fields = Vec::new();
        for name in text.split(',').map(str::trim) {
            if !known.iter().any(|k| k == name) {
                return Err(Fault::usage(format!("there is no field `{}`", suggest::shown(name)))
                    .place("--json")
                    .hint(suggest::one_of(name, known.iter().map(String::as_str), "")));
            }
            if !fields.iter().any(|f| f == name) {
                fields.push(name.to_owned());
            }
        }
        Ok(Self(fields))
    }

    /// The wanted fields of `items` as the JSON text of a bare array, fields in the order they were named.
    pub(super) fn pick(&self, items: &[Value]) -> String {
        let null = Value::Null;
        let object = |item: &Value| {
            let pair = |field: &String| {
                let value = item.get(field).unwrap_or(&null);
                format!("    {}: {}", Value::from(field.as_str()), indented(value))
            };
            format!("  {{\n{}\n  }}", self.0.iter().map(pair).collect::<Vec<_>>().join(",\n"))
        };
        if items.is_empty() {
            return "[]".to_owned();
        }
        format!("[\n{}\n]", items.iter().map(object).collect::<Vec<_>>().join(",\n"))
    }
}

/// A value as it stands four blanks deep.
fn indented(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.replace('\n', "\n    ")
}

/// The names of the fields of an array's items in a JSON Schema with definitions.
pub(super) fn of_items(schema: &Value, array: &str) -> Vec<String> {
    let items = schema.pointer(&format!("/properties/{array}/items"));
    let reference = items.and_then(|i| i.get("$ref")).and_then(Value::as_str);
    let item = reference.and_then(|r| schema.pointer(r.trim_start_matches('#'))).or(items);
    let required = item.and_then(|i| i.get("required")).and_then(Value::as_array);
    required.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_come_in_the_order_they_were_named_and_missing_ones_are_null() {
        let known = ["name".to_owned(), "state".to_owned(), "nodes".to_owned()];
        let fields = Fields::parse("state, name,nodes,state", &known).unwrap();
        let text = fields.pick(&[json!({ "name": "a", "state": "OK" })]);
        assert_eq!(text, "[\n  {\n    \"state\": \"OK\",\n    \"name\": \"a\",\n    \"nodes\": null\n  }\n]");
        assert_eq!(fields.pick(&[]), "[]");
    }

    #[test]
    fn an_unknown_field_is_refused_with_the_list() {
        let schema = crate::report::schema("FleetStatus").unwrap().to_value();
        let known = of_items(&schema, "items");
        assert!(known.iter().any(|k| k == "certificates"), "{known:?}");
        let fault = Fields::parse("name,stat", &known).unwrap_err();
        let text = fault.to_string();
        assert!(
            text.contains("`stat`")
                && text.contains("Did you mean `state`?")
                && text.contains("certificates"),
            "{text}"
        );
    }
}
