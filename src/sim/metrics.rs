//! `/metrics` of an API server: a few of its many families, and the gauge that counts deprecated APIs asked for.

use std::fmt::Write as _;

use bytes::Bytes;
use http::StatusCode;

use super::cluster::Cluster;
use super::dice::Dice;
use super::reply::{Reply, whole};

/// The content type of the Prometheus text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";

/// The bounds of the histogram of request durations, as an API server has them.
const BOUNDS: &[&str] =
    &["0.005", "0.025", "0.05", "0.1", "0.2", "0.4", "0.6", "0.8", "1", "2", "5", "10", "30", "60", "+Inf"];

/// The whole page.
pub(super) fn answer(cluster: &Cluster) -> Reply {
    let mut text = String::with_capacity(64 << 10);
    let truth = &cluster.truth;
    let mut dice = Dice::new(cluster.world.seed, &["metrics", &truth.name]);
    head(
        &mut text,
        "apiserver_request_duration_seconds",
        "Response latency distribution in seconds.",
        "histogram",
    );
    for kind in cluster.kinds().filter(|kind| kind.stored) {
        let (group, version, resource) = (kind.group, kind.version, kind.plural);
        for verb in ["GET", "LIST", "WATCH"] {
            let mut count = dice.between(1, 4_000);
            for bound in BOUNDS {
                count += dice.between(0, 40);
                let _written = writeln!(
                    text,
                    "apiserver_request_duration_seconds_bucket{{component=\"apiserver\",dry_run=\"\",group=\"{group}\",\
                     resource=\"{resource}\",scope=\"cluster\",subresource=\"\",verb=\"{verb}\",version=\"{version}\",\
                     le=\"{bound}\"}} {count}"
                );
            }
        }
    }
    head(
        &mut text,
        "apiserver_requested_deprecated_apis",
        "[STABLE] Gauge of deprecated APIs that have been requested, broken out by API group, version, resource, subresource, and removed_release.",
        "gauge",
    );
    let mut gauge = |group: &str, removed: &str, resource: &str, version: &str| {
        let _written = writeln!(
            text,
            "apiserver_requested_deprecated_apis{{group=\"{group}\",removed_release=\"{removed}\",\
             resource=\"{resource}\",subresource=\"\",version=\"{version}\"}} 1"
        );
    };
    // Deprecated and never removed; the controllers of the server itself still ask for it.
    if truth.minor() >= 33 {
        gauge("", "", "endpoints", "v1");
    }
    if let Some(old) = &truth.upkeep.requested {
        gauge(old.group, old.removed_in, old.resource, old.version);
    }
    head(
        &mut text,
        "process_start_time_seconds",
        "[ALPHA] Start time of the process since unix epoch in seconds.",
        "gauge",
    );
    let _written =
        writeln!(text, "process_start_time_seconds {}", cluster.world.began.timestamp() - 86_400 * 9);
    whole(StatusCode::OK, TEXT, Bytes::from(text))
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    let _written = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}
