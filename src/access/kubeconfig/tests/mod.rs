//! Facts about kubeconfigs, good and bad.
#![expect(clippy::format_push_string, reason = "texts are put together where they are read")]

use std::path::Path;

use super::*;

mod credentials;
mod entries;
mod files;
mod readers;

/// The path that texts are said to come from.
const PATH: &str = "/kc/config";

fn text(text: &str) -> Loaded {
    load_text(text.as_bytes().to_vec(), Path::new(PATH))
}

/// `one`, with these lines as its cluster and user.
fn with(cluster: &str, user: &str) -> Loaded {
    let indent = |lines: &str| lines.lines().flat_map(|l| ["    ", l, "\n"]).collect::<String>();
    let cluster = if cluster.contains("server:") {
        cluster.to_owned()
    } else {
        format!("server: https://h\n{cluster}")
    };
    text(&format!(
        "clusters:\n- name: c\n  cluster:\n{}users:\n- name: u\n  user:\n{}contexts:\n- name: one\n  context:\n    cluster: c\n    user: u\n",
        indent(&cluster),
        indent(user)
    ))
}

fn codes(problems: &[Problem]) -> Vec<&'static str> {
    problems.iter().map(|p| p.code).collect()
}

/// The codes of the only context, and whether it can be used.
fn verdict(loaded: &Loaded) -> (Vec<&'static str>, bool) {
    assert_eq!(loaded.contexts.len(), 1, "{loaded:?}");
    let context = &loaded.contexts[0];
    assert_eq!(context.target.is_some(), context.unusable().is_none());
    (codes(&context.problems), context.target.is_some())
}

fn line(problem: &Problem) -> Option<u32> {
    problem.origin.as_ref().unwrap().line
}

/// A context with a name and a server of its own.
fn entry(name: &str) -> String {
    format!(
        "clusters:\n- name: {name}\n  cluster:\n    server: https://{name}.corp:6443\n\
         users:\n- name: {name}\n  user:\n    token: t-{name}\n\
         contexts:\n- name: {name}\n  context:\n    cluster: {name}\n    user: {name}\n"
    )
}
