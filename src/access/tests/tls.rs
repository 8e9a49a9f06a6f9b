use super::*;
use crate::fleet::ErrorCode;

const LOCAL: &[&str] = &["127.0.0.1", "api.test"];

fn pem(text: &str) -> PemSource {
    PemSource::Inline(Arc::from(text.as_bytes()))
}

fn with_cert(mut target: Target, cert: &str, key: &str) -> Target {
    target.tls.client_cert =
        Some(ClientCert { chain: pem(cert), key: KeySource::Inline(Arc::new(key.to_owned().into())) });
    target
}

#[tokio::test]
async fn the_right_server_is_believed_and_its_certificate_told() {
    let ca = Ca::new(NOW);
    let server = serve(Some(server_tls(&ca.issue("kube-apiserver", LOCAL, NOW), None)), |_| vec![ok("{}")]);
    let others = Ca::new(NOW).pem.repeat(499);
    for bundle in [ca.pem.clone(), format!("{others}{}", ca.pem), format!("{}{}", Ca::new(PAST).pem, ca.pem)]
    {
        let reply = ask(secure(&server, &bundle)).await.unwrap();
        let cert = reply.serving_cert.unwrap();
        assert_eq!(cert.subject.as_str(), "kube-apiserver");
        assert_eq!(cert.not_after.format("%Y").to_string(), "2090");
        assert!(reply.client_cert.is_none());
    }
}

#[tokio::test]
async fn wrong_servers_are_refused_in_words_that_help() {
    let ca = Ca::new(NOW);
    let cases = [
        (
            ca.issue("s", LOCAL, NOW),
            Ca::named("other CA", NOW).pem,
            "server certificate signed by an unknown authority, 127.0.0.1:",
        ),
        (
            ca.issue("s", LOCAL, NOW),
            Ca::new(NOW).pem,
            "server certificate signed by an unknown authority of the same name",
        ),
        (ca.issue("s", LOCAL, PAST), ca.pem.clone(), "server certificate expired 2011-01-01"),
        (ca.issue("s", LOCAL, FUTURE), ca.pem.clone(), "server certificate is not valid before 2090-01-01"),
        (
            ca.issue("s", &["a.test", "10.0.0.1"], NOW),
            ca.pem.clone(),
            "server certificate is not for 127.0.0.1 but for a.test, 10.0.0.1",
        ),
        (
            ca.issue("s", LOCAL, NOW),
            Ca::new(PAST).pem,
            "every certificate of the CA bundle has expired, the last on 2011-01-01",
        ),
    ];
    for (pair, bundle, words) in cases {
        let server = serve(Some(server_tls(&pair, None)), |_| vec![ok("{}")]);
        let failure = ask(secure(&server, &bundle)).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::Tls, "{failure}");
        assert!(failure.message.as_str().starts_with(words), "{failure}");
        assert!(server.heads().is_empty(), "no request is sent");
    }
}

#[tokio::test]
async fn a_name_can_be_set_and_verification_left_out() {
    let ca = Ca::new(NOW);
    let server = serve(Some(server_tls(&ca.issue("s", &["other.test"], NOW), None)), |_| vec![ok("{}")]);
    let failure = ask(secure(&server, &ca.pem)).await.unwrap_err();
    assert!(failure.hint.unwrap().as_str().contains("tls-server-name"));
    let mut named = secure(&server, &ca.pem);
    named.tls.server_name = Some("other.test".to_owned());
    assert_eq!(ask(named).await.unwrap().status, 200);
    let mut careless = secure(&server, &Ca::new(NOW).pem);
    careless.tls.insecure = true;
    let reply = ask(careless).await.unwrap();
    assert_eq!(reply.serving_cert.unwrap().subject.as_str(), "s");
}

#[tokio::test]
async fn a_certificate_that_stands_in_the_bundle_itself_is_believed_by_name_and_dates() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2090, 1, 1);
    let cert = params.self_signed(&key).unwrap().pem();
    let pair = Pair { cert: cert.clone(), key: key.serialize_pem() };
    let server = serve(Some(server_tls(&pair, None)), |_| vec![ok("{}")]);
    assert_eq!(ask(secure(&server, &cert)).await.unwrap().status, 200);
    let mut elsewhere = secure(&server, &cert);
    elsewhere.tls.server_name = Some("elsewhere.test".to_owned());
    assert!(ask(elsewhere).await.unwrap_err().message.as_str().contains("is not for elsewhere.test"));
}

