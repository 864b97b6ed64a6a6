//! The calls of one region.

mod certificate;
mod ec2;
mod groups;
mod instances;
mod inventory;
mod permissions;
mod policy;
mod trail;
mod turn;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_config::{Region, SdkConfig};
use aws_sdk_autoscaling as autoscaling;
use aws_sdk_elasticloadbalancing as elasticloadbalancing;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

pub use inventory::EnabledRegion;
pub use permissions::{Answer, Denial, Question};
pub use trail::Change;

use super::budget::Who;
use super::gate::{Access, Gate};
use super::retry::{RetryCutShort, ThrottlesWait, WholeReply};
use super::signing_key::SigningKey;
use super::trace::Answered;
use super::{Class, Error, convert};
use crate::api::message;
use crate::elb::{
    ATTACHED, Account, AutoScalingGroup, DESCRIBE_AUTO_SCALING_GROUPS, DESCRIBE_AUTO_SCALING_INSTANCES, InstanceHealth,
    InstanceId, Lane, LoadBalancer,
};
use crate::lease::Leadership;

pub use ec2::Filters;
pub(super) use instances::FILTER_VALUES;
use turn::Turn;

/// The call that reads the health of instances, as errors name it.
pub const DESCRIBE_INSTANCE_HEALTH: &str = "DescribeInstanceHealth";

/// The clients of one region, for calls of one lane.
#[derive(Clone, Debug)]
pub struct Client {
    elb: elasticloadbalancing::Client,
    autoscaling: autoscaling::Client,
    ec2: aws_sdk_ec2::Client,
    sts: aws_sdk_sts::Client,
    acm: aws_sdk_acm::Client,
    iam: aws_sdk_iam::Client,
    /// For services that only a person asks: their clients are made when they are.
    config: Arc<SdkConfig>,
    gate: Arc<Gate>,
    lane: Lane,
    /// Whether this process may write to the load balancers of whoever asks.
    leadership: Leadership,
    /// For which object.
    who: Who,
    /// What became of its calls.
    turn: Arc<Turn>,
}

/// The configuration of a service's client with a retry budget of this region's own: the SDK's default one is shared by
/// the whole process, so that one region's bad hour would use up the retries of all.
macro_rules! own {
    ($service:ident, $config:expr, $gate:expr) => {{
        let partition = $service::config::retry::RetryPartition::custom(concat!(stringify!($service), "-of-a-region"))
            .token_bucket($service::config::retry::TokenBucket::default())
            .build();
        let builder = $service::config::Builder::from($config)
            .retry_partition(partition)
            .interceptor(Answered);
        if $gate.waits() {
            builder
        } else {
            builder.retry_classifier(ThrottlesWait)
        }
    }};
}

use own;

/// A service's client that is guarded against replies cut short.
macro_rules! service {
    ($service:ident, $config:expr, $gate:expr, $key:expr) => {
        $service::Client::from_conf(
            own!($service, $config, $gate)
                .interceptor(WholeReply)
                .interceptor($key.clone())
                .retry_classifier(RetryCutShort)
                .build(),
        )
    };
}

impl Client {
    /// `key` is told of the key that signs each call to Elastic Load Balancing.
    pub(super) fn new(
        config: &SdkConfig,
        region: &str,
        gate: Arc<Gate>,
        key: &SigningKey,
        leadership: Leadership,
    ) -> Self {
        let config = Arc::new(config.to_builder().region(Region::new(region.to_owned())).build());
        let own = Arc::clone(&config);
        let config = &*config;
        Self {
            config: own,
            elb: service!(elasticloadbalancing, config, gate, key),
            autoscaling: service!(autoscaling, config, gate, key),
            ec2: service!(aws_sdk_ec2, config, gate, key),
            sts: aws_sdk_sts::Client::from_conf(own!(aws_sdk_sts, config, gate).interceptor(key.clone()).build()),
            acm: aws_sdk_acm::Client::from_conf(own!(aws_sdk_acm, config, gate).build()),
            iam: aws_sdk_iam::Client::from_conf(own!(aws_sdk_iam, config, gate).build()),
            lane: Lane::Change,
            leadership,
            who: 0,
            turn: Arc::new(Turn::new(&gate)),
            gate,
        }
    }

    /// The same for one reconcile, whose reads are paid for in this lane.
    pub(super) fn in_lane(&self, lane: Lane, who: Who, leadership: Leadership) -> Self {
        Self {
            lane,
            leadership,
            who,
            turn: Arc::new(Turn::new(&self.gate)),
            ..self.clone()
        }
    }

    /// The same, to ask for several objects at once: what that costs is noted by each of them.
    pub(super) fn for_all(&self) -> Self {
        Self {
            turn: Arc::new(self.turn.apart()),
            ..self.clone()
        }
    }

