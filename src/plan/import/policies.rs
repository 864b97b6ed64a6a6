//! Pure: policies of a load balancer → a spec. They are declared by content, whatever they are called.

use std::collections::BTreeSet;

use super::Left;
use crate::api::{
    ApplicationCookie, Backend as BackendSpec, CustomSslPolicy, LoadBalancerCookie, PublicKey, SslPolicy,
    Stickiness as StickinessSpec,
};
use crate::elb::{
    DEFAULT_TLS_POLICY, Listener, LoadBalancer, Policy, PolicyName, Port, Stickiness, TlsPolicy, canonical_key,
};

/// The attribute that lets the load balancer's order of ciphers decide.
const SERVER_ORDER: &str = "Server-Defined-Cipher-Order";
/// What the attributes of protocols begin with.
const PROTOCOL: &str = "Protocol-";
/// The protocols that a spec can have.
const PROTOCOLS: [&str; 4] = ["TLSv1.2", "TLSv1.1", "TLSv1", "SSLv3"];
/// The most ciphers, and the longest name of one.
const CIPHERS: (usize, usize) = (100, 64);
/// The longest name of a cookie.
const COOKIE: usize = 256;
/// The most public keys of a port, and the longest one in PEM form.
const KEYS: (usize, usize) = (20, 4096);
/// The shortest key in PEM form.
const SHORTEST_KEY: usize = 50;
/// Characters in a line of a PEM file.
const LINE: usize = 64;

/// What the policies of a listener declare. AWS's default for a secure listener is not stated.
pub(super) fn of_listener(
    lb: &LoadBalancer,
    listener: &Listener,
    left: &mut BTreeSet<Left>,
) -> (Option<SslPolicy>, Option<StickinessSpec>) {
    let (mut ssl_policy, mut cookie, mut has_tls) = (None, None, false);
    for name in &listener.policies {
        let policy = lb.policies.get(name).filter(|policy| **policy != Policy::UNREAD);
        let is_read = match policy {
            Some(Policy::Tls(tls)) if listener.protocol.is_secure() && !has_tls => {
                has_tls = true;
                ssl_policy = self::ssl_policy(tls);
                ssl_policy.is_some() || *tls == TlsPolicy::default()
            }
            // Nobody read it, and AWS makes it itself.
            None if name == DEFAULT_TLS_POLICY && listener.protocol.is_secure() && !has_tls => {
                has_tls = true;
                true
            }
            Some(Policy::Stickiness(sticky)) if listener.protocol.is_http() && cookie.is_none() => {
                cookie = stickiness(sticky);
                cookie.is_some()
            }
            _ => false,
        };
        if !is_read {
            left.insert(Left::ListenerPolicy {
                port: listener.port,
                name: name.clone(),
                type_name: policy.map(|policy| policy.type_name().to_owned()).unwrap_or_default(),
            });
        }
    }
    if listener.protocol.is_secure() && !has_tls {
        left.insert(Left::NoTlsPolicy(listener.port));
    }
    (ssl_policy, cookie)
}

/// `None`: it is AWS's default, or cannot be said.
fn ssl_policy(tls: &TlsPolicy) -> Option<SslPolicy> {
    if *tls == TlsPolicy::default() {
        return None;
    }
    match tls {
        TlsPolicy::Predefined(name) => {
            let known = ["ELBSecurityPolicy-", "ELBSample-"];
            let rest = known.iter().find_map(|prefix| name.strip_prefix(prefix))?;
            let legal = |c: char| c.is_ascii_alphanumeric() || c == '-';
            (!rest.is_empty() && name.len() <= 64 && rest.chars().all(legal)).then(|| SslPolicy {
                predefined: Some(name.clone()),
                custom: None,
            })
        }
        TlsPolicy::Custom(on) => Some(SslPolicy {
            predefined: None,
            custom: Some(custom(on)?),
        }),
    }
}

fn custom(on: &BTreeSet<String>) -> Option<CustomSslPolicy> {
    let of = |name: &&String| name.strip_prefix(PROTOCOL).map(ToOwned::to_owned);
    let spoken: BTreeSet<String> = on.iter().filter_map(|name| of(&name)).collect();
    let protocols: Vec<String> = PROTOCOLS
        .into_iter()
        .filter(|protocol| spoken.contains(*protocol))
        .map(ToOwned::to_owned)
        .collect();
    let is_cipher = |name: &&String| of(name).is_none() && *name != SERVER_ORDER;
    let ciphers: Vec<String> = on.iter().filter(is_cipher).cloned().collect();
    let legal = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-';
    let legal = |cipher: &String| cipher.len() <= CIPHERS.1 && cipher.chars().all(legal);
    let can_be_said = protocols.len() == spoken.len()
        && !protocols.is_empty()
        && (1..=CIPHERS.0).contains(&ciphers.len())
        && ciphers.iter().all(legal);
    can_be_said.then(|| CustomSslPolicy {
        protocols,
        ciphers,
        server_order_preference: on.contains(SERVER_ORDER).then_some(true),
    })
}

