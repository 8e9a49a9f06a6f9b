//! What stands in the way of one step, looked for in everything that is known of the cluster.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{Almanac, Blocker, CleanText, Cluster, Effect, Told, Version};
use crate::fleet::lifecycle::{self, Skew, Support};
use crate::fleet::{Inspection, Observed};

/// A certificate that ends sooner is told: upgrades renew certificates or fail over them.
const CERTIFICATE_WARN: TimeDelta = TimeDelta::days(30);

/// How many names a message holds.
const NAMES: usize = 3;

/// One step of a cluster's control plane, and what is looked at to judge it.
pub(super) struct Step<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) almanac: &'a Almanac,
    pub(super) now: DateTime<Utc>,
    pub(super) from: &'a Version,
    pub(super) next: &'a Version,
    pub(super) by: Option<NaiveDate>,
    pub(super) provider: Option<Told>,
}

/// What has been found so far.
pub(super) struct Found {
    owner: Option<CleanText>,
    pub(super) blockers: Vec<Blocker>,
}

impl Found {
    /// Adds a blocker on which the cluster's owner must act.
    pub(super) fn push(
        &mut self,
        code: &'static str,
        effect: Effect,
        message: &str,
        hint: &str,
        seen_at: Option<DateTime<Utc>>,
    ) {
        self.blockers.push(Blocker {
            code,
            effect,
            message: CleanText::new(message),
            hint: (!hint.is_empty()).then(|| CleanText::new(hint)),
            owner: self.owner.clone(),
            seen_at,
        });
    }
}

/// The only blocker of a cluster that no source knows any more.
pub(super) fn gone(cluster: &Cluster) -> Blocker {
    let since = cluster.entry.gone_at.map(|at| format!(" since {}", at.date_naive())).unwrap_or_default();
    alone(cluster, "GONE", Effect::Blocks, &format!("no source has known it{since}"), cluster.entry.gone_at)
}

/// The only blocker of a cluster whose version nobody knows.
pub(super) fn no_version(cluster: &Cluster) -> Blocker {
    let why = contact(cluster).unwrap_or_else(|| "the server did not say its version".to_owned());
    let message = format!("its version is not known: {why}");
    alone(cluster, "UNREACHABLE", Effect::Unknown, &message, cluster.seen_at())
}

/// The only blocker of a cluster of which it is not known where it should go.
pub(super) fn no_target(cluster: &Cluster, why: &str) -> Blocker {
    alone(cluster, "NO_TARGET", Effect::Unknown, why, None)
}

fn alone(
    cluster: &Cluster,
    code: &'static str,
    effect: Effect,
    message: &str,
    seen_at: Option<DateTime<Utc>>,
) -> Blocker {
    Blocker { code, effect, message: CleanText::new(message), hint: None, owner: cluster.owner(), seen_at }
}

/// Why what is known of a cluster was not confirmed by the newest attempt; `None` if it was.
fn contact(cluster: &Cluster) -> Option<String> {
    let signals = &cluster.signals;
    match (&signals.unreachable, signals.attempts.last_success, cluster.entry.path()) {
        (Some(failure), ..) => Some(failure.to_string()),
        (None, Some(_), _) => None,
        (None, None, None) => Some("no access path leads to it".to_owned()),
        (None, None, Some(_)) => Some("it has not been contacted yet".to_owned()),
    }
}

