//! Listeners, their certificates and policies, and the ports behind them.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::empty::{absent_if_empty, empty_if_null};

/// HTTP, HTTPS, TCP or SSL. Left out as `instanceProtocol`, it is that of `protocol`, where that is HTTP or TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// HTTP, read by the load balancer.
    Http,
    /// HTTP over TLS.
    Https,
    /// A byte stream.
    Tcp,
    /// A byte stream over TLS.
    Ssl,
}

/// What the load balancer accepts on one port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.certificate) || self.protocol in ['HTTPS', 'SSL']")
        .message("certificate is allowed only where protocol is HTTPS or SSL: take it out, or change protocol").field_path(".certificate").reason(Reason::FieldValueForbidden),
    validation = Rule::new("has(self.certificate) || !(self.protocol in ['HTTPS', 'SSL'])")
        .message("certificate is required where protocol is HTTPS or SSL").field_path(".certificate").reason(Reason::FieldValueRequired),
    validation = Rule::new("has(self.instanceProtocol) || !(self.protocol in ['HTTPS', 'SSL'])")
        .message("instanceProtocol is required where protocol is HTTPS or SSL").field_path(".instanceProtocol").reason(Reason::FieldValueRequired),
    validation = Rule::new("!has(self.instanceProtocol) || (self.protocol in ['HTTP', 'HTTPS']) == (self.instanceProtocol in ['HTTP', 'HTTPS'])")
        .message("instanceProtocol must be of the same layer as protocol: HTTP or HTTPS with HTTP or HTTPS, TCP or SSL with TCP or SSL").field_path(".instanceProtocol"),
    validation = Rule::new("has(self.instancePort) != has(self.instancePortFrom)")
        .message("exactly one of instancePort and instancePortFrom must be given").field_path(".instancePort"),
    validation = Rule::new("!has(self.sslPolicy) || self.protocol in ['HTTPS', 'SSL']")
        .message("sslPolicy is allowed only where protocol is HTTPS or SSL: take it out, or change protocol").field_path(".sslPolicy").reason(Reason::FieldValueForbidden),
    validation = Rule::new("!has(self.stickiness) || self.protocol in ['HTTP', 'HTTPS']")
        .message("stickiness is allowed only where protocol is HTTP or HTTPS: take it out, or change protocol").field_path(".stickiness").reason(Reason::FieldValueForbidden),
)]
pub struct Listener {
    /// The port clients connect to, 1-65535. Unique among the listeners.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// The protocol clients speak: HTTP, HTTPS, TCP or SSL.
    pub protocol: Protocol,
    /// The port on the instances, 1-65535. Either this or `instancePortFrom`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub instance_port: Option<i32>,
    /// Takes the port on the instances from the node port of a Service in the namespace of this object, and follows it.
    /// Either this or `instancePort`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_port_from: Option<InstancePortFrom>,
    /// The protocol instances speak: HTTP, HTTPS, TCP or SSL. Default: as `protocol`, where that is HTTP or TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_protocol: Option<Protocol>,
    /// The server certificate, for HTTPS and SSL only. Changed alone, it is replaced without touching the listener.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    pub certificate: Option<Certificate>,
    /// Which TLS protocols and ciphers clients can use, for HTTPS and SSL only. Absent: AWS's default for a new
    /// listener, later left as AWS has it. Removed: back to AWS's default, once.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    pub ssl_policy: Option<SslPolicy>,
    /// Keeps the requests of a client on one instance, for HTTP and HTTPS only. Absent: left as AWS has it. Removed: no
    /// stickiness.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    pub stickiness: Option<Stickiness>,
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.portName) != has(self.port)").message("exactly one of portName and port must be given"))]
pub struct InstancePortFrom {
    /// The name of a Service of type NodePort or LoadBalancer.
    #[schemars(length(min = 1, max = 63))]
    pub service_name: String,
    /// The name of one of its ports. Either this or `port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub port_name: Option<String>,
    /// The number of one of its ports, 1-65535. Either this or `portName`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
}

