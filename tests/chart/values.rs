//! Which values the chart takes, and what it says to others.

use serde_json::{Value, json};

use crate::helm::{REQUIRED, chart, deployment, document, helm, read, render, template};

#[test]
fn the_chart_lints_without_a_warning() {
    let chart = chart();
    let folder = tempfile::tempdir().unwrap();
    let values = folder.path().join("values.yaml");
    std::fs::write(&values, REQUIRED).unwrap();
    helm(
        None,
        &[
            "lint",
            "--strict",
            chart.to_str().unwrap(),
            "--values",
            values.to_str().unwrap(),
        ],
    )
    .unwrap();
    helm(None, &["lint", "--strict", chart.to_str().unwrap()]).unwrap();
}

#[test]
fn every_missing_value_is_named_in_one_message() {
    let refusal = template(&[]).unwrap_err();
    for value in [
        "clusterId is required",
        "image.repository is required",
        "image.tag is required",
    ] {
        assert!(refusal.contains(value), "{value} is not in:\n{refusal}");
    }

    for (missing, message) in [
        (
            "clusterId: ''",
            "clusterId is required: a name for this cluster, 1 to 63 letters",
        ),
        ("image: {repository: ''}", "image.repository is required"),
        ("image: {tag: ''}", "image.tag is required"),
        ("serviceAccount: {create: false}", "serviceAccount.name is required"),
        (
            "aws: {defaultTags: {'AWS:a': b}}",
            "aws.defaultTags: the key \"AWS:a\" must not start with aws:",
        ),
        (
            "aws: {defaultTags: {classiclb.dev/uid: b}}",
            "must not start with aws: or classiclb.dev/, which are reserved",
        ),
        ("aws: {defaultTags: {'a=b': c}}", "no ',' or '='"),
        (
            "{aws: {region: us-east-1}, extraEnv: [{name: AWS_REGION, value: x}]}",
            "extraEnv sets AWS_REGION, and so does",
        ),
        (
            "{aws: {endpointUrl: 'http://a'}, extraEnv: [{name: AWS_ENDPOINT_URL, value: x}]}",
            "extraEnv sets AWS_ENDPOINT_URL",
        ),
        // Each would be taken, and then not be heeded.
        (
            "global: {storageClass: fast}",
            "global.storageClass is not read by this chart",
        ),
        (
            "extraEnv: [{name: CLB_ADOPTION, value: any}]",
            "extraEnv sets CLB_ADOPTION, a flag of the operator",
        ),
        (
            "metricsTLS: {enabled: true}",
            "metricsTLS.secret is required where metricsTLS.enabled is true",
        ),
        (
            "metricsTLS: {enabled: true, secret: a, port: 8080}",
            "metricsTLS.port and http.port are the same",
        ),
        (
            "customCA: {configMap: a, secret: b}",
            "customCA.configMap and customCA.secret are both set",
        ),
        (
            "aws: {credentials: {existingSecret: a}, webIdentity: {roleArn: 'arn:aws:iam::111122223333:role/a'}}",
            "aws.credentials.existingSecret and aws.webIdentity.roleArn are both set",
        ),
        (
            "extraVolumeMounts: [{name: a, mountPath: /a}]",
            "extraVolumeMounts names the volume \"a\", which is not in extraVolumes",
        ),
        (
            "{leaderElection: {leasePer: region}, nodeDraining: tell}",
            "leaderElection.leasePer region does not go with nodeDraining",
        ),
        // More than AWS answers.
        ("resyncPeriod: 59s", "resyncPeriod must be at least 1m"),
        ("healthInterval: 9s", "healthInterval must be at least 10s"),
    ] {
        let refusal = template(&[REQUIRED, missing]).unwrap_err();
        assert!(
            refusal.contains(message),
            "{missing}: {message:?} is not in:\n{refusal}"
        );
        assert_eq!(
            refusal.matches("\n- ").count(),
            1,
            "{missing}: more is refused than this:\n{refusal}"
        );
    }
}

