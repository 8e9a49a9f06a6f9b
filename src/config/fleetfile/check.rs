//! What types and closed sets cannot say: grammars of texts, and fields that belong together.

use crate::fleet::spec::{BundleSpec, ClassSpec, FleetSpec, GateSpec, Object, SourceSpec, WaveStrategySpec};
use crate::fleet::{Origin, Selector, Severity, SourceKind, UNCLASSIFIED, grammar};

use super::walk::Walk;

/// A text that does not follow its grammar.
pub(super) struct Wrong {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) hint: String,
    /// The first character that is wrong, counted from 0.
    pub(super) offset: Option<u32>,
}

impl Wrong {
    fn new(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into(), offset: None }
    }
}

/// Whether a text follows the grammar of that name.
pub(super) fn text(format: &str, text: &str) -> Result<(), Wrong> {
    let simple = |result: Result<(), &'static str>, code: &'static str, hint: &str| {
        result.map_err(|message| Wrong::new(code, message, hint))
    };
    match format {
        "filled" if text.trim().is_empty() => {
            Err(Wrong::new("MISSING", "empty", "Write something, or remove it."))
        }
        "rule" => rule(text),
        "selector" => Selector::parse(text).map(drop).map_err(|error| selector_error(text, &error)),
        "label-selector" => labels(text),
        "name-pattern" => simple(
            grammar::name_pattern(text).map(drop),
            "BAD_PATTERN",
            "Write a regular expression for the whole name, with groups like `(?<region>[a-z]+)`.",
        ),
        "template" => simple(
            grammar::template(text).map(drop),
            "BAD_TEMPLATE",
            "Write properties like `{name}` or `{region}`.",
        ),
        "version" => simple(
            grammar::wanted(text).map(drop),
            "BAD_VERSION",
            "Write a release line like \"1.34\", or a release like \"1.34.5\".",
        ),
        "version-range" => {
            simple(grammar::range(text).map(drop), "BAD_RANGE", "Write comparisons like \">=1.11 <1.13\".")
        }
        "cron" => simple(
            grammar::schedule(text).map(drop),
            "BAD_SCHEDULE",
            "Write minute, hour, day, month and weekday: \"0 22 * * 1-5\".",
        ),
        "length" => simple(
            grammar::duration(text).map(drop),
            "BAD_DURATION",
            "Write numbers with units: 15m, 4h, 1h30m, 2d.",
        ),
        "time-zone" => {
            simple(grammar::zone(text).map(drop), "BAD_TIME_ZONE", "Write it like Europe/Berlin or UTC.")
        }
        "moment" => simple(
            grammar::moment(text).map(drop),
            "BAD_TIME",
            "Write 2026-12-18, or 2026-12-18T17:00 for a minute.",
        ),
        "amount" => simple(
            grammar::amount(text).map(drop),
            "BAD_AMOUNT",
            "Write a number like 3, or a share like 10%.",
        ),
        "url" => url(text),
        "reference" => match text.rsplit_once(':') {
            Some((source, reference)) if !source.is_empty() && !reference.is_empty() => Ok(()),
            _ => Err(Wrong::new(
                "BAD_REFERENCE",
                "not what a cluster is called in a source",
                "Write the source, a colon and the name there; `fleetglass clusters show` prints them.",
            )),
        },
        "finding" => {
            let code = text.split_once(':').map_or(text, |(code, _)| code);
            let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            let named = text.split_once(':').is_none_or(|(_, cluster)| !cluster.is_empty());
            if !code.is_empty() && code.chars().all(fits) && named {
                return Ok(());
            }
            Err(Wrong::new("BAD_FINDING", "not the code of a finding", "Write CODE, or CODE:cluster-name."))
        }
        _ => Ok(()),
    }
}

fn selector_error(text: &str, error: &crate::fleet::SelectError) -> Wrong {
    let hint = error.hint.as_ref().map_or("", crate::fleet::CleanText::as_str);
    let before = text.get(..error.span.start).map(|t| t.chars().count());
    let offset = before.and_then(|n| u32::try_from(n).ok());
    Wrong { offset, ..Wrong::new("BAD_SELECTOR", error.message.as_str(), hint) }
}

