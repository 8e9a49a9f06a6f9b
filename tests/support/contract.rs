//! What a Kubernetes API server owes its clients, as cases that run unchanged against the simulation and against a real
//! kube-apiserver, so that the simulation cannot drift into saying what the real one does not.
//!
//! The cases use a client of their own, which shares nothing with the product.

use serde_json::{Value, json};

use super::controlplane::https::{Answer, Client, Connection};

const JSON: &str = "application/json";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const PARTIAL: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";

/// A server and three logins to it.
pub(crate) struct Subject {
    /// May do everything.
    pub admin: Client,
    /// May read pods and config maps in namespaces, not nodes.
    pub viewer: Client,
    /// The viewer's name.
    pub viewer_name: String,
    /// A token that nobody was given.
    pub stranger: Client,
}

type Case = (&'static str, fn(&Subject));

/// Runs every case; says which failed and why.
pub(crate) fn check(who: &str, subject: &Subject) {
    let mut failed = Vec::new();
    for (name, case) in CASES {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(subject)));
        if outcome.is_err() {
            failed.push(*name);
        }
    }
    assert!(failed.is_empty(), "{who} breaks the contract: {}", failed.join(", "));
}

const CASES: &[Case] = &[
    ("version says what it is", version),
    ("readiness lists its checks", readiness),
    ("kube-system has an identity", identity),
    ("nodes come as a table", node_table),
    ("a table can carry metadata or nothing", table_objects),
    ("metadata alone comes without spec and status", partial_metadata),
    ("pages add up", pages),
    ("what is not there is NotFound", not_found),
    ("a stranger is Unauthorized", unauthorized),
    ("a viewer is Forbidden by name", forbidden),
    ("who am I", self_subject_review),
    ("what may I do", self_subject_access_review),
    ("discovery, plain and aggregated", discovery),
    ("the groups of discovery have versions", group_versions),
    ("metrics are text and their gauge is one", metrics),
    ("what an inspection lists has its fields", inspected),
    ("an object's life", life),
    ("dry run stores nothing", dry_run),
    ("patches", patches),
    ("selectors", selectors),
    ("bad names are Invalid", invalid),
    ("media types", media_types),
    ("watch tells what happened since", watch),
    ("a watch from too long ago is Gone", watch_gone),
];

fn get(client: &Client, path: &str, accept: &str) -> Answer {
    client.get(path, accept).unwrap()
}

fn admin_json(s: &Subject, path: &str) -> Value {
    get(&s.admin, path, JSON).ok().unwrap().json().unwrap()
}

fn send(s: &Subject, method: &str, path: &str, body: Option<&Value>) -> Answer {
    s.admin.connect().unwrap().send(method, path, JSON, body).unwrap()
}

/// A Status object with that code and reason, as every refusal is told.
#[track_caller]
fn refused(answer: &Answer, code: u16, reason: &str) -> Value {
    let body = answer.json().unwrap_or_else(|why| panic!("{why}: {}", answer.text()));
    assert_eq!(answer.status, code, "{body}");
    assert_eq!(body["kind"], "Status", "{body}");
    assert_eq!(body["apiVersion"], "v1", "{body}");
    assert_eq!(body["status"], "Failure", "{body}");
    assert_eq!(body["reason"], reason, "{body}");
    assert_eq!(body["code"], code, "{body}");
    assert!(body["metadata"].is_object(), "{body}");
    assert!(!body["message"].as_str().unwrap().is_empty(), "{body}");
    body
}

fn version(s: &Subject) {
    let v = admin_json(s, "/version");
    let git = v["gitVersion"].as_str().unwrap();
    assert!(git.starts_with("v1."), "{git}");
    assert_eq!(v["major"], "1");
    let minor = v["minor"].as_str().unwrap().trim_end_matches('+');
    assert!(git.starts_with(&format!("v1.{minor}.")), "{v}");
    for field in ["gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform"] {
        assert!(v[field].is_string(), "{field}: {v}");
    }
}

fn readiness(s: &Subject) {
    assert_eq!(get(&s.admin, "/readyz", "*/*").ok().unwrap().text(), "ok");
    let text = get(&s.admin, "/readyz?verbose", "*/*").ok().unwrap().text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.first(), Some(&"[+]ping ok"), "{text}");
    assert!(text.contains("[+]etcd ok\n"), "{text}");
    assert_eq!(lines.last(), Some(&"readyz check passed"), "{text}");
    assert!(lines[..lines.len() - 1].iter().all(|l| l.starts_with("[+]") && l.ends_with(" ok")), "{text}");
    assert!(get(&s.admin, "/livez?verbose", "*/*").ok().unwrap().text().ends_with("livez check passed\n"));
}

