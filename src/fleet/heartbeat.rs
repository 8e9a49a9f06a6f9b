//! How old a hub's word of a cluster's health may be. What was healthy an hour ago and has been silent since is not known to be healthy.

use chrono::{DateTime, TimeDelta, Utc};

use super::{CleanText, Facts, Health, SourceKind, Truth, age};

/// After how long without a heartbeat a cluster counts as lost, where the source does not say so itself.
///
/// * Open Cluster Management renews a lease every 60 s and gives up after five.
/// * KubeFleet's member agents report every 60 s unless told otherwise; three are missed.
/// * GKE fleet memberships tell of the last connection: 30 minutes.
/// * Rancher Fleet's agents report every 15 minutes.
pub(super) fn patience(kind: SourceKind) -> TimeDelta {
    match kind {
        SourceKind::Ocm => TimeDelta::seconds(5 * 60),
        SourceKind::KubeFleet | SourceKind::AzureFleet => TimeDelta::seconds(3 * 60),
        SourceKind::GkeFleet => TimeDelta::minutes(30),
        _ => TimeDelta::minutes(15),
    }
}

impl Facts {
    /// The health as it is to be read at `now`: unknown, if the last heartbeat is older than the source allows.
    pub fn health_at(&self, now: DateTime<Utc>) -> Option<Health> {
        let health = self.health.clone()?;
        let (Some(at), Some(seconds)) = (self.heartbeat_at, self.heartbeat_seconds) else {
            return Some(health);
        };
        if health.healthy == Truth::Unknown || now - at <= TimeDelta::seconds(i64::from(seconds)) {
            return Some(health);
        }
        let before =
            if health.word.is_empty() { String::new() } else { format!("; it was {} before", health.word) };
        Some(Health {
            healthy: Truth::Unknown,
            word: CleanText::new("heartbeat lost"),
            message: CleanText::new(&format!("no heartbeat for {}{before}", age::words(now - at))),
            since: Some(at),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::testing::now;

    #[test]
    fn an_old_heartbeat_makes_health_unknown() {
        for (said, heartbeat_age, seconds, expect) in [
            (Truth::Yes, Some(60), Some(60), Truth::Yes),
            (Truth::Yes, Some(61), Some(60), Truth::Unknown),
            (Truth::No, Some(61), Some(60), Truth::Unknown),
            (Truth::Unknown, Some(61), Some(60), Truth::Unknown),
            (Truth::Yes, None, Some(60), Truth::Yes),
            (Truth::Yes, Some(9_000), None, Truth::Yes),
            (Truth::Yes, Some(-30), Some(60), Truth::Yes),
        ] {
            let facts = Facts {
                health: Some(Health {
                    healthy: said,
                    word: "Available".into(),
                    message: CleanText::default(),
                    since: None,
                }),
                heartbeat_at: heartbeat_age.map(|s| now() - TimeDelta::seconds(s)),
                heartbeat_seconds: seconds,
                ..Facts::default()
            };
            assert_eq!(facts.health_at(now()).unwrap().healthy, expect, "{heartbeat_age:?} {seconds:?}");
        }
        assert_eq!(Facts::default().health_at(now()), None);
    }

    #[test]
    fn a_lost_cluster_says_what_it_was() {
        let facts = Facts {
            health: Some(Health {
                healthy: Truth::Yes,
                word: "Available".into(),
                message: CleanText::default(),
                since: None,
            }),
            heartbeat_at: Some(now() - TimeDelta::minutes(12)),
            heartbeat_seconds: Some(300),
            ..Facts::default()
        };
        let health = facts.health_at(now()).unwrap();
        assert_eq!(health.message.as_str(), "no heartbeat for 12 minutes; it was Available before");
        assert_eq!(health.since, facts.heartbeat_at);
    }
}
