//! The only place where the model changes. Takes a message, returns what is to be done about the world.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use crossterm::event::{Event, KeyEvent, KeyEventKind};
use ratatui::layout::Size;
use tui_input::backend::crossterm::EventHandler;

use super::arrange::{rearrange, refilter, relayout, remake};
use super::confirm::{Answer, Stage};
use super::input::key_of;
use super::menu::{Choice, copy, show_command};
use super::model::{Effect, Model, Overlay, REST, Screen};
use super::palette::Target;
use super::{act, decide};
use crate::config::{Action, Key, KeyCode, Role};
use crate::engine::api::{Command, Refused};
use crate::fleet::{ClusterKey, Detail, Fleet, State};

/// Most cells a screen may have each way; a terminal that claims more is drawn in part.
const WIDEST: u16 = 1_000;

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) enum Msg {
    /// A key, a paste, a new size, focus.
    Event(Event),
    /// A new picture of the fleet.
    Fleet(Arc<Fleet>),
    /// A new picture of the opened cluster.
    Detail(Option<Arc<Detail>>),
    /// What came of a decision.
    Decided(Result<(), Refused>),
    /// The engine publishes no more.
    EngineGone,
    /// Time has passed.
    Tick(DateTime<Utc>),
    /// The terminal is ours again.
    Resumed(Size),
    /// Something went wrong inside, in one line.
    Fault(String),
}

/// Takes `msg` in.
pub(crate) fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    let mut effects = Vec::new();
    match msg {
        Msg::Event(event) => on_event(model, &event, &mut effects),
        Msg::Fleet(fleet) => on_fleet(model, fleet),
        Msg::Detail(detail) => {
            model.detail = detail;
            model.dirty = true;
        }
        Msg::Decided(answer) => on_decided(model, answer),
        Msg::EngineGone => {
            model.engine_alive = false;
            model.say(Role::Error, "the engine has stopped; what is shown ages");
        }
        Msg::Tick(now) => on_tick(model, now),
        Msg::Resumed(size) => {
            resize(model, size);
            effects.push(Effect::Redraw);
        }
        Msg::Fault(text) => model.say(Role::Error, text),
    }
    remake(model);
    tell(model, &mut effects);
    effects
}

fn on_tick(model: &mut Model, now: DateTime<Utc>) {
    model.dirty |= now.timestamp() != model.now.timestamp();
    model.now = now;
    if model.message.as_ref().is_some_and(|m| m.until <= now) {
        model.message = None;
    }
    model.quit_until = model.quit_until.filter(|until| *until > now);
    if model.unsorted && rested(model) {
        let fleet = Arc::clone(&model.fleet);
        rearrange(model, true, &fleet);
    }
}

/// Whether the keys have rested long enough for rows to move.
fn rested(model: &Model) -> bool {
    model.key_at.is_none_or(|at| model.now - at >= REST)
}

/// The engine has answered: the dialog closes, or says why nothing was decided.
fn on_decided(model: &mut Model, answer: Result<(), Refused>) {
    let waiting = match &mut model.overlay {
        Some(Overlay::Confirm(asked)) if matches!(asked.stage, Stage::Waiting) => Some(asked),
        _ => None,
    };
    match (answer, waiting) {
        (Ok(()), Some(asked)) => {
            let done = std::mem::take(&mut asked.proposal.done);
            model.overlay = None;
            model.say(Role::Notice, format!("decided: {done}"));
        }
        (Ok(()), None) => model.say(Role::Notice, "it is decided and written down"),
        (Err(refused), Some(asked)) => asked.stage = Stage::Refused(refused),
        (Err(refused), None) => {
            let hint = refused.hint.as_ref().map_or_else(String::new, |h| format!(". {h}"));
            model.say(Role::Error, format!("not decided: {refused}{hint}"));
        }
    }
    model.dirty = true;
}

fn on_fleet(model: &mut Model, fleet: Arc<Fleet>) {
    // Until a person has pressed a key, the worst is at the top and the cursor on it, however rows still move.
    let first = model.list.lines.is_empty() || model.key_at.is_none();
    model.totals = fleet.totals();
    let before = std::mem::replace(&mut model.fleet, fleet);
    if let Some(Overlay::Confirm(asked)) = &mut model.overlay {
        asked.look(&model.fleet);
    }
    let classes = || model.fleet.classes.classes.iter().map(|c| &c.name);
    if !model.filter.knows(classes()) {
        let declared = classes().cloned().collect();
        if let Err(why) = model.filter.declare(declared, model.fleet.loaded) {
            model.say(Role::Warning, format!("the filter was left out: {why}"));
        }
    }
    refilter(model);
    let settled = rested(model);
    rearrange(model, settled, &before);
    if first && !model.list.lines.is_empty() {
        (model.list.cursor, model.list.top) = (0, 0);
        model.list.cursor = usize::from(model.list.row().is_none() && model.list.lines.len() > 1);
    }
}

