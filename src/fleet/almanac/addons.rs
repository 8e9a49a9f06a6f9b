//! Which versions of add-ons go with which releases, as far as their own projects say so.

use std::fmt;
use std::sync::LazyLock;

use chrono::NaiveDate;

use super::table::Head;
use super::{BadTable, Table};
use crate::fleet::{Minor, Version};

const DATA: &str = include_str!("../data/addons.txt");

/// Releases in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Releases {
    /// The first.
    pub first: Minor,
    /// The last; `None` if the project says "and later".
    pub last: Option<Minor>,
}

impl Releases {
    /// Whether a release is among them.
    pub fn contains(&self, minor: Minor) -> bool {
        self.first <= minor && self.last.is_none_or(|last| minor <= last)
    }
}

impl fmt::Display for Releases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last {
            Some(last) if last == self.first => write!(f, "{last}"),
            Some(last) => write!(f, "{} to {last}", self.first),
            None => write!(f, "{} and later", self.first),
        }
    }
}

/// What a project says of a version of its add-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Supported on these releases and on no others.
    Supported(Releases),
    /// Tested on these releases; on others it may work.
    Tested(Releases),
    /// Installed by kubeadm with that release.
    Installed(Minor),
    /// It belongs to the release of the same number.
    SameMinor,
    /// A component of Kubernetes that may be so many minors older than the API server, two at most if it is older than 1.25, and
    /// never newer (<https://kubernetes.io/releases/version-skew-policy/>).
    Skew(u16),
}

/// How well a claim is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sureness {
    /// Read in the project's own document.
    Stated,
    /// Read where somebody else quotes that document.
    Cited,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addon {
    /// The add-on's name.
    pub name: String,
    /// How the name of its image ends, whole parts of the path: `ingress-nginx/controller`.
    pub image: String,
    /// Its version: a release with all its patches, or one patch of it; `None` for every version.
    pub version: Option<(Minor, Option<u16>)>,
    /// What is said of it.
    pub claim: Claim,
    /// How sure that is.
    pub sureness: Sureness,
    /// Where it is said.
    pub source: String,
}

/// How a version of an add-on goes with an upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddonFit<'a> {
    /// The project says that it does.
    Fits,
    /// The project says that it does not: it is not supported there, or not within the skew.
    Refused(&'a Addon),
    /// Nobody says that it does: it is tested elsewhere, or was left behind by an earlier upgrade.
    Doubtful(&'a Addon),
    /// The add-on is in the table, this version of it is not.
    Unknown,
}

/// All rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddonTable {
    /// Where they come from; each row has its own source besides.
    pub source: String,
    /// The day they were read.
    pub date: NaiveDate,
    /// The rows, in the order of the file.
    pub addons: Vec<Addon>,
}

