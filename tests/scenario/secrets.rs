//! What is known to be secret is in nothing that the program writes, whatever is asked of it and whatever goes wrong.

use std::path::Path;

use fleetglass::sim::{Fault, Refusal, Route};

use crate::support::{Served, quiet};
use crate::trouble::program;

/// Stands in every secret of the kubeconfig below.
const SECRET: &str = "hunter2QmVydGhh";

/// Contexts that fail in every way in which a secret is at hand: refused, malformed, misplaced, in a URL, in a plugin.
fn kubeconfig(server: &str, dir: &Path) -> String {
    let plugin = dir.join("plugin");
    std::fs::write(&plugin, "#!/bin/sh\necho \"$SECRET\"; echo \"$KUBERNETES_EXEC_INFO\"; echo \"bad token $SECRET\" >&2; exit 3\n").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&plugin, executable).unwrap();
    std::fs::write(dir.join("token-file"), format!("{SECRET}\nmore\n")).unwrap();
    let exec = format!(
        "apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: {}",
        plugin.display()
    );
    let users = [
        ("token", format!("token: {SECRET}")),
        ("token-broken", format!("token: \"{SECRET}\\n\"")),
        ("basic", format!("username: u\n    password: {SECRET}")),
        ("both", format!("username: u\n    password: {SECRET}\n    token: {SECRET}")),
        ("file", "tokenFile: token-file".to_owned()),
        ("misplaced", format!("tokenFile: {SECRET}/x\n    client-key: {SECRET}")),
        ("token-as-file", format!("tokenFile: eyJhbGciOiJub25lIn0.{SECRET}.{SECRET}")),
        ("pair", format!("client-certificate-data: {SECRET}\n    client-key-data: {SECRET}")),
        ("plugin", format!("exec: {{{exec}, args: [{SECRET}], env: [{{name: SECRET, value: {SECRET}}}]}}")),
        ("provider", format!("auth-provider: {{name: oidc, config: {{refresh-token: {SECRET}}}}}")),
    ];
    let mut text = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: plain\n  cluster:\n    server: {server}\n    insecure-skip-tls-verify: true\n\
         - name: in-url\n  cluster:\n    server: https://u:{SECRET}@127.0.0.1:1\n\
         - name: proxied\n  cluster:\n    server: {server}\n    proxy-url: http://u:{SECRET}@127.0.0.1:1\n\
         - name: proxy-broken\n  cluster:\n    server: {server}\n    proxy-url: 'gopher://u:{SECRET}@127.0.0.1:1'\n"
    );
    text.push_str("users:\n");
    for (name, user) in &users {
        text = format!("{text}- name: {name}\n  user:\n    {user}\n");
    }
    text.push_str("contexts:\n");
    for (name, _) in &users {
        for cluster in ["plain", "in-url", "proxied", "proxy-broken"] {
            text =
                format!("{text}- name: {cluster}-{name}\n  context: {{cluster: {cluster}, user: {name}}}\n");
        }
    }
    text
}

#[test]
fn no_output_has_a_secret_of_the_kubeconfig_or_of_the_environment() {
    let fleet = Served::start(quiet(1));
    let server = fleet.sim(|sim| {
        let one = sim.clusters()[0].clone();
        sim.set_fault(&one.name, Route::Nodes, Some(Fault::Refusal(Refusal::Forbidden)));
        one.url
    });
    let dir = fleet.dir.path();
    let path = dir.join("secret.yaml");
    std::fs::write(&path, kubeconfig(&server, dir)).unwrap();
    // A file that is broken in the middle of a secret.
    std::fs::write(dir.join("broken.yaml"), format!("users:\n- name: u\n  user: {{token: \"{SECRET}\n"))
        .unwrap();
    for args in [
        &["status", "--json", "--timeout", "30s"][..],
        &["status", "-v", "--timeout", "30s", "-o", "wide"],
        &["status", "--no-contact", "-o", "yaml"],
        &["clusters", "list", "-o", "json", "--timeout", "30s"],
        &["clusters", "show", "plain-token", "--timeout", "30s"],
        &["clusters", "show", "proxied-plugin", "-o", "json", "--timeout", "30s"],
        &["events", "--timeout", "30s", "-v"],
        &["doctor", "-v"],
        &["doctor", "-o", "json"],
        &["config", "print"],
    ] {
        let output = program(dir, args)
            .args([
                "--kubeconfig",
                path.to_str().unwrap(),
                "--kubeconfig",
                dir.join("broken.yaml").to_str().unwrap(),
            ])
            .env("HTTPS_PROXY", format!("http://u:{SECRET}@127.0.0.1:1"))
            .env("ALL_PROXY", format!("gopher://u:{SECRET}@127.0.0.1:1"))
            .env("HTTP_PROXY", format!("u:{SECRET}@@:::"))
            .env("NO_PROXY", format!("a.test,http://u:{SECRET}@b.test,10.0.0.0/99,"))
            .env("RUST_BACKTRACE", "full")
            .env("RUST_LOG", "trace")
            .output()
            .unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let at = said.lines().find(|line| line.contains("hunter2"));
        assert_eq!(at, None, "{args:?}");
        assert!(!said.contains("panicked"), "{args:?}: {said}");
        assert!(said.len() > 20, "{args:?} says nothing: {said}");
    }
    // The token did go where it belongs: what is kept from people is not kept from the server.
    assert!(fleet.sim(|sim| sim.audit()).iter().any(|line| line.code == 401));
}
