//! The part of a kuberc that guards which credential plugins run: `credentialPluginPolicy` and
//! `credentialPluginAllowlist` (KEP-3104; API group `kubectl.config.k8s.io`, kind `Preference`).
//!
//! Everything else in a kuberc is kubectl's own and is not read. In two things this is stricter than kubectl, as the file
//! guards what is run: a file that cannot be understood forbids every plugin, where kubectl goes on without it; and a field or
//! criterion that nobody knows is such a case, as it may be one that would forbid more.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::notes::{Notes, origin, problem};
use super::read::{self, ReadError};
use super::search::shown;
use crate::access::PluginPolicy;
use crate::config::yaml;
use crate::config::yaml::{Node, Pos, Value};
use crate::fleet::{Problem, Severity};

/// The largest kuberc that is read.
const MAX_KUBERC: u64 = 1 << 20;
const GROUP: &str = "kubectl.config.k8s.io";
const POLICY: &str = "credentialPluginPolicy";
const ALLOWLIST: &str = "credentialPluginAllowlist";
/// What a person has to do, whatever the mistake is.
const HINT: &str = "Mend the file; until then no credential plugin is run. KUBERC=off leaves it unread.";

/// What a kuberc says about credential plugins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kuberc {
    /// Which plugins may run; none if the file cannot be understood.
    pub policy: PluginPolicy,
    /// The file, whether it is there or not; `None` if none is to be read.
    pub path: Option<PathBuf>,
    /// Whether it was there.
    pub found: bool,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

impl Kuberc {
    /// Whether the file is there and its policy cannot be understood.
    pub fn is_broken(&self) -> bool {
        self.problems.iter().any(|p| p.severity == Severity::Error)
    }
}

/// Reads the kuberc that `named` ($KUBERC) names, else the one beside the usual kubeconfig. `off` reads none. `named` is taken
/// relative to `cwd`.
pub fn load_kuberc(named: Option<&OsStr>, home: Option<&Path>, cwd: &Path) -> Kuberc {
    let explicit = named.filter(|name| !name.is_empty());
    if explicit == Some(OsStr::new("off")) {
        return Kuberc::default();
    }
    let Some(path) = explicit.map(|name| cwd.join(name)).or_else(|| Some(home?.join(".kube/kuberc"))) else {
        return Kuberc::default();
    };
    let outcome = match read::read_regular(&path, MAX_KUBERC) {
        Ok(bytes) => match read::to_text(bytes) {
            Ok(text) => read_text(&text, &path, home),
            Err(error) => Err(vec![refusal(&path, home, Pos::default(), &error.to_string())]),
        },
        Err(ReadError::Missing) if explicit.is_none() => {
            return Kuberc { path: Some(path), ..Kuberc::default() };
        }
        Err(error) => Err(vec![refusal(&path, home, Pos::default(), &error.to_string())]),
    };
    let (policy, problems) = outcome.unwrap_or_else(|problems| (PluginPolicy::DenyAll, problems));
    Kuberc { policy, path: Some(path), found: true, problems }
}

/// The policy of the first preferences in a text, with warnings; or why it cannot be understood.
fn read_text(
    text: &str,
    path: &Path,
    home: Option<&Path>,
) -> Result<(PluginPolicy, Vec<Problem>), Vec<Problem>> {
    let mut first_refusal = None;
    for part in documents(text) {
        let parsed = match yaml::read(&part) {
            Ok(parsed) => parsed,
            Err(error) => {
                first_refusal.get_or_insert_with(|| refusal(path, home, error.at, error.reason));
                continue;
            }
        };
        let Some(root) = parsed.root else { continue };
        match version(&root) {
            Ok(version) => return decode(&root, version, path, home),
            Err((at, message)) => {
                first_refusal.get_or_insert_with(|| refusal(path, home, at, message));
            }
        }
    }
    // A file of nothing but comments forbids nothing.
    first_refusal.map_or_else(|| Ok(Default::default()), |refusal| Err(vec![refusal]))
}

/// The documents of a text, each behind as many empty lines as stand before it, so that positions are those of the file.
/// They are parted before they are parsed, as kubectl does: one that is broken does not hide the next.
fn documents(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for (number, line) in text.lines().enumerate() {
        if line.starts_with("---") {
            documents.push("\n".repeat(number));
        }
        if let Some(last) = documents.last_mut() {
            last.push_str(line);
            last.push('\n');
        }
    }
    documents
}

/// The API version of preferences that are understood.
fn version<'n>(root: &'n Node<'_>) -> Result<&'n str, (Pos, &'static str)> {
    let word = |key: &str| root.get(key).and_then(|(at, node)| Some((at, node.text()?)));
    if word("kind").is_none_or(|(_, kind)| kind != "Preference") {
        return Err((word("kind").map_or(root.at, |(at, _)| at), "the file is no kuberc (kind: Preference)"));
    }
    let Some((at, text)) = word("apiVersion") else {
        return Err((root.at, "apiVersion is missing"));
    };
    match text.split_once('/') {
        Some((GROUP, version @ ("v1beta1" | "v1alpha1"))) => Ok(version),
        _ => Err((at, "the apiVersion is not kubectl.config.k8s.io/v1beta1")),
    }
}

