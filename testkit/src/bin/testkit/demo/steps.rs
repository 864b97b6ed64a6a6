//! The tutorial's steps in its order.

use anyhow::Context as _;
use testkit::cluster::Kind;
use testkit::{Calls, object};

use super::play::{BALANCER, Play};
use crate::site::MACHINES;

/// The Auto Scaling group of the last step but one.
const GROUP: &str = "web";

pub(super) async fn all(play: &mut Play<'_>) -> anyhow::Result<()> {
    look_around(play).await?;
    create(play).await?;
    instances_and_health(play).await?;
    add_by_label(play).await?;
    remove_by_label(play).await?;
    disable_zone(play).await?;
    enable_zone(play).await?;
    attach_group(play).await?;
    delete(play).await
}

async fn look_around(play: &mut Play<'_>) -> anyhow::Result<()> {
    play.step(
        "Look at what is there",
        "   Three running instances in three zones, a Node for each, and no load balancer yet.",
    )?;
    let nodes = play
        .kubectl(&["get", "nodes", "-L", "role,topology.kubernetes.io/zone"])
        .await?;
    play.check(
        MACHINES.iter().all(|machine| nodes.contains(machine.node)),
        "the cluster has the three Nodes",
    )?;
    play.kubectl(&["get", "clb"]).await?;
    let none = play.balancers().await?.is_empty();
    play.check(none, "AWS has no load balancer")
}

async fn create(play: &mut Play<'_>) -> anyhow::Result<()> {
    play.step(
        "Create the load balancer",
        "   One object holds the ports, the health check, the zones and the instances of the tutorial.",
    )?;
    play.kubectl(&["apply", "-f", "examples/tutorial.yaml"]).await?;
    play.kubectl(&["wait", "clb/my-lb", "--for=condition=Ready", "--timeout=90s"])
        .await?;
    play.kubectl(&["get", "clb"]).await?;
    let calls = play.show_calls()?.elb();
    play.check(
        calls.of("CreateLoadBalancer").len() == 1,
        "it took exactly one CreateLoadBalancer",
    )?;
    let cost = calls.len();
    play.check(
        cost <= 6,
        &format!("it took {cost} ELB calls in all, and no more than 6"),
    )?;

    let dns_name = play
        .kubectl(&["get", "clb", BALANCER, "-o", "jsonpath={.status.dnsName}"])
        .await?;
    let balancer = play.balancer().await?;
    let same = !dns_name.is_empty() && dns_name == balancer.dns_name;
    play.check(
        same,
        &format!("the status tells the DNS name that AWS gave: {dns_name}"),
    )?;
    play.check(
        balancer.zones == ["us-east-1a", "us-east-1b"],
        "it spans us-east-1a and us-east-1b",
    )
}

async fn instances_and_health(play: &mut Play<'_>) -> anyhow::Result<()> {
    play.step(
        "See the instances and their health",
        "   They take a moment to come into service.",
    )?;
    let healthy = |object: &_| object::has(object, "TargetsHealthy", "True");
    play.cluster
        .until(Kind::CLB, BALANCER, "TargetsHealthy to be True", healthy)
        .await?;
    let columns = "-o=custom-columns=NAME:.metadata.name,IN SERVICE:.status.instances.summary,\
        INSTANCES:.status.instances.items[*].id,STATES:.status.instances.items[*].state";
    play.kubectl(&["get", "clb", BALANCER, columns]).await?;
    let health = play.health().await?;
    let lines: Vec<String> = health.iter().map(|(id, state)| format!("{id}  {state}")).collect();
    play.screen.found("AWS says:", &lines);
    let (a, b) = (MACHINES[0].instance, MACHINES[1].instance);
    let registered = |id: &str| health.iter().any(|(found, state)| found == id && state == "InService");
    play.check(
        health.len() == 2 && registered(a) && registered(b),
        "both instances are in service",
    )
}

async fn add_by_label(play: &mut Play<'_>) -> anyhow::Result<()> {
    let machine = &MACHINES[2];
    play.step(
        "Add an instance by a label on its Node",
        "   The balancer's object is not touched.",
    )?;
    play.kubectl(&["label", "node", machine.node, "role=web"]).await?;
    play.until_asked("RegisterInstancesWithLoadBalancer", machine.instance)
        .await?;
    let calls = play.show_calls()?;
    let there = play.balancer().await?.instances.iter().any(|id| id == machine.instance);
    play.check(there, &format!("{} is registered", machine.instance))?;
    play.check(calls.elb().writes().len() == 1, "it took one write to AWS")
}

