//! Pure: targets that the object of a load balancer follows, and that what is written cannot.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt as _;
use serde_json::{Value, json};

use crate::api::{AutoScalingGroupMode, ClassicLoadBalancer, LabelSelector};
use crate::elb::{LoadBalancer, Port};

/// What the object of a load balancer follows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Followed {
    /// Namespace and name.
    object: (String, String),
    /// Whether it could not be read.
    unread: bool,
    nodes: Option<LabelSelector>,
    by_tags: bool,
    /// The Auto Scaling groups whose instances it registers.
    groups: BTreeSet<String>,
    /// The Services whose ports are instance ports, with the name or the number of the port.
    services: BTreeMap<Port, (String, Value)>,
}

impl Followed {
    /// As the object says.
    pub(super) fn of(object: &ClassicLoadBalancer, lb: &LoadBalancer) -> Self {
        let targets = object.spec.targets.clone().unwrap_or_default();
        let groups = targets.auto_scaling_groups.into_iter().flatten();
        let resolved = groups.filter(|group| group.mode == Some(AutoScalingGroupMode::Resolve));
        let services = object.spec.listeners.iter().filter_map(|listener| {
            let from = listener.instance_port_from.as_ref()?;
            let number = || from.port.map(|number| json!(number));
            let port = from.port_name.as_ref().map(|name| json!(name)).or_else(number)?;
            let made = lb
                .listeners
                .values()
                .find(|made| i64::from(made.port) == i64::from(listener.port))?;
            Some((made.instance_port, (from.service_name.clone(), port)))
        });
        Self {
            object: (object.namespace().unwrap_or_default(), object.name_any()),
            unread: false,
            nodes: targets.node_selector,
            by_tags: targets.instance_tags.is_some_and(|tags| !tags.is_empty()),
            groups: resolved.map(|group| group.name).collect(),
            services: services.collect(),
        }
    }

    /// Of an object that could not be read.
    pub(super) fn unread(namespace: &str, name: &str) -> Self {
        Self {
            object: (namespace.to_owned(), name.to_owned()),
            unread: true,
            ..Self::default()
        }
    }

    /// What is another than before.
    pub(super) fn differs(&self) -> Vec<String> {
        let object = format!("{}/{}", self.object.0, self.object.1);
        let mut all = Vec::new();
        if self.unread {
            all.push(format!(
                "the instances are written down as they are now; {object} could not be read, and Nodes or instances that it \
                 follows would not be followed"
            ));
        }
        if self.nodes.is_some() {
            all.push(format!(
                "{object} selects its Nodes by nodeSelector, and those that join later are not followed: use a \
                 TargetGroupBinding of the AWS Load Balancer Controller"
            ));
        }
        if self.by_tags {
            all.push(format!(
                "{object} selects its instances by instanceTags, and those that start later are not followed: have them \
                 registered by what starts them"
            ));
        }
        all.extend(self.groups.iter().map(|group| {
            format!(
                "{object} registers the instances of the Auto Scaling group {group}, and those that start later are not \
                 followed: attach the target groups to it"
            )
        }));
        all
    }

    /// The `TargetGroupBinding` by which Nodes are followed, where a Service tells the instance port. Its ARN is not known
    /// before the target group is there.
    pub(super) fn binding(&self, name: &str, port: Port) -> Option<Value> {
        let (service, of_service) = self.services.get(&port)?;
        let mut spec = json!({
            "targetGroupARN": "ARN", "targetType": "instance", "serviceRef": {"name": service, "port": of_service},
        });
        let nodes = self.nodes.as_ref()?;
        if *nodes != LabelSelector::default() {
            spec["nodeSelector"] = serde_json::to_value(nodes).ok()?;
        }
        Some(json!({
            "apiVersion": "elbv2.k8s.aws/v1beta1", "kind": "TargetGroupBinding",
            "metadata": {"namespace": self.object.0, "name": name}, "spec": spec,
        }))
    }
}
