//! What a person may choose: colours, keys, how the screens start. Text comes in, values and problems go out.
//!
//! Pure: nothing here reads a file, the environment or the terminal. `cli` fills [`Env`] and hands over the text of
//! `config.toml` and of theme files. A mistake never stops the program: the value keeps its default and a [`Problem`](crate::fleet::Problem)
//! says where the mistake is and what to try. The one table of actions, [`ACTIONS`], is what key handling, footer hints, the
//! help screen and the palette are all made from.

mod action;
mod color;
mod env;
mod file;
pub mod fleetfile;
mod key;
mod keymap;
mod near;
mod print;
mod programs;
mod theme;
mod themes;
mod walk;
pub mod yaml;

pub use action::{ACTIONS, Action, ActionInfo, Place, Shelf};
pub use color::{Color, ColorLevel, Rgb, Style};
pub use env::Env;
pub use file::{ColorChoice, Config, GroupBy, SidePane, SortBy, ThemeChoice, Toggle, parse, schema};
pub use fleetfile::{
    EXEC_KIND, FLEET_KINDS, exec_schema_text, fleet_schema, fleet_schema_text, fleet_schemas,
};
pub use key::{Key, KeyCode, NotAKey};
pub use keymap::Keymap;
pub use near::near;
pub use print::{Setting, print};
pub use programs::Program;
pub use theme::{Appearance, Role, Theme};
pub use themes::{BUILT_IN, Themes};
