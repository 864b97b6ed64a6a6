//! Two versions of the chart after one another, by Helm 4 and by Helm 3: upgrade, rollback, the definition before the operator, and
//! the end.

use serde_json::json;
use testkit::Kind;

use crate::helm::{HELM, HELM_3, built, chart, document, read, render, template};
use crate::install::{CRD, DEPLOYMENT, Turn};

const NAME: &str = "classic-lb-operator";

async fn strategy_and_replicas(turn: &Turn) -> (serde_json::Value, i64) {
    let deployment = turn.get(DEPLOYMENT, NAME).await;
    (
        deployment["spec"]["strategy"].clone(),
        deployment["spec"]["replicas"].as_i64().unwrap(),
    )
}

async fn upgrades(tool: &'static str, namespace: &'static str) {
    let mut turn = Turn::begin(namespace).await;
    turn.tool = tool;
    let older = turn.other_version();
    let as_it_was = ["--set", "replicas=1", "--set", "strategy.type=Recreate"];
    turn.install(&older, &as_it_was).unwrap();
    turn.served().await;
    let columns = turn.columns().await;
    turn.cluster.apply(&read("examples/retain.yaml")).await.unwrap();
    let recreate = json!({"type": "Recreate"});
    assert_eq!(strategy_and_replicas(&turn).await, (recreate.clone(), 1));

    let now = ["--set", "replicas=2", "--set", "strategy.type=RollingUpdate"];
    turn.upgrade(&chart(), &now).unwrap();
    assert_eq!(turn.columns().await, columns + 1, "the definition came with it");
    let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}});
    assert_eq!(strategy_and_replicas(&turn).await, (rolling.clone(), 2));
    assert!(turn.is_there(Kind("policy/v1", "PodDisruptionBudget"), NAME).await);

    turn.helm(&["rollback", NAME]).unwrap();
    assert_eq!(turn.columns().await, columns, "and went back with it");
    assert_eq!(strategy_and_replicas(&turn).await, (recreate, 1));
    assert!(!turn.is_there(Kind("policy/v1", "PodDisruptionBudget"), NAME).await);
    assert!(turn.is_there(Kind::CLB, "retain").await, "objects outlive all of it");

    // The definition on its own, before the operator.
    turn.upgrade(&older, &["--set", "crds.enabled=false"]).unwrap();
    assert!(
        turn.is_there(Kind::CRD, CRD).await,
        "it stays where nobody owns it any more"
    );
    turn.cluster.apply(&read("deploy/crds.yaml")).await.unwrap();
    assert_eq!(turn.columns().await, columns + 1);
    turn.upgrade(&chart(), &now).unwrap();
    assert_eq!(strategy_and_replicas(&turn).await, (rolling, 2));

    turn.uninstall();
    assert!(!turn.is_there(DEPLOYMENT, NAME).await);
    assert!(turn.is_there(Kind::CRD, CRD).await && turn.is_there(Kind::CLB, "retain").await);
    turn.cluster.delete_and_wait(Kind::CLB, "retain").await.unwrap();
}

#[tokio::test]
async fn helm_4_upgrades_and_goes_back() {
    upgrades(HELM, "upgraded-by-4").await;
}

#[tokio::test]
async fn helm_3_upgrades_and_goes_back() {
    upgrades(HELM_3, "upgraded-by-3").await;
}

/// A matrix of values, each rendered and given to the API server as a dry run, by which it checks every field.
#[tokio::test]
async fn what_is_rendered_is_taken_by_the_api_server() {
    let turn = Turn::begin("load-balancers").await;
    turn.cluster.apply(&read("deploy/crds.yaml")).await.unwrap();
    turn.served().await;
    let monitoring = built("prometheus-operator");
    for kind in ["servicemonitors", "podmonitors", "prometheusrules"] {
        let file = monitoring.join(format!("monitoring.coreos.com_{kind}.yaml"));
        let definition = std::fs::read_to_string(&file).unwrap();
        turn.cluster.apply(&definition).await.unwrap();
        let name = format!("{kind}.monitoring.coreos.com");
        let established = |crd: &kube::api::DynamicObject| crd.data.to_string().contains("\"type\":\"Established\"");
        turn.cluster
            .until(Kind::CRD, &name, "established", established)
            .await
            .unwrap();
    }
    for namespace in ["load-balancers", "shop", "web", "operators", "monitoring"] {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        turn.cluster.apply(&namespace.to_string()).await.unwrap();
    }
    // A pod of it is not taken without.
    let class = json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "gvisor"}, "handler": "runsc"});
    turn.cluster.apply(&class.to_string()).await.unwrap();
    let preset = |name: &str| read(&format!("charts/classic-lb-operator/values-{name}.yaml"));
    let mut matrix = vec![
        preset("minimal"),
        preset("eks-irsa"),
        preset("eks-pod-identity"),
        crate::values::EVERYTHING.to_owned(),
    ];
    matrix.extend(OPTIONS.map(ToOwned::to_owned));
    let mut taken = 0;
    for values in &matrix {
        let pods = turn.cluster.in_namespace("load-balancers");
        for object in render(values) {
            // A pod cannot be changed.
            if object["kind"] == "Pod" {
                let name = object["metadata"]["name"].as_str().unwrap();
                if pods.find(Kind("v1", "Pod"), name).await.unwrap().is_some() {
                    pods.delete_and_wait(Kind("v1", "Pod"), name).await.unwrap();
                }
            }
            let what = format!("{} of\n{values}", object["kind"]);
            let applied = turn.cluster.apply(&object.to_string()).await;
            applied.unwrap_or_else(|why| panic!("{what}: {why}"));
            taken += 1;
        }
    }
    assert!(taken > 100, "only {taken} objects");
    // What it would not take is told, so that this test can fail.
    let wrong = json!({"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": {"name": "wrong"},
        "spec": {"selector": {}, "podMetricsEndpoints": [{"prot": "http"}]}});
    let refusal = turn.cluster.apply(&wrong.to_string()).await.unwrap_err().to_string();
    assert!(refusal.contains("prot"), "{refusal}");
}