fn identity(s: &Subject) {
    let first = admin_json(s, "/api/v1/namespaces/kube-system");
    assert_eq!((&first["kind"], &first["apiVersion"]), (&json!("Namespace"), &json!("v1")));
    let uid = first["metadata"]["uid"].as_str().unwrap();
    assert_eq!(uid.len(), 36);
    assert_eq!(admin_json(s, "/api/v1/namespaces/kube-system")["metadata"]["uid"], uid);
    assert_eq!(first["metadata"]["labels"]["kubernetes.io/metadata.name"], "kube-system");
    assert_eq!(first["status"]["phase"], "Active");
}

fn node_table(s: &Subject) {
    let answer = get(&s.admin, "/api/v1/nodes?includeObject=None&resourceVersion=0", TABLE).ok().unwrap();
    assert!(answer.header("content-type").unwrap().starts_with(JSON), "{:?}", answer.headers);
    let table = answer.json().unwrap();
    assert_eq!((&table["kind"], &table["apiVersion"]), (&json!("Table"), &json!("meta.k8s.io/v1")));
    let columns: Vec<_> =
        table["columnDefinitions"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    let wanted = [
        "Name",
        "Status",
        "Roles",
        "Age",
        "Version",
        "Internal-IP",
        "External-IP",
        "OS-Image",
        "Kernel-Version",
        "Container-Runtime",
    ];
    assert_eq!(columns, wanted);
    let priorities: Vec<_> = table["columnDefinitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["priority"].as_i64().unwrap())
        .collect();
    assert_eq!(priorities, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    let rows = table["rows"].as_array().unwrap();
    assert!(!rows.is_empty());
    for row in rows {
        assert_eq!(row["cells"].as_array().unwrap().len(), columns.len(), "{row}");
        assert!(row["cells"][1].as_str().unwrap().contains("Ready"), "{row}");
        assert!(row["object"].is_null(), "{row}");
    }
}

fn table_objects(s: &Subject) {
    let with = |how: &str| get(&s.admin, &format!("/api/v1/nodes{how}"), TABLE).ok().unwrap().json().unwrap();
    let metadata = with("");
    assert_eq!(metadata["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    assert_eq!(metadata["rows"][0]["object"]["metadata"]["name"], metadata["rows"][0]["cells"][0]);
    let whole = with("?includeObject=Object");
    assert_eq!(whole["rows"][0]["object"]["kind"], "Node");
    assert!(whole["rows"][0]["object"]["status"].is_object());
    let single = get(&s.admin, "/api/v1/namespaces/kube-system", TABLE).ok().unwrap().json().unwrap();
    assert_eq!(single["kind"], "Table");
    assert_eq!(single["rows"].as_array().unwrap().len(), 1);
}

fn partial_metadata(s: &Subject) {
    let list = get(&s.admin, "/api/v1/nodes", PARTIAL).ok().unwrap().json().unwrap();
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["apiVersion"], "meta.k8s.io/v1");
    for item in list["items"].as_array().unwrap() {
        assert!(
            item["metadata"]["uid"].is_string() && item.get("spec").is_none() && item.get("status").is_none()
        );
    }
}

fn pages(s: &Subject) {
    let all = admin_json(s, "/api/v1/nodes")["items"].as_array().unwrap().len();
    let (mut seen, mut token) = (0, String::new());
    loop {
        let page = admin_json(s, &format!("/api/v1/nodes?limit=1&continue={token}"));
        seen += page["items"].as_array().unwrap().len();
        match page["metadata"]["continue"].as_str().filter(|t| !t.is_empty()) {
            Some(next) => {
                assert_eq!(page["metadata"]["remainingItemCount"], all - seen, "{}", page["metadata"]);
                token = next.to_owned();
            }
            None => break,
        }
        assert!(seen < all, "pages without an end");
    }
    assert_eq!(seen, all);
    refused(&get(&s.admin, "/api/v1/nodes?limit=1&continue=nonsense", JSON), 400, "BadRequest");
}

fn not_found(s: &Subject) {
    let status = refused(&get(&s.admin, "/api/v1/nodes/no-such-node", JSON), 404, "NotFound");
    assert_eq!(status["message"], "nodes \"no-such-node\" not found");
    assert_eq!(status["details"], json!({"name": "no-such-node", "kind": "nodes"}));
    let status =
        refused(&get(&s.admin, "/apis/apps/v1/namespaces/default/deployments/x", JSON), 404, "NotFound");
    assert_eq!(status["details"], json!({"name": "x", "group": "apps", "kind": "deployments"}));
    let status = refused(&get(&s.admin, "/api/v1/nonsenses", JSON), 404, "NotFound");
    assert_eq!(status["message"], "the server could not find the requested resource");
    assert_eq!(get(&s.admin, "/nowhere", "*/*").status, 404);
}

fn unauthorized(s: &Subject) {
    let status = refused(&get(&s.stranger, "/api/v1/nodes", JSON), 401, "Unauthorized");
    assert_eq!(status["message"], "Unauthorized");
}

fn forbidden(s: &Subject) {
    let status = refused(&get(&s.viewer, "/api/v1/nodes", JSON), 403, "Forbidden");
    let user = &s.viewer_name;
    assert_eq!(
        status["message"],
        format!(
            "nodes is forbidden: User \"{user}\" cannot list resource \"nodes\" in API group \"\" at the cluster scope"
        )
    );
    assert_eq!(status["details"], json!({"kind": "nodes"}));
    let path = "/api/v1/namespaces/default/secrets/x";
    let status = refused(&get(&s.viewer, path, JSON), 403, "Forbidden");
    assert!(
        status["message"].as_str().unwrap().starts_with(&format!(
            "secrets \"x\" is forbidden: User \"{user}\" cannot get resource \"secrets\" in API group \"\" in the namespace \"default\""
        )),
        "{status}"
    );
    assert_eq!(get(&s.viewer, "/api/v1/namespaces/default/pods", JSON).status, 200);
}

fn self_subject_review(s: &Subject) {
    let ask = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let answer = s.viewer.connect().unwrap().send("POST", path, JSON, Some(&ask)).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
    let review = answer.json().unwrap();
    assert_eq!(review["kind"], "SelfSubjectReview");
    assert_eq!(review["status"]["userInfo"]["username"], s.viewer_name.as_str());
    let groups = review["status"]["userInfo"]["groups"].as_array().unwrap();
    assert!(groups.contains(&json!("system:authenticated")), "{review}");
}

fn self_subject_access_review(s: &Subject) {
    let allowed = |client: &Client, verb: &str, resource: &str| {
        let ask = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"verb": verb, "resource": resource}}});
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let answer = client.connect().unwrap().send("POST", path, JSON, Some(&ask)).unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json().unwrap()["status"]["allowed"].as_bool().unwrap()
    };
    assert!(allowed(&s.admin, "delete", "nodes"));
    assert!(!allowed(&s.viewer, "list", "nodes"));
    assert!(allowed(&s.viewer, "list", "pods"));
}

