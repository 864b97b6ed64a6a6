//! Pure: one load balancer takes the place of another, since AWS cannot change what the spec changes.
//!
//! There are never more than two: the one that clients are sent to, and another one beside. Which of them the spec asks for
//! decides what comes next, so that a change that is taken back leads back, whatever the step.

use k8s_openapi::jiff::Timestamp;

use super::desired;

/// What of a load balancer AWS cannot change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its name.
    pub name: String,
    /// `internet-facing` or `internal`; `None`: it was not read yet.
    pub scheme: Option<String>,
    /// The id of its VPC; `None`: it was not read yet.
    pub vpc: Option<String>,
}

/// The VPC that the spec asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Vpc {
    /// Whichever the load balancer is in.
    #[default]
    Any,
    /// The one of this id.
    Of(String),
    /// It could not be told.
    Unknown,
}

/// What the spec asks for of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The names that a load balancer of this spec may have: two can stand side by side.
    names: [String; 2],
    scheme: String,
    /// Where it is to be.
    pub vpc: Vpc,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Course {
    /// The one load balancer is kept as declared.
    Alone,
    /// A successor of this name is made beside.
    Begin(String),
    /// The one beside takes over as soon as it serves.
    Succeed,
    /// Both stay as they are: which of them the spec asks for cannot be told.
    Wait,
    /// The one beside is kept until then.
    Keep(Timestamp),
    /// The one beside is removed.
    Remove,
}

/// The load balancer beside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// What it is.
    pub identity: Identity,
    /// Until when clients may still use it; `None`: none ever did.
    pub kept_until: Option<Timestamp>,
}

/// How many instances are in service, of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// How many are wanted.
    pub wanted: i32,
    /// How many are in service.
    pub in_service: i32,
}

impl Wanted {
    /// By what the spec says. `given`: the name that it gives.
    pub fn new(cluster_id: &str, namespace: &str, object: &str, given: Option<&str>, scheme: &str) -> Self {
        let first = given.map_or_else(
            || desired::default_name(cluster_id, namespace, object),
            ToOwned::to_owned,
        );
        // Unique as the first one is, since the first one is in the hash, and the same under another cluster id where that is.
        let second = desired::default_name(&format!("{namespace}\0{object}"), "", &first);
        Self {
            names: [first, second],
            scheme: scheme.to_owned(),
            vpc: Vpc::Any,
        }
    }

    /// The name that a load balancer has, where nothing stands in its way.
    pub fn first_name(&self) -> &str {
        &self.names[0]
    }

    /// The name of one that had to stand beside another.
    pub fn second_name(&self) -> &str {
        &self.names[1]
    }

    /// Whether the name is one that the spec lets a load balancer have.
    pub fn names(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }

    /// Whether a load balancer can be made as declared, as far as that can be told.
    pub fn is_met_by(&self, one: &Identity) -> bool {
        let is_there = match &self.vpc {
            Vpc::Of(vpc) => one.vpc.as_ref().is_none_or(|its| its == vpc),
            Vpc::Any | Vpc::Unknown => true,
        };
        is_there && self.names(&one.name) && one.scheme.as_ref().is_none_or(|scheme| *scheme == self.scheme)
    }

    /// Whether a load balancer is known to be in the VPC that is asked for.
    pub fn is_where_asked(&self, one: &Identity) -> bool {
        match &self.vpc {
            Vpc::Any => true,
            Vpc::Of(vpc) => one.vpc.as_ref().is_none_or(|its| its == vpc),
            Vpc::Unknown => false,
        }
    }

    /// Whether only the VPC would tell which of two is asked for, and that is not known.
    pub fn is_torn(&self, one: &Identity, other: &Identity) -> bool {
        self.vpc == Vpc::Unknown && one.vpc != other.vpc && self.is_met_by(one) && self.is_met_by(other)
    }

    /// The name of a successor.
    pub fn free_name(&self, taken: &str) -> &str {
        let [first, second] = &self.names;
        if first == taken { second } else { first }
    }

