//! The loop: takes what arrives, updates, carries effects out, draws when something changed and not too often.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::Event;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, Stream, StreamExt};
use ratatui::layout::Size;
use tokio::sync::mpsc::error::TrySendError;

use super::Exit;
use super::model::{Effect, Model};
use super::signals::Told;
use super::update::{Msg, update};
use crate::clock::Clock;
use crate::engine::api::{Command, Deciding, Handle, Refused};
use crate::fleet::{CleanText, Decision};

/// The time between two frames while there is always something new: 30 a second.
const FRAME: Duration = Duration::from_millis(33);
/// After a rest a few frames may follow each other at once: so much of it is saved up. The fleet read at the start need not wait because
/// the empty screen, its title and the first news of every channel were drawn just before it.
const SAVED: Duration = Duration::from_millis(132);
/// How often time is told, and the terminal asked whether it is still there.
const TICK: Duration = Duration::from_millis(500);
/// How many events are taken in before the loop looks around.
const BATCH: usize = 256;

/// A terminal, or what stands for one in a test.
pub(crate) trait Surface {
    fn size(&self) -> io::Result<Size>;
    /// Draws the model in its size.
    fn draw(&mut self, model: &Model) -> io::Result<()>;
    /// The next frame draws every cell.
    fn redraw(&mut self);
    fn copy(&mut self, text: &str) -> io::Result<()>;
    fn title(&mut self, text: &str) -> io::Result<()>;
    /// Gives the terminal back and sleeps until woken.
    fn suspend(&mut self) -> io::Result<()>;
    /// Takes the terminal again after somebody else had it.
    fn resume(&mut self) -> io::Result<()>;
    fn alive(&self) -> bool;
    /// What went wrong on other threads since the last call.
    fn faults(&mut self) -> Vec<String>;
}

/// Wishes on their way to the engine: at most one of each kind, the newest.
#[derive(Debug, Default)]
struct Outbox(Vec<Command>);

impl Outbox {
    fn push(&mut self, command: Command) {
        // Wishes to look closely add up: each names its own clusters once.
        let command = match command {
            Command::Inspect(mut keys) => {
                for before in
                    self.0.iter().filter_map(|c| if let Command::Inspect(k) = c { Some(k) } else { None })
                {
                    keys.extend(before.iter().cloned());
                }
                Command::Inspect(keys)
            }
            other => other,
        };
        let kind = std::mem::discriminant(&command);
        self.0.retain(|c| std::mem::discriminant(c) != kind);
        self.0.push(command);
    }

    /// Sends what the queue takes; the rest waits for the next turn.
    fn flush(&mut self, handle: &Handle) {
        while let Some(command) = self.0.first().cloned() {
            match handle.commands.try_send(command) {
                Ok(()) | Err(TrySendError::Closed(_)) => drop(self.0.remove(0)),
                Err(TrySendError::Full(_)) => break,
            }
        }
    }
}

/// What woke the loop.
enum Woke {
    Event(Option<io::Result<Event>>),
    Signal(Option<Told>),
    Fleet(bool),
    Detail(bool),
    Answer(Option<Result<(), Refused>>),
    Tick,
    Frame,
}