fn discovery(s: &Subject) {
    assert_eq!(admin_json(s, "/api")["versions"], json!(["v1"]));
    let groups = admin_json(s, "/apis");
    assert_eq!(groups["kind"], "APIGroupList");
    let names: Vec<_> =
        groups["groups"].as_array().unwrap().iter().map(|g| g["name"].as_str().unwrap()).collect();
    for group in
        ["apps", "authentication.k8s.io", "rbac.authorization.k8s.io", "policy", "coordination.k8s.io"]
    {
        assert!(names.contains(&group), "{group} is missing from {names:?}");
    }
    let core = admin_json(s, "/api/v1");
    assert_eq!(core["kind"], "APIResourceList");
    let node = core["resources"].as_array().unwrap().iter().find(|r| r["name"] == "nodes").unwrap();
    assert_eq!((&node["kind"], &node["namespaced"]), (&json!("Node"), &json!(false)));
    assert!(node["verbs"].as_array().unwrap().contains(&json!("watch")));
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let all = get(&s.admin, "/apis", accept).ok().unwrap().json().unwrap();
    assert_eq!(all["kind"], "APIGroupDiscoveryList");
    assert_eq!(all["apiVersion"], "apidiscovery.k8s.io/v2");
}

fn config_map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"contract": "yes"}}, "data": {"k": value}})
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// Removes what an earlier run may have left.
fn fresh(s: &Subject, name: &str) -> String {
    let path = format!("{MAPS}/{name}");
    send(s, "DELETE", &path, None);
    path
}

