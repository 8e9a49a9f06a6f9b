//! What breaches add to a verdict.

use crate::fleet::{Finding, Reason, State, Verdict, Weight};

/// The one reason that is also a breach: whether it is told is for the class and the calendar in use to say.
const TOLD_BY_BREACHES: &str = "END_OF_LIFE";

/// Adds a warning for every breach of some weight, one for each code. `findings` are all that were found of the cluster, without
/// those that are ignored; where they do not have the end of support, the class accepts it or the provider still supports
/// the release.
///
/// Before the first contact nothing counts, so that a cluster stays NEW until it was contacted.
pub fn with_findings(verdict: Verdict, findings: &[Finding]) -> Verdict {
    let Verdict { state, mut reasons } = verdict;
    let is_told = |code: &str| findings.iter().any(|f| f.code == code);
    reasons.retain(|r| r.code != TOLD_BY_BREACHES || is_told(r.code));
    let severity = if state == State::New { State::New } else { State::Warn };
    for finding in findings.iter().filter(|f| f.weight > Weight::Note) {
        if reasons.iter().any(|r| r.code == finding.code) {
            continue;
        }
        let more = findings.iter().filter(|f| f.code == finding.code && f.weight > Weight::Note).count() - 1;
        let message = match more {
            0 => finding.message.clone(),
            more => format!("{} and {more} more", finding.message).as_str().into(),
        };
        reasons.push(Reason { code: finding.code, severity, message, since: None, about: None });
    }
    reasons.sort_by_key(|r| r.severity);
    let base = if state == State::New { State::New } else { State::Ok };
    let state = reasons.first().map_or(base, |r| r.severity.min(base));
    Verdict { state, reasons }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::testing::{cluster, healthy, healthy_snapshot, now, version_info};
    use crate::fleet::{CleanText, Signals, Snapshot};

    fn finding(code: &'static str, weight: Weight, message: &str) -> Finding {
        Finding {
            code,
            weight,
            cluster: None,
            class: None,
            owner: None,
            about: None,
            message: CleanText::new(message),
            hint: None,
            rule: None,
            seen_at: None,
        }
    }

    #[test]
    fn breaches_of_weight_are_warnings_and_one_code_is_told_once() {
        let verdict = cluster("c", healthy()).verdict;
        let findings = [
            finding("LABEL_MISSING", Weight::Error, "no label team"),
            finding("LABEL_MISSING", Weight::Error, "no label env"),
            finding("CONFLICT", Weight::Warning, "label env is prod here and dev there"),
            finding("STALE_DATA", Weight::Note, "old"),
        ];
        let judged = with_findings(verdict.clone(), &findings);
        assert_eq!(judged.state, State::Warn);
        let told: Vec<_> = judged.reasons.iter().map(|r| (r.code, r.severity, r.message.as_str())).collect();
        assert_eq!(
            told,
            [
                ("LABEL_MISSING", State::Warn, "no label team and 1 more"),
                ("CONFLICT", State::Warn, "label env is prod here and dev there"),
            ]
        );
        assert_eq!(with_findings(verdict.clone(), &[]), verdict);
        assert_eq!(with_findings(judged.clone(), &findings), judged, "adding twice is adding once");
    }

    #[test]
    fn the_end_of_support_is_told_only_with_its_breach() {
        let mut signals = Signals::default();
        let old = Snapshot { version: Some(Ok(version_info("v1.20.1"))), nodes: None, ..healthy_snapshot() };
        signals.absorb(&old, now());
        let verdict = cluster("c", signals).verdict;
        assert_eq!(verdict.state, State::Warn);
        assert_eq!(with_findings(verdict.clone(), &[]).state, State::Ok, "its class accepts it");
        let breach = finding("END_OF_LIFE", Weight::Warning, "ended");
        assert_eq!(with_findings(verdict.clone(), &[breach]), verdict);
    }

    #[test]
    fn before_the_first_contact_a_breach_counts_for_nothing() {
        let verdict = cluster("c", Signals::default()).verdict;
        let judged = with_findings(verdict, &[finding("DOMAIN", Weight::Error, "other host")]);
        assert_eq!((judged.state, judged.reasons[0].severity), (State::New, State::New));
    }
}
