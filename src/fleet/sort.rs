//! Orders of clusters: the one of every list, and those a person can ask for.

use std::cmp::{Ordering, Reverse};

use super::Cluster;

/// What a list of clusters can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SortKey {
    /// Class order, then state, then name: the order of every list at first.
    Class,
    /// Worst first.
    State,
    /// As people count: `dev-2` before `dev-10`.
    Name,
    /// The API server's version, oldest first.
    Version,
    /// The oldest kubelet, oldest first.
    Kubelet,
    /// The number of nodes, fewest first.
    Nodes,
    /// The end of the serving certificate, soonest first.
    Cert,
    /// When it last answered, longest ago first.
    Seen,
    /// Latency, fastest first.
    Latency,
}

impl SortKey {
    /// Every key.
    pub const ALL: [Self; 9] = [
        Self::Class,
        Self::State,
        Self::Name,
        Self::Version,
        Self::Kubelet,
        Self::Nodes,
        Self::Cert,
        Self::Seen,
        Self::Latency,
    ];

    /// The word as it is written in a column choice or on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::State => "state",
            Self::Name => "name",
            Self::Version => "version",
            Self::Kubelet => "kubelet",
            Self::Nodes => "nodes",
            Self::Cert => "cert",
            Self::Seen => "seen",
            Self::Latency => "latency",
        }
    }

    /// The key of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == word)
    }
}

/// Compares two clusters by `key`, backwards if `descending`. Unknown values come last either way, and equal ones are in
/// order of their names, so that the order is total and a list never flickers.
pub fn compare(a: &Cluster, b: &Cluster, key: SortKey, descending: bool) -> Ordering {
    let turned = |o: Ordering| if descending { o.reverse() } else { o };
    let by_key = match key {
        SortKey::Class => turned(by_class(a, b).then_with(|| a.verdict.state.cmp(&b.verdict.state))),
        SortKey::State => turned(a.verdict.state.cmp(&b.verdict.state)),
        SortKey::Name => turned(by_name(a, b)),
        SortKey::Version => known_first(a.version(), b.version(), descending),
        SortKey::Kubelet => known_first(a.oldest_kubelet(), b.oldest_kubelet(), descending),
        SortKey::Nodes => {
            let nodes = |c: &Cluster| c.signals.nodes.value().map(|n| n.total);
            known_first(nodes(a), nodes(b), descending)
        }
        SortKey::Cert => {
            let cert = |c: &Cluster| c.signals.serving_cert.as_ref().map(|o| o.value.not_after);
            known_first(cert(a), cert(b), descending)
        }
        SortKey::Seen => known_first(a.seen_at(), b.seen_at(), descending),
        SortKey::Latency => {
            let latency = |c: &Cluster| c.signals.latency.as_ref().map(|o| o.value);
            known_first(latency(a), latency(b), descending)
        }
    };
    by_key.then_with(|| by_name(a, b))
}

/// The order in which a fleet keeps its clusters: class order, then name. It does not depend on what was seen.
pub fn stable_order(a: &Cluster, b: &Cluster) -> Ordering {
    by_class(a, b).then_with(|| by_name(a, b))
}

fn by_class(a: &Cluster, b: &Cluster) -> Ordering {
    a.class.order.cmp(&b.class.order).then_with(|| a.class.name.cmp(&b.class.name))
}

fn by_name(a: &Cluster, b: &Cluster) -> Ordering {
    natural(a.entry.name.as_str(), b.entry.name.as_str()).then_with(|| a.entry.key.cmp(&b.entry.key))
}

fn known_first<T: Ord>(a: Option<T>, b: Option<T>, descending: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if descending => b.cmp(&a),
        (Some(a), Some(b)) => a.cmp(&b),
        (a, b) => Reverse(a.is_some()).cmp(&Reverse(b.is_some())),
    }
}

/// Compares names as people count: runs of digits by their number, all else by letter without regard to case. Names
/// that are the same by that are told apart by their bytes.
pub fn natural(a: &str, b: &str) -> Ordering {
    // Names of a fleet begin alike, and it is sorted on every change: what is the same byte by byte is stepped over, but for a
    // number that may go on.
    let same = a.bytes().zip(b.bytes()).take_while(|(one, other)| one == other).count();
    let digits = a.bytes().take(same).rev().take_while(u8::is_ascii_digit).count();
    let from = (0..=same - digits).rev().find(|at| a.is_char_boundary(*at)).unwrap_or(0);
    let (left, right) = (a.get(from..).unwrap_or(a), b.get(from..).unwrap_or(b));
    piece_by_piece(left, right).then_with(|| a.cmp(b))
}

