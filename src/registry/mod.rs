//! Sources become entries: one row per context, under keys that are unique in the fleet.
//!
//! Order is that of the sources, so the same files give the same rows and the same keys. Nothing is contacted; dates are
//! compared with `now`, so that a credential that has ended is known before anybody uses it.

mod address;
mod ansible;
mod authority;
mod cloud;
mod conduct;
mod declared;
mod exec;
mod hub;
mod job;
mod keep;
mod kubeconfig;
mod pace;
mod pattern;
mod report;
mod run;
mod same;
mod sources;
#[cfg(test)]
mod tests_all;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::access::Target;
use crate::access::kubeconfig::{Context, Loaded, Outcome};
use crate::fleet::{
    CleanText, ClusterKey, Entry, Method, Problem, Severity, SourceKind, SourceRef, SourceState,
};

pub use address::{AddressError, normal, normal_text, server_of};
pub use authority::fingerprints;
pub use conduct::watch_sources;
pub use declared::{decisions_among, decisions_of};
pub use pattern::fits;
pub use report::{Commands, Means, Plan, Program, Sighted, SourceReport, Told, Wish};
pub use same::same_target;

/// One row and what is needed to contact it.
#[derive(Clone, Debug)]
pub struct Registration {
    /// What people see.
    pub entry: Entry,
    /// How to get there; `None` if the entry cannot be used, and then one of its problems says why.
    pub target: Option<Arc<Target>>,
    /// Equal for entries that share a credential.
    pub identity_key: [u8; 32],
}

/// All sources, registered.
#[derive(Clone, Debug, Default)]
pub struct Registered {
    /// The rows, in the order of the sources.
    pub entries: Vec<Registration>,
    /// The sources and their problems.
    pub sources: Vec<SourceState>,
    /// Problems that belong to no source and no row.
    pub problems: Vec<Problem>,
    /// The row of the current context.
    pub current: Option<ClusterKey>,
    /// Where clusters were looked for, and whether anything was there.
    pub looked_in: Vec<(CleanText, bool)>,
}

/// Registers every context as a row of its own. `now` is when the files were read.
pub fn register(loaded: &Loaded, now: DateTime<Utc>) -> Registered {
    let mut keys = Keys::default();
    // One map for all rows: kubeconfigs carry no labels.
    let labels = Arc::new(BTreeMap::new());
    let looked_in =
        loaded.looked_in().into_iter().map(|(place, there)| (CleanText::new(&place), there)).collect();
    let mut registered = Registered { problems: loaded.problems.clone(), looked_in, ..Registered::default() };
    for (index, context) in loaded.contexts.iter().enumerate() {
        let name = shown_name(&context.name);
        let key = keys.unique(&name);
        if loaded.current == Some(index) {
            registered.current = Some(key.clone());
        }
        let file = loaded.files.get(context.source);
        let mut problems = context.problems.clone();
        problems.extend(dated(context, now));
        let entry = Entry {
            sources: vec![SourceRef {
                kind: SourceKind::Kubeconfig,
                name: file.map(|f| f.shown.clone()).unwrap_or_default(),
                reference: CleanText::new(&context.name),
                origin: Some(context.origin.clone()),
                gone_at: None,
            }],
            paths: vec![context.access.clone()],
            labels: Arc::clone(&labels),
            problems,
            ..Entry::new(key, name)
        };
        let target = context.target.clone();
        registered.entries.push(Registration { entry, target, identity_key: context.identity_key });
    }
    let told = loaded.files.iter().filter(|f| f.outcome != Outcome::Missing || !f.problems.is_empty());
    registered.sources = told
        .map(|file| SourceState {
            entries: file.contexts,
            synced_at: (file.outcome == Outcome::Read).then_some(now),
            problems: file.problems.clone(),
            ..SourceState::new(SourceKind::Kubeconfig, file.shown.clone())
        })
        .collect();
    registered
}

