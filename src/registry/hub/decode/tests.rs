//! Objects as their registries write them, by hand, and what becomes of them: bytes to rows.

use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::*;
use crate::access::{Credential, Interactive, PemSource, ProxyChoice, Roots, Server, Target, Tls};
use crate::fleet::spec::{ProviderSpec, SourceSpec};
use crate::fleet::{Method, SightingId};
use crate::registry::hub::ask::Held;
use crate::registry::hub::kinds::resources;
use crate::registry::hub::table::Table;
use crate::registry::report::{Commands, Program, Sighted};

const UID: &str = "0d6f2c1e-5a3b-4c55-9a57-0e7e3c8a1b11";

pub(in crate::registry::hub) fn target(server: Server) -> Target {
    Target {
        server,
        tls: Tls { roots: Roots::System, server_name: None, insecure: false, client_cert: None },
        proxy: ProxyChoice::Environment,
        credential: Credential::Token(Arc::new("hub-token".to_owned().into())),
        impersonation: None,
        disable_compression: false,
        namespace: "default".to_owned(),
    }
}

fn setting(kind: SourceKind) -> Setting {
    let server = Server { tls: true, host: "hub.corp".to_owned(), port: 6443, path: String::new() };
    let program = |command: &[&str]| Program {
        command: command.iter().map(|c| (*c).to_owned()).collect(),
        env: BTreeMap::from([("OWN".to_owned(), "1".to_owned())]),
    };
    let provider = |name: &str| ProviderSpec {
        name: name.to_owned(),
        program: name.to_owned(),
        ..ProviderSpec::default()
    };
    Setting {
        kind,
        name: CleanText::new("hub"),
        spec: SourceSpec {
            name: "hub".to_owned(),
            labels: BTreeMap::from([
                ("added".to_owned(), "yes".to_owned()),
                ("env".to_owned(), "no".to_owned()),
            ]),
            ..SourceSpec::default()
        },
        hub: Arc::new(target(server)),
        hub_sighting: SightingId {
            source: CleanText::new("~/.kube/config"),
            reference: CleanText::new("hub-context"),
        },
        commands: Arc::new(Commands {
            programs: BTreeMap::from([
                ("google".to_owned(), program(&["/opt/gcp-plugin", "--own"])),
                ("secretreader".to_owned(), program(&["reader"])),
            ]),
            allowed_plugins: vec!["kubelogin".to_owned(), "aws".to_owned()],
            ..Commands::default()
        }),
        providers: Arc::from([provider("secretreader"), provider("google")]),
    }
}

fn at() -> DateTime<Utc> {
    "2026-11-02T08:01:00Z".parse().unwrap()
}

struct Case {
    setting: Arc<Setting>,
    resource: usize,
    version: &'static str,
}

fn case(kind: SourceKind) -> Case {
    let version = resources(kind)[0].versions[0];
    Case { setting: Arc::new(setting(kind)), resource: 0, version }
}

impl Case {
    fn with(mut self, change: impl FnOnce(&mut Setting)) -> Self {
        let mut changed = setting(self.setting.kind);
        change(&mut changed);
        self.setting = Arc::new(changed);
        self
    }

    fn decode(&self, object: &Value) -> Decoded {
        let resource = &resources(self.setting.kind)[self.resource];
        decode(&self.setting, resource, self.version, object, at()).unwrap()
    }

    /// The row, with the Secret if there is one to read.
    fn row_with(&self, object: &Value, secret: Option<&[(&'static str, &[u8])]>) -> Sighted {
        let mut table = Table::new(self.setting.clone(), &[], vec![("x".to_owned(), false)]);
        let decoded = self.decode(object);
        let reference = decoded.sighting.id.reference.clone();
        let (_, wanted) = table.take(0, decoded);
        assert_eq!(wanted, secret.is_some(), "a Secret is read");
        if let Some(entries) = secret {
            let held = entries.iter().map(|(key, bytes)| (*key, bytes.to_vec())).collect();
            table.read(&reference, Ok(Held(held)));
        }
        table.report().sighted[0].clone()
    }

    fn row(&self, object: &Value) -> Sighted {
        self.row_with(object, None)
    }
}

fn ca() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap().pem();
    let base64 = STANDARD.encode(&pem);
    (pem, base64)
}

fn codes(sighted: &Sighted) -> Vec<&'static str> {
    sighted.sighting.problems.iter().map(|p| p.code).collect()
}

fn text(value: Option<&CleanText>) -> &str {
    value.map_or("-", CleanText::as_str)
}

fn label(sighted: &Sighted, key: &str) -> Option<String> {
    sighted.sighting.labels.get(&CleanText::new(key)).map(ToString::to_string)
}

fn property_of(sighted: &Sighted, key: &str) -> Option<String> {
    sighted.sighting.properties.get(&CleanText::new(key)).map(ToString::to_string)
}

fn health_of(sighted: &Sighted) -> (Truth, String) {
    let health = sighted.sighting.facts.health.as_ref().unwrap();
    (health.healthy, health.word.to_string())
}

fn exec_of(sighted: &Sighted) -> &crate::access::Exec {
    match &sighted.target.as_ref().unwrap().credential {
        Credential::Exec(exec) => exec,
        _ => panic!("no plugin"),
    }
}

fn kubeconfig_text(server: &str, ca: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: a@c\nclusters:\n- name: c\n  cluster:\n    server: {server}\n    \
         certificate-authority-data: {ca}\nusers:\n- name: a\n  user:\n    {user}\ncontexts:\n- name: a@c\n  context: {{cluster: c, user: a}}\n"
    )
}

