//! I/O: the details of a load balancer that its description leaves out. They cost a call each and are read where they
//! matter.

use super::met::Met;
use super::subject::Subject;
use crate::aws::Error;
use crate::elb::{Attributes, Declared, LoadBalancer, Part, Policy, is_own_policy};
use crate::plan::Track;

/// Adds policies and attributes. What cannot be read is left as it is in this reconcile. `known` is what was read
/// before of the same load balancer, where that still counts.
pub(super) async fn read_details(
    subject: &Subject<'_>,
    lb: &mut LoadBalancer,
    declared: &mut Declared,
    known: Option<&LoadBalancer>,
    met: &mut Met,
) {
    if let Err(error) = read_policies(subject, lb, declared, known).await {
        met.unread(Track::Policies, &error);
        declared.ignored.insert(Part::Policies);
    }
    if let Err(error) = read_attributes(subject, lb, declared, known).await {
        met.unread(Track::Attributes, &error);
        declared.ignored.insert(Part::Attributes);
    }
}

/// `DescribeLoadBalancerPolicies`, where policies are declared or were made by us. They never change, only come and go,
/// so those that were read before are known.
async fn read_policies(
    subject: &Subject<'_>,
    lb: &mut LoadBalancer,
    declared: &Declared,
    known: Option<&LoadBalancer>,
) -> Result<(), Error> {
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
        lb.policies.extend(subject.region.client.policies(&lb.name).await?);
    }
    Ok(())
}

/// `DescribeLoadBalancerAttributes`, where attributes are declared.
async fn read_attributes(
    subject: &Subject<'_>,
    lb: &mut LoadBalancer,
    declared: &Declared,
    known: Option<&LoadBalancer>,
) -> Result<(), Error> {
    if declared.attributes == Attributes::default() || lb.attributes != Attributes::default() {
        return Ok(());
    }
    let complete = |known: &&LoadBalancer| {
        let known = known.attributes.all();
        let mut wanted = declared.attributes.all().into_iter();
        wanted.all(|wanted| known.iter().any(|known| known.is_same_attribute(&wanted)))
    };
    lb.attributes = match known.filter(complete) {
        Some(known) => known.attributes.clone(),
        None => subject.region.client.attributes(&lb.name).await?,
    };
    Ok(())
}