fn decode(
    root: &Node<'_>,
    version: &str,
    path: &Path,
    home: Option<&Path>,
) -> Result<(PluginPolicy, Vec<Problem>), Vec<Problem>> {
    let mut notes = Notes::new(path, shown(path, home));
    for at in [POLICY, ALLOWLIST].iter().filter_map(|key| root.repeated(key)) {
        notes.error("KUBERC", at, "the field is there twice", HINT);
    }
    if let Value::Map(pairs) = root.value() {
        for (key, _) in pairs {
            let strange = key.text.to_ascii_lowercase().starts_with("credentialplugin")
                && ![POLICY, ALLOWLIST].contains(&key.text.as_ref());
            if strange {
                let message = format!("the field is neither {POLICY} nor {ALLOWLIST}");
                notes.error("KUBERC", key.at, &message, HINT);
            }
        }
    }
    let word = notes.text(root, POLICY);
    let (list_at, items) = notes.list(root, ALLOWLIST);
    let is_listed = root.get(ALLOWLIST).is_some_and(|(_, node)| !node.is_null());
    let policy_at = word.as_ref().map_or(list_at, |w| w.at);
    let allowed: Vec<String> = items.iter().filter_map(|item| entry(item, &mut notes)).collect();
    let policy = match word.as_ref().map_or("", |w| w.value.as_str()) {
        "" | "AllowAll" => PluginPolicy::AllowAll,
        "Allowlist" => PluginPolicy::Allowlist(allowed),
        "DenyAll" => PluginPolicy::DenyAll,
        _ => {
            let message = format!("{POLICY} must be AllowAll, DenyAll or Allowlist");
            notes.error("KUBERC", policy_at, &message, HINT);
            PluginPolicy::DenyAll
        }
    };
    match (&policy, is_listed) {
        (PluginPolicy::Allowlist(_), _) if items.is_empty() => {
            let message = format!("{POLICY} is Allowlist, but {ALLOWLIST} is empty");
            notes.error("KUBERC", policy_at, &message, HINT);
        }
        (PluginPolicy::AllowAll | PluginPolicy::DenyAll, true) => {
            let message = format!("{ALLOWLIST} is there, but {POLICY} is not Allowlist");
            notes.error("KUBERC", list_at, &message, HINT);
        }
        _ => {}
    }
    if version == "v1alpha1" && (word.is_some() || is_listed) {
        let message = "kubectl reads a plugin policy in v1beta1 only; here it holds in v1alpha1 too";
        notes.warning("KUBERC", policy_at, message, "Write apiVersion: kubectl.config.k8s.io/v1beta1.");
    }
    if notes.errors > 0 { Err(notes.problems) } else { Ok((policy, notes.problems)) }
}

/// The command of one entry: `command` since Kubernetes 1.36, `name` before and still.
fn entry(item: &Node<'_>, notes: &mut Notes<'_>) -> Option<String> {
    let Value::Map(pairs) = item.value() else {
        notes.error(
            "KUBERC",
            item.at,
            &format!("an entry of {ALLOWLIST} must be a map with a command"),
            HINT,
        );
        return None;
    };
    if let Some((key, _)) = pairs.iter().find(|(k, _)| !["command", "name"].contains(&k.text.as_ref())) {
        // All criteria of an entry must hold; to leave one out would allow more than was meant.
        let message = format!("an entry of {ALLOWLIST} has a criterion that is not known; known is command");
        notes.error("KUBERC", key.at, &message, HINT);
        return None;
    }
    let command = notes.filled(item, "command").map(|text| text.value);
    let name = notes.filled(item, "name").map(|text| text.value);
    match (command, name) {
        (Some(command), Some(name)) if command != name => {
            notes.error("KUBERC", item.at, "command and name of an entry differ", HINT);
            None
        }
        (None, None) => {
            notes.error("KUBERC", item.at, &format!("an entry of {ALLOWLIST} names no command"), HINT);
            None
        }
        (command, name) => command.or(name),
    }
}

