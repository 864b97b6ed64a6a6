//! Pure: a load balancer taken apart into what AWS changes one by one, so that two states can be compared and mixed.

use std::collections::{BTreeMap, BTreeSet};

use super::{Attribute, HealthCheck, InstanceId, Listener, LoadBalancer, Policy, PolicyName, Port};

/// One of the things that make up a load balancer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Element {
    /// A listener with its certificate and policies.
    Listener(Port),
    /// The policies in force on a port of the instances.
    Backend(Port),
    /// A policy, which comes and goes but never changes.
    Policy(PolicyName),
    /// The health check.
    HealthCheck,
    /// An attribute, by its place in [`super::Attributes::all`].
    Attribute(u8),
    /// A zone served.
    Zone(String),
    /// A subnet attached.
    Subnet(String),
    /// A security group.
    SecurityGroup(String),
    /// A registered instance.
    Instance(InstanceId),
    /// A tag.
    Tag(String),
    /// An Auto Scaling group that lists the load balancer.
    AutoScalingGroup(String),
}

impl Element {
    /// Whether `DescribeLoadBalancers` tells of it, and not a call of its own. Of policies it tells the names.
    pub fn is_described(&self) -> bool {
        !matches!(self, Self::Attribute(_) | Self::Tag(_) | Self::AutoScalingGroup(_))
    }
}

/// What there is of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing, or it was not read.
    Absent,
    /// It is there, and there is no more to say of it.
    Present,
    /// A listener.
    Listener(Listener),
    /// The policies on a port.
    Policies(BTreeSet<PolicyName>),
    /// A policy.
    Policy(Policy),
    /// The health check.
    HealthCheck(HealthCheck),
    /// An attribute.
    Attribute(Attribute),
    /// The value of a tag.
    Text(String),
}

impl Value {
    /// Whether both say the same. What is in a policy never changes, and may not have been read.
    pub fn says(&self, other: &Self) -> bool {
        self == other || matches!((self, other), (Self::Policy(_), Self::Policy(_)))
    }

    fn of(present: bool) -> Self {
        if present { Self::Present } else { Self::Absent }
    }
}

fn or_absent<T>(value: Option<&T>, of: impl FnOnce(T) -> Value) -> Value
where
    T: Clone,
{
    value.map_or(Value::Absent, |value| of(value.clone()))
}

fn put_in(set: &mut BTreeSet<String>, name: &str, value: &Value) {
    if *value == Value::Absent {
        set.remove(name);
    } else {
        set.insert(name.to_owned());
    }
}

fn attribute_place(attribute: &Attribute) -> u8 {
    match attribute {
        Attribute::CrossZone(_) => 0,
        Attribute::IdleTimeout(_) => 1,
        Attribute::ConnectionDraining(_) => 2,
        Attribute::AccessLog(_) => 3,
        Attribute::DesyncMitigationMode(_) => 4,
    }
}

impl LoadBalancer {
    /// What there is of an element.
    pub fn element(&self, element: &Element) -> Value {
        match element {
            Element::Listener(port) => or_absent(self.listeners.get(port), Value::Listener),
            Element::Backend(port) => or_absent(self.backends.get(port), Value::Policies),
            Element::Policy(name) => or_absent(self.policies.get(name), Value::Policy),
            Element::HealthCheck => Value::HealthCheck(self.health_check.clone()),
            Element::Attribute(place) => {
                let all = self.attributes.all();
                let found = all.iter().find(|attribute| attribute_place(attribute) == *place);
                or_absent(found, Value::Attribute)
            }
            Element::Zone(name) => Value::of(self.availability_zones.contains(name)),
            Element::Subnet(id) => Value::of(self.subnets.contains(id)),
            Element::SecurityGroup(id) => Value::of(self.security_groups.contains(id)),
            Element::Instance(id) => Value::of(self.instances.contains(id)),
            Element::Tag(key) => or_absent(self.tags.get(key), Value::Text),
            Element::AutoScalingGroup(name) => Value::of(self.auto_scaling_groups.contains(name)),
        }
    }

    /// Makes an element so. A value of another kind of element changes nothing.
    pub fn put(&mut self, element: &Element, value: &Value) {
        match (element, value) {
            (Element::Listener(port), Value::Listener(listener)) => {
                self.listeners.insert(*port, listener.clone());
            }
            (Element::Listener(port), Value::Absent) => drop(self.listeners.remove(port)),
            (Element::Backend(port), Value::Policies(names)) => drop(self.backends.insert(*port, names.clone())),
            (Element::Backend(port), Value::Absent) => drop(self.backends.remove(port)),
            (Element::Policy(name), Value::Policy(policy)) => {
                self.policies.insert(name.clone(), policy.clone());
            }
            (Element::Policy(name), Value::Absent) => drop(self.policies.remove(name)),
            (Element::HealthCheck, Value::HealthCheck(check)) => self.health_check.clone_from(check),
            (Element::Attribute(_), Value::Attribute(attribute)) => self.attributes.set(attribute.clone()),
            (Element::Zone(name), value) => put_in(&mut self.availability_zones, name, value),
            (Element::Subnet(id), value) => put_in(&mut self.subnets, id, value),
            (Element::SecurityGroup(id), value) => put_in(&mut self.security_groups, id, value),
            (Element::Instance(id), value) => put_in(&mut self.instances, id, value),
            (Element::Tag(key), Value::Text(text)) => drop(self.tags.insert(key.clone(), text.clone())),
            (Element::Tag(key), Value::Absent) => drop(self.tags.remove(key)),
            (Element::AutoScalingGroup(name), value) => put_in(&mut self.auto_scaling_groups, name, value),
            _ => {}
        }
    }

    /// The elements in which another state differs from this one.
    pub fn changed_elements(&self, other: &Self) -> Vec<Element> {
        fn names(one: &BTreeSet<String>, other: &BTreeSet<String>, of: fn(String) -> Element) -> Vec<Element> {
            one.symmetric_difference(other).cloned().map(of).collect()
        }
        fn keys<K: Ord + Clone, V: PartialEq>(
            one: &BTreeMap<K, V>,
            other: &BTreeMap<K, V>,
            of: fn(K) -> Element,
        ) -> Vec<Element> {
            let all: BTreeSet<&K> = one.keys().chain(other.keys()).collect();
            let changed = all.into_iter().filter(|key| one.get(*key) != other.get(*key));
            changed.cloned().map(of).collect()
        }
        let attributes = (0..=4).map(Element::Attribute);
        let single = attributes.chain([Element::HealthCheck]);
        let single = single.filter(|element| self.element(element) != other.element(element));
        [
            keys(&self.listeners, &other.listeners, Element::Listener),
            keys(&self.backends, &other.backends, Element::Backend),
            keys(&self.policies, &other.policies, Element::Policy),
            keys(&self.tags, &other.tags, Element::Tag),
            single.collect(),
            names(&self.availability_zones, &other.availability_zones, Element::Zone),
            names(&self.subnets, &other.subnets, Element::Subnet),
            names(&self.security_groups, &other.security_groups, Element::SecurityGroup),
            names(&self.instances, &other.instances, Element::Instance),
            names(
                &self.auto_scaling_groups,
                &other.auto_scaling_groups,
                Element::AutoScalingGroup,
            ),
        ]
        .concat()
    }
}
