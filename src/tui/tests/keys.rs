//! Scripts of keys through the real update.

use std::sync::Arc;

use super::harness::Console;
use crate::engine::api::Command;
use crate::fleet::{CleanText, ClusterKey, Fleet};
use crate::tui::fixture::{self, Kind, big, detail, normal};
use crate::tui::model::{Effect, Screen};
use crate::tui::update::Msg;

fn console() -> Console {
    Console::new(120, 36).fleet(normal())
}

fn key(name: &str) -> ClusterKey {
    ClusterKey::new(&CleanText::new(name))
}

fn cursor(console: &Console) -> String {
    console.model.focus().map_or_else(|| "-".to_owned(), |c| c.key().to_string())
}

#[test]
fn the_cursor_starts_on_the_worst_cluster_and_moves() {
    let console = console();
    assert_eq!(cursor(&console), "prod-eu-west-3");
    let console = console.press("j");
    assert_eq!(cursor(&console), "prod-ap-south-1");
    let console = console.press("}");
    assert_eq!(cursor(&console), "-");
    assert!(console.model.list.group().unwrap().name.as_str() == "stage");
    let console = console.press("j");
    assert_eq!(cursor(&console), "stage-eu-2");
    assert_eq!(cursor(&console.press("G{j")), "hub");
}

#[test]
fn a_filter_narrows_while_it_is_typed_and_counts() {
    let console = console().press("/stage");
    assert!(console.model.filter.editing);
    assert_eq!(console.model.list.shown, 15);
    assert!(console.has("15/68"), "{}", console.text());
    let console = console.press("<cr>j");
    assert!(!console.model.filter.editing);
    assert!(console.line("filter:").contains("filter: stage  15/68"));
    let console = console.press("<esc>");
    assert_eq!(console.model.list.shown, 68);
}

#[test]
fn a_wrong_filter_is_told_and_the_last_good_one_stays() {
    let console = console().press("/class=prod<space>verison=1.35");
    assert!(console.model.filter.fault.is_some());
    assert!(console.line("verison").contains("version"), "{}", console.line("verison"));
    assert_eq!(console.model.filter.good.as_ref().unwrap().0, "class=prod");
    assert_eq!(console.model.list.shown, 25);
    let console = console.press("<cr>");
    assert!(console.line("filter:").contains("filter: class=prod  25/68"));
}

#[test]
fn a_filter_that_is_wrong_from_the_start_leaves_what_was_there() {
    let console = console().press("/verison=1.35");
    assert_eq!(console.model.list.shown, 68);
    assert_eq!(console.press("<esc>").model.list.shown, 68);
    let console = self::console().press("/stage<cr>/<ctrl-u>verison=1");
    assert_eq!(console.model.list.shown, 15);
    assert!(console.press("<cr>").line("filter:").contains("filter: stage  15/68"));
}

#[test]
fn a_field_alone_waits_for_its_comparison() {
    let console = console().press("/prod<space>version");
    assert_eq!(console.model.list.shown, 25);
    assert_eq!(console.press("<lt>1.35").model.list.shown, 1);
    assert_eq!(
        self::console().press("/version<cr>").model.list.shown,
        0,
        "Enter says that the word is meant"
    );
}

#[test]
fn what_is_not_known_keeps_its_row_and_is_counted() {
    let console = console().press("/version<lt>1.35<cr>");
    assert!(console.line("filter:").contains("1 unknown"), "{}", console.line("filter:"));
    assert!(console.line("dev-broken").contains("○?dev-broken"));
}

#[test]
fn enter_after_a_filter_leaves_the_cursor_on_the_first_cluster() {
    let console = console().press("}");
    assert_eq!(cursor(&console), "-", "on the head of a group");
    let console = console.press("/cluster:stage-eu-2<cr>");
    assert_eq!(cursor(&console), "stage-eu-2");
    let console = console.press("<cr>");
    assert_eq!(console.model.screen, Screen::Cluster(key("stage-eu-2")));
    assert_eq!(cursor(&self::console().press("/stage<down><down><cr>/stage<esc>")), "stage-fill-1");
}

