//! Pure: an object as a reconcile works on it, whatever its kind. A binding is worked on as the part of a load balancer
//! that it declares: the targets.

use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::{DeserializeGuard, DynamicResourceScope, NamespaceResourceScope};
use serde::de::DeserializeOwned;

use crate::api::message::Message;
use crate::api::{
    ClassicLoadBalancer, ClassicLoadBalancerBinding, ClassicLoadBalancerSpec, ClassicLoadBalancerStatus, Registration,
    RegistrationMode, ReplacementStatus,
};

/// What an object is to its load balancer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A `ClassicLoadBalancer`: the load balancer is its own.
    #[default]
    Owner,
    /// A `ClassicLoadBalancerBinding`: it registers instances with somebody else's.
    Binding,
}

/// An object of either kind.
#[derive(Clone, Debug, Default)]
pub(in crate::controller) struct Object {
    pub(in crate::controller) kind: Kind,
    pub(in crate::controller) metadata: ObjectMeta,
    pub(in crate::controller) spec: ClassicLoadBalancerSpec,
    pub(in crate::controller) status: Option<ClassicLoadBalancerStatus>,
    /// Which version of it a write expects.
    pub(in crate::controller) version: Version,
    /// The name of the load balancer in AWS, where the spec does not tell it: it stood beside another one once.
    pub(in crate::controller) aws_name: Option<String>,
    /// Which of its load balancers this is about.
    pub(in crate::controller) place: Place,
    /// What of that load balancer stays as it is, whatever the spec says.
    pub(in crate::controller) stays: Stays,
}

/// What of a load balancer stays as it is, since the spec is, or may be, about another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::controller) struct Stays {
    /// Where it is: its subnets and its security groups.
    pub(in crate::controller) place: bool,
    /// What is of its VPC, since what the spec names is, or may be, of another one: its security groups, the instances that are
    /// registered, and the Auto Scaling groups.
    pub(in crate::controller) members: bool,
}

/// Which load balancer of an object a reconcile is about.
#[derive(Clone, Debug, Default)]
pub(in crate::controller) enum Place {
    /// Its only one.
    #[default]
    Only,
    /// The one that clients are sent to, while there is another one.
    First {
        /// What is told of the other one; `None`: it is only planned.
        beside: Option<Box<ReplacementStatus>>,
        /// That the other one takes its place, where it does.
        waits: Option<Message>,
    },
    /// The other one. The status is that of the object as it was last written.
    Beside(Box<ClassicLoadBalancerStatus>),
}

/// The version in which an object was last seen, or made so by a write of our own. A clone is the same.
#[derive(Clone, Debug, Default)]
pub(in crate::controller) struct Version(Arc<Mutex<Option<String>>>);

impl Version {
    /// As it was read.
    pub(in crate::controller) fn of(metadata: &ObjectMeta) -> Self {
        Self(Arc::new(Mutex::new(metadata.resource_version.clone())))
    }

    pub(in crate::controller) fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(in crate::controller) fn set(&self, metadata: &ObjectMeta) {
        let mut version = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        version.clone_from(&metadata.resource_version);
    }
}

/// An object of a watch. One that cannot be decoded must not stop the others.
pub type Guarded<K = ClassicLoadBalancer> = DeserializeGuard<K>;

/// A kind of objects that are watched and reconciled.
pub trait Watched:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + Default
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// Which it is.
    const KIND: Kind;

    /// What is declared.
    fn spec(&self) -> ClassicLoadBalancerSpec;

    /// What is stored of the last reconcile.
    fn status(&self) -> Option<&ClassicLoadBalancerStatus>;

    /// The same, to keep less of it.
    fn status_mut(&mut self) -> Option<&mut ClassicLoadBalancerStatus>;
}

impl Watched for ClassicLoadBalancer {
    const KIND: Kind = Kind::Owner;

    fn spec(&self) -> ClassicLoadBalancerSpec {
        self.spec.clone()
    }

    fn status(&self) -> Option<&ClassicLoadBalancerStatus> {
        self.status.as_ref()
    }

    fn status_mut(&mut self) -> Option<&mut ClassicLoadBalancerStatus> {
        self.status.as_mut()
    }
}

impl Watched for ClassicLoadBalancerBinding {
    const KIND: Kind = Kind::Binding;

    fn spec(&self) -> ClassicLoadBalancerSpec {
        let spec = self.spec.clone();
        ClassicLoadBalancerSpec {
            region: spec.region,
            account_ref: spec.account_ref,
            load_balancer_name: Some(spec.load_balancer_name),
            targets: spec.targets,
            registration: Some(Registration {
                mode: Some(RegistrationMode::Additive),
                ..spec.registration.unwrap_or_default()
            }),
            deletion_policy: spec.deletion_policy,
            ..ClassicLoadBalancerSpec::default()
        }
    }

    fn status(&self) -> Option<&ClassicLoadBalancerStatus> {
        self.status.as_ref()
    }

    fn status_mut(&mut self) -> Option<&mut ClassicLoadBalancerStatus> {
        self.status.as_mut()
    }
}

impl Object {
    /// As a reconcile works on it.
    pub(in crate::controller) fn of<K: Watched>(object: &K) -> Self {
        Self {
            kind: K::KIND,
            metadata: object.meta().clone(),
            spec: object.spec(),
            status: object.status().cloned(),
            version: Version::of(object.meta()),
            aws_name: None,
            place: Place::Only,
            stays: Stays::default(),
        }
    }

    /// Whether this is about the load balancer that no client is sent to.
    pub(in crate::controller) fn is_beside(&self) -> bool {
        matches!(self.place, Place::Beside(_))
    }

    /// The status of the object, where this is that of the load balancer which a reconcile is about.
    pub(in crate::controller) fn whole(&self, mut status: ClassicLoadBalancerStatus) -> ClassicLoadBalancerStatus {
        match &self.place {
            Place::Only | Place::First { beside: None, .. } => status,
            Place::First {
                beside: Some(beside), ..
            } => {
                status.replacement = Some((**beside).clone());
                status
            }
            Place::Beside(object) => {
                let beside = object.replacement.clone().map(|beside| beside.of(&status));
                ClassicLoadBalancerStatus {
                    replacement: beside,
                    ..(**object).clone()
                }
            }
        }
    }

    /// Whether its load balancer is somebody else's.
    pub(in crate::controller) fn is_binding(&self) -> bool {
        self.kind == Kind::Binding
    }

    /// What the log calls whoever works on objects of its kind, as controller-runtime would.
    pub(in crate::controller) fn controller(&self) -> String {
        Self::kind(&self.kind).to_ascii_lowercase()
    }
}

impl Resource for Object {
    type DynamicType = Kind;
    type Scope = DynamicResourceScope;

    fn kind(kind: &Kind) -> Cow<'_, str> {
        match kind {
            Kind::Owner => ClassicLoadBalancer::kind(&()),
            Kind::Binding => ClassicLoadBalancerBinding::kind(&()),
        }
    }

    fn group(_: &Kind) -> Cow<'_, str> {
        ClassicLoadBalancer::group(&())
    }

    fn version(_: &Kind) -> Cow<'_, str> {
        ClassicLoadBalancer::version(&())
    }

    fn plural(kind: &Kind) -> Cow<'_, str> {
        match kind {
            Kind::Owner => ClassicLoadBalancer::plural(&()),
            Kind::Binding => ClassicLoadBalancerBinding::plural(&()),
        }
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
