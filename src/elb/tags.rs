//! Pure: the tags that say whose a load balancer is.

use std::collections::BTreeMap;

/// The prefix of the operator's own tags, which users cannot set.
pub const TAG_PREFIX: &str = "classiclb.dev/";
/// The cluster id of the operator.
pub const TAG_CLUSTER: &str = "classiclb.dev/cluster";
/// Namespace and name of the owning object.
pub const TAG_OWNER: &str = "classiclb.dev/owner";
/// The UID of the owning object: a name can be taken again, a UID cannot.
pub const TAG_UID: &str = "classiclb.dev/uid";
/// Whether the operator created the load balancer or adopted it.
pub const TAG_ORIGIN: &str = "classiclb.dev/origin";

/// The object that a load balancer is offered to, as `CLUSTER-ID/NAMESPACE/NAME`. People set it; the operator only
/// reads it.
pub const TAG_ADOPT_BY: &str = "classiclb.dev/adopt-by";
/// The objects that may register instances with a load balancer, as `CLUSTER-ID/NAMESPACE/NAME`, several of them with
/// spaces between. People set it; the operator only reads it.
pub const TAG_BIND_BY: &str = "classiclb.dev/bind-by";
/// With which other controllers of Kubernetes mark the load balancer of a Service: `NAMESPACE/NAME`.
pub const TAG_SERVICE_NAME: &str = "kubernetes.io/service-name";
/// With which kOps marks what it makes: the name of its cluster.
pub const TAG_KOPS_CLUSTER: &str = "KubernetesCluster";

/// Where a load balancer comes from, as [`TAG_ORIGIN`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The operator created it.
    Created,
    /// It was there before and was taken over.
    Adopted,
}

impl Origin {
    /// Reads the tags of a load balancer. Without the tag it counts as adopted: what was adopted is not deleted
    /// unasked.
    pub fn of(tags: &BTreeMap<String, String>) -> Self {
        match tags.get(TAG_ORIGIN) {
            Some(origin) if origin == Self::Created.as_str() => Self::Created,
            _ => Self::Adopted,
        }
    }

    /// The value of the tag.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Adopted => "adopted",
        }
    }
}

/// Who owns a load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The cluster id.
    pub cluster: String,
    /// `namespace/name` of the object.
    pub object: String,
    /// The UID of the object.
    pub uid: String,
}

/// What the tags of a load balancer say about its owner.
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
    /// The tags that prove the ownership. They go into `CreateLoadBalancer`, or are the first write to a load balancer
    /// that is adopted.
    pub fn tags(&self, origin: Origin) -> BTreeMap<String, String> {
        [
            (TAG_CLUSTER, &*self.cluster),
            (TAG_OWNER, &self.object),
            (TAG_UID, &self.uid),
            (TAG_ORIGIN, origin.as_str()),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
    }

    /// Reads the tags of a load balancer. Only all three of cluster, owner and UID prove that it is ours.
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

    /// The value of [`TAG_ADOPT_BY`] that offers a load balancer to this object, and a word of that of [`TAG_BIND_BY`].
    pub fn path(&self) -> String {
        format!("{}/{}", self.cluster, self.object)
    }

    /// Whether the tags name this object but for its UID: the object was restored, or deleted and made again.
    pub fn is_namesake(&self, tags: &BTreeMap<String, String>) -> bool {
        tags.get(TAG_CLUSTER) == Some(&self.cluster)
            && tags.get(TAG_OWNER) == Some(&self.object)
            && tags.get(TAG_UID) != Some(&self.uid)
    }
}

/// Whether AWS takes a tag of this key and value.
pub fn is_legal_tag(key: &str, value: &str) -> bool {
    let legal = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+@-".contains(c);
    (1..=128).contains(&key.chars().count())
        && value.chars().count() <= 256
        && key.chars().chain(value.chars()).all(legal)
}
