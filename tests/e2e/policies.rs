//! Policies of listeners and instance ports: made before they are used, set as the full union, deleted when unreferenced.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancing::types::PolicyDescription;
use serde_json::json;
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

/// The type of a policy, and its attributes that are not false.
type Content = (String, BTreeSet<(String, String)>);

/// The content of the policies on a listener.
async fn on_listener(test: &Test, port: i32) -> Result<Vec<Content>> {
    let lb = test.in_aws().await?;
    let mut all = lb.listener_descriptions().iter();
    let found = all.find(|each| {
        each.listener()
            .is_some_and(|listener| listener.load_balancer_port() == port)
    });
    contents(test, found.expect("the listener").policy_names()).await
}

pub(crate) async fn policies(test: &Test) -> Result<Vec<PolicyDescription>> {
    let request = test.simulator().elb().describe_load_balancer_policies();
    let reply = request.load_balancer_name(test.name().await?).send().await;
    Ok(reply.expect("policies").policy_descriptions.unwrap_or_default())
}

pub(crate) async fn contents(test: &Test, names: &[String]) -> Result<Vec<Content>> {
    let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let all = policies(test).await?.into_iter();
    let named = all.filter(|policy| names.iter().any(|name| Some(name.as_str()) == policy.policy_name()));
    let content = |policy: PolicyDescription| {
        let attributes = policy.policy_attribute_descriptions().iter();
        let pairs = attributes.map(|each| (owned(each.attribute_name()), owned(each.attribute_value())));
        let on = pairs.filter(|(_, value)| value != "false").collect();
        (owned(policy.policy_type_name()), on)
    };
    Ok(named.map(content).collect())
}

/// The names of all policies that the operator made.
pub(crate) async fn own(test: &Test) -> Result<Vec<String>> {
    let names = policies(test)
        .await?
        .into_iter()
        .filter_map(|policy| policy.policy_name);
    Ok(names.filter(|name| name.starts_with("clb-")).collect())
}

pub(crate) async fn backend(test: &Test, port: i32) -> Result<Vec<String>> {
    let lb = test.in_aws().await?;
    let mut all = lb.backend_server_descriptions().iter();
    let found = all.find(|backend| backend.instance_port() == Some(port));
    Ok(found.map(|backend| backend.policy_names().to_vec()).unwrap_or_default())
}

/// One of the policies is of this type and has this attribute.
#[track_caller]
fn assert_has(contents: &[Content], kind: &str, name: &str, value: &str) {
    let attribute = (name.to_owned(), value.to_owned());
    let is = |(type_name, attributes): &Content| type_name == kind && attributes.contains(&attribute);
    assert!(contents.iter().any(is), "no {kind} with {attribute:?}: {contents:?}");
}

async fn changed(test: &Test, spec: &str) -> Result<Calls> {
    let mark = test.mark()?;
    test.ready(spec).await?;
    test.writes(mark).await
}

const REFERENCE: &str = "Reference-Security-Policy";
const TLS: &str = "SSLNegotiationPolicyType";
const MODERN: &str = ", sslPolicy: {predefined: ELBSecurityPolicy-TLS-1-2-2017-01}";

#[tokio::test(flavor = "multi_thread")]
async fn ssl_policies_are_set_changed_unset_and_repaired() -> Result<()> {
    let test = Test::new().await?;
    let spec = secure(&test).await?;
    test.ready(&spec(MODERN)).await?;
    let modern = on_listener(&test, 443).await?;
    assert_has(&modern, TLS, REFERENCE, "ELBSecurityPolicy-TLS-1-2-2017-01");
    test.idle("set").await?;

    let custom = spec(
        ", sslPolicy: {custom: {protocols: [TLSv1.2], ciphers: [ECDHE-RSA-AES128-GCM-SHA256], \
                       serverOrderPreference: true}}",
    );
    let calls = changed(&test, &custom).await?;
    let expected = [
        "CreateLoadBalancerPolicy",
        "SetLoadBalancerPoliciesOfListener",
        "DeleteLoadBalancerPolicy",
    ];
    assert_eq!(calls.operations(), expected, "{calls}");
    let content = on_listener(&test, 443).await?;
    let on: BTreeSet<&str> = content[0].1.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "Protocol-TLSv1.2",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "Server-Defined-Cipher-Order",
    ];
    assert_eq!(on, expected.into());
    test.idle("changed").await?;

    // By hand, somebody puts another one in force.
    let other = [
        ("LoadBalancerPort", "443"),
        ("PolicyNames.member.1", "ELBSecurityPolicy-2016-08"),
    ];
    test.by_hand("SetLoadBalancerPoliciesOfListener", &other).await?;
    let mark = test.mark()?;
    test.pass().await?;
    let calls = test.writes(mark).await?;
    assert_eq!(calls.operations(), ["SetLoadBalancerPoliciesOfListener"], "{calls}");

    changed(&test, &spec("")).await?;
    // Back to AWS's default.
    let default = on_listener(&test, 443).await?;
    assert_has(&default, TLS, REFERENCE, "ELBSecurityPolicy-2016-08");
    assert!(own(&test).await?.is_empty());
    test.idle("un-set").await
}

