//! How an object fares, from its creation to its deletion.

use crate::api::reason;

messages! { LIFE:
    fn became_leader(pod) [reason::LEADER_ELECTION] "{pod} became leader";
    fn ready() [reason::READY] "the load balancer is as declared";
    fn accepted() [reason::ACCEPTED] "the spec can be realised and the load balancer is this object's to work on";
    fn programmed() [reason::PROGRAMMED] "AWS matches the spec";
    fn not_looked_at() [reason::PENDING] "not looked at yet";
    fn not_accepted(message_of_accepted) [reason::NOT_ACCEPTED_REASON] "{message_of_accepted}";
    under and_more(message_of_the_first_problem, count) [reason::ANY]
        "{message_of_the_first_problem} (and {count} more, see status.errors)";
    part and_others(names, count) [reason::ANY] "{names} and {count} more";

    fn no_region() [reason::INVALID]
        "spec.region is not given and the operator has no region of its own: set AWS_REGION for the operator";
    fn unknown_own_region(region) [reason::INVALID]
        "spec.region is not given, and the operator's own region {region} is none that this version knows: correct AWS_REGION for \
         the operator, or let the region in with --extra-regions";
    fn misspelt_own_region(region, likely) [reason::INVALID]
        "spec.region is not given, and the operator's own region {region} is none that this version knows: {likely} may be meant; \
         correct AWS_REGION for the operator, or let the region in with --extra-regions";
    fn timeout_over_interval(timeout, interval) [reason::INVALID]
        "spec.healthCheck: with what AWS has of it, the timeout would be {timeout} s and the interval {interval} s, and the one must \
         be less than the other: give timeoutSeconds and intervalSeconds";
    fn creating() [reason::CREATING] "AWS accepted the load balancer but does not show it yet";
    fn lost(name) [reason::LOST]
        "the load balancer {name} was deleted in AWS behind the operator's back; a new one would have another DNS \
         name, so it is made only on request: set spec.recreatePolicy to Always, or delete this object";

    fn observing(what_would_be) [reason::OBSERVING]
        "spec.management is Observe, so nothing is written to AWS: {what_would_be}";
    fn reading_only(what_would_be) [reason::OBSERVING]
        "the operator runs with --read-only, so nothing is written to AWS: {what_would_be}";
    part no_call() [reason::OBSERVING] "no call would be made";
    part one_call() [reason::OBSERVING] "1 call would be made, see status.plan";
    part calls(count) [reason::OBSERVING] "{count} calls would be made, see status.plan";
    part and_takes_away(calls, what) [reason::OBSERVING] "{calls}. They take something away: {what}";
    part takes_away(call) [reason::OBSERVING] "{call} (takes something away)";
    fn differs(what_would_be) [reason::DIFFERS] "AWS differs from the spec, and nothing is written: {what_would_be}";
    part further_calls(count) [reason::OBSERVING] "and {count} more";
    fn suspended() [reason::SUSPENDED] "spec.management is Suspended: nothing is read from or written to AWS";

    fn deletion_suspended() [reason::SUSPENDED]
        "deletion waits: spec.management is Suspended; set it to Full to go on, after spec.deletionPolicy to Retain \
         where the load balancer is to be kept";
    fn deletion_protected() [reason::DELETION_PROTECTED]
        "deletion waits: spec.deletionProtection is true; set spec.deletionProtection to false to let it go on. Until \
         then the load balancer is kept as declared";
    fn deletion_without_region(why) [reason::DELETING] "deletion waits: {why}";
    fn deletion_of_another(other, cluster_id, name) [reason::DELETING]
        "deletion waits: the operator of the cluster id {other} has taken this object up, and this one has {cluster_id}: give it \
         its former cluster id back, or end one of the two; to release this object and leave the load balancer {name} as it is, \
         remove status.clusterId";
    fn perhaps_gone(name) [reason::DELETING]
        "AWS says that the load balancer {name} does not exist, and is asked once more before that is believed";
    fn perhaps_disowned(name) [reason::DELETING]
        "the tags of the load balancer {name} do not say any more that it is this object's; they are read once more before that is \
         believed";
    fn perhaps_creating(name) [reason::DELETING] "AWS may still be making the load balancer {name}";
    fn deleting(name) [reason::DELETING] "AWS is deleting the load balancer {name}";
    fn detaching(groups) [reason::DELETING] "waiting for Auto Scaling groups to let go of the load balancer: {groups}";

    fn replacing(former, successor, waits) [reason::REPLACING]
        "the load balancer {successor} is to take the place of {former}, which serves until then: {waits}";
    part replacement_not_permitted() [reason::REPLACING]
        "set spec.replacement to BlueGreen, or set spec.scheme, spec.loadBalancerName and the subnets back";
    fn vpc_not_told(why) [reason::REPLACING]
        "which of the two load balancers the spec asks for cannot be told, since the VPC of what it names is not known, so both \
         stay: {why}";
    part successor_would_come() [reason::REPLACING] "it would be made beside first";
    part successor_comes() [reason::REPLACING] "it is being made";
    part successor_warms(in_service, needed) [reason::REPLACING]
        "{in_service} of the {needed} instances that it must have in service are";
    part successor_warms_up() [reason::REPLACING]
        "it is to have enough instances in service first, see status.replacement";
    part another_kept(name) [reason::REPLACING] "{name}, which clients may still use, is kept and removed first";
    part another_goes(name) [reason::REPLACING] "{name} is removed first";
    part successor_troubled(why) [reason::REPLACING] "it is not as declared: {why}";
    part former_kept(until) [reason::REPLACEMENT] "kept until {until} for clients that still know its DNS name";
    part former_kept_longer(name) [reason::REPLACEMENT]
        "kept longer, since too few instances are in service at {name}";
    part being_removed() [reason::REPLACEMENT] "it is being removed";
    fn replacement_begun(former, successor) [reason::REPLACEMENT]
        "the load balancer {successor} is made to take the place of {former}";
    fn replacement_moved(former, successor, until) [reason::REPLACEMENT]
        "status.dnsName is that of {successor} now; {former} is kept until {until}";
    fn replacement_called_off(former, successor) [reason::REPLACEMENT]
        "{former} stays, and {successor} is removed: the spec asks for it no more";
    fn replacement_ends(former) [reason::REPLACEMENT] "{former} was kept long enough and is removed";

    fn created(name) [reason::CREATED] "created the load balancer {name}";
    fn updated(calls) [reason::UPDATED] "{calls}";
    fn drift_corrected(calls) [reason::DRIFT_CORRECTED] "somebody else changed it in AWS: {calls}";
    fn adopted(name) [reason::ADOPTED] "took over the load balancer {name}";
    fn deleted(name, region) [reason::DELETED] "the load balancer {name} does not exist in {region} any more";
    fn retained(name, region) [reason::RETAINED]
        "the load balancer {name} stays in {region} as it is and has no owner any more";
    fn released_observed(name, region) [reason::RELEASED]
        "spec.management is Observe: nothing is written to AWS, so a load balancer {name} in {region} stays as it is, \
         with the tags that name this object";
    fn released_read_only(name, region) [reason::RELEASED]
        "the operator runs with --read-only: nothing is written to AWS, so a load balancer {name} in {region} stays \
         as it is, with the tags that name this object";
    fn undecodable(error) [reason::UNDECODABLE]
        "this object cannot be read by this version of the operator and is left alone: {error}; update the operator or \
         fix the object";
    fn undecodable_and_deleted(error, finalizer) [reason::UNDECODABLE]
        "deletion waits: this object cannot be read by this version of the operator, so nothing is deleted in AWS: {error}; \
         update the operator or fix the object; or take the finalizer {finalizer} off, which leaves the load balancer behind";
}
