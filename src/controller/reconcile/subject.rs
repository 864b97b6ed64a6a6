//! Whose load balancer it is, where it is, and how far the operator goes with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::ResourceExt as _;

use super::mode::Mode;
use super::stop::{Halt, Stop};
use crate::api::message::{self, Refusal};
use crate::api::{ClassicLoadBalancerStatus, FINALIZER, Management, REQUESTED_AT};
use crate::aws::{self, AccountRegion, Reads};
use crate::controller::accounts::Terms;
use crate::controller::claims::Place;
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::memory::Seen;
use crate::controller::object::{Kind, Object};
use crate::controller::shares::share_of;
use crate::elb::{Owner, Ownership, region};
use crate::plan::binding::Bond;
use crate::plan::desired::{self, Desired, Resolved, Wish};
use crate::plan::{Problem, Track};

/// An object and its load balancer.
#[derive(Clone)]
pub(in crate::controller) struct Subject<'a> {
    pub(in crate::controller) object: &'a Object,
    /// The status to build on.
    pub(in crate::controller) previous: ClassicLoadBalancerStatus,
    pub(in crate::controller) namespace: String,
    /// The name in AWS.
    pub(in crate::controller) name: String,
    pub(in crate::controller) owner: Owner,
    pub(in crate::controller) mode: Mode,
    pub(in crate::controller) region: Arc<AccountRegion>,
    /// What its calls are made for.
    pub(in crate::controller) reads: Reads,
    /// What its account grants it.
    pub(in crate::controller) terms: Terms,
}

/// What is to be done about an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::controller) enum Course {
    /// It is being deleted.
    Finalize,
    /// Nothing, on request.
    Rest,
    /// Its load balancer is made as declared.
    Realise,
}

/// What every stored object has.
pub(in crate::controller) struct Coordinates {
    pub(in crate::controller) namespace: String,
    pub(in crate::controller) name: String,
    pub(in crate::controller) uid: String,
}

impl Coordinates {
    pub(in crate::controller) fn of(object: &impl kube::Resource) -> Result<Self, Error> {
        Ok(Self {
            namespace: object.namespace().ok_or(Error::Incomplete("namespace"))?,
            name: object.name_any(),
            uid: object.uid().ok_or(Error::Incomplete("uid"))?,
        })
    }
}

fn no_such_region(region: &str) -> Refusal {
    match region::like(region).as_slice() {
        [] => message::unknown_region(region),
        likely => message::misspelt_region(region, likely.join(", ")),
    }
}

/// The operator's own region, which objects are in that name none.
fn no_such_own_region(region: &str) -> Problem {
    let message = match region::like(region).as_slice() {
        [] => message::unknown_own_region(region),
        likely => message::misspelt_own_region(region, likely.join(", ")),
    };
    Problem::invalid(Track::LoadBalancer, message)
}

/// What a person asks for.
pub(in crate::controller) fn seen(object: &Object) -> Seen {
    Seen {
        generation: object.metadata.generation.unwrap_or_default(),
        requested_at: object.annotations().get(REQUESTED_AT).cloned(),
    }
}

/// Whose claims those of the load balancer beside are.
pub(in crate::controller) fn beside(uid: &str) -> String {
    format!("{uid}/beside")
}

