//! The predefined SSL security policies and what they switch on.

/// The attribute that names a predefined policy.
pub(super) const REFERENCE: &str = "Reference-Security-Policy";

const SERVER_ORDER: &str = "Server-Defined-Cipher-Order";

/// What a secure listener gets when nobody chose.
pub(super) const DEFAULT: &str = "ELBSecurityPolicy-2016-08";

const PROTOCOLS: [&str; 5] = [
    "Protocol-SSLv2",
    "Protocol-SSLv3",
    "Protocol-TLSv1",
    "Protocol-TLSv1.1",
    "Protocol-TLSv1.2",
];

/// The policies from new to old; each is one bit in [`CIPHERS`].
const POLICIES: [(&str, &[&str]); 11] = [
    (DEFAULT, &["Protocol-TLSv1", "Protocol-TLSv1.1", "Protocol-TLSv1.2"]),
    ("ELBSecurityPolicy-TLS-1-2-2017-01", &["Protocol-TLSv1.2"]),
    (
        "ELBSecurityPolicy-TLS-1-1-2017-01",
        &["Protocol-TLSv1.1", "Protocol-TLSv1.2"],
    ),
    (
        "ELBSecurityPolicy-2015-05",
        &["Protocol-TLSv1", "Protocol-TLSv1.1", "Protocol-TLSv1.2"],
    ),
    (
        "ELBSecurityPolicy-2015-03",
        &["Protocol-TLSv1", "Protocol-TLSv1.1", "Protocol-TLSv1.2"],
    ),
    (
        "ELBSecurityPolicy-2015-02",
        &["Protocol-TLSv1", "Protocol-TLSv1.1", "Protocol-TLSv1.2"],
    ),
    (
        "ELBSecurityPolicy-2014-10",
        &["Protocol-TLSv1", "Protocol-TLSv1.1", "Protocol-TLSv1.2"],
    ),
    (
        "ELBSecurityPolicy-2014-01",
        &[
            "Protocol-SSLv3",
            "Protocol-TLSv1",
            "Protocol-TLSv1.1",
            "Protocol-TLSv1.2",
        ],
    ),
    ("ELBSecurityPolicy-2011-08", &["Protocol-SSLv3", "Protocol-TLSv1"]),
    (
        "ELBSample-ELBDefaultNegotiationPolicy",
        &["Protocol-SSLv3", "Protocol-TLSv1"],
    ),
    (
        "ELBSample-OpenSSLDefaultNegotiationPolicy",
        &["Protocol-SSLv3", "Protocol-TLSv1"],
    ),
];

/// Other names of two of them.
const ALIASES: [(&str, &str); 2] = [
    (
        "ELBSample-ELBDefaultCipherPolicy",
        "ELBSample-ELBDefaultNegotiationPolicy",
    ),
    (
        "ELBSample-OpenSSLDefaultCipherPolicy",
        "ELBSample-OpenSSLDefaultNegotiationPolicy",
    ),
];

const NEW: u16 = 0b000_1111_1111;
const WITH_SHA1: u16 = 0b000_1111_1101;
const OLD: u16 = 0b111_0000_0000;
const NONE: u16 = 0;