fn resize(model: &mut Model, size: Size) {
    model.size = Size::new(size.width.min(WIDEST), size.height.min(WIDEST));
    relayout(model);
}

fn on_event(model: &mut Model, event: &Event, effects: &mut Vec<Effect>) {
    model.dirty = true;
    match event {
        Event::Resize(width, height) => resize(model, Size::new(*width, *height)),
        Event::FocusGained | Event::FocusLost => {
            model.focused = *event == Event::FocusGained;
            effects.push(Effect::Command(Command::Focused(model.focused)));
        }
        Event::Paste(text) => on_paste(model, text),
        Event::Key(key @ KeyEvent { kind: KeyEventKind::Press | KeyEventKind::Repeat, .. }) => {
            model.key_at = Some(model.now);
            if let Some(key) = key_of(key) {
                on_key(model, key, event, effects);
            }
        }
        Event::Key(_) | Event::Mouse(_) => model.dirty = false,
    }
}

/// Pasted text only ever goes into an input; it is never taken for keys.
fn on_paste(model: &mut Model, text: &str) {
    match &mut model.overlay {
        Some(Overlay::Confirm(asked)) if matches!(asked.stage, Stage::Type { .. }) => {
            return model.say(Role::Warning, "pasting is off here: the phrase is typed");
        }
        Some(Overlay::Entry(entry)) => {
            let line = text.lines().next().unwrap_or("").chars().filter(|c| !c.is_control()).take(256);
            let value = format!("{}{}", entry.input.value(), line.collect::<String>());
            entry.input = tui_input::Input::new(value);
            entry.fault = None;
            return;
        }
        _ => {}
    }
    if let Some(Overlay::Palette(palette)) = &mut model.overlay {
        let line: String =
            text.lines().next().unwrap_or("").chars().filter(|c| !c.is_control()).take(128).collect();
        palette.input = tui_input::Input::new(format!("{}{line}", palette.input.value()));
        palette.search();
    } else if model.filter.editing {
        if model.filter.paste(text) {
            typed(model);
        }
    } else {
        model.say(Role::Warning, "pasted text is not taken for keys; press / first to filter by it");
    }
}

fn on_key(model: &mut Model, key: Key, event: &Event, effects: &mut Vec<Effect>) {
    let place = model.screen.place();
    let action = model.options.keys.action(key, place);
    if action == Some(Action::Quit) {
        effects.push(Effect::Quit);
        return;
    }
    if action != Some(Action::Leave) {
        model.quit_until = None;
    }
    model.message = None;
    match model.overlay {
        Some(Overlay::Palette(_)) => return palette_key(model, key, event, effects),
        Some(Overlay::Menu(_)) => return menu_key(model, key, effects),
        Some(Overlay::Help(_)) => return help_key(model, key, action),
        Some(Overlay::Sheet(_)) => return sheet_key(model, key, action, effects),
        Some(Overlay::Entry(_)) => return entry_key(model, key, event),
        Some(Overlay::Confirm(_)) => return confirm_key(model, key, event, effects),
        None => {}
    }
    if model.filter.editing {
        return filter_key(model, key, event);
    }
    if let Some(action) = action {
        act::act(model, action, effects);
    } else if key == (Key { ctrl: true, ..Key::plain(KeyCode::Char('k')) }) {
        model.say(Role::Warning, "Ctrl-K kills nothing here");
    }
}

fn filter_key(model: &mut Model, key: Key, event: &Event) {
    match key.code {
        KeyCode::Enter => {
            if model.filter.close() {
                act::filter_changed(model);
            }
            let height = model.list_height();
            model.list.rest_on_row(height);
        }
        KeyCode::Esc => {
            let from = model.filter.from.take();
            model.filter.clear();
            act::filter_changed(model);
            let height = model.list_height();
            model.list.lay_out(&model.fleet, &model.shape, height, from.as_ref());
        }
        KeyCode::Down | KeyCode::Up | KeyCode::PageDown | KeyCode::PageUp => {
            if let Some(action) = model.options.keys.action(key, model.screen.place()) {
                act::act(model, action, &mut Vec::new());
            }
        }
        KeyCode::Char(_) if !key.ctrl && !key.alt && model.filter.full() => {}
        _ => {
            if model.filter.input.handle_event(event).is_some_and(|changed| changed.value)
                && model.filter.parse()
            {
                typed(model);
            }
        }
    }
}

