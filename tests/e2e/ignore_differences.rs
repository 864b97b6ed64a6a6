//! What is to be ignored is set once, and from then on left as AWS has it.

use serde_json::{Value, json};
use testkit::{Calls, Result};

use crate::network::{EC2, element};
use crate::setup::minimal;
use crate::{MINIMAL, Test, unique};

/// A part, what somebody does to it by hand, and a change of the spec in it.
struct Case {
    part: &'static str,
    drift: (&'static str, Vec<(&'static str, String)>),
    change: Value,
}

const OLD: &str = "ELBSecurityPolicy-TLS-1-2-2017-01";
const NEW: &str = "ELBSecurityPolicy-2016-08";

fn listeners(certificate: &str, policy: &str, more: bool) -> Value {
    let mut list = vec![
        json!({"port": 80, "protocol": "HTTP", "instancePort": 8080}),
        json!({"port": 443, "protocol": "HTTPS", "instanceProtocol": "HTTP", "instancePort": 8080,
            "certificate": {"arn": certificate}, "sslPolicy": {"predefined": policy}}),
    ];
    if more {
        list.push(json!({"port": 82, "protocol": "TCP", "instancePort": 8080}));
    }
    json!({"listeners": list})
}

/// A spec with other members.
fn with(spec: &Value, members: &Value) -> String {
    let mut spec = spec.clone();
    for (name, value) in members.as_object().into_iter().flatten() {
        spec[name] = value.clone();
    }
    spec.to_string()
}

