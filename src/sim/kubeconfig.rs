//! The kubeconfig of the fleet, in block style and field order as kubectl writes it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::SimCluster;
use super::people::{Person, Proof};
use super::pki::{Pki, PkiError};

/// The user entries, rendered once: certificates are signed for them.
pub(super) fn users(pki: &Pki, seed: u64, used: impl Fn(Person) -> bool) -> Result<String, PkiError> {
    let mut people: Vec<Person> = Person::ALL.into_iter().filter(|person| used(*person)).collect();
    people.sort_by_key(|person| person.entry());
    let mut text = String::new();
    for person in people {
        let _written = write!(text, "- name: {}\n  user:\n", person.entry());
        let _written = match person.proof() {
            Proof::Token => writeln!(text, "    token: {}", person.token(seed)),
            Proof::Certificate { days } => {
                let (certificate, key) = pki.person(person.user(), person.groups(), days)?;
                writeln!(
                    text,
                    "    client-certificate-data: {}\n    client-key-data: {}",
                    STANDARD.encode(certificate),
                    STANDARD.encode(key)
                )
            }
        };
    }
    Ok(text)
}

/// The whole file. `emergencies` are clusters that have a second context, `breakglass-NAME`.
pub(super) fn render(clusters: &[&SimCluster], emergencies: &[&SimCluster], users: &str) -> String {
    let mut text = String::with_capacity(1024 + clusters.len() * 1400);
    text.push_str("apiVersion: v1\nclusters:\n");
    for cluster in clusters {
        let _written = write!(
            text,
            "- cluster:\n    certificate-authority-data: {}\n    server: {}\n  name: {}\n",
            STANDARD.encode(&cluster.authority),
            cluster.url,
            cluster.name
        );
    }
    text.push_str("contexts:\n");
    for cluster in clusters {
        let _written = write!(
            text,
            "- context:\n    cluster: {0}\n    user: {1}\n  name: {0}\n",
            cluster.name,
            cluster.truth.person.entry()
        );
    }
    for cluster in emergencies {
        let _written = write!(
            text,
            "- context:\n    cluster: {0}\n    user: {1}\n  name: breakglass-{0}\n",
            cluster.name,
            Person::Breakglass.entry()
        );
    }
    let current = clusters.first().map_or("\"\"", |cluster| cluster.name.as_str());
    let _written =
        write!(text, "current-context: {current}\nkind: Config\npreferences: {{}}\nusers:\n{users}");
    text
}
