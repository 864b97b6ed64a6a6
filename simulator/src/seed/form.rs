//! Balancers and groups of a seed as the requests that make them, so that they obey the same rules.

use form_urlencoded::Serializer;

use super::{AutoScalingGroupSeed, ListenerSeed, LoadBalancerSeed, RegionSeed};

/// The service of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Elb,
    AutoScaling,
}

/// Service, operation and form of each request, in order.
pub(super) fn requests(seed: &RegionSeed) -> Vec<(Target, &'static str, String)> {
    let mut requests = Vec::new();
    for balancer in &seed.load_balancers {
        requests.push((Target::Elb, "CreateLoadBalancer", create(balancer)));
        if !balancer.instances.is_empty() {
            let mut form = Form::new();
            form.set("LoadBalancerName", &balancer.name);
            for (index, id) in balancer.instances.iter().enumerate() {
                form.set(&format!("Instances.member.{}.InstanceId", index + 1), id);
            }
            requests.push((Target::Elb, "RegisterInstancesWithLoadBalancer", form.finish()));
        }
    }
    for configuration in &seed.launch_configurations {
        let mut form = Form::new();
        form.set("LaunchConfigurationName", &configuration.name);
        form.set("ImageId", configuration.image_id.as_deref().unwrap_or("ami-12c6146b"));
        form.set(
            "InstanceType",
            configuration.instance_type.as_deref().unwrap_or("t3.micro"),
        );
        requests.push((Target::AutoScaling, "CreateLaunchConfiguration", form.finish()));
    }
    for group in &seed.auto_scaling_groups {
        requests.push((Target::AutoScaling, "CreateAutoScalingGroup", create_group(group)));
    }
    requests
}

fn create(balancer: &LoadBalancerSeed) -> String {
    let mut form = Form::new();
    form.set("LoadBalancerName", &balancer.name);
    if let Some(scheme) = &balancer.scheme {
        form.set("Scheme", scheme);
    }
    form.list("AvailabilityZones", &balancer.availability_zones);
    form.list("Subnets", &balancer.subnets);
    form.list("SecurityGroups", &balancer.security_groups);
    let plain = ListenerSeed {
        protocol: "HTTP".to_owned(),
        port: 80,
        instance_port: 80,
        instance_protocol: None,
        certificate: None,
    };
    let listeners = if balancer.listeners.is_empty() {
        std::slice::from_ref(&plain)
    } else {
        &balancer.listeners
    };
    for (index, listener) in listeners.iter().enumerate() {
        let mut set = |name: &str, value: &str| form.set(&format!("Listeners.member.{}.{name}", index + 1), value);
        set("Protocol", &listener.protocol);
        set("LoadBalancerPort", &listener.port.to_string());
        set("InstancePort", &listener.instance_port.to_string());
        if let Some(protocol) = &listener.instance_protocol {
            set("InstanceProtocol", protocol);
        }
        if let Some(certificate) = &listener.certificate {
            set("SSLCertificateId", certificate);
        }
    }
    form.tags(&balancer.tags);
    form.finish()
}

fn create_group(group: &AutoScalingGroupSeed) -> String {
    let mut form = Form::new();
    form.set("AutoScalingGroupName", &group.name);
    form.set("LaunchConfigurationName", &group.launch_configuration);
    form.set("MinSize", &group.min_size.to_string());
    form.set("MaxSize", &group.max_size.to_string());
    form.set("DesiredCapacity", &group.desired_capacity.to_string());
    form.list("AvailabilityZones", &group.availability_zones);
    if !group.subnets.is_empty() {
        form.set("VPCZoneIdentifier", &group.subnets.join(","));
    }
    form.list("LoadBalancerNames", &group.load_balancers);
    form.tags(&group.tags);
    form.finish()
}

struct Form {
    out: Serializer<'static, String>,
}

impl Form {
    fn new() -> Self {
        Self {
            out: Serializer::new(String::new()),
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.out.append_pair(name, value);
    }

    fn list(&mut self, name: &str, values: &[String]) {
        for (index, value) in values.iter().enumerate() {
            self.set(&format!("{name}.member.{}", index + 1), value);
        }
    }

    fn tags(&mut self, tags: &std::collections::BTreeMap<String, String>) {
        for (index, (key, value)) in tags.iter().enumerate() {
            self.set(&format!("Tags.member.{}.Key", index + 1), key);
            self.set(&format!("Tags.member.{}.Value", index + 1), value);
        }
    }

    fn finish(mut self) -> String {
        self.out.finish()
    }
}