impl<'a> Subject<'a> {
    pub(in crate::controller) fn of(
        object: &'a Object,
        cx: &Context,
        previous: ClassicLoadBalancerStatus,
        reads: Reads,
    ) -> Result<Self, Stop> {
        let Coordinates { namespace, name, uid } = Coordinates::of(object)?;
        let terms = Terms::of(&object.spec, &namespace, &cx.account_view, &cx.rules);
        let terms = terms.map_err(|problem| Halt::not_found(&problem))?;
        let region = match object.spec.region.as_deref() {
            // Clients cost memory, so none is made for a region that does not exist.
            Some(region) if !cx.may_be_in(region) => return Err(no_such_region(region).into()),
            Some(region) => region,
            None => {
                let problem = || Problem::invalid(Track::LoadBalancer, message::no_region());
                let region = cx.accounts.default_region().ok_or_else(|| Stop::Refused(problem()))?;
                if !cx.may_be_in(region) {
                    return Err(Stop::Refused(no_such_own_region(region)));
                }
                region
            }
        };
        terms
            .check_region(region)
            .map_err(|problem| Halt::not_found(&problem))?;
        let share = share_of(cx.leaders(), &object.spec);
        let cluster = &cx.cluster_id;
        let given = object
            .aws_name
            .clone()
            .or_else(|| object.spec.load_balancer_name.clone());
        Ok(Self {
            name: given.unwrap_or_else(|| desired::default_name(cluster, &namespace, &name)),
            owner: Owner {
                cluster: cluster.clone(),
                object: format!("{namespace}/{name}"),
                uid: uid.clone(),
            },
            mode: Mode::of(object, &cx.rules),
            region: cx
                .accounts
                .region_for((&uid, share.as_ref()), terms.role().as_ref(), region, reads),
            reads,
            terms,
            object,
            previous,
            namespace,
        })
    }

    /// The same where and under the name that the load balancer was made: a region or a cluster id that changed under
    /// us must not hide it.
    pub(in crate::controller) fn as_made(&self, cx: &Context) -> Self {
        let region = self.previous.region.as_ref();
        let share = share_of(cx.leaders(), &self.object.spec);
        Self {
            region: region.map_or_else(
                || Arc::clone(&self.region),
                |region| {
                    cx.accounts.region_for(
                        (&self.owner.uid, share.as_ref()),
                        self.terms.role().as_ref(),
                        region,
                        self.reads,
                    )
                },
            ),
            name: self.former_name().unwrap_or(&self.name).clone(),
            ..self.clone()
        }
    }

    /// The cluster id of the operator that has taken the object up, where that is another one.
    pub(super) fn other_cluster(&self) -> Option<&String> {
        let taken_up = self.previous.cluster_id.as_ref();
        taken_up.filter(|other| **other != self.owner.cluster)
    }

    /// An operator of another cluster id has taken the object up: two that work on it would make two load balancers.
    pub(super) fn check_cluster(&self) -> Result<(), Box<Halt>> {
        match self.other_cluster() {
            // One that was made and whose name follows from the cluster id is told so in more words.
            Some(other) if self.former_name().is_none() => {
                Err(Halt::not_ours(message::other_cluster(other, &self.owner.cluster)).into())
            }
            _ => Ok(()),
        }
    }

    /// A load balancer has one region and one name for life. What would have it elsewhere is refused.
    pub(super) fn check_identity(&self) -> Result<(), Refusal> {
        let region = &self.region.region;
        if let Some(made_in) = self.previous.region.as_ref().filter(|made_in| *made_in != region) {
            return Err(message::region_moved(made_in, region));
        }
        if let Some(former) = self.former_name() {
            return Err(message::renamed(former, &self.name));
        }
        let given = self.object.spec.load_balancer_name.as_ref();
        // What is somebody else's may be called as it likes.
        let makes = self.object.spec.adopt != Some(true) && !self.object.is_binding();
        let given = given.filter(|_| makes);
        match given.and_then(|name| desired::default_name_of_another(&self.owner.cluster, &self.namespace, name)) {
            Some(other) => Err(message::name_of_another(&self.name, other)),
            None if self.may_take_a_default(given) => Err(message::name_like_a_default(&self.name)),
            None => Ok(()),
        }
    }

    /// Whether the name that is given to a load balancer yet to be made may be that of an object in another namespace.
    fn may_take_a_default(&self, given: Option<&String>) -> bool {
        let own = || {
            let (_, object) = self.owner.object.split_once('/').unwrap_or_default();
            desired::default_name(&self.owner.cluster, &self.namespace, object)
        };
        let may = given.filter(|given| desired::may_be_a_cut_default(given));
        self.previous.created_time.is_none() && may.is_some_and(|given| *given != own())
    }

