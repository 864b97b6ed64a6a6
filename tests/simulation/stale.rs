//! AWS answers from before the operator's own last write: that is no drift, and nothing is written twice for it.

mod others;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_simulator::Seed;
use classic_lb_operator::api::REQUESTED_AT;
use classic_lb_operator::controller::NodeDraining;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::day::apart;
use crate::invariants::is_ready;
use crate::world::{Scale, World};

/// How old what AWS answers can be, in seconds; 0 is the run to compare with.
const AGES: [u64; 4] = [0, 3, 10, 30];
/// After how many seconds somebody asks, each time.
const ASKS: [u64; 4] = [1, 4, 12, 25];
const NAME: &str = "lb-01";
const SCALE: Scale = Scale::of(2, 12, NodeDraining::None);

/// A change, and what happens before it.
type Change = fn() -> (Value, Value);

#[allow(clippy::needless_pass_by_value)] // each is made in place
fn spec(spec: Value) -> (Value, Value) {
    (json!({}), json!({"spec": spec}))
}

fn http(port: u16, instance_port: u16) -> Value {
    json!({"port": port, "protocol": "HTTP", "instancePort": instance_port})
}

/// What the changes refer to.
const SEED: &str = "
regions:
- region: us-east-1
  instances:
  - {id: i-0a000001, availabilityZone: us-east-1a, tags: {team: web}}
  - {id: i-0a000002, availabilityZone: us-east-1b, tags: {team: web}}
  - {id: i-0a000003, availabilityZone: us-east-1a, tags: {team: web}}
  - {id: i-0a000004, availabilityZone: us-east-1a}
  - {id: i-0a000005, availabilityZone: us-east-1b}
  - {id: i-0a000006, availabilityZone: us-east-1a}
  certificates:
  - {arn: 'arn:aws:acm:us-east-1:123456789012:certificate/1', domainName: www.example.com}
  - {arn: 'arn:aws:acm:us-east-1:123456789012:certificate/2', domainName: new.example.com}
  securityGroups: [{id: sg-0000000a, name: a}, {id: sg-0000000b, name: b}]
  launchConfigurations: [{name: web}]
  autoScalingGroups:
  - {name: web, launchConfiguration: web, maxSize: 4, desiredCapacity: 0, availabilityZones: [us-east-1a, us-east-1b],
     instances: [{id: i-0a000004}, {id: i-0a000005}, {id: i-0a000006}]}
buckets: [{name: logs}]
";

/// A listener with TLS on both sides, and its backends.
#[allow(clippy::needless_pass_by_value)] // each is made in place
fn secure(backends: Value, certificate: u8, cipher: &str) -> Value {
    let arn = format!("arn:aws:acm:us-east-1:123456789012:certificate/{certificate}");
    let ciphers = json!({"protocols": ["TLSv1.2"], "ciphers": [format!("{cipher}-SHA256")]});
    let listener = json!({"port": 443, "protocol": "HTTPS", "instancePort": 8444, "instanceProtocol": "HTTPS",
        "certificate": {"arn": arn}, "sslPolicy": {"custom": ciphers}});
    let mut spec = json!({"listeners": [http(80, 8001), listener]});
    if let (Some(spec), Some(backends)) = (spec.as_object_mut(), backends.as_object()) {
        spec.extend(backends.clone());
    }
    json!({"spec": spec})
}

fn backend(key: &str) -> Value {
    let pem = format!("-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8{key}\n-----END PUBLIC KEY-----\n");
    json!({"backends": [{"instancePort": 8444, "publicKeys": [{"pem": pem}]}]})
}

