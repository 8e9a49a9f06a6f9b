//! One inspection of one cluster: lists that a poll is too short for, read page by page over a connection of its own.
//!
//! * Its requests go one after another, each out of a budget that is not the polls'.
//! * Each part fails for itself; only what concerns the whole cluster (no connection, a refused credential, a server that asks
//!   for fewer requests) ends it before its time, and then it is tried again later.
//! * No part holds more than a page of the server's own bytes at a time, and metrics not even that.

mod ask;
mod desk;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::budget::Budget;
use super::wire::{self, DeprecatedApis, Policies, WorkloadKind, Written};
use crate::access::{Accept, Reply};
use crate::clock::Clock;
use crate::fleet::{
    Budget as Disruptions, CleanText, ErrorCode, Failure, Inspection, NamespacePolicies, OldApi, Part,
    Workload,
};

pub(super) use ask::Asks;
pub(super) use desk::{Desk, End, Flight};

/// Workloads that are kept at most.
const MOST_WORKLOADS: usize = 5_000;
/// Pages of one list at most; with 500 objects each more than any cluster is supported to hold.
const MOST_PAGES: usize = 64;
/// Pages of each kind whose writers are looked at. What they used is evidence for itself; the rest is left alone.
const WRITTEN_PAGES: usize = 2;
/// For all metrics.
const METRICS: Duration = Duration::from_mins(1);

/// The kinds whose `managedFields` are looked at: those of which an early version was removed in 1.25 or later, or will be, and of
/// which there are never very many. Kinds that exist by the ten thousand (pods, endpoint slices, leases) are left out on purpose.
const WRITTEN: [(&str, &str, &str, &str); 11] = [
    ("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscalerList"),
    ("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudgetList"),
    ("batch", "v1", "cronjobs", "CronJobList"),
    ("networking.k8s.io", "v1", "ingresses", "IngressList"),
    ("flowcontrol.apiserver.k8s.io", "v1", "flowschemas", "FlowSchemaList"),
    ("flowcontrol.apiserver.k8s.io", "v1", "prioritylevelconfigurations", "PriorityLevelConfigurationList"),
    ("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicyList"),
    ("admissionregistration.k8s.io", "v1", "mutatingadmissionpolicies", "MutatingAdmissionPolicyList"),
    ("storage.k8s.io", "v1", "volumeattributesclasses", "VolumeAttributesClassList"),
    ("resource.k8s.io", "v1", "resourceclaimtemplates", "ResourceClaimTemplateList"),
    ("resource.k8s.io", "v1", "deviceclasses", "DeviceClassList"),
];

/// What an inspection came to.
#[derive(Debug)]
pub(super) struct Inspected {
    pub(super) inspection: Inspection,
    /// Why it ended before its time.
    pub(super) broken_off: Option<BrokenOff>,
}

/// An end before its time.
#[derive(Clone, Debug)]
pub(super) struct BrokenOff {
    failure: Failure,
    /// For how long the server asked to be left alone.
    pub(super) retry_after: Option<Duration>,
}

/// Inspects by `asks` within `deadline`, spending `budget`. Never fails: what went wrong is in the parts.
pub(super) async fn inspect<A: Asks>(
    asks: &mut A,
    budget: &mut Budget,
    clock: &Clock,
    deadline: Duration,
) -> Inspected {
    let ends = clock.tick() + deadline;
    let mut look = Look { asks, budget, clock, ends, timeouts: 0, over: false, broken_off: None };
    let served = look.served().await;
    let workloads = look.workloads().await;
    let policies = look.policies().await;
    let budgets: Part<Vec<Disruptions>> = look
        .list("/apis/policy/v1/poddisruptionbudgets?limit=500", Accept::Json, Vec::new, wire::budgets)
        .await;
    // A definition may be hundreds of kibibytes.
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions?limit=50";
    let stored: Part<Vec<OldApi>> =
        look.list(definitions, Accept::Json, Vec::new, wire::stored_versions).await;
    let managed = look.written(served.as_ref().ok()).await;
    let requested = look.requested().await;
    let served = served.map(|served| served.into_iter().collect());
    let broken_off = look.broken_off;
    let at = clock.now();
    let inspection = Inspection { at, workloads, policies, budgets, requested, stored, managed, served };
    Inspected { inspection, broken_off }
}

