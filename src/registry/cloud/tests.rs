//! Outputs written by hand after the tools' published models, printed by stand-in programs.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};

use super::Cloud;
use crate::access::Credential;
use crate::fleet::spec::SourceSpec;
use crate::fleet::{CleanText, Problem, SourceKind, Truth};
use crate::registry::keep::{Reader, Reading};
use crate::registry::tests_all::source;
use crate::registry::{Commands, Program, fingerprints};

fn now() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-11-02T08:00:00Z").unwrap().to_utc()
}

/// A folder with one program that answers by pattern, and what it was asked.
struct StandIn {
    dir: tempfile::TempDir,
    commands: Arc<Commands>,
}

impl StandIn {
    /// `answers`: a pattern over all arguments, what is printed, what is complained, the exit code.
    fn new(name: &str, answers: &[(&str, &str, &str, i32)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut script =
            format!("#!/bin/sh\necho \"$*\" >> {}/asked\ncase \"$*\" in\n", dir.path().display());
        for (index, (pattern, output, complaint, code)) in answers.iter().enumerate() {
            let file = dir.path().join(index.to_string());
            std::fs::write(&file, output).unwrap();
            let words = [
                pattern,
                ") cat ",
                &file.display().to_string(),
                "; printf '%s' '",
                complaint,
                "' >&2; exit ",
            ];
            script.extend(words);
            script.extend([code.to_string().as_str(), ";;\n"]);
        }
        script.push_str("esac\necho \"unexpected: $*\" >&2\nexit 9\n");
        let file = dir.path().join(name);
        std::fs::write(&file, script).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let commands = Commands {
            search_path: Some(dir.path().into()),
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            ..Commands::default()
        };
        Self { dir, commands: Arc::new(commands) }
    }

    fn cloud(&self, kind: SourceKind, spec: impl FnOnce(&mut SourceSpec)) -> Cloud {
        let mut object = source("cloud", kind.as_str());
        spec(&mut object.spec);
        Cloud::new(object, kind, "cloud".into(), &self.commands, Duration::from_secs(20)).unwrap()
    }

    async fn read(&self, kind: SourceKind, spec: impl FnOnce(&mut SourceSpec)) -> Result<Reading, Problem> {
        self.cloud(kind, spec).read(now()).await
    }

    fn asked(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("asked")).unwrap_or_default()
    }
}

/// A certificate in PEM, and in base64 of that.
fn authority() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap().pem();
    let coded = STANDARD.encode(&pem);
    (pem, coded)
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

fn shown(text: Option<&CleanText>) -> &str {
    text.map_or("-", CleanText::as_str)
}

const INSIGHTS: &str = r#"{"insights": [
  {"id": "a1", "name": "Deprecated APIs removed in Kubernetes v1.36", "category": "UPGRADE_READINESS", "kubernetesVersion": "1.36",
   "insightStatus": {"status": "ERROR", "reason": "Deprecated API usage detected within last 30 days"}},
  {"id": "a2", "name": "kubelet skew", "category": "UPGRADE_READINESS", "insightStatus": {"status": "WARNING", "reason": ""},
   "description": "Checks versions of kubelets"},
  {"id": "a3", "name": "EKS add-on version compatibility", "insightStatus": {"status": "PASSING"}}]}"#;