#[tokio::test(flavor = "multi_thread")]
async fn stickiness_and_ssl_policy_are_set_in_one_call_and_outlive_a_rebuild() -> Result<()> {
    let test = Test::new().await?;
    let spec = secure(&test).await?;
    let both = format!("{MODERN}, stickiness: {{loadBalancerCookie: {{expirationSeconds: 600}}}}");
    let mark = test.mark()?;
    test.ready(&spec(&both)).await?;
    let calls = test.calls(mark).await?.of("SetLoadBalancerPoliciesOfListener");
    assert_eq!(calls.len(), 1, "the union at once: {calls}");
    let policies = on_listener(&test, 443).await?;
    let (balancer, application) = ("LBCookieStickinessPolicyType", "AppCookieStickinessPolicyType");
    assert_has(&policies, balancer, "CookieExpirationPeriod", "600");
    assert_eq!(policies.len(), 2);

    let calls = changed(&test, &spec(&both).replace("instancePort: 8443", "instancePort: 9443")).await?;
    let expected = [
        "DeleteLoadBalancerListeners",
        "CreateLoadBalancerListeners",
        "SetLoadBalancerPoliciesOfListener",
    ];
    assert_eq!(calls.operations(), expected, "{calls}");
    assert_eq!(on_listener(&test, 443).await?, policies);

    let other = format!("{MODERN}, stickiness: {{applicationCookie: {{name: sid}}}}");
    changed(&test, &spec(&other)).await?;
    let policies = on_listener(&test, 443).await?;
    assert_has(&policies, application, "CookieName", "sid");
    assert_eq!(policies.len(), 2);
    test.idle("changed").await?;

    changed(&test, &spec(MODERN)).await?;
    assert_eq!(on_listener(&test, 443).await?.len(), 1, "un-set, and the other stays");
    assert_eq!(own(&test).await?.len(), 1);
    test.idle("un-set").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_of_any_name_with_the_declared_content_is_kept() -> Result<()> {
    let test = Test::new().await?;
    let spec = secure(&test).await?;
    test.ready(&spec("")).await?;
    let policy = [
        ("PolicyName", "by-hand"),
        ("PolicyTypeName", TLS),
        ("PolicyAttributes.member.1.AttributeName", REFERENCE),
        ("PolicyAttributes.member.1.AttributeValue", "ELBSecurityPolicy-2015-05"),
    ];
    test.by_hand("CreateLoadBalancerPolicy", &policy).await?;
    let set = [("LoadBalancerPort", "443"), ("PolicyNames.member.1", "by-hand")];
    test.by_hand("SetLoadBalancerPoliciesOfListener", &set).await?;
    let calls = changed(&test, &spec(", sslPolicy: {predefined: ELBSecurityPolicy-2015-05}")).await?;
    assert!(calls.is_empty(), "{calls}");
    Ok(())
}

/// A name says nothing of the content, not even AWS's own.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_under_the_name_of_aws_default_is_judged_by_its_content() -> Result<()> {
    const DEFAULT: &str = "ELBSecurityPolicy-2016-08";
    let test = Test::new().await?;
    let spec = secure(&test).await?;
    for declared in [spec(&format!(", sslPolicy: {{predefined: {DEFAULT}}}")), spec(MODERN)] {
        test.ready(&declared).await?;
        let wanted = on_listener(&test, 443).await?;
        // Whatever is in force goes, and an old one takes the name.
        test.by_hand(
            "SetLoadBalancerPoliciesOfListener",
            &[("LoadBalancerPort", "443"), ("PolicyNames", "")],
        )
        .await?;
        let all = policies(&test).await?;
        if all.iter().any(|policy| policy.policy_name() == Some(DEFAULT)) {
            test.by_hand("DeleteLoadBalancerPolicy", &[("PolicyName", DEFAULT)])
                .await?;
        }
        let weak = [
            ("PolicyName", DEFAULT),
            ("PolicyTypeName", TLS),
            ("PolicyAttributes.member.1.AttributeName", REFERENCE),
            ("PolicyAttributes.member.1.AttributeValue", "ELBSecurityPolicy-2011-08"),
        ];
        test.by_hand("CreateLoadBalancerPolicy", &weak).await?;
        let set = [("LoadBalancerPort", "443"), ("PolicyNames.member.1", DEFAULT)];
        test.by_hand("SetLoadBalancerPoliciesOfListener", &set).await?;
        test.pass().await?;
        assert_eq!(on_listener(&test, 443).await?, wanted);
        test.idle("put right").await?;
    }
    // Without a policy a listener has AWS's default, and not what is called so.
    changed(&test, &spec("")).await?;
    let default = on_listener(&test, 443).await?;
    assert_has(&default, TLS, REFERENCE, DEFAULT);
    Ok(())
}

