//! What is published about the program, made from the program so that it cannot be out of date: the reference of the
//! command line and the schemas of the documents.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory};

use super::args::Cli;
use crate::config::{EXEC_KIND, exec_schema_text};
use crate::report;

/// The reference of all commands, in Markdown.
fn markdown() -> String {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut out = String::from(
        "# Command line\n\nMade from the program; a test keeps it up to date.\n\n\
         Every command takes the flags of `fleetglass` itself. Data goes to standard output, everything else to standard\n\
         error. Exit codes: 0 done, 1 failed or (with `--exit-code`) a finding, 2 wrong usage, configuration or query,\n\
         3 partly done, 4 a sign-in would fix every failure, 5 refused, 130 and 143 interrupted.\n",
    );
    section(&root, "fleetglass", true, &mut out);
    out
}

fn section(command: &Command, path: &str, is_root: bool, out: &mut String) {
    let about = command.get_long_about().or_else(|| command.get_about());
    // Writing to a String cannot fail.
    let _ok = write!(out, "\n## `{path}`\n\n{}\n", about.map(ToString::to_string).unwrap_or_default());
    let args: Vec<&Arg> = command
        .get_arguments()
        .filter(|a| (is_root || !a.is_global_set()) && !a.is_hide_set())
        .filter(|a| is_root || !matches!(a.get_id().as_str(), "help" | "version"))
        .collect();
    if !args.is_empty() {
        out.push_str("\n| | |\n|---|---|\n");
    }
    for arg in args {
        let _ok = writeln!(out, "| `{}` | {} |", spelling(arg), meaning(arg));
    }
    for sub in command.get_subcommands() {
        section(sub, &format!("{path} {}", sub.get_name()), false, out);
    }
}

/// `-o, --output <FORMAT>`.
fn spelling(arg: &Arg) -> String {
    let value = arg.get_value_names().map(|names| names.join(" ")).unwrap_or_default();
    let takes_value = arg.get_action().takes_values();
    let names: Vec<String> = arg
        .get_short()
        .map(|s| format!("-{s}"))
        .into_iter()
        .chain(arg.get_long().map(|l| format!("--{l}")))
        .collect();
    match (names.is_empty(), takes_value) {
        (true, _) => format!("<{value}>"),
        (false, true) if arg.is_require_equals_set() => format!("{}[=<{value}>]", names.join(", ")),
        (false, true) => format!("{} <{value}>", names.join(", ")),
        (false, false) => names.join(", "),
    }
}

fn meaning(arg: &Arg) -> String {
    let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    if !text.ends_with('.') {
        text.push('.');
    }
    let words: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|_| arg.get_action().takes_values())
        .filter(|v| !v.is_hide_set())
        .map(|v| format!("`{}`", v.get_name()))
        .collect();
    if !words.is_empty() {
        let _ok = write!(text, " One of {}.", words.join(", "));
    }
    let defaults: Vec<_> =
        arg.get_default_values().iter().map(|v| format!("`{}`", v.to_string_lossy())).collect();
    if !defaults.is_empty() && arg.get_action().takes_values() {
        let _ok = write!(text, " Default: {}.", defaults.join(", "));
    }
    text.replace('|', "\\|").replace('\n', " ")
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
fn the_published_reference_is_that_of_the_program() {
    check("reference/cli.md", &markdown());
}

#[test]
fn the_published_schemas_are_those_of_the_types() {
    for kind in report::KINDS {
        check(&format!("schema/{kind}.json"), &report::schema_text(kind).unwrap());
    }
    check(&format!("schema/{EXEC_KIND}.json"), &exec_schema_text().unwrap());
}