#[test]
fn a_filter_opens_the_groups_of_which_it_leaves_little() {
    let console = console().press("h{h");
    let closed = console.model.shape.closed.clone();
    assert!(!closed.is_empty());
    let console = console.press("/cluster:prod-eu-west-3<cr>");
    assert_eq!(cursor(&console), "prod-eu-west-3");
    assert_eq!(console.press("<esc>").model.shape.closed, closed, "they are as a person left them");
}

#[test]
fn a_filter_may_be_in_force_from_the_start() {
    let with = |text: &str| {
        let mut options = super::harness::options(super::harness::role_theme(), false);
        options.filter = Some(text.to_owned());
        Console::with(options, 120, 36).fleet(normal())
    };
    let console = with("class=stage");
    assert!(console.line("filter:").contains("filter: class=stage  15/68"));
    assert_eq!(cursor(&console), "stage-eu-2");
    assert_eq!(console.press("/<cr>").model.list.shown, 15);
    let console = with("verison=1");
    assert_eq!(console.model.list.shown, 68);
    assert!(console.line("left out").contains("Did you mean `version`"), "{}", console.line("left out"));
    assert_eq!(with(" ").model.list.shown, 68);
}

#[test]
fn versions_are_counted_by_other_groups_and_of_kubelets() {
    let console = console().press("2");
    assert!(console.has("Versions: control plane by class"), "{}", console.text());
    let all = |console: &Console| console.line("   all");
    let by_class = all(&console);
    let console = console.press("T");
    assert!(console.has("control plane by region") && console.has("REGION"), "{}", console.text());
    assert_eq!(all(&console), by_class, "the same clusters, otherwise divided");
    let members = console.model.versions.members.len();
    assert!(members > 0 && console.has(&format!(": {members} cluster")), "the list is that of the cell");
    let console = console.press("TTTTm");
    assert!(console.has("oldest kubelet by class"), "{}", console.text());
    let matrix = console.model.versions.matrix.as_ref().unwrap();
    let (row, line) = (console.model.versions.group, console.model.versions.line);
    assert_eq!(matrix.rows[row].cells[line].count, console.model.versions.members.len());
    assert!(console.press("m").has("control plane by class"));
}

#[test]
fn tabs_of_a_cluster_can_list_only_what_needs_somebody() {
    let console = console().press("<cr>").detail(detail("prod-eu-west-3")).press("3");
    let all = console.model.opened_detail().map(|_| console.line("events,")).unwrap();
    let console = console.press("!");
    assert!(console.line("events,").contains(" of "), "{all}");
    assert!(!console.has("Normal"), "{}", console.text());
    let console = console.press("2G");
    assert!(console.line("nodes,").contains("problems only"));
    assert!(!console.press("!").line("nodes,").contains("problems only"));
}

#[test]
fn an_input_takes_no_more_than_it_may_hold() {
    let flood = "x".repeat(3_000);
    let console = console().press(&format!("/{flood}"));
    assert_eq!(console.model.filter.input.value().len(), 2_048);
    assert!(console.press("<backspace><esc>").model.filter.good.is_none());
}

#[test]
fn marks_survive_filters_and_hidden_ones_are_counted() {
    let console = console().press("  ");
    assert_eq!(console.model.marks.len(), 2);
    let console = console.press("/stage<cr>");
    assert_eq!(console.model.hidden_marks(), 2);
    assert!(console.line("2 marked").contains("2 marked (2 hidden): prod-ap-south-1, prod-eu-west-3"));
    // Esc goes back one step at a time: the filter, then the marks, and it never quits.
    let console = console.press("<esc>");
    assert_eq!((console.model.hidden_marks(), console.model.marks.len()), (0, 2));
    let console = console.press("<esc><esc><esc>");
    assert!(console.model.marks.is_empty());
    assert!(!console.effects.contains(&Effect::Quit));
}

