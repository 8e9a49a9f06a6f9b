//! How long Kubernetes releases are supported, and how far apart the parts of one cluster may be.
//!
//! The dates are those of the Kubernetes project (<https://kubernetes.io/releases/>), kept in `data/releases.txt` with
//! their own source and date. Distributions have longer calendars; nothing here speaks for those. The rule of skew is
//! <https://kubernetes.io/releases/version-skew-policy/>.

use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::almanac::{BadTable, Head, Table, is_stale};
use super::{Minor, Version};

/// The calendar as it was written down.
const DATA: &str = include_str!("data/releases.txt");

/// One minor release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// Which.
    pub minor: Minor,
    /// The day its `.0` came out.
    pub released: NaiveDate,
    /// The last day it is supported by the project.
    pub end_of_life: NaiveDate,
    /// Whether the end was still a plan when the calendar was written.
    pub planned: bool,
}

/// All releases that are known, and how recent that knowledge is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// Where the dates come from.
    pub source: String,
    /// The day they were read.
    pub date: NaiveDate,
    /// The releases, oldest first.
    pub releases: Vec<Release>,
}

/// What the calendar says of a release on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// Supported, with that many days left; 0 on its last day.
    Until(NaiveDate, i64),
    /// Ended on that day, that many days ago.
    Ended(NaiveDate, i64),
    /// Older than everything in the calendar: ended before that day.
    EndedBefore(NaiveDate),
    /// Newer than everything in the calendar.
    Unknown,
}

impl Support {
    /// Whether the project supports it no longer.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Ended(..) | Self::EndedBefore(_))
    }
}

impl Calendar {
    /// The calendar that this program was built with.
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Calendar> =
            LazyLock::new(|| Calendar::parse(DATA).unwrap_or(Calendar::EMPTY));
        &BUILTIN
    }

    const EMPTY: Self = Self { source: String::new(), date: NaiveDate::MIN, releases: Vec::new() };

    /// Reads a calendar: a `source:` line, a `date:` line, and a line for each release. `None` if any line is not understood.
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text).ok()
    }

    /// The release, if it is in the calendar.
    pub fn get(&self, minor: Minor) -> Option<&Release> {
        self.releases.iter().find(|r| r.minor == minor)
    }

    /// The newest release it knows.
    pub fn newest(&self) -> Option<Minor> {
        self.releases.last().map(|r| r.minor)
    }

    /// How a release stands on the day of `now`.
    pub fn support(&self, minor: Minor, now: DateTime<Utc>) -> Support {
        if let Some(release) = self.get(minor) {
            let left = (release.end_of_life - now.date_naive()).num_days();
            return if left < 0 {
                Support::Ended(release.end_of_life, -left)
            } else {
                Support::Until(release.end_of_life, left)
            };
        }
        match self.releases.first() {
            Some(oldest) if minor < oldest.minor && oldest.end_of_life < now.date_naive() => {
                Support::EndedBefore(oldest.end_of_life)
            }
            _ => Support::Unknown,
        }
    }

    /// A sentence if the calendar was written so long ago that it may be wrong.
    pub fn staleness(&self, now: DateTime<Utc>) -> Option<String> {
        is_stale(self.date, now).map(|days| {
            format!("release dates are {days} days old (read {}), newer releases may be missing", self.date)
        })
    }
}

impl Table for Calendar {
    type Row = Release;

    fn row(words: &[&str]) -> Result<Release, String> {
        let &[minor, released, end, kind] = words else {
            return Err("a row has a release, two dates, and `ended` or `planned`".to_owned());
        };
        let date = |text: &str| text.parse().map_err(|_| format!("`{text}` is not a date"));
        let release = Release {
            minor: minor.parse().map_err(|_| format!("`{minor}` is not a release such as 1.35"))?,
            released: date(released)?,
            end_of_life: date(end)?,
            planned: match kind {
                "planned" => true,
                "ended" => false,
                _ => return Err(format!("`{kind}` is neither `ended` nor `planned`")),
            },
        };
        if release.released < release.end_of_life {
            Ok(release)
        } else {
            Err(format!("{minor} ends before it is released"))
        }
    }

    fn make(head: Head, mut releases: Vec<Release>) -> Result<Self, BadTable> {
        head.no_more()?;
        releases.sort_by_key(|r| r.minor);
        Ok(Self { source: head.source, date: head.date, releases })
    }
}

/// The last supported day of a release by the built-in calendar.
pub fn end_of_life(minor: Minor) -> Option<NaiveDate> {
    Calendar::builtin().get(minor).map(|r| r.end_of_life)
}

/// Days from `now` to the end of a release by the built-in calendar; negative after it, `None` if unknown.
pub fn days_left(minor: Minor, now: DateTime<Utc>) -> Option<i64> {
    end_of_life(minor).map(|end| (end - now.date_naive()).num_days())
}

/// The newest release in the built-in calendar.
pub fn newest_known() -> Option<Minor> {
    Calendar::builtin().newest()
}

