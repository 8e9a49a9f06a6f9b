//! What every screen looks like, by size, state and alphabet.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::harness::{Console, lines};
use crate::config::{ColorLevel, SidePane};
use crate::engine::api::Refused;
use crate::fleet::Fleet;
use crate::tui::fixture::{detail, detail_in_trouble, empty, failing, hostile, loading, normal, registry};
use crate::tui::update::Msg;

/// Both sizes of one state of one screen.
fn both(name: &str, fleet: Option<fn() -> Fleet>, keys: &str) {
    for (width, height) in [(80, 24), (120, 36)] {
        let mut console = Console::new(width, height);
        if let Some(fleet) = fleet {
            console = console.fleet(fleet());
        }
        assert_snapshot!(format!("{name}_{width}x{height}"), console.press(keys).text());
    }
}

#[test]
fn fleet() {
    both("fleet_skeleton", None, "");
    both("fleet_loading", Some(loading), "");
    both("fleet_empty", Some(empty), "");
    both("fleet_normal", Some(normal), "jjjj");
    both("fleet_failing", Some(failing), "");
}

#[test]
fn fleet_in_other_sizes() {
    let at = |width, height| Console::new(width, height).fleet(normal()).text();
    assert_snapshot!("fleet_normal_60x12", at(60, 12));
    assert_snapshot!("fleet_normal_200x60", at(200, 60));
    assert_snapshot!("fleet_tiny_40x8", at(40, 8));
}

#[test]
fn versions() {
    both("versions_loading", None, "2");
    both("versions_empty", Some(empty), "2");
    both("versions_normal", Some(normal), "2l<tab>j <tab>");
    both("versions_failing", Some(failing), "2");
    both("versions_transposed", Some(normal), "2t");
}

#[test]
fn sources() {
    both("sources_loading", None, "6");
    both("sources_empty", Some(empty), "6");
    both("sources_normal", Some(normal), "6");
    both("sources_failing", Some(failing), "6j");
}

#[test]
fn a_registry_on_every_screen() {
    both("fleet_registry", Some(registry), "j");
    both("versions_registry", Some(registry), "2<tab>");
    both("versions_blocked", Some(registry), "2b<tab>");
    both("sources_registry", Some(registry), "6jj");
    both("sources_registry_classes", Some(registry), "6<tab><tab>");
    both("sources_sheet", Some(registry), "6jj<cr>");
    both("cluster_registry", Some(registry), ":gold-eu-1<cr>");
    both("cluster_registry_upgrade", Some(registry), ":gold-eu-1<cr>5");
    both("cluster_registry_unknown", Some(registry), ":gold-ap-1<cr>5");
    both("cluster_registry_gone", Some(registry), ":lab-gone<cr>");
    for keys in ["", "2<tab>", "6", "6<tab>", ":gold-eu-1<cr>5"] {
        let console = Console::new(60, 12).fleet(registry()).press(keys);
        assert!(console.has("gold") || console.has("kube"), "{}", console.text());
    }
    assert_snapshot!("sources_registry_60x12", Console::new(60, 12).fleet(registry()).press("6").text());
}

#[test]
fn dialogs() {
    both("decide_menu", Some(registry), "jK");
    both("decide_classes", Some(registry), "/gold-eu-1<cr>:set-class<cr>");
    both("confirm_ask", Some(registry), "/silver-1<cr>:label<cr>team=pay<cr>");
    both("confirm_phrase", Some(registry), "/gold-us-1<cr>:accept-class<cr>gold-");
    both("confirm_many", Some(registry), "*/gold<cr>:set-class<cr>jj<cr>");
    both("label_entry", Some(registry), "/silver-1<cr>:label<cr>team<cr>");
    for (width, height) in [(80, 24), (120, 36)] {
        let mut console =
            Console::new(width, height).fleet(registry()).press("/silver-1<cr>:label<cr>team=pay<cr>y");
        assert_snapshot!(format!("confirm_waiting_{width}x{height}"), console.text());
        console.send(Msg::Decided(Err(Refused {
            code: "NO_MEMORY",
            message: "it cannot be written down: the disk is full".into(),
            hint: Some("`fleetglass doctor` tells what is wrong with the memory.".into()),
        })));
        assert_snapshot!(format!("confirm_refused_{width}x{height}"), console.text());
    }
    assert_snapshot!(
        "confirm_phrase_60x12",
        Console::new(60, 12).fleet(registry()).press("/gold-us-1<cr>:accept-class<cr>gold-").text()
    );
}