    /// What its calls pass.
    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Who asks.
    pub(super) fn who(&self) -> Who {
        self.who
    }

    /// The lane of its reads.
    pub(super) fn lane(&self) -> Lane {
        self.lane
    }

    /// STS `GetCallerIdentity`.
    pub(super) async fn caller(&self) -> Result<Account, Error> {
        let reply = self
            .call("GetCallerIdentity", self.sts.get_caller_identity().send())
            .await?;
        let caller = reply.arn.unwrap_or_default();
        let partition = caller.split(':').nth(1).unwrap_or("aws").to_owned();
        let id = reply.account.ok_or_else(|| bad_reply("GetCallerIdentity", "Account"))?;
        Ok(Account { id, partition, caller })
    }

    /// The load balancer of that name, without tags. `None` only on AWS's explicit `LoadBalancerNotFound`.
    ///
    /// # Errors
    /// Also when the reply does not hold the load balancer that was asked for: that proves nothing.
    pub async fn find(&self, name: &str) -> Result<Option<LoadBalancer>, Error> {
        const OPERATION: &str = "DescribeLoadBalancers";
        let request = self.elb.describe_load_balancers().load_balancer_names(name);
        let reply = match self.call(OPERATION, request.send()).await {
            Ok(reply) => reply,
            Err(error) if error.class == Class::Gone => return Ok(None),
            Err(error) => return Err(error),
        };
        let description = reply
            .load_balancer_descriptions
            .unwrap_or_default()
            .into_iter()
            .find(|description| description.load_balancer_name.as_deref() == Some(name))
            .ok_or_else(|| bad_reply(OPERATION, "LoadBalancerDescriptions"))?;
        convert::load_balancer(description)
            .map(Some)
            .map_err(|lacking| bad_reply(OPERATION, &lacking))
    }

    /// These load balancers in one call, without tags.
    ///
    /// # Errors
    /// Class `Gone` when one of them does not exist; AWS does not say which.
    pub(super) async fn find_all(
        &self,
        names: &[String],
    ) -> Result<Vec<(String, Result<Option<LoadBalancer>, Error>)>, Error> {
        const OPERATION: &str = "DescribeLoadBalancers";
        let request = self.elb.describe_load_balancers();
        let request = request.set_load_balancer_names(Some(names.to_vec()));
        let reply = self.call(OPERATION, request.send()).await?;
        let mut found = BTreeMap::new();
        for description in reply.load_balancer_descriptions.unwrap_or_default() {
            let Some(name) = description.load_balancer_name.clone() else {
                continue;
            };
            let read = convert::load_balancer(description).map_err(|lacking| bad_reply(OPERATION, &lacking));
            found.insert(name, read.map(Some));
        }
        let lacking = || Err(bad_reply(OPERATION, "LoadBalancerDescriptions"));
        let answer = |name: &String| (name.clone(), found.remove(name).unwrap_or_else(lacking));
        Ok(names.iter().map(answer).collect())
    }

    /// All tags of a load balancer.
    ///
    /// # Errors
    /// Class `Gone` when the load balancer does not exist.
    pub async fn tags(&self, name: &str) -> Result<BTreeMap<String, String>, Error> {
        const OPERATION: &str = "DescribeTags";
        let reply = self
            .call(OPERATION, self.elb.describe_tags().load_balancer_names(name).send())
            .await?;
        let description = reply
            .tag_descriptions
            .unwrap_or_default()
            .into_iter()
            .find(|description| description.load_balancer_name.as_deref() == Some(name))
            .ok_or_else(|| self.lacks_tags())?;
        let tags = description.tags.unwrap_or_default();
        Ok(tags
            .into_iter()
            .map(|tag| (tag.key, tag.value.unwrap_or_default()))
            .collect())
    }

    /// The reply lacks the tags that were asked for.
    #[allow(clippy::unused_self)] // beside the calls that it belongs to
    pub(super) fn lacks_tags(&self) -> Error {
        bad_reply("DescribeTags", "TagDescriptions")
    }

    /// The health of every registered instance. AWS leaves terminated ones out.
    ///
    /// # Errors
    /// Class `Gone` when the load balancer does not exist.
    pub async fn instance_health(&self, name: &str) -> Result<Vec<InstanceHealth>, Error> {
        let request = self.elb.describe_instance_health().load_balancer_name(name);
        let reply = self.call(DESCRIBE_INSTANCE_HEALTH, request.send()).await?;
        let states = reply.instance_states.unwrap_or_default().into_iter();
        let mut health: Vec<InstanceHealth> = states
            .filter_map(|state| {
                Some(InstanceHealth {
                    id: state.instance_id?,
                    state: InstanceHealth::word(state.state.unwrap_or_else(|| "Unknown".to_owned())),
                    reason: state.reason_code.map(InstanceHealth::word),
                    description: state.description.map(InstanceHealth::word),
                })
            })
            .collect();
        // It is remembered, and in place of the longer list that it was made from.
        health.shrink_to_fit();
        Ok(health)
    }

