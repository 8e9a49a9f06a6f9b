//! The two readers agree, and nothing that can be written down makes them panic.

use proptest::prelude::*;

use super::*;
use crate::config::yaml::{Node, Pos, Value};

/// A tree as text, with positions. A value that is not written stands nowhere in particular, and the readers differ on
/// whether a sequence begins at its dash; no message uses either place.
fn outline(node: &Node<'_>, out: &mut String) {
    let place = |at: Pos| format!("{}:{}", at.line, at.column);
    match node.value() {
        Value::Scalar { text, plain: true } if matches!(text.as_ref(), "" | "~") => out.push_str("(nothing)"),
        Value::Scalar { text, plain } => out.push_str(&format!("{} {plain} {text:?}", place(node.at))),
        Value::List(items) => {
            out.push('[');
            for item in items {
                outline(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Map(pairs) => {
            out.push_str(&format!("{} {{", place(node.at)));
            for (key, value) in pairs {
                out.push_str(&format!("{} {:?}=", place(key.at), key.text));
                outline(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Vault => out.push_str("vault"),
        Value::Shared(_) => out.push_str("shared"),
    }
}

/// What the quick reader understands, the full one reads the same. Returns whether it understood.
fn agree(text: &str) -> bool {
    let Some(quick) = block::read(text) else { return false };
    let full = crate::config::yaml::read(text).unwrap_or_else(|e| panic!("{e} at {:?} in {text:?}", e.at));
    assert!(full.second.is_none(), "{text:?}");
    let (mut a, mut b) = (String::new(), String::new());
    outline(&quick, &mut a);
    match &full.root {
        Some(root) => outline(root, &mut b),
        None => b.push_str("(nothing)"),
    }
    assert_eq!(a, b, "{text:?}");
    true
}

#[test]
fn what_kubectl_writes_is_read_the_quick_way_and_the_same() {
    let written = "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: LS0tLS1CRUdJTg==\n    server: https://127.0.0.1:6443\n  name: kind-a\n\
        contexts:\n- context:\n    cluster: kind-a\n    user: kind-a\n  name: kind-a\ncurrent-context: kind-a\nkind: Config\npreferences: {}\n\
        users:\n- name: kind-a\n  user:\n    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n      args:\n      - --region\n      - eu-west-1\n      - eks\n      command: aws\n      env: null\n      interactiveMode: IfAvailable\n      provideClusterInfo: false\n    token: ''\n";
    assert!(agree(written));
    assert!(agree(&entry("a")));
    for other in [
        "a: b\n\n# comment\nc:\n  - d\n  - e: f\n    g: \"h i\"\n",
        "a:\nb:\n",
        "a:\n- b\nc: d",
        "a:\n  b:\n    c: ~\n",
        "- a\n- b: c\n",
        "a: x{y}, [z] & more * \"quoted\"\n",
    ] {
        assert!(agree(other), "{other:?}");
    }
}

#[test]
fn what_is_unusual_is_left_to_the_full_reader() {
    for text in [
        "",
        "# x\n",
        "---\na: b\n",
        "a: b\n---\n",
        "a: b\n...\n",
        "a: &x b\n",
        "a: *x\n",
        "a: !!str 5\n",
        "a: |\n  b\n",
        "a: >\n  b\n",
        "a: b # c\n",
        "a: b: c\n",
        "a: b\n  c\n",
        "a: 'it''s'\n",
        "a: \"\\n\"\n",
        "a: [b]\n",
        "a: {b: c}\n",
        "a:\tb\n",
        "a: b\r\n",
        "größe: x\n",
        "? a\n: b\n",
        "<<: x\n",
        "\"a\": b\n",
        " a: b\nc: d\n",
        "a: b \n",
        "- - a\n",
        "a: @b\n",
        "a: `b`\n",
        "a: %b\n",
        "-\n  a: b\n",
        "a: -\n",
        "a: 'b\n",
        "a: 'b' c\n",
        "a: ,b\n",
        "a: #b\n",
        "a: b:\n",
    ] {
        assert!(!agree(text), "{text:?}");
    }
}

fn line_of_yaml() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        "[a-z]{1,3}",
        Just("clusters".to_owned()),
        Just("name".to_owned()),
        Just("- name".to_owned())
    ];
    let value = prop_oneof![
        Just(String::new()),
        "[ -~]{0,8}",
        "[a-z0-9/:.#'\"{}\\[\\]-]{0,6}",
        Just("{}".to_owned()),
        Just("'x'".to_owned())
    ];
    (
        0usize..5,
        prop_oneof![3 => Just(""), 1 => Just("- ")],
        key,
        prop_oneof![4 => Just(": "), 1 => Just(":"), 1 => Just(" ")],
        value,
    )
        .prop_map(|(indent, dash, key, colon, value)| {
            format!("{}{dash}{key}{colon}{value}", " ".repeat(indent))
        })
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let base = "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster:\n    server: https://h:6443/p\n    certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==\n    proxy-url: http://u:p@x:1\nusers:\n- name: u\n  user:\n    token: e30.e30.e30\n    as: x\n    client-key-data: LS0tLS1CRUdJTg==\n- name: v\n  user:\n    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: ./p\n      args: [a]\n      env:\n      - name: A\n        value: 5\ncontexts:\n- name: one\n  context: {cluster: c, user: u, namespace: n}\n- name: two\n  context: &a\n    cluster: c\n    user: v\ncurrent-context: one\n";
    let edit = (0..base.len(), 0usize..12, proptest::collection::vec(any::<u8>(), 0..4));
    proptest::collection::vec(edit, 0..6).prop_map(move |edits| {
        let mut bytes = base.as_bytes().to_vec();
        for (at, remove, insert) in edits {
            let at = at.min(bytes.len());
            let end = (at + remove).min(bytes.len());
            bytes.splice(at..end, insert);
        }
        bytes
    })
}

/// A tree to be written in block style.
#[derive(Clone, Debug)]
enum Tree {
    Leaf(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        "[A-Za-z0-9/+]{1,12}={0,2}",
        "https://[a-z]{1,8}:[0-9]{1,5}(/[a-z]{0,3})?",
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("{}".to_owned()),
        Just("[]".to_owned()),
        "\"[ -!#-\\[\\]-~]{0,9}\"",
        "'[ -&(-~]{0,9}'",
        "-{1,2}[a-z]{1,5}=?[a-z]{0,3}",
        "[a-z]{1,3}( [a-z{}\\[\\]&*!|>%@,\"'?-]{1,3}){0,3}",
    ];
    leaf.prop_map(Tree::Leaf).prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..4).prop_map(Tree::List),
            proptest::collection::vec(("[a-z][a-zA-Z0-9./_-]{0,8}", inner), 1..4).prop_map(Tree::Map),
        ]
    })
}

