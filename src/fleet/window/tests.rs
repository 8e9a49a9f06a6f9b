use super::*;

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc)
}

fn hours(windows: &[(&str, &str, &str)], freezes: &[(&str, &str, &str)]) -> Hours {
    let windows = windows.iter().map(|(cron, length, zone)| Window {
        cron: (*cron).to_owned(),
        duration: (*length).to_owned(),
        time_zone: Some((*zone).to_owned()),
    });
    let freezes = freezes.iter().map(|(from, to, zone)| Freeze {
        from: (*from).to_owned(),
        to: (*to).to_owned(),
        time_zone: Some((*zone).to_owned()),
        reason: "holidays".to_owned(),
    });
    Hours::of(&ClassSpec {
        windows: Some(windows.collect()),
        freezes: Some(freezes.collect()),
        ..ClassSpec::default()
    })
}

/// `open until TIME`, `closed until TIME`, with the local times that were written.
fn say(hours: &Hours, now: &str) -> String {
    let text =
        |t: Option<DateTime<Utc>>| t.map_or("ever".to_owned(), |t| t.format("%m-%dT%H:%M").to_string());
    match hours.at(at(now)) {
        Access::Open { until } => format!("open until {}", text(until)),
        Access::Closed { next, .. } => format!("closed until {}", text(next)),
    }
}

#[test]
fn windows_open_and_close_by_local_time() {
    let night = hours(&[("0 22 * * 1-5", "4h", "Europe/Berlin")], &[]);
    for (now, expect) in [
        ("2026-11-20T20:59:59Z", "closed until 11-20T21:00"),
        ("2026-11-20T21:00:00Z", "open until 11-21T01:00"),
        ("2026-11-21T00:59:59Z", "open until 11-21T01:00"),
        ("2026-11-21T01:00:00Z", "closed until 11-23T21:00"),
        ("2026-07-03T20:00:00Z", "open until 07-04T00:00"),
    ] {
        assert_eq!(say(&night, now), expect, "{now}");
    }
    assert_eq!(say(&Hours::default(), "2026-11-20T20:59:59Z"), "open until ever");
    assert!(Hours::default().is_always() && !night.is_always());
}

#[test]
fn a_window_in_the_hour_that_is_skipped_opens_after_the_jump() {
    // Berlin, 2027-03-28: 02:00 becomes 03:00, which is 01:00 UTC.
    let spring = hours(&[("30 2 * * *", "1h", "Europe/Berlin")], &[]);
    for (now, expect) in [
        ("2027-03-27T01:29:00Z", "closed until 03-27T01:30"),
        ("2027-03-28T00:59:00Z", "closed until 03-28T01:00"),
        ("2027-03-28T01:00:00Z", "open until 03-28T02:00"),
        ("2027-03-29T00:29:00Z", "closed until 03-29T00:30"),
    ] {
        assert_eq!(say(&spring, now), expect, "{now}");
    }
    // A window that is open while the clocks jump stays open for its length.
    let over = hours(&[("0 1 * * *", "4h", "Europe/Berlin")], &[]);
    assert_eq!(say(&over, "2027-03-28T03:59:00Z"), "open until 03-28T04:00");
}

#[test]
fn a_window_in_the_hour_that_comes_twice_opens_once() {
    // Berlin, 2026-10-25: 03:00 becomes 02:00, which is 01:00 UTC; 02:30 is at 00:30 and at 01:30 UTC.
    let autumn = hours(&[("30 2 * * *", "30m", "Europe/Berlin")], &[]);
    for (now, expect) in [
        ("2026-10-25T00:29:00Z", "closed until 10-25T00:30"),
        ("2026-10-25T00:30:00Z", "open until 10-25T01:00"),
        ("2026-10-25T01:00:00Z", "closed until 10-26T01:30"),
        ("2026-10-25T01:31:00Z", "closed until 10-26T01:30"),
    ] {
        assert_eq!(say(&autumn, now), expect, "{now}");
    }
    let long = hours(&[("30 2 * * *", "1h", "Europe/Berlin")], &[]);
    assert_eq!(say(&long, "2026-10-25T01:10:00Z"), "open until 10-25T01:30");
    let hourly = hours(&[("0 * * * *", "10m", "Europe/Berlin")], &[]);
    assert_eq!(say(&hourly, "2026-10-25T00:05:00Z"), "open until 10-25T00:10");
    assert_eq!(say(&hourly, "2026-10-25T01:05:00Z"), "closed until 10-25T02:00");
    // Apia left out a whole day, 2011-12-30.
    let daily = hours(&[("0 12 * * *", "1h", "Pacific/Apia")], &[]);
    assert_eq!(say(&daily, "2011-12-30T09:00:00Z"), "closed until 12-30T10:00");
}

