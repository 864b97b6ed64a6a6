//! Pure: policies: what a load balancer can have put on its listeners and on the ports of its instances.
//!
//! AWS cannot change a policy, and names are the user's business. So policies compare by content: a policy of any name
//! that says what is declared satisfies it. Those that the operator makes are named by their content, so that an equal
//! name means an equal policy.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use sha2::{Digest as _, Sha256};

/// The name of a policy, unique within its load balancer.
pub type PolicyName = String;

/// What the names of the operator's own policies begin with.
const OWN: &str = "clb-";
/// How many hexadecimal digits of the hash a name carries.
const HASH_LENGTH: usize = 16;

/// What AWS puts on a secure listener that brings no policy of its own; it is also the name of that policy.
pub const DEFAULT_TLS_POLICY: &str = "ELBSecurityPolicy-2016-08";

/// The policies that AWS has predefined; it has made no more since 2017.
pub const PREDEFINED_TLS_POLICIES: [&str; 9] = [
    "ELBSecurityPolicy-2016-08",
    "ELBSecurityPolicy-TLS-1-2-2017-01",
    "ELBSecurityPolicy-TLS-1-1-2017-01",
    "ELBSecurityPolicy-2015-05",
    "ELBSecurityPolicy-2015-03",
    "ELBSecurityPolicy-2015-02",
    "ELBSecurityPolicy-2014-10",
    "ELBSecurityPolicy-2014-01",
    "ELBSecurityPolicy-2011-08",
];

/// TLS protocols and ciphers (`SSLNegotiationPolicyType`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsPolicy {
    /// One of AWS's policies, by name (`Reference-Security-Policy`).
    Predefined(String),
    /// The attributes that are true: `Protocol-TLSv1.2`, `Server-Defined-Cipher-Order`, names of ciphers.
    Custom(BTreeSet<String>),
}

impl Default for TlsPolicy {
    fn default() -> Self {
        Self::Predefined(DEFAULT_TLS_POLICY.to_owned())
    }
}

/// What keeps the requests of a client on one instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stickiness {
    /// A cookie of the load balancer; `None`: it lasts as long as the browser's session
    /// (`LBCookieStickinessPolicyType`).
    LoadBalancerCookie(Option<i64>),
    /// A cookie of the application, by name (`AppCookieStickinessPolicyType`).
    ApplicationCookie(String),
}

/// A policy, in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// TLS protocols and ciphers, of listeners.
    Tls(TlsPolicy),
    /// Stickiness, of listeners.
    Stickiness(Stickiness),
    /// Whether connections begin with a proxy protocol header, of instance ports (`ProxyProtocolPolicyType`).
    ProxyProtocol(bool),
    /// A public key in base64, without the lines around it; only [`Policy::BackendAuthentication`] refers to it
    /// (`PublicKeyPolicyType`).
    PublicKey(String),
    /// The names of the public-key policies that instances must satisfy one of, of instance ports
    /// (`BackendServerAuthenticationPolicyType`).
    BackendAuthentication(BTreeSet<PolicyName>),
    /// Its type and nothing else is known: it was not read, or is of a kind that this program does not know.
    Unknown(String),
}

/// What a policy is for. On a listener or an instance port at most one of each is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyKind {
    /// [`Policy::Tls`].
    Tls,
    /// [`Policy::Stickiness`].
    Stickiness,
    /// [`Policy::ProxyProtocol`].
    ProxyProtocol,
    /// [`Policy::PublicKey`].
    PublicKey,
    /// [`Policy::BackendAuthentication`].
    BackendAuthentication,
    /// [`Policy::Unknown`].
    Unknown,
}

impl PolicyKind {
    /// As the names of own policies carry it.
    fn word(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Stickiness => "stickiness",
            Self::ProxyProtocol => "proxyprotocol",
            Self::PublicKey => "publickey",
            Self::BackendAuthentication => "backendauth",
            Self::Unknown => "unknown",
        }
    }
}

impl Policy {
    /// A policy of which only the name was read.
    pub const UNREAD: Self = Self::Unknown(String::new());

    /// What it is for.
    pub fn kind(&self) -> PolicyKind {
        match self {
            Self::Tls(_) => PolicyKind::Tls,
            Self::Stickiness(_) => PolicyKind::Stickiness,
            Self::ProxyProtocol(_) => PolicyKind::ProxyProtocol,
            Self::PublicKey(_) => PolicyKind::PublicKey,
            Self::BackendAuthentication(_) => PolicyKind::BackendAuthentication,
            Self::Unknown(_) => PolicyKind::Unknown,
        }
    }