fn group_versions(s: &Subject) {
    let plain = admin_json(s, "/apis");
    assert_eq!(plain["kind"], "APIGroupList");
    let mut listed = Vec::new();
    for group in plain["groups"].as_array().unwrap() {
        let name = group["name"].as_str().unwrap();
        assert_eq!(group["preferredVersion"], group["versions"][0], "{group}");
        for version in group["versions"].as_array().unwrap() {
            let version = (name.to_owned(), version["version"].as_str().unwrap().to_owned());
            assert_eq!(group["name"], name);
            listed.push(version);
        }
    }
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    let aggregated = get(&s.admin, "/apis", accept).ok().unwrap().json().unwrap();
    assert_eq!(aggregated["kind"], "APIGroupDiscoveryList");
    let mut discovered = Vec::new();
    for item in aggregated["items"].as_array().unwrap() {
        for version in item["versions"].as_array().unwrap() {
            let name = item["metadata"]["name"].as_str().unwrap().to_owned();
            discovered.push((name, version["version"].as_str().unwrap().to_owned()));
        }
    }
    listed.sort();
    discovered.sort();
    assert_eq!(listed, discovered);
    for wanted in [
        "apps/v1",
        "policy/v1",
        "networking.k8s.io/v1",
        "apiextensions.k8s.io/v1",
        "autoscaling/v2",
        "batch/v1",
    ] {
        assert!(listed.iter().any(|(group, version)| format!("{group}/{version}") == wanted), "{wanted}");
        let resources = admin_json(s, &format!("/apis/{wanted}"));
        assert_eq!(
            (&resources["kind"], &resources["groupVersion"]),
            (&json!("APIResourceList"), &json!(wanted))
        );
    }
}

fn metrics(s: &Subject) {
    let answer = get(&s.admin, "/metrics", "*/*").ok().unwrap();
    assert!(
        answer.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"),
        "{:?}",
        answer.headers
    );
    let text = answer.text();
    assert!(text.starts_with("# HELP "), "{}", text.lines().next().unwrap_or_default());
    assert!(text.ends_with('\n'));
    assert!(text.contains("# TYPE apiserver_request_duration_seconds histogram\n"));
    for line in text.lines().filter(|line| line.starts_with("apiserver_requested_deprecated_apis{")) {
        for label in ["group=\"", "removed_release=\"", "resource=\"", "subresource=\"", "version=\""] {
            assert!(line.contains(label), "{line}");
        }
        assert!(line.ends_with("} 1"), "{line}");
    }
    refused(&get(&s.viewer, "/metrics", "*/*"), 403, "Forbidden");
}

fn inspected(s: &Subject) {
    for (path, kind) in [
        ("/apis/apps/v1/deployments?limit=500", "DeploymentList"),
        ("/apis/apps/v1/daemonsets?limit=500", "DaemonSetList"),
        ("/apis/apps/v1/statefulsets?limit=500", "StatefulSetList"),
        ("/apis/networking.k8s.io/v1/networkpolicies?limit=500", "NetworkPolicyList"),
        ("/apis/policy/v1/poddisruptionbudgets?limit=500", "PodDisruptionBudgetList"),
        ("/apis/apiextensions.k8s.io/v1/customresourcedefinitions?limit=50", "CustomResourceDefinitionList"),
        ("/apis/autoscaling/v2/horizontalpodautoscalers?limit=500", "HorizontalPodAutoscalerList"),
        ("/apis/batch/v1/cronjobs?limit=500", "CronJobList"),
        ("/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas?limit=500", "FlowSchemaList"),
    ] {
        let list = admin_json(s, path);
        assert_eq!(list["kind"], kind, "{path}");
        assert!(list["items"].is_array() && list["metadata"]["resourceVersion"].is_string(), "{path}");
        let metadata = get(&s.admin, path, PARTIAL).ok().unwrap().json().unwrap();
        assert_eq!(metadata["kind"], "PartialObjectMetadataList", "{path}");
        // Where there are none, a real server says null and not an empty list.
        let count = metadata["items"].as_array().map_or(0, Vec::len);
        assert_eq!(count, list["items"].as_array().unwrap().len(), "{path}");
    }
    let schemas =
        get(&s.admin, "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas?limit=500", PARTIAL).ok().unwrap();
    for schema in schemas.json().unwrap()["items"].as_array().unwrap() {
        let writers = schema["metadata"]["managedFields"].as_array().unwrap_or_else(|| panic!("{schema}"));
        assert!(writers.iter().all(|w| w["manager"].is_string() && w["apiVersion"].is_string()), "{schema}");
    }
    assert_eq!(get(&s.admin, "/apis/flowcontrol.apiserver.k8s.io/v1alpha1/flowschemas", JSON).status, 404);
}

