//! The custom resource `ClassicLoadBalancer`: its spec, its status and the rules that the API server enforces.
//!
//! Descriptions of fields are user documentation: `kubectl explain` prints them.

pub mod condition;
pub mod crd;
#[allow(unreachable_pub)] // the schema derive repeats each type in a private scope
mod spec;
mod status;

pub use spec::{
    AutoScalingGroupMode, AutoScalingGroupTarget, Certificate, ClassicLoadBalancer, ClassicLoadBalancerSpec,
    DeletionPolicy, HealthCheck, LabelSelector, LabelSelectorOperator, LabelSelectorRequirement, Listener, Management,
    Protocol, RecreatePolicy, Scheme, Targets,
};
pub use status::{
    Applied, AutoScalingGroupStatus, ClassicLoadBalancerStatus, HealthCheckStatus, InstanceStatus, InstancesStatus,
    ListenerStatus, SourceSecurityGroup, TrackError, ZoneStatus,
};

/// The finalizer that keeps an object until its balancer is gone from AWS, or was never ours.
pub const FINALIZER: &str = "classiclb.dev/load-balancer";

/// The annotation that asks for a pass now: any new value does.
pub const REQUESTED_AT: &str = "classiclb.dev/requested-at";

/// The field manager of everything the operator writes to Kubernetes.
pub const FIELD_MANAGER: &str = "classic-lb-operator";
