//! What servers answer, decoded: bytes in, facts or a [`Failure`](crate::fleet::Failure) out.
//!
//! Pure. Every body is taken for hostile: wrong types, missing fields, nulls, floods and escape sequences end in a failure or in
//! [`CleanText`](crate::fleet::CleanText), never in a panic, and no failure quotes what the body said. How large a body may be is
//! the access room's business; how many rows of it are kept is decided here.

mod apis;
mod events;
mod identity;
mod json;
mod labels;
mod list;
mod metrics;
mod nodes;
mod policies;
mod readyz;
mod version;
mod workloads;

pub use apis::{Written, served_core, served_groups, stored_versions};
pub use events::{EventPage, events, newest_first};
pub use identity::identity;
pub use labels::{Place, place};
pub use metrics::DeprecatedApis;
pub use nodes::{node_rows, node_summary};
pub use policies::{Policies, budgets};
pub use readyz::{NOT_SERVED, readiness, readiness_checks};
pub use version::version;
pub use workloads::{WorkloadKind, workloads};

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const BODIES: [&str; 12] = [
        r#"{"gitVersion":"v1.35.4","platform":"linux/amd64"}"#,
        "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n",
        r#"{"metadata":{"name":"kube-system","uid":"6a0c-1"}}"#,
        r#"{"kind":"Table","columnDefinitions":[{"name":"Name"},{"name":"Status"},{"name":"Version"}],"rows":[{"cells":["n\u001b[1m","NotReady","v1.35.4"]}]}"#,
        r#"{"kind":"NodeList","items":[{"metadata":{"name":"n","labels":{"node-role.kubernetes.io/a":""},"creationTimestamp":"2026-01-01T00:00:00Z"},"status":{"conditions":[{"type":"Ready","status":"True"}],"nodeInfo":{"kubeletVersion":"v1.35.4"}}}]}"#,
        r#"{"items":[{"metadata":{"labels":{"topology.kubernetes.io/region":"eu\u202e"}}}]}"#,
        r#"{"kind":"DeploymentList","metadata":{"continue":"x"},"items":[{"metadata":{"name":"d\u001b","namespace":"n"},"spec":{"replicas":2,"template":{"spec":{"containers":[{"image":"i:1"}]}}},"status":{"readyReplicas":1}}]}"#,
        r#"{"kind":"PodDisruptionBudgetList","items":[{"metadata":{"name":"b\r"},"status":{"disruptionsAllowed":0,"expectedPods":2}}]}"#,
        r#"{"kind":"CustomResourceDefinitionList","items":[{"metadata":{"name":"c"},"spec":{"group":"g\u009b","names":{"plural":"cs"},"versions":[{"name":"v1","served":true}]},"status":{"storedVersions":["v0\u001b"]}}]}"#,
        r#"{"kind":"PartialObjectMetadataList","items":[{"metadata":{"name":"h","managedFields":[{"manager":"m\u001b","apiVersion":"g\r/v1beta1"}]}}]}"#,
        r#"{"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":"a\u001b"},"versions":[{"version":"v1\r"}]}]}"#,
        r#"{"kind":"EventList","metadata":{"continue":"x"},"items":[{"reason":"R","message":"m\r","count":2,"lastTimestamp":"2026-01-01T00:00:00Z","involvedObject":{"kind":"Pod","name":"p"}}]}"#,
    ];

    /// Everything that any decoder makes of `body`, as text.
    fn told(status: u16, body: &[u8]) -> String {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let shown = (version(body), readiness(status, body), readiness_checks(status, body), identity(body));
        format!(
            "{shown:?}{:?}{:?}{:?}{:?}{}",
            node_summary(body, now),
            node_rows(body, now),
            place(body),
            events(body),
            inspected(body)
        )
    }

    /// The same of the decoders of an inspection; their tokens are left out.
    fn inspected(body: &[u8]) -> String {
        let (mut rows, mut blocking, mut stored) = (Vec::new(), Vec::new(), Vec::new());
        let (mut seen, mut written, mut served) = (Policies::default(), Written::default(), BTreeSet::new());
        let failed = [
            workloads(body, WorkloadKind::Deployment, 99, &mut rows).err(),
            budgets(body, &mut blocking).err(),
            stored_versions(body, &mut stored).err(),
            seen.namespaces(body).err(),
            seen.policies(body).err(),
            written.read(body, "things", "ThingList").err(),
            served_groups(body, &mut served).err(),
            served_core(body, &mut served).err(),
        ];
        let uses = written.into_uses(None);
        format!("{failed:?}{rows:?}{blocking:?}{stored:?}{:?}{uses:?}{served:?}", seen.into_rows())
    }

    fn body() -> impl Strategy<Value = Vec<u8>> {
        let broken =
            (0..BODIES.len(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>())
                .prop_map(|(which, cut, at, byte)| {
                    let mut body = BODIES[which].as_bytes().to_vec();
                    let place = at.index(body.len());
                    body[place] = byte;
                    body.truncate(cut.index(body.len()) + 1);
                    body
                });
        let swapped =
            (0..BODIES.len(), any::<prop::sample::Index>(), "[\\[\\]{}\",:0-9a-z\\\\\u{1b}\u{9b}]{0,6}")
                .prop_map(|(which, at, piece)| {
                    let mut body = BODIES[which].as_bytes().to_vec();
                    let place = at.index(body.len());
                    body.splice(place..place, piece.into_bytes());
                    body
                });
        prop_oneof![prop::collection::vec(any::<u8>(), 0..200), broken, swapped]
    }

    proptest! {
        #[test]
        fn no_body_breaks_a_decoder_or_gets_a_control_character_through(status in 100_u16..600, body in body()) {
            // What Debug escapes was in the value: clean text has nothing to escape but quotes and backslashes.
            let told = told(status, &body).replace("\\\\", "").replace("\\\"", "").replace("\\'", "");
            // The token of the next page is the server's own and goes back to it alone.
            let told = told.split("next: Some(").map(|part| part.split_once("\")").map_or(part, |p| p.1)).collect::<String>();
            prop_assert!(!told.contains("\\u{1b}") && !told.contains("\\r") && !told.contains("\\u{9b}"), "{told}");
        }
    }
}