#[test]
fn ranges_flips_and_all() {
    assert_eq!(console().press(" jj<ctrl-space>").model.marks.len(), 4);
    assert_eq!(console().press("vjj").model.marks.len(), 3);
    assert_eq!(console().press("vjjvjj").model.marks.len(), 3);
    assert_eq!(console().press("*").model.marks.len(), 68);
    assert_eq!(console().press(" ~").model.marks.len(), 67);
    assert_eq!(console().press("*<ctrl-\\>").model.marks.len(), 0);
    assert_eq!(console().press("/is:marked<cr>").model.list.shown, 0);
    assert_eq!(console().press("k ").model.marks.len(), 25, "on a group, all of it is marked");
}

#[test]
fn groups_fold_unfold_close_and_open() {
    let console = console();
    let rows = console.model.list.lines.len();
    assert!(console.has("12 more OK in prod"));
    let console = console.press("l");
    assert_eq!(console.model.list.lines.len(), rows + 11, "12 rows instead of their fold");
    assert_eq!(cursor(&console), "prod-eu-west-3");
    let console = console.press("hh");
    assert!(console.line("prod (25)").starts_with("▸"));
    let console = console.press("<cr>");
    assert_eq!(console.model.list.lines.len(), rows);
    assert!(console.press("T").model.list.groups.len() > 1);
}

#[test]
fn grouping_goes_round() {
    let mut console = console();
    for by in ["region", "provider", "version", "source", "none", "class"] {
        console = console.press("T");
        let told = console.model.shape.group_by;
        let word = crate::config::GroupBy::WORDS.iter().find(|(_, g)| *g == told).unwrap().0;
        assert_eq!(word, by);
        assert_eq!(console.model.list.shown, 68);
    }
}

#[test]
fn problems_only_and_sorting() {
    let console = console().press("!");
    assert_eq!(console.model.list.shown, 21);
    assert!(console.line("problems only").contains("problems only 21/68"));
    let console = console.press("!N");
    assert!(console.line("sort:").contains("sort: name"));
    assert!(console.line("NAME").contains("NAME▴"));
    let console = console.press("N");
    assert!(console.line("sort:").contains("sort: name reversed"));
    let console = console.press(",jjjj<cr>");
    assert!(console.line("sort:").contains("sort: seen"), "{}", console.line("sort:"));
}

#[test]
fn enter_opens_a_cluster_and_the_engine_is_told_once() {
    let opened = |c: &Console| -> Vec<Effect> {
        c.effects.iter().filter(|e| matches!(e, Effect::Command(Command::Open(_)))).cloned().collect()
    };
    let console = console().press("<cr>");
    assert_eq!(console.model.screen, Screen::Cluster(key("prod-eu-west-3")));
    assert_eq!(opened(&console), [Effect::Command(Command::Open(Some(key("prod-eu-west-3"))))]);
    let console = console.press("2)");
    assert_eq!(console.model.screen, Screen::Cluster(key("prod-ap-south-1")));
    assert_eq!(console.model.tab, crate::tui::model::Tab::Nodes, "the tab stays");
    let console = console.press("<esc>");
    assert_eq!(console.model.screen, Screen::Fleet);
    assert_eq!(opened(&console).last(), Some(&Effect::Command(Command::Open(None))));
    assert_eq!(cursor(&console), "prod-ap-south-1", "the list followed");
    let console = console.press("[");
    assert_eq!(console.model.screen, Screen::Cluster(key("prod-ap-south-1")));
    assert_eq!(console.press("]").model.screen, Screen::Fleet);
}

#[test]
fn a_detail_of_another_cluster_is_not_shown() {
    let console = console().press("<cr>2").detail(detail("prod-us-east-1"));
    assert!(console.model.opened_detail().is_none());
    assert!(!console.has("ec2.internal"));
    let console = console.detail(detail("prod-eu-west-3"));
    assert!(console.has("ip-10-0-0-7.ec2.internal"));
}

