//! The tags that say whose a balancer is.

use std::collections::BTreeMap;

/// The prefix of the operator's own tags, which users cannot set.
pub const TAG_PREFIX: &str = "classiclb.dev/";
/// The cluster id of the operator.
pub const TAG_CLUSTER: &str = "classiclb.dev/cluster";
/// Namespace and name of the owning object.
pub const TAG_OWNER: &str = "classiclb.dev/owner";
/// The UID of the owning object: a name can be taken again, a UID cannot.
pub const TAG_UID: &str = "classiclb.dev/uid";
/// Whether the operator created the balancer or adopted it.
pub const TAG_ORIGIN: &str = "classiclb.dev/origin";

/// The value of [`TAG_ORIGIN`] on balancers that the operator created.
const CREATED: &str = "created";

/// Who owns a balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The cluster id.
    pub cluster: String,
    /// `namespace/name` of the object.
    pub object: String,
    /// The UID of the object.
    pub uid: String,
}

/// What the tags of a balancer say about its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// It is ours.
    Ours,
    /// It carries ownership tags of this kind that name somebody else.
    Foreign(String),
    /// It carries none: made by hand or by another tool.
    Nobody,
}

impl Owner {
    /// The tags that go into `CreateLoadBalancer`.
    pub fn tags(&self) -> BTreeMap<String, String> {
        [
            (TAG_CLUSTER, &*self.cluster),
            (TAG_OWNER, &self.object),
            (TAG_UID, &self.uid),
            (TAG_ORIGIN, CREATED),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
    }

    /// Reads the tags of a balancer. Only all three of cluster, owner and UID prove that it is ours.
    pub fn judge(&self, tags: &BTreeMap<String, String>) -> Ownership {
        let tag = |key| tags.get(key).map(String::as_str);
        let (cluster, object, uid) = (tag(TAG_CLUSTER), tag(TAG_OWNER), tag(TAG_UID));
        if (cluster, object, uid) == (Some(&self.cluster), Some(&self.object), Some(&self.uid)) {
            return Ownership::Ours;
        }
        if cluster.is_none() && object.is_none() && uid.is_none() {
            return Ownership::Nobody;
        }
        Ownership::Foreign(format!(
            "{} of cluster {} (uid {})",
            object.unwrap_or("an unnamed object"),
            cluster.unwrap_or("unknown"),
            uid.unwrap_or("unknown")
        ))
    }
}
