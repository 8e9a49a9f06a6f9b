//! Inspections against the simulated fleet: what is found is what its builder knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fleetglass::access::{Access, Settings, kubeconfig};
use fleetglass::clock::Clock;
use fleetglass::fleet::{ErrorCode, Inspection, UseEvidence};
use fleetglass::observe::{Event, Means, Member, Pace, Wish, poll_fleet};
use fleetglass::registry::register;
use fleetglass::sim::{self, Blueprint, ClusterTruth, Fault, Refusal, Route, Sim, Trouble};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(100);

struct Run {
    wishes: tokio::sync::mpsc::Sender<Wish>,
    events: tokio::sync::mpsc::Receiver<Event>,
    quit: CancellationToken,
}

fn run(sim: &Sim, pace: Pace) -> Run {
    let clock = Clock::system();
    let loaded = kubeconfig::load_text(sim.kubeconfig().into_bytes(), std::path::Path::new("sim"));
    let members: Vec<Member> = register(&loaded, clock.now())
        .entries
        .into_iter()
        .filter_map(|row| Some(Member { key: row.entry.key, target: row.target? }))
        .collect();
    let quit = CancellationToken::new();
    let access = Access::new(Settings::default(), clock.clone()).unwrap();
    let (wishes, wished) = tokio::sync::mpsc::channel(8);
    let (tell, events) = tokio::sync::mpsc::channel(256);
    tokio::spawn(poll_fleet(Means { access, clock, pace, quit: quit.clone() }, wished, tell));
    wishes.try_send(Wish::Join(members)).unwrap();
    Run { wishes, events, quit }
}

impl Run {
    /// The inspections of so many clusters.
    async fn inspected(&mut self, clusters: usize) -> BTreeMap<String, Arc<Inspection>> {
        let mut found = BTreeMap::new();
        let all = async {
            while found.len() < clusters {
                if let Event::Inspected { key, inspection, .. } = self.events.recv().await.unwrap() {
                    found.insert(key.to_string(), inspection);
                }
            }
        };
        let late = tokio::time::timeout(PATIENCE, all).await.is_err();
        assert!(!late, "only {:?}", found.keys());
        found
    }
}

fn answers(truth: &ClusterTruth) -> bool {
    !matches!(
        truth.trouble,
        Trouble::Refused
            | Trouble::BlackHoled
            | Trouble::SignedOut
            | Trouble::RateLimited(_)
            | Trouble::Slow(_)
    )
}

#[tokio::test]
async fn an_inspection_finds_what_is_so() {
    let blueprint = Blueprint { live: false, ..Blueprint::default() };
    let sim = sim::start(blueprint, Clock::system()).await.unwrap();
    let mut run = run(&sim, Pace { inspect_rate: 200, inspect_burst: 200, ..Pace::default() });
    run.wishes.send(Wish::Inspect(Vec::new())).await.unwrap();
    let able: Vec<_> = sim.clusters().iter().filter(|c| answers(&c.truth)).collect();
    let silent = sim
        .clusters()
        .iter()
        .filter(|c| matches!(c.truth.trouble, Trouble::Refused | Trouble::BlackHoled | Trouble::SignedOut));
    let found = run.inspected(sim.clusters().len() - silent.count()).await;
    let (mut metrics, mut neglected) = (0, 0);
    for cluster in able {
        let (truth, seen) = (&cluster.truth, &found[&cluster.name]);
        let upkeep = &truth.upkeep;
        neglected += usize::from(*upkeep != sim::Upkeep::default());
        let workloads = seen.workloads.as_ref().unwrap_or_else(|why| panic!("{}: {why}", cluster.name));
        let names: BTreeSet<_> = workloads.iter().map(|w| w.name.as_str()).collect();
        for platform in ["coredns", "kube-proxy", "metrics-server", "node-exporter", "cert-manager"] {
            assert_eq!(
                names.contains(platform),
                upkeep.missing != Some(platform),
                "{} {platform}",
                cluster.name
            );
        }
        let proxy = workloads.iter().find(|w| w.name.as_str() == "kube-proxy").unwrap();
        let plain = truth.version.split(['-', '+']).next().unwrap();
        assert_eq!(proxy.images, [format!("registry.k8s.io/kube-proxy:{plain}").as_str().into()]);
        let policies = seen.policies.as_ref().unwrap();
        let guarded = policies.iter().filter(|p| p.default_deny).count();
        let own = policies.iter().any(|p| !p.namespace.as_str().starts_with("kube-") && p.count > 0);
        assert_eq!(guarded > 0, own, "{}", cluster.name);
        assert!(!(upkeep.unguarded && own), "{}", cluster.name);
        let blocking = seen.budgets.as_ref().unwrap();
        assert_eq!(blocking.iter().any(|b| b.name.as_str() == "coredns"), upkeep.blocked, "{}", cluster.name);
        if let Ok(stored) = &seen.stored {
            let told = stored.first().map(|s| (s.by[0].as_str(), s.version.as_str()));
            assert_eq!(
                (told, stored.len()),
                (upkeep.stored, usize::from(upkeep.stored.is_some())),
                "{}",
                cluster.name
            );
        }
        let served = seen.served.as_ref().unwrap();
        assert!(served.iter().any(|v| v.as_str() == "v1") && served.iter().any(|v| v.as_str() == "apps/v1"));
        if let Some(old) = &upkeep.requested {
            let text = format!("{}/{}", old.group, old.version);
            assert!(served.iter().any(|v| v.as_str() == text), "{} {text}", cluster.name);
        }
        match &seen.requested {
            Ok(requested) => {
                metrics += 1;
                let old = requested.iter().find(|api| api.removed_in.is_some());
                assert_eq!(
                    old.map(|o| o.resource.as_str()),
                    upkeep.requested.map(|o| o.resource),
                    "{}",
                    cluster.name
                );
                assert!(requested.iter().all(|api| api.evidence == UseEvidence::Requested));
            }
            Err(why) => assert_eq!(why.code, ErrorCode::Http403, "{}", cluster.name),
        }
    }
    assert!(metrics >= 10 && neglected >= 8, "{metrics} {neglected}");
    run.quit.cancel();
    sim.stop().await;
}

#[tokio::test]
async fn who_does_not_answer_is_inspected_when_it_does() {
    let blueprint = Blueprint { clusters: 3, seed: 11, troubled: false, live: false, hubs: false };
    let sim = sim::start(blueprint, Clock::system()).await.unwrap();
    let late = sim.clusters()[0].name.clone();
    sim.set_fault(&late, Route::Connect, Some(Fault::Refuse));
    let pace = Pace {
        back_off: Duration::from_millis(100),
        back_off_most: Duration::from_millis(200),
        ..Pace::default()
    };
    let mut run = run(&sim, pace);
    run.wishes.send(Wish::Inspect(Vec::new())).await.unwrap();
    assert!(!run.inspected(2).await.contains_key(&late));
    sim.set_fault(&late, Route::Connect, None);
    assert!(run.inspected(1).await.contains_key(&late));
    // A server that asks for fewer requests is not inspected on: what there is comes in the end, and says so.
    let busy = sim.clusters()[1].name.clone();
    let refusal = Fault::Refusal(Refusal::Forbidden);
    sim.set_fault(&busy, Route::All, Some(refusal));
    run.wishes
        .send(Wish::Inspect(vec![fleetglass::fleet::ClusterKey::new(&busy.as_str().into())]))
        .await
        .unwrap();
    let found = run.inspected(1).await;
    assert_eq!(found[&busy].workloads.as_ref().unwrap_err().code, ErrorCode::Http403);
    run.quit.cancel();
    sim.stop().await;
}
