//! Crashes and outages. Each test has a stack of its own, since it harms its parts.

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Options, Result, Stack, object};

use crate::{MINIMAL, manifest};

#[tokio::test(flavor = "multi_thread")]
async fn killed_right_after_create_it_ends_with_one_balancer() -> Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let namespace = stack.namespace().await?;
    // The operator hears that the balancer was made, and waits for its tags when it dies.
    let simulator = stack.simulator();
    let slow = json!({"match": {"operation": "DescribeTags"}, "do": {"latency": {"millis": 60_000}}});
    simulator.fault(&slow).await?;
    namespace.apply(&manifest(MINIMAL)).await?;
    let made = |calls: &testkit::Calls| !calls.of("CreateLoadBalancer").successful().is_empty();
    simulator.until_calls(0, "the creation", made).await?;
    stack.operator().kill();
    let before = namespace.get(Kind::CLB, "web").await?;
    assert_eq!(
        object::text(&before, "/status/dnsName"),
        "",
        "it died before it could tell"
    );

    simulator.clear_faults().await?;
    stack.operator().start_ready().await?;
    namespace.until_ready("web").await?;
    let elb = simulator.elb();
    let reply = elb.describe_load_balancers().send().await.expect("described");
    assert_eq!(reply.load_balancer_descriptions().len(), 1);
    namespace.delete_and_wait(Kind::CLB, "web").await?;
    let reply = elb.describe_load_balancers().send().await.expect("described");
    assert!(reply.load_balancer_descriptions().is_empty(), "nothing is left");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_right_after_a_group_was_attached_it_detaches_what_is_declared_no_more() -> Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let namespace = stack.namespace().await?;
    let simulator = stack.simulator();
    let scaling = simulator.autoscaling();
    let launch = scaling.create_launch_configuration().launch_configuration_name("web");
    let launch = launch.image_id("ami-12345678").instance_type("t3.micro");
    launch.send().await.expect("a launch configuration");
    let group = scaling.create_auto_scaling_group().auto_scaling_group_name("web");
    let group = group.launch_configuration_name("web").min_size(0).max_size(1);
    group.availability_zones("us-east-1a").send().await.expect("a group");
    let attached = async || {
        let groups = scaling.describe_auto_scaling_groups().send().await.expect("described");
        groups.auto_scaling_groups()[0].load_balancer_names().to_vec()
    };
    // The group is attached, and the operator waits for its account, which the status names, when it dies.
    let slow = json!({"match": {"operation": "GetCallerIdentity"}, "do": {"latency": {"millis": 60_000}}});
    simulator.fault(&slow).await?;
    let spec = format!("{MINIMAL}\ntargets: {{autoScalingGroups: [{{name: web}}]}}");
    namespace.apply(&manifest(&spec)).await?;
    let called = |calls: &testkit::Calls| !calls.of("AttachLoadBalancers").successful().is_empty();
    simulator.until_calls(0, "the attachment", called).await?;
    stack.operator().kill();
    assert_eq!(attached().await.len(), 1, "AWS did it");

    // Meanwhile the object loses the group and is deleted.
    simulator.clear_faults().await?;
    namespace.apply(&manifest(MINIMAL)).await?;
    namespace.delete(Kind::CLB, "web").await?;
    stack.operator().start_ready().await?;
    namespace.until_gone(Kind::CLB, "web").await?;
    assert!(
        attached().await.is_empty(),
        "a group that points at a deleted balancer cannot launch instances"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_writes_nothing() -> Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let mut namespace = stack.namespace().await?;
    let ids = namespace.instances(stack.simulator(), &["us-east-1a"]).await?;
    namespace.node("one", Some(&ids[0]), &[("role", "web")]).await?;
    let spec = format!("{MINIMAL}\ntags: {{a: b}}\ntargets: {{nodeSelector: {{matchLabels: {{role: web}}}}}}");
    namespace.apply(&manifest(&spec)).await?;
    let healthy = |object: &kube::api::DynamicObject| object::has(object, "TargetsHealthy", "True");
    let before = namespace
        .until(Kind::CLB, "web", "its targets to be healthy", healthy)
        .await?;

    let exit = stack.operator().stop().await?;
    assert_eq!(exit, testkit::Exit::Code(0), "a graceful stop");
    let mark = stack.simulator().mark()?;
    stack.operator().start_ready().await?;
    let simulator = stack.simulator();
    let looked = |calls: &testkit::Calls| !calls.of("DescribeInstanceHealth").is_empty();
    let calls = simulator
        .until_calls(mark, "the first pass after the restart", looked)
        .await?;
    assert!(calls.writes().is_empty(), "{calls}");
    assert!(calls.elb().len() <= 3, "{calls}");
    let after = namespace.get(Kind::CLB, "web").await?;
    assert_eq!(before.data["status"], after.data["status"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undecodable_object_does_not_stop_the_others() -> Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let namespace = stack.namespace().await?;
    // A later definition that lets in what this version does not know.
    let name = "classicloadbalancers.classiclb.dev";
    let crd = namespace.get(Kind::CRD, name).await?;
    let mut spec = crd.data["spec"].clone();
    let properties = &mut spec["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    properties["management"]["enum"] = json!(["Full", "Suspended", "Dreaming"]);
    namespace.patch(Kind::CRD, name, json!({"spec": spec})).await?;
    let odd = manifest(&format!("{MINIMAL}\nmanagement: Dreaming")).replace("name: web", "name: odd");
    let mut tries = 0;
    while let Err(error) = namespace.apply(&odd).await {
        // The API server takes a moment to serve the new definition.
        tries += 1;
        assert!(tries < 100, "{error}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    namespace.apply(&manifest(MINIMAL)).await?;
    namespace.until_ready("web").await?;
    let metrics = stack.operator().get("/metrics").await?.body;
    let counted = metrics
        .lines()
        .find_map(|line| line.strip_prefix("clb_operator_objects_undecodable_total "));
    assert_eq!(counted, Some("1"), "once, however often Nodes change");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_for_the_definition_and_recovers_by_itself() -> Result<()> {
    let stack = Stack::start(Options {
        without_operator: true,
        ..Options::default()
    })
    .await?;
    let namespace = stack.namespace().await?;
    let name = "classicloadbalancers.classiclb.dev";
    namespace.delete_and_wait(Kind::CRD, name).await?;
    stack.operator().start()?;
    let refuses = |reply: &testkit::Reply| reply.status == 503 && reply.body.contains("CustomResourceDefinition");
    stack
        .operator()
        .until("/readyz", "503 with the reason", refuses)
        .await?;
    assert_eq!(stack.operator().get("/healthz").await?.status, 200);
    stack.control_plane().install().await?;
    stack.operator().until_ready().await?;
    namespace.apply(&manifest(MINIMAL)).await?;
    namespace.until_ready("web").await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn throttles_and_outages_of_aws_are_told_and_survived() -> Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let namespace = stack.namespace().await?;
    let simulator = stack.simulator();
    simulator
        .fault(&json!({
            "match": {"operation": "CreateLoadBalancer", "count": 4},
            "do": {"error": {"code": "Throttling", "status": 400, "message": "Rate exceeded"}},
        }))
        .await?;
    namespace.apply(&manifest(MINIMAL)).await?;
    let throttled = |object: &kube::api::DynamicObject| object::has_reason(object, "Programmed", "Throttling");
    let object = namespace.until(Kind::CLB, "web", "to be throttled", throttled).await?;
    assert!(object::has(&object, "Reconciling", "True"));
    namespace.until_ready("web").await?;
    let calls = simulator.calls(0)?.of("CreateLoadBalancer").successful();
    assert_eq!(calls.len(), 1, "{calls}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_api_server_it_says_so_and_stops_at_once() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let kubeconfig = folder.path().join("kubeconfig");
    // A port that nobody listens on: the one that a listener just gave up.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a port")
        .port();
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{{name: a, context: {{cluster: a, user: a}}}}]\n\
         clusters: [{{name: a, cluster: {{server: 'https://127.0.0.1:{port}'}}}}]\nusers: [{{name: a, user: {{token: a}}}}]\n"
    );
    std::fs::write(&kubeconfig, text).expect("written");
    let env = vec![("KUBECONFIG".to_owned(), kubeconfig.display().to_string())];
    let options = testkit::OperatorOptions {
        env,
        ..testkit::OperatorOptions::default()
    };
    let stack = Stack::start(Options {
        without_operator: true,
        operator: options,
        ..Options::default()
    })
    .await?;
    let operator = stack.operator();
    operator.start()?;
    let refuses = |reply: &testkit::Reply| reply.status == 503 && reply.body.contains("not ready: ");
    operator.until("/readyz", "503 with the reason", refuses).await?;
    assert_eq!(operator.get("/healthz").await?.status, 200);
    let asked = std::time::Instant::now();
    assert_eq!(operator.stop().await?, testkit::Exit::Code(0));
    // Far below the limit after which it would give up waiting.
    assert!(
        asked.elapsed() < std::time::Duration::from_secs(20),
        "{:?}",
        asked.elapsed()
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_could_not_be_written_is_written_later() -> Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let namespace = stack.namespace().await?;
    let simulator = stack.simulator();
    // AWS takes its time over the health check, and meanwhile the API server goes away.
    simulator
        .fault(&json!({"match": {"operation": "ConfigureHealthCheck"}, "do": {"latency": {"millis": 3_000}}}))
        .await?;
    namespace.apply(&manifest(MINIMAL)).await?;
    let made = |calls: &testkit::Calls| calls.of("DescribeTags").len() == 1;
    simulator.until_calls(0, "the balancer to be made", made).await?;
    stack.control_plane().stop_api_server();
    let done = |calls: &testkit::Calls| !calls.of("ConfigureHealthCheck").successful().is_empty();
    simulator.until_calls(0, "the health check to be set", done).await?;
    simulator.clear_faults().await?;
    stack.control_plane().start_api_server().await?;
    let object = namespace.until_ready("web").await?;
    assert_ne!(object::text(&object, "/status/dnsName"), "");
    assert_eq!(simulator.calls(0)?.of("CreateLoadBalancer").len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_deleted_while_aws_does_not_show_its_balancer_leaves_nothing() -> Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let namespace = stack.namespace().await?;
    let simulator = stack.simulator();
    simulator
        .fault(&json!({"match": {"operation": "DescribeLoadBalancers"}, "do": {"staleRead": {"millis": 8_000}}}))
        .await?;
    namespace.apply(&manifest(MINIMAL)).await?;
    let creating = |object: &kube::api::DynamicObject| object::has_reason(object, "Ready", "Creating");
    namespace.until(Kind::CLB, "web", "to be in creation", creating).await?;
    namespace.delete(Kind::CLB, "web").await?;
    let waits = |object: &kube::api::DynamicObject| object::has_reason(object, "Ready", "Deleting");
    namespace
        .until(Kind::CLB, "web", "to wait for the balancer to appear", waits)
        .await?;
    namespace.until_gone(Kind::CLB, "web").await?;
    simulator.clear_faults().await?;
    let reply = simulator
        .elb()
        .describe_load_balancers()
        .send()
        .await
        .expect("described");
    assert!(
        reply.load_balancer_descriptions().is_empty(),
        "a balancer was left behind"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_cut_short_is_told_in_so_many_words() -> Result<()> {
    let test = crate::Test::new().await?;
    test.ready(MINIMAL).await?;
    let name = test.name().await?;
    let cut = json!({
        "match": {"operation": "DescribeLoadBalancers", "loadBalancer": name}, "do": {"cutBody": {"percent": 50}},
    });
    test.stack.simulator().fault(&cut).await?;
    test.request().await?;
    let message = test.until_reason("Ready", "BadReply").await?;
    assert_eq!(
        message,
        "DescribeLoadBalancers: BadReply: the reply of AWS was cut short"
    );
    Ok(())
}
