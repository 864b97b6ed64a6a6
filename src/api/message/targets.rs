//! Instances: where they come from, how they leave and how they are.

use crate::api::reason::{self, AWS_CODE};

messages! { TARGETS:
    fn nodes_not_listed() [reason::NODE_VIEW_SUSPECT]
        "no instance is deregistered: the Nodes have not been listed yet";
    fn nodes_not_readable(why) [reason::NODE_VIEW_SUSPECT]
        "no instance is deregistered: the Nodes cannot be listed: {why}";
    fn nodes_not_watched(why) [reason::NODE_VIEW_SUSPECT]
        "no instance is deregistered: the Nodes cannot be watched: {why}";
    fn no_nodes() [reason::NODE_VIEW_SUSPECT] "no instance is deregistered: the cluster has no Nodes at all";
    fn most_nodes_lost(count_before, count) [reason::NODE_VIEW_SUSPECT]
        "no instance is deregistered: the cluster went from {count_before} to {count} Nodes at once";
    fn most_nodes_lost_at_start(count, count_before) [reason::NODE_VIEW_SUSPECT]
        "no instance is deregistered: {count} Nodes match since the operator started, and {count_before} instances came \
         from Nodes";
    fn most_nodes_unready(count, count_of_all) [reason::NODE_VIEW_SUSPECT]
        "no instance is deregistered: {count} of {count_of_all} Nodes became not ready at once, and the load balancer's own \
         health checks still pass";
    fn no_node_matches() [reason::NODE_VIEW_SUSPECT]
        "no instance is deregistered: spec.targets.nodeSelector matches no Node, though registered instances came from it; to \
         deregister them all the same, remove nodeSelector from targets";
    fn no_tagged_instance() [reason::TARGETS_SUSPECT]
        "no instance is deregistered: spec.targets.instanceTags matches no instance that runs, though registered instances came \
         from it; to deregister them all the same, remove instanceTags from targets";
    fn empty_group(group) [reason::TARGETS_SUSPECT]
        "no instance is deregistered: the Auto Scaling group {group} has no instance in service, though registered \
         instances came from it; to deregister them all the same, remove it from spec.targets.autoScalingGroups";
    under tags_not_looked_up(message_of_aws) [AWS_CODE]
        "spec.targets.instanceTags cannot be looked up, so no instance is deregistered: {message_of_aws}";
    under groups_not_looked_up(message_of_aws) [AWS_CODE]
        "spec.targets.autoScalingGroups cannot be looked up, so no instance is deregistered: {message_of_aws}";

    fn unknown_instances(ids) [reason::INSTANCE_NOT_FOUND]
        "spec.targets.instanceIds names instances that AWS does not register, since they do not exist, do not run or are \
         of another VPC; correct or remove the ids, or start the instances: {ids}";
    fn no_such_groups(groups, region) [reason::AUTO_SCALING_GROUP_NOT_FOUND]
        "spec.targets.autoScalingGroups names groups that do not exist in {region}, where the load balancer is: {groups}; correct the \
         names, or create the groups there, in the load balancer's account";

    fn draining(waiting, draining, percent) [reason::DEREGISTERING]
        "registered instances that are no targets any more and wait to be deregistered: {waiting}; {draining} that left \
         before still drain, and at most {percent} percent leave at once (registration.maxDeregisterPercent)";
    fn service_unread(waiting) [reason::DEREGISTERING]
        "registered instances that are no targets any more and wait to be deregistered: {waiting}; it could not be read \
         which instances are in service";
    fn kept_in_service(waiting, in_service, minimum) [reason::DEREGISTERING]
        "registered instances that are no targets any more and wait to be deregistered: {waiting}; {in_service} are \
         in service and {minimum} must stay; add targets, or set registration.minInService to 0 to let the load \
         balancer run empty";
    fn group_kept_in_service(waiting, others, minimum) [reason::DEREGISTERING]
        "registered instances that are no targets any more and wait to be deregistered: {waiting}; the members of an Auto \
         Scaling group leave together when it is detached, {others} others are in service and {minimum} must stay; add \
         targets, or set registration.minInService to 0 to let the load balancer run empty";

    fn all_in_service(count) [reason::ALL_IN_SERVICE] "all {count} wanted instances are in service";
    fn unhealthy(count, wanted, instances, advice) [reason::UNHEALTHY]
        "{count} of {wanted} wanted instances are not in service: {instances}; {advice}";
    part must_answer(ports) [reason::UNHEALTHY] "they must answer the health check and let in {ports}";
    part must_answer_from(ports, group) [reason::UNHEALTHY]
        "they must answer the health check and let in {ports} from security group {group}";
    part take_out() [reason::UNHEALTHY] "take their Nodes, tags or ids out of the targets, or start them";
    part start_stopped(ports) [reason::UNHEALTHY]
        "start them, or take them out of the targets. Once they run they must answer on {ports}";
    part unserved() [reason::UNHEALTHY] "their zones are not served";
    part advice_for(instances, advice) [reason::UNHEALTHY] "{instances}: {advice}";
    part one_port(port) [reason::UNHEALTHY] "port {port}";
    part several_ports(ports) [reason::UNHEALTHY] "ports {ports}";
    part refused_by_aws() [reason::UNHEALTHY]
        "AWS does not register it, since it does not exist, does not run or is of another VPC";
    part not_registered() [reason::UNHEALTHY] "not registered";
    fn health_unread() [reason::PENDING] "the health of instances that were just registered was not read yet";
    under health_not_read(message_of_aws) [AWS_CODE]
        "the health of the instances cannot be read: {message_of_aws}";
    fn no_targets() [reason::NO_TARGETS] "no instance is a target";
    fn found_none(why) [reason::NO_TARGETS] "no instance is a target: {why}";
    part selects_none(count) [reason::NO_TARGETS]
        "spec.targets.nodeSelector selects none of {count} Nodes; correct its labels, or those of the Nodes";
    part tags_match_none(vpc) [reason::NO_TARGETS]
        "spec.targets.instanceTags matches no instance that runs in {vpc}; correct the tags, or those of the instances";
    part groups_hold_none() [reason::NO_TARGETS]
        "spec.targets.autoScalingGroups names groups that have no instance; let them launch some, or name others";
    part skipped_nodes(count, selected, nodes) [reason::ALL_IN_SERVICE, reason::UNHEALTHY, reason::NO_TARGETS]
        "{count} of {selected} selected Nodes are no targets: {nodes}";
    part no_instance() [reason::NO_TARGETS] "no EC2 instance";
    part named_of_other_region(id, zone, region) [reason::INSTANCE_NOT_FOUND]
        "{id} (in {zone}, and the load balancer in {region})";
    part of_other_region(zone, region) [reason::NO_TARGETS] "in {zone}, and the load balancer in {region}";
    fn no_balancer() [reason::NO_LOAD_BALANCER] "there is no load balancer";

    under advised(message, advice) [reason::ALL_IN_SERVICE, reason::UNHEALTHY, reason::NO_TARGETS] "{message}; {advice}";
    part uneven(zones) [reason::ALL_IN_SERVICE, reason::UNHEALTHY]
        "the instances are spread unevenly ({zones}), and each zone gets an equal share of the clients: even them out, or \
         set attributes.crossZone";
    part seldom_read() [reason::ALL_IN_SERVICE, reason::UNHEALTHY]
        "their health is read less often than asked for, since all of the operator's share of AWS's rate is used";
    fn zone_not_served(count, zone) [reason::ZONE_NOT_SERVED]
        "registered instances that get no traffic, since the load balancer does not serve their zone {zone}: {count}; add the \
         zone to spec.availabilityZones, or a subnet of it to spec.subnets";
    fn zone_without_instances(zone) [reason::ZONE_WITHOUT_INSTANCES]
        "{zone} is served and has no registered instance: add instances there, or take the zone out";
}
