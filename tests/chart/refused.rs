//! Values that the chart refuses because the API server would refuse what they make, or because what they make would stand still.

use serde_json::{Value, json};

use crate::helm::{REQUIRED, chart, helm, names, render, template, yaml};
use crate::install::{Turn, copy_folder};

/// Values, what is said of them, and what the API server says of the object of a kind that they make; nothing where it would take it.
type Row = (&'static str, &'static str, Option<(&'static str, &'static str)>);

const VARIABLES: [Row; 8] = [
    (
        "{aws: {webIdentity: {roleArn: 'arn:aws:iam::111122223333:role/a'}}, extraEnv: [{name: AWS_ROLE_SESSION_NAME, value: a}]}",
        "extraEnv sets AWS_ROLE_SESSION_NAME, and so does aws.webIdentity.roleArn: give one of them",
        Some((
            "Deployment",
            "duplicate entries for key [name=\"AWS_ROLE_SESSION_NAME\"]",
        )),
    ),
    (
        "{aws: {credentials: {existingSecret: a}}, extraEnv: [{name: AWS_ACCESS_KEY_ID, value: a}]}",
        "extraEnv sets AWS_ACCESS_KEY_ID, and so does aws.credentials.existingSecret: give one of them",
        Some(("Deployment", "duplicate entries for key [name=\"AWS_ACCESS_KEY_ID\"]")),
    ),
    (
        "{customCA: {configMap: a}, extraEnv: [{name: SSL_CERT_DIR, value: /a}]}",
        "extraEnv sets SSL_CERT_DIR, and so does customCA: give one of them",
        Some(("Deployment", "duplicate entries for key [name=\"SSL_CERT_DIR\"]")),
    ),
    (
        "{aws: {useFipsEndpoint: true}, extraEnv: [{name: AWS_USE_FIPS_ENDPOINT, value: 'true'}]}",
        "extraEnv sets AWS_USE_FIPS_ENDPOINT, and so does aws.useFipsEndpoint: give one of them",
        Some((
            "Deployment",
            "duplicate entries for key [name=\"AWS_USE_FIPS_ENDPOINT\"]",
        )),
    ),
    (
        "{aws: {region: us-east-1}, extraEnv: [{name: AWS_REGION, value: us-east-1}]}",
        "extraEnv sets AWS_REGION, and so does aws.region: give one of them",
        Some(("Deployment", "duplicate entries for key [name=\"AWS_REGION\"]")),
    ),
    (
        "extraEnv: [{name: A, value: a}, {name: B, value: b}, {name: A, value: c}]",
        "extraEnv sets A twice: take one of them out",
        Some(("Deployment", "duplicate entries for key [name=\"A\"]")),
    ),
    (
        "extraEnv: [{name: A, value: a, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]",
        "extraEnv gives A a value and a valueFrom: give one of them",
        Some(("Deployment", "may not be specified when `value` is not empty")),
    ),
    (
        "extraEnv: [{name: A, value: a}, {name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]",
        "extraEnv sets A twice: take one of them out",
        Some(("Deployment", "duplicate entries for key [name=\"A\"]")),
    ),
];