#[tokio::test]
async fn eks_clusters_come_with_their_way_in_and_what_blocks_them() {
    let (pem, coded) = authority();
    let cluster = format!(
        r#"{{"cluster": {{"name": "pay-1", "arn": "arn:aws:eks:eu-west-1:111122223333:cluster/pay-1", "version": "1.35",
            "endpoint": "https://ABC.gr7.eu-west-1.eks.amazonaws.com", "status": "ACTIVE", "platformVersion": "eks.9",
            "certificateAuthority": {{"data": "{coded}"}}, "tags": {{"env": "prod", "team": "pay"}},
            "upgradePolicy": {{"supportType": "STANDARD"}},
            "health": {{"issues": []}}, "resourcesVpcConfig": {{"endpointPublicAccess": true}}}}}}"#
    );
    let sick = r#"{"cluster": {"name": "new-1", "arn": "arn:aws:eks:eu-west-1:111122223333:cluster/new-1", "version": "1.36",
        "status": "CREATING", "health": {"issues": [{"code": "InsufficientFreeAddresses", "message": "no addresses left"}]}}}"#;
    let aws = StandIn::new(
        "aws",
        &[
            (
                "*'list-clusters --profile pay --region eu-west-1'*",
                r#"{"clusters": ["pay-1", "new-1"]}"#,
                "",
                0,
            ),
            (
                "*'list-clusters --profile pay --region us-east-1'*",
                "",
                "\nAn error occurred (AccessDeniedException) when calling the ListClusters operation",
                254,
            ),
            ("*'describe-cluster --name pay-1 '*", &cluster, "", 0),
            ("*'describe-cluster --name new-1 '*", sick, "", 0),
            ("*'list-insights --cluster-name pay-1 '*", INSIGHTS, "", 0),
            ("*'list-insights --cluster-name new-1 '*", "", "An error occurred (AccessDeniedException)", 254),
        ],
    );
    let reading = aws
        .read(SourceKind::Eks, |spec| {
            spec.profiles = texts(&["pay"]);
            spec.regions = texts(&["eu-west-1", "us-east-1"]);
        })
        .await
        .unwrap();
    assert!(reading.partial, "a region is missing");
    let codes: Vec<_> = reading.problems.iter().map(|p| p.code).collect();
    assert_eq!(codes, ["INSIGHTS_NOT_READ", "PROGRAM_FAILED"]);
    assert!(
        reading.problems[1]
            .message
            .as_str()
            .starts_with("pay us-east-1: the program aws ended with exit code 254")
    );
    let (pay, new) = (&reading.sighted[0], &reading.sighted[1]);
    let s = &pay.sighting;
    assert_eq!(s.id.reference.as_str(), "arn:aws:eks:eu-west-1:111122223333:cluster/pay-1");
    assert_eq!(s.server.as_ref().unwrap().as_str(), "https://abc.gr7.eu-west-1.eks.amazonaws.com:443");
    assert_eq!(s.authorities, fingerprints(pem.as_bytes()));
    assert_eq!(shown(s.labels.get(&CleanText::new("env"))), "prod");
    assert_eq!(shown(s.properties.get(&CleanText::new("support-type"))), "STANDARD");
    let facts = &s.facts;
    assert_eq!((facts.version.as_ref(), shown(facts.version_text.as_ref())), (None, "1.35"));
    assert_eq!([shown(facts.region.as_ref()), shown(facts.account.as_ref())], ["eu-west-1", "111122223333"]);
    assert_eq!(facts.health.as_ref().unwrap().healthy, Truth::Yes);
    let insights: Vec<_> = facts.insights.iter().map(|i| (i.blocks, i.message.as_str())).collect();
    assert_eq!(
        insights,
        [(true, "Deprecated API usage detected within last 30 days"), (false, "Checks versions of kubelets"),]
    );
    let Credential::Exec(plugin) = &pay.target.as_ref().unwrap().credential else { panic!("no plugin") };
    assert_eq!(plugin.command, "aws");
    assert_eq!(
        plugin.args.join(" "),
        "eks get-token --cluster-name pay-1 --profile pay --region eu-west-1 --output json"
    );
    assert!(plugin.env.is_empty());
    let path = s.path.as_ref().unwrap();
    assert_eq!((path.identity.as_str(), &path.sighting), ("aws: profile pay", &s.id));
    let health = new.sighting.facts.health.as_ref().unwrap();
    assert_eq!((health.healthy, health.word.as_str()), (Truth::No, "InsufficientFreeAddresses"));
    assert!(new.target.is_none() && new.sighting.server.is_none());
}

