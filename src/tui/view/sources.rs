//! Where clusters are learned of, what became of it, and the classes; also the screen shown when there is no cluster at all.

use ratatui::layout::Rect;

use super::super::areas::{Areas, Tier};
use super::super::facts::between;
use super::super::model::Model;
use super::super::paint::{Canvas, fit_middle, width};
use super::super::sources::{Pane, Row, parts};
use super::pane::wrap;
use crate::config::{Action, Role};
use crate::fleet::State;
use crate::report::{
    ApartItem, ClassRulesItem, MergeItem, ProblemItem, ProtectionWord, SeverityWord, SourceItem, SyncWord,
    UnitedItem,
};

/// Draws the screen.
pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>, areas: &Areas) {
    let page = &model.page;
    let entries: usize = page.sources.iter().map(|s| s.entries).sum();
    let merged: usize = page.sources.iter().map(|s| s.merged).sum();
    let title = format!(
        "Sources: {}, {} -> {} ({merged} merged)   {}",
        count(page.sources.len(), "source", "sources"),
        count(entries, "entry", "entries"),
        count(model.fleet.clusters.len(), "cluster", "clusters"),
        count(page.problems.len(), "problem", "problems"),
    );
    canvas.rule(areas.title, &title, focus(model, Pane::Sources));
    let [list, about] = parts(model);
    let rows = page.rows.iter().enumerate().skip(page.scroll.top);
    for ((number, row), y) in rows.zip(list.y..list.bottom()) {
        let area = Rect { y, height: 1, ..list };
        line(model, canvas, area, *row, areas.tier);
        if number == page.scroll.cursor && row.takes_cursor() {
            canvas.overlay(area, Role::Cursor);
        }
    }
    let below = page.rows.len().saturating_sub(page.scroll.top + usize::from(list.height));
    if below > 0 && about.height > 0 {
        let text = format!("{} {below} more lines", canvas.glyphs.more);
        canvas.rule(Rect { height: 1, ..about }, &text, Role::Border);
    } else {
        canvas.rule(Rect { height: about.height.min(1), ..about }, "", Role::Border);
    }
    let told = super::super::sources::row(model).map(|row| tell(model, row)).unwrap_or_default();
    let room = about.width.saturating_sub(6);
    let lines = told.iter().flat_map(|text| wrap(text, usize::from(room)));
    for (text, y) in lines.zip(about.y + 1..about.bottom()) {
        canvas.text(about.x + 3, y, room, &text, Role::Text);
    }
}

fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// The line of the pane that has the cursor.
fn focus(model: &Model, pane: Pane) -> Role {
    if model.page.pane() == Some(pane) { Role::BorderFocus } else { Role::Border }
}

fn line(model: &Model, canvas: &mut Canvas<'_>, area: Rect, row: Row, tier: Tier) {
    let page = &model.page;
    match row {
        Row::Blank => {}
        Row::Title(pane) => canvas.rule(area, &title(model, pane), focus(model, pane)),
        Row::Heads(Pane::Sources) => {
            let heads = ["SOURCE", "KIND", "ENTRIES", "ADDED", "MERGED", "SYNCED", "STATE"];
            cells(
                canvas,
                area,
                &source_widths(area.width, tier),
                &heads.map(|h| (h.to_owned(), Role::ColumnHead)),
            );
        }
        Row::Heads(_) => {
            let heads = ["#", "CLASS", "RULE", "FITS", "PROTECTION", "AT ONCE", "WINDOW"];
            cells(
                canvas,
                area,
                &class_widths(area.width, tier),
                &heads.map(|h| (h.to_owned(), Role::ColumnHead)),
            );
        }
        Row::Nothing(pane) => {
            let text = match pane {
                Pane::Sources if !model.fleet.loaded => "reading where clusters are",
                Pane::Merges => "no cluster is known from more than one source",
                Pane::Sources | Pane::Classes | Pane::Problems => "none",
            };
            canvas.text(area.x + 3, area.y, area.width.saturating_sub(3), text, Role::Muted);
        }
        Row::Source(n) => {
            if let Some(item) = page.sources.get(n) {
                source(model, canvas, area, n, item, tier);
            }
        }
        Row::United(n) => {
            if let Some(item) = page.review.as_ref().and_then(|r| r.united.get(n)) {
                united(canvas, area, item);
            }
        }
        Row::Apart(n) => {
            if let Some(item) = page.review.as_ref().and_then(|r| r.apart.get(n)) {
                apart(canvas, area, item);
            }
        }
        Row::Class(n) => {
            if let Some(item) = page.classes.get(n) {
                class(canvas, area, n, item, tier);
            }
        }
        Row::Problem(n) => {
            if let Some(item) = page.problems.get(n) {
                problem(canvas, area, item);
            }
        }
    }
}

