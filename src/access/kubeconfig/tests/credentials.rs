//! Trust and credentials: what is refused, what is preferred, and in which words.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;

use super::*;
use crate::access::{Credential, Interactive, KeySource, Roots};
use crate::fleet::Method;

const RSA_CERT: &str = include_str!("pem/rsa.crt");
const RSA_KEY: &str = include_str!("pem/rsa.key");
const RSA_KEY_PKCS1: &str = include_str!("pem/rsa1.key");
const EC_CERT: &str = include_str!("pem/ec.crt");
const EC_KEY: &str = include_str!("pem/ec.key");
const EC_KEY_ENCRYPTED: &str = include_str!("pem/ec.enc.key");
const EC_KEY_ENCRYPTED_OLD: &str = include_str!("pem/ec.old.key");
const ED_CERT: &str = include_str!("pem/ed.crt");
const ED_KEY: &str = include_str!("pem/ed.key");

fn b64(text: &str) -> String {
    STANDARD.encode(text)
}

fn cert_user(cert: &str, key: &str) -> String {
    format!("client-certificate-data: {}\nclient-key-data: {}\n", b64(cert), b64(key))
}

#[test]
fn credentials_go_over_http_to_this_machine_only() {
    for (server, user, usable) in [
        ("http://h", "token: t", false),
        ("http://h", "tokenFile: /t", false),
        ("http://h", "username: a\npassword: b", false),
        ("http://localhost:8080", "token: t", true),
        ("http://127.0.0.1:8080", "token: t", true),
        ("http://[::1]:8080", "token: t", true),
        ("http://h", "{}", true),
        ("https://h", "token: t", true),
    ] {
        let loaded = with(&format!("server: {server}"), user);
        let (codes, ok) = verdict(&loaded);
        assert_eq!(ok, usable, "{server} {user}");
        assert_eq!(codes.contains(&"TOKEN_OVER_HTTP"), !usable);
        assert_eq!(codes.contains(&"PLAIN_HTTP"), server.starts_with("http:"));
    }
}

#[test]
fn a_ca_that_cannot_be_one_is_told_by_cause() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let der = STANDARD.encode([0x30u8, 0x82, 1, 0, 0]);
    let mixed = b64(&format!("{RSA_CERT}{broken}"));
    for (field, codes, usable, words) in [
        ("certificate-authority-data: \"%%%\"".to_owned(), &["BAD_CA"][..], false, "base64"),
        (format!("certificate-authority-data: {}", b64("hello")), &["BAD_CA"], false, "no certificate"),
        (format!("certificate-authority-data: {}", b64(RSA_KEY)), &["BAD_CA"], false, "no certificate"),
        (format!("certificate-authority-data: {}", b64(broken)), &["BAD_CA"], false, "cannot be read"),
        (format!("certificate-authority-data: {der}"), &["BAD_CA"], false, "DER"),
        ("certificate-authority-data: ''".to_owned(), &["EMPTY_DATA"], true, "empty"),
        ("certificate-authority: /nowhere/ca.crt".to_owned(), &["BAD_CA"], false, "does not exist"),
        ("certificate-authority: /dev/zero".to_owned(), &["BAD_CA"], false, "device"),
        (format!("certificate-authority-data: {mixed}"), &["BAD_CA"], true, "1 certificates"),
        (
            format!("certificate-authority: /x\ncertificate-authority-data: {}", b64(RSA_CERT)),
            &["OVERRIDDEN"],
            true,
            "ignored",
        ),
        (
            format!("insecure-skip-tls-verify: true\ncertificate-authority-data: {}", b64(RSA_CERT)),
            &["INSECURE_WITH_CA"],
            true,
            "ignored",
        ),
    ] {
        let loaded = with(&field, "token: t");
        assert_eq!(verdict(&loaded), (codes.to_vec(), usable), "{field}");
        let message = loaded.contexts[0].problems[0].message.as_str();
        assert!(message.contains(words), "{field}: {message}");
    }
}

