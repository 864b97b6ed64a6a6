//! Every reason that the operator writes into a condition or an Event: the word, where it stands, what it means and
//! what to do. The code takes its words from here, and `docs/reference/conditions.md` is printed from here.

mod aws;

pub use aws::{AWS_CODES, Codes, Kind, known_code};

/// Whether an object waits for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is tried again by itself: `Reconciling=True` says so.
    Reconciling,
    /// So it is, for something that its owner is to see to, and `Stalled=True` says so where that has not come for long.
    Awaited,
    /// Nothing more happens until the spec or the account changes: `Stalled=True` says so.
    Stalled,
    /// The one or the other, as the text says.
    Either,
    /// Nothing is the matter, or nothing is to be done by the operator.
    Neither,
}

/// What is to be known of a reason.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The word.
    pub reason: &'static str,
    /// The conditions or the type of Event that it stands in.
    pub stands: &'static str,
    /// Whether the object waits for somebody.
    pub progress: Progress,
    /// What is the matter.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// In place of a reason, for what is told with the code of AWS.
pub const AWS_CODE: &str = "(the code of AWS)";

/// In place of a reason, for what is told with whatever reason another message has.
pub const ANY: &str = "(any reason)";

const NOT_ACCEPTED: &str = "`Ready=False`, `Accepted=False`";
const NOT_PROGRAMMED: &str = "`Ready=False`, `Programmed=False`";
const EITHER: &str = "`Ready=False`, and `Accepted=False` before the load balancer exists, `Programmed=False` later";
const NORMAL: &str = "Event of type Normal";
const WARNING: &str = "Event of type Warning";

macro_rules! reasons {
    ($table:ident: $( $name:ident = $word:literal, $stands:expr, $progress:ident, $meaning:literal, $remedy:literal; )*) => {
        $(
            #[doc = concat!("The reason `", $word, "`.")]
            pub const $name: &str = $word;
        )*
        /// The entries of this part of the table.
        pub const $table: &[Entry] = &[$(
            Entry {
                reason: $name,
                stands: $stands,
                progress: Progress::$progress,
                meaning: $meaning,
                remedy: $remedy,
            },
        )*];
    };
}

