//! AWS answers the same in other words, or does not say who asks.

use super::*;

/// What Kubernetes was asked to write of the object since then, Events too.
fn told(world: &World, since: u64) -> Vec<String> {
    let requests = world.kubernetes.requests(since);
    let writes = requests.iter().filter(|request| request.verb.is_write());
    let told = writes.filter(|request| request.path.contains(NAME) || request.path.contains("/events"));
    told.map(|request| format!("{} {}", request.verb, request.path))
        .collect()
}

/// EC2 gives each refusal for want of permission a text of its own.
fn refuse_in_other_words(world: &World, operation: &str, number: u32) {
    world.clear_faults();
    let message = format!(
        "You are not authorized to perform this operation. Encoded authorization failure message: {}",
        format!("{number:04}-Vq3x").repeat(20)
    );
    let error = json!({"code": "UnauthorizedOperation", "status": 403, "message": message});
    world.fault(&json!({"match": {"operation": operation}, "do": {"error": error}}));
}

#[test]
fn a_refusal_whose_words_differ_each_time_is_told_once() {
    for operation in ["DescribeInstances", "ConfigureHealthCheck"] {
        apart(async move || {
            let mut world = world(json!({})).await;
            refuse_in_other_words(&world, operation, 0);
            let targets = json!({"instanceTags": [{"tags": {"team": "web"}}]});
            let patch = json!({"targets": targets, "healthCheck": {"intervalSeconds": 45}});
            world.edit(NAME, json!({"spec": patch})).await;
            // The refusal is told, and that it lasts.
            for number in 1..30 {
                world.run_until(Instant::now() + Duration::from_mins(1)).await;
                refuse_in_other_words(&world, operation, number);
            }
            assert_eq!(
                reason(&world),
                "UnauthorizedOperation",
                "{:#}",
                stored(&world)["status"]
            );
            let (kubernetes, aws) = (world.kubernetes.last_request(), world.simulator.last_request());
            for number in 30..60 {
                ask(&mut world).await;
                world.run_until(Instant::now() + Duration::from_mins(1)).await;
                refuse_in_other_words(&world, operation, number);
            }
            let asked = world.simulator.requests(aws);
            let refused = asked.iter().filter(|call| call.operation == operation).count();
            assert!(refused >= 5, "{operation} was tried {refused} times");
            let mut told = told(&world, kubernetes);
            // Whoever asks writes an annotation.
            told.retain(|write| write.contains("/status") || write.contains("/events"));
            assert_eq!(
                told,
                Vec::<String>::new(),
                "{operation}: {:#}",
                stored(&world)["status"]
            );
        });
    }
}

/// Nobody waits for an answer of STS, neither those that have a load balancer nor those that are new.
#[test]
fn forty_objects_do_not_wait_for_an_sts_that_hangs() {
    const OBJECTS: usize = 40;
    apart(async || {
        let mut world = World::new(3, &Scale::of(OBJECTS, 12, NodeDraining::None)).await;
        world.run_until(Instant::now() + Duration::from_mins(20)).await;
        world.fault(&json!({"match": {"operation": "GetCallerIdentity"}, "do": "hang"}));
        world.restart();
        let since = world.simulator.last_request();
        for number in 1..OBJECTS {
            let patch = json!({"healthCheck": {"intervalSeconds": 45}});
            world.edit(&format!("lb-{number:02}"), json!({"spec": patch})).await;
        }
        world.run_until(Instant::now() + Duration::from_mins(1)).await;
        let calls = world.simulator.requests(since);
        let asked = calls
            .iter()
            .filter(|call| call.operation == "GetCallerIdentity")
            .count();
        assert!((1..=4).contains(&asked), "STS was asked {asked} times");
        let done = calls
            .iter()
            .filter(|call| call.operation == "ConfigureHealthCheck")
            .count();
        assert_eq!(done, OBJECTS - 1, "the others wait for STS");
    });
}
