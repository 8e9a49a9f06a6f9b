//! `docs/testing.md` names tests; each of them exists where it says.

use std::collections::HashMap;
use std::path::Path;

/// The tests named in a line of the document, with their files. Paths hold a dot, names of tests do not.
fn named(line: &str) -> Vec<(&str, &str)> {
    let mut file = None;
    let mut tests = Vec::new();
    for quoted in line.split('`').skip(1).step_by(2) {
        if quoted.contains('.') {
            file = Some(quoted);
        } else if let Some(file) = file {
            tests.push((file, quoted));
        }
    }
    tests
}

/// Names of the functions of `source` that are tests.
fn tests_of(source: &str) -> Vec<String> {
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    let marks = lines.iter().enumerate().filter(|(_, line)| {
        ["#[test]", "#[tokio::test]"].contains(line) || line.starts_with("#[tokio::test(")
    });
    let names = marks.filter_map(|(at, _)| {
        let head = lines.iter().skip(at + 1).find(|line| line.contains("fn "))?;
        Some(head.split_once("fn ")?.1.split('(').next()?.to_owned())
    });
    names.collect()
}

#[test]
fn every_test_that_the_document_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = std::fs::read_to_string(root.join("docs/testing.md")).unwrap();
    let table = document.split("| input |").nth(1).expect("the table of hostile input");
    let mut known: HashMap<&str, Vec<String>> = HashMap::new();
    let mut missing = Vec::new();
    let mut rows = 0;
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        rows += 1;
        let cell = line.trim_end_matches([' ', '|']).rsplit('|').next().unwrap_or_default();
        let tests = named(cell);
        if tests.is_empty() {
            missing.push(format!("no test: {line}"));
        }
        for (file, test) in tests {
            let there = known.entry(file).or_insert_with(|| {
                std::fs::read_to_string(root.join(file)).map(|text| tests_of(&text)).unwrap_or_default()
            });
            if !there.iter().any(|name| name == test) {
                missing.push(format!("{file}: {test}"));
            }
        }
    }
    assert!(missing.is_empty(), "docs/testing.md names what is not there:\n{}", missing.join("\n"));
    assert!(rows > 40, "the table was not read: {rows}");
}

#[test]
fn the_check_itself_sees_what_it_must() {
    assert_eq!(
        named("`a.rs` `one` `two` `b/c.rs` `three`"),
        [("a.rs", "one"), ("a.rs", "two"), ("b/c.rs", "three")]
    );
    let source = "#[test]\n#[ignore]\nfn one() {}\nfn helper() {}\n    #[tokio::test(flavor = \"x\")]\n    async fn two() {}\n";
    assert_eq!(tests_of(source), ["one", "two"]);
}
