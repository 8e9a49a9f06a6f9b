//! One list that is kept up to date: read in pages, then watched with bookmarks, read again when the hub has forgotten where
//! the watch stood.
//!
//! Objects are decoded as they come and dropped at once, so that only sightings stay in memory.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::StreamExt;
use kube::Client;
use kube::api::{WatchEvent, WatchParams};
use kube::core::Request;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::ask::{self, Refusal};
use super::decode::{Decoded, decode, reference};
use super::kinds::Resource;
use super::setting::Setting;
use crate::access::client_failure;
use crate::clock::Clock;
use crate::fleet::{CleanText, ErrorCode, Failure, Problem};
use crate::registry::pace::{around, back_off};

/// Objects that are decoded before others get their turn.
const BATCH: usize = 50;

/// Pages of one list; 500 objects each.
const MAX_PAGES: usize = 400;

/// A list may begin anew this often because its pages have expired, before that counts as a failure.
const MAX_EXPIRED: u32 = 2;

/// A watch that ends sooner than this without a word is not opened again at once.
const SHORT: Duration = Duration::from_secs(5);

/// How long a watch is asked for, in seconds; the client's own limit for silence is longer.
const WATCH_SECONDS: u32 = 290;

/// How long the head of a watch may take.
const OPENING: Duration = Duration::from_mins(2);

/// What a feed tells.
pub(super) enum Heard {
    /// A list begins; what an unfinished one has said counts no more.
    Begun { feed: usize },
    /// Objects of a list that has begun.
    Some { feed: usize, decoded: Vec<Decoded>, broken: Vec<Problem> },
    /// The list is complete: what was not in it is gone.
    Whole { feed: usize, at: DateTime<Utc> },
    /// The watch is open, or has said that nothing else has changed.
    Confirmed { feed: usize, at: DateTime<Utc> },
    /// One object is new or different.
    Changed { feed: usize, decoded: Box<Decoded>, at: DateTime<Utc> },
    /// One object is broken beyond use.
    Broken { feed: usize, problem: Box<Problem> },
    /// One object was deleted.
    Removed { feed: usize, reference: CleanText, at: DateTime<Utc> },
    /// Nothing can be had for now.
    Failed { feed: usize, failure: Box<Failure>, at: DateTime<Utc>, next: Option<DateTime<Utc>> },
    /// The list may not be watched; it is read again from time to time.
    Unwatched { feed: usize, next: DateTime<Utc> },
}

/// The times of a feed.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// The wait after the first failure.
    pub(super) retry: Duration,
    /// The longest wait after failures.
    pub(super) longest: Duration,
    /// The wait after the hub has said that something may not be had, or is not there.
    pub(super) refused: Duration,
    /// Between two lists where watching is not possible.
    pub(super) interval: Duration,
}

/// One list of one resource, in one namespace or in all.
pub(super) struct Feed {
    pub(super) number: usize,
    pub(super) resource: &'static Resource,
    pub(super) namespace: Option<String>,
    pub(super) selector: Option<String>,
    pub(super) setting: Arc<Setting>,
    pub(super) client: Client,
    pub(super) clock: Clock,
    pub(super) pace: Pace,
    pub(super) once: bool,
    /// Changes when the list is wished anew.
    pub(super) again: watch::Receiver<u64>,
    pub(super) out: mpsc::Sender<Heard>,
}

/// Why a round ended.
enum End {
    /// Nobody listens any more, or once was enough.
    Over,
    /// The list is to be read anew: wished, or the hub has forgotten the watch.
    Again,
    /// It failed.
    Failed(Failure),
}

/// Where in the history of a resource a watch stands.
struct Place {
    version: &'static str,
    path: String,
    at: String,
}

