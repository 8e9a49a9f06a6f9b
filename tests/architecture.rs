//! The rules of `docs/ARCHITECTURE.md` that a program can check: who imports whom, what a room may not touch, how long
//! a file may grow, and that every module says what it is for.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a check that cannot read the sources has to fail"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// Room, layer, rooms it may import. A room that is not listed here fails the test.
const ROOMS: &[(&str, u8, &[&str])] = &[
    ("fleet", 0, &[]),
    ("clock", 0, &[]),
    ("host", 0, &["clock"]),
    ("sim", 0, &["clock"]),
    ("config", 1, &["fleet"]),
    ("payload", 1, &["fleet"]),
    ("plan", 2, &["fleet", "payload"]),
    ("access", 2, &["fleet", "clock", "host", "config"]),
    ("truth", 2, &["fleet", "payload", "clock", "host"]),
    ("registry", 3, &["fleet", "access", "clock", "host", "config"]),
    ("observe", 3, &["fleet", "access", "clock", "host"]),
    ("deliver", 3, &["fleet", "payload", "plan", "access", "truth", "clock", "host"]),
    ("store", 3, &["fleet", "payload", "plan", "clock", "host"]),
    ("report", 3, &["fleet", "payload", "plan"]),
    (
        "engine",
        4,
        &[
            "fleet", "clock", "host", "config", "payload", "plan", "access", "truth", "registry", "observe",
            "deliver", "store",
        ],
    ),
    ("tui", 5, &["fleet", "payload", "plan", "report", "config", "clock", "engine::api"]),
    (
        "cli",
        6,
        &[
            "fleet", "clock", "host", "sim", "config", "payload", "plan", "access", "truth", "registry",
            "observe", "deliver", "store", "report", "engine", "tui",
        ],
    ),
];

/// Rooms that hold facts and rules only: no waiting, no system, no screen.
const PURE: &[&str] = &["fleet", "config", "payload", "plan", "report"];
const NOT_IN_PURE: &[&str] = &[
    "tokio",
    "tokio_util",
    "futures",
    "hyper",
    "hyper_util",
    "http",
    "tower",
    "rustls",
    "tokio_rustls",
    "kube",
    "k8s_openapi",
    "ratatui",
    "crossterm",
    "clap",
    "directories",
    "tracing",
    "tempfile",
    "rustix",
    "process_wrap",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
];
/// What a room that is not pure may still not touch.
const NOT_IN: &[(&str, &[&str])] = &[
    ("clock", &["tokio", "kube", "ratatui", "std::fs", "std::env"]),
    ("host", &["kube", "hyper", "ratatui", "crossterm", "clap", "directories"]),
    ("sim", &["kube", "ratatui", "crossterm", "clap", "directories", "std::env"]),
    ("access", &["ratatui", "crossterm", "clap", "directories", "std::env", "axum", "rcgen"]),
    ("truth", &["kube", "ratatui", "crossterm", "clap", "directories", "std::env"]),
    ("registry", &["ratatui", "crossterm", "clap", "directories", "std::env", "axum"]),
    ("observe", &["ratatui", "crossterm", "clap", "directories", "std::env", "std::fs", "axum"]),
    ("deliver", &["ratatui", "crossterm", "clap", "directories", "std::env", "axum"]),
    ("store", &["kube", "hyper", "ratatui", "crossterm", "clap", "directories", "std::env"]),
    ("engine", &["ratatui", "crossterm", "clap", "directories", "std::env", "axum", "rcgen"]),
    (
        "tui",
        &[
            "kube",
            "hyper",
            "rustls",
            "clap",
            "directories",
            "std::fs",
            "std::net",
            "std::env",
            "axum",
            "rcgen",
        ],
    ),
];
/// Functions of a banned module that only compute.
const PURE_AFTER_ALL: &[&str] = &["std::env::split_paths", "std::env::join_paths"];
/// Lines of product code (tests not counted) after which a file holds more than one idea.
const MAX_LINES: usize = 600;

fn rust_files(dir: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|x| x == "rs") {
            out.push(path);
        }
    }
}

/// `tui/view/fleet.rs` -> `["tui", "view", "fleet"]`; `lib.rs` and `main.rs` -> `[]`.
fn module_of(relative: &Path) -> Vec<String> {
    let mut parts: Vec<String> = relative
        .with_extension("")
        .components()
        .map(|c| c.as_os_str().to_str().unwrap().to_owned())
        .collect();
    if parts.last().is_some_and(|p| p == "mod") || parts == ["lib"] || parts == ["main"] {
        parts.pop();
    }
    parts
}