fn life(s: &Subject) {
    let path = fresh(s, "contract-life");
    let created = send(s, "POST", MAPS, Some(&config_map("contract-life", "1")));
    assert_eq!(created.status, 201, "{}", created.text());
    let created = created.json().unwrap();
    for field in ["uid", "resourceVersion", "creationTimestamp"] {
        assert!(created["metadata"][field].is_string(), "{field}: {created}");
    }
    assert_eq!(created["metadata"]["namespace"], "default");
    let again = send(s, "POST", MAPS, Some(&config_map("contract-life", "2")));
    let status = refused(&again, 409, "AlreadyExists");
    assert_eq!(status["message"], "configmaps \"contract-life\" already exists");

    let mut newer = created.clone();
    newer["data"]["k"] = json!("2");
    let replaced = send(s, "PUT", &path, Some(&newer)).ok().unwrap().json().unwrap();
    assert_ne!(replaced["metadata"]["resourceVersion"], created["metadata"]["resourceVersion"]);
    assert_eq!(replaced["metadata"]["uid"], created["metadata"]["uid"]);
    let stale = send(s, "PUT", &path, Some(&newer));
    let status = refused(&stale, 409, "Conflict");
    assert!(status["message"].as_str().unwrap().contains("the object has been modified"), "{status}");

    let wrong = json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "00000000-0000-4000-8000-000000000000"}});
    refused(&send(s, "DELETE", &path, Some(&wrong)), 409, "Conflict");
    let gone = send(s, "DELETE", &path, None).ok().unwrap().json().unwrap();
    assert_eq!((&gone["kind"], &gone["status"]), (&json!("Status"), &json!("Success")), "{gone}");
    refused(&get(&s.admin, &path, JSON), 404, "NotFound");

    let generated =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "contract-g-"}});
    let generated = send(s, "POST", MAPS, Some(&generated)).ok().unwrap().json().unwrap();
    let name = generated["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("contract-g-") && name.len() > "contract-g-".len(), "{name}");
    send(s, "DELETE", &format!("{MAPS}/{name}"), None).ok().unwrap();
}

fn dry_run(s: &Subject) {
    let path = fresh(s, "contract-dry");
    let answer = send(s, "POST", &format!("{MAPS}?dryRun=All"), Some(&config_map("contract-dry", "1")));
    assert_eq!(answer.status, 201, "{}", answer.text());
    refused(&get(&s.admin, &path, JSON), 404, "NotFound");
    refused(
        &send(s, "POST", &format!("{MAPS}?dryRun=Some"), Some(&config_map("contract-dry", "1"))),
        422,
        "Invalid",
    );
}

fn patches(s: &Subject) {
    let path = fresh(s, "contract-patch");
    send(s, "POST", MAPS, Some(&config_map("contract-patch", "1"))).ok().unwrap();
    let merged =
        send(s, "PATCH", &path, Some(&json!({"data": {"k": null, "l": "2"}}))).ok().unwrap().json().unwrap();
    assert_eq!(merged["data"], json!({"l": "2"}));
    let version = merged["metadata"]["resourceVersion"].clone();
    let same = send(s, "PATCH", &path, Some(&json!({"data": {"l": "2"}}))).ok().unwrap().json().unwrap();
    assert_eq!(
        same["metadata"]["resourceVersion"], version,
        "a patch that changes nothing is no new version"
    );
    let stale = json!({"metadata": {"resourceVersion": "1"}, "data": {"l": "3"}});
    refused(&send(s, "PATCH", &path, Some(&stale)), 409, "Conflict");
    refused(&send(s, "PATCH", &format!("{MAPS}/contract-none"), Some(&json!({}))), 404, "NotFound");
    send(s, "DELETE", &path, None).ok().unwrap();
}

