//! Instances as EC2 knows them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, Instance, InstanceStateName, Reservation};

use super::{Client, bad_reply};
use crate::aws::Error;
use crate::elb::{DESCRIBE_INSTANCES, InstanceId};

const OPERATION: &str = "DescribeInstances";

/// Tags by key.
type Tags = BTreeMap<String, String>;

impl Client {
    /// The instances of a VPC that run, or are about to, and have all these tags; with their zones.
    ///
    /// # Errors
    /// When EC2 cannot be asked for all of them: a part proves nothing about the rest.
    pub async fn instances_by_tags(
        &self,
        tags: &BTreeMap<String, String>,
        vpc_id: &str,
    ) -> Result<BTreeMap<InstanceId, Option<String>>, Error> {
        let mut filters = vec![
            filter("instance-state-name", ["pending", "running"]),
            filter("vpc-id", [vpc_id]),
        ];
        // EC2 reads *, ? and \ in values as a pattern. Then all that have the key come, and the reply tells them apart.
        filters.extend(tags.iter().map(|(key, value)| {
            if value.contains(['*', '?', '\\']) {
                filter("tag-key", [key.as_str()])
            } else {
                filter(&format!("tag:{key}"), [value.as_str()])
            }
        }));
        let found = self.instances(filters).await?;
        let matching = found.into_iter().filter(|instance| has_tags(instance, tags));
        let placed = matching.filter_map(|instance| {
            let zone = instance.placement.and_then(|placement| placement.availability_zone);
            Some((instance.instance_id?, zone))
        });
        Ok(placed.collect())
    }

    /// `DescribeInstances` to the last page.
    async fn instances(&self, filters: Vec<Filter>) -> Result<Vec<Instance>, Error> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let request = self.ec2.describe_instances().set_filters(Some(filters.clone()));
            let request = request.max_results(DESCRIBE_INSTANCES).set_next_token(token.take());
            let reply = self.call(OPERATION, request.send()).await?;
            let reservations = reply
                .reservations
                .ok_or_else(|| bad_reply(OPERATION, "reservationSet"))?;
            found.extend(instances(reservations));
            token = reply.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// The zones of these instances, as far as EC2 knows them.
    ///
    /// # Errors
    /// When EC2 cannot be asked.
    pub async fn zones_of(&self, ids: &BTreeSet<InstanceId>) -> Result<BTreeMap<InstanceId, String>, Error> {
        let (all, mut zones) = (Vec::from_iter(ids), BTreeMap::new());
        for chunk in all.chunks(FILTER_VALUES) {
            // By a filter, since one unknown id in the list of ids has the whole request refused.
            let filters = vec![filter("instance-id", chunk.iter().map(|id| id.as_str()))];
            for instance in self.instances(filters).await? {
                let zone = instance.placement.and_then(|placement| placement.availability_zone);
                zones.extend(instance.instance_id.zip(zone));
            }
        }
        Ok(zones)
    }

    /// The tags of these instances, as far as EC2 knows them.
    ///
    /// # Errors
    /// When EC2 cannot be asked.
    pub async fn tags_of_instances(&self, ids: &BTreeSet<InstanceId>) -> Result<BTreeMap<InstanceId, Tags>, Error> {
        let (all, mut found) = (Vec::from_iter(ids), BTreeMap::new());
        for chunk in all.chunks(FILTER_VALUES) {
            let filters = vec![filter("instance-id", chunk.iter().map(|id| id.as_str()))];
            for instance in self.instances(filters).await? {
                let tags = instance.tags.unwrap_or_default().into_iter();
                let tags = tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())));
                found.extend(instance.instance_id.map(|id| (id, tags.collect())));
            }
        }
        Ok(found)
    }

    /// Of these instances, those that EC2 says are terminated, are about to be, or never existed. One that is merely
    /// left out of the reply is not among them.
    ///
    /// # Errors
    /// When EC2 cannot be asked.
    pub async fn terminated(&self, ids: &BTreeSet<InstanceId>) -> Result<BTreeSet<InstanceId>, Error> {
        let (mut ids, mut gone) = (ids.clone(), BTreeSet::new());
        while !ids.is_empty() {
            let chunk: Vec<InstanceId> = ids.iter().take(CHUNK).cloned().collect();
            let request = self.ec2.describe_instances().set_instance_ids(Some(chunk.clone()));
            let reply = match self.call(OPERATION, request.send()).await {
                Ok(reply) => reply,
                Err(error) if error.names_instances() => {
                    let named: BTreeSet<InstanceId> = words(&error.message)
                        .filter(|word| chunk.iter().any(|id| id == word))
                        .map(ToOwned::to_owned)
                        .collect();
                    if named.is_empty() {
                        return Err(error);
                    }
                    ids.retain(|id| !named.contains(id));
                    gone.extend(named);
                    continue;
                }
                Err(error) => return Err(error),
            };
            ids.retain(|id| !chunk.contains(id));
            let dead = instances(reply.reservations.unwrap_or_default()).filter(is_terminated);
            gone.extend(dead.filter_map(|instance| instance.instance_id));
        }
        Ok(gone)
    }
}

/// Ids in one request.
const CHUNK: usize = 100;
/// Values in one filter.
pub(in crate::aws) const FILTER_VALUES: usize = 200;

fn instances(reservations: Vec<Reservation>) -> impl Iterator<Item = Instance> {
    reservations
        .into_iter()
        .flat_map(|reservation| reservation.instances.unwrap_or_default())
}

fn is_terminated(instance: &Instance) -> bool {
    let state = instance.state.as_ref().and_then(|state| state.name.as_ref());
    matches!(
        state,
        Some(InstanceStateName::ShuttingDown | InstanceStateName::Terminated)
    )
}

fn has_tags(instance: &Instance, wanted: &BTreeMap<String, String>) -> bool {
    let tags = instance.tags.as_deref().unwrap_or_default();
    wanted.iter().all(|(key, value)| {
        tags.iter()
            .any(|tag| tag.key.as_ref() == Some(key) && tag.value.as_deref().unwrap_or_default() == value)
    })
}

fn filter<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Filter {
    let values = values.into_iter().map(ToOwned::to_owned).collect();
    Filter::builder().name(name).set_values(Some(values)).build()
}

/// The ids in a sentence of EC2's: "The instance IDs 'i-1, i-2' do not exist".
fn words(message: &str) -> impl Iterator<Item = &str> {
    message.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
}
