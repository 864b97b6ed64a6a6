//! Instances by id and Auto Scaling groups.

use serde_json::json;
use testkit::{LoadBalancer, Result};

use crate::setup::{by_ids, by_role, health_every, minimal};
use crate::{MINIMAL, Test, error, set, unique};

/// A group of so many instances, made as a person would.
pub(crate) async fn group(test: &Test, size: i32) -> Result<String> {
    let name = format!("group-{}", unique());
    let scaling = test.simulator().autoscaling();
    let launch = scaling.create_launch_configuration().launch_configuration_name(&name);
    let launch = launch.image_id("ami-12345678").instance_type("t3.micro");
    launch.send().await.expect("a launch configuration");
    let request = scaling.create_auto_scaling_group().auto_scaling_group_name(&name);
    let request = request
        .launch_configuration_name(&name)
        .availability_zones("us-east-1a");
    let request = request.min_size(0).max_size(10).desired_capacity(size);
    request.send().await.expect("a group");
    Ok(name)
}

pub(crate) async fn balancers_of(test: &Test, group: &str) -> Vec<String> {
    let request = test.simulator().autoscaling().describe_auto_scaling_groups();
    let reply = request.auto_scaling_group_names(group).send().await.expect("described");
    let groups = reply.auto_scaling_groups().iter();
    groups.flat_map(|group| group.load_balancer_names().to_vec()).collect()
}