#[tokio::test]
async fn bundles_that_hold_nothing_are_said_to() {
    let ca = Ca::new(NOW);
    let server = serve(Some(server_tls(&ca.issue("s", LOCAL, NOW), None)), |_| vec![ok("{}")]);
    for (bundle, words) in [
        ("", "CA bundle holds no certificate"),
        ("just text", "CA bundle holds no certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA", "CA bundle holds broken PEM"),
    ] {
        let failure = ask(secure(&server, bundle)).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::Config);
        assert!(failure.message.as_str().contains(words), "{failure}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn our_certificate_is_shown_and_told() {
    let ca = Ca::new(NOW);
    let server = serve(Some(server_tls(&ca.issue("s", LOCAL, NOW), Some(&ca))), |_| vec![ok("{}")]);
    let me = ca.issue("jane", &[], NOW);
    let reply = ask(with_cert(secure(&server, &ca.pem), &me.cert, &me.key)).await.unwrap();
    assert_eq!(reply.client_cert.unwrap().subject.as_str(), "jane");
    let params = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let openssl = format!("{params}{}", me.key);
    assert_eq!(ask(with_cert(secure(&server, &ca.pem), &me.cert, &openssl)).await.unwrap().status, 200);
    let failure = ask(secure(&server, &ca.pem)).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Tls, "{failure}");
    assert!(failure.message.as_str().contains("wants a client certificate"), "{failure}");
}

