//! What the operator refuses in a spec, for objects that were stored under an older definition and for what no rule of
//! the API server can see.

refusals! { REFUSALS:
    fn illegal_name() "loadBalancerName" "must be 1 to 32 letters, digits and hyphens, with no hyphen at its ends" =>
        "Make the object anew with a legal `loadBalancerName`.";
    fn name_of_another(name, object) "loadBalancerName"
        "{name} is the name that the load balancer of {object} has where none is declared" =>
        "Make the object anew with another `loadBalancerName`, or without one.";
    fn name_like_a_default(name) "loadBalancerName"
        "{name} has the form of the names that are made of a namespace and an object where none is declared, so that it may be that of \
         another object: give it another end than a hyphen and 8 hexadecimal digits, or be shorter" =>
        "Make the object anew with another `loadBalancerName`, or without one.";
    fn region_moved(former, region) "region"
        "this load balancer lives in {former}, but the region is now {region}: give the operator its former region \
         back" =>
        "Set the operator's `AWS_REGION` back. To move the load balancer, make a new object.";
    fn unknown_region(region) "region"
        "{region} is no region that this version knows; the region of an object cannot be changed, so delete it \
         and make it anew" =>
        "Make the object anew with another `region`. Where there is such a region, let it in with the operator's \
         `--extra-regions` (`CLB_EXTRA_REGIONS`).";
    fn misspelt_region(region, likely) "region"
        "{region} is no region that this version knows: {likely} may be meant; the region of an object cannot be \
         changed, so delete it and make it anew" =>
        "Make the object anew with another `region`. Where there is such a region, let it in with the operator's \
         `--extra-regions` (`CLB_EXTRA_REGIONS`).";
    fn renamed(former, name) "loadBalancerName"
        "this load balancer is {former}, but it would be called {name} now, since the name follows from the cluster \
         id, and that changed: give the operator its former cluster id back" =>
        "Set `--cluster-id` (`CLB_CLUSTER_ID`) back. Nothing is done to the load balancer, also when the object is \
         deleted.";
    fn no_placement() "availabilityZones"
        "exactly one of availabilityZones, subnets and subnetSelector must be given, with at least one entry" =>
        "Give one of them.";

    fn zone_elsewhere(zone, region) "availabilityZones"
        "{zone} is no zone of {region}, where the load balancer is: name zones of that region" =>
        "Name zones of the load balancer's region.";
    fn zone_elsewhere_than(zone, region, zones) "availabilityZones"
        "{zone} is no zone of {region}, where the load balancer is: name some of {zones}" =>
        "Name zones of the load balancer's region.";
    fn certificate_elsewhere(port, its_region, region) "listeners[port={port}].certificate.arn"
        "the certificate is of {its_region}, the load balancer of {region}: ACM's certificates serve in their own region alone, so \
         name one of {region}, or issue or import it there" =>
        "Name a certificate of the load balancer's region.";
    fn certificate_of_another(port, its_account, account) "listeners[port={port}].certificate.arn"
        "the certificate is of account {its_account}, the operator works in {account}: name one of that account, or issue or import \
         it there" =>
        "Name a certificate of the load balancer's account.";
    fn no_listeners() "listeners" "at least one listener must be given" => "Add one.";
    fn port_taken(port) "listeners[port={port}].port" "every port can have one listener only" =>
        "Take one of the two out.";
    fn not_a_port(port, member) "listeners[port={port}].{member}" "must be a port from 1 to 65535" => "Correct it.";
    fn no_instance_port(port) "listeners[port={port}].instancePort"
        "exactly one of instancePort and instancePortFrom must be given" =>
        "Give one of them.";
    fn instance_ports_disagree(port, other) "listeners[port={port}].instanceProtocol"
        "listeners that share an instancePort must agree: instanceProtocol either HTTPS or SSL on all of them, or on none; \
         the listener of port {other} differs" =>
        "Give both the same, or let one of them use another `instancePort`.";
    fn no_instance_protocol(port) "listeners[port={port}].instanceProtocol"
        "instanceProtocol is required where protocol is HTTPS or SSL" =>
        "Add it: HTTP or HTTPS for HTTPS, TCP or SSL for SSL.";
    fn other_layer(port) "listeners[port={port}].instanceProtocol"
        "instanceProtocol must be of the same layer as protocol: HTTP or HTTPS with HTTP or HTTPS, TCP or SSL with TCP or \
         SSL" =>
        "Correct one of the two.";
    fn certificate_required(port) "listeners[port={port}].certificate"
        "certificate is required where protocol is HTTPS or SSL" =>
        "Add it, or set `protocol` to HTTP or TCP.";
    fn certificate_not_allowed(port) "listeners[port={port}].certificate"
        "certificate is allowed only where protocol is HTTPS or SSL" =>
        "Take it out, or set `protocol` to HTTPS or SSL.";
    fn one_certificate(port) "listeners[port={port}].certificate"
        "certificate must have exactly one of arn, iamServerCertificateName and acmDomainName" =>
        "Leave one of them.";
    fn ssl_policy_not_allowed(port) "listeners[port={port}].sslPolicy"
        "sslPolicy is allowed only where protocol is HTTPS or SSL" =>
        "Take it out, or set `protocol` to HTTPS or SSL.";
    fn one_ssl_policy(port) "listeners[port={port}].sslPolicy"
        "sslPolicy can have only one of predefined and custom" =>
        "Leave one of them.";
    fn stickiness_not_allowed(port) "listeners[port={port}].stickiness"
        "stickiness is allowed only where protocol is HTTP or HTTPS" =>
        "Take it out, or set `protocol` to HTTP or HTTPS.";
    fn one_stickiness(port) "listeners[port={port}].stickiness"
        "stickiness can have only one of loadBalancerCookie and applicationCookie" =>
        "Leave one of them.";

    fn proxy_protocol_not_allowed(port) "backends[instancePort={port}].proxyProtocol"
        "backends can have proxyProtocol only behind listeners with protocol TCP or SSL" =>
        "Take it out, or set the listener's `protocol` to TCP or SSL.";
    fn public_keys_not_allowed(port) "backends[instancePort={port}].publicKeys"
        "backends can have publicKeys only behind listeners with instanceProtocol HTTPS or SSL" =>
        "Take them out, or set the listener's `instanceProtocol` to HTTPS or SSL.";
    fn one_public_key(port, index) "backends[instancePort={port}].publicKeys[{index}]"
        "publicKeys must have exactly one of pem and configMapKeyRef" =>
        "Leave one of them.";

    fn bad_health_check() "healthCheck.target"
        "target must be TCP:port, SSL:port, HTTP:port/path or HTTPS:port/path, with a port from 1 to 65535" =>
        "Correct it, or the `protocol`, `port` and `path` that it is put together of.";
    fn long_timeout() "healthCheck.timeoutSeconds"
        "timeoutSeconds (default 5) must be less than intervalSeconds (default 30)" =>
        "Make the one shorter or the other longer.";
    fn no_bucket() "attributes.accessLog.bucket" "accessLog.bucket is required where enabled is true" =>
        "Name the bucket, or set `enabled: false`.";
    fn bad_node_selector(error) "targets.nodeSelector" "{error}" => "Correct the selector as the message says.";
    fn too_many_tags_together(count, given, own, most, surplus) "tags"
        "the tags of this object, with the {given} that the operator or the account gives every load balancer and the {own} that \
         prove whose it is, are {count}, and AWS takes {most}: take out {surplus}" =>
        "Take some out, name keys that the operator gives in `ignoredTagKeys`, or let it give fewer.";
    fn reserved_tag_key(key) "tags[{key}]"
        "keys of tags must not start with aws: or classiclb.dev/, which are reserved" =>
        "Take the tag out.";
}
