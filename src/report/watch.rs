//! The lines of `status --watch -o ndjson`: `StatusEvent`.

use schemars::JsonSchema;
use serde::Serialize;

use super::item::ClusterItem;
use super::wire::{PhaseWord, Stamp, Text};

/// One line. The first is a snapshot, the last an end; a line comes at least every 30 seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum StatusEvent {
    /// Every selected cluster.
    Snapshot {
        /// The group and version.
        api_version: &'static str,
        /// The shape's version.
        schema_version: &'static str,
        /// When it was written.
        at: Stamp,
        /// The clusters.
        items: Vec<ClusterItem>,
    },
    /// A cluster is new in the selection, or something of it changed that is not a time or a latency.
    Update {
        /// When it was written.
        at: Stamp,
        /// The cluster.
        item: Box<ClusterItem>,
    },
    /// A cluster is no longer in the selection.
    Delete {
        /// When it was written.
        at: Stamp,
        /// Its name.
        name: Text,
    },
    /// Nothing changed.
    Heartbeat {
        /// When it was written.
        at: Stamp,
        /// How many clusters are selected.
        matched: usize,
    },
    /// No more lines come.
    End {
        /// When it was written.
        at: Stamp,
        /// `timeout`, `interrupted` or `stopped`.
        reason: &'static str,
    },
}

impl ClusterItem {
    /// The same without what changes while nothing happens: ages, latencies and the state of polling.
    pub fn steady(&self) -> Self {
        let mut item = self.clone();
        item.phase = PhaseWord::Idle;
        item.observed_at = None;
        item.version.observed_at = None;
        item.version.end_of_life_in_days = None;
        item.nodes.observed_at = None;
        item.control_plane.observed_at = None;
        item.control_plane.latency_ms = None;
        item.control_plane.clock_skew_seconds = None;
        for certificate in
            [&mut item.certificates.serving, &mut item.certificates.client].into_iter().flatten()
        {
            certificate.expires_in_seconds = 0;
            certificate.observed_at = certificate.not_after;
        }
        item.access.expires_in_seconds = None;
        item.registry.said_at = None;
        item.registry.said_seconds_ago = None;
        item.registry.heartbeat_at = None;
        for certificate in &mut item.registry.certificates {
            certificate.expires_in_seconds = 0;
        }
        for finding in &mut item.findings {
            finding.observed_at = None;
        }
        if let Some(outlook) = &mut item.outlook {
            outlook.by_in_days = None;
            outlook.blockers.iter_mut().for_each(|b| b.observed_at = None);
        }
        item.attempts.phase_since = None;
        item.attempts.failed_in_a_row = 0;
        item.attempts.next_at = None;
        item.attempts.last_success_at = None;
        item
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use crate::fleet::Observed;
    use crate::report::{cluster_item, fixture};

    #[test]
    fn time_passing_is_no_change_and_a_node_is() {
        let now = fixture::now();
        let mut cluster = fixture::fleet().clusters[2].as_ref().clone();
        let before = cluster_item(&cluster, now).steady();
        let later = now + TimeDelta::seconds(70);
        cluster.signals.attempts.last_success = Some(later);
        cluster.signals.latency = Some(Observed { value: std::time::Duration::from_millis(91), at: later });
        assert_eq!(cluster_item(&cluster, later).steady(), before);
        cluster.signals.nodes.last.as_mut().unwrap().value.ready -= 1;
        assert_ne!(cluster_item(&cluster, later).steady(), before);
    }
}
