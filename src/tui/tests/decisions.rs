//! Nothing is decided but by an answered dialog; and what the other new keys do.

use super::harness::Console;
use crate::config::ACTIONS;
use crate::engine::api::{Command, Refused};
use crate::fleet::{ClassOrigin, CleanText, ClusterKey, Decision, Fleet, SightingId};
use crate::tui::confirm::Stage;
use crate::tui::fixture::{normal, registry};
use crate::tui::model::{Effect, Overlay, Screen};
use crate::tui::update::Msg;

fn console() -> Console {
    Console::new(120, 36).fleet(registry())
}

fn decided(console: &Console) -> Vec<&Decision> {
    let of = |effect: &'_ Effect| matches!(effect, Effect::Decide(_));
    console
        .effects
        .iter()
        .filter(|e| of(e))
        .flat_map(|e| match e {
            Effect::Decide(decisions) => decisions.iter().collect(),
            _ => Vec::new(),
        })
        .collect()
}

fn phrase(console: &Console) -> Option<&str> {
    match &console.model.overlay {
        Some(Overlay::Confirm(asked)) => match &asked.stage {
            Stage::Type { phrase, .. } => Some(phrase),
            _ => None,
        },
        _ => None,
    }
}

fn paste(text: &str) -> Msg {
    Msg::Event(crossterm::event::Event::Paste(text.to_owned()))
}

/// The same fleet, changed.
fn changed(change: impl Fn(&mut crate::fleet::Cluster)) -> Fleet {
    let fleet = registry();
    let clusters = fleet.clusters.iter().map(|c| {
        let mut cluster = c.as_ref().clone();
        change(&mut cluster);
        std::sync::Arc::new(cluster)
    });
    Fleet { clusters: clusters.collect(), generation: 10, ..fleet.clone() }
}

#[test]
fn no_single_key_and_no_action_decides_anything() {
    let screens = ["", "2", "2<tab>", "6", "6<tab>", "/gold-eu-1<cr><cr>", "*", "/lab-gone<cr>"];
    for screen in screens {
        for info in ACTIONS {
            for key in info.keys {
                let key = if key.chars().count() > 1 { format!("<{key}>") } else { (*key).to_owned() };
                let key = key.replace("enter", "cr");
                let key = if key == "<" { "<lt>".to_owned() } else { key };
                let after = console().press(screen).press(&key);
                assert!(decided(&after).is_empty(), "{screen} then {key}");
            }
            let after = console().press(screen).press(&format!(":{}<cr>", info.name));
            assert!(decided(&after).is_empty(), "{screen} then :{}", info.name);
            // A second Enter answers No, or leaves the phrase unfinished.
            assert!(decided(&after.press("<cr>")).is_empty(), "{screen} then :{} and Enter", info.name);
        }
    }
}

#[test]
fn yes_is_said_by_y_or_by_choosing_it_and_everything_else_is_no() {
    let asked = || console().press("/silver-1<cr>:label<cr>team=pay<cr>");
    assert!(
        matches!(&asked().model.overlay, Some(Overlay::Confirm(c)) if matches!(c.stage, Stage::Ask(false)))
    );
    for keys in ["<cr>", "n", "<esc>", "q", "<tab><tab><cr>", "x1 j<cr>", "<ctrl-y><esc>"] {
        let console = asked().press(keys);
        assert!(decided(&console).is_empty(), "{keys}");
        assert!(console.model.overlay.is_none(), "{keys}");
    }
    for keys in ["y", "Y", "<tab><cr>", "l<cr>"] {
        let console = asked().press(keys);
        let told: Vec<_> = decided(&console);
        assert_eq!(told.len(), 1, "{keys}");
        assert!(
            matches!(told[0], Decision::Label { key, value: Some(value), .. }
                if key.as_str() == "team" && value.as_str() == "pay"),
            "{told:?}"
        );
        assert!(console.has("writing it down"));
        // Keys that come after it do not decide twice.
        assert_eq!(decided(&console.press("yy<cr>")).len(), 1, "{keys}");
    }
    assert!(
        asked()
            .press("<ctrl-y>")
            .effects
            .contains(&Effect::Copy("fleetglass clusters label silver-1 team=pay".to_owned()))
    );
}

