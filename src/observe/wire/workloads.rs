//! Deployments, DaemonSets and StatefulSets (apps/v1): what runs, from which images, and how much of it is ready.

use serde::Deserialize;

use super::json::Text;
use super::list::{Count, Named, each_item};
use crate::fleet::{CleanText, Failure, Workload};

/// Images past this number are not looked at: no honest pod has as many containers.
const MOST_IMAGES: usize = 32;

/// The kinds that are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadKind {
    /// `deployments`.
    Deployment,
    /// `daemonsets`.
    DaemonSet,
    /// `statefulsets`.
    StatefulSet,
}

impl WorkloadKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Deployment, Self::DaemonSet, Self::StatefulSet];

    /// As paths name it.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::DaemonSet => "daemonsets",
            Self::StatefulSet => "statefulsets",
        }
    }

    /// As objects name it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::DaemonSet => "DaemonSet",
            Self::StatefulSet => "StatefulSet",
        }
    }

    fn list(self) -> &'static str {
        match self {
            Self::Deployment => "DeploymentList",
            Self::DaemonSet => "DaemonSetList",
            Self::StatefulSet => "StatefulSetList",
        }
    }
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    metadata: Named<'a>,
    #[serde(borrow, default)]
    spec: Option<Spec<'a>>,
    #[serde(default)]
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Spec<'a> {
    #[serde(default)]
    replicas: Option<Count>,
    #[serde(borrow, default)]
    template: Option<Template<'a>>,
}

#[derive(Deserialize)]
struct Template<'a> {
    #[serde(borrow, default)]
    spec: Option<PodSpec<'a>>,
}

#[derive(Deserialize)]
struct PodSpec<'a> {
    #[serde(borrow, default)]
    containers: Option<Vec<Container<'a>>>,
}

#[derive(Deserialize)]
struct Container<'a> {
    #[serde(borrow, default)]
    image: Text<'a>,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default, rename = "readyReplicas")]
    ready_replicas: Count,
    #[serde(default, rename = "numberReady")]
    number_ready: Count,
    #[serde(default, rename = "desiredNumberScheduled")]
    desired: Count,
}

/// Reads one page of a list of workloads, adding to `rows` until there are `most`; the answer is the token of the next page.
///
/// # Errors
/// `PARSE` if it is not that list; `rows` is then as it was.
pub fn workloads(
    body: &[u8],
    kind: WorkloadKind,
    most: usize,
    rows: &mut Vec<Workload>,
) -> Result<Option<String>, Failure> {
    let before = rows.len();
    let read = each_item(body, "a list of workloads", &[kind.list()], |item: Item<'_>| {
        if rows.len() < most && item.metadata.is_named() {
            rows.push(row(kind, &item));
        }
    });
    if read.is_err() {
        rows.truncate(before);
    }
    read
}

fn row(kind: WorkloadKind, item: &Item<'_>) -> Workload {
    let spec = item.spec.as_ref();
    let pod = spec.and_then(|s| s.template.as_ref()).and_then(|t| t.spec.as_ref());
    let containers = pod.and_then(|p| p.containers.as_deref()).unwrap_or_default();
    let images = containers.iter().map(|c| c.image.as_str()).filter(|image| !image.is_empty());
    let none = Status::default();
    let status = item.status.as_ref().unwrap_or(&none);
    let (ready, wanted) = match kind {
        WorkloadKind::DaemonSet => (status.number_ready, status.desired),
        // A server fills the number in where it is left out; 1 is what it fills in.
        _ => (status.ready_replicas, spec.and_then(|s| s.replicas).unwrap_or(Count(1))),
    };
    Workload {
        kind: CleanText::new(kind.kind()),
        namespace: item.metadata.namespace(),
        name: item.metadata.name(),
        images: images.take(MOST_IMAGES).map(|image| CleanText::with_cap(image, 512)).collect(),
        ready: ready.0,
        wanted: wanted.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: WorkloadKind, body: &str) -> Result<Vec<Workload>, Failure> {
        let mut rows = Vec::new();
        workloads(body.as_bytes(), kind, 3, &mut rows).map(|_| rows)
    }

    #[test]
    fn each_kind_says_in_its_own_way_how_much_is_ready() {
        let item = |status: &str| {
            format!(
                r#"{{"metadata":{{"name":"w","namespace":"n","managedFields":[{{"fieldsV1":{{}}}}]}},"spec":{{"replicas":4,
                "template":{{"spec":{{"containers":[{{"name":"a","image":"r/a:1","env":[]}},{{"name":"b","image":"r/b@sha256:00"}}],
                "initContainers":[{{"image":"r/init:1"}}]}}}}}},"status":{status}}}"#
            )
        };
        for (kind, status, counts) in [
            (WorkloadKind::Deployment, r#"{"readyReplicas":3,"replicas":4}"#, (3, 4)),
            (WorkloadKind::Deployment, "{}", (0, 4)),
            (WorkloadKind::StatefulSet, r#"{"readyReplicas":4}"#, (4, 4)),
            (WorkloadKind::DaemonSet, r#"{"numberReady":5,"desiredNumberScheduled":6}"#, (5, 6)),
            (WorkloadKind::DaemonSet, "null", (0, 0)),
        ] {
            let rows = read(kind, &format!(r#"{{"kind":"{}List","items":[{}]}}"#, kind.kind(), item(status)));
            let row = rows.unwrap().remove(0);
            assert_eq!((row.ready, row.wanted), counts, "{kind:?} {status}");
            assert_eq!(
                (row.kind.as_str(), row.namespace.as_str(), row.name.as_str()),
                (kind.kind(), "n", "w")
            );
            assert_eq!(row.images, ["r/a:1".into(), "r/b@sha256:00".into()]);
        }
    }

    #[test]
    fn a_flood_is_cut_and_hostile_names_are_cleaned() {
        let body = format!(
            r#"{{"kind":"DeploymentList","items":[{{"metadata":{{"name":"a\u001b]0;x\u0007"}},"spec":{{"template":{{"spec":
            {{"containers":[{{"image":"i\u202e{}"}}]}}}}}}}}, {{}}, {}]}}"#,
            "x".repeat(100_000),
            vec![r#"{"metadata":{"name":"b"}}"#; 50].join(",")
        );
        let rows = read(WorkloadKind::Deployment, &body).unwrap();
        assert_eq!((rows.len(), rows[0].name.as_str()), (3, "a␛]0;x␇"));
        assert!(
            rows[0].images[0].as_str().len() < 520 && rows[0].images[0].as_str().starts_with("i‹U+202E›")
        );
        assert_eq!((rows[1].wanted, rows[1].images.len()), (1, 0));
    }

    #[test]
    fn a_list_that_breaks_off_leaves_nothing_behind() {
        let mut rows = Vec::new();
        let body = br#"{"kind":"DeploymentList","items":[{"metadata":{"name":"a"}},{"metadata":"#;
        assert!(workloads(body, WorkloadKind::Deployment, 9, &mut rows).is_err());
        assert!(rows.is_empty());
        assert!(
            workloads(br#"{"kind":"DaemonSetList","items":[]}"#, WorkloadKind::Deployment, 9, &mut rows)
                .is_err()
        );
    }
}