    /// AWS's name of the type.
    pub fn type_name(&self) -> &str {
        match self {
            Self::Tls(_) => "SSLNegotiationPolicyType",
            Self::Stickiness(Stickiness::LoadBalancerCookie(_)) => "LBCookieStickinessPolicyType",
            Self::Stickiness(Stickiness::ApplicationCookie(_)) => "AppCookieStickinessPolicyType",
            Self::ProxyProtocol(_) => "ProxyProtocolPolicyType",
            Self::PublicKey(_) => "PublicKeyPolicyType",
            Self::BackendAuthentication(_) => "BackendServerAuthenticationPolicyType",
            Self::Unknown(type_name) => type_name,
        }
    }

    /// Reads what `DescribeLoadBalancerPolicies` answers: a type and its attributes, of which those that are false or
    /// stand for nothing are left out.
    pub fn read(type_name: &str, attributes: &[(String, String)]) -> Self {
        let value = |name: &str| {
            let found = attributes.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
        };
        let is_true = |value: &str| value.eq_ignore_ascii_case("true");
        let policy = match type_name {
            "SSLNegotiationPolicyType" => Some(Self::Tls(match value(REFERENCE) {
                Some(reference) => TlsPolicy::Predefined(reference.to_owned()),
                None => TlsPolicy::Custom(
                    attributes
                        .iter()
                        .filter(|(_, value)| is_true(value))
                        .map(|(name, _)| name.clone())
                        .collect(),
                ),
            })),
            "LBCookieStickinessPolicyType" => {
                let seconds = value("CookieExpirationPeriod").and_then(|value| value.parse().ok());
                Some(Self::Stickiness(Stickiness::LoadBalancerCookie(
                    seconds.filter(|seconds| *seconds > 0),
                )))
            }
            "AppCookieStickinessPolicyType" => {
                value("CookieName").map(|name| Self::Stickiness(Stickiness::ApplicationCookie(name.to_owned())))
            }
            "ProxyProtocolPolicyType" => value("ProxyProtocol").map(|value| Self::ProxyProtocol(is_true(value))),
            "PublicKeyPolicyType" => value("PublicKey").map(|key| Self::PublicKey(canonical_key(key))),
            "BackendServerAuthenticationPolicyType" => Some(Self::BackendAuthentication(
                attributes
                    .iter()
                    .filter(|(name, _)| name == "PublicKeyPolicyName")
                    .map(|(_, value)| value.clone())
                    .collect(),
            )),
            _ => None,
        };
        policy.unwrap_or_else(|| Self::Unknown(type_name.to_owned()))
    }

    /// The attributes that make it (`CreateLoadBalancerPolicy`), in a fixed order.
    pub fn attributes(&self) -> Vec<(String, String)> {
        let one = |name: &str, value: String| vec![(name.to_owned(), value)];
        match self {
            Self::Tls(TlsPolicy::Predefined(name)) => one(REFERENCE, name.clone()),
            Self::Tls(TlsPolicy::Custom(names)) => names.iter().map(|name| (name.clone(), "true".to_owned())).collect(),
            Self::Stickiness(Stickiness::LoadBalancerCookie(seconds)) => seconds
                .map(|seconds| ("CookieExpirationPeriod".to_owned(), seconds.to_string()))
                .into_iter()
                .collect(),
            Self::Stickiness(Stickiness::ApplicationCookie(name)) => one("CookieName", name.clone()),
            Self::ProxyProtocol(on) => one("ProxyProtocol", on.to_string()),
            Self::PublicKey(key) => one("PublicKey", key.clone()),
            Self::BackendAuthentication(names) => names
                .iter()
                .map(|name| ("PublicKeyPolicyName".to_owned(), name.clone()))
                .collect(),
            Self::Unknown(_) => Vec::new(),
        }
    }

    /// The name that the operator gives it: its kind and a hash of its content.
    pub fn own_name(&self) -> PolicyName {
        let mut digest = Sha256::new();
        digest.update(self.type_name());
        for (name, value) in self.attributes() {
            digest.update([0]);
            digest.update(name);
            digest.update([1]);
            digest.update(value);
        }
        let bytes = digest.finalize();
        let hash = bytes
            .iter()
            .take(8)
            .fold(0_u64, |hash, byte| (hash << 8) | u64::from(*byte));
        format!("{OWN}{}-{hash:0HASH_LENGTH$x}", self.kind().word())
    }

    /// The same, or where that name is taken by something else, one with a number from 2 on.
    pub fn own_name_of(&self, number: u32) -> PolicyName {
        let name = self.own_name();
        if number < 2 { name } else { format!("{name}-{number}") }
    }
}

