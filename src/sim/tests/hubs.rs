//! Hubs: what they say of members is so, can be listed, watched and selected, and leads there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::*;

async fn with_hubs(clusters: usize) -> Sim {
    let blueprint = Blueprint { clusters, seed: 7, troubled: false, live: false, hubs: true };
    start(blueprint, Clock::system()).await.unwrap()
}

fn hub(sim: &Sim, name: &str) -> Client {
    Client::of(sim, sim.hubs().iter().find(|hub| hub.name == name).unwrap())
}

async fn list(client: &Client, path: &str) -> Vec<Value> {
    let answer = client.get(path).await.unwrap();
    assert_eq!(answer.code, 200, "{path}: {}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}

fn text<'a>(value: &'a Value, at: &str) -> &'a str {
    value.pointer(at).and_then(Value::as_str).unwrap_or_default()
}

/// Where the objects of a register are listed.
fn listed_at(registry: Registry) -> &'static str {
    match registry {
        Registry::ClusterProfile => "/apis/multicluster.x-k8s.io/v1alpha1/clusterprofiles",
        Registry::ManagedCluster => "/apis/cluster.open-cluster-management.io/v1/managedclusters",
        Registry::ArgoCd => "/api/v1/secrets?labelSelector=argocd.argoproj.io/secret-type%3Dcluster",
        Registry::Karmada => "/apis/cluster.karmada.io/v1alpha1/clusters",
        Registry::KubeFleet => "/apis/cluster.kubernetes-fleet.io/v1/memberclusters",
        Registry::ClusterApi => "/apis/cluster.x-k8s.io/v1beta2/clusters",
        Registry::Rancher => "/apis/provisioning.cattle.io/v1/clusters",
        Registry::RancherFleet => "/apis/fleet.cattle.io/v1alpha1/clusters",
    }
}

#[tokio::test]
async fn every_membership_of_the_truth_is_served_and_no_other() {
    let sim = with_hubs(40).await;
    let mut all: BTreeMap<Registry, BTreeSet<String>> = BTreeMap::new();
    for one in sim.enrolments() {
        all.entry(one.registry).or_default().insert(format!("{}/{}", one.namespace, one.name));
    }
    assert_eq!(all.len(), 8, "{all:?}");
    for (registry, expect) in all {
        let items = list(&hub(&sim, registry.hub()), listed_at(registry)).await;
        let found: BTreeSet<String> = items
            .iter()
            .map(|item| format!("{}/{}", text(item, "/metadata/namespace"), text(item, "/metadata/name")))
            .collect();
        assert_eq!(found, expect, "{registry:?}");
    }
    // Every member is known somewhere: in the kubeconfig, in a hub, in both.
    let listed: BTreeSet<_> = sim.listed().map(|cluster| cluster.name.as_str()).collect();
    let known: BTreeSet<_> = sim.enrolments().iter().filter_map(|one| one.member.as_deref()).collect();
    assert_eq!(listed.len(), 35);
    for cluster in sim.clusters() {
        assert!(listed.contains(&*cluster.name) || known.contains(&*cluster.name), "{}", cluster.name);
    }
    assert!(listed.intersection(&known).count() >= 10 && listed.difference(&known).count() >= 1);
    let hidden = |one: &&Enrolment| one.member.as_deref().is_some_and(|name| !listed.contains(name));
    let ways = sim.enrolments().iter().filter(hidden).filter(|one| one.dialable).count();
    assert_eq!((ways, sim.enrolments().iter().filter(hidden).count()), (4, 5));
    assert_eq!(sim.enrolments().iter().filter(|one| one.member.is_none()).count(), 2);
    sim.stop().await;
}