const LISTS: [Row; 12] = [
    (
        "imagePullSecrets: [{name: a}, {name: a}]",
        "imagePullSecrets names \"a\" twice: take one of them out",
        Some(("Deployment", "duplicate entries for key [name=\"a\"]")),
    ),
    (
        "hostAliases: [{ip: 10.0.0.1, hostnames: [a]}, {ip: 10.0.0.1, hostnames: [b]}]",
        "hostAliases names the address \"10.0.0.1\" twice: give it all its hostnames at once",
        Some(("Deployment", "duplicate entries for key [ip=\"10.0.0.1\"]")),
    ),
    (
        "topologySpreadConstraints: [{maxSkew: 1, topologyKey: a, whenUnsatisfiable: ScheduleAnyway}, \
         {maxSkew: 2, topologyKey: a, whenUnsatisfiable: ScheduleAnyway}]",
        "topologySpreadConstraints has \"a\" with ScheduleAnyway twice: take one of them out",
        Some((
            "Deployment",
            "duplicate entries for key [topologyKey=\"a\",whenUnsatisfiable=\"ScheduleAnyway\"]",
        )),
    ),
    (
        "topologySpreadConstraints: [{maxSkew: 1, topologyKey: a, whenUnsatisfiable: ScheduleAnyway, minDomains: 2}]",
        "topologySpreadConstraints gives \"a\" minDomains, which goes with whenUnsatisfiable: DoNotSchedule alone",
        Some((
            "Deployment",
            "can only use minDomains if whenUnsatisfiable=DoNotSchedule",
        )),
    ),
    (
        "service: {enabled: true, extraPorts: [{name: http, port: 9090}]}",
        "service.extraPorts has a port named http, and so has the Service already: give it another name",
        Some(("Service", "Duplicate value: \"http\"")),
    ),
    (
        "service: {enabled: true, extraPorts: [{name: https, port: 8080}]}",
        "service.extraPorts has the port 8080/TCP, and so has the Service already: give it another one",
        Some(("Service", "duplicate entries for key [port=8080,protocol=\"TCP\"]")),
    ),
    (
        "{metricsTLS: {enabled: true, secret: a}, service: {enabled: true, extraPorts: [{name: metrics, port: 9090}]}}",
        "service.extraPorts has a port named metrics, and so has the Service already: give it another name",
        Some(("Service", "Duplicate value: \"metrics\"")),
    ),
    (
        "{metricsTLS: {enabled: true, secret: a}, service: {enabled: true, extraPorts: [{name: a, port: 8443}]}}",
        "service.extraPorts has the port 8443/TCP, and so has the Service already: give it another one",
        Some(("Service", "duplicate entries for key [port=8443,protocol=\"TCP\"]")),
    ),
    (
        "service: {enabled: true, extraPorts: [{name: a, port: 90}, {name: b, port: 90}]}",
        "service.extraPorts has the port 90/TCP, and so has the Service already: give it another one",
        Some(("Service", "duplicate entries for key [port=90,protocol=\"TCP\"]")),
    ),
    (
        "dnsPolicy: None",
        "dnsPolicy None takes no name server from the cluster: give dnsConfig.nameservers",
        Some(("Deployment", "must provide `dnsConfig` when `dnsPolicy` is None")),
    ),
    (
        "lifecycle: {preStop: {sleep: {seconds: 31}}}",
        "terminationGracePeriodSeconds is 30, of which lifecycle.preStop.sleep takes 31: the operator takes up to 25 seconds more \
         to end what it does in AWS, so give at least 56",
        Some((
            "Deployment",
            "must be non-negative and less than terminationGracePeriodSeconds (30)",
        )),
    ),
    (
        "lifecycle: {preStop: {sleep: {seconds: 6}}}",
        "terminationGracePeriodSeconds is 30, of which lifecycle.preStop.sleep takes 6",
        None,
    ),
];

const QUANTITIES: [Row; 7] = [
    (
        "resources: {requests: {memory: 512Mi}}",
        "resources.requests.memory 512Mi is more than resources.limits.memory 256Mi: raise the limit, or ask for less",
        Some(("Deployment", "must be less than or equal to memory limit of 256Mi")),
    ),
    (
        "resources: {limits: {memory: 60M}}",
        "resources.requests.memory 64Mi is more than resources.limits.memory 60M",
        Some(("Deployment", "must be less than or equal to memory limit of 60M")),
    ),
    (
        "resources: {limits: {cpu: 5m}}",
        "resources.requests.cpu 10m is more than resources.limits.cpu 5m",
        Some(("Deployment", "must be less than or equal to cpu limit of 5m")),
    ),
    (
        "resources: {requests: {memory: 0.3Gi}}",
        "resources.requests.memory 0.3Gi is more than",
        Some(("Deployment", "must be less than or equal to memory limit of 256Mi")),
    ),
    (
        "resources: {requests: {memory: 300000000}}",
        "resources.requests.memory 300000000 is more than",
        Some(("Deployment", "must be less than or equal to memory limit of 256Mi")),
    ),
    (
        "strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 0}}",
        "strategy.rollingUpdate.maxUnavailable and maxSurge are both 0, so that no pod is ever exchanged: let one of them be 1",
        Some(("Deployment", "may not be 0 when `maxSurge` is 0")),
    ),
    (
        "strategy: {rollingUpdate: {maxUnavailable: 0%, maxSurge: 0}}",
        "strategy.rollingUpdate.maxUnavailable and maxSurge are both 0",
        Some(("Deployment", "may not be 0 when `maxSurge` is 0")),
    ),
];

