//! Buckets that access logs go to.

use std::collections::BTreeMap;

use super::policy;
use super::state::Bucket;
use crate::region::RegionFacts;
use crate::wire::params::short;

/// Whether ELB of a region can write access logs to a bucket; the error is AWS's text.
pub(crate) fn check_log_bucket(
    buckets: &BTreeMap<String, Bucket>,
    name: &str,
    facts: &RegionFacts,
) -> Result<(), String> {
    let bucket = buckets
        .get(name)
        .ok_or_else(|| format!("S3Bucket: {} could not be found", short(name)))?;
    if bucket.region != facts.name {
        return Err(format!(
            "S3Bucket: {name} is not located in the same region as the load balancer: {}",
            facts.name
        ));
    }
    // A bucket without any policy stands for one whose owner has opened it by other means.
    if bucket
        .policy
        .as_ref()
        .is_none_or(|policy| policy::lets_logs_in(policy, facts))
    {
        return Ok(());
    }
    Err(format!(
        "Access Denied for bucket: {name}. Please check S3bucket permission"
    ))
}
