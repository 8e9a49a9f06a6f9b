use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;

use super::*;
use crate::fleet::ErrorCode;

/// A folder with plugins that note their runs.
struct Workshop(tempfile::TempDir);

impl Workshop {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// An executable script that first notes its run.
    fn plugin(&self, name: &str, script: &str) -> Arc<Exec> {
        let path = self.at(name);
        let runs = self.at("runs");
        std::fs::write(&path, format!("#!/bin/sh\necho run >> {}\n{script}\n", runs.display())).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Arc::new(exec(path.to_str().unwrap()))
    }

    fn runs(&self) -> usize {
        std::fs::read_to_string(self.at("runs")).unwrap_or_default().lines().count()
    }
}

fn exec(command: &str) -> Exec {
    Exec {
        api_version: "client.authentication.k8s.io/v1".to_owned(),
        command: command.to_owned(),
        args: Vec::new(),
        env: Vec::new(),
        install_hint: None,
        provide_cluster_info: false,
        interactive: Interactive::IfAvailable,
        cluster_config: None,
    }
}

fn answer(status: &str) -> String {
    format!(r#"{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{status}}}"#)
}

fn says(status: &str) -> String {
    format!("cat <<'END'\n{}\nEND", answer(status))
}

fn with(server: &Server, exec: Arc<Exec>) -> Arc<Target> {
    let mut target = plain(server);
    target.credential = Credential::Exec(exec);
    Arc::new(target)
}

fn any() -> Server {
    serve(None, |_| vec![ok("{}")])
}

async fn fails(access: &Access, server: &Server, exec: Arc<Exec>, words: &str) -> Failure {
    let failure = access.link(with(server, exec)).get(&VERSION).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Exec, "{failure}");
    assert!(failure.message.as_str().contains(words), "{words}: {failure}");
    failure
}