reasons! { CONDITIONS:
    READY = "Ready", "`Ready=True`", Neither,
        "The load balancer is as declared.",
        "Nothing. `TargetsHealthy` says whether its instances answer.";
    ACCEPTED = "Accepted", "`Accepted=True`", Neither,
        "The spec can be realised, and the load balancer is this object's to work on.",
        "Nothing.";
    PROGRAMMED = "Programmed", "`Programmed=True`", Neither,
        "AWS matches the spec.",
        "Nothing.";
    PENDING = "Pending", "`Accepted=Unknown`, `Programmed=Unknown`, `TargetsHealthy=Unknown`", Neither,
        "Not checked yet.",
        "Nothing: it will be within a minute. If it stays, see whether the operator runs and can reach AWS.";
    NOT_ACCEPTED_REASON = "NotAccepted", "`Programmed=False`", Neither,
        "The problem that `Accepted` reports keeps AWS from matching the spec.",
        "See the reason of `Accepted`.";
    INVALID = "Invalid", NOT_ACCEPTED, Stalled,
        "The spec asks for what cannot be. A load balancer that exists serves on; what is not concerned follows the \
         spec.",
        "Change the field that the message names.";
    CONFLICT = "Conflict", NOT_ACCEPTED, Either,
        "A load balancer of that name belongs to another object or cluster, or is not the one that this object had. \
         It is not touched.",
        "Do what the message says: take it over ([adoption](../adoption.md)), or make the object again with another \
         `loadBalancerName`.";
    NOT_ADOPTED = "NotAdopted", NOT_ACCEPTED, Stalled,
        "A load balancer of that name exists and no operator owns it, or its ownership tags were removed. It is not \
         touched.",
        "To take it over, set what the message names, `spec.adopt` or a tag: [adoption](../adoption.md). Otherwise make \
         the object anew with another `loadBalancerName`.";
    NOTHING_TO_ADOPT = "NothingToAdopt", NOT_ACCEPTED, Stalled,
        "`adopt: true` takes over a load balancer that exists, and there is none of that name. None is made.",
        "Make the object anew with the right `loadBalancerName`, `region` or account: the message names similar ones. To have \
         a new load balancer, take `spec.adopt` out.";
    NOT_BOUND = "NotBound", NOT_ACCEPTED, Stalled,
        "The load balancer of a `ClassicLoadBalancerBinding` is not offered to it. No instance is registered, and those that it \
         registered before stay.",
        "Set the tag that the message names on the load balancer: [bindings](../how-to/bindings.md). It is looked at again by \
         itself.";
    LOAD_BALANCER_NOT_FOUND = "LoadBalancerNotFound", NOT_ACCEPTED, Awaited,
        "The load balancer of a `ClassicLoadBalancerBinding` does not exist, or not any more.",
        "Create it, or make the object anew with the right name, region or account. It is looked for by itself.";
    LOST = "Lost", NOT_PROGRAMMED, Stalled,
        "The load balancer was deleted in AWS behind the operator's back.",
        "Set `spec.recreatePolicy: Always` to have a new one, which has another DNS name, or delete the object.";
    ACCOUNT_CHANGED = "AccountChanged", NOT_PROGRAMMED, Stalled,
        "The operator's credentials belong to another AWS account than the load balancer. Nothing is written, and the object \
         is not released: what that account lacks proves nothing.",
        "Give the operator the role of the account that the message names. It goes on by itself.";
    ACCOUNT_NOT_FOUND = "AccountNotFound", NOT_ACCEPTED, Awaited,
        "`spec.accountRef` names an `AWSAccount` that does not exist. Nothing is read from or written to AWS.",
        "Create the `AWSAccount`, or make the object anew with another `accountRef`.";
    ACCOUNT_NOT_READY = "AccountNotReady", NOT_ACCEPTED, Reconciling,
        "The account of the object cannot be used: its role cannot be assumed, another account answers, the region is not \
         enabled, or the `AWSAccount` cannot be read. Nothing is written to AWS.",
        "See the conditions of the `AWSAccount`, which the message repeats. It goes on by itself.";
    ACCOUNT_NOT_ALLOWED = "AccountNotAllowed", NOT_ACCEPTED, Stalled,
        "The `AWSAccount` is not for this namespace, region or scheme, or its `spec.allow` does not let the object use what the          message names. A load balancer that exists stays as it is, and nothing is written.",
        "Change the field that the message names, or let the owner of the account change the rule. It goes on by itself, within          a minute where only tags in AWS have changed.";
    ACCOUNT_MISMATCH = "AccountMismatch", "`Ready=False` of an `AWSAccount`", Stalled,
        "Another account answers than `spec.accountId`. Its load balancers are left alone: `AccountNotReady`.",
        "Correct `spec.accountId` or `spec.roleArn`.";
    CREATING = "Creating", NOT_PROGRAMMED, Reconciling,
        "AWS accepted the load balancer and does not show it yet.",
        "Nothing: it is looked for again.";
    REPLACING = "Replacing", NOT_PROGRAMMED, Reconciling,
        "With `replacement: BlueGreen`, another load balancer is made beside the one that clients use, which AWS cannot change as the \
         spec asks. `status.dnsName` moves when the other one serves.",
        "Nothing, unless the message names what the other one waits for. To call it off, set the field back.";
    DELETING = "Deleting", "`Ready=False`, `Programmed=False`", Reconciling,
        "The object is being deleted; the message says what is waited for.",
        "Nothing, unless the message names a field or a setting.";
    DELETION_PROTECTED = "DeletionProtected", "`Ready=False`", Neither,
        "The object is being deleted and has `deletionProtection: true`. The load balancer is kept as declared.",
        "Set `spec.deletionProtection: false` to let the deletion go on. It cannot be called off: Kubernetes takes no \
         deletion back.";
    DIFFERS = "Differs", "`Programmed=False`, beside `Ready=True` with reason `Observing`", Neither,
        "The load balancer is only looked at, and AWS differs from the spec, or there is none yet.",
        "Read `status.plan`; `status.plannedCalls` counts its calls. To let the operator make them, set \
         `spec.management: Full`.";
    OBSERVING = "Observing", "`Ready=True`, and `Programmed=False` with reason `Differs` where AWS differs", Neither,
        "Nothing is written to AWS: `management: Observe`, or the operator runs with `--read-only`.",
        "Read `status.plan`. To let the operator write, set `spec.management: Full` or start it without `--read-only`.";
    SUSPENDED = "Suspended", "`Ready=True`", Neither,
        "`management: Suspended`: nothing is read from or written to AWS.",
        "Set `spec.management: Full` to go on.";
    DEREGISTERING = "Deregistering", NOT_PROGRAMMED, Reconciling,
        "Instances that are no targets any more leave step by step, and some wait.",
        "Nothing, where others still drain. Where `minInService` holds them back, add targets, or set \
         `spec.registration.minInService: 0`.";
    NODE_VIEW_SUSPECT = "NodeViewSuspect", NOT_PROGRAMMED, Reconciling,
        "What is known of the Nodes looks wrong, so that no instance is deregistered on the strength of it.",
        "Nothing, if the Nodes come back. To take the instances out all the same, change the selector or remove it.";
    TARGETS_SUSPECT = "TargetsSuspect", NOT_PROGRAMMED, Awaited,
        "A source of targets finds nothing, though registered instances came from it, or other objects that may want the same \
         instances cannot be listed. No instance is deregistered.",
        "Correct the tags or the group, or let the operator list what the message names. To deregister the instances all the same, remove the source from `spec.targets`.";
    INSTANCE_NOT_FOUND = "InstanceNotFound", NOT_PROGRAMMED, Awaited,
        "AWS does not register an instance: it does not exist, does not run, or is of another VPC.",
        "Take it out of `spec.targets.instanceIds`; the others are registered meanwhile.";
    AUTO_SCALING_GROUP_NOT_FOUND = "AutoScalingGroupNotFound", NOT_PROGRAMMED, Awaited,
        "`spec.targets.autoScalingGroups` names a group that does not exist in this account and region.",
        "Create it, or correct the name; it is tried again.";
    SUBNET_NOT_FOUND = "SubnetNotFound", EITHER, Awaited,
        "A subnet does not exist in this account and region, or none is found by the selector.",
        "Correct the ids, the tags or the role, or create the subnets; it is tried again.";
    VPC_NOT_FOUND = "VpcNotFound", EITHER, Awaited,
        "`availabilityZones` means the default VPC, and the region has none.",
        "Name subnets instead: `spec.subnets` or `spec.subnetSelector`.";
    SECURITY_GROUP_NOT_FOUND = "SecurityGroupNotFound", EITHER, Awaited,
        "A security group does not exist in the load balancer's VPC, or none is found by the selector.",
        "Correct the ids, the names or the tags, or create the group; it is tried again.";
    AMBIGUOUS_VPC = "AmbiguousVpc", EITHER, Stalled,
        "What a selector finds lies in several VPCs, and the load balancer does not exist yet.",
        "Set `spec.subnetSelector.vpcId`, or give the ids of the groups in `spec.securityGroups`.";
    NOT_ENOUGH_ADDRESSES = "NotEnoughAddresses", EITHER, Awaited,
        "A subnet to attach has too few free addresses for a load balancer.",
        "Free some, or take another subnet of that zone.";
    NEEDS_TEMPORARY_SUBNET = "NeedsTemporarySubnet", NOT_PROGRAMMED, Stalled,
        "The only subnet shall be exchanged for another one of the same zone, which AWS does not do in one step.",
        "Set `spec.allowTemporarySubnet: true`; without a subnet to borrow in another zone of the VPC, create one.";
    LISTENER_IGNORED = "ListenerIgnored", NOT_PROGRAMMED, Stalled,
        "The health check is declared on a port that only a declared listener brings, and `ignoreDifferences` leaves the \
         listeners as AWS has them. It is not set: every instance would fail it.",
        "Open that listener in AWS, check another port, or take `Listeners` out of `ignoreDifferences`.";
    CERTIFICATE_NOT_FOUND = "CertificateNotFound", EITHER, Awaited,
        "The certificate of a listener does not exist, is not issued or is not valid. An old listener serves on.",
        "Request or import it, or correct the name; it is tried again, at once with a new value of the annotation \
         `classiclb.dev/requested-at`.";
    SERVICE_NOT_FOUND = "ServiceNotFound", EITHER, Awaited,
        "`instancePortFrom` names a Service that does not exist in the namespace of the object.",
        "Create it, or name another.";
    SERVICE_PORT_NOT_FOUND = "ServicePortNotFound", EITHER, Awaited,
        "`instancePortFrom` names a port that the Service does not have, or has for UDP only.",
        "Name one of those that the message lists.";
    NODE_PORT_NOT_FOUND = "NodePortNotFound", EITHER, Awaited,
        "The port of the Service is not open on the Nodes.",
        "Make the Service one of type NodePort or LoadBalancer.";
    SERVICES_UNREAD = "ServicesUnread", EITHER, Reconciling,
        "The operator cannot list Services, or has not yet.",
        "See whether its ClusterRole lets it list and watch Services; `/readyz` tells more.";
    CONFIG_MAP_NOT_FOUND = "ConfigMapNotFound", EITHER, Awaited,
        "`publicKeys` names a ConfigMap that does not exist in the namespace of the object.",
        "Create it.";
    CONFIG_MAP_KEY_NOT_FOUND = "ConfigMapKeyNotFound", EITHER, Awaited,
        "The ConfigMap has no such key.",
        "Add it, or name another.";
    CONFIG_MAP_UNREADABLE = "ConfigMapUnreadable", EITHER, Reconciling,
        "The operator may not read the ConfigMap, or the API server does not answer.",
        "See whether its ClusterRole lets it get ConfigMaps.";
    PUBLIC_KEY_INVALID = "PublicKeyInvalid", EITHER, Stalled,
        "What the ConfigMap holds is no public key in PEM form.",
        "Put one there: it begins with `-----BEGIN PUBLIC KEY-----`.";
    AWS_ERROR = "AWSError", NOT_PROGRAMMED, Reconciling,
        "AWS, or something on the way to it, answered with an error whose code is no word.",
        "The message holds it; it is tried again.";
}