#[test]
fn cluster() {
    let name = "prod-us-east-1";
    for (width, height) in [(80, 24), (120, 36)] {
        let open = |fleet: Fleet, name: &str| {
            Console::new(width, height).fleet(fleet).press(&format!(":{name}<cr>"))
        };
        let shot =
            |what: &str, text: String| assert_snapshot!(format!("cluster_{what}_{width}x{height}"), text);
        shot("loading", open(loading(), "prod-sa-east-1").text());
        shot("normal", open(normal(), name).detail(detail(name)).text());
        let down = "prod-sa-east-1";
        shot("failing", open(failing(), down).detail(detail_in_trouble(down)).text());
        shot("nodes", open(normal(), name).detail(detail(name)).press("2j").text());
        shot("nodes_failing", open(normal(), name).detail(detail_in_trouble(name)).press("2").text());
        shot("events", open(normal(), name).detail(detail(name)).press("3").text());
        shot("conditions", open(normal(), name).detail(detail(name)).press("4").text());
        shot("gone", open(normal(), name).fleet(empty()).text());
    }
}

#[test]
fn overlays() {
    both("palette", Some(normal), ":prod-us");
    both("palette_none", Some(normal), ":zzzz");
    both("help", Some(normal), "?");
    both("copy_menu", Some(normal), "jC");
    both("sort_menu", Some(normal), ",j");
    both("filter", Some(normal), "/prod version<lt>1.35");
    both("filter_wrong", Some(normal), "/prod<space>verison=1.35");
}

#[test]
fn every_screen_knows_what_each_piece_is() {
    let roles = |keys: &str| Console::new(120, 36).fleet(normal()).press(keys).roles();
    assert_snapshot!("roles_fleet", roles("jjj "));
    assert_snapshot!("roles_versions", roles("2"));
    assert_snapshot!("roles_sources", Console::new(120, 36).fleet(failing()).press("6").roles());
    let name = "prod-us-east-1";
    let cluster = Console::new(120, 36).fleet(normal()).press(&format!(":{name}<cr>")).detail(detail(name));
    assert_snapshot!("roles_cluster", cluster.roles());
    assert_snapshot!("roles_cluster_nodes", cluster.press("2").roles());
    let of_registry = |keys: &str| Console::new(120, 36).fleet(registry()).press(keys).roles();
    assert_snapshot!("roles_fleet_registry", of_registry(""));
    assert_snapshot!("roles_sources_registry", of_registry("6"));
    assert_snapshot!("roles_confirm", of_registry("/gold-us-1<cr>:accept-class<cr>wrong"));
    assert_snapshot!("roles_palette", roles(":pro"));
    assert_snapshot!("roles_help", roles("?"));
    assert_snapshot!(
        "roles_filter_wrong",
        Console::new(80, 24).fleet(normal()).press("/verison=1.35").roles()
    );
}

#[test]
fn ascii_is_all_that_is_drawn_when_asked() {
    let fleets: [fn() -> Fleet; 6] = [normal, loading, empty, failing, hostile, registry];
    for fleet in fleets {
        for keys in [
            "",
            "2",
            "2<tab>",
            "6",
            "6<tab>",
            "6<cr>",
            ":prod",
            "?",
            "j<cr>",
            "j<cr>5",
            "jC",
            "jK",
            "jK<cr><cr>",
            "/x",
        ] {
            let console = Console::ascii(120, 36).fleet(fleet()).press(keys);
            assert!(console.text().is_ascii(), "{keys}: {}", console.text());
        }
    }
    assert_snapshot!("fleet_ascii_120x36", Console::ascii(120, 36).fleet(normal()).text());
    assert_snapshot!("fleet_ascii_80x24", Console::ascii(80, 24).fleet(normal()).text());
}