fn profile(ca: &str) -> Value {
    json!({
        "metadata": {"name": "acme-hub-7f2kq", "namespace": "fleet-prod", "uid": "x",
            "labels": {"x-k8s.io/cluster-manager": "acme-hub", "env": "prod", "kubectl.kubernetes.io/last-applied": "no"}},
        "spec": {"displayName": "prod-eu-1", "clusterManager": {"name": "acme-hub"}},
        "status": {
            "version": {"kubernetes": "1.35.4"},
            "properties": [
                {"name": "cluster.clusterset.k8s.io", "value": UID},
                {"name": "clusterset.k8s.io", "value": "prod"},
                {"name": "location", "value": "eu-west-1", "lastObservedTime": "2026-11-02T08:00:00Z"}
            ],
            "conditions": [
                {"type": "ControlPlaneHealthy", "status": "True", "reason": "Probed", "message": "", "lastTransitionTime": "2026-11-01T10:00:00Z"},
                {"type": "Joined", "status": "True", "reason": "Joined"}
            ],
            "credentialProviders": [{"name": "google", "cluster": {"server": "https://old.example.test"}}],
            "accessProviders": [{"name": "google", "cluster": {
                "server": "https://PROD-eu-1.example.test:6443/",
                "certificate-authority-data": ca,
                "certificate-authority": "/etc/passwd",
                "tls-server-name": "api.internal",
                "proxy-url": "http://proxy.corp:3128",
                "disable-compression": true,
                "extensions": [
                    {"name": "client.authentication.k8s.io/exec", "extension": {"name": "prod-eu-1"}},
                    {"name": "clusterprofiles.multicluster.x-k8s.io/exec/additional-args", "extension": ["--evil"]},
                    {"name": "clusterprofiles.multicluster.x-k8s.io/exec/additional-envs", "extension": {"OWN": "2", "MORE": "3", "LD_PRELOAD": "/tmp/x.so"}}
                ]
            }}]
        }
    })
}

