//! Reads of load balancers that objects share.
//!
//! Every read of a reconcile goes through here, and none elsewhere, so that many objects can be served by one call.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Error;
use super::client::Client;
use crate::elb::{InstanceHealth, LoadBalancer};

/// The load balancers of one account and region.
#[derive(Debug)]
pub struct View {
    client: Arc<Client>,
}

impl View {
    pub(super) fn new(client: Arc<Client>) -> Self {
        Self { client }
    }

    /// The load balancer of that name, without tags. `None` only on AWS's explicit `LoadBalancerNotFound`.
    ///
    /// # Errors
    /// When AWS cannot be asked, or its reply does not hold what was asked for: that proves nothing.
    pub async fn load_balancer(&self, name: &str) -> Result<Option<LoadBalancer>, Error> {
        self.client.find(name).await
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
        self.client.tags(name).await
    }

    /// The health of every registered instance. AWS leaves terminated ones out.
    ///
    /// # Errors
    /// Class `Gone` when the load balancer does not exist.
    pub async fn instance_health(&self, name: &str) -> Result<Vec<InstanceHealth>, Error> {
        self.client.instance_health(name).await
    }
}
