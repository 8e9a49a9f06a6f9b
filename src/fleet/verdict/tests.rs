use std::time::Duration;

use proptest::prelude::*;

use super::super::testing::*;
use super::super::{Observed, Problem, Severity, Snapshot};
use super::*;

fn judge(entry: &Entry, signals: &Signals) -> Verdict {
    verdict(entry, signals, now(), &Thresholds::default())
}

/// The verdict on a healthy cluster after `change`, as `STATE: CODE message | CODE message`.
fn told_of(change: impl FnOnce(&mut Entry, &mut Signals)) -> String {
    let (mut entry, mut signals) = (entry("prod-1"), healthy());
    change(&mut entry, &mut signals);
    let verdict = judge(&entry, &signals);
    let reasons: Vec<String> =
        verdict.reasons.iter().map(|r| format!("{} {} {}", r.severity, r.code, r.message)).collect();
    format!("{}: {}", verdict.state, reasons.join(" | "))
}

#[expect(clippy::unnecessary_wraps, reason = "stands for the value of an optional field")]
fn fail(code: ErrorCode) -> Option<Failure> {
    Some(Failure::new(code, "said so"))
}

#[expect(clippy::unnecessary_wraps, reason = "stands for the value of an optional field")]
fn observed<T>(value: T) -> Option<Observed<T>> {
    Some(Observed { value, at: now() })
}

#[test]
fn a_cluster_without_findings_is_ok() {
    assert_eq!(told_of(|_, _| {}), "OK: ");
}

#[test]
fn before_the_first_contact_a_cluster_is_new_whatever_its_entry_says() {
    assert_eq!(told_of(|_, s| *s = Signals::default()), "NEW: ");
    let insecure = told_of(|e, s| {
        *s = Signals::default();
        e.paths[0].insecure = true;
        e.paths[0].expires_at = Some(now() - TimeDelta::days(1));
    });
    assert!(insecure.starts_with("NEW: NEW CREDENTIAL_EXPIRED"), "{insecure}");
}

#[test]
fn an_entry_that_cannot_be_used_is_down() {
    let told = told_of(|e, s| {
        *s = Signals::default();
        e.problems.push(Problem {
            severity: Severity::Error,
            code: "BAD_SERVER",
            origin: None,
            subject: "prod-1".into(),
            message: "the server's address is no URL".into(),
            hint: None,
        });
    });
    assert_eq!(told, "DOWN: DOWN CONFIG the server's address is no URL");
}

#[test]
fn what_keeps_us_out_decides_between_auth_down_and_a_warning() {
    for (code, expect) in [
        (ErrorCode::Http401, "AUTH: AUTH HTTP401 said so"),
        (ErrorCode::Exec, "AUTH: AUTH EXEC said so"),
        (ErrorCode::Oidc, "AUTH: AUTH OIDC said so"),
        (ErrorCode::Http403, "WARN: WARN NO_ACCESS said so"),
        (ErrorCode::Http429, "WARN: WARN HTTP429 said so"),
        (ErrorCode::Dns, "DOWN: DOWN DNS said so"),
        (ErrorCode::Tcp, "DOWN: DOWN TCP said so"),
        (ErrorCode::Tls, "DOWN: DOWN TLS said so"),
        (ErrorCode::Timeout, "DOWN: DOWN TIMEOUT said so"),
        (ErrorCode::Http5xx, "DOWN: DOWN HTTP5XX said so"),
        (ErrorCode::Config, "DOWN: DOWN CONFIG said so"),
    ] {
        assert_eq!(told_of(|_, s| s.unreachable = fail(code)), expect, "{code}");
    }
}

#[test]
fn not_ready_is_critical_at_the_second_time() {
    for (times, checks, expect) in [
        (1, &["etcd"][..], "WARN: WARN NOT_READY etcd check failed"),
        (2, &["etcd"], "CRIT: CRIT NOT_READY etcd check failed"),
        (2, &["etcd", "ping"], "CRIT: CRIT NOT_READY 2 checks failed: etcd, ping"),
        (9, &[], "CRIT: CRIT NOT_READY the API server says it is not ready"),
        (2, &["a", "b", "c", "d", "e"], "CRIT: CRIT NOT_READY 5 checks failed: a, b, c and 2 more"),
    ] {
        let told = told_of(|_, s| {
            for i in 0..times {
                let snapshot = Snapshot { ready: Some(Ok(not_ready(checks))), ..Snapshot::default() };
                s.absorb(&snapshot, now() - TimeDelta::seconds(times - i));
            }
        });
        assert_eq!(told, expect);
    }
}

