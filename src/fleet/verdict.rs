//! From what was seen of a cluster to its state: the one place where the rules stand.
//!
//! A verdict is a list of reasons, each arguing for a state; the worst one is the cluster's. Readings outlive the contact they
//! came from, so a reason is capped by how the cluster is known: what was last seen of a cluster that cannot be
//! reached is worth a warning at most, and before the first contact nothing counts. Of a cluster that nobody can contact, what a
//! hub says of it is all there is, and that is second-hand: worth a warning at most, or OK.

mod breached;
mod hub;

use chrono::{DateTime, TimeDelta, Utc};

pub use breached::with_findings;
use hub::Word;

use super::lifecycle::{self, Calendar, Skew, Support};
use super::{
    CertDates, CleanText, Entry, ErrorCode, Failure, Method, NodeSummary, Reason, Signals, State, Verdict,
    age,
};

/// The codes of findings. A reason's code is one of these or an [`ErrorCode`]'s word; they never change their meaning.
pub const FINDING_CODES: [&str; 27] = [
    "NOT_READY",
    "NODES_NOT_READY",
    "CERT_EXPIRES",
    "CREDENTIAL_EXPIRES",
    "CREDENTIAL_EXPIRED",
    "NO_ACCESS",
    "END_OF_LIFE",
    "SKEW",
    "CLOCK_SKEW",
    "INSECURE",
    // What hubs say of clusters, and of those that nobody can contact.
    "HUB_SAYS",
    "NO_PATH",
    "GONE",
    // Breaches of weight, see [`breaches`](super::breaches).
    "NAME_PATTERN",
    "DOMAIN",
    "BELOW_FLOOR",
    "LABEL_MISSING",
    "LABEL_VALUE",
    "SERVICE_MISSING",
    "SERVICE_VERSION",
    "NETWORK_POLICY",
    "SOURCE_MISSING",
    "UNCLASSIFIED",
    "CLASS_WAITS",
    "CONFLICT",
    "ORPHAN",
    "GHOST",
];

/// The numbers that the rules use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// A serving certificate that ends sooner is a warning: 30 days.
    pub serving_cert_warn: TimeDelta,
    /// And sooner than this is critical: 7 days.
    pub serving_cert_crit: TimeDelta,
    /// A client certificate that ends sooner is a warning: 7 days.
    pub client_cert_warn: TimeDelta,
    /// After how many polls in a row that say "not ready" it is critical: 2.
    pub not_ready_crit: u32,
    /// More than this share of nodes not Ready is critical, in percent of those that are not cordoned: 20.
    pub nodes_crit_percent: usize,
    /// A larger difference of the clocks is a warning: 30 s.
    pub clock_skew: TimeDelta,
    /// How long a hub's word of a cluster counts if the cluster sends no heartbeats to it: 24 hours.
    pub hub_word: TimeDelta,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            serving_cert_warn: TimeDelta::days(30),
            serving_cert_crit: TimeDelta::days(7),
            client_cert_warn: TimeDelta::days(7),
            not_ready_crit: 2,
            nodes_crit_percent: 20,
            clock_skew: TimeDelta::seconds(30),
            hub_word: TimeDelta::hours(24),
        }
    }
}

/// How a cluster is known, which bounds what its readings can say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Contact {
    Never,
    Lost,
    Live,
    /// No way to contact it, and it was never seen: only told of.
    Told,
}

/// Judges a cluster by what is known of it at `now`.
pub fn verdict(entry: &Entry, signals: &Signals, now: DateTime<Utc>, t: &Thresholds) -> Verdict {
    let contact = contact(entry, signals);
    let mut judge = Judge { now, t, signals, contact, reasons: Vec::new() };
    let word = hub::word(entry, now, t);
    if entry.gone_at.is_some() {
        judge.gone(entry);
    } else {
        judge.reachability(entry, word.as_ref());
        judge.hub(word.as_ref());
    }
    judge.readiness();
    judge.nodes();
    judge.serving_certificate();
    judge.credential(entry);
    judge.partial_failures();
    judge.version();
    judge.kubelets();
    judge.clock();
    judge.insecure(entry);
    let mut reasons = judge.reasons;
    reasons.sort_by_key(|r| r.severity);
    let base = if contact == Contact::Never { State::New } else { State::Ok };
    let state = reasons.first().map_or(base, |r| r.severity.min(base));
    Verdict { state, reasons }
}