/// Where a server certificate is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(has(self.arn) ? 1 : 0) + (has(self.iamServerCertificateName) ? 1 : 0) + (has(self.acmDomainName) ? 1 : 0) == 1").message("certificate must have exactly one of arn, iamServerCertificateName and acmDomainName"))]
pub struct Certificate {
    /// The ARN of a certificate in ACM (of the load balancer's region) or of an IAM server certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.matches('^arn:[a-z0-9-]+:(acm|iam):[a-z0-9-]*:[0-9]{12}:(certificate|server-certificate)/.+$')").message("certificate.arn must be the ARN of an ACM certificate or of an IAM server certificate"))]
    #[schemars(length(min = 20, max = 2048))]
    pub arn: Option<String>,
    /// The name of an IAM server certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = "^[A-Za-z0-9_+=,.@-]+$"))]
    pub iam_server_certificate_name: Option<String>,
    /// The domain name of certificates in ACM of the load balancer's region, such as www.example.com or *.example.com.
    /// Of those that are issued and valid and have exactly this name, also as an alternative one, the one that expires last
    /// is used. One for *.example.com is found by that name alone, not by www.example.com.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = "^(\\*\\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")
    )]
    pub acm_domain_name: Option<String>,
}

/// Which TLS protocols and ciphers clients can use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.predefined) || !has(self.custom) || !has(self.custom.protocols)").message("sslPolicy can have only one of predefined and custom"))]
pub struct SslPolicy {
    /// The name of one of AWS's policies, such as ELBSecurityPolicy-TLS-1-2-2017-01.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 64),
        regex(pattern = "^(ELBSecurityPolicy|ELBSample)-[A-Za-z0-9-]+$")
    )]
    pub predefined: Option<String>,
    /// Protocols and ciphers one by one.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    pub custom: Option<CustomSslPolicy>,
}

/// Protocols and ciphers one by one; all others are off.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.protocols) ? has(self.ciphers) : !has(self.ciphers) && !has(self.serverOrderPreference)").message("custom must have both protocols and ciphers"))]
pub struct CustomSslPolicy {
    /// The protocols: TLSv1.2, TLSv1.1, TLSv1, SSLv3.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(
        length(min = 1, max = 4),
        inner(length(max = 8), regex(pattern = "^(TLSv1|TLSv1\\.1|TLSv1\\.2|SSLv3)$"))
    )]
    pub protocols: Vec<String>,
    /// The ciphers, in AWS's names, such as ECDHE-RSA-AES128-GCM-SHA256.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(length(min = 1, max = 100), inner(length(max = 64), regex(pattern = "^[A-Z0-9-]+$")))]
    pub ciphers: Vec<String>,
    /// Whether the load balancer's order of ciphers decides, rather than the client's. Default: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_order_preference: Option<bool>,
}

/// What keeps the requests of a client on one instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.loadBalancerCookie) || !has(self.applicationCookie) || !has(self.applicationCookie.name)").message("stickiness can have only one of loadBalancerCookie and applicationCookie"))]
pub struct Stickiness {
    /// A cookie that the load balancer sets.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "empty_if_null")]
    pub load_balancer_cookie: Option<LoadBalancerCookie>,
    /// A cookie that the application sets.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    pub application_cookie: Option<ApplicationCookie>,
}

/// A cookie that the load balancer sets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoadBalancerCookie {
    /// How many seconds the cookie lasts. Default: as long as the browser's session.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2_147_483_647_i32))]
    pub expiration_seconds: Option<i32>,
}

/// A cookie that the application sets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationCookie {
    /// The name of the cookie.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(min = 1, max = 256), regex(pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"))]
    pub name: String,
}

/// What holds for a port of the instances.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Backend {
    /// The port on the instances, 1-65535, of at least one listener.
    #[schemars(range(min = 1, max = 65535))]
    pub instance_port: i32,
    /// Whether connections to instances begin with a proxy protocol header that names the client, behind TCP and SSL
    /// listeners only. Absent: left as AWS has it. Removed: off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<bool>,
    /// The public keys that instances must prove to have, where instanceProtocol is HTTPS or SSL. Absent: left as AWS
    /// has it. Removed or empty: any key will do.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "empty_if_null")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(length(max = 20))]
    pub public_keys: Option<Vec<PublicKey>>,
}

/// A public key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.pem) != has(self.configMapKeyRef)").message("publicKeys must have exactly one of pem and configMapKeyRef"))]
pub struct PublicKey {
    /// The key in PEM form.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 50, max = 4096),
        regex(pattern = r"^\s*-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----\s*$")
    )]
    pub pem: Option<String>,
    /// A key of a ConfigMap in the namespace of this object that holds it. It is read again at every resync, and at
    /// once with a new value of the annotation `classiclb.dev/requested-at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<ConfigMapKeyRef>,
}

/// A key of a ConfigMap in the namespace of this object.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapKeyRef {
    /// The name of the ConfigMap.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}