#[tokio::test]
async fn a_certificate_of_ours_that_cannot_work_is_told_before_anything_is_sent() {
    let ca = Ca::new(NOW);
    let server = serve(Some(server_tls(&ca.issue("s", LOCAL, NOW), Some(&ca))), |_| vec![ok("{}")]);
    let (me, other) = (ca.issue("jane", &[], NOW), ca.issue("joe", &[], NOW));
    let (old, early) = (ca.issue("jane", &[], PAST), ca.issue("jane", &[], FUTURE));
    let encrypted = me.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for (cert, key, code, words) in [
        (&me.cert, &other.key, ErrorCode::Config, "client-key does not belong to client-certificate"),
        (&me.cert, &encrypted, ErrorCode::Config, "client-key is encrypted"),
        (&me.cert, &String::new(), ErrorCode::Config, "client-key holds no private key"),
        (&me.key, &me.key, ErrorCode::Config, "client-certificate holds no certificate"),
        (&old.cert, &old.key, ErrorCode::Tls, "client certificate expired 2011-01-01"),
        (&early.cert, &early.key, ErrorCode::Tls, "client certificate is not valid before 2090-01-01"),
    ] {
        let failure = ask(with_cert(secure(&server, &ca.pem), cert, key)).await.unwrap_err();
        assert_eq!(failure.code, code, "{failure}");
        assert!(failure.message.as_str().starts_with(words), "{failure}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn files_are_read_again_for_each_connection() {
    let ca = Ca::new(NOW);
    let server =
        serve(Some(server_tls(&ca.issue("s", LOCAL, NOW), Some(&ca))), |_| vec![ok("{}"), Act::Close]);
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let mut target = secure(&server, "");
    target.tls.roots = Roots::Bundle(PemSource::File(at("ca")));
    target.tls.client_cert =
        Some(ClientCert { chain: PemSource::File(at("cert")), key: KeySource::File(at("key")) });
    let access = access();
    let mut link = access.link(Arc::new(target));
    let failure = link.get(&VERSION).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Config);
    assert!(failure.message.as_str().ends_with("no such file"), "{failure}");
    for name in ["one", "two"] {
        let me = ca.issue(name, &[], NOW);
        std::fs::write(at("ca"), &ca.pem).unwrap();
        std::fs::write(at("cert"), &me.cert).unwrap();
        std::fs::write(at("key"), &me.key).unwrap();
        let reply = link.get(&VERSION).await.unwrap();
        assert_eq!(reply.client_cert.unwrap().subject.as_str(), name);
    }
    std::fs::write(at("ca"), Ca::new(NOW).pem).unwrap();
    assert_eq!(link.get(&VERSION).await.unwrap_err().code, ErrorCode::Tls);
}

#[tokio::test]
async fn a_port_that_speaks_something_else_is_named() {
    let server = serve(None, |_| vec![]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut target = secure(&server, &Ca::new(NOW).pem);
    target.server.port = listener.local_addr().unwrap().port();
    let answering = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let failure = ask(target).await.unwrap_err();
    answering.abort();
    assert_eq!(failure.code, ErrorCode::Tls);
    assert!(failure.message.as_str().contains("does not speak TLS"), "{failure}");
}

#[tokio::test]
async fn equal_trust_shares_one_configuration_and_tickets() {
    let ca = Ca::new(NOW);
    let server = serve(Some(server_tls(&ca.issue("s", LOCAL, NOW), None)), |_| vec![ok("{}")]);
    let access = access();
    let tls = secure(&server, &ca.pem).tls;
    let store = &access.0.dialer.tls;
    let (one, two) =
        (store.for_server(&tls, None).await.unwrap(), store.for_server(&tls, None).await.unwrap());
    assert!(Arc::ptr_eq(&one, &two));
    let mut other = tls.clone();
    other.insecure = true;
    assert!(!Arc::ptr_eq(&one, &store.for_server(&other, None).await.unwrap()));
}

/// Made by `openssl x509 -req` without extensions: X.509 version 1, valid from 2026 to 2126.
const VERSION_1: &str = "-----BEGIN CERTIFICATE-----
MIIBJDCBywIUDqS/j/69FznBMwPgRimIC8/EUV4wCgYIKoZIzj0EAwIwFDESMBAG
A1UEAwwJb2xkLXN0eWxlMCAXDTI2MTEyMDEzMjcwMFoYDzIxMjYxMDI3MTMyNzAw
WjAUMRIwEAYDVQQDDAlvbGQtc3R5bGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AATdsja9nvVyPBzQmc4FIk83eAnW6I5qKdAuU+qa77dgzztyR86JDJPM8g+a2jHw
vvFXiUKsb8kBUulMRo+PR387MAoGCCqGSM49BAMCA0gAMEUCIQDO77Ozu1OVFWji
nLNWy4VOt0UOdGzlsHyxJFvjvEVv1AIgN+jQezQ9Xgt5fzr2z6orN7912neH2443
H4tk095G428=
-----END CERTIFICATE-----
";

/// Its key, as `openssl ecparam -genkey` writes it.
const VERSION_1_KEY: &str = "-----BEGIN EC PARAMETERS-----
BggqhkjOPQMBBw==
-----END EC PARAMETERS-----
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIKZH7CwpaWFULMAy9Ox9wRTvm3oPZ3dVpDnFvcv42gXIoAoGCCqGSM49
AwEHoUQDQgAE3bI2vZ71cjwc0JnOBSJPN3gJ1uiOainQLlPqmu+3YM87ckfOiQyT
zPIPmtox8L7xV4lCrG/JAVLpTEaPj0d/Ow==
-----END EC PRIVATE KEY-----
";

#[tokio::test]
async fn a_client_certificate_of_version_1_is_taken_with_its_own_key_only() {
    let server = serve(None, |_| vec![]);
    let ca = Ca::new(NOW);
    let clock = Clock::manual(chrono::DateTime::from_timestamp(2_000_000_000, 0).unwrap());
    let access = Access::new(settings(), clock).unwrap();
    let store = &access.0.dialer.tls;
    let own = with_cert(secure(&server, &ca.pem), VERSION_1, VERSION_1_KEY);
    let profile = store.for_server(&own.tls, None).await.unwrap();
    assert_eq!(profile.client_cert.as_ref().unwrap().subject.as_str(), "old-style");
    let other = with_cert(secure(&server, &ca.pem), VERSION_1, &ca.issue("x", &[], NOW).key);
    assert!(store.for_server(&other.tls, None).await.is_err());
}
