//! I/O: the parts of a balancer that its description leaves out. They cost a call each and are read where they matter.

use super::Pass;
use super::outcome::Work;
use crate::controller::memory::Memory;
use crate::elb::{Attributes, Declared, LoadBalancer, Part, Policy, is_own_policy};
use crate::plan::track;

impl Pass<'_> {
    /// Adds policies and attributes. What cannot be read is left as it is in this pass.
    pub(super) async fn read_parts(
        &self,
        lb: &mut LoadBalancer,
        declared: &mut Declared,
        memory: &Memory,
        prove: bool,
        work: &mut Work,
    ) {
        let known = memory
            .observed
            .as_ref()
            .filter(|known| !prove && known.identity.created_time == lb.identity.created_time);
        if let Err(error) = self.read_policies(lb, declared, known).await {
            work.unread(track::POLICIES, &error);
            declared.ignored.insert(Part::Policies);
        }
        if let Err(error) = self.read_attributes(lb, declared, known).await {
            work.unread(track::ATTRIBUTES, &error);
            declared.ignored.insert(Part::Attributes);
        }
    }

    /// `DescribeLoadBalancerPolicies`, where policies are declared or were made by us. They never change, only come and
    /// go, so those that were read before are known.
    async fn read_policies(
        &self,
        lb: &mut LoadBalancer,
        declared: &Declared,
        known: Option<&LoadBalancer>,
    ) -> Result<(), crate::aws::Error> {
        for (name, policy) in &mut lb.policies {
            if let Some(read) = known
                .and_then(|known| known.policies.get(name))
                .filter(|_| *policy == Policy::UNREAD)
            {
                policy.clone_from(read);
            }
        }
        let matters = !declared.listener_policies.is_empty()
            || !declared.backends.is_empty()
            || lb.policies.keys().any(|name| is_own_policy(name));
        if matters && lb.policies.values().any(|policy| *policy == Policy::UNREAD) {
            lb.policies.extend(self.subject.client.policies(&lb.name).await?);
        }
        Ok(())
    }

    /// `DescribeLoadBalancerAttributes`, where attributes are declared.
    async fn read_attributes(
        &self,
        lb: &mut LoadBalancer,
        declared: &Declared,
        known: Option<&LoadBalancer>,
    ) -> Result<(), crate::aws::Error> {
        if declared.attributes == Attributes::default() || lb.attributes != Attributes::default() {
            return Ok(());
        }
        let complete = |known: &&LoadBalancer| {
            let known = known.attributes.all();
            declared
                .attributes
                .all()
                .iter()
                .all(|wanted| known.iter().any(|known| known.is_same_attribute(wanted)))
        };
        lb.attributes = match known.filter(complete) {
            Some(known) => known.attributes.clone(),
            None => self.subject.client.attributes(&lb.name).await?,
        };
        Ok(())
    }
}
