//! All that an account has: its regions and the load balancers of one. For people; the operator asks for what it owns.

use std::collections::BTreeMap;

use super::{Client, bad_reply, group};
use crate::aws::{Class, Error, convert, patiently};
use crate::elb::{AutoScalingGroup, DESCRIBE_LOAD_BALANCERS, DESCRIBE_TAGS, LoadBalancer};

/// The most groups that one `DescribeAutoScalingGroups` gives.
const GROUPS_IN_A_PAGE: i32 = 100;

/// A region as EC2 tells it to the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnabledRegion {
    /// Its name.
    pub name: String,
    /// Where EC2 answers there.
    pub endpoint: Option<String>,
    /// `opt-in-not-required`, `opted-in` or `not-opted-in`.
    pub opt_in_status: Option<String>,
}

/// The tags of one load balancer.
type Tags = BTreeMap<String, String>;

impl Client {
    /// EC2 `DescribeRegions`: the regions of the partition, also those that the account has not enabled.
    ///
    /// # Errors
    /// When EC2 cannot be asked.
    pub async fn regions(&self) -> Result<Vec<EnabledRegion>, Error> {
        let request = self.ec2.describe_regions().all_regions(true);
        let reply = self.call("DescribeRegions", request.send()).await?;
        let regions = reply.regions.unwrap_or_default().into_iter();
        Ok(regions
            .filter_map(|region| {
                Some(EnabledRegion {
                    name: region.region_name?,
                    endpoint: region.endpoint,
                    opt_in_status: region.opt_in_status,
                })
            })
            .collect())
    }

    /// Every load balancer of the account in this region, without tags, page by page (`DescribeLoadBalancers`). `seen`
    /// is told after each page how many there are so far.
    ///
    /// # Errors
    /// When a page cannot be had: a part of the list is no list.
    pub async fn load_balancers(&self, mut seen: impl FnMut(usize)) -> Result<Vec<LoadBalancer>, Error> {
        const OPERATION: &str = "DescribeLoadBalancers";
        let mut found = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let ask = || {
                let request = self.elb.describe_load_balancers().page_size(DESCRIBE_LOAD_BALANCERS);
                self.call(OPERATION, request.set_marker(marker.clone()).send())
            };
            let reply = self.part(ask).await?;
            for description in reply.load_balancer_descriptions.unwrap_or_default() {
                let read = convert::load_balancer(description);
                found.push(read.map_err(|lacking| bad_reply(OPERATION, &lacking))?);
            }
            seen(found.len());
            // The same marker again would go on for ever.
            match reply.next_marker.filter(|next| !next.is_empty()) {
                Some(next) if Some(&next) != marker.as_ref() => marker = Some(next),
                _ => return Ok(found),
            }
        }
    }

    /// Every Auto Scaling group of the account in this region, page by page (`DescribeAutoScalingGroups`).
    ///
    /// # Errors
    /// When a page cannot be had.
    pub async fn all_auto_scaling_groups(&self) -> Result<Vec<AutoScalingGroup>, Error> {
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let ask = || {
                let request = self.autoscaling.describe_auto_scaling_groups();
                let request = request.max_records(GROUPS_IN_A_PAGE).set_next_token(token.clone());
                self.call("DescribeAutoScalingGroups", request.send())
            };
            let reply = self.part(ask).await?;
            found.extend(
                reply
                    .auto_scaling_groups
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(group),
            );
            match reply.next_token.filter(|next| !next.is_empty()) {
                Some(next) if Some(&next) != token.as_ref() => token = Some(next),
                _ => return Ok(found),
            }
        }
    }

    /// The tags of these load balancers, as many in one call as `DescribeTags` takes. One that was deleted meanwhile is
    /// left out.
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn tags_of(
        &self,
        names: &[String],
        mut seen: impl FnMut(usize),
    ) -> Result<BTreeMap<String, Tags>, Error> {
        let mut all = BTreeMap::new();
        for batch in names.chunks(DESCRIBE_TAGS) {
            match self.part(|| self.tags_of_batch(batch)).await {
                Ok(tags) => all.extend(tags),
                // One that is gone fails the whole call.
                Err(error) if error.class == Class::Gone => {
                    for name in batch {
                        match self.part(|| self.tags(name)).await {
                            Ok(tags) => drop(all.insert(name.clone(), tags)),
                            Err(error) if error.class == Class::Gone => {}
                            Err(error) => return Err(error),
                        }
                    }
                }
                Err(error) => return Err(error),
            }
            seen(all.len());
        }
        Ok(all)
    }

    /// A page or a batch of many. Where a person waits it is this one that is asked for again when AWS throttles it, and not
    /// those before it.
    async fn part<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        if self.gate().waits() {
            patiently(ask).await
        } else {
            ask().await
        }
    }

    /// The tags of these, in one call.
    ///
    /// # Errors
    /// Class `Gone` when one of them does not exist; AWS does not say which.
    pub(in crate::aws) async fn tags_of_batch(&self, names: &[String]) -> Result<BTreeMap<String, Tags>, Error> {
        let request = self.elb.describe_tags().set_load_balancer_names(Some(names.to_vec()));
        let reply = self.call("DescribeTags", request.send()).await?;
        let descriptions = reply.tag_descriptions.unwrap_or_default().into_iter();
        Ok(descriptions
            .filter_map(|description| {
                let tags = description.tags.unwrap_or_default().into_iter();
                let tags = tags.map(|tag| (tag.key, tag.value.unwrap_or_default())).collect();
                Some((description.load_balancer_name?, tags))
            })
            .collect())
    }
}
