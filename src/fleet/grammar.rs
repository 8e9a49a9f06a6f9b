//! The small texts of the fleet file that have a grammar of their own: lengths of time, times, time zones, schedules, ranges of
//! versions, shapes of names and templates.
//!
//! Each reader says in a lowercase fragment what is wrong, and never repeats what was written.

use std::str::FromStr;

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use regex::Regex;
use semver::VersionReq;

use super::{Minor, Version};

/// Longest length of time that means anything here.
const LONGEST: TimeDelta = TimeDelta::days(366);

/// Reads `15m`, `4h`, `1h30m`, `2d`, `1w`: whole numbers with units, at most a year, more than nothing.
pub fn duration(text: &str) -> Result<TimeDelta, &'static str> {
    const WRONG: &str = "not a length of time";
    let mut rest = text;
    let mut sum = TimeDelta::zero();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|n| *n > 0).ok_or(WRONG)?;
        let (number, tail) = rest.split_at_checked(digits).ok_or(WRONG)?;
        let number: i64 = number.parse().map_err(|_| WRONG)?;
        let mut letters = tail.chars();
        let unit = match letters.next() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => 86_400,
            Some('w') => 604_800,
            _ => return Err(WRONG),
        };
        let part = number.checked_mul(unit).and_then(TimeDelta::try_seconds).ok_or(WRONG)?;
        sum = sum.checked_add(&part).ok_or(WRONG)?;
        rest = letters.as_str();
    }
    match sum {
        _ if sum <= TimeDelta::zero() => Err("no time at all"),
        _ if sum > LONGEST => Err("longer than a year"),
        _ => Ok(sum),
    }
}

/// Reads five fields as cron has them; no seconds and no years. A day of the month and a day of the week together mean either,
/// as POSIX has it.
pub fn schedule(text: &str) -> Result<Cron, &'static str> {
    if text.split_whitespace().count() != 5 {
        return Err("not the five fields of a schedule");
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    parser.parse(text).map_err(|_| "not a schedule as cron has it")
}

/// Reads the name of a time zone of the IANA database.
pub fn zone(text: &str) -> Result<Tz, &'static str> {
    Tz::from_str(text).map_err(|_| "not the name of a time zone")
}

/// A local day or minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A whole day.
    Day(NaiveDate),
    /// One minute.
    Minute(NaiveDateTime),
}

impl Moment {
    /// Its first second.
    pub fn start(self) -> NaiveDateTime {
        match self {
            Self::Day(day) => day.and_time(chrono::NaiveTime::MIN),
            Self::Minute(at) => at,
        }
    }

    /// The first second after it.
    pub fn end(self) -> Option<NaiveDateTime> {
        let length = match self {
            Self::Day(_) => TimeDelta::days(1),
            Self::Minute(_) => TimeDelta::minutes(1),
        };
        self.start().checked_add_signed(length)
    }
}

/// Reads `2026-12-18` or `2026-12-18T17:00`.
pub fn moment(text: &str) -> Result<Moment, &'static str> {
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Ok(Moment::Day(day));
    }
    let minute = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M");
    minute.map(Moment::Minute).map_err(|_| "not a day or a minute")
}

/// A Kubernetes version as people write targets: a release line, or one release of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// `1.35`.
    Line(Minor),
    /// `1.35.4`.
    Release(Version),
}

impl Wanted {
    /// Whether every release that `self` stands for is older than all that `other` stands for.
    pub fn is_older_than(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Release(version), Self::Release(floor)) => version < floor,
            (Self::Line(line), Self::Line(floor)) => line < floor,
            (Self::Line(line), Self::Release(floor)) => *line < floor.line,
            (Self::Release(version), Self::Line(floor)) => version.line < *floor,
        }
    }
}

/// Reads `1.35`, `1.35.4`, with or without a `v`.
pub fn wanted(text: &str) -> Result<Wanted, &'static str> {
    match (text.parse::<Minor>(), text.parse::<Version>()) {
        (Ok(line), _) => Ok(Wanted::Line(line)),
        (_, Ok(version)) => Ok(Wanted::Release(version)),
        _ => Err("not a Kubernetes version"),
    }
}

/// Reads a range of versions: comparisons with blanks or commas between them, all of which must hold (`>=1.11 <1.13`). A version
/// without a sign stands for all its patches.
pub fn range(text: &str) -> Result<VersionReq, &'static str> {
    const WRONG: &str = "not a range of versions";
    let mut parts = Vec::new();
    let mut sign = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c == ',').filter(|w| !w.is_empty()) {
        let number = word.find(|c: char| c.is_ascii_digit() || c == 'v');
        let (operator, number) = number.and_then(|at| word.split_at_checked(at)).unwrap_or((word, ""));
        sign.push_str(operator);
        if number.is_empty() {
            continue;
        }
        if sign.is_empty() {
            sign.push('=');
        }
        parts.push(format!("{sign}{}", number.trim_start_matches('v')));
        sign.clear();
    }
    if parts.is_empty() || !sign.is_empty() {
        return Err(WRONG);
    }
    VersionReq::parse(&parts.join(",")).map_err(|_| WRONG)
}

/// Reads the regular expression that a whole name must match. It matches in linear time, whatever it is.
pub fn name_pattern(text: &str) -> Result<Regex, &'static str> {
    if text.is_empty() {
        return Err("empty, so that no name could match");
    }
    regex::RegexBuilder::new(&format!(r"\A(?:{text})\z"))
        .size_limit(1 << 20)
        .build()
        .map_err(|_| "not a regular expression")
}