#[test]
fn a_bundle_of_five_hundred_certificates_is_kept_whole() {
    let pem = RSA_CERT.repeat(500);
    let loaded = with(&format!("certificate-authority-data: {}", b64(&pem)), "token: t");
    assert_eq!(verdict(&loaded), (vec![], true));
    let Roots::Bundle(crate::access::PemSource::Inline(bytes)) =
        &loaded.contexts[0].target.as_ref().unwrap().tls.roots
    else {
        panic!("inline");
    };
    assert_eq!(bytes.len(), pem.len());
    assert!(loaded.contexts[0].ca_expires.unwrap().timestamp() > 4_000_000_000);
}

#[test]
fn a_server_that_is_not_checked_is_marked() {
    let loaded = with("insecure-skip-tls-verify: true", "token: t");
    assert!(loaded.contexts[0].access.insecure && loaded.contexts[0].target.as_ref().unwrap().tls.insecure);
    assert!(!with("insecure-skip-tls-verify: false", "token: t").contexts[0].access.insecure);
}

#[test]
fn tokens_that_no_header_can_carry_are_refused_when_they_are_read() {
    for (token, words) in [
        ("\"a\\nb\"", "line break"),
        ("\"a\\r\"", "line break"),
        ("|\n  token", "line break"),
        ("\"a\\u0007b\"", "control"),
        ("\"a\\tb\"", "control"),
        ("größe", "ASCII"),
        ("a b", "space"),
        (&*"a".repeat(1 << 20), "64 KiB"),
    ] {
        let loaded = with("", &format!("token: {token}"));
        assert_eq!(verdict(&loaded), (vec!["BAD_TOKEN"], false), "{token:.20}");
        assert!(loaded.contexts[0].problems[0].message.as_str().contains(words), "{token:.20}");
    }
}

#[test]
fn certificate_and_key_are_checked_against_each_other() {
    for (cert, key, expected) in [
        (RSA_CERT, RSA_KEY, &[][..]),
        (RSA_CERT, RSA_KEY_PKCS1, &[]),
        (EC_CERT, EC_KEY, &[]),
        (ED_CERT, ED_KEY, &[]),
        (RSA_CERT, EC_KEY, &["KEY_MISMATCH"]),
        (EC_CERT, RSA_KEY, &["KEY_MISMATCH"]),
        (EC_CERT, RSA_KEY_PKCS1, &["KEY_MISMATCH"]),
        (EC_CERT, EC_KEY_ENCRYPTED, &["ENCRYPTED_KEY"]),
        (EC_CERT, EC_KEY_ENCRYPTED_OLD, &["ENCRYPTED_KEY"]),
        (EC_CERT, EC_CERT, &["BAD_KEY"]),
        (EC_KEY, EC_KEY, &["BAD_CERT"]),
        ("text", "text", &["BAD_CERT", "BAD_KEY"]),
    ] {
        let loaded = with("", &cert_user(cert, key));
        assert_eq!(verdict(&loaded), (expected.to_vec(), expected.is_empty()), "{cert:.40} {key:.40}");
        assert_eq!(loaded.contexts[0].access.method, Method::ClientCertificate);
    }
}

#[test]
fn a_client_certificate_says_who_and_until_when_and_its_parameters_block_is_dropped() {
    let loaded = with("", &cert_user(EC_CERT, EC_KEY));
    let context = &loaded.contexts[0];
    assert_eq!(context.access.identity.as_str(), "eva");
    assert!(context.access.expires_at.unwrap() > context.not_before.unwrap());
    let cert = context.target.as_ref().unwrap().tls.client_cert.as_ref().unwrap();
    let KeySource::Inline(key) = &cert.key else { panic!("inline") };
    assert!(EC_KEY.contains("EC PARAMETERS"));
    assert!(key.expose_secret().starts_with("-----BEGIN EC PRIVATE KEY-----"));
    assert!(!key.expose_secret().contains("PARAMETERS"));
}