fn title(model: &Model, pane: Pane) -> String {
    let page = &model.page;
    match pane {
        Pane::Sources => String::new(),
        Pane::Merges => {
            let (united, apart) = page.review.as_ref().map_or((0, 0), |r| (r.united.len(), r.apart.len()));
            format!("merge review: {united} united, {} kept apart", count(apart, "pair", "pairs"))
        }
        Pane::Classes if model.fleet.classes.is_declared() => {
            "classes: the first rule that fits wins".to_owned()
        }
        Pane::Classes => "classes: guessed from names, no fleet file declares any".to_owned(),
        Pane::Problems => count(page.problems.len(), "problem", "problems"),
    }
}

/// A column: its width, and whether its text stands at the right. No width: it is left out.
type Widths = [(u16, bool); 7];

/// Cells side by side; the last one takes what is left.
fn cells(canvas: &mut Canvas<'_>, area: Rect, widths: &Widths, texts: &[(String, Role); 7]) {
    let mut x = area.x + 3;
    let last = widths.len() - 1;
    for (number, ((text, role), (wide, right))) in texts.iter().zip(widths).enumerate() {
        if *wide == 0 {
            continue;
        }
        let room = if number == last { area.right().saturating_sub(x + 1) } else { *wide };
        if *right {
            canvas.right(x, area.y, room, text, *role);
        } else {
            let cut = canvas.glyphs.cut;
            let text = if number < 2 { fit_middle(text, usize::from(room), cut) } else { text.into() };
            canvas.text(x, area.y, room, &text, *role);
        }
        x += room + 1 + u16::from(*right);
    }
}

fn source_widths(room: u16, tier: Tier) -> Widths {
    match tier {
        Tier::Tiny | Tier::Small => {
            [(16, false), (0, false), (7, true), (0, true), (0, true), (6, true), (1, false)]
        }
        Tier::Medium => [(20, false), (13, false), (7, true), (0, true), (6, true), (6, true), (1, false)],
        Tier::Large | Tier::Huge => {
            let name = (room / 5).clamp(22, 48);
            [(name, false), (15, false), (7, true), (6, true), (6, true), (6, true), (1, false)]
        }
    }
}

fn class_widths(room: u16, tier: Tier) -> Widths {
    match tier {
        Tier::Tiny | Tier::Small => {
            [(2, false), (14, false), (20, false), (4, true), (10, false), (0, true), (0, false)]
        }
        Tier::Medium => [(2, false), (14, false), (22, false), (4, true), (11, false), (7, true), (1, false)],
        Tier::Large | Tier::Huge => {
            let rule = (room / 3).clamp(34, 70);
            [(2, false), (18, false), (rule, false), (5, true), (18, false), (7, true), (1, false)]
        }
    }
}

fn source(model: &Model, canvas: &mut Canvas<'_>, area: Rect, number: usize, item: &SourceItem, tier: Tier) {
    let sign = match (item.sync, item.errors, item.problems) {
        (SyncWord::Failing, ..) => State::Down,
        (SyncWord::Reading, ..) => State::New,
        (_, 0, 0) => State::Ok,
        _ => State::Warn,
    };
    canvas.text(area.x + 1, area.y, 1, canvas.glyphs.state(sign), Role::of_state(sign));
    let (state, role) = state_of(model, number, item);
    let stale = if item.sync == SyncWord::Failing { Role::Stale } else { Role::Text };
    let synced = match item.sync {
        SyncWord::Watching if item.problems == 0 => "live".to_owned(),
        _ => item.synced_at.map_or_else(|| "-".to_owned(), |at| between(at.0, model.now)),
    };
    let numbers = [item.entries, item.added, item.merged].map(|n| (n.to_string(), stale));
    let [entries, added, merged] = numbers;
    let texts = [
        (item.name.to_string(), Role::Text),
        (item.kind.to_owned(), Role::Muted),
        entries,
        added,
        merged,
        (synced, stale),
        (state, role),
    ];
    cells(canvas, area, &source_widths(area.width, tier), &texts);
}

