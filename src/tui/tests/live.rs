//! The loop itself, with a surface of paper and an engine of channels.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::Event;
use futures::StreamExt;
use futures::channel::mpsc as stream;
use ratatui::layout::Size;
use tokio::sync::{mpsc, watch};

use super::harness::{Paper, events, options, role_theme};
use crate::clock::Clock;
use crate::engine::api::{Command, Deciding, Handle, Refused};
use crate::fleet::{Detail, Fleet};
use crate::tui::fixture;
use crate::tui::model::Model;
use crate::tui::signals::Told;
use crate::tui::{Exit, drive};

/// What a script can do to the loop, and see of it.
struct Outside {
    events: stream::UnboundedSender<io::Result<Event>>,
    signals: stream::UnboundedSender<Told>,
    fleet: Option<watch::Sender<Arc<Fleet>>>,
    detail: Option<watch::Sender<Option<Arc<Detail>>>>,
    commands: mpsc::Receiver<Command>,
    decisions: mpsc::Receiver<Deciding>,
    text: watch::Receiver<String>,
}

impl Outside {
    fn press(&self, script: &str) {
        for event in events(script) {
            self.events.unbounded_send(Ok(event)).unwrap();
        }
    }

    fn signal(&self, told: Told) {
        self.signals.unbounded_send(told).unwrap();
    }

    /// Waits until a frame shows `text`.
    async fn shows(&mut self, text: &str) {
        let seen = self.text.wait_for(|frame| frame.contains(text));
        let seen = tokio::time::timeout(Duration::from_secs(10), seen).await;
        assert!(seen.is_ok(), "no frame shows {text:?}");
    }

    /// Waits until the engine is told something like `wanted`.
    async fn hears(&mut self, wanted: impl Fn(&Command) -> bool) {
        let heard = async {
            while let Some(command) = self.commands.recv().await {
                if wanted(&command) {
                    return true;
                }
            }
            false
        };
        let heard = tokio::time::timeout(Duration::from_secs(10), heard).await;
        assert_eq!(heard, Ok(true), "the engine was not told");
    }
}

/// Runs the loop beside a script until it ends by itself.
fn run(prepare: impl FnOnce(&mut Paper), script: impl AsyncFnOnce(&mut Outside)) -> (Exit, Paper) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (event_sender, event_stream) = stream::unbounded();
    let (signal_sender, signal_stream) = stream::unbounded();
    let (fleet, fleet_receiver) = watch::channel(Arc::new(fixture::normal()));
    let (detail, detail_receiver) = watch::channel(None);
    let (command_sender, commands) = mpsc::channel(8);
    let (decision_sender, decisions) = mpsc::channel(1);
    let handle = Handle {
        fleet: fleet_receiver,
        detail: detail_receiver,
        commands: command_sender,
        decisions: decision_sender,
    };
    let mut paper = Paper::new(120, 36);
    prepare(&mut paper);
    let mut outside = Outside {
        events: event_sender,
        signals: signal_sender,
        fleet: Some(fleet),
        detail: Some(detail),
        commands,
        decisions,
        text: paper.text.subscribe(),
    };
    let clock = Clock::manual(fixture::now());
    let mut model = Model::new(options(role_theme(), false), clock.now(), Size::new(120, 36));
    let exit = runtime.block_on(async {
        let (events, signals) = (event_stream.boxed(), signal_stream.boxed());
        let ends = drive::drive(&mut model, &mut paper, events, signals, handle, &clock);
        let both = async { tokio::join!(ends, script(&mut outside)).0 };
        tokio::time::timeout(Duration::from_secs(30), both).await.expect("the loop ends by itself")
    });
    (exit, paper)
}

#[test]
fn keys_are_answered_the_engine_is_told_and_quit_ends() {
    let (exit, paper) = run(
        |_| {},
        async |outside| {
            outside.shows("prod-eu-west-3").await;
            outside.hears(|c| matches!(c, Command::Visible(keys) if !keys.is_empty())).await;
            outside.press("c");
            outside.shows("copied: prod-eu-west-3").await;
            outside.press("<cr>");
            outside
                .hears(|c| matches!(c, Command::Open(Some(key)) if key.as_str() == "prod-eu-west-3"))
                .await;
            let detail = Some(Arc::new(fixture::detail("prod-eu-west-3")));
            outside.detail.as_ref().unwrap().send_replace(detail);
            outside.shows("Nodes:24").await;
            outside.press("<ctrl-c>");
        },
    );
    assert_eq!(exit, Exit::Quit);
    assert_eq!(paper.log, ["title fleetglass", "title fleetglass: 3 CRIT / 68", "copy prod-eu-west-3"]);
}

