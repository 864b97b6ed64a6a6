//! Names in DNS and hosted zones, by region and scheme.

use crate::client::{Aws, LISTENER_80};

/// As the service's endpoints are published.
const ZONES: [(&str, &str, &str); 12] = [
    ("us-east-1", "Z35SXDOTRQ7X7K", "amazonaws.com"),
    ("us-east-2", "Z3AADJGX6KTTL2", "amazonaws.com"),
    ("us-west-1", "Z368ELLRRE2KJ0", "amazonaws.com"),
    ("us-west-2", "Z1H1FL5HABSF5", "amazonaws.com"),
    ("eu-west-1", "Z32O12XQLNTSW2", "amazonaws.com"),
    ("eu-central-1", "Z215JYRZR1TBD5", "amazonaws.com"),
    ("ap-northeast-1", "Z14GRHDCWA56QT", "amazonaws.com"),
    ("ap-southeast-2", "Z1GM3OXH4ZPM65", "amazonaws.com"),
    ("sa-east-1", "Z2P70J7HTTTPLU", "amazonaws.com"),
    ("af-south-1", "Z268VQBMOI5EKX", "amazonaws.com"),
    ("us-gov-west-1", "Z33AYJ8TM3BH4J", "amazonaws.com"),
    ("cn-north-1", "Z1GDH35T77C1KE", "amazonaws.com.cn"),
];

#[test]
fn names_and_zones_are_those_of_the_region_and_the_scheme() {
    for (region, hosted_zone, suffix) in ZONES {
        let aws = Aws::new().in_region(region);
        let zone = format!("{region}a");
        for (scheme, prefix) in [("internet-facing", ""), ("internal", "internal-")] {
            let name = format!("lb-{scheme}");
            let create: Vec<_> = [
                ("LoadBalancerName", name.as_str()),
                ("AvailabilityZones.member.1", &zone),
                ("Scheme", scheme),
            ]
            .into_iter()
            .chain(LISTENER_80)
            .collect();
            let dns = aws.elb("CreateLoadBalancer", &create).unwrap().one("DNSName");
            let number = dns
                .strip_prefix(&format!("{prefix}{name}-"))
                .and_then(|rest| rest.strip_suffix(&format!(".{region}.elb.{suffix}")))
                .unwrap_or_else(|| panic!("{dns}"));
            assert!(
                number.len() == 10 && number.bytes().all(|byte| byte.is_ascii_digit()),
                "{dns}"
            );
            let lb = aws.describe(&name);
            assert_eq!(lb.one("CanonicalHostedZoneNameID"), hosted_zone, "{region} {scheme}");
            assert_eq!(lb.one("Scheme"), scheme);
            let canonical = lb.all("CanonicalHostedZoneName");
            // AWS leaves it out for internal balancers.
            assert_eq!(canonical, if prefix.is_empty() { vec![dns] } else { vec![] });
        }
        assert!(aws.simulator.broken_rules().is_empty());
    }
}

#[test]
fn arns_are_those_of_the_partition() {
    for (region, partition) in [
        ("eu-west-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-east-1", "aws-us-gov"),
    ] {
        let aws = Aws::new().in_region(region);
        let (body, key) = crate::client::certificate("www.example.com");
        let upload = [
            ("ServerCertificateName", "web"),
            ("CertificateBody", &*body),
            ("PrivateKey", &*key),
        ];
        let arn = aws.iam("UploadServerCertificate", &upload).unwrap().one("Arn");
        assert_eq!(arn, format!("arn:{partition}:iam::123456789012:server-certificate/web"));
        let (_, requested) = aws.json(
            "acm",
            "CertificateManager.RequestCertificate",
            &serde_json::json!({"DomainName": "a.example.com"}),
        );
        let arn = requested["CertificateArn"].as_str().unwrap();
        assert!(
            arn.starts_with(&format!("arn:{partition}:acm:{region}:123456789012:certificate/")),
            "{arn}"
        );
    }
}
