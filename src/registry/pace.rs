//! How often sources are looked at, and the jitter that keeps them from being looked at all at once.

use std::time::Duration;

/// The times of watching.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// Between two looks at files.
    pub(super) look: Duration,
    /// How long files must stand still before they are read again.
    pub(super) settle: Duration,
    /// How long a file that does not parse any more counts as being written just now.
    pub(super) grace: Duration,
    /// Between two confirmations that nothing has changed.
    pub(super) confirm: Duration,
    /// How long the file system may take.
    pub(super) files: Duration,
    /// The shortest wait before a failed source is tried again.
    pub(super) retry: Duration,
    /// Between two readings of a source that cannot be watched, unless it says otherwise.
    pub(super) interval: Duration,
    /// How long a program may take.
    pub(super) program: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            look: Duration::from_secs(2),
            settle: Duration::from_millis(300),
            grace: Duration::from_secs(10),
            confirm: Duration::from_mins(1),
            files: Duration::from_mins(1),
            retry: Duration::from_secs(30),
            interval: Duration::from_mins(10),
            program: Duration::from_mins(1),
        }
    }
}

/// `period` with a fifth more or less, always the same for the `n`th wait of a name.
pub(super) fn around(period: Duration, name: &str, n: u32) -> Duration {
    // FNV-1a, then one round of splitmix64.
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let mut z = hash.wrapping_add(u64::from(n).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^= z >> 27;
    let unit = (z >> 11) as f64 / (1_u64 << 53) as f64;
    period.mul_f64(0.4_f64.mul_add(unit, 0.8))
}

/// The wait after `failures` failures in a row: doubling from `retry`, never longer than the usual `interval`.
pub(super) fn back_off(retry: Duration, interval: Duration, failures: u32) -> Duration {
    retry.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(interval.max(retry))
}

/// Reads `90s`, `15m`, `2h`, `1h30m`, `1d`: at least 10 seconds, at most 7 days.
pub(super) fn interval(text: &str) -> Option<Duration> {
    let mut seconds = 0_u64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(end)?;
        let mut chars = after.chars();
        let unit = match chars.next()? {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        rest = chars.as_str();
    }
    (10..=7 * 86_400).contains(&seconds).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_in_units_and_bounded() {
        for (text, seconds) in [
            ("10s", Some(10)),
            ("15m", Some(900)),
            ("1h30m", Some(5_400)),
            (" 2d ", Some(172_800)),
            ("9s", None),
            ("8d", None),
            ("15", None),
            ("m", None),
            ("", None),
            ("-5m", None),
            ("5µ", None),
            ("99999999999999999999d", None),
        ] {
            assert_eq!(interval(text), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn waits_grow_to_the_interval_and_are_spread_by_a_fifth() {
        let (retry, usual) = (Duration::from_secs(30), Duration::from_mins(10));
        let waits: Vec<_> = (1..8).map(|n| back_off(retry, usual, n).as_secs()).collect();
        assert_eq!(waits, [30, 60, 120, 240, 480, 600, 600]);
        for n in 0..100 {
            let wait = around(usual, "eks", n);
            assert!(wait >= usual.mul_f64(0.8) && wait <= usual.mul_f64(1.2), "{wait:?}");
        }
        assert_ne!(around(usual, "eks", 0), around(usual, "aks", 0));
    }
}
