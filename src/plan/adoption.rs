//! Pure: whether a load balancer that is not ours may be taken over.

use std::collections::BTreeMap;

use crate::api::message::{self, Message};
use crate::elb::{Owner, Ownership, TAG_ADOPT_BY, TAG_KOPS_CLUSTER, TAG_SERVICE_NAME, TAG_UID};

/// What kOps calls the load balancers of its API servers.
const KOPS_API: &str = "api-";

/// What the operator takes over, of what objects ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Adoption {
    /// Nothing.
    Never,
    /// Load balancers whose tags offer them to the object, or name it with the UID of no live object.
    #[default]
    Tagged,
    /// Also load balancers that nobody owns.
    Any,
}

impl Adoption {
    /// As the flag takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Tagged => "tagged",
            Self::Any => "any",
        }
    }
}

/// Whether a load balancer may be taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It may.
    Free,
    /// It may, unless an object of this UID lives.
    FreeUnlessAlive(String),
    /// It may not, in these words.
    Refused(Message),
}

/// The load balancer in question, and what is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What the operator takes over.
    pub adoption: Adoption,
    /// Whether the object asks for it: `spec.adopt`.
    pub asked: bool,
    /// The object that asks.
    pub owner: &'a Owner,
    /// The name of the load balancer.
    pub name: &'a str,
    /// Its region.
    pub region: &'a str,
    /// Its tags.
    pub tags: &'a BTreeMap<String, String>,
    /// Whether the object published this very load balancer before.
    pub was_ours: bool,
}