#[test]
fn a_reason_says_since_when() {
    let mut signals = healthy();
    let first = now() - TimeDelta::minutes(6);
    for at in [first, now()] {
        signals.absorb(&Snapshot { ready: Some(Ok(not_ready(&["etcd"]))), ..Snapshot::default() }, at);
    }
    assert_eq!(judge(&entry("a"), &signals).reasons[0].since, Some(first));
}

#[test]
fn more_than_a_fifth_of_the_nodes_in_service_is_critical() {
    for (ready, total, cordoned, cordoned_not_ready, state) in [
        (10, 10, 0, 0, State::Ok),
        (10, 10, 10, 0, State::Ok),
        (9, 10, 0, 0, State::Warn),
        (8, 10, 0, 0, State::Warn),
        (7, 10, 0, 0, State::Crit),
        (4, 5, 0, 0, State::Warn),
        (3, 4, 0, 0, State::Crit),
        (0, 1, 0, 0, State::Crit),
        (0, 0, 0, 0, State::Ok),
        (8, 10, 1, 0, State::Crit),
        (7, 10, 3, 3, State::Warn),
        (6, 10, 3, 3, State::Warn),
        (5, 10, 3, 3, State::Crit),
        (12, 10, 0, 0, State::Ok),
    ] {
        let mut signals = healthy();
        let mut summary = nodes(ready, total, &[]);
        (summary.cordoned, summary.cordoned_not_ready) = (cordoned, cordoned_not_ready);
        signals.nodes.last = observed(summary);
        assert_eq!(judge(&entry("a"), &signals).state, state, "{ready}/{total} cordoned {cordoned}");
    }
    assert_eq!(
        told_of(|_, s| s.nodes.last = observed(nodes(38, 41, &[]))),
        "WARN: WARN NODES_NOT_READY 3 nodes NotReady: node-0, node-1, node-2"
    );
    assert_eq!(
        told_of(|_, s| s.nodes.last = observed(nodes(28, 40, &[]))),
        "CRIT: CRIT NODES_NOT_READY 12 nodes NotReady: node-0, node-1, node-2 and 9 more"
    );
}

#[test]
fn a_serving_certificate_warns_at_thirty_days_and_is_critical_at_seven() {
    let second = TimeDelta::seconds(1);
    for (left, expect) in [
        (TimeDelta::days(30), "OK: "),
        (TimeDelta::days(30) - second, "WARN: WARN CERT_EXPIRES serving certificate expires in 29 days"),
        (TimeDelta::days(12), "WARN: WARN CERT_EXPIRES serving certificate expires in 12 days"),
        (TimeDelta::days(7), "WARN: WARN CERT_EXPIRES serving certificate expires in 7 days"),
        (TimeDelta::days(7) - second, "CRIT: CRIT CERT_EXPIRES serving certificate expires in 6 days"),
        (TimeDelta::days(-3), "CRIT: CRIT CERT_EXPIRES serving certificate expired 3 days ago"),
    ] {
        assert_eq!(told_of(|_, s| s.serving_cert = observed(cert(left))), expect);
    }
}

#[test]
fn a_client_certificate_warns_at_seven_days_and_shuts_out_when_it_ends() {
    for (left, expect) in [
        (TimeDelta::days(7), "OK: "),
        (TimeDelta::days(6), "WARN: WARN CREDENTIAL_EXPIRES client certificate expires in 6 days"),
        (TimeDelta::days(-2), "AUTH: AUTH CREDENTIAL_EXPIRED client certificate expired 2 days ago"),
    ] {
        assert_eq!(told_of(|_, s| s.client_cert = observed(cert(left))), expect);
    }
    let behind_tls = told_of(|_, s| {
        s.client_cert = observed(cert(TimeDelta::days(-2)));
        s.unreachable = fail(ErrorCode::Tls);
    });
    assert!(behind_tls.starts_with("AUTH: AUTH CREDENTIAL_EXPIRED"), "{behind_tls}");
    let behind_tcp = told_of(|_, s| {
        s.client_cert = observed(cert(TimeDelta::days(-2)));
        s.unreachable = fail(ErrorCode::Tcp);
    });
    assert!(behind_tcp.starts_with("DOWN: DOWN TCP"), "{behind_tcp}");
}