/// Every cipher that can be switched, in order of preference, with the policies that switch it on.
#[rustfmt::skip]
const CIPHERS: &[(&str, u16)] = &[
    ("ECDHE-ECDSA-AES128-GCM-SHA256", NEW), ("ECDHE-RSA-AES128-GCM-SHA256", NEW),
    ("ECDHE-ECDSA-AES128-SHA256", NEW), ("ECDHE-RSA-AES128-SHA256", NEW),
    ("ECDHE-ECDSA-AES128-SHA", WITH_SHA1), ("ECDHE-RSA-AES128-SHA", WITH_SHA1),
    ("DHE-RSA-AES128-SHA", OLD | 0b1111_0000),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", NEW), ("ECDHE-RSA-AES256-GCM-SHA384", NEW),
    ("ECDHE-ECDSA-AES256-SHA384", NEW), ("ECDHE-RSA-AES256-SHA384", NEW),
    ("ECDHE-RSA-AES256-SHA", WITH_SHA1), ("ECDHE-ECDSA-AES256-SHA", WITH_SHA1),
    ("AES128-GCM-SHA256", NEW), ("AES128-SHA256", NEW), ("AES128-SHA", OLD | WITH_SHA1),
    ("AES256-GCM-SHA384", NEW), ("AES256-SHA256", NEW), ("AES256-SHA", OLD | WITH_SHA1),
    ("DHE-DSS-AES128-SHA", OLD | 0b1111_0000), ("CAMELLIA128-SHA", OLD),
    ("EDH-RSA-DES-CBC3-SHA", OLD), ("DES-CBC3-SHA", OLD | 0b1101_1000),
    ("ECDHE-RSA-RC4-SHA", 0b1100_0000), ("RC4-SHA", OLD | 0b1100_0000), ("ECDHE-ECDSA-RC4-SHA", NONE),
    ("DHE-DSS-AES256-GCM-SHA384", NONE), ("DHE-RSA-AES256-GCM-SHA384", NONE), ("DHE-RSA-AES256-SHA256", NONE),
    ("DHE-DSS-AES256-SHA256", NONE), ("DHE-RSA-AES256-SHA", OLD), ("DHE-DSS-AES256-SHA", OLD),
    ("DHE-RSA-CAMELLIA256-SHA", OLD), ("DHE-DSS-CAMELLIA256-SHA", OLD), ("CAMELLIA256-SHA", OLD),
    ("EDH-DSS-DES-CBC3-SHA", OLD), ("DHE-DSS-AES128-GCM-SHA256", NONE), ("DHE-RSA-AES128-GCM-SHA256", NONE),
    ("DHE-RSA-AES128-SHA256", NONE), ("DHE-DSS-AES128-SHA256", NONE), ("DHE-RSA-CAMELLIA128-SHA", OLD),
    ("DHE-DSS-CAMELLIA128-SHA", OLD), ("ADH-AES128-GCM-SHA256", NONE), ("ADH-AES128-SHA", NONE),
    ("ADH-AES128-SHA256", NONE), ("ADH-AES256-GCM-SHA384", NONE), ("ADH-AES256-SHA", NONE),
    ("ADH-AES256-SHA256", NONE), ("ADH-CAMELLIA128-SHA", NONE), ("ADH-CAMELLIA256-SHA", NONE),
    ("ADH-DES-CBC3-SHA", NONE), ("ADH-DES-CBC-SHA", NONE), ("ADH-RC4-MD5", NONE), ("ADH-SEED-SHA", NONE),
    ("DES-CBC-SHA", NONE), ("DHE-DSS-SEED-SHA", NONE), ("DHE-RSA-SEED-SHA", NONE), ("EDH-DSS-DES-CBC-SHA", NONE),
    ("EDH-RSA-DES-CBC-SHA", NONE), ("IDEA-CBC-SHA", NONE), ("RC4-MD5", NONE), ("SEED-SHA", NONE),
    ("DES-CBC3-MD5", NONE), ("DES-CBC-MD5", NONE), ("RC2-CBC-MD5", NONE), ("PSK-AES256-CBC-SHA", NONE),
    ("PSK-3DES-EDE-CBC-SHA", NONE), ("KRB5-DES-CBC3-SHA", NONE), ("KRB5-DES-CBC3-MD5", NONE),
    ("PSK-AES128-CBC-SHA", NONE), ("PSK-RC4-SHA", NONE), ("KRB5-RC4-SHA", NONE), ("KRB5-RC4-MD5", NONE),
    ("KRB5-DES-CBC-SHA", NONE), ("KRB5-DES-CBC-MD5", NONE), ("EXP-EDH-RSA-DES-CBC-SHA", NONE),
    ("EXP-EDH-DSS-DES-CBC-SHA", NONE), ("EXP-ADH-DES-CBC-SHA", NONE), ("EXP-DES-CBC-SHA", NONE),
    ("EXP-RC2-CBC-MD5", NONE), ("EXP-KRB5-RC2-CBC-SHA", NONE), ("EXP-KRB5-DES-CBC-SHA", NONE),
    ("EXP-KRB5-RC2-CBC-MD5", NONE), ("EXP-KRB5-DES-CBC-MD5", NONE), ("EXP-ADH-RC4-MD5", NONE),
    ("EXP-RC4-MD5", NONE), ("EXP-KRB5-RC4-SHA", NONE), ("EXP-KRB5-RC4-MD5", NONE),
];

