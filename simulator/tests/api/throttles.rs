//! Request rates and quotas.

use aws_simulator::{Config, Delays, Throttles};

use crate::client::{Aws, LISTENER_80};

#[test]
fn request_rates_are_those_that_aws_publishes() {
    let aws = Aws::new();
    let throttled = Aws::of(Config {
        clock: aws.simulator.clock().clone(),
        throttles: Some(Throttles::default()),
        ..Config::default()
    });
    let describe = || throttled.elb("DescribeLoadBalancers", &[]);
    let answered = (0..60).filter(|_| describe().is_ok()).count();
    assert_eq!(answered, 40);
    let refusal = describe().unwrap_err();
    assert_eq!(
        (refusal.status, refusal.code.as_str(), refusal.message.as_str()),
        (400, "Throttling", "Rate exceeded")
    );
    throttled
        .in_region("us-west-2")
        .elb("DescribeLoadBalancers", &[])
        .unwrap();
    throttled.advance(1);
    assert_eq!((0..20).filter(|_| describe().is_ok()).count(), 10);
}

/// An operation, its parameters, how many calls a full bucket answers, and how many more after five seconds.
type Case<'c> = (&'c str, &'c [(&'c str, &'c str)], usize, usize);

#[test]
fn each_operation_takes_from_its_own_bucket_and_from_the_shared_one() {
    let aws = Aws::new();
    let fresh = |throttles: &str| {
        Aws::of(Config {
            clock: aws.simulator.clock().clone(),
            throttles: Some(throttles.parse().unwrap()),
            delays: Delays::None,
            ..Config::default()
        })
    };
    let lb = ("LoadBalancerName", "lb");
    let zone = [lb, ("AvailabilityZones.member.1", "us-east-1a")];
    let subnet = [lb, ("Subnets.member.1", "subnet-0")];
    let instance = [lb, ("Instances.member.1.InstanceId", "i-0")];
    let policy = [lb, ("PolicyName", "p")];
    let answered = |aws: &Aws, operation, parameters: &[(&str, &str)]| {
        let is_throttled = || {
            let refused = aws.elb(operation, parameters).err();
            refused.is_some_and(|refusal| refusal.code == "Throttling" && refusal.message == "Rate exceeded")
        };
        (0..60).filter(|_| !is_throttled()).count()
    };
    let cases: [Case<'_>; 8] = [
        ("EnableAvailabilityZonesForLoadBalancer", &zone, 10, 1),
        ("DisableAvailabilityZonesForLoadBalancer", &zone, 10, 1),
        ("AttachLoadBalancerToSubnets", &subnet, 10, 1),
        ("DetachLoadBalancerFromSubnets", &subnet, 10, 1),
        ("RegisterInstancesWithLoadBalancer", &instance, 20, 20),
        ("DeregisterInstancesFromLoadBalancer", &instance, 20, 20),
        ("DeleteLoadBalancerPolicy", &policy, 20, 15),
        ("DescribeInstanceHealth", &[lb], 40, 40),
    ];
    for (operation, parameters, capacity, after_five_seconds) in cases {
        let throttled = fresh("aws");
        assert_eq!(answered(&throttled, operation, parameters), capacity, "{operation}");
        throttled.advance(5);
        assert_eq!(
            answered(&throttled, operation, parameters),
            after_five_seconds,
            "{operation}"
        );
    }
    // The buckets are apart, but that all calls take from the shared one too.
    let throttled = fresh("aws");
    assert_eq!(answered(&throttled, "DeleteLoadBalancerPolicy", &policy), 20);
    assert_eq!(answered(&throttled, "RegisterInstancesWithLoadBalancer", &instance), 20);
    assert_eq!(answered(&throttled, "DescribeInstanceHealth", &[lb]), 0);
    assert_eq!(
        answered(&throttled.as_key("AKIDOTHER"), "DescribeInstanceHealth", &[lb]),
        40
    );
    // Other figures, and other services, which have buckets of their own.
    let throttled = fresh("describe=3+0");
    assert_eq!(answered(&throttled, "DescribeInstanceHealth", &[lb]), 3);
    for _ in 0..50 {
        throttled.ec2("DescribeVpcs", &[]).unwrap();
    }
    assert_eq!(throttled.simulator.violations(), 0);
}