/// How reading a source goes, in words: what is done, or why it fails and when it is tried again.
fn state_of(model: &Model, number: usize, item: &SourceItem) -> (String, Role) {
    let worst = model.page.troubles.get(number).and_then(|t| t.first());
    let next = item.next_at.filter(|at| at.0 > model.now).map(|at| between(model.now, at.0));
    let how = item.how.as_str();
    match item.sync {
        SyncWord::Failing => {
            let why = worst.map_or("cannot be read", |p| p.message.as_str());
            let since = item.failing_since.map(|at| format!(" for {}", between(at.0, model.now)));
            let next = next.map(|left| format!("; next try in {left}")).unwrap_or_default();
            let kept = if item.entries > 0 { "; kept" } else { "" };
            (format!("{why}{}{next}{kept}", since.unwrap_or_default()), Role::Error)
        }
        SyncWord::Reading if how.is_empty() => ("reading".to_owned(), Role::Progress),
        SyncWord::Reading => (format!("reading: {how}"), Role::Progress),
        SyncWord::Watching | SyncWord::Polling => {
            let how = if how.is_empty() { item.sync.as_str() } else { how };
            let next = next.map(|left| format!("; again in {left}")).unwrap_or_default();
            let trouble = match (item.problems, worst) {
                (0, _) => String::new(),
                (1, Some(problem)) => format!("; {}: {}", problem.subject, problem.message),
                (n, _) => format!("; {}", count(n, "problem", "problems")),
            };
            let role = match (item.errors, item.problems) {
                (0, 0) => Role::Text,
                (0, _) => Role::Warning,
                _ => Role::Error,
            };
            (format!("{how}{next}{trouble}"), role)
        }
    }
}

/// Why sightings were united, in a word or two.
fn why(merges: &[MergeItem]) -> String {
    let mut words: Vec<&str> = merges
        .iter()
        .map(|m| match m.by {
            "decision" => "a person said so",
            "uid" => "kube-system UID",
            "server-and-authority" => "server and CA",
            _ => "server",
        })
        .collect();
    words.sort_unstable();
    words.dedup();
    format!("by {}", words.join(", "))
}

fn united(canvas: &mut Canvas<'_>, area: Rect, item: &UnitedItem) {
    let sources: Vec<String> = item.sources.iter().map(|s| format!("{}:{}", s.name, s.reference)).collect();
    let why = match item.conflicts.len() {
        0 => why(&item.merges),
        n => format!("{}; {}", count(n, "conflict", "conflicts"), why(&item.merges)),
    };
    let role = if item.conflicts.is_empty() { Role::Muted } else { Role::Warning };
    pair(canvas, area, item.name.as_str(), &sources.join(", "), &why, role);
}

fn apart(canvas: &mut Canvas<'_>, area: Rect, item: &ApartItem) {
    let name = item.first_cluster.as_ref().map_or("-", crate::report::Text::as_str);
    let both = format!("{} | {}", item.first, item.second);
    let other = item.second_cluster.as_ref().map_or("-", crate::report::Text::as_str);
    canvas.text(area.x + 1, area.y, 1, canvas.glyphs.state(State::Warn), Role::StateWarn);
    pair(canvas, area, name, &both, &format!("kept apart from {other}"), Role::Warning);
}

/// A name, what it is made of, and why at the right.
fn pair(canvas: &mut Canvas<'_>, area: Rect, name: &str, middle: &str, why: &str, role: Role) {
    let cut = canvas.glyphs.cut;
    let name_width = (area.width / 5).clamp(14, 26);
    let name = fit_middle(name, usize::from(name_width), cut);
    canvas.text(area.x + 3, area.y, name_width, &name, Role::Text);
    let why_width = width(why).min(area.width / 3);
    let why_x = area.right().saturating_sub(why_width + 1);
    canvas.text(why_x, area.y, why_width, why, role);
    let x = area.x + 4 + name_width;
    canvas.text(x, area.y, why_x.saturating_sub(x + 2), middle, Role::Muted);
}

/// How a change must be confirmed.
fn protection(item: &ClassRulesItem) -> String {
    let word = match item.protection {
        None => "-",
        Some(ProtectionWord::None) => "none",
        Some(ProtectionWord::Confirm) => "y/N",
        Some(ProtectionWord::Typed) => "typed",
        Some(ProtectionWord::Locked) => "locked",
    };
    match (item.protection, item.phrase_above) {
        (Some(ProtectionWord::Confirm | ProtectionWord::None), Some(n)) => format!("{word}, phrase if >{n}"),
        _ => word.to_owned(),
    }
}