/// A budget that lets nobody go is taken by the API server, and then no node is drained any more.
const BUDGETS: [Row; 6] = [
    (
        "podDisruptionBudget: {minAvailable: 2}",
        "podDisruptionBudget.minAvailable 2 of 2 replicas lets no pod go, so that no node can be drained: let fewer stay, or raise replicas",
        None,
    ),
    (
        "{replicas: 3, podDisruptionBudget: {minAvailable: 100%}}",
        "podDisruptionBudget.minAvailable 100% of 3 replicas lets no pod go",
        None,
    ),
    // Percentages of pods are rounded up.
    (
        "{replicas: 3, podDisruptionBudget: {minAvailable: 67%}}",
        "podDisruptionBudget.minAvailable 67% of 3 replicas lets no pod go",
        None,
    ),
    (
        "podDisruptionBudget: {maxUnavailable: 0}",
        "podDisruptionBudget.maxUnavailable 0 of 2 replicas lets no pod go, so that no node can be drained: let it be 1",
        None,
    ),
    (
        "podDisruptionBudget: {maxUnavailable: 0%}",
        "podDisruptionBudget.maxUnavailable 0% of 2 replicas lets no pod go",
        None,
    ),
    (
        "podDisruptionBudget: {maxUnavailable: ''}",
        "podDisruptionBudget has neither maxUnavailable nor minAvailable: give one of them",
        None,
    ),
];

/// The schema refuses these, at their place.
const LABELS: [Row; 5] = [
    (
        "commonLabels: {team: 'the platform'}",
        "at '/commonLabels/team'",
        Some(("Deployment", "a valid label must be")),
    ),
    (
        "commonLabels: {'-team': a}",
        "at '/commonLabels': additional properties '-team' not allowed",
        Some(("Deployment", "name part must consist of alphanumeric characters")),
    ),
    (
        "podLabels: {team: '-'}",
        "at '/podLabels/team'",
        Some(("Deployment", "a valid label must be")),
    ),
    (
        "nodeSelector: {a: b c}",
        "at '/nodeSelector/a'",
        Some(("Deployment", "a valid label must be")),
    ),
    (
        "podAnnotations: {a b: c}",
        "at '/podAnnotations': additional properties 'a b' not allowed",
        Some(("Deployment", "name part must consist of alphanumeric characters")),
    ),
];

fn rows() -> Vec<Row> {
    [&VARIABLES[..], &LISTS, &QUANTITIES, &BUDGETS, &LABELS].concat()
}

