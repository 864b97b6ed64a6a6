//! The AWS SDK for Rust, in process and signed.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_elasticloadbalancing as elb;
use aws_sdk_elasticloadbalancing::config::{BehaviorVersion, Region};
use aws_simulator::{Clock, Config, Connector, Delays, Simulator};
use elb::config::retry::RetryConfig;
use elb::config::timeout::TimeoutConfig;
use elb::error::{ProvideErrorMetadata, SdkError};
use elb::types::{Instance, Listener};
use serde_json::json;

use crate::client::START;

/// A client whose time is the runtime's.
fn client(simulator: &Simulator, secret: &str) -> elb::Client {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(5))
        .build();
    let config = elb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", secret, None, None, "test"))
        .http_client(Connector::new(simulator.clone()))
        .sleep_impl(Arc::new(aws_smithy_async::rt::sleep::TokioSleep::new()))
        .retry_config(RetryConfig::standard())
        .timeout_config(timeouts)
        .stalled_stream_protection(elb::config::StalledStreamProtectionConfig::disabled())
        .build();
    elb::Client::from_conf(config)
}

fn simulator() -> Simulator {
    let config = Config {
        clock: Clock::tokio(START),
        delays: Delays::Default,
        ..Config::default()
    };
    let simulator = Simulator::new(config);
    simulator
        .seed(&aws_simulator::Seed::from_yaml(crate::registration::SEED).unwrap())
        .unwrap();
    simulator
}

async fn create(client: &elb::Client) -> String {
    let listener = Listener::builder()
        .protocol("HTTP")
        .load_balancer_port(80)
        .instance_port(8080)
        .build()
        .unwrap();
    let request = client
        .create_load_balancer()
        .load_balancer_name("lb")
        .availability_zones("us-east-1a");
    request.listeners(listener).send().await.unwrap().dns_name.unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_sdk_works_in_process_and_in_virtual_time() {
    let simulator = simulator();
    let client = client(&simulator, "secret");
    let dns = create(&client).await;
    let instance = Instance::builder().instance_id("i-4f8cf126").build();
    let register = client.register_instances_with_load_balancer().load_balancer_name("lb");
    register.instances(instance).send().await.unwrap();
    let health = async || {
        let reply = client
            .describe_instance_health()
            .load_balancer_name("lb")
            .send()
            .await
            .unwrap();
        reply.instance_states()[0].state().unwrap().to_owned()
    };
    assert_eq!(health().await, "OutOfService");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(health().await, "InService");
    let reply = client.describe_load_balancers().send().await.unwrap();
    let lb = &reply.load_balancer_descriptions()[0];
    assert_eq!(lb.dns_name(), Some(dns.as_str()));
    assert_eq!(lb.health_check().unwrap().target(), "TCP:8080");
    assert_eq!(lb.created_time().unwrap().secs() * 1000, START.as_millis());
    assert_eq!(simulator.violations(), 0);
}

#[tokio::test(start_paused = true)]
async fn signatures_are_verified() {
    let simulator = simulator();
    let refused = client(&simulator, "wrong")
        .describe_load_balancers()
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some("SignatureDoesNotMatch"));
    client(&simulator, "secret")
        .describe_load_balancers()
        .send()
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_sdk_sees_faults_as_it_would_on_a_socket() {
    let simulator = simulator();
    let client = client(&simulator, "secret");
    create(&client).await;
    let fault = |rule| {
        simulator.clear_faults();
        simulator.add_fault(serde_json::from_value(rule).unwrap());
    };
    fault(json!({"match": {"count": 2}, "do": {"error": {"code": "Throttling"}}}));
    client.describe_load_balancers().send().await.unwrap();
    assert_eq!(simulator.faults()[0].fired, 2, "the SDK tried again");
    fault(json!({"do": "resetBefore"}));
    let reset = client.describe_load_balancers().send().await.unwrap_err();
    assert!(matches!(reset, SdkError::DispatchFailure(_)), "{reset:?}");
    fault(json!({"do": "hang"}));
    let hung = client.describe_load_balancers().send().await.unwrap_err();
    assert!(matches!(hung, SdkError::TimeoutError(_)), "{hung:?}");
    fault(json!({"match": {"count": 1}, "do": {"breakBody": {"percent": 50}}}));
    client.describe_load_balancers().send().await.unwrap();
    fault(json!({"do": {"htmlError": {}}}));
    let html = client.describe_load_balancers().send().await.unwrap_err();
    assert_eq!(
        (html.code(), html.raw_response().unwrap().status().as_u16()),
        (None, 503)
    );
    let before = tokio::time::Instant::now();
    fault(json!({"do": {"latency": {"millis": 2000}}}));
    client.describe_load_balancers().send().await.unwrap();
    assert!(before.elapsed() >= Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn an_assumed_role_signs_with_its_session() {
    let simulator = simulator();
    create(&client(&simulator, "secret")).await;
    let sts = aws_sdk_sts::Config::builder()
        .behavior_version(aws_sdk_sts::config::BehaviorVersion::latest())
        .region(aws_sdk_sts::config::Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .http_client(Connector::new(simulator.clone()))
        .build();
    let sts = aws_sdk_sts::Client::from_conf(sts);
    let role = sts
        .assume_role()
        .role_arn("arn:aws:iam::222222222222:role/elb")
        .role_session_name("session");
    let keys = role.send().await.unwrap().credentials.unwrap();
    let session = |token: &str| {
        let credentials = Credentials::new(
            keys.access_key_id(),
            keys.secret_access_key(),
            Some(token.to_owned()),
            None,
            "test",
        );
        let config = client(&simulator, "")
            .config()
            .to_builder()
            .credentials_provider(credentials)
            .build();
        elb::Client::from_conf(config)
    };
    let there = session(keys.session_token())
        .describe_load_balancers()
        .send()
        .await
        .unwrap();
    assert!(there.load_balancer_descriptions().is_empty());
    let forged = session("forged").describe_load_balancers().send().await.unwrap_err();
    assert_eq!(forged.code(), Some("InvalidClientTokenId"));
    tokio::time::sleep(Duration::from_hours(1)).await;
    let late = session(keys.session_token())
        .describe_load_balancers()
        .send()
        .await
        .unwrap_err();
    assert_eq!(late.code(), Some("ExpiredToken"));
}