/// A piece of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    /// Text as it is.
    Text(&'t str),
    /// The value of a property, written in braces.
    Property(&'t str),
}

/// Reads a text in which properties stand in braces, `https://{name}.{region}.example.com`.
pub fn template(text: &str) -> Result<Vec<Piece<'_>>, &'static str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (property, tail) = after.split_once('}').ok_or("a brace is opened and never closed")?;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
        if property.is_empty() || !property.chars().all(fits) {
            return Err("braces hold something that is not the name of a property");
        }
        if before.contains('}') {
            return Err("a brace is closed that was never opened");
        }
        pieces.extend((!before.is_empty()).then_some(Piece::Text(before)));
        pieces.push(Piece::Property(property));
        rest = tail;
    }
    if rest.contains('}') {
        return Err("a brace is closed that was never opened");
    }
    pieces.extend((!rest.is_empty()).then_some(Piece::Text(rest)));
    Ok(pieces)
}

/// Some of a number of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many.
    Count(u32),
    /// A share in percent.
    Percent(u8),
}

/// Reads `3` or `10%`.
pub fn amount(text: &str) -> Result<Amount, &'static str> {
    const WRONG: &str = "not a number or a share in percent";
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    match text.strip_suffix('%') {
        Some(share) if digits(share) => match share.parse::<u8>() {
            Ok(percent) if percent <= 100 => Ok(Amount::Percent(percent)),
            _ => Err("more than 100 percent"),
        },
        None if digits(text) => text.parse().map(Amount::Count).map_err(|_| WRONG),
        _ => Err(WRONG),
    }
}

/// Whether a text may stand where properties are named: a field that rules may name, a label or a property.
pub fn is_property(text: &str) -> bool {
    let key = |k: &str| !k.is_empty() && !k.contains(char::is_whitespace);
    match text.split_once('.') {
        Some(("label" | "property", k)) => key(k),
        _ => key(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_units_and_bounds() {
        for (text, seconds) in [
            ("15m", Some(900)),
            ("1h30m", Some(5400)),
            ("2d", Some(172_800)),
            ("1w", Some(604_800)),
            ("90s", Some(90)),
            ("", None),
            ("0m", None),
            ("4", None),
            ("h", None),
            ("4 h", None),
            ("-4h", None),
            ("4x", None),
            ("400d", None),
            ("99999999999999999999h", None),
        ] {
            assert_eq!(duration(text).ok().map(|d| d.num_seconds()), seconds, "{text}");
        }
    }

    #[test]
    fn schedules_have_five_fields() {
        for (text, good) in [
            ("0 22 * * 1-5", true),
            ("*/15 8-18 * * MON-FRI", true),
            ("0 0 1 1 *", true),
            ("0 22 * *", false),
            ("0 0 22 * * 1", false),
            ("@daily", false),
            ("61 0 * * *", false),
            ("", false),
        ] {
            assert_eq!(schedule(text).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn days_minutes_and_zones_are_read() {
        let day = moment("2026-12-18").unwrap();
        assert_eq!(day.end().unwrap().to_string(), "2026-12-19 00:00:00");
        let minute = moment("2026-12-18T17:00").unwrap();
        assert_eq!(minute.end().unwrap().to_string(), "2026-12-18 17:01:00");
        for wrong in ["2026-13-01", "18.12.2026", "2026-12-18 17:00", "", "2026-02-30"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
        assert!(zone("Europe/Berlin").is_ok() && zone("UTC").is_ok());
        assert!(zone("Berlin").is_err() && zone("CEST+2").is_err());
    }

    #[test]
    fn ranges_hold_when_every_comparison_does() {
        for (text, version, holds) in [
            (">=1.11 <1.13", "1.12.5", Some(true)),
            (">= 1.11, < 1.13", "1.13.0", Some(false)),
            ("1.11", "1.11.9", Some(true)),
            ("1.11", "1.12.0", Some(false)),
            (">=v1.11.2", "1.11.1", Some(false)),
            ("~1.11", "1.11.4", Some(true)),
            ("", "1.0.0", None),
            (">=", "1.0.0", None),
            ("new", "1.0.0", None),
        ] {
            let version = semver::Version::parse(version).unwrap();
            assert_eq!(range(text).ok().map(|r| r.matches(&version)), holds, "{text}");
        }
    }

    #[test]
    fn templates_and_amounts_are_read() {
        use Piece::{Property, Text};
        assert_eq!(template("a-{name}.x").unwrap(), [Text("a-"), Property("name"), Text(".x")]);
        for wrong in ["{", "}", "a{b", "{}", "{a b}", "a}b{c}"] {
            assert!(template(wrong).is_err(), "{wrong}");
        }
        assert_eq!((amount("3"), amount("5%")), (Ok(Amount::Count(3)), Ok(Amount::Percent(5))));
        for wrong in ["", "%", "101%", "-1", "1.5", "3 %"] {
            assert!(amount(wrong).is_err(), "{wrong}");
        }
        assert!(matches!(wanted("1.30"), Ok(Wanted::Line(Minor { minor: 30, .. }))));
        assert!(wanted("1").is_err() && wanted("latest").is_err() && wanted("v1.35.4").is_ok());
    }
}
