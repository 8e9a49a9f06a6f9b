//! When changes may be made: windows that open by a schedule in a time zone, and freezes.
//!
//! * A window opens at the local times of its schedule and stays open for a length of real time, whatever the clocks do meanwhile.
//! * A local time that the change to summer time skips opens the window when the clocks jump; one that comes twice opens it the
//!   first time only.
//! * Freezes begin and end by the wall clock of their zone and win over every window.
//! * Where several files say windows for the same clusters, one of each file must be open.

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use croner::Cron;

use super::spec::{ClassSpec, Freeze, Window};
use super::{CleanText, grammar};

/// How many openings of a list are looked at to find one that no freeze and no other list forbids.
const SEARCH: usize = 2_000;

/// How far ahead an opening is looked for.
const HORIZON: TimeDelta = TimeDelta::days(2 * 366);

/// One window, ready to be asked.
#[derive(Clone, Debug, PartialEq)]
struct Opening {
    schedule: Cron,
    zone: Tz,
    length: TimeDelta,
}

/// A freeze, in the world's time.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Closed {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    reason: CleanText,
}

/// When changes may be made to the clusters of a class.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Hours {
    /// Lists of windows: one of each list must be open.
    lists: Vec<Vec<Opening>>,
    freezes: Vec<Closed>,
    /// Something could not be read, so that nothing is ever open.
    never: bool,
}

impl Eq for Hours {}

/// Whether changes may be made at a moment, and until or from when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// They may, for good if there is no end.
    Open {
        /// When they no longer may.
        until: Option<DateTime<Utc>>,
    },
    /// They may not.
    Closed {
        /// When they may again; `None` if not within two years.
        next: Option<DateTime<Utc>>,
        /// Why: the reason of a freeze, or that no window is open.
        why: CleanText,
    },
}

impl Access {
    /// Whether changes may be made.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

impl Hours {
    /// What a class says. What cannot be read closes for good: it may have been meant to.
    pub fn of(spec: &ClassSpec) -> Self {
        let mut hours = Self::default();
        if let Some(windows) = spec.windows.as_ref().filter(|w| !w.is_empty()) {
            let list: Vec<_> = windows.iter().filter_map(opening).collect();
            hours.never |= list.len() < windows.len();
            hours.lists.push(list);
        }
        for freeze in spec.freezes.iter().flatten() {
            match closed(freeze) {
                Some(closed) => hours.freezes.push(closed),
                None => hours.never = true,
            }
        }
        hours
    }

    /// Only when both allow it.
    pub fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for list in other.lists.iter().filter(|l| !self.lists.contains(l)) {
            both.lists.push(list.clone());
        }
        for freeze in other.freezes.iter().filter(|f| !self.freezes.contains(f)) {
            both.freezes.push(freeze.clone());
        }
        both.never |= other.never;
        both
    }

    /// Whether changes may be made at any time.
    pub fn is_always(&self) -> bool {
        !self.never && self.lists.is_empty() && self.freezes.is_empty()
    }

    /// Whether changes may be made at `now`, and until or from when.
    pub fn at(&self, now: DateTime<Utc>) -> Access {
        if self.never {
            let why = "a window or freeze could not be read".into();
            return Access::Closed { next: None, why };
        }
        match self.closes_at(now) {
            Ok(until) => Access::Open { until },
            Err(why) => Access::Closed { next: self.next(now), why },
        }
    }