#[tokio::test]
async fn a_cloud_that_is_not_signed_in_says_how_to() {
    for (kind, tool, complaint, hint) in [
        (
            SourceKind::Eks,
            "aws",
            "\nThe SSO session associated with this profile has expired or is otherwise invalid.",
            "aws sso login --profile pay",
        ),
        (
            SourceKind::Eks,
            "aws",
            "Unable to locate credentials. You can configure credentials by running aws login.",
            "aws sso login",
        ),
        (SourceKind::Aks, "az", "WARNING: old\nERROR: Please run az login to setup account.", "az login"),
        (SourceKind::AzureFleet, "az", "ERROR: AADSTS700082: The refresh token has expired", "az login"),
        (
            SourceKind::Gke,
            "gcloud",
            "ERROR: (gcloud.container.clusters.list) You do not currently have an active account selected.",
            "gcloud auth login",
        ),
        (
            SourceKind::GkeFleet,
            "gcloud",
            "Reauthentication failed. cannot prompt during non-interactive execution.",
            "gcloud auth login",
        ),
    ] {
        let cloud = StandIn::new(tool, &[("*", "", complaint, 1)]);
        let problem = cloud
            .read(kind, |spec| {
                spec.profiles = texts(&["pay"]);
                spec.fleets = texts(&["g/f"]);
            })
            .await
            .unwrap_err();
        assert_eq!(problem.code, "NOT_SIGNED_IN", "{complaint}");
        assert!(problem.hint.unwrap().as_str().contains(hint), "{complaint}");
    }
    let none = StandIn::new("other", &[]);
    let problem = none.read(SourceKind::Gke, |_| ()).await.unwrap_err();
    assert_eq!(problem.code, "PROGRAM_NOT_FOUND");
}

fn aks(name: &str, extra: &str) -> String {
    format!(
        r#"{{"id": "/subscriptions/s-1/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/{name}", "name": "{name}",
        "location": "westeurope", "resourceGroup": "rg", "kubernetesVersion": "1.35.4", "currentKubernetesVersion": "1.34.8",
        "fqdn": "{name}.hcp.westeurope.azmk8s.io", "provisioningState": "Succeeded", "powerState": {{"code": "Running"}},
        "tags": {{"env": "prod"}}, "supportPlan": "KubernetesOfficial" {extra}}}"#
    )
}

