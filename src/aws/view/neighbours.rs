//! What load balancers refer to: subnets, route tables, security groups, instances by their tags, Auto Scaling groups.
//!
//! The same question of several objects is asked once.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use tokio::time::Instant;

use super::View;
use super::by_lane::ByLane;
use crate::aws::Error;
use crate::aws::client::{Client, Filters};
use crate::elb::{
    AutoScalingGroup, DESCRIBE_AUTO_SCALING_GROUPS, DESCRIBE_AUTO_SCALING_INSTANCES, InstanceId, RouteTable,
    SecurityGroup, Subnet,
};

pub(super) type Answer<T> = Result<T, Error>;
type Placed = BTreeMap<InstanceId, Option<String>>;

/// What was read of the neighbours of load balancers.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    subnets: ByLane<Filters, Answer<Vec<Subnet>>>,
    route_tables: ByLane<BTreeSet<String>, Answer<Vec<RouteTable>>>,
    security_groups: ByLane<Filters, Answer<Vec<SecurityGroup>>>,
    instances: ByLane<(BTreeMap<String, String>, String), Answer<Placed>>,
    groups: ByLane<String, Answer<Option<AutoScalingGroup>>>,
    members: ByLane<InstanceId, Answer<Option<String>>>,
}

impl Neighbours {
    pub(super) fn clear(&self) {
        self.subnets.answers().clear();
        self.route_tables.answers().clear();
        self.security_groups.answers().clear();
        self.instances.answers().clear();
        self.groups.answers().clear();
        self.members.answers().clear();
    }

    pub(super) fn wrote_group(&self, name: &str) {
        self.groups.answers().forget(&name.to_owned());
    }
}

/// What is known, or else the answer of AWS to this operation, kept for others. `read` answers one question.
pub(super) async fn shared<K, T, R>(
    view: &View,
    operation: &str,
    asked: &ByLane<K, Answer<T>>,
    question: &K,
    read: impl Fn(Client, K) -> R,
) -> Answer<T>
where
    K: Ord + Clone,
    T: Clone,
    R: Future<Output = Answer<T>>,
{
    let answers = asked.answers();
    if let Some(known) = answers.known(question, view.since) {
        return known;
    }
    let read = &read;
    let answer_all = |questions: Vec<K>| async move {
        let at = Instant::now();
        answers.tidy(at);
        let all = questions.into_iter().map(|question| async move {
            let answer = read(view.client.for_all(), question.clone()).await;
            if answer.is_ok() {
                answers.keep(question.clone(), at, answer.clone());
            }
            (question, answer)
        });
        join_all(all).await
    };
    let answer = asked.ask(view.client.lane(), question, answer_all).await;
    view.client.note(operation, &answer);
    answer
}