impl Feed {
    /// Runs until nobody listens, or once.
    pub(super) async fn run(mut self) {
        let mut failures = 0_u32;
        let mut place: Option<Place> = None;
        loop {
            let end = match &mut place {
                // After a failure, the watch goes on where it stood.
                Some(place) => self.follow(place, &mut failures).await,
                none => match self.list().await {
                    Ok(Some(listed)) => {
                        failures = 0;
                        *none = Some(listed);
                        continue;
                    }
                    Ok(None) => End::Over,
                    Err(failure) => End::Failed(failure),
                },
            };
            match end {
                End::Over => return,
                End::Again => place = None,
                End::Failed(failure) => {
                    failures = failures.saturating_add(1);
                    // What comes after a long break is told best by a new list.
                    if failures > 3 || self.once {
                        place = None;
                    }
                    let wait = self.wait(&failure, failures);
                    let at = self.clock.now();
                    let next = (!self.once).then(|| later(at, wait));
                    if !self
                        .tell(Heard::Failed { feed: self.number, failure: Box::new(failure), at, next })
                        .await
                        || self.once
                    {
                        return;
                    }
                    if !self.rest(wait).await {
                        return;
                    }
                }
            }
        }
    }

    fn wait(&self, failure: &Failure, failures: u32) -> Duration {
        let asked = failure.retry_after.unwrap_or_default();
        let name = format!("{}/{}", self.setting.name, self.number);
        let usual = match failure.code {
            ErrorCode::Http403 | ErrorCode::Http401 | ErrorCode::Version | ErrorCode::Config => {
                self.pace.refused
            }
            _ => back_off(self.pace.retry, self.pace.longest, failures),
        };
        around(usual, &name, failures).max(asked)
    }

