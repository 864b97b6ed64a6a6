//! Pure: the EC2 instance behind a Node's `spec.providerID`.

use crate::elb::InstanceId;

/// An instance and, where the id names it, its zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProviderId {
    pub(super) instance: InstanceId,
    pub(super) zone: Option<String>,
}

/// Reads every form that the AWS cloud provider reads: `aws:///zone/i-…`, `aws:////i-…`, `aws:///i-…`, the same without
/// `aws:///`, and with slashes after it. Nodes that are no EC2 instance (Fargate, hybrid, other clouds) give `None`.
pub(super) fn parse(provider_id: &str) -> Option<ProviderId> {
    // The cloud provider reads it as a URL, of which only the path counts; what has no scheme is a path.
    let path = match provider_id.strip_prefix("aws://") {
        Some(rest) => rest.split_once('/')?.1.split(['?', '#']).next()?,
        None => provider_id,
    };
    let path = path.trim_matches('/');
    let (zone, instance) = path.split_once('/').unwrap_or(("", path));
    let digits = instance.strip_prefix("i-")?;
    let is_scheme = zone.ends_with(':');
    let legal = !is_scheme
        && (8..=17).contains(&digits.len())
        && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    legal.then(|| ProviderId {
        instance: instance.to_owned(),
        zone: (!zone.is_empty()).then(|| zone.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_forms_of_instances_are_read() {
        for (id, zone) in [
            ("aws:///us-east-1a/i-0123456789abcdef0", Some("us-east-1a")),
            ("aws:///us-east-1a/i-0123456789abcdef0/", Some("us-east-1a")),
            ("us-east-1a/i-0123456789abcdef0", Some("us-east-1a")),
            ("/us-east-1a/i-0123456789abcdef0", Some("us-east-1a")),
            ("aws://host/us-east-1a/i-0123456789abcdef0", Some("us-east-1a")),
            ("aws:///us-east-1a/i-0123456789abcdef0?a=b#c", Some("us-east-1a")),
            ("aws:///i-0123456789abcdef0", None),
            ("aws:////i-0123456789abcdef0", None),
            ("aws://///i-0123456789abcdef0", None),
            ("aws:///i-0123456789abcdef0//", None),
            ("aws://us-east-1a/i-0123456789abcdef0", None),
            ("i-0123456789abcdef0", None),
        ] {
            let parsed = parse(id).expect(id);
            assert_eq!(parsed.instance, "i-0123456789abcdef0");
            assert_eq!(parsed.zone.as_deref(), zone);
        }
        assert_eq!(
            parse("aws:///us-east-1a/i-4f8cf126").expect("short id").instance,
            "i-4f8cf126"
        );
    }

    #[test]
    fn what_is_no_instance_is_skipped() {
        for id in [
            "",
            "i-",
            "i-xyz",
            "i-0123",
            "aws:///",
            "aws:///us-east-1a",
            "aws://i-0123456789abcdef0",
            "aws:i-0123456789abcdef0",
            "aws:/i-0123456789abcdef0",
            "aws:///us-east-1a//i-0123456789abcdef0",
            "aws:///i-0123456789abcdef0/us-east-1a",
            "other:///i-0123456789abcdef0",
            "other://us-east-1a/i-0123456789abcdef0",
            "aws:///us-east-1a/fargate-ip-10-0-0-1.ec2.internal",
            "aws:///us-east-1a/7f5c2b/fargate-10.0.0.1",
            "eks-hybrid:///us-west-2/cluster/node",
            "gce://project/zone/name",
            "aws:///us-east-1a/i-0123456789abcdef0/extra",
            "AWS:///us-east-1a/i-0123456789abcdef0",
        ] {
            assert_eq!(parse(id), None, "{id}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_only_ever_finds_instance_ids(id in "(aws:)?/{0,5}[ab:/]{0,5}(i-[0-9a-g]{7,18})?[?#/]{0,2}|.{0,60}") {
            if let Some(parsed) = parse(&id) {
                prop_assert!(parsed.instance.starts_with("i-"));
                prop_assert!(id.contains(&parsed.instance));
            }
        }
    }
}
