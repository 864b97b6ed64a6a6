//! Pure: the EC2 instance behind a Node's `spec.providerID`.

use crate::elb::InstanceId;

/// An instance and, where the id names it, its zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProviderId {
    pub(super) instance: InstanceId,
    pub(super) zone: Option<String>,
}

/// Reads `aws:///zone/i-…`, `aws:////i-…` or a bare id. Nodes that are no EC2 instance (Fargate, hybrid, other clouds)
/// give `None`.
pub(super) fn parse(provider_id: &str) -> Option<ProviderId> {
    let (zone, instance) = match provider_id.strip_prefix("aws:///") {
        Some(path) => path.split_once('/')?,
        None => ("", provider_id),
    };
    let digits = instance.strip_prefix("i-")?;
    let legal = (8..=17).contains(&digits.len()) && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
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
            ("aws:////i-0123456789abcdef0", None),
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
        fn never_panics_and_only_ever_finds_instance_ids(id in ".{0,60}") {
            if let Some(parsed) = parse(&id) {
                prop_assert!(parsed.instance.starts_with("i-"));
                prop_assert!(id.ends_with(&parsed.instance));
            }
        }
    }
}
