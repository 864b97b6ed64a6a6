//! The messages of conditions and Events, by reason, as templates: `<…>` stands for what is filled in. A test finds the
//! fixed parts of each in the sources, so that a message that changes there must change here.

use super::reason::{self, AWS_CODE};

/// A message, with the reason that it is told with.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// The reason.
    pub reason: &'static str,
    /// The text.
    pub template: &'static str,
}

macro_rules! messages {
    ($( $reason:expr => $($template:literal),+; )*) => {
        /// Every message.
        pub const ALL: &[Message] = &[$($( Message { reason: $reason, template: $template }, )+)*];
    };
}

messages! {
    reason::READY => "the balancer is as declared";
    reason::ACCEPTED => "the spec can be realised and the name is ours";
    reason::PROGRAMMED => "AWS equals the spec";
    reason::PENDING =>
        "not looked at yet",
        "the health of instances that were just registered was not read yet";
    reason::INVALID =>
        "spec.region is not given and the operator has no region of its own: set AWS_REGION for the operator",
        "spec.scheme: <scheme>, but the balancer <name> is <scheme>, which AWS cannot change; delete this object and make \
         it anew with spec.scheme: <scheme>",
        "<field>: <subnet> is in <zone>: Classic balancers cannot be in Local Zones, Wavelength Zones or on Outposts; take \
         it out",
        "<field>: <subnet> is in <VPC>, but the balancer is in <VPC> and cannot move to another VPC: give subnets of its \
         VPC, or make a new object",
        "<field>: all subnets must be of one VPC, but <subnet> is in <VPC>, …: take the others out",
        "<field>: at most one subnet of each Availability Zone can be given, but <subnet> and <subnet> are both in <zone>: \
         take one of them out",
        "<field>.vpcId: the balancer is in <VPC> and cannot move to <VPC>: set it back, or make a new object",
        "spec.subnets: at most one subnet of each Availability Zone can be given: <message of AWS>";
    reason::CONFLICT =>
        "the balancer <name> in <region> belongs to <owner> and is not touched; delete this object, which leaves the \
         balancer alone, and make it again with another loadBalancerName; or, where that owner is gone, set spec.adopt: \
         true and the tag <tag> on the balancer",
        "the balancer <name> in <region> belongs to an earlier object of this name (uid <uid>), as after a restore from a \
         backup, and is not touched; to take it over, set spec.adopt: true",
        "the balancer <name> in <region> belongs to an object of this cluster that exists (uid <uid>) and is not touched; \
         delete that object with spec.deletionPolicy: Retain first",
        "the balancer <name> was created at <time>, ours at <time>: it was replaced behind the operator's back and is not \
         touched; delete it to let this object be told Lost, or delete this object, which leaves it alone, and make it \
         anew with spec.adopt: true to take the other one over",
        "the tags of the balancer <name> changed while it was taken over; it is tried again";
    reason::NOT_ADOPTED =>
        "a balancer <name> in <region> exists that this operator did not make and it is not touched; <way>",
        "the tags that prove the balancer <name> in <region> to belong to this object were removed, so it is not touched; \
         <way>",
        "<…>; to take it over, set spec.adopt: true and the tag <tag> on the balancer",
        "<…>; to take it over, set the tag <tag> on the balancer",
        "<…>; to take it over, set spec.adopt: true",
        "<…>; it is offered to another object by its tag <tag>: to take it over, set the tag <tag> on it",
        "<…>; the operator runs with --adoption=never, so it cannot be taken over; delete this object, which leaves the \
         balancer alone, and make it again with another loadBalancerName";
    reason::LOST =>
        "the balancer <name> was deleted in AWS behind the operator's back; a new one would have another DNS name, so it \
         is made only on request: set spec.recreatePolicy to Always, or delete this object";
    reason::CREATING => "AWS accepted the balancer but does not show it yet";
    reason::DELETING =>
        "deletion waits: spec.region is not given and the operator has no region of its own: set AWS_REGION",
        "AWS may still be making the balancer <name>",
        "AWS is deleting the balancer <name>",
        "waiting for Auto Scaling groups to let go of the balancer: <groups>";
    reason::DELETION_PROTECTED =>
        "deletion waits: spec.deletionProtection is true; set spec.deletionProtection to false to let it go on. Until \
         then the balancer is kept as declared";
    reason::OBSERVING =>
        "spec.management is Observe, so nothing is written to AWS: <what would be>",
        "the operator runs with --read-only, so nothing is written to AWS: <what would be>",
        "<…>: no call would be made",
        "<…>: <n> calls would be made, see status.plan";
    reason::SUSPENDED =>
        "spec.management is Suspended: nothing is read from or written to AWS",
        "deletion waits: spec.management is Suspended; set it to Full to go on, or set spec.deletionPolicy to Retain as \
         well to keep the balancer";
    reason::DEREGISTERING =>
        "registered instances that are no targets any more and wait to be deregistered: <n>; <why>",
        "<…>; <n> that left before still drain, and at most <n> percent leave at once \
         (registration.maxDeregisterPercent)",
        "<…>; it could not be read which instances are in service",
        "<…>; <n> are in service and <n> must stay; add targets, or set registration.minInService to 0 to let the balancer \
         run empty";
    reason::NODE_VIEW_SUSPECT => "no instance is deregistered: <why>";
    reason::TARGETS_SUSPECT =>
        "no instance is deregistered: targets.instanceTags matches no instance that runs, though registered instances came \
         from it; to deregister them all the same, remove instanceTags from targets",
        "no instance is deregistered: the Auto Scaling group <group> has no instance in service, though registered \
         instances came from it; to deregister them all the same, remove it from targets.autoScalingGroups";
    reason::INSTANCE_NOT_FOUND =>
        "targets.instanceIds names instances that AWS does not register, since they do not exist, do not run or are of \
         another VPC: <ids>";
    reason::AUTO_SCALING_GROUP_NOT_FOUND =>
        "targets.autoScalingGroups names groups that do not exist: <groups>";
    reason::SUBNET_NOT_FOUND =>
        "<field>: not in this account and region: <ids>; correct the ids, or create the subnets",
        "spec.subnets: none of them is in this account and region: correct the ids, or create the subnets",
        "<field>: no subnet in <place> has all the tags and lies in an Availability Zone: correct the tags, or tag the \
         subnets",
        "<field>: <n> subnets have the tags, but none of them is <role>, that is, has <no route> to an Internet gateway: \
         correct the route tables, the tags or the role";
    reason::VPC_NOT_FOUND =>
        "spec.availabilityZones: the region has no default VPC, which balancers that name zones are made in: name subnets \
         instead";
    reason::SECURITY_GROUP_NOT_FOUND =>
        "<field>.tags: no security group in <VPC> has all these tags: correct them, or tag the groups",
        "<field>.names: no security group in <VPC> has the name <names>: create it, or correct the name";
    reason::AMBIGUOUS_VPC =>
        "<field>: subnets of several VPCs match (<VPCs>): set <field>.vpcId to one of them",
        "<field>: groups of several VPCs match (<VPCs>), and which one the balancer will be in cannot be told: give the \
         ids in spec.securityGroups";
    reason::NOT_ENOUGH_ADDRESSES =>
        "<field>: fewer than <n> addresses are free in <subnets>: free some, or take other subnets";
    reason::NEEDS_TEMPORARY_SUBNET =>
        "<field>: <subnet> shall take the place of <subnet>, the only subnet and of the same Availability Zone <zone>, and \
         a balancer has at least one subnet and one of each zone: <remedy>",
        "<…>: set spec.allowTemporarySubnet to true to let the operator attach a subnet of another zone for a moment, or \
         add one yourself",
        "<…>: no other zone of <VPC> has a subnet with room to borrow: create one";
    reason::LISTENER_IGNORED =>
        "spec.healthCheck is not set: <target> checks the instance port <port>, which only a declared listener brings, and \
         spec.ignoreDifferences leaves the listeners as AWS has them: open that listener in AWS, check another port, or \
         take Listeners out of spec.ignoreDifferences";
    reason::CERTIFICATE_NOT_FOUND =>
        "<field>: no certificate that is issued and valid is found for <name>; request or import one",
        "<operation>: CertificateNotFound: no issued server certificate is found for the key: <ARN>",
        "listener <port> was refused as declared and serves as before: <message of AWS>; it is tried again at the next \
         resync, or when the spec changes";
    reason::SERVICE_NOT_FOUND =>
        "listeners[port=<port>].instancePortFrom: there is no Service <name> in namespace <namespace>: create it, or name \
         another";
    reason::SERVICE_PORT_NOT_FOUND =>
        "listeners[port=<port>].instancePortFrom: the Service <name> has no <port>: its ports are <ports>";
    reason::NODE_PORT_NOT_FOUND =>
        "listeners[port=<port>].instancePortFrom: port <port> of the Service <name> has no node port: make the Service one \
         of type NodePort or LoadBalancer";
    reason::SERVICES_UNREAD =>
        "listeners[port=<port>].instancePortFrom: Services cannot be read: <why>",
        "<…>: they have not been listed yet";
    reason::CONFIG_MAP_NOT_FOUND => "<field>: there is no ConfigMap <name> in namespace <namespace>; create it";
    reason::CONFIG_MAP_KEY_NOT_FOUND => "<field>: the ConfigMap <name> has no key <key>; add it";
    reason::CONFIG_MAP_UNREADABLE => "<field>: the ConfigMap <name> could not be read: <error>";
    reason::PUBLIC_KEY_INVALID => "<field>: the key <key> of the ConfigMap <name> holds no public key in PEM form";
    reason::ALL_IN_SERVICE => "all <n> wanted instances are in service";
    reason::UNHEALTHY =>
        "<n> of <n> wanted instances are not in service: <instances>; they must answer the health check and let in port \
         <ports> from security group <group>";
    reason::NO_TARGETS => "no instance is a target";
    reason::NO_LOAD_BALANCER => "there is no balancer";
    reason::CREATED => "created the balancer <name>";
    reason::ADOPTED => "took over the balancer <name>";
    reason::DELETED => "the balancer <name> does not exist in <region> any more";
    reason::RETAINED => "the balancer <name> stays in <region> as it is and has no owner any more";
    reason::RELEASED =>
        "<why>: nothing is written to AWS, so a balancer <name> in <region> stays as it is, with the tags that name this \
         object";
    reason::NOT_OWNED =>
        "the balancer <name> in <region> belongs to <owner>; it is left as it is and this object is released";
    reason::UNDECODABLE =>
        "this object cannot be read by this version of the operator and is left alone: <error>; update the operator or \
         mend the object";
    reason::ZONE_NOT_SERVED =>
        "<n> registered instances are in <zone>, which the balancer does not serve, so they get no traffic: add the zone \
         to spec.availabilityZones, or a subnet of it to spec.subnets";
    reason::ZONE_WITHOUT_INSTANCES =>
        "<zone> is served and has no registered instance: add instances there, or take the zone out";
    AWS_CODE =>
        "<operation>: <code>: <message of AWS>",
        "<…>; the old listener was put back and serves",
        "<…>: of the subnets declared and attached, two lie in one Availability Zone",
        "<field> cannot be looked up: <…>; give the operator's IAM role the permission ec2:<operation>",
        "<field>: <certificate> could not be looked up: <…>",
        "targets.instanceTags cannot be looked up, so no instance is deregistered: <…>",
        "targets.autoScalingGroups cannot be looked up, so no instance is deregistered: <…>",
        "deletion waits: <…>",
        "<message of the first problem> (and <n> more, see status.errors)";
}
