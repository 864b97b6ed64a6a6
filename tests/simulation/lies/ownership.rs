//! Whose a load balancer is, and whether one is made, where AWS or the status say what is not so.

use super::*;

/// All load balancers are listed to find names that may be meant: once, and not at every look.
#[test]
fn a_load_balancer_that_is_not_there_to_adopt_costs_one_list() {
    apart(async || {
        let mut world = World::new(3, &SCALE).await;
        world.run_until(Instant::now() + Duration::from_mins(5)).await;
        let since = world.simulator.last_request();
        let object = json!({
            "apiVersion": "classiclb.dev/v1alpha1", "kind": "ClassicLoadBalancer", "metadata": {"name": "lb-02"},
            "spec": {
                "region": REGION, "loadBalancerName": "lb-91", "adopt": true, "availabilityZones": ["us-east-1a"],
                "listeners": [{"port": 80, "protocol": "HTTP", "instancePort": 80}],
            },
        });
        let object = serde_json::from_value(object).expect("an object");
        let made = world.objects().create(&PostParams::default(), &object).await;
        made.expect("made");
        world.run_until(Instant::now() + Duration::from_mins(30)).await;
        let condition = world.stored("lb-02").expect("it")["status"]["conditions"][0].clone();
        assert_eq!(condition["reason"], "NothingToAdopt", "{condition}");
        assert!(
            condition["message"].as_str().is_some_and(|text| text.contains("lb-01")),
            "{condition}"
        );
        let lists = |world: &World, since| {
            let calls = world.simulator.requests(since);
            let listing = |parameters: &std::collections::BTreeMap<String, String>| {
                !parameters.keys().any(|key| key.starts_with("LoadBalancerNames"))
            };
            let lists = calls.iter().filter(|call| call.operation == "DescribeLoadBalancers");
            lists.filter(|call| listing(&call.parameters)).count()
        };
        assert_eq!(lists(&world, since), 1);
        let since = world.simulator.last_request();
        let asked = json!({"metadata": {"annotations": {REQUESTED_AT: "now"}}});
        world.edit("lb-02", asked).await;
        world.run_until(Instant::now() + Duration::from_mins(1)).await;
        assert_eq!(lists(&world, since), 1, "whoever asks is told what is so now");
    });
}

/// `CreateLoadBalancer` is refused from now on.
fn refuse_creation(world: &World) {
    let refused = json!({"code": "TooManyLoadBalancers", "status": 400});
    world.fault(&json!({"match": {"operation": "CreateLoadBalancer"}, "do": {"error": refused}}));
}

#[test]
fn to_adopt_makes_nothing_also_after_a_refused_creation() {
    apart(async || {
        let mut world = World::new(3, &SCALE).await;
        world.run_until(Instant::now() + Duration::from_mins(5)).await;
        refuse_creation(&world);
        world.create_object(2).await;
        world.run_until(Instant::now() + Duration::from_mins(1)).await;
        world.edit("lb-02", json!({"spec": {"adopt": true}})).await;
        world.clear_faults();
        world.run_until(Instant::now() + Duration::from_mins(30)).await;
        assert!(world.state_of("lb-02").is_none(), "it was made");
        let told = world.stored("lb-02").expect("it")["status"]["conditions"].clone();
        assert!(told.to_string().contains("NothingToAdopt"), "{told:#}");
    });
}

#[test]
fn one_that_was_adopted_and_lost_is_made_again_though_that_was_refused_at_first() {
    apart(async || {
        let mut world = world(json!({"adopt": true, "recreatePolicy": "Always"})).await;
        let first = stored(&world)["status"]["createdTime"].clone();
        refuse_creation(&world);
        assert!(
            world
                .call(&format!("Action=DeleteLoadBalancer&LoadBalancerName={NAME}"))
                .await
        );
        world.ledger.disturb(NAME);
        ask(&mut world).await;
        world.run_until(Instant::now() + Duration::from_mins(12)).await;
        assert!(
            stored(&world)["status"]["createdTime"].is_null(),
            "{:#}",
            stored(&world)["status"]
        );
        world.restart();
        world.run_until(Instant::now() + Duration::from_mins(1)).await;
        world.clear_faults();
        world.run_until(Instant::now() + Duration::from_mins(30)).await;
        assert!(is_ready(&stored(&world)), "{:#}", stored(&world)["status"]);
        assert_ne!(stored(&world)["status"]["createdTime"], first);
    });
}

/// Also one whose load balancer would have another name now, since that follows from the cluster id.
#[test]
fn an_object_of_another_cluster_id_is_not_released() {
    apart(async || {
        for named in [NAME] {
            let mut world = world(json!({})).await;
            // As an operator of another cluster id left it.
            let tag = "Tags.member.1.Key=classiclb.dev/cluster&Tags.member.1.Value=another";
            let tagged = format!("Action=AddTags&LoadBalancerNames.member.1={NAME}&{tag}");
            assert!(world.call(&tagged).await);
            let since = world.simulator.last_request();
            put_status(&mut world, json!({"clusterId": "another", "loadBalancerName": named})).await;
            world.restart();
            world.delete_object(NAME).await;
            world.run_until(Instant::now() + Duration::from_hours(1)).await;
            let told = stored(&world)["status"]["conditions"][0].clone();
            assert_eq!(told["reason"], "Deleting", "{told:#}");
            let message = told["message"].as_str().unwrap_or_default();
            assert!(
                message.contains("another") && message.contains("remove status.clusterId"),
                "{message}"
            );
            // The way out that it names.
            put_status(&mut world, json!({"clusterId": null})).await;
            world.run_until(Instant::now() + Duration::from_mins(12)).await;
            assert_eq!(world.stored(NAME), None);
            assert!(world.state_of(NAME).is_some(), "it was deleted");
            assert_eq!(writes(&world, since), Vec::<String>::new());
        }
    });
}
