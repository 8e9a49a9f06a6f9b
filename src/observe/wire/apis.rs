//! Which APIs a server serves, which versions its custom resources are stored in, and which versions writers used.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::json::{Text, lacks, parse};
use super::list::{Named, clean, each_item};
use crate::fleet::{CleanText, Failure, OldApi, UseEvidence};

/// Served group versions past this number are not looked at.
const MOST_SERVED: usize = 4_096;
/// Uses of old versions past this number are not looked at.
const MOST_USES: usize = 512;
/// How many are named for each use.
const MOST_NAMED: usize = 8;
/// Versions looked at of one custom resource, and writers of one object.
const MOST_PARTS: usize = 64;

#[derive(Deserialize)]
struct Discovery<'a> {
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    items: Option<Vec<Group<'a>>>,
    #[serde(borrow, default)]
    groups: Option<Vec<PlainGroup<'a>>>,
}

#[derive(Deserialize)]
struct Group<'a> {
    #[serde(borrow, default)]
    metadata: Option<GroupName<'a>>,
    #[serde(borrow, default)]
    versions: Option<Vec<GroupVersion<'a>>>,
}

#[derive(Deserialize)]
struct GroupName<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
}

#[derive(Deserialize)]
struct GroupVersion<'a> {
    #[serde(borrow, default)]
    version: Text<'a>,
}

#[derive(Deserialize)]
struct PlainGroup<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    versions: Option<Vec<GroupVersion<'a>>>,
}

#[derive(Deserialize)]
struct Legacy<'a> {
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    items: Option<Vec<Group<'a>>>,
    #[serde(borrow, default)]
    versions: Option<Vec<Text<'a>>>,
}

const DISCOVERY: &str = "a list of API groups";

/// Group and version of what `/apis` lists, aggregated (apidiscovery.k8s.io v2 and v2beta1) or one by one, into `found`.
///
/// # Errors
/// `PARSE` if it is neither.
pub fn served_groups(body: &[u8], found: &mut BTreeSet<CleanText>) -> Result<(), Failure> {
    let answer: Discovery<'_> = parse(body, DISCOVERY)?;
    match answer.kind.as_str() {
        "APIGroupDiscoveryList" => aggregated(&answer.items.unwrap_or_default(), found),
        "APIGroupList" => {
            for group in answer.groups.iter().flatten() {
                for version in group.versions.iter().flatten() {
                    add(found, &group.name, &version.version);
                }
            }
        }
        _ => return Err(lacks(DISCOVERY, "such kind")),
    }
    Ok(())
}

/// The versions of the core group that `/api` lists, into `found`.
///
/// # Errors
/// `PARSE` if it lists none.
pub fn served_core(body: &[u8], found: &mut BTreeSet<CleanText>) -> Result<(), Failure> {
    let answer: Legacy<'_> = parse(body, DISCOVERY)?;
    match answer.kind.as_str() {
        "APIGroupDiscoveryList" => aggregated(&answer.items.unwrap_or_default(), found),
        "APIVersions" => {
            let none = Text::default();
            answer.versions.iter().flatten().for_each(|version| add(found, &none, version));
        }
        _ => return Err(lacks(DISCOVERY, "such kind")),
    }
    Ok(())
}

fn aggregated(groups: &[Group<'_>], found: &mut BTreeSet<CleanText>) {
    let none = Text::default();
    for group in groups {
        let name = group.metadata.as_ref().map_or(&none, |m| &m.name);
        group.versions.iter().flatten().for_each(|version| add(found, name, &version.version));
    }
}

fn add(found: &mut BTreeSet<CleanText>, group: &Text<'_>, version: &Text<'_>) {
    if found.len() < MOST_SERVED && !version.as_str().is_empty() {
        found.insert(group_version(group.as_str(), version.as_str()));
    }
}

/// `apps/v1`, or `v1` for the core.
fn group_version(group: &str, version: &str) -> CleanText {
    let text = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    CleanText::with_cap(&text, 316)
}

#[derive(Deserialize)]
struct Crd<'a> {
    #[serde(borrow, default)]
    metadata: Named<'a>,
    #[serde(borrow, default)]
    spec: Option<CrdSpec<'a>>,
    #[serde(borrow, default)]
    status: Option<CrdStatus<'a>>,
}

#[derive(Deserialize)]
struct CrdSpec<'a> {
    #[serde(borrow, default)]
    group: Text<'a>,
    #[serde(borrow, default)]
    names: Option<CrdNames<'a>>,
    #[serde(borrow, default)]
    versions: Option<Vec<CrdVersion<'a>>>,
}

#[derive(Deserialize)]
struct CrdNames<'a> {
    #[serde(borrow, default)]
    plural: Text<'a>,
}

#[derive(Deserialize)]
struct CrdVersion<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    served: Text<'a>,
}

#[derive(Deserialize)]
struct CrdStatus<'a> {
    #[serde(borrow, default, rename = "storedVersions")]
    stored: Option<Vec<Text<'a>>>,
}