fn windows(item: &ClassRulesItem) -> String {
    let first = item.windows.first().map(|w| format!("{} for {}", w.cron, w.duration));
    let more = match item.windows.len() {
        0 | 1 => String::new(),
        n => format!(" +{}", n - 1),
    };
    let freezes = match item.freezes.len() {
        0 => String::new(),
        n => format!("; {}", count(n, "freeze", "freezes")),
    };
    format!("{}{more}{freezes}", first.unwrap_or_else(|| if item.declared { "any" } else { "-" }.to_owned()))
}

fn class(canvas: &mut Canvas<'_>, area: Rect, number: usize, item: &ClassRulesItem, tier: Tier) {
    let rule = match &item.matches {
        Some(rule) => rule.to_string(),
        None if item.declared => "given by name only".to_owned(),
        None if item.name.as_str() == crate::fleet::UNCLASSIFIED => "everything else".to_owned(),
        None => "guessed from names".to_owned(),
    };
    let place = if item.declared { (number + 1).to_string() } else { "-".to_owned() };
    let guess = if item.declared { Role::Text } else { Role::Guessed };
    let locked = item.protection == Some(ProtectionWord::Locked);
    let texts = [
        (place, Role::Muted),
        (item.name.to_string(), Role::of_class(item.name.as_str())),
        (rule, guess),
        (item.clusters.to_string(), if item.waiting > 0 { Role::Warning } else { Role::Text }),
        (protection(item), if locked { Role::Warning } else { Role::Text }),
        (item.at_once.map_or_else(|| "-".to_owned(), |n| n.to_string()), Role::Text),
        (windows(item), if item.open == Some(false) { Role::Warning } else { Role::Text }),
    ];
    if item.waiting > 0 {
        canvas.text(area.x + 1, area.y, 1, canvas.glyphs.waits, Role::Warning);
    }
    cells(canvas, area, &class_widths(area.width, tier), &texts);
}

/// A few lines about the row under the cursor: what the line itself had no room for.
fn tell(model: &Model, row: Row) -> Vec<String> {
    let page = &model.page;
    let review = page.review.as_ref();
    match row {
        Row::Source(n) => page.sources.get(n).map(|item| about_source(model, n, item)),
        Row::United(n) => review.and_then(|r| r.united.get(n)).map(|item| {
            let links = item
                .merges
                .iter()
                .map(|m| format!("{} joined {} by {} {}.", m.second, m.first, m.by, m.value));
            let conflicts = item.conflicts.iter().map(|c| {
                let said: Vec<String> =
                    c.values.iter().map(|v| format!("{} ({})", v.value, v.sighting)).collect();
                format!("{}: {}.", c.field, said.join(", "))
            });
            conflicts.chain(links).collect()
        }),
        Row::Apart(n) => review.and_then(|r| r.apart.get(n)).map(|item| {
            vec![format!("{}: {}.", item.code, item.why), format!("{} and {}", item.first, item.second)]
        }),
        Row::Class(n) => page.classes.get(n).map(about_class),
        Row::Problem(n) => page.problems.get(n).map(about_problem),
        Row::Blank | Row::Title(_) | Row::Heads(_) | Row::Nothing(_) => None,
    }
    .unwrap_or_default()
}

fn about_source(model: &Model, number: usize, item: &SourceItem) -> Vec<String> {
    let (state, _) = state_of(model, number, item);
    let mut out = vec![format!("{} ({}): {state}", item.name, item.kind)];
    out.extend(
        model.page.troubles.get(number).and_then(|t| t.first()).map(about_problem).into_iter().flatten(),
    );
    if out.len() == 1 {
        out.push(format!(
            "{} of {} are rows that no earlier source had, {} joined one.",
            item.added,
            count(item.entries, "entry", "entries"),
            item.merged
        ));
    }
    out
}

