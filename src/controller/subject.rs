//! Which balancer an object stands for.

use std::sync::Arc;

use kube::ResourceExt as _;

use super::error::Error;
use crate::api::{ClassicLoadBalancer, ClassicLoadBalancerStatus, REQUESTED_AT};
use crate::aws::Client;
use crate::elb::Owner;
use crate::plan::desired;

/// An object and its balancer.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) namespace: String,
    pub(super) object_name: String,
    pub(super) generation: i64,
    /// The value of the annotation that asks for a pass.
    pub(super) requested_at: Option<String>,
    /// The name in AWS.
    pub(super) name: String,
    pub(super) owner: Owner,
    pub(super) region: String,
    pub(super) client: Arc<Client>,
}

/// What every stored object has.
pub(super) struct Coordinates {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
}

impl Coordinates {
    pub(super) fn of(object: &ClassicLoadBalancer) -> Result<Self, Error> {
        Ok(Self {
            namespace: object.namespace().ok_or(Error::Incomplete("namespace"))?,
            name: object.name_any(),
            uid: object.uid().ok_or(Error::Incomplete("uid"))?,
        })
    }
}

impl Subject {
    /// `None`: the object names no region and the operator has none.
    pub(super) fn of(
        object: &ClassicLoadBalancer,
        cluster_id: &str,
        aws: &crate::aws::Aws,
    ) -> Result<Option<Self>, Error> {
        let Coordinates {
            namespace,
            name: object_name,
            uid,
        } = Coordinates::of(object)?;
        let Some(region) = object.spec.region.as_deref().or_else(|| aws.default_region()) else {
            return Ok(None);
        };
        let name = object
            .spec
            .load_balancer_name
            .clone()
            .unwrap_or_else(|| desired::default_name(cluster_id, &namespace, &object_name));
        Ok(Some(Self {
            owner: Owner {
                cluster: cluster_id.to_owned(),
                object: format!("{namespace}/{object_name}"),
                uid,
            },
            generation: object.metadata.generation.unwrap_or_default(),
            requested_at: object.annotations().get(REQUESTED_AT).cloned(),
            client: aws.client(region),
            region: region.to_owned(),
            namespace,
            object_name,
            name,
        }))
    }

    /// The name under which the object's balancer was made, where it would have another one now: a name that the spec does
    /// not give follows from the operator's cluster id.
    pub(super) fn former_name<'a>(&self, status: &'a ClassicLoadBalancerStatus) -> Option<&'a String> {
        let former = status.load_balancer_name.as_ref()?;
        (status.created_time.is_some() && *former != self.name).then_some(former)
    }
}