/// Reads one page of CustomResourceDefinitions and adds each version that objects may be stored in and that is not served;
/// the answer is the token of the next page.
///
/// # Errors
/// `PARSE` if it is not that list; `found` is then as it was.
pub fn stored_versions(body: &[u8], found: &mut Vec<OldApi>) -> Result<Option<String>, Failure> {
    let before = found.len();
    let kinds = ["CustomResourceDefinitionList"];
    let read = each_item(body, "a list of custom resource definitions", &kinds, |crd: Crd<'_>| {
        let (Some(spec), Some(status)) = (&crd.spec, &crd.status) else { return };
        let served = |version: &Text<'_>| {
            let mut versions = spec.versions.iter().flatten();
            versions.any(|v| v.name == *version && v.served.as_str() == "true")
        };
        for version in status.stored.iter().flatten().take(MOST_PARTS) {
            if !version.as_str().is_empty() && !served(version) && found.len() < MOST_USES {
                found.push(OldApi {
                    group: clean(&spec.group),
                    version: clean(version),
                    resource: spec.names.as_ref().map(|n| clean(&n.plural)).unwrap_or_default(),
                    removed_in: None,
                    evidence: UseEvidence::StoredVersion,
                    by: vec![crd.metadata.name()],
                });
            }
        }
    });
    if read.is_err() {
        found.truncate(before);
    }
    read
}

/// Versions that writers used and that are not the one an object was listed in.
#[derive(Debug, Default)]
pub struct Written(BTreeMap<(String, String, &'static str), BTreeSet<CleanText>>);

#[derive(Deserialize)]
struct Managed<'a> {
    #[serde(borrow, default)]
    metadata: ManagedMeta<'a>,
}

#[derive(Default, Deserialize)]
struct ManagedMeta<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    namespace: Text<'a>,
    #[serde(borrow, default, rename = "managedFields")]
    fields: Option<Vec<Manager<'a>>>,
}

#[derive(Deserialize)]
struct Manager<'a> {
    #[serde(borrow, default)]
    manager: Text<'a>,
    #[serde(borrow, default, rename = "apiVersion")]
    api_version: Text<'a>,
}

/// Whether a version is an alpha or a beta: only those are ever removed.
fn is_early(version: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let Some(rest) = version.strip_prefix('v') else { return false };
    ["alpha", "beta"].iter().any(|word| rest.split_once(word).is_some_and(|(a, b)| digits(a) && digits(b)))
}

impl Written {
    /// Reads one page of objects' metadata, listed as `resource`; the answer is the token of the next page.
    ///
    /// # Errors
    /// `PARSE` if it is no list of that or of metadata.
    pub fn read(
        &mut self,
        body: &[u8],
        resource: &'static str,
        list: &str,
    ) -> Result<Option<String>, Failure> {
        let kinds = [list, "PartialObjectMetadataList"];
        each_item(body, "a list of objects' metadata", &kinds, |item: Managed<'_>| {
            for manager in item.metadata.fields.iter().flatten().take(MOST_PARTS) {
                let Some((group, version)) = manager.api_version.as_str().split_once('/') else { continue };
                if !is_early(version) || group.len() > 253 || version.len() > 63 {
                    continue;
                }
                let key = (group.to_owned(), version.to_owned(), resource);
                if self.0.len() >= MOST_USES && !self.0.contains_key(&key) {
                    continue;
                }
                let named = self.0.entry(key).or_default();
                if named.len() < MOST_NAMED {
                    named.insert(by(manager.manager.as_str(), &item.metadata));
                }
            }
        })
    }

    /// The uses; with `served`, only those of versions that are served: no writer can have used another one lately, and what
    /// is left of it in `managedFields` is history.
    pub fn into_uses(self, served: Option<&BTreeSet<CleanText>>) -> Vec<OldApi> {
        let now = |group: &str, version: &str| {
            served.is_none_or(|served| served.contains(&group_version(group, version)))
        };
        let uses = self.0.into_iter().filter(|((group, version, _), _)| now(group, version));
        uses.map(|((group, version, resource), by)| OldApi {
            group: CleanText::new(&group),
            version: CleanText::new(&version),
            resource: CleanText::new(resource),
            removed_in: None,
            evidence: UseEvidence::ManagedFields,
            by: by.into_iter().collect(),
        })
        .collect()
    }
}