impl Question<'_> {
    /// The answer.
    pub fn answer(&self, ownership: &Ownership) -> Claim {
        let offered = self.tags.get(TAG_ADOPT_BY) == Some(&self.owner.path());
        let permitted = self.asked && self.adoption != Adoption::Never;
        match ownership {
            Ownership::Ours => Claim::Free,
            Ownership::Foreign(_) if permitted && (offered || self.owner.is_namesake(self.tags)) => {
                match self.tags.get(TAG_UID) {
                    // Its own UID is left where others of its tags were taken off.
                    Some(uid) if *uid != self.owner.uid => Claim::FreeUnlessAlive(uid.clone()),
                    _ => Claim::Free,
                }
            }
            Ownership::Foreign(_) if self.owner.is_namesake(self.tags) => Claim::Refused(self.restored()),
            Ownership::Foreign(owner) => Claim::Refused(self.foreign(owner)),
            Ownership::Nobody if permitted && (offered || self.is_unclaimed()) => Claim::Free,
            Ownership::Nobody => Claim::Refused(self.of_nobody()),
        }
    }

    /// The tag that would let this object have it, where nothing but that offer is lacking.
    pub fn missing_offer(&self, ownership: &Ownership) -> Option<(String, String)> {
        let offer = (TAG_ADOPT_BY.to_owned(), self.owner.path());
        let mut tags = self.tags.clone();
        tags.insert(offer.0.clone(), offer.1.clone());
        let offered = Question { tags: &tags, ..*self };
        let free = self.asked && offered.answer(ownership) == Claim::Free;
        (free && self.answer(ownership) != Claim::Free).then_some(offer)
    }

    /// The refusal of a load balancer whose owner lives.
    pub fn alive(&self) -> Message {
        message::owner_lives(self.name, self.region, self.uid())
    }

    /// With `any`, a load balancer without owner that is not offered to somebody else. One of a Service has an owner,
    /// whose controller would go on to write to it, and so has that of the API servers of a kOps cluster.
    fn is_unclaimed(&self) -> bool {
        let claimed = [TAG_ADOPT_BY, TAG_SERVICE_NAME];
        self.adoption == Adoption::Any
            && !claimed.iter().any(|tag| self.tags.contains_key(*tag))
            && self.of_kops().is_none()
    }

    /// The kOps cluster whose API servers it serves.
    fn of_kops(&self) -> Option<&str> {
        let cluster = self.tags.get(TAG_KOPS_CLUSTER)?;
        self.name.starts_with(KOPS_API).then_some(cluster.as_str())
    }

    /// The UID in the load balancer's tags.
    fn uid(&self) -> &str {
        self.tags.get(TAG_UID).map_or("unknown", String::as_str)
    }

    /// The Service in the load balancer's tags.
    fn service(&self) -> &str {
        self.tags.get(TAG_SERVICE_NAME).map_or("unknown", String::as_str)
    }

    /// The tag that offers the load balancer to this object.
    fn offer(&self) -> String {
        format!("{TAG_ADOPT_BY}={}", self.owner.path())
    }

    fn of_nobody(&self) -> Message {
        let what = if self.was_ours {
            message::unproven(self.name, self.region)
        } else {
            message::of_nobody(self.name, self.region)
        };
        match (self.adoption, self.asked) {
            (Adoption::Never, _) => message::never_adopted(what),
            (Adoption::Any, false) => message::ask(what),
            (Adoption::Any, true) => match self.tags.get(TAG_ADOPT_BY) {
                Some(other) => message::offered_to_another(what, format_args!("{TAG_ADOPT_BY}={other}"), self.offer()),
                None => match self.of_kops() {
                    Some(cluster) => message::of_kops(what, cluster, self.offer()),
                    None => message::of_a_service(what, self.service(), self.offer()),
                },
            },
            (Adoption::Tagged, false) => message::ask_and_offer(what, self.offer()),
            (Adoption::Tagged, true) => message::offer(what, self.offer()),
        }
    }

    fn restored(&self) -> Message {
        match self.adoption {
            Adoption::Never => message::restored_for_good(self.name, self.region, self.uid()),
            _ => message::restored(self.name, self.region, self.uid()),
        }
    }

    fn foreign(&self, owner: &str) -> Message {
        match self.adoption {
            Adoption::Never => message::foreign_for_good(self.name, self.region, owner),
            _ => message::foreign(self.name, self.region, owner, self.offer()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elb::{Origin, TAG_CLUSTER, TAG_OWNER};

    fn owner(uid: &str) -> Owner {
        Owner {
            cluster: "c".into(),
            object: "shop/web".into(),
            uid: uid.into(),
        }
    }

    fn answer(adoption: Adoption, asked: bool, tags: &BTreeMap<String, String>) -> Claim {
        answer_for("web", adoption, asked, tags)
    }

    fn answer_for(name: &str, adoption: Adoption, asked: bool, tags: &BTreeMap<String, String>) -> Claim {
        let owner = owner("2");
        let question = Question {
            adoption,
            asked,
            owner: &owner,
            name,
            region: "us-east-1",
            tags,
            was_ours: false,
        };
        question.answer(&owner.judge(tags))
    }

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn refused(claim: &Claim, reason: &str, word: &str) {
        assert!(
            matches!(claim, Claim::Refused(message) if message.reason() == reason && message.text().contains(word)),
            "{reason} with {word:?}: {claim:?}"
        );
    }

    #[test]
    fn a_balancer_of_nobody_is_taken_as_the_operator_permits() {
        let (none, offered) = (tags(&[]), tags(&[(TAG_ADOPT_BY, "c/shop/web")]));
        let other = tags(&[(TAG_ADOPT_BY, "c/shop/other")]);
        assert_eq!(answer(Adoption::Tagged, true, &offered), Claim::Free);
        assert_eq!(answer(Adoption::Any, true, &offered), Claim::Free);
        assert_eq!(answer(Adoption::Any, true, &none), Claim::Free);
        let tag = "classiclb.dev/adopt-by=c/shop/web";
        refused(&answer(Adoption::Tagged, true, &none), "NotAdopted", tag);
        refused(
            &answer(Adoption::Tagged, false, &offered),
            "NotAdopted",
            "spec.adopt: true",
        );
        refused(&answer(Adoption::Any, true, &other), "NotAdopted", tag);
        let of_a_service = tags(&[("kubernetes.io/service-name", "shop/api")]);
        refused(
            &answer(Adoption::Any, true, &of_a_service),
            "NotAdopted",
            "of the Service shop/api",
        );
        refused(&answer(Adoption::Any, false, &none), "NotAdopted", "spec.adopt: true");
        refused(
            &answer(Adoption::Never, true, &offered),
            "NotAdopted",
            "--adoption=never",
        );
    }

    #[test]
    fn the_balancer_of_a_cluster_of_kops_is_not_taken_unasked() {
        let of_kops = tags(&[("KubernetesCluster", "k8s.example.com")]);
        let name = "api-k8s-example-com-abc123";
        let words = "API servers of the kOps cluster k8s.example.com";
        refused(&answer_for(name, Adoption::Any, true, &of_kops), "NotAdopted", words);
        // Others may carry that tag, and others may be called so.
        assert_eq!(answer(Adoption::Any, true, &of_kops), Claim::Free);
        assert_eq!(answer_for(name, Adoption::Any, true, &tags(&[])), Claim::Free);
    }

    #[test]
    fn a_restored_object_finds_its_balancer_again() {
        let old = owner("1").tags(Origin::Created);
        assert_eq!(answer(Adoption::Tagged, true, &old), Claim::FreeUnlessAlive("1".into()));
        refused(
            &answer(Adoption::Tagged, false, &old),
            "Conflict",
            "set spec.adopt: true",
        );
        refused(&answer(Adoption::Never, true, &old), "Conflict", "--adoption=never");
    }

    #[test]
    fn a_balancer_of_somebody_else_is_taken_only_when_it_is_offered() {
        let mut foreign = tags(&[(TAG_CLUSTER, "d"), (TAG_OWNER, "shop/web"), (TAG_UID, "1")]);
        let tag = "classiclb.dev/adopt-by=c/shop/web";
        refused(&answer(Adoption::Any, true, &foreign), "Conflict", tag);
        refused(&answer(Adoption::Tagged, true, &foreign), "Conflict", tag);
        foreign.insert(TAG_ADOPT_BY.to_owned(), "c/shop/web".to_owned());
        assert_eq!(
            answer(Adoption::Tagged, true, &foreign),
            Claim::FreeUnlessAlive("1".into())
        );
        refused(&answer(Adoption::Never, true, &foreign), "Conflict", "--adoption=never");
    }

    #[test]
    fn an_object_finds_its_balancer_again_when_it_lost_some_of_its_tags_and_is_offered() {
        for lost in [TAG_CLUSTER, TAG_OWNER, TAG_UID] {
            let mut left = owner("2").tags(Origin::Created);
            left.remove(lost);
            let tag = "classiclb.dev/adopt-by=c/shop/web";
            if lost != TAG_UID {
                refused(&answer(Adoption::Tagged, true, &left), "Conflict", tag);
            }
            left.insert(TAG_ADOPT_BY.to_owned(), "c/shop/web".to_owned());
            assert_eq!(answer(Adoption::Tagged, true, &left), Claim::Free, "{lost}");
        }
    }
}
