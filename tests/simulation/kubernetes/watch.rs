//! Watches: changes as they come, for as long as the client asked.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use hyper::body::Frame;
use serde_json::json;
use tokio::time::Instant;

use super::Kubernetes;
use super::kinds::Kind;
use super::refusal::Refusal;
use super::request::Asked;
use super::serve::{Selection, partial};
use super::store::{Change, Ending, Object};

/// The API server ends a watch after some time of its own where the client names none.
const LONGEST: u64 = 1800;
/// Between two bookmarks.
const BOOKMARKS: Duration = Duration::from_mins(1);

/// A watch under way.
struct Watch {
    server: Kubernetes,
    kind: Arc<Kind>,
    selection: Selection,
    metadata_only: bool,
    after: u64,
    /// What is to be sent before anything else.
    pending: VecDeque<Bytes>,
    bookmarks: Option<Instant>,
    until: Instant,
    /// How often watches of this resource had been ended when this one began.
    ended: u64,
    over: bool,
    changes: tokio::sync::watch::Receiver<u64>,
}

/// The lines of a watch.
pub(super) fn lines(
    server: &Kubernetes,
    kind: &Arc<Kind>,
    asked: &Asked,
    selection: Selection,
) -> Result<impl Stream<Item = io::Result<Frame<Bytes>>> + Send + use<>, Refusal> {
    let now = Instant::now();
    let seconds = asked.query("timeoutSeconds").parse().unwrap_or(LONGEST);
    let from = asked.query("resourceVersion");
    let from_now_on = from.is_empty() || from == "0";
    let state = server.state();
    let mut watch = Watch {
        kind: Arc::clone(kind),
        selection,
        metadata_only: asked.metadata_only,
        after: if from_now_on {
            state.version
        } else {
            let wrong = |_| Refusal::bad_request("resourceVersion: Invalid value");
            from.parse().map_err(wrong)?
        },
        pending: VecDeque::new(),
        bookmarks: (asked.query("allowWatchBookmarks") == "true").then_some(now + BOOKMARKS),
        until: now + Duration::from_secs(seconds),
        ended: state.table(&kind.plural).map_or(0, |table| table.ended.0),
        over: false,
        // Subscribed while the state is held, so that no change comes between.
        changes: server.inner.changes.subscribe(),
        server: server.clone(),
    };
    if from_now_on {
        for object in state.all(&kind.plural) {
            if watch.selection.covers(&object) {
                let line = watch.line("ADDED", &object);
                watch.pending.push_back(line);
            }
        }
        if asked.query("sendInitialEvents") == "true" {
            let line = watch.bookmark(true);
            watch.pending.push_back(line);
        }
    }
    drop(state);
    Ok(futures::stream::unfold(watch, |mut watch| async move {
        let line = watch.next().await?;
        Some((line.map(Frame::data), watch))
    }))
}

impl Watch {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        loop {
            if let Some(line) = self.pending.pop_front() {
                return Some(Ok(line));
            }
            if self.over {
                return None;
            }
            self.changes.borrow_and_update();
            if let Err(error) = self.look() {
                self.over = true;
                return Some(Err(error));
            }
            if !self.pending.is_empty() || self.over {
                continue;
            }
            let now = Instant::now();
            if now >= self.until {
                self.over = true;
                continue;
            }
            if self.bookmarks.is_some_and(|due| now >= due) {
                self.bookmarks = Some(now + BOOKMARKS);
                return Some(Ok(self.bookmark(false)));
            }
            let wake = self.bookmarks.map_or(self.until, |due| due.min(self.until));
            tokio::select! {
                biased;
                _ = self.changes.changed() => {}
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    /// Takes in what has changed since.
    fn look(&mut self) -> io::Result<()> {
        let server = self.server.clone();
        let state = server.state();
        let Some(table) = state.table(&self.kind.plural) else {
            self.over = true;
            return Ok(());
        };
        let (ended, ending) = table.ended;
        let too_old = self.after < table.forgotten;
        if ended != self.ended && ending == Ending::Broken {
            return Err(io::Error::from(io::ErrorKind::ConnectionReset));
        }
        if ended != self.ended && ending == Ending::Closed {
            self.over = true;
        } else if ended != self.ended || too_old {
            let error = json!({"type": "ERROR", "object": Refusal::expired().body()});
            self.pending.push_back(Bytes::from(format!("{error}\n")));
            self.over = true;
        } else {
            let first = table.changes.partition_point(|change| change.version <= self.after);
            for change in table.changes.range(first..) {
                if let Some(line) = self.tell(change) {
                    self.pending.push_back(line);
                }
            }
            self.after = state.version;
        }
        Ok(())
    }

    /// An object that is not selected any more counts as deleted, one that is selected now as added.
    fn tell(&self, change: &Change) -> Option<Bytes> {
        let (namespace, name) = &change.key;
        if !self.selection.names(namespace, name) {
            return None;
        }
        let was = change
            .before
            .as_ref()
            .is_some_and(|before| self.selection.covers(before));
        let is = !change.gone && self.selection.covers(&change.object);
        let event = match (was, is) {
            (false, false) => return None,
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
        };
        Some(self.line(event, &change.object))
    }

    fn line(&self, event: &str, object: &Object) -> Bytes {
        let mut line = Vec::with_capacity(object.text.len() + 40);
        line.extend_from_slice(format!("{{\"type\":\"{event}\",\"object\":").as_bytes());
        if self.metadata_only {
            line.extend_from_slice(partial(&object.value).to_string().as_bytes());
        } else {
            line.extend_from_slice(&object.text);
        }
        line.extend_from_slice(b"}\n");
        Bytes::from(line)
    }

    fn bookmark(&self, initial: bool) -> Bytes {
        let mut metadata = json!({"resourceVersion": self.after.to_string(), "creationTimestamp": null});
        if initial {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = json!({"apiVersion": self.kind.api_version(), "kind": self.kind.name, "metadata": metadata});
        Bytes::from(format!("{}\n", json!({"type": "BOOKMARK", "object": object})))
    }
}

/// Nothing in a body that is sent at once can fail.
pub(super) fn never(error: Infallible) -> io::Error {
    match error {}
}
