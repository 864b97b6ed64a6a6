//! The metrics by TLS, for those whom Kubernetes lets read them.

use std::path::Path;

use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use testkit::{Kind, OperatorOptions, Options, Result, Stack};

use crate::Test;

/// Writes a new certificate of 127.0.0.1 with its key into a folder, as a mounted Secret has them.
fn certify(folder: &Path) -> String {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let certificate = certified.cert.pem();
    std::fs::write(folder.join("tls.key"), certified.signing_key.serialize_pem()).expect("written");
    std::fs::write(folder.join("tls.crt"), &certificate).expect("written");
    certificate
}

/// Asks for the metrics as Prometheus does, trusting one certificate: their text, or the status.
async fn scrape(url: &str, certificate: &str, token: Option<&str>) -> std::result::Result<String, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = folder.path().join("ca.crt");
    std::fs::write(&authority, certificate).expect("written");
    let user = token.map_or(json!({}), |token| json!({"token": token}));
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": url, "certificate-authority": authority}}],
        "users": [{"name": "it", "user": user}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    });
    let config = Kubeconfig::from_yaml(&config.to_string()).expect("a kubeconfig");
    let mut config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default())
        .await
        .expect("a configuration");
    config.default_retry = false;
    let client = kube::Client::try_from(config).expect("a client");
    let request = http::Request::get("/metrics").body(Vec::new()).expect("a request");
    client.request_text(request).await.map_err(|error| match error {
        kube::Error::Api(status) => status.code.to_string(),
        other => format!("{:#}", anyhow::Error::from(other)),
    })
}

/// A token of a new service account of the test's namespace.
async fn token(test: &Test) -> Result<String> {
    let namespace = test.namespace.namespace();
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "scraper"}});
    test.namespace.apply(&account.to_string()).await?;
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/scraper/token");
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}});
    let request = http::Request::post(path)
        .header("content-type", "application/json")
        .body(body.to_string().into_bytes())
        .expect("a request");
    let answer: Value = test.stack.client().await?.request(request).await.expect("a token");
    Ok(answer["status"]["token"].as_str().expect("a token").to_owned())
}

/// Lets an account have a role of the whole cluster.
async fn bind(test: &Test, name: &str, role: &str, account: Value) -> Result<()> {
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}, "subjects": [account]});
    test.namespace.apply(&binding.to_string()).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_by_tls_are_for_whom_kubernetes_lets_read_them() -> Result<()> {
    let test = Test::on(Stack::start(Options::default()).await?).await?;
    let folder = tempfile::tempdir().expect("a folder");
    let first = certify(folder.path());
    let listen = format!("127.0.0.1:{}", testkit::free_port()?);
    let url = format!("https://{listen}");
    let arguments = [
        format!("--metrics-listen={listen}"),
        format!("--metrics-certificate={}", folder.path().display()),
        "--metrics-authentication".to_owned(),
    ];
    let operator = test.stack.another_operator(&OperatorOptions {
        args: arguments.to_vec(),
        ..OperatorOptions::default()
    })?;
    operator.start_ready().await?;
    assert_eq!(operator.get("/metrics").await?.status, 404, "the other port has none");

    let token = token(&test).await?;
    assert_eq!(scrape(&url, &first, None).await, Err("401".to_owned()));
    // Who may not ask the API server lets nobody in.
    assert_eq!(scrape(&url, &first, Some(&token)).await, Err("503".to_owned()));
    let name = "classic-lb-operator";
    let operators = json!({"kind": "ServiceAccount", "name": name, "namespace": name});
    bind(&test, "operator-reviews", "system:auth-delegator", operators).await?;
    // The API server takes a binding up some moments after it is written.
    let started = std::time::Instant::now();
    while scrape(&url, &first, Some(&token)).await == Err("503".to_owned()) {
        assert!(
            started.elapsed() < testkit::cluster::PATIENCE,
            "the reviews are refused"
        );
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(scrape(&url, &first, Some("nobody")).await, Err("401".to_owned()));
    assert_eq!(scrape(&url, &first, Some(&token)).await, Err("403".to_owned()));

    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "metrics"},
        "rules": [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]});
    test.namespace.apply(&role.to_string()).await?;
    let scraper = json!({"kind": "ServiceAccount", "name": "scraper", "namespace": test.namespace.namespace()});
    bind(&test, "scraper-metrics", "metrics", scraper).await?;
    let started = std::time::Instant::now();
    let text = loop {
        match scrape(&url, &first, Some(&token)).await {
            Ok(text) => break text,
            Err(status) => assert!(
                status == "403" && started.elapsed() < testkit::cluster::PATIENCE,
                "{status}"
            ),
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    assert!(text.contains("clb_operator_build_info{version="), "{text}");

    // The Secret is exchanged, as when the certificate is renewed.
    let second = certify(folder.path());
    assert!(scrape(&url, &second, Some(&token)).await.is_ok());
    let refusal = scrape(&url, &first, Some(&token))
        .await
        .expect_err("the old one is not shown any more");
    assert!(refusal.to_lowercase().contains("certificate"), "{refusal}");

    // Without a certificate it does not start, and says which file it misses.
    operator.stop().await?;
    std::fs::remove_file(folder.path().join("tls.key")).expect("removed");
    operator.start()?;
    let exit = operator.ended().await?;
    assert!(!format!("{exit:?}").contains("Some(0)"), "{exit:?}");
    assert!(
        operator.log().contains("tls.key") && operator.log().contains("the certificate of the metrics"),
        "{}",
        operator.log()
    );
    for name in ["operator-reviews", "scraper-metrics"] {
        let binding = Kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding");
        test.namespace.delete_and_wait(binding, name).await?;
    }
    Ok(())
}