/// The names `DescribeLoadBalancerPolicies` lists without a balancer.
pub(super) fn names() -> Vec<&'static str> {
    POLICIES
        .iter()
        .map(|(name, _)| *name)
        .chain(ALIASES.iter().map(|(alias, _)| *alias))
        .collect()
}

/// Every attribute of the SSL negotiation policy type, in AWS's order: protocols, options, ciphers.
pub(super) fn attribute_names() -> impl Iterator<Item = &'static str> {
    let options = [REFERENCE, SERVER_ORDER];
    PROTOCOLS
        .into_iter()
        .chain(options)
        .chain(CIPHERS.iter().map(|(cipher, _)| *cipher))
}

/// All attributes of a predefined policy.
pub(super) fn attributes(name: &str) -> Option<Vec<(String, String)>> {
    expand(&[(REFERENCE.to_owned(), name.to_owned())]).ok()
}

/// All attributes of a policy made with these: a referenced policy's content, then what was given, the rest false.
/// The error is the name of an unknown referenced policy.
pub(super) fn expand(given: &[(String, String)]) -> Result<Vec<(String, String)>, String> {
    let find = |wanted: &str| {
        given
            .iter()
            .rev()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_str())
    };
    let reference = find(REFERENCE);
    let base = match reference {
        Some(name) => Some(position(name).ok_or_else(|| name.to_owned())?),
        None => None,
    };
    let all = attribute_names().filter_map(|name| {
        if name == REFERENCE {
            return reference.map(|policy| (name.to_owned(), policy.to_owned()));
        }
        let on = match find(name) {
            Some(value) => value.eq_ignore_ascii_case("true"),
            None => base.is_some_and(|policy| switches_on(policy, name)),
        };
        Some((name.to_owned(), on.to_string()))
    });
    Ok(all.collect())
}

fn position(name: &str) -> Option<usize> {
    let name = ALIASES
        .iter()
        .find(|(alias, _)| *alias == name)
        .map_or(name, |(_, original)| original);
    POLICIES.iter().position(|(policy, _)| *policy == name)
}

fn switches_on(policy: usize, attribute: &str) -> bool {
    if attribute == SERVER_ORDER {
        // The policies before 2014 left the order to clients.
        return policy <= 7;
    }
    let protocol = POLICIES
        .get(policy)
        .is_some_and(|(_, protocols)| protocols.contains(&attribute));
    protocol
        || CIPHERS
            .iter()
            .any(|(cipher, policies)| *cipher == attribute && policies & (1 << policy) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(name: &str) -> Vec<String> {
        let all = attributes(name).unwrap();
        all.into_iter()
            .filter(|(_, value)| value == "true")
            .map(|(name, _)| name)
            .collect()
    }

    #[test]
    fn predefined_policies_have_their_published_content() {
        let strict = on("ELBSecurityPolicy-TLS-1-2-2017-01");
        assert_eq!(strict.iter().filter(|name| name.starts_with("Protocol-")).count(), 1);
        assert_eq!(
            strict.len(),
            1 + 1 + 12,
            "one protocol, the server's order, twelve ciphers: {strict:?}"
        );
        let default = on(DEFAULT);
        assert_eq!(default.len(), 3 + 1 + 18, "{default:?}");
        assert!(!default.contains(&"DES-CBC3-SHA".to_owned()));
        assert!(on("ELBSecurityPolicy-2015-05").contains(&"DES-CBC3-SHA".to_owned()));
        assert!(!on("ELBSecurityPolicy-2015-02").contains(&"DES-CBC3-SHA".to_owned()));
        assert!(on("ELBSecurityPolicy-2014-01").contains(&"Protocol-SSLv3".to_owned()));
        assert_eq!(names().len(), 13);
    }

    #[test]
    fn given_attributes_win_over_the_referenced_policy() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let given = [
            pair(REFERENCE, DEFAULT),
            pair("Protocol-TLSv1", "false"),
            pair("RC4-MD5", "true"),
        ];
        let all = expand(&given).unwrap();
        assert!(all.contains(&pair("Protocol-TLSv1", "false")) && all.contains(&pair("RC4-MD5", "true")));
        assert_eq!(expand(&[pair(REFERENCE, "nope")]).unwrap_err(), "nope");
    }
}