/// What is known of these, or else the answer of AWS to this operation, which takes so many at once; kept for others.
pub(super) async fn together<K, T, R>(
    view: &View,
    (operation, at_once): (&'static str, usize),
    asked: &ByLane<K, Answer<Option<T>>>,
    questions: &BTreeSet<K>,
    read: impl Fn(Client, BTreeSet<K>) -> R,
) -> Answer<BTreeMap<K, T>>
where
    K: Ord + Clone,
    T: Clone,
    R: Future<Output = Answer<BTreeMap<K, T>>>,
{
    let (answers, read) = (asked.answers(), &read);
    let answer_all = |questions: Vec<K>| async move {
        let at = Instant::now();
        answers.tidy(at);
        let client = view.client.for_all();
        // Some of the calls are of no use without the others.
        let answer = match client.keep_pages(operation, questions.len().div_ceil(at_once)) {
            Ok(()) => read(client, questions.iter().cloned().collect()).await,
            Err(error) => Err(error),
        };
        let each = questions.into_iter().map(|question| {
            let one = answer.as_ref().map(|found| found.get(&question).cloned());
            let one = one.map_err(Clone::clone);
            if one.is_ok() {
                answers.keep(question.clone(), at, one.clone());
            }
            (question, one)
        });
        each.collect()
    };
    let mut found = BTreeMap::new();
    let mut unknown = Vec::new();
    for question in questions {
        match answers.known(question, view.since) {
            Some(known) => found.extend(known?.map(|known| (question.clone(), known))),
            None => unknown.push(question),
        }
    }
    if unknown.is_empty() {
        return Ok(found);
    }
    let asking = unknown
        .iter()
        .map(|question| asked.ask(view.client.lane(), question, answer_all));
    let told: Answer<Vec<Option<T>>> = join_all(asking).await.into_iter().collect();
    // One call tells of many.
    view.client.note_shared(operation, &told);
    let told = unknown.into_iter().zip(told?);
    found.extend(told.filter_map(|(question, one)| Some((question.clone(), one?))));
    Ok(found)
}

impl View {
    /// EC2 `DescribeSubnets`.
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn subnets(&self, filters: &Filters) -> Answer<Vec<Subnet>> {
        let read = |client: Client, filters: Filters| async move { client.subnets(&filters).await };
        shared(
            self,
            "DescribeSubnets",
            &self.readings.neighbours.subnets,
            filters,
            read,
        )
        .await
    }

    /// EC2 `DescribeRouteTables` of these VPCs.
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn route_tables(&self, vpcs: &BTreeSet<String>) -> Answer<Vec<RouteTable>> {
        let read = |client: Client, vpcs: BTreeSet<String>| async move { client.route_tables(&vpcs).await };
        shared(
            self,
            "DescribeRouteTables",
            &self.readings.neighbours.route_tables,
            vpcs,
            read,
        )
        .await
    }

    /// EC2 `DescribeSecurityGroups`.
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn security_groups(&self, filters: &Filters) -> Answer<Vec<SecurityGroup>> {
        let read = |client: Client, filters: Filters| async move { client.security_groups(&filters).await };
        shared(
            self,
            "DescribeSecurityGroups",
            &self.readings.neighbours.security_groups,
            filters,
            read,
        )
        .await
    }

    /// The instances of a VPC that run, or are about to, and have all these tags; with their zones (EC2
    /// `DescribeInstances`).
    ///
    /// # Errors
    /// When EC2 cannot be asked for all of them: a part proves nothing about the rest.
    pub async fn instances_by_tags(&self, tags: &BTreeMap<String, String>, vpc_id: &str) -> Answer<Placed> {
        type Question = (BTreeMap<String, String>, String);
        let read = |client: Client, (tags, vpc): Question| async move { client.instances_by_tags(&tags, &vpc).await };
        let question = (tags.clone(), vpc_id.to_owned());
        shared(
            self,
            "DescribeInstances",
            &self.readings.neighbours.instances,
            &question,
            read,
        )
        .await
    }

    /// Of these Auto Scaling groups, those that exist (`DescribeAutoScalingGroups`, those of several objects in one call).
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn auto_scaling_groups(&self, names: &BTreeSet<String>) -> Answer<Vec<AutoScalingGroup>> {
        let read = |client: Client, names: BTreeSet<String>| async move {
            let groups = client.auto_scaling_groups(&names).await?;
            Ok(groups.into_iter().map(|group| (group.name.clone(), group)).collect())
        };
        let groups = &self.readings.neighbours.groups;
        let operation = ("DescribeAutoScalingGroups", DESCRIBE_AUTO_SCALING_GROUPS);
        let found = together(self, operation, groups, names, read).await?;
        Ok(found.into_values().collect())
    }

    /// The Auto Scaling group of each of these instances that has one (`DescribeAutoScalingInstances`, those of several objects
    /// in one call). Whose they are decides whether they are deregistered, so no earlier answer serves.
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn auto_scaling_members(&self, ids: &BTreeSet<InstanceId>) -> Answer<BTreeMap<InstanceId, String>> {
        let read = |client: Client, ids: BTreeSet<InstanceId>| async move { client.auto_scaling_members(&ids).await };
        let members = &self.readings.neighbours.members;
        let operation = ("DescribeAutoScalingInstances", DESCRIBE_AUTO_SCALING_INSTANCES);
        together(&self.now(), operation, members, ids, read).await
    }
}
