//! I/O: the load balancer as AWS has it, with proof of ownership and of the account.

use super::stop::{Halt, Stop};
use super::subject::Subject;
use crate::api::message;
use crate::aws::{Class, Error, View};
use crate::controller::status::Verdict;
use crate::elb::{LoadBalancer, Ownership};
use crate::plan::Problem;

/// What stands in AWS under the name.
#[derive(Debug)]
pub(in crate::controller) enum Observation {
    /// AWS said explicitly that there is none.
    Absent,
    /// Our own.
    Ours(Box<LoadBalancer>),
    /// Somebody else's, or nobody's.
    NotOurs(Ownership, Box<LoadBalancer>),
}

/// What it takes to know whether there is a load balancer, and whose it is.
pub(super) const LOOK: [&str; 2] = ["DescribeLoadBalancers", "DescribeTags"];

/// Reads the load balancer. `known` is what was proven to be ours before: the same one, told by its creation time,
/// needs no second proof unless `prove` asks for it.
pub(in crate::controller) async fn observe(
    subject: &Subject<'_>,
    view: &View,
    known: Option<&LoadBalancer>,
    prove: bool,
) -> Result<Observation, Error> {
    let exists = known.is_some() || subject.previous.created_time.is_some();
    let Some(mut lb) = view.load_balancer(&subject.name, exists).await? else {
        return Ok(Observation::Absent);
    };
    lb.tags = match known.filter(|known| is_same(known, &lb)).filter(|_| !prove) {
        Some(known) => known.tags.clone(),
        None => match view.tags(&subject.name).await {
            Ok(tags) => tags,
            // Deleted between the two calls.
            Err(error) if error.class == Class::Gone => return Ok(Observation::Absent),
            Err(error) => return Err(error),
        },
    };
    view.served(&subject.name);
    Ok(match subject.judge(&lb.tags) {
        Ownership::Ours => Observation::Ours(Box::new(lb)),
        other => Observation::NotOurs(other, Box::new(lb)),
    })
}

/// Whether both are of one creation.
pub(super) fn is_same(one: &LoadBalancer, other: &LoadBalancer) -> bool {
    one.identity.created_time == other.identity.created_time
}

/// What another account lacks, or has under the same name, says nothing about the load balancer of this one. Before an
/// absence, another owner or another creation is believed, the account that answers is compared with the one that the load
/// balancer is in, and AWS is looked at once more by the credentials that were compared.
pub(super) async fn confirmed(subject: &Subject<'_>, observation: Observation) -> Result<Observation, Stop> {
    // What is offered is so by words that another account may have, too.
    let proves = !subject.object.is_binding();
    let own = matches!(&observation, Observation::Ours(lb) if proves && replaced(subject, lb).is_none());
    let Some(known) = subject.previous.account_id.as_ref().filter(|_| !own) else {
        return Ok(observation);
    };
    let answering = subject
        .region
        .account()
        .await
        .map_err(|error| subject.unreadable(&error))?;
    if answering.id != *known {
        return Err(Halt::account_changed(&subject.name, known, &answering.id).into());
    }
    if matches!(observation, Observation::Ours(_)) {
        return Ok(observation);
    }
    let again = observe(subject, &subject.region.view.now(), None, true).await;
    again.map_err(|error| subject.unreadable(&error))
}

/// A load balancer with our tags but of another creation: somebody deleted ours and made this one look like it. One that is
/// somebody else's may be made again, and offered again.
pub(super) fn replaced(subject: &Subject<'_>, lb: &LoadBalancer) -> Option<Halt> {
    let known = subject.previous.created_time.as_ref();
    let known = known.filter(|_| !subject.object.is_binding())?;
    if lb.identity.created_time.as_ref() == Some(known) {
        return None;
    }
    let time = lb.identity.created_time.clone().unwrap_or_else(message::unknown_time);
    let problem = Problem::blocked(message::replaced(&lb.name, time, known));
    Some(Verdict::NotAccepted(problem).into())
}
