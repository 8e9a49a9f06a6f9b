//! How an object says that its cluster is reached, before anything has been fetched or checked.

use serde_json::{Map, Value, json};

/// A way to a cluster in the words of a kubeconfig: its cluster and its user. Both may hold secrets, so there is no `Debug`.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Way {
    pub(super) cluster: Map<String, Value>,
    pub(super) user: Map<String, Value>,
    /// Whether the plugin is one that a person has configured, not one that the object names.
    pub(super) own_plugin: bool,
}

impl Way {
    /// A way to a server as it is written.
    pub(super) fn to(server: &str) -> Self {
        let mut way = Self::default();
        way.cluster("server", Some(server));
        way
    }

    /// Sets a field of the cluster, if there is anything to set.
    pub(super) fn cluster(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.cluster.insert(key.to_owned(), value.into());
        }
    }

    /// Sets a field of the user.
    pub(super) fn user(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.user.insert(key.to_owned(), value.into());
        }
    }

    /// The signing certificates: base64 of PEM.
    pub(super) fn authority(&mut self, base64: Option<&str>) {
        self.cluster("certificate-authority-data", base64);
    }

    /// Checks no certificate.
    pub(super) fn insecure(&mut self, insecure: bool) {
        if insecure {
            self.cluster("insecure-skip-tls-verify", Some(true));
            // What would not be looked at is not worth a warning on each cluster.
            drop(self.cluster.remove("certificate-authority-data"));
        }
    }

    /// The same as a kubeconfig with one context.
    pub(super) fn kubeconfig(&self) -> String {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "x", "cluster": self.cluster}],
            "users": [{"name": "x", "user": self.user}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        })
        .to_string()
    }
}

/// A way that leads over the hub's own API server, with the credential for the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HubPath {
    /// The cluster is the hub.
    Itself,
    /// A path below the hub's own.
    Below(String),
    /// A path of the front that the hub is reached through, in place of the hub's.
    Instead(String),
}

/// What a Secret holds.
#[derive(Clone, PartialEq)]
pub(super) enum SecretForm {
    /// A kubeconfig under that key.
    Kubeconfig { key: &'static str },
    /// A bearer token under that key, and signing certificates under the other; the rest of the way is known.
    Token { way: Way, key: &'static str, authority: Option<&'static str> },
}

/// A Secret of the hub that says how the cluster is reached.
#[derive(Clone, PartialEq)]
pub(super) struct SecretRef {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) form: SecretForm,
    /// What to do where the Secret may not be read or does not exist.
    pub(super) otherwise: Option<HubPath>,
}

/// How a cluster is reached.
#[derive(Clone, Default, PartialEq)]
pub(super) enum Reach {
    /// The object does not say.
    #[default]
    Unsaid,
    /// All is in the object.
    Way(Box<Way>),
    /// Over the hub.
    Hub(HubPath),
    /// By what a Secret says.
    Secret(Box<SecretRef>),
}

impl Reach {
    /// The Secret to fetch, if there is one.
    pub(super) fn secret(&self) -> Option<&SecretRef> {
        match self {
            Self::Secret(secret) => Some(secret),
            _ => None,
        }
    }

    /// A kubeconfig in a Secret.
    pub(super) fn kubeconfig(namespace: &str, name: &str) -> Self {
        Self::Secret(Box::new(SecretRef {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            form: SecretForm::Kubeconfig { key: "value" },
            otherwise: None,
        }))
    }
}

/// Whether a text can be part of an API path as the name of an object: `.` and `..` lead elsewhere, as does whatever ends a
/// segment (Kubernetes, "path segment names").
pub(super) fn is_segment(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':'))
        && name != "."
        && name != ".."
}

/// Whether a variable decides what code a program runs, whatever the program is. A registry may set none of these.
pub(super) fn is_loader(name: &str) -> bool {
    const NAMES: [&str; 13] = [
        "PATH",
        "HOME",
        "BASH_ENV",
        "ENV",
        "NODE_OPTIONS",
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONSTARTUP",
        "PERL5OPT",
        "PERL5LIB",
        "RUBYOPT",
        "GCONV_PATH",
        "JAVA_TOOL_OPTIONS",
    ];
    NAMES.contains(&name) || name.starts_with("LD_") || name.starts_with("DYLD_")
}