fn shown_name(name: &str) -> CleanText {
    if name.is_empty() { CleanText::new("(no name)") } else { CleanText::new(name) }
}

/// Gives out keys: the name itself, then `name~2`, `name~3` ...
#[derive(Default)]
struct Keys {
    taken: HashSet<ClusterKey>,
    last: HashMap<CleanText, usize>,
}

impl Keys {
    fn unique(&mut self, name: &CleanText) -> ClusterKey {
        let key = ClusterKey::new(name);
        if self.taken.insert(key.clone()) {
            return key;
        }
        let last = self.last.entry(name.clone()).or_insert(1);
        loop {
            *last += 1;
            // A name at the limit of CleanText keeps its number, so the loop ends.
            let key = ClusterKey::new(&CleanText::with_cap(&format!("{name}~{last}"), usize::MAX));
            if self.taken.insert(key.clone()) {
                return key;
            }
        }
    }
}

/// What the dates in an entry mean today.
fn dated(context: &Context, now: DateTime<Utc>) -> Vec<Problem> {
    let day = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M UTC").to_string();
    let warning = |code, message: String, hint: &str| Problem {
        severity: Severity::Warning,
        code,
        origin: Some(context.origin.clone()),
        subject: CleanText::new(&context.name),
        message: CleanText::new(&message),
        hint: Some(CleanText::new(hint)),
    };
    let (ended, early, what) = match context.access.method {
        Method::ClientCertificate => {
            ("CLIENT_CERT_EXPIRED", "CLIENT_CERT_NOT_YET_VALID", "client certificate")
        }
        _ => ("TOKEN_EXPIRED", "TOKEN_NOT_YET_VALID", "token"),
    };
    let mut found = Vec::new();
    if let Some(end) = context.access.expires_at.filter(|end| *end <= now) {
        let hint = "Get a new credential from whoever gave you this kubeconfig.";
        found.push(warning(ended, format!("the {what} ended on {}", day(end)), hint));
    } else if let Some(begin) = context.not_before.filter(|begin| *begin > now) {
        let hint = "Check this machine's clock.";
        found.push(warning(early, format!("the {what} is not valid before {}", day(begin)), hint));
    }
    if let Some(end) = context.ca_expires.filter(|end| *end <= now) {
        let message = format!("every certificate of the CA bundle has ended, the last on {}", day(end));
        found.push(warning("CA_EXPIRED", message, "Get the cluster's current CA certificate."));
    }
    found
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::access::kubeconfig::load_text;

    fn registered(text: &str) -> Registered {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        register(&load_text(text.as_bytes().to_vec(), Path::new("/kc/config")), now)
    }

    fn contexts(names: &[&str]) -> String {
        let entries = names.iter().map(|name| {
            let name = serde_json::to_string(name).unwrap();
            format!("- name: {name}\n  context:\n    cluster: c\n")
        });
        let head = "clusters:\n- name: c\n  cluster:\n    server: https://h\ncontexts:\n".to_owned();
        std::iter::once(head).chain(entries).collect()
    }

    #[test]
    fn keys_are_unique_and_numbered_in_order() {
        let rows = registered(&contexts(&["a", "a~2", "a", "", "", "a"])).entries;
        let keys: Vec<_> = rows.iter().map(|r| r.entry.key.as_str()).collect();
        assert_eq!(keys, ["a", "a~2", "a~3", "(no name)", "(no name)~2", "a~4"]);
        assert_eq!(rows[2].entry.name.as_str(), "a");
    }

    #[test]
    fn names_of_a_megabyte_get_keys_of_their_own() {
        let long = "x".repeat(1 << 20);
        let rows = registered(&contexts(&[&long, &format!("{long}y")])).entries;
        assert_ne!(rows[0].entry.key, rows[1].entry.key);
        assert!(rows.iter().all(|r| r.entry.key.as_str().len() < 1100));
    }

    #[test]
    fn an_expired_token_is_known_before_any_request() {
        use base64::Engine;
        let payload =
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"sub":"ana","exp":1700000000}"#);
        let text = format!(
            "current-context: x\nclusters:\n- name: c\n  cluster:\n    server: https://h\n\
             users:\n- name: u\n  user:\n    token: e30.{payload}.c2ln\n\
             contexts:\n- name: x\n  context:\n    cluster: c\n    user: u\n"
        );
        let all = registered(&text);
        let entry = &all.entries[0].entry;
        assert_eq!(entry.problems.iter().map(|p| p.code).collect::<Vec<_>>(), ["TOKEN_EXPIRED"]);
        assert_eq!(entry.paths[0].identity.as_str(), "ana");
        assert!(entry.unusable().is_none() && all.entries[0].target.is_some());
        assert_eq!(all.current.as_ref(), Some(&entry.key));
        assert_eq!(all.sources[0].entries, 1);
        assert_eq!(entry.sources[0].origin.as_ref().unwrap().line, Some(11));
    }

    /// A self-signed certificate that is valid from one year to another, with its key, as base64 of PEM.
    fn certificate(from: i32, to: i32) -> (String, String) {
        use base64::Engine;
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        params.distinguished_name.push(rcgen::DnType::CommonName, "ana");
        let cert = params.self_signed(&key).unwrap();
        let encode = |pem: String| base64::engine::general_purpose::STANDARD.encode(pem);
        (encode(cert.pem()), encode(key.serialize_pem()))
    }

    #[test]
    fn certificates_out_of_their_time_are_known_before_any_request() {
        // The rows are registered in January 2027.
        for (from, to, client, ca) in [
            (2020, 2040, None, None),
            (2020, 2025, Some("CLIENT_CERT_EXPIRED"), Some("CA_EXPIRED")),
            (2030, 2040, Some("CLIENT_CERT_NOT_YET_VALID"), None),
        ] {
            let (cert, key) = certificate(from, to);
            let all = registered(&format!(
                "clusters:\n- name: c\n  cluster:\n    server: https://h\n    certificate-authority-data: {cert}\n\
                 users:\n- name: u\n  user:\n    client-certificate-data: {cert}\n    client-key-data: {key}\n\
                 contexts:\n- name: x\n  context:\n    cluster: c\n    user: u\n"
            ));
            let row = &all.entries[0];
            let codes: Vec<_> = row.entry.problems.iter().map(|p| p.code).collect();
            let expected: Vec<_> = client.into_iter().chain(ca).collect();
            assert_eq!(codes, expected, "{from} to {to}");
            assert!(row.target.is_some());
            assert_eq!(row.entry.paths[0].identity.as_str(), "ana");
            assert_eq!(row.entry.paths[0].expires_at.unwrap().format("%Y").to_string(), to.to_string());
        }
    }

    #[test]
    fn sources_say_what_they_gave_and_what_is_wrong_with_them() {
        let dir = tempfile::tempdir().unwrap();
        let good = dir.path().join("good");
        std::fs::write(&good, contexts(&["a", "b"])).unwrap();
        std::fs::write(dir.path().join("bad"), "[").unwrap();
        let explicit = vec![good, dir.path().join("bad"), dir.path().join("missing")];
        let loaded = crate::access::kubeconfig::load(&crate::access::kubeconfig::Search {
            explicit,
            ..crate::access::kubeconfig::Search::default()
        });
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let all = register(&loaded, now);
        let told: Vec<_> = all
            .sources
            .iter()
            .map(|s| (s.entries, s.synced_at.is_some(), s.problems.first().map(|p| p.code)))
            .collect();
        assert_eq!(told, [(2, true, None), (0, false, Some("BAD_YAML")), (0, false, Some("NOT_FOUND"))]);
        assert_eq!(all.entries[1].entry.sources[0].name, all.sources[0].name);
    }
}