struct Look<'a, A> {
    asks: &'a mut A,
    budget: &'a mut Budget,
    clock: &'a Clock,
    ends: Instant,
    timeouts: u32,
    over: bool,
    broken_off: Option<BrokenOff>,
}

impl<A: Asks> Look<'_, A> {
    /// Waits until the next request may be made; how much time it has at most.
    async fn turn(&mut self) -> Result<Duration, Failure> {
        if let Some(broken) = &self.broken_off {
            return Err(broken.failure.clone());
        }
        while let Err(when) = self.budget.take(1, self.clock.tick()) {
            if when >= self.ends {
                return Err(self.too_long());
            }
            tokio::time::sleep_until(when.into()).await;
        }
        let left = self.ends.saturating_duration_since(self.clock.tick());
        if left.is_zero() {
            return Err(self.too_long());
        }
        Ok(left)
    }

    /// Our own time is over, which the next try would not mend.
    fn too_long(&mut self) -> Failure {
        self.over = true;
        Failure::new(ErrorCode::Timeout, "the inspection took too long")
    }

    /// Asks in its turn; the answer may be of any status.
    async fn fetch(&mut self, path: &str, accept: Accept) -> Result<Reply, Failure> {
        let left = self.turn().await?;
        let answer = tokio::time::timeout(left, self.asks.page(path, accept)).await;
        answer.unwrap_or_else(|_| Err(late(left)))
    }

    /// Asks for JSON; an answer that is none, or no success, is a failure.
    async fn ask(&mut self, path: &str, accept: Accept) -> Result<Reply, Failure> {
        let answer = self.fetch(path, accept).await;
        self.judge_json(answer)
    }

    fn judge_json(&mut self, answer: Result<Reply, Failure>) -> Result<Reply, Failure> {
        let reply = self.judge(answer)?;
        match reply.not_json() {
            Some(failure) => Err(failure),
            None => Ok(reply),
        }
    }

    /// Sorts out what concerns the whole cluster.
    fn judge(&mut self, answer: Result<Reply, Failure>) -> Result<Reply, Failure> {
        let failure = match answer {
            Ok(reply) => match reply.failure() {
                None => return Ok(reply),
                Some(failure) => {
                    let asked_for_rest = matches!(failure.code, ErrorCode::Http429 | ErrorCode::Http5xx)
                        && (failure.code == ErrorCode::Http429 || failure.retry_after.is_some());
                    if asked_for_rest || failure.code == ErrorCode::Http401 {
                        self.break_off(&failure);
                    }
                    failure
                }
            },
            Err(failure) => {
                match failure.code {
                    // One body that is too large or broken says nothing of the next.
                    ErrorCode::Parse | ErrorCode::Http => {}
                    ErrorCode::Timeout if self.over => {}
                    ErrorCode::Timeout => {
                        self.timeouts += 1;
                        if self.timeouts > 1 {
                            self.break_off(&failure);
                        }
                    }
                    _ => self.break_off(&failure),
                }
                failure
            }
        };
        Err(failure)
    }

    fn break_off(&mut self, failure: &Failure) {
        self.broken_off = Some(BrokenOff { failure: failure.clone(), retry_after: failure.retry_after });
    }

    /// Reads all pages of a list. A token that the server has forgotten (410) begins the list anew, once.
    async fn list<T>(
        &mut self,
        path: &str,
        accept: Accept,
        begin: impl Fn() -> T,
        mut take: impl FnMut(&[u8], &mut T) -> Result<Option<String>, Failure>,
    ) -> Result<T, Failure> {
        let mut anew = true;
        'whole: loop {
            let (mut gathered, mut next) = (begin(), path.to_owned());
            for _ in 0..MOST_PAGES {
                let answer = self.fetch(&next, accept).await;
                if anew && next.len() != path.len() && matches!(&answer, Ok(reply) if reply.status == 410) {
                    anew = false;
                    continue 'whole;
                }
                let reply = self.judge_json(answer)?;
                let Some(token) = take(&reply.body, &mut gathered)? else { return Ok(gathered) };
                next = page(path, &token);
            }
            return Err(Failure::new(ErrorCode::Parse, "a list that does not end"));
        }
    }

    async fn served(&mut self) -> Part<BTreeSet<CleanText>> {
        let mut found = BTreeSet::new();
        let reply = self.ask("/apis", Accept::Discovery).await?;
        wire::served_groups(&reply.body, &mut found)?;
        let reply = self.ask("/api", Accept::Json).await?;
        wire::served_core(&reply.body, &mut found)?;
        Ok(found)
    }

    async fn workloads(&mut self) -> Part<Vec<Workload>> {
        let mut all = Vec::new();
        for kind in WorkloadKind::ALL {
            let path = format!("/apis/apps/v1/{}?limit=500", kind.plural());
            let room = MOST_WORKLOADS.saturating_sub(all.len());
            if room == 0 {
                break;
            }
            let rows: Vec<Workload> = self
                .list(&path, Accept::Json, Vec::new, |body, rows: &mut Vec<Workload>| {
                    let next = wire::workloads(body, kind, room, rows)?;
                    Ok(next.filter(|_| rows.len() < room))
                })
                .await?;
            all.extend(rows);
        }
        Ok(all)
    }

    async fn policies(&mut self) -> Part<Vec<NamespacePolicies>> {
        let names = "/api/v1/namespaces?limit=500";
        let take = |body: &[u8], seen: &mut Policies| seen.namespaces(body);
        let known = self.list(names, Accept::PartialMetadataList, Policies::default, take).await?;
        let policies = "/apis/networking.k8s.io/v1/networkpolicies?limit=500";
        let take = |body: &[u8], seen: &mut Policies| seen.policies(body);
        let seen = self.list(policies, Accept::Json, || known.clone(), take).await?;
        Ok(seen.into_rows())
    }

    /// What writers used, of the kinds that are served at the version they are asked for.
    async fn written(&mut self, served: Option<&BTreeSet<CleanText>>) -> Part<Vec<OldApi>> {
        let mut written = Written::default();
        let (mut read, mut failed) = (false, None);
        for (group, version, resource, list) in WRITTEN {
            let group_version = CleanText::new(&format!("{group}/{version}"));
            if served.is_some_and(|served| !served.contains(&group_version)) {
                continue;
            }
            let path = format!("/apis/{group_version}/{resource}?limit=500");
            let mut next = path.clone();
            for _ in 0..WRITTEN_PAGES {
                let answer = self.fetch(&next, Accept::PartialMetadataList).await;
                // Not served in this release: nothing to be read, and no failure.
                if matches!(&answer, Ok(reply) if reply.status == 404) {
                    break;
                }
                let got = self.judge_json(answer);
                match got.and_then(|reply| written.read(&reply.body, resource, list)) {
                    Ok(token) => {
                        read = true;
                        let Some(token) = token else { break };
                        next = page(&path, &token);
                    }
                    Err(failure) => {
                        failed.get_or_insert(failure);
                        break;
                    }
                }
            }
        }
        match failed {
            // What was found counts for itself; that nothing could be read must not look like nothing found.
            Some(failure) if !read => Err(failure),
            _ => Ok(written.into_uses(served)),
        }
    }

    async fn requested(&mut self) -> Part<Vec<OldApi>> {
        let left = self.turn().await?.min(METRICS);
        let mut reader = DeprecatedApis::default();
        let mut feed = |piece: Bytes| reader.feed(&piece);
        let answer = tokio::time::timeout(left, self.asks.metrics(&mut feed)).await;
        self.judge(answer.unwrap_or_else(|_| Err(late(left))))?;
        reader.end()
    }
}

fn late(after: Duration) -> Failure {
    Failure::new(ErrorCode::Timeout, &format!("not done within {} s", after.as_secs()))
}

/// The page of `path` that `token` stands for.
fn page(path: &str, token: &str) -> String {
    url::form_urlencoded::Serializer::new(path.to_owned()).append_pair("continue", token).finish()
}

#[cfg(test)]
mod tests;