#[test]
fn quitting_takes_two_q_on_fleet_or_one_ctrl_c_anywhere() {
    let console = console().press("q");
    assert!(!console.effects.contains(&Effect::Quit));
    assert!(console.has("q again quits"));
    assert!(console.press("q").effects.contains(&Effect::Quit));
    let console = self::console().press("q").wait(6).press("q");
    assert!(!console.effects.contains(&Effect::Quit), "the first q is forgotten after a while");
    assert!(!self::console().press("qjq").effects.contains(&Effect::Quit));
    assert!(!self::console().press("2q").effects.contains(&Effect::Quit));
    for keys in ["<ctrl-c>", "/pro<ctrl-c>", ":x<ctrl-c>", "?<ctrl-c>", "C<ctrl-c>", "<cr><ctrl-c>"] {
        assert!(self::console().press(keys).effects.contains(&Effect::Quit), "{keys}");
    }
}

#[test]
fn rows_stay_under_the_hands_and_are_sorted_when_the_keys_rest() {
    let console = console().press("jj");
    let (before, row) = (cursor(&console), console.model.list.cursor - console.model.list.top);
    // A cluster above the cursor gets well, another one below gets bad.
    let change = |fleet: &Fleet| {
        let clusters = fleet.clusters.iter().map(|c| match c.key().as_str() {
            "prod-eu-west-3" => Arc::new(fixture::cluster("prod-eu-west-3", Kind::Ok, "v1.34.8", 44, 1, 10)),
            "prod-fill-7" => Arc::new(fixture::cluster("prod-fill-7", Kind::NotReady, "v1.35.4", 24, 1, 10)),
            _ => Arc::clone(c),
        });
        Fleet { clusters: clusters.collect(), generation: 8, ..fleet.clone() }
    };
    let changed = change(&console.model.fleet);
    let console = console.fleet(changed);
    assert_eq!(cursor(&console), before);
    assert!(console.model.unsorted);
    assert!(console.line("sort:").contains("~sort"));
    let at = |c: &Console, name: &str| c.text().lines().position(|l| l.contains(name)).unwrap();
    assert!(at(&console, "prod-eu-west-3") < at(&console, "prod-sa-east-1"), "nothing has moved yet");
    let console = console.wait(3);
    assert!(!console.model.unsorted);
    assert!(at(&console, "prod-eu-west-3") > at(&console, "prod-sa-east-1"));
    assert_eq!(cursor(&console), before, "the cursor stays on its cluster");
    assert!(console.model.list.cursor - console.model.list.top <= row + 1);
}

#[test]
fn until_a_key_is_pressed_the_cursor_is_on_the_worst() {
    let console = Console::new(120, 36).fleet(fixture::loading());
    assert_eq!(cursor(&console), "prod-sa-east-1");
    let console = console.fleet(normal());
    assert_eq!((cursor(&console).as_str(), console.model.list.top), ("prod-eu-west-3", 0));
}

#[test]
fn a_cluster_that_goes_leaves_the_cursor_near() {
    let console = console().press("jjj");
    let gone = cursor(&console);
    let clusters = console.model.fleet.clusters.iter().filter(|c| c.key().as_str() != gone).cloned();
    let fleet = Fleet { clusters: clusters.collect(), generation: 9, ..(*console.model.fleet).clone() };
    let index = console.model.list.cursor;
    let console = console.fleet(fleet);
    assert_eq!(console.model.list.cursor, index);
    assert_ne!(cursor(&console), gone);
}

#[test]
fn the_palette_finds_actions_and_clusters_and_copies_commands() {
    let console = console().press(":versions<cr>");
    assert_eq!(console.model.screen, Screen::Versions);
    let console = self::console().press(":euwest3<cr>");
    assert_eq!(console.model.screen, Screen::Cluster(key("prod-eu-west-3")));
    let console = self::console().press(":eu-west-3<ctrl-y>");
    let copied = Effect::Copy("fleetglass clusters show prod-eu-west-3".to_owned());
    assert!(console.effects.contains(&copied), "{:?}", console.effects);
    assert!(console.press("<esc>").model.overlay.is_none());
    assert!(self::console().press(":zzzz<cr>").has("nothing is called \"zzzz\" here"));
    assert!(self::console().press(":suspend<cr>").effects.contains(&Effect::Suspend));
}