/// A selector that says which clusters a class is for.
fn rule(text: &str) -> Result<(), Wrong> {
    let selector = Selector::parse(text).map_err(|error| selector_error(text, &error))?;
    if selector.is_all() {
        let hint = "Write `name~.` if every cluster is meant, or remove it for none.";
        return Err(Wrong::new("BAD_RULE", "empty, which would be every cluster", hint));
    }
    match selector.rule_error() {
        None => Ok(()),
        Some(error) => Err(Wrong { code: "BAD_RULE", ..selector_error(text, &error) }),
    }
}

/// A label selector as kubectl takes it.
fn labels(text: &str) -> Result<(), Wrong> {
    let quoted = format!("-l \"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    Selector::parse(&quoted).map(drop).map_err(|error| {
        let hint = error.hint.as_ref().map_or("Write it like `env=prod,tier in (a,b)`.", |h| h.as_str());
        Wrong::new("BAD_SELECTOR", error.message.as_str(), hint)
    })
}

fn url(text: &str) -> Result<(), Wrong> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|r| r.split(['/', '?', '#']).next()).unwrap_or_default();
    if host.contains('@') {
        let hint = "Remove what stands before the @; the file is shared.";
        return Err(Wrong::new("BAD_URL", "holds a user name or a password", hint));
    }
    if host.is_empty() || text.contains(char::is_whitespace) {
        return Err(Wrong::new("BAD_URL", "not a URL", "Write it with its scheme, `https://host:port`."));
    }
    Ok(())
}

