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

/// What an operator of another cluster id left: a load balancer with its tags, and an object that tells of it. Without a
/// name in its spec, the object's load balancer would have another name now, since that follows from the cluster id.
async fn left_by_another(world: &mut World, object: &str, balancer: &str, in_spec: bool) {
    let mut spec = json!({
        "region": REGION, "availabilityZones": ["us-east-1a"],
        "listeners": [{"port": 80, "protocol": "HTTP", "instancePort": 80}],
    });
    if in_spec {
        spec["loadBalancerName"] = json!(balancer);
    }
    let made = json!({
        "apiVersion": "classiclb.dev/v1alpha1", "kind": "ClassicLoadBalancer",
        "metadata": {"name": object, "finalizers": [FINALIZER]}, "spec": spec,
    });
    let made = serde_json::from_value(made).expect("an object");
    let made = world.objects().create(&PostParams::default(), &made).await;
    let made = made.expect("made");
    let uid = made.metadata.uid.expect("a uid");
    let namespace = made.metadata.namespace.expect("a namespace");
    let listener = "Listeners.member.1.Protocol=HTTP&Listeners.member.1.LoadBalancerPort=80\
        &Listeners.member.1.InstancePort=80&AvailabilityZones.member.1=us-east-1a";
    let tags = format!(
        "Tags.member.1.Key={TAG_CLUSTER}&Tags.member.1.Value=another&Tags.member.2.Key={TAG_UID}&Tags.member.2.Value={uid}\
        &Tags.member.3.Key={TAG_OWNER}&Tags.member.3.Value={namespace}/{object}"
    );
    let call = format!("Action=CreateLoadBalancer&LoadBalancerName={balancer}&{listener}&{tags}");
    assert!(world.call(&call).await);
    let status = json!({
        "clusterId": "another", "loadBalancerName": balancer, "accountId": "123456789012", "region": REGION,
    });
    put_status_of(world, object, status).await;
}

#[test]
fn an_object_of_another_cluster_id_is_not_released() {
    for in_spec in [true, false] {
        apart(async move || {
            let mut world = World::new(3, &SCALE).await;
            world.run_until(Instant::now() + Duration::from_mins(5)).await;
            left_by_another(&mut world, "web", "theirs", in_spec).await;
            world.restart();
            let since = world.simulator.last_request();
            world.delete_object("web").await;
            world.run_until(Instant::now() + Duration::from_hours(1)).await;
            let told = world.stored("web").expect("it waits")["status"]["conditions"][0].clone();
            assert_eq!(told["reason"], "Deleting", "{told:#}");
            let message = told["message"].as_str().unwrap_or_default();
            assert!(
                message.contains("another") && message.contains("remove status.clusterId"),
                "{message}"
            );
            // The way out that it names.
            put_status_of(&mut world, "web", json!({"clusterId": null})).await;
            world.run_until(Instant::now() + Duration::from_mins(12)).await;
            assert_eq!(world.stored("web"), None);
            assert!(world.state_of("theirs").is_some(), "it was deleted");
            assert_eq!(writes(&world, since), Vec::<String>::new());
        });
    }
}

/// What the status of an object whose load balancer is not there says of a creation: that one is under way, and in which
/// account.
fn announced(world: &World, name: &str) -> (bool, String) {
    let status = world.stored(name).expect("it")["status"].clone();
    let account = status["accountId"].as_str().unwrap_or_default().to_owned();
    (status["creationPending"] == true, account)
}

/// Nothing is in the account that refused, so other credentials may make it in theirs.
#[test]
fn a_creation_that_was_refused_is_announced_no_more_and_one_whose_reply_was_lost_is() {
    apart(async || {
        let mut world = World::new(3, &SCALE).await;
        world.run_until(Instant::now() + Duration::from_mins(5)).await;
        refuse_creation(&world);
        world.create_object(2).await;
        world.run_until(Instant::now() + Duration::from_mins(31)).await;
        let tries = |world: &World| {
            let calls = world.simulator.requests(0);
            let tried = calls.iter().filter(|call| call.operation == "CreateLoadBalancer");
            tried
                .filter(|call| call.parameters["LoadBalancerName"] == "lb-02")
                .count()
        };
        assert!(tries(&world) >= 3, "{} tries", tries(&world));
        assert_eq!(announced(&world, "lb-02"), (false, String::new()));

        world.clear_faults();
        let lost = json!({"error": {"code": "ServiceUnavailable", "status": 503}});
        world.fault(&json!({"match": {"operation": "CreateLoadBalancer"}, "do": lost}));
        ask_for(&mut world, "lb-02").await;
        world.run_until(Instant::now() + Duration::from_secs(30)).await;
        let pending = (true, "123456789012".to_owned());
        assert_eq!(announced(&world, "lb-02"), pending, "AWS may have taken it");
        world.clear_faults();
        refuse_creation(&world);
        ask_for(&mut world, "lb-02").await;
        world.run_until(Instant::now() + Duration::from_secs(10)).await;
        assert_eq!(announced(&world, "lb-02"), pending, "it may be shown late");
        world.run_until(Instant::now() + Duration::from_mins(10)).await;
        assert_eq!(announced(&world, "lb-02"), (false, String::new()), "it was not shown");
    });
}

/// A status write under way while somebody forces the object away and makes another of its name.
#[test]
fn what_is_told_of_an_object_never_lands_on_another_one_of_its_name() {
    apart(async || {
        let mut world = world(json!({})).await;
        let matching = Matching {
            verbs: vec![Verb::Patch],
            subresource: Some("status".into()),
            name: Some(NAME.into()),
            ..Matching::default()
        };
        let (skip, count, what) = (0, 1, What::Delay(Duration::from_secs(20)));
        world.kubernetes.fault(Fault {
            matching,
            skip,
            count,
            what,
        });
        world.edit(NAME, json!({"spec": {"tags": {"team": "web"}}})).await;
        world.run_until(Instant::now() + Duration::from_secs(5)).await;
        let old = stored(&world);
        world.edit(NAME, json!({"metadata": {"finalizers": null}})).await;
        world.delete_object(NAME).await;
        assert_eq!(world.stored(NAME), None);
        let mut spec = old["spec"].clone();
        spec["management"] = json!("Suspended");
        let anew = json!({
            "apiVersion": old["apiVersion"], "kind": old["kind"], "metadata": {"name": NAME}, "spec": spec,
        });
        let anew = serde_json::from_value(anew).expect("an object");
        world
            .objects()
            .create(&PostParams::default(), &anew)
            .await
            .expect("made");
        world.run_until(Instant::now() + Duration::from_mins(2)).await;
        let status = stored(&world)["status"].clone();
        assert_eq!(reason(&world), "Suspended", "{status:#}");
        assert!(
            status["createdTime"].is_null() && status["dnsName"].is_null(),
            "{status:#}"
        );
    });
}
