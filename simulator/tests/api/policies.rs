//! Policies of listeners and instance ports.

use crate::client::{Aws, certificate};

fn create(aws: &Aws, name: &str, kind: &str, attributes: &[(&str, &str)]) -> Result<(), (u16, String)> {
    let mut parameters = vec![
        ("LoadBalancerName".to_owned(), "lb".to_owned()),
        ("PolicyName".to_owned(), name.to_owned()),
        ("PolicyTypeName".to_owned(), kind.to_owned()),
    ];
    for (index, (key, value)) in attributes.iter().enumerate() {
        parameters.push((
            format!("PolicyAttributes.member.{}.AttributeName", index + 1),
            (*key).to_owned(),
        ));
        parameters.push((
            format!("PolicyAttributes.member.{}.AttributeValue", index + 1),
            (*value).to_owned(),
        ));
    }
    let parameters: Vec<_> = parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    aws.elb("CreateLoadBalancerPolicy", &parameters)
        .map(|_| ())
        .map_err(|refusal| (refusal.status, refusal.code))
}

fn set(aws: &Aws, operation: &str, port: &str, names: &[&str]) -> Result<(), (u16, String)> {
    let port_name = if operation.ends_with("Listener") {
        "LoadBalancerPort"
    } else {
        "InstancePort"
    };
    let numbered: Vec<String> = (1..=names.len())
        .map(|number| format!("PolicyNames.member.{number}"))
        .collect();
    let mut parameters = vec![("LoadBalancerName", "lb"), (port_name, port)];
    parameters.extend(numbered.iter().zip(names).map(|(name, value)| (name.as_str(), *value)));
    if names.is_empty() {
        parameters.push(("PolicyNames", ""));
    }
    aws.elb(operation, &parameters)
        .map(|_| ())
        .map_err(|refusal| (refusal.status, refusal.code))
}

const LISTENER: &str = "SetLoadBalancerPoliciesOfListener";
const BACKEND: &str = "SetLoadBalancerPoliciesForBackendServer";

fn refusal(status: u16, code: &str) -> Result<(), (u16, String)> {
    Err((status, code.to_owned()))
}

fn an_equal_policy_again_is_no_error_and_another_of_its_name_is() {
    let aws = Aws::new();
    aws.create("lb");
    let cookie = |name, cookie| {
        let parameters = [("LoadBalancerName", "lb"), ("PolicyName", name), ("CookieName", cookie)];
        aws.elb("CreateAppCookieStickinessPolicy", &parameters)
            .map_err(|refusal| refusal.code)
    };
    cookie("app", "JSESSIONID").unwrap();
    cookie("app", "JSESSIONID").unwrap();
    assert_eq!(cookie("app", "OTHER").unwrap_err(), "DuplicatePolicyName");
    let kind = "ProxyProtocolPolicyType";
    assert_eq!(
        create(&aws, "app", kind, &[("ProxyProtocol", "true")]),
        refusal(400, "DuplicatePolicyName")
    );
    assert_eq!(create(&aws, "x", "NoSuchType", &[]), refusal(400, "PolicyTypeNotFound"));
    assert_eq!(
        create(&aws, "x", kind, &[("Nope", "true")]),
        refusal(409, "InvalidConfigurationRequest")
    );
    assert_eq!(
        create(&aws, "x", kind, &[("ProxyProtocol", "maybe")]),
        refusal(409, "InvalidConfigurationRequest")
    );
    assert_eq!(
        create(&aws, "x", kind, &[]),
        refusal(409, "InvalidConfigurationRequest")
    );
    assert_eq!(
        aws.describe("lb").all("AppCookieStickinessPolicies/member/CookieName"),
        ["JSESSIONID"]
    );
}