/// Names that can stand in commands and selectors without quotes.
pub(super) fn is_name(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && ends(text.chars().next())
        && ends(text.chars().next_back())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// Tells of a value of an object by its path.
fn tell<T>(
    walk: &mut Walk<'_>,
    object: &Object<T>,
    path: &str,
    code: &'static str,
    message: &str,
    hint: &str,
) {
    let at: Origin = object.place(path).clone();
    walk.push(Severity::Error, code, &at, path, message, hint);
}

/// Sources have what their kinds need, and names of their own.
pub(super) fn fleet(walk: &mut Walk<'_>, object: &Object<FleetSpec>) {
    let mut names = std::collections::HashSet::new();
    for (i, source) in object.spec.sources.iter().enumerate() {
        let path = format!("spec.sources[{i}]");
        if !names.insert(&source.name) {
            let at = format!("{path}.name");
            tell(
                walk,
                object,
                &at,
                "DUPLICATE_NAME",
                "another source has this name",
                "Names of sources are unique.",
            );
        }
        for (field, hint) in lacking(source) {
            let message = format!("missing, and a source of kind {} needs it", source.kind);
            tell(walk, object, &format!("{path}.{field}"), "MISSING", &message, hint);
        }
        for field in idle(source) {
            let message = format!("means nothing for a source of kind {}", source.kind);
            let at = object.place(&format!("{path}.{field}")).clone();
            let hint = "It is ignored; remove it, or look at the kind.";
            walk.push(Severity::Warning, "IDLE_KEY", &at, &format!("{path}.{field}"), &message, hint);
        }
    }
    let mut names = std::collections::HashSet::new();
    for (i, provider) in object.spec.access_providers.iter().enumerate() {
        if !names.insert(&provider.name) {
            let path = format!("spec.accessProviders[{i}].name");
            tell(
                walk,
                object,
                &path,
                "DUPLICATE_NAME",
                "another provider has this name",
                "The first one is used.",
            );
        }
    }
    let mut names = std::collections::HashSet::new();
    for (i, class) in object.spec.classes.iter().enumerate() {
        if !names.insert(class) {
            let path = format!("spec.classes[{i}]");
            tell(
                walk,
                object,
                &path,
                "DUPLICATE_NAME",
                "the class is listed twice",
                "The first place counts; remove this one.",
            );
        }
    }
}

fn kind(source: &SourceSpec) -> Option<SourceKind> {
    SourceKind::ALL.iter().copied().find(|k| k.as_str() == source.kind)
}

/// What is read over a kubeconfig context of a hub.
fn is_hub(kind: SourceKind) -> bool {
    use SourceKind as K;
    matches!(
        kind,
        K::ClusterApi
            | K::Rancher
            | K::ClusterProfile
            | K::Ocm
            | K::Karmada
            | K::KubeFleet
            | K::RancherFleet
            | K::ArgoCd
            | K::KubeFed
            | K::ClusterRegistry
    )
}

fn is_cloud(kind: SourceKind) -> bool {
    use SourceKind as K;
    matches!(kind, K::Eks | K::Aks | K::Gke | K::AzureFleet | K::GkeFleet)
}

/// Fields that a source of its kind must have and has not.
fn lacking(source: &SourceSpec) -> Vec<(&'static str, &'static str)> {
    let mut lacking = Vec::new();
    let Some(kind) = kind(source) else { return lacking };
    if is_hub(kind) && source.context.is_none() {
        lacking.push(("context", "Name the kubeconfig context that leads to the hub."));
    }
    if matches!(kind, SourceKind::Ansible | SourceKind::Kubeconfig) && source.path.is_none() {
        lacking.push(("path", "Name the file or folder, relative to the fleet file."));
    }
    let runs = source.ansible.as_ref().is_some_and(|a| a.run);
    if (kind == SourceKind::Exec || (kind == SourceKind::Ansible && runs)) && source.program.is_none() {
        lacking
            .push(("program", "Name a program whose command line stands in config.toml under `programs`."));
    }
    if kind == SourceKind::AzureFleet && source.fleets.is_empty() {
        lacking.push(("fleets", "Name the fleets as `group/fleet`."));
    }
    lacking
}

/// Fields that are filled and mean nothing for the kind.
fn idle(source: &SourceSpec) -> Vec<&'static str> {
    use SourceKind as K;
    let Some(kind) = kind(source) else { return Vec::new() };
    let azure = matches!(kind, K::Aks | K::AzureFleet);
    let google = matches!(kind, K::Gke | K::GkeFleet);
    [
        ("context", source.context.is_some() && !is_hub(kind)),
        ("namespaces", !source.namespaces.is_empty() && !is_hub(kind)),
        ("selector", source.selector.is_some() && !is_hub(kind)),
        ("path", source.path.is_some() && !matches!(kind, K::Ansible | K::Kubeconfig)),
        ("profiles", !source.profiles.is_empty() && kind != K::Eks),
        ("regions", !source.regions.is_empty() && kind != K::Eks),
        ("subscriptions", !source.subscriptions.is_empty() && !azure),
        ("projects", !source.projects.is_empty() && !google),
        ("fleets", !source.fleets.is_empty() && kind != K::AzureFleet),
        ("program", source.program.is_some() && !is_cloud(kind) && !matches!(kind, K::Exec | K::Ansible)),
        ("ansible", source.ansible.is_some() && kind != K::Ansible),
        ("server", source.server.is_some() && kind != K::Rancher),
    ]
    .into_iter()
    .filter_map(|(field, idle)| idle.then_some(field))
    .collect()
}