/// What was typed or pasted has changed the filter: the cursor goes to the first cluster that it lets through.
fn typed(model: &mut Model) {
    act::filter_changed(model);
    (model.list.cursor, model.list.top) = (0, 0);
    let height = model.list_height();
    model.list.rest_on_row(height);
}

fn palette_key(model: &mut Model, key: Key, event: &Event, effects: &mut Vec<Effect>) {
    let height = act::palette_height(model);
    let Some(Overlay::Palette(palette)) = &mut model.overlay else { return };
    let count = palette.hits.len();
    match (key.code, key.ctrl) {
        (KeyCode::Esc, _) => model.overlay = None,
        (KeyCode::Down, _) | (KeyCode::Char('n'), true) => palette.scroll.step(1, count, height),
        (KeyCode::Up, _) | (KeyCode::Char('p'), true) => palette.scroll.step(-1, count, height),
        (KeyCode::PageDown, _) => palette.scroll.step(height.cast_signed(), count, height),
        (KeyCode::PageUp, _) => palette.scroll.step(-height.cast_signed(), count, height),
        (KeyCode::Tab, _) => {
            if let Some(name) = palette.chosen().map(|i| i.name.clone()) {
                palette.input = tui_input::Input::new(name);
                palette.search();
            }
        }
        (KeyCode::Char('y'), true) => {
            let command = palette.chosen().and_then(|item| match &item.target {
                Target::Cluster(key) => Some(show_command(key.as_str())),
                Target::Action(action) => act::command_of(*action).map(str::to_owned),
            });
            match command {
                Some(command) => copy_out(model, &command, effects),
                None => {
                    model.say(Role::Warning, "this has no command; it only changes what is on the screen");
                }
            }
        }
        (KeyCode::Enter, _) => {
            let target = palette.chosen().map(|i| i.target.clone());
            let word = palette.input.value().trim().to_owned();
            model.overlay = None;
            match target {
                Some(Target::Action(Action::Quit)) => effects.push(Effect::Quit),
                Some(Target::Action(action)) => act::act(model, action, effects),
                Some(Target::Cluster(key)) => act::open(model, key, effects),
                None => model.say(Role::Warning, format!("nothing is called \"{word}\" here")),
            }
        }
        _ => {
            let full = palette.input.value().len() >= super::filter::LONGEST;
            if full && matches!(key.code, KeyCode::Char(_)) && !key.ctrl && !key.alt {
                return;
            }
            if palette.input.handle_event(event).is_some_and(|changed| changed.value) {
                palette.search();
            }
        }
    }
}

fn menu_key(model: &mut Model, key: Key, effects: &mut Vec<Effect>) {
    let Some(Overlay::Menu(menu)) = &mut model.overlay else { return };
    match key.code {
        KeyCode::Down | KeyCode::Char('j') => menu.step(1),
        KeyCode::Up | KeyCode::Char('k') => menu.step(-1),
        KeyCode::Enter => {
            let chosen = menu.chosen().cloned();
            model.overlay = None;
            match chosen {
                Some(Choice::Copy(text)) => copy_out(model, &text, effects),
                Some(Choice::Sort(sort)) => act::sort(model, sort),
                Some(Choice::Decide(wish)) => decide::begin(model, wish),
                None => {}
            }
        }
        KeyCode::Esc | KeyCode::Char('q' | ',' | 'C' | 'K') => model.overlay = None,
        _ => {}
    }
}

fn sheet_key(model: &mut Model, key: Key, action: Option<Action>, effects: &mut Vec<Effect>) {
    let full = model.areas().full;
    let Some(Overlay::Sheet(sheet)) = &mut model.overlay else { return };
    let count = sheet.lines.len();
    let height = usize::from(super::view::sheet_area(full, count).height.saturating_sub(4));
    let page = height.max(1).cast_signed();
    match (key.code, action) {
        (KeyCode::Esc, _) | (_, Some(Action::Leave)) => model.overlay = None,
        (_, Some(Action::Down)) => sheet.scroll.step(1, count, height),
        (_, Some(Action::Up)) => sheet.scroll.step(-1, count, height),
        (_, Some(Action::PageDown)) => sheet.scroll.step(page, count, height),
        (_, Some(Action::PageUp)) => sheet.scroll.step(-page, count, height),
        (_, Some(Action::Top)) => sheet.scroll.step(isize::MIN, count, height),
        (_, Some(Action::Bottom)) => sheet.scroll.step(isize::MAX, count, height),
        (_, Some(Action::Open)) => {
            if let Some(cluster) = sheet.chosen().cloned() {
                model.overlay = None;
                act::open(model, cluster, effects);
            }
        }
        _ => {}
    }
}

