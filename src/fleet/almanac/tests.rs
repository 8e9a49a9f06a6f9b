use super::super::testing::now;
use super::*;
use crate::fleet::Version;

fn minor(minor: u16) -> Minor {
    Minor { major: 1, minor }
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

#[test]
fn the_built_in_tables_are_read_whole() {
    for (name, text) in [
        ("providers", include_str!("../data/providers.txt")),
        ("apis", include_str!("../data/apis.txt")),
        ("addons", include_str!("../data/addons.txt")),
        ("releases", include_str!("../data/releases.txt")),
    ] {
        let rows = text.lines().filter(|l| !l.is_empty() && !l.starts_with('#') && !l.contains(": ")).count();
        let read = match name {
            "providers" => ProviderTable::read(text)
                .map(|t| t.of("eks").count() + t.of("aks").count() + t.of("gke").count()),
            "apis" => ApiTable::read(text).map(|t| t.apis.len()),
            "addons" => AddonTable::read(text).map(|t| t.addons.len()),
            _ => Calendar::read(text).map(|t| t.releases.len()),
        };
        assert_eq!(read, Ok(rows), "{name}");
    }
    let almanac = Almanac::default();
    assert!(
        almanac.apis.source.contains("APILifecycle") && almanac.providers.source.contains("endoflife.date")
    );
    assert!(almanac.addons.addons.iter().all(|addon| addon.source.starts_with("https://")));
    assert!(almanac.apis.apis.iter().all(|api| api.version.starts_with('v')));
    assert_eq!(almanac.releases.newest(), Some(almanac.apis.covers));
}

#[test]
fn a_table_of_ones_own_takes_the_place_of_the_built_in_one() {
    let own = "source: here\ndate: 2026-11-01\n9.9 2026-01-01 2027-01-01 planned";
    let (almanac, problems) = Almanac::with(Some(own), None, None);
    assert_eq!(problems, []);
    assert_eq!(almanac.releases.newest(), Some(Minor { major: 9, minor: 9 }));
    assert_eq!(almanac.apis, *ApiTable::builtin());
    let (almanac, problems) = Almanac::with_files([("providers.txt", "date: 2026-11-01\nx 1.35 2027-01-01")]);
    assert_eq!(problems, []);
    assert_eq!(almanac.providers.end("x", minor(35)), "2027-01-01".parse().ok());
}

#[test]
fn a_table_that_is_not_understood_is_refused_with_its_line() {
    for (name, text, line, says) in [
        ("releases.txt", "date: 2026-11-01\n\n# x\n1.35 2026-01-01 2027-01-01 maybe", Some(4), "`maybe`"),
        ("releases.txt", "date: 2026-11-01\n1.35 2026-01-01 2025-01-01 ended", Some(2), "ends before"),
        ("releases.txt", "date: yesterday\n1.35 2026-01-01 2027-01-01 ended", Some(1), "date"),
        ("releases.txt", "1.35 2026-01-01 2027-01-01 ended", None, "`date:`"),
        ("releases.txt", "date: 2026-11-01", None, "no row"),
        ("releases.txt", "date: 2026-11-01\nnote: x\n1.35 2026-01-01 2027-01-01 ended", Some(2), "`note:`"),
        ("apis.txt", "date: 2026-11-01\ncovers: 1.37\na/v1 K ks 1.8 1.9", Some(3), "a row has"),
        (
            "apis.txt",
            "date: 2026-11-01\ncovers: 1.37\na/v1 K ks 1.9 1.8 -",
            Some(3),
            "before it is deprecated",
        ),
        ("apis.txt", "date: 2026-11-01\ncovers: 1.37\na/v1 K ks soon 1.8 -", Some(3), "`soon`"),
        ("apis.txt", "date: 2026-11-01\na/v1 K ks 1.8 1.9 -", None, "`covers:`"),
        ("apis.txt", "date: 2026-11-01\ncovers: all\na/v1 K ks 1.8 1.9 -", Some(2), "release"),
        ("addons.txt", "date: 2026-11-01\na b 1.2 1.9-1.8 tested stated u", Some(2), "ends before"),
        ("addons.txt", "date: 2026-11-01\na b 1.2 1.9 good stated u", Some(2), "`good`"),
        ("addons.txt", "date: 2026-11-01\na b 1.2 1.9 tested heard u", Some(2), "`heard`"),
        ("addons.txt", "date: 2026-11-01\na b * 1.9 installed stated u", Some(2), "needs a version"),
        ("addons.txt", "date: 2026-11-01\na b new 1.9 tested stated u", Some(2), "`new`"),
        ("addons.txt", "date: 2026-11-01\na b * many skew stated u", Some(2), "`many`"),
        ("providers.txt", "date: 2026-11-01\neks 1.35", Some(2), "a row has"),
        ("providers.txt", "date: 2026-11-01\neks new 2026-11-01", Some(2), "`new`"),
        ("other.txt", "date: 2026-11-01", None, "no table"),
    ] {
        let (almanac, problems) = Almanac::with_files([(name, text)]);
        assert_eq!(almanac, Almanac::default(), "{text}");
        let [problem] = &problems[..] else { panic!("{text}: {problems:?}") };
        let origin = problem.origin.as_ref().unwrap();
        assert_eq!((origin.path.to_str(), origin.line), (Some(name), line), "{text}");
        assert!(problem.message.as_str().contains(says), "{text}: {}", problem.message);
    }
}

#[test]
fn each_table_says_for_itself_that_it_is_old() {
    let almanac = Almanac::default();
    let names = |day: &str| -> Vec<&str> {
        let now = format!("{day}T12:00:00Z").parse().unwrap();
        almanac.staleness(now).into_iter().map(|(name, _)| name).collect()
    };
    assert!(names("2026-11-20").is_empty());
    assert_eq!(names("2026-12-29"), ["apis"]);
    assert_eq!(names("2027-02-19"), ["providers", "apis"]);
    assert_eq!(names("2028-01-01"), ["releases", "providers", "apis", "addons"]);
    let (_, told) = &almanac.staleness("2026-12-29T12:00:00Z".parse().unwrap())[0];
    assert!(told.as_str().starts_with("removed APIs are 181 days old (read 2026-07-01)"), "{told}");
}

#[test]
fn support_ends_by_the_providers_calendar_where_the_provider_is_known() {
    let almanac = Almanac::default();
    let told = |name: &str, guessed| Told { value: name.into(), guessed };
    for (m, provider, expect) in [
        (34, None, Some(("2026-10-27", None))),
        (34, Some(told("eks", false)), Some(("2026-12-02", Some("eks")))),
        (34, Some(told("eks", true)), Some(("2026-10-27", None))),
        (34, Some(told("rke2", false)), Some(("2026-10-27", None))),
        (34, Some(told("aks", false)), Some(("2026-11-30", Some("aks")))),
        (30, Some(told("eks", false)), Some(("2025-07-15", None))),
        (99, None, None),
    ] {
        let end = almanac.end_of_support(minor(m), provider.as_ref());
        let expect = expect.map(|(day, by): (&str, _)| (day.parse().unwrap(), by));
        assert_eq!(end, expect, "1.{m} {provider:?}");
    }
    for (provider, newest) in [
        (None, 37),
        (Some(told("gke", false)), 36),
        (Some(told("gke", true)), 37),
        (Some(told("aks", false)), 37),
        (Some(told("k3s", false)), 37),
    ] {
        assert_eq!(almanac.newest_supported(provider.as_ref(), now()), Some(minor(newest)), "{provider:?}");
    }
    assert_eq!(almanac.newest_supported(None, "2026-08-01T00:00:00Z".parse().unwrap()), Some(minor(36)));
    assert_eq!(almanac.newest_supported(None, "2040-01-01T00:00:00Z".parse().unwrap()), None);
}

#[test]
fn removed_apis_are_found_by_resource_and_by_kind() {
    let apis = ApiTable::builtin();
    for (group, version, name, removed, instead) in [
        ("policy", "v1beta1", "poddisruptionbudgets", Some(25), Some("policy/v1")),
        ("policy", "v1beta1", "PodSecurityPolicy", Some(25), None),
        (
            "flowcontrol.apiserver.k8s.io",
            "v1beta3",
            "FlowSchema",
            Some(32),
            Some("flowcontrol.apiserver.k8s.io/v1"),
        ),
        ("networking.k8s.io", "v1beta1", "ingresses", Some(22), Some("networking.k8s.io/v1")),
        ("networking.k8s.io", "v1beta1", "IPAddress", Some(37), Some("networking.k8s.io/v1")),
        ("storage.k8s.io", "v1beta1", "storageclasses", Some(22), Some("storage.k8s.io/v1")),
        ("batch", "v1", "cronjobs", None, None),
        ("", "v1", "endpoints", None, None),
    ] {
        let api = apis.find(group, version, name);
        assert_eq!(api.map(|a| a.removed_in), removed.map(minor), "{group}/{version} {name}");
        assert_eq!(api.and_then(|a| a.replacement.as_deref()), instead, "{group}/{version} {name}");
    }
    let between: Vec<String> = apis
        .removed_between(minor(31), minor(32))
        .map(|a| format!("{} {}", a.group_version(), a.kind))
        .collect();
    assert_eq!(between.len(), 5, "{between:?}");
    assert!(between.contains(&"flowcontrol.apiserver.k8s.io/v1beta3 FlowSchema".to_owned()));
    assert_eq!(apis.removed_between(minor(32), minor(32)).count(), 0);
}

#[test]
fn add_ons_are_recognized_by_their_image() {
    let addons = AddonTable::builtin();
    for (image, expect) in [
        ("quay.io/jetstack/cert-manager-controller:v1.18.2", Some(("cert-manager", Some("v1.18.2")))),
        (
            "registry.k8s.io/ingress-nginx/controller:v1.13.3@sha256:abcd",
            Some(("ingress-nginx", Some("v1.13.3"))),
        ),
        ("mirror:5000/coredns/coredns:1.12.0", Some(("coredns", Some("v1.12.0")))),
        ("coredns:1.12.0", Some(("coredns", Some("v1.12.0")))),
        (
            "602401143452.dkr.ecr.x/eks/kube-proxy:v1.33.0-minimal-eksbuild.2",
            Some(("kube-proxy", Some("v1.33.0-minimal-eksbuild.2"))),
        ),
        ("quay.io/cilium/cilium:latest", Some(("cilium", None))),
        ("mirror:5000/cilium/cilium", Some(("cilium", None))),
        ("quay.io/cilium/operator-generic:v1.18.1", None),
        ("example.com/my-kube-proxy:v1.33.0", None),
        ("kube-proxy/other:v1", None),
        ("", None),
    ] {
        let got = addons.recognize(image).map(|(name, v)| (name, v.map(|v| v.to_string())));
        assert_eq!(got, expect.map(|(name, v)| (name, v.map(str::to_owned))), "{image}");
    }
}

#[test]
fn what_nobody_says_of_an_add_on_is_not_called_fine() {
    let addons = AddonTable::builtin();
    for (name, v, from, to, expect) in [
        ("cert-manager", "v1.20.1", 34, 35, "fits"),
        ("cert-manager", "v1.20.1", 35, 36, "refused"),
        ("cert-manager", "v1.3.0", 35, 36, "unknown"),
        ("metrics-server", "v0.8.0", 36, 37, "fits"),
        ("metrics-server", "v0.8.0", 29, 30, "refused"),
        ("metrics-server", "v0.5.2", 36, 37, "unknown"),
        ("ingress-nginx", "v1.14.2", 33, 34, "fits"),
        ("ingress-nginx", "v1.14.2", 34, 35, "doubtful"),
        ("cilium", "v1.19.0", 34, 35, "unknown"),
        ("kube-proxy", "v1.32.0", 34, 35, "fits"),
        ("kube-proxy", "v1.31.9", 34, 35, "refused"),
        ("kube-proxy", "v1.36.0", 34, 35, "refused"),
        ("kube-proxy", "v1.24.0", 26, 27, "refused"),
        ("cluster-autoscaler", "v1.34.1", 34, 35, "fits"),
        ("cluster-autoscaler", "v1.35.1", 34, 35, "fits"),
        ("cluster-autoscaler", "v1.33.1", 34, 35, "doubtful"),
        ("cluster-autoscaler", "v1.36.0", 34, 35, "doubtful"),
        ("coredns", "v1.12.0", 33, 34, "fits"),
        ("coredns", "v1.14.2", 33, 34, "fits"),
        ("coredns", "v1.11.3", 33, 34, "doubtful"),
        ("coredns", "v1.11.3", 35, 36, "unknown"),
    ] {
        let fit = match addons.fit(name, &version(v), minor(from), minor(to)) {
            AddonFit::Fits => "fits",
            AddonFit::Refused(_) => "refused",
            AddonFit::Doubtful(_) => "doubtful",
            AddonFit::Unknown => "unknown",
        };
        assert_eq!(fit, expect, "{name} {v} 1.{from} -> 1.{to}");
    }
}
