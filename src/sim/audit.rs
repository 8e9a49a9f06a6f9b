//! A bounded record of every request that reached the fleet.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

/// How many lines are kept; the oldest go first.
const KEEP: usize = 20_000;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLine {
    /// When it was read.
    pub at: DateTime<Utc>,
    /// Name of the cluster.
    pub cluster: String,
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Who asked, as authentication found (`system:anonymous` without credentials, empty when they were bad).
    pub user: String,
    /// The User-Agent header.
    pub user_agent: String,
    /// The status code that was sent; 0 when none was.
    pub code: u16,
}

/// The record, and how many lines it has lost.
#[derive(Debug, Default)]
pub(super) struct Audit(VecDeque<AuditLine>);

impl Audit {
    pub(super) fn push(&mut self, line: AuditLine) {
        if self.0.len() == KEEP {
            self.0.pop_front();
        }
        self.0.push_back(line);
    }

    pub(super) fn lines(&self) -> Vec<AuditLine> {
        self.0.iter().cloned().collect()
    }
}
