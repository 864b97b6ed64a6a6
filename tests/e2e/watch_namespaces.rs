//! `--watch-namespaces`: objects of the named namespaces are worked on, and those of others are not looked at.

use kube::ResourceExt as _;
use serde_json::{Value, json};
use testkit::cluster::Kind;
use testkit::{Cluster, ControlPlane, LoadBalancer, Options, Reply, Result, Stack};

use crate::setup::{by_role, minimal};
use crate::{MINIMAL, Test, manifest, unique};

const ROLES: &str = "rbac.authorization.k8s.io/v1";

/// A namespace that no operator watches.
async fn unwatched(test: &Test) -> Result<Cluster> {
    let name = format!("unwatched-{}", unique());
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    test.namespace.apply(&namespace.to_string()).await?;
    Ok(test.namespace.in_namespace(&name))
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_watched_namespaces_are_worked_on_and_of_others_not_looked_at() -> Result<()> {
    let test = Test::web().on(Options::default()).instances(1).start().await?;
    let (second, outside) = (test.stack.namespace().await?, unwatched(&test).await?);
    outside.apply(&manifest(MINIMAL)).await?;
    // Both have a Service of one name; each object follows that of its own namespace. Nodes are the cluster's.
    test.node(&test.ids[0]).await?;
    let service = |port: u16| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: front}}\nspec: {{type: NodePort, selector: {{a: b}}, ports: \
             [{{port: 80, nodePort: {port}}}]}}"
        )
    };
    test.namespace.apply(&service(31_801)).await?;
    second.apply(&service(31_802)).await?;
    let spec = format!(
        "availabilityZones: [us-east-1a]\nlisteners:\n- {{port: 80, protocol: TCP, instancePortFrom: {{serviceName: \
         front, port: 80}}}}\n{}",
        by_role(&test.role)
    );
    let first = test.ready(&spec).await?;
    second.apply(&manifest(&spec)).await?;
    let other: LoadBalancer = second.until_ready("web").await?.into();
    for (web, port) in [(&first, 31_801), (&other, 31_802)] {
        assert_eq!(*web.status("/listeners/0/instancePort"), port);
        assert_eq!(*web.status("/instances/desired"), 1);
    }
    second.delete_and_wait(Kind::CLB, "web").await?;

    let left: LoadBalancer = outside.get(Kind::CLB, "web").await?.into();
    assert!(left.finalizers().is_empty() && left.text("/loadBalancerName").is_empty());
    let made = test.simulator().calls(0)?.of("CreateLoadBalancer");
    assert_eq!(made.len(), 2, "{made}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_whose_owner_may_live_where_nobody_looks_is_not_taken_over() -> Result<()> {
    let test = Test::web().on(Options::default()).start().await?;
    let name = "of-another-namespace";
    crate::adoption::plain(&test.stack, name).await?;
    for (key, value) in [
        ("classiclb.dev/cluster", "test"),
        ("classiclb.dev/owner", "elsewhere/web"),
        ("classiclb.dev/uid", "1234"),
        ("classiclb.dev/adopt-by", &crate::adoption::offer(&test)),
    ] {
        crate::adoption::tag(&test.stack, name, key, value).await?;
    }
    let lines = format!("loadBalancerName: {name}\nadopt: true");
    test.apply(&minimal(&lines)).await?;
    let message = test.until_reason("Accepted", "Conflict").await?;
    assert!(message.contains("deletionPolicy: Retain"), "{message}");
    Ok(())
}

/// The rights in the `ClusterRole` that is installed, apart: those in a namespace, and those in the cluster.
async fn rights(cluster: &Cluster) -> Result<(Vec<Value>, Vec<Value>)> {
    let role = cluster.get(Kind(ROLES, "ClusterRole"), "classic-lb-operator").await?;
    let rules = role.data["rules"].as_array().cloned().unwrap_or_default();
    let of_the_cluster = ["nodes", "awsaccounts", "awsaccounts/status", "namespaces"];
    Ok(rules.into_iter().partition(|rule| {
        !of_the_cluster
            .iter()
            .any(|resource| rule["resources"] == json!([resource]))
    }))
}

/// Gives a user rights in a namespace, or in the cluster.
async fn allow(cluster: &Cluster, prefix: &str, user: &str, rules: &[Value]) -> Result<()> {
    let (role, subject) = (
        format!("{prefix}Role"),
        json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}),
    );
    for object in [
        json!({"apiVersion": ROLES, "kind": role, "metadata": {"name": user}, "rules": rules}),
        json!({
            "apiVersion": ROLES, "kind": format!("{role}Binding"), "metadata": {"name": user},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": user}, "subjects": [subject],
        }),
    ] {
        cluster.apply(&object.to_string()).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_in_the_namespaces_are_enough_and_one_that_lacks_holds_up_no_other() -> Result<()> {
    let user = format!("operator-{}", unique());
    let kubeconfig = ControlPlane::shared().await?.kubeconfig_as(&user)?;
    let mut options = Options::default();
    options.operator.env = vec![("KUBECONFIG".to_owned(), kubeconfig.display().to_string())];
    options.without_operator = true;
    let test = Test::on(Stack::variant(options).await?).await?;
    let second = test.stack.namespace().await?;
    let (namespaced, of_the_cluster) = rights(&second).await?;
    assert!(!namespaced.is_empty() && !of_the_cluster.is_empty());
    allow(&test.namespace, "Cluster", &user, &of_the_cluster).await?;
    allow(&test.namespace, "", &user, &namespaced).await?;

    // Who may not see the Lease cannot know who else works.
    let operator = test.stack.operator();
    operator.start()?;
    let refused = |reply: &Reply| reply.status == 503 && reply.body.contains("cannot get resource \"leases\"");
    operator
        .until("/readyz", "503 with the right to Leases", refused)
        .await?;
    test.apply(MINIMAL).await?;
    let tries = || operator.log().matches("the Lease could not be claimed").count();
    let before = tries();
    operator
        .until("/readyz", "three tries more", |_| tries() >= before + 3)
        .await?;
    test.nothing_written(0, "nobody leads").await?;
    let verbs = ["get", "create", "update"];
    let leases = json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": verbs});
    let home = test.namespace.in_namespace("kube-system");
    allow(&home, "", &user, &[leases]).await?;
    test.until_ready().await?;

    let words = format!("in the namespace \"{}\"", second.namespace());
    let lacks = |reply: &Reply| reply.status == 503 && reply.body.contains(&words);
    operator.until("/readyz", "503 with the namespace", lacks).await?;

    second.apply(&manifest(MINIMAL)).await?;
    allow(&second, "", &user, &namespaced).await?;
    second.until_ready("web").await?;
    operator.until_ready().await?;
    second.delete_and_wait(Kind::CLB, "web").await?;
    test.delete().await
}
