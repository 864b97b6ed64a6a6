//! I/O: takes over a balancer that is not ours, where that is asked for and permitted.

use kube::ResourceExt as _;
use kube::core::PartialObjectMeta;

use super::outcome::{self, Halt};
use super::{Error, Pass};
use crate::api::message;
use crate::api::{ClassicLoadBalancer, Scheme as SchemeSpec};
use crate::controller::event;
use crate::controller::status::{Problem, Verdict};
use crate::elb::{LoadBalancer, Origin, Ownership, Scheme, TAG_CLUSTER, TAG_OWNER};
use crate::plan::Step;
use crate::plan::adoption::{Claim, Question};

impl Pass<'_> {
    /// Takes the balancer over: its tags are the first and only write that is forced on it.
    pub(super) async fn adopt(
        &self,
        ownership: &Ownership,
        mut lb: LoadBalancer,
    ) -> Result<Result<LoadBalancer, Halt>, Error> {
        let claim = match self.claim(ownership, &lb).await? {
            Ok(claim) => claim,
            Err(halt) => return Ok(Err(halt)),
        };
        self.ensure_finalizer().await?;
        let _alone = self.ctx.adopting.lock().await;
        let client = &self.subject.client;
        // Somebody may have claimed it since it was judged.
        match client.tags(&self.subject.name).await {
            Ok(tags) if tags == lb.tags => {}
            Ok(tags) => {
                lb.tags = tags;
                return Ok(Err(self.contested(&lb)));
            }
            Err(error) => return Ok(Err(outcome::unreadable(&error))),
        }
        if let Err(error) = client.run(&self.subject.name, &claim).await {
            return Ok(Err(outcome::not_claimed(&error)));
        }
        self.ctx.metrics.step(claim.operation());
        tracing::info!(load_balancer = lb.name, step = %claim, "AWS accepted the adoption");
        // An operator of another cluster may have written at the same time: the last one has it.
        lb.tags = match client.tags(&self.subject.name).await {
            Ok(tags) => tags,
            Err(error) => return Ok(Err(outcome::unreadable(&error))),
        };
        if self.subject.owner.judge(&lb.tags) != Ownership::Ours {
            return Ok(Err(self.contested(&lb)));
        }
        let message = message::adopted(&lb.name);
        event::normal(&self.ctx.events, self.object, "AddTags", &message).await;
        Ok(Ok(lb))
    }

    /// The call that takes the balancer over, or why that may not be.
    pub(super) async fn claim(&self, ownership: &Ownership, lb: &LoadBalancer) -> Result<Result<Step, Halt>, Error> {
        let refused = |message| Ok(Err(outcome::not_ours(message)));
        let question = self.question(lb);
        // A balancer that this object published before and that was replaced is another one with another DNS name, which
        // no tag makes its own.
        let replaced = self.replaced(lb);
        if *ownership == Ownership::Nobody
            && let Some(halt) = replaced
        {
            return Ok(Err(halt));
        }
        match question.answer(ownership) {
            Claim::Free => {}
            Claim::FreeUnlessAlive(uid) if !self.is_alive(&uid, lb).await? => {}
            Claim::FreeUnlessAlive(_) => return refused(question.alive()),
            Claim::Refused(message) => return refused(message),
        }
        if let Some(halt) = replaced {
            return Ok(Err(halt));
        }
        if let Some(halt) = self.other_scheme(lb) {
            return Ok(Err(halt));
        }
        Ok(Ok(Step::AddTags(self.subject.owner.tags(Origin::Adopted))))
    }

    fn question<'a>(&'a self, lb: &'a LoadBalancer) -> Question<'a> {
        let known = self.previous.created_time.as_ref();
        Question {
            adoption: self.ctx.rules.adoption,
            asked: self.object.spec.adopt == Some(true),
            owner: &self.subject.owner,
            name: &self.subject.name,
            region: &self.subject.region,
            tags: &lb.tags,
            was_ours: known.is_some() && known == lb.identity.created_time.as_ref(),
        }
    }

    /// Somebody else was faster.
    fn contested(&self, lb: &LoadBalancer) -> Halt {
        match self.question(lb).answer(&self.subject.owner.judge(&lb.tags)) {
            Claim::Refused(message) => outcome::not_ours(message),
            _ => Verdict::NotAccepted(Problem::reconciling(message::contested(&lb.name))).into(),
        }
    }

    /// Whether the object of this UID, which owns the balancer, lives in the cluster. The cache may be behind, so the API
    /// server is asked. Of a namespace that is not watched nothing is known, so that whoever is there counts as alive.
    async fn is_alive(&self, uid: &str, lb: &LoadBalancer) -> Result<bool, Error> {
        let namespaces = &self.ctx.rules.namespaces;
        let of_this_cluster = lb.tags.get(TAG_CLUSTER) == Some(&self.ctx.cluster_id);
        let owner = lb.tags.get(TAG_OWNER).and_then(|owner| owner.split_once('/'));
        if of_this_cluster && owner.is_some_and(|(namespace, _)| !namespaces.hold(namespace)) {
            return Ok(true);
        }
        for api in namespaces.apis::<PartialObjectMeta<ClassicLoadBalancer>>(&self.ctx.client) {
            let objects = api.list_metadata(&kube::api::ListParams::default()).await?.items;
            if objects.iter().any(|object| object.uid().as_deref() == Some(uid)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The scheme has a default and can never be changed: a spec that does not say what the balancer is would lie.
    fn other_scheme(&self, lb: &LoadBalancer) -> Option<Halt> {
        let declared = match self.object.spec.scheme {
            SchemeSpec::InternetFacing => Scheme::InternetFacing,
            SchemeSpec::Internal => Scheme::Internal,
        };
        if declared == lb.scheme {
            return None;
        }
        let message = message::other_scheme(declared.as_str(), &lb.name, lb.scheme.as_str());
        Some(Verdict::NotAccepted(Problem::stalled(message)).into())
    }
}