#[test]
fn hostile_names_show_and_do_nothing() {
    let console = Console::new(120, 36).fleet(hostile());
    assert_snapshot!("fleet_hostile_120x36", console.text());
    for keys in ["", "2<tab>", "6", ":prod", "j<cr>", "jC", "* "] {
        let console = Console::new(120, 36).fleet(hostile()).press(keys);
        for cell in &console.buffer().content {
            assert!(!cell.symbol().chars().any(char::is_control), "{keys}: {:?}", cell.symbol());
        }
        for effect in &console.effects {
            let told = format!("{effect:?}");
            assert!(!told.contains("\\u{1b}") && !told.contains("\\u{7}"), "{told}");
        }
    }
    // Wide letters keep the columns behind them in place.
    let buffer = console.buffer();
    let at: std::collections::BTreeSet<usize> = (0..buffer.area.height)
        .filter_map(|y| {
            let row: Vec<&str> = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
            (0..row.len()).find(|x| row[*x..].concat().starts_with("v1.35.4␛"))
        })
        .collect();
    assert_eq!(at.len(), 1, "{:?}\n{}", at, console.text());
}

#[test]
fn states_are_told_without_colour() {
    let console = Console::themed("okabe-dark", ColorLevel::Mono).fleet(normal());
    let buffer = console.buffer();
    for cell in &buffer.content {
        assert!(matches!(cell.fg, ratatui::style::Color::Reset), "{:?}", cell.fg);
        assert!(matches!(cell.bg, ratatui::style::Color::Reset), "{:?}", cell.bg);
    }
    let text = lines(&buffer).join("\n");
    for told in ["✖ 3 CRIT", "◆ 1 AUTH", "○ 3 DOWN", "▲ 14 WARN", "● 47 OK"] {
        assert!(text.contains(told), "{told}\n{text}");
    }
}

#[test]
fn sixteen_colours_are_only_those() {
    for name in ["default-dark", "okabe-dark", "ansi-16"] {
        let buffer = Console::themed(name, ColorLevel::Ansi16).fleet(normal()).buffer();
        for cell in &buffer.content {
            for ink in [cell.fg, cell.bg] {
                let fits =
                    matches!(ink, ratatui::style::Color::Reset | ratatui::style::Color::Indexed(0..16));
                assert!(fits, "{name}: {ink:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn no_size_and_no_key_breaks_the_drawing(
        sizes in proptest::collection::vec((0u16..=130, 0u16..=45), 1..4),
        keys in proptest::collection::vec(0usize..KEYS.len(), 0..24),
        which in 0usize..6,
        side in 0usize..4,
    ) {
        let fleets: [fn() -> Fleet; 6] = [normal, loading, empty, failing, hostile, registry];
        let mut console = Console::new(100, 30).fleet(fleets[which]());
        console.model.side = SidePane::WORDS[side].1;
        for key in keys {
            console = console.press(KEYS[key]);
        }
        if let crate::tui::model::Screen::Cluster(key) = &console.model.screen {
            let detail = detail(key.as_str());
            console = console.detail(detail);
        }
        for (width, height) in sizes {
            console.send(Msg::Event(crossterm::event::Event::Resize(width, height)));
            let buffer = console.buffer();
            prop_assert_eq!(buffer.area.as_size(), ratatui::layout::Size::new(width, height));
        }
        console.send(Msg::Fleet(std::sync::Arc::new(failing())));
        console.buffer();
    }
}

/// Keys for the property above: everything that moves, opens or changes.
const KEYS: &[&str] = &[
    "j",
    "k",
    "g",
    "G",
    "h",
    "l",
    "<ctrl-f>",
    "<ctrl-b>",
    "{",
    "}",
    "(",
    ")",
    "<tab>",
    "<shift-tab>",
    " ",
    "v",
    "<ctrl-space>",
    "*",
    "~",
    "<ctrl-\\>",
    "<cr>",
    "<esc>",
    "/",
    "prod",
    "!",
    "m",
    "T",
    "i",
    "<ctrl-w>",
    "t",
    ",",
    "N",
    "S",
    "A",
    "O",
    "0",
    "<ctrl-e>",
    "<ctrl-g>",
    "c",
    "C",
    ":",
    "?",
    "1",
    "2",
    "3",
    "4",
    "6",
    "[",
    "]",
    "-",
    "<backspace>",
    "<ctrl-r>",
    "5",
    "b",
    "K",
    "R",
    "y",
];