#[test]
fn copying_takes_the_name_or_what_is_chosen() {
    assert!(console().press("c").effects.contains(&Effect::Copy("prod-eu-west-3".to_owned())));
    assert!(console().press("Cj<cr>").effects.contains(&Effect::Copy("https://10.8.0.9:6443".to_owned())));
    assert!(console().press("kc").has("there is nothing to copy under the cursor"));
}

#[test]
fn refreshing_asks_for_marks_else_the_row_else_everything() {
    let asked = |keys: &str| {
        let console = console().press(keys);
        console.effects.iter().rev().find_map(|e| match e {
            Effect::Command(Command::Refresh(keys)) => Some(keys.len()),
            _ => None,
        })
    };
    assert_eq!(asked("<ctrl-r>"), Some(1));
    assert_eq!(asked("  <ctrl-r>"), Some(2));
    assert_eq!(asked("k<ctrl-r>"), Some(25));
    assert_eq!(asked("6<ctrl-r>"), Some(0));
}

#[test]
fn the_engine_hears_which_rows_are_visible() {
    let visible = |c: &Console| {
        c.effects.iter().rev().find_map(|e| match e {
            Effect::Command(Command::Visible(keys)) => Some(keys.clone()),
            _ => None,
        })
    };
    let console = Console::new(80, 24).fleet(normal());
    let first = visible(&console).unwrap();
    assert_eq!(first.first(), Some(&key("prod-eu-west-3")));
    assert!(first.len() < 20);
    let console = console.press("G");
    assert!(visible(&console).unwrap().contains(&key("hub")));
    assert_eq!(visible(&console.press("<cr>")), Some(vec![key("hub")]));
}

#[test]
fn a_cell_of_the_matrix_lists_marks_and_opens() {
    let console = console().press("2lj");
    let versions = &console.model.versions;
    assert_eq!((versions.group, versions.line), (1, 2));
    assert!(console.has("stage / 1.35: 0 clusters"), "{}", console.text());
    let console = console.press("l");
    assert!(console.has("stage / 1.36: 15 clusters"));
    let console = console.press(" ");
    assert_eq!(console.model.marks.len(), 15);
    let console = console.press("<cr>j<cr>");
    assert!(matches!(&console.model.screen, Screen::Cluster(k) if k.as_str().starts_with("stage-")));
    assert_eq!(console.press("<esc>").model.screen, Screen::Versions);
}

#[test]
fn pasted_text_is_never_taken_for_keys() {
    let mut console = console();
    let paste = |text: &str| Msg::Event(crossterm::event::Event::Paste(text.to_owned()));
    console.send(paste("qq\u{3}*"));
    assert!(console.model.marks.is_empty() && !console.effects.contains(&Effect::Quit));
    let mut console = console.press("/");
    console.send(paste("stage\nqq"));
    assert_eq!(console.model.filter.input.value(), "stage");
    assert_eq!(console.model.list.shown, 15);
    console.send(paste(&"x".repeat(10 << 20)));
    assert!(console.model.filter.input.value().len() <= 2_048);
}

#[test]
fn every_action_can_be_done_everywhere_it_is_offered() {
    for screen in ["1", "2", "6", "<cr>"] {
        let place = console().press(screen).model.screen.place();
        for info in crate::config::ACTIONS.iter().filter(|i| i.place.meets(place)) {
            let console = console().press(screen).press(&format!(":{}<cr>", info.name));
            console.buffer();
            assert!(console.model.filter.fault.is_none());
        }
    }
}

#[test]
fn what_a_frame_costs_does_not_depend_on_how_many_rows_there_are() {
    let console = Console::new(200, 60).fleet(big(5_000, 7));
    assert_eq!(console.model.list.shown, 5_000);
    assert!(console.model.list.window(console.model.list_height()).len() <= 60);
    assert_eq!(console.model.told_visible.len(), {
        let lines = console.model.list.window(console.model.list_height());
        lines.iter().filter(|l| matches!(l, crate::tui::list::Line::Row(_))).count()
    });
}