#[test]
fn what_the_api_server_would_refuse_is_refused_with_what_to_do() {
    let faults: Vec<String> = rows()
        .iter()
        .filter_map(|(values, words, _)| match template(&[REQUIRED, values]) {
            Ok(_) => Some(format!("{values} is taken")),
            Err(refusal) => {
                let alone = refusal.matches("\n- ").count() == 1;
                (!refusal.contains(words) || !alone).then(|| format!("{values}: no {words:?} alone in {refusal}"))
            }
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The chart as if it refused nothing.
fn unguarded(folder: &std::path::Path) {
    copy_folder(&chart(), folder);
    let helpers = folder.join("templates/_helpers.tpl");
    let text = std::fs::read_to_string(&helpers).unwrap();
    let silent = text.replace("{{- fail (printf", "{{- $_ := (printf");
    assert_ne!(text, silent, "it refuses nothing");
    std::fs::write(helpers, silent).unwrap();
}

#[tokio::test]
async fn the_api_server_refuses_what_the_chart_refuses() {
    let turn = Turn::begin("refused").await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "refused"}});
    turn.cluster.apply(&namespace.to_string()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("chart");
    unguarded(&copy);
    let (required, file) = (folder.path().join("required.yaml"), folder.path().join("values.yaml"));
    std::fs::write(&required, REQUIRED).unwrap();
    let mut faults = Vec::new();
    for (values, _, refusal) in rows() {
        let Some((kind, words)) = refusal else { continue };
        std::fs::write(&file, values).unwrap();
        let [chart, required, file] = [&copy, &required, &file].map(|path| path.to_str().unwrap());
        let arguments = [
            "template",
            "test",
            chart,
            "--namespace",
            "refused",
            "--skip-schema-validation",
        ];
        let arguments = [&arguments[..], &["--values", required, "--values", file]].concat();
        let objects = yaml(&helm(None, &arguments).unwrap());
        let object = objects
            .iter()
            .find(|object| object["kind"] == kind && object["metadata"]["name"] == "test-classic-lb-operator")
            .unwrap_or_else(|| panic!("{values}: no {kind} among {:?}", names(&objects)));
        match turn.cluster.apply(&object.to_string()).await {
            Ok(_) => faults.push(format!("{values}: the API server takes the {kind}")),
            Err(why) if why.to_string().contains(words) => {}
            Err(why) => faults.push(format!("{values}: no {words:?} in {why}")),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_only_looks_like_it_is_taken() {
    for values in [
        "{aws: {credentials: {existingSecret: a}}, extraEnv: [{name: AWS_SESSION_TOKEN, value: a}]}",
        "extraEnv: [{name: A, value: '', valueFrom: {fieldRef: {fieldPath: metadata.name}}}]",
        "resources: {requests: {memory: 0.25Gi}}",
        "resources: {requests: {cpu: 0.5}, limits: {cpu: 500m}}",
        "resources: {requests: {memory: 1Gi}, limits: {memory: 1Ti}}",
        "resources: {requests: {memory: 524288Ki}, limits: {memory: 536870912}}",
        "resources: {requests: null}",
        "strategy: {type: Recreate, rollingUpdate: {maxUnavailable: 0, maxSurge: 0}}",
        "{dnsPolicy: None, dnsConfig: {nameservers: [10.0.0.2]}}",
        "service: {enabled: true, extraPorts: [{name: a, port: 8080, protocol: UDP}, {name: metrics, port: 8443}]}",
        "lifecycle: {preStop: {sleep: {seconds: 5}}}",
        "{lifecycle: {preStop: {sleep: {seconds: 20}}}, terminationGracePeriodSeconds: 45}",
        "topologySpreadConstraints: [{maxSkew: 1, topologyKey: a, whenUnsatisfiable: ScheduleAnyway}, \
         {maxSkew: 1, topologyKey: a, whenUnsatisfiable: DoNotSchedule, minDomains: 2}]",
        "podDisruptionBudget: {minAvailable: 1}",
        "podDisruptionBudget: {minAvailable: 0, maxUnavailable: 0}",
        "podDisruptionBudget: {minAvailable: 50%}",
        "podDisruptionBudget: {maxUnavailable: 1%}",
        "{replicas: 3, podDisruptionBudget: {minAvailable: 66%}}",
        "podDisruptionBudget: {enabled: false, minAvailable: 2}",
        "{replicas: 1, podDisruptionBudget: {minAvailable: 1}}",
        "{replicas: 0, podDisruptionBudget: {maxUnavailable: 0}}",
        "commonLabels: {example.com/team: A_b.c-d, empty: ''}",
        "podAnnotations: {example.com/a: 'anything, at all'}",
        "global: {imagePullSecrets: [a, {name: a}]}",
    ] {
        let objects: Vec<Value> = render(values);
        assert!(objects.len() > 10, "{values}");
    }
}
