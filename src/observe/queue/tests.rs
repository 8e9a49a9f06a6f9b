use super::*;
use crate::clock::Clock;
use crate::fleet::CleanText;
use proptest::prelude::*;

fn key(n: usize) -> ClusterKey {
    ClusterKey::new(&CleanText::new(&format!("c-{n}")))
}

fn queue(n: usize, pace: Pace) -> (Queue, Instant) {
    let now = Clock::system().tick();
    let mut queue = Queue::new(pace);
    for i in 0..n {
        queue.insert(&key(i), &format!("front-{i}"), false, now);
    }
    (queue, now)
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn starts(queue: &mut Queue, now: Instant) -> Vec<Id> {
    std::iter::from_fn(|| queue.next(now))
        .map(|start| match start {
            Start::Poll(id, _) | Start::Prepare(id) => id,
        })
        .collect()
}

fn well() -> Outcome {
    Outcome { had: Wants { identity: true, place: true, first: false }, ..Outcome::default() }
}

fn failed(code: ErrorCode) -> Outcome {
    Outcome { unreachable: Some(code), ..Outcome::default() }
}

fn wait(queue: &mut Queue, id: Id, outcome: Outcome, now: Instant) -> Duration {
    queue.finish(id, outcome, now).unwrap().due - now
}

#[test]
fn the_first_contact_is_at_once_and_bounded_by_permits() {
    let (mut queue, now) = queue(400, Pace::default());
    let first = starts(&mut queue, now);
    assert_eq!(first.len(), 256);
    assert!(starts(&mut queue, now).is_empty());
    queue.finish(first[0], well(), now);
    assert_eq!(starts(&mut queue, now).len(), 1);
}

#[test]
fn the_dead_wait_for_permits_of_their_own() {
    let pace = Pace { in_flight: 10, in_flight_dead: 2, ..Pace::default() };
    let (mut queue, now) = queue(20, pace);
    for id in starts(&mut queue, now) {
        queue.finish(id, failed(ErrorCode::Timeout), now);
    }
    for id in starts(&mut queue, now) {
        queue.finish(id, well(), now);
    }
    let later = now + seconds(400);
    let begun = starts(&mut queue, later);
    let dead = begun.iter().filter(|id| **id < 10).count();
    assert_eq!((dead, begun.len() - dead), (2, 10));
}

#[test]
fn what_is_looked_at_goes_first() {
    let (mut queue, now) = queue(1_500, Pace { in_flight: 4, ..Pace::default() });
    queue.visible(&[key(900), key(800), key(12), key(800), key(99_999)], now);
    queue.opened(Some(&key(12)), now);
    assert_eq!(starts(&mut queue, now), [12, 900, 800, 0]);
}

#[test]
fn a_rank_changes_while_waiting() {
    let (mut queue, now) = queue(10, Pace { in_flight: 1, ..Pace::default() });
    assert_eq!(starts(&mut queue, now), [0]);
    queue.visible(&[key(7)], now);
    queue.finish(0, well(), now);
    assert_eq!(starts(&mut queue, now), [7]);
    queue.visible(&[], now);
    queue.finish(7, well(), now);
    assert_eq!(starts(&mut queue, now), [1]);
}

#[test]
fn the_tier_follows_the_size_of_the_fleet_and_who_looks() {
    for (size, low, high) in [(5, 8, 12), (256, 8, 12), (257, 48, 72), (1_000, 48, 72), (1_001, 240, 360)] {
        let (mut queue, now) = queue(size, Pace { in_flight: 5_000, ..Pace::default() });
        let ids = starts(&mut queue, now);
        let first = wait(&mut queue, ids[0], well(), now);
        assert!(first >= seconds(low) / 4 && first <= seconds(high), "{size} {first:?}");
        let later = now + seconds(1_000);
        assert!(starts(&mut queue, later).contains(&ids[0]));
        let second = wait(&mut queue, ids[0], well(), later);
        assert!(second >= seconds(low) && second <= seconds(high), "{size} {second:?}");
    }
    let (mut queue, now) = queue(2_000, Pace { in_flight: 5_000, ..Pace::default() });
    let ids = starts(&mut queue, now);
    queue.visible(&[key(0)], now);
    queue.focused(false, now);
    for id in &ids {
        queue.finish(*id, well(), now);
    }
    let again = starts(&mut queue, now + seconds(10_000));
    assert_eq!(again.len(), 2_000);
    let watched = wait(&mut queue, 0, well(), now + seconds(10_000));
    assert!(watched >= seconds(32) && watched <= seconds(48), "{watched:?}");
    queue.focused(true, now + seconds(10_000));
    assert!(starts(&mut queue, now + seconds(10_013)).contains(&0));
}

#[test]
fn an_unwell_cluster_is_looked_at_often() {
    let (mut queue, now) = queue(2_000, Pace { in_flight: 5_000, ..Pace::default() });
    let ids = starts(&mut queue, now);
    let unwell = Outcome { unwell: true, ..well() };
    queue.finish(ids[0], unwell, now);
    assert!(starts(&mut queue, now + seconds(13)).contains(&ids[0]));
    let next = wait(&mut queue, ids[0], unwell, now + seconds(13));
    assert!(next <= seconds(12));
}

#[test]
fn first_repeats_are_spread_over_the_period() {
    let (mut queue, now) = queue(200, Pace::default());
    let mut by_second = [0_usize; 13];
    for id in starts(&mut queue, now) {
        let due = wait(&mut queue, id, well(), now);
        by_second[usize::try_from(due.as_secs()).unwrap()] += 1;
    }
    assert!(by_second.iter().all(|n| *n <= 40), "{by_second:?}");
    assert!(by_second.iter().filter(|n| **n > 0).count() >= 9, "{by_second:?}");
}

#[test]
fn a_failing_cluster_is_left_alone_for_longer_and_longer() {
    let (mut queue, mut now) = queue(1, Pace::default());
    let mut longest = Duration::ZERO;
    for n in 0..40_u32 {
        assert_eq!(starts(&mut queue, now), [0]);
        let due = wait(&mut queue, 0, failed(ErrorCode::Tcp), now);
        assert!(due <= seconds((5_u64 << n.min(6)).min(300)), "{n} {due:?}");
        assert!(starts(&mut queue, now + due / 2).is_empty());
        longest = longest.max(due);
        now += due;
    }
    assert!(longest > seconds(200));
    assert_eq!(starts(&mut queue, now), [0]);
    assert!(wait(&mut queue, 0, well(), now) <= seconds(12));
}

#[test]
fn a_refused_credential_is_not_tried_again_soon() {
    for code in [ErrorCode::Http401, ErrorCode::Exec, ErrorCode::Oidc] {
        let (mut queue, now) = queue(1, Pace::default());
        starts(&mut queue, now);
        let due = wait(&mut queue, 0, failed(code), now);
        assert!(due >= seconds(240) && due <= seconds(360), "{code} {due:?}");
    }
    let (mut queue, now) = queue(1, Pace::default());
    starts(&mut queue, now);
    let forbidden = Outcome { refused: true, ..well() };
    assert!(wait(&mut queue, 0, forbidden, now) >= seconds(240));
}

#[test]
fn a_credential_that_worked_gets_one_quick_try_more() {
    let (mut queue, now) = queue(1, Pace::default());
    starts(&mut queue, now);
    let now = now + wait(&mut queue, 0, well(), now);
    starts(&mut queue, now);
    let due = wait(&mut queue, 0, failed(ErrorCode::Http401), now);
    assert!(due <= seconds(5));
    let now = now + due;
    assert_eq!(starts(&mut queue, now), [0]);
    assert!(wait(&mut queue, 0, failed(ErrorCode::Http401), now) >= seconds(240));
}

#[test]
fn a_refresh_forgets_the_back_off_but_not_retry_after() {
    let (mut queue, now) = queue(3, Pace::default());
    starts(&mut queue, now);
    queue.finish(0, failed(ErrorCode::Http401), now);
    queue.finish(1, well(), now);
    queue.finish(2, Outcome { retry_after: Some(seconds(30)), slow_down: true, ..well() }, now);
    queue.refresh(&[key(0)], now);
    assert_eq!(starts(&mut queue, now), [0]);
    queue.finish(0, failed(ErrorCode::Http401), now);
    queue.refresh(&[], now);
    let mut begun = starts(&mut queue, now);
    begun.sort_unstable();
    assert_eq!(begun, [0, 1]);
    assert_eq!(starts(&mut queue, now + seconds(29)), Vec::<Id>::new());
    assert_eq!(starts(&mut queue, now + seconds(30)), [2]);
}

#[test]
fn a_refresh_during_a_poll_polls_once_more() {
    let (mut queue, now) = queue(1, Pace::default());
    starts(&mut queue, now);
    queue.refresh(&[key(0)], now);
    assert!(starts(&mut queue, now).is_empty());
    assert_eq!(wait(&mut queue, 0, well(), now), Duration::ZERO);
    assert_eq!(starts(&mut queue, now), [0]);
    assert!(wait(&mut queue, 0, well(), now) > Duration::ZERO);
}

#[test]
fn retry_after_outlasts_the_period_and_every_wish() {
    let (mut queue, now) = queue(1, Pace::default());
    starts(&mut queue, now);
    let slow = Outcome { retry_after: Some(seconds(30)), slow_down: true, ..Outcome::default() };
    assert!(wait(&mut queue, 0, slow, now) >= seconds(30));
    queue.visible(&[key(0)], now);
    queue.opened(Some(&key(0)), now);
    assert!(starts(&mut queue, now + seconds(29)).is_empty());
}

#[test]
fn a_slow_credential_is_fetched_before_a_permit_is_taken() {
    let now = Clock::system().tick();
    let mut queue = Queue::new(Pace { in_flight: 1, ..Pace::default() });
    for i in 0..3 {
        queue.insert(&key(i), "one", i != 2, now);
    }
    let first: Vec<_> = std::iter::from_fn(|| queue.next(now)).collect();
    let wants = Wants { identity: true, place: true, first: true };
    assert_eq!(first, [Start::Prepare(0), Start::Prepare(1), Start::Poll(2, wants)]);
    queue.prepared(0, now);
    assert_eq!(queue.next(now), None);
    queue.finish(2, well(), now);
    assert_eq!(queue.next(now), Some(Start::Poll(0, wants)));
    queue.finish(1, failed(ErrorCode::Exec), now);
    queue.finish(0, well(), now);
    let later = now + seconds(20);
    assert_eq!(queue.next(later), Some(Start::Prepare(0)));
}

#[test]
fn rare_readings_are_asked_for_rarely_until_they_are_had() {
    let (mut queue, now) = queue(1, Pace::default());
    let wants = |queue: &mut Queue, at| match queue.next(at) {
        Some(Start::Poll(_, wants)) => (wants.identity, wants.place),
        other => panic!("{other:?}"),
    };
    assert_eq!(wants(&mut queue, now), (true, true));
    queue.finish(
        0,
        Outcome { had: Wants { identity: true, place: false, first: false }, ..Outcome::default() },
        now,
    );
    let now = now + seconds(20);
    assert_eq!(wants(&mut queue, now), (false, true));
    queue.finish(
        0,
        Outcome { had: Wants { identity: false, place: true, first: false }, ..Outcome::default() },
        now,
    );
    assert_eq!(wants(&mut queue, now + seconds(20)), (false, false));
    queue.finish(0, Outcome::default(), now + seconds(20));
    assert_eq!(wants(&mut queue, now + seconds(3_601)), (true, true));
}

#[test]
fn clusters_behind_one_front_share_its_budget_and_the_first_on_screen_goes_first() {
    let now = Clock::system().tick();
    let mut queue = Queue::new(Pace { in_flight: 5_000, ..Pace::default() });
    for i in 0..100 {
        queue.insert(&key(i), "rancher", false, now);
    }
    queue.insert(&key(100), "alone", false, now);
    let first = starts(&mut queue, now);
    assert_eq!(
        first.len(),
        21,
        "100 tokens are twenty polls of five requests, and the other front has its own"
    );
    assert!(first.contains(&100));
    queue.visible(&[key(77)], now);
    let wake = queue.wake_at().unwrap();
    assert!(wake - now <= Duration::from_millis(101));
    assert_eq!(starts(&mut queue, wake), [77]);
    let mut at = wake;
    let mut begun = 22;
    while begun < 101 {
        at = queue.wake_at().unwrap().max(at);
        begun += starts(&mut queue, at).len();
    }
    let took = at - now;
    assert!(took >= Duration::from_millis(7_800) && took <= Duration::from_millis(8_300), "{took:?}");
}

#[test]
fn a_429_slows_its_front_down() {
    let now = Clock::system().tick();
    let mut queue = Queue::new(Pace { in_flight: 1, ..Pace::default() });
    for i in 0..3 {
        queue.insert(&key(i), "rancher", false, now);
    }
    assert_eq!(starts(&mut queue, now), [0]);
    queue.finish(0, Outcome { slow_down: true, retry_after: Some(seconds(5)), ..Outcome::default() }, now);
    assert!(starts(&mut queue, now).is_empty());
    let wake = queue.wake_at().unwrap();
    assert_eq!(starts(&mut queue, wake), [1]);
}

/// How many polls one cluster gets in an hour in which each of them ends like this.
fn polls_in_an_hour(outcome: Outcome) -> usize {
    let (mut queue, start) = queue(1, Pace::default());
    let (mut now, mut polls) = (start, 0);
    while now < start + seconds(3_600) {
        for id in starts(&mut queue, now) {
            polls += 1;
            queue.finish(id, outcome, now);
        }
        now = queue.wake_at().unwrap().max(now + Duration::from_millis(1));
    }
    polls
}

#[test]
fn a_cluster_that_never_stops_refusing_is_asked_a_few_times_an_hour() {
    let slow_down = Outcome { slow_down: true, ..Outcome::default() };
    for (what, outcome) in [
        ("429", slow_down),
        ("429 with a wait", Outcome { retry_after: Some(seconds(30)), ..slow_down }),
        ("429 with no wait", Outcome { retry_after: Some(Duration::ZERO), ..slow_down }),
        ("401", failed(ErrorCode::Http401)),
        ("403", Outcome { refused: true, ..well() }),
        ("a plugin", failed(ErrorCode::Exec)),
        ("refused connections", failed(ErrorCode::Tcp)),
        ("silence", failed(ErrorCode::Timeout)),
    ] {
        let polls = polls_in_an_hour(outcome);
        assert!((8..=50).contains(&polls), "{what}: {polls}");
    }
    assert!(polls_in_an_hour(well()) > 300, "one that is well is seen every ten seconds");
}

#[test]
fn looking_at_a_cluster_that_says_429_does_not_hurry_it_and_a_refresh_does() {
    let (mut queue, mut now) = queue(1, Pace::default());
    let slow_down = Outcome { slow_down: true, ..Outcome::default() };
    let mut due = Duration::ZERO;
    while due < seconds(60) {
        assert_eq!(starts(&mut queue, now), [0]);
        let next = queue.finish(0, slow_down, now).unwrap();
        assert_eq!(next.phase, Phase::BackingOff);
        due = next.due - now;
        if due < seconds(60) {
            now += due;
        }
    }
    queue.visible(&[key(0)], now);
    queue.opened(Some(&key(0)), now);
    assert!(starts(&mut queue, now + seconds(59)).is_empty());
    queue.refresh(&[key(0)], now + seconds(59));
    assert_eq!(starts(&mut queue, now + seconds(59)), [0]);
    assert!(
        wait(&mut queue, 0, well(), now + seconds(59)) <= seconds(12),
        "well again, and all is forgotten"
    );
}

proptest! {
    /// Whatever ends in whatever order: no lane overruns its permits, nothing is begun twice, and nothing is lost.
    #[test]
    fn every_cluster_is_in_one_spot(steps in prop::collection::vec((0_u8..8, 0_usize..40, 0_u64..60), 1..300)) {
        let pace = Pace { in_flight: 6, in_flight_dead: 2, preparing: 3, front_burst: 30, ..Pace::default() };
        let mut now = Clock::system().tick();
        let mut queue = Queue::new(pace.clone());
        for i in 0..40 {
            queue.insert(&key(i), ["a", "b", "c"][i % 3], i % 5 == 0, now);
        }
        let mut flying: Vec<(Id, bool)> = Vec::new();
        for (what, which, pause) in steps {
            now += seconds(pause);
            while let Some(start) = queue.next(now) {
                let (id, poll) = match start { Start::Poll(id, _) => (id, true), Start::Prepare(id) => (id, false) };
                prop_assert!(flying.iter().all(|(other, _)| *other != id), "{id} begun twice");
                flying.push((id, poll));
            }
            let polls = flying.iter().filter(|f| f.1).count();
            prop_assert!(polls <= 8 && flying.len() - polls <= 3);
            match what {
                0 => queue.refresh(&[key(which)], now),
                1 => queue.visible(&[key(which), key(which + 1)], now),
                2 => queue.opened(Some(&key(which)), now),
                3 => queue.focused(which % 2 == 0, now),
                _ if flying.is_empty() => {}
                _ => {
                    let (id, poll) = flying.remove(which % flying.len());
                    if !poll && what < 7 {
                        queue.prepared(id, now);
                    } else {
                        let outcome = [well(), failed(ErrorCode::Timeout), failed(ErrorCode::Http401),
                            Outcome { slow_down: true, retry_after: Some(seconds(9)), ..Outcome::default() }][which % 4];
                        queue.finish(id, outcome, now);
                    }
                }
            }
            prop_assert_eq!(queue.live.flying + queue.dead.flying + queue.prepare.flying, flying.len());
        }
        // All that is not in flight is begun within the longest wait.
        let mut seen: BTreeSet<Id> = flying.iter().map(|f| f.0).collect();
        for (id, _) in flying {
            queue.finish(id, well(), now);
        }
        for _ in 0..20_000 {
            if seen.len() == 40 { break }
            while let Some(start) = queue.next(now) {
                match start {
                    Start::Poll(id, _) => { seen.insert(id); queue.finish(id, well(), now); }
                    Start::Prepare(id) => queue.prepared(id, now),
                }
            }
            now = queue.wake_at().unwrap().max(now);
        }
        prop_assert_eq!(seen.len(), 40);
    }
}