const OPTIONS: [&str; 11] = [
    "{metricsTLS: {enabled: true, secret: certificate}, serviceMonitor: {enabled: true, bearerTokenFile: /token}}",
    "{serviceMonitor: {enabled: true, namespace: monitoring, annotations: {a: b}, jobLabel: app, scheme: https, \
      tlsConfig: {ca: {configMap: {name: ca, key: ca.crt}}, serverName: clb}, authorization: {credentials: {name: token, key: token}}, \
      relabelings: [{sourceLabels: [a], targetLabel: b}], metricRelabelings: [{action: drop, regex: c}]}, \
      podMonitor: {enabled: true, tlsConfig: {insecureSkipVerify: true}, scheme: https}, \
      prometheusRule: {enabled: true, alertLabels: {team: a}, extraRules: [{alert: Mine, expr: up == 0}]}}",
    "{}",
    "{replicas: 3, antiAffinity: hard, podDisruptionBudget: {minAvailable: 50%}, strategy: {type: Recreate}}",
    "{aws: {region: us-east-1, credentials: {existingSecret: keys, sessionTokenKey: token}, useFipsEndpoint: true}, customCA: {secret: ca}}",
    "{aws: {webIdentity: {roleArn: 'arn:aws:iam::111122223333:role/clb'}}, customCA: {configMap: ca}, envFrom: [{secretRef: {name: proxy, optional: true}}]}",
    "{extraVolumes: [{name: a, emptyDir: {}}, {name: b, projected: {sources: [{configMap: {name: c}}]}}], \
      extraVolumeMounts: [{name: a, mountPath: /a}, {name: b, mountPath: /b, readOnly: true}], lifecycle: {preStop: {sleep: {seconds: 5}}}, \
      initContainers: [{name: first, image: 'example.com/a:1', volumeMounts: [{name: a, mountPath: /a}]}], \
      sidecars: [{name: beside, image: 'example.com/b:1', ports: [{name: https, containerPort: 8443}]}]}",
    "{networkPolicy: {enabled: true, ingress: {from: [{namespaceSelector: {matchLabels: {a: b}}}, {ipBlock: {cidr: 10.0.0.0/8}}]}, \
      egress: {enabled: true, extra: [{to: [{ipBlock: {cidr: 10.0.0.1/32}}], ports: [{port: 3128}]}]}}, service: {enabled: true, extraPorts: [{name: https, port: 8443}]}}",
    "{dashboard: {enabled: true}, commonLabels: {team: platform}, deploymentAnnotations: {a: b}, serviceAccount: {labels: {c: d}, automount: true}}",
    "{topologySpreadConstraints: [{maxSkew: 2, topologyKey: rack, whenUnsatisfiable: DoNotSchedule, matchLabelKeys: [pod-template-hash]}], hostNetwork: true}",
    "{rbac: {userRoles: {aggregateToAdmin: true}}, livenessProbe: {initialDelaySeconds: 5}, watchNamespaces: [shop, web]}",
];

/// A newer version of the chart says which values it does not know any more, and takes all that it had by default.
#[test]
fn the_defaults_written_out_change_nothing() {
    let defaults = read("charts/classic-lb-operator/values.yaml");
    let required = document(crate::helm::REQUIRED);
    let mut all = document(&defaults);
    for (name, value) in required.as_object().unwrap() {
        match value.as_object() {
            Some(members) => members
                .iter()
                .for_each(|(member, value)| all[name][member] = value.clone()),
            None => all[name] = value.clone(),
        }
    }
    let explicit = template(&[&all.to_string()]).unwrap();
    assert_eq!(explicit, template(&[crate::helm::REQUIRED]).unwrap());
}
