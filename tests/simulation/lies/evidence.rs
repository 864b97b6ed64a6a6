//! What is known besides one answer of AWS: a finalizer, earlier answers, what an ARN says itself.

use aws_simulator::Seed;

use super::*;

/// The finalizer stands before the first write, so that an object which has one may have a load balancer, whatever its
/// status says.
#[test]
fn an_object_that_lost_its_status_is_not_released_for_an_absence_of_one_moment() {
    apart(async || {
        let mut world = world(json!({})).await;
        put_status(&mut world, json!(null)).await;
        world.delete_object(NAME).await;
        world.restart();
        let gone = json!({"code": "LoadBalancerNotFound", "status": 400});
        world.fault(&json!({"match": {"operation": "DescribeLoadBalancers"}, "do": {"error": gone}}));
        world.run_until(Instant::now() + Duration::from_secs(5)).await;
        world.clear_faults();
        world.run_until(Instant::now() + Duration::from_mins(2)).await;
        assert!(world.state_of(NAME).is_none(), "it was left behind");
        assert_eq!(world.stored(NAME), None);
    });
}

/// Machines that are no Nodes: four with a tag, and as many of an Auto Scaling group.
const MACHINES: &str = "
regions:
- region: us-east-1
  instances:
  - {id: i-0a000001, availabilityZone: us-east-1a, tags: {team: web}}
  - {id: i-0a000002, availabilityZone: us-east-1b, tags: {team: web}}
  - {id: i-0a000003, availabilityZone: us-east-1a, tags: {team: web}}
  - {id: i-0a000004, availabilityZone: us-east-1b, tags: {team: web}}
  - {id: i-0a000005, availabilityZone: us-east-1a}
  - {id: i-0a000006, availabilityZone: us-east-1b}
  - {id: i-0a000007, availabilityZone: us-east-1a}
  launchConfigurations: [{name: web}]
  autoScalingGroups:
  - {name: web, launchConfiguration: web, maxSize: 4, desiredCapacity: 0, availabilityZones: [us-east-1a, us-east-1b],
     instances: [{id: i-0a000005}, {id: i-0a000006}, {id: i-0a000007}]}
";

/// A world in which the instances of `lb-01` come from AWS, and what its lists lack when the operator looks next.
async fn machines(targets: &Value) -> World {
    let mut world = World::new(3, &SCALE).await;
    let seed = Seed::from_yaml(MACHINES).expect("a seed");
    world.simulator.seed(&seed).expect("planted");
    let mut targets = targets.clone();
    targets["nodeSelector"] = json!(null);
    world.edit(NAME, json!({"spec": {"targets": targets}})).await;
    world.run_until(Instant::now() + Duration::from_mins(15)).await;
    assert!(is_ready(&stored(&world)), "{:#}", stored(&world)["status"]);
    world
}

fn sources() -> [(&'static str, Value, &'static str); 2] {
    let tags = json!({"instanceTags": [{"tags": {"team": "web"}}]});
    let group = json!({"autoScalingGroups": [{"name": "web", "mode": "Resolve"}]});
    [
        ("DescribeInstances", tags, "i-0a000002"),
        ("DescribeAutoScalingGroups", group, "i-0a000006"),
    ]
}

#[test]
fn an_instance_that_one_list_lacks_stays() {
    for (operation, targets, id) in sources() {
        for restarts in [false, true] {
            let targets = targets.clone();
            apart(async move || {
                let mut world = machines(&targets).await;
                let since = world.simulator.last_request();
                if restarts {
                    world.restart();
                }
                let hidden = json!({"hideInstances": {"instanceIds": [id]}});
                world.fault(&json!({"match": {"operation": operation, "count": 1}, "do": hidden}));
                ask(&mut world).await;
                world.run_until(Instant::now() + Duration::from_mins(15)).await;
                let asked = world.simulator.requests(since);
                assert!(asked.iter().any(|call| call.operation == operation), "{operation}");
                assert_eq!(writes(&world, since), Vec::<String>::new(), "{operation}, {restarts}");
            });
        }
    }
}

