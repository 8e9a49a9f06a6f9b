use bytes::Bytes;

use super::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "it stands beside answers that never came")]
fn reply(status: u16, body: &'static str) -> Result<Reply, Failure> {
    Ok(Reply {
        status,
        body: Bytes::from_static(body.as_bytes()),
        first_byte: Duration::from_millis(20),
        ..Reply::default()
    })
}

fn broken(code: ErrorCode) -> Result<Reply, Failure> {
    Err(Failure::new(code, "said so"))
}

const VERSION: &str = r#"{"gitVersion":"v1.35.4"}"#;
const READY: &str = "[+]ping ok\nreadyz check passed";
const NODES: &str = r#"{"kind":"Table","columnDefinitions":[{"name":"Name"},{"name":"Status"}],"rows":[{"cells":["n","Ready"]}]}"#;
const IDENTITY: &str = r#"{"metadata":{"name":"kube-system","uid":"u-1"}}"#;
const PLACE: &str = r#"{"items":[{"metadata":{"labels":{"topology.kubernetes.io/region":"eu-west-1"}}}]}"#;

const ALL: [Call; 5] = [Call::Version, Call::Ready, Call::Nodes, Call::Identity, Call::Place];

/// Plays answers in the order of the calls; the poll ends where it ends itself.
fn play(answers: Vec<Result<Reply, Failure>>) -> (Probed, usize) {
    let mut findings = Findings::default();
    let mut asked = 0;
    for (call, answer) in ALL.into_iter().zip(answers) {
        if !findings.is_worth(call) {
            continue;
        }
        asked += 1;
        if findings.take(call, answer, now()) == Go::Stop {
            break;
        }
    }
    (findings.close(), asked)
}

#[test]
fn a_poll_reads_every_signal() {
    let (probed, asked) = play(vec![
        reply(200, VERSION),
        reply(200, READY),
        reply(200, NODES),
        reply(200, IDENTITY),
        reply(200, PLACE),
    ]);
    assert_eq!(asked, 5);
    let snapshot = probed.snapshot;
    assert!(snapshot.unreachable.is_none());
    assert_eq!(snapshot.version.unwrap().unwrap().text.as_str(), "v1.35.4");
    assert!(snapshot.ready.unwrap().unwrap().ready);
    assert_eq!(snapshot.nodes.unwrap().unwrap().total, 1);
    assert_eq!(snapshot.identity.unwrap().unwrap().as_str(), "u-1");
    assert_eq!(snapshot.latency, Some(Duration::from_millis(20)));
    assert_eq!(probed.place.unwrap().region.unwrap().as_str(), "eu-west-1");
    assert_eq!(probed.had, Wants { identity: true, place: true, first: false });
}

#[test]
fn the_first_failure_to_connect_ends_the_poll() {
    for code in [ErrorCode::Dns, ErrorCode::Tcp, ErrorCode::Tls, ErrorCode::Timeout, ErrorCode::Exec] {
        let (probed, asked) = play(vec![broken(code), reply(200, READY)]);
        assert_eq!((asked, probed.snapshot.unreachable.map(|f| f.code)), (1, Some(code)));
        assert!(probed.snapshot.version.is_none());
    }
}

#[test]
fn a_401_anywhere_ends_the_poll_as_refused_credential() {
    let (probed, asked) = play(vec![reply(200, VERSION), reply(401, "{}"), reply(200, NODES)]);
    assert_eq!(asked, 2);
    assert_eq!(probed.snapshot.unreachable.unwrap().code, ErrorCode::Http401);
}

#[test]
fn a_403_is_of_its_call_alone_and_all_of_them_are_a_refusal() {
    let (probed, asked) =
        play(vec![reply(200, VERSION), reply(200, READY), reply(403, "{}"), reply(200, IDENTITY)]);
    assert_eq!((asked, probed.refused), (4, false));
    assert_eq!(probed.snapshot.nodes.unwrap().unwrap_err().code, ErrorCode::Http403);
    assert!(probed.snapshot.unreachable.is_none());
    let (probed, _) =
        play(vec![reply(200, VERSION), reply(403, ""), reply(403, ""), reply(403, ""), reply(403, "")]);
    assert!(probed.refused && probed.snapshot.unreachable.is_none());
    assert_eq!(probed.had, Wants { identity: true, place: true, first: false });
}

