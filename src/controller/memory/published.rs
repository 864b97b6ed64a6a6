//! Pure: what was published of an object: its status, and the last Event.

use std::time::Duration;

use tokio::time::Instant;

use crate::api::{Applied, ClassicLoadBalancerStatus};
use crate::controller::object::Object;
use crate::controller::status::Verdict;

/// How long something that a spec refers to may be missing before the object counts as stalled. It is looked for all the same.
const OVERDUE: Duration = Duration::from_mins(10);

/// What was published.
#[derive(Debug, Default)]
pub(in crate::controller) struct Published {
    /// The status as last written: the cache may still hold the object from before our own last write.
    status: Option<ClassicLoadBalancerStatus>,
    /// What was applied, also where the status that tells so could not be written.
    applied: Option<Applied>,
    /// Reason and text of the last Event about `Ready`, so that it is published once.
    event: Option<(String, String)>,
    verdict: Option<Verdict>,
    /// Since when a reconcile ends with something that has not come.
    awaited_since: Option<(String, Instant)>,
    overdue: bool,
}

impl Published {
    /// The status as it was last written.
    pub(in crate::controller) fn written(&self, object: &Object) -> ClassicLoadBalancerStatus {
        self.status
            .clone()
            .or_else(|| object.status.clone())
            .unwrap_or_default()
    }

    /// The status to build on: as written, and with what was applied since though no status could tell.
    pub(in crate::controller) fn previous(&self, object: &Object) -> ClassicLoadBalancerStatus {
        let mut status = self.written(object);
        if let Some(applied) = &self.applied {
            // Of an empty one the API server would make what it then refuses.
            status.applied = (*applied != Applied::default()).then(|| applied.clone());
        }
        status
    }

    /// Whose object it is, the stored status says, unless it is known to be that of this cluster id: a person hands it over
    /// by taking that of another out.
    pub(in crate::controller) fn hand_over(&mut self, object: &Object, cluster_id: &str) {
        if let Some(written) = &mut self.status
            && written.cluster_id.as_deref() != Some(cluster_id)
        {
            let stored = object.status.as_ref();
            written.cluster_id = stored.and_then(|stored| stored.cluster_id.clone());
        }
    }

    /// A status was written.
    pub(in crate::controller) fn wrote(&mut self, status: ClassicLoadBalancerStatus) {
        self.status = Some(status);
    }

    /// Something was applied that the next status shall tell.
    pub(in crate::controller) fn applied(&mut self, applied: Applied) {
        self.applied = Some(applied);
    }

    /// Whether an Event about this was not published yet; from now on it was.
    pub(in crate::controller) fn is_news(&mut self, reason: &str, text: &str) -> bool {
        let event = Some((reason.to_owned(), text.to_owned()));
        let news = self.event != event;
        self.event = event;
        news
    }

    /// How the last full reconcile ended.
    pub(in crate::controller) fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// Keeps how a full reconcile ended. `was_stalled`: the status said of the same that it does not go on.
    pub(in crate::controller) fn concluded(&mut self, verdict: Verdict, was_stalled: bool, now: Instant) {
        self.awaited_since = match &verdict {
            // AWS could not be asked, which says nothing about what is awaited.
            Verdict::Unread(_) => self.awaited_since.take(),
            verdict => verdict.awaited().map(|reason| match self.awaited_since.take() {
                Some((before, since)) if before == reason => (before, since),
                _ => (reason.to_owned(), now),
            }),
        };
        let lasts = |since: Instant| now.saturating_duration_since(since) >= OVERDUE;
        self.overdue = self
            .awaited_since
            .as_ref()
            .is_some_and(|(_, since)| was_stalled || lasts(*since));
        self.verdict = Some(verdict);
    }

    /// Whether this is how it ended, with something that has not come for so long that somebody should know.
    pub(in crate::controller) fn is_overdue(&self, verdict: &Verdict) -> bool {
        self.overdue && self.verdict.as_ref() == Some(verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(name: &str) -> ClassicLoadBalancerStatus {
        ClassicLoadBalancerStatus {
            load_balancer_name: Some(name.into()),
            ..ClassicLoadBalancerStatus::default()
        }
    }

    #[test]
    fn our_own_last_write_counts_more_than_the_cache() {
        let object = Object {
            status: Some(status("cached")),
            ..Object::default()
        };
        let mut published = Published::default();
        assert_eq!(published.previous(&object), status("cached"));
        published.wrote(status("written"));
        assert_eq!(published.written(&object), status("written"));
        let applied = Applied {
            tag_keys: vec!["team".into()],
            ..Applied::default()
        };
        published.applied(applied.clone());
        assert_eq!(published.previous(&object).applied, Some(applied));
        assert_eq!(published.written(&object).applied, None, "no status could tell yet");
        published.applied(Applied::default());
        assert_eq!(published.previous(&object).applied, None, "nothing is applied any more");
    }

    #[test]
    fn an_object_is_handed_over_by_its_stored_status() {
        let with = |cluster: Option<&str>| ClassicLoadBalancerStatus {
            cluster_id: cluster.map(ToOwned::to_owned),
            ..ClassicLoadBalancerStatus::default()
        };
        let after = |written: &str, stored: Option<&str>| {
            let object = Object {
                status: Some(with(stored)),
                ..Object::default()
            };
            let mut published = Published::default();
            published.wrote(with(Some(written)));
            published.hand_over(&object, "own");
            published.written(&object).cluster_id
        };
        assert_eq!(after("other", Some("other")).as_deref(), Some("other"));
        assert_eq!(after("other", None), None, "handed over");
        assert_eq!(after("own", None).as_deref(), Some("own"), "the cache is behind");
    }

    #[test]
    fn what_does_not_come_is_overdue_after_a_while() {
        use crate::plan::{Problem, Track};
        let missing = || {
            Verdict::NotAccepted(Problem::missing(
                Track::Listeners,
                crate::api::message::no_such_groups("web", "us-east-1"),
            ))
        };
        let (mut published, now) = (Published::default(), Instant::now());
        published.concluded(missing(), false, now);
        assert!(!published.is_overdue(&missing()));
        published.concluded(missing(), false, now + OVERDUE);
        assert!(published.is_overdue(&missing()) && !published.is_overdue(&Verdict::Programmed));
        published.concluded(Verdict::Programmed, false, now + OVERDUE);
        published.concluded(missing(), false, now + OVERDUE);
        assert!(!published.is_overdue(&missing()), "it begins anew");
        published.concluded(missing(), true, now + OVERDUE);
        assert!(published.is_overdue(&missing()), "a process before this one waited");
    }

    #[test]
    fn an_event_is_news_once() {
        let mut published = Published::default();
        assert!(published.is_news("Ready", "yes") && !published.is_news("Ready", "yes"));
        assert!(published.is_news("Lost", "no") && published.is_news("Ready", "yes"));
    }
}
