//! What a simulator is started with.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::access::AccessRules;
use crate::clock::Clock;
use crate::throttle::Throttles;

/// The account that requests belong to unless their key says otherwise.
pub const DEFAULT_ACCOUNT: &str = "123456789012";

/// The region of requests whose credential scope names none.
pub const DEFAULT_REGION: &str = "us-east-1";

/// How a simulator behaves. `Config::default()` has the machine's clock, default delays and no throttles.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where time comes from.
    pub clock: Clock,
    /// How long things take that take time in AWS.
    pub delays: Delays,
    /// Whether the quotas that `DescribeAccountLimits` reports are enforced.
    pub quotas: bool,
    /// Whether an internet-facing balancer is refused in a VPC without an Internet gateway, as AWS does.
    pub require_internet_gateway: bool,
    /// The token buckets of the API, `None` for no throttling.
    pub throttles: Option<Throttles>,
    /// What is done with signatures.
    pub signatures: Signatures,
    /// Access key id to secret and account. Signatures made with these are verified.
    pub keys: BTreeMap<String, AccessKey>,
    /// The IAM policies that calls are judged by; without any, everybody may do everything.
    pub access: AccessRules,
    /// The external ids that the trust policies of roles ask for, by the ARN of the role. Others are assumed without.
    pub external_ids: BTreeMap<String, String>,
    /// How many requests the log keeps.
    pub log_capacity: usize,
    /// Seed of generated ids and names: the same seed and requests give the same ids.
    pub id_seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        let example = AccessKey {
            secret: "secret".to_owned(),
            account: DEFAULT_ACCOUNT.to_owned(),
        };
        Self {
            clock: Clock::default(),
            delays: Delays::default(),
            quotas: false,
            require_internet_gateway: false,
            throttles: None,
            signatures: Signatures::default(),
            keys: BTreeMap::from([("AKIDEXAMPLE".to_owned(), example)]),
            access: AccessRules::default(),
            external_ids: BTreeMap::new(),
            log_capacity: 100_000,
            id_seed: 0x5eed,
        }
    }
}

/// A long-lived credential the simulator knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// The secret that signatures are verified with.
    pub secret: String,
    /// The account of the key, twelve digits.
    pub account: String,
}

/// What is done with the signature of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Signatures {
    /// Verified for known keys; requests with unknown keys or none are answered as the default account.
    #[default]
    Known,
    /// Verified always: an unknown key is refused, as AWS does.
    Required,
    /// Never looked at.
    Ignored,
}

/// How long things take that take time in AWS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Delays {
    /// Everything is at once.
    None,
    /// A newly registered instance is `OutOfService` for one second, network interfaces of a load balancer become
    /// `in-use` after ten, all else is at once.
    #[default]
    Default,
    /// About what AWS takes: health checks by interval and threshold, draining, certificates that spread, scaling.
    Aws,
}

/// The delays in figures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// Registration "still in progress".
    pub(crate) registration: Duration,
    /// Health checks take their interval times their threshold.
    pub(crate) health_checks: bool,
    /// Deregistration waits for the draining timeout when draining is enabled, a disabled zone likewise.
    pub(crate) draining: bool,
    /// How long a terminated instance is still listed.
    pub(crate) terminated_listed: Duration,
    /// From pending to running, from stopping to stopped, from shutting-down to terminated.
    pub(crate) instance_state: Duration,
    /// Until ELB knows a certificate that was just uploaded.
    pub(crate) certificate: Duration,
    /// Until a port is free for another listener, and a zone for another subnet, after one has left it.
    pub(crate) settling: Duration,
    /// How long a new network interface of a balancer is `available`, before it is attached and in use.
    pub(crate) attaching: Duration,
    /// How long the network interfaces of a deleted balancer are still there.
    pub(crate) interfaces: Duration,
    /// Until Auto Scaling acts on a change.
    pub(crate) scaling: Duration,
    /// Until an event can be looked up.
    pub(crate) events: Duration,
}

impl Delays {
    pub(crate) fn timing(self) -> Timing {
        let at_once = Timing {
            registration: Duration::ZERO,
            health_checks: false,
            draining: false,
            terminated_listed: Duration::ZERO,
            instance_state: Duration::ZERO,
            certificate: Duration::ZERO,
            settling: Duration::ZERO,
            attaching: Duration::ZERO,
            interfaces: Duration::ZERO,
            scaling: Duration::ZERO,
            events: Duration::ZERO,
        };
        match self {
            Self::None => at_once,
            Self::Default => Timing {
                registration: Duration::from_secs(1),
                attaching: Duration::from_secs(10),
                ..at_once
            },
            Self::Aws => Timing {
                registration: Duration::from_secs(10),
                health_checks: true,
                draining: true,
                terminated_listed: Duration::from_mins(1),
                instance_state: Duration::from_secs(20),
                certificate: Duration::from_secs(30),
                settling: Duration::from_secs(5),
                attaching: Duration::from_secs(10),
                interfaces: Duration::from_mins(1),
                scaling: Duration::from_secs(15),
                events: Duration::from_mins(5),
            },
        }
    }
}
