//! Pure: whether an object may register instances with a load balancer that is not its own.

use std::collections::BTreeMap;

use crate::api::Permission;
use crate::api::message::{self, Message};
use crate::elb::{Owner, Ownership, TAG_BIND_BY, glob};

/// The load balancer in question, and the object that asks.
#[derive(Clone, Copy, Debug)]
pub struct Bond<'a> {
    /// Which load balancers of others objects may register instances with.
    pub binding: Permission,
    /// The object that asks.
    pub by: &'a Owner,
    /// The name of the load balancer.
    pub name: &'a str,
    /// Its region.
    pub region: &'a str,
    /// Its tags.
    pub tags: &'a BTreeMap<String, String>,
}

impl Bond<'_> {
    /// Why it may not; `None`: it may.
    pub fn refusal(&self) -> Option<Message> {
        let Self { name, region, .. } = *self;
        let offered = self.tags.get(TAG_BIND_BY);
        match self.binding {
            Permission::Never => Some(message::never_bound(name, region)),
            _ if offered.is_some_and(|offer| self.is_offered_by(offer)) => None,
            Permission::Any if offered.is_none() && self.is_of_nobody() => None,
            _ => Some(match offered {
                Some(others) => {
                    let both = format!("{TAG_BIND_BY}={others} {}", self.by.path());
                    message::bound_by_others(name, region, format_args!("{TAG_BIND_BY}={others}"), both)
                }
                None => message::not_bound(name, region, format_args!("{TAG_BIND_BY}={}", self.by.path())),
            }),
        }
    }

    /// What its tags say, as [`Owner::judge`] does for an owner.
    pub fn judge(&self) -> Ownership {
        match self.refusal() {
            None => Ownership::Ours,
            Some(_) => Ownership::Nobody,
        }
    }

    /// Whether the value of the tag names the object: one of its words does, or ends with a slash and has everything below
    /// it. AWS takes no wildcards in the tags of Classic load balancers; where it should, they count.
    fn is_offered_by(&self, offer: &str) -> bool {
        let path = self.by.path();
        let mut words = offer.split_whitespace();
        words.any(|word| glob::matches(word, &path) || (word.ends_with('/') && path.starts_with(word)))
    }

    /// Whether no object of any operator owns it.
    fn is_of_nobody(&self) -> bool {
        self.by.judge(self.tags) == Ownership::Nobody
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elb::TAG_OWNER;

    fn refusal(binding: Permission, tags: &[(&str, &str)]) -> Option<String> {
        let tags = tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let by = Owner {
            cluster: "c".into(),
            object: "shop/web".into(),
            uid: "1".into(),
        };
        let bond = Bond {
            binding,
            by: &by,
            name: "old",
            region: "us-east-1",
            tags: &tags,
        };
        let refusal = bond.refusal();
        assert_eq!(bond.judge() == Ownership::Ours, refusal.is_none());
        refusal.map(|message| format!("{}: {message}", message.reason()))
    }

    #[test]
    fn the_tag_names_the_objects_that_may() {
        let tagged = |offer| refusal(Permission::Tagged, &[(TAG_BIND_BY, offer)]);
        for offer in [
            "c/shop/web",
            "c/shop/",
            "c/",
            "d/shop/web c/shop/web",
            "c/shop/w*",
            "*/shop/?eb",
        ] {
            assert_eq!(tagged(offer), None, "{offer}");
        }
        for offer in [
            "",
            "/",
            "c/shop",
            "c/shop/we",
            "c/shop/webs",
            "d/shop/web",
            "c/other/",
            "C/shop/web",
        ] {
            let told = tagged(offer).expect("refused");
            assert!(told.starts_with("NotBound: ") && told.contains("c/shop/web"), "{told}");
        }
        let told = tagged("d/shop/web").expect("refused");
        assert!(
            told.contains("classiclb.dev/bind-by=d/shop/web c/shop/web"),
            "others stay: {told}"
        );
    }

    #[test]
    fn the_operator_permits() {
        let (offer, owned) = ((TAG_BIND_BY, "c/shop/web"), (TAG_OWNER, "shop/other"));
        assert!(refusal(Permission::Never, &[offer]).is_some_and(|told| told.contains("--binding=never")));
        let told = refusal(Permission::Tagged, &[]).expect("refused");
        assert!(told.contains("classiclb.dev/bind-by=c/shop/web"), "{told}");
        assert_eq!(refusal(Permission::Any, &[("team", "a")]), None);
        assert!(refusal(Permission::Any, &[owned]).is_some(), "an object owns it");
        assert!(refusal(Permission::Any, &[(TAG_BIND_BY, "c/shop/other")]).is_some());
        assert_eq!(refusal(Permission::Any, &[owned, offer]), None);
    }
}
