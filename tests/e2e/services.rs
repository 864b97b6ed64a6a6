//! Listeners that follow the node port of a Service.

use testkit::{Kind, Result};

use crate::Test;

fn service(port: u16) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: front}}\nspec:\n  type: NodePort\n  selector: {{app: web}}\n  \
         ports: [{{name: http, port: 80, targetPort: 8080, nodePort: {port}}}]\n"
    )
}

const SPEC: &str = "\
availabilityZones: [us-east-1a]
listeners:
- {port: 80, protocol: HTTP, instancePortFrom: {serviceName: front, portName: http}}
- {port: 81, protocol: TCP, instancePort: 9000}
healthCheck: {protocol: HTTP, path: /ready}";

#[tokio::test(flavor = "multi_thread")]
async fn a_node_port_that_changes_rebuilds_its_listener_and_moves_the_health_check() -> Result<()> {
    let test = Test::new().await?;
    test.apply(SPEC).await?;
    let message = test.until_reason("Accepted", "ServiceNotFound").await?;
    assert!(message.contains("front"), "{message}");
    test.namespace.apply(&service(31_701)).await?;
    test.until_ready().await?;
    let check = async || -> Result<String> {
        let lb = test.in_aws().await?;
        Ok(lb.health_check().expect("a check").target().to_owned())
    };
    assert_eq!(check().await?, "HTTP:31701/ready");

    let mark = test.mark()?;
    test.namespace.apply(&service(31_702)).await?;
    let calls = test.until_called(mark, "ConfigureHealthCheck").await?.writes();
    let expected = [
        "DeleteLoadBalancerListeners",
        "CreateLoadBalancerListeners",
        "ConfigureHealthCheck",
    ];
    assert_eq!(calls.operations(), expected, "{calls}");
    let created = calls.of("DeleteLoadBalancerListeners");
    let ports = created.iter().next().expect("one").members("LoadBalancerPorts.member.");
    assert_eq!(ports, [("1".to_owned(), "80".to_owned())], "other ports are untouched");
    assert_eq!(check().await?, "HTTP:31702/ready");

    test.namespace.delete(Kind("v1", "Service"), "front").await?;
    test.until_reason("Programmed", "ServiceNotFound").await?;
    let open = test.in_aws().await?.listener_descriptions().len();
    assert_eq!(open, 2, "no port is closed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_port_that_leaves_its_backend_behind_is_told() -> Result<()> {
    let test = Test::new().await?;
    test.namespace.apply(&service(31_711)).await?;
    let spec = |port: u16| {
        let spec = SPEC.replace("protocol: HTTP, instancePortFrom", "protocol: TCP, instancePortFrom");
        let spec = spec.replace("protocol: HTTP, path: /ready", "protocol: TCP, port: 9000");
        format!("{spec}\nbackends: [{{instancePort: {port}, proxyProtocol: true}}]")
    };
    test.ready(&spec(31_711)).await?;
    test.namespace.apply(&service(31_712)).await?;
    let message = test.until_reason("Accepted", "Invalid").await?;
    assert!(
        message.starts_with("spec.backends[instancePort=31711]: ") && message.contains("9000, 31712"),
        "{message}"
    );
    let ready = test.ready(&spec(31_712)).await?;
    assert!(ready.has("Accepted", "True"));
    let lb = test.in_aws().await?;
    let backends: Vec<_> = lb.backend_server_descriptions().iter().collect();
    assert!(
        backends.len() == 1 && backends[0].instance_port() == Some(31_712) && backends[0].policy_names().len() == 1,
        "{backends:?}"
    );
    Ok(())
}
