//! Reads that objects share, of one account and region.
//!
//! Every read of a reconcile goes through here. Questions that come together are asked in one call; many names are read by
//! pages of the whole list; and what was read serves whoever does not need a newer reading. Nobody is given a reading that
//! is older than the last write to the same load balancer, or than what it asks for. Absence counts only by name.

mod by_lane;
mod joined;
mod load_balancers;
mod neighbours;
mod referred;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Error;
use super::client::Client;
use crate::elb::{InstanceHealth, LoadBalancer};
use crate::plan::Step;
use load_balancers::{Asked, LoadBalancers};
use neighbours::Neighbours;
use referred::Referred;

pub use referred::CertificateOf;

/// How old tags may be that prove whose a load balancer is, where many are written to one after the other: in that time the
/// default share lets as many register instances as one call tells the tags of.
const PROOF: Duration = Duration::from_secs(10);

/// What all objects of an account and region have read.
#[derive(Debug, Default)]
pub(super) struct Readings {
    load_balancers: LoadBalancers,
    neighbours: Neighbours,
    referred: Referred,
}

impl Readings {
    /// When load balancers were last read, by name or all.
    pub(super) fn read(&self) -> Option<Instant> {
        self.load_balancers.last_read()
    }

    /// What was read is of another time: somebody else has worked here since.
    pub(super) fn clear(&self) {
        self.load_balancers.clear();
        self.neighbours.clear();
        self.referred.clear();
    }
}

/// The view that one reconcile has of an account and region.
#[derive(Clone, Debug)]
pub struct View {
    readings: Arc<Readings>,
    client: Arc<Client>,
    /// What was read before does not serve it.
    since: Instant,
}

impl View {
    pub(super) fn new(readings: Arc<Readings>, client: Arc<Client>, since: Instant) -> Self {
        Self {
            readings,
            client,
            since,
        }
    }

    /// For questions about what is so now.
    #[must_use]
    pub fn now(&self) -> Self {
        Self {
            since: Instant::now(),
            ..self.clone()
        }
    }

    /// The load balancer of that name, without tags. `None` only on AWS's explicit `LoadBalancerNotFound`. `exists`:
    /// whether it was there before, so that its name may go into one call with others.
    ///
    /// # Errors
    /// When AWS cannot be asked, or its reply does not hold what was asked for: that proves nothing.
    pub async fn load_balancer(&self, name: &str, exists: bool) -> Result<Option<LoadBalancer>, Error> {
        let all = &self.readings.load_balancers;
        let (answer, asked) = all.description(&self.client.for_all(), name, exists, self.since).await;
        match asked {
            Asked::No => {}
            Asked::Alone => self.client.note("DescribeLoadBalancers", &answer),
            Asked::Together => self.client.note_shared("DescribeLoadBalancers", &answer),
        }
        answer
    }

    /// Somebody is about to ask for the load balancer of that name, which was there before or was not.
    pub(super) fn will_ask(&self, name: &str, exists: bool) {
        self.readings.load_balancers.exists(name, exists, Instant::now());
    }

    /// Looks for the load balancer of that name ahead of whoever asks for it next by this view, and who is spared the call where it
    /// is there.
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub(super) async fn look_ahead(&self, name: &str, exists: bool) -> Result<(), Error> {
        let at = Instant::now();
        if let Some(lb) = self.load_balancer(name, exists).await? {
            self.readings.load_balancers.keep(lb, at);
        }
        Ok(())
    }

    /// When each load balancer that there is was created, by name: read now, page by page.
    ///
    /// # Errors
    /// When a page cannot be had.
    pub async fn census(&self) -> Result<BTreeMap<String, Option<String>>, Error> {
        let all = self.readings.load_balancers.sweep(&self.client).await?;
        let created = all.into_iter().map(|(name, lb)| (name, lb.identity.created_time));
        Ok(created.collect())
    }

    /// The names of all load balancers.
    ///
    /// # Errors
    /// When a page cannot be had.
    pub async fn names(&self) -> Result<Vec<String>, Error> {
        let all = self.client.load_balancers(|_| {}).await?;
        Ok(all.into_iter().map(|lb| lb.name).collect())
    }

    /// Its tags.
    ///
    /// # Errors
    /// Class `Gone` when the load balancer does not exist.
    pub async fn tags(&self, name: &str) -> Result<BTreeMap<String, String>, Error> {
        let all = &self.readings.load_balancers;
        let (answer, asked) = all.tags(&self.client.for_all(), name, self.since).await;
        if asked {
            self.client.note_shared("DescribeTags", &answer);
        }
        answer
    }

    /// Its tags, which prove whose it is, for whoever is about to write: read now, or in one call with those of others that
    /// came before it in line.
    ///
    /// # Errors
    /// Class `Gone` when the load balancer does not exist.
    pub async fn proof(&self, name: &str) -> Result<BTreeMap<String, String>, Error> {
        let now = Instant::now();
        let since = now.checked_sub(PROOF).unwrap_or(now);
        let tags = Self { since, ..self.clone() }.tags(name).await?;
        self.readings.load_balancers.keep_tags(name, now, &tags);
        Ok(tags)
    }

    /// Whether that is known, so that it costs no call.
    pub fn has_proof(&self, name: &str) -> bool {
        let since = Instant::now();
        let since = since.checked_sub(PROOF).unwrap_or(since);
        self.readings.load_balancers.has_tags(name, since)
    }

    /// Whoever is about to write to it waits for its turn, and will need its tags then.
    pub fn expects_proof(&self, name: &str) {
        self.readings.load_balancers.expects_proof(name, Instant::now());
    }

    /// The health of every registered instance. AWS leaves terminated ones out.
    ///
    /// # Errors
    /// Class `Gone` when the load balancer does not exist.
    pub async fn instance_health(&self, name: &str) -> Result<Vec<InstanceHealth>, Error> {
        self.client.instance_health(name).await
    }

    /// What was read of this load balancer has served the object whose it is.
    pub fn served(&self, name: &str) {
        self.readings.load_balancers.served(name);
    }

    /// A step was sent to AWS, whatever came of it: what was read before is out of date.
    pub(super) fn wrote(&self, name: &str, step: &Step) {
        self.readings.load_balancers.wrote(name, Instant::now());
        if let Step::AttachAutoScalingGroup(group) | Step::DetachAutoScalingGroup(group) = step {
            self.readings.neighbours.wrote_group(group);
        }
    }
}
