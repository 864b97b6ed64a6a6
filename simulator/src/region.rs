//! Facts about AWS regions that replies show.

use crate::wire::ApiError;

/// What the simulator knows of one AWS region.
#[derive(Debug)]
pub(crate) struct RegionFacts {
    pub(crate) name: &'static str,
    /// The letters of its Availability Zones.
    pub(crate) zones: &'static str,
    /// Hosted zone of Classic load balancers, as `DescribeLoadBalancers` reports it.
    pub(crate) hosted_zone: &'static str,
    /// The account that delivers access logs; newer regions have a service principal instead.
    pub(crate) log_account: Option<&'static str>,
}

const fn region(
    name: &'static str,
    zones: &'static str,
    hosted_zone: &'static str,
    log_account: Option<&'static str>,
) -> RegionFacts {
    RegionFacts {
        name,
        zones,
        hosted_zone,
        log_account,
    }
}

static REGIONS: [RegionFacts; 36] = [
    region("af-south-1", "abc", "Z268VQBMOI5EKX", Some("098369216593")),
    region("ap-east-1", "abc", "Z3DQVH9N71FHZ0", Some("754344448648")),
    region("ap-northeast-1", "acd", "Z14GRHDCWA56QT", Some("582318560864")),
    region("ap-northeast-2", "abcd", "ZWKZPGTI48KDX", Some("600734575887")),
    region("ap-northeast-3", "abc", "Z5LXEXXYW11ES", Some("383597477331")),
    region("ap-south-1", "abc", "ZP97RAFLXTNZK", Some("718504428378")),
    region("ap-south-2", "abc", "Z0173938T07WNTVAEPZN", None),
    region("ap-southeast-1", "abc", "Z1LMS91P8CMLE5", Some("114774131450")),
    region("ap-southeast-2", "abc", "Z1GM3OXH4ZPM65", Some("783225319266")),
    region("ap-southeast-3", "abc", "Z08888821HLRG5A9ZRTER", Some("589379963580")),
    region("ap-southeast-4", "abc", "Z09517862IB2WZLPXG76F", None),
    region("ap-southeast-5", "abc", "Z06010284QMVVW7WO5J", None),
    region("ap-southeast-7", "abc", "Z0390008CMBRTHFGWBCB", None),
    region("ca-central-1", "abd", "ZQSVJUPU6J1EY", Some("985666609251")),
    region("ca-west-1", "abc", "Z06473681N0SF6OS049SD", None),
    region("cn-north-1", "abd", "Z1GDH35T77C1KE", Some("638102146993")),
    region("cn-northwest-1", "abc", "ZM7IZAIOVVDZF", Some("037604701340")),
    region("eu-central-1", "abc", "Z215JYRZR1TBD5", Some("054676820928")),
    region("eu-central-2", "abc", "Z06391101F2ZOEP8P5EB3", None),
    region("eu-north-1", "abc", "Z23TAZ6LKFMNIO", Some("897822967062")),
    region("eu-south-1", "abc", "Z3ULH7SSC9OV64", Some("635631232127")),
    region("eu-south-2", "abc", "Z0956581394HF5D5LXGAP", None),
    region("eu-west-1", "abc", "Z32O12XQLNTSW2", Some("156460612806")),
    region("eu-west-2", "abc", "ZHURV8PSTC4K8", Some("652711504416")),
    region("eu-west-3", "abc", "Z3Q77PNBQS71R4", Some("009996457667")),
    region("il-central-1", "abc", "Z09170902867EHPV2DABU", None),
    region("me-central-1", "abc", "Z08230872XQRWHG2XF6I", None),
    region("me-south-1", "abc", "ZS929ML54UICD", Some("076674570225")),
    region("mx-central-1", "abc", "Z023552324OKD1BB28BH5", None),
    region("sa-east-1", "abc", "Z2P70J7HTTTPLU", Some("507241528517")),
    region("us-east-1", "abcdef", "Z35SXDOTRQ7X7K", Some("127311923021")),
    region("us-east-2", "abc", "Z3AADJGX6KTTL2", Some("033677994240")),
    region("us-gov-east-1", "abc", "Z166TLBEWOO7G0", Some("190560391635")),
    region("us-gov-west-1", "abc", "Z33AYJ8TM3BH4J", Some("048591011584")),
    region("us-west-1", "ab", "Z368ELLRRE2KJ0", Some("027434742980")),
    region("us-west-2", "abcd", "Z1H1FL5HABSF5", Some("797873946194")),
];

/// Local Zones: subnets can be made in them, Classic load balancers cannot use those.
static LOCAL_ZONES: [&str; 5] = [
    "eu-central-1-ham-1a",
    "us-east-1-bos-1a",
    "us-east-1-chi-2a",
    "us-west-2-lax-1a",
    "us-west-2-lax-1b",
];

/// Every region, by name.
pub(crate) fn all() -> &'static [RegionFacts] {
    &REGIONS
}

/// The region of that name.
pub(crate) fn find(name: &str) -> Option<&'static RegionFacts> {
    REGIONS
        .binary_search_by_key(&name, |region| region.name)
        .ok()
        .and_then(|index| REGIONS.get(index))
}

/// The region of that name, or the error of an endpoint that serves another one.
pub(crate) fn require(name: &str) -> Result<&'static RegionFacts, ApiError> {
    find(name).ok_or_else(|| {
        ApiError::new(
            403,
            "SignatureDoesNotMatch",
            "Credential should be scoped to a valid region.",
        )
    })
}

impl RegionFacts {
    /// The names of its Availability Zones.
    pub(crate) fn zone_names(&self) -> impl Iterator<Item = String> + use<'_> {
        self.zones.chars().map(|letter| format!("{}{letter}", self.name))
    }

    /// The names of its Local Zones.
    pub(crate) fn local_zones(&self) -> impl Iterator<Item = &'static str> + use<'_> {
        LOCAL_ZONES
            .into_iter()
            .filter(|zone| zone.strip_prefix(self.name).is_some_and(|rest| rest.starts_with('-')))
    }

    /// Whether this is one of its Availability Zones.
    pub(crate) fn has_zone(&self, zone: &str) -> bool {
        let letter = zone.strip_prefix(self.name).unwrap_or_default();
        letter.len() == 1 && self.zones.contains(letter)
    }

    /// The partition that ARNs of the region begin with.
    pub(crate) fn partition(&self) -> &'static str {
        match self.name {
            name if name.starts_with("cn-") => "aws-cn",
            name if name.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// What DNS names of the region end with.
    pub(crate) fn dns_suffix(&self) -> &'static str {
        if self.name.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_found_by_name() {
        assert!(
            REGIONS
                .iter()
                .all(|facts| find(facts.name).is_some_and(|found| found.name == facts.name))
        );
        let virginia = find("us-east-1").unwrap();
        assert_eq!(virginia.zone_names().count(), 6);
        assert!(virginia.has_zone("us-east-1f") && !virginia.has_zone("us-east-1q") && !virginia.has_zone("us-east-1"));
        assert_eq!(virginia.local_zones().count(), 2);
        assert!(find("mars-1").is_none());
    }
}
