//! Policies of listeners and instance ports: made before they are used, set as the full union, deleted when unreferenced.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancing::types::PolicyAttribute;
use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Calls, Result};

use crate::{Test, unique};

/// An HTTPS listener with these lines, and an HTTP one.
async fn secure(test: &Test) -> Result<impl Fn(&str) -> String + use<>> {
    let certificate = test.certificate().await?;
    Ok(move |members: &str| {
        format!(
            "availabilityZones: [us-east-1a]\nlisteners:\n- {{port: 80, protocol: HTTP, instancePort: 8080}}\n- {{port: \
             443, protocol: HTTPS, instancePort: 8443, instanceProtocol: HTTP, certificate: {{arn: '{certificate}'}}\
             {members}}}"
        )
    })
}

/// The content of the policies on a listener: type and attributes that are not false.
async fn on_listener(test: &Test, port: i32) -> Result<Vec<(String, BTreeSet<(String, String)>)>> {
    let lb = test.in_aws().await?;
    let listener = lb.listener_descriptions().iter().find(|description| {
        description
            .listener()
            .is_some_and(|listener| listener.load_balancer_port() == port)
    });
    contents(test, listener.expect("the listener").policy_names()).await
}

pub(crate) async fn contents(test: &Test, names: &[String]) -> Result<Vec<(String, BTreeSet<(String, String)>)>> {
    let elb = test.stack.simulator().elb();
    let request = elb
        .describe_load_balancer_policies()
        .load_balancer_name(test.name().await?);
    let reply = request.send().await.expect("policies");
    let mut found = Vec::new();
    for policy in reply.policy_descriptions() {
        if !names.iter().any(|name| Some(name.as_str()) == policy.policy_name()) {
            continue;
        }
        let attributes = policy.policy_attribute_descriptions().iter().map(|attribute| {
            (
                attribute.attribute_name().unwrap_or_default().to_owned(),
                attribute.attribute_value().unwrap_or_default().to_owned(),
            )
        });
        let attributes = attributes.filter(|(_, value)| value != "false").collect();
        found.push((policy.policy_type_name().unwrap_or_default().to_owned(), attributes));
    }
    Ok(found)
}

/// The names of all policies that the operator made.
pub(crate) async fn own(test: &Test) -> Result<Vec<String>> {
    let elb = test.stack.simulator().elb();
    let request = elb
        .describe_load_balancer_policies()
        .load_balancer_name(test.name().await?);
    let reply = request.send().await.expect("policies");
    let names = reply
        .policy_descriptions()
        .iter()
        .filter_map(|policy| policy.policy_name.clone());
    Ok(names.filter(|name| name.starts_with("clb-")).collect())
}

pub(crate) async fn backend(test: &Test, port: i32) -> Result<Vec<String>> {
    let lb = test.in_aws().await?;
    let mut all = lb.backend_server_descriptions().iter();
    let found = all.find(|backend| backend.instance_port() == Some(port));
    Ok(found.map(|backend| backend.policy_names().to_vec()).unwrap_or_default())
}

fn has(contents: &[(String, BTreeSet<(String, String)>)], type_name: &str, attribute: (&str, &str)) -> bool {
    let attribute = (attribute.0.to_owned(), attribute.1.to_owned());
    contents
        .iter()
        .any(|(name, attributes)| name == type_name && attributes.contains(&attribute))
}

async fn idle(test: &Test) -> Result<()> {
    let mark = test.mark()?;
    test.pass().await?;
    let calls = test.calls(mark).await?.writes();
    assert!(calls.is_empty(), "a second pass writes: {calls}");
    Ok(())
}

async fn changed(test: &Test, spec: &str) -> Result<Calls> {
    let mark = test.mark()?;
    test.ready(spec).await?;
    Ok(test.calls(mark).await?.writes())
}

const REFERENCE: &str = "Reference-Security-Policy";
const TLS: &str = "SSLNegotiationPolicyType";