#[test]
fn half_of_a_certificate_pair_is_told() {
    let loaded = with("", &format!("client-certificate-data: {}", b64(RSA_CERT)));
    assert_eq!(verdict(&loaded), (vec!["CERT_WITHOUT_KEY"], false));
    let loaded = with("", &format!("client-key-data: {}", b64(RSA_KEY)));
    assert_eq!(verdict(&loaded), (vec!["KEY_WITHOUT_CERT"], true));
    let loaded = with("", &format!("client-certificate-data: {}\nclient-key: /nowhere/key", b64(RSA_CERT)));
    assert_eq!(verdict(&loaded), (vec!["BAD_KEY"], false));
}

#[test]
fn relative_paths_start_from_the_file_that_holds_them() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("ca.crt", RSA_CERT);
    write("me.crt", EC_CERT);
    write("me.key", EC_KEY);
    write(
        "config",
        "clusters:\n- name: c\n  cluster:\n    server: https://h\n    certificate-authority: ca.crt\n\
         users:\n- name: cert\n  user:\n    client-certificate: ./me.crt\n    client-key: me.key\n\
         - name: file\n  user:\n    tokenFile: token\n\
         - name: near\n  user:\n    exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./plugin}\n\
         - name: far\n  user:\n    exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: plugin}\n\
         contexts:\n- {name: cert, context: {cluster: c, user: cert}}\n- {name: file, context: {cluster: c, user: file}}\n\
         - {name: near, context: {cluster: c, user: near}}\n- {name: far, context: {cluster: c, user: far}}\n",
    );
    let loaded = load(&Search { explicit: vec![dir.path().join("config")], ..Search::default() });
    let targets: Vec<_> =
        loaded.contexts.iter().map(|c| c.target.as_ref().unwrap_or_else(|| panic!("{c:?}"))).collect();
    let Roots::Bundle(crate::access::PemSource::File(ca)) = &targets[0].tls.roots else { panic!("file") };
    assert_eq!(*ca, dir.path().join("ca.crt"));
    let Credential::TokenFile(token) = &targets[1].credential else { panic!("token file") };
    assert_eq!(*token, dir.path().join("token"));
    let command = |i: usize| match &targets[i].credential {
        Credential::Exec(exec) => exec.command.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(Path::new(&command(2)), dir.path().join("./plugin"));
    assert_eq!(command(3), "plugin");
}

#[test]
fn credentials_have_the_precedence_of_client_go() {
    let exec = "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: p}";
    let oidc = "auth-provider: {name: oidc}";
    let cert = cert_user(EC_CERT, EC_KEY);
    for (user, method, codes, usable) in [
        ("{}".to_owned(), Method::Anonymous, &[][..], true),
        ("token: t".to_owned(), Method::Token, &[], true),
        ("token: t\ntokenFile: /f".to_owned(), Method::TokenFile, &["OVERRIDDEN"], true),
        ("username: a\npassword: b".to_owned(), Method::Basic, &[], true),
        ("token: t\nusername: a".to_owned(), Method::Token, &["MULTIPLE_METHODS"], false),
        ("username: 'a:b'\npassword: c".to_owned(), Method::Basic, &["BAD_CREDENTIAL"], false),
        (exec.to_owned(), Method::Exec, &[], true),
        (format!("token: t\n{exec}"), Method::Token, &["UNUSED_CREDENTIAL"], true),
        (format!("{cert}{exec}"), Method::ClientCertificate, &["UNUSED_CREDENTIAL"], true),
        (format!("{cert}token: t"), Method::ClientCertificate, &[], true),
        (format!("{exec}\n{oidc}"), Method::Anonymous, &["MULTIPLE_METHODS"], false),
        (oidc.to_owned(), Method::AuthProvider, &["AUTH_PROVIDER"], false),
        ("auth-provider: {name: gcp}".to_owned(), Method::AuthProvider, &["AUTH_PROVIDER"], false),
        ("auth-provider: {name: azure}".to_owned(), Method::AuthProvider, &["AUTH_PROVIDER"], false),
        (format!("token: t\n{oidc}"), Method::Token, &["UNUSED_CREDENTIAL"], true),
    ] {
        let loaded = with("", &user);
        assert_eq!(verdict(&loaded), (codes.to_vec(), usable), "{user}");
        assert_eq!(loaded.contexts[0].access.method, method, "{user}");
    }
    for (provider, hint) in [("oidc", "kubelogin"), ("gcp", "gke-gcloud-auth-plugin"), ("azure", "kubelogin")]
    {
        let loaded = with("", &format!("auth-provider: {{name: {provider}}}"));
        assert!(loaded.contexts[0].problems[0].hint.as_ref().unwrap().as_str().contains(hint));
    }
}