fn piece_by_piece(mut left: &str, mut right: &str) -> Ordering {
    loop {
        let order = if let (Some(one), Some(other)) = (take_digits(left), take_digits(right)) {
            (left, right) = (one.1, other.1);
            let (one, other) = (one.0.trim_start_matches('0'), other.0.trim_start_matches('0'));
            one.len().cmp(&other.len()).then_with(|| one.cmp(other))
        } else {
            match (take_char(left), take_char(right)) {
                (Some(one), Some(other)) => {
                    (left, right) = (one.1, other.1);
                    match (one.0, other.0) {
                        (one, other) if one.is_ascii() && other.is_ascii() => {
                            one.to_ascii_lowercase().cmp(&other.to_ascii_lowercase())
                        }
                        (one, other) => one.to_lowercase().cmp(other.to_lowercase()),
                    }
                }
                (None, None) => return Ordering::Equal,
                (one, other) => return one.is_some().cmp(&other.is_some()),
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn take_digits(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (end > 0).then(|| text.split_at_checked(end)).flatten()
}

fn take_char(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    chars.next().map(|c| (c, chars.as_str()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::{ErrorCode, Failure, Signals};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_ordered_as_people_count() {
        let mut names =
            ["dev-10", "dev-2", "Dev-1", "dev", "dev-2-b", "dev-02", "a9", "a10b", "a10a", "größe", ""];
        names.sort_by(|a, b| natural(a, b));
        let expect =
            ["", "a9", "a10a", "a10b", "dev", "Dev-1", "dev-02", "dev-2", "dev-2-b", "dev-10", "größe"];
        assert_eq!(names, expect);
    }

    fn sorted(mut clusters: Vec<Cluster>, key: SortKey, descending: bool) -> Vec<String> {
        clusters.sort_by(|a, b| compare(a, b, key, descending));
        clusters.iter().map(|c| c.entry.name.to_string()).collect()
    }

    fn fleet() -> Vec<Cluster> {
        let mut old = healthy();
        old.version.last.as_mut().unwrap().value = version_info("v1.33.9");
        old.nodes.last.as_mut().unwrap().value = nodes(9, 9, &[("v1.31.0", 1), ("v1.33.9", 8)]);
        let mut down = healthy();
        down.unreachable = Some(Failure::new(ErrorCode::Tcp, "refused"));
        down.attempts.last_success = Some(now() - chrono::TimeDelta::hours(3));
        vec![
            cluster("dev-10", healthy()),
            cluster("prod-2", old),
            cluster("dev-2", Signals::default()),
            cluster("prod-1", healthy()),
            cluster("prod-10", down),
        ]
    }

    #[test]
    fn every_key_orders_and_unknown_comes_last() {
        for (key, descending, expect) in [
            (SortKey::Class, false, "prod-10 prod-2 prod-1 dev-2 dev-10"),
            (SortKey::State, false, "prod-10 prod-2 dev-2 dev-10 prod-1"),
            (SortKey::State, true, "dev-10 prod-1 dev-2 prod-2 prod-10"),
            (SortKey::Name, false, "dev-2 dev-10 prod-1 prod-2 prod-10"),
            (SortKey::Name, true, "prod-10 prod-2 prod-1 dev-10 dev-2"),
            (SortKey::Version, false, "prod-2 dev-10 prod-1 prod-10 dev-2"),
            (SortKey::Version, true, "dev-10 prod-1 prod-10 prod-2 dev-2"),
            (SortKey::Kubelet, false, "prod-2 dev-10 prod-1 prod-10 dev-2"),
            (SortKey::Nodes, true, "prod-2 dev-10 prod-1 prod-10 dev-2"),
            (SortKey::Cert, false, "dev-10 prod-1 prod-2 prod-10 dev-2"),
            (SortKey::Seen, false, "prod-10 dev-10 prod-1 prod-2 dev-2"),
            (SortKey::Latency, true, "dev-10 prod-1 prod-2 prod-10 dev-2"),
        ] {
            assert_eq!(sorted(fleet(), key, descending).join(" "), expect, "{key:?} {descending}");
            assert_eq!(SortKey::parse(key.as_str()), Some(key));
        }
        assert_eq!(SortKey::parse("colour"), None);
    }

    #[test]
    fn the_stable_order_is_class_then_name() {
        let mut clusters = fleet();
        clusters.sort_by(stable_order);
        let names: Vec<&str> = clusters.iter().map(|c| c.entry.name.as_str()).collect();
        assert_eq!(names, ["prod-1", "prod-2", "prod-10", "dev-2", "dev-10"]);
    }

    proptest! {
        #[test]
        fn stepping_over_what_is_the_same_changes_no_order(a in "[aBé0-2-]{0,9}", b in "[aBè0-2-]{0,3}") {
            let (longer, other) = (format!("{a}{b}"), format!("{a}{}", b.to_uppercase()));
            for (one, other) in [(&a, &b), (&a, &longer), (&longer, &other)] {
                prop_assert_eq!(natural(one, other), piece_by_piece(one, other).then_with(|| one.cmp(other)));
            }
        }

        #[test]
        fn natural_order_is_an_order(a in "[a-bA-B0-2-]{0,6}", b in "[a-bA-B0-2-]{0,6}", c in "[a-bA-B0-2-]{0,6}") {
            prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            prop_assert_eq!(natural(&a, &b) == Ordering::Equal, a == b);
            if natural(&a, &b).is_le() && natural(&b, &c).is_le() {
                prop_assert!(natural(&a, &c).is_le());
            }
        }
    }
}