#[tokio::test]
async fn aks_clusters_of_entra_have_a_way_in_and_their_authority_is_asked_for_once() {
    let (pem, coded) = authority();
    let kubeconfig = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster:\n    server: https://a.hcp.westeurope.azmk8s.io:443\n    certificate-authority-data: {coded}\n\
         users:\n- name: u\n  user:\n    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n      command: kubelogin\n      args: [get-token]\n\
         contexts:\n- name: a\n  context:\n    cluster: c\n    user: u\n"
    );
    let list = format!(
        "[{},{},{}]",
        aks("a", r#", "aadProfile": {"managed": true}"#),
        aks("local", r#", "aadProfile": null"#),
        aks("off", r#", "aadProfile": {"managed": true}, "powerState": {"code": "Stopped"}, "privateFqdn": "off.private", "apiServerAccessProfile": {"enablePrivateCluster": true}"#)
            .replacen(r#""powerState": {"code": "Running"},"#, "", 1),
    );
    let az = StandIn::new(
        "az",
        &[("'aks list'*", &list, "", 0), ("*'get-credentials --name a '*", &kubeconfig, "", 0)],
    );
    let mut cloud = az.cloud(SourceKind::Aks, |spec| spec.subscriptions = texts(&["s-1"]));
    let reading = cloud.read(now()).await.unwrap();
    assert!(reading.problems.is_empty(), "{:?}", reading.problems);
    let [a, local, off] = reading.sighted.as_slice() else { panic!("{} clusters", reading.sighted.len()) };
    let facts = &a.sighting.facts;
    let versions = [facts.version.as_ref(), facts.wanted_version.as_ref()].map(|v| v.unwrap().to_string());
    assert_eq!(versions, ["v1.34.8", "v1.35.4"]);
    assert_eq!(a.sighting.authorities, fingerprints(pem.as_bytes()));
    assert_eq!(shown(facts.account.as_ref()), "s-1");
    let Credential::Exec(plugin) = &a.target.as_ref().unwrap().credential else { panic!("no plugin") };
    assert_eq!(
        (plugin.command.as_str(), plugin.args[..3].join(" ").as_str()),
        ("kubelogin", "get-token --login azurecli")
    );
    assert!(local.target.is_none());
    assert_eq!(
        local.sighting.server.as_ref().unwrap().as_str(),
        "https://local.hcp.westeurope.azmk8s.io:443"
    );
    let health = off.sighting.facts.health.as_ref().unwrap();
    assert_eq!((health.healthy, health.word.as_str()), (Truth::Unknown, "Stopped"));
    assert_eq!(off.sighting.server.as_ref().unwrap().as_str(), "https://off.private:443");
    let again = cloud.read(now()).await.unwrap();
    assert!(again.sighted[0].target.is_some());
    assert_eq!(az.asked().matches("get-credentials").count(), 1);
    assert!(!az.asked().contains("--admin"));
}

#[tokio::test]
async fn members_of_an_azure_fleet_are_found_where_their_clusters_are() {
    let member = |name: &str, cluster: &str| {
        format!(
            r#"{{"id": "/subscriptions/s-9/resourceGroups/g/providers/Microsoft.ContainerService/fleets/f/members/{name}", "name": "{name}", "group": "canary",
            "clusterResourceId": "/subscriptions/S-1/resourceGroups/RG/providers/Microsoft.ContainerService/managedClusters/{cluster}",
            "labels": {{"ring": "1"}}, "provisioningState": "Succeeded", "resourceGroup": "g"}}"#
        )
    };
    let az = StandIn::new(
        "az",
        &[
            (
                "'fleet member list --resource-group g --fleet-name f'*",
                &format!("[{},{}]", member("a", "A"), member("b", "deleted")),
                "",
                0,
            ),
            ("'aks list --output json --subscription s-1'", &format!("[{}]", aks("a", "")), "", 0),
        ],
    );
    let reading = az.read(SourceKind::AzureFleet, |spec| spec.fleets = texts(&["g/f"])).await.unwrap();
    let told: Vec<_> = reading
        .sighted
        .iter()
        .map(|s| {
            (
                shown(s.sighting.server.as_ref()),
                s.sighting.facts.ghost,
                shown(s.sighting.facts.version_text.as_ref()),
            )
        })
        .collect();
    assert_eq!(told, [("https://a.hcp.westeurope.azmk8s.io:443", false, "1.34.8"), ("-", true, "-")]);
    assert_eq!(shown(reading.sighted[0].sighting.labels.get(&CleanText::new("ring"))), "1");
    for (fleets, code) in [(vec![], "NO_FLEET"), (texts(&["f"]), "BAD_FLEET")] {
        let problem = az.read(SourceKind::AzureFleet, |spec| spec.fleets = fleets).await.unwrap_err();
        assert_eq!(problem.code, code);
    }
}

#[tokio::test]
async fn gke_clusters_are_read_per_project() {
    let (pem, coded) = authority();
    let list = format!(
        r#"[{{"name": "shop-1", "location": "europe-west1", "endpoint": "203.0.113.7", "currentMasterVersion": "1.35.7-gke.1222000",
          "currentNodeVersion": "1.35.7-gke.1222000", "currentNodeCount": 14, "status": "RUNNING",
          "masterAuth": {{"clusterCaCertificate": "{coded}"}}, "resourceLabels": {{"env": "prod"}},
          "releaseChannel": {{"channel": "REGULAR"}},
          "selfLink": "https://container.googleapis.com/v1/projects/acme/locations/europe-west1/clusters/shop-1"}},
         {{"name": "bad-1", "zone": "us-central1-a", "endpoint": "169.254.169.254", "status": "DEGRADED", "currentMasterVersion": "1.34.3-gke.1",
          "conditions": [{{"canonicalCode": "UNKNOWN", "message": "control plane is unwell"}}]}}]"#
    );
    let gcloud = StandIn::new(
        "gcloud",
        &[
            ("*'--project acme'", &list, "", 0),
            ("*'--project empty'", "", "", 0),
            (
                "*'--project closed'",
                "",
                "ERROR: (gcloud.container.clusters.list) ResponseError: code=403, message=Required permission",
                1,
            ),
        ],
    );
    let reading = gcloud
        .read(SourceKind::Gke, |spec| spec.projects = texts(&["acme", "empty", "closed"]))
        .await
        .unwrap();
    assert_eq!(reading.problems.iter().map(|p| p.code).collect::<Vec<_>>(), ["PROGRAM_FAILED"]);
    let (shop, bad) = (&reading.sighted[0], &reading.sighted[1]);
    let s = &shop.sighting;
    assert_eq!(s.id.reference.as_str(), "projects/acme/locations/europe-west1/clusters/shop-1");
    assert_eq!(s.facts.version.as_ref().unwrap().to_string(), "v1.35.7-gke.1222000");
    assert_eq!(s.authorities, fingerprints(pem.as_bytes()));
    assert_eq!(s.server.as_ref().unwrap().as_str(), "https://203.0.113.7:443");
    let Credential::Exec(plugin) = &shop.target.as_ref().unwrap().credential else { panic!("no plugin") };
    assert_eq!((plugin.command.as_str(), plugin.provide_cluster_info), ("gke-gcloud-auth-plugin", true));
    assert!(bad.target.is_none());
    assert_eq!(bad.sighting.problems[0].code, "BAD_SERVER");
    let health = bad.sighting.facts.health.as_ref().unwrap();
    assert_eq!((health.healthy, health.message.as_str()), (Truth::No, "control plane is unwell"));
}

