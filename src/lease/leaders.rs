//! Who may write to what: one process to everything, or each to its share of the objects.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::Leadership;

/// Between the name of the operator's Lease and what stands for a region that an object leaves out. No region has that name.
const DEFAULT: &str = "default";
/// The longest name of a Lease.
const NAME: usize = 253;

/// The objects of one account and region. It is what the objects themselves say, and that cannot be changed, so that none is ever
/// of two shares, whatever two processes believe of the account or of the default region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share {
    /// The `AWSAccount` that they refer to; `None`: they are in the operator's own account.
    pub account: Option<String>,
    /// The region that they name, if they do.
    pub region: Option<String>,
}

impl Share {
    /// The name of its Lease, where the operator's own has this name.
    pub fn lease(&self, operator: &str) -> String {
        let region = self.region.as_deref().unwrap_or(DEFAULT);
        let account = self.account.as_deref();
        // No region has a dot.
        let name = account.map_or_else(
            || format!("{operator}-{region}"),
            |account| format!("{operator}-{region}.{account}"),
        );
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let label = |label: &str| !label.starts_with('-') && !label.ends_with('-') && label.chars().all(legal);
        if name.len() <= NAME && name.split('.').all(|part| !part.is_empty() && label(part)) {
            return name;
        }
        format!(
            "{operator}-share-{:016x}",
            digest([region, account.unwrap_or_default()])
        )
    }
}

/// The first bytes of a hash of these words.
pub(super) fn digest<const N: usize>(words: [&str; N]) -> u64 {
    let mut hash = Sha256::new();
    for word in words {
        hash.update(word.as_bytes());
        hash.update([0]);
    }
    let first = hash.finalize().into_iter().take(8);
    first.fold(0, |sum, byte| (sum << 8) | u64::from(byte))
}

/// Who may write to what. A clone shares everything with the original.
#[derive(Clone, Debug)]
pub struct Leaders {
    operator: Leadership,
    shares: Option<Shares>,
}

#[derive(Clone, Debug)]
struct Shares {
    /// The operator's Lease.
    lease: Arc<str>,
    known: Arc<Mutex<BTreeMap<Share, Leadership>>>,
}

impl From<Leadership> for Leaders {
    /// One process may write to everything.
    fn from(operator: Leadership) -> Self {
        Self { operator, shares: None }
    }
}

impl Leaders {
    /// Each share of the objects has a leader of its own. The operator's is that of everything else; this is its Lease.
    pub fn by_share(operator: Leadership, lease: &str) -> Self {
        let shares = Shares {
            lease: lease.into(),
            known: Arc::default(),
        };
        Self {
            operator,
            shares: Some(shares),
        }
    }

    /// The share of objects that say this; `None`: there are no shares.
    pub fn share(&self, account: Option<&str>, region: Option<&str>) -> Option<Share> {
        self.shares.as_ref().map(|_| Share {
            account: account.map(ToOwned::to_owned),
            region: region.map(ToOwned::to_owned),
        })
    }

    /// Whether there are shares.
    pub fn are_many(&self) -> bool {
        self.shares.is_some()
    }

    /// Whether this process may write to objects of this share; `None`: to what is of none.
    pub fn of(&self, share: Option<&Share>) -> Leadership {
        let (Some(share), Some(shares)) = (share, &self.shares) else {
            return self.operator.clone();
        };
        let mut known = shares.known.lock().unwrap_or_else(PoisonError::into_inner);
        // It is kept for good, so that its terms are counted on.
        let new = || self.operator.another();
        known.entry(share.clone()).or_insert_with(new).clone()
    }

    /// The Lease of a share.
    pub fn lease(&self, share: &Share) -> Option<String> {
        self.shares.as_ref().map(|shares| share.lease(&shares.lease))
    }

    /// Tells of each time that this process begins to lead somewhere, from now on.
    pub fn beginnings(&self) -> watch::Receiver<()> {
        self.operator.beginnings()
    }
}

/// The one of these processes that shall lead in this place. When one comes or goes, only what is its own moves.
pub fn best<'a>(processes: impl IntoIterator<Item = &'a str>, place: &str) -> Option<&'a str> {
    processes
        .into_iter()
        .max_by_key(|process| (digest([*process, place]), *process))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(account: Option<&str>, region: Option<&str>) -> Share {
        Share {
            account: account.map(ToOwned::to_owned),
            region: region.map(ToOwned::to_owned),
        }
    }

    #[test]
    fn every_share_has_a_lease_of_its_own_with_a_legal_name() {
        let name = |account, region| share(account, region).lease("clb");
        assert_eq!(name(None, Some("eu-west-1")), "clb-eu-west-1");
        assert_eq!(name(None, None), "clb-default");
        assert_eq!(name(Some("prod"), Some("eu-west-1")), "clb-eu-west-1.prod");
        assert_eq!(name(Some("a.b"), None), "clb-default.a.b");
        let long = "a".repeat(250);
        let hashed = [
            name(Some(&long), None),
            name(Some(&format!("{long}b")), None),
            name(Some("A"), None),
            name(None, Some("Nowhere")),
            name(Some(""), None),
        ];
        for name in &hashed {
            assert!(name.starts_with("clb-share-") && name.len() == 26, "{name}");
        }
        let different: std::collections::BTreeSet<_> = hashed.iter().collect();
        assert_eq!(different.len(), hashed.len());
    }

    #[test]
    fn places_are_spread_and_only_those_of_one_that_comes_or_goes_move() {
        let places: Vec<String> = (0..300).map(|place| format!("123456789012/region-{place}")).collect();
        let names = ["pod-a_0.0.0.0:8080", "pod-b_0.0.0.0:8080", "pod-c_0.0.0.0:8080"];
        let spread = |names: &[&'static str]| -> Vec<&str> {
            let best = places.iter().map(|place| best(names.iter().copied(), place));
            best.map(|best| best.expect("somebody")).collect()
        };
        let (two, three) = (spread(&names[..2]), spread(&names));
        for name in names {
            let its = three.iter().filter(|best| **best == name).count();
            assert!((70..130).contains(&its), "{name} has {its} of 300");
        }
        for (before, after) in two.iter().zip(&three) {
            assert!(after == before || *after == names[2], "{before} to {after}");
        }
        assert_eq!(best([], "anywhere"), None);
    }

    #[test]
    fn without_shares_one_leads_everywhere() {
        let one = Leaders::from(Leadership::sole());
        assert_eq!(one.share(None, None), None);
        assert!(one.of(Some(&share(None, None))).is_current());
        let many = Leaders::by_share(Leadership::sole(), "clb");
        let here = many.share(Some("prod"), None);
        assert!(!many.of(here.as_ref()).is_current() && many.of(None).is_current());
        let lasts = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
        many.of(here.as_ref()).claim_until(lasts);
        assert!(
            many.clone().of(here.as_ref()).is_current(),
            "it is the same one each time"
        );
        assert!(!many.of(Some(&share(None, None))).is_current());
    }
}
