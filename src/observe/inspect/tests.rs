use std::collections::BTreeMap;

use super::*;

/// Answers by path, the part before `&continue=` being enough; what is not there is a 404.
#[derive(Default)]
struct Script {
    answers: BTreeMap<String, Vec<Result<Reply, Failure>>>,
    asked: Vec<String>,
}

#[expect(clippy::unnecessary_wraps, reason = "it stands beside answers that never came")]
fn reply(status: u16, body: &str) -> Result<Reply, Failure> {
    Ok(Reply {
        status,
        content_type: Some("application/json".to_owned()),
        body: Bytes::copy_from_slice(body.as_bytes()),
        ..Reply::default()
    })
}

fn broken(code: ErrorCode) -> Result<Reply, Failure> {
    Err(Failure::new(code, "said so"))
}

impl Script {
    fn with(mut self, path: &str, answers: Vec<Result<Reply, Failure>>) -> Self {
        self.answers.insert(path.to_owned(), answers);
        self
    }

    fn next(&mut self, path: &str) -> Result<Reply, Failure> {
        self.asked.push(path.to_owned());
        let resource = path.split('?').next().unwrap();
        match self.answers.get_mut(resource) {
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0].clone(),
            None => reply(
                404,
                r#"{"kind":"Status","message":"the server could not find the requested resource"}"#,
            ),
        }
    }
}

impl Asks for Script {
    async fn page(&mut self, path: &str, _accept: Accept) -> Result<Reply, Failure> {
        self.next(path)
    }

    async fn metrics(&mut self, each: &mut (dyn FnMut(Bytes) + Send)) -> Result<Reply, Failure> {
        let reply = self.next("/metrics")?;
        if reply.status == 200 {
            each(reply.body.clone());
        }
        Ok(reply)
    }
}

const APIS: &str = r#"{"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":"apps"},"versions":[{"version":"v1"}]},
    {"metadata":{"name":"autoscaling"},"versions":[{"version":"v2"},{"version":"v2beta2"}]},
    {"metadata":{"name":"batch"},"versions":[{"version":"v1"}]}]}"#;
const CORE: &str = r#"{"kind":"APIVersions","versions":["v1"]}"#;
const METRIC: &str = "# TYPE x gauge\napiserver_requested_deprecated_apis{group=\"policy\",removed_release=\"1.25\",resource=\"pdbs\",version=\"v1beta1\"} 1\n";

