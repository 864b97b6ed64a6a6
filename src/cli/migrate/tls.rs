//! Pure: TLS policies of Classic load balancers and their successors.

use crate::elb::{DEFAULT_TLS_POLICY, Listener, LoadBalancer, Policy, TlsPolicy};

/// Policies that both have, under the same name.
const SHARED: [&str; 3] = [
    "ELBSecurityPolicy-2016-08",
    "ELBSecurityPolicy-TLS-1-1-2017-01",
    "ELBSecurityPolicy-TLS-1-2-2017-01",
];

/// The TLS policy in force on a listener.
pub(super) fn of<'a>(lb: &'a LoadBalancer, listener: &Listener) -> Option<&'a TlsPolicy> {
    listener.policies.iter().find_map(|name| match lb.policies.get(name) {
        Some(Policy::Tls(tls)) => Some(tls),
        _ => None,
    })
}

/// The policy that comes nearest without refusing a client that could connect before, and what is lost.
pub(super) fn successor(policy: Option<&TlsPolicy>) -> (&'static str, Option<String>) {
    match policy {
        None => (DEFAULT_TLS_POLICY, None),
        Some(TlsPolicy::Predefined(name)) => match SHARED.into_iter().find(|shared| shared == name) {
            Some(shared) => (shared, None),
            None => (
                DEFAULT_TLS_POLICY,
                Some(format!(
                    "{name} is Classic ELB's alone: SSLv3, RC4 and DHE are lost, as far as it has them"
                )),
            ),
        },
        Some(TlsPolicy::Custom(on)) => {
            let has = |protocol: &str| on.contains(&format!("Protocol-{protocol}"));
            let name = if has("TLSv1") || has("SSLv3") {
                SHARED[0]
            } else if has("TLSv1.1") {
                SHARED[1]
            } else {
                SHARED[2]
            };
            let loss = format!("a custom choice of ciphers, and their order: {name} has the same protocols or fewer");
            (name, Some(loss))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_policy_is_found() {
        let of = |policy: TlsPolicy| {
            let (name, loss) = successor(Some(&policy));
            (name, loss.is_some())
        };
        let custom = |names: &[&str]| TlsPolicy::Custom(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(
            of(TlsPolicy::Predefined("ELBSecurityPolicy-TLS-1-2-2017-01".into())),
            (SHARED[2], false)
        );
        assert_eq!(
            of(TlsPolicy::Predefined("ELBSecurityPolicy-2014-01".into())),
            (SHARED[0], true)
        );
        assert_eq!(of(custom(&["Protocol-TLSv1.2", "AES128-SHA"])), (SHARED[2], true));
        assert_eq!(of(custom(&["Protocol-TLSv1.2", "Protocol-TLSv1.1"])), (SHARED[1], true));
        assert_eq!(of(custom(&["Protocol-TLSv1.2", "Protocol-TLSv1"])), (SHARED[0], true));
        assert_eq!(successor(None), (DEFAULT_TLS_POLICY, None));
    }
}
