//! Pure: steps for attributes, each on its own.

use super::Step;
use crate::elb::LoadBalancer;

/// The attributes that differ. One that was not read is not known to be right.
pub(super) fn differences(observed: &LoadBalancer, wanted: &LoadBalancer) -> Vec<Step> {
    let have = observed.attributes.all();
    let want = wanted.attributes.all().into_iter();
    want.filter(|attribute| !have.contains(attribute))
        .map(Step::ModifyAttribute)
        .collect()
}
