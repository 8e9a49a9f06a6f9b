//! Watches: initial state, changes, bookmarks, and 410 for who comes too late (API concepts: efficient detection of
//! changes; KEP-956 bookmarks; KEP-3157 streaming lists).

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use http::{HeaderValue, header};
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;
use tokio::time::Sleep;

use super::super::accept::Form;
use super::super::cluster::Cluster;
use super::super::kinds::Kind;
use super::super::reply::{Body, Outcome, Refused, Reply};
use super::super::request::Target;
use super::super::select::Filter;
use super::super::store::{Change, Happened};
use super::super::table::{Include, include, partial, table};
use super::{Call, typed};

/// How long a watch lasts when the client does not say, and how often a bookmark comes.
const LASTS: Duration = Duration::from_mins(30);
const BOOKMARK: Duration = Duration::from_secs(15);

/// A watch under way.
struct Watch {
    cluster: Arc<Cluster>,
    kind: &'static Kind,
    namespace: String,
    name: Option<String>,
    filter: Filter,
    form: Form,
    include: Include,
    bookmarks: bool,
    /// Everything up to here was sent.
    revision: u64,
    /// Tables carry their columns once.
    headed: bool,
    ready: VecDeque<Bytes>,
    news: Receiver<u64>,
    end: Pin<Box<Sleep>>,
    ended: bool,
}

/// Begins a watch.
pub(super) fn watch(call: &Call<'_>, target: &Target) -> Outcome {
    let form = call.form()?;
    if form == Form::Discovery {
        return Err(Refused::not_acceptable());
    }
    let asked = call.asked;
    let seconds = match asked.query("timeoutSeconds").map(str::parse::<u64>) {
        Some(Ok(seconds)) if seconds > 0 => Duration::from_secs(seconds),
        Some(Err(_)) => return Err(Refused::bad_request("timeoutSeconds is not a number")),
        _ => LASTS,
    };
    let from = match asked.query("resourceVersion").map(str::parse::<u64>) {
        Some(Ok(revision)) => revision,
        None => 0,
        Some(Err(_)) => return Err(Refused::bad_request("invalid resource version")),
    };
    let bookmarks = asked.flag("allowWatchBookmarks");
    let initial = asked.has("sendInitialEvents").then(|| asked.flag("sendInitialEvents"));
    if initial.is_some() && asked.query("resourceVersionMatch") != Some("NotOlderThan") {
        let why =
            "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan".to_owned();
        return Err(Refused::invalid_option(
            "ListOptions",
            "resourceVersionMatch",
            "FieldValueForbidden",
            why,
        ));
    }
    let mut watch = Watch {
        cluster: call.cluster.clone(),
        kind: target.kind,
        namespace: target.namespace.clone(),
        name: target.name.clone(),
        filter: Filter::new(target.kind, asked)?,
        form,
        include: include(asked)?,
        bookmarks,
        revision: from,
        headed: false,
        ready: VecDeque::new(),
        news: call.cluster.news.subscribe(),
        end: Box::pin(tokio::time::sleep(seconds)),
        ended: false,
    };
    let shelf = target.kind.shelf();
    let (current, gone) =
        call.cluster.with_store(&[shelf], |store| (store.revision(), from != 0 && store.is_gone(from)));
    match initial {
        // With a revision and no word on initial events, only what came after it.
        None if from != 0 && gone => watch.too_old(current),
        None if from != 0 => {}
        Some(false) => watch.revision = if from == 0 || gone { current } else { from },
        // A server of 1.36 ends the initial state of an ordinary watch with the same bookmark.
        None | Some(true) => {
            watch.send_state();
            if bookmarks {
                let event = watch.bookmark(true);
                watch.ready.push_back(event);
            }
        }
    }
    let chunks =
        stream::unfold(watch, |mut watch| async move { watch.next().await.map(|event| (Ok(event), watch)) });
    let mut reply = Reply::new(Body::Chunks(chunks.boxed()));
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    Ok(reply)
}

