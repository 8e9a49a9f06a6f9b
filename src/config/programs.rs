//! `[programs.NAME]`: command lines that the shared fleet file may only name, since a file from git must not run code.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::walk::Walk;

/// A program with its command line.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Program {
    /// The program and its arguments; never empty. Run as it is, by no shell.
    pub command: Vec<String>,
    /// Variables of its environment, besides those that every child has. The values may be secrets.
    pub env: BTreeMap<String, String>,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.env.keys().collect();
        f.debug_struct("Program")
            .field("command", &self.command.first())
            .field("env", &names)
            .finish_non_exhaustive()
    }
}

impl Program {
    /// The entry as TOML, without the values of its variables.
    pub(super) fn written(&self) -> String {
        let command = format!("{:?}", self.command);
        if self.env.is_empty() {
            return format!("{{ command = {command} }}");
        }
        let names: Vec<_> = self.env.keys().map(|k| format!("{k:?} = \"(not shown)\"")).collect();
        format!("{{ command = {command}, env = {{ {} }} }}", names.join(", "))
    }
}

/// The key of a program's entry.
pub(super) fn label(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let plain = !name.is_empty() && name.chars().all(bare);
    if plain { format!("programs.{name}") } else { format!("programs.{name:?}") }
}

/// Reads the table. An entry with a mistake is left out, so that a half command is never run.
pub(super) fn programs(
    walk: &mut Walk<'_>,
    value: &Spanned<DeValue<'_>>,
) -> Vec<(String, Range<usize>, Program)> {
    let Some(table) = value.get_ref().as_table() else {
        walk.wrong_type(value, "programs", "a table of programs");
        return Vec::new();
    };
    let mut programs = Vec::new();
    for (name, value) in table {
        let label = label(name.get_ref());
        if let Some(program) = program(walk, value, &label) {
            programs.push((name.get_ref().to_string(), name.span(), program));
        }
    }
    programs
}

fn program(walk: &mut Walk<'_>, value: &Spanned<DeValue<'_>>, label: &str) -> Option<Program> {
    let Some(table) = value.get_ref().as_table() else {
        walk.wrong_type(value, label, "a table with `command`");
        return None;
    };
    let mut program = Program::default();
    let mut sound = true;
    let mut told = false;
    for (key, value) in table {
        let name: &str = key.get_ref();
        let below = format!("{label}.{name}");
        match name {
            "command" => {
                let command = words(walk, value, &below);
                told = command.is_none();
                program.command = command.unwrap_or_default();
            }
            "env" => {
                let env = variables(walk, value, &below);
                sound = env.is_some();
                program.env = env.unwrap_or_default();
            }
            _ => walk.unknown(&key.span(), &below, &["command", "env"]),
        }
    }
    if program.command.is_empty() && !told {
        let hint = "Write the program and its arguments: command = [\"prog\", \"arg\"].";
        walk.error("MISSING", &value.span(), &format!("{label}.command"), "missing", hint);
    }
    (sound && !program.command.is_empty()).then_some(program)
}

/// A list of texts that begins with the name of a program.
fn words(walk: &mut Walk<'_>, value: &Spanned<DeValue<'_>>, label: &str) -> Option<Vec<String>> {
    let Some(list) = value.get_ref().as_array() else {
        // One text would have to be taken apart as a shell does, which nobody can foresee.
        walk.wrong_type(value, label, "a list, the program and each argument by itself");
        return None;
    };
    let mut words = Vec::with_capacity(list.len());
    for item in list {
        words.push(walk.string(item, label)?.to_owned());
    }
    if words.first().is_none_or(|program| program.trim().is_empty()) || words.iter().any(|w| w.contains('\0'))
    {
        let hint = "Write the program and its arguments: command = [\"prog\", \"arg\"].";
        walk.error("BAD_VALUE", &value.span(), label, "does not begin with a program", hint);
        return None;
    }
    Some(words)
}

fn variables(
    walk: &mut Walk<'_>,
    value: &Spanned<DeValue<'_>>,
    label: &str,
) -> Option<BTreeMap<String, String>> {
    let Some(table) = value.get_ref().as_table() else {
        walk.wrong_type(value, label, "a table of NAME = \"value\"");
        return None;
    };
    let mut variables = BTreeMap::new();
    for (key, value) in table {
        let name: &str = key.get_ref();
        let below = format!("{label}.{name}");
        if name.is_empty() || name.contains(['=', '\0']) {
            walk.error(
                "BAD_VALUE",
                &key.span(),
                &below,
                "not the name of a variable",
                "Names hold no = sign.",
            );
            return None;
        }
        variables.insert(name.to_owned(), walk.string(value, &below)?.to_owned());
    }
    Some(variables)
}

/// Names of credential plugins that may be run when a registry asks for them.
pub(super) fn plugins(walk: &mut Walk<'_>, value: &Spanned<DeValue<'_>>) -> Vec<String> {
    let Some(list) = value.get_ref().as_array() else {
        walk.wrong_type(value, "allowed_plugins", "a list of names of programs");
        return Vec::new();
    };
    let mut plugins = Vec::new();
    for item in list {
        let Some(name) = walk.string(item, "allowed_plugins") else { continue };
        if name.trim().is_empty() || name.contains(['*', '?']) {
            let hint = "Write the name or the whole path of each; patterns are not read.";
            walk.error("BAD_VALUE", &item.span(), "allowed_plugins", "not the name of one program", hint);
        } else {
            plugins.push(name.to_owned());
        }
    }
    plugins
}
