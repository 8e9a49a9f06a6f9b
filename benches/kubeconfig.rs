//! What reading kubeconfigs costs, by the number of contexts: names stand on the screen when it is done.
#![expect(clippy::unwrap_used, reason = "a bench that cannot set itself up may end")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use criterion::{BatchSize, Criterion, Throughput};
use fleetglass::access::kubeconfig::load_text;
use fleetglass::registry::register;

/// How a context of the file signs in.
#[derive(Clone, Copy, Debug)]
enum Users {
    /// A client certificate and key of its own for each.
    Certificates,
    /// A token of its own for each.
    Tokens,
    /// One plugin for all, as cloud tools write it.
    Plugin,
}

/// A kubeconfig of `n` contexts as kubectl writes it.
fn kubeconfig(n: usize, users: Users) -> Vec<u8> {
    // RSA, as kubeadm and most clouds sign: the largest that are usual.
    let cert = STANDARD.encode(include_bytes!("../src/access/kubeconfig/tests/pem/rsa.crt"));
    let key = STANDARD.encode(include_bytes!("../src/access/kubeconfig/tests/pem/rsa.key"));
    let mut text = String::from("apiVersion: v1\nclusters:\n");
    for i in 0..n {
        write!(text, "- cluster:\n    certificate-authority-data: {cert}\n    server: https://c{i}.example:6443\n  name: c{i}\n")
            .unwrap();
    }
    text.push_str("contexts:\n");
    for i in 0..n {
        let user = if matches!(users, Users::Plugin) { 0 } else { i };
        write!(text, "- context:\n    cluster: c{i}\n    user: u{user}\n  name: prod-{i}\n").unwrap();
    }
    text.push_str("current-context: prod-0\nkind: Config\npreferences: {}\nusers:\n");
    for i in 0..n {
        match users {
            Users::Certificates => {
                write!(text, "- name: u{i}\n  user:\n    client-certificate-data: {cert}\n    client-key-data: {key}\n")
                    .unwrap();
            }
            Users::Tokens => write!(text, "- name: u{i}\n  user:\n    token: {i}-{}\n", "t0k3n".repeat(160)).unwrap(),
            Users::Plugin if i == 0 => text.push_str(
                "- name: u0\n  user:\n    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n      \
                 command: gke-gcloud-auth-plugin\n      provideClusterInfo: true\n",
            ),
            Users::Plugin => {}
        }
    }
    text.into_bytes()
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
    let mut group = criterion.benchmark_group("kubeconfig");
    group.sample_size(20).measurement_time(Duration::from_secs(4));
    for users in [Users::Certificates, Users::Tokens, Users::Plugin] {
        for n in [1_000, 10_000] {
            let text = kubeconfig(n, users);
            group.throughput(Throughput::Bytes(text.len() as u64));
            group.bench_function(format!("{users:?}, {n}"), |b| {
                b.iter_batched(
                    || text.clone(),
                    |text| {
                        let loaded = load_text(text, Path::new("/bench"));
                        assert_eq!(loaded.contexts.len(), n);
                        black_box(register(&loaded, now))
                    },
                    BatchSize::LargeInput,
                );
            });
        }
    }
    group.finish();
    criterion.final_summary();
}
