//! The same laws through the operator's AWS client against the simulator, which knows the rules of AWS: what is planned is
//! accepted, and what is read back is what was wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_simulator::{Clock, Config, Connector, Delays, Seed, Simulator, Timestamp};
use aws_smithy_async::rt::sleep::TokioSleep;
use classic_lb_operator::aws::{AccountRegion, Accounts, Error, Limits, Rates};
use classic_lb_operator::elb::{
    AccessLog, Attributes, Backend, Code, Declared, DesyncMitigationMode, HealthCheck, Identity, Listener,
    ListenerPolicies, LoadBalancer, Placement, Port, Protocol, Registration, Scheme, Stickiness, TlsPolicy,
};
use classic_lb_operator::lease::Leadership;
use classic_lb_operator::metrics::Metrics;
use classic_lb_operator::plan::{Facts, Plan, Refusal as _, Rounds, Run};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};

use crate::strategies::{owner, sample};

const REGION: &str = "us-east-1";
const ARN: &str = "arn:aws:acm:us-east-1:123456789012:certificate/";

fn seed() -> Seed {
    let zones = ["us-east-1a", "us-east-1b", "us-east-1c"];
    let instance = |number: usize| format!("  - {{id: i-0000000{number}, availabilityZone: {}}}", zones[number % 3]);
    let instances = (0..6).map(instance).collect::<Vec<_>>().join("\n");
    let yaml = format!(
        "regions:\n- region: {REGION}\n  instances:\n{instances}\n  certificates:\n  - {{arn: '{ARN}A'}}\n  - {{arn: \
         '{ARN}B'}}\nbuckets: [{{name: logs}}]\n"
    );
    Seed::from_yaml(&yaml).expect("a seed")
}

fn region(simulator: &Simulator) -> Arc<AccountRegion> {
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(Connector::new(simulator.clone()))
        .sleep_impl(TokioSleep::new())
        .build();
    let accounts = Accounts::new(
        config,
        Leadership::sole(),
        Arc::new(Metrics::new()),
        Rates::queued(Limits::none()),
    );
    accounts.region(REGION)
}

/// What the operator reads of a balancer when everything is declared.
async fn read(region: &AccountRegion) -> LoadBalancer {
    let client = &region.client;
    let mut lb = client.find("lb").await.expect("an answer").expect("the load balancer");
    lb.tags = client.tags("lb").await.expect("tags");
    lb.policies.extend(client.policies("lb").await.expect("policies"));
    lb.attributes = client.attributes("lb").await.expect("attributes");
    lb
}

/// Passes until nothing is left to do, as the operator makes them. `stop` ends them after so many calls.
async fn realise(region: &AccountRegion, declared: &Declared, mut stop: usize) -> Result<(), String> {
    for _ in 0..4 {
        let mut rounds = Rounds::new(Facts::default());
        let mut lb = read(region).await;
        while let Some(plan) = rounds.next(declared, &lb) {
            let mut run: Run<Error> = Run::new(plan);
            while let Some(step) = run.next().cloned() {
                if stop == 0 {
                    return Ok(());
                }
                stop -= 1;
                match region.run("lb", &step).await {
                    Ok(()) => {
                        step.apply_to(&mut lb);
                        run.accepted();
                    }
                    Err(error) if error.code() == Code::SameZone => run.refused(error),
                    Err(error) => return Err(format!("{step}: {error}")),
                }
            }
            rounds.take(&run.finish());
        }
    }
    Ok(())
}

fn listener(port: Port) -> impl Strategy<Value = Listener> {
    (0..4_u8, 0..3_u16, "[AB]").prop_map(move |(kind, step, certificate)| {
        let (protocol, instance_protocol) = match kind {
            0 => (Protocol::Http, Protocol::Http),
            1 => (Protocol::Https, Protocol::Https),
            2 => (Protocol::Tcp, Protocol::Tcp),
            _ => (Protocol::Ssl, Protocol::Tcp),
        };
        Listener {
            port,
            protocol,
            // Listeners of one instance port agree on TLS, and on the layer, since a proxy header needs that.
            instance_port: step * 4 + 1 + u16::from(instance_protocol.is_secure()) + 2 * u16::from(protocol.is_http()),
            instance_protocol,
            certificate: protocol.is_secure().then(|| format!("{ARN}{certificate}")),
            policies: protocol.policies_at_creation(),
        }
    })
}

fn listeners() -> impl Strategy<Value = BTreeMap<Port, Listener>> {
    proptest::collection::btree_set(1..6_u16, 1..5).prop_flat_map(|ports| {
        let all: Vec<_> = ports.into_iter().map(listener).collect();
        all.prop_map(|list| list.into_iter().map(|listener| (listener.port, listener)).collect())
    })
}

fn policies() -> impl Strategy<Value = BTreeMap<Port, ListenerPolicies>> {
    let tls = prop_oneof![
        Just(TlsPolicy::default()),
        Just(TlsPolicy::Predefined("ELBSecurityPolicy-TLS-1-2-2017-01".into())),
        Just(TlsPolicy::Custom(
            ["Protocol-TLSv1.2".to_owned(), "AES128-SHA".to_owned()].into()
        )),
    ];
    let stickiness = prop_oneof![
        Just(Stickiness::LoadBalancerCookie(None)),
        Just(Stickiness::LoadBalancerCookie(Some(60))),
        Just(Stickiness::ApplicationCookie("sid".into())),
    ];
    let both = (
        proptest::option::of(tls),
        proptest::option::of(proptest::option::of(stickiness)),
    );
    let both = both.prop_map(|(tls, stickiness)| ListenerPolicies { tls, stickiness });
    proptest::collection::btree_map(1..6_u16, both, 0..4)
}