/// What belongs together in a class.
pub(super) fn class(walk: &mut Walk<'_>, object: &Object<ClassSpec>) {
    let spec = &object.spec;
    if object.name == UNCLASSIFIED {
        let message = "the name of what no class fits";
        tell(walk, object, "metadata.name", "BAD_NAME", message, "Give the class another name.");
    }
    for (i, freeze) in spec.freezes.iter().flatten().enumerate() {
        let (from, to) = (grammar::moment(&freeze.from), grammar::moment(&freeze.to));
        if let (Ok(from), Ok(to)) = (from, to)
            && to.end().is_none_or(|end| end <= from.start())
        {
            let path = format!("spec.freezes[{i}].to");
            tell(walk, object, &path, "BAD_TIME", "before its beginning", "Swap from and to.");
        }
    }
    if let Some(concurrency) = &spec.concurrency {
        if concurrency.max == Some(0) {
            let hint = "Use `protection: locked`, or a freeze, to keep changes away.";
            tell(walk, object, "spec.concurrency.max", "BAD_VALUE", "no cluster could ever be changed", hint);
        }
        for (property, at_once) in &concurrency.per {
            let path = format!("spec.concurrency.per.{property}");
            if !grammar::is_property(property) {
                let hint = "Write region, provider, account, label.KEY or the name of a property.";
                tell(walk, object, &path, "BAD_PROPERTY", "not the name of a property", hint);
            }
            if *at_once == 0 {
                let hint = "Use `protection: locked`, or a freeze, to keep changes away.";
                tell(walk, object, &path, "BAD_VALUE", "no cluster could ever be changed", hint);
            }
        }
    }
    let versions = &spec.versions;
    if let (Some(floor), Some(target)) = (&versions.floor, &versions.target)
        && let (Ok(floor), Ok(target)) = (grammar::wanted(floor), grammar::wanted(target))
        && target.is_older_than(&floor)
    {
        let hint = "Raise the target, or lower the floor.";
        tell(walk, object, "spec.versions.target", "BAD_VERSION", "older than the floor", hint);
    }
}

/// What belongs together in a strategy.
pub(super) fn strategy(walk: &mut Walk<'_>, object: &Object<WaveStrategySpec>) {
    let spec = &object.spec;
    if spec.waves.is_empty() {
        tell(walk, object, "spec.waves", "MISSING", "no waves", "Write at least one wave.");
    }
    if spec.max_at_once == Some(0) {
        tell(
            walk,
            object,
            "spec.maxAtOnce",
            "BAD_VALUE",
            "no cluster could ever be changed",
            "Write 1 or more.",
        );
    }
    let mut names = std::collections::HashSet::new();
    for (i, wave) in spec.waves.iter().enumerate() {
        let path = format!("spec.waves[{i}]");
        if !names.insert(&wave.name) {
            let at = format!("{path}.name");
            tell(
                walk,
                object,
                &at,
                "DUPLICATE_NAME",
                "another wave has this name",
                "Names of waves are unique.",
            );
        }
        if wave.max_at_once == Some(0) {
            let at = format!("{path}.maxAtOnce");
            tell(walk, object, &at, "BAD_VALUE", "no cluster could ever be changed", "Write 1 or more.");
        }
        for (j, gate) in wave.gates.iter().enumerate() {
            if let Some((field, hint)) = gate_lacks(gate) {
                let message = format!("missing, and a gate of kind {} needs it", gate.kind);
                tell(walk, object, &format!("{path}.gates[{j}].{field}"), "MISSING", &message, hint);
            }
        }
    }
}

fn gate_lacks(gate: &GateSpec) -> Option<(&'static str, &'static str)> {
    match gate.kind.as_str() {
        "approval" if gate.approvals.is_none_or(|n| n == 0) => Some(("approvals", "Say how many people.")),
        "metric" if gate.query.is_none() => Some(("query", "Write a PromQL expression.")),
        "program" if gate.program.is_none() => {
            Some(("program", "Name a program whose command line stands in config.toml under `programs`."))
        }
        _ => None,
    }
}

/// A bundle is somewhere.
pub(super) fn bundle(walk: &mut Walk<'_>, object: &Object<BundleSpec>) {
    let spec = &object.spec;
    if spec.path.is_none() && spec.git.is_none() {
        tell(
            walk,
            object,
            "spec",
            "MISSING",
            "neither path nor git says where the bundle is",
            "Write one of them.",
        );
    }
    if spec.git.is_none() && (spec.revision.is_some() || !spec.revisions.is_empty()) {
        let path = if spec.revision.is_some() { "spec.revision" } else { "spec.revisions" };
        tell(walk, object, path, "BAD_VALUE", "a folder has no revisions", "Write `git`, or remove it.");
    }
}
