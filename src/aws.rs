//! AWS: the only place that names types of its SDK.
//!
//! [`Aws`] gives a [`Client`] for each region. A call takes and returns the model's types, and fails with an [`Error`]
//! whose class, not its text, decides what follows.

mod budget;
mod client;
mod config;
mod convert;
mod error;
mod whole_reply;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use tokio::sync::OnceCell;

pub use client::{
    AutoScalingGroup, Client, DESCRIBE_INSTANCE_HEALTH, EnabledRegion, Filters, InstanceHealth, RouteTable,
    SecurityGroup, Subnet,
};
pub use error::{Class, Error};

use crate::metrics::Metrics;

/// The account that the credentials belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: String,
}

impl Account {
    /// The ARN of a Classic balancer. No call answers with it; IAM and tagging use it.
    pub fn load_balancer_arn(&self, region: &str, name: &str) -> String {
        format!(
            "arn:{}:elasticloadbalancing:{region}:{}:loadbalancer/{name}",
            self.partition, self.id
        )
    }
}

/// A server certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The ARN.
    pub arn: String,
    /// When it expires, RFC 3339.
    pub not_after: Option<String>,
}

/// AWS in all regions. A clone shares clients and budgets with the original.
#[derive(Clone, Debug)]
pub struct Aws {
    config: SdkConfig,
    clients: Arc<Mutex<HashMap<String, Arc<Client>>>>,
    account: Arc<OnceCell<Account>>,
    metrics: Arc<Metrics>,
}

impl Aws {
    /// Reads region, endpoint and credentials by AWS's standard chain. Nothing is called yet.
    ///
    /// # Errors
    /// In words, when region or endpoint cannot be one.
    pub async fn load(metrics: Arc<Metrics>) -> Result<Self, String> {
        Ok(Self::new(config::load().await?, metrics))
    }

    /// AWS as this configuration reaches it.
    pub fn new(config: SdkConfig, metrics: Arc<Metrics>) -> Self {
        Self {
            config,
            clients: Arc::default(),
            account: Arc::default(),
            metrics,
        }
    }

    /// The region of objects that name none.
    pub fn default_region(&self) -> Option<&str> {
        self.config.region().map(AsRef::as_ref)
    }

    /// The client of a region.
    pub fn client(&self, region: &str) -> Arc<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients
            .entry(region.to_owned())
            .or_insert_with(|| Arc::new(Client::new(&self.config, region, Arc::clone(&self.metrics))))
            .clone()
    }

    /// The account, asked for once (STS `GetCallerIdentity`).
    ///
    /// # Errors
    /// When STS cannot be asked; the next call asks again.
    pub async fn account(&self, region: &str) -> Result<&Account, Error> {
        self.account
            .get_or_try_init(|| async { self.client(region).caller().await })
            .await
    }
}
