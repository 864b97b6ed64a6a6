//! Pure: how far the operator goes with an object.

use std::collections::BTreeMap;

use kube::ResourceExt as _;

use super::status::{OBSERVING, Verdict};
use crate::api::reason;
use crate::api::{ClassicLoadBalancer, FINALIZER, Management};
use crate::plan::adoption::Adoption;

/// What the operator was started with and holds for every object.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Which existing balancers are taken over.
    pub adoption: Adoption,
    /// Whether nothing at all is written to AWS.
    pub read_only: bool,
    /// Tags of every balancer; those of an object win over them.
    pub default_tags: BTreeMap<String, String>,
}

/// How far the operator goes with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode {
    /// Why nothing is written to AWS, where that is so.
    pub(super) reads_only: Option<&'static str>,
    /// The object is being deleted and must not be. Until that is resolved the balancer is kept as declared.
    pub(super) protected: bool,
}

impl Mode {
    /// Reads the spec; what the operator was started with goes first.
    pub(super) fn of(object: &ClassicLoadBalancer, rules: &Rules) -> Self {
        let management = object.spec.management;
        let reads_only = if rules.read_only {
            Some("the operator runs with --read-only")
        } else if management == Some(Management::Observe) {
            Some("spec.management is Observe")
        } else {
            None
        };
        // Without our finalizer nothing holds the object, and nothing of it is in AWS.
        let held = object.finalizers().iter().any(|finalizer| finalizer == FINALIZER);
        Self {
            reads_only,
            protected: object.metadata.deletion_timestamp.is_some()
                && held
                && object.spec.deletion_protection == Some(true)
                && management != Some(Management::Suspended),
        }
    }

    /// The verdict as it is told. `planned` counts the calls that would be made.
    pub(super) fn overrule(self, verdict: Verdict, planned: usize) -> Verdict {
        if self.protected {
            return Verdict::Overruled {
                status: "False",
                reason: reason::DELETION_PROTECTED,
                message:
                    "deletion waits: spec.deletionProtection is true; set spec.deletionProtection to false to let \
                          it go on. Until then the balancer is kept as declared"
                        .to_owned(),
                inner: Box::new(verdict),
            };
        }
        let Some(why) = self.reads_only else {
            return verdict;
        };
        let would = match (planned, &verdict) {
            (0, Verdict::Programmed) => "no call would be made".to_owned(),
            (0, verdict) => verdict
                .problem()
                .map_or_else(|| "no call would be made".to_owned(), |problem| problem.message.clone()),
            (1, _) => "1 call would be made, see status.plan".to_owned(),
            (more, _) => format!("{more} calls would be made, see status.plan"),
        };
        let message = format!("{why}, so nothing is written to AWS: {would}");
        let inner = match verdict {
            Verdict::Programmed if planned > 0 => Verdict::Planned(message.clone()),
            other => other,
        };
        Verdict::Overruled {
            status: "Unknown",
            reason: OBSERVING,
            message,
            inner: Box::new(inner),
        }
    }
}
