//! All state, apart from how it is asked for: accounts, their regions, and what is global.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::acm::state::Certificate;
use crate::autoscaling::state::Groups;
use crate::ec2::state::Ec2;
use crate::elb::state::Balancers;
use crate::iam::state::ServerCertificate;
use crate::ids::Ids;
use crate::region::RegionFacts;
use crate::s3::state::Bucket;
use crate::sts::state::Session;

/// Everything that a snapshot holds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct World {
    pub(crate) ids: Ids,
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) sessions: BTreeMap<String, Session>,
    pub(crate) buckets: BTreeMap<String, Bucket>,
}

/// One account: IAM, which is global, and its regions.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) server_certificates: BTreeMap<String, ServerCertificate>,
    pub(crate) regions: BTreeMap<String, Region>,
}

/// One region of one account.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Region {
    pub(crate) ec2: Ec2,
    pub(crate) elb: Balancers,
    pub(crate) autoscaling: Groups,
    pub(crate) certificates: BTreeMap<String, Certificate>,
}

impl World {
    pub(crate) fn new(id_seed: u64) -> Self {
        Self {
            ids: Ids::seeded(id_seed),
            ..Self::default()
        }
    }
}

impl Region {
    pub(crate) fn new(facts: &RegionFacts, ids: &mut Ids) -> Self {
        Self {
            ec2: Ec2::with_default_vpc(facts, ids),
            elb: Balancers::default(),
            autoscaling: Groups::default(),
            certificates: BTreeMap::new(),
        }
    }
}