#[tokio::test(flavor = "multi_thread")]
async fn ssl_policies_are_set_changed_unset_and_repaired() -> Result<()> {
    let test = Test::new().await?;
    let spec = secure(&test).await?;
    let modern = spec(", sslPolicy: {predefined: ELBSecurityPolicy-TLS-1-2-2017-01}");
    test.ready(&modern).await?;
    let policies = on_listener(&test, 443).await?;
    assert!(
        has(&policies, TLS, (REFERENCE, "ELBSecurityPolicy-TLS-1-2-2017-01")),
        "{policies:?}"
    );
    idle(&test).await?;

    let custom = spec(
        ", sslPolicy: {custom: {protocols: [TLSv1.2], ciphers: [ECDHE-RSA-AES128-GCM-SHA256], \
                       serverOrderPreference: true}}",
    );
    let calls = changed(&test, &custom).await?;
    assert_eq!(
        calls.operations(),
        [
            "CreateLoadBalancerPolicy",
            "SetLoadBalancerPoliciesOfListener",
            "DeleteLoadBalancerPolicy"
        ],
        "{calls}"
    );
    let on: BTreeSet<String> = on_listener(&test, 443).await?[0]
        .1
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    let expected = [
        "Protocol-TLSv1.2",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "Server-Defined-Cipher-Order",
    ];
    assert_eq!(on, expected.map(ToOwned::to_owned).into());
    idle(&test).await?;

    // By hand, somebody puts another one in force.
    let elb = test.stack.simulator().elb();
    let request = elb
        .set_load_balancer_policies_of_listener()
        .load_balancer_name(test.name().await?);
    let request = request
        .load_balancer_port(443)
        .policy_names("ELBSecurityPolicy-2016-08");
    request.send().await.expect("set by hand");
    let mark = test.mark()?;
    test.pass().await?;
    let calls = test.calls(mark).await?.writes();
    assert_eq!(calls.operations(), ["SetLoadBalancerPoliciesOfListener"], "{calls}");

    changed(&test, &spec("")).await?;
    let policies = on_listener(&test, 443).await?;
    assert!(
        has(&policies, TLS, (REFERENCE, "ELBSecurityPolicy-2016-08")),
        "back to AWS's default: {policies:?}"
    );
    assert!(own(&test).await?.is_empty());
    idle(&test).await
}