/// Every kind of update.
const CHANGES: [(&str, Change); 25] = [
    ("a listener is rebuilt", || spec(json!({"listeners": [http(80, 8111)]}))),
    ("a listener and its health check move", || {
        spec(json!({"listeners": [http(80, 8112)], "healthCheck": {"target": "TCP:8112"}}))
    }),
    ("a listener comes", || {
        spec(json!({"listeners": [http(80, 8001), http(81, 8001)]}))
    }),
    ("a listener goes", || {
        let before = json!({"spec": {"listeners": [http(80, 8001), http(81, 8001)]}});
        (before, json!({"spec": {"listeners": [http(80, 8001)]}}))
    }),
    ("the health check changes", || {
        spec(json!({"healthCheck": {"intervalSeconds": 45}}))
    }),
    ("attributes change", || {
        spec(json!({"attributes": {"crossZone": true, "idleTimeoutSeconds": 77,
            "connectionDraining": {"enabled": true, "timeoutSeconds": 20}, "desyncMitigationMode": "strictest"}}))
    }),
    ("tags come and change", || {
        spec(json!({"tags": {"number": "one", "team": "web"}}))
    }),
    ("a tag goes", || spec(json!({"tags": {"number": null}}))),
    ("stickiness comes", || {
        let sticky = json!({"port": 80, "protocol": "HTTP", "instancePort": 8001,
            "stickiness": {"loadBalancerCookie": {"expirationSeconds": 60}}});
        spec(json!({"listeners": [sticky]}))
    }),
    ("stickiness changes", || {
        let sticky = |seconds: u32| {
            json!({"port": 80, "protocol": "HTTP", "instancePort": 8001,
            "stickiness": {"loadBalancerCookie": {"expirationSeconds": seconds}}})
        };
        (
            json!({"spec": {"listeners": [sticky(60)]}}),
            json!({"spec": {"listeners": [sticky(90)]}}),
        )
    }),
    ("a backend gets the proxy protocol", || {
        spec(
            json!({"listeners": [{"port": 80, "protocol": "TCP", "instancePort": 8001}],
            "backends": [{"instancePort": 8001, "proxyProtocol": true}]}),
        )
    }),
    ("a zone goes", || spec(json!({"availabilityZones": ["us-east-1a"]}))),
    ("a zone comes", || {
        let before = json!({"spec": {"availabilityZones": ["us-east-1a"]}});
        (
            before,
            json!({"spec": {"availabilityZones": ["us-east-1a", "us-east-1b"]}}),
        )
    }),
    ("other Nodes are selected", || {
        spec(json!({"targets": {"nodeSelector": {"matchLabels": {"role": "db"}}}}))
    }),
    ("instances are taken out by name", || {
        let ids: Vec<String> = (1..=4).map(|number| format!("i-0{number:016x}")).collect();
        let targets = |ids: &[String]| json!({"spec": {"targets": {"nodeSelector": null, "instanceIds": ids}}});
        (targets(&ids), targets(&ids[..2]))
    }),
    ("security groups change", || {
        (
            json!({"spec": {"securityGroups": ["sg-0000000a"]}}),
            json!({"spec": {"securityGroups": ["sg-0000000a", "sg-0000000b"]}}),
        )
    }),
    ("the certificate changes", || {
        (secure(json!({}), 1, "AES128"), secure(json!({}), 2, "AES128"))
    }),
    ("the TLS policy changes", || {
        (secure(json!({}), 1, "AES128"), secure(json!({}), 1, "AES256"))
    }),
    ("an access log comes", || {
        spec(json!({"attributes": {"accessLog": {"enabled": true, "bucket": "logs", "prefix": "a"}}}))
    }),
    ("the key of a backend changes", || {
        (secure(backend("A"), 1, "AES128"), secure(backend("B"), 1, "AES128"))
    }),
    ("an Auto Scaling group is attached", || {
        spec(json!({"targets": {"nodeSelector": null, "autoScalingGroups": [{"name": "web"}]}}))
    }),
    ("an Auto Scaling group is detached", || {
        let targets = |groups: Value| {
            let ids = ["i-0a000001", "i-0a000002", "i-0a000003"];
            json!({"spec": {"targets": {"nodeSelector": null, "instanceIds": ids, "autoScalingGroups": groups}}})
        };
        (targets(json!([{"name": "web"}])), targets(Value::Null))
    }),
    ("the members of a group are registered", || {
        spec(json!({"targets": {"autoScalingGroups": [{"name": "web", "mode": "Resolve"}]}}))
    }),
    ("instances are found by their tags", || {
        spec(json!({"targets": {"instanceTags": [{"tags": {"team": "web"}}]}}))
    }),
    ("it is deleted", || {
        (json!({}), json!({"metadata": {"deletionTimestamp": "now"}}))
    }),
];

/// What the operator wrote to AWS, and how often.
fn writes(world: &World, since: u64) -> BTreeMap<String, usize> {
    let mut writes = BTreeMap::new();
    for call in world.simulator.requests(since) {
        if !call.operation.starts_with("Describe") && call.status == 200 {
            *writes.entry(call.operation.clone()).or_default() += 1;
        }
    }
    writes
}