    /// The end of what is open at `now`, or why nothing is.
    fn closes_at(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, CleanText> {
        if let Some(freeze) = self.freezes.iter().find(|f| f.from <= now && now < f.until) {
            let reason = &freeze.reason;
            let why = if reason.is_empty() { "a freeze".to_owned() } else { format!("a freeze: {reason}") };
            return Err(CleanText::new(&why));
        }
        let mut until = self.freezes.iter().map(|f| f.from).filter(|from| *from > now).min();
        for list in &self.lists {
            let end = list.iter().filter_map(|w| w.open_until(now)).max();
            let end = end.ok_or_else(|| CleanText::new("no window is open"))?;
            until = Some(until.map_or(end, |u| u.min(end)));
        }
        Ok(until)
    }

    /// The next moment after `now` at which changes may be made.
    fn next(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut at = now;
        for _ in 0..SEARCH {
            // Whatever forbids `at`, go to the first moment at which that one thing allows it.
            if let Some(freeze) = self.freezes.iter().find(|f| f.from <= at && at < f.until) {
                at = freeze.until;
            } else if let Some(list) =
                self.lists.iter().find(|l| l.iter().all(|w| w.open_until(at).is_none()))
            {
                at = list.iter().filter_map(|w| w.next_after(at)).min()?;
            } else {
                return Some(at);
            }
            if at - now > HORIZON {
                return None;
            }
        }
        None
    }
}

impl Opening {
    /// When it closes, if it is open at `now`: its latest opening decides.
    fn open_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = now.with_timezone(&self.zone).naive_local();
        // In an hour that is there for the second time, openings further on the clock were there the first time.
        let mut latest = match self.zone.from_local_datetime(&local) {
            LocalResult::Ambiguous(first, second) if second <= now => {
                local.checked_add_signed(second - first)?
            }
            _ => local,
        };
        for step in 0..SEARCH {
            latest = self.schedule.find_previous_occurrence(&latest.and_utc(), step == 0).ok()?.naive_utc();
            let start = instant(self.zone, latest, false)?;
            if start <= now {
                return start.checked_add_signed(self.length).filter(|end| *end > now);
            }
        }
        None
    }

    fn next_after(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut local = now.with_timezone(&self.zone).naive_local();
        for _ in 0..SEARCH {
            local = self.schedule.find_next_occurrence(&local.and_utc(), false).ok()?.naive_utc();
            let start = instant(self.zone, local, false)?;
            if start > now {
                return Some(start);
            }
        }
        None
    }
}

fn zone(name: Option<&String>) -> Option<Tz> {
    name.map_or(Some(Tz::UTC), |n| grammar::zone(n).ok())
}

fn opening(window: &Window) -> Option<Opening> {
    Some(Opening {
        schedule: grammar::schedule(&window.cron).ok()?,
        zone: zone(window.time_zone.as_ref())?,
        length: grammar::duration(&window.duration).ok()?,
    })
}

fn closed(freeze: &Freeze) -> Option<Closed> {
    let zone = zone(freeze.time_zone.as_ref())?;
    let from = grammar::moment(&freeze.from).ok()?.start();
    let until = grammar::moment(&freeze.to).ok()?.end()?;
    Some(Closed {
        from: instant(zone, from, false)?,
        until: instant(zone, until, true)?,
        reason: CleanText::new(&freeze.reason),
    })
}

/// The moment of a local time: of one that comes twice the first or the `late` one, of one that is skipped the moment at which
/// the clocks jump. Schedules are followed on the wall clock alone and their times taken here, since what croner itself does
/// around a skipped hour finds openings that nobody wrote.
fn instant(zone: Tz, local: NaiveDateTime, late: bool) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) => Some(at.with_timezone(&Utc)),
        LocalResult::Ambiguous(first, second) => Some(if late { second } else { first }.with_timezone(&Utc)),
        LocalResult::None => {
            // Clocks jump by at most a day (islands that change sides of the date line).
            let offset = |at: i64| {
                Some(zone.offset_from_utc_datetime(&DateTime::from_timestamp(at, 0)?.naive_utc()).fix())
            };
            let noon = local.and_utc().timestamp();
            let (mut before, mut after) = (noon - 2 * 86_400, noon + 2 * 86_400);
            let old = offset(before)?;
            while after - before > 1 {
                let middle = before + (after - before) / 2;
                if offset(middle)? == old { before = middle } else { after = middle }
            }
            DateTime::from_timestamp(after, 0)
        }
    }
}

#[cfg(test)]
mod tests;
