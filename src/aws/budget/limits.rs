//! What AWS lets an account ask for in a region, and how much of that is ours.

use std::str::FromStr;

use crate::api::message;
use crate::elb::Bucket;

/// How much a full bucket holds, and how much comes back each second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Tokens of a full bucket, at least 1.
    pub capacity: f64,
    /// Tokens a second, more than 0.
    pub refill: f64,
}

/// What AWS lets an account ask for in a region, and the share of it that this operator takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    rates: [Rate; Bucket::ALL.len()],
    share: f64,
}

impl Default for Limits {
    /// What AWS publishes for Elastic Load Balancing and EC2, and cautious figures for the others; half of it.
    fn default() -> Self {
        let rate = |capacity, refill| Rate { capacity, refill };
        Self {
            rates: [
                rate(40.0, 10.0),
                rate(40.0, 10.0),
                rate(20.0, 4.0),
                rate(20.0, 3.0),
                rate(10.0, 0.2),
                rate(100.0, 20.0),
                rate(20.0, 5.0),
                rate(10.0, 5.0),
                rate(10.0, 5.0),
            ],
            share: 0.5,
        }
    }
}

impl Limits {
    /// Of an AWS that counts no calls, as a simulator may.
    pub fn none() -> Self {
        Self {
            rates: [Rate {
                capacity: 1e6,
                refill: 1e6,
            }; Bucket::ALL.len()],
            share: 1.0,
        }
    }

    /// With this share of all buckets, in percent.
    #[must_use]
    pub fn with_share(mut self, percent: u8) -> Self {
        self.share = f64::from(percent) / 100.0;
        self
    }

    /// The part of each that is ours.
    pub(in crate::aws) fn share(&self) -> f64 {
        self.share
    }

    /// What is ours of a bucket. It holds one token at the least, or no call could ever be made.
    pub fn of(&self, bucket: Bucket) -> Rate {
        let whole = self.rates[bucket as usize];
        Rate {
            capacity: (whole.capacity * self.share).max(1.0),
            refill: whole.refill * self.share,
        }
    }
}

impl FromStr for Limits {
    type Err = String;

    /// Figures of an account whose limits were raised, such as `resource-intensive=50+2,describe=100+40`; the other
    /// buckets keep theirs. `none`: AWS counts no calls.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::none());
        }
        let mut limits = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let wrong = || message::not_a_rate_limit(part, Bucket::ALL.map(Bucket::as_str).join(", "));
            let (name, figures) = part.split_once('=').ok_or_else(wrong)?;
            let bucket = Bucket::ALL.into_iter().find(|bucket| bucket.as_str() == name);
            let bucket = bucket.ok_or_else(wrong)?;
            let (capacity, refill) = figures.split_once('+').ok_or_else(wrong)?;
            let figure = |text: &str, least: f64| {
                let figure = text.parse().ok();
                figure.filter(|figure: &f64| figure.is_finite() && *figure >= least && *figure <= 1e6)
            };
            limits.rates[bucket as usize] = Rate {
                capacity: figure(capacity, 1.0).ok_or_else(wrong)?,
                refill: figure(refill, 0.001).ok_or_else(wrong)?,
            };
        }
        Ok(limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elb::ATTACHED;

    #[test]
    fn half_of_what_aws_publishes_is_ours() {
        let ours = Limits::default().of(Bucket::ResourceIntensive);
        assert_eq!((ours.capacity, ours.refill), (5.0, 0.1));
        let whole = Limits::default().with_share(100).of(Bucket::ResourceIntensive);
        assert_eq!((whole.capacity, whole.refill), (10.0, 0.2));
        assert!(Limits::default().with_share(1).of(Bucket::Iam).capacity >= 1.0);
    }

    #[test]
    fn raised_limits_are_read_and_the_others_stay() {
        let limits: Limits = "resource-intensive=50+2, describe=100+40".parse().expect("limits");
        let limits = limits.with_share(100);
        assert_eq!(
            limits.of(Bucket::Describe),
            Rate {
                capacity: 100.0,
                refill: 40.0
            }
        );
        let intensive = Rate {
            capacity: 50.0,
            refill: 2.0,
        };
        assert_eq!(limits.of(Bucket::ResourceIntensive), intensive);
        assert_eq!(
            limits.of(Bucket::Mutating),
            Rate {
                capacity: 20.0,
                refill: 3.0
            }
        );
        for wrong in [
            "describe",
            "describe=4",
            "other=1+1",
            "describe=0+1",
            "describe=1+0",
            "describe=1+x",
            "ec2=NaN+1",
        ] {
            let why = wrong.parse::<Limits>().expect_err(wrong);
            assert!(why.contains("resource-intensive"), "{why}");
        }
    }

    #[test]
    fn every_call_knows_its_buckets() {
        assert_eq!(
            Bucket::of("CreateLoadBalancer"),
            [Bucket::ResourceIntensive, Bucket::Account]
        );
        assert_eq!(Bucket::of("DescribeTags"), [Bucket::Describe, Bucket::Account]);
        assert_eq!(Bucket::of("DescribeSubnets"), [Bucket::Ec2]);
        assert_eq!(Bucket::of("DescribeAutoScalingGroups"), [Bucket::AutoScaling]);
        assert_eq!(Bucket::of("DeleteLoadBalancer"), [Bucket::Mutating, Bucket::Account]);
        assert_eq!(Bucket::of("ListTagsForCertificate"), [Bucket::Acm]);
        assert_eq!(Bucket::of(ATTACHED), [Bucket::AutoScaling]);
        assert_eq!(Bucket::of("SimulatePrincipalPolicy"), [Bucket::Iam]);
        assert_eq!(Bucket::of("GetCallerIdentity"), []);
    }
}
