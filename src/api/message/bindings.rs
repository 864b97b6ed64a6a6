//! Instances that are registered with a load balancer of somebody else.

use crate::api::reason;

messages! { BINDINGS:
    fn not_bound(name, region, tag) [reason::NOT_BOUND]
        "the load balancer {name} in {region} is somebody else's and not offered to this object: no instance is registered; \
         to offer it, set the tag {tag} on the load balancer";
    fn bound_by_others(name, region, its_tag, tag) [reason::NOT_BOUND]
        "the load balancer {name} in {region} is somebody else's and its tag {its_tag} does not offer it to this object: no \
         instance is registered; to offer it to this object as well, set the tag {tag} on the load balancer";
    fn never_bound(name, region) [reason::NOT_BOUND]
        "the load balancer {name} in {region} is somebody else's: no instance is registered; the operator runs with \
         --binding=never, or the AWSAccount says so";
    fn nothing_to_bind(name, region) [reason::LOAD_BALANCER_NOT_FOUND]
        "spec.loadBalancerName: there is no load balancer {name} in {region}. It is looked for again by itself; where the name, \
         the region or the account is wrong, delete this object and make it anew";

    fn claims_unread(kinds, why) [reason::TARGETS_SUSPECT]
        "no instance is deregistered, since others may want it: {kinds} cannot be listed: {why}";
    fn claims_cut() [reason::TARGETS_SUSPECT]
        "no instance is deregistered, since others may want it: another object wants more instances of the load balancer \
         than its status lists, and was not reconciled since the operator began to lead";

    fn perhaps_registered(name) [reason::DELETING]
        "AWS does not show all instances that this object registered with the load balancer {name}, and is asked once more \
         before that is believed";
    fn others_unknown(name) [reason::DELETING]
        "waiting for the other objects that may want instances of the load balancer {name}";
    fn unbound(name, region, instances) [reason::UNBOUND]
        "instances that this object had registered with the load balancer {name} in {region} and that were deregistered: \
         {instances}";
    part group_left(group) [reason::UNBOUND] "those of the Auto Scaling group {group}";
    part no_instances() [reason::UNBOUND] "none";
    fn bond_retained(name, region) [reason::RETAINED]
        "the instances that this object registered with the load balancer {name} in {region} stay registered";
    fn bond_withdrawn(name, region) [reason::NOT_OWNED]
        "the load balancer {name} in {region} is not offered to this object any more; the instances that it registered stay as \
         they are and it is released";
    fn bond_gone(name, region) [reason::UNBOUND]
        "the load balancer {name} does not exist in {region} any more, so there is nothing to deregister";
}