    /// Waits until it is time, or until somebody wishes; false if nobody listens any more.
    async fn rest(&mut self, wait: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(wait) => true,
            changed = self.again.changed() => changed.is_ok(),
            () = self.out.closed() => false,
        }
    }

    async fn tell(&self, heard: Heard) -> bool {
        self.out.send(heard).await.is_ok()
    }

    /// Reads the list to its end; `None` if that was all that was wanted.
    async fn list(&mut self) -> Result<Option<Place>, Failure> {
        self.again.mark_unchanged();
        let version = ask::served(&self.client, self.resource).await?;
        let path = self.path(version);
        let mut expired = 0;
        let mut next: Option<String> = None;
        let mut pages = 0;
        loop {
            if next.is_none() && !self.tell(Heard::Begun { feed: self.number }).await {
                return Ok(None);
            }
            let page = ask::page(&self.client, &path, self.selector.as_deref(), next.as_deref()).await;
            let page = match page {
                Ok(page) => page,
                Err(Refusal::Expired) if next.is_some() && expired < MAX_EXPIRED => {
                    expired += 1;
                    (next, pages) = (None, 0);
                    continue;
                }
                Err(refusal) => return Err(refusal.failure(&self.what())),
            };
            self.page(version, page.items.unwrap_or_default()).await;
            pages += 1;
            match page.metadata.next.filter(|n| !n.is_empty()) {
                Some(_) if pages >= MAX_PAGES => {
                    return Err(Failure::new(
                        ErrorCode::Parse,
                        "the list does not end after 200,000 objects",
                    ));
                }
                Some(token) => next = Some(token),
                None => {
                    let at = self.clock.now();
                    if !self.tell(Heard::Whole { feed: self.number, at }).await || self.once {
                        return Ok(None);
                    }
                    let at = page.metadata.resource_version.unwrap_or_default();
                    return Ok(Some(Place { version, path, at }));
                }
            }
        }
    }

    async fn page(&self, version: &str, items: Vec<Value>) {
        let now = self.clock.now();
        let mut items = items.into_iter().peekable();
        while items.peek().is_some() {
            let (mut decoded, mut broken) = (Vec::with_capacity(BATCH), Vec::new());
            for item in items.by_ref().take(BATCH) {
                match decode(&self.setting, self.resource, version, &item, now) {
                    Ok(good) => decoded.push(good),
                    Err(problem) => broken.push(problem),
                }
            }
            let _listens = self.tell(Heard::Some { feed: self.number, decoded, broken }).await;
            tokio::task::yield_now().await;
        }
    }

    fn path(&self, version: &str) -> String {
        let resource = self.resource;
        let root =
            if resource.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", resource.group) };
        match &self.namespace {
            Some(namespace) => format!("{root}/{version}/namespaces/{namespace}/{}", resource.plural),
            None => format!("{root}/{version}/{}", resource.plural),
        }
    }

    /// What is read, for people.
    fn what(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} in namespace {namespace}", self.resource.name()),
            None => self.resource.name(),
        }
    }

    /// Watches from `place` on until that ends, one connection after another.
    async fn follow(&mut self, place: &mut Place, failures: &mut u32) -> End {
        loop {
            let params = WatchParams {
                label_selector: self.selector.clone(),
                timeout: Some(WATCH_SECONDS),
                bookmarks: true,
                ..WatchParams::default()
            };
            let Ok(request) = Request::new(place.path.as_str()).watch(&params, &place.at) else {
                return End::Failed(Failure::new(ErrorCode::Internal, "the watch cannot be asked for"));
            };
            let started = self.clock.tick();
            let opened = tokio::time::timeout(OPENING, self.client.request_events::<Value>(request)).await;
            let mut events = match opened {
                Ok(Ok(events)) => Box::pin(events),
                Ok(Err(error)) => match Refusal::from(error) {
                    Refusal::Expired => return End::Again,
                    Refusal::Failed(failure) if is_unwatchable(&failure) => return self.poll().await,
                    refusal => return End::Failed(refusal.failure(&self.what())),
                },
                Err(_) => return End::Failed(Failure::new(ErrorCode::Timeout, "the watch does not begin")),
            };
            *failures = 0;
            if !self.tell(Heard::Confirmed { feed: self.number, at: self.clock.now() }).await {
                return End::Over;
            }
            let mut heard = 0_u64;
            loop {
                let event = tokio::select! {
                    event = events.next() => event,
                    changed = self.again.changed() => {
                        return if changed.is_ok() { End::Again } else { End::Over };
                    }
                    () = self.out.closed() => return End::Over,
                };
                match event {
                    Some(Ok(event)) => {
                        heard += 1;
                        match self.event(place, event).await {
                            None => {}
                            Some(end) => return end,
                        }
                    }
                    Some(Err(error)) => match Refusal::from(error) {
                        Refusal::Expired => return End::Again,
                        // Connections end; only one that never was any good is a failure.
                        Refusal::Failed(_) if heard > 0 || started.elapsed() >= SHORT => break,
                        refusal => return End::Failed(refusal.failure(&self.what())),
                    },
                    None => break,
                }
            }
            if heard == 0 && started.elapsed() < SHORT && !self.rest(self.pace.retry).await {
                return End::Over;
            }
        }
    }

    /// Takes one event; an answer ends the watch.
    async fn event(&self, place: &mut Place, event: WatchEvent<Value>) -> Option<End> {
        let (feed, at) = (self.number, self.clock.now());
        let heard = match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                advance(place, &object);
                match decode(&self.setting, self.resource, place.version, &object, at) {
                    Ok(decoded) => Heard::Changed { feed, decoded: Box::new(decoded), at },
                    Err(problem) => Heard::Broken { feed, problem: Box::new(problem) },
                }
            }
            WatchEvent::Deleted(object) => {
                advance(place, &object);
                match reference(self.resource, &object) {
                    Some(reference) => Heard::Removed { feed, reference, at },
                    None => return None,
                }
            }
            WatchEvent::Bookmark(bookmark) => {
                place.at = bookmark.metadata.resource_version;
                Heard::Confirmed { feed, at }
            }
            WatchEvent::Error(status) if status.code == 410 => return Some(End::Again),
            WatchEvent::Error(status) => return Some(End::Failed(client_failure(&kube::Error::Api(status)))),
        };
        (!self.tell(heard).await).then_some(End::Over)
    }

    /// Where a list may be had but not watched: waits for the next one.
    async fn poll(&mut self) -> End {
        let wait = around(self.pace.interval, self.setting.name.as_str(), 0);
        let next = later(self.clock.now(), wait);
        if self.tell(Heard::Unwatched { feed: self.number, next }).await && self.rest(wait).await {
            End::Again
        } else {
            End::Over
        }
    }
}

/// Whether a watch is refused for good: not allowed, or not implemented.
fn is_unwatchable(failure: &Failure) -> bool {
    failure.code == ErrorCode::Http403
}

fn later(at: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    chrono::TimeDelta::from_std(wait).ok().and_then(|wait| at.checked_add_signed(wait)).unwrap_or(at)
}

/// The place after an object.
fn advance(place: &mut Place, object: &Value) {
    if let Some(version) =
        object.get("metadata").and_then(|m| m.get("resourceVersion")).and_then(Value::as_str)
    {
        version.clone_into(&mut place.at);
    }
}
