//! Credentials that change: plugins' answers and token files.
//!
//! One entry per identity, whoever asks. A run belongs to the entry and not to the task that wanted it: a caller who gives
//! up does not stop it, and all who wait share its answer. A good answer is kept until shortly before it ends, a bad one
//! is not repeated before its back-off is over, and a 401 makes one new attempt per value.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, watch};

use super::Exec;
use super::exec::{self, Answer, PluginSettings};
use super::headers::{TOKEN_CAP, bearer, token_end};
use super::pem::config;
use super::tls::PluginCert;
use crate::clock::Clock;
use crate::fleet::{CleanText, ErrorCode, Failure};
use crate::host::{Workers, read_capped};

/// A token file is read again after this long; tokens rotate on the scale of minutes and overlap.
const FILE_LIFE: TimeDelta = TimeDelta::seconds(10);

/// How long reading a token file may take.
const FILE_WAIT: Duration = Duration::from_secs(2);

/// Back-off after a failure, and its end.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(30);
const LAST_PAUSE: TimeDelta = TimeDelta::minutes(5);

/// Added to a plugin's own deadline while somebody waits for it: the polite end, and its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// From this many entries on, those that nobody holds are forgotten.
const UNUSED: usize = 4_096;

/// What a credential is known by.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A plugin; with what it is told about the cluster, if it wants to know.
    Exec(Arc<Exec>, Option<Arc<str>>),
    /// A token file.
    File(PathBuf),
}

/// A credential that can be used now.
pub(super) struct Granted {
    pub(super) header: Option<HeaderValue>,
    pub(super) cert: Option<PluginCert>,
    pub(super) expires_at: Option<DateTime<Utc>>,
    pub(super) warning: Option<CleanText>,
    digest: [u8; 32],
    cert_digest: [u8; 32],
}

impl Granted {
    /// Whether connections made with `self` show the same certificate as those made with `other`.
    pub(super) fn same_cert(&self, other: &Self) -> bool {
        self.cert_digest == other.cert_digest
    }

    fn new(answer: Answer) -> Result<Self, Failure> {
        let digest = |parts: [&[u8]; 3]| -> [u8; 32] {
            let mut hash = Sha256::new();
            for part in parts {
                hash.update(part.len().to_le_bytes());
                hash.update(part);
            }
            hash.finalize().into()
        };
        let token = answer.token.as_ref().map_or("", |t| t.expose_secret());
        let (chain, key) = answer
            .cert
            .as_ref()
            .map_or((&[][..], &[][..]), |c| (c.chain.as_slice(), c.key.expose_secret().as_bytes()));
        Ok(Self {
            digest: digest([token.as_bytes(), chain, key]),
            cert_digest: digest([&[], chain, key]),
            expires_at: answer.expires_at.or_else(|| token_end(token)),
            header: answer.token.as_ref().map(|t| bearer(t, "the token")).transpose()?,
            cert: answer.cert,
            warning: answer.warning,
        })
    }
}

/// One identity.
pub(super) struct Entry {
    key: Key,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    good: Option<Good>,
    refused: Option<Refused>,
    running: Option<watch::Receiver<bool>>,
    /// The value that a server answered with 401, and how long no new run is made for it.
    rejected: Option<([u8; 32], Pause)>,
    has_run: bool,
}

struct Good {
    granted: Arc<Granted>,
    /// From when on a new one is fetched beside the use of this one.
    refresh_at: Option<DateTime<Utc>>,
    /// From when on this one is of no use.
    ends: Option<DateTime<Utc>>,
    /// A server did not take it.
    stale: bool,
}

struct Refused {
    failure: Failure,
    pause: Pause,
}

/// A time in which nothing is tried again. A clock that is set back ends it.
#[derive(Clone, Copy)]
struct Pause {
    from: DateTime<Utc>,
    length: TimeDelta,
}

impl Pause {
    fn next(before: Option<Self>, now: DateTime<Utc>) -> Self {
        let length = before.map_or(FIRST_PAUSE, |p| (p.length * 2).min(LAST_PAUSE));
        Self { from: now, length }
    }

    fn holds(&self, now: DateTime<Utc>) -> bool {
        self.from <= now && now < self.from + self.length
    }
}

