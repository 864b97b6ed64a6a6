//! Listeners: only what changed is touched, and what AWS refuses is put back.

use serde_json::json;
use testkit::{Calls, Result};

use crate::setup::{by_ids, with_args};
use crate::{MINIMAL, Test, error};

const UNKNOWN: &str = "arn:aws:iam::123456789012:server-certificate/unknown";

/// The ports of the listeners as AWS has them: `(port, protocol, instance port, certificate)`.
async fn in_aws(test: &Test) -> Result<Vec<(i32, String, i32, Option<String>)>> {
    let lb = test.in_aws().await?;
    let all = lb.listener_descriptions().iter();
    let parts = all.filter_map(|description| description.listener()).map(|l| {
        let (protocol, certificate) = (l.protocol().to_owned(), l.ssl_certificate_id.clone());
        (l.load_balancer_port(), protocol, l.instance_port(), certificate)
    });
    let mut listeners: Vec<_> = parts.collect();
    listeners.sort();
    Ok(listeners)
}

/// A spec with these listeners, one a line.
fn listening(listeners: &[&str]) -> String {
    let lines: Vec<String> = listeners.iter().map(|listener| format!("- {{{listener}}}")).collect();
    format!("availabilityZones: [us-east-1a]\nlisteners:\n{}", lines.join("\n"))
}

/// A spec with one HTTP listener.
fn http(port: u16, instance_port: u16) -> String {
    listening(&[&format!("port: {port}, protocol: HTTP, instancePort: {instance_port}")])
}

/// A secure listener.
fn secure(certificate: &str, instance_port: u16) -> String {
    format!(
        "port: 443, protocol: HTTPS, instancePort: {instance_port}, instanceProtocol: HTTP, certificate: {{arn: \
         '{certificate}'}}"
    )
}

/// A spec with a plain and a secure listener.
fn https(certificate: &str, instance_port: u16) -> String {
    let plain = "port: 80, protocol: HTTP, instancePort: 8080";
    listening(&[plain, &secure(certificate, instance_port)])
}

