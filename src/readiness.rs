//! Whether the operator can do its work, as `/readyz` tells it.

use std::sync::{Mutex, PoisonError};

/// What must be listed and watched, or asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// The `ClassicLoadBalancers`.
    Objects,
    /// The Nodes.
    Nodes,
    /// The Lease, which is asked for again and again: without it the operator cannot lead.
    Lease,
    /// The Leases of the replicas, where they share the work. Nobody waits for the first look at them.
    Replicas,
}

impl Resource {
    /// As the Kubernetes API calls it.
    fn plural(self) -> &'static str {
        match self {
            Self::Objects => "classicloadbalancers",
            Self::Nodes => "nodes",
            Self::Lease | Self::Replicas => "leases",
        }
    }
}

/// The state of one watch.
#[derive(Debug, Default)]
struct Watch {
    listed: bool,
    failure: Option<String>,
}

/// Whether the operator can do its work: both lists were read, the API server answers, and it could lead. Whether it does is
/// not asked: one that follows is as ready.
#[derive(Debug, Default)]
pub struct Readiness {
    objects: Mutex<Watch>,
    nodes: Mutex<Watch>,
    lease: Mutex<Watch>,
    replicas: Mutex<Watch>,
}

impl Readiness {
    fn with<T>(&self, resource: Resource, read: impl FnOnce(&mut Watch) -> T) -> T {
        let watch = match resource {
            Resource::Objects => &self.objects,
            Resource::Nodes => &self.nodes,
            Resource::Lease => &self.lease,
            Resource::Replicas => &self.replicas,
        };
        read(&mut watch.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A resource was listed.
    pub fn listed(&self, resource: Resource) {
        self.with(resource, |watch| {
            *watch = Watch {
                listed: true,
                failure: None,
            }
        });
    }

    /// Whether it was ever listed.
    pub fn is_listed(&self, resource: Resource) -> bool {
        self.with(resource, |watch| watch.listed)
    }

    /// Its watch failed.
    pub fn failing(&self, resource: Resource, error: &dyn std::fmt::Display) {
        self.with(resource, |watch| watch.failure = Some(error.to_string()));
    }

    /// Whether its failure stands.
    pub fn is_failing(&self, resource: Resource) -> bool {
        self.with(resource, |watch| watch.failure.is_some())
    }

    /// The API server was asked for it and answered.
    pub fn recovered(&self, resource: Resource) {
        self.with(resource, |watch| watch.failure = None);
    }

    /// The resource for which the operator is not ready, as the Kubernetes API calls it, and why its watch failed;
    /// without that it was not listed yet. `None`: the operator is ready. What failed says more than what is still to
    /// come.
    pub fn obstacle(&self) -> Option<(&'static str, Option<String>)> {
        const NEEDED: [Resource; 3] = [Resource::Objects, Resource::Nodes, Resource::Lease];
        let all = NEEDED.into_iter().chain([Resource::Replicas]);
        let failure = |resource: Resource| self.with(resource, |watch| watch.failure.clone());
        let failed = all.into_iter().find_map(|of| Some((of.plural(), Some(failure(of)?))));
        let missing = || NEEDED.into_iter().find(|resource| !self.is_listed(*resource));
        failed.or_else(|| Some((missing()?.plural(), None)))
    }
}
