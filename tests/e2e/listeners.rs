//! Listeners: only what changed is touched, and what AWS refuses is put back.

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Result, object};

use crate::{MINIMAL, Test};

/// The ports of the listeners as AWS has them: `(port, protocol, instance port, certificate)`.
async fn in_aws(test: &Test) -> Result<Vec<(i32, String, i32, Option<String>)>> {
    let lb = test.in_aws().await?;
    let mut listeners: Vec<_> = lb
        .listener_descriptions()
        .iter()
        .filter_map(|description| description.listener())
        .map(|l| {
            (
                l.load_balancer_port(),
                l.protocol().to_owned(),
                l.instance_port(),
                l.ssl_certificate_id.clone(),
            )
        })
        .collect();
    listeners.sort();
    Ok(listeners)
}

fn https(certificate: &str, instance_port: u16) -> String {
    format!(
        "availabilityZones: [us-east-1a]\nlisteners:\n- {{port: 80, protocol: HTTP, instancePort: 8080}}\n- {{port: 443, \
         protocol: HTTPS, instancePort: {instance_port}, instanceProtocol: HTTP, certificate: {{arn: '{certificate}'}}}}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn another_instance_port_touches_only_its_listener() -> Result<()> {
    let test = Test::new().await?;
    let spec = |port: u16| {
        format!(
            "availabilityZones: [us-east-1a]\nhealthCheck: {{target: 'TCP:8443'}}\nlisteners:\n- {{port: 80, protocol: \
             HTTP, instancePort: {port}}}\n- {{port: 443, protocol: TCP, instancePort: 8443}}"
        )
    };
    test.ready(&spec(8080)).await?;
    let mark = test.mark()?;
    test.ready(&spec(9090)).await?;
    let calls = test.calls(mark).await?.writes();
    assert_eq!(
        calls.operations(),
        ["DeleteLoadBalancerListeners", "CreateLoadBalancerListeners"],
        "{calls}"
    );
    for call in &calls {
        assert!(
            !call.parameters.values().any(|value| value == "443"),
            "443 was touched: {call}"
        );
    }
    assert_eq!(
        in_aws(&test).await?.iter().map(|l| (l.0, l.2)).collect::<Vec<_>>(),
        [(80, 9090), (443, 8443)]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_certificate_never_rebuilds_the_listener() -> Result<()> {
    let test = Test::new().await?;
    let (first, second) = (test.certificate().await?, test.certificate().await?);
    test.ready(&https(&first, 8080)).await?;
    let mark = test.mark()?;
    test.ready(&https(&second, 8080)).await?;
    let calls = test.calls(mark).await?.writes();
    assert_eq!(calls.operations(), ["SetLoadBalancerListenerSSLCertificate"], "{calls}");
    assert_eq!(in_aws(&test).await?[1].3.as_ref(), Some(&second));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_certificate_leaves_the_old_listener_serving_and_the_rest_converges() -> Result<()> {
    let mut test = Test::new().await?;
    let known = test.certificate().await?;
    let unknown = "arn:aws:iam::123456789012:server-certificate/unknown";
    test.ready(&https(&known, 8080)).await?;
    let before = in_aws(&test).await?;

    // Port and certificate together, and a target beside them.
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a"])
        .await?;
    let mark = test.mark()?;
    test.apply(&format!(
        "{}\ntargets: {{instanceIds: [{}]}}",
        https(unknown, 9443),
        ids[0]
    ))
    .await?;
    test.until_reason("Programmed", "CertificateNotFound").await?;
    assert_eq!(in_aws(&test).await?, before, "the old listener serves");
    let calls = test.calls(mark).await?;
    assert!(
        calls.of("DeleteLoadBalancerListeners").is_empty(),
        "the old listener was never taken away:\n{calls}"
    );
    assert_eq!(crate::registered(&test.in_aws().await?).len(), 1, "instances followed");
    let errors = test.get().await?;
    assert_eq!(object::text(&errors, "/status/errors/0/track"), "listeners");
    assert_eq!(object::text(&errors, "/status/errors/0/code"), "CertificateNotFound");

    test.ready(&https(&known, 9443)).await?;
    assert_eq!(in_aws(&test).await?[1].2, 9443);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_listener_becomes_secure_only_with_a_certificate_that_is_there() -> Result<()> {
    let test = Test::new().await?;
    let plain = "availabilityZones: [us-east-1a]\nlisteners: [{port: 443, protocol: HTTP, instancePort: 8080}]";
    let secure = |certificate: &str| {
        format!(
            "availabilityZones: [us-east-1a]\nlisteners: [{{port: 443, protocol: HTTPS, instancePort: 8080, \
             instanceProtocol: HTTP, certificate: {{arn: '{certificate}'}}}}]"
        )
    };
    test.ready(plain).await?;
    let before = in_aws(&test).await?;
    let mark = test.mark()?;
    for unknown in [
        "arn:aws:iam::123456789012:server-certificate/unknown",
        "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000",
    ] {
        test.apply(&secure(unknown)).await?;
        let message = test.until_reason("Programmed", "CertificateNotFound").await?;
        assert!(message.contains(unknown), "{message}");
        assert_eq!(in_aws(&test).await?, before);
    }
    let calls = test.calls(mark).await?.writes();
    assert!(calls.is_empty(), "the port was never closed: {calls}");
    test.ready(&secure(&test.certificate().await?)).await?;
    assert_eq!(in_aws(&test).await?[0].1, "HTTPS");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_aws_refuses_after_all_is_put_back() -> Result<()> {
    let test = Test::new().await?;
    let spec = |port: u16| {
        format!("availabilityZones: [us-east-1a]\nlisteners: [{{port: 80, protocol: HTTP, instancePort: {port}}}]")
    };
    test.ready(&spec(8080)).await?;
    let (before, name) = (in_aws(&test).await?, test.name().await?);
    let refuse = json!({
        "match": {"operation": "CreateLoadBalancerListeners", "loadBalancer": name, "count": 1},
        "do": {"error": {"code": "InvalidConfigurationRequest", "status": 409, "message": "not today"}},
    });
    test.stack.simulator().fault(&refuse).await?;
    let mark = test.mark()?;
    test.apply(&spec(9090)).await?;
    let message = test.until_reason("Programmed", "InvalidConfigurationRequest").await?;
    assert!(message.contains("put back"), "{message}");
    assert_eq!(in_aws(&test).await?, before);

    // It is not tried again and again: each try would interrupt the port.
    let read = |calls: &testkit::Calls| calls.naming(&name).of("DescribeLoadBalancers").len() >= 3;
    test.stack
        .simulator()
        .until_calls(mark, "two more passes", read)
        .await?;
    assert_eq!(test.calls(mark).await?.of("DeleteLoadBalancerListeners").len(), 1);

    // Asking for it is reason enough to try again.
    test.request().await?;
    test.namespace.until_ready("web").await?;
    assert_eq!(in_aws(&test).await?[0].2, 9090);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_moves_opens_before_the_old_port_closes() -> Result<()> {
    let test = Test::new().await?;
    test.ready("availabilityZones: [us-east-1a]\nlisteners: [{port: 80, protocol: HTTP, instancePort: 8080}]")
        .await?;
    let mark = test.mark()?;
    test.ready("availabilityZones: [us-east-1a]\nlisteners: [{port: 81, protocol: HTTP, instancePort: 8080}]")
        .await?;
    let calls = test.calls(mark).await?.writes();
    assert_eq!(
        calls.operations(),
        ["CreateLoadBalancerListeners", "DeleteLoadBalancerListeners"],
        "{calls}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_set_by_hand_survive_a_rebuild() -> Result<()> {
    let test = Test::new().await?;
    test.ready("availabilityZones: [us-east-1a]\nlisteners: [{port: 80, protocol: HTTP, instancePort: 8080}]")
        .await?;
    let (elb, name) = (test.stack.simulator().elb(), test.name().await?);
    elb.create_lb_cookie_stickiness_policy()
        .load_balancer_name(&name)
        .policy_name("sticky")
        .send()
        .await
        .expect("a policy");
    let set = elb
        .set_load_balancer_policies_of_listener()
        .load_balancer_name(&name)
        .load_balancer_port(80);
    set.policy_names("sticky").send().await.expect("the policy is set");

    test.ready("availabilityZones: [us-east-1a]\nlisteners: [{port: 80, protocol: HTTP, instancePort: 9090}]")
        .await?;
    let lb = test.in_aws().await?;
    assert_eq!(lb.listener_descriptions()[0].policy_names(), ["sticky"]);
    test.namespace
        .patch(Kind::CLB, "web", json!({"metadata": {"labels": {"seen": "yes"}}}))
        .await
        .map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_listener_stays_open_whatever_else_is_learned_in_the_pass() -> Result<()> {
    let test = Test::new().await?;
    let listener = |listener: &str| {
        format!(
            "availabilityZones: [us-east-1a]\nlisteners: [{listener}]\ntargets: {{instanceIds: [i-0dead000000000001]}}"
        )
    };
    let unknown = "arn:aws:iam::123456789012:server-certificate/unknown";
    test.apply(&listener("{port: 443, protocol: HTTP, instancePort: 8080}"))
        .await?;
    test.until_reason("Programmed", "InstanceNotFound").await?;
    let before = in_aws(&test).await?;
    // The unknown instance is tried again in the same pass, and AWS's answer makes the operator plan once more.
    test.apply(&listener(&format!(
        "{{port: 443, protocol: HTTPS, instancePort: 8080, instanceProtocol: HTTP, certificate: {{arn: '{unknown}'}}}}"
    )))
    .await?;
    test.until_reason("Programmed", "CertificateNotFound").await?;
    test.pass().await?;
    assert_eq!(in_aws(&test).await?, before, "the old listener serves");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_check_does_not_follow_a_listener_that_aws_refuses() -> Result<()> {
    let test = Test::new().await?;
    let unknown = "arn:aws:iam::123456789012:server-certificate/unknown";
    test.ready("availabilityZones: [us-east-1a]\nhealthCheck: {target: 'TCP:8080'}\nlisteners: [{port: 443, protocol: HTTP, instancePort: 8080}]").await?;
    test.apply(&format!(
        "availabilityZones: [us-east-1a]\nhealthCheck: {{target: 'TCP:9090'}}\nlisteners: [{{port: 443, protocol: HTTPS, \
         instancePort: 9090, instanceProtocol: HTTP, certificate: {{arn: '{unknown}'}}}}]"
    ))
    .await?;
    test.until_reason("Programmed", "CertificateNotFound").await?;
    test.pass().await?;
    let lb = test.in_aws().await?;
    assert_eq!(
        lb.health_check().expect("a health check").target(),
        "TCP:8080",
        "it checks what is served"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refused_port_keeps_no_other_from_opening() -> Result<()> {
    let test = Test::new().await?;
    let unknown = "arn:aws:iam::123456789012:server-certificate/unknown";
    test.ready("availabilityZones: [us-east-1a]\nlisteners: [{port: 80, protocol: HTTP, instancePort: 8080}]")
        .await?;
    test.apply(&format!(
        "availabilityZones: [us-east-1a]\nlisteners:\n- {{port: 81, protocol: HTTP, instancePort: 8080}}\n- {{port: 443, \
         protocol: HTTPS, instancePort: 8080, instanceProtocol: HTTP, certificate: {{arn: '{unknown}'}}}}"
    ))
    .await?;
    test.until_reason("Programmed", "CertificateNotFound").await?;
    let ports: Vec<i32> = in_aws(&test).await?.iter().map(|listener| listener.0).collect();
    assert_eq!(
        ports,
        [80, 81],
        "81 is open, and 80 closes only when all that replaces it is"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_could_not_be_put_back_is_said_to_be_closed() -> Result<()> {
    let test = Test::new().await?;
    test.ready(MINIMAL).await?;
    let name = test.name().await?;
    // The new one and the old one.
    let denied = json!({
        "match": {"operation": "CreateLoadBalancerListeners", "loadBalancer": name, "count": 2},
        "do": {"error": {"code": "AccessDenied", "status": 403, "message": "not authorized"}},
    });
    test.stack.simulator().fault(&denied).await?;
    test.apply(&MINIMAL.replace("instancePort: 8080", "instancePort: 8081"))
        .await?;
    let message = test.until_reason("Programmed", "AccessDenied").await?;
    assert!(
        message.contains("so port 80 is closed until AWS takes one of them"),
        "{message}"
    );
    test.namespace.until_ready("web").await?;
    assert_eq!(in_aws(&test).await?[0].2, 8081);
    Ok(())
}