/// Every absolute path that a file names: `crate::a::b` as `["a", "b"]` in `inside`, others as they stand in `outside`.
#[derive(Default)]
struct Names {
    module: Vec<String>,
    inside: BTreeSet<Vec<String>>,
    outside: BTreeSet<Vec<String>>,
}

impl Names {
    fn note(&mut self, segments: &[String]) {
        let Some(first) = segments.first() else { return };
        match first.as_str() {
            "crate" | "fleetglass" => {
                self.inside.insert(segments[1..].to_vec());
            }
            "super" => {
                let ups = segments.iter().take_while(|s| *s == "super").count();
                let kept = self.module.len().saturating_sub(ups);
                let mut path = self.module[..kept].to_vec();
                path.extend_from_slice(&segments[ups..]);
                self.inside.insert(path);
            }
            "self" | "Self" => {}
            _ => {
                self.outside.insert(segments.to_vec());
            }
        }
    }

    fn use_tree(&mut self, tree: &syn::UseTree, prefix: &[String]) {
        let with = |name: String| prefix.iter().cloned().chain([name]).collect::<Vec<_>>();
        match tree {
            syn::UseTree::Path(p) => self.use_tree(&p.tree, &with(p.ident.to_string())),
            syn::UseTree::Group(g) => g.items.iter().for_each(|t| self.use_tree(t, prefix)),
            syn::UseTree::Name(n) => self.note(&with(n.ident.to_string())),
            syn::UseTree::Rename(r) => self.note(&with(r.ident.to_string())),
            syn::UseTree::Glob(_) => self.note(prefix),
        }
    }

    /// Paths inside a macro call, which the parser leaves as tokens.
    fn tokens(&mut self, stream: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for tree in stream {
            match tree {
                TokenTree::Ident(i) if colons == 2 && !path.is_empty() => {
                    path.push(i.to_string());
                    colons = 0;
                }
                TokenTree::Ident(i) => {
                    self.flush(&mut path);
                    path.push(i.to_string());
                    colons = 0;
                }
                TokenTree::Punct(p) if p.as_char() == ':' => colons += 1,
                TokenTree::Group(g) => {
                    self.flush(&mut path);
                    self.tokens(g.stream());
                }
                _ => self.flush(&mut path),
            }
        }
        self.flush(&mut path);
    }

    fn flush(&mut self, path: &mut Vec<String>) {
        if path.len() > 1 {
            self.note(path);
        }
        path.clear();
    }
}

fn only_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| {
        a.path().is_ident("test")
            || (a.path().is_ident("cfg")
                && matches!(&a.meta, syn::Meta::List(l) if l.tokens.to_string() == "test"))
    })
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if only_for_tests(&item.attrs) {
            return;
        }
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !only_for_tests(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !only_for_tests(&item.attrs) {
            self.use_tree(&item.tree, &[]);
        }
    }
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let segments: Vec<_> = path.segments.iter().map(|s| s.ident.to_string()).collect();
            self.note(&segments);
        }
        visit::visit_path(self, path);
    }
    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}

fn names_in(text: &str, module: Vec<String>) -> Names {
    let file = syn::parse_file(text).unwrap();
    let mut names = Names { module, ..Names::default() };
    names.visit_file(&file);
    names
}

/// What is wrong with a file of `room`, judged by the tables above.
fn faults(room: &str, names: &Names) -> Vec<String> {
    let table: BTreeMap<_, _> = ROOMS.iter().map(|(r, _, may)| (*r, *may)).collect();
    let Some(may) = table.get(room) else { return vec![format!("{room} is no room of the table")] };
    let mut bad = Vec::new();
    for path in &names.inside {
        let Some(other) = path.first().map(String::as_str) else { continue };
        if other == room || !table.contains_key(other) {
            continue;
        }
        let narrowed = path.get(1).map(|second| format!("{other}::{second}"));
        if !may.contains(&other) && !narrowed.is_some_and(|n| may.contains(&n.as_str())) {
            bad.push(format!("{room} imports {}", path.join("::")));
        }
    }
    let mut banned: Vec<&str> =
        NOT_IN.iter().filter(|(r, _)| *r == room).flat_map(|(_, b)| b.iter().copied()).collect();
    if PURE.contains(&room) {
        banned.extend(NOT_IN_PURE);
    }
    for path in &names.outside {
        let whole = path.join("::");
        if PURE_AFTER_ALL.contains(&whole.as_str()) {
            continue;
        }
        if let Some(b) = banned.iter().find(|b| whole == **b || whole.starts_with(&format!("{b}::"))) {
            bad.push(format!("{room} touches {b}: {whole}"));
        }
    }
    bad
}