fn contact(entry: &Entry, signals: &Signals) -> Contact {
    let seen = signals.attempts.last_success.is_some();
    if entry.gone_at.is_some() || entry.path().is_none() {
        if seen { Contact::Lost } else { Contact::Told }
    } else if entry.unusable().is_some() || signals.unreachable.is_some() {
        Contact::Lost
    } else if seen {
        Contact::Live
    } else {
        Contact::Never
    }
}

struct Judge<'a> {
    now: DateTime<Utc>,
    t: &'a Thresholds,
    signals: &'a Signals,
    contact: Contact,
    reasons: Vec<Reason>,
}

impl Judge<'_> {
    /// Adds a reason that holds whatever else is known.
    fn push(
        &mut self,
        code: &'static str,
        severity: State,
        message: &str,
        since: Option<DateTime<Utc>>,
        about: Option<&'static str>,
    ) {
        self.reasons.push(Reason { code, severity, message: CleanText::new(message), since, about });
    }

    /// Adds a reason from a reading, worth no more than the contact allows. A reading of a cluster that is out of reach says so.
    fn finding(
        &mut self,
        code: &'static str,
        severity: State,
        message: &str,
        since: Option<DateTime<Utc>>,
        about: &'static str,
    ) {
        match self.contact {
            Contact::Live => self.push(code, severity, message, since, Some(about)),
            Contact::Lost | Contact::Told => {
                let message = format!("when last seen: {message}");
                self.push(code, severity.max(State::Warn), &message, since, Some(about));
            }
            Contact::Never => self.push(code, severity.max(State::New), message, since, Some(about)),
        }
    }

    /// Adds a reason that is a matter of dates and settings: as true out of reach as in it, but then only a warning.
    fn fact(
        &mut self,
        code: &'static str,
        severity: State,
        message: &str,
        since: Option<DateTime<Utc>>,
        about: &'static str,
    ) {
        let cap = match self.contact {
            Contact::Live => State::Crit,
            Contact::Lost | Contact::Told => State::Warn,
            Contact::Never => State::New,
        };
        self.push(code, severity.max(cap), message, since, Some(about));
    }

    /// An entry that cannot be used, and a cluster that cannot be reached or refuses us.
    fn reachability(&mut self, entry: &Entry, word: Option<&Word>) {
        if let Some(problem) = entry.unusable() {
            // A hub that hears of the cluster knows that it is there; what is broken is our way to it.
            let severity = if word.is_some_and(Word::is_known) { State::Warn } else { State::Down };
            self.push(ErrorCode::Config.as_str(), severity, problem.message.as_str(), None, Some("entry"));
            return;
        }
        if entry.path().is_none() {
            self.no_path(entry, word);
            return;
        }
        let Some(failure) = &self.signals.unreachable else { return };
        let (code, severity) = match failure.code {
            ErrorCode::Http403 => ("NO_ACCESS", State::Warn),
            ErrorCode::Http429 => (ErrorCode::Http429.as_str(), State::Warn),
            code if code.is_sign_in() => (code.as_str(), State::Auth),
            code => (code.as_str(), State::Down),
        };
        let message = told(failure);
        self.push(code, severity, &message, self.signals.attempts.failing_since, None);
    }

    fn readiness(&mut self) {
        let Some(readiness) = self.signals.ready.value().filter(|r| !r.ready) else { return };
        let severity =
            if self.signals.not_ready_in_a_row >= self.t.not_ready_crit { State::Crit } else { State::Warn };
        let failed: Vec<&str> = readiness.failed.iter().filter(|c| !c.ok).map(|c| c.name.as_str()).collect();
        let message = match failed.as_slice() {
            [] => "the API server says it is not ready".to_owned(),
            [one] => format!("{one} check failed"),
            many => format!("{} checks failed: {}", many.len(), listed(many, many.len())),
        };
        self.finding("NOT_READY", severity, &message, self.signals.not_ready_since, "apiserver/ready");
    }

    fn nodes(&mut self) {
        let Some(nodes) = self.signals.nodes.value() else { return };
        let not_ready = nodes.total.saturating_sub(nodes.ready);
        if not_ready == 0 {
            return;
        }
        let severity =
            if broken_share_exceeds(nodes, self.t.nodes_crit_percent) { State::Crit } else { State::Warn };
        let names: Vec<&str> = nodes.not_ready.iter().map(CleanText::as_str).collect();
        let counted = format!("{not_ready} {} NotReady", plural(not_ready, "node"));
        let message = if names.is_empty() {
            format!("{counted} of {}", nodes.total)
        } else {
            format!("{counted}: {}", listed(&names, not_ready))
        };
        self.finding("NODES_NOT_READY", severity, &message, self.signals.nodes_not_ready_since, "nodes");
    }

    fn serving_certificate(&mut self) {
        let Some(cert) = &self.signals.serving_cert else { return };
        let left = cert.value.not_after - self.now;
        let message = ends("serving certificate", &cert.value, self.now);
        if left < self.t.serving_cert_crit {
            self.fact("CERT_EXPIRES", State::Crit, &message, None, "apiserver/serving");
        } else if left < self.t.serving_cert_warn {
            self.fact("CERT_EXPIRES", State::Warn, &message, None, "apiserver/serving");
        }
    }

    /// The credential in use. One that a plugin or a file renews is judged by the server alone.
    fn credential(&mut self, entry: &Entry) {
        let path = entry.path();
        if path.is_some_and(|p| matches!(p.method, Method::Exec | Method::AuthProvider | Method::TokenFile)) {
            return;
        }
        if let Some(cert) = &self.signals.client_cert {
            let (end, message) = (cert.value.not_after, ends("client certificate", &cert.value, self.now));
            self.credential_end(end, &message, "client");
            return;
        }
        let Some(end) = self.signals.credential_expires_at.or(path.and_then(|p| p.expires_at)) else {
            return;
        };
        let is_cert = path.is_some_and(|p| p.method == Method::ClientCertificate);
        let what = if is_cert { "client certificate" } else { "token" };
        let verb = if end <= self.now { "expired" } else { "expires" };
        let message = format!("{what} {verb} {}", age::relative(end, self.now));
        if is_cert || end <= self.now {
            self.credential_end(end, &message, "client");
        }
    }

    fn credential_end(&mut self, end: DateTime<Utc>, message: &str, about: &'static str) {
        if end <= self.now {
            self.credential_ended(message, end, about);
        } else if end - self.now < self.t.client_cert_warn {
            self.fact("CREDENTIAL_EXPIRES", State::Warn, message, None, about);
        }
    }

    /// An ended credential is what keeps us out, unless the network does.
    fn credential_ended(&mut self, message: &str, end: DateTime<Utc>, about: &'static str) {
        let kept_out = self
            .signals
            .unreachable
            .as_ref()
            .is_some_and(|f| f.code == ErrorCode::Tls || f.code.is_sign_in());
        if kept_out {
            self.push("CREDENTIAL_EXPIRED", State::Auth, message, Some(end), Some(about));
        } else {
            self.fact("CREDENTIAL_EXPIRED", State::Auth, message, Some(end), about);
        }
    }

    /// Calls that failed although the cluster answers.
    fn partial_failures(&mut self) {
        if self.contact != Contact::Live {
            return;
        }
        let s = self.signals;
        let calls = [
            ("version", "apiserver/version", s.version.trouble.as_ref(), s.version.last.is_some()),
            ("readiness", "apiserver/ready", s.ready.trouble.as_ref(), s.ready.last.is_some()),
            ("cluster identity", "identity", s.identity.trouble.as_ref(), s.identity.last.is_some()),
            ("nodes", "nodes", s.nodes.trouble.as_ref(), s.nodes.last.is_some()),
        ];
        let refused: Vec<&str> =
            calls.iter().filter(|c| c.2.is_some_and(|f| f.code == ErrorCode::Http403)).map(|c| c.0).collect();
        let asked = calls.iter().filter(|c| c.2.is_some() || c.3).count();
        if !refused.is_empty() {
            let all = refused.len() == asked;
            let (severity, what) = if all {
                (State::Warn, "anything that was asked".to_owned())
            } else {
                (State::Ok, refused.join(", "))
            };
            self.push("NO_ACCESS", severity, &format!("no access to {what}"), None, None);
        }
        let mut slowed = false;
        for (what, about, trouble, _) in calls {
            let Some(failure) = trouble else { continue };
            match failure.code {
                ErrorCode::Http403 | ErrorCode::Cancelled => {}
                ErrorCode::Http429 if slowed => {}
                ErrorCode::Http429 => {
                    slowed = true;
                    self.push(ErrorCode::Http429.as_str(), State::Warn, &told(failure), None, None);
                }
                code => {
                    let severity = if code.is_sign_in() { State::Auth } else { State::Warn };
                    self.push(
                        code.as_str(),
                        severity,
                        &format!("{what}: {}", told(failure)),
                        None,
                        Some(about),
                    );
                }
            }
        }
    }

    fn version(&mut self) {
        let Some(version) = self.signals.version.value().and_then(|v| v.version.as_ref()) else { return };
        let message = match Calendar::builtin().support(version.line, self.now) {
            Support::Ended(day, days) => {
                format!(
                    "upstream support of {} ended {days} {} ago ({day})",
                    version.line,
                    plural(count(days), "day")
                )
            }
            Support::EndedBefore(day) => format!("upstream support of {} ended before {day}", version.line),
            Support::Until(..) | Support::Unknown => return,
        };
        let since = lifecycle::end_of_life(version.line).and_then(lifecycle::unsupported_since);
        self.fact("END_OF_LIFE", State::Warn, &message, since, "apiserver/version");
    }

    fn kubelets(&mut self) {
        let Some(server) = self.signals.version.value().and_then(|v| v.version.as_ref()) else { return };
        let Some(nodes) = self.signals.nodes.value() else { return };
        let (mut newer, mut older) = ((0, 0), (0, 0));
        for (kubelet, count) in &nodes.kubelets {
            match lifecycle::kubelet_skew(server, kubelet) {
                Some(Skew::Newer(by)) => newer = (newer.0 + count, by.max(newer.1)),
                Some(Skew::TooOld(by)) => older = (older.0 + count, by.max(older.1)),
                Some(Skew::Allowed(_)) | None => {}
            }
        }
        for ((count, by), word) in [(newer, "newer"), (older, "older")] {
            if count > 0 {
                let minors = plural(usize::try_from(by).unwrap_or(0), "minor");
                let message = format!(
                    "{} on {count} {} {by} {minors} {word} than the API server {server}",
                    plural(count, "kubelet"),
                    if count == 1 { "node is" } else { "nodes are" },
                );
                self.finding("SKEW", State::Warn, &message, None, "nodes");
            }
        }
    }

    fn clock(&mut self) {
        let Some(skew) = self.signals.clock_skew_seconds else { return };
        if skew.unsigned_abs() > self.t.clock_skew.num_seconds().unsigned_abs() {
            let direction = if skew > 0 { "ahead of" } else { "behind" };
            let message = format!("the server's clock is {} s {direction} ours", skew.unsigned_abs());
            self.finding("CLOCK_SKEW", State::Warn, &message, None, "clock");
        }
    }

    fn insecure(&mut self, entry: &Entry) {
        if entry.path().is_some_and(|p| p.insecure) {
            let message = "the server's certificate is not checked";
            self.fact("INSECURE", State::Warn, message, None, "apiserver/serving");
        }
    }
}

