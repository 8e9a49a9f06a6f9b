//! The fields and flags that can be asked for.

use std::fmt;

use super::{SelectError, nearest};
use crate::fleet::State;

/// What kind of thing a field holds, which decides how values are read and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Version,
    Minor,
    /// A whole number.
    Count,
    /// A whole number, or a share in percent.
    Share,
    /// A length of time.
    Length,
    /// Not measured yet; any value may stand there.
    Opaque,
}

macro_rules! fields {
    ($($variant:ident $name:literal $kind:ident,)*) => {
        /// A field of a cluster.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(super) enum Field {
            $($variant,)*
            /// The value of a label.
            Label(String),
            /// The value of an annotation.
            Annotation(String),
            /// The value of a property.
            Property(String),
            /// The value of a parameter.
            Parameter(String),
        }

        impl Field {
            const NAMED: &'static [(&'static str, Field)] = &[$(($name, Field::$variant),)*];

            pub(super) fn kind(&self) -> Kind {
                match self {
                    $(Self::$variant => Kind::$kind,)*
                    Self::Label(_) | Self::Property(_) | Self::Parameter(_) => Kind::Text,
                    Self::Annotation(_) => Kind::Opaque,
                }
            }
        }

        impl fmt::Display for Field {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant => f.write_str($name),)*
                    Self::Label(key) => write!(f, "label.{key}"),
                    Self::Annotation(key) => write!(f, "annotation.{key}"),
                    Self::Property(key) => write!(f, "property.{key}"),
                    Self::Parameter(key) => write!(f, "parameter.{key}"),
                }
            }
        }
    };
}

fields! {
    Name "name" Text,
    Class "class" Text,
    State "state" Text,
    Region "region" Text,
    Provider "provider" Text,
    Account "account" Text,
    Tenant "tenant" Text,
    Owner "owner" Text,
    Source "source" Text,
    Context "context" Text,
    Server "server" Text,
    Path "path" Text,
    Merged "merged" Count,
    Version "version" Version,
    Minor "minor" Minor,
    Kubelet "kubelet" Version,
    Skew "skew" Count,
    Eol "eol" Length,
    Nodes "nodes" Count,
    Ready "ready" Share,
    Cordoned "cordoned" Share,
    Cert "cert" Length,
    Token "token" Length,
    Identity "identity" Text,
    Auth "auth" Text,
    Seen "seen" Length,
    Latency "latency" Length,
    Why "why" Text,
    Finding "finding" Text,
    Id "id" Text,
    Pods "pods" Opaque,
    Cpu "cpu" Opaque,
    Mem "mem" Opaque,
    Etcd "etcd" Opaque,
    Wave "wave" Opaque,
    Plan "plan" Opaque,
    Hold "hold" Opaque,
    Window "window" Opaque,
}

/// A field's beginning, and what makes the field of its key.
type Keyed = (&'static str, fn(String) -> Field);

/// Fields that want a key after them.
const KEYED: [Keyed; 4] = [
    ("label.", Field::Label),
    ("property.", Field::Property),
    ("parameter.", Field::Parameter),
    ("annotation.", Field::Annotation),
];

/// The names of all fields, for completion; those that end in a dot want a key after it.
pub fn field_names() -> impl Iterator<Item = &'static str> {
    Field::NAMED.iter().map(|(name, _)| *name).chain(KEYED.iter().map(|(prefix, _)| *prefix))
}

impl Field {
    /// The field of that name, or an error at `start` that names a near one.
    pub(super) fn find(name: &str, start: usize) -> Result<Self, SelectError> {
        if let Some(field) = Self::known(name) {
            return Ok(field);
        }
        let error = SelectError::new(start..start + name.len(), format!("unknown field `{name}`"));
        let (prefix, key) = match name.split_once('.') {
            Some((_, key)) => (name.get(..name.len() - key.len()).unwrap_or(name), key),
            None => (name, ""),
        };
        let near = match nearest(prefix, field_names()) {
            Some(near) if key.is_empty() || near.ends_with('.') => Some(format!("{near}{key}")),
            _ => nearest(name, field_names()).map(str::to_owned),
        };
        Err(match near {
            Some(near) => error.hint(format!("Did you mean `{near}`?")),
            None => error.hint("Put text that holds = ! ~ < > : in quotes to search for it."),
        })
    }