impl AddonTable {
    /// The table that this program was built with.
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<AddonTable> = LazyLock::new(|| {
            let empty = AddonTable { source: String::new(), date: NaiveDate::MIN, addons: Vec::new() };
            AddonTable::read(DATA).unwrap_or(empty)
        });
        &BUILTIN
    }

    /// The name of the add-on that an image is of, and its version if the tag is one. `None` if the image is of none in the table.
    pub fn recognize(&self, image: &str) -> Option<(&str, Option<Version>)> {
        let without_digest = image.split('@').next().unwrap_or(image);
        let (path, tag) = match without_digest.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
            _ => (without_digest, None),
        };
        let is_of = |addon: &&Addon| {
            path.strip_suffix(addon.image.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        };
        let addon = self.addons.iter().find(is_of)?;
        Some((addon.name.as_str(), tag.and_then(|tag| tag.parse().ok())))
    }

    /// Whether all that is said of an add-on is what kubeadm installs, which says nothing of other distributions.
    pub fn is_installed(&self, name: &str) -> bool {
        let mut rows = self.addons.iter().filter(|addon| addon.name == name);
        rows.all(|addon| matches!(addon.claim, Claim::Installed(_)))
    }

    /// How a version of an add-on goes with a step of the API server from one release to another.
    pub fn fit(&self, name: &str, version: &Version, from: Minor, to: Minor) -> AddonFit<'_> {
        let rows = || self.addons.iter().filter(|addon| addon.name == name);
        let of_version = rows().find(|addon| match (addon.version, addon.claim) {
            (_, Claim::Installed(_)) => false,
            (None, _) => true,
            (Some((line, patch)), _) => line == version.line && patch.is_none_or(|p| p == version.patch),
        });
        let Some(addon) = of_version else {
            // What kubeadm installs says nothing against what somebody else installed, unless that is older.
            let mut installed = rows().filter_map(|addon| match (addon.claim, addon.version) {
                (Claim::Installed(with), Some((line, patch))) => {
                    Some((addon, with, (line, patch.unwrap_or(0))))
                }
                _ => None,
            });
            return match installed.find(|(_, with, _)| *with == from) {
                Some((addon, _, with)) if (version.line, version.patch) < with => AddonFit::Doubtful(addon),
                Some(_) => AddonFit::Fits,
                None => AddonFit::Unknown,
            };
        };
        match addon.claim {
            Claim::Supported(releases) if !releases.contains(to) => AddonFit::Refused(addon),
            Claim::Tested(releases) if !releases.contains(to) => AddonFit::Doubtful(addon),
            // It follows the API server, so it may be behind the release that is yet to come, not behind that of today.
            Claim::SameMinor if version.line < from || version.line > to => AddonFit::Doubtful(addon),
            Claim::Skew(allowed) => {
                let allowed = if version.line < (Minor { major: 1, minor: 25 }) { 2 } else { allowed };
                let behind = i32::from(to.minor) - i32::from(version.line.minor);
                if to.major != version.line.major || behind > i32::from(allowed) || behind < 0 {
                    AddonFit::Refused(addon)
                } else {
                    AddonFit::Fits
                }
            }
            _ => AddonFit::Fits,
        }
    }
}

impl Table for AddonTable {
    type Row = Addon;

    fn row(words: &[&str]) -> Result<Addon, String> {
        let &[name, image, version, kubernetes, claim, sureness, source] = words else {
            return Err("a row has name, image, version, Kubernetes, claim, sureness and source".to_owned());
        };
        let version = match version {
            "*" => None,
            text => {
                Some(read_version(text).ok_or_else(|| format!("`{text}` is not a version such as 1.14"))?)
            }
        };
        let release =
            |text: &str| text.parse().map_err(|_| format!("`{text}` is not a release such as 1.35"));
        let releases = || {
            if let Some(first) = kubernetes.strip_suffix('+') {
                return Ok(Releases { first: release(first)?, last: None });
            }
            let (first, last) = kubernetes.split_once('-').unwrap_or((kubernetes, kubernetes));
            let (first, last): (Minor, Minor) = (release(first)?, release(last)?);
            if first > last {
                return Err(format!("{kubernetes} ends before it begins"));
            }
            Ok(Releases { first, last: Some(last) })
        };
        let claim = match claim {
            "supported" => Claim::Supported(releases()?),
            "tested" => Claim::Tested(releases()?),
            "installed" if version.is_none() => return Err("`installed` needs a version".to_owned()),
            "installed" => Claim::Installed(release(kubernetes)?),
            "same-minor" => Claim::SameMinor,
            "skew" => Claim::Skew(
                kubernetes.parse().map_err(|_| format!("`{kubernetes}` is not a number of minors"))?,
            ),
            _ => return Err(format!("`{claim}` is none of supported, tested, installed, same-minor, skew")),
        };
        let sureness = match sureness {
            "stated" => Sureness::Stated,
            "cited" => Sureness::Cited,
            _ => return Err(format!("`{sureness}` is neither stated nor cited")),
        };
        let (name, image, source) = (name.to_owned(), image.to_owned(), source.to_owned());
        Ok(Addon { name, image, version, claim, sureness, source })
    }

    fn make(head: Head, addons: Vec<Addon>) -> Result<Self, BadTable> {
        head.no_more()?;
        Ok(Self { source: head.source, date: head.date, addons })
    }
}

fn read_version(text: &str) -> Option<(Minor, Option<u16>)> {
    let release = || text.parse().ok().map(|line| (line, None));
    release().or_else(|| text.parse::<Version>().ok().map(|v| (v.line, Some(v.patch))))
}