fn cases(certificates: &[String; 3], instances: &[String], group: &str) -> Vec<Case> {
    let case = |part, action, members: &[(&'static str, &str)], change| {
        let members = members.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let drift = (action, members.collect());
        Case { part, drift, change }
    };
    vec![
        case(
            "Listeners",
            "CreateLoadBalancerListeners",
            &[
                ("Listeners.member.1.Protocol", "TCP"),
                ("Listeners.member.1.LoadBalancerPort", "81"),
                ("Listeners.member.1.InstancePort", "8080"),
            ],
            listeners(&certificates[0], OLD, true),
        ),
        case(
            "Certificates",
            "SetLoadBalancerListenerSSLCertificate",
            &[("LoadBalancerPort", "443"), ("SSLCertificateId", &certificates[1])],
            listeners(&certificates[2], OLD, false),
        ),
        case(
            "Policies",
            "SetLoadBalancerPoliciesOfListener",
            &[
                ("LoadBalancerPort", "443"),
                ("PolicyNames.member.1", "ELBSecurityPolicy-2016-08"),
            ],
            listeners(&certificates[0], NEW, false),
        ),
        case(
            "HealthCheck",
            "ConfigureHealthCheck",
            &[
                ("HealthCheck.Target", "TCP:8080"),
                ("HealthCheck.Interval", "60"),
                ("HealthCheck.Timeout", "5"),
                ("HealthCheck.UnhealthyThreshold", "2"),
                ("HealthCheck.HealthyThreshold", "2"),
            ],
            json!({"healthCheck": {"target": "HTTP:8080/other"}}),
        ),
        case(
            "Attributes",
            "ModifyLoadBalancerAttributes",
            &[("LoadBalancerAttributes.ConnectionSettings.IdleTimeout", "300")],
            json!({"attributes": {"idleTimeoutSeconds": 200}}),
        ),
        case(
            "Tags",
            "AddTags",
            &[("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "other")],
            json!({"tags": {"team": "third"}}),
        ),
        case(
            "SecurityGroups",
            "ApplySecurityGroupsToLoadBalancer",
            &[("SecurityGroups.member.1", group)],
            json!({"securityGroups": [group]}),
        ),
        case(
            "Placement",
            "EnableAvailabilityZonesForLoadBalancer",
            &[("AvailabilityZones.member.1", "us-east-1c")],
            json!({"availabilityZones": ["us-east-1a"]}),
        ),
        case(
            "Instances",
            "DeregisterInstancesFromLoadBalancer",
            &[("Instances.member.1.InstanceId", &instances[0])],
            json!({"targets": {"instanceIds": [instances[1]]}}),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_stays_and_a_change_of_the_spec_writes_nothing_part_by_part() -> Result<()> {
    let setup = Test::web().zones(&["us-east-1a", "us-east-1b"]);
    let test = setup.start().await?;
    let ids = &test.ids;
    let certificates = [
        test.certificate().await?,
        test.certificate().await?,
        test.certificate().await?,
    ];
    let [declared, by_hand] = [group(&test).await?, group(&test).await?];
    let parts = cases(&certificates, ids, &by_hand).into_iter().map(|case| case.part);
    let spec = json!({
        "availabilityZones": ["us-east-1a", "us-east-1b"],
        "securityGroups": [declared],
        "listeners": listeners(&certificates[0], OLD, false)["listeners"],
        "healthCheck": {"target": "HTTP:8080/"},
        "attributes": {"idleTimeoutSeconds": 100},
        "tags": {"team": "web"},
        "targets": {"instanceIds": [ids[0]]},
    });
    test.ready(&with(&spec, &json!({"ignoreDifferences": parts.collect::<Vec<_>>()})))
        .await?;
    let lb = test.in_aws().await?;
    assert_eq!(
        lb.health_check().expect("a check").target(),
        "HTTP:8080/",
        "a new load balancer is made whole"
    );
    assert_eq!(crate::registered(&lb).len(), 1);
    assert_eq!(test.tags().await?["team"], "web");
    for Case { part, drift, change } in cases(&certificates, ids, &by_hand) {
        let ignored = json!({"ignoreDifferences": [part]});
        test.ready(&with(&spec, &ignored)).await?;
        let (action, members) = drift;
        if part == "Policies" {
            let create = [
                ("PolicyName", NEW),
                ("PolicyTypeName", "SSLNegotiationPolicyType"),
                ("PolicyAttributes.member.1.AttributeName", "Reference-Security-Policy"),
                ("PolicyAttributes.member.1.AttributeValue", NEW),
            ];
            // The simulator, as AWS, may have made it with the listener already.
            let _ = test.by_hand("CreateLoadBalancerPolicy", &create).await;
        }
        let members: Vec<(&str, &str)> = members.iter().map(|(key, value)| (*key, value.as_str())).collect();
        test.by_hand(action, &members).await?;
        let mark = test.mark()?;
        test.pass().await?;
        test.nothing_written(mark, &format!("{part}: drift stays")).await?;
        let changed = serde_json::from_str(&with(&spec, &change)).expect("JSON");
        test.ready(&with(&changed, &ignored)).await?;
        test.nothing_written(mark, &format!("{part}: a change")).await?;

        // Ignored no longer, it is put right: at once, or as soon as it cannot be an old answer of AWS any more.
        test.ready(&spec.to_string()).await?;
        let name = test.name().await?;
        let put_right = |calls: &Calls| !calls.naming(&name).writes().is_empty();
        let what = format!("{part}: the drift to be put right");
        test.simulator().until_calls(mark, &what, put_right).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_check_of_a_port_that_only_an_ignored_listener_brings_is_told() -> Result<()> {
    let test = Test::new().await?;
    let spec = |port: u16, check: u16| {
        format!(
            "availabilityZones: [us-east-1a]\nignoreDifferences: [Listeners]\nhealthCheck: {{target: 'TCP:{check}'}}\n\
             listeners: [{{port: 80, protocol: TCP, instancePort: {port}}}]"
        )
    };
    test.ready(&spec(8080, 8080)).await?;
    let mark = test.mark()?;
    test.apply(&format!("{}\ntags: {{team: web}}", spec(9090, 9090)))
        .await?;
    let message = test.until_reason("Programmed", "ListenerIgnored").await?;
    assert!(
        message.contains("TCP:9090") && message.contains("ignoreDifferences"),
        "{message}"
    );
    assert!(test.get().await?.has("Stalled", "True"), "it waits for a person");
    let calls = test.writes(mark).await?;
    assert_eq!(calls.operations(), ["AddTags"], "the rest follows: {calls}");

    // One of the ways out: somebody opens it.
    test.by_hand("DeleteLoadBalancerListeners", &[("LoadBalancerPorts.member.1", "80")])
        .await?;
    let listener = [
        ("Listeners.member.1.Protocol", "TCP"),
        ("Listeners.member.1.LoadBalancerPort", "80"),
        ("Listeners.member.1.InstancePort", "9090"),
    ];
    test.by_hand("CreateLoadBalancerListeners", &listener).await?;
    test.request().await?;
    test.until_ready().await?;
    let lb = test.in_aws().await?;
    assert_eq!(lb.health_check().expect("a check").target(), "TCP:9090");

    // A port that no listener brings either is the user's own choice.
    test.ready(&spec(9090, 7070)).await?;
    let lb = test.in_aws().await?;
    assert_eq!(lb.health_check().expect("a check").target(), "TCP:7070");
    Ok(())
}

/// A security group of the default VPC.
pub(crate) async fn group(test: &Test) -> Result<String> {
    let name = format!("group-{}", unique());
    let members = [("GroupName", name.as_str()), ("GroupDescription", "test")];
    let reply = test
        .simulator()
        .query("ec2", EC2, "CreateSecurityGroup", &members)
        .await?;
    Ok(element(&reply, "groupId"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_out_while_it_is_ignored_goes_back_to_its_default_afterwards() -> Result<()> {
    let declared =
        "attributes: {idleTimeoutSeconds: 88}\nhealthCheck: {protocol: TCP, port: 8080, intervalSeconds: 20}";
    let test = Test::web().with(declared).ready().await?;
    let now = async || -> Result<(i32, i32)> {
        let attributes = crate::attributes::in_aws(&test).await?;
        let settings = attributes.connection_settings().expect("settings");
        let lb = test.in_aws().await?;
        let check = lb.health_check().expect("a check");
        Ok((settings.idle_timeout(), check.interval()))
    };
    assert_eq!(now().await?, (88, 20));
    test.ready(&minimal("ignoreDifferences: [Attributes, HealthCheck]"))
        .await?;
    test.pass().await?;
    assert_eq!(now().await?, (88, 20), "left as AWS has them");
    test.ready(MINIMAL).await?;
    assert_eq!(now().await?, (60, 30), "back at the defaults, once");
    Ok(())
}