    /// The field of that name.
    pub(super) fn known(name: &str) -> Option<Self> {
        for (prefix, make) in KEYED {
            if let Some(key) = name.strip_prefix(prefix).filter(|k| is_key(k)) {
                return Some(make(key.to_owned()));
            }
        }
        Self::NAMED.iter().find(|(n, _)| *n == name).map(|(_, field)| field.clone())
    }

    /// Whether a class rule may look at it: only at who a cluster is and what is said of it, never at what becomes of it.
    pub(super) fn is_identity(&self) -> bool {
        match self {
            Self::Name
            | Self::Region
            | Self::Provider
            | Self::Account
            | Self::Source
            | Self::Context
            | Self::Server
            | Self::Id
            | Self::Label(_)
            | Self::Property(_) => true,
            Self::Class
            | Self::State
            | Self::Tenant
            | Self::Owner
            | Self::Path
            | Self::Merged
            | Self::Version
            | Self::Minor
            | Self::Kubelet
            | Self::Skew
            | Self::Eol
            | Self::Nodes
            | Self::Ready
            | Self::Cordoned
            | Self::Cert
            | Self::Token
            | Self::Identity
            | Self::Auth
            | Self::Seen
            | Self::Latency
            | Self::Why
            | Self::Finding
            | Self::Pods
            | Self::Cpu
            | Self::Mem
            | Self::Etcd
            | Self::Wave
            | Self::Plan
            | Self::Hold
            | Self::Window
            | Self::Annotation(_)
            | Self::Parameter(_) => false,
        }
    }
}

/// Whether it has the characters of a label's key.
fn is_key(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
}

/// Something a cluster is or is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flag {
    Marked,
    Protected,
    Held,
    BelowFloor,
    Upgradable,
    Blocked,
    Stale,
    Cached,
    Live,
    Drifted,
    Unclassified,
    Guessed,
    Pending,
    Merged,
    Gone,
    Hub,
    Dialable,
    Inspected,
    Insecure,
    InState(State),
}

impl Flag {
    pub(super) const ALL: [Self; 26] = [
        Self::Marked,
        Self::Protected,
        Self::Held,
        Self::BelowFloor,
        Self::Upgradable,
        Self::Blocked,
        Self::Stale,
        Self::Cached,
        Self::Live,
        Self::Drifted,
        Self::Unclassified,
        Self::Guessed,
        Self::Pending,
        Self::Merged,
        Self::Gone,
        Self::Hub,
        Self::Dialable,
        Self::Inspected,
        Self::Insecure,
        Self::InState(State::Crit),
        Self::InState(State::Auth),
        Self::InState(State::Down),
        Self::InState(State::Upgrading),
        Self::InState(State::Warn),
        Self::InState(State::New),
        Self::InState(State::Ok),
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Marked => "marked",
            Self::Protected => "protected",
            Self::Held | Self::InState(State::Held) => "held",
            Self::BelowFloor => "below-floor",
            Self::Upgradable => "upgradable",
            Self::Blocked => "blocked",
            Self::Stale => "stale",
            Self::Cached => "cached",
            Self::Live => "live",
            Self::Drifted => "drifted",
            Self::Unclassified => "unclassified",
            Self::Guessed => "guessed",
            Self::Pending => "pending",
            Self::Merged => "merged",
            Self::Gone => "gone",
            Self::Hub => "hub",
            Self::Dialable => "dialable",
            Self::Inspected => "inspected",
            Self::Insecure => "insecure",
            Self::InState(State::Crit) => "crit",
            Self::InState(State::Auth) => "auth",
            Self::InState(State::Down) => "down",
            Self::InState(State::Upgrading) => "upgrading",
            Self::InState(State::Warn) => "warn",
            Self::InState(State::New) => "new",
            Self::InState(State::Ok) => "ok",
        }
    }

    /// The flag of that name, or an error at `start` that names a near one.
    pub(super) fn find(name: &str, start: usize) -> Result<Self, SelectError> {
        if let Some(flag) = Self::ALL.into_iter().find(|f| f.as_str() == name) {
            return Ok(flag);
        }
        let error = SelectError::new(start..start + name.len(), format!("unknown flag `{name}`"));
        if let Some(near) = nearest(name, flag_names()) {
            return Err(error.hint(format!("Did you mean `is:{near}`?")));
        }
        let all: Vec<&str> = flag_names().collect();
        Err(error.hint(format!("Flags are {}.", all.join(", "))))
    }
}

/// The names of all flags, for completion after `is:`.
pub fn flag_names() -> impl Iterator<Item = &'static str> {
    Flag::ALL.into_iter().map(Flag::as_str)
}