/// Runs until there is a reason to end.
pub(crate) async fn drive(
    model: &mut Model,
    surface: &mut impl Surface,
    mut events: impl Stream<Item = io::Result<Event>> + Unpin,
    mut signals: impl Stream<Item = Told> + Unpin,
    mut handle: Handle,
    clock: &Clock,
) -> Exit {
    let mut outbox = Outbox::default();
    let mut answers = Answers::new();
    let mut next_frame = clock.tick();
    next_frame = next_frame.checked_sub(SAVED).unwrap_or(next_frame);
    let mut next_tick = clock.tick() + TICK;
    let (mut fleet_open, mut detail_open, mut signals_open) = (true, true, true);
    handle.fleet.mark_changed();
    handle.detail.mark_changed();
    loop {
        if model.dirty && clock.tick() >= next_frame {
            model.dirty = false;
            if surface.draw(model).is_err() {
                return Exit::TerminalLost;
            }
            let now = clock.tick();
            next_frame = (next_frame + FRAME).max(now.checked_sub(SAVED).unwrap_or(now));
        }
        outbox.flush(&handle);
        let woke = tokio::select! {
            biased;
            told = signals.next(), if signals_open => Woke::Signal(told),
            event = events.next() => Woke::Event(event),
            answer = answers.next(), if !answers.is_empty() => Woke::Answer(answer),
            () = tokio::time::sleep_until(next_frame.into()), if model.dirty => Woke::Frame,
            () = tokio::time::sleep_until(next_tick.into()) => Woke::Tick,
            changed = handle.fleet.changed(), if fleet_open => Woke::Fleet(changed.is_ok()),
            changed = handle.detail.changed(), if detail_open => Woke::Detail(changed.is_ok()),
        };
        let mut messages = vec![Msg::Tick(clock.now())];
        match woke {
            Woke::Frame | Woke::Answer(None) => {}
            Woke::Answer(Some(answer)) => messages.push(Msg::Decided(answer)),
            Woke::Event(None | Some(Err(_))) => return Exit::TerminalLost,
            Woke::Event(Some(Ok(event))) => {
                messages.push(Msg::Event(event));
                while messages.len() < BATCH {
                    match events.next().now_or_never() {
                        Some(Some(Ok(event))) => messages.push(Msg::Event(event)),
                        Some(None | Some(Err(_))) => return Exit::TerminalLost,
                        None => break,
                    }
                }
            }
            Woke::Signal(Some(Told::End(number))) => return Exit::Signal(number),
            Woke::Signal(Some(Told::Stop)) => {
                if surface.suspend().is_err() {
                    return Exit::TerminalLost;
                }
                messages.push(Msg::Resumed(surface.size().unwrap_or(model.size)));
            }
            Woke::Signal(Some(Told::Continue)) => {
                if surface.resume().is_err() {
                    return Exit::TerminalLost;
                }
                messages.push(Msg::Resumed(surface.size().unwrap_or(model.size)));
            }
            Woke::Signal(None) => signals_open = false,
            Woke::Fleet(true) => messages.push(Msg::Fleet(Arc::clone(&handle.fleet.borrow_and_update()))),
            Woke::Detail(true) => messages.push(Msg::Detail(handle.detail.borrow_and_update().clone())),
            Woke::Fleet(false) => {
                fleet_open = false;
                messages.push(Msg::EngineGone);
            }
            Woke::Detail(false) => detail_open = false,
            Woke::Tick => {
                next_tick = clock.tick() + TICK;
                if !surface.alive() {
                    return Exit::TerminalLost;
                }
                messages.extend(surface.faults().into_iter().map(Msg::Fault));
            }
        }
        for message in messages {
            for effect in update(model, message) {
                let effect = match effect {
                    Effect::Decide(decisions) => {
                        answers.push(ask(&handle, decisions));
                        continue;
                    }
                    other => other,
                };
                match carry_out(effect, model, surface, &mut outbox) {
                    Ok(None) => {}
                    Ok(Some(exit)) => {
                        outbox.flush(&handle);
                        return exit;
                    }
                    Err(_) => return Exit::TerminalLost,
                }
            }
        }
    }
}

/// What the engine says to decisions.
type Answers = FuturesUnordered<BoxFuture<'static, Result<(), Refused>>>;

/// How long an answer is waited for. Decisions are written to a disk first.
const PATIENCE: Duration = Duration::from_secs(15);

fn refused(code: &'static str, message: &str, hint: &str) -> Refused {
    Refused { code, message: CleanText::new(message), hint: Some(CleanText::new(hint)) }
}

/// Hands decisions to the engine. They never wait in a queue of ours: what cannot be handed over now is refused.
fn ask(handle: &Handle, decisions: Vec<Decision>) -> BoxFuture<'static, Result<(), Refused>> {
    let (reply, answer) = tokio::sync::oneshot::channel();
    let deciding = Deciding { decisions, reason: None, who: CleanText::default(), reply };
    let sent = handle.decisions.try_send(deciding).map_err(|error| match error {
        TrySendError::Full(_) => refused("BUSY", "the engine is busy with other decisions", "Try again."),
        TrySendError::Closed(_) => refused("STOPPED", "the engine has stopped", "Start the program again."),
    });
    async move {
        sent?;
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(refused("STOPPED", "the engine has stopped", "Start the program again.")),
            Err(_) => Err(refused(
                "TIMEOUT",
                "the engine has not answered for 15 s",
                "`fleetglass decisions list` tells whether it was written down after all.",
            )),
        }
    }
    .boxed()
}

fn carry_out(
    effect: Effect,
    model: &mut Model,
    surface: &mut impl Surface,
    outbox: &mut Outbox,
) -> io::Result<Option<Exit>> {
    match effect {
        Effect::Command(command) => outbox.push(command),
        // They go to the engine by a way of their own, before this is reached.
        Effect::Decide(_) => {}
        Effect::Copy(text) => surface.copy(&text)?,
        Effect::Title(text) => surface.title(&text)?,
        Effect::Redraw => {
            surface.redraw();
            model.dirty = true;
        }
        Effect::Suspend => {
            surface.suspend()?;
            let size = surface.size().unwrap_or(model.size);
            let effects = update(model, Msg::Resumed(size));
            debug_assert!(!effects.contains(&Effect::Suspend), "waking up does not send to sleep");
            surface.redraw();
            model.dirty = true;
        }
        Effect::Quit => return Ok(Some(Exit::Quit)),
    }
    Ok(None)
}