#[test]
fn a_protected_cluster_and_a_weaker_class_want_the_name_typed() {
    let console = console().press("/gold-us-1<cr>:accept-class<cr>");
    assert_eq!(phrase(&console), Some("gold-us-1"));
    let console = console.press("y<cr>gold-us<cr>");
    assert!(decided(&console).is_empty());
    let mut console = console.press("<ctrl-u>");
    console.send(paste("gold-us-1"));
    assert!(console.has("pasting is off here: the phrase is typed"), "{}", console.text());
    let console = console.press("<cr>");
    assert!(decided(&console).is_empty(), "what was pasted is not there");
    let console = console.press("gold-us-1<cr>");
    assert!(matches!(decided(&console)[..], [Decision::AcceptChange { to, .. }] if to.as_str() == "lab"));
    // An unprotected cluster that stays as protected is asked about with y or N.
    assert_eq!(phrase(&self::console().press("/silver-1<cr>:label<cr>a=b<cr>")), None);
    // Gold is more protected than silver: nothing is weakened, and silver is not protected.
    let console = self::console().press("/silver-1<cr>:set-class<cr><cr>");
    assert_eq!((phrase(&console), console.model.overlay.is_some()), (None, true));
    let console = self::console().press("/silver-1<cr>:set-class<cr>jj<cr>");
    assert_eq!(phrase(&console), Some("silver-1"), "lab is less protected than silver");
}

#[test]
fn many_are_counted_and_stay_those_that_were_meant() {
    let console = console().press("*/gold<cr>:label<cr>ring=1<cr>");
    let Some(Overlay::Confirm(asked)) = &console.model.overlay else { panic!("{}", console.text()) };
    assert_eq!((asked.proposal.subjects.len(), asked.proposal.decisions.len()), (13, 13));
    assert_eq!(asked.proposal.subjects.iter().filter(|s| s.hidden).count(), 9);
    assert_eq!(phrase(&console), Some("label 13 clusters"));
    // The marks of later do not change what was asked.
    let console = console.press("label<space>13<space>clusters<cr>");
    assert_eq!(decided(&console).len(), 13);
    let four = self::console().press("/silver<cr>*:label<cr>ring=1<cr>");
    assert_eq!(phrase(&four), Some("label 4 silver"), "the class wants a phrase from more than 3 on");
}

#[test]
fn a_cluster_that_becomes_another_ends_the_question() {
    let asked = || console().press("/gold-us-1<cr>:accept-class<cr>");
    let same = asked().fleet(changed(|_| {}));
    assert_eq!(phrase(&same), Some("gold-us-1"));
    let other = asked().fleet(changed(|c| {
        if c.key().as_str() == "gold-us-1" {
            c.class.pending = None;
        }
    }));
    assert!(other.has("CHANGED: gold-us-1 is of class gold now"), "{}", other.text());
    assert!(decided(&other.press("gold-us-1<cr>")).is_empty());
    let gone = asked().fleet(normal());
    assert!(gone.has("gold-us-1 is no longer there"), "{}", gone.text());
}

#[test]
fn what_the_engine_says_is_told() {
    let asked = || console().press("/silver-1<cr>:label<cr>team=pay<cr>y");
    let refused = || Refused {
        code: "POLICY",
        message: "the machine's own file says otherwise".into(),
        hint: Some("Ask who may change it.".into()),
    };
    let mut console = asked();
    console.send(Msg::Decided(Err(refused())));
    assert!(console.has("POLICY: the machine's own file says otherwise"), "{}", console.text());
    assert!(console.has("Ask who may change it."));
    assert!(console.press("<cr>").model.overlay.is_none());
    let mut console = asked();
    console.send(Msg::Decided(Ok(())));
    assert!(console.model.overlay.is_none() && console.has("decided: silver-1: team=pay"));
    // A dialog that was closed meanwhile does not swallow the answer.
    let mut console = asked().press("<esc>");
    console.send(Msg::Decided(Err(refused())));
    assert!(console.has("not decided: the machine's own file says otherwise"), "{}", console.text());
}