    /// What comes next. `may_begin`: a replacement is permitted. `serves`: the one that clients are sent to has enough
    /// instances in service, so that the one beside can be spared.
    pub fn course(
        &self,
        serving: &Identity,
        beside: Option<&Beside>,
        may_begin: bool,
        serves: bool,
        now: Timestamp,
    ) -> Course {
        let is_met = self.is_met_by(serving);
        let Some(beside) = beside else {
            return if is_met || !may_begin {
                Course::Alone
            } else {
                Course::Begin(self.free_name(&serving.name).to_owned())
            };
        };
        if self.is_torn(serving, &beside.identity) {
            return Course::Wait;
        }
        if !is_met && self.is_met_by(&beside.identity) {
            return Course::Succeed;
        }
        match beside.kept_until {
            Some(until) if now < until || !serves => Course::Keep(until),
            _ => Course::Remove,
        }
    }
}

/// How many instances a successor must have in service before clients are sent to it: as many as `serving` has, as far as so
/// many are wanted there, at least one of those that are wanted, and at least `min_in_service`. `touched`: the operator
/// registers instances. Where it does not, others do, and the successor waits for them.
pub fn needed(serving: Service, successor: Service, min_in_service: i32, touched: bool) -> i32 {
    if !touched {
        return serving.in_service;
    }
    let wanted = successor.wanted.max(i32::from(serving.in_service > 0));
    serving.in_service.max(min_in_service).max(1).min(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(given: Option<&str>, scheme: &str) -> Wanted {
        Wanted::new("prod", "team", "web", given, scheme)
    }

    fn one(name: &str, scheme: &str) -> Identity {
        Identity {
            name: name.to_owned(),
            scheme: Some(scheme.to_owned()),
            vpc: Some("vpc-1".to_owned()),
        }
    }

    fn within(vpc: &str, identity: Identity) -> Identity {
        let vpc = Some(vpc.to_owned());
        Identity { vpc, ..identity }
    }

    fn beside(identity: Identity, kept_until: Option<Timestamp>) -> Beside {
        Beside { identity, kept_until }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    #[test]
    fn the_second_name_is_legal_and_no_others() {
        for given in [None, Some("x"), Some("a-name-of-thirty-two-characters-")] {
            let wanted = wanted(given, "internal");
            let second = wanted.second_name();
            assert!(second.len() <= 32 && second != wanted.first_name(), "{second}");
            assert!(!second.starts_with('-') && !second.ends_with('-'), "{second}");
            let other = Wanted::new("prod", "other", "web", given, "internal");
            assert_ne!(other.second_name(), second);
        }
    }

    #[test]
    fn a_change_begins_only_where_that_is_permitted() {
        let wanted = wanted(Some("web"), "internal");
        let serving = one("web", "internet-facing");
        let second = Course::Begin(wanted.second_name().to_owned());
        assert_eq!(wanted.course(&serving, None, true, true, at(0)), second);
        assert_eq!(wanted.course(&serving, None, false, true, at(0)), Course::Alone);
        let serving = one("former", "internal");
        let first = Course::Begin("web".to_owned());
        assert_eq!(wanted.course(&serving, None, true, true, at(0)), first);
        let back = one(wanted.second_name(), "internet-facing");
        assert_eq!(wanted.course(&back, None, true, true, at(0)), first);
        let second = one(wanted.second_name(), "internal");
        assert_eq!(wanted.course(&second, None, true, true, at(0)), Course::Alone);
    }

    #[test]
    fn the_way_there_and_the_way_back() {
        let (before, after) = (wanted(Some("web"), "internet-facing"), wanted(Some("web"), "internal"));
        let (old, new) = (one("web", "internet-facing"), one(after.second_name(), "internal"));
        let successor = beside(new.clone(), None);
        assert_eq!(
            after.course(&old, Some(&successor), false, true, at(0)),
            Course::Succeed
        );
        assert_eq!(before.course(&old, Some(&successor), true, true, at(0)), Course::Remove);
        let former = beside(old, Some(at(60)));
        let former = Some(&former);
        assert_eq!(after.course(&new, former, true, true, at(59)), Course::Keep(at(60)));
        assert_eq!(after.course(&new, former, true, true, at(60)), Course::Remove);
        assert_eq!(
            after.course(&new, former, true, false, at(60)),
            Course::Keep(at(60)),
            "it is needed"
        );
        assert_eq!(before.course(&new, former, true, true, at(59)), Course::Succeed);
        // Something else than both: what clients use is kept before another one is made.
        let third = wanted(Some("third"), "internal");
        assert_eq!(third.course(&new, former, true, true, at(59)), Course::Keep(at(60)));
        assert_eq!(third.course(&new, former, true, true, at(60)), Course::Remove);
    }

    #[test]
    fn another_vpc_is_another_load_balancer_unless_it_cannot_be_told() {
        let asks = |vpc| Wanted {
            vpc,
            ..wanted(Some("web"), "internal")
        };
        let (here, there) = (asks(Vpc::Of("vpc-1".to_owned())), asks(Vpc::Of("vpc-2".to_owned())));
        let (any, torn) = (asks(Vpc::Any), asks(Vpc::Unknown));
        let old = one("web", "internal");
        let new = within("vpc-2", one(here.second_name(), "internal"));
        assert_eq!(here.course(&old, None, true, true, at(0)), Course::Alone);
        assert_eq!(any.course(&old, None, true, true, at(0)), Course::Alone);
        assert_eq!(torn.course(&old, None, true, true, at(0)), Course::Alone);
        let begun = Course::Begin(here.second_name().to_owned());
        assert_eq!(there.course(&old, None, true, true, at(0)), begun);
        assert_eq!(there.course(&old, None, false, true, at(0)), Course::Alone);
        let successor = beside(new.clone(), None);
        let successor = Some(&successor);
        assert_eq!(there.course(&old, successor, true, true, at(0)), Course::Succeed);
        assert_eq!(here.course(&old, successor, true, true, at(0)), Course::Remove);
        assert_eq!(torn.course(&old, successor, true, true, at(0)), Course::Wait);
        let former = beside(old.clone(), Some(at(60)));
        let former = Some(&former);
        assert_eq!(there.course(&new, former, true, true, at(60)), Course::Remove);
        assert_eq!(here.course(&new, former, true, true, at(60)), Course::Succeed);
        assert_eq!(torn.course(&new, former, true, true, at(60)), Course::Wait);
        assert!(there.is_where_asked(&new) && !there.is_where_asked(&old) && !torn.is_where_asked(&old));
    }

    #[test]
    fn what_the_name_or_the_scheme_tells_needs_no_vpc() {
        let mut asked = wanted(Some("web"), "internal");
        asked.vpc = Vpc::Unknown;
        let old = one("web", "internet-facing");
        let new = within("vpc-2", one(asked.second_name(), "internal"));
        let successor = beside(new.clone(), None);
        assert_eq!(asked.course(&old, Some(&successor), true, true, at(0)), Course::Succeed);
        let former = beside(old, Some(at(60)));
        assert_eq!(asked.course(&new, Some(&former), true, true, at(60)), Course::Remove);
    }

    #[test]
    fn a_successor_serves_as_many_as_its_predecessor() {
        let of = |wanted, in_service| Service { wanted, in_service };
        assert_eq!(needed(of(4, 3), of(4, 0), 1, true), 3);
        assert_eq!(needed(of(4, 0), of(4, 0), 1, true), 1);
        assert_eq!(needed(of(4, 0), of(4, 0), 2, true), 2);
        assert_eq!(needed(of(9, 9), of(4, 0), 2, true), 4, "fewer are wanted now");
        assert_eq!(needed(of(0, 0), of(0, 0), 1, true), 0, "none are wanted");
        assert_eq!(
            needed(of(0, 2), of(0, 0), 1, true),
            1,
            "what serves does not become nothing"
        );
        assert_eq!(needed(of(0, 2), of(0, 0), 1, false), 2, "others register");
        assert_eq!(needed(of(0, 0), of(0, 0), 0, true), 0);
    }
}
