//! What holds of every registry.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// Small worlds, so that a lot of it coincides.
fn any_sighting() -> impl Strategy<Value = Seen> {
    let kind = prop::sample::select(SourceKind::ALL.to_vec());
    let server = prop::option::of(prop::sample::select(vec![
        "https://a.test:6443",
        "https://b.test",
        "https://127.0.0.1:6443",
        "https://r.test/k8s/clusters/c-1",
        "https://r.test",
    ]));
    (
        kind,
        0..4_u8,
        0..6_u8,
        prop::option::of(0..3_u8),
        server,
        prop::collection::vec(0..3_u8, 0..3),
        any::<bool>(),
        0..5_u8,
    )
        .prop_map(|(kind, source, name, uid, server, authorities, fronted, gone)| {
            let mut one = seen(kind, &format!("s{source}"), &format!("c{name}")).ca(&authorities);
            one.0.uid = uid.map(|u| CleanText::new(&format!("u{u}")));
            one.0.server = server.and_then(normal_server);
            one.0.fronted = fronted;
            if gone == 0 { one.gone() } else { one }
        })
}

/// A registry: sightings of different names, what was seen, what was decided.
fn any_world() -> impl Strategy<Value = (Vec<Arc<Sighting>>, HashMap<SightingId, Evidence>, Decisions)> {
    let decided = prop::collection::vec((any::<bool>(), any::<Index>(), any::<Index>()), 0..3);
    let looks = prop::collection::vec((any::<Index>(), 0..3_u8, 0..3_u8), 0..4);
    (prop::collection::vec(any_sighting(), 1..14), looks, decided).prop_map(|(sightings, looks, decided)| {
        let mut ids = BTreeSet::new();
        let sightings: Vec<_> = all(sightings).into_iter().filter(|s| ids.insert(s.id.clone())).collect();
        let at = |i: &Index| i.get(&sightings).id.clone();
        let evidence = looks
            .iter()
            .map(|(i, uid, node)| {
                let nodes = vec![CleanText::new(&format!("n{node}"))];
                (
                    at(i),
                    Evidence {
                        uid: CleanText::new(&format!("u{uid}")),
                        nodes,
                        place: CleanText::default(),
                        at: now(),
                    },
                )
            })
            .collect();
        let decided = decided
            .iter()
            .map(|(merge, a, b)| {
                if *merge {
                    Decision::Merge { first: at(a), second: at(b) }
                } else {
                    Decision::Split { sighting: at(a) }
                }
            })
            .collect();
        (sightings, evidence, decisions(decided))
    })
}

fn uid_of(s: &Sighting, evidence: &HashMap<SightingId, Evidence>) -> Option<CleanText> {
    s.uid.clone().or_else(|| evidence.get(&s.id).map(|e| e.uid.clone()))
}

proptest! {
    #[test]
    fn the_order_of_sightings_does_not_change_what_is_united(
        (sightings, evidence, decided) in any_world(),
        turn in any::<Index>(),
        reversed in any::<bool>(),
    ) {
        let before = unite(&sightings, &evidence, &decided, now());
        let mut other = sightings.clone();
        other.rotate_left(turn.index(sightings.len()));
        if reversed {
            other.reverse();
        }
        let after = unite(&other, &evidence, &decided, now());
        prop_assert_eq!(sets(&before), sets(&after));
        let told = |r: &Roster| apart(r).into_iter().filter(|a| !a.starts_with("SAME_NAME")).collect::<BTreeSet<_>>();
        prop_assert_eq!(told(&before), told(&after));
    }

    #[test]
    fn uniting_twice_is_uniting_once((sightings, evidence, decided) in any_world()) {
        let once = unite(&sightings, &evidence, &decided, now());
        prop_assert_eq!(&once, &unite(&sightings, &evidence, &decided, now()));
        // Reading every source in the order of the rows changes no row.
        let by_id: HashMap<_, _> = sightings.iter().map(|s| (s.id.clone(), s)).collect();
        let again: Vec<_> = once
            .entries
            .iter()
            .flat_map(|e| e.sources.iter().map(|s| Arc::clone(by_id[&s.id()])))
            .collect();
        prop_assert_eq!(sets(&once), sets(&unite(&again, &evidence, &decided, now())));
    }

    #[test]
    fn two_uids_are_never_in_one_row((sightings, evidence, decided) in any_world()) {
        let roster = unite(&sightings, &evidence, &decided, now());
        let by_id: HashMap<_, _> = sightings.iter().map(|s| (s.id.clone(), s)).collect();
        for entry in &roster.entries {
            let uids: BTreeSet<_> =
                entry.sources.iter().filter_map(|s| uid_of(by_id[&s.id()], &evidence)).collect();
            prop_assert!(uids.len() <= 1, "{:?} {:?}", lines(&roster), uids);
            prop_assert_eq!(entry.uid.as_ref(), uids.first());
        }
    }

    #[test]
    fn authorities_of_a_row_without_a_uid_hang_together((sightings, evidence, _) in any_world()) {
        let roster = unite(&sightings, &evidence, &Decisions::default(), now());
        let by_id: HashMap<_, _> = sightings.iter().map(|s| (s.id.clone(), s)).collect();
        for entry in roster.entries.iter().filter(|e| e.uid.is_none()) {
            let sets: Vec<BTreeSet<_>> = entry
                .sources
                .iter()
                .map(|s| by_id[&s.id()])
                .filter(|s| !s.fronted && !s.authorities.is_empty())
                .map(|s| s.authorities.iter().copied().collect())
                .collect();
            let mut reached = sets.first().cloned().unwrap_or_default();
            for _ in &sets {
                for set in sets.iter().filter(|s| !s.is_disjoint(&reached)).cloned().collect::<Vec<_>>() {
                    reached.extend(set);
                }
            }
            prop_assert!(sets.iter().all(|s| s.is_subset(&reached)), "{:?}", lines(&roster));
        }
    }

    #[test]
    fn no_sighting_is_lost_or_doubled_and_every_merge_is_explained((sightings, evidence, decided) in any_world()) {
        let roster = unite(&sightings, &evidence, &decided, now());
        let mut found: Vec<_> = roster.entries.iter().flat_map(|e| e.sources.iter().map(SourceRef::id)).collect();
        let mut given: Vec<_> = sightings.iter().map(|s| s.id.clone()).collect();
        found.sort();
        given.sort();
        prop_assert_eq!(found, given);
        let keys: BTreeSet<_> = roster.entries.iter().map(|e| &e.key).collect();
        prop_assert_eq!(keys.len(), roster.entries.len());
        let live = sightings.iter().filter(|s| s.gone_at.is_none()).count();
        prop_assert_eq!(roster.counts.values().map(|c| c.0 + c.1).sum::<usize>(), live);
        for entry in &roster.entries {
            // The explanations of n sightings are n - 1 links that reach all of them.
            prop_assert_eq!(entry.merges.len() + 1, entry.sources.len());
            let mut reached: BTreeSet<_> = entry.sources.first().map(SourceRef::id).into_iter().collect();
            for _ in &entry.merges {
                for link in &entry.merges {
                    if reached.contains(&link.first) || reached.contains(&link.second) {
                        reached.extend([link.first.clone(), link.second.clone()]);
                    }
                }
            }
            prop_assert_eq!(reached.len(), entry.sources.len());
        }
    }
}
