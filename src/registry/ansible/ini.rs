//! The INI form.

use std::collections::HashMap;

use super::inventory::{Inventory, Place};
use super::literal;
use super::range::hosts;
use super::value::Value;

/// What the lines of a section are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Hosts,
    Vars,
    Children,
    /// Of a kind that there is not.
    Unknown,
}

/// Reads a file into the inventory. A line that is wrong is told of and left out.
pub(super) fn read(text: &str, inventory: &mut Inventory, file: usize) {
    let mut group = inventory.group("ungrouped");
    let mut section = Section::Hosts;
    // Groups that are only mentioned: who does so, and where.
    let mut mentioned: HashMap<String, (Place, &'static str)> = HashMap::new();
    let mut declared: std::collections::HashSet<String> =
        ["all", "ungrouped"].into_iter().map(str::to_owned).collect();
    for (number, raw) in text.lines().enumerate() {
        let at = Place { file, line: u32::try_from(number + 1).unwrap_or(u32::MAX) };
        let line = raw.trim();
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        if let Some((name, kind)) = header(line) {
            section = match kind {
                None | Some("hosts") => Section::Hosts,
                Some("vars") => Section::Vars,
                Some("children") => Section::Children,
                Some(_) => Section::Unknown,
            };
            if section == Section::Unknown {
                let message = "a section is [group], [group:vars] or [group:children]";
                inventory.warn("BAD_SECTION", at, name, message, "");
                continue;
            }
            if section == Section::Vars {
                mentioned.entry(name.to_owned()).or_insert((at, "has variables and is declared nowhere"));
            } else {
                declared.insert(name.to_owned());
            }
            group = inventory.group(name);
            continue;
        }
        if line.starts_with('[') && line.ends_with(']') && !line.contains(':') {
            inventory.warn("BAD_SECTION", at, "inventory", "the name of a section cannot be read", "");
            section = Section::Unknown;
            continue;
        }
        match section {
            Section::Hosts => host_line(line, group, inventory, at),
            Section::Vars => match line.split_once('=') {
                Some((key, value)) => {
                    inventory.set_group(group, key.trim().to_owned(), literal::value(value.trim()), at);
                }
                None => inventory.warn("BAD_LINE", at, "inventory", "a variable has the form key=value", ""),
            },
            Section::Children => {
                let name = line.split('#').next().unwrap_or_default().trim();
                if name.is_empty() || name.contains([':', ']', ' ', '\t']) {
                    inventory.warn("BAD_LINE", at, "inventory", "this is not the name of a group", "");
                    continue;
                }
                mentioned
                    .entry(name.to_owned())
                    .or_insert((at, "is part of another group and declared nowhere"));
                let child = inventory.group(name);
                inventory.child(group, child);
            }
            Section::Unknown => {}
        }
    }
    let mut idle: Vec<_> = mentioned.into_iter().filter(|(name, _)| !declared.contains(name)).collect();
    idle.sort_by_key(|(_, (at, _))| at.line);
    for (name, (at, what)) in idle {
        let hint = "Ansible refuses an inventory like that; declare the group with a line [group].";
        inventory.warn("UNKNOWN_GROUP", at, &format!("group {name}"), &format!("the group {what}"), hint);
    }
}

/// `[group]`, `[group:kind]`, with a comment after it.
fn header(line: &str) -> Option<(&str, Option<&str>)> {
    let (inner, after) = line.strip_prefix('[')?.split_once(']')?;
    let after = after.trim_start();
    if !(after.is_empty() || after.starts_with('#')) {
        return None;
    }
    let (name, kind) = match inner.split_once(':') {
        Some((name, kind)) => (name, Some(kind)),
        None => (inner, None),
    };
    let word =
        |t: &str| !t.is_empty() && !t.contains(|c: char| c.is_whitespace() || matches!(c, ':' | ']' | '['));
    (word(name) && kind.is_none_or(word)).then_some((name, kind))
}

fn host_line(line: &str, group: usize, inventory: &mut Inventory, at: Place) {
    let Some(tokens) = tokens(line) else {
        inventory.warn("BAD_LINE", at, "inventory", "a quote is never closed", "");
        return;
    };
    let Some((pattern, rest)) = tokens.split_first() else { return };
    let (names, port) = match hosts(pattern) {
        Ok(found) => found,
        Err(error) => {
            inventory.warn("BAD_HOST", at, "inventory", &error.to_string(), "");
            return;
        }
    };
    let mut vars: Vec<(String, Value)> = Vec::with_capacity(rest.len());
    for token in rest {
        let Some((key, value)) = token.split_once('=') else {
            let hint = "Names with spaces need quotes; values too.";
            inventory.warn("BAD_LINE", at, "inventory", "a variable of a host has the form key=value", hint);
            return;
        };
        vars.push((key.to_owned(), literal::value(value)));
    }
    for name in names {
        let Some(host) = inventory.host(&name, group, at) else { return };
        if let Some(port) = port {
            inventory.set_host(host, "ansible_port".to_owned(), Value::Int(port.to_string()), at);
        }
        for (key, value) in &vars {
            inventory.set_host(host, key.clone(), value.clone(), at);
        }
    }
}

/// The words of a line, as a POSIX shell splits them: quotes hold blanks together and are gone afterwards, and `#` begins a
/// comment. `None` if a quote is never closed.
fn tokens(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '#' => break,
            c if c.is_whitespace() => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => match chars.next()? {
                            c @ ('"' | '\\') => word.push(c),
                            c => word.extend(['\\', c]),
                        },
                        c => word.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::tokens;

    #[test]
    fn words_are_split_as_a_shell_does() {
        for (line, expect) in [
            ("a b=1 c='x y'", Some(vec!["a", "b=1", "c=x y"])),
            (r#"a q="1.30" r="'1.30'""#, Some(vec!["a", "q=1.30", "r='1.30'"])),
            (r#"a l="['x', 'y']" # note"#, Some(vec!["a", "l=['x', 'y']"])),
            (r"a b\ c", Some(vec!["a", "b c"])),
            ("a b=''", Some(vec!["a", "b="])),
            ("# all", Some(vec![])),
            ("a 'b", None),
            ("a \"b\\", None),
        ] {
            let expect = expect.map(|all| all.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(tokens(line), expect, "{line}");
        }
    }
}
