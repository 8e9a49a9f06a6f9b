//! `/version` and the health endpoints, in the words of a real API server (k8s.io/apiserver `healthz`).

use std::fmt::Write as _;

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use super::dice::Dice;
use super::reply::{Refused, Reply, no_page, text, whole};
use super::request::Asked;

/// The checks of all three endpoints in the order in which a server of 1.36 prints them.
const CHECKS: &[&str] = &[
    "ping",
    "log",
    "loopback-serving-certificate",
    "etcd",
    "etcd-readiness",
    "informer-sync",
    "poststarthook/start-apiserver-admission-initializer",
    "poststarthook/generic-apiserver-start-informers",
    "poststarthook/priority-and-fairness-config-consumer",
    "poststarthook/priority-and-fairness-filter",
    "poststarthook/storage-object-count-tracker-hook",
    "poststarthook/start-apiextensions-informers",
    "poststarthook/start-apiextensions-controllers",
    "poststarthook/crd-informer-synced",
    "poststarthook/start-system-namespaces-controller",
    "poststarthook/peer-endpoint-reconciler-controller",
    "poststarthook/start-cluster-authentication-info-controller",
    "poststarthook/start-kube-apiserver-identity-lease-controller",
    "poststarthook/start-kube-apiserver-identity-lease-garbage-collector",
    "poststarthook/storage-readiness",
    "poststarthook/start-legacy-token-tracking-controller",
    "poststarthook/start-service-ip-repair-controllers",
    "poststarthook/rbac/bootstrap-roles",
    "poststarthook/scheduling/bootstrap-system-priority-classes",
    "poststarthook/priority-and-fairness-config-producer",
    "poststarthook/bootstrap-controller",
    "poststarthook/start-kubernetes-service-cidr-controller",
    "poststarthook/start-kube-aggregator-informers",
    "poststarthook/apiservice-status-local-available-controller",
    "poststarthook/apiservice-status-remote-available-controller",
    "poststarthook/apiservice-registration-controller",
    "poststarthook/apiservice-discovery-controller",
    "poststarthook/kube-apiserver-autoregistration",
    "autoregister-completion",
    "poststarthook/apiservice-openapi-controller",
    "poststarthook/apiservice-openapiv3-controller",
    "shutdown",
];

/// The body of `/version` for a version string (version.Info of k8s.io/apimachinery).
pub(super) fn version_body(version: &str) -> Bytes {
    let numbers: Vec<&str> = version.trim_start_matches('v').split(['.', '-', '+']).collect();
    let part = |at: usize| numbers.get(at).copied().unwrap_or("0");
    let number = part(1).parse::<u64>().unwrap_or_default();
    let mut dice = Dice::new(1, &["build", version]);
    let mut info = json!({
        "major": part(0),
        "minor": part(1),
        "gitVersion": version,
        "gitCommit": dice.hex(40),
        "gitTreeState": "clean",
        "buildDate": format!("2026-{:02}-{:02}T{:02}:{:02}:{:02}Z", dice.between(1, 10), dice.between(1, 28),
            dice.between(0, 23), dice.between(0, 59), dice.between(0, 59)),
        "goVersion": if number >= 36 { "go1.26.1" } else { "go1.25.6" },
        "compiler": "gc",
        "platform": "linux/amd64",
    });
    // Since 1.34 a server also says what it can emulate (KEP-4330).
    if let (true, Some(info)) = (number >= 34, info.as_object_mut()) {
        info.insert("emulationMajor".into(), part(0).into());
        info.insert("emulationMinor".into(), part(1).into());
        info.insert("minCompatibilityMajor".into(), part(0).into());
        info.insert("minCompatibilityMinor".into(), number.saturating_sub(1).to_string().into());
    }
    Bytes::from(serde_json::to_string_pretty(&info).unwrap_or_default())
}

/// The answer of `/readyz`, `/livez`, `/healthz` and of a single check below them.
pub(super) fn answer(asked: &Asked, failing: Option<&str>) -> Result<Reply, Refused> {
    let path = asked.path();
    let Some((endpoint, check)) = path.split_first() else { return Err(Refused::not_served()) };
    let served = |check: &str| match check {
        "etcd-readiness" | "informer-sync" | "shutdown" => *endpoint == "readyz",
        "loopback-serving-certificate" => *endpoint != "readyz",
        _ => true,
    };
    let failing = failing.filter(|check| served(check));
    if !check.is_empty() {
        let name = check.join("/");
        return if failing == Some(name.as_str()) {
            Ok(text(StatusCode::INTERNAL_SERVER_ERROR, "internal server error: reason withheld\n"))
        } else if CHECKS.contains(&name.as_str()) && served(&name) {
            Ok(text(StatusCode::OK, "ok"))
        } else {
            Ok(no_page())
        };
    }
    let excluded = asked.query("exclude");
    let failing = failing.filter(|check| excluded != Some(*check));
    if failing.is_none() && !asked.has("verbose") {
        return Ok(text(StatusCode::OK, "ok"));
    }
    let mut body = String::with_capacity(2048);
    for check in CHECKS.iter().filter(|check| served(check)) {
        if excluded == Some(*check) {
            let _written = writeln!(body, "[+]{check} excluded: ok");
        } else if failing == Some(*check) {
            let _written = writeln!(body, "[-]{check} failed: reason withheld");
        } else {
            let _written = writeln!(body, "[+]{check} ok");
        }
    }
    let verdict = if failing.is_some() { "failed" } else { "passed" };
    let _written = writeln!(body, "{endpoint} check {verdict}");
    let status = if failing.is_some() { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
    Ok(whole(status, "text/plain; charset=utf-8", body))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::sim::reply::Body;

    fn body(reply: Reply) -> (u16, String) {
        let status = reply.status().as_u16();
        match reply.into_body() {
            Body::Whole(bytes) => (status, String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap()),
            Body::Chunks(_) => panic!("health answers are whole"),
        }
    }

    #[test]
    fn a_version_keeps_its_suffix_and_shows_its_numbers() {
        let info: Value = serde_json::from_slice(&version_body("v1.35.4-eks-1a2b3c4")).unwrap();
        assert_eq!((info["major"].as_str(), info["minor"].as_str()), (Some("1"), Some("35")));
        assert_eq!(
            (&info["gitVersion"], &info["minCompatibilityMinor"]),
            (&"v1.35.4-eks-1a2b3c4".into(), &"34".into())
        );
        let older: Value = serde_json::from_slice(&version_body("v1.33.9+k3s1")).unwrap();
        assert!(older.get("emulationMinor").is_none());
    }

    #[test]
    fn a_failing_check_turns_the_whole_into_a_500_that_lists_them_all() {
        let asked = Asked::new("/readyz", Some("verbose"));
        let (status, text) = body(answer(&asked, Some("etcd")).unwrap());
        assert_eq!(status, 500);
        assert!(text.starts_with("[+]ping ok\n[+]log ok\n[-]etcd failed: reason withheld\n"), "{text}");
        assert!(text.ends_with("readyz check failed\n"));
        assert_eq!(body(answer(&asked, None).unwrap()).0, 200);
        assert_eq!(body(answer(&Asked::new("/readyz", None), None).unwrap()), (200, "ok".into()));
        assert_eq!(body(answer(&Asked::new("/readyz/etcd", None), Some("etcd")).unwrap()).0, 500);
        assert_eq!(body(answer(&Asked::new("/livez/ping", None), Some("etcd")).unwrap()).1, "ok");
        assert_eq!(body(answer(&Asked::new("/readyz/none", None), None).unwrap()).0, 404);
    }
}