#[tokio::test]
async fn memberships_name_their_clusters_by_uid_and_ghosts_are_known() {
    let member = |name: &str, endpoint: &str, at: &str| {
        format!(
            r#"{{"name": "projects/acme/locations/europe-west1/memberships/{name}", "labels": {{"env": "prod"}}, "endpoint": {endpoint},
            "state": {{"code": "READY"}}, "externalId": "0d6f2c1e-{name}", "lastConnectionTime": "{at}"}}"#
        )
    };
    let link =
        r#""resourceLink": "//container.googleapis.com/projects/acme/locations/europe-west1/clusters/m1""#;
    let seen = r#""kubernetesMetadata": {"kubernetesApiServerVersion": "v1.35.7-gke.1222000", "nodeProviderId": "aws:///i-1", "nodeCount": 3}"#;
    let list = format!(
        "[{},{},{}]",
        member("m1", &format!("{{\"gkeCluster\": {{{link}}}}}"), "2026-11-02T07:59:00Z"),
        member(
            "m2",
            &format!("{{\"gkeCluster\": {{{link}, \"clusterMissing\": true}}}}"),
            "2026-11-01T07:59:00Z"
        ),
        member("m3", &format!("{{{seen}}}"), "2026-11-02T07:59:00.5Z"),
    );
    let gcloud =
        StandIn::new("gcloud", &[("'container fleet memberships list --format json'", &list, "", 0)]);
    let reading = gcloud.read(SourceKind::GkeFleet, |_| ()).await.unwrap();
    let told: Vec<_> = reading
        .sighted
        .iter()
        .map(|s| {
            let s = &s.sighting;
            let health = s.facts.health.as_ref().unwrap().healthy;
            (s.name.as_str(), shown(s.uid.as_ref()), shown(s.facts.provider.as_ref()), health, s.facts.ghost)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("m1", "0d6f2c1e-m1", "gke", Truth::Yes, false),
            ("m2", "0d6f2c1e-m2", "gke", Truth::Unknown, true),
            ("m3", "0d6f2c1e-m3", "aws", Truth::Yes, false),
        ]
    );
    assert_eq!(shown(reading.sighted[0].sighting.facts.region.as_ref()), "europe-west1");
    assert_eq!(
        reading.sighted[2].sighting.facts.version.as_ref().unwrap().to_string(),
        "v1.35.7-gke.1222000"
    );
}