/// The file as a whole cannot be understood.
fn refusal(path: &Path, home: Option<&Path>, at: Pos, message: &str) -> Problem {
    problem(Severity::Error, "KUBERC", Some(origin(path, at)), &shown(path, home), message, HINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n";

    fn check(text: &str) -> (PluginPolicy, Vec<(Option<u32>, String)>) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".kube")).unwrap();
        std::fs::write(dir.path().join(".kube/kuberc"), text).unwrap();
        let kuberc = load_kuberc(None, Some(dir.path()), Path::new("/nowhere"));
        assert!(kuberc.found && kuberc.path == Some(dir.path().join(".kube/kuberc")));
        let told = |p: &Problem| (p.origin.as_ref().unwrap().line, p.message.to_string());
        (kuberc.policy, kuberc.problems.iter().map(told).collect())
    }

    fn allow(names: &[&str]) -> PluginPolicy {
        PluginPolicy::Allowlist(names.iter().map(|n| (*n).to_owned()).collect())
    }

    #[test]
    fn policies_are_those_of_kubectl() {
        for (text, policy) in [
            (String::new(), PluginPolicy::AllowAll),
            ("# nothing yet\n---\n".to_owned(), PluginPolicy::AllowAll),
            (HEAD.to_owned(), PluginPolicy::AllowAll),
            (format!("{HEAD}defaults: [{{command: apply}}]\naliases: null\n"), PluginPolicy::AllowAll),
            (format!("{HEAD}credentialPluginPolicy: \"\"\n"), PluginPolicy::AllowAll),
            (format!("{HEAD}credentialPluginPolicy: AllowAll\n"), PluginPolicy::AllowAll),
            (
                format!("{HEAD}credentialPluginPolicy: DenyAll\ncredentialPluginAllowlist: null\n"),
                PluginPolicy::DenyAll,
            ),
            (
                format!(
                    "{HEAD}credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist:\n- name: aws\n\
                     - command: /usr/bin/kubelogin\n- {{name: x, command: x}}\n"
                ),
                allow(&["aws", "/usr/bin/kubelogin", "x"]),
            ),
            (
                "apiVersion: kubectl.config.k8s.io/v1alpha1\nkind: Preference\n".to_owned(),
                PluginPolicy::AllowAll,
            ),
            // The first preferences that are understood count, whatever stands around them.
            (format!("a: [\n---\n{HEAD}credentialPluginPolicy: DenyAll\n---\n{HEAD}"), PluginPolicy::DenyAll),
        ] {
            assert_eq!(check(&text), (policy, Vec::new()), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_understood_forbids_every_plugin_and_names_the_line() {
        for (text, line, message) in [
            (format!("{HEAD}credentialPluginPolicy: allowlist\n"), Some(3), "must be AllowAll"),
            (format!("{HEAD}credentialPluginPolicy: [DenyAll]\n"), Some(3), "must be text"),
            (format!("{HEAD}credentialPluginpolicy: DenyAll\n"), Some(3), "neither"),
            (format!("{HEAD}credentialPluginPolicy: Allowlist\n"), Some(3), "is empty"),
            (format!("{HEAD}\ncredentialPluginAllowlist: [{{name: aws}}]\n"), Some(4), "is not Allowlist"),
            (
                format!(
                    "{HEAD}credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist:\n- name: a\n  sha256: b\n"
                ),
                Some(6),
                "a criterion that is not known",
            ),
            (
                format!("{HEAD}credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist:\n- aws\n"),
                Some(5),
                "must be a map",
            ),
            (
                format!(
                    "{HEAD}credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{{name: a, command: b}}]\n"
                ),
                Some(4),
                "differ",
            ),
            (
                format!("{HEAD}credentialPluginPolicy: AllowAll\ncredentialPluginPolicy: DenyAll\n"),
                Some(4),
                "twice",
            ),
            ("apiVersion: v1\nkind: Config\n".to_owned(), Some(2), "no kuberc"),
            (
                "---\napiVersion: kubectl.config.k8s.io/v2\nkind: Preference\n".to_owned(),
                Some(2),
                "kubectl.config.k8s.io/v1beta1",
            ),
            ("kind: Preference\n\tx".to_owned(), Some(1), "not valid YAML"),
        ] {
            let (policy, problems) = check(&text);
            assert_eq!(policy, PluginPolicy::DenyAll, "{text}");
            assert!(problems.iter().any(|(l, m)| *l == line && m.contains(message)), "{text}: {problems:?}");
        }
    }

    #[test]
    fn an_older_version_with_a_policy_is_obeyed_with_a_warning() {
        let text =
            "apiVersion: kubectl.config.k8s.io/v1alpha1\nkind: Preference\ncredentialPluginPolicy: DenyAll\n";
        let (policy, problems) = check(text);
        assert_eq!(policy, PluginPolicy::DenyAll);
        assert!(problems[0].1.contains("v1beta1 only"), "{problems:?}");
    }

    #[test]
    fn the_environment_names_the_file_or_switches_it_off() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("rc"), format!("{HEAD}credentialPluginPolicy: DenyAll\n")).unwrap();
        let load = |named: &str| load_kuberc(Some(OsStr::new(named)), Some(dir.path()), dir.path());
        assert_eq!(load("rc").policy, PluginPolicy::DenyAll);
        assert_eq!(load("off"), Kuberc::default());
        // A usual file that is not there is no mistake, one that was named is.
        assert!(!load("").found && load("").policy == PluginPolicy::AllowAll);
        let missing = load("missing");
        assert!(missing.is_broken() && missing.policy == PluginPolicy::DenyAll);
        assert!(missing.problems[0].message.as_str().contains("does not exist"));
        assert!(load(".").is_broken(), "a folder is no kuberc");
    }
}