/// Writes a collection; `indented` decides whether sequences in mappings are, which both occur.
fn write(tree: &Tree, column: usize, indented: bool, out: &mut String) {
    let pad = " ".repeat(column);
    match tree {
        Tree::Leaf(text) => out.push_str(&format!("{pad}- {text}\n")),
        Tree::List(items) => {
            for item in items {
                match item {
                    Tree::Map(_) => {
                        let mut inner = String::new();
                        write(item, column + 2, indented, &mut inner);
                        out.push_str(&format!("{pad}- {}", inner.get(column + 2..).unwrap()));
                    }
                    // A sequence right inside a sequence is not block style as the tools write it.
                    Tree::List(_) => out.push_str(&format!("{pad}- x\n")),
                    Tree::Leaf(_) => write(item, column, indented, out),
                }
            }
        }
        Tree::Map(pairs) => {
            for (key, value) in pairs {
                match value {
                    Tree::Leaf(text) => out.push_str(&format!("{pad}{key}: {text}\n")),
                    Tree::List(_) => {
                        out.push_str(&format!("{pad}{key}:\n"));
                        write(value, column + if indented { 2 } else { 0 }, indented, out);
                    }
                    Tree::Map(_) => {
                        out.push_str(&format!("{pad}{key}:\n"));
                        write(value, column + 2, indented, out);
                    }
                }
            }
        }
    }
}

/// What must hold of anything that was loaded.
fn check(loaded: &Loaded) {
    for context in &loaded.contexts {
        assert_eq!(context.target.is_none(), context.unusable().is_some());
        assert!(context.problems.iter().all(|p| p.origin.is_some()));
    }
    assert!(loaded.current.is_none_or(|i| i < loaded.contexts.len()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn lines_are_read_the_same_by_both(lines in proptest::collection::vec(line_of_yaml(), 1..8), end in "\n?") {
        agree(&(lines.join("\n") + &end));
    }

    #[test]
    fn block_style_is_read_the_quick_way_and_the_same(tree in tree(), indented: bool) {
        let mut text = String::new();
        write(&tree, 0, indented, &mut text);
        prop_assert!(agree(&text), "{text}");
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        check(&load_text(bytes, Path::new(PATH)));
    }

    #[test]
    fn any_text_is_survived(text in "[ -~\n\t]{0,200}|\\PC{0,80}") {
        agree(&text);
        check(&load_text(text.into_bytes(), Path::new(PATH)));
    }

    #[test]
    fn mutated_kubeconfigs_are_survived(bytes in mutated()) {
        if let Ok(text) = std::str::from_utf8(&bytes) {
            agree(text);
        }
        check(&load_text(bytes, Path::new(PATH)));
    }
}