/// To ask again for what AWS will never make helps nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_predefined_policy_that_is_misspelt_is_asked_for_once_and_told() -> Result<()> {
    let test = Test::new().await?;
    let spec = secure(&test).await?;
    let mark = test.mark()?;
    let misspelt = spec(", sslPolicy: {predefined: ELBSecurityPolicy-TLS-1-2-2017-1}");
    test.apply(&format!("{misspelt}\ntags: {{team: web}}")).await?;
    let told = test
        .until("it to be told", |web| web.has("Stalled", "True") && web.is_observed())
        .await?;
    let message = told.message("Ready");
    assert!(message.contains("ELBSecurityPolicy-TLS-1-2-2017-01"), "{message}");
    assert_eq!(test.tags().await?["team"], "web", "and stops nothing else");
    let asked = test.calls(mark).await?.of("CreateLoadBalancerPolicy");
    assert_eq!(asked.len(), 1, "{asked}");
    test.ready(&spec(MODERN)).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cipher_that_aws_does_not_know_stops_nothing_else() -> Result<()> {
    let test = Test::new().await?;
    let spec = secure(&test).await?;
    let unknown = spec(", sslPolicy: {custom: {protocols: [TLSv1.2], ciphers: [NO-SUCH-CIPHER]}}");
    test.apply(&format!("{unknown}\ntags: {{team: web}}")).await?;
    let message = test.until_reason("Programmed", "InvalidConfigurationRequest").await?;
    assert!(message.contains("NO-SUCH-CIPHER"), "{message}");
    assert_eq!(test.tags().await?["team"], "web");
    let policies = on_listener(&test, 443).await?.len();
    assert_eq!(policies, 1, "the listener has AWS's default meanwhile");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_protocol_follows_its_port_and_leaves_nothing_behind() -> Result<()> {
    let test = Test::new().await?;
    let plain = |port: u16| {
        format!("availabilityZones: [us-east-1a]\nlisteners: [{{port: 80, protocol: TCP, instancePort: {port}}}]")
    };
    let spec = |port: u16, on: bool| {
        let listening = plain(port);
        format!("{listening}\nbackends: [{{instancePort: {port}, proxyProtocol: {on}}}]")
    };
    test.ready(&spec(8080, true)).await?;
    let names = backend(&test, 8080).await?;
    let policies = contents(&test, &names).await?;
    assert_has(&policies, "ProxyProtocolPolicyType", "ProxyProtocol", "true");
    test.idle("set").await?;

    changed(&test, &spec(9090, true)).await?;
    assert_eq!(backend(&test, 9090).await?, names);
    assert!(backend(&test, 8080).await?.is_empty(), "the stale port is cleared");
    test.idle("moved").await?;

    changed(&test, &spec(9090, false)).await?;
    assert!(backend(&test, 9090).await?.is_empty());
    changed(&test, &spec(9090, true)).await?;
    assert_eq!(backend(&test, 9090).await?.len(), 1);
    changed(&test, &plain(9090)).await?;
    assert!(backend(&test, 9090).await?.is_empty(), "un-set");
    assert!(own(&test).await?.is_empty());
    test.idle("un-set").await
}

/// Instances that expect the header of the proxy protocol get connections without it for no longer than one call takes.
#[tokio::test(flavor = "multi_thread")]
async fn proxy_protocol_is_on_as_soon_as_the_first_listener_sends_to_its_new_port() -> Result<()> {
    let test = Test::new().await?;
    let spec = |port: u16| {
        let listener = |from: u16| format!("{{port: {from}, protocol: TCP, instancePort: {port}}}");
        format!(
            "availabilityZones: [us-east-1a]\nlisteners: [{}, {}]\nbackends: [{{instancePort: {port}, proxyProtocol: true}}]",
            listener(80),
            listener(81)
        )
    };
    test.ready(&spec(8080)).await?;
    let mark = test.mark()?;
    changed(&test, &spec(9090)).await?;
    let (delete, create) = ("DeleteLoadBalancerListeners", "CreateLoadBalancerListeners");
    let set = "SetLoadBalancerPoliciesForBackendServer";
    let calls = test.writes(mark).await?;
    let of_listeners: Vec<String> = calls
        .operations()
        .into_iter()
        .filter(|name| *name != "ConfigureHealthCheck")
        .map(Into::into)
        .collect();
    assert_eq!(of_listeners, [delete, create, set, delete, create, set], "{calls}");
    Ok(())
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
    test.idle("set").await?;

    test.apply(&spec(&both)).await?;
    let message = test.until_reason("Programmed", "ConfigMapNotFound").await?;
    assert!(message.contains("backends[instancePort=8443].publicKeys"), "{message}");
    assert_eq!(backend(&test, 8443).await?, first, "the old keys hold meanwhile");
    let map = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: keys}}\ndata: {{next.pem: \"{}\"}}\n",
        pem("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8B")
    );
    test.namespace.apply(&map).await?;
    test.until_ready().await?;
    let second = backend(&test, 8443).await?;
    assert_eq!(contents(&test, &second).await?[0].1.len(), 2, "both keys");
    assert_eq!(own(&test).await?.len(), 3, "two keys and what refers to them");
    test.idle("changed").await?;

    test.change(json!({"backends": null})).await?;
    assert!(backend(&test, 8443).await?.is_empty());
    assert!(own(&test).await?.is_empty());
    test.idle("un-set").await
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_of_others_are_left_alone() -> Result<()> {
    let test = Test::new().await?;
    let spec = secure(&test).await?;
    test.ready(&spec("")).await?;
    let policy = format!("by-hand-{}", unique());
    let made = [("PolicyName", policy.as_str()), ("CookieName", "sid")];
    test.by_hand("CreateAppCookieStickinessPolicy", &made).await?;
    let set = [("LoadBalancerPort", "80"), ("PolicyNames.member.1", &policy)];
    test.by_hand("SetLoadBalancerPoliciesOfListener", &set).await?;
    test.idle("nothing is declared").await?;
    changed(&test, &spec(MODERN)).await?;
    changed(&test, &spec("")).await?;
    let left = on_listener(&test, 80).await?.len();
    assert_eq!(left, 1, "nobody declared anything of it");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_content_under_our_own_name_is_not_taken_for_ours() -> Result<()> {
    let test = Test::new().await?;
    let spec = secure(&test).await?;
    test.ready(&spec(MODERN)).await?;
    let made = own(&test).await?;
    assert_eq!(made.len(), 1, "{made:?}");
    // As a tool does that edits a policy: taken off, deleted, made anew, put on again.
    let none = [("LoadBalancerPort", "443"), ("PolicyNames", "")];
    test.by_hand("SetLoadBalancerPoliciesOfListener", &none).await?;
    test.by_hand("DeleteLoadBalancerPolicy", &[("PolicyName", made[0].as_str())])
        .await?;
    let old = [
        ("PolicyName", made[0].as_str()),
        ("PolicyTypeName", TLS),
        ("PolicyAttributes.member.1.AttributeName", REFERENCE),
        ("PolicyAttributes.member.1.AttributeValue", "ELBSecurityPolicy-2011-08"),
    ];
    test.by_hand("CreateLoadBalancerPolicy", &old).await?;
    let on = [("LoadBalancerPort", "443"), ("PolicyNames.member.1", made[0].as_str())];
    test.by_hand("SetLoadBalancerPoliciesOfListener", &on).await?;
    assert_has(
        &on_listener(&test, 443).await?,
        TLS,
        REFERENCE,
        "ELBSecurityPolicy-2011-08",
    );

    test.pass().await?;
    let modern = on_listener(&test, 443).await?;
    assert_has(&modern, TLS, REFERENCE, "ELBSecurityPolicy-TLS-1-2-2017-01");
    let left = own(&test).await?;
    assert!(left.len() == 1 && left != made, "the other one is collected: {left:?}");
    test.idle("put right").await
}