/// `helm on payments/api`.
fn by(manager: &str, object: &ManagedMeta<'_>) -> CleanText {
    let manager = if manager.is_empty() { "somebody" } else { manager };
    let (namespace, name) = (object.namespace.as_str(), object.name.as_str());
    let slash = if namespace.is_empty() { "" } else { "/" };
    CleanText::with_cap(&format!("{manager} on {namespace}{slash}{name}"), 512)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::ErrorCode;

    fn texts(found: &BTreeSet<CleanText>) -> Vec<&str> {
        found.iter().map(CleanText::as_str).collect()
    }

    #[test]
    fn discovery_is_read_aggregated_and_one_by_one() {
        let mut one = BTreeSet::new();
        served_groups(
            br#"{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","items":[
            {"metadata":{"name":"apps","creationTimestamp":null},"versions":[{"version":"v1","resources":[{"resource":"deployments"}],"freshness":"Current"}]},
            {"metadata":{"name":"policy"},"versions":[{"version":"v1"},{"version":"v1beta1"}]}]}"#,
            &mut one,
        )
        .unwrap();
        served_core(
            br#"{"kind":"APIGroupDiscoveryList","items":[{"metadata":{},"versions":[{"version":"v1"}]}]}"#,
            &mut one,
        )
        .unwrap();
        assert_eq!(texts(&one), ["apps/v1", "policy/v1", "policy/v1beta1", "v1"]);
        let mut other = BTreeSet::new();
        served_groups(
            br#"{"kind":"APIGroupList","groups":[{"name":"apps","versions":[{"groupVersion":"apps/v1","version":"v1"}]},
            {"name":"policy","versions":[{"version":"v1"},{"version":"v1beta1"}]},{"name":"empty"}]}"#,
            &mut other,
        )
        .unwrap();
        served_core(
            br#"{"kind":"APIVersions","versions":["v1"],"serverAddressByClientCIDRs":[]}"#,
            &mut other,
        )
        .unwrap();
        assert_eq!(one, other);
    }

    #[test]
    fn what_is_no_discovery_is_a_failure() {
        for body in
            ["", "{}", "[]", r#"{"kind":"Status"}"#, r#"{"kind":"APIGroupList","groups":7}"#, "<html>"]
        {
            let mut found = BTreeSet::new();
            assert_eq!(
                served_groups(body.as_bytes(), &mut found).unwrap_err().code,
                ErrorCode::Parse,
                "{body}"
            );
            assert_eq!(
                served_core(body.as_bytes(), &mut found).unwrap_err().code,
                ErrorCode::Parse,
                "{body}"
            );
            assert!(found.is_empty());
        }
    }

    #[test]
    fn a_stored_version_that_is_not_served_is_found() {
        let body = br#"{"kind":"CustomResourceDefinitionList","metadata":{"continue":"n"},"items":[
            {"metadata":{"name":"widgets.acme.io"},"spec":{"group":"acme.io","names":{"plural":"widgets"},"versions":[
              {"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{}}},{"name":"v1beta1","served":false}]},
              "status":{"storedVersions":["v1alpha1","v1beta1","v1"]}},
            {"metadata":{"name":"fine.acme.io"},"spec":{"group":"acme.io","versions":[{"name":"v1","served":true}]},
              "status":{"storedVersions":["v1"]}},
            {"metadata":{"name":"young.acme.io"},"spec":{"group":"acme.io"}}]}"#;
        let mut found = Vec::new();
        assert_eq!(stored_versions(body, &mut found).unwrap().as_deref(), Some("n"));
        let told: Vec<_> =
            found.iter().map(|a| format!("{}/{} {}", a.group, a.version, a.resource)).collect();
        assert_eq!(told, ["acme.io/v1alpha1 widgets", "acme.io/v1beta1 widgets"]);
        assert_eq!(
            (found[0].evidence, &found[0].by),
            (UseEvidence::StoredVersion, &vec!["widgets.acme.io".into()])
        );
    }

    #[test]
    fn writers_of_early_versions_are_named_as_long_as_the_version_is_served() {
        let mut written = Written::default();
        let items: Vec<String> = (0..20)
            .map(|n| {
                format!(
                    r#"{{"metadata":{{"name":"h{n:02}","namespace":"n","managedFields":[
                    {{"manager":"helm","operation":"Update","apiVersion":"autoscaling/v2beta2","time":"2026-01-01T00:00:00Z","fieldsV1":{{"f:spec":{{}}}}}},
                    {{"manager":"kubectl","apiVersion":"autoscaling/v1"}},{{"manager":"old\u001b","apiVersion":"autoscaling/v2beta1"}},
                    {{"apiVersion":"v1"}},{{"apiVersion":null}}]}}}}"#
                )
            })
            .collect();
        let body = format!(r#"{{"kind":"PartialObjectMetadataList","items":[{},{{}}]}}"#, items.join(","));
        written.read(body.as_bytes(), "horizontalpodautoscalers", "HorizontalPodAutoscalerList").unwrap();
        let served: BTreeSet<CleanText> =
            ["autoscaling/v2".into(), "autoscaling/v2beta2".into()].into_iter().collect();
        let uses = written.into_uses(Some(&served));
        assert_eq!(uses.len(), 1);
        assert_eq!((uses[0].group.as_str(), uses[0].version.as_str()), ("autoscaling", "v2beta2"));
        assert_eq!((uses[0].by.len(), uses[0].by[0].as_str()), (MOST_NAMED, "helm on n/h00"));
    }

    #[test]
    fn early_versions_are_told_from_stable_ones() {
        for (version, early) in [
            ("v1beta1", true),
            ("v2alpha10", true),
            ("v1", false),
            ("v2", false),
            ("beta", false),
            ("vbeta1", false),
            ("v1beta", false),
            ("v1betaa", false),
            ("", false),
        ] {
            assert_eq!(is_early(version), early, "{version}");
        }
    }
}