/// How a kubelet stands to its API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skew {
    /// Allowed; so many minors older.
    Allowed(i32),
    /// Newer than the API server, which is never allowed.
    Newer(i32),
    /// More minors older than is allowed.
    TooOld(i32),
}

/// Judges a kubelet: never newer than the API server, and up to three minors older; up to two if it is older than 1.25.
/// `None` if the major versions differ.
pub fn kubelet_skew(server: &Version, kubelet: &Version) -> Option<Skew> {
    let behind = server.minors_ahead_of(kubelet)?;
    let allowed = if kubelet.line < (Minor { major: 1, minor: 25 }) { 2 } else { 3 };
    Some(if behind < 0 {
        Skew::Newer(-behind)
    } else if behind > allowed {
        Skew::TooOld(behind)
    } else {
        Skew::Allowed(behind)
    })
}

/// Midnight UTC after the last supported day: since when a release has been without support.
pub(super) fn unsupported_since(end: NaiveDate) -> Option<DateTime<Utc>> {
    end.checked_add_signed(TimeDelta::days(1))?.and_hms_opt(0, 0, 0).map(|t| t.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minor(minor: u16) -> Minor {
        Minor { major: 1, minor }
    }

    fn on(day: &str) -> DateTime<Utc> {
        format!("{day}T12:00:00Z").parse().unwrap()
    }

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn the_built_in_calendar_is_whole_and_in_order() {
        let calendar = Calendar::builtin();
        assert!(calendar.source.contains("kubernetes.io/releases"));
        let minors: Vec<u16> = calendar.releases.iter().map(|r| r.minor.minor).collect();
        assert_eq!(minors, (28..=37).collect::<Vec<u16>>());
        assert!(calendar.releases.windows(2).all(|w| w[0].released < w[1].released));
        assert!(calendar.releases.windows(2).all(|w| w[0].end_of_life < w[1].end_of_life));
        assert!(
            calendar.releases.iter().all(|r| r.planned == (r.end_of_life >= on("2026-03-01").date_naive()))
        );
        assert_eq!(newest_known(), Some(minor(37)));
        // Twelve months and two of maintenance, give or take the month that patch days fall in.
        for r in &calendar.releases {
            let months = (r.end_of_life - r.released).num_days();
            assert!((415..=460).contains(&months), "{} lives {months} days", r.minor);
        }
    }

    #[test]
    fn the_last_day_is_still_supported() {
        let calendar = Calendar::builtin();
        let end = NaiveDate::from_ymd_opt(2027, 2, 28).unwrap();
        for (m, day, expect) in [
            (35, "2026-11-20", Support::Until(end, 100)),
            (35, "2027-02-28", Support::Until(end, 0)),
            (35, "2027-03-01", Support::Ended(end, 1)),
            (20, "2026-11-20", Support::EndedBefore(NaiveDate::from_ymd_opt(2024, 10, 22).unwrap())),
            (38, "2026-11-20", Support::Unknown),
        ] {
            assert_eq!(calendar.support(minor(m), on(day)), expect, "1.{m} on {day}");
        }
        assert_eq!(days_left(minor(34), on("2026-11-20")), Some(-24));
        assert_eq!(days_left(minor(38), on("2026-11-20")), None);
    }

    #[test]
    fn an_old_calendar_says_so() {
        assert_eq!(Calendar::builtin().staleness(on("2027-03-14")), None);
        assert!(Calendar::builtin().staleness(on("2027-03-15")).unwrap().contains("181 days old"));
    }

    #[test]
    fn a_calendar_that_is_not_understood_is_refused_whole() {
        for bad in [
            "",
            "date: 2026-01-01",
            "1.30 2024-04-17 2025-07-15 ended",
            "date: 2026-01-01\n1.30 2024-04-17 2025-07-15 maybe",
            "date: 2026-01-01\n1.30 2024-04-17 2023-07-15 ended",
            "date: 2026-13-01\n1.30 2024-04-17 2025-07-15 ended",
            "date: 2026-01-01\n1.30 2024-04-17 2025-07-15 ended extra",
        ] {
            assert_eq!(Calendar::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn kubelets_may_be_three_minors_older_and_never_newer() {
        for (server, kubelet, expect) in [
            ("v1.35.4", "v1.35.9", Some(Skew::Allowed(0))),
            ("v1.35.4", "v1.32.0", Some(Skew::Allowed(3))),
            ("v1.35.4", "v1.31.9", Some(Skew::TooOld(4))),
            ("v1.35.4", "v1.36.0", Some(Skew::Newer(1))),
            ("v1.27.0", "v1.24.17", Some(Skew::TooOld(3))),
            ("v1.26.0", "v1.24.17", Some(Skew::Allowed(2))),
            ("v2.0.0", "v1.36.0", None),
        ] {
            assert_eq!(kubelet_skew(&version(server), &version(kubelet)), expect, "{server} {kubelet}");
        }
    }
}
