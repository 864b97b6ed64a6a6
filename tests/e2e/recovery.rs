//! Crashes and outages. A test has a control plane of its own only where it harms that.

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Calls, LoadBalancer, Options, Reply, Result, Stack};

use crate::setup::{Setup, minimal, with_args};
use crate::{MINIMAL, Test, error, manifest};

const CRD: &str = "classicloadbalancers.classiclb.dev";

/// With an operator of its own, which can be killed.
fn apart() -> Setup {
    Test::web().on(Options::default())
}

/// How many balancers there are in AWS.
async fn balancers(test: &Test) -> usize {
    let reply = test.simulator().elb().describe_load_balancers().send().await;
    reply.expect("described").load_balancer_descriptions().len()
}

/// Lets an operation take so long.
async fn slow(test: &Test, operation: &str, millis: u32) -> Result<()> {
    let rule = json!({"match": {"operation": operation}, "do": {"latency": {"millis": millis}}});
    test.simulator().fault(&rule).await
}

/// Waits until AWS has done something.
async fn until_done(test: &Test, operation: &str) -> Result<Calls> {
    let done = |calls: &Calls| !calls.of(operation).successful().is_empty();
    test.simulator().until_calls(0, operation, done).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_right_after_create_it_ends_with_one_balancer() -> Result<()> {
    let test = apart().start().await?;
    // The operator hears that the balancer was made, and waits for its tags when it dies.
    slow(&test, "DescribeTags", 60_000).await?;
    test.apply(MINIMAL).await?;
    until_done(&test, "CreateLoadBalancer").await?;
    test.stack.operator().kill();
    assert_eq!(test.get().await?.text("/dnsName"), "", "it died before it could tell");

    test.simulator().clear_faults().await?;
    test.stack.operator().start_ready().await?;
    test.until_ready().await?;
    assert_eq!(balancers(&test).await, 1);
    test.delete().await?;
    assert_eq!(balancers(&test).await, 0, "nothing is left");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_right_after_a_group_was_attached_it_detaches_what_is_declared_no_more() -> Result<()> {
    let test = apart().start().await?;
    let group = crate::targets::group(&test, 0).await?;
    // The group is attached, and the operator waits for its account, which the status names, when it dies.
    slow(&test, "GetCallerIdentity", 60_000).await?;
    test.apply(&minimal(&format!(
        "targets: {{autoScalingGroups: [{{name: {group}}}]}}"
    )))
    .await?;
    until_done(&test, "AttachLoadBalancers").await?;
    test.stack.operator().kill();
    let attached = async || crate::targets::balancers_of(&test, &group).await;
    assert_eq!(attached().await.len(), 1, "AWS did it");

    // Meanwhile the object loses the group and is deleted.
    test.simulator().clear_faults().await?;
    test.apply(MINIMAL).await?;
    test.namespace.delete(Kind::CLB, "web").await?;
    test.stack.operator().start_ready().await?;
    test.namespace.until_gone(Kind::CLB, "web").await?;
    assert!(
        attached().await.is_empty(),
        "a group that points at a deleted load balancer cannot launch instances"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_writes_nothing() -> Result<()> {
    let setup = apart().instances(1).by_node();
    let test = setup.with("tags: {a: b}").ready().await?;
    let healthy = |web: &LoadBalancer| web.has("TargetsHealthy", "True");
    let before = test.until("its targets to be healthy", healthy).await?;

    let exit = test.stack.operator().stop().await?;
    assert_eq!(exit, testkit::Exit::Code(0), "a graceful stop");
    let mark = test.mark()?;
    test.stack.operator().start_ready().await?;
    let looked = |calls: &Calls| !calls.of("DescribeInstanceHealth").is_empty();
    let calls = test.simulator().until_calls(mark, "the first pass", looked).await?;
    assert!(calls.writes().is_empty(), "{calls}");
    assert!(calls.elb().len() <= 3, "{calls}");
    assert_eq!(before.status(""), test.get().await?.status(""));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undecodable_object_does_not_stop_the_others() -> Result<()> {
    let test = Test::on(Stack::start(Options::default()).await?).await?;
    let_dream(&test).await?;
    let odd = manifest(&minimal("management: Dreaming")).replace("name: web", "name: odd");
    test.namespace.apply(&odd).await?;
    test.ready(MINIMAL).await?;
    assert_eq!(
        undecodable(&test).await?,
        ["1", "1"],
        "once, however often Nodes change"
    );
    test.namespace.delete_and_wait(Kind::CLB, "odd").await?;
    until_none_is_undecodable(&test).await
}

/// A later definition, which lets in what this version does not know.
pub(crate) async fn let_dream(test: &Test) -> Result<()> {
    let crd = test.namespace.get(Kind::CRD, CRD).await?;
    let mut spec = crd.data["spec"].clone();
    let properties = &mut spec["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    properties["management"]["enum"] = json!(["Full", "Suspended", "Dreaming"]);
    test.namespace.patch(Kind::CRD, CRD, json!({"spec": spec})).await?;
    let probe = manifest(&minimal("management: Dreaming")).replace("name: web", "name: probe");
    let api = test.namespace.api(Kind::CLB).await?;
    let probe: kube::api::DynamicObject = serde_saphyr::from_str(&probe).expect("an object");
    let dry = kube::api::PostParams {
        dry_run: true,
        ..kube::api::PostParams::default()
    };
    let mut tries = 0;
    while let Err(error) = api.create(&dry, &probe).await {
        // The API server takes a moment to serve the new definition.
        tries += 1;
        assert!(tries < 300, "{error}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Ok(())
}

/// How many objects cannot be read, and how often one was told of.
async fn undecodable(test: &Test) -> Result<[String; 2]> {
    let metrics = test.stack.operator().get("/metrics").await?.body;
    let series = [
        "clb_operator_undecodable_objects ",
        "clb_operator_objects_undecodable_total ",
    ];
    let value = |series: &str| metrics.lines().find_map(|line| line.strip_prefix(series));
    Ok(series.map(|series| value(series).unwrap_or_default().to_owned()))
}

/// The operator learns by a watch that an object was mended, or is gone.
async fn until_none_is_undecodable(test: &Test) -> Result<()> {
    let none = |reply: &Reply| {
        reply
            .body
            .lines()
            .any(|line| line == "clb_operator_undecodable_objects 0")
    };
    let operator = test.stack.operator();
    operator.until("/metrics", "all objects can be read", none).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undecodable_object_that_is_deleted_waits_says_so_and_goes_when_it_is_mended() -> Result<()> {
    let test = Test::on(Stack::start(Options::default()).await?).await?;
    let_dream(&test).await?;
    test.ready(MINIMAL).await?;
    let name = test.name().await?;
    test.patch(json!({"management": "Dreaming"})).await?;
    test.until_event("Undecodable", "left alone").await?;
    let mark = test.mark()?;
    test.namespace.delete(Kind::CLB, "web").await?;
    test.until_event("Undecodable", "deletion waits").await?;
    test.until_event("Undecodable", "classiclb.dev/load-balancer").await?;

    // Others come and go, and whoever labels it makes it no news.
    let other = manifest(MINIMAL).replace("name: web", "name: other");
    for number in ["1", "2", "3"] {
        test.namespace.label(Kind::CLB, "web", "number", Some(number)).await?;
        test.namespace.apply(&other).await?;
        test.namespace.until_ready("other").await?;
        test.node(&format!("i-0000000{number}")).await?;
        test.namespace.delete_and_wait(Kind::CLB, "other").await?;
    }
    assert_eq!(
        undecodable(&test).await?,
        ["1", "2"],
        "once before and once after its deletion"
    );
    let calls = test.simulator().calls(mark)?.naming(&name);
    assert!(calls.is_empty(), "it is left alone: {calls}");

    test.patch(json!({"management": "Full"})).await?;
    until_none_is_undecodable(&test).await?;
    test.namespace.until_gone(Kind::CLB, "web").await?;
    assert!(
        crate::describe(&test.stack, &name).await.is_none(),
        "it was left behind"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_for_the_definition_and_recovers_by_itself() -> Result<()> {
    let options = Options {
        without_operator: true,
        ..Options::default()
    };
    let test = Test::on(Stack::start(options).await?).await?;
    test.namespace.delete_and_wait(Kind::CRD, CRD).await?;
    let operator = test.stack.operator();
    operator.start()?;
    let refuses = |reply: &Reply| reply.status == 503 && reply.body.contains("CustomResourceDefinition");
    operator.until("/readyz", "503 with the reason", refuses).await?;
    assert_eq!(operator.get("/healthz").await?.status, 200);
    test.stack.control_plane().install().await?;
    operator.until_ready().await?;
    test.ready(MINIMAL).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn throttles_and_outages_of_aws_are_told_and_survived() -> Result<()> {
    let test = apart().start().await?;
    let throttling = error("Throttling", 400, "Rate exceeded");
    let rule = json!({"match": {"operation": "CreateLoadBalancer", "count": 4}, "do": throttling});
    test.simulator().fault(&rule).await?;
    test.apply(MINIMAL).await?;
    let web = test
        .until("to be throttled", |web| web.says("Programmed", "Throttling"))
        .await?;
    assert!(web.has("Reconciling", "True"));
    test.until_ready().await?;
    let calls = test.simulator().calls(0)?.of("CreateLoadBalancer").successful();
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
    let mut options = Options::default();
    options.operator.env = vec![("KUBECONFIG".to_owned(), kubeconfig.display().to_string())];
    options.without_operator = true;
    let stack = Stack::variant(options).await?;
    let operator = stack.operator();
    operator.start()?;
    let refuses = |reply: &Reply| reply.status == 503 && reply.body.contains("not ready: ");
    operator.until("/readyz", "503 with the reason", refuses).await?;
    assert_eq!(operator.get("/healthz").await?.status, 200);
    // Before the limit after which it would give up waiting, which it would log.
    assert_eq!(operator.stop().await?, testkit::Exit::Code(0));
    let log = operator.log();
    assert!(log.contains("stopped") && !log.contains("gave up waiting"), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_could_not_be_written_is_written_later() -> Result<()> {
    let test = Test::on(Stack::start(Options::default()).await?).await?;
    // AWS takes its time over the health check, and meanwhile the API server goes away.
    slow(&test, "ConfigureHealthCheck", 3_000).await?;
    test.apply(MINIMAL).await?;
    let made = |calls: &Calls| calls.of("DescribeTags").len() == 1;
    test.simulator()
        .until_calls(0, "the load balancer to be made", made)
        .await?;
    test.stack.control_plane().stop_api_server();
    until_done(&test, "ConfigureHealthCheck").await?;
    test.simulator().clear_faults().await?;
    test.stack.control_plane().start_api_server().await?;
    let web = test.until_ready().await?;
    assert_ne!(web.text("/dnsName"), "");
    assert_eq!(test.simulator().calls(0)?.of("CreateLoadBalancer").len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_deleted_while_aws_does_not_show_its_balancer_leaves_nothing() -> Result<()> {
    let test = apart().start().await?;
    let stale = json!({"staleRead": {"millis": 8_000}});
    let rule = json!({"match": {"operation": "DescribeLoadBalancers"}, "do": stale});
    test.simulator().fault(&rule).await?;
    test.apply(MINIMAL).await?;
    test.until("to be in creation", |web| web.says("Ready", "Creating"))
        .await?;
    test.namespace.delete(Kind::CLB, "web").await?;
    test.until("to wait for the load balancer to appear", |web| {
        web.says("Ready", "Deleting")
    })
    .await?;
    test.namespace.until_gone(Kind::CLB, "web").await?;
    test.simulator().clear_faults().await?;
    assert_eq!(balancers(&test).await, 0, "a load balancer was left behind");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_cut_short_is_told_in_so_many_words() -> Result<()> {
    // Beside others it would be read as a part of a page, whose question names nobody.
    let test = Test::web().on(with_args(&[])).ready().await?;
    let cut = json!({"cutBody": {"percent": 50}});
    test.fault("DescribeLoadBalancers", &json!({}), &cut).await?;
    test.request().await?;
    let message = test.until_reason("Ready", "BadReply").await?;
    assert_eq!(
        message,
        "DescribeLoadBalancers: BadReply: the reply of AWS was cut short"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_frozen_is_noticed() -> Result<()> {
    let test = Test::on(Stack::start(Options::default()).await?).await?;
    test.ready(MINIMAL).await?;
    let operator = test.stack.operator();
    test.stack.control_plane().signal_api_server("STOP")?;
    let frozen = |reply: &Reply| reply.status == 503 && reply.body.contains("did not answer within");
    let told = operator.until("/readyz", "503 with the reason", frozen).await;
    test.stack.control_plane().signal_api_server("CONT")?;
    told?;
    operator.until_ready().await?;
    test.change(json!({"tags": {"a": "b"}})).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_writes_to_an_object_all_the_time_is_in_nobodys_way() -> Result<()> {
    let test = Test::web().start().await?;
    let churn = async {
        for number in 0_u64.. {
            // Before it is there, and when it is gone, nothing is labelled.
            let label = number.to_string();
            drop(test.namespace.label(Kind::CLB, "web", "number", Some(&label)).await);
        }
    };
    let life = async {
        test.ready(MINIMAL).await?;
        test.change(json!({"tags": {"team": "web"}})).await?;
        assert_eq!(test.tags().await?["team"], "web");
        test.delete().await
    };
    tokio::select! {
        () = churn => Ok(()),
        ended = life => ended,
    }
}