/// Keeps the entries.
pub(super) struct Broker {
    clock: Clock,
    plugins: Arc<PluginSettings>,
    slots: Semaphore,
    files: Workers,
    entries: Mutex<HashMap<Key, Arc<Entry>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Broker {
    pub(super) fn new(clock: Clock, plugins: PluginSettings, at_once: usize, files: Workers) -> Self {
        Self {
            clock,
            plugins: Arc::new(plugins),
            slots: Semaphore::new(at_once.clamp(1, Semaphore::MAX_PERMITS)),
            files,
            entries: Mutex::default(),
        }
    }

    /// The entry of `key`. It stays when nobody holds it, because what it knows of failures must.
    pub(super) fn entry(&self, key: Key) -> Arc<Entry> {
        let mut entries = lock(&self.entries);
        if let Some(known) = entries.get(&key) {
            return known.clone();
        }
        if entries.len() >= UNUSED {
            entries.retain(|_, entry| Arc::strong_count(entry) > 1);
        }
        let entry = Arc::new(Entry { key: key.clone(), state: Mutex::default() });
        entries.insert(key, entry.clone());
        entry
    }

    /// A credential that is good now, fetched if need be.
    ///
    /// # Errors
    /// Why there is none: the plugin's failure, or that it is still at work.
    pub(super) async fn get(self: &Arc<Self>, entry: &Arc<Entry>) -> Result<Arc<Granted>, Failure> {
        let mut waited = false;
        loop {
            let running = {
                let mut state = lock(&entry.state);
                let now = self.clock.now();
                match state.usable(now) {
                    Some((granted, due)) => {
                        if due && state.may_run(now) {
                            drop(self.start(entry, &mut state));
                        }
                        return Ok(granted);
                    }
                    None if state.may_run(now) && !waited => self.start(entry, &mut state),
                    None => match (state.running(), &state.refused) {
                        (Some(running), _) => running,
                        (None, Some(refused)) => return Err(refused.failure.clone()),
                        (None, None) => {
                            return Err(Failure::new(
                                ErrorCode::Internal,
                                "fetching the credential was interrupted",
                            ));
                        }
                    },
                }
            };
            self.wait(running, &entry.key).await?;
            waited = true;
        }
    }

    /// A server answered 401 to `granted`: another credential, if there is one to be had now.
    pub(super) async fn after_401(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        granted: &Granted,
    ) -> Option<Result<Arc<Granted>, Failure>> {
        {
            let mut state = lock(&entry.state);
            let now = self.clock.now();
            let is_current = state.good.as_ref().is_some_and(|g| g.granted.digest == granted.digest);
            if is_current {
                let renewing = state.running().is_some();
                let before =
                    state.rejected.filter(|(digest, _)| *digest == granted.digest).map(|(_, pause)| pause);
                if !renewing {
                    if before.is_some_and(|pause| pause.holds(now)) {
                        return None;
                    }
                    state.rejected = Some((granted.digest, Pause::next(before, now)));
                    state.refused = None;
                }
                if let Some(good) = &mut state.good {
                    good.stale = true;
                }
            }
        }
        match self.get(entry).await {
            Ok(fresh) if fresh.digest == granted.digest => None,
            other => Some(other),
        }
    }

    /// Forgets failures, so that the next use tries again at once.
    pub(super) fn forget_failures(&self) {
        let entries: Vec<_> = lock(&self.entries).values().cloned().collect();
        for entry in entries {
            let mut state = lock(&entry.state);
            state.refused = None;
            state.rejected = None;
        }
    }

    async fn wait(&self, mut running: watch::Receiver<bool>, key: &Key) -> Result<(), Failure> {
        let patience = match key {
            Key::File(_) => FILE_WAIT + PATIENCE,
            Key::Exec(..) => self.plugins.first + self.plugins.grace + PATIENCE,
        };
        match tokio::time::timeout(patience, running.wait_for(|done| *done)).await {
            Ok(_) => Ok(()),
            // Not the cluster's fault, which nobody has asked anything yet.
            Err(_) => Err(Failure::new(
                ErrorCode::Internal,
                &format!(
                    "no credential within {} s: plugins are at work, or wait for their turn",
                    patience.as_secs()
                ),
            )),
        }
    }

    /// Starts a run that nobody needs to wait for.
    fn start(self: &Arc<Self>, entry: &Arc<Entry>, state: &mut State) -> watch::Receiver<bool> {
        let (done, running) = watch::channel(false);
        state.running = Some(running.clone());
        let first = !std::mem::replace(&mut state.has_run, true);
        let (broker, entry) = (self.clone(), entry.clone());
        tokio::spawn(async move {
            let fetched = broker.fetch(&entry.key, first).await;
            {
                let mut state = lock(&entry.state);
                state.learn(fetched, &entry.key, broker.clock.now());
                state.running = None;
            }
            done.send_replace(true);
        });
        running
    }

    async fn fetch(&self, key: &Key, first: bool) -> Result<Granted, Failure> {
        match key {
            Key::File(path) => self.read_token(path.clone()).await.and_then(Granted::new),
            Key::Exec(exec, cluster) => {
                let closed = |_| Failure::new(ErrorCode::Cancelled, "the program is ending");
                let _slot = self.slots.acquire().await.map_err(closed)?;
                let run = |first| exec::run(exec, cluster.as_deref(), &self.plugins, &self.files, first);
                let is_over = |answer: &Answer| answer.expires_at.is_some_and(|end| end <= self.clock.now());
                let mut answer = run(first).await?;
                if is_over(&answer) {
                    // A plugin may hand out what it kept too long; it is given one chance to notice.
                    answer = run(false).await?;
                }
                if is_over(&answer) {
                    return Err(Failure::new(ErrorCode::Exec, "the plugin gives a credential that has expired already")
                        .hint("Sign in again with the plugin's own command; if the dates look wrong, check this machine's clock."));
                }
                Granted::new(answer)
            }
        }
    }

    async fn read_token(&self, path: PathBuf) -> Result<Answer, Failure> {
        let shown = shown(&path);
        let wrong = |why: &str| config(&format!("tokenFile {shown}: {why}"));
        let read = self.files.run(FILE_WAIT, move || read_capped(&path, TOKEN_CAP)).await;
        let bytes = match read {
            Ok(Ok((bytes, _))) => bytes,
            Ok(Err(e)) => return Err(wrong(&e.to_string())),
            Err(_) => return Err(wrong("not readable in time")),
        };
        let token = std::str::from_utf8(&bytes).map_err(|_| wrong("not text"))?.trim();
        super::headers::check_token(token, "the token").map_err(|f| wrong(f.message.as_str()))?;
        Ok(Answer { token: Some(SecretString::from(token)), cert: None, expires_at: None, warning: None })
    }
}

impl State {
    /// What can be used now, and whether it is time to fetch another.
    fn usable(&self, now: DateTime<Utc>) -> Option<(Arc<Granted>, bool)> {
        let good = self.good.as_ref()?;
        let over = good.stale || good.ends.is_some_and(|end| now >= end);
        (!over).then(|| (good.granted.clone(), good.refresh_at.is_some_and(|at| now >= at)))
    }

