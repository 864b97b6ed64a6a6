//! Instances by id and Auto Scaling groups.

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Result, object};

use crate::{MINIMAL, Test, registered, unique};

/// A group of so many instances, made as a person would.
async fn group(test: &Test, size: i32) -> Result<String> {
    let name = format!("group-{}", unique());
    let scaling = test.stack.simulator().autoscaling();
    let launch = scaling
        .create_launch_configuration()
        .launch_configuration_name(&name)
        .image_id("ami-12345678");
    launch
        .instance_type("t3.micro")
        .send()
        .await
        .expect("a launch configuration");
    let request = scaling
        .create_auto_scaling_group()
        .auto_scaling_group_name(&name)
        .launch_configuration_name(&name);
    let request = request
        .min_size(0)
        .max_size(10)
        .desired_capacity(size)
        .availability_zones("us-east-1a");
    request.send().await.expect("a group");
    Ok(name)
}

async fn balancers_of(test: &Test, group: &str) -> Vec<String> {
    let request = test.stack.simulator().autoscaling().describe_auto_scaling_groups();
    let reply = request.auto_scaling_group_names(group).send().await.expect("described");
    reply
        .auto_scaling_groups()
        .iter()
        .flat_map(|group| group.load_balancer_names().to_vec())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_unknown_instance_keeps_no_other_from_being_registered() -> Result<()> {
    let mut test = Test::new().await?;
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a", "us-east-1b"])
        .await?;
    let mark = test.mark()?;
    let unknown = ["i-0dead0000000beef0", "i-0dead0000000beef1"];
    let all = [ids[0].as_str(), unknown[0], ids[1].as_str(), unknown[1]].join(", ");
    test.apply(&format!("{MINIMAL}\ntargets: {{instanceIds: [{all}]}}"))
        .await?;
    let message = test.until_reason("Programmed", "InstanceNotFound").await?;
    assert!(unknown.iter().all(|id| message.contains(id)), "{message}");
    assert!(object::has(&test.get().await?, "Reconciling", "True"));
    assert_eq!(registered(&test.in_aws().await?), ids.iter().cloned().collect());
    let calls = test.calls(mark).await?.of("RegisterInstancesWithLoadBalancer");
    assert!(calls.len() <= 4, "{calls}");

    let zones = unknown.iter().map(|id| (*id, "us-east-1a")).collect();
    test.stack.simulator().seed(&testkit::instances(&zones)).await?;
    test.namespace.until_ready("web").await?;
    assert_eq!(registered(&test.in_aws().await?).len(), 4);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_unknown_instances_cost_no_more_than_one() -> Result<()> {
    let mut test = Test::new().await?;
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a", "us-east-1b"])
        .await?;
    let unknown = (0..200).map(|number| format!("i-0dead{number:012x}"));
    let all: Vec<String> = unknown.chain(ids.clone()).collect();
    let mark = test.mark()?;
    test.apply(&format!("{MINIMAL}\ntargets: {{instanceIds: [{}]}}", all.join(", ")))
        .await?;
    let message = test.until_reason("Programmed", "InstanceNotFound").await?;
    assert!(message.contains("and 190 more"), "{message}");
    assert_eq!(registered(&test.in_aws().await?), ids.iter().cloned().collect());
    let calls = test.calls(mark).await?.of("RegisterInstancesWithLoadBalancer");
    assert!(calls.len() <= 4, "{} calls", calls.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_instance_is_gone_is_stale_and_leaves_ready_alone() -> Result<()> {
    let mut test = Test::new().await?;
    let role = unique();
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a"])
        .await?;
    test.namespace
        .node(&format!("here-{role}"), Some(&ids[0]), &[("role", &role)])
        .await?;
    test.namespace
        .node(&format!("gone-{role}"), Some("i-0dead0000000beef7"), &[("role", &role)])
        .await?;
    let ready = test
        .ready(&format!(
            "{MINIMAL}\ntargets: {{nodeSelector: {{matchLabels: {{role: '{role}'}}}}}}"
        ))
        .await?;
    assert_eq!(
        object::at(&ready, "/status/instances/stale"),
        Some(&json!(["i-0dead0000000beef7"]))
    );
    assert_eq!(registered(&test.in_aws().await?), [ids[0].clone()].into());
    let told = |object: &kube::api::DynamicObject| {
        let condition = object::condition(object, "TargetsHealthy");
        condition.is_some_and(|condition| {
            condition.status == "False"
                && condition
                    .message
                    .starts_with("1 of 2 wanted instances are not in service: i-0dead0000000beef7 (AWS does not")
                && condition.message.contains("; take their Nodes")
        })
    };
    test.namespace
        .until(Kind::CLB, "web", "what is wrong with it", told)
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_attached_and_detached_and_their_members_left_alone() -> Result<()> {
    let mut test = Test::new().await?;
    let (ours, theirs) = (group(&test, 2).await?, group(&test, 1).await?);
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a"])
        .await?;
    let spec = |groups: &str| {
        format!(
            "{MINIMAL}\ntargets: {{instanceIds: [{}], autoScalingGroups: [{groups}]}}",
            ids[0]
        )
    };
    test.ready(&spec(&format!("{{name: {ours}, mode: Attach}}"))).await?;
    let name = test.name().await?;
    assert_eq!(balancers_of(&test, &ours).await, [name.clone()]);
    let attach = test.stack.simulator().autoscaling().attach_load_balancers();
    attach
        .auto_scaling_group_name(&theirs)
        .load_balancer_names(&name)
        .send()
        .await
        .expect("attached");
    let mark = test.mark()?;
    test.pass().await?;
    let lb = test.in_aws().await?;
    assert_eq!(
        registered(&lb).len(),
        4,
        "ours, two members, and one of a group that somebody else attached"
    );
    assert!(
        test.calls(mark)
            .await?
            .of("DeregisterInstancesFromLoadBalancer")
            .is_empty()
    );
    let counted = |object: &kube::api::DynamicObject| {
        object::text(object, "/status/instances/summary") == "4/4"
            && object::at(object, "/status/autoScalingGroups/0/attached") == Some(&json!(true))
    };
    test.namespace
        .until(Kind::CLB, "web", "members to be counted", counted)
        .await?;

    test.ready(&spec("")).await?;
    assert!(
        balancers_of(&test, &ours).await.is_empty(),
        "taken out of the spec: detached"
    );
    assert_eq!(balancers_of(&test, &theirs).await, [name.clone()], "not ours to detach");

    test.ready(&spec(&format!("{{name: {ours}}}"))).await?;
    let mark = test.mark()?;
    test.namespace.delete_and_wait(Kind::CLB, "web").await?;
    let calls = test.stack.simulator().calls(mark)?.naming(&name).writes();
    assert_eq!(
        calls.operations(),
        ["DetachLoadBalancers", "DeleteLoadBalancer"],
        "{calls}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_follows_a_balancer_that_is_lost_made_again_and_lost_for_good() -> Result<()> {
    let test = Test::new().await?;
    let group = group(&test, 2).await?;
    let spec = format!("{MINIMAL}\ntargets: {{autoScalingGroups: [{{name: {group}}}]}}");
    test.ready(&spec).await?;
    let healthy = |object: &kube::api::DynamicObject| {
        object::text(object, "/status/instances/summary") == "2/2" && object::has(object, "TargetsHealthy", "True")
    };
    test.namespace
        .until(Kind::CLB, "web", "the members to be in service", healthy)
        .await?;
    test.lose().await?;
    test.request().await?;
    test.until_reason("Ready", "Lost").await?;
    test.ready(&format!("recreatePolicy: Always\n{spec}")).await?;
    test.namespace
        .until(Kind::CLB, "web", "the members to be in service again", healthy)
        .await?;
    assert_eq!(registered(&test.in_aws().await?).len(), 2);

    test.ready(&spec).await?;
    test.lose().await?;
    test.request().await?;
    test.until_reason("Ready", "Lost").await?;
    test.namespace.delete_and_wait(Kind::CLB, "web").await?;
    assert!(
        balancers_of(&test, &group).await.is_empty(),
        "the group does not point at nothing"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_vanished_and_is_declared_no_more_is_forgotten() -> Result<()> {
    let test = Test::new().await?;
    let group = group(&test, 0).await?;
    test.ready(&format!(
        "{MINIMAL}\ntargets: {{autoScalingGroups: [{{name: {group}}}]}}"
    ))
    .await?;
    let request = test
        .stack
        .simulator()
        .autoscaling()
        .delete_auto_scaling_group()
        .auto_scaling_group_name(&group);
    request.force_delete(true).send().await.expect("deleted");
    test.request().await?;
    test.until_reason("Programmed", "AutoScalingGroupNotFound").await?;
    let ready = test
        .ready(&format!("{MINIMAL}\ntargets: {{autoScalingGroups: []}}"))
        .await?;
    assert_eq!(object::at(&ready, "/status/applied/autoScalingGroups"), None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_group_is_named_and_the_rest_converges() -> Result<()> {
    let mut test = Test::new().await?;
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a"])
        .await?;
    test.apply(&format!(
        "{MINIMAL}\ntargets: {{instanceIds: [{}], autoScalingGroups: [{{name: missing}}]}}",
        ids[0]
    ))
    .await?;
    let message = test.until_reason("Programmed", "AutoScalingGroupNotFound").await?;
    assert!(message.contains("missing"), "{message}");
    assert_eq!(registered(&test.in_aws().await?), [ids[0].clone()].into());
    test.namespace.delete_and_wait(Kind::CLB, "web").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_members_of_a_resolved_group_are_registered_and_the_group_is_left_alone() -> Result<()> {
    let test = Test::new().await?;
    let group = group(&test, 2).await?;
    let spec = |mode: &str| {
        format!(
            "{MINIMAL}\nregistration: {{minInService: 0, maxDeregisterPercent: 100}}\ntargets: {{autoScalingGroups: [{{name: {group}, mode: {mode}}}]}}"
        )
    };
    let ready = test.ready(&spec("Resolve")).await?;
    assert_eq!(registered(&test.in_aws().await?).len(), 2);
    assert!(balancers_of(&test, &group).await.is_empty(), "not attached");
    let sources = object::at(&ready, "/status/instances/items/0/sources");
    assert_eq!(sources, Some(&json!([format!("autoScalingGroup/{group}")])));

    let scaling = test.stack.simulator().autoscaling();
    let request = scaling
        .set_desired_capacity()
        .auto_scaling_group_name(&group)
        .desired_capacity(3);
    request.send().await.expect("scaled");
    test.pass().await?;
    assert_eq!(registered(&test.in_aws().await?).len(), 3, "it follows the group");

    test.ready(&spec("Attach")).await?;
    assert_eq!(
        balancers_of(&test, &group).await,
        [test.name().await?],
        "changed: attached"
    );
    test.ready(&format!(
        "{MINIMAL}\nregistration: {{minInService: 0}}\ntargets: {{autoScalingGroups: []}}"
    ))
    .await?;
    assert!(balancers_of(&test, &group).await.is_empty(), "un-set: detached");
    test.ready(&spec("Resolve")).await?;
    assert_eq!(registered(&test.in_aws().await?).len(), 3, "set again");
    let mark = test.mark()?;
    test.pass().await?;
    assert!(
        test.calls(mark).await?.writes().is_empty(),
        "a second pass writes nothing"
    );
    Ok(())
}
