//! Certificates by name, and what is told of them.

use serde_json::{Value, json};
use testkit::simulator::REGION;
use testkit::{LoadBalancer, Result};

use crate::{Test, error, unique};

/// Makes a certificate known to ACM; returns its ARN. `expires` in days from now.
pub(crate) async fn issued(test: &Test, domain: &str, expires: i64) -> Result<String> {
    let arn = format!("arn:aws:acm:{REGION}:123456789012:certificate/{}", unique());
    let now = test.simulator().core().clock().now().as_millis() / 1000;
    let certificate = json!({"arn": arn, "domainName": domain, "expires": now + expires * 86_400});
    let seed = json!({"regions": [{"region": REGION, "certificates": [certificate]}]});
    test.simulator().seed(&seed).await?;
    Ok(arn)
}

pub(crate) fn https(certificate: &str) -> String {
    format!(
        "availabilityZones: [us-east-1a]\nlisteners:\n- {{port: 80, protocol: HTTP, instancePort: 8080}}\n- {{port: 443, \
         protocol: HTTPS, instancePort: 8080, instanceProtocol: HTTP, certificate: {{{certificate}}}}}"
    )
}

fn used(web: &LoadBalancer) -> &Value {
    web.status("/listeners/1/certificate")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_stands_for_its_newest_valid_certificate_and_rotates_in_place() -> Result<()> {
    let test = Test::new().await?;
    let domain = format!("www-{}.example.com", unique());
    let first = issued(&test, &domain, 30).await?;
    issued(&test, &domain, -1).await?;
    let ready = test.ready(&https(&format!("acmDomainName: {domain}"))).await?;
    assert_eq!(used(&ready)["arn"], json!(first), "the expired one is not taken");
    assert!(used(&ready)["notAfter"].is_string(), "{}", used(&ready));
    let not_after = used(&ready)["notAfter"].as_str().expect("a time");
    let end = not_after.parse::<jiff::Timestamp>().expect("a time").as_second();
    let series = format!("certificate=\"{first}\"}} {end}\n");
    let operator = test.stack.operator();
    operator
        .until("/metrics", &series, |reply| reply.body.contains(&series))
        .await?;

    let second = issued(&test, &domain, 300).await?;
    let mark = test.mark()?;
    test.pass().await?;
    let calls = test.writes(mark).await?;
    assert_eq!(calls.operations(), ["SetLoadBalancerListenerSSLCertificate"], "{calls}");
    assert_eq!(used(&test.get().await?)["arn"], json!(second));
    test.idle("a second pass").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_certificate_is_found_by_its_name() -> Result<()> {
    let test = Test::new().await?;
    let arn = test.certificate().await?;
    let name = arn.rsplit('/').next().expect("a name");
    let ready = test.ready(&https(&format!("iamServerCertificateName: {name}"))).await?;
    assert_eq!(used(&ready)["arn"], json!(arn));
    let mark = test.mark()?;
    test.ready(&https(&format!("arn: '{arn}'"))).await?;
    test.nothing_written(mark, "the same certificate by its ARN").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_without_certificate_waits_and_later_stops_its_listener_only() -> Result<()> {
    let test = Test::new().await?;
    let domain = format!("www-{}.example.com", unique());
    let mark = test.mark()?;
    test.apply(&https(&format!("acmDomainName: {domain}"))).await?;
    let message = test.until_reason("Accepted", "CertificateNotFound").await?;
    let field = "listeners[port=443].certificate.acmDomainName";
    assert!(message.contains(field), "{message}");
    assert!(test.get().await?.has("Reconciling", "True"));
    test.nothing_written(mark, "it waits").await?;
    issued(&test, &domain, 30).await?;
    test.until_ready().await?;

    let before = test.in_aws().await?;
    let other = https(&format!("acmDomainName: other-{domain}")).replace("instancePort: 8080}", "instancePort: 8081}");
    let expires = used(&test.apply(&other).await?)["notAfter"].clone();
    test.until_reason("Programmed", "CertificateNotFound").await?;
    assert!(expires.is_string());
    let now = used(&test.get().await?)["notAfter"].clone();
    assert_eq!(now, expires, "it serves on, and expires as before");
    let after = test.in_aws().await?;
    let of = |lb: &aws_sdk_elasticloadbalancing::types::LoadBalancerDescription, port: i32| {
        let mut all = lb.listener_descriptions().iter().filter_map(|each| each.listener());
        all.find(|listener| listener.load_balancer_port() == port).cloned()
    };
    assert_eq!(of(&after, 443), of(&before, 443), "the listener serves as before");
    let port = of(&after, 80).map(|listener| listener.instance_port());
    assert_eq!(port, Some(8081), "the other one follows");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_that_spreads_slowly_is_waited_for_with_the_old_one_in_place() -> Result<()> {
    const OPERATION: &str = "SetLoadBalancerListenerSSLCertificate";
    let test = Test::new().await?;
    let (first, second) = (test.certificate().await?, test.certificate().await?);
    test.ready(&https(&format!("arn: '{first}'"))).await?;
    let message = format!("Server Certificate not found for the key: {second}");
    let unknown = error("CertificateNotFound", 400, &message);
    test.fault(OPERATION, &json!({"count": 2}), &unknown).await?;
    let mark = test.mark()?;
    test.apply(&https(&format!("arn: '{second}'"))).await?;
    test.until_reason("Programmed", "CertificateNotFound").await?;
    let serving = used(&test.get().await?)["arn"].clone();
    assert_eq!(serving, json!(first), "the old certificate serves");
    test.until_ready().await?;
    let calls = test.writes(mark).await?;
    assert!(calls.iter().all(|call| call.operation == OPERATION), "{calls}");
    assert_eq!(used(&test.get().await?)["arn"], json!(second));
    Ok(())
}
