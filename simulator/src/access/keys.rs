//! The condition keys that requests here have. One that is not known would never match, and a policy that hangs on it would
//! do something else here than in AWS, so that such a policy is refused.

/// How many values a key can have in one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arity {
    One,
    /// Such a key is compared with `ForAllValues` or `ForAnyValue`.
    Many,
}

/// Every key, in lower case as keys are compared. Those that end in a slash have the key of a tag behind it.
const KEYS: [(&str, Arity); 28] = [
    ("autoscaling:loadbalancernames", Arity::Many),
    ("autoscaling:resourcetag/", Arity::One),
    ("aws:currenttime", Arity::One),
    ("aws:epochtime", Arity::One),
    ("aws:principalaccount", Arity::One),
    ("aws:principalarn", Arity::One),
    ("aws:principaltype", Arity::One),
    ("aws:requestedregion", Arity::One),
    ("aws:requesttag/", Arity::One),
    ("aws:resourceaccount", Arity::One),
    ("aws:resourcetag/", Arity::One),
    ("aws:securetransport", Arity::One),
    ("aws:tagkeys", Arity::Many),
    ("aws:useragent", Arity::One),
    ("aws:userid", Arity::One),
    ("aws:username", Arity::One),
    ("ec2:createaction", Arity::One),
    ("ec2:region", Arity::One),
    ("ec2:resourcetag/", Arity::One),
    ("elasticloadbalancing:createaction", Arity::One),
    ("elasticloadbalancing:listenerprotocol", Arity::Many),
    ("elasticloadbalancing:resourcetag/", Arity::One),
    ("elasticloadbalancing:scheme", Arity::One),
    ("elasticloadbalancing:securitygroup", Arity::Many),
    ("elasticloadbalancing:subnet", Arity::Many),
    // Of CreateServiceLinkedRole, which is not simulated: a policy may have it, and nothing asks for it.
    ("iam:awsservicename", Arity::One),
    ("sts:externalid", Arity::One),
    ("sts:rolesessionname", Arity::One),
];

/// Keys as they are compared: without regard to case.
pub(super) fn normalized(key: &str) -> String {
    key.to_ascii_lowercase()
}

/// What is known of a key in lower case.
pub(super) fn arity(key: &str) -> Option<Arity> {
    let known = |(name, _): &&(&str, Arity)| match name.strip_suffix('/') {
        Some(_) => key.strip_prefix(name).is_some_and(|tag| !tag.is_empty()),
        None => key == *name,
    };
    KEYS.iter().find(known).map(|(_, arity)| *arity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_keys_of_their_own() {
        assert_eq!(
            arity(&normalized("aws:ResourceTag/classiclb.dev/cluster")),
            Some(Arity::One)
        );
        assert_eq!(arity(&normalized("aws:TagKeys")), Some(Arity::Many));
        for unknown in ["aws:resourcetag/", "aws:resourcetag", "aws:sourceip", "aws:tagkeys/a"] {
            assert_eq!(arity(unknown), None, "{unknown}");
        }
    }
}