fn policies_are_set_replaced_and_cleared() {
    let aws = Aws::new();
    aws.create("lb");
    create(
        &aws,
        "sticky",
        "LBCookieStickinessPolicyType",
        &[("CookieExpirationPeriod", "60")],
    )
    .unwrap();
    create(&aws, "other", "AppCookieStickinessPolicyType", &[("CookieName", "c")]).unwrap();
    create(&aws, "proxy", "ProxyProtocolPolicyType", &[("ProxyProtocol", "true")]).unwrap();
    let on_listener = || aws.describe("lb").all("ListenerDescriptions/member/PolicyNames/member");
    set(&aws, LISTENER, "80", &["sticky"]).unwrap();
    set(&aws, LISTENER, "80", &["other"]).unwrap();
    assert_eq!(on_listener(), ["other"]);
    assert_eq!(
        set(&aws, LISTENER, "80", &["sticky", "other"]),
        refusal(409, "InvalidConfigurationRequest")
    );
    assert_eq!(
        set(&aws, LISTENER, "80", &["proxy"]),
        refusal(409, "InvalidConfigurationRequest")
    );
    assert_eq!(set(&aws, LISTENER, "80", &["nope"]), refusal(400, "PolicyNotFound"));
    assert_eq!(set(&aws, LISTENER, "81", &["sticky"]), refusal(400, "ListenerNotFound"));
    let delete = |name| {
        let done = aws.elb(
            "DeleteLoadBalancerPolicy",
            &[("LoadBalancerName", "lb"), ("PolicyName", name)],
        );
        done.map(|_| ()).map_err(|refusal| (refusal.status, refusal.code))
    };
    assert_eq!(delete("other"), refusal(409, "InvalidConfigurationRequest"));
    set(&aws, LISTENER, "80", &[]).unwrap();
    assert!(on_listener().is_empty());
    delete("other").unwrap();
    delete("never-was").unwrap();

    assert_eq!(
        set(&aws, BACKEND, "7777", &["proxy"]),
        refusal(409, "InvalidConfigurationRequest")
    );
    assert_eq!(
        set(&aws, BACKEND, "8080", &["sticky"]),
        refusal(409, "InvalidConfigurationRequest")
    );
    set(&aws, BACKEND, "8080", &["proxy"]).unwrap();
    assert_eq!(delete("proxy"), refusal(409, "InvalidConfigurationRequest"));
    // Entries outlive the last listener that used the port, and can be cleared then.
    aws.elb(
        "DeleteLoadBalancerListeners",
        &[("LoadBalancerName", "lb"), ("LoadBalancerPorts.member.1", "80")],
    )
    .unwrap();
    assert_eq!(
        aws.describe("lb").all("BackendServerDescriptions/member/InstancePort"),
        ["8080"]
    );
    set(&aws, BACKEND, "8080", &[]).unwrap();
    assert!(
        aws.describe("lb")
            .all("BackendServerDescriptions/member/InstancePort")
            .is_empty()
    );
    delete("proxy").unwrap();
    assert!(aws.simulator.broken_rules().is_empty());
}

fn secure_listeners_get_the_default_policy_and_lose_others_when_rebuilt() {
    let aws = Aws::new();
    let (body, key) = certificate("www.example.com");
    let upload = [
        ("ServerCertificateName", "web"),
        ("CertificateBody", &*body),
        ("PrivateKey", &*key),
    ];
    let arn = aws.iam("UploadServerCertificate", &upload).unwrap().one("Arn");
    aws.create("lb");
    let https = [
        ("LoadBalancerName", "lb"),
        ("Listeners.member.1.Protocol", "https"),
        ("Listeners.member.1.LoadBalancerPort", "443"),
        ("Listeners.member.1.InstancePort", "80"),
        ("Listeners.member.1.InstanceProtocol", "HTTP"),
        ("Listeners.member.1.SSLCertificateId", &arn),
    ];
    aws.elb("CreateLoadBalancerListeners", &https).unwrap();
    assert_eq!(
        aws.describe("lb").all("OtherPolicies/member"),
        ["ELBSecurityPolicy-2016-08"]
    );
    create(
        &aws,
        "tls12",
        "SSLNegotiationPolicyType",
        &[("Reference-Security-Policy", "ELBSecurityPolicy-TLS-1-2-2017-01")],
    )
    .unwrap();
    assert_eq!(
        create(
            &aws,
            "bad",
            "SSLNegotiationPolicyType",
            &[("Reference-Security-Policy", "nope")]
        ),
        refusal(409, "InvalidConfigurationRequest")
    );
    set(&aws, LISTENER, "443", &[]).unwrap();
    let mut another = https;
    another[2].1 = "444";
    aws.elb("CreateLoadBalancerListeners", &another).unwrap();
    // Only the new listener gets it, not the one that was cleared.
    let set_policies = aws.describe("lb").all("ListenerDescriptions/member/PolicyNames/member");
    assert_eq!(set_policies, ["ELBSecurityPolicy-2016-08"]);
    let delete = [("LoadBalancerName", "lb"), ("LoadBalancerPorts.member.1", "444")];
    aws.elb("DeleteLoadBalancerListeners", &delete).unwrap();
    set(&aws, LISTENER, "443", &["tls12"]).unwrap();
    assert_eq!(
        set(&aws, LISTENER, "80", &["tls12"]),
        refusal(409, "InvalidConfigurationRequest")
    );
    let delete = [("LoadBalancerName", "lb"), ("LoadBalancerPorts.member.1", "443")];
    aws.elb("DeleteLoadBalancerListeners", &delete).unwrap();
    aws.elb("CreateLoadBalancerListeners", &https).unwrap();
    let lb = aws.describe("lb");
    assert_eq!(
        lb.all("ListenerDescriptions/member/PolicyNames/member"),
        ["ELBSecurityPolicy-2016-08"]
    );
    assert_eq!(
        lb.all("OtherPolicies/member"),
        ["ELBSecurityPolicy-2016-08", "tls12"],
        "policies stay behind"
    );

    let in_use = aws
        .iam("DeleteServerCertificate", &[("ServerCertificateName", "web")])
        .unwrap_err();
    assert_eq!((in_use.status, in_use.code.as_str()), (409, "DeleteConflict"));
    let swap = |port, certificate| {
        let parameters = [
            ("LoadBalancerName", "lb"),
            ("LoadBalancerPort", port),
            ("SSLCertificateId", certificate),
        ];
        aws.elb("SetLoadBalancerListenerSSLCertificate", &parameters)
            .map_err(|refusal| refusal.code)
    };
    assert_eq!(
        swap("443", "arn:aws:iam::123456789012:server-certificate/nope").unwrap_err(),
        "CertificateNotFound"
    );
    assert_eq!(swap("80", &arn).unwrap_err(), "InvalidConfigurationRequest");
    assert_eq!(swap("99", &arn).unwrap_err(), "ListenerNotFound");
    swap("443", &arn).unwrap();
}

