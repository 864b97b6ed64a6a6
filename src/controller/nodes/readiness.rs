//! Pure: whether Nodes became not ready at once.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::Node;
use crate::elb::InstanceId;

/// Nodes that become not ready within this time, or within the grace period where that is longer, do so at once: what
/// failed then is more likely what tells of them.
const AT_ONCE: Duration = Duration::from_mins(1);

/// Nodes that became not ready at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::controller) struct Unready {
    /// How many.
    pub(in crate::controller) count: usize,
    /// Of how many that match.
    pub(in crate::controller) of: usize,
    /// The instances of those that are no targets for it.
    pub(in crate::controller) instances: BTreeSet<InstanceId>,
}

/// How many of the matching Nodes are ready, and since when the others are not.
#[derive(Default)]
pub(super) struct Readiness {
    of: usize,
    since: Vec<Timestamp>,
    out: BTreeSet<InstanceId>,
}

impl Readiness {
    pub(super) fn count(&mut self, node: &Node, admitted: bool) {
        if node.deleting {
            return;
        }
        self.of += 1;
        let Some(since) = node.not_ready_since else { return };
        self.since.push(since);
        if !admitted {
            self.out.extend(node.instance.clone());
        }
    }

    /// The Nodes that became not ready at once, where they are more than half of all, and more than one.
    pub(super) fn unready(mut self, grace: Duration) -> Option<Unready> {
        self.since.sort();
        let most = (self.of / 2 + 1).max(2);
        let window = grace.max(AT_ONCE);
        let at_once = self.since.windows(most).any(|some| {
            let (Some(first), Some(last)) = (some.first(), some.last()) else {
                return false;
            };
            Duration::try_from(last.duration_since(*first)).unwrap_or_default() <= window
        });
        at_once.then_some(Unready {
            count: self.since.len(),
            of: self.of,
            instances: self.out,
        })
    }
}