/// A world in which AWS answers late, with one change made in it.
async fn changed(age: u64, change: Change) -> BTreeMap<String, usize> {
    let mut world = World::new(7, &SCALE).await;
    let seed = Seed::from_yaml(SEED).expect("a seed");
    world.simulator.seed(&seed).expect("planted");
    world.run_until(Instant::now() + Duration::from_mins(15)).await;
    let (before, patch) = change();
    world.edit(NAME, before).await;
    world.run_until(Instant::now() + Duration::from_mins(15)).await;
    assert!(is_ready(&world.stored(NAME).expect("it")));
    let since = world.simulator.last_request();
    world.answers_late("Describe*", Duration::from_secs(age));
    if patch["metadata"]["deletionTimestamp"].is_string() {
        world.delete_object(NAME).await;
    } else {
        world.edit(NAME, patch).await;
    }
    // Whoever is in doubt asks.
    for second in ASKS {
        world.run_until(Instant::now() + Duration::from_secs(second)).await;
        let asked = json!({"metadata": {"annotations": {REQUESTED_AT: second.to_string()}}});
        world.edit(NAME, asked).await;
    }
    world.run_until(Instant::now() + Duration::from_mins(25)).await;
    if let Some(object) = world.stored(NAME) {
        assert!(is_ready(&object), "{:#}", object["status"]);
    } else {
        assert!(world.state_of(NAME).is_none(), "it was left behind");
    }
    writes(&world, since)
}

#[test]
fn what_aws_answers_late_is_written_once() {
    let mut wrong = Vec::new();
    for (what, change) in CHANGES {
        wrong.extend(differences(what, |age| apart(async move || changed(age, change).await)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where what is written differs from what is written when AWS answers in time.
fn differences(what: &str, run: impl Fn(u64) -> BTreeMap<String, usize>) -> Vec<String> {
    let expected = run(0);
    assert!(!expected.is_empty(), "{what}: nothing is written at all");
    let wrong = |age: &u64| {
        let written = run(*age);
        (written != expected).then(|| format!("{what}, {age} s late: {written:?} and not {expected:?}"))
    };
    AGES[1..].iter().filter_map(wrong).collect()
}

#[test]
fn a_new_load_balancer_that_is_shown_late_is_made_once() {
    let run = |age: u64| {
        apart(async move || {
            let mut world = World::new(7, &SCALE).await;
            world.run_until(Instant::now() + Duration::from_mins(10)).await;
            let since = world.simulator.last_request();
            world.answers_late("Describe*", Duration::from_secs(age));
            world.create_object(2).await;
            world.run_until(Instant::now() + Duration::from_mins(15)).await;
            assert!(is_ready(&world.stored("lb-02").expect("it")));
            writes(&world, since)
        })
    };
    let expected = run(0);
    for age in &AGES[1..] {
        assert_eq!(run(*age), expected, "{age} s late");
    }
}

/// Once it is as it was at first, an old answer says nothing of what was written meanwhile.
#[test]
fn what_is_taken_back_proves_nothing() {
    let run = |age: u64| {
        apart(async move || {
            let mut world = World::new(7, &SCALE).await;
            world.run_until(Instant::now() + Duration::from_mins(15)).await;
            let since = world.simulator.last_request();
            world.answers_late("Describe*", Duration::from_secs(age));
            world
                .edit(NAME, json!({"spec": {"healthCheck": {"intervalSeconds": 45}}}))
                .await;
            world.run_until(Instant::now() + Duration::from_secs(10)).await;
            let back = json!({"healthCheck": {"intervalSeconds": 10}, "listeners": [http(80, 8111)]});
            world.edit(NAME, json!({"spec": back})).await;
            for second in [3, 7, 12] {
                world.run_until(Instant::now() + Duration::from_secs(second)).await;
                let asked = json!({"metadata": {"annotations": {REQUESTED_AT: format!("b{second}")}}});
                world.edit(NAME, asked).await;
            }
            world.run_until(Instant::now() + Duration::from_mins(15)).await;
            writes(&world, since)
        })
    };
    assert_eq!(run(30), run(0));
}

/// The status tells what an earlier process has rebuilt, and what AWS shows from before is no drift for the next one either.
#[test]
fn a_restart_rebuilds_nothing_again() {
    for restarts in [false, true] {
        let written = apart(async move || {
            let mut world = World::new(7, &SCALE).await;
            world.run_until(Instant::now() + Duration::from_mins(15)).await;
            let since = world.simulator.last_request();
            world.answers_late("Describe*", Duration::from_secs(30));
            world.edit(NAME, json!({"spec": {"listeners": [http(80, 8111)]}})).await;
            world.run_until(Instant::now() + Duration::from_secs(5)).await;
            let told = world.stored(NAME).expect("it")["status"]["listeners"][0]["instancePort"].clone();
            assert_eq!(told, 8111);
            if restarts {
                world.restart();
            }
            world.run_until(Instant::now() + Duration::from_mins(25)).await;
            assert!(is_ready(&world.stored(NAME).expect("it")));
            let mut written = writes(&world, since);
            // A new process asks who it is.
            written.remove("GetCallerIdentity");
            written
        });
        let once = ["CreateLoadBalancerListeners", "DeleteLoadBalancerListeners"];
        assert_eq!(
            written,
            once.map(|operation| (operation.to_owned(), 1)).into(),
            "restarts: {restarts}"
        );
    }
}