/// A failure's message, with how long the server asked to be left alone.
fn told(failure: &Failure) -> String {
    let message = if failure.message.is_empty() { "failed" } else { failure.message.as_str() };
    match failure.retry_after {
        Some(wait) if failure.code == ErrorCode::Http429 => format!("{message}; {} s", wait.as_secs()),
        _ => message.to_owned(),
    }
}

/// Whether more than `percent` of the nodes that nobody has cordoned are not Ready.
fn broken_share_exceeds(nodes: &NodeSummary, percent: usize) -> bool {
    let in_service = nodes.total.saturating_sub(nodes.cordoned);
    let broken = nodes.total.saturating_sub(nodes.ready).saturating_sub(nodes.cordoned_not_ready);
    broken.saturating_mul(100) > in_service.saturating_mul(percent)
}

fn ends(what: &str, cert: &CertDates, now: DateTime<Utc>) -> String {
    let verb = if cert.not_after <= now { "expired" } else { "expires" };
    format!("{what} {verb} {}", age::relative(cert.not_after, now))
}

/// At most three names, and how many more there are of `total`.
fn listed(names: &[&str], total: usize) -> String {
    let shown: Vec<&str> = names.iter().take(3).copied().collect();
    let more = total.saturating_sub(shown.len());
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

fn count(days: i64) -> usize {
    usize::try_from(days).unwrap_or(0)
}

#[cfg(test)]
mod tests;