#[test]
fn a_cluster_profile_becomes_a_row_with_our_own_plugin() {
    let (_, ca) = ca();
    let row = case(SourceKind::ClusterProfile).row(&profile(&ca));
    let s = &row.sighting;
    assert_eq!((s.id.reference.as_str(), s.name.as_str()), ("fleet-prod/acme-hub-7f2kq", "prod-eu-1"));
    assert_eq!(text(s.uid.as_ref()), UID);
    assert_eq!(text(s.server.as_ref()), "https://prod-eu-1.example.test:6443");
    assert_eq!((s.authorities.len(), s.fronted), (1, false));
    assert_eq!(s.facts.version.as_ref().unwrap().to_string(), "v1.35.4");
    assert_eq!(text(s.facts.version_text.as_ref()), "1.35.4");
    assert_eq!(text(s.facts.region.as_ref()), "eu-west-1");
    assert_eq!(health_of(&row), (Truth::Yes, "ControlPlaneHealthy".to_owned()));
    assert_eq!(property_of(&row, "clusterset").as_deref(), Some("prod"));
    assert_eq!(
        label(&row, "env").as_deref(),
        Some("prod"),
        "what the source says is stronger than what is added"
    );
    assert_eq!(label(&row, "added").as_deref(), Some("yes"));
    assert_eq!(label(&row, "kubectl.kubernetes.io/last-applied"), None);
    let target = row.target.as_ref().unwrap();
    assert!(matches!(target.tls.roots, Roots::Bundle(PemSource::Inline(_))));
    assert_eq!(target.tls.server_name.as_deref(), Some("api.internal"));
    assert!(target.disable_compression && matches!(target.proxy, ProxyChoice::Explicit(_)));
    let exec = exec_of(&row);
    assert_eq!((exec.command.as_str(), exec.args.as_slice()), ("/opt/gcp-plugin", &["--own".to_owned()][..]));
    assert_eq!(exec.env, [("OWN".to_owned(), "1".to_owned())]);
    assert_eq!((exec.interactive, exec.provide_cluster_info), (Interactive::Never, true));
    assert_eq!(exec.cluster_config.as_deref(), Some(r#"{"name":"prod-eu-1"}"#));
    let path = s.path.as_ref().unwrap();
    assert_eq!((path.method, text(path.proxy.as_ref())), (Method::Exec, "http://proxy.corp:3128"));
    assert_eq!(path.sighting, s.id);
    assert_eq!(codes(&row), ["PROFILE_EXEC"; 3], "what the profile brings is told");
}

#[test]
fn policies_decide_what_a_profile_may_add_and_ours_is_never_changed() {
    let (_, ca) = ca();
    for (args, env, expect_args, expect_env) in [
        ("Append", "AppendIfNotExists", &["--own", "--evil"][..], &[("OWN", "1"), ("MORE", "3")][..]),
        ("Ignore", "Replace", &["--own"], &[("OWN", "2"), ("MORE", "3")]),
        ("", "", &["--own"], &[("OWN", "1")]),
    ] {
        let case = case(SourceKind::ClusterProfile).with(|s| {
            let provider = ProviderSpec {
                name: "google".to_owned(),
                program: "google".to_owned(),
                args_policy: Some(args.to_owned()),
                env_policy: Some(env.to_owned()),
            };
            s.providers = Arc::from([provider]);
        });
        // Twice: nothing may grow.
        for _ in 0..2 {
            let row = case.row(&profile(&ca));
            let exec = exec_of(&row);
            assert_eq!(exec.args, expect_args, "{args}");
            let mut env: Vec<_> = exec.env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            let mut expect = expect_env.to_vec();
            env.sort_unstable();
            expect.sort_unstable();
            assert_eq!(env, expect, "{env:?}");
        }
    }
    let case = case(SourceKind::ClusterProfile).with(|s| {
        let provider = ProviderSpec {
            name: "google".to_owned(),
            program: "google".to_owned(),
            args_policy: Some("Maybe".to_owned()),
            env_policy: None,
        };
        s.providers = Arc::from([provider]);
    });
    let row = case.row(&profile(&ca));
    assert_eq!((row.target.is_none(), codes(&row)), (true, vec!["PROFILE_EXEC", "BAD_POLICY"]));
}

#[test]
fn our_order_of_providers_decides_and_a_missing_one_is_told() {
    let two = json!({
        "metadata": {"name": "p", "namespace": "n"},
        "status": {"accessProviders": [
            {"name": "google", "cluster": {"server": "https://a.example.test"}},
            {"name": "secretreader", "cluster": {"server": "https://b.example.test/v1/projects/1/gkeMemberships/m"}}
        ]}
    });
    let row = case(SourceKind::ClusterProfile).row(&two);
    assert_eq!(exec_of(&row).command, "reader");
    assert_eq!(
        text(row.sighting.server.as_ref()),
        "https://b.example.test:443/v1/projects/1/gkeMemberships/m"
    );
    assert!(row.sighting.fronted);
    assert_eq!(row.target.as_ref().unwrap().server.path, "/v1/projects/1/gkeMemberships/m");

    for (providers, programs, code) in [(false, true, "NO_ACCESS_PROVIDER"), (true, false, "NO_PROGRAM")] {
        let row = case(SourceKind::ClusterProfile)
            .with(|s| {
                if !providers {
                    s.providers = Arc::from([]);
                }
                if !programs {
                    s.commands = Arc::default();
                }
            })
            .row(&two);
        assert!(row.target.is_none() && row.sighting.server.is_some());
        assert_eq!(codes(&row), [code]);
    }
}

fn capi(status: Value) -> Value {
    json!({
        "metadata": {"name": "prod-eu-1", "namespace": "clusters", "labels": {"env": "prod", "class": "core"}},
        "spec": {
            "controlPlaneEndpoint": {"host": "10.0.0.10", "port": 6443},
            "controlPlaneRef": {"apiGroup": "controlplane.cluster.x-k8s.io", "kind": "KubeadmControlPlane", "name": "cp"},
            "infrastructureRef": {"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "AWSCluster", "name": "prod-eu-1"},
            "topology": {"classRef": {"name": "std-ha"}, "class": "std-ha", "version": "v1.35.4"}
        },
        "status": status
    })
}

#[test]
fn cluster_api_is_read_alike_in_both_versions() {
    let (_, ca) = ca();
    let conditions = json!([
        {"type": "Available", "status": "True", "reason": "Available", "message": "", "lastTransitionTime": "2026-11-02T08:00:00Z"},
        {"type": "RollingOut", "status": "True", "reason": "RollingOut"},
        {"type": "TopologyReconciled", "status": "False", "reason": "ClusterUpgrading"}
    ]);
    let plane = json!({"desiredReplicas": 3, "replicas": 3, "readyReplicas": 3, "versions": [{"version": "v1.35.4", "replicas": 1}, {"version": "v1.34.8", "replicas": 2}]});
    let workers = json!({"replicas": 12, "readyReplicas": 11});
    let new = capi(
        json!({"phase": "Provisioned", "conditions": conditions, "controlPlane": plane, "workers": workers,
        "deprecated": {"v1beta1": {"conditions": [{"type": "Ready", "status": "False", "severity": "Info", "reason": "RollingUpdateInProgress"}]}}}),
    );
    let old = capi(json!({"phase": "Provisioned", "infrastructureReady": true,
        "conditions": [{"type": "Ready", "status": "False", "severity": "Warning", "reason": "RollingUpdateInProgress"}],
        "v1beta2": {"conditions": conditions, "controlPlane": plane, "workers": workers}}));
    let secret = kubeconfig_text("https://10.0.0.10:6443", &ca, "token: admin-token");
    for (version, object) in [("v1beta2", new), ("v1beta1", old)] {
        let case = Case { version, ..case(SourceKind::ClusterApi) };
        let row = case.row_with(&object, Some(&[("value", secret.as_bytes())]));
        let s = &row.sighting;
        assert_eq!((s.id.reference.as_str(), s.name.as_str()), ("clusters/prod-eu-1", "prod-eu-1"));
        assert_eq!(health_of(&row), (Truth::Yes, "Available".to_owned()), "{version}");
        assert_eq!(s.facts.version.as_ref().unwrap().to_string(), "v1.34.8");
        assert_eq!(s.facts.wanted_version.as_ref().unwrap().to_string(), "v1.35.4");
        assert_eq!(s.facts.nodes, Some((14, 15)));
        assert_eq!((text(s.facts.phase.as_ref()), text(s.facts.provider.as_ref())), ("Provisioned", "aws"));
        assert_eq!(property_of(&row, "cluster-class").as_deref(), Some("std-ha"));
        assert_eq!(text(s.server.as_ref()), "https://10.0.0.10:6443");
        assert_eq!(s.authorities.len(), 1, "from the kubeconfig");
        assert!(matches!(row.target.as_ref().unwrap().credential, Credential::Token(_)));
        assert_eq!(s.path.as_ref().unwrap().method, Method::Token);
        assert!(s.problems.is_empty(), "{:?}", s.problems);
    }
}

#[test]
fn cluster_api_health_never_fails_for_a_roll_out() {
    let bare = |conditions: Value| capi(json!({"conditions": conditions}));
    for (conditions, expect) in [
        (json!([{"type": "Ready", "status": "True"}]), Truth::Yes),
        (
            json!([{"type": "Ready", "status": "False", "severity": "Info", "reason": "Waiting"}]),
            Truth::Unknown,
        ),
        (
            json!([{"type": "Ready", "status": "False", "severity": "Warning", "reason": "RollingUpdateInProgress"}]),
            Truth::Unknown,
        ),
        (json!([{"type": "Ready", "status": "False", "severity": "Error", "reason": "Broken"}]), Truth::No),
        (json!([{"type": "RollingOut", "status": "True"}]), Truth::Unknown),
        (json!([]), Truth::Unknown),
    ] {
        let case = Case { version: "v1beta1", ..case(SourceKind::ClusterApi) };
        let health = case.decode(&bare(conditions.clone())).sighting.facts.health.unwrap();
        assert_eq!(health.healthy, expect, "{conditions}");
    }
    let failed = capi(
        json!({"failureMessage": "no quota", "v1beta2": {"conditions": [{"type": "Available", "status": "True"}]}}),
    );
    let case = Case { version: "v1beta1", ..case(SourceKind::ClusterApi) };
    assert_eq!(case.decode(&failed).sighting.facts.health.unwrap().healthy, Truth::No);
}

#[test]
fn a_paused_or_young_cluster_api_cluster_is_a_row_all_the_same() {
    let mut object = json!({"metadata": {"name": "young", "namespace": "n", "annotations": {"cluster.x-k8s.io/paused": ""}}, "spec": {}});
    let decoded = case(SourceKind::ClusterApi).decode(&object);
    assert!(decoded.sighting.facts.paused, "the annotation counts by being there");
    object["metadata"]["annotations"] = json!({});
    object["spec"] = json!({"paused": true, "topology": {"version": "v1.35.0"}});
    object["metadata"]["deletionTimestamp"] = json!("2026-11-02T08:00:00Z");
    let decoded = case(SourceKind::ClusterApi).decode(&object);
    let s = &decoded.sighting;
    assert!(s.facts.paused && s.server.is_none() && s.problems.is_empty());
    assert_eq!((s.facts.version.clone(), text(s.facts.phase.as_ref())), (None, "Deleting"));
    assert_eq!(s.facts.wanted_version.as_ref().unwrap().to_string(), "v1.35.0");
}

#[test]
fn a_kubeconfig_of_a_registry_may_name_no_file_and_no_program_that_is_not_allowed() {
    let (_, ca) = ca();
    let case = case(SourceKind::ClusterApi);
    let exec = |command: &str, more: &str| {
        format!(
            "exec: {{apiVersion: client.authentication.k8s.io/v1, command: {command}, interactiveMode: IfAvailable{more}}}"
        )
    };
    for (user, code, usable) in [
        ("token: t".to_owned(), None, true),
        ("tokenFile: /home/me/.ssh/id_ed25519".to_owned(), Some("FILE_IN_REGISTRY"), false),
        ("client-certificate: /etc/hostname".to_owned(), Some("FILE_IN_REGISTRY"), false),
        (exec("kubelogin", ""), None, true),
        (exec("rm", ""), Some("PLUGIN_NOT_ALLOWED"), false),
        (exec("/usr/bin/kubelogin", ""), Some("PLUGIN_NOT_ALLOWED"), false),
        (exec("./kubelogin", ""), Some("PLUGIN_NOT_ALLOWED"), false),
        (
            exec("kubelogin", ", env: [{name: LD_PRELOAD, value: /tmp/x.so}]"),
            Some("PLUGIN_NOT_ALLOWED"),
            false,
        ),
        ("auth-provider: {name: gcp}".to_owned(), Some("AUTH_PROVIDER"), false),
        ("token: \"two words\"".to_owned(), Some("BAD_TOKEN"), false),
    ] {
        let secret = kubeconfig_text("https://10.0.0.10:6443", &ca, &user);
        let row = case.row_with(&capi(json!({})), Some(&[("value", secret.as_bytes())]));
        assert_eq!(row.target.is_some(), usable, "{user}: {:?}", row.sighting.problems);
        let told = codes(&row);
        assert!(code.is_none_or(|code| told.contains(&code)), "{user}: {told:?}");
        assert!(row.sighting.problems.iter().all(|p| p.severity < Severity::Error && p.origin.is_none()));
        assert!(row.sighting.problems.iter().all(|p| p.subject.as_str() == "clusters/prod-eu-1"));
    }
    for (secret, code) in [
        ("[", "BAD_KUBECONFIG"),
        ("", "BAD_KUBECONFIG"),
        ("kind: Pod", "BAD_KUBECONFIG"),
        ("\u{1b}]0;x", "BAD_KUBECONFIG"),
    ] {
        let row = case.row_with(&capi(json!({})), Some(&[("value", secret.as_bytes())]));
        assert_eq!((codes(&row), row.target.is_some()), (vec![code], false), "{secret}");
    }
    let row = case.row_with(&capi(json!({})), Some(&[]));
    assert_eq!(codes(&row), ["BAD_SECRET"]);
}

fn argo(config: Value, server: &str) -> Value {
    json!({
        "metadata": {"name": "prod-us-1", "namespace": "argocd",
            "annotations": {"argocd.argoproj.io/skip-reconcile": "true"},
            "labels": {"argocd.argoproj.io/secret-type": "cluster", "env": "prod", "argocd.argoproj.io/kubernetes-version": "1.31"}},
        "data": {"name": STANDARD.encode("prod-us"), "server": STANDARD.encode(server), "config": STANDARD.encode(config.to_string()), "project": STANDARD.encode("core")}
    })
}

#[test]
fn argo_secrets_give_each_way_to_sign_in() {
    let (_, ca) = ca();
    let tls = json!({"insecure": false, "caData": ca, "serverName": "inner"});
    let case = case(SourceKind::ArgoCd);
    for (config, method, command) in [
        (json!({"bearerToken": "tok", "tlsClientConfig": tls}), Method::Token, ""),
        (json!({"username": "ana", "password": "pw", "tlsClientConfig": tls}), Method::Basic, ""),
        (
            json!({"awsAuthConfig": {"clusterName": "c1", "roleARN": "arn:aws:iam::1:role/r"}, "bearerToken": "no", "tlsClientConfig": tls}),
            Method::Exec,
            "aws",
        ),
        (
            json!({"execProviderConfig": {"command": "kubelogin", "args": ["get-token"], "env": {"AAD_LOGIN_METHOD": "workloadidentity"}, "apiVersion": "client.authentication.k8s.io/v1beta1"}, "tlsClientConfig": tls}),
            Method::Exec,
            "kubelogin",
        ),
        (
            json!({"execProviderConfig": {"command": "argocd-k8s-auth", "args": ["azure"], "apiVersion": "client.authentication.k8s.io/v1beta1"}, "tlsClientConfig": tls}),
            Method::Exec,
            "kubelogin",
        ),
        (json!({"tlsClientConfig": tls}), Method::Anonymous, ""),
    ] {
        let row = case.row(&argo(config.clone(), "https://prod-us-1.example.test:6443/"));
        let s = &row.sighting;
        assert!(s.problems.is_empty(), "{config}: {:?}", s.problems);
        assert_eq!((s.name.as_str(), s.path.as_ref().unwrap().method), ("prod-us", method), "{config}");
        assert_eq!(text(s.server.as_ref()), "https://prod-us-1.example.test:6443");
        assert_eq!((s.authorities.len(), s.facts.paused), (1, true));
        assert_eq!((s.facts.version.clone(), text(s.facts.version_text.as_ref())), (None, "1.31"));
        assert_eq!(row.target.as_ref().unwrap().tls.server_name.as_deref(), Some("inner"));
        if !command.is_empty() {
            assert_eq!(exec_of(&row).command, command);
        }
        assert_eq!(s.labels.keys().map(CleanText::as_str).collect::<Vec<_>>(), ["added", "env"]);
    }
    let row = case.row(&argo(
        json!({"awsAuthConfig": {"clusterName": "c1"}, "tlsClientConfig": {"insecure": true, "caData": ca}}),
        "h:6443",
    ));
    assert_eq!(exec_of(&row).args, ["eks", "get-token", "--cluster-name", "c1"]);
    assert!(row.target.as_ref().unwrap().tls.insecure && row.sighting.path.as_ref().unwrap().insecure);
    for (config, code) in [
        (
            json!({"execProviderConfig": {"command": "sh", "args": ["-c", "id"], "apiVersion": "client.authentication.k8s.io/v1"}}),
            "PLUGIN_NOT_ALLOWED",
        ),
        (json!({"awsAuthConfig": {"clusterName": "--endpoint-url=https://evil"}}), "BAD_OBJECT"),
        (json!({"execProviderConfig": {"command": "kubelogin", "env": {"A": 5}}}), "BAD_OBJECT"),
        (json!([]), "BAD_OBJECT"),
    ] {
        let row = case.row(&argo(config.clone(), "https://h"));
        assert!(codes(&row).contains(&code), "{config}: {:?}", row.sighting.problems);
        if code != "BAD_OBJECT" || config.is_object() {
            assert!(row.target.is_none(), "{config}");
        }
        assert!(!format!("{row:?}").contains("evil"));
    }
}

#[test]
fn argos_own_cluster_is_the_hub() {
    let row = case(SourceKind::ArgoCd).row(&argo(json!({}), "https://kubernetes.default.svc"));
    let s = &row.sighting;
    assert!(s.hosts_source);
    assert_eq!(text(s.server.as_ref()), "https://hub.corp:6443");
    assert_eq!(row.target.as_ref().unwrap().server.host, "hub.corp");
    assert_eq!(s.path.as_ref().unwrap().via, None);
}

#[test]
fn a_secret_that_is_no_cluster_gives_no_way() {
    let mut object = argo(json!({"bearerToken": "tok"}), "https://h");
    object["metadata"]["labels"]["argocd.argoproj.io/secret-type"] = json!("repository");
    let row = case(SourceKind::ArgoCd).row(&object);
    assert!(row.target.is_none() && row.sighting.server.is_none());
    assert_eq!(codes(&row), ["BAD_OBJECT"]);
}

#[test]
fn ocm_says_who_and_where_and_how_it_does() {
    let (_, ca) = ca();
    let object = json!({
        "metadata": {"name": "store-0042", "labels": {"cluster.open-cluster-management.io/clusterset": "edge", "tier": "gold"}},
        "spec": {"hubAcceptsClient": true, "managedClusterClientConfigs": [{"url": "https://store-0042.example.test:6443", "caBundle": ca}]},
        "status": {
            "version": {"kubernetes": "v1.33.6+k3s1"},
            "clusterClaims": [{"name": "id.k8s.io", "value": UID}, {"name": "platform.open-cluster-management.io", "value": "BareMetal"}, {"name": "product.open-cluster-management.io", "value": "K3s"}],
            "conditions": [{"type": "ManagedClusterJoined", "status": "True"}, {"type": "ManagedClusterConditionAvailable", "status": "Unknown", "reason": "ManagedClusterLeaseUpdateStopped"}]
        }
    });
    let row = case(SourceKind::Ocm).row(&object);
    let s = &row.sighting;
    assert_eq!((s.id.reference.as_str(), text(s.uid.as_ref())), ("store-0042", UID));
    assert_eq!(health_of(&row), (Truth::Unknown, "ManagedClusterLeaseUpdateStopped".to_owned()));
    assert_eq!(
        (text(s.facts.provider.as_ref()), text(s.facts.phase.as_ref())),
        ("k3s", "ManagedClusterJoined")
    );
    assert_eq!(property_of(&row, "clusterset").as_deref(), Some("edge"));
    assert_eq!((s.authorities.len(), row.target.is_none(), s.path.is_none()), (1, true, true));
    let local = json!({"metadata": {"name": "local-cluster", "labels": {"local-cluster": "true"}}});
    let row = case(SourceKind::Ocm).row(&local);
    assert!(row.sighting.hosts_source && row.target.is_some());
    assert_eq!(health_of(&row).0, Truth::Unknown);
}

#[test]
fn karmada_leads_directly_with_a_secret_and_else_through_its_proxy() {
    let (pem, _) = ca();
    let push = json!({
        "metadata": {"name": "member1", "labels": {"env": "staging"}},
        "spec": {"id": UID, "syncMode": "Push", "apiEndpoint": "https://member1.example.test:6443", "secretRef": {"namespace": "karmada-cluster", "name": "member1"},
            "provider": "aws", "region": "eu-west-1", "zones": ["eu-west-1a"]},
        "status": {"kubernetesVersion": "v1.35.4", "nodeSummary": {"totalNum": 9, "readyNum": 8}, "conditions": [{"type": "Ready", "status": "False", "reason": "ClusterNotReachable"}]}
    });
    let case = case(SourceKind::Karmada);
    let row = case.row_with(&push, Some(&[("token", b"tok\n"), ("caBundle", pem.as_bytes())]));
    let s = &row.sighting;
    assert_eq!(
        (text(s.uid.as_ref()), s.facts.nodes, text(s.facts.region.as_ref())),
        (UID, Some((8, 9)), "eu-west-1")
    );
    assert_eq!(health_of(&row), (Truth::No, "ClusterNotReachable".to_owned()));
    assert_eq!(
        (row.target.as_ref().unwrap().server.host.as_str(), s.authorities.len()),
        ("member1.example.test", 1)
    );
    let mut pull = push;
    pull["spec"]["syncMode"] = json!("Pull");
    let row = case.row(&pull);
    let target = row.target.as_ref().unwrap();
    assert_eq!(
        (target.server.host.as_str(), target.server.path.as_str()),
        ("hub.corp", "/apis/cluster.karmada.io/v1alpha1/clusters/member1/proxy")
    );
    assert_eq!(text(row.sighting.path.as_ref().unwrap().via.as_ref()), "hub-context");
    assert_eq!(
        text(row.sighting.server.as_ref()),
        "https://member1.example.test:6443",
        "where the cluster itself is"
    );
}

fn rancher_management() -> Value {
    json!({
        "metadata": {"name": "c-m-abcd1234", "labels": {"site": "plant-7"}},
        "spec": {"displayName": "plant-7", "fleetWorkspaceName": "fleet-default"},
        "status": {
            "provider": "rke2", "driver": "imported", "apiEndpoint": "https://10.43.0.1:443", "version": {"gitVersion": "v1.34.6+rke2r1"}, "nodeCount": 4,
            "serviceAccountToken": "live-secret",
            "certificatesExpiration": {"kube-apiserver": {"expirationDate": "2027-01-01T00:00:00Z"}, "bad": {"expirationDate": 5}},
            "conditions": [{"type": "Ready", "status": "True", "lastUpdateTime": "2026-11-01T10:00:00Z"}, {"type": "Connected", "status": "False", "reason": "Disconnected"}]
        }
    })
}

fn rancher_provisioning() -> Value {
    json!({
        "metadata": {"name": "plant-7", "namespace": "fleet-default", "labels": {"class": "edge"}},
        "spec": {"kubernetesVersion": "v1.35.1+rke2r1", "rkeConfig": {}},
        "status": {"ready": true, "clusterName": "c-m-abcd1234", "clientSecretName": "plant-7-kubeconfig", "conditions": [{"type": "Updated", "status": "Unknown"}]}
    })
}

#[test]
fn ranchers_two_objects_are_one_row() {
    let (_, ca) = ca();
    let case = Case { resource: 1, ..case(SourceKind::Rancher) };
    let decoded = case.decode(&rancher_provisioning());
    assert_eq!(
        decoded.sighting.facts.health.as_ref().unwrap().healthy,
        Truth::Unknown,
        "status.ready says nothing"
    );
    let mut table =
        Table::new(case.setting.clone(), &[], vec![("m".to_owned(), false), ("p".to_owned(), false)]);
    let reference = decoded.sighting.id.reference.clone();
    assert!(table.take(1, decoded).1);
    let secret = kubeconfig_text(
        "https://rancher.corp/k8s/clusters/c-m-abcd1234",
        &ca,
        "token: kubeconfig-u-x:secret",
    );
    table.read(&reference, Ok(Held(BTreeMap::from([("value", secret.into_bytes())]))));
    table.take(0, Case { resource: 0, ..case }.decode(&rancher_management()));
    let report = table.report();
    assert_eq!(report.sighted.len(), 1);
    let (row, s) = (&report.sighted[0], &report.sighted[0].sighting);
    assert_eq!((s.id.reference.as_str(), s.name.as_str()), ("c-m-abcd1234", "plant-7"));
    assert_eq!(health_of(row), (Truth::No, "Disconnected".to_owned()));
    assert_eq!(s.facts.wanted_version.as_ref().unwrap().to_string(), "v1.35.1+rke2r1");
    assert_eq!(
        (label(row, "site").as_deref(), label(row, "class").as_deref()),
        (Some("plant-7"), Some("edge"))
    );
    assert_eq!(s.facts.certificates.len(), 1);
    assert_eq!(
        (text(s.facts.provider.as_ref()), property_of(row, "node-count").as_deref()),
        ("rke2", Some("4"))
    );
    assert_eq!(row.target.as_ref().unwrap().server.path, "/k8s/clusters/c-m-abcd1234");
    let path = s.path.as_ref().unwrap();
    assert_eq!((text(path.via.as_ref()), &path.sighting), ("rancher.corp", &s.id));
    assert_eq!(table.holder(&s.id.reference), Some(reference), "its Secret is that of the other object");
    assert!(!format!("{report:?}").contains("secret"));
    assert_eq!(codes(row), ["BAD_OBJECT"]);
}

#[test]
fn a_hub_reached_through_rancher_leads_to_the_others_with_the_same_credential() {
    let case = case(SourceKind::Rancher).with(|s| {
        let server = Server {
            tls: true,
            host: "rancher.corp".to_owned(),
            port: 443,
            path: "/k8s/clusters/local".to_owned(),
        };
        s.hub = Arc::new(target(server));
    });
    let row = case.row(&rancher_management());
    assert_eq!(row.target.as_ref().unwrap().server.path, "/k8s/clusters/c-m-abcd1234");
    assert_eq!(text(row.sighting.server.as_ref()), "https://rancher.corp:443/k8s/clusters/c-m-abcd1234");
    assert!(row.sighting.fronted && row.sighting.authorities.is_empty());
    let local = case.row(&json!({"metadata": {"name": "local"}}));
    assert!(local.sighting.hosts_source);
    assert_eq!(local.target.as_ref().unwrap().server.path, "/k8s/clusters/local");
}

#[test]
fn the_address_of_a_service_inside_a_cluster_is_nobodys() {
    let rancher = |endpoint: &str| {
        let mut object = rancher_management();
        object["status"]["apiEndpoint"] = json!(endpoint);
        case(SourceKind::Rancher).row(&object).sighting.server.as_ref().map(ToString::to_string)
    };
    for (endpoint, expect) in [
        ("https://10.43.0.1:443", None),
        ("https://10.43.0.1", None),
        ("https://[fd00::1]:443", None),
        ("https://100.64.0.1:443", None),
        ("https://kubernetes.default.svc", None),
        ("https://10.0.0.1:6443", Some("https://10.0.0.1:6443")),
        ("https://203.0.113.7:443", Some("https://203.0.113.7:443")),
        ("https://x.gr7.eu-west-1.eks.amazonaws.com", Some("https://x.gr7.eu-west-1.eks.amazonaws.com:443")),
    ] {
        assert_eq!(rancher(endpoint).as_deref(), expect, "{endpoint}");
    }
}

#[test]
fn fleets_agents_age_and_its_hub_url_is_not_the_clusters() {
    let object = |state: &str, seen: &str| {
        json!({
            "metadata": {"name": "plant-7", "namespace": "fleet-default", "labels": {"site": "plant-7"}},
            "spec": {"paused": true},
            "status": {"apiServerURL": "https://hub.example.test", "display": {"state": state, "readyBundles": "11/12"}, "agent": {"lastSeen": seen}}
        })
    };
    for (state, seen, expect) in [
        ("Modified", "2026-11-02T08:00:10Z", Truth::Yes),
        ("Ready", "2026-11-02T08:00:10Z", Truth::Yes),
        ("Ready", "2026-11-01T08:00:10Z", Truth::Unknown),
        ("ErrApplied", "2026-11-02T08:00:10Z", Truth::No),
        ("WaitCheckIn", "", Truth::Unknown),
    ] {
        let row = case(SourceKind::RancherFleet).row(&object(state, seen));
        assert_eq!(health_of(&row).0, expect, "{state} {seen}");
        assert!(row.sighting.facts.paused && row.sighting.server.is_none());
    }
}

#[test]
fn kubefleet_reads_agents_and_properties() {
    let (_, ca) = ca();
    let object = |healthy: &str, heartbeat: &str| {
        json!({
            "metadata": {"name": "aks-weu-3", "labels": {"env": "prod"}},
            "spec": {"heartbeatPeriodSeconds": 15},
            "status": {
                "conditions": [{"type": "Joined", "status": "True"}],
                "properties": {
                    "k8s.io/k8s-version": {"value": "v1.34.5"}, "kubernetes-fleet.io/node-count": {"value": "12"},
                    "k8s.io/cluster-entrypoint": {"value": "https://aks.example.test:443"}, "k8s.io/cluster-certificate-authority-data": {"value": ca}
                },
                "agentStatus": [{"type": "MemberAgent", "lastReceivedHeartbeat": heartbeat, "conditions": [{"type": "Healthy", "status": healthy, "reason": "R"}]}]
            }
        })
    };
    for (healthy, heartbeat, expect) in [
        ("True", "2026-11-02T08:00:30Z", Truth::Yes),
        ("True", "2026-11-02T07:00:30Z", Truth::Unknown),
        ("False", "2026-11-02T08:00:30Z", Truth::No),
    ] {
        let row = case(SourceKind::KubeFleet).row(&object(healthy, heartbeat));
        let s = &row.sighting;
        assert_eq!(health_of(&row).0, expect);
        assert_eq!(
            (text(s.server.as_ref()), s.authorities.len(), s.facts.heartbeat_seconds),
            ("https://aks.example.test:443", 1, Some(75))
        );
        assert_eq!(s.facts.version.as_ref().unwrap().to_string(), "v1.34.5");
        assert_eq!(property_of(&row, "kubernetes-fleet.io/node-count").as_deref(), Some("12"));
    }
}

#[test]
fn kubefed_without_ready_is_not_healthy_and_takes_addresses_without_a_scheme() {
    let (_, ca) = ca();
    let object = |conditions: Value| {
        json!({
            "metadata": {"name": "eu-2", "namespace": "kube-federation-system"},
            "spec": {"apiEndpoint": "eu-2.example.test:6443", "caBundle": ca, "secretRef": {"name": "eu-2-x7k2p"}},
            "status": {"kubernetesVersion": "1.27.16", "region": "eu-central-1", "zones": ["a"], "conditions": conditions}
        })
    };
    for (conditions, expect) in [
        (json!([{"type": "Ready", "status": "True", "lastProbeTime": "2026-11-02T08:00:50Z"}]), Truth::Yes),
        (
            json!([{"type": "Ready", "status": "True", "lastProbeTime": "2021-11-02T08:00:50Z"}]),
            Truth::Unknown,
        ),
        (json!([{"type": "Offline", "status": "True", "lastProbeTime": "2026-11-02T08:00:50Z"}]), Truth::No),
        (json!([]), Truth::Unknown),
    ] {
        let row = case(SourceKind::KubeFed).row_with(&object(conditions.clone()), Some(&[("token", b"tok")]));
        assert_eq!(health_of(&row).0, expect, "{conditions}");
        assert_eq!(text(row.sighting.server.as_ref()), "https://eu-2.example.test:6443");
        assert_eq!(row.sighting.facts.version.as_ref().unwrap().to_string(), "v1.27.16");
        assert!(matches!(row.target.as_ref().unwrap().tls.roots, Roots::Bundle(_)));
    }
}

#[test]
fn cluster_registry_takes_the_address_for_everybody() {
    let (_, ca) = ca();
    let object = json!({
        "metadata": {"name": "legacy-dc2", "namespace": "kube-multicluster-public"},
        "spec": {"kubernetesApiEndpoints": {"serverEndpoints": [{"clientCIDR": "10.0.0.0/8", "serverAddress": "10.0.0.1"}, {"clientCIDR": "0.0.0.0/0", "serverAddress": "10.20.0.10:6443"}], "caBundle": ca}},
        "status": {"conditions": [{"type": "OK", "status": "True", "lastHeartbeatTime": "2021-02-01T00:00:00Z"}]}
    });
    let row = case(SourceKind::ClusterRegistry).row(&object);
    assert_eq!(text(row.sighting.server.as_ref()), "https://10.20.0.10:6443");
    assert_eq!((health_of(&row).0, row.target.is_none()), (Truth::Unknown, true));
}

#[test]
fn an_object_of_wrong_types_keeps_its_row_in_every_kind() {
    let hostile: Vec<Value> = vec![
        json!({"metadata": {"name": "a", "namespace": "n", "labels": {"argocd.argoproj.io/secret-type": "cluster"}}}),
        json!({"metadata": {"name": "a", "namespace": "n", "labels": [], "annotations": 5}, "spec": "x", "status": 7, "data": []}),
        json!({"metadata": {"name": "a", "namespace": "n", "labels": {"x": 5, "argocd.argoproj.io/secret-type": "cluster"}}, "spec": {}, "status": {"conditions": {}, "properties": 5, "clusterClaims": "x", "version": [], "agentStatus": 5, "accessProviders": {}, "display": [], "certificatesExpiration": []}, "data": {"server": 5}}),
        json!({"metadata": {"name": "\u{1b}]0;evil\u{7}", "namespace": "../../x", "labels": {"\u{202e}": "\u{1b}[2J"}}, "spec": {"displayName": "\u{1b}[31m", "controlPlaneEndpoint": {"host": "a b", "port": 99_999_999}, "apiEndpoint": "https://user:pw@h", "id": 5, "secretRef": {"name": "../x", "namespace": ".."}, "managedClusterClientConfigs": [{"url": "javascript:x"}, 5]}}),
        json!({"metadata": {"name": "a", "namespace": "n", "labels": (0..5000).map(|n| (format!("k{n}"), Value::from("v"))).collect::<Map<_, _>>()}, "status": {"properties": vec![json!({"name": "a", "value": "b"}); 5000], "conditions": vec![json!(1); 5000]}}),
    ];
    let kinds = SourceKind::ALL.iter().filter(|kind| !resources(**kind).is_empty());
    for kind in kinds {
        for (resource, of) in resources(*kind).iter().enumerate() {
            for version in of.versions {
                for object in &hostile {
                    let case = Case { resource, version, ..case(*kind) };
                    let decoded = case.decode(object);
                    let s = &decoded.sighting;
                    assert!(!s.name.is_empty() && s.labels.len() <= MAX_PAIRS + 2, "{kind}");
                    assert!(s.problems.len() <= 8 && s.problems.iter().all(|p| p.severity < Severity::Error));
                    assert!(s.problems.iter().all(|p| p.subject == s.id.reference));
                    assert!(!format!("{s:?}").contains('\u{1b}'));
                    if let Some(secret) = decoded.reach.secret() {
                        let path = format!("{}/{}", secret.namespace, secret.name);
                        assert!(!path.contains("..") && !path.contains('\u{1b}'), "{path}");
                    }
                }
            }
        }
    }
}

#[test]
fn an_object_without_a_name_is_one_problem() {
    let of = &resources(SourceKind::ClusterApi)[0];
    let setting = setting(SourceKind::ClusterApi);
    for object in
        [json!(5), json!({}), json!({"metadata": {"name": 5}}), json!({"metadata": {"name": "a"}}), json!([])]
    {
        let problem = decode(&setting, of, "v1beta2", &object, at()).err().unwrap();
        assert_eq!((problem.code, problem.subject.as_str()), ("BAD_OBJECT", "clusters.cluster.x-k8s.io"));
    }
}

#[test]
fn profiles_that_this_program_exports_are_read_back() {
    let (documents, error) = crate::config::yaml::documents(include_str!("exported.yaml"));
    assert!(error.is_none());
    let setting = || case(SourceKind::ClusterProfile).with(|s| s.spec.labels.clear());
    let rows: Vec<Sighted> = documents
        .iter()
        .map(|document| {
            let mut object = document.to_json(&mut 10_000).unwrap();
            // It is applied to a namespace that the file leaves open.
            object["metadata"]["namespace"] = "fleet".into();
            setting().row(&object)
        })
        .collect();
    assert_eq!(rows.len(), 6);
    let row = rows.iter().find(|r| r.sighting.name.as_str() == "prod-us-east-1").unwrap();
    let sighting = &row.sighting;
    assert_eq!(text(sighting.uid.as_ref()), "9f1c6c1e-0000-4000-8000-0000000077aa");
    assert_eq!(text(sighting.server.as_ref()), "https://prod-us-east-1.example:6443");
    assert_eq!(label(row, "team").as_deref(), Some("pay"));
    assert_eq!(text(sighting.facts.region.as_ref()), "us-east-1");
    assert_eq!(sighting.facts.version.as_ref().unwrap().to_string(), "v1.36.1");
    let noted: Vec<_> = rows.iter().flat_map(codes).filter(|code| *code != "NO_ACCESS_PROVIDER").collect();
    assert_eq!(noted, Vec::<&str>::new());
}