#[tokio::test]
async fn what_is_said_of_a_member_is_so() {
    let sim = with_hubs(40).await;
    let member = |name: &str| sim.cluster(name).unwrap_or_else(|| panic!("{name}"));
    for profile in list(&hub(&sim, "hub-eu"), listed_at(Registry::ClusterProfile)).await {
        let cluster = member(text(&profile, "/spec/displayName"));
        assert_eq!(text(&profile, "/status/version/kubernetes"), cluster.truth.version);
        assert_eq!(text(&profile, "/status/properties/0/value"), cluster.truth.uid);
        assert_eq!(text(&profile, "/metadata/labels/region"), cluster.truth.region);
        assert_eq!(text(&profile, "/metadata/labels/env"), cluster.truth.class.unwrap_or_default());
        if let Some(access) = profile.pointer("/status/accessProviders/0/cluster") {
            assert_eq!(text(access, "/server"), cluster.url);
            let authority = STANDARD.decode(text(access, "/certificate-authority-data")).unwrap();
            assert_eq!(authority, cluster.authority.as_bytes());
        }
    }
    let old = list(&hub(&sim, "mgmt"), "/apis/cluster.x-k8s.io/v1beta1/clusters").await;
    let new = list(&hub(&sim, "mgmt"), "/apis/cluster.x-k8s.io/v1beta2/clusters").await;
    assert_eq!(old.len(), new.len());
    for (old, new) in old.iter().zip(&new) {
        assert_eq!(old["metadata"]["uid"], new["metadata"]["uid"]);
        assert!(
            new["spec"]["controlPlaneRef"]["apiVersion"].is_null()
                && old["spec"]["controlPlaneRef"]["apiGroup"].is_null()
        );
        let Some(cluster) = sim.cluster(text(new, "/metadata/name")) else { continue };
        assert_eq!(new["spec"]["controlPlaneEndpoint"]["port"], cluster.port);
        assert_eq!(text(new, "/spec/topology/version"), cluster.truth.version);
        let count = |of: &Value| -> u64 {
            ["controlPlane", "workers"].iter().map(|part| of[*part]["replicas"].as_u64().unwrap()).sum()
        };
        let nodes = cluster.truth.nodes.len() as u64;
        assert_eq!((count(&new["status"]), count(&old["status"]["v1beta2"])), (nodes, nodes));
    }
    for version in ["v1beta1", "v1beta2"] {
        let machines =
            list(&hub(&sim, "mgmt"), &format!("/apis/cluster.x-k8s.io/{version}/machinedeployments")).await;
        assert!(
            machines.iter().all(|md| sim.cluster(text(md, "/spec/clusterName")).is_some())
                && !machines.is_empty()
        );
        let path = format!("/apis/controlplane.cluster.x-k8s.io/{version}/kubeadmcontrolplanes");
        for control in list(&hub(&sim, "mgmt"), &path).await {
            let cluster = member(text(&control, "/metadata/labels/cluster.x-k8s.io~1cluster-name"));
            assert_eq!(text(&control, "/spec/version"), cluster.truth.version);
        }
    }
    sim.stop().await;
}

#[tokio::test]
async fn the_ways_that_hubs_give_lead_to_the_cluster() {
    let sim = with_hubs(40).await;
    let secret = |of: &Value, key: &str| {
        String::from_utf8(STANDARD.decode(text(of, &format!("/data/{key}"))).unwrap()).unwrap()
    };
    let secrets = list(&hub(&sim, "mgmt"), "/api/v1/namespaces/clusters/secrets").await;
    let mut ways = 0;
    for of in secrets.iter().filter(|of| of["type"] == "cluster.x-k8s.io/secret") {
        let name = text(of, "/metadata/labels/cluster.x-k8s.io~1cluster-name");
        let config: Value = serde_saphyr::from_str(&secret(of, "value")).unwrap();
        let Some(cluster) = sim.cluster(name) else {
            assert_eq!(text(&config, "/clusters/0/cluster/server"), "https://127.0.0.1:1");
            continue;
        };
        assert_eq!(text(&config, "/clusters/0/cluster/server"), cluster.url);
        let pem = |at: &str| String::from_utf8(STANDARD.decode(text(&config, at)).unwrap()).unwrap();
        let mut client = Client::of(&sim, cluster);
        client.way = Way::Certificate(
            pem("/users/0/user/client-certificate-data"),
            pem("/users/0/user/client-key-data"),
        );
        assert_eq!(client.get("/api/v1/nodes?limit=1").await.unwrap().code, 200, "{name}");
        ways += 1;
    }
    for of in list(&hub(&sim, "hub-eu"), listed_at(Registry::ArgoCd)).await {
        let config: Value = serde_json::from_str(&secret(&of, "config")).unwrap();
        let cluster = sim.cluster(&secret(&of, "name")).unwrap();
        assert_eq!(secret(&of, "server"), cluster.url);
        let mut client = Client::of(&sim, cluster);
        client.way = Way::Token(text(&config, "/bearerToken").to_owned());
        assert_eq!(client.get("/api/v1/nodes?limit=1").await.unwrap().code, 200);
        ways += 1;
    }
    assert!(ways >= 10, "{ways}");
    sim.stop().await;
}

#[tokio::test]
async fn rancher_lets_its_own_tokens_through_and_nobody_else() {
    let sim = with_hubs(40).await;
    let rancher = hub(&sim, "rancher");
    let objects = list(&rancher, "/apis/management.cattle.io/v3/clusters").await;
    let ids: BTreeMap<&str, &str> =
        objects.iter().map(|of| (text(of, "/spec/displayName"), text(of, "/metadata/name"))).collect();
    let provisioned = list(&rancher, listed_at(Registry::Rancher)).await;
    assert!(provisioned.len() == ids.len() && ids.len() >= 2);
    let mut tokens = Vec::new();
    for of in &provisioned {
        let name = text(of, "/metadata/name");
        assert_eq!(text(of, "/status/clusterName"), ids[name]);
        let path =
            format!("/api/v1/namespaces/fleet-default/secrets/{}", text(of, "/status/clientSecretName"));
        let secret = rancher.get(&path).await.unwrap().json();
        let bytes = STANDARD.decode(text(&secret, "/data/value")).unwrap();
        let config: Value = serde_saphyr::from_str(std::str::from_utf8(&bytes).unwrap()).unwrap();
        let server = text(&config, "/clusters/0/cluster/server").to_owned();
        let prefix = server.split_once(&format!(":{}", rancher.address.port())).unwrap().1.to_owned();
        tokens.push((name.to_owned(), prefix, text(&config, "/users/0/user/token").to_owned()));
    }
    let mut client = hub(&sim, "rancher");
    for (name, prefix, token) in &tokens {
        client.way = Way::Token(token.clone());
        let space = client.get(&format!("{prefix}/api/v1/namespaces/kube-system")).await.unwrap();
        assert_eq!(text(&space.json(), "/metadata/uid"), sim.cluster(name).unwrap().truth.uid);
        let mut watch = client.watch(&format!("{prefix}/api/v1/nodes?watch=1&timeoutSeconds=1")).await;
        assert_eq!(watch.next().await.unwrap()["type"], "ADDED");
    }
    // A token is good for its own cluster alone, and the platform's own token is none of Rancher's.
    client.way = Way::Token(tokens[0].2.clone());
    for path in [&tokens[1].1, "/k8s/clusters/c-m-00000000", "/api/v1/namespaces"] {
        assert_eq!(client.get(&format!("{path}/version")).await.unwrap().code, 401, "{path}");
    }
    client.way = Way::Token(sim.token());
    assert_eq!(client.get(&format!("{}/version", tokens[0].1)).await.unwrap().code, 401);
    sim.set_fault(&tokens[0].0, Route::Connect, Some(Fault::Refuse));
    client.way = Way::Token(tokens[0].2.clone());
    assert_eq!(client.get(&format!("{}/version", tokens[0].1)).await.unwrap().code, 503);
    sim.stop().await;
}

