//! Whose a load balancer is, and how it is taken over.

use crate::api::reason;

messages! { OWNERSHIP:
    fn foreign(name, region, owner, tag) [reason::CONFLICT]
        "the load balancer {name} in {region} belongs to {owner} and is not touched; delete this object, which leaves \
         the load balancer alone, and make it again with another loadBalancerName; or, where that owner is gone, set \
         spec.adopt: true and the tag {tag} on the load balancer";
    fn foreign_for_good(name, region, owner) [reason::CONFLICT]
        "the load balancer {name} in {region} belongs to {owner} and is not touched; the operator runs with \
         --adoption=never, or the AWSAccount says so, so it cannot be taken over; delete this object, which leaves the load \
         balancer alone, and make it again with another loadBalancerName";
    fn restored(name, region, uid) [reason::CONFLICT]
        "the load balancer {name} in {region} belongs to an earlier object of this name (uid {uid}), as after a \
         restore from a backup, and is not touched; to take it over, set spec.adopt: true";
    fn restored_for_good(name, region, uid) [reason::CONFLICT]
        "the load balancer {name} in {region} belongs to an earlier object of this name (uid {uid}), as after a \
         restore from a backup, and is not touched; the operator runs with --adoption=never, or the AWSAccount \
         says so, so it cannot be taken over";
    fn owner_lives(name, region, uid) [reason::CONFLICT]
        "the load balancer {name} in {region} belongs to an object of this cluster that exists (uid {uid}) and is not \
         touched; delete that object with spec.deletionPolicy: Retain first";
    fn replaced(name, time, known_time) [reason::CONFLICT]
        "the load balancer {name} was created at {time}, ours at {known_time}: it was replaced behind the operator's \
         back and is not touched; delete it to let this object be told Lost, or delete this object, which leaves it \
         alone, and make it again with spec.adopt: true to take the other one over";
    part unknown_time() [reason::CONFLICT] "an unknown time";
    fn contested(name) [reason::CONFLICT]
        "the tags of the load balancer {name} changed while it was taken over; it is tried again";
    fn tags_not_shown(name) [reason::CREATING]
        "AWS accepted the tags that prove the load balancer {name} to be this object's and does not show them yet";
    fn name_taken(message_of_aws) [reason::CONFLICT]
        "{message_of_aws}; delete that load balancer, or make this object anew with another loadBalancerName";

    fn other_cluster(other, cluster_id) [reason::CONFLICT]
        "the operator of the cluster id {other} has taken this object up, and this one has {cluster_id}: give it its former \
         cluster id back, or end one of the two; to hand the object over for good, remove status.clusterId";
    fn nothing_to_adopt(name, region) [reason::NOTHING_TO_ADOPT]
        "spec.adopt is true, and there is no load balancer {name} in {region}; none is made. Correct the name, the region \
         or the account, or take spec.adopt out to have a new one. It is looked for every minute";
    fn nothing_to_adopt_but(name, region, similar) [reason::NOTHING_TO_ADOPT]
        "spec.adopt is true, and there is no load balancer {name} in {region}, but {similar}; none is made. Correct the \
         name, the region or the account, or take spec.adopt out to have a new one. It is looked for every minute";
    part of_nobody(name, region) [reason::NOT_ADOPTED]
        "a load balancer {name} in {region} exists that this operator did not make and it is not touched";
    part unproven(name, region) [reason::NOT_ADOPTED]
        "the tags that prove the load balancer {name} in {region} to belong to this object were removed, so it is not \
         touched";
    fn ask_and_offer(what, tag) [reason::NOT_ADOPTED]
        "{what}; to take it over, set spec.adopt: true and the tag {tag} on the load balancer";
    fn offer(what, tag) [reason::NOT_ADOPTED] "{what}; to take it over, set the tag {tag} on the load balancer";
    fn ask(what) [reason::NOT_ADOPTED] "{what}; to take it over, set spec.adopt: true";
    fn offered_to_another(what, its_tag, tag) [reason::NOT_ADOPTED]
        "{what}; it is offered to another object by its tag {its_tag}: to take it over, set the tag {tag} on it";
    fn of_a_service(what, service, tag) [reason::NOT_ADOPTED]
        "{what}; its tags name it the load balancer of the Service {service}, whose controller would go on to change \
         it: take it from that controller first, and then, to take it over, set the tag {tag} on it";
    fn of_kops(what, cluster, tag) [reason::NOT_ADOPTED]
        "{what}; its name and its tags say that it serves the API servers of the kOps cluster {cluster}, and kOps would go on to \
         change it: leave it to kOps; only the tag {tag} on it would have it taken over all the same";
    fn never_adopted(what) [reason::NOT_ADOPTED]
        "{what}; the operator runs with --adoption=never, or the AWSAccount says so, so it cannot be taken over; delete this \
         object, which leaves the load balancer alone, and make it again with another loadBalancerName";

    fn account_changed(name, account, answering) [reason::ACCOUNT_CHANGED]
        "the load balancer {name} is in account {account}, but the operator's credentials are of account {answering}: nothing \
         is written until they are of {account} again";
    fn other_scheme(declared, name, scheme) [reason::INVALID]
        "spec.scheme: {declared}, but the load balancer {name} is {scheme}, which AWS cannot change; delete this \
         object and make it again with spec.scheme: {scheme}";

    fn other_scheme_now(declared, name, scheme) [reason::INVALID]
        "spec.scheme: {declared}, but the load balancer {name} is {scheme}, which AWS cannot change; set it back, or set \
         spec.replacement to BlueGreen";

    fn not_owned(name, region, owner) [reason::NOT_OWNED]
        "the load balancer {name} in {region} belongs to {owner}; it is left as it is and this object is released";
    part nobody() [reason::NOT_OWNED] "nobody that its tags name";
    part later_creation() [reason::NOT_OWNED] "a later creation under the same name";
}