#[test]
fn a_429_stops_the_poll_and_its_wait_is_kept() {
    let slow = Ok(Reply { status: 429, retry_after: Some(Duration::from_secs(7)), ..Reply::default() });
    let (probed, asked) = play(vec![slow, reply(200, READY)]);
    assert_eq!((asked, probed.slow_down, probed.retry_after), (1, true, Some(Duration::from_secs(7))));
    assert_eq!(probed.snapshot.version.unwrap().unwrap_err().code, ErrorCode::Http429);
    assert!(probed.snapshot.unreachable.is_none());
}

#[test]
fn a_server_without_readiness_is_not_down() {
    for missing in [reply(404, "404 page not found"), reply(200, "<html>")] {
        let (probed, _) = play(vec![reply(200, VERSION), missing, reply(200, NODES)]);
        assert!(probed.snapshot.ready.is_none() && probed.snapshot.unreachable.is_none());
        assert!(probed.snapshot.nodes.unwrap().is_ok());
    }
}

#[test]
fn failing_checks_are_read_from_a_500() {
    let (probed, _) =
        play(vec![reply(200, VERSION), reply(500, "[-]etcd failed: reason withheld"), reply(200, NODES)]);
    assert!(!probed.snapshot.ready.unwrap().unwrap().ready);
    assert!(probed.snapshot.unreachable.is_none());
}

#[test]
fn a_server_of_which_nothing_can_be_read_is_out_of_reach() {
    for (answer, code) in [
        (reply(200, "<html>sign in</html>"), ErrorCode::Parse),
        (reply(503, "no backend"), ErrorCode::Http5xx),
        (reply(302, ""), ErrorCode::Http),
        (reply(404, "not found"), ErrorCode::Http),
        (broken(ErrorCode::Parse), ErrorCode::Parse),
    ] {
        let (probed, _) = play(vec![answer; 5]);
        assert_eq!(probed.snapshot.unreachable.unwrap().code, code);
    }
}

#[test]
fn one_slow_call_costs_only_itself() {
    let (probed, asked) =
        play(vec![reply(200, VERSION), broken(ErrorCode::Timeout), reply(200, NODES), reply(200, IDENTITY)]);
    assert_eq!(asked, 4);
    assert_eq!(probed.snapshot.ready.unwrap().unwrap_err().code, ErrorCode::Timeout);
    assert!(probed.snapshot.nodes.unwrap().is_ok() && probed.snapshot.unreachable.is_none());
    let (probed, asked) =
        play(vec![reply(200, VERSION), broken(ErrorCode::Timeout), broken(ErrorCode::Timeout)]);
    assert_eq!(asked, 3);
    assert!(probed.snapshot.nodes.is_some() && probed.snapshot.unreachable.is_none());
    let (_, asked) = play(vec![reply(200, VERSION), broken(ErrorCode::Tcp), reply(200, NODES)]);
    assert_eq!(asked, 2);
}

#[test]
fn the_servers_clock_is_compared_with_ours() {
    let answer = Reply {
        status: 200,
        body: Bytes::from_static(VERSION.as_bytes()),
        date: Some(now() - chrono::Duration::seconds(94)),
        ..Reply::default()
    };
    let (probed, _) = play(vec![Ok(answer)]);
    assert_eq!(probed.snapshot.clock_skew_seconds, Some(-94));
}

#[test]
fn only_what_is_due_is_asked() {
    let named = |identity, place| calls(Wants { identity, place, first: false }).collect::<Vec<_>>();
    assert_eq!(named(false, false), ALL[..3]);
    assert_eq!(named(true, true), ALL);
    assert_eq!(named(false, true), [Call::Version, Call::Ready, Call::Nodes, Call::Place]);
}

#[test]
fn what_hardly_changes_is_not_asked_of_a_slow_cluster_in_the_same_poll() {
    let deadline = Duration::from_secs(8);
    for (call, left, waits) in [
        (Call::Version, 1, false),
        (Call::Nodes, 1, false),
        (Call::Identity, 5, false),
        (Call::Identity, 3, true),
        (Call::Place, 3, true),
    ] {
        assert_eq!(can_wait(call, deadline, Duration::from_secs(left)), waits, "{call:?} with {left} s left");
    }
}