#[tokio::test(flavor = "multi_thread")]
async fn another_instance_port_touches_only_its_listener() -> Result<()> {
    let test = Test::new().await?;
    let spec = |port: u16| {
        let changing = format!("port: 80, protocol: HTTP, instancePort: {port}");
        let both = listening(&[&changing, "port: 443, protocol: TCP, instancePort: 8443"]);
        format!("healthCheck: {{target: 'TCP:8443'}}\n{both}")
    };
    test.ready(&spec(8080)).await?;
    let mark = test.mark()?;
    test.ready(&spec(9090)).await?;
    let calls = test.writes(mark).await?;
    let expected = ["DeleteLoadBalancerListeners", "CreateLoadBalancerListeners"];
    assert_eq!(calls.operations(), expected, "{calls}");
    assert!(calls.naming("443").is_empty(), "443 was touched: {calls}");
    let ports: Vec<_> = in_aws(&test).await?.iter().map(|l| (l.0, l.2)).collect();
    assert_eq!(ports, [(80, 9090), (443, 8443)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_certificate_never_rebuilds_the_listener() -> Result<()> {
    let test = Test::new().await?;
    let (first, second) = (test.certificate().await?, test.certificate().await?);
    test.ready(&https(&first, 8080)).await?;
    let mark = test.mark()?;
    test.ready(&https(&second, 8080)).await?;
    let calls = test.writes(mark).await?;
    assert_eq!(calls.operations(), ["SetLoadBalancerListenerSSLCertificate"], "{calls}");
    assert_eq!(in_aws(&test).await?[1].3.as_ref(), Some(&second));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_certificate_leaves_the_old_listener_serving_and_the_rest_converges() -> Result<()> {
    let test = Test::web().instances(1).start().await?;
    let known = test.certificate().await?;
    test.ready(&https(&known, 8080)).await?;
    let before = in_aws(&test).await?;

    // Port and certificate together, and a target beside them.
    let mark = test.mark()?;
    test.apply(&format!("{}\n{}", https(UNKNOWN, 9443), by_ids(&test.ids)))
        .await?;
    test.until_reason("Programmed", "CertificateNotFound").await?;
    assert_eq!(in_aws(&test).await?, before, "the old listener serves");
    let calls = test.calls(mark).await?;
    assert!(
        calls.of("DeleteLoadBalancerListeners").is_empty(),
        "the old listener was never taken away:\n{calls}"
    );
    assert_eq!(test.registered().await?.len(), 1, "instances followed");
    let web = test.get().await?;
    assert_eq!(web.text("/errors/0/track"), "listeners");
    assert_eq!(web.text("/errors/0/code"), "CertificateNotFound");

    test.ready(&https(&known, 9443)).await?;
    assert_eq!(in_aws(&test).await?[1].2, 9443);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_listener_becomes_secure_only_with_a_certificate_that_is_there() -> Result<()> {
    let test = Test::new().await?;
    let spec = |certificate: &str| listening(&[&secure(certificate, 8080)]);
    test.ready(&http(443, 8080)).await?;
    let before = in_aws(&test).await?;
    let mark = test.mark()?;
    let nil = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000";
    for unknown in [UNKNOWN, nil] {
        test.apply(&spec(unknown)).await?;
        let message = test.until_reason("Programmed", "CertificateNotFound").await?;
        assert!(message.contains(unknown), "{message}");
        assert_eq!(in_aws(&test).await?, before);
    }
    test.nothing_written(mark, "the port was never closed").await?;
    test.ready(&spec(&test.certificate().await?)).await?;
    assert_eq!(in_aws(&test).await?[0].1, "HTTPS");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_aws_refuses_after_all_is_put_back() -> Result<()> {
    // Alone in its region: beside others its questions may be joined to theirs, and name nobody.
    let test = Test::web().on(with_args(&[])).start().await?;
    test.ready(&http(80, 8080)).await?;
    let (before, name) = (in_aws(&test).await?, test.name().await?);
    let refusal = error("InvalidConfigurationRequest", 409, "not today");
    test.fault("CreateLoadBalancerListeners", &json!({"count": 1}), &refusal)
        .await?;
    let mark = test.mark()?;
    test.apply(&http(80, 9090)).await?;
    let message = test.until_reason("Programmed", "InvalidConfigurationRequest").await?;
    assert!(message.contains("put back"), "{message}");
    assert_eq!(in_aws(&test).await?, before);

    // It is not tried again and again: each try would interrupt the port.
    let read = |calls: &Calls| calls.naming(&name).of("DescribeLoadBalancers").len() >= 3;
    test.simulator().until_calls(mark, "two more passes", read).await?;
    assert_eq!(test.calls(mark).await?.of("DeleteLoadBalancerListeners").len(), 1);

    // Asking for it is reason enough to try again.
    test.request().await?;
    test.until_ready().await?;
    assert_eq!(in_aws(&test).await?[0].2, 9090);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_moves_opens_before_the_old_port_closes() -> Result<()> {
    let test = Test::new().await?;
    test.ready(&http(80, 8080)).await?;
    let mark = test.mark()?;
    test.ready(&http(81, 8080)).await?;
    let calls = test.writes(mark).await?;
    let expected = ["CreateLoadBalancerListeners", "DeleteLoadBalancerListeners"];
    assert_eq!(calls.operations(), expected, "{calls}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_set_by_hand_survive_a_rebuild() -> Result<()> {
    let test = Test::new().await?;
    test.ready(&http(80, 8080)).await?;
    test.by_hand("CreateLBCookieStickinessPolicy", &[("PolicyName", "sticky")])
        .await?;
    let set = [("LoadBalancerPort", "80"), ("PolicyNames.member.1", "sticky")];
    test.by_hand("SetLoadBalancerPoliciesOfListener", &set).await?;

    test.ready(&http(80, 9090)).await?;
    let lb = test.in_aws().await?;
    assert_eq!(lb.listener_descriptions()[0].policy_names(), ["sticky"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_listener_stays_open_whatever_else_is_learned_in_the_pass() -> Result<()> {
    let test = Test::new().await?;
    let targets = by_ids(&["i-0dead000000000001".to_owned()]);
    test.apply(&format!("{}\n{targets}", http(443, 8080))).await?;
    test.until_reason("Programmed", "InstanceNotFound").await?;
    let before = in_aws(&test).await?;
    // The unknown instance is tried again in the same pass, and AWS's answer makes the operator plan once more.
    test.apply(&format!("{}\n{targets}", listening(&[&secure(UNKNOWN, 8080)])))
        .await?;
    test.until_reason("Programmed", "CertificateNotFound").await?;
    test.pass().await?;
    assert_eq!(in_aws(&test).await?, before, "the old listener serves");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_check_does_not_follow_a_listener_that_aws_refuses() -> Result<()> {
    let test = Test::new().await?;
    let check = |port: u16| format!("healthCheck: {{target: 'TCP:{port}'}}");
    test.ready(&format!("{}\n{}", http(443, 8080), check(8080))).await?;
    test.apply(&format!("{}\n{}", listening(&[&secure(UNKNOWN, 9090)]), check(9090)))
        .await?;
    test.until_reason("Programmed", "CertificateNotFound").await?;
    test.pass().await?;
    let lb = test.in_aws().await?;
    let target = lb.health_check().expect("a health check").target();
    assert_eq!(target, "TCP:8080", "it checks what is served");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refused_port_keeps_no_other_from_opening() -> Result<()> {
    let test = Test::new().await?;
    test.ready(&http(80, 8080)).await?;
    test.apply(&https(UNKNOWN, 8080).replace("port: 80,", "port: 81,"))
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
    let test = Test::web().ready().await?;
    // The new one and the old one.
    let denied = error("AccessDenied", 403, "not authorized");
    test.fault("CreateLoadBalancerListeners", &json!({"count": 2}), &denied)
        .await?;
    test.apply(&MINIMAL.replace("instancePort: 8080", "instancePort: 8081"))
        .await?;
    let message = test.until_reason("Programmed", "AccessDenied").await?;
    assert!(
        message.contains("so port 80 is closed until AWS takes one of them"),
        "{message}"
    );
    test.until_ready().await?;
    assert_eq!(in_aws(&test).await?[0].2, 8081);
    Ok(())
}