#[test]
fn a_guess_is_accepted_with_the_name_and_leaving_a_choice_is_possible() {
    let console = Console::new(120, 36).fleet(normal()).press("/prod-us-east-1<cr>:accept-class<cr>");
    assert_eq!(phrase(&console), Some("prod-us-east-1"), "locked becomes typed");
    let console = console.press("prod-us-east-1<cr>");
    assert!(
        matches!(decided(&console)[..], [Decision::Class { class: Some(class), .. }] if class.as_str() == "prod")
    );
    let mut fleet = registry();
    let mut clusters: Vec<_> = fleet.clusters.to_vec();
    let at = clusters.iter().position(|c| c.key().as_str() == "silver-1").unwrap();
    std::sync::Arc::make_mut(&mut clusters[at]).class.origin = ClassOrigin::Override;
    fleet.clusters = clusters.into();
    let console = Console::new(120, 36).fleet(fleet).press("/silver-1<cr>:set-class<cr>G");
    let console = console.press("jjj<cr>");
    assert_eq!(phrase(&console), Some("silver-1"), "{}", console.text());
    assert!(matches!(decided(&console.press("silver-1<cr>"))[..], [Decision::Class { class: None, .. }]));
}

#[test]
fn rows_are_merged_split_forgotten_and_reached_otherwise() {
    let console = console().press("/silver<cr>*/<ctrl-u>silver-2<cr> <esc>");
    assert_eq!(console.model.marks.len(), 3);
    let console = console.press(":merge<cr>y");
    let merges = decided(&console);
    assert_eq!(merges.len(), 2);
    assert!(
        merges
            .iter()
            .all(|d| matches!(d, Decision::Merge { first, .. } if first.reference.as_str() == "silver-0"))
    );

    let gold = || self::console().press("/gold-eu-1<cr>");
    let console = gold().press(":split<cr>");
    assert!(console.has("Split from gold-eu-1"), "{}", console.text());
    let console = console.press("<cr>gold-eu-1<cr>");
    let mgmt = SightingId { source: "mgmt".into(), reference: "clusters/gold-eu-1".into() };
    assert_eq!(decided(&console), [&Decision::Split { sighting: mgmt.clone() }]);

    let console = gold().press(":prefer-path<cr>j<cr>");
    assert!(console.has("this way is for emergencies only"), "{}", console.text());
    let console = console.press("gold-eu-1<cr>");
    assert!(matches!(decided(&console)[..], [Decision::Prefer { path: Some(path), .. }] if *path == mgmt));

    assert!(gold().press(":forget<cr>").has("its sources still know it"));
    let console = self::console().press("/lab-gone<cr>:forget<cr>y");
    assert!(
        matches!(decided(&console)[..], [Decision::Forget { sighting }] if sighting.source.as_str() == "hub-eu")
    );
    assert!(self::console().press("/silver-1<cr>:split<cr>").has("only one cluster of several sources"));
}

#[test]
fn the_menu_leads_to_each_decision() {
    let console = console().press("/gold-us-1<cr>K");
    assert!(console.has("Decide about gold-us-1"), "{}", console.text());
    assert_eq!(phrase(&console.press("j<cr>")), Some("gold-us-1"));
    let console = self::console().press("6<tab>jK");
    assert!(console.has("Decide about 2 clusters"), "the pair that was kept apart: {}", console.text());
    let console = console.press("jjj<cr>");
    assert!(console.has("Merge 2 clusters into one"), "{}", console.text());
}

#[test]
fn the_screen_of_sources_has_panes_and_opens_what_is_under_the_cursor() {
    let console = console().press("6");
    assert!(console.has("Sources: 5 sources, 16 entries -> 13 clusters (4 merged)"), "{}", console.text());
    assert!(console.line("hub-eu").contains("connection refused 10.8.0.7:6443"), "{}", console.text());
    let console = console.press("R");
    let sync = |name: &str| Effect::Command(Command::Sync(Some(CleanText::new(name))));
    assert!(console.effects.contains(&sync("~/.kube/config")));
    assert!(console.press("jR").effects.contains(&sync("mgmt")));
    let all = Effect::Command(Command::Sync(None));
    assert!(self::console().press("6<tab>R").effects.contains(&all));

    let console = self::console().press("6j<cr>");
    assert!(console.has("clusters/gold-ap-1"), "{}", console.text());
    let console = console.press("<cr>");
    assert!(matches!(&console.model.screen, Screen::Cluster(k) if k.as_str() == "gold-ap-1"));

    let console = self::console().press("6<tab><cr>");
    assert!(matches!(&console.model.screen, Screen::Cluster(k) if k.as_str() == "gold-eu-1"));
    assert_eq!(console.press("<esc>").model.screen, Screen::Sources);

    let console = self::console().press("6<tab><tab>j<cr>");
    assert_eq!(console.model.screen, Screen::Fleet);
    assert!(console.has("filter: @silver  4/13"), "{}", console.text());

    // Round and round; the cursor stays on its row when the fleet is another.
    let console = self::console().press("6<tab><tab><tab><tab>");
    assert!(console.model.page.scroll.cursor < 3);
    let console = self::console().press("6<tab><tab>j").fleet(changed(|_| {}));
    assert!(console.press("c").effects.contains(&Effect::Copy("silver".to_owned())));
}