/// The policies of instance ports that these listeners can have.
fn backends(listeners: &BTreeMap<Port, Listener>, seed: &[u8]) -> BTreeMap<Port, Backend> {
    let mut pick = seed.iter().copied().cycle();
    let mut next = || pick.next().unwrap_or_default();
    let mut all = BTreeMap::new();
    for listener in listeners.values() {
        let keys: BTreeSet<String> = ["S0VZMQ==", "S0VZMg=="]
            .iter()
            .filter(|_| next() % 2 == 0)
            .map(|k| (*k).into())
            .collect();
        let backend = Backend {
            proxy_protocol: (!listener.protocol.is_http() && next() % 3 > 0).then(|| next() % 2 == 0),
            public_keys: (listener.instance_protocol.is_secure() && next() % 3 > 0).then_some(keys),
        };
        all.insert(listener.instance_port, backend);
    }
    all
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let log = AccessLog {
        bucket: "logs".into(),
        prefix: "p".into(),
        emit_interval: 5,
    };
    (
        proptest::option::of(any::<bool>()),
        proptest::option::of(1..4001_i32),
        proptest::option::of(proptest::option::of(1..3601_i32)),
        proptest::option::of(proptest::option::of(Just(log))),
        proptest::option::of(any::<bool>()),
    )
        .prop_map(
            |(cross_zone, idle_timeout, connection_draining, access_log, strictest)| Attributes {
                cross_zone,
                idle_timeout,
                connection_draining,
                access_log,
                desync_mitigation_mode: strictest.map(|strictest| {
                    if strictest {
                        DesyncMitigationMode::Strictest
                    } else {
                        DesyncMitigationMode::Monitor
                    }
                }),
            },
        )
}

prop_compose! {
    fn declared()(
        listeners in listeners(), listener_policies in policies(), seed in proptest::collection::vec(any::<u8>(), 12),
        health in proptest::option::of((5..301_i32, 2..11_i32)), attributes in attributes(),
        zones in proptest::collection::btree_set("us-east-1[abc]", 1..4),
        instances in proptest::option::of(proptest::collection::btree_set("i-0000000[0-5]", 0..6)),
        tags in proptest::collection::btree_map("[a-e]", "[x-z]", 0..4),
    ) -> Declared {
        let health_check = health.map(|(interval, healthy)| HealthCheck {
            interval, timeout: 2, healthy_threshold: healthy, ..HealthCheck::of("TCP:1".into())
        });
        Declared {
            scheme: Scheme::InternetFacing,
            placement: Some(Placement::AvailabilityZones(zones)),
            backends: backends(&listeners, &seed),
            listeners, listener_policies, health_check, attributes, tags,
            registration: instances.map(|wanted| Registration { wanted, ..Registration::default() }),
            ..sample()
        }
    }
}

/// Without what AWS decides by itself: what identifies the balancer, and the default subnets of its zones.
fn comparable(lb: LoadBalancer) -> LoadBalancer {
    LoadBalancer {
        identity: Identity::default(),
        subnets: BTreeSet::new(),
        ..lb
    }
}

async fn law(first: Declared, second: Declared, stop: usize) -> Result<(), String> {
    let config = Config {
        clock: Clock::manual(Timestamp::from_millis(1_700_000_000_000)),
        delays: Delays::None,
        ..Config::default()
    };
    let simulator = Simulator::new(config);
    simulator.seed(&seed()).map_err(|error| error.to_string())?;
    let region = region(&simulator);
    assert_eq!(first.owner, Some(owner()));
    for step in Plan::create(&first).steps() {
        region
            .run("lb", step)
            .await
            .map_err(|error| format!("{step}: {error}"))?;
    }
    realise(&region, &first, usize::MAX).await?;
    let wanted = comparable(second.over(&read(&region).await));
    realise(&region, &second, stop).await?;
    let cut = comparable(second.over(&read(&region).await));
    realise(&region, &second, usize::MAX).await?;
    let after = read(&region).await;
    let plan = Plan::update(&second, &after, &Facts::default());
    if !plan.is_empty() {
        return Err(format!("a second pass would write:\n{plan}"));
    }
    let after = comparable(after);
    // From any prefix it converges; the default health check alone follows what the prefix left.
    if after != cut || (stop == usize::MAX && after != wanted) {
        return Err(format!("not as wanted:\n{after:#?}\nwanted:\n{cut:#?}"));
    }
    let broken = simulator.violations();
    if broken == 0 {
        Ok(())
    } else {
        Err(format!("{broken} requests were against the model"))
    }
}

#[test]
fn what_is_planned_is_accepted_and_read_back_as_wanted() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut runner = TestRunner::new(Cases {
        cases: 150,
        ..Cases::default()
    });
    let stop = prop_oneof![Just(usize::MAX), 0..20_usize];
    let outcome = runner.run(&(declared(), declared(), stop), |(first, second, stop)| {
        runtime.block_on(law(first, second, stop)).map_err(TestCaseError::fail)
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
