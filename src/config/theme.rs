//! A theme: for every role on the screen, a style.

use crate::fleet::State;

use super::{ColorLevel, Style};

/// Which backgrounds a theme is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Appearance {
    /// Dark ones.
    Dark,
    /// Light ones.
    Light,
    /// All.
    #[default]
    Any,
}

macro_rules! roles {
    ($($(#[doc = $doc:literal])+ $role:ident = $name:literal,)+) => {
        /// What a piece of the screen is, which decides how it looks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Role { $($(#[doc = $doc])+ $role,)+ }
        impl Role {
            /// Every role, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$role,)+];
            /// The name in theme files.
            pub fn as_str(self) -> &'static str { match self { $(Self::$role => $name,)+ } }
        }
    };
}

roles! {
    /// Plain text.
    Text = "text",
    /// What lies behind everything.
    Bg = "bg",
    /// Text of less weight: units, hints, folded rows.
    Muted = "muted",
    /// Lines and boxes.
    Border = "border",
    /// The box that has the keys.
    BorderFocus = "border_focus",
    /// Titles of screens and boxes.
    Title = "title",
    /// The program's name at the top.
    Brand = "brand",
    /// The top line.
    Header = "header",
    /// Screens one can go to.
    Tab = "tab",
    /// The screen one is on.
    TabActive = "tab_active",
    /// The badge that says nothing can be changed.
    Badge = "badge",
    /// Heads of columns.
    ColumnHead = "column_head",
    /// The head of the column sorted by.
    ColumnSorted = "column_sorted",
    /// The line of a group.
    Group = "group",
    /// The mark that a class is a guess.
    Guessed = "guessed",
    /// The row or cell with the cursor, over what is there.
    Cursor = "cursor",
    /// The sign of a marked row.
    Mark = "mark",
    /// The part of a name that matches, over what is there.
    Match = "match",
    /// Values that were not confirmed in time.
    Stale = "stale",
    /// Labels of fields.
    Label = "label",
    /// A key in a hint.
    HintKey = "hint_key",
    /// What a hint says.
    HintText = "hint_text",
    /// What is being typed.
    Input = "input",
    /// The part of the input that is wrong.
    InputError = "input_error",
    /// A message about something that failed.
    Error = "error",
    /// A message about something to look at.
    Warning = "warning",
    /// A message about something that was done.
    Notice = "notice",
    /// What is still being waited for.
    Progress = "progress",
    /// Popups.
    Popup = "popup",
    /// The line around a popup.
    PopupBorder = "popup_border",
    /// State OK.
    StateOk = "state_ok",
    /// State WARN.
    StateWarn = "state_warn",
    /// State CRIT.
    StateCrit = "state_crit",
    /// State AUTH.
    StateAuth = "state_auth",
    /// State DOWN.
    StateDown = "state_down",
    /// State UPGRADING.
    StateUpgrading = "state_upgrading",
    /// State HELD.
    StateHeld = "state_held",
    /// State NEW.
    StateNew = "state_new",
    /// Class prod.
    ClassProd = "class_prod",
    /// Class stage.
    ClassStage = "class_stage",
    /// Class dev.
    ClassDev = "class_dev",
    /// Class edge.
    ClassEdge = "class_edge",
    /// Any other class.
    ClassOther = "class_other",
    /// A version past its end of life.
    EolEnded = "eol_ended",
    /// A version near its end of life.
    EolSoon = "eol_soon",
}

impl Role {
    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|r| r.as_str() == name)
    }

    /// The role of a state.
    pub fn of_state(state: State) -> Self {
        match state {
            State::Crit => Self::StateCrit,
            State::Auth => Self::StateAuth,
            State::Down => Self::StateDown,
            State::Upgrading => Self::StateUpgrading,
            State::Warn => Self::StateWarn,
            State::Held => Self::StateHeld,
            State::New => Self::StateNew,
            State::Ok => Self::StateOk,
        }
    }

    /// The role of a class.
    pub fn of_class(name: &str) -> Self {
        match name {
            "prod" => Self::ClassProd,
            "stage" => Self::ClassStage,
            "dev" => Self::ClassDev,
            "edge" => Self::ClassEdge,
            _ => Self::ClassOther,
        }
    }
}

/// A theme, resolved: every role has a style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Its name.
    pub name: String,
    /// The backgrounds it is for.
    pub appearance: Appearance,
    styles: Vec<Style>,
}

impl Default for Theme {
    /// A theme without any style.
    fn default() -> Self {
        Self {
            name: "plain".into(),
            appearance: Appearance::Any,
            styles: vec![Style::default(); Role::ALL.len()],
        }
    }
}

impl Theme {
    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// Gives a role a style.
    pub fn set(&mut self, role: Role, style: Style) {
        if let Some(place) = self.styles.get_mut(role as usize) {
            *place = style;
        }
    }

    /// The same theme in the colours that a terminal can show.
    pub fn at(mut self, level: ColorLevel) -> Self {
        for style in &mut self.styles {
            *style = style.at(level);
        }
        self
    }
}