#[test]
fn a_new_fleet_is_drawn_without_a_key() {
    let (exit, _) = run(
        |_| {},
        async |outside| {
            outside.shows("prod-eu-west-3").await;
            outside.fleet.as_ref().unwrap().send_replace(Arc::new(fixture::failing()));
            outside.shows("stage-broken").await;
            outside.press("<ctrl-c>");
        },
    );
    assert_eq!(exit, Exit::Quit);
}

#[test]
fn every_signal_ends_with_its_number() {
    for number in [15, 1, 2, 3] {
        let (exit, _) = run(|_| {}, async |outside| outside.signal(Told::End(number)));
        assert_eq!(exit, Exit::Signal(number));
    }
}

#[test]
fn a_terminal_that_is_gone_ends_the_loop() {
    let (exit, _) = run(
        |_| {},
        async |outside| {
            outside.events.unbounded_send(Err(io::Error::from(io::ErrorKind::UnexpectedEof))).unwrap();
        },
    );
    assert_eq!(exit, Exit::TerminalLost, "reading fails");
    let (exit, _) = run(|_| {}, async |outside| outside.events.close_channel());
    assert_eq!(exit, Exit::TerminalLost, "the events end");
    let (exit, _) = run(|paper| paper.alive = false, async |_| {});
    assert_eq!(exit, Exit::TerminalLost, "nobody says so, but it does not answer");
    let (exit, _) = run(|paper| paper.broken = true, async |_| {});
    assert_eq!(exit, Exit::TerminalLost, "writing fails");
}

#[test]
fn sleeping_and_waking_draw_everything_again() {
    let (exit, paper) = run(
        |_| {},
        async |outside| {
            for told in [Told::Stop, Told::Continue, Told::End(15)] {
                outside.signal(told);
            }
        },
    );
    assert_eq!(exit, Exit::Signal(15));
    let log: Vec<&String> = paper.log.iter().filter(|l| !l.starts_with("title")).collect();
    assert_eq!(log, ["suspend", "redraw", "resume", "redraw"]);
}

#[test]
fn a_storm_of_resizes_is_a_few_frames() {
    let (exit, paper) = run(
        |_| {},
        async |outside| {
            for n in 0..5_000u16 {
                outside.events.unbounded_send(Ok(Event::Resize(n % 150, n % 50))).unwrap();
            }
            outside.events.unbounded_send(Ok(Event::Resize(80, 24))).unwrap();
            outside.shows("68/68 [RO]").await;
            outside.press("<ctrl-c>");
        },
    );
    assert_eq!(exit, Exit::Quit);
    assert!(paper.frames < 600, "{} frames", paper.frames);
}

#[test]
fn a_fault_of_another_thread_is_told() {
    let (exit, _) = run(
        |paper| paper.faults.push("internal fault: index out of bounds".to_owned()),
        async |outside| {
            outside.shows("internal fault: index out of bounds").await;
            outside.press("<ctrl-c>");
        },
    );
    assert_eq!(exit, Exit::Quit);
}

#[test]
fn an_engine_that_is_gone_is_told_and_the_screen_stays() {
    let (exit, _) = run(
        |_| {},
        async |outside| {
            outside.shows("prod-eu-west-3").await;
            outside.fleet = None;
            outside.detail = None;
            outside.shows("the engine has stopped").await;
            outside.press("jj<ctrl-c>");
        },
    );
    assert_eq!(exit, Exit::Quit);
}

#[test]
fn decisions_go_out_once_and_the_answer_is_shown() {
    let (exit, _) = run(
        |_| {},
        async |outside| {
            outside.shows("prod-eu-west-3").await;
            outside.press("/stage-eu-2<cr>:label<cr>team=pay<cr>");
            outside.shows("Do it?").await;
            assert!(outside.decisions.try_recv().is_err(), "a question is no decision");
            outside.press("y");
            let deciding = outside.decisions.recv().await.unwrap();
            assert_eq!(deciding.decisions.len(), 1);
            let refused = Refused {
                code: "NO_MEMORY",
                message: "there is no memory".into(),
                hint: Some("Start without --no-memory.".into()),
            };
            deciding.reply.send(Err(refused)).unwrap();
            outside.shows("Start without --no-memory.").await;
            outside.press("<cr>:label<cr>team=pay<cr>y");
            let deciding = outside.decisions.recv().await.unwrap();
            deciding.reply.send(Ok(())).unwrap();
            outside.shows("decided: stage-eu-2: team=pay").await;
            // An engine that drops the question has stopped.
            outside.press(":label<cr>team=pay<cr>y");
            drop(outside.decisions.recv().await.unwrap());
            outside.shows("STOPPED: the engine has stopped").await;
            outside.decisions.close();
            outside.press("<cr>:label<cr>team=pay<cr>y");
            outside.shows("STOPPED: the engine has stopped").await;
            outside.press("<ctrl-c>");
        },
    );
    assert_eq!(exit, Exit::Quit);
}