/// These groups as targets: `name: a, mode: Attach`.
fn by_group(group: &str) -> String {
    minimal(&format!("targets: {{autoScalingGroups: [{{{group}}}]}}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_unknown_instance_keeps_no_other_from_being_registered() -> Result<()> {
    let setup = Test::web().zones(&["us-east-1a", "us-east-1b"]);
    let test = setup.start().await?;
    let mark = test.mark()?;
    let unknown = ["i-0dead0000000beef0", "i-0dead0000000beef1"];
    let all = [&test.ids[0], unknown[0], &test.ids[1], unknown[1]];
    test.apply(&minimal(&by_ids(&all.map(ToOwned::to_owned)))).await?;
    let message = test.until_reason("Programmed", "InstanceNotFound").await?;
    assert!(unknown.iter().all(|id| message.contains(id)), "{message}");
    assert!(test.get().await?.has("Reconciling", "True"));
    assert_eq!(test.registered().await?, set(&test.ids));
    let calls = test.calls(mark).await?.of("RegisterInstancesWithLoadBalancer");
    assert!(calls.len() <= 4, "{calls}");
    // What keeps them out is no health check.
    let told = test
        .until("the two alone to be out", |web| {
            web.message("TargetsHealthy").starts_with("2 of 4 wanted instances")
        })
        .await?;
    let told = told.message("TargetsHealthy");
    assert!(
        told.contains("AWS does not register it") && !told.contains("health check"),
        "{told}"
    );

    let zones = unknown.iter().map(|id| (*id, "us-east-1a")).collect();
    test.simulator().seed(&testkit::instances(&zones)).await?;
    test.until_ready().await?;
    assert_eq!(test.registered().await?.len(), 4);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_unknown_instances_cost_no_more_than_one() -> Result<()> {
    let setup = Test::web().zones(&["us-east-1a", "us-east-1b"]);
    let test = setup.start().await?;
    let unknown = (0..200).map(|number| format!("i-0dead{number:012x}"));
    let all: Vec<String> = unknown.chain(test.ids.clone()).collect();
    let mark = test.mark()?;
    test.apply(&minimal(&by_ids(&all))).await?;
    let message = test.until_reason("Programmed", "InstanceNotFound").await?;
    assert!(message.contains("and 190 more"), "{message}");
    assert_eq!(test.registered().await?, set(&test.ids));
    let calls = test.calls(mark).await?.of("RegisterInstancesWithLoadBalancer");
    assert!(calls.len() <= 4, "{} calls", calls.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_instance_is_gone_is_stale_and_leaves_ready_alone() -> Result<()> {
    let test = Test::web().instances(1).start().await?;
    let gone = "i-0dead0000000beef7";
    for id in [test.ids[0].as_str(), gone] {
        let name = format!("{id}-{}", test.role);
        test.namespace.node(&name, Some(id), &[("role", &test.role)]).await?;
    }
    let ready = test.ready(&minimal(&by_role(&test.role))).await?;
    assert_eq!(*ready.status("/instances/stale"), json!([gone]));
    assert_eq!(test.registered().await?, set(&test.ids));
    let words = format!("1 of 2 wanted instances are not in service: {gone} (AWS does not");
    test.until("what is wrong with it", |web| {
        let message = web.message("TargetsHealthy");
        web.has("TargetsHealthy", "False") && message.starts_with(&words) && message.contains("; take their Nodes")
    })
    .await
    .map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_attached_and_detached_and_their_members_left_alone() -> Result<()> {
    let test = Test::web().instances(1).start().await?;
    let (ours, theirs) = (group(&test, 2).await?, group(&test, 1).await?);
    let spec = |groups: &str| {
        let targets = format!("instanceIds: [{}], autoScalingGroups: [{groups}]", test.ids[0]);
        minimal(&format!("targets: {{{targets}}}"))
    };
    test.ready(&spec(&format!("{{name: {ours}, mode: Attach}}"))).await?;
    let name = test.name().await?;
    assert_eq!(balancers_of(&test, &ours).await, [name.clone()]);
    let attach = test.simulator().autoscaling().attach_load_balancers();
    let attach = attach.auto_scaling_group_name(&theirs).load_balancer_names(&name);
    attach.send().await.expect("attached");
    let mark = test.mark()?;
    test.pass().await?;
    let registered = test.registered().await?;
    assert_eq!(
        registered.len(),
        4,
        "ours, two members, and one of a group that somebody else attached"
    );
    let calls = test.calls(mark).await?;
    assert!(calls.of("DeregisterInstancesFromLoadBalancer").is_empty(), "{calls}");
    test.until("members to be counted", |web| {
        web.summary() == "4/4" && *web.status("/autoScalingGroups/0/attached") == true
    })
    .await?;

    test.ready(&spec("")).await?;
    let left = balancers_of(&test, &ours).await;
    assert!(left.is_empty(), "taken out of the spec: detached");
    assert_eq!(balancers_of(&test, &theirs).await, [name.clone()], "not ours to detach");

    test.ready(&spec(&format!("{{name: {ours}}}"))).await?;
    let mark = test.mark()?;
    test.delete().await?;
    let calls = test.simulator().calls(mark)?.naming(&name).writes();
    let expected = ["DetachLoadBalancers", "DeleteLoadBalancer"];
    assert_eq!(calls.operations(), expected, "{calls}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_follows_a_balancer_that_is_lost_made_again_and_lost_for_good() -> Result<()> {
    let test = Test::new().await?;
    let group = group(&test, 2).await?;
    let spec = by_group(&format!("name: {group}"));
    test.ready(&spec).await?;
    let healthy = |web: &LoadBalancer| web.summary() == "2/2" && web.has("TargetsHealthy", "True");
    test.until("the members to be in service", healthy).await?;
    let lose = async || {
        test.lose().await?;
        test.request().await?;
        test.until_reason("Ready", "Lost").await
    };
    lose().await?;
    test.ready(&format!("recreatePolicy: Always\n{spec}")).await?;
    test.until("the members to be in service again", healthy).await?;
    assert_eq!(test.registered().await?.len(), 2);

    test.ready(&spec).await?;
    lose().await?;
    test.delete().await?;
    let left = balancers_of(&test, &group).await;
    assert!(left.is_empty(), "the group does not point at nothing");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_vanished_and_is_declared_no_more_is_forgotten() -> Result<()> {
    let test = Test::new().await?;
    let group = group(&test, 0).await?;
    test.ready(&by_group(&format!("name: {group}"))).await?;
    let request = test.simulator().autoscaling().delete_auto_scaling_group();
    let request = request.auto_scaling_group_name(&group).force_delete(true);
    request.send().await.expect("deleted");
    test.request().await?;
    test.until_reason("Programmed", "AutoScalingGroupNotFound").await?;
    let ready = test.ready(&minimal("targets: {autoScalingGroups: []}")).await?;
    assert!(ready.status("/applied/autoScalingGroups").is_null());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_group_is_named_and_the_rest_converges() -> Result<()> {
    let test = Test::web().instances(1).start().await?;
    let targets = by_ids(&test.ids).replace("]}", "], autoScalingGroups: [{name: missing}]}");
    test.apply(&minimal(&targets)).await?;
    let message = test.until_reason("Programmed", "AutoScalingGroupNotFound").await?;
    assert!(message.contains("missing"), "{message}");
    assert_eq!(test.registered().await?, set(&test.ids));
    test.delete().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_members_of_a_resolved_group_are_registered_and_the_group_is_left_alone() -> Result<()> {
    let test = Test::new().await?;
    let group = group(&test, 2).await?;
    let at_once = "registration: {minInService: 0, maxDeregisterPercent: 100}";
    let spec = |mode: &str| format!("{}\n{at_once}", by_group(&format!("name: {group}, mode: {mode}")));
    let ready = test.ready(&spec("Resolve")).await?;
    assert_eq!(test.registered().await?.len(), 2);
    assert!(balancers_of(&test, &group).await.is_empty(), "not attached");
    let sources = json!([format!("autoScalingGroup/{group}")]);
    assert_eq!(*ready.status("/instances/items/0/sources"), sources);

    let request = test.simulator().autoscaling().set_desired_capacity();
    let request = request.auto_scaling_group_name(&group).desired_capacity(3);
    request.send().await.expect("scaled");
    test.pass().await?;
    assert_eq!(test.registered().await?.len(), 3, "it follows the group");

    let name = test.ready(&spec("Attach")).await?.name();
    assert_eq!(balancers_of(&test, &group).await, [name], "changed: attached");
    let none = "registration: {minInService: 0}\ntargets: {autoScalingGroups: []}";
    test.ready(&format!("{MINIMAL}\n{none}")).await?;
    assert!(balancers_of(&test, &group).await.is_empty(), "un-set: detached");
    test.ready(&spec("Resolve")).await?;
    assert_eq!(test.registered().await?.len(), 3, "set again");
    test.idle("a second pass").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_exchanged_only_when_the_other_serves() -> Result<()> {
    let test = Test::web().on(health_every("2s")).start().await?;
    let (old, new) = (group(&test, 2).await?, group(&test, 2).await?);
    test.ready(&by_group(&format!("name: {old}"))).await?;
    let name = test.name().await?;
    test.until("the members to serve", |web| web.summary() == "2/2").await?;
    // A bad release: no member of the new group ever passes its check.
    let before = test.registered().await?;
    let attach = test.simulator().autoscaling().attach_load_balancers();
    let attach = attach.auto_scaling_group_name(&new).load_balancer_names(&name);
    attach.send().await.expect("attached");
    let members: Vec<String> = test.registered().await?.difference(&before).cloned().collect();
    assert_eq!(members.len(), 2);
    for id in &members {
        test.simulator().set_instance_health(id, false).await?;
    }
    test.until("them to fail", |web| *web.status("/instances/outOfService") == 2)
        .await?;
    let mark = test.mark()?;
    test.apply(&by_group(&format!("name: {new}"))).await?;
    let message = test.until_reason("Programmed", "Deregistering").await?;
    assert!(
        message.contains("leave together") && message.contains("others are in service"),
        "{message}"
    );
    assert_eq!(balancers_of(&test, &old).await, [name.clone()], "it serves on");
    let calls = test.calls(mark).await?;
    assert!(calls.of("DetachLoadBalancers").is_empty(), "{calls}");

    for id in &members {
        test.simulator().set_instance_health(id, true).await?;
    }
    test.until_ready().await?;
    assert!(balancers_of(&test, &old).await.is_empty(), "now it goes");
    assert_eq!(test.registered().await?, members.into_iter().collect());
    Ok(())
}

/// AWS contradicts itself: it goes on to list an instance that it says is not registered.
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_aws_lists_and_does_not_deregister_is_told_as_stale() -> Result<()> {
    let test = Test::web().instances(3).by_id().ready().await?;
    let (stays, odd) = (&test.ids[0], &test.ids[1]);
    let refusal = error("InvalidInstance", 400, &format!("Could not find EC2 instance {odd}."));
    let twice = json!({"instance": odd, "count": 2});
    test.fault("DeregisterInstancesFromLoadBalancer", &twice, &refusal)
        .await?;
    test.apply(&minimal(&by_ids(&[stays.clone()]))).await?;
    let stale = |web: &LoadBalancer| web.status("/instances/stale").clone();
    let told = test.until("to tell it", |web| stale(web) == json!([odd])).await?;
    assert_eq!(
        told.status("/instances/registered"),
        &json!(2),
        "{:#}",
        told.status("/instances")
    );
    assert_eq!(test.registered().await?, set([stays, odd]), "the other one has left");

    // It is tried again at each full pass, and no more often.
    let mark = test.mark()?;
    test.request().await?;
    let calls = test.until_called(mark, "DeregisterInstancesFromLoadBalancer").await?;
    assert_eq!(calls.of("DeregisterInstancesFromLoadBalancer").len(), 1, "{calls}");
    test.request().await?;
    test.until("to have let it go", |web| stale(web).is_null()).await?;
    assert_eq!(test.registered().await?, set([stays]));
    Ok(())
}