    fn running(&self) -> Option<watch::Receiver<bool>> {
        // A sender that is gone without a word was dropped with its task.
        self.running.clone().filter(|r| r.has_changed().is_ok())
    }

    fn may_run(&self, now: DateTime<Utc>) -> bool {
        self.running().is_none() && !self.refused.as_ref().is_some_and(|r| r.pause.holds(now))
    }

    fn learn(&mut self, fetched: Result<Granted, Failure>, key: &Key, now: DateTime<Utc>) {
        match fetched {
            Ok(granted) => {
                self.refused = None;
                if self.rejected.as_ref().is_some_and(|(digest, _)| *digest != granted.digest) {
                    self.rejected = None;
                }
                let (refresh_at, ends) = match key {
                    // The file says nothing of an end that we would have to obey; it is simply read again.
                    Key::File(_) => (None, Some(now + FILE_LIFE)),
                    Key::Exec(..) => (granted.expires_at.map(|end| refresh_at(now, end)), granted.expires_at),
                };
                self.good = Some(Good { granted: Arc::new(granted), refresh_at, ends, stale: false });
            }
            Err(failure) => {
                let last_good = match (key, &mut self.good) {
                    (Key::File(_), Some(good)) if !good.stale => Some(good),
                    _ => None,
                };
                if let Some(good) = last_good {
                    // A file that is just being replaced is no reason to forget what it said.
                    let kept = Granted { warning: Some(failure.message), ..good.granted.again() };
                    good.granted = Arc::new(kept);
                    good.ends = Some(now + FILE_LIFE);
                    return;
                }
                let before = self.refused.take().map(|r| r.pause);
                let pause = match key {
                    // Looking at a file again costs nothing.
                    Key::File(_) => Pause { from: now, length: FILE_LIFE },
                    Key::Exec(..) => Pause::next(before, now),
                };
                self.refused = Some(Refused { failure, pause });
            }
        }
    }
}

impl Granted {
    /// The same token once more, without a certificate: token files have none.
    fn again(&self) -> Self {
        Self {
            header: self.header.clone(),
            cert: None,
            expires_at: self.expires_at,
            warning: None,
            digest: self.digest,
            cert_digest: self.cert_digest,
        }
    }
}

/// A token file's path for messages. Some write the token itself where its file should be named.
fn shown(path: &Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy()).unwrap_or_default();
    if name.len() > 100 || name.starts_with("eyJ") {
        "(the name looks like a token, which belongs into the field token)".to_owned()
    } else {
        path.display().to_string()
    }
}

/// When to fetch the next one: a minute before the end, or a tenth of its life, but not before half of it is over.
fn refresh_at(now: DateTime<Utc>, end: DateTime<Utc>) -> DateTime<Utc> {
    let life = end - now;
    let margin = (life / 10).max(TimeDelta::seconds(60)).min(life / 2);
    end - margin
}