#[tokio::test]
async fn a_program_of_a_persons_own_takes_the_tools_place_and_its_secrets_are_not_told() {
    let aws = StandIn::new(
        "wrapped",
        &[("'with pay eks list-clusters --output json'", "", "Error: token s3cr3t-value is no good", 3)],
    );
    let mut commands = aws.commands.as_ref().clone();
    let program = Program {
        command: vec![
            aws.dir.path().join("wrapped").display().to_string(),
            "with".to_owned(),
            "pay".to_owned(),
        ],
        env: [("TOKEN".to_owned(), "s3cr3t-value".to_owned())].into(),
    };
    commands.programs.insert("my-aws".to_owned(), program);
    let mut object = source("cloud", "eks");
    object.spec.program = Some("my-aws".to_owned());
    let new = |object, commands: Commands| {
        Cloud::new(object, SourceKind::Eks, "cloud".into(), &Arc::new(commands), Duration::from_secs(20))
    };
    let problem = new(object.clone(), commands).unwrap().read(now()).await.unwrap_err();
    assert_eq!(problem.code, "PROGRAM_FAILED");
    assert!(problem.message.as_str().ends_with("Error: token … is no good"), "{}", problem.message);
    let missing = new(object, Commands::default()).err().unwrap();
    assert_eq!(missing.code, "UNKNOWN_PROGRAM");
}

#[tokio::test]
async fn outputs_of_another_shape_are_one_problem() {
    for output in ["not json", "{}", "{\"clusters\": 3}", "[1, {\"name\": 5}]", "null"] {
        for (kind, tool) in [
            (SourceKind::Eks, "aws"),
            (SourceKind::Aks, "az"),
            (SourceKind::Gke, "gcloud"),
            (SourceKind::GkeFleet, "gcloud"),
        ] {
            let cloud = StandIn::new(tool, &[("*", output, "", 0)]);
            match cloud.read(kind, |_| ()).await {
                Err(problem) => assert_eq!(problem.code, "BAD_OUTPUT", "{output}"),
                Ok(reading) => assert!(reading.sighted.is_empty() && output.starts_with('['), "{output}"),
            }
        }
    }
}

#[tokio::test]
async fn names_that_a_tool_would_read_as_something_else_are_not_asked_about() {
    for name in ["--endpoint-url=http://x", "@/etc/hosts", "file:///etc/hosts", "", "a\nb", "x://y"] {
        let list = serde_json::json!({ "clusters": [name] }).to_string();
        let aws = StandIn::new("aws", &[("'eks list-clusters'*", &list, "", 0)]);
        let reading = aws.read(SourceKind::Eks, |_| ()).await.unwrap();
        assert_eq!(reading.problems.iter().map(|p| p.code).collect::<Vec<_>>(), ["BAD_NAME"], "{name}");
        let problem = aws.read(SourceKind::Eks, |spec| spec.profiles = texts(&[name])).await.unwrap_err();
        assert_eq!(problem.code, "BAD_NAME", "{name}");
        assert_eq!(aws.asked().lines().count(), 1, "{name}");
        let gcloud = StandIn::new("gcloud", &[("*", "[]", "", 0)]);
        for kind in [SourceKind::Gke, SourceKind::GkeFleet] {
            let problem = gcloud.read(kind, |spec| spec.projects = texts(&[name])).await.unwrap_err();
            assert_eq!(problem.code, "BAD_NAME", "{name}");
        }
        let az = StandIn::new("az", &[("*", "[]", "", 0)]);
        for kind in [SourceKind::Aks, SourceKind::AzureFleet] {
            let asked = az.read(kind, |spec| {
                spec.subscriptions = texts(&[name]);
                spec.fleets = texts(&["g/f"]);
            });
            assert_eq!(asked.await.unwrap_err().code, "BAD_NAME", "{name}");
        }
        assert_eq!((gcloud.asked(), az.asked()), (String::new(), String::new()));
    }
    for name in ["prod", "my profile", "Contoso (EU)", "example.com:project", "ana+x@corp"] {
        assert!(super::is_plain(name), "{name}");
    }
}