fn entry_key(model: &mut Model, key: Key, event: &Event) {
    let Some(Overlay::Entry(entry)) = &mut model.overlay else { return };
    match key.code {
        KeyCode::Esc => model.overlay = None,
        KeyCode::Enter => decide::labelled(model),
        KeyCode::Char(_) if !key.ctrl && !key.alt && entry.input.value().len() >= super::filter::LONGEST => {}
        _ => {
            if entry.input.handle_event(event).is_some_and(|changed| changed.value) {
                entry.fault = None;
            }
        }
    }
}

/// The only place from which a decision goes out.
fn confirm_key(model: &mut Model, key: Key, event: &Event, effects: &mut Vec<Effect>) {
    let Some(Overlay::Confirm(asked)) = &mut model.overlay else { return };
    match asked.key(key, event) {
        Answer::Open => {}
        Answer::Cancel => {
            let waits = matches!(asked.stage, Stage::Waiting);
            let asks = !waits && !matches!(asked.stage, Stage::Refused(_));
            model.overlay = None;
            if asks {
                model.say(Role::Notice, "nothing was decided");
            }
        }
        Answer::Accept => {
            asked.stage = Stage::Waiting;
            effects.push(Effect::Decide(asked.proposal.decisions.clone()));
        }
        Answer::Copy => {
            let text = asked.proposal.twins.join("\n");
            copy_out(model, &text, effects);
        }
    }
}

fn help_key(model: &mut Model, key: Key, action: Option<Action>) {
    let Some(Overlay::Help(top)) = &mut model.overlay else { return };
    match (key.code, action) {
        (KeyCode::Esc, _) | (_, Some(Action::Help | Action::Leave)) => model.overlay = None,
        (_, Some(Action::Down)) => *top += 1,
        (_, Some(Action::Up)) => *top = top.saturating_sub(1),
        (_, Some(Action::PageDown)) => *top += 10,
        (_, Some(Action::PageUp)) => *top = top.saturating_sub(10),
        (_, Some(Action::Top)) => *top = 0,
        (_, Some(Action::Bottom)) => *top = usize::MAX,
        _ => {}
    }
    act::clamp_help(model);
}

/// Copies a text and says so.
pub(super) fn copy_out(model: &mut Model, text: &str, effects: &mut Vec<Effect>) {
    match copy(text) {
        Some(effect) => {
            effects.push(effect);
            model.say(Role::Notice, format!("copied: {text}"));
        }
        None => model.say(Role::Error, "too long for the clipboard"),
    }
}

/// Tells the engine and the window what they want to know, when it has changed.
fn tell(model: &mut Model, effects: &mut Vec<Effect>) {
    let visible = visible(model);
    if visible != model.told_visible {
        model.told_visible.clone_from(&visible);
        effects.push(Effect::Command(Command::Visible(visible)));
    }
    let totals = model.totals;
    let title = if totals.states.total() == 0 {
        "fleetglass".to_owned()
    } else {
        let worst = [State::Crit, State::Auth, State::Down, State::Warn];
        let worst = worst.into_iter().map(|s| (s, totals.states.get(s))).find(|(_, n)| *n > 0);
        let worst = worst.map_or_else(String::new, |(state, n)| format!("{n} {state} / "));
        format!("fleetglass: {worst}{}", totals.states.total())
    };
    if model.options.title && title != model.told_title {
        model.told_title.clone_from(&title);
        effects.push(Effect::Title(title));
    }
}

/// The clusters on the screen, from the top.
fn visible(model: &Model) -> Vec<ClusterKey> {
    match &model.screen {
        Screen::Fleet => {
            let lines = model.list.window(model.list_height());
            let rows = lines.iter().filter_map(|line| match line {
                super::list::Line::Row(i) => model.fleet.clusters.get(*i),
                _ => None,
            });
            rows.map(|c| c.key().clone()).collect()
        }
        Screen::Cluster(key) => vec![key.clone()],
        Screen::Versions | Screen::Sources => Vec::new(),
    }
}