#[test]
fn a_token_that_ended_shuts_out_unless_something_renews_it() {
    for (method, ends_in, state) in [
        (Method::Token, TimeDelta::minutes(5), State::Ok),
        (Method::Token, TimeDelta::minutes(-5), State::Auth),
        (Method::Exec, TimeDelta::minutes(-5), State::Ok),
        (Method::TokenFile, TimeDelta::minutes(-5), State::Ok),
        (Method::ClientCertificate, TimeDelta::days(3), State::Warn),
    ] {
        let (mut entry, mut signals) = (entry("a"), healthy());
        signals.client_cert = None;
        entry.paths[0].method = method;
        signals.credential_expires_at = Some(now() + ends_in);
        assert_eq!(judge(&entry, &signals).state, state, "{method:?} {ends_in}");
    }
}

#[test]
fn one_refused_call_is_a_note_and_all_of_them_a_warning() {
    let one = told_of(|_, s| s.nodes.trouble = fail(ErrorCode::Http403));
    assert_eq!(one, "OK: OK NO_ACCESS no access to nodes");
    let all = told_of(|_, s| {
        for trouble in
            [&mut s.version.trouble, &mut s.ready.trouble, &mut s.identity.trouble, &mut s.nodes.trouble]
        {
            *trouble = fail(ErrorCode::Http403);
        }
    });
    assert_eq!(all, "WARN: WARN NO_ACCESS no access to anything that was asked");
}

#[test]
fn a_call_that_fails_alone_is_a_warning() {
    for (code, expect) in [
        (ErrorCode::Timeout, "WARN: WARN TIMEOUT nodes: said so"),
        (ErrorCode::Http429, "WARN: WARN HTTP429 said so"),
        (ErrorCode::Http401, "AUTH: AUTH HTTP401 nodes: said so"),
        (ErrorCode::Cancelled, "OK: "),
    ] {
        assert_eq!(told_of(|_, s| s.nodes.trouble = fail(code)), expect);
    }
    let twice = told_of(|_, s| {
        let mut failure = Failure::new(ErrorCode::Http429, "server asks to slow down");
        failure.retry_after = Some(Duration::from_secs(30));
        s.nodes.trouble = Some(failure.clone());
        s.ready.trouble = Some(failure);
    });
    assert_eq!(twice, "WARN: WARN HTTP429 server asks to slow down; 30 s");
}

#[test]
fn clocks_may_differ_by_thirty_seconds() {
    for (skew, expect) in [
        (30, "OK: "),
        (-30, "OK: "),
        (31, "WARN: WARN CLOCK_SKEW the server's clock is 31 s ahead of ours"),
        (-94, "WARN: WARN CLOCK_SKEW the server's clock is 94 s behind ours"),
    ] {
        assert_eq!(told_of(|_, s| s.clock_skew_seconds = Some(skew)), expect);
    }
}

#[test]
fn kubelets_newer_or_four_minors_older_are_a_warning() {
    for (kubelets, expect) in [
        (&[("v1.32.1", 2), ("v1.35.4", 3)][..], "OK: "),
        (
            &[("v1.31.1", 2)],
            "WARN: WARN SKEW kubelets on 2 nodes are 4 minors older than the API server v1.35.4",
        ),
        (&[("v1.36.0", 1)], "WARN: WARN SKEW kubelet on 1 node is 1 minor newer than the API server v1.35.4"),
    ] {
        let total = kubelets.iter().map(|k| k.1).sum();
        assert_eq!(told_of(|_, s| s.nodes.last = observed(nodes(total, total, kubelets))), expect);
    }
}

#[test]
fn a_release_past_its_end_is_a_warning() {
    for (version, expect) in [
        ("v1.35.4", "OK: "),
        ("v1.34.8", "WARN: WARN END_OF_LIFE upstream support of 1.34 ended 24 days ago (2026-10-27)"),
        ("v1.21.0", "WARN: WARN END_OF_LIFE upstream support of 1.21 ended before 2024-10-22"),
        ("v1.99.0", "OK: "),
    ] {
        let told = told_of(|_, s| {
            s.version.last = observed(version_info(version));
            s.nodes.last = None;
        });
        assert_eq!(told, expect);
    }
}

#[test]
fn an_unchecked_server_is_a_warning() {
    assert_eq!(
        told_of(|e, _| e.paths[0].insecure = true),
        "WARN: WARN INSECURE the server's certificate is not checked"
    );
}

