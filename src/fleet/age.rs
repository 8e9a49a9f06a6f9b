//! Lengths of time as every screen writes them.

use chrono::{DateTime, TimeDelta, Utc};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// A length in at most four or five cells, close to kubectl's: `42s`, `14m`, `3h`, `7h12`, `40h`, `9d`, `3y`. Below zero is `0s`.
///
/// Seconds up to two minutes, minutes up to an hour, hours with minutes up to eight, hours up to two days, days up to
/// two years. It never rounds up, so an age is never overstated.
pub fn short(length: TimeDelta) -> String {
    let s = length.num_seconds().max(0);
    match s {
        _ if s < 2 * MINUTE => format!("{s}s"),
        _ if s < HOUR => format!("{}m", s / MINUTE),
        _ if s < 8 * HOUR => match s % HOUR / MINUTE {
            0 => format!("{}h", s / HOUR),
            minutes => format!("{}h{minutes:02}", s / HOUR),
        },
        _ if s < 2 * DAY => format!("{}h", s / HOUR),
        _ if s < 2 * YEAR => format!("{}d", s / DAY),
        _ => format!("{}y", s / YEAR),
    }
}

/// How long ago `at` was, as [`short`] writes it; `0s` for a time to come.
pub fn since(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    short(now - at)
}

/// A length in words, `1 minute`, `12 days`. The sign is ignored.
///
/// One unit, rounded down; the unit changes where one more digit would be worth nothing: 120 s, 120 min, 48 h, two years.
pub fn words(length: TimeDelta) -> String {
    let s = length.num_seconds().abs();
    let (count, unit) = match s {
        _ if s < 2 * MINUTE => (s, "second"),
        _ if s < 2 * HOUR => (s / MINUTE, "minute"),
        _ if s < 2 * DAY => (s / HOUR, "hour"),
        _ if s < 2 * YEAR => (s / DAY, "day"),
        _ => (s / YEAR, "year"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// When `at` is, seen from `now`: `in 12 days`, `3 hours ago`, `now`.
pub fn relative(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let ahead = at - now;
    match ahead.num_seconds() {
        0 => "now".to_owned(),
        1.. => format!("in {}", words(ahead)),
        _ => format!("{} ago", words(ahead)),
    }
}

/// What is left until `end`, as [`short`] writes it; `None` once it has passed.
pub fn left(end: DateTime<Utc>, now: DateTime<Utc>) -> Option<String> {
    (end > now).then(|| short(end - now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short() {
        for (seconds, expect) in [
            (-5, "0s"),
            (0, "0s"),
            (42, "42s"),
            (119, "119s"),
            (120, "2m"),
            (14 * 60 + 59, "14m"),
            (3599, "59m"),
            (3600, "1h"),
            (3 * HOUR + 59, "3h"),
            (2 * HOUR + 3 * 60, "2h03"),
            (7 * HOUR + 12 * 60, "7h12"),
            (8 * HOUR + 30 * 60, "8h"),
            (47 * HOUR + 3599, "47h"),
            (48 * HOUR, "2d"),
            (9 * DAY, "9d"),
            (729 * DAY, "729d"),
            (730 * DAY, "2y"),
            (3 * YEAR + 5, "3y"),
        ] {
            assert_eq!(short(TimeDelta::seconds(seconds)), expect, "{seconds} s");
        }
        assert_eq!(short(TimeDelta::MIN), "0s");
        assert!(short(TimeDelta::MAX).ends_with('y'));
    }

    #[test]
    fn times_are_told_from_now() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for (seconds, expect) in [
            (12 * DAY, "in 12 days"),
            (12 * DAY + HOUR, "in 12 days"),
            (DAY, "in 24 hours"),
            (1, "in 1 second"),
            (0, "now"),
            (-90, "90 seconds ago"),
            (-3 * HOUR, "3 hours ago"),
            (-800 * DAY, "2 years ago"),
        ] {
            assert_eq!(relative(now + TimeDelta::seconds(seconds), now), expect);
        }
        assert_eq!(left(now + TimeDelta::days(12), now).as_deref(), Some("12d"));
        assert_eq!(left(now, now), None);
        assert_eq!(since(now - TimeDelta::seconds(4), now), "4s");
        assert_eq!(since(now + TimeDelta::seconds(4), now), "0s");
    }
}