fn list(kind: &str, next: &str, items: &str) -> Result<Reply, Failure> {
    reply(200, &format!(r#"{{"kind":"{kind}","metadata":{{"continue":"{next}"}},"items":[{items}]}}"#))
}

fn well() -> Script {
    let item = |name: &str| format!(r#"{{"metadata":{{"name":"{name}","namespace":"a"}}}}"#);
    Script::default()
        .with("/apis", vec![reply(200, APIS)])
        .with("/api", vec![reply(200, CORE)])
        .with(
            "/apis/apps/v1/deployments",
            vec![list("DeploymentList", "a&b", &item("one")), list("DeploymentList", "", &item("two"))],
        )
        .with("/apis/apps/v1/daemonsets", vec![list("DaemonSetList", "", &item("three"))])
        .with("/apis/apps/v1/statefulsets", vec![list("StatefulSetList", "", "")])
        .with("/api/v1/namespaces", vec![list("PartialObjectMetadataList", "", r#"{"metadata":{"name":"a"}}"#)])
        .with("/apis/networking.k8s.io/v1/networkpolicies", vec![list("NetworkPolicyList", "", &item("p"))])
        .with(
            "/apis/policy/v1/poddisruptionbudgets",
            vec![list(
                "PodDisruptionBudgetList",
                "",
                r#"{"metadata":{"name":"b"},"status":{"disruptionsAllowed":0,"expectedPods":1}}"#,
            )],
        )
        .with(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            vec![list(
                "CustomResourceDefinitionList",
                "",
                r#"{"metadata":{"name":"c"},"spec":{"group":"g","names":{"plural":"cs"},"versions":[]},"status":{"storedVersions":["v1alpha1"]}}"#,
            )],
        )
        .with(
            "/apis/autoscaling/v2/horizontalpodautoscalers",
            vec![list(
                "PartialObjectMetadataList",
                "",
                r#"{"metadata":{"name":"h","managedFields":[{"manager":"helm","apiVersion":"autoscaling/v2beta2"}]}}"#,
            )],
        )
        .with("/apis/batch/v1/cronjobs", vec![list("PartialObjectMetadataList", "", "")])
        .with("/metrics", vec![reply(200, METRIC)])
}

async fn run(script: Script) -> (Inspection, Option<BrokenOff>, Vec<String>) {
    let (inspected, asked) = run_within(script, &mut Budget::new(1_000, 1_000), Duration::from_mins(1)).await;
    (inspected.inspection, inspected.broken_off, asked)
}

async fn run_within(mut script: Script, budget: &mut Budget, deadline: Duration) -> (Inspected, Vec<String>) {
    let inspected = inspect(&mut script, budget, &Clock::system(), deadline).await;
    (inspected, script.asked)
}

/// Which parts are there, by their first letters.
fn parts(found: &Inspection) -> String {
    [
        ("w", found.workloads.is_ok()),
        ("p", found.policies.is_ok()),
        ("b", found.budgets.is_ok()),
        ("r", found.requested.is_ok()),
        ("s", found.stored.is_ok()),
        ("m", found.managed.is_ok()),
        ("v", found.served.is_ok()),
    ]
    .iter()
    .filter_map(|(name, ok)| ok.then_some(*name))
    .collect()
}

#[tokio::test]
async fn every_part_is_read() {
    let (found, broken_off, asked) = run(well()).await;
    assert!(broken_off.is_none());
    assert_eq!(parts(&found), "wpbrsmv");
    let names: Vec<_> = found.workloads.unwrap().iter().map(|w| format!("{} {}", w.kind, w.name)).collect();
    assert_eq!(names, ["Deployment one", "Deployment two", "DaemonSet three"]);
    let policies = found.policies.unwrap();
    assert_eq!((policies.len(), policies[0].count), (1, 1));
    assert_eq!(found.budgets.unwrap()[0].name.as_str(), "b");
    assert_eq!(found.requested.unwrap()[0].resource.as_str(), "pdbs");
    assert_eq!(found.stored.unwrap()[0].version.as_str(), "v1alpha1");
    assert_eq!(found.managed.unwrap()[0].by[0].as_str(), "helm on h");
    let served: Vec<_> = found.served.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(served, ["apps/v1", "autoscaling/v2", "autoscaling/v2beta2", "batch/v1", "v1"]);
    assert!(asked.contains(&"/apis/apps/v1/deployments?limit=500&continue=a%26b".to_owned()));
    // What discovery does not list is not asked for.
    assert!(!asked.iter().any(|path| path.contains("flowschemas")));
}

#[tokio::test]
async fn a_refusal_is_of_its_part_alone() {
    let refused = || vec![reply(403, r#"{"kind":"Status","message":"forbidden"}"#)];
    for (path, left) in [
        ("/apis/apps/v1/daemonsets", "pbrsmv"),
        ("/api/v1/namespaces", "wbrsmv"),
        ("/apis/networking.k8s.io/v1/networkpolicies", "wbrsmv"),
        ("/apis/policy/v1/poddisruptionbudgets", "wprsmv"),
        ("/metrics", "wpbsmv"),
        ("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "wpbrmv"),
        ("/apis/autoscaling/v2/horizontalpodautoscalers", "wpbrsmv"),
        ("/api", "wpbrsm"),
    ] {
        let (found, broken_off, _) = run(well().with(path, refused())).await;
        assert_eq!((parts(&found).as_str(), broken_off.is_none()), (left, true), "{path}");
    }
    let alone = well()
        .with("/apis/autoscaling/v2/horizontalpodautoscalers", refused())
        .with("/apis/batch/v1/cronjobs", refused());
    assert_eq!(run(alone).await.0.managed.unwrap_err().code, ErrorCode::Http403);
}

#[tokio::test]
async fn nonsense_is_of_its_part_alone() {
    for nonsense in [
        reply(200, "<html>sign in</html>"),
        reply(200, r#"{"kind":"PodList","items":[]}"#),
        reply(200, r#"{"kind":"DeploymentList","items":[{"meta"#),
        reply(500, ""),
        broken(ErrorCode::Parse),
        broken(ErrorCode::Timeout),
    ] {
        let (found, broken_off, _) = run(well().with("/apis/apps/v1/deployments", vec![nonsense])).await;
        assert_eq!((parts(&found).as_str(), broken_off.is_none()), ("pbrsmv", true));
    }
}

#[tokio::test]
async fn what_concerns_the_whole_cluster_breaks_it_off() {
    let slow = Ok(Reply { status: 429, retry_after: Some(Duration::from_secs(9)), ..Reply::default() });
    let busy = Ok(Reply { status: 503, retry_after: Some(Duration::from_secs(3)), ..Reply::default() });
    for (answer, code, wait) in [
        (slow, ErrorCode::Http429, Some(9)),
        (busy, ErrorCode::Http5xx, Some(3)),
        (reply(401, ""), ErrorCode::Http401, None),
        (broken(ErrorCode::Tcp), ErrorCode::Tcp, None),
    ] {
        let (found, broken_off, asked) = run(well().with("/api/v1/namespaces", vec![answer])).await;
        assert_eq!(asked.last().unwrap(), "/api/v1/namespaces?limit=500");
        assert_eq!(parts(&found), "wv");
        assert_eq!(found.requested.unwrap_err().code, code);
        assert_eq!(broken_off.unwrap().retry_after, wait.map(Duration::from_secs));
    }
}

#[tokio::test]
async fn a_token_that_was_forgotten_begins_the_list_anew_once() {
    let page = |next: &str, name: &str| {
        list("DeploymentList", next, &format!(r#"{{"metadata":{{"name":"{name}"}}}}"#))
    };
    let gone = || reply(410, r#"{"kind":"Status","message":"expired"}"#);
    let path = "/apis/apps/v1/deployments";
    let (found, _, _) =
        run(well().with(path, vec![page("t", "a"), gone(), page("t", "b"), page("", "c")])).await;
    let names: Vec<_> = found.workloads.unwrap().iter().map(|w| w.name.to_string()).collect();
    assert_eq!(names, ["b", "c", "three"]);
    let (found, _, _) = run(well().with(path, vec![page("t", "a"), gone(), page("t", "a"), gone()])).await;
    assert_eq!(found.workloads.unwrap_err().code, ErrorCode::Http);
}

#[tokio::test]
async fn a_list_without_end_is_left() {
    let endless = vec![list("NetworkPolicyList", "again", "")];
    let (found, _, asked) = run(well().with("/apis/networking.k8s.io/v1/networkpolicies", endless)).await;
    assert_eq!(found.policies.unwrap_err().code, ErrorCode::Parse);
    assert!(asked.len() < MOST_PAGES + 20);
    let items = vec![r#"{"metadata":{"name":"d","namespace":"n"}}"#; 500].join(",");
    let (found, _, asked) =
        run(well().with("/apis/apps/v1/deployments", vec![list("DeploymentList", "again", &items)])).await;
    assert_eq!(found.workloads.unwrap().len(), MOST_WORKLOADS);
    assert_eq!(asked.iter().filter(|path| path.contains("deployments")).count(), 10);
}

#[tokio::test]
async fn its_requests_wait_for_their_budget_and_its_deadline_ends_it() {
    let mut budget = Budget::new(1, 3);
    let (inspected, asked) = run_within(well(), &mut budget, Duration::from_millis(300)).await;
    assert_eq!((asked.len(), inspected.broken_off.is_none()), (3, true));
    assert_eq!(inspected.inspection.requested.unwrap_err().code, ErrorCode::Timeout);
    assert_eq!(inspected.inspection.served.unwrap().len(), 5);
}

#[tokio::test]
async fn without_discovery_every_kind_is_asked_for_and_history_is_not_told_from_use() {
    let (found, _, asked) = run(well().with("/apis", vec![reply(403, "")])).await;
    assert!(found.served.is_err());
    assert_eq!(found.managed.unwrap().len(), 1);
    assert!(asked.iter().any(|path| path.contains("flowschemas")));
}