fn stickiness(stickiness: &Stickiness) -> Option<StickinessSpec> {
    match stickiness {
        Stickiness::LoadBalancerCookie(seconds) => Some(StickinessSpec {
            load_balancer_cookie: Some(LoadBalancerCookie {
                expiration_seconds: seconds.map(i32::try_from).transpose().ok()?,
            }),
            application_cookie: None,
        }),
        Stickiness::ApplicationCookie(name) => {
            let legal = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+.^_`|~-".contains(c);
            ((1..=COOKIE).contains(&name.len()) && name.chars().all(legal)).then(|| StickinessSpec {
                load_balancer_cookie: None,
                application_cookie: Some(ApplicationCookie { name: name.clone() }),
            })
        }
    }
}

/// What the policies of instance ports declare.
pub(super) fn backends(lb: &LoadBalancer, left: &mut BTreeSet<Left>) -> Option<Vec<BackendSpec>> {
    let mut all = Vec::new();
    for (&port, names) in &lb.backends {
        if !lb.uses_instance_port(port) {
            left.insert(Left::UnusedBackend(port));
            continue;
        }
        let mut spec = BackendSpec {
            instance_port: i32::from(port),
            ..BackendSpec::default()
        };
        for name in names {
            let is_read = match lb.policies.get(name) {
                // As good as none.
                Some(Policy::ProxyProtocol(false)) => true,
                Some(Policy::ProxyProtocol(true)) if can_have_proxy_protocol(lb, port) => {
                    spec.proxy_protocol = Some(true);
                    true
                }
                Some(Policy::BackendAuthentication(keys)) if can_have_keys(lb, port) && spec.public_keys.is_none() => {
                    spec.public_keys = public_keys(lb, keys);
                    spec.public_keys.is_some()
                }
                _ => false,
            };
            if !is_read {
                left.insert(Left::BackendPolicy {
                    port,
                    name: name.clone(),
                });
            }
        }
        if spec.proxy_protocol.is_some() || spec.public_keys.is_some() {
            all.push(spec);
        }
    }
    (!all.is_empty()).then_some(all)
}

fn can_have_proxy_protocol(lb: &LoadBalancer, port: Port) -> bool {
    let mut in_front = lb.listeners.values().filter(|listener| listener.instance_port == port);
    in_front.all(|listener| !listener.protocol.is_http())
}

fn can_have_keys(lb: &LoadBalancer, port: Port) -> bool {
    let mut in_front = lb.listeners.values().filter(|listener| listener.instance_port == port);
    in_front.all(|listener| listener.instance_protocol.is_secure())
}

/// The keys in PEM form; `None` where one cannot be had in it.
fn public_keys(lb: &LoadBalancer, names: &BTreeSet<PolicyName>) -> Option<Vec<PublicKey>> {
    let mut keys = BTreeSet::new();
    for name in names {
        let Some(Policy::PublicKey(key)) = lb.policies.get(name) else {
            return None;
        };
        keys.insert(canonical_key(key));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let pems: Vec<String> = keys.iter().map(|key| pem(key)).collect();
    let can_be_said = (1..=KEYS.0).contains(&pems.len())
        && pems.iter().all(|pem| (SHORTEST_KEY..=KEYS.1).contains(&pem.len()))
        && keys.iter().all(|key| !key.is_empty() && key.chars().all(legal));
    let key = |pem| PublicKey {
        pem: Some(pem),
        config_map_key_ref: None,
    };
    can_be_said.then(|| pems.into_iter().map(key).collect())
}

/// With the lines around it, as a key stands in a file.
fn pem(key: &str) -> String {
    let mut text = "-----BEGIN PUBLIC KEY-----\n".to_owned();
    let characters: Vec<char> = key.chars().collect();
    for line in characters.chunks(LINE) {
        text.extend(line);
        text.push('\n');
    }
    text.push_str("-----END PUBLIC KEY-----\n");
    text
}

/// The policies that nothing uses. AWS's own default is none of anybody's making.
pub(super) fn unused(lb: &LoadBalancer, left: &mut BTreeSet<Left>) {
    let of_listeners = lb.listeners.values().flat_map(|listener| &listener.policies);
    let mut used: BTreeSet<&PolicyName> = of_listeners.chain(lb.backends.values().flatten()).collect();
    let keys = lb.policies.iter().filter(|(name, _)| used.contains(name));
    let keys: Vec<&PolicyName> = keys
        .filter_map(|(_, policy)| match policy {
            Policy::BackendAuthentication(names) => Some(names),
            _ => None,
        })
        .flatten()
        .collect();
    used.extend(keys);
    let unused = lb
        .policies
        .keys()
        .filter(|name| !used.contains(name) && *name != DEFAULT_TLS_POLICY);
    left.extend(unused.cloned().map(Left::UnusedPolicy));
}
