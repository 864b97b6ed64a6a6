//! One request on its way through a service, with the state that it may touch.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::config::Timing;
use crate::elb::state::Balancers;
use crate::iam::state::ServerCertificate;
use crate::ids::Ids;
use crate::region::RegionFacts;
use crate::s3::state::Bucket;
use crate::wire::Value;
use crate::world::{Account, Region, World};

/// What is fixed for as long as the simulator runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) timing: Timing,
    pub(crate) quotas: bool,
    pub(crate) require_internet_gateway: bool,
}

/// One request on its way through a regional service, with the state it may touch.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) region: &'a mut Region,
    pub(crate) ids: &'a mut Ids,
    pub(crate) server_certificates: &'a BTreeMap<String, ServerCertificate>,
    pub(crate) buckets: &'a BTreeMap<String, Bucket>,
    pub(crate) account: &'a str,
    pub(crate) facts: &'static RegionFacts,
    pub(crate) settings: Settings,
    pub(crate) now: Timestamp,
    pub(crate) params: &'a Value,
    /// Instances that a fault keeps out of this call's lists.
    pub(crate) hidden: &'a [String],
    /// The load balancers with the tags that are shown, where a fault shows them late.
    pub(crate) late_tags: Option<&'a Balancers>,
}

impl World {
    /// The region with what a call needs besides; regions come into being with their default VPC.
    pub(crate) fn call<'a>(
        &'a mut self,
        account: &'a str,
        facts: &'static RegionFacts,
        settings: Settings,
        now: Timestamp,
        params: &'a Value,
    ) -> Call<'a> {
        let Self {
            ids, accounts, buckets, ..
        } = self;
        let Account {
            server_certificates,
            regions,
        } = accounts.entry(account.to_owned()).or_default();
        let region = regions
            .entry(facts.name.to_owned())
            .or_insert_with(|| Region::new(facts, ids));
        Call {
            region,
            ids,
            server_certificates,
            buckets,
            account,
            facts,
            settings,
            now,
            params,
            hidden: &[],
            late_tags: None,
        }
    }
}

impl Call<'_> {
    /// Whether a fault keeps this instance out of lists.
    pub(crate) fn is_hidden(&self, id: &str) -> bool {
        self.hidden.iter().any(|hidden| hidden == id)
    }
}