#[test]
fn plugins_are_checked_before_anybody_runs_them() {
    let v1 = "apiVersion: client.authentication.k8s.io/v1";
    for (exec, codes, words) in [
        (format!("{v1}, command: p, interactiveMode: Never"), &[][..], ""),
        (format!("{v1}, command: p"), &["BAD_EXEC"], "interactiveMode"),
        (format!("{v1}, command: p, interactiveMode: Sometimes"), &["BAD_EXEC"], "interactiveMode"),
        (format!("{v1}, interactiveMode: Never"), &["BAD_EXEC"], "command"),
        (format!("{v1}, command: '', interactiveMode: Never"), &["BAD_EXEC"], "command"),
        ("command: p".to_owned(), &["BAD_EXEC"], "apiVersion"),
        (
            "command: p, apiVersion: client.authentication.k8s.io/v1alpha1".to_owned(),
            &["BAD_EXEC"],
            "v1alpha1",
        ),
        ("command: p, apiVersion: v1".to_owned(), &["BAD_EXEC"], "apiVersion"),
        (format!("{v1}beta1, command: p, provideClusterInfo: null, env: null, args: null"), &[], ""),
        (format!("{v1}beta1, command: p, env: [{{name: '', value: x}}]"), &["BAD_EXEC"], "env"),
        (format!("{v1}beta1, command: p, env: [{{name: 'A=B', value: x}}]"), &["BAD_EXEC"], "env"),
        (
            format!("{v1}beta1, command: p, env: [{{name: LD_PRELOAD, value: x}}]"),
            &["EXEC_ENV"],
            "LD_PRELOAD",
        ),
        (format!("{v1}beta1, command: p, env: [{{name: PATH, value: x}}]"), &["EXEC_ENV"], "PATH"),
        (
            format!("{v1}beta1, command: p, env: [{{name: KUBERNETES_EXEC_INFO, value: x}}]"),
            &["EXEC_ENV"],
            "ignored",
        ),
        (format!("{v1}beta1, command: p, args: \"x\""), &["BAD_FIELD"], "args"),
        (format!("{v1}beta1, command: p, args: [\"\\0\"]"), &["BAD_EXEC"], "NUL"),
    ] {
        let loaded = with("", &format!("exec: {{{exec}}}"));
        let (found, usable) = verdict(&loaded);
        assert_eq!(found, codes, "{exec}");
        assert_eq!(usable, codes.is_empty() || codes == ["EXEC_ENV"], "{exec}");
        assert_eq!(loaded.contexts[0].access.method, Method::Exec);
        if let Some(problem) = loaded.contexts[0].problems.first() {
            assert!(problem.message.as_str().contains(words), "{exec}: {}", problem.message);
        }
    }
}