impl Step<'_> {
    /// All blockers, the worst first, and whether kubelets must be upgraded first.
    pub(super) fn look(&self) -> (Vec<Blocker>, bool) {
        let mut found = Found { owner: self.cluster.owner(), blockers: Vec::new() };
        let kubelets_first = self.kubelets(&mut found);
        self.manager(&mut found);
        self.certificates(&mut found);
        match &self.cluster.signals.inspection {
            Some(inspection) => {
                super::apis::look(self, inspection, &mut found);
                budgets(inspection, &mut found);
                super::addons::look(self, inspection, &mut found);
            }
            None => found.push(
                "NOT_INSPECTED",
                Effect::Unknown,
                "nobody has looked for old APIs, disruption budgets and add-ons",
                "Run fleetglass check, which looks.",
                None,
            ),
        }
        self.nodes(&mut found);
        self.age(&mut found);
        if let Some(why) = contact(self.cluster) {
            let message = format!("what is in the way now cannot be seen: {why}");
            found.push("UNREACHABLE", Effect::Unknown, &message, "", self.cluster.seen_at());
        }
        found.blockers.sort_by_key(|blocker| blocker.effect);
        (found.blockers, kubelets_first)
    }

    /// Whether the step changes the minor release.
    pub(super) fn is_minor(&self) -> bool {
        self.from.line != self.next.line
    }

    /// Every kubelet must be within the skew of the version to come. True if some are too old for it.
    fn kubelets(&self, found: &mut Found) -> bool {
        let signal = &self.cluster.signals.nodes;
        let Some(Observed { value: nodes, at }) = &signal.last else {
            if contact(self.cluster).is_none() {
                let why = signal.trouble.as_ref().map(|t| format!(": {t}")).unwrap_or_default();
                let message = format!("how old its kubelets are is not known{why}");
                found.push("KUBELET_SKEW", Effect::Unknown, &message, "", None);
            }
            return false;
        };
        let judged =
            nodes.kubelets.iter().map(|(v, count)| (v, count, lifecycle::kubelet_skew(self.next, v)));
        let (mut too_old, mut newer) = (Vec::new(), Vec::new());
        for (version, count, skew) in judged {
            match skew {
                Some(Skew::TooOld(_)) => too_old.push(format!("{version} on {count}")),
                Some(Skew::Newer(_)) => newer.push(format!("{version} on {count}")),
                Some(Skew::Allowed(_)) | None => {}
            }
        }
        if !too_old.is_empty() {
            let message = format!("kubelets are too old for {}: {}", self.next.line, some_of(&too_old));
            let hint = "Upgrade these kubelets first; one may be three minors older than its API server, two if it is older \
                than 1.25.";
            found.push("KUBELET_SKEW", Effect::Blocks, &message, hint, Some(*at));
        } else if nodes.truncated || (nodes.kubelets.is_empty() && nodes.total > 0) {
            let message = "how old all of its kubelets are is not known, only some were listed";
            found.push("KUBELET_SKEW", Effect::Unknown, message, "", Some(*at));
        }
        if !newer.is_empty() {
            let message = format!("kubelets are newer than {}: {}", self.next, some_of(&newer));
            let hint = "A kubelet may never be newer than its API server.";
            found.push("KUBELET_SKEW", Effect::Warns, &message, hint, Some(*at));
        }
        !too_old.is_empty()
    }

    fn nodes(&self, found: &mut Found) {
        let Some(Observed { value: nodes, at }) = &self.cluster.signals.nodes.last else { return };
        let broken = nodes.total.saturating_sub(nodes.ready + nodes.cordoned_not_ready);
        if broken > 0 {
            let names: Vec<String> = nodes.not_ready.iter().map(ToString::to_string).collect();
            let names = if names.is_empty() { String::new() } else { format!(": {}", some_of(&names)) };
            let message = format!("{broken} of {} nodes are not Ready{names}", nodes.total);
            found.push("NODES_NOT_READY", Effect::Warns, &message, "", Some(*at));
        }
    }

    /// What whoever manages the cluster says.
    fn manager(&self, found: &mut Found) {
        let (facts, said_at) = (&self.cluster.entry.facts, self.cluster.entry.said_at);
        if facts.paused {
            let message = "its manager has been told to leave it alone";
            found.push("PAUSED", Effect::Blocks, message, "Take the pause off, or ask who set it.", said_at);
        }
        for insight in &facts.insights {
            let effect = if insight.blocks { Effect::Blocks } else { Effect::Warns };
            found.push("PROVIDER", effect, &format!("{}: {}", insight.code, insight.message), "", said_at);
            if let Some(blocker) = found.blockers.last_mut() {
                blocker.owner =
                    self.provider.as_ref().map(|told| told.value.clone()).or(blocker.owner.take());
            }
        }
    }

    fn certificates(&self, found: &mut Found) {
        let entry = &self.cluster.entry;
        let is_own = self.cluster.path().is_none_or(|path| path.via.is_none());
        // Through a hub the certificate is the hub's.
        let serving = self.cluster.signals.serving_cert.iter().filter(|_| is_own);
        let seen = serving.map(|cert| ("kube-apiserver", cert.value.not_after, Some(cert.at)));
        let said = entry.facts.certificates.iter().map(|cert| (cert.name.as_str(), cert.at, entry.said_at));
        for (name, end, seen_at) in seen.chain(said) {
            let day = end.date_naive();
            let hint = "Renew it before the upgrade.";
            if end < self.now {
                let message = format!("the certificate of {name} ended on {day}");
                found.push("CERTIFICATE", Effect::Blocks, &message, hint, seen_at);
            } else if end - self.now < CERTIFICATE_WARN {
                let message = format!("the certificate of {name} ends on {day}");
                found.push("CERTIFICATE", Effect::Warns, &message, hint, seen_at);
            }
        }
    }

    /// Reasons to hurry.
    fn age(&self, found: &mut Found) {
        let seen_at =
            self.cluster.signals.version.last.as_ref().map(|seen| seen.at).or(self.cluster.entry.said_at);
        if let Some((line, patch)) = self.cluster.floor()
            && (self.from.line, self.from.patch) < (line, patch.unwrap_or(0))
        {
            let patch = patch.map(|p| format!(".{p}")).unwrap_or_default();
            let message = format!(
                "{} is below the floor {line}{patch} of class {}",
                self.from, self.cluster.class.name
            );
            found.push("FLOOR", Effect::Warns, &message, "", seen_at);
        }
        let today = self.now.date_naive();
        if let Some(end) = self.by.filter(|end| *end < today) {
            let days = (today - end).num_days();
            let unit = if days == 1 { "day" } else { "days" };
            let message = format!("support of {} ended on {end}, {days} {unit} ago", self.from.line);
            found.push("END_OF_LIFE", Effect::Warns, &message, "", seen_at);
        }
        if let (None, Support::EndedBefore(oldest)) =
            (self.by, self.almanac.releases.support(self.from.line, self.now))
        {
            let message = format!("support of {} ended before {oldest}", self.from.line);
            found.push("END_OF_LIFE", Effect::Warns, &message, "", seen_at);
        }
    }
}

fn budgets(inspection: &Inspection, found: &mut Found) {
    match &inspection.budgets {
        Ok(budgets) if budgets.is_empty() => {}
        Ok(budgets) => {
            let names: Vec<String> = budgets.iter().map(|b| format!("{}/{}", b.namespace, b.name)).collect();
            let (verb, what) = if names.len() == 1 { ("allows", "budget") } else { ("allow", "budgets") };
            let message =
                format!("{} disruption {what} {verb} no disruption now: {}", names.len(), some_of(&names));
            let hint = "Nodes whose pods they cover cannot be drained; add replicas or loosen the budget.";
            found.push("DISRUPTION_BUDGET", Effect::Warns, &message, hint, Some(inspection.at));
        }
        Err(failure) => {
            let message = format!("disruption budgets could not be read: {failure}");
            found.push("DISRUPTION_BUDGET", Effect::Unknown, &message, "", Some(inspection.at));
        }
    }
}

/// The first few of some names, `a, b, c and 4 more`.
pub(super) fn some_of(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMES).map(String::as_str).collect();
    match names.len().saturating_sub(NAMES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
