//! Pure: which load balancers of a state a resource belongs to that names one. Names are unique in an account and a region alone,
//! and a state may hold load balancers of several.

use super::resource::Resource;

/// The load balancer of that name that a resource belongs to; several, where nothing in the state tells them apart.
pub(super) fn owners<'a>(companion: &Resource, name: &str, balancers: &[&'a Resource]) -> Vec<&'a Resource> {
    let called = balancers.iter().filter(|balancer| named(balancer) == Some(name));
    let elsewhere = |balancer: &Resource| {
        let (own, theirs) = (region(companion), region(balancer));
        own.is_some() && theirs.is_some() && own != theirs
    };
    let mut owners: Vec<&Resource> = called.copied().filter(|balancer| !elsewhere(balancer)).collect();
    // What is said by it outright goes before what only hints at it.
    prefer(&mut owners, |balancer| {
        companion.dependencies.contains(&balancer.block())
    });
    prefer(&mut owners, |balancer| {
        !companion.provider.is_empty() && balancer.provider == companion.provider
    });
    let distance = |balancer: &Resource| {
        let (own, theirs) = (companion.modules(), balancer.modules());
        let common = own.iter().zip(&theirs).take_while(|(own, theirs)| own == theirs);
        own.len() + theirs.len() - 2 * common.count()
    };
    let nearest = owners.iter().map(|balancer| distance(balancer)).min();
    owners.retain(|balancer| Some(distance(balancer)) == nearest);
    owners
}

/// What an `aws_elb` is called in AWS.
pub(super) fn named(balancer: &Resource) -> Option<&str> {
    balancer.text("name").or_else(|| balancer.text("id"))
}

/// Where it is: the state says so only by the way.
pub(super) fn region(resource: &Resource) -> Option<String> {
    let of_arn = resource.text("arn").and_then(|arn| arn.split(':').nth(3));
    let of_name = || {
        let name = resource.text("dns_name")?;
        name.split_once(".elb.amazonaws.com")
            .and_then(|(rest, _)| rest.rsplit('.').next())
    };
    let region = of_arn.or_else(|| resource.text("region")).or_else(of_name)?;
    (!region.is_empty()).then(|| region.to_owned())
}

/// The account that its ARN names.
pub(super) fn account(resource: &Resource) -> Option<String> {
    let id = resource.text("arn")?.split(':').nth(4)?;
    (!id.is_empty()).then(|| id.to_owned())
}

/// Leaves those of which it holds, if it holds of any.
fn prefer(owners: &mut Vec<&Resource>, holds: impl Fn(&Resource) -> bool) {
    if owners.iter().any(|balancer| holds(balancer)) {
        owners.retain(|balancer| holds(balancer));
    }
}

/// What is told of one that several may own.
pub(super) fn ambiguous(companion: &Resource, name: &str, owners: &[&Resource]) -> String {
    let owners: Vec<&str> = owners.iter().map(|owner| owner.address.as_str()).collect();
    format!(
        "{}: nothing in the state tells whether it belongs to {}, which are all called {name}",
        companion.address,
        owners.join(" or ")
    )
}