fn policy_content_is_told_in_full() {
    let aws = Aws::new();
    aws.create("lb");
    create(
        &aws,
        "tls",
        "SSLNegotiationPolicyType",
        &[("Protocol-TLSv1.2", "true"), ("AES128-SHA", "true")],
    )
    .unwrap();
    let xml = aws
        .elb("DescribeLoadBalancerPolicies", &[("LoadBalancerName", "lb")])
        .unwrap();
    let names = xml.all("PolicyAttributeDescriptions/member/AttributeName");
    let values = xml.all("PolicyAttributeDescriptions/member/AttributeValue");
    let on: Vec<_> = names
        .iter()
        .zip(&values)
        .filter(|(_, value)| *value == "true")
        .map(|(name, _)| name)
        .collect();
    assert_eq!(on, ["Protocol-TLSv1.2", "AES128-SHA"]);
    assert!(names.len() > 80);
    let samples = aws
        .elb("DescribeLoadBalancerPolicies", &[])
        .unwrap()
        .all("PolicyDescriptions/member/PolicyName");
    assert!(
        samples.contains(&"ELBSecurityPolicy-2016-08".to_owned()) && samples.len() == 13,
        "{samples:?}"
    );
    let types = aws
        .elb("DescribeLoadBalancerPolicyTypes", &[])
        .unwrap()
        .all("PolicyTypeDescriptions/member/PolicyTypeName");
    assert_eq!(types.len(), 6);
    let unknown = aws
        .elb(
            "DescribeLoadBalancerPolicyTypes",
            &[("PolicyTypeNames.member.1", "Nope")],
        )
        .unwrap_err();
    assert_eq!(unknown.code, "PolicyTypeNotFound");
    let unknown = [("LoadBalancerName", "lb"), ("PolicyNames.member.1", "nope")];
    assert_eq!(
        aws.elb("DescribeLoadBalancerPolicies", &unknown).unwrap_err().code,
        "PolicyNotFound"
    );
}

fn backend_authentication_refers_to_public_keys() {
    let aws = Aws::new();
    aws.create("lb");
    let kind = "BackendServerAuthenticationPolicyType";
    assert_eq!(
        create(&aws, "auth", kind, &[("PublicKeyPolicyName", "key")]),
        refusal(400, "PolicyNotFound")
    );
    create(&aws, "key", "PublicKeyPolicyType", &[("PublicKey", "MIIB")]).unwrap();
    create(&aws, "auth", kind, &[("PublicKeyPolicyName", "key")]).unwrap();
    set(&aws, BACKEND, "8080", &["auth"]).unwrap();
    let delete = aws
        .elb(
            "DeleteLoadBalancerPolicy",
            &[("LoadBalancerName", "lb"), ("PolicyName", "key")],
        )
        .unwrap_err();
    assert_eq!(
        delete.message,
        "You cannot delete policy [key] since it is enabled or referred by other enabled policy."
    );
}

everywhere! {
    an_equal_policy_again_is_no_error_and_another_of_its_name_is,
    policies_are_set_replaced_and_cleared,
    secure_listeners_get_the_default_policy_and_lose_others_when_rebuilt,
    policy_content_is_told_in_full,
    backend_authentication_refers_to_public_keys,
}