/// One that two lists lack some seconds apart leaves, and one that the spec does not ask for any more leaves at once.
#[test]
fn an_instance_that_is_gone_leaves_at_the_second_look() {
    for (operation, targets, id) in sources() {
        apart(async move || {
            let mut world = machines(&targets).await;
            let since = world.simulator.last_request();
            let hidden = json!({"hideInstances": {"instanceIds": [id]}});
            world.fault(&json!({"match": {"operation": operation}, "do": hidden}));
            ask(&mut world).await;
            world.run_until(Instant::now() + Duration::from_secs(5)).await;
            assert_eq!(writes(&world, since), Vec::<String>::new(), "{operation}");
            world.run_until(Instant::now() + Duration::from_secs(30)).await;
            assert_eq!(
                writes(&world, since),
                ["DeregisterInstancesFromLoadBalancer"],
                "{operation}"
            );
        });
    }
    apart(async || {
        let (_, targets, _) = sources().into_iter().next().expect("one");
        let mut world = machines(&targets).await;
        let since = world.simulator.last_request();
        let narrower = json!([{"tags": {"team": "api"}}]);
        let seed = "regions:\n- region: us-east-1\n  instances:\n  - {id: i-0a000011, availabilityZone: us-east-1a, tags: \
                    {team: api}}\n";
        world
            .simulator
            .seed(&Seed::from_yaml(seed).expect("a seed"))
            .expect("planted");
        world
            .edit(NAME, json!({"spec": {"targets": {"instanceTags": narrower}}}))
            .await;
        world.run_until(Instant::now() + Duration::from_secs(3)).await;
        let left = writes(&world, since);
        assert!(
            left.contains(&"DeregisterInstancesFromLoadBalancer".to_owned()),
            "{left:?}"
        );
    });
}

/// A listener with this certificate, and a tag that has nothing to do with it.
fn secure(arn: &str) -> Value {
    json!({"spec": {
        "tags": {"number": "one", "team": arn.replace(':', "/")},
        "listeners": [
            {"port": 80, "protocol": "HTTP", "instancePort": 8001},
            {"port": 443, "protocol": "HTTPS", "instanceProtocol": "HTTP", "instancePort": 8001, "certificate": {"arn": arn}},
        ],
    }})
}

#[test]
fn a_certificate_that_says_that_it_is_elsewhere_is_never_tried() {
    apart(async || {
        let mut world = world(json!({})).await;
        let seed = "regions:\n- region: us-east-1\n  certificates:\n  - {arn: \
                    'arn:aws:acm:us-east-1:123456789012:certificate/one', domainName: www.example.com}\n";
        world
            .simulator
            .seed(&Seed::from_yaml(seed).expect("a seed"))
            .expect("planted");
        let here = "arn:aws:acm:us-east-1:123456789012:certificate/one";
        let elsewhere = [
            ("arn:aws:acm:eu-west-1:123456789012:certificate/x", "eu-west-1"),
            ("arn:aws:acm:us-east-1:999999999999:certificate/x", "999999999999"),
            ("arn:aws:iam::999999999999:server-certificate/x", "999999999999"),
        ];
        // First on a port that is closed, then on one that serves with another certificate.
        for serves in [false, true] {
            if serves {
                world.edit(NAME, secure(here)).await;
                world.run_until(Instant::now() + Duration::from_mins(12)).await;
                assert!(is_ready(&stored(&world)), "{:#}", stored(&world)["status"]);
            }
            for (arn, word) in elsewhere {
                let since = world.simulator.last_request();
                world.edit(NAME, secure(arn)).await;
                world.run_until(Instant::now() + Duration::from_mins(12)).await;
                let status = stored(&world)["status"].clone();
                let condition = status["conditions"][0].clone();
                assert_eq!(condition["reason"], "Invalid", "{arn}: {condition:#}");
                let message = condition["message"].as_str().unwrap_or_default();
                assert!(
                    message.starts_with("spec.listeners[port=443].certificate.arn: ") && message.contains(word),
                    "{message}"
                );
                assert!(status["conditions"].to_string().contains("Stalled"), "{status:#}");
                assert_eq!(status["errors"][0]["track"], "listeners", "{status:#}");
                // The rest follows.
                assert_eq!(writes(&world, since), ["AddTags"], "{arn}");
                let lookups = world.simulator.requests(since);
                let asked = lookups.iter().filter(|call| call.operation == "DescribeCertificate");
                assert!(
                    asked
                        .clone()
                        .all(|call| call.parameters.get("CertificateArn").is_none_or(|asked| asked != arn)),
                    "{arn} was looked up"
                );
                let state = world.state_of(NAME).expect("it");
                let certificate = state.settings["listeners"].to_string().contains(here);
                assert_eq!(certificate, serves, "{arn}: {:#}", state.settings["listeners"]);
            }
        }
    });
}