impl Watch {
    /// The next line, or nothing at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            self.news.borrow_and_update();
            self.collect();
            if !self.ready.is_empty() || self.ended {
                continue;
            }
            let bookmark = tokio::time::sleep(BOOKMARK);
            tokio::select! {
                changed = self.news.changed() => self.ended = changed.is_err(),
                () = self.end.as_mut() => {
                    self.ended = true;
                    self.push_bookmark();
                }
                () = bookmark => self.push_bookmark(),
            }
        }
    }

    fn push_bookmark(&mut self) {
        if self.bookmarks {
            let event = self.bookmark(false);
            self.ready.push_back(event);
        }
    }

    /// Everything there is, as additions.
    fn send_state(&mut self) {
        let shelf = self.kind.shelf();
        let namespace = self.namespace.clone();
        let (objects, revision) = self
            .cluster
            .with_store(&[shelf], |store| (store.list(shelf, &namespace, None), store.revision()));
        for object in objects {
            let value = object.value();
            if self.concerns(&object.namespace, &object.name) && self.filter.passes(&value) {
                let event = self.event("ADDED", value);
                self.ready.push_back(event);
            }
        }
        self.revision = revision;
    }

    /// Queues what happened since the last look.
    fn collect(&mut self) {
        let shelf = self.kind.shelf();
        let (changes, revision) =
            self.cluster.with_store(&[shelf], |store| (store.since(shelf, self.revision), store.revision()));
        let Some(changes) = changes else { return self.too_old(revision) };
        for change in changes {
            if self.concerns(&change.object.namespace, &change.object.name)
                && let Some((kind, value)) = self.seen(&change)
            {
                let event = self.event(kind, value);
                self.ready.push_back(event);
            }
        }
        // A watch from a revision that is not there yet waits for it.
        self.revision = self.revision.max(revision);
    }

    fn concerns(&self, namespace: &str, name: &str) -> bool {
        (self.namespace.is_empty() || self.namespace == namespace)
            && self.name.as_deref().is_none_or(|own| own == name)
    }

    /// A change as it looks through the selectors: what enters is added, what leaves is deleted.
    fn seen(&self, change: &Change) -> Option<(&'static str, Value)> {
        let now = change.object.value();
        if self.filter.is_empty() {
            let kind = match change.happened {
                Happened::Added => "ADDED",
                Happened::Modified => "MODIFIED",
                Happened::Deleted => "DELETED",
            };
            return Some((kind, now));
        }
        let before = change.before.as_ref().map(|object| object.value());
        let passed = before.as_ref().is_some_and(|before| self.filter.passes(before));
        let passes = change.happened != Happened::Deleted && self.filter.passes(&now);
        match (passed, passes) {
            (false, true) => Some(("ADDED", now)),
            (true, true) => Some(("MODIFIED", now)),
            (true, false) => {
                // The object as it was when it still passed, under the revision at which it left.
                let mut before = before.unwrap_or_default();
                if let Some(revision) = before.pointer_mut("/metadata/resourceVersion") {
                    *revision = change.revision.to_string().into();
                }
                Some(("DELETED", before))
            }
            (false, false) => None,
        }
    }

    fn bookmark(&mut self, initial_end: bool) -> Bytes {
        let mut metadata = json!({"resourceVersion": self.revision.to_string()});
        if let (true, Some(metadata)) = (initial_end, metadata.as_object_mut()) {
            metadata.insert("annotations".into(), json!({"k8s.io/initial-events-end": "true"}));
        }
        self.event("BOOKMARK", json!({"metadata": metadata}))
    }

    fn too_old(&mut self, current: u64) {
        let refused = Refused::expired(&format!("too old resource version: {} ({current})", self.revision));
        self.ready.push_back(line("ERROR", &refused.status()));
        self.ended = true;
    }

    fn event(&mut self, kind: &str, value: Value) -> Bytes {
        let object = match self.form {
            Form::Table => {
                let revision = value.pointer("/metadata/resourceVersion").cloned().unwrap_or_default();
                let now = self.cluster.world.clock.now();
                let headers = !std::mem::replace(&mut self.headed, true);
                table(self.kind, json!({"resourceVersion": revision}), &[value], self.include, now, headers)
            }
            Form::Metadata | Form::MetadataList => partial(&value),
            Form::Plain | Form::Discovery => typed(self.kind, value),
        };
        line(kind, &object)
    }
}

fn line(kind: &str, object: &Value) -> Bytes {
    Bytes::from(format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n"))
}