#[test]
fn what_was_last_seen_of_a_lost_cluster_does_not_outrank_the_loss() {
    let told = told_of(|_, s| {
        s.nodes.last = observed(nodes(1, 4, &[]));
        s.unreachable = fail(ErrorCode::Tcp);
        s.serving_cert = observed(cert(TimeDelta::days(1)));
    });
    assert_eq!(
        told,
        "DOWN: DOWN TCP said so | WARN NODES_NOT_READY when last seen: 3 nodes NotReady: node-0, node-1, node-2 \
         | WARN CERT_EXPIRES serving certificate expires in 24 hours"
    );
}

#[test]
fn reasons_come_worst_first() {
    let told = told_of(|e, s| {
        e.paths[0].insecure = true;
        s.identity.trouble = fail(ErrorCode::Http403);
        s.serving_cert = observed(cert(TimeDelta::days(12)));
        s.nodes.last = observed(nodes(1, 4, &[]));
    });
    assert_eq!(told.split(" | ").count(), 4, "{told}");
    assert!(told.starts_with("CRIT: CRIT NODES_NOT_READY"), "{told}");
    assert!(told.ends_with("OK NO_ACCESS no access to cluster identity"), "{told}");
}

fn any_failure() -> impl Strategy<Value = Option<Failure>> {
    prop::option::of(
        (0..ErrorCode::ALL.len(), ".{0,12}").prop_map(|(i, m)| Failure::new(ErrorCode::ALL[i], &m)),
    )
}

fn any_time() -> impl Strategy<Value = DateTime<Utc>> {
    prop_oneof![
        Just(DateTime::<Utc>::MIN_UTC),
        Just(DateTime::<Utc>::MAX_UTC),
        (-90_000_000_i64..90_000_000).prop_map(|s| now() + TimeDelta::seconds(s)),
    ]
}

prop_compose! {
    fn any_signals()(
        troubles in (any_failure(), any_failure(), any_failure(), any_failure(), any_failure()),
        version in prop::option::of("v[0-9]{1,5}\\.[0-9]{1,5}\\.[0-9]{1,3}"),
        node_counts in prop::option::of((any::<usize>(), any::<usize>(), any::<usize>(), any::<usize>())),
        times in (any_time(), any_time(), prop::option::of(any_time()), prop::option::of(any_time())),
        skew in prop::option::of(any::<i64>()),
        in_a_row in any::<u32>(),
        is_ready in any::<bool>(),
    ) -> Signals {
        let mut s = Signals::default();
        (s.unreachable, s.version.trouble, s.ready.trouble, s.identity.trouble, s.nodes.trouble) = troubles;
        s.version.last = version.and_then(|v| observed(version_info(&v)));
        s.nodes.last = node_counts.and_then(|(ready, total, cordoned, cordoned_not_ready)| observed(NodeSummary {
            ready, total, cordoned, cordoned_not_ready,
            kubelets: vec![("v1.20.0".parse().unwrap(), total), ("v65535.65535.1".parse().unwrap(), ready)],
            ..NodeSummary::default()
        }));
        s.ready.last = observed(if is_ready { ready() } else { not_ready(&["etcd"]) });
        let dates = |end| CertDates { not_before: end, not_after: end, subject: CleanText::default() };
        s.serving_cert = observed(dates(times.0));
        s.client_cert = observed(dates(times.1));
        s.credential_expires_at = times.2;
        s.attempts.last_success = times.3;
        s.clock_skew_seconds = skew;
        s.not_ready_in_a_row = in_a_row;
        s
    }
}

proptest! {
    #[test]
    fn the_state_is_that_of_the_worst_reason(
        signals in any_signals(),
        now in any_time(),
        insecure in any::<bool>(),
        has_path in any::<bool>(),
    ) {
        let mut entry = entry("prod-1");
        if has_path { entry.paths[0].insecure = insecure } else { entry.paths.clear() }
        let verdict = verdict(&entry, &signals, now, &Thresholds::default());
        let contacted = signals.unreachable.is_some() || signals.attempts.last_success.is_some();
        // What nobody can contact waits for nothing.
        let decided = contacted || !has_path;
        prop_assert_eq!(verdict.state == State::New, !decided);
        let base = if decided { State::Ok } else { State::New };
        prop_assert_eq!(verdict.state, verdict.reasons.iter().map(|r| r.severity).min().unwrap_or(base).min(base));
        prop_assert!(verdict.reasons.is_sorted_by_key(|r| r.severity));
        for reason in &verdict.reasons {
            let known = FINDING_CODES.contains(&reason.code) || ErrorCode::ALL.iter().any(|c| c.as_str() == reason.code);
            prop_assert!(known, "{}", reason.code);
        }
    }
}