#[test]
fn cluster_ids_of_every_legal_character_are_taken() {
    for id in ["a", "production", "Prod_1.eu-west-1", "-", &"x".repeat(63)] {
        let objects = render(&format!("clusterId: '{id}'"));
        let args = &deployment(&objects)["spec"]["template"]["spec"]["containers"][0]["args"];
        assert!(
            args.as_array().unwrap().contains(&json!(format!("--cluster-id={id}"))),
            "{args}"
        );
    }
}

#[test]
fn every_value_reaches_the_pod() {
    let objects = render(EVERYTHING);
    let pod = &deployment(&objects)["spec"]["template"];
    let container = &pod["spec"]["containers"][0];
    assert_eq!(
        container["args"],
        json!([
            "run",
            "--cluster-id=test",
            "--listen=[::]:9090",
            "--resync-period=1h30m",
            "--health-interval=15s",
            "--concurrency=8",
            "--rate-share=70",
            "--rate-limits=describe=100+40,resource-intensive=50+0.5",
            "--watch-namespaces=shop,web",
            "--lease-namespace=operators",
            "--adoption=any",
            "--node-draining=delay",
            "--binding=never",
            "--read-only",
            "--default-account=off",
            "--extra-regions=xx-west-1",
            "--default-tags=env=prod,team=a b",
            "--object-metrics=50",
            "--metrics-listen=[::]:9443",
            "--metrics-certificate=/etc/classic-lb-operator/metrics",
            "--metrics-authentication",
            "--log-format=text",
            "--log-level=info,kube=debug",
            "--otlp-endpoint=http://collector.observability:4318",
        ])
    );
    assert_eq!(
        container["env"],
        json!([
            {"name": "AWS_REGION", "value": "eu-central-1"},
            {"name": "AWS_ENDPOINT_URL", "value": "http://aws.example.com:4566"},
            {"name": "AWS_SECRET_ACCESS_KEY", "valueFrom": {"secretKeyRef": {"name": "aws", "key": "secret"}}},
        ])
    );
    let image = format!("registry.example.com:5000/team/operator:v1@sha256:{}", "0".repeat(64));
    assert_eq!(container["image"], image);
    assert_eq!(container["imagePullPolicy"], "Always");
    assert_eq!(container["ports"][0]["containerPort"], 9090);
    assert_eq!(
        container["resources"],
        json!({"limits": {"cpu": 1, "memory": "1Gi"}, "requests": {"cpu": "10m", "memory": "64Mi"}})
    );
    assert_eq!(pod["metadata"]["annotations"], json!({"example.com/a": "b"}));
    assert_eq!(pod["metadata"]["labels"]["team"], "platform");
    assert_eq!(
        pod["metadata"]["labels"]["app.kubernetes.io/instance"], "test",
        "the selector's labels are not for the taking"
    );
    let values = document(EVERYTHING);
    for member in [
        "imagePullSecrets",
        "nodeSelector",
        "tolerations",
        "affinity",
        "priorityClassName",
        "runtimeClassName",
        "schedulerName",
        "terminationGracePeriodSeconds",
        "hostNetwork",
        "dnsPolicy",
        "dnsConfig",
        "hostAliases",
        "initContainers",
    ] {
        assert_eq!(pod["spec"][member], values[member], "{member}");
    }
}

/// Each value with another content than its default.
pub(crate) const EVERYTHING: &str = r#"
image:
  repository: registry.example.com:5000/team/operator
  digest: sha256:0000000000000000000000000000000000000000000000000000000000000000
  pullPolicy: Always
imagePullSecrets: [{name: regcred}]
aws: {region: eu-central-1, endpointUrl: "http://aws.example.com:4566", defaultTags: {team: a b, env: prod}, extraRegions: [xx-west-1], defaultAccount: false, rateShare: 70,
  rateLimits: {describe: 100+40, resource-intensive: 50+0.5}}
