//! All state, apart from how it is asked for: accounts, their regions, and what is global.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::acm::Certificate;
use crate::autoscaling::Groups;
use crate::clock::Timestamp;
use crate::config::Timing;
use crate::ec2::Ec2;
use crate::elb::Balancers;
use crate::iam::ServerCertificate;
use crate::region::RegionFacts;
use crate::s3::Bucket;
use crate::sts::Session;
use crate::wire::Value;

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

/// Ids in AWS's form from a seed, so that a run can be repeated.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ids {
    state: u64,
}

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
}

impl World {
    pub(crate) fn new(id_seed: u64) -> Self {
        Self {
            ids: Ids { state: id_seed },
            ..Self::default()
        }
    }

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
        let mut call = Call {
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
        };
        crate::autoscaling::settle(&mut call);
        call
    }
}

impl Region {
    fn new(facts: &RegionFacts, ids: &mut Ids) -> Self {
        Self {
            ec2: Ec2::with_default_vpc(facts, ids),
            elb: Balancers::default(),
            autoscaling: Groups::default(),
            certificates: BTreeMap::new(),
        }
    }
}

impl Ids {
    pub(crate) fn seeded(state: u64) -> Self {
        Self { state }
    }

    /// A number from 0 up to but not including 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.number() >> 32).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
    }

    /// The next number of a splitmix64 sequence.
    pub(crate) fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A resource id: `prefix-0` and sixteen hexadecimal digits.
    pub(crate) fn resource(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{:016x}", self.number())
    }

    /// As many digits, the first of them not zero.
    pub(crate) fn digits(&mut self, count: u32) -> u64 {
        let low = 10_u64.pow(count.saturating_sub(1));
        low + self.number() % (low * 9)
    }

    /// A UUID in its usual spelling.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.number(), self.number());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | (low >> 48) & 0x3fff,
            low & 0xffff_ffff_ffff
        )
    }

    /// Capital letters and digits, as in access keys.
    pub(crate) fn letters(&mut self, count: usize) -> String {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        (0..count)
            .filter_map(|_| ALPHABET.get(usize::try_from(self.number() % 32).ok()?))
            .map(|b| char::from(*b))
            .collect()
    }
}