#[test]
fn opening_the_list_of_a_cell_asks_for_a_closer_look_once() {
    let inspected = |console: &Console| -> Vec<Vec<ClusterKey>> {
        let asked = console.effects.iter().filter_map(|e| match e {
            Effect::Command(Command::Inspect(keys)) => Some(keys.clone()),
            _ => None,
        });
        asked.collect()
    };
    let console = console().press("2");
    assert!(inspected(&console).is_empty());
    let console = console.press("<tab>");
    let first = inspected(&console);
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].len(), console.model.versions.members.len());
    assert!(!first[0].is_empty(), "an empty list would mean all");
    let console = console.press("<tab><tab>");
    assert_eq!(inspected(&console).len(), 1, "once for each cluster");
}

#[test]
fn next_steps_and_what_blocks_them_stand_in_the_list() {
    let listed = |keys: &str| console().press("2").press(keys);
    let console = listed("TTTT");
    assert!(console.has("by owner"), "{}", console.text());
    let console = listed("l<tab>");
    let line = console.line("flowcontrol v1beta3 is in use; pay/ledger");
    assert!(console.has("in the way of gold-eu-1") && line.contains("allows no disruption"), "{line}");
    let blocked = |c: &Console| c.model.versions.members.len();
    let mut seen = String::new();
    for line in 0..5 {
        let console = listed(&format!("{}{}", "h".repeat(9), "l".repeat(line)));
        seen.push_str(&console.text());
        let only = console.press("b");
        seen.push_str(&only.text());
        assert!(blocked(&only) <= 1);
    }
    for told in [
        "-> v1.36.0",
        "X 2: flowcontrol v1beta3",
        "kubelets first",
        "nothing is known to block any of them",
        "FLOOR",
        "TARGET",
    ] {
        assert!(seen.contains(told), "{told}\n{seen}");
    }
}

#[test]
fn declared_classes_stand_behind_an_at_sign() {
    let console = console().press("/@gold<cr>");
    assert_eq!(console.model.list.shown, 4, "{}", console.text());
    assert!(self::console().press("/@glod").has("Did you mean `@gold`"));
    assert!(self::console().press("/@prod").model.filter.fault.is_some(), "nothing is guessed any more");
    let with = |text: &str| {
        let mut options = super::harness::options(super::harness::role_theme(), false);
        options.filter = Some(text.to_owned());
        Console::with(options, 120, 36)
    };
    assert_eq!(with("@gold").fleet(registry()).model.list.shown, 4, "it waits until classes are known");
    assert!(with("@glod").fleet(registry()).has("the filter was left out"));
}

#[test]
fn rows_say_what_is_only_hearsay_and_what_is_gone() {
    let console = console();
    let row = console.line("gold-ap-1");
    assert!(row.contains("(v1.35.2)") && row.contains("(3/3)") && row.contains("(30s)"), "{row}");
    assert!(console.line("lab-gone").contains("no source has known it"), "{}", console.line("lab-gone"));
    assert!(console.line("gold (").contains("[typed]"), "{}", console.line("gold ("));
    assert!(console.line("gold (").contains("1 below floor"), "{}", console.line("gold ("));
    assert!(console.line("gold-us-1").contains("↓gold-us-1"), "{}", console.line("gold-us-1"));
    assert!(console.line("unclassified (").contains("[locked]"));
}