async fn remove_by_label(play: &mut Play<'_>) -> anyhow::Result<()> {
    let machine = &MACHINES[2];
    play.step("Remove it again", "   Without the label, the instance is deregistered.")?;
    play.kubectl(&["label", "node", machine.node, "role-"]).await?;
    play.until_asked("DeregisterInstancesFromLoadBalancer", machine.instance)
        .await?;
    let calls = play.show_calls()?;
    let left = play.balancer().await?.instances;
    play.check(
        !left.iter().any(|id| id == machine.instance),
        &format!("{} is gone", machine.instance),
    )?;
    play.check(left.len() == 2, "the two others are still registered")?;
    play.check(calls.elb().writes().len() == 1, "it took one write to AWS")
}

async fn disable_zone(play: &mut Play<'_>) -> anyhow::Result<()> {
    let machine = &MACHINES[0];
    play.step(
        "Disable the zone us-east-1a",
        "   First the zone, then its instance leaves: out of the list of ids, and its Node out of the cluster.",
    )?;
    play.change(r#"{"spec": {"availabilityZones": ["us-east-1b"]}}"#)
        .await?;
    play.until_asked("DisableAvailabilityZonesForLoadBalancer", machine.zone)
        .await?;
    play.kubectl(&["delete", "node", machine.node]).await?;
    play.change(&format!(
        r#"{{"spec": {{"targets": {{"instanceIds": ["{}"]}}}}}}"#,
        MACHINES[1].instance
    ))
    .await?;
    play.until_asked("DeregisterInstancesFromLoadBalancer", machine.instance)
        .await?;
    play.kubectl(&["wait", "clb/my-lb", "--for=condition=Ready", "--timeout=90s"])
        .await?;
    play.show_calls()?;
    let balancer = play.balancer().await?;
    play.check(balancer.zones == ["us-east-1b"], "AWS serves us-east-1b alone")?;
    play.check(
        balancer.instances == [MACHINES[1].instance],
        &format!("{} is deregistered", machine.instance),
    )?;
    let terminate = [("InstanceId.1", machine.instance)];
    let simulator = play.stack.simulator();
    let answer = simulator
        .query("ec2", "2016-11-15", "TerminateInstances", &terminate)
        .await?;
    let terminated = answer.contains("<name>terminated</name>") || answer.contains("<name>shutting-down</name>");
    play.check(
        terminated,
        &format!("{} is terminated, and no client noticed", machine.instance),
    )
}

async fn enable_zone(play: &mut Play<'_>) -> anyhow::Result<()> {
    let machine = &MACHINES[2];
    play.step(
        "Enable the zone us-east-1c",
        "   And register the instance that runs there.",
    )?;
    play.change(r#"{"spec": {"availabilityZones": ["us-east-1b", "us-east-1c"]}}"#)
        .await?;
    play.until_asked("EnableAvailabilityZonesForLoadBalancer", machine.zone)
        .await?;
    play.kubectl(&["label", "node", machine.node, "role=web"]).await?;
    play.until_asked("RegisterInstancesWithLoadBalancer", machine.instance)
        .await?;
    let healthy = |object: &_| {
        object::has(object, "TargetsHealthy", "True") && object::text(object, "/status/instances/summary") == "2/2"
    };
    play.cluster
        .until(Kind::CLB, BALANCER, "2/2 instances to be in service", healthy)
        .await?;
    play.kubectl(&["get", "clb"]).await?;
    play.show_calls()?;
    let balancer = play.balancer().await?;
    play.check(
        balancer.zones == ["us-east-1b", "us-east-1c"],
        "AWS serves us-east-1b and us-east-1c",
    )?;
    play.check(
        balancer.instances.iter().any(|id| id == machine.instance),
        "the instance there is in service",
    )
}

async fn attach_group(play: &mut Play<'_>) -> anyhow::Result<()> {
    play.step(
        "Map an Auto Scaling group to the load balancer",
        "   The group has two instances of its own; AWS registers them, and the operator leaves them alone.",
    )?;
    make_group(play).await?;
    play.mark()?;
    let patch =
        format!(r#"{{"spec": {{"targets": {{"autoScalingGroups": [{{"name": "{GROUP}", "mode": "Attach"}}]}}}}}}"#);
    play.change(&patch).await?;
    play.until_asked("AttachLoadBalancers", BALANCER).await?;
    play.kubectl(&["wait", "clb/my-lb", "--for=condition=Ready", "--timeout=90s"])
        .await?;
    let calls = play.show_calls()?;
    let members = group_members(play).await?;
    play.until_registered(&members).await?;
    play.check(members.len() == 2, "AWS registered the group's two instances")?;
    // AWS tells nobody that it did, so the operator would find out at its next look.
    play.kubectl(&["annotate", "clb", BALANCER, "classiclb.dev/requested-at=now"])
        .await?;
    let healthy = |object: &_| object::text(object, "/status/instances/summary") == "4/4";
    play.cluster
        .until(Kind::CLB, BALANCER, "4/4 instances to be in service", healthy)
        .await?;
    play.kubectl(&["get", "clb"]).await?;
    play.screen.seen("the status counts them, and all are in service");
    let registering = |calls: &Calls| members.iter().any(|id| !calls.elb().writes().naming(id).is_empty());
    play.check(!registering(&calls), "the operator did not register them itself")
}

async fn make_group(play: &mut Play<'_>) -> anyhow::Result<()> {
    let scaling = play.stack.simulator().autoscaling();
    let configuration = scaling.create_launch_configuration().launch_configuration_name(GROUP);
    configuration
        .image_id("ami-0a1b2c3d4e5f60718")
        .instance_type("t3.micro")
        .send()
        .await?;
    let group = scaling
        .create_auto_scaling_group()
        .auto_scaling_group_name(GROUP)
        .launch_configuration_name(GROUP);
    let group = group.availability_zones("us-east-1b").availability_zones("us-east-1c");
    group.min_size(2).max_size(4).desired_capacity(2).send().await?;
    let shown = [format!(
        "Auto Scaling group {GROUP}, 2 instances in us-east-1b and us-east-1c"
    )];
    play.screen.found("In AWS somebody makes:", &shown);
    Ok(())
}

async fn group_members(play: &Play<'_>) -> anyhow::Result<Vec<String>> {
    let scaling = play.stack.simulator().autoscaling();
    let answer = scaling
        .describe_auto_scaling_groups()
        .auto_scaling_group_names(GROUP)
        .send()
        .await?;
    let group = answer
        .auto_scaling_groups()
        .first()
        .context("the Auto Scaling group is gone")?;
    Ok(group
        .instances()
        .iter()
        .filter_map(|instance| instance.instance_id())
        .map(str::to_owned)
        .collect())
}

async fn delete(play: &mut Play<'_>) -> anyhow::Result<()> {
    play.step(
        "Delete the load balancer",
        "   The group is detached first, so that it does not point at nothing.",
    )?;
    play.kubectl(&["delete", "clb", BALANCER, "--timeout=90s"]).await?;
    let calls = play.show_calls()?;
    let at = |operation: &str| {
        calls
            .successful()
            .operations()
            .iter()
            .position(|found| *found == operation)
    };
    let (detached, deleted) = (at("DetachLoadBalancers"), at("DeleteLoadBalancer"));
    play.check(
        detached.is_some() && detached < deleted,
        "the group was detached, then the balancer deleted",
    )?;
    let left = play.balancers().await?;
    play.screen.found("Load balancers in AWS:", &[left.len().to_string()]);
    play.check(left.is_empty(), "AWS has no load balancer")?;
    let scaling = play.stack.simulator().autoscaling();
    let attached = scaling
        .describe_load_balancers()
        .auto_scaling_group_name(GROUP)
        .send()
        .await?;
    play.check(
        attached.load_balancers().is_empty(),
        "no Auto Scaling group points at it",
    )?;
    let objects = play.cluster.list(Kind::CLB).await?;
    play.check(objects.is_empty(), "the cluster has no ClassicLoadBalancer")
}