#[test]
fn the_environment_of_a_plugin_may_hold_nulls_and_numbers_and_ours_wins() {
    let loaded = with(
        "",
        "exec:\n  apiVersion: client.authentication.k8s.io/v1beta1\n  command: p\n  args: [a, 5, null, true]\n  installHint: brew\n  env:\n  - name: N\n    value: 5\n  - name: Z\n    value: null\n  - name: E\n  - name: KUBERNETES_EXEC_INFO\n    value: x\n",
    );
    let Credential::Exec(exec) = &loaded.contexts[0].target.as_ref().unwrap().credential else {
        panic!("exec")
    };
    let env: Vec<_> = exec.env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(env, [("N", "5"), ("Z", ""), ("E", "")]);
    assert_eq!(exec.args, ["a", "5", "", "true"]);
    assert_eq!((exec.interactive, exec.install_hint.as_deref()), (Interactive::IfAvailable, Some("brew")));
}

#[test]
fn a_plugin_that_is_told_about_the_cluster_has_one_identity_per_cluster() {
    let load = |info: bool| {
        text(&format!(
            "clusters:\n- name: a\n  cluster:\n    server: https://a\n    extensions:\n    - name: client.authentication.k8s.io/exec\n      extension: {{audience: x, n: 5, on: true, s: '5'}}\n\
             - name: b\n  cluster: {{server: 'https://b'}}\n\
             users:\n- name: u\n  user:\n    exec: {{apiVersion: client.authentication.k8s.io/v1beta1, command: p, provideClusterInfo: {info}}}\n\
             contexts:\n- {{name: a, context: {{cluster: a, user: u}}}}\n- {{name: b, context: {{cluster: b, user: u}}}}\n"
        ))
    };
    let told = load(true);
    assert_ne!(told.contexts[0].identity_key, told.contexts[1].identity_key);
    let Credential::Exec(exec) = &told.contexts[0].target.as_ref().unwrap().credential else {
        panic!("exec")
    };
    let config: serde_json::Value = serde_json::from_str(exec.cluster_config.as_ref().unwrap()).unwrap();
    assert_eq!(config, serde_json::json!({"audience": "x", "n": 5, "on": true, "s": "5"}));
    let untold = load(false);
    assert_eq!(untold.contexts[0].identity_key, untold.contexts[1].identity_key);
    assert_eq!(untold.contexts[0].access.identity, untold.contexts[1].access.identity);
}

#[test]
fn impersonation_needs_a_user() {
    for (user, usable) in [
        ("as: ana\nas-uid: '5'\nas-groups: [x, y]\nas-user-extra: {scopes: [a, b]}", true),
        ("as-uid: x", false),
        ("as-groups: [x]", false),
        ("as-user-extra: {a: [b]}", false),
        ("as: \"a\\nb\"", false),
    ] {
        let loaded = with("", &format!("token: t\n{user}"));
        let (codes, ok) = verdict(&loaded);
        assert_eq!(ok, usable, "{user}");
        assert_eq!(codes.contains(&"IMPERSONATION"), !usable);
        if let Some(target) = &loaded.contexts[0].target {
            let found = target.impersonation.as_ref().unwrap();
            assert_eq!((found.user.as_str(), found.uid.as_deref()), ("ana", Some("5")));
            assert_eq!(found.groups, ["x", "y"]);
            assert_eq!(found.extra, [("scopes".to_owned(), vec!["a".to_owned(), "b".to_owned()])]);
            assert_eq!(loaded.contexts[0].access.impersonates.as_ref().unwrap().as_str(), "ana");
        }
    }
}

#[test]
fn one_credential_has_one_identity_whatever_its_entry_is_called() {
    let loaded = text(
        "clusters:\n- {name: c, cluster: {server: 'https://c'}}\n- {name: d, cluster: {server: 'https://d'}}\n\
         users:\n- {name: ana, user: {token: opaque}}\n- {name: ana@work, user: {token: opaque}}\n- {name: bob, user: {token: other}}\n\
         contexts:\n- {name: x, context: {cluster: c, user: ana}}\n- {name: y, context: {cluster: d, user: ana@work}}\n- {name: z, context: {cluster: c, user: bob}}\n",
    );
    let shown: Vec<_> = loaded.contexts.iter().map(|c| c.access.identity.as_str()).collect();
    assert_eq!(shown, ["ana", "ana", "bob"]);
    assert_eq!(loaded.contexts[0].identity_key, loaded.contexts[1].identity_key);
    assert_ne!(loaded.contexts[0].identity_key, loaded.contexts[2].identity_key);
}