reasons! { TARGETS:
    ALL_IN_SERVICE = "AllInService", "`TargetsHealthy=True`", Neither,
        "Every wanted instance is in service.",
        "Nothing. The message adds what is odd about their zones.";
    UNHEALTHY = "Unhealthy", "`TargetsHealthy=False`", Neither,
        "Instances are not in service. `Ready` does not depend on it.",
        "Open the ports that the message names to the security group that it names, and see that the health check is \
         answered: [troubleshooting](../troubleshooting.md#instances-are-outofservice).";
    NO_TARGETS = "NoTargets", "`TargetsHealthy=False`", Neither,
        "No source in `spec.targets` names an instance.",
        "Correct the sources. For a Node, look at its labels and at `spec.providerID`.";
    NO_LOAD_BALANCER = "NoLoadBalancer", "`TargetsHealthy=Unknown`", Neither,
        "There is no load balancer to ask about instances.",
        "See the reason of `Ready`.";
}

reasons! { EVENTS:
    CREATED = "Created", NORMAL, Neither, "AWS accepted the new load balancer.", "Nothing.";
    UPDATED = "Updated", NORMAL, Neither,
        "The load balancer was changed; the note lists the calls.",
        "Nothing.";
    DRIFT_CORRECTED = "DriftCorrected", NORMAL, Neither,
        "The load balancer was as declared, and somebody else has changed it since; the note lists the calls that put it \
         right.",
        "See who changes it: CloudTrail tells. To let a part be, name it in `spec.ignoreDifferences`.";
    ADOPTED = "Adopted", NORMAL, Neither, "An existing load balancer was taken over.", "Nothing.";
    REPLACEMENT = "Replacement", NORMAL, Neither,
        "One load balancer takes the place of another; the note tells which step was taken.",
        "Nothing: [blue/green](../how-to/blue-green.md).";
    DELETED = "Deleted", NORMAL, Neither, "The load balancer is gone from AWS.", "Nothing.";
    RETAINED = "Retained", NORMAL, Neither,
        "The object was deleted and the load balancer stays, without the operator's tags, or with the instances that a binding \
         registered.",
        "Delete the load balancer, or deregister the instances, yourself if they are not needed.";
    UNBOUND = "Unbound", NORMAL, Neither,
        "A `ClassicLoadBalancerBinding` was deleted, and what it had registered was deregistered.",
        "Nothing.";
    RELEASED = "Released", NORMAL, Neither,
        "The object was deleted while nothing is written to AWS, so that the load balancer stays with the operator's \
         tags.",
        "Delete the load balancer yourself if it is not needed, or take it over again.";
    NOT_OWNED = "NotOwned", WARNING, Neither,
        "The object was deleted, and the load balancer of that name is not its own, so that it is left alone.",
        "Nothing, unless it should have been: then delete it in AWS.";
    UNDECODABLE = "Undecodable", WARNING, Neither,
        "The object cannot be read by this version of the operator and is left alone. It has no conditions from it.",
        "Update the operator, or fix the object.";
    ZONE_NOT_SERVED = "ZoneNotServed", WARNING, Neither,
        "Instances are registered in a zone that the load balancer does not serve: they get no traffic.",
        "Add the zone to `spec.availabilityZones`, or a subnet of it to `spec.subnets`.";
    ZONE_WITHOUT_INSTANCES = "ZoneWithoutInstances", WARNING, Neither,
        "A zone is served and has no registered instance: clients that reach it get no answer without \
         `attributes.crossZone`.",
        "Add instances there, or take the zone out.";
    LEADER_ELECTION = "LeaderElection", NORMAL, Neither,
        "Of the Lease: another of the operator's pods leads from now on; the note names it.",
        "Nothing, unless it comes often: then see why pods end, or do not reach the API server in time.";
}

/// Those that say that an object may or can not use its account.
pub const OF_ACCOUNTS: [&str; 3] = [ACCOUNT_NOT_FOUND, ACCOUNT_NOT_READY, ACCOUNT_NOT_ALLOWED];

/// Whether an object waits for somebody that a condition of this reason is about; `None`: the word is not one of ours.
pub fn progress_of(reason: &str) -> Option<Progress> {
    let entry = CONDITIONS.iter().find(|entry| entry.reason == reason)?;
    Some(entry.progress)
}

/// Every entry.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    CONDITIONS.iter().chain(TARGETS).chain(EVENTS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn reasons_are_words_and_each_stands_once() {
        let mut seen = BTreeSet::new();
        for entry in all() {
            assert!(seen.insert(entry.reason), "{} stands twice", entry.reason);
            assert!(
                entry.reason.chars().all(|c| c.is_ascii_alphanumeric()),
                "{}",
                entry.reason
            );
            assert!(
                entry.meaning.ends_with('.') && entry.remedy.ends_with('.'),
                "{} has no sentences",
                entry.reason
            );
        }
    }
}
