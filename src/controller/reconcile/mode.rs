//! Pure: how far the operator goes with an object.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt as _;

use crate::api::message;
use crate::api::{FINALIZER, Management, Permission};
use crate::controller::namespaces::Namespaces;
use crate::controller::nodes::NodeDraining;
use crate::controller::object::Object;
use crate::controller::status::Verdict;
use crate::plan::adoption::Adoption;
use crate::plan::{Cause, Explained, Problem};

/// What the operator was started with and holds for every object.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Where objects are worked on.
    pub namespaces: Namespaces,
    /// Which existing load balancers are taken over.
    pub adoption: Adoption,
    /// Which load balancers of others objects may register instances with.
    pub binding: Permission,
    /// Regions that there are though this version does not know them.
    pub extra_regions: BTreeSet<String>,
    /// Whether nothing at all is written to AWS.
    pub read_only: bool,
    /// Tags of every load balancer; those of an object win over them.
    pub default_tags: BTreeMap<String, String>,
    /// Whether objects that refer to no account are refused.
    pub requires_account: bool,
    /// What is done with Nodes that are about to go.
    pub node_draining: NodeDraining,
}

/// Who wants nothing written to AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::controller) enum ReadsOnly {
    /// Whoever started the operator.
    Operator,
    /// Whoever wrote the object.
    Object,
}

/// How far the operator goes with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::controller) struct Mode {
    /// Who wants nothing written to AWS, where that is so.
    pub(in crate::controller) reads_only: Option<ReadsOnly>,
    /// The object is being deleted and must not be. Until that is resolved the load balancer is kept as declared.
    pub(in crate::controller) protected: bool,
    /// The object has our finalizer.
    pub(in crate::controller) held: bool,
}

impl Mode {
    /// Reads the spec; what the operator was started with goes first.
    pub(in crate::controller) fn of(object: &Object, rules: &Rules) -> Self {
        let management = object.spec.management;
        let reads_only = if rules.read_only {
            Some(ReadsOnly::Operator)
        } else if management == Some(Management::Observe) {
            Some(ReadsOnly::Object)
        } else {
            None
        };
        // Without our finalizer nothing holds the object, and nothing of it is in AWS.
        let held = object.finalizers().iter().any(|finalizer| finalizer == FINALIZER);
        Self {
            held,
            reads_only,
            protected: object.metadata.deletion_timestamp.is_some()
                && held
                && object.spec.deletion_protection == Some(true)
                && management != Some(Management::Suspended),
        }
    }

    /// The verdict as it is told. `planned` are the calls that would be made.
    pub(in crate::controller) fn overrule(self, verdict: Verdict, planned: &[Explained]) -> Verdict {
        if self.protected {
            return Verdict::Overruled {
                message: message::deletion_protected(),
                inner: Box::new(verdict),
            };
        }
        let Some(who) = self.reads_only else {
            return verdict;
        };
        // What could not be read, can never be, is lost, or is in another account, is not observed.
        let blocked = |problem: &Problem| problem.cause == Cause::Blocked;
        let lost = matches!(&verdict, Verdict::NotProgrammed(problem) if blocked(problem));
        let outside = |problem: &Problem| problem.is_invalid() || problem.is_of_account();
        if lost || matches!(&verdict, Verdict::Unread(_)) || verdict.problem().is_some_and(outside) {
            return verdict;
        }
        let would = match (planned.len(), &verdict) {
            (0, verdict) => verdict
                .problem()
                .map_or_else(message::no_call, |problem| problem.message.to_string()),
            (1, _) => message::one_call(),
            (more, _) => message::calls(more),
        };
        let away: Vec<String> = planned
            .iter()
            .filter(|call| call.takes_away)
            .map(|call| call.step.to_string())
            .collect();
        let would = if away.is_empty() {
            would
        } else {
            message::and_takes_away(would, away.join("; "))
        };
        let differs = (!planned.is_empty()).then(|| message::differs(&would));
        let message = match who {
            ReadsOnly::Operator => message::reading_only(would),
            ReadsOnly::Object => message::observing(would),
        };
        Verdict::Observed {
            message,
            differs,
            inner: Box::new(verdict),
        }
    }
}