#[test]
fn freezes_win_over_windows_and_include_their_last_day() {
    let frozen =
        hours(&[("0 22 * * *", "4h", "Europe/Berlin")], &[("2026-12-18", "2027-01-04", "Europe/Berlin")]);
    for (now, expect) in [
        ("2026-12-17T22:00:00Z", "open until 12-17T23:00"),
        ("2026-12-17T23:00:00Z", "closed until 01-04T23:00"),
        ("2027-01-04T22:59:59Z", "closed until 01-04T23:00"),
        ("2027-01-04T23:00:00Z", "open until 01-05T01:00"),
    ] {
        assert_eq!(say(&frozen, now), expect, "{now}");
    }
    match frozen.at(at("2026-12-24T12:00:00Z")) {
        Access::Closed { why, .. } => assert_eq!(why.as_str(), "a freeze: holidays"),
        open @ Access::Open { .. } => panic!("{open:?}"),
    }
    let forever = hours(&[("0 22 24 12 *", "1h", "UTC")], &[("2026-01-01", "2099-01-01", "UTC")]);
    assert_eq!(say(&forever, "2026-12-24T22:30:00Z"), "closed until ever");
    // A freeze that begins or ends in an hour that comes twice is the longer one.
    let twice = hours(&[], &[("2026-10-25T02:30", "2026-10-25T02:30", "Europe/Berlin")]);
    assert_eq!(say(&twice, "2026-10-25T00:30:00Z"), "closed until 10-25T01:31");
    let skipped = hours(&[], &[("2027-03-28T02:30", "2027-03-28T04:00", "Europe/Berlin")]);
    assert_eq!(say(&skipped, "2027-03-28T00:00:00Z"), "open until 03-28T01:00");
}

proptest::proptest! {
    #[test]
    fn what_is_open_closes_when_it_says_and_what_is_closed_opens_when_it_says(
        days in 0_i64..800,
        minutes in 0_i64..1440,
        cron in proptest::sample::select(vec!["30 2 * * *", "0 1 * * *", "0 * * * *", "0 22 * * 1-5", "0 0 1 * *", "*/20 2,3 * * 0"]),
        length in proptest::sample::select(vec!["10m", "1h", "4h", "26h"]),
        zone in proptest::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
        freeze in proptest::option::of(("2026-03-2[0-9]", "2026-04-0[1-9]")),
    ) {
        let freezes: Vec<_> = freeze.iter().map(|(from, to)| (from.as_str(), to.as_str(), zone)).collect();
        let hours = hours(&[(cron, length, zone)], &freezes);
        let now = at("2026-01-01T00:00:00Z") + TimeDelta::days(days) + TimeDelta::minutes(minutes);
        let second = TimeDelta::seconds(1);
        match hours.at(now) {
            Access::Open { until } => {
                let until = until.unwrap();
                proptest::prop_assert!(until > now);
                proptest::prop_assert!(hours.at(until - second).is_open());
                if length == "10m" {
                    proptest::prop_assert!(!hours.at(until).is_open());
                }
            }
            Access::Closed { next, .. } => {
                let next = next.unwrap();
                proptest::prop_assert!(next > now);
                proptest::prop_assert!(hours.at(next).is_open());
                proptest::prop_assert!(!hours.at(next - second).is_open());
            }
        }
    }
}

#[test]
fn two_lists_are_open_when_both_are() {
    let mine = hours(&[("0 20 * * *", "4h", "UTC")], &[]);
    let theirs = hours(&[("0 22 * * 1", "4h", "UTC")], &[("2026-11-23", "2026-11-23", "UTC")]);
    let both = mine.and(&theirs);
    assert_eq!(say(&both, "2026-11-20T22:30:00Z"), "closed until 11-30T22:00");
    assert_eq!(say(&both, "2026-11-30T22:30:00Z"), "open until 12-01T00:00");
    assert_eq!(mine.and(&mine), mine);
    assert_eq!(both, both.and(&theirs));
}

#[test]
fn overlapping_windows_join_and_what_cannot_be_read_is_closed() {
    let two = hours(&[("0 20 * * *", "3h", "UTC"), ("0 22 * * *", "4h", "UTC")], &[]);
    assert_eq!(say(&two, "2026-11-20T22:30:00Z"), "open until 11-21T02:00");
    let often = hours(&[("* * * * *", "30m", "UTC")], &[]);
    assert_eq!(say(&often, "2026-11-20T22:30:20Z"), "open until 11-20T23:00");
    for broken in [hours(&[("0 20 * *", "3h", "UTC")], &[]), hours(&[], &[("soon", "later", "UTC")])] {
        assert_eq!(say(&broken, "2026-11-20T22:30:00Z"), "closed until ever");
    }
}
