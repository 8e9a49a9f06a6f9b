//! The simulation is held to the same contract as a real kube-apiserver (`tests/real.rs` runs the other half).

use fleetglass::sim::{Blueprint, Trouble};

use crate::contract::{Subject, check};
use crate::controlplane::https::{Client, Login};
use crate::support::Served;

/// The token of a user of the kubeconfig.
fn token(kubeconfig: &str, user: &str) -> String {
    let after = kubeconfig.split_once(&format!("- name: {user}\n")).expect("the user is there").1;
    after.split_once("token: ").expect("signs in with a token").1.lines().next().unwrap().trim().to_owned()
}

#[test]
fn the_simulation_keeps_the_contract() {
    let fleet = Served::start(Blueprint { live: false, ..Blueprint::default() });
    let (port, authority, kubeconfig) = fleet.sim(|sim| {
        let healthy = sim.clusters().iter().find(|c| c.truth.trouble == Trouble::None).unwrap();
        (healthy.port, healthy.authority.clone(), sim.kubeconfig())
    });
    let client = |user: &str| Client::new(port, &authority, Login::Token(&token(&kubeconfig, user))).unwrap();
    let subject = Subject {
        admin: client("platform-oncall"),
        viewer: client("auditor"),
        viewer_name: "auditor@acme.example".to_owned(),
        stranger: Client::new(port, &authority, Login::Token("nobody-was-given-this")).unwrap(),
    };
    check("the simulation", &subject);
}