leaderElection: {namespace: operators}
watchNamespaces: [shop, web]
adoption: any
nodeDraining: delay
binding: never
readOnly: true
resyncPeriod: 1h30m
healthInterval: 15s
concurrency: 8
log: {format: text, level: "info,kube=debug"}
traces: {endpoint: "http://collector.observability:4318"}
http: {address: "::", port: 9090}
resources: {limits: {cpu: 1, memory: 1Gi}}
terminationGracePeriodSeconds: 45
priorityClassName: system-cluster-critical
podLabels: {team: platform, app.kubernetes.io/instance: taken}
podAnnotations: {example.com/a: b}
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{key: dedicated, operator: Equal, value: system, effect: NoSchedule}]
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms: [{matchExpressions: [{key: arch, operator: In, values: [amd64]}]}]
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: x}}}
topologySpreadConstraints:
- {maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {}}
runtimeClassName: gvisor
schedulerName: second
hostNetwork: true
dnsPolicy: None
dnsConfig: {nameservers: [10.0.0.2], options: [{name: ndots, value: "2"}]}
hostAliases: [{ip: 10.0.0.1, hostnames: [sts.amazonaws.com]}]
initContainers: [{name: first, image: "registry.example.com/first:1"}]
objectMetrics: {limit: 50}
metricsTLS: {enabled: true, secret: metrics, port: 9443}
extraEnv:
- {name: AWS_SECRET_ACCESS_KEY, valueFrom: {secretKeyRef: {name: aws, key: secret}}}
"#;

#[test]
fn the_schema_is_closed_at_every_level() {
    fn walk(schema: &Value, path: &str, objects: &mut usize) {
        // A parent chart may hand down anything in `global`.
        if path.ends_with("/global") {
            return;
        }
        if schema["type"] == "object" {
            *objects += 1;
            let rest = &schema["additionalProperties"];
            assert!(
                *rest == json!(false) || rest["type"].is_string() || rest["type"].is_array(),
                "{path} is open: {rest}"
            );
        } else {
            assert!(schema["properties"].is_null(), "{path} has properties but no type");
        }
        for member in ["properties", "definitions"] {
            for (name, property) in schema[member].as_object().into_iter().flatten() {
                walk(property, &format!("{path}/{name}"), objects);
            }
        }
        if !schema["items"].is_null() {
            walk(&schema["items"], &format!("{path}[]"), objects);
        }
    }

    let schema: Value = serde_json::from_str(&read("charts/classic-lb-operator/values.schema.json")).unwrap();
    let mut objects = 0;
    walk(&schema, "", &mut objects);
    assert!(objects > 30, "only {objects} objects were looked at");
}

#[test]
fn values_and_schema_know_the_same_names() {
    fn compare(values: &Value, schema: &Value, path: &str) {
        let Some(properties) = schema["properties"].as_object() else {
            return;
        };
        let known = |name: &String| path.is_empty() && name == "global" || values.get(name).is_some();
        for name in properties.keys().filter(|name| !known(name)) {
            // Members of Kubernetes' own types have no default.
            assert!(
                [
                    "/rateLimits",
                    "/resources",
                    "/affinity",
                    "/tlsConfig",
                    "/authorization",
                    "/dnsConfig",
                    "/lifecycle"
                ]
                .iter()
                .any(|theirs| path.contains(theirs)),
                "values.yaml lacks {path}/{name}"
            );
        }
        for (name, value) in values.as_object().into_iter().flatten() {
            assert!(properties.contains_key(name), "the schema lacks {path}/{name}");
            compare(value, &properties[name], &format!("{path}/{name}"));
        }
    }

    let schema: Value = serde_json::from_str(&read("charts/classic-lb-operator/values.schema.json")).unwrap();
    compare(&document(&read("charts/classic-lb-operator/values.yaml")), &schema, "");
}