fn with_quotas() -> Aws {
    Aws::of(Config {
        quotas: true,
        delays: Delays::None,
        ..Config::default()
    })
}

#[test]
fn listeners_and_instances_have_quotas_when_asked() {
    let aws = with_quotas();
    let instances: Vec<String> = (0..1001).map(|number| format!("{{id: i-0000{number:04x}}}")).collect();
    aws.seed(&format!("regions: [{{instances: [{}]}}]", instances.join(", ")));
    aws.create("lb");
    let register = |from: usize, to: usize| {
        let ids: Vec<_> = (from..to).map(|number| format!("i-0000{number:04x}")).collect();
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        let done = crate::registration::with_instances(&aws, "RegisterInstancesWithLoadBalancer", &ids);
        done.map(|xml| xml.all("Instances/member/InstanceId").len())
            .map_err(|refusal| refusal.code)
    };
    assert_eq!(register(0, 1000), Ok(1000));
    assert_eq!(register(1000, 1001), Err("InvalidConfigurationRequest".to_owned()));
    assert_eq!(register(5, 10), Ok(1000), "those that are members already need no room");
    let listen = |from: u32, to: u32| {
        let numbered: Vec<_> = (1..)
            .zip(from..to)
            .flat_map(|(number, port)| {
                let name = |member| format!("Listeners.member.{number}.{member}");
                [
                    (name("Protocol"), "TCP".to_owned()),
                    (name("LoadBalancerPort"), port.to_string()),
                    (name("InstancePort"), "80".to_owned()),
                ]
            })
            .collect();
        let mut parameters = vec![("LoadBalancerName", "lb")];
        parameters.extend(numbered.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let done = aws.elb("CreateLoadBalancerListeners", &parameters);
        done.map(|_| ()).map_err(|refusal| refusal.code)
    };
    assert_eq!(listen(1000, 1099), Ok(()));
    assert_eq!(listen(1099, 1100), Err("InvalidConfigurationRequest".to_owned()));
    assert_eq!(aws.describe("lb").all("Listener/LoadBalancerPort").len(), 100);
}

#[test]
fn without_quotas_they_are_told_and_not_enforced() {
    let aws = Aws::new();
    for number in 0..25 {
        aws.create(&format!("lb-{number}"));
    }
    let limits = aws.elb("DescribeAccountLimits", &[]).unwrap();
    assert_eq!(limits.all("Limits/member/Max"), ["20", "100", "1000"]);
    // Accounts and regions have quotas of their own.
    let aws = with_quotas();
    for number in 0..20 {
        aws.create(&format!("lb-{number}"));
    }
    let create: Vec<_> = [("LoadBalancerName", "x"), ("AvailabilityZones.member.1", "us-east-1a")]
        .into_iter()
        .chain(LISTENER_80)
        .collect();
    assert_eq!(
        aws.refused("CreateLoadBalancer", &create),
        (400, "TooManyLoadBalancers".to_owned())
    );
    aws.in_region("eu-west-1").create("x");
    aws.as_key("AKIDOTHER").create("x");
}

#[test]
fn a_balancer_has_only_so_many_policies() {
    let aws = Aws::new();
    aws.create("lb");
    let create = |number: u32| {
        let name = format!("policy-{number}");
        let parameters = [("LoadBalancerName", "lb"), ("PolicyName", name.as_str())];
        let made = aws.elb("CreateLBCookieStickinessPolicy", &parameters);
        made.map(|_| ()).map_err(|refusal| refusal.code)
    };
    let made = (0..200).take_while(|number| create(*number).is_ok()).count();
    assert_eq!(made, 98);
    assert_eq!(create(200).unwrap_err(), "TooManyPolicies");
    create(0).unwrap();
}