/// Whether a file is compiled for tests only, as `mod tests;` and what lies below it are.
fn is_for_tests(relative: &Path) -> bool {
    let stem = relative.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    matches!(stem, "tests" | "fixture" | "testing") || relative.components().any(|c| c.as_os_str() == "tests")
}

fn source() -> (PathBuf, Vec<PathBuf>) {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    assert!(files.len() > 10, "the sources were not found");
    (src, files)
}

#[test]
fn every_import_is_in_the_table() {
    let (src, files) = source();
    let mut bad = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&src).unwrap();
        let module = module_of(relative);
        let Some(room) = module.first().cloned() else { continue };
        if is_for_tests(relative) {
            continue;
        }
        let names = names_in(&fs::read_to_string(&file).unwrap(), module);
        bad.extend(faults(&room, &names).into_iter().map(|b| format!("{}: {b}", relative.display())));
    }
    assert!(bad.is_empty(), "against the import table:\n{}", bad.join("\n"));
}

#[test]
fn the_table_has_no_upward_arrow() {
    let layer: BTreeMap<_, _> = ROOMS.iter().map(|(r, l, _)| (*r, *l)).collect();
    for (room, own, may) in ROOMS {
        for other in *may {
            let other = other.split("::").next().unwrap();
            let theirs = layer[other];
            assert!(theirs < *own || (*own == 0 && other == "clock"), "{room} ({own}) -> {other} ({theirs})");
        }
    }
}

#[test]
fn the_check_itself_sees_what_it_must() {
    let check = |room: &str, text: &str| {
        faults(room, &names_in(text, vec![room.to_owned(), "file".to_owned()])).len()
    };
    assert_eq!(check("fleet", "use crate::clock::Clock;"), 1);
    assert_eq!(check("fleet", "use crate::{fleet::A, engine};"), 1);
    assert_eq!(check("fleet", "fn f() { super::super::engine::g(); }"), 1);
    assert_eq!(check("fleet", "mod inner { use super::super::super::engine::G; }"), 1);
    assert_eq!(check("fleet", "fn f() { let _ = \"crate::engine\"; } // crate::engine"), 0);
    assert_eq!(check("fleet", "fn f() { println!(\"{}\", crate::engine::x()); }"), 1);
    assert_eq!(check("fleet", "#[cfg(test)] mod tests { use crate::engine::X; }"), 0);
    assert_eq!(check("tui", "use crate::engine::api::Handle;"), 0);
    assert_eq!(check("tui", "use crate::engine::start;"), 1);
    assert_eq!(check("tui", "use crate::engine::*;"), 1);
    assert_eq!(check("report", "use std::fs::File;"), 1);
    assert_eq!(check("report", "fn f() { tokio::spawn(async {}); }"), 1);
    assert_eq!(check("attic", "fn f() {}"), 1);
}

#[test]
fn files_hold_one_idea_and_modules_say_what_they_are_for() {
    let (src, files) = source();
    let mut bad = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&src).unwrap();
        if is_for_tests(relative) {
            continue;
        }
        let relative = relative.display();
        let text = fs::read_to_string(&file).unwrap();
        let product = text.split("#[cfg(test)]\nmod ").next().unwrap().lines().count();
        if product > MAX_LINES {
            bad.push(format!("{relative}: {product} lines"));
        }
        if !text.starts_with("//!") {
            bad.push(format!("{relative}: does not open with what it is for"));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn the_top_level_is_what_it_should_be() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in
        ["Cargo.toml", "Cargo.lock", "src", "themes", "docs", "tests", "examples", "README.md", ".ci/run"]
    {
        assert!(root.join(name).exists(), "{name} is missing");
    }
}

#[test]
fn the_documented_table_is_the_one_that_is_checked() {
    let doc = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ARCHITECTURE.md")).unwrap();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (room, layer, may) in ROOMS {
        if !src.join(room).exists() && !src.join(format!("{room}.rs")).exists() {
            continue; // a room that nothing has needed yet is absent, from the table in the document too
        }
        let present: Vec<_> = may
            .iter()
            .filter(|m| {
                let first = m.split("::").next().unwrap();
                src.join(first).exists() || src.join(format!("{first}.rs")).exists()
            })
            .map(|m| format!("`{m}`"))
            .collect();
        let imports = if present.is_empty() { "-".to_owned() } else { present.join(", ") };
        let row_start = format!("| {layer} | `{room}` |");
        let row = doc.lines().find(|l| l.starts_with(&row_start));
        let row = row.unwrap_or_else(|| panic!("no row for {room} in docs/ARCHITECTURE.md"));
        assert!(
            row.ends_with(&format!("| {imports} |")),
            "row of {room} should end with: | {imports} |\n{row}"
        );
    }
}
