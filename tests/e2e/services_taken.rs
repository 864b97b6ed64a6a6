//! The load balancer of a Service is taken over as its page says: by the command that the page gives.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use testkit::{Kind, Result, object, tool};

use crate::adoption::{offer, plain_with, tag};
use crate::{Test, tags, unique};

const SERVICE: Kind = Kind("v1", "Service");
/// The finalizer of the cloud provider's service controller, and one of somebody else.
const CLEANUP: &str = "service.kubernetes.io/load-balancer-cleanup";
const ANOTHER: &str = "example.com/keep";

/// The patches of the page, in their order.
fn patches() -> Vec<Value> {
    let page = std::fs::read_to_string(tool::root().join("docs/how-to/services.md")).expect("the page");
    let lines = page.lines().map(str::trim);
    lines
        .filter_map(|line| line.strip_prefix("kubectl -n shop patch service web -p '"))
        .map(|patch| serde_json::from_str(patch.trim_end_matches('\'')).expect("a patch"))
        .collect()
}

/// A Service as the service controller has left it.
fn service(node_port: u16) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "web", "finalizers": [CLEANUP, ANOTHER]},
        "spec": {
            "type": "LoadBalancer", "selector": {"app": "web"}, "externalTrafficPolicy": "Local",
            "loadBalancerSourceRanges": ["192.0.2.0/24"],
            "ports": [{"name": "http", "port": 80, "targetPort": 8080, "nodePort": node_port}],
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_lets_go_in_place_and_its_load_balancer_is_taken_with_tags_alone() -> Result<()> {
    let test = Test::new().await?;
    test.namespace.create(&service(31_741).to_string()).await?;
    let services = test.namespace.api(SERVICE).await?;
    let name = format!("a{}", unique());
    let ingress = json!({"status": {"loadBalancer": {"ingress": [{"hostname": "web.example.com"}]}}});
    services
        .patch_status("web", &PatchParams::default(), &Patch::Merge(ingress))
        .await
        .expect("a status");
    plain_with(&test.stack, &name, ["TCP", "80", "31741"]).await?;
    let namespace = test.namespace.namespace();
    let of_service = format!("{namespace}/web");
    tag(&test.stack, &name, "kubernetes.io/service-name", &of_service).await?;
    tag(&test.stack, &name, "classiclb.dev/adopt-by", &offer(&test)).await?;

    let mark = test.mark()?;
    let spec = format!(
        "loadBalancerName: {name}\nadopt: true\ndeletionPolicy: Retain\navailabilityZones: [us-east-1a, us-east-1b]\n\
         listeners:\n- {{port: 80, protocol: TCP, instancePortFrom: {{serviceName: web, port: 80}}}}"
    );
    test.ready(&spec).await?;
    let calls = test.writes(mark).await?;
    assert_eq!(
        calls.operations(),
        ["AddTags"],
        "while it is of type LoadBalancer: {calls}"
    );

    // The first patch of the page is that of step 5, the other one leaves the finalizer to the controller.
    let [in_place, left_to_the_controller] = <[Value; 2]>::try_from(patches()).expect("two patches");
    let before = test.namespace.get(SERVICE, "web").await?;
    let patched = services
        .patch("web", &PatchParams::default(), &Patch::Strategic(in_place))
        .await
        .expect("the patch of the page");
    assert_eq!(patched.metadata.uid, before.metadata.uid);
    assert_eq!(patched.metadata.finalizers, Some(vec![ANOTHER.to_owned()]));
    for kept in ["/spec/clusterIP", "/spec/ports", "/spec/externalTrafficPolicy"] {
        assert_eq!(object::at(&patched, kept), object::at(&before, kept), "{kept}");
    }
    assert_eq!(object::text(&patched, "/spec/type"), "NodePort");
    // So a health check of it would find every instance out of service.
    assert!(object::at(&before, "/spec/healthCheckNodePort").is_some(), "{before:?}");
    assert_eq!(object::at(&patched, "/spec/healthCheckNodePort"), None, "{patched:?}");

    let mark = test.mark()?;
    test.pass().await?;
    let calls = test.writes(mark).await?;
    assert!(calls.is_empty(), "{calls}");
    // The node port is followed as before.
    test.namespace
        .apply(
            "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  type: NodePort\n  ports: [{name: http, port: 80, \
             targetPort: 8080, nodePort: 31742}]\n",
        )
        .await?;
    test.until_called(mark, "CreateLoadBalancerListeners").await?;

    let mark = test.mark()?;
    test.delete().await?;
    let calls = test.simulator().calls(mark)?.naming(&name).writes();
    assert_eq!(calls.operations(), ["RemoveTags"], "{calls}");
    assert_eq!(tags(&test.stack, &name).await["kubernetes.io/service-name"], of_service);

    // The way for a controller that runs: the finalizer stays, so that it deletes what it made.
    assert!(left_to_the_controller.pointer("/metadata").is_none());
    test.namespace
        .patch(SERVICE, "web", json!({"metadata": {"finalizers": null}}))
        .await?;
    test.namespace.delete_and_wait(SERVICE, "web").await?;
    test.namespace.create(&service(31_743).to_string()).await?;
    let patched = services
        .patch(
            "web",
            &PatchParams::default(),
            &Patch::Strategic(left_to_the_controller),
        )
        .await
        .expect("the patch of the page");
    assert_eq!(object::text(&patched, "/spec/type"), "NodePort");
    assert_eq!(object::at(&patched, "/spec/ports/0/nodePort"), Some(&json!(31_743)));
    assert_eq!(
        patched.metadata.finalizers,
        Some(vec![CLEANUP.to_owned(), ANOTHER.to_owned()])
    );
    test.namespace
        .patch(SERVICE, "web", json!({"metadata": {"finalizers": null}}))
        .await?;
    test.namespace.delete_and_wait(SERVICE, "web").await
}