    /// Of these Auto Scaling groups, those that exist.
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn auto_scaling_groups(&self, names: &BTreeSet<String>) -> Result<Vec<AutoScalingGroup>, Error> {
        let mut groups = Vec::new();
        let names: Vec<String> = names.iter().cloned().collect();
        for chunk in names.chunks(DESCRIBE_AUTO_SCALING_GROUPS) {
            let request = self
                .autoscaling
                .describe_auto_scaling_groups()
                .set_auto_scaling_group_names(Some(chunk.to_vec()));
            let reply = self.call("DescribeAutoScalingGroups", request.send()).await?;
            groups.extend(
                reply
                    .auto_scaling_groups
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(group),
            );
        }
        Ok(groups)
    }

    /// The Auto Scaling group of each of these instances that has one.
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn auto_scaling_members(
        &self,
        ids: &BTreeSet<InstanceId>,
    ) -> Result<BTreeMap<InstanceId, String>, Error> {
        let mut members = BTreeMap::new();
        let ids: Vec<InstanceId> = ids.iter().cloned().collect();
        for chunk in ids.chunks(DESCRIBE_AUTO_SCALING_INSTANCES) {
            let request = self
                .autoscaling
                .describe_auto_scaling_instances()
                .set_instance_ids(Some(chunk.to_vec()));
            let reply = self.call("DescribeAutoScalingInstances", request.send()).await?;
            let found = reply.auto_scaling_instances.unwrap_or_default().into_iter();
            members.extend(found.filter_map(|member| Some((member.instance_id?, member.auto_scaling_group_name?))));
        }
        Ok(members)
    }

    /// Whether the group still lists the load balancer, also while it is being detached.
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn is_attached(&self, group: &str, load_balancer: &str) -> Result<bool, Error> {
        let request = self
            .autoscaling
            .describe_load_balancers()
            .auto_scaling_group_name(group);
        let reply = match self.call(ATTACHED, request.send()).await {
            Ok(reply) => reply,
            // A group that is gone holds nothing.
            Err(error) if error.class == Class::Invalid || error.class == Class::MissingReference => return Ok(false),
            Err(error) => return Err(error),
        };
        let states = reply.load_balancers.unwrap_or_default();
        Ok(states.iter().any(|state| {
            state.load_balancer_name.as_deref() == Some(load_balancer) && state.state.as_deref() != Some("Removed")
        }))
    }

    /// A read.
    async fn call<T, E>(
        &self,
        operation: &'static str,
        sending: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Error>
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let answer = self
            .gate
            .call(
                operation,
                Access::Read(self.lane, self.who, self.turn.kept()),
                Box::pin(sending),
            )
            .await;
        self.note(operation, &answer);
        answer
    }

    /// A write, whose reply tells no more than that AWS accepted it.
    async fn write<T, E>(
        &self,
        operation: &'static str,
        sending: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<(), Error>
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        // Instances come and go before everything else.
        let lane = match operation {
            "RegisterInstancesWithLoadBalancer" | "DeregisterInstancesFromLoadBalancer" => Lane::Instances,
            _ => self.lane,
        };
        self.gate
            .call(operation, Access::Write(&self.leadership, lane), Box::pin(sending))
            .await
            .map(drop)
    }
}

/// An Auto Scaling group as the model has it.
fn group(group: autoscaling::types::AutoScalingGroup) -> Option<AutoScalingGroup> {
    let instances = group.instances.unwrap_or_default();
    let serves =
        |i: &&autoscaling::types::Instance| i.lifecycle_state == Some(autoscaling::types::LifecycleState::InService);
    let in_service = instances.iter().filter(serves).filter_map(|i| i.instance_id.clone());
    Some(AutoScalingGroup {
        in_service: in_service.collect(),
        name: group.auto_scaling_group_name?,
        load_balancers: group.load_balancer_names.unwrap_or_default().into_iter().collect(),
        instances: instances
            .into_iter()
            .filter_map(|i| Some((i.instance_id?, i.availability_zone)))
            .collect(),
    })
}

fn bad_reply(operation: &'static str, lacking: &str) -> Error {
    let answer = message::reply_lacks(lacking);
    Error::new(operation, Class::Unavailable, answer.code, answer.text)
}

fn not_sent(operation: &'static str, error: &impl std::error::Error) -> Error {
    Error::new(operation, Class::Invalid, "RequestNotSent", error.to_string())
}
