//! Kubernetes versions as people compare them: major, minor, patch; the build suffix is only text.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A minor release line, `1.35`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Minor {
    /// `1`.
    pub major: u16,
    /// `35`.
    pub minor: u16,
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Minor {
    type Err = NotAVersion;

    /// Reads `1.35` and `v1.35`, nothing after it.
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let (major, minor) = text.strip_prefix('v').unwrap_or(text).split_once('.').ok_or(NotAVersion)?;
        Ok(Self { major: number(major)?, minor: number(minor)? })
    }
}

/// Digits only: the standard parser would take a `+`.
fn number(text: &str) -> Result<u16, NotAVersion> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().map_err(|_| NotAVersion) } else { Err(NotAVersion) }
}

/// A full version, shown with its `v` and suffix: `v1.35.4+rke2r1`.
///
/// Order and equality look at major, minor and patch only: `-gke.5` is a build, not a pre-release.
#[derive(Clone, Debug)]
pub struct Version {
    /// The release line.
    pub line: Minor,
    /// `4` in `v1.35.4`.
    pub patch: u16,
    /// What follows, with its separator: `+rke2r1`, `-gke.1201000`; often empty.
    pub suffix: Arc<str>,
}

impl Version {
    /// How many minor releases `self` is ahead of `other` (negative: behind); `None` across majors.
    pub fn minors_ahead_of(&self, other: &Self) -> Option<i32> {
        (self.line.major == other.line.major)
            .then(|| i32::from(self.line.minor) - i32::from(other.line.minor))
    }

    /// The oldest version of a release line, `1.35.0`.
    pub fn first_of(line: Minor) -> Self {
        Self { line, patch: 0, suffix: Arc::from("") }
    }

    fn triple(&self) -> (u16, u16, u16) {
        (self.line.major, self.line.minor, self.patch)
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.triple() == other.triple()
    }
}
impl Eq for Version {}
impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.triple().cmp(&other.triple())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("v{}.{}{}", self.line, self.patch, self.suffix))
    }
}

/// The text is not a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a Kubernetes version")]
pub struct NotAVersion;

impl FromStr for Version {
    type Err = NotAVersion;

    /// Reads `v1.35.4`, `1.35.4`, `v1.35.4-eks-1a2b3c4`, `v1.33.9+k3s1`; the suffix is cut at 64 bytes and may hold
    /// only the characters of a semantic version.
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let end = text.find(['-', '+']).unwrap_or(text.len());
        let (numbers, suffix) = text.split_at_checked(end).ok_or(NotAVersion)?;
        let mut parts = numbers.split('.').map(number);
        let (major, minor, patch) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(a), Some(b), Some(c), None) => (a?, b?, c?),
            _ => return Err(NotAVersion),
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.');
        if suffix.len() > 64 || !suffix.chars().all(fits) {
            return Err(NotAVersion);
        }
        Ok(Self { line: Minor { major, minor }, patch, suffix: Arc::from(suffix) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_are_kept_and_not_compared() {
        let v = |t: &str| t.parse::<Version>().unwrap();
        assert_eq!(v("v1.35.4-gke.1201000").to_string(), "v1.35.4-gke.1201000");
        assert_eq!(v("v1.35.4-gke.1"), v("1.35.4+rke2r1"));
        assert!(v("v1.36.0-eks-1") > v("v1.35.9"));
        assert_eq!(v("v1.36.0").minors_ahead_of(&v("v1.33.1")), Some(3));
    }

    #[test]
    fn a_minor_is_read_with_and_without_its_v() {
        assert_eq!("v1.35".parse(), Ok(Minor { major: 1, minor: 35 }));
        for bad in ["1", "1.35.4", "1.+35", "", "1.", "v"] {
            assert_eq!(bad.parse::<Minor>(), Err(NotAVersion), "{bad}");
        }
    }

    #[test]
    fn garbage_is_refused() {
        for bad in [
            "",
            "v",
            "1.35",
            "v1.35.4.5",
            "v1.35.x",
            "1.35.4\u{1b}[31m",
            "v99999999.1.1",
            "v1.2.3-é",
            "v1.2.",
            "vv1.2.3",
        ] {
            assert_eq!(bad.parse::<Version>(), Err(NotAVersion), "{bad}");
        }
    }
}