fn selectors(s: &Subject) {
    let (one, two) = (fresh(s, "contract-sel-1"), fresh(s, "contract-sel-2"));
    let mut second = config_map("contract-sel-2", "2");
    second["metadata"]["labels"]["tier"] = json!("b");
    send(s, "POST", MAPS, Some(&config_map("contract-sel-1", "1"))).ok().unwrap();
    send(s, "POST", MAPS, Some(&second)).ok().unwrap();
    let names = |query: &str| -> Vec<String> {
        let list = admin_json(s, &format!("{MAPS}?{query}"));
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|i| i["metadata"]["name"].as_str().unwrap().to_owned())
            .filter(|n| n.starts_with("contract-sel"))
            .collect()
    };
    assert_eq!(names("labelSelector=contract%3Dyes"), ["contract-sel-1", "contract-sel-2"]);
    assert_eq!(names("labelSelector=contract%3Dyes%2C!tier"), ["contract-sel-1"]);
    assert_eq!(names("labelSelector=tier+in+(b%2Cc)"), ["contract-sel-2"]);
    assert_eq!(names("labelSelector=contract,tier+notin+(b)"), ["contract-sel-1"]);
    assert_eq!(names("fieldSelector=metadata.name%3Dcontract-sel-2"), ["contract-sel-2"]);
    refused(&get(&s.admin, &format!("{MAPS}?labelSelector=a%20b"), JSON), 400, "BadRequest");
    refused(&get(&s.admin, &format!("{MAPS}?fieldSelector=data.k%3D1"), JSON), 400, "BadRequest");
    for path in [one, two] {
        send(s, "DELETE", &path, None).ok().unwrap();
    }
}

fn invalid(s: &Subject) {
    let answer = send(s, "POST", MAPS, Some(&config_map("Not A Name", "1")));
    let status = refused(&answer, 422, "Invalid");
    assert_eq!(status["details"]["kind"], "ConfigMap", "{status}");
    assert_eq!(status["details"]["causes"][0]["field"], "metadata.name", "{status}");
    let answer =
        send(s, "POST", "/api/v1/namespaces/no-such-namespace/configmaps", Some(&config_map("x", "1")));
    let status = refused(&answer, 404, "NotFound");
    assert_eq!(status["message"], "namespaces \"no-such-namespace\" not found");
}

fn media_types(s: &Subject) {
    let answer = get(&s.admin, "/api/v1/nodes", "text/html");
    refused(&answer, 406, "NotAcceptable");
}

/// Reads a watch to the end its `timeoutSeconds` gives it.
fn watched(connection: &mut Connection, query: &str) -> (u16, Vec<Value>) {
    let answer =
        connection.send("GET", &format!("{MAPS}?watch=true&timeoutSeconds=2&{query}"), JSON, None).unwrap();
    let events = answer.text().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    (answer.status, events)
}

fn watch(s: &Subject) {
    let path = fresh(s, "contract-watch");
    let since = admin_json(s, MAPS)["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    send(s, "POST", MAPS, Some(&config_map("contract-watch", "1"))).ok().unwrap();
    send(s, "PATCH", &path, Some(&json!({"data": {"k": "2"}}))).ok().unwrap();
    send(s, "DELETE", &path, None).ok().unwrap();
    let query = format!("resourceVersion={since}&fieldSelector=metadata.name%3Dcontract-watch");
    let (status, events) = watched(&mut s.admin.connect().unwrap(), &query);
    assert_eq!(status, 200);
    let kinds: Vec<_> = events.iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["ADDED", "MODIFIED", "DELETED"], "{events:?}");
    assert_eq!(events[1]["object"]["data"]["k"], "2");
    let versions: Vec<u64> = events
        .iter()
        .map(|e| e["object"]["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(versions.is_sorted(), "{versions:?}");
}

fn watch_gone(s: &Subject) {
    let (status, events) = watched(&mut s.admin.connect().unwrap(), "resourceVersion=1");
    let error = events.first().unwrap();
    let told = if status == 410 { error } else { &error["object"] };
    assert!(status == 410 || error["type"] == "ERROR", "{status} {events:?}");
    assert_eq!((&told["code"], &told["kind"]), (&json!(410), &json!("Status")), "{told}");
    assert!(told["message"].as_str().unwrap().starts_with("too old resource version: 1"), "{told}");
}
