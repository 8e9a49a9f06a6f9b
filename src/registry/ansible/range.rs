//! Names of hosts: ranges written out, ports cut off.

use std::net::Ipv6Addr;

/// Hosts that one pattern may stand for.
const MOST: usize = 65_536;

/// Why a pattern stands for no hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RangeError {
    #[error("a range of hosts has the form [1:9], [01:50:2] or [a:f]")]
    Form,
    #[error("a range of hosts begins after its end")]
    Backwards,
    #[error("the ends of a range with leading zeros have different lengths")]
    Lengths,
    #[error("a pattern stands for more than 65,536 hosts")]
    TooMany,
    #[error("this is not the name of a host")]
    Name,
}

/// The hosts that a pattern stands for, and the port at its end.
pub(super) fn hosts(pattern: &str) -> Result<(Vec<String>, Option<u16>), RangeError> {
    let (name, port) = split_port(pattern);
    let odd = |c: char| c.is_whitespace() || c.is_control();
    if name.is_empty() || name.len() > 4096 || name.contains(odd) || name.ends_with(':') && name != "::" {
        return Err(RangeError::Name);
    }
    let mut done = Vec::new();
    expand(String::new(), name, &mut done)?;
    Ok((done, port))
}

/// `name:22`, `[2001:db8::1]:22`; colons inside brackets and of addresses are none of a port.
fn split_port(pattern: &str) -> (&str, Option<u16>) {
    if pattern.parse::<Ipv6Addr>().is_ok() {
        return (pattern, None);
    }
    let Some((name, port)) = pattern.rsplit_once(':') else { return (pattern, None) };
    let Ok(number) = port.parse::<u16>() else { return (pattern, None) };
    if !port.bytes().all(|b| b.is_ascii_digit()) || name.matches('[').count() != name.matches(']').count() {
        return (pattern, None);
    }
    match name.strip_prefix('[').and_then(|n| n.strip_suffix(']')) {
        Some(inner)
            if !inner.contains('[') && (inner.parse::<Ipv6Addr>().is_ok() || !inner.contains(':')) =>
        {
            (inner, Some(number))
        }
        _ => (name, Some(number)),
    }
}

fn expand(head: String, rest: &str, done: &mut Vec<String>) -> Result<(), RangeError> {
    let Some((before, after)) = rest.split_once('[') else {
        if rest.contains(']') {
            return Err(RangeError::Form);
        }
        if done.len() >= MOST {
            return Err(RangeError::TooMany);
        }
        done.push(head + rest);
        return Ok(());
    };
    let (range, tail) = after.split_once(']').ok_or(RangeError::Form)?;
    for step in steps(range)? {
        expand(format!("{head}{before}{step}"), tail, done)?;
    }
    Ok(())
}

fn steps(range: &str) -> Result<Vec<String>, RangeError> {
    let mut bounds = range.split(':');
    let (first, last, step) = match (bounds.next(), bounds.next(), bounds.next(), bounds.next()) {
        (Some(first), Some(last), step, None) => (first, last, step.unwrap_or("1")),
        _ => return Err(RangeError::Form),
    };
    let step: usize = step.parse().ok().filter(|s| *s > 0).ok_or(RangeError::Form)?;
    if let (Some(first), Some(last)) = (letter(first), letter(last)) {
        if first > last {
            return Err(RangeError::Backwards);
        }
        return Ok((first..=last).step_by(step).filter_map(name_of).map(String::from).collect());
    }
    let first = if first.is_empty() { "0" } else { first };
    let number = |t: &str| {
        let digits = !t.is_empty() && t.len() <= 9 && t.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| t.parse::<u64>().ok()).flatten().ok_or(RangeError::Form)
    };
    let (from, to) = (number(first)?, number(last)?);
    let width = if first.len() > 1 && first.starts_with('0') { first.len() } else { 0 };
    if width > 0 && width != last.len() {
        return Err(RangeError::Lengths);
    }
    if from > to {
        return Err(RangeError::Backwards);
    }
    if (to - from) / (step as u64) >= MOST as u64 {
        return Err(RangeError::TooMany);
    }
    Ok((from..=to).step_by(step).map(|n| format!("{n:0width$}")).collect())
}

/// The place of a letter in `a..zA..Z`.
fn letter(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [c @ b'a'..=b'z'] => Some(c - b'a'),
        [c @ b'A'..=b'Z'] => Some(c - b'A' + 26),
        _ => None,
    }
}

fn name_of(place: u8) -> Option<char> {
    match place {
        0..26 => Some(char::from(b'a' + place)),
        26..52 => Some(char::from(b'A' + place - 26)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_out() {
        for (pattern, expect) in [
            ("eu-1", vec!["eu-1"]),
            ("st-[1:3].test", vec!["st-1.test", "st-2.test", "st-3.test"]),
            ("n[01:05:2]", vec!["n01", "n03", "n05"]),
            ("n[:2]", vec!["n0", "n1", "n2"]),
            ("db-[a:c]", vec!["db-a", "db-b", "db-c"]),
            ("x[y:B]", vec!["xy", "xz", "xA", "xB"]),
            ("r[1:2]n[1:2]", vec!["r1n1", "r1n2", "r2n1", "r2n2"]),
            ("n[08:11]", vec!["n08", "n09", "n10", "n11"]),
            ("2001:db8::1", vec!["2001:db8::1"]),
        ] {
            assert_eq!(
                hosts(pattern).unwrap(),
                (expect.iter().map(|e| (*e).to_owned()).collect(), None),
                "{pattern}"
            );
        }
        for (pattern, name, port) in
            [("eu-1:2222", "eu-1", 2222), ("[2001:db8::1]:22", "2001:db8::1", 22), ("[eu-1]:22", "eu-1", 22)]
        {
            assert_eq!(hosts(pattern).unwrap(), (vec![name.to_owned()], Some(port)), "{pattern}");
        }
        assert_eq!(hosts("n[1:2]:22").unwrap().1, Some(22));
    }

    #[test]
    fn ranges_that_are_none_or_too_large_are_refused() {
        for (pattern, error) in [
            ("n[1]", RangeError::Form),
            ("n[1:2:3:4]", RangeError::Form),
            ("n[1:", RangeError::Name),
            ("n[1", RangeError::Form),
            ("n1:2]", RangeError::Form),
            ("n[1:2:0]", RangeError::Form),
            ("n[1:]", RangeError::Form),
            ("n[3:1]", RangeError::Backwards),
            ("n[c:a]", RangeError::Backwards),
            ("n[01:100]", RangeError::Lengths),
            ("n[1:99999999999]", RangeError::Form),
            ("n[1:999999999]", RangeError::TooMany),
            ("n[1:300]m[1:300]", RangeError::TooMany),
            ("", RangeError::Name),
            ("a b", RangeError::Name),
            ("eu:", RangeError::Name),
        ] {
            assert_eq!(hosts(pattern).unwrap_err(), error, "{pattern}");
        }
    }
}
