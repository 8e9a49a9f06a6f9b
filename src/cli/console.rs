//! The console: the one caller of the screens.

use std::path::Path;

use super::args::{Global, StatusArgs};
use super::config;
use super::fault::{Exit, Fault, chain};
use super::select::Selection;
use super::surroundings::{Io, Surroundings};
use super::{fleetfile, gather, status, surroundings};
use crate::config::Toggle;
use crate::{engine, tui};

/// No command: the console where there is a terminal to draw on, else `status`.
pub(super) fn run_or_status(global: &Global, io: &mut Io<'_>) -> Result<Exit, Fault> {
    if can_draw(&io.around) && !wants_text(global) {
        run(global, io)
    } else {
        status::run(global, &StatusArgs::default(), io)
    }
}

/// Whether screens can be drawn: both ends are a terminal that can place its cursor.
pub(super) fn can_draw(around: &Surroundings) -> bool {
    around.stdin_is_terminal && around.stdout_is_terminal && !around.looks().is_dumb()
}

/// Whether the flags ask for something that only text can give.
pub(super) fn wants_text(global: &Global) -> bool {
    global.output.is_some() || global.json.is_some() || global.jq.is_some() || global.watch
}

/// `tui`: the console on the kubeconfigs of the flags and the environment.
pub(super) fn run(global: &Global, io: &mut Io<'_>) -> Result<Exit, Fault> {
    on(global, None, io)
}

/// The console; `only` is the one kubeconfig to read, in place of everybody's own.
pub(super) fn on(global: &Global, only: Option<&Path>, io: &mut Io<'_>) -> Result<Exit, Fault> {
    if !can_draw(&io.around) {
        return Err(Fault::usage("the console needs a terminal")
            .why("standard input or output is none, or TERM says that it cannot place its cursor")
            .hint("`fleetglass status` prints the same as text."));
    }
    if let Some(flag) = idle_flag(global) {
        return Err(Fault::usage("the console does not take this flag")
            .place(flag)
            .hint("In the console, `,` sorts; for text use `fleetglass status`."));
    }
    if global.cluster.iter().any(|name| name == "-") {
        return Err(Fault::usage("the console reads keys from standard input, not names")
            .place("--cluster")
            .hint("Name the clusters, or use `fleetglass status -c -`."));
    }
    let files = fleetfile::read(global, &io.around)?;
    let selection = Selection::new(global, &[], &fleetfile::class_names(&files), io.stdin)?;
    let settings = config::load(global, &io.around)?;
    let kuberc = io.around.kuberc();
    let looks = io.around.looks();
    let color = looks.color_level(settings.config.color);
    let ascii = match settings.config.ascii {
        Toggle::On => true,
        Toggle::Off => false,
        Toggle::Auto => looks.wants_ascii(),
    };
    let appearance = looks.appearance();
    let name = settings.config.theme.name(appearance).to_owned();
    let (theme, theme_problems) = settings.themes.resolve(&name, appearance, color);
    let mistakes = settings.problems.len() + theme_problems.len();
    let mut options = tui::Options::new(&settings.config, theme, color, ascii);
    options.notice = (mistakes > 0).then(|| {
        let count = gather::plural(mistakes, "problem");
        format!("{count} in the configuration; `fleetglass config validate` tells them")
    });
    if kuberc.is_broken() {
        let text =
            "no credential plugin is run: the kuberc cannot be understood; `fleetglass doctor` tells why";
        options.notice = Some(text.to_owned());
    }
    options.filter = selection.text();
    let mut search = gather::search(global, &settings, &io.around);
    if let Some(only) = only {
        search.explicit = vec![only.to_path_buf()];
    }
    let engine = gather::engine_settings(global, &settings, &kuberc, &files, search, &io.around);
    let running = engine::start(engine, io.around.clock.clone())
        .map_err(|e| Fault::failed("the engine cannot start").why(chain(&e)))?;
    let handle = running.handle.clone();
    surroundings::end_a_stuck_console()
        .map_err(|e| Fault::failed("signals cannot be listened for").why(chain(&e)))?;
    let ended = tui::run(handle, options, io.around.clock.clone())
        .map_err(|e| Fault::failed("the console cannot be shown").why(chain(&e)));
    running.stop();
    Ok(match ended? {
        tui::Exit::Quit => Exit::Done,
        tui::Exit::Signal(number) => Exit::Signal(u8::try_from(number).unwrap_or(1)),
        tui::Exit::TerminalLost => Exit::Signal(1),
    })
}

/// The first flag that shapes output, which the console does by itself.
fn idle_flag(global: &Global) -> Option<&'static str> {
    let set = [
        ("--sort-by", global.sort_by.is_some()),
        ("--columns", !global.columns.is_empty()),
        ("--output", global.output.is_some()),
        ("--json", global.json.is_some()),
        ("--jq", global.jq.is_some()),
        ("--watch", global.watch),
        ("--exit-code", global.exit_code),
        ("--timeout", global.timeout.is_some()),
    ];
    set.into_iter().find(|(_, is_set)| *is_set).map(|(flag, _)| flag)
}