/// The kinds that the operator makes.
const KINDS: [PolicyKind; 5] = [
    PolicyKind::Tls,
    PolicyKind::Stickiness,
    PolicyKind::ProxyProtocol,
    PolicyKind::PublicKey,
    PolicyKind::BackendAuthentication,
];

/// Whether the operator made the policy of this name, which alone it deletes again.
pub fn is_own_policy(name: &str) -> bool {
    let Some((kind, hash)) = name.strip_prefix(OWN).and_then(|rest| rest.split_once('-')) else {
        return false;
    };
    let (hash, number) = hash.split_once('-').unwrap_or((hash, "2"));
    KINDS.iter().any(|known| known.word() == kind)
        && number.parse::<u32>().is_ok_and(|number| number > 1)
        && hash.len() == HASH_LENGTH
        && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A public key as AWS wants it: the base64 between the lines of a PEM file.
pub fn canonical_key(pem: &str) -> String {
    pem.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("-----"))
        .collect()
}

/// The attribute that makes a TLS policy a copy of one of AWS's.
const REFERENCE: &str = "Reference-Security-Policy";

/// The policies of a load balancer by name.
pub type Policies = BTreeMap<PolicyName, Policy>;

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(TlsPolicy::Predefined(name)) => write!(f, "TLS as {name}"),
            Self::Tls(TlsPolicy::Custom(names)) => write!(f, "TLS with {} protocols and ciphers", names.len()),
            Self::Stickiness(Stickiness::LoadBalancerCookie(None)) => f.write_str("a cookie for the browser's session"),
            Self::Stickiness(Stickiness::LoadBalancerCookie(Some(seconds))) => write!(f, "a cookie for {seconds} s"),
            Self::Stickiness(Stickiness::ApplicationCookie(name)) => write!(f, "the application's cookie {name}"),
            Self::ProxyProtocol(true) => f.write_str("proxy protocol on"),
            Self::ProxyProtocol(false) => f.write_str("proxy protocol off"),
            Self::PublicKey(_) => f.write_str("a public key"),
            Self::BackendAuthentication(names) => write!(f, "{} public keys", names.len()),
            Self::Unknown(type_name) => f.write_str(type_name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Policy> {
        vec![
            Policy::Tls(TlsPolicy::default()),
            Policy::Tls(TlsPolicy::Custom(
                ["Protocol-TLSv1.2".to_owned(), "AES128-SHA".to_owned()].into(),
            )),
            Policy::Stickiness(Stickiness::LoadBalancerCookie(None)),
            Policy::Stickiness(Stickiness::LoadBalancerCookie(Some(60))),
            Policy::Stickiness(Stickiness::ApplicationCookie("session".to_owned())),
            Policy::ProxyProtocol(true),
            Policy::PublicKey("MIIB".to_owned()),
            Policy::BackendAuthentication(["a".to_owned(), "b".to_owned()].into()),
        ]
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        for policy in samples() {
            assert_eq!(Policy::read(policy.type_name(), &policy.attributes()), policy);
        }
    }

    #[test]
    fn own_names_tell_content_apart_and_are_known_again() {
        let names: BTreeSet<_> = samples().iter().map(Policy::own_name).collect();
        assert_eq!(names.len(), samples().len());
        assert!(names.iter().all(|name| is_own_policy(name)), "{names:?}");
        let numbered = |name: &PolicyName| is_own_policy(&format!("{name}-2")) && !is_own_policy(&format!("{name}-x"));
        assert!(names.iter().all(numbered), "{names:?}");
        for name in [
            "clb-",
            "clb-tls",
            "clb-tls-by-hand",
            "clb-cookie-0123456789abcdef",
            DEFAULT_TLS_POLICY,
        ] {
            assert!(!is_own_policy(name), "{name}");
        }
    }

    #[test]
    fn attributes_that_are_false_say_nothing() {
        let attributes = [
            ("Protocol-TLSv1", "false"),
            ("Protocol-TLSv1.2", "true"),
            (REFERENCE, ""),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let read = Policy::read("SSLNegotiationPolicyType", &attributes);
        assert_eq!(
            read,
            Policy::Tls(TlsPolicy::Custom(["Protocol-TLSv1.2".to_owned()].into()))
        );
        let session = [("CookieExpirationPeriod".to_owned(), "0".to_owned())];
        assert_eq!(
            Policy::read("LBCookieStickinessPolicyType", &session),
            Policy::Stickiness(Stickiness::LoadBalancerCookie(None))
        );
    }
}