#[tokio::test(flavor = "multi_thread")]
async fn stickiness_and_ssl_policy_are_set_in_one_call_and_outlive_a_rebuild() -> Result<()> {
    let test = Test::new().await?;
    let spec = secure(&test).await?;
    let both = ", sslPolicy: {predefined: ELBSecurityPolicy-TLS-1-2-2017-01}, stickiness: {loadBalancerCookie: \
                {expirationSeconds: 600}}";
    let mark = test.mark()?;
    test.ready(&spec(both)).await?;
    let calls = test.calls(mark).await?;
    assert_eq!(
        calls.of("SetLoadBalancerPoliciesOfListener").len(),
        1,
        "the union at once: {calls}"
    );
    let policies = on_listener(&test, 443).await?;
    assert!(
        has(
            &policies,
            "LBCookieStickinessPolicyType",
            ("CookieExpirationPeriod", "600")
        ),
        "{policies:?}"
    );
    assert_eq!(policies.len(), 2);

    let calls = changed(&test, &spec(both).replace("instancePort: 8443", "instancePort: 9443")).await?;
    assert_eq!(
        calls.operations(),
        [
            "DeleteLoadBalancerListeners",
            "CreateLoadBalancerListeners",
            "SetLoadBalancerPoliciesOfListener"
        ],
        "{calls}"
    );
    assert_eq!(on_listener(&test, 443).await?, policies);

    let application = both.replace(
        "{loadBalancerCookie: {expirationSeconds: 600}}",
        "{applicationCookie: {name: sid}}",
    );
    changed(&test, &spec(&application)).await?;
    let policies = on_listener(&test, 443).await?;
    assert!(
        has(&policies, "AppCookieStickinessPolicyType", ("CookieName", "sid")),
        "{policies:?}"
    );
    assert_eq!(policies.len(), 2);
    idle(&test).await?;

    changed(
        &test,
        &spec(", sslPolicy: {predefined: ELBSecurityPolicy-TLS-1-2-2017-01}"),
    )
    .await?;
    assert_eq!(on_listener(&test, 443).await?.len(), 1, "un-set, and the other stays");
    assert_eq!(own(&test).await?.len(), 1);
    idle(&test).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_of_any_name_with_the_declared_content_is_kept() -> Result<()> {
    let test = Test::new().await?;
    let spec = secure(&test).await?;
    test.ready(&spec("")).await?;
    let (elb, name) = (test.stack.simulator().elb(), test.name().await?);
    let attribute = PolicyAttribute::builder()
        .attribute_name(REFERENCE)
        .attribute_value("ELBSecurityPolicy-2015-05");
    let request = elb
        .create_load_balancer_policy()
        .load_balancer_name(&name)
        .policy_name("by-hand");
    let request = request.policy_type_name(TLS).policy_attributes(attribute.build());
    request.send().await.expect("made by hand");
    let request = elb.set_load_balancer_policies_of_listener().load_balancer_name(&name);
    let request = request.load_balancer_port(443).policy_names("by-hand");
    request.send().await.expect("set by hand");
    let calls = changed(&test, &spec(", sslPolicy: {predefined: ELBSecurityPolicy-2015-05}")).await?;
    assert!(calls.is_empty(), "{calls}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cipher_that_aws_does_not_know_stops_nothing_else() -> Result<()> {
    let test = Test::new().await?;
    let spec = secure(&test).await?;
    let unknown = spec(", sslPolicy: {custom: {protocols: [TLSv1.2], ciphers: [NO-SUCH-CIPHER]}}");
    test.apply(&format!("{unknown}\ntags: {{team: web}}")).await?;
    let message = test.until_reason("Programmed", "InvalidConfigurationRequest").await?;
    assert!(message.contains("NO-SUCH-CIPHER"), "{message}");
    assert_eq!(test.tags().await?.get("team").map(String::as_str), Some("web"));
    assert_eq!(
        on_listener(&test, 443).await?.len(),
        1,
        "the listener has AWS's default meanwhile"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_protocol_follows_its_port_and_leaves_nothing_behind() -> Result<()> {
    let test = Test::new().await?;
    let spec = |port: u16, backends: &str| {
        format!(
            "availabilityZones: [us-east-1a]\nlisteners: [{{port: 80, protocol: TCP, instancePort: {port}}}]\n{backends}"
        )
    };
    test.ready(&spec(8080, "backends: [{instancePort: 8080, proxyProtocol: true}]"))
        .await?;
    let names = backend(&test, 8080).await?;
    assert!(has(
        &contents(&test, &names).await?,
        "ProxyProtocolPolicyType",
        ("ProxyProtocol", "true")
    ));
    idle(&test).await?;

    changed(
        &test,
        &spec(9090, "backends: [{instancePort: 9090, proxyProtocol: true}]"),
    )
    .await?;
    assert_eq!(backend(&test, 9090).await?, names);
    assert!(backend(&test, 8080).await?.is_empty(), "the stale port is cleared");
    idle(&test).await?;

    changed(
        &test,
        &spec(9090, "backends: [{instancePort: 9090, proxyProtocol: false}]"),
    )
    .await?;
    assert!(backend(&test, 9090).await?.is_empty());
    changed(
        &test,
        &spec(9090, "backends: [{instancePort: 9090, proxyProtocol: true}]"),
    )
    .await?;
    assert_eq!(backend(&test, 9090).await?.len(), 1);
    changed(&test, &spec(9090, "")).await?;
    assert!(backend(&test, 9090).await?.is_empty(), "un-set");
    assert!(own(&test).await?.is_empty());
    idle(&test).await
}

#[tokio::test(flavor = "multi_thread")]
async fn public_keys_come_inline_and_from_config_maps() -> Result<()> {
    let test = Test::new().await?;
    let pem = |key: &str| format!("-----BEGIN PUBLIC KEY-----\\n{key}\\n-----END PUBLIC KEY-----\\n");
    let spec = |keys: &str| {
        format!(
            "availabilityZones: [us-east-1a]\nlisteners: [{{port: 80, protocol: TCP, instancePort: 8443, \
             instanceProtocol: SSL}}]\nbackends: [{{instancePort: 8443, publicKeys: [{keys}]}}]"
        )
    };
    let inline = format!("{{pem: \"{}\"}}", pem("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"));
    let both = format!("{inline}, {{configMapKeyRef: {{name: keys, key: next.pem}}}}");
    test.ready(&spec(&inline)).await?;
    let first = backend(&test, 8443).await?;
    assert_eq!(first.len(), 1);
    idle(&test).await?;

    test.apply(&spec(&both)).await?;
    let message = test.until_reason("Programmed", "ConfigMapNotFound").await?;
    assert!(message.contains("backends[instancePort=8443].publicKeys"), "{message}");
    assert_eq!(backend(&test, 8443).await?, first, "the old keys hold meanwhile");
    let map = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: keys}}\ndata: {{next.pem: \"{}\"}}\n",
        pem("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8B")
    );
    test.namespace.apply(&map).await?;
    test.namespace.until_ready("web").await?;
    let second = backend(&test, 8443).await?;
    assert_eq!(contents(&test, &second).await?[0].1.len(), 2, "both keys");
    assert_eq!(own(&test).await?.len(), 3, "two keys and what refers to them");
    idle(&test).await?;

    test.namespace
        .patch(Kind::CLB, "web", json!({"spec": {"backends": null}}))
        .await?;
    test.namespace.until_ready("web").await?;
    assert!(backend(&test, 8443).await?.is_empty());
    assert!(own(&test).await?.is_empty());
    idle(&test).await
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_of_others_are_left_alone() -> Result<()> {
    let test = Test::new().await?;
    let spec = secure(&test).await?;
    test.ready(&spec("")).await?;
    let (elb, name) = (test.stack.simulator().elb(), test.name().await?);
    let request = elb.create_app_cookie_stickiness_policy().load_balancer_name(&name);
    let policy = format!("by-hand-{}", unique());
    request
        .policy_name(&policy)
        .cookie_name("sid")
        .send()
        .await
        .expect("made");
    let request = elb.set_load_balancer_policies_of_listener().load_balancer_name(&name);
    let request = request.load_balancer_port(80).policy_names(&policy);
    request.send().await.expect("set");
    idle(&test).await?;
    let both = spec(", sslPolicy: {predefined: ELBSecurityPolicy-TLS-1-2-2017-01}");
    changed(&test, &both).await?;
    changed(&test, &spec("")).await?;
    assert_eq!(on_listener(&test, 80).await?.len(), 1, "nobody declared anything of it");
    Ok(())
}
