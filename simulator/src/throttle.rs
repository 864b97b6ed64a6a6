//! The token buckets that AWS publishes for the API of Elastic Load Balancing.

use std::collections::HashMap;
use std::str::FromStr;

use crate::clock::Timestamp;

/// The buckets of an account in a region. `Throttles::default()` has the published figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttles {
    /// CreateLoadBalancer and changes of zones and subnets.
    pub resource_intensive: Bucket,
    /// All other changes but registrations.
    pub mutating: Bucket,
    /// Registering and deregistering instances.
    pub registration: Bucket,
    /// Describe operations.
    pub describe: Bucket,
    /// All operations together.
    pub account: Bucket,
}

/// A token bucket: a call takes one token or is refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// How many tokens a full bucket holds.
    pub capacity: f64,
    /// How many come back each second.
    pub refill_per_second: f64,
}

impl Default for Throttles {
    fn default() -> Self {
        let bucket = |capacity, refill_per_second| Bucket {
            capacity,
            refill_per_second,
        };
        Self {
            resource_intensive: bucket(10.0, 0.2),
            mutating: bucket(20.0, 3.0),
            registration: bucket(20.0, 4.0),
            describe: bucket(40.0, 10.0),
            account: bucket(40.0, 10.0),
        }
    }
}

/// A text that does not say how to throttle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}: write aws, or bucket=capacity+refill such as resource-intensive=10+0.2, several with commas between")]
pub struct ThrottlesError(String);

impl FromStr for Throttles {
    type Err = ThrottlesError;

    /// `aws` for the published figures, or other figures for some of the buckets.
    fn from_str(text: &str) -> Result<Self, ThrottlesError> {
        let mut throttles = Self::default();
        for part in text.split(',').filter(|part| *part != "aws") {
            let wrong = || ThrottlesError(part.to_owned());
            let (name, figures) = part.split_once('=').ok_or_else(wrong)?;
            let (capacity, refill) = figures.split_once('+').ok_or_else(wrong)?;
            let figure = |text: &str| {
                text.parse()
                    .ok()
                    .filter(|it: &f64| it.is_finite() && *it >= 0.0)
                    .ok_or_else(wrong)
            };
            let bucket = Bucket {
                capacity: figure(capacity)?,
                refill_per_second: figure(refill)?,
            };
            match name {
                "resource-intensive" => throttles.resource_intensive = bucket,
                "mutating" => throttles.mutating = bucket,
                "registration" => throttles.registration = bucket,
                "describe" => throttles.describe = bucket,
                "account" => throttles.account = bucket,
                _ => return Err(wrong()),
            }
        }
        Ok(throttles)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    ResourceIntensive,
    Mutating,
    Registration,
    Describe,
    Account,
}

impl Kind {
    fn of(operation: &str) -> Self {
        match operation {
            "CreateLoadBalancer"
            | "AttachLoadBalancerToSubnets"
            | "DetachLoadBalancerFromSubnets"
            | "EnableAvailabilityZonesForLoadBalancer"
            | "DisableAvailabilityZonesForLoadBalancer" => Self::ResourceIntensive,
            "RegisterInstancesWithLoadBalancer" | "DeregisterInstancesFromLoadBalancer" => Self::Registration,
            _ if operation.starts_with("Describe") => Self::Describe,
            _ => Self::Mutating,
        }
    }
}

/// How full the buckets are.
#[derive(Debug, Default)]
pub(crate) struct Levels {
    levels: HashMap<(String, &'static str, Kind), (f64, Timestamp)>,
}

impl Levels {
    /// Takes a token for an operation, or none from any bucket when one of the two it needs is empty.
    pub(crate) fn take(
        &mut self,
        throttles: &Throttles,
        account: &str,
        region: &'static str,
        operation: &str,
        now: Timestamp,
    ) -> bool {
        let kind = Kind::of(operation);
        let bucket = match kind {
            Kind::ResourceIntensive => throttles.resource_intensive,
            Kind::Registration => throttles.registration,
            Kind::Describe => throttles.describe,
            Kind::Mutating | Kind::Account => throttles.mutating,
        };
        let own = self.level(account, region, kind, bucket, now);
        let shared = self.level(account, region, Kind::Account, throttles.account, now);
        if own < 1.0 || shared < 1.0 {
            return false;
        }
        for (kind, level) in [(kind, own), (Kind::Account, shared)] {
            self.levels
                .insert((account.to_owned(), region, kind), (level - 1.0, now));
        }
        true
    }

    fn level(&self, account: &str, region: &'static str, kind: Kind, bucket: Bucket, now: Timestamp) -> f64 {
        let Some((level, at)) = self.levels.get(&(account.to_owned(), region, kind)) else {
            return bucket.capacity;
        };
        let refilled = level + now.since(*at).as_secs_f64() * bucket.refill_per_second;
        refilled.min(bucket.capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let (mut levels, throttles) = (Levels::default(), Throttles::default());
        let mut create = |millis| {
            levels.take(
                &throttles,
                "1",
                "us-east-1",
                "CreateLoadBalancer",
                Timestamp::from_millis(millis),
            )
        };
        assert_eq!((0..15).filter(|_| create(0)).count(), 10);
        assert!(!create(4_900));
        assert!(create(5_000));
        assert!(!create(5_001));
    }

    #[test]
    fn figures_can_be_written() {
        let throttles: Throttles = "describe=5+1.5,account=100+0".parse().unwrap();
        assert_eq!(
            throttles.describe,
            Bucket {
                capacity: 5.0,
                refill_per_second: 1.5
            }
        );
        assert_eq!(throttles.mutating, Throttles::default().mutating);
        assert_eq!("aws".parse(), Ok(Throttles::default()));
        for wrong in [
            "",
            "describe",
            "describe=5",
            "nope=1+1",
            "describe=-1+1",
            "describe=x+1",
        ] {
            assert!(wrong.parse::<Throttles>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn accounts_and_regions_have_their_own() {
        let (mut levels, throttles) = (Levels::default(), Throttles::default());
        let at = Timestamp::from_millis(0);
        let mut describe = |account, region| levels.take(&throttles, account, region, "DescribeTags", at);
        assert_eq!((0..50).filter(|_| describe("1", "us-east-1")).count(), 40);
        assert!(describe("2", "us-east-1") && describe("1", "us-east-2"));
    }
}