fn about_class(item: &ClassRulesItem) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(rule) = &item.matches {
        let at = item.match_at.as_ref().map(|at| format!("  {at}")).unwrap_or_default();
        out.push(format!("{rule}{at}"));
    }
    let mut told = vec![count(item.clusters, "cluster", "clusters")];
    if item.waiting > 0 {
        told.push(format!("{} wait for somebody to accept a weaker class", item.waiting));
    }
    if item.findings > 0 {
        told.push(count(item.findings, "finding", "findings"));
    }
    for (word, value) in [("floor", &item.floor), ("target", &item.target), ("owner", &item.owner)] {
        told.extend(value.as_ref().map(|v| format!("{word} {v}")));
    }
    if item.policy {
        told.push("of the machine's own file".to_owned());
    }
    if let Some(at) = &item.changes_at {
        let word = if item.open == Some(true) { "open until" } else { "closed until" };
        told.push(format!("{word} {at}"));
    }
    out.push(told.join(", "));
    out
}

fn about_problem(problem: &ProblemItem) -> Vec<String> {
    let place = problem.place().map(|p| format!("{p}: ")).unwrap_or_default();
    let hint = problem.hint.as_ref().map_or_else(String::new, |h| format!(" {h}"));
    vec![format!("{place}{}: {}.{hint}", problem.subject, problem.message)]
}

fn problem(canvas: &mut Canvas<'_>, area: Rect, problem: &ProblemItem) {
    let role = match problem.severity {
        SeverityWord::Error => Role::Error,
        SeverityWord::Warning => Role::Warning,
        SeverityWord::Note => Role::Muted,
    };
    let x = canvas.text(area.x + 3, area.y, 8, problem.severity.as_str(), role).max(area.x + 11);
    let end = area.right();
    let place = problem.place().unwrap_or_default();
    let place_width = width(&place).min(area.width / 2);
    let text_room = end.saturating_sub(x + place_width + 2);
    let text = format!("{}: {}", problem.subject, problem.message);
    canvas.text(x, area.y, text_room, &text, Role::Text);
    // The end of a path says more than its beginning: file, line and column.
    let tail: String = {
        let chars: Vec<char> = place.chars().collect();
        let keep = usize::from(place_width);
        chars.iter().skip(chars.len().saturating_sub(keep)).collect()
    };
    canvas.right(end.saturating_sub(place_width + 1), area.y, place_width, &tail, Role::Muted);
}

/// No cluster was found: where it was looked, and what can be done.
pub(super) fn first_run(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let mut y = area.y + 1;
    let mut say = |canvas: &mut Canvas<'_>, indent: u16, text: &str, role: Role| {
        if y < area.bottom() {
            canvas.text(area.x + 3 + indent, y, area.width.saturating_sub(4 + indent), text, role);
        }
        y += 1;
    };
    say(canvas, 0, "no clusters yet", Role::Title);
    say(canvas, 0, "", Role::Text);
    say(canvas, 0, "Looked in:", Role::Label);
    for (number, source) in model.page.sources.iter().enumerate() {
        let (state, _) = state_of(model, number, source);
        let entries =
            if source.synced_at.is_some() { count(source.entries, "entry", "entries") } else { state };
        say(canvas, 2, &format!("{:<44} {entries}", source.name.as_str()), Role::Text);
    }
    for problem in model.page.problems.iter().take(6) {
        let place = problem.place().map_or_else(String::new, |p| format!("  ({p})"));
        say(canvas, 2, &format!("{}: {}{place}", problem.subject, problem.message), Role::Warning);
    }
    let told = |place: &str| model.page.problems.iter().any(|p| p.subject.as_str() == place);
    for (place, _) in model.fleet.looked_in.iter().filter(|(p, there)| !there && !told(p.as_str())) {
        let unset = if place.as_str().starts_with('$') { "not set" } else { "not there" };
        say(canvas, 2, &format!("{:<44} {unset}", place.as_str()), Role::Text);
    }
    let key = |action| model.options.keys.label(action).unwrap_or_default();
    say(canvas, 0, "", Role::Text);
    say(canvas, 0, "Start with one of these, from a shell:", Role::Label);
    say(canvas, 2, "fleetglass --kubeconfig FILE-OR-FOLDER    read only, never changed", Role::Text);
    say(canvas, 2, "fleetglass demo                           a made-up fleet, no network", Role::Text);
    say(canvas, 0, "", Role::Text);
    let (help, sources, quit) = (key(Action::Help), key(Action::Sources), key(Action::Quit));
    say(canvas, 0, &format!("{help} keys    {sources} sources in full    {quit} quit"), Role::HintText);
}