#[tokio::test]
async fn the_status_of_a_membership_follows_its_member() {
    let sim = with_hubs(40).await;
    let client = hub(&sim, "hub-eu");
    let path = listed_at(Registry::ManagedCluster);
    let answer = client.get(path).await.unwrap().json();
    let first = answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|of| sim.cluster(text(of, "/metadata/name")).is_some());
    let name = text(first.unwrap(), "/metadata/name").to_owned();
    let revision = text(&answer, "/metadata/resourceVersion");
    // What others wrote stays.
    let label = json!({"metadata": {"labels": {"tier": "gold"}}});
    let url = format!("{path}/{name}");
    assert_eq!(client.write("merge", &url, &label).await.code, 200);
    let mut watch =
        client.watch(&format!("{path}?watch=1&timeoutSeconds=20&resourceVersion={revision}")).await;
    assert_eq!(text(&watch.next().await.unwrap(), "/object/metadata/labels/tier"), "gold");
    for (fault, status) in [(Some(Fault::Refuse), "Unknown"), (None, "True")] {
        sim.set_fault(&name, Route::Connect, fault);
        let event = watch.next().await.unwrap();
        assert_eq!(
            (text(&event, "/type"), text(&event, "/object/metadata/name")),
            ("MODIFIED", name.as_str())
        );
        assert_eq!(text(&event, "/object/status/conditions/2/status"), status);
        assert_eq!(text(&event, "/object/metadata/labels/tier"), "gold");
    }
    // An object that was taken away stays away.
    assert_eq!(client.write("DELETE", &url, &json!({})).await.code, 200);
    sim.set_fault(&name, Route::Connect, Some(Fault::Refuse));
    assert_eq!(client.get(&url).await.unwrap().code, 404);
    sim.stop().await;
}

#[tokio::test]
async fn members_serve_no_kinds_of_hubs_and_each_hub_its_own() {
    let sim = with_hubs(8).await;
    let groups = |value: Value| -> BTreeSet<String> {
        value["groups"].as_array().unwrap().iter().map(|group| text(group, "/name").to_owned()).collect()
    };
    let member = groups(Client::first(&sim).get("/apis").await.unwrap().json());
    let mut own = Vec::new();
    for name in ["hub-eu", "mgmt", "rancher"] {
        let all = groups(hub(&sim, name).get("/apis").await.unwrap().json());
        assert!(all.is_superset(
            &member.iter().filter(|g| !g.contains("storage") && !g.contains("resource")).cloned().collect()
        ));
        own.push(all.difference(&member).cloned().collect::<Vec<_>>().join(" "));
    }
    assert_eq!(own[1], "cluster.x-k8s.io controlplane.cluster.x-k8s.io");
    assert_eq!(own[2], "fleet.cattle.io management.cattle.io provisioning.cattle.io");
    let versions = hub(&sim, "mgmt").get("/apis/cluster.x-k8s.io").await.unwrap().json();
    assert_eq!(text(&versions, "/preferredVersion/version"), "v1beta2");
    assert_eq!(Client::first(&sim).get(listed_at(Registry::ClusterApi)).await.unwrap().code, 404);
    assert_eq!(hub(&sim, "mgmt").get(listed_at(Registry::Karmada)).await.unwrap().code, 404);
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let table = hub(&sim, "mgmt").get_as(listed_at(Registry::ClusterApi), table).await;
    assert_eq!((table.code, text(&table.json(), "/kind")), (200, "Table"));
    sim.stop().await;
}

#[tokio::test]
async fn without_hubs_nothing_is_different() {
    let sim = calm(16).await;
    assert!(sim.hubs().is_empty() && sim.enrolments().is_empty());
    assert_eq!(sim.listed().count(), 16);
    sim.stop().await;
}