/// A user entry of each method, with secrets in every field that may hold one.
fn guarded(secret: &str) -> Vec<(String, String)> {
    let exec = format!(
        "exec: {{apiVersion: client.authentication.k8s.io/v1beta1, command: p, installHint: h, args: ['{secret}'], env: [{{name: A, value: '{secret}'}}]}}"
    );
    let provider =
        format!("auth-provider: {{name: oidc, config: {{id-token: '{secret}', client-secret: '{secret}'}}}}");
    let proxy = format!("proxy-url: 'http://user:{secret}@proxy:1'");
    let bad_server = format!("server: 'https://user:{secret}@h'");
    let told = format!(
        "extensions:\n- name: client.authentication.k8s.io/exec\n  extension: {{client-secret: '{secret}'}}"
    );
    let mut all = Vec::new();
    for user in [
        format!("token: '{secret}'"),
        format!("token: '{secret} '"),
        format!("token: \"{secret}\\n\""),
        format!("username: u\npassword: '{secret}'"),
        format!("username: u\npassword: '{secret}'\ntoken: '{secret}'"),
        exec.clone(),
        exec.replace("args: [", "args: {").replace("'], env", "'}, env"),
        format!("client-key-data: '{secret}'\nclient-certificate-data: '{secret}'"),
        format!("{}token: '{secret}'", cert_user(EC_CERT, EC_KEY)),
        provider,
    ] {
        for cluster in ["tls-server-name: x", &proxy, &bad_server, &told] {
            all.push((cluster.to_owned(), user.clone()));
        }
    }
    all
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 16, ..proptest::prelude::ProptestConfig::default() })]

    /// Whatever the secret is: no `Debug` and no message has it, or a long part of it.
    #[test]
    fn no_secret_is_in_any_debug_or_message(tail in "[A-Za-z0-9+/]{24,40}") {
        let secret = format!("hunter2{tail}");
        let part = tail.get(..12).unwrap();
        for (cluster, user) in guarded(&secret) {
            let loaded = with(&cluster, &user);
            let mut said = format!("{loaded:?}\n{loaded:#?}");
            for context in &loaded.contexts {
                said.push_str(&format!("{context:?} {:?} {:?}", context.target, context.access));
                for problem in &context.problems {
                    said.push_str(&format!("{} {:?}", problem.message, problem.hint));
                }
            }
            proptest::prop_assert!(!said.contains("hunter2") && !said.contains(part), "{cluster} {user}: {said}");
            proptest::prop_assert!(!said.contains(EC_KEY.lines().nth(4).unwrap()), "{said}");
        }
    }
}

#[test]
fn no_secret_is_ever_printed() {
    let user = format!(
        "{}token: hunter2\nexec: {{apiVersion: client.authentication.k8s.io/v1beta1, command: p, args: [hunter3], env: [{{name: A, value: hunter4}}]}}\nauth-provider: {{name: oidc, config: {{refresh-token: hunter5}}}}\n",
        cert_user(EC_CERT, EC_KEY)
    );
    // A key in the field that names a file.
    let misplaced = format!("client-certificate: {}\nclient-key: {}", b64(EC_CERT), b64(EC_KEY));
    let loaded = with("", &misplaced);
    assert_eq!(verdict(&loaded), (vec!["BAD_CERT", "BAD_KEY"], false));
    assert!(!format!("{loaded:?}").contains(b64(EC_KEY).get(..40).unwrap()));
    for user in
        [user.as_str(), "username: a\npassword: hunter6", "token: hunter2\nusername: x\npassword: hunter6"]
    {
        let printed = format!("{:?}", with("proxy-url: http://a:hunter7@p", user));
        assert!(!printed.contains("hunter") && !printed.contains("PRIVATE KEY"), "{printed}");
    }
}
