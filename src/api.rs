//! The custom resources: their specs, their status and the rules that the API server enforces.
//!
//! Descriptions of fields are user documentation: `kubectl explain` prints them.

// As below.
#[allow(unreachable_pub, clippy::doc_markdown)]
mod account;
#[allow(unreachable_pub, clippy::doc_markdown)]
mod binding;
pub mod condition;
pub mod crd;
pub mod fields;
pub mod message;
pub mod reason;
pub mod reference;
// The schema derive repeats each type in a private scope; the descriptions are read by kubectl, not by rustdoc.
#[allow(unreachable_pub, clippy::doc_markdown)]
mod spec;
mod status;

pub use account::{
    AWSAccount, AWSAccountSpec, AWSAccountStatus, AccountNamespaces, AccountRegionStatus, Allow, BUDGET_SUFFICIENT,
    BUDGET_THROTTLED, NamespacesFrom, Permission, VIEW_ANSWERING, VIEW_SILENT, VIEW_UNREAD,
};
pub use binding::{ClassicLoadBalancerBinding, ClassicLoadBalancerBindingSpec};
pub use spec::{
    AccessLog, AccountRef, ApplicationCookie, Attributes, AutoScalingGroupMode, AutoScalingGroupTarget, Backend,
    Certificate, CheckProtocol, ClassicLoadBalancer, ClassicLoadBalancerSpec, ConfigMapKeyRef, ConnectionDraining,
    CordonedNodes, CustomSslPolicy, DeletionPolicy, DesyncMitigationMode, HealthCheck, InstancePortFrom, InstanceTags,
    LabelSelector, LabelSelectorOperator, LabelSelectorRequirement, Listener, LoadBalancerCookie, Management,
    NotReadyNodes, Part, Protocol, PublicKey, RecreatePolicy, Registration, RegistrationMode, ReplacementPolicy,
    Scheme, SecurityGroupSelector, SslPolicy, Stickiness, SubnetRole, SubnetSelector, Targets,
};
pub use status::{
    Applied, AutoScalingGroupStatus, CertificateStatus, ClassicLoadBalancerStatus, HealthCheckStatus, InstanceStatus,
    InstancesStatus, ListenerStatus, ReplacementPhase, ReplacementStatus, SourceSecurityGroup, TrackError, ZoneStatus,
};

/// The finalizer that keeps an object until its load balancer is gone from AWS, or was never ours.
pub const FINALIZER: &str = "classiclb.dev/load-balancer";

/// The annotation that asks for a reconcile now: any new value does.
pub const REQUESTED_AT: &str = "classiclb.dev/requested-at";
/// What the annotation begins with that tells how far a Node that is about to go has drained; the name of the operator's
/// Lease follows.
pub const DRAIN_PREFIX: &str = "drain.classiclb.dev/";

/// The field manager of everything the operator writes to Kubernetes.
pub const FIELD_MANAGER: &str = "classic-lb-operator";
