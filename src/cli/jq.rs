//! `--jq`: a jq expression over the JSON of a command.

use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Native, Vars, data};
use jaq_json::Val;

use super::fault::Fault;

/// A compiled expression.
pub(super) struct Jq {
    filter: jaq_core::compile::Filter<Native<data::JustLut<Val>>>,
}

/// More results than this are not printed: an expression such as `repeat(1)` must end.
const MAX_RESULTS: usize = 1_000_000;

impl Jq {
    /// Compiles `code`.
    pub(super) fn new(code: &str) -> Result<Self, Fault> {
        let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let funs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let arena = Arena::default();
        let modules = Loader::new(defs)
            .load(&arena, File { code, path: () })
            .map_err(|errors| refused(code, errors.first().and_then(|(_, error)| load_error(error))))?;
        let filter = Compiler::default().with_funs(funs).compile(modules).map_err(|errors| {
            let first = errors.iter().flat_map(|(_, undefined)| undefined).next();
            refused(code, first.map(|(name, kind)| (format!("unknown {} `{name}`", kind.as_str()), *name)))
        })?;
        Ok(Self { filter })
    }

    /// Runs it over `json`, a document, and gives each result as a line: texts without quotes, all else as compact JSON.
    pub(super) fn run(
        &self,
        json: &str,
        mut each: impl FnMut(&str) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let input: Val = serde_json::from_str(json)
            .map_err(|e| Fault::failed("the document cannot be read again").why(e.to_string()))?;
        let ctx = Ctx::<data::JustLut<Val>>::new(&self.filter.lut, Vars::new([]));
        for (count, result) in self.filter.id.run((ctx, input)).enumerate() {
            if count >= MAX_RESULTS {
                return Err(Fault::usage("the jq expression gives more than a million results")
                    .place("--jq")
                    .hint("End it, for example with `limit(10; ..)`."));
            }
            match result {
                Ok(Val::TStr(text) | Val::BStr(text)) => each(&String::from_utf8_lossy(&text))?,
                Ok(value) => each(&value.to_string())?,
                Err(stop) => match stop.get_err() {
                    Ok(error) => {
                        let fault = Fault::usage("the jq expression does not fit the document").place("--jq");
                        return Err(fault.why(error.to_string()).hint("See the document with --json."));
                    }
                    // `halt` ends the expression, not the program.
                    Err(_) => return Ok(()),
                },
            }
        }
        Ok(())
    }
}

/// What a parse error says, and the piece of code it is about.
fn load_error<'a>(error: &load::Error<&'a str>) -> Option<(String, &'a str)> {
    match error {
        load::Error::Io(imports) => {
            imports.first().map(|(path, _)| ("modules cannot be imported".to_owned(), *path))
        }
        load::Error::Lex(errors) => errors.first().map(|(expected, found)| {
            let expected = match expected {
                load::lex::Expect::Delim(d) if !matches!(*d, "(" | "[" | "{" | "\"") => "closing delimiter",
                other => other.as_str(),
            };
            (format!("expected {expected}"), *found)
        }),
        load::Error::Parse(errors) => {
            errors.first().map(|(expected, found)| (format!("expected {}", expected.as_str()), *found))
        }
    }
}

/// A fault with the column at which `code` is wrong.
fn refused(code: &str, error: Option<(String, &str)>) -> Fault {
    let fault = Fault::usage("the jq expression cannot be read");
    let Some((why, piece)) = error else { return fault.place("--jq") };
    let start = load::span(code, piece).start;
    let before = code.get(..start).unwrap_or(code);
    fault.place(format!("--jq, column {}", before.chars().count() + 1)).why(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str) -> Result<Vec<String>, Fault> {
        let json = r#"{"items":[{"name":"a","n":1},{"name":"b","n":2.5}],"z":null}"#;
        let mut lines = Vec::new();
        Jq::new(code)?.run(json, |line| {
            lines.push(line.to_owned());
            Ok(())
        })?;
        Ok(lines)
    }

    #[test]
    fn texts_come_bare_and_the_rest_as_json_in_the_order_of_the_document() {
        assert_eq!(check(".items[].name").unwrap(), ["a", "b"]);
        assert_eq!(check(".items[1]").unwrap(), [r#"{"name":"b","n":2.5}"#]);
        assert_eq!(check("[.items[] | select(.n > 1) | .name] | length").unwrap(), ["1"]);
        assert_eq!(check(".z, halt, 7").unwrap(), ["null"]);
    }

    #[test]
    fn mistakes_name_their_column() {
        for (code, place, why) in [
            (".items[", "--jq, column", "expected closing bracket"),
            (".items | nope", "--jq, column 10", "unknown filter `nope`"),
            (".a ++ 2", "--jq, column", "expected"),
            ("import \"x\" as x; .", "--jq", ""),
        ] {
            let fault = check(code).unwrap_err();
            assert_eq!(fault.exit, super::super::fault::Exit::Usage);
            assert!(fault.place.clone().unwrap().starts_with(place), "{code}: {fault}");
            assert!(fault.why.clone().unwrap_or_default().starts_with(why), "{code}: {fault}");
        }
    }

    #[test]
    fn an_expression_that_does_not_fit_and_one_without_end_are_faults() {
        assert!(check(".items + 1").unwrap_err().why.is_some());
        assert!(check("repeat(1)").unwrap_err().to_string().contains("a million"));
    }
}