    /// AWS could not be asked about the load balancer itself. Where it only has no turn yet, and nothing was changed here,
    /// nothing is concluded.
    pub(super) fn unreadable(&self, error: &aws::Error) -> Stop {
        match &error.wait {
            Some(wait) if self.is_observed() => Stop::Doubted(wait.time),
            Some(_) => Halt::in_line(error).into(),
            None => Halt::unreadable(error).into(),
        }
    }

    /// What is declared, with what it refers to.
    pub(super) fn declare(&self, resolved: &Resolved) -> Result<Desired, Refusal> {
        let wish = Wish {
            spec: &self.object.spec,
            name: &self.name,
            owner: &self.owner,
            applied: self.previous.applied.as_ref(),
            resolved,
        };
        let mut desired = match self.object.kind {
            Kind::Owner => desired::declare(&wish)?,
            Kind::Binding => desired::declare_instances(&wish)?,
        };
        let stays = self.object.stays;
        if stays.place {
            desired.declared.placement = None;
        }
        if stays.place || stays.members {
            desired.declared.security_groups = None;
        }
        Ok(desired)
    }

    /// What tags say about whether it may work on a load balancer.
    pub(super) fn judge(&self, tags: &BTreeMap<String, String>) -> Ownership {
        match self.object.kind {
            Kind::Owner => self.owner.judge(tags),
            Kind::Binding => self.bond(tags).judge(),
        }
    }

    /// Its relation to a load balancer with these tags that is somebody else's.
    pub(super) fn bond<'b>(&'b self, tags: &'b BTreeMap<String, String>) -> Bond<'b> {
        Bond {
            binding: self.terms.binding,
            by: &self.owner,
            name: &self.name,
            region: &self.region.region,
            tags,
        }
    }

    /// Whose claims its are: those of two load balancers of one object are told apart.
    pub(in crate::controller) fn claimant(&self) -> String {
        let uid = &self.owner.uid;
        if self.object.is_beside() {
            beside(uid)
        } else {
            uid.clone()
        }
    }

    /// Where its load balancer is.
    pub(super) fn place(&self) -> Place {
        let account = self.terms.account().map(|(_, id)| id.to_owned());
        Place {
            account: self.previous.account_id.clone().or(account),
            region: self.region.region.clone(),
            load_balancer: self.name.clone(),
        }
    }

    /// Whether nothing is written to AWS.
    pub(in crate::controller) fn is_dry(&self) -> bool {
        self.mode.reads_only.is_some()
    }

    /// The ids that the spec names itself, of this load balancer.
    pub(super) fn named(&self) -> BTreeSet<&String> {
        let targets = self.object.spec.targets.iter();
        targets
            .filter(|_| !self.object.stays.members)
            .flat_map(|targets| targets.instance_ids.iter().flatten())
            .collect()
    }

    pub(in crate::controller) fn generation(&self) -> i64 {
        self.object.metadata.generation.unwrap_or_default()
    }

    /// What a person asks for.
    pub(in crate::controller) fn seen(&self) -> Seen {
        seen(self.object)
    }

    /// Whether the status is about the spec as it is.
    pub(in crate::controller) fn is_observed(&self) -> bool {
        self.previous.observed_generation == self.object.metadata.generation
    }

    pub(in crate::controller) fn course(&self) -> Course {
        if self.object.metadata.deletion_timestamp.is_some() && !self.mode.protected {
            Course::Finalize
        } else if self.object.spec.management == Some(Management::Suspended) {
            Course::Rest
        } else {
            Course::Realise
        }
    }

    pub(in crate::controller) fn has_finalizer(&self) -> bool {
        self.object.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
    }

    /// The name under which the load balancer was made, where it would have another one now: a name that the spec does
    /// not give follows from the operator's cluster id.
    pub(in crate::controller) fn former_name(&self) -> Option<&String> {
        let former = self.previous.load_balancer_name.as_ref()?;
        (self.previous.created_time.is_some() && *former != self.name).then_some(former)
    }
}
