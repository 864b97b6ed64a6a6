//! What the operator says of itself: on `/readyz`, when it does not start, and where `kubectl clb plan` asks for more
//! than it can foresee.

words! { READYZ:
    fn not_ready(why) "not ready: {why}" =>
        "See why; the log says the same. The operator goes on by itself once it is mended.";
    fn not_listed(resource) "{resource} were not listed yet" =>
        "Wait. If it stays, see whether the pod reaches the API server.";
    fn failing(resource, why) "{resource}: {why}" =>
        "Let the operator's ClusterRole, or its Role in each watched namespace, list and watch the resource, and see whether the pod reaches the API server.";
    fn unknown_to_kubernetes() "the API server does not know them: is the CustomResourceDefinition installed?" =>
        "Apply `deploy/crds.yaml`, or install the chart with its CRDs.";
    fn api_server_silent(seconds) "the API server did not answer within {seconds} s" =>
        "See whether the API server is up and the pod reaches it. Until it answers nothing changes in AWS.";
    fn refused_by_kubernetes(message, status) "the API server refuses: {message} ({status})" =>
        "403: install the chart's roles and bindings, with `--watch-namespaces` those of each namespace; for leases the right to create them, and to get and update the operator's own, in the namespace that the message names. 401: see to the pod's service account token.";
}

words! { START:
    fn waits_for_lease(holder) "waiting: {holder} holds the Lease, so that two operators do not work on the same objects" =>
        "Nothing, where it is another replica: this one takes over when it ends. Otherwise end or uninstall one of the two.";
    fn no_draining_by_share() "--lease-per=region does not go with --node-draining: no replica knows all load balancers that hold a Node" =>
        "Leave `--node-draining` at `none` (chart: `nodeDraining`), or `--lease-per` at `operator` (`leaderElection.leasePer`).";
    fn no_metrics_certificate(why) "the certificate of the metrics cannot be used: {why}" =>
        "Put a certificate and its key into `tls.crt` and `tls.key` of `--metrics-certificate` (chart: `metricsTLS.secret`).";
    fn wrong_flags(why) "{why} (see clb-operator --help)" => "Correct what the message names.";
    fn no_command() "a command is required: run, ready or crd" => "Give one: `clb-operator run`.";
    fn not_a_cluster_id() "must be 1 to 63 of [A-Za-z0-9._-]" => "Correct `--cluster-id` (`CLB_CLUSTER_ID`).";
    fn not_a_namespace(text)
        "{text} cannot be the name of a namespace: 1 to 63 of [a-z0-9-], with no hyphen at the ends" =>
        "Correct `--watch-namespaces` (`CLB_WATCH_NAMESPACES`) or `--lease-namespace` (`CLB_LEASE_NAMESPACE`), as the message names it.";
    fn not_a_duration() "must be a duration such as 30s, 10m or 1h" =>
        "Correct `--resync-period` or `--health-interval`, as the message names it.";
    fn negative_duration() "must not be negative" =>
        "Correct `--resync-period` or `--health-interval`, as the message names it.";
    fn short_duration() "must be at least 1s" =>
        "Correct `--resync-period` or `--health-interval`, as the message names it.";
    fn not_a_tag(text) "{text} must be KEY=VALUE, and pairs be separated by commas" => "Correct `--default-tags`.";
    fn reserved_tag(key) "{key}: keys of tags must not start with aws: or classiclb.dev/, which are reserved" =>
        "Take the tag out of `--default-tags`.";
    fn illegal_tag(text)
        "{text}: a key has 1 to 128 characters and a value at most 256, of letters, digits, spaces and _ . : / = + - @" =>
        "Correct the tag in `--default-tags`.";
    fn tag_given_twice(key) "{key} is given twice" => "Take one of them out of `--default-tags`.";
    fn too_many_tags(count, most) "{count} tags are too many: AWS allows 50 on a load balancer, so at most {most} \
                                   here" =>
        "Take some out of `--default-tags`.";
    fn not_a_region(region)
        "the AWS region {region} cannot be one: AWS_REGION, or region in the profile, must be such as us-east-1" =>
        "Correct it.";
    fn not_a_rate_limit(what, buckets)
        "{what} is no rate limit: write BUCKET=CAPACITY+PER-SECOND such as resource-intensive=50+2, with a capacity of at \
         least 1 and more than 0 a second, for one of the buckets {buckets}" => "Correct it.";
    fn not_a_region_name() "must be the name of an AWS region, such as us-east-1" =>
        "Correct `--extra-regions` (`CLB_EXTRA_REGIONS`), or `--region` of `kubectl clb`.";
    fn not_an_endpoint(endpoint)
        "the AWS endpoint {endpoint} cannot be one: unset AWS_ENDPOINT_URL (AWS_ENDPOINT_URL_<SERVICE>, endpoint_url in the \
         profile), or make it such as https://proxy.example:8443" => "Correct or unset it.";
    fn not_a_level(word)
        "--log-level: {word} is no level: give error, warn, info, debug, trace or off, or a list of target=level" =>
        "Correct `--log-level` (`CLB_LOG_LEVEL`).";
    fn not_a_filter(filter, error) "--log-level: log filter {filter}: {error}" =>
        "Correct `--log-level` (`CLB_LOG_LEVEL`).";
    fn no_logging(error) "--log-level: {error}" => "A defect: report it.";
    fn not_a_collector() "must be an address such as http://collector.observability:4318" =>
        "Correct `--otlp-endpoint` (`OTEL_EXPORTER_OTLP_ENDPOINT`).";
    fn no_traces(why) "traces cannot be sent: {why}" =>
        "Do what the message says, or leave `--otlp-endpoint` (`OTEL_EXPORTER_OTLP_ENDPOINT`) empty.";
    fn second_tls_provider() "a TLS provider was installed before" => "A defect: report it.";
    fn not_listening(address) "cannot listen on {address}" =>
        "Give `--listen` an address of the pod and a port that is free and above 1023.";
    fn no_kubernetes() "no way to a Kubernetes API server: not in a cluster, and no kubeconfig" =>
        "Run it in a pod with a service account, or set `KUBECONFIG`.";
    fn not_a_url(text) "{text} is no address such as http://127.0.0.1:8080" =>
        "Give `clb-operator ready` the `--url` of the operator.";
    fn not_ready_in_time(url, why) "the operator at {url} is not ready: {why}" =>
        "Do what the rest of the message asks for; without an answer see whether its pod runs and can be reached.";
    fn aws_not_asked() "AWS was not asked: no region is set" =>
        "Set the chart value `aws.region`, or `AWS_REGION`.";
    fn aws_does_not_answer(region, error) "AWS does not answer in {region}: {error}" =>
        "Give the service account a role, or its policy what the rest of the message names.";
    fn bad_kubeconfig() "the kubeconfig cannot be used" => "Correct what the rest of the message names.";
}

words! { PLAN:
    fn not_the_operator() "it does not run the operator" =>
        "The Deployment that was found has another command: name the cluster by `--cluster-id`.";
    fn no_region_for_plan() "spec.region is not given and there is no default region: set AWS_REGION" =>
        "Give `--region`, or set `AWS_REGION`.";
    fn region_not_known(region) "{region} is no region that this version knows: kubectl clb regions lists them" =>
        "Correct `--region` or `spec.region`. Where there is such a region, see to the network and `AWS_ENDPOINT_URL`.";
    fn deletion_not_planned()
        "the object is being deleted, and what that does is not planned: see its conditions and events" =>
        "`kubectl clb status` shows them.";
}