#[tokio::test]
async fn one_run_serves_everybody_with_the_same_identity() {
    let (shop, server) = (Workshop::new(), any());
    let plugin = shop.plugin("login", &format!("sleep 0.3\n{}", says(r#"{"token":"tok"}"#)));
    let access = access();
    let mut links: Vec<_> = (0..20).map(|_| access.link(with(&server, plugin.clone()))).collect();
    let all = links.iter_mut().map(|link| link.get(&VERSION));
    for reply in futures::future::join_all(all).await {
        assert_eq!(reply.unwrap().status, 200);
    }
    assert_eq!(shop.runs(), 1);
    assert!(server.heads().iter().all(|head| header(head, "authorization") == Some("Bearer tok")));
    let mut other = (*plugin).clone();
    other.args.push("--profile=b".to_owned());
    assert_eq!(access.link(with(&server, Arc::new(other))).get(&VERSION).await.unwrap().status, 200);
    assert_eq!(shop.runs(), 2, "other arguments are another identity");
}

#[tokio::test]
async fn plugins_run_at_most_so_many_at_once() {
    let (shop, server) = (Workshop::new(), any());
    std::fs::create_dir(shop.at("now")).unwrap();
    let (now, most) = (shop.at("now"), shop.at("most"));
    let plugin = shop.plugin(
        "login",
        &format!(
            "touch {0}/$$\nls {0} | wc -l >> {1}\nsleep 0.2\nrm {0}/$$\n{2}",
            now.display(),
            most.display(),
            says(r#"{"token":"tok"}"#)
        ),
    );
    let access = Access::new(Settings { max_plugins: 2, ..settings() }, Clock::system()).unwrap();
    let mut links: Vec<_> = (0..8)
        .map(|i| {
            access.link(with(&server, Arc::new(Exec { args: vec![i.to_string()], ..(*plugin).clone() })))
        })
        .collect();
    for reply in futures::future::join_all(links.iter_mut().map(|link| link.get(&VERSION))).await {
        assert_eq!(reply.unwrap().status, 200);
    }
    assert_eq!(shop.runs(), 8);
    let seen = std::fs::read_to_string(most).unwrap();
    assert!(seen.lines().all(|n| n.trim().parse::<u32>().unwrap() <= 2), "{seen}");
}

#[tokio::test]
async fn the_plugin_learns_what_the_protocol_says_and_our_variable_wins() {
    let (shop, ca) = (Workshop::new(), Ca::new(NOW));
    let server =
        serve(Some(server_tls(&ca.issue("s", &["127.0.0.1", "x.test"], NOW), None)), |_| vec![ok("{}")]);
    let script = format!(
        "printf %s \"$KUBERNETES_EXEC_INFO\" > {}\nprintf %s \"$COLOUR $1\" > {}\n{}",
        shop.at("info").display(),
        shop.at("own").display(),
        says(r#"{"token":"tok"}"#)
    );
    let plugin = Exec {
        provide_cluster_info: true,
        cluster_config: Some(r#"{"audience":"a"}"#.to_owned()),
        args: vec!["it's one".to_owned()],
        env: vec![
            ("COLOUR".to_owned(), "green".to_owned()),
            ("KUBERNETES_EXEC_INFO".to_owned(), "forged".to_owned()),
        ],
        ..(*shop.plugin("login", &script)).clone()
    };
    let mut target = secure(&server, &ca.pem);
    target.tls.server_name = Some("x.test".to_owned());
    target.credential = Credential::Exec(Arc::new(plugin));
    let mut settings = settings();
    settings.plugin_env.push(("COLOUR".into(), "red".into()));
    let access = Access::new(settings, Clock::system()).unwrap();
    assert_eq!(access.link(Arc::new(target)).get(&VERSION).await.unwrap().status, 200);
    let info: serde_json::Value = serde_json::from_slice(&std::fs::read(shop.at("info")).unwrap()).unwrap();
    assert_eq!(info["apiVersion"], "client.authentication.k8s.io/v1");
    assert_eq!(info["kind"], "ExecCredential");
    assert_eq!(info["spec"]["interactive"], false);
    let cluster = &info["spec"]["cluster"];
    assert_eq!(cluster["server"], format!("https://{}", server.addr));
    assert_eq!(cluster["tls-server-name"], "x.test");
    assert_eq!(cluster["config"]["audience"], "a");
    assert!(cluster["certificate-authority-data"].as_str().unwrap().starts_with("LS0tLS1CRUdJTi"));
    assert_eq!(std::fs::read_to_string(shop.at("own")).unwrap(), "green it's one");
}

#[tokio::test]
async fn answers_are_believed_to_the_letter_only() {
    let (shop, server, access) = (Workshop::new(), any(), access());
    let v1 = "client.authentication.k8s.io/v1";
    let ca = Ca::new(NOW);
    let pair = ca.issue("me", &[], NOW);
    let cert = serde_json::to_string(&pair.cert).unwrap();
    let cases = [
        ("", "the answer is empty"),
        ("please sign in\n", "not one JSON object"),
        ("apiVersion: client.authentication.k8s.io/v1\nkind: ExecCredential\n", "not one JSON object"),
        (&*format!("{0}{0}", answer(r#"{"token":"t"}"#)), "not one JSON object"),
        ("[]", "no ExecCredential"),
        (r#"{"status":{"token":"t"}}"#, "not of kind ExecCredential"),
        (
            &*format!(r#"{{"kind":"ExecCredential","apiVersion":"{v1}beta1","status":{{"token":"t"}}}}"#),
            "apiVersion client.authentication.k8s.io/v1beta1, asked was",
        ),
        (&*format!(r#"{{"kind":"ExecCredential","apiVersion":"{v1}"}}"#), "has no status"),
        (&*answer("null"), "has no status"),
        (&*answer("{}"), "neither a token nor a certificate"),
        (&*answer(r#"{"token":""}"#), "neither a token nor a certificate"),
        (&*answer(r#"{"token":7}"#), "no ExecCredential"),
        (&*answer(r#"{"token":"a\nb"}"#), "not one line of visible ASCII"),
        (&*answer(r#"{"token":"tök"}"#), "not one line of visible ASCII"),
        (&*answer(&format!(r#"{{"clientCertificateData":{cert}}}"#)), "a certificate without its key"),
        (&*answer(r#"{"clientKeyData":"x"}"#), "a key without its certificate"),
        (&*answer(r#"{"clientKeyData":"x","clientCertificateData":"y"}"#), "holds no certificate"),
        (&*answer(r#"{"token":"t","expirationTimestamp":"garbage"}"#), "no RFC 3339 time"),
        (&*answer(r#"{"token":"t","expirationTimestamp":"-2026-01-01T00:00:00Z"}"#), "no RFC 3339 time"),
        (&*answer(r#"{"token":"t","expirationTimestamp":"2001-01-01T00:00:00Z"}"#), "expired already"),
    ]
    .map(|(said, words)| (said.to_owned(), words));
    for (i, (said, words)) in cases.iter().enumerate() {
        std::fs::write(shop.at("said"), said).unwrap();
        let plugin = shop.plugin(&format!("login{i}"), &format!("cat {}", shop.at("said").display()));
        let failure = fails(&access, &server, plugin, words).await;
        assert!(!failure.message.as_str().contains("please"), "nothing is quoted");
    }
    assert_eq!(shop.runs(), cases.len() + 1, "what has expired gets a second chance");
    assert_eq!(server.connections(), 0, "nothing is sent without a credential");
    let plugin =
        shop.plugin("late", &says(r#"{"token":"t","expirationTimestamp":"9999-12-31T23:59:59Z","x":1}"#));
    assert_eq!(access.link(with(&server, plugin)).get(&VERSION).await.unwrap().status, 200);
}

#[tokio::test]
async fn output_without_end_is_cut_off() {
    let (shop, server, access) = (Workshop::new(), any(), access());
    fails(&access, &server, shop.plugin("noisy", "yes"), "printed more than 1 MiB").await;
    fails(&access, &server, shop.plugin("binary", "head -c 100000 /dev/urandom"), "not one JSON object")
        .await;
}

#[tokio::test]
async fn commands_that_cannot_run_are_told_apart() {
    let (shop, server) = (Workshop::new(), any());
    let mut settings = settings();
    settings.search_path = Some(format!(".::{}", shop.0.path().display()).into());
    let access = Access::new(settings, Clock::system()).unwrap();
    let missing =
        Exec { install_hint: Some("Get it:\n\u{1b}[31mcurl x\n".to_owned()), ..exec("no-such-plugin") };
    let failure = fails(&access, &server, Arc::new(missing), "plugin no-such-plugin not found").await;
    assert_eq!(failure.hint.unwrap().as_str(), "Get it: ␛[31mcurl x");
    fails(&access, &server, Arc::new(exec("/nowhere/plugin")), "plugin /nowhere/plugin not found").await;
    fails(&access, &server, Arc::new(exec("bin/plugin")), "relative path").await;
    fails(&access, &server, Arc::new(exec("")), "no command").await;
    std::fs::write(shop.at("plain"), "text").unwrap();
    let plain = shop.at("plain");
    fails(&access, &server, Arc::new(exec(plain.to_str().unwrap())), "is not executable").await;
    fails(&access, &server, Arc::new(exec("plain")), "not found").await;
    fails(&access, &server, Arc::new(exec(shop.0.path().to_str().unwrap())), "is not a file").await;
    let sign_in = Exec { interactive: Interactive::Always, ..(*shop.plugin("ask", "exit 0")).clone() };
    let failure = fails(&access, &server, Arc::new(sign_in), "wants a terminal").await;
    assert!(failure.hint.is_some());
    assert_eq!(shop.runs(), 0);
    shop.plugin("found", &says(r#"{"token":"t"}"#));
    assert_eq!(access.link(with(&server, Arc::new(exec("found")))).get(&VERSION).await.unwrap().status, 200);
    let big = Ca::new(NOW).pem.repeat(300);
    let mut target = secure(&server, &big);
    let wide = Exec { provide_cluster_info: true, ..exec("found") };
    target.credential = Credential::Exec(Arc::new(wide));
    let failure = access.link(Arc::new(target)).get(&VERSION).await.unwrap_err();
    assert!(failure.message.as_str().contains("the system passes 128"), "{failure}");
}

#[tokio::test]
async fn the_policy_is_asked_before_the_first_run() {
    let (shop, server) = (Workshop::new(), any());
    let plugin = shop.plugin("login", &says(r#"{"token":"t"}"#));
    let path = shop.at("login").to_str().unwrap().to_owned();
    let list = |entry: &str| PluginPolicy::Allowlist(vec!["other".to_owned(), entry.to_owned()]);
    for (policy, allowed) in [
        (PluginPolicy::DenyAll, false),
        (PluginPolicy::Allowlist(Vec::new()), false),
        (list("/elsewhere/login"), false),
        (list("login"), true),
        (list(&path), true),
        (PluginPolicy::AllowAll, true),
    ] {
        let before = shop.runs();
        let mut settings = settings();
        settings.search_path = Some(shop.0.path().into());
        settings.plugin_policy = policy.clone();
        let access = Access::new(settings, Clock::system()).unwrap();
        if allowed {
            assert_eq!(access.link(with(&server, plugin.clone())).get(&VERSION).await.unwrap().status, 200);
        } else {
            fails(&access, &server, plugin.clone(), "not allowed by credentialPluginPolicy").await;
        }
        assert_eq!(shop.runs() - before, usize::from(allowed), "{policy:?}");
    }
}

#[tokio::test]
async fn complaints_are_cleaned_and_secrets_not_told() {
    let (shop, server, access) = (Workshop::new(), any(), access());
    let script =
        "echo TOPSECRET; printf 'first\\n\\033[31mtoken expired\\033]52;c;AA\\007\\n\\n' >&2; exit 7";
    let plugin = Exec {
        args: vec!["--password=hunter2".to_owned()],
        env: vec![("KEY".to_owned(), "hunter3".to_owned())],
        ..(*shop.plugin("login", script)).clone()
    };
    let failure =
        fails(&access, &server, Arc::new(plugin), "failed with exit code 7: ␛[31mtoken expired␛]52").await;
    let shown = format!("{failure:?}");
    assert!(!shown.contains("TOPSECRET") && !shown.contains("hunter"), "{shown}");
    let status = r#"echo '{"kind":"Status","message":"session expired, run login"}'; exit 1"#;
    fails(&access, &server, shop.plugin("newer", status), "session expired, run login").await;
}

#[tokio::test]
async fn a_plugin_that_hangs_ends_and_is_left_alone_for_a_while() {
    let (shop, server) = (Workshop::new(), any());
    let plugin = shop.plugin("login", "trap '' TERM; sleep 600 & while :; do sleep 1; done");
    let mut settings = settings();
    settings.deadlines.plugin_first = Duration::from_secs(1);
    settings.deadlines.plugin = Duration::from_secs(1);
    let clock = Clock::manual(Clock::system().now());
    let access = Access::new(settings, clock.clone()).unwrap();
    let failure = fails(&access, &server, plugin.clone(), "did not finish within 1 s").await;
    assert!(failure.hint.is_some());
    for (pause, runs) in [(0, 1), (29, 1), (2, 2), (31, 2), (30, 3)] {
        clock.advance(TimeDelta::seconds(pause));
        fails(&access, &server, plugin.clone(), "did not finish").await;
        assert_eq!(shop.runs(), runs, "after {pause} s more");
    }
    access.forget_credential_failures();
    fails(&access, &server, plugin, "did not finish").await;
    assert_eq!(shop.runs(), 4);
}

#[tokio::test]
async fn who_gives_up_does_not_stop_the_run() {
    let (shop, server) = (Workshop::new(), any());
    let plugin = shop.plugin("login", &format!("sleep 0.3\n{}", says(r#"{"token":"t"}"#)));
    let access = access();
    let mut link = access.link(with(&server, plugin));
    assert!(tokio::time::timeout(Duration::from_millis(20), link.ready()).await.is_err());
    assert_eq!(link.get(&VERSION).await.unwrap().status, 200);
    assert_eq!(shop.runs(), 1);
}

#[tokio::test]
async fn a_refused_token_is_fetched_once_more_and_the_same_one_not_sent_again() {
    let shop = Workshop::new();
    let counting = format!("n=$(wc -l < {} | tr -d ' ')\n", shop.at("runs").display());
    let renewing = shop.plugin(
        "renew",
        &format!("{counting}{}", says(r#"{"token":"tok-N"}"#).replace("cat <<'END'", "sed s/N/$n/ <<'END'")),
    );
    let server = serve(None, |head| {
        let good = header(head, "authorization") == Some("Bearer tok-2");
        vec![if good { ok("{}") } else { reply("401 Unauthorized", "text/plain", "") }]
    });
    let clock = Clock::manual(Clock::system().now());
    let access = Access::new(settings(), clock.clone()).unwrap();
    let mut link = access.link(with(&server, renewing));
    assert_eq!(link.get(&VERSION).await.unwrap().status, 200);
    assert_eq!((shop.runs(), server.heads().len()), (2, 2));
    let shop = Workshop::new();
    let stubborn = shop.plugin("same", &says(r#"{"token":"tok-x"}"#));
    let mut link = access.link(with(&server, stubborn));
    for (pause, runs) in [(0, 2), (1, 2), (31, 3)] {
        clock.advance(TimeDelta::seconds(pause));
        let reply = link.get(&VERSION).await.unwrap();
        assert_eq!(reply.failure().unwrap().code, ErrorCode::Http401);
        assert_eq!(shop.runs(), runs);
    }
}

#[tokio::test]
async fn many_who_are_refused_at_once_share_one_new_run() {
    let shop = Workshop::new();
    let script = format!(
        "n=$(wc -l < {} | tr -d ' ')\n[ $n = 1 ] || sleep 0.2\n{}",
        shop.at("runs").display(),
        says(r#"{"token":"tok-N"}"#).replace("cat <<'END'", "sed s/N/$n/ <<'END'")
    );
    let plugin = shop.plugin("renew", &script);
    let server = serve(None, |head| {
        let good = header(head, "authorization") == Some("Bearer tok-2");
        vec![if good { ok("{}") } else { reply("401 Unauthorized", "text/plain", "") }]
    });
    let access = access();
    let mut links: Vec<_> = (0..10).map(|_| access.link(with(&server, plugin.clone()))).collect();
    for reply in futures::future::join_all(links.iter_mut().map(|link| link.get(&VERSION))).await {
        assert_eq!(reply.unwrap().status, 200);
    }
    assert_eq!(shop.runs(), 2);
}

#[tokio::test]
async fn a_token_is_renewed_beside_its_use_and_not_used_after_its_end() {
    let (shop, server) = (Workshop::new(), any());
    let said = shop.at("said");
    let start = Clock::system().now();
    let clock = Clock::manual(start);
    let tell = |token: &str, minutes: i64| {
        let end = (start + TimeDelta::minutes(minutes)).to_rfc3339();
        std::fs::write(&said, answer(&format!(r#"{{"token":"{token}","expirationTimestamp":"{end}"}}"#)))
            .unwrap();
    };
    tell("one", 10);
    let plugin = shop.plugin("login", &format!("cat {}", said.display()));
    let access = Access::new(settings(), clock.clone()).unwrap();
    let mut link = access.link(with(&server, plugin));
    let sent = |server: &Server| header(server.heads().last().unwrap(), "authorization").unwrap().to_owned();
    let reply = link.get(&VERSION).await.unwrap();
    assert_eq!(
        reply.credential_expires_at.unwrap().timestamp(),
        (start + TimeDelta::minutes(10)).timestamp()
    );
    clock.advance(TimeDelta::minutes(8));
    link.get(&VERSION).await.unwrap();
    assert_eq!((sent(&server).as_str(), shop.runs()), ("Bearer one", 1));
    tell("two", 20);
    clock.advance(TimeDelta::seconds(70));
    link.get(&VERSION).await.unwrap();
    assert_eq!(sent(&server), "Bearer one", "still good while the next one is fetched");
    until("the second run", || shop.runs() == 2).await;
    tokio::time::timeout(Duration::from_mins(1), async {
        while sent(&server) != "Bearer two" {
            link.get(&VERSION).await.unwrap();
        }
    })
    .await
    .unwrap();
    tell("three", 60);
    clock.advance(TimeDelta::minutes(30));
    link.get(&VERSION).await.unwrap();
    assert_eq!((sent(&server).as_str(), shop.runs()), ("Bearer three", 3));
}

#[tokio::test]
async fn another_certificate_means_another_connection() {
    let (shop, ca) = (Workshop::new(), Ca::new(NOW));
    let server = serve(Some(server_tls(&ca.issue("s", &["127.0.0.1"], NOW), Some(&ca))), |_| vec![ok("{}")]);
    let said = shop.at("said");
    let start = Clock::system().now();
    let clock = Clock::manual(start);
    let tell = |name: &str, minutes: i64| {
        let pair = ca.issue(name, &[], NOW);
        let status = serde_json::json!({
            "clientCertificateData": pair.cert, "clientKeyData": pair.key,
            "expirationTimestamp": (start + TimeDelta::minutes(minutes)).to_rfc3339(),
        });
        std::fs::write(&said, answer(&status.to_string())).unwrap();
    };
    tell("one", 10);
    let mut target = secure(&server, &ca.pem);
    target.credential = Credential::Exec(shop.plugin("login", &format!("cat {}", said.display())));
    let access = Access::new(settings(), clock.clone()).unwrap();
    let mut link = access.link(Arc::new(target));
    for _ in 0..2 {
        assert_eq!(link.get(&VERSION).await.unwrap().client_cert.unwrap().subject.as_str(), "one");
    }
    assert_eq!(server.connections(), 1);
    tell("two", 60);
    clock.advance(TimeDelta::minutes(11));
    assert_eq!(link.get(&VERSION).await.unwrap().client_cert.unwrap().subject.as_str(), "two");
    assert_eq!(server.connections(), 2);
    until("the old connection is closed", || access.sockets() == 1).await;
}

#[tokio::test]
async fn a_plugin_that_anybody_may_replace_is_mentioned() {
    let (shop, server, access) = (Workshop::new(), any(), access());
    let plugin = shop.plugin("login", &says(r#"{"token":"t"}"#));
    assert!(access.link(with(&server, plugin)).get(&VERSION).await.unwrap().warnings.is_empty());
    let plugin = shop.plugin("loose", &says(r#"{"token":"t"}"#));
    std::fs::set_permissions(Path::new(&plugin.command), std::fs::Permissions::from_mode(0o4777)).unwrap();
    let reply = access.link(with(&server, plugin)).get(&VERSION).await.unwrap();
    assert!(reply.warnings[0].as_str().contains("anybody may replace it"), "{:?}", reply.warnings);
    // Whoever may write to the folder may put another file in the place of one that only its owner may write.
    let open = shop.at("open");
    std::fs::create_dir(&open).unwrap();
    let plugin = shop.plugin("open/setuid", &says(r#"{"token":"t"}"#));
    std::fs::set_permissions(Path::new(&plugin.command), std::fs::Permissions::from_mode(0o4755)).unwrap();
    for (mode, warned) in [(0o777, true), (0o1777, false), (0o755, false)] {
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(mode)).unwrap();
        let access = Access::new(settings(), Clock::system()).unwrap();
        let reply = access.link(with(&server, plugin.clone())).get(&VERSION).await.unwrap();
        let told =
            reply.warnings.iter().any(|w| w.as_str().contains(&format!("{} is writable", open.display())));
        assert_eq!(told, warned, "{mode:o}: {:?}", reply.warnings);
    }
}

#[tokio::test]
async fn a_plugin_that_asks_on_the_terminal_finds_none_and_its_words_come_clean() {
    let (shop, server, access) = (Workshop::new(), any(), access());
    let ask_there =
        "exec 2>&1; printf 'Password: ' > /dev/tty && read -r answer < /dev/tty; echo \"no terminal\" >&2";
    let script = format!(
        "({ask_there}) > {} 2>&1\n[ -t 0 ] || [ -t 1 ] || [ -t 2 ] && exit 9\nread -r line && exit 8\nprintf '\\033]52;c;aHVudGVy\\007sign in first\\r\\n' >&2; exit 7",
        shop.at("told").display()
    );
    let failure = fails(&access, &server, shop.plugin("asks", &script), "failed with exit code 7").await;
    assert!(!failure.to_string().chars().any(char::is_control), "{failure}");
    assert!(failure.message.as_str().contains("sign in first"), "{failure}");
    assert!(std::fs::read_to_string(shop.at("told")).unwrap().contains("no terminal"));
}

#[tokio::test]
async fn many_clusters_behind_one_hanging_plugin_do_not_hinder_another() {
    let (shop, server) = (Workshop::new(), any());
    let stuck = shop.plugin("stuck", "sleep 600");
    let fine = shop.plugin("fine", &says(r#"{"token":"t"}"#));
    let access = Access::new(Settings { max_plugins: 2, ..settings() }, Clock::system()).unwrap();
    let waiting: Vec<_> = (0..200)
        .map(|_| {
            let mut link = access.link(with(&server, stuck.clone()));
            AbortOnDropHandle::new(tokio::spawn(async move { link.get(&VERSION).await.is_ok() }))
        })
        .collect();
    until("the hanging plugin runs", || shop.runs() == 1).await;
    assert_eq!(access.link(with(&server, fine)).get(&VERSION).await.unwrap().status, 200);
    assert_eq!(shop.runs(), 2, "one run for all who wait");
    drop(waiting);
}
